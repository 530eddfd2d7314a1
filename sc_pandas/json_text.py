"""JSON values as lossless text and back."""

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")
_DECODER: Final = msgspec.json.Decoder(float_hook=Decimal)
_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def dump(value: object) -> str:
    """Write a JSON value as text; numbers keep the digits they have."""
    try:
        return _ENCODER.encode(value).decode()
    except (UnicodeEncodeError, OverflowError, ValueError):
        return _dump_odd(value)


def _dump_odd(value: object) -> str:
    """Write what the fast encoder refuses: lone surrogates (as escapes) and integers of thousands of digits."""
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{json.dumps(key)}:{_dump_odd(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_dump_odd, value)) + "]"
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return str(Decimal(value))  # Python refuses to write an int beyond 4,300 digits, Decimal does not
    return json.dumps(value)


def load(text: str | bytes) -> Any:
    """Read what `dump` wrote: floats as Decimal, integers of any size."""
    try:
        return _DECODER.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return json.loads(text, parse_float=Decimal, parse_int=lambda digits: int(Decimal(digits)))


def has_lone_surrogate(value: object) -> bool:
    """Return whether a string in a value, however deep, cannot be written as UTF-8."""
    if isinstance(value, str):
        return not value.isascii() and _LONE_SURROGATE.search(value) is not None
    if isinstance(value, Mapping):
        return any(has_lone_surrogate(key) or has_lone_surrogate(each) for key, each in value.items())
    return isinstance(value, list) and any(map(has_lone_surrogate, value))


def without_lone_surrogates(value: Any) -> Any:
    """Put U+FFFD in the place of each lone surrogate."""
    if isinstance(value, str):
        return _LONE_SURROGATE.sub("\ufffd", value)
    if isinstance(value, Mapping):
        return {without_lone_surrogates(key): without_lone_surrogates(each) for key, each in value.items()}
    if isinstance(value, list):
        return [without_lone_surrogates(each) for each in value]
    return value
