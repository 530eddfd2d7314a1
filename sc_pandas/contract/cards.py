"""Card data: never cached, never shown, whatever answer it comes in."""

import functools
from collections.abc import Mapping
from typing import Any, Final

from sc_pandas.contract.spelling import fold

# Blocks and keys of the single customer that hold card data: never cached, never shown.
CARD_KEYS: Final = frozenset({"CreditCards", "CardNumber", "CVV", "NameOnCard"})
_FOLDS: Final = frozenset(map(fold, CARD_KEYS))


@functools.lru_cache(maxsize=4_096)
def is_card_key(key: str) -> bool:
    """Return whether a key holds card data, however it is cased or spaced."""
    return fold(key) in _FOLDS


def without_card_data(value: Any) -> Any:
    """Drop card data at any level."""
    if isinstance(value, Mapping):
        return {key: without_card_data(each) for key, each in value.items() if not is_card_key(key)}
    if isinstance(value, list):
        return [without_card_data(each) for each in value]
    return value
