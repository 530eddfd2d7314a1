"""The one rule that names columns."""

import re
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from typing import Final

from sc_pandas.json_text import without_lone_surrogates

# Before a capital that follows a small letter or digit, and before the last capital of an acronym that a word follows,
# where a plural s is no word: UserID → User|ID, EBayUser → E|Bay|User, CustomerIDs → Customer|IDs.
_WORD_START: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])(?![A-Z]s(?![a-z]))")
_SEPARATORS: Final = re.compile(r"[\W_]+")


def column_name(key: str) -> str:
    """Name the column of an API key: snake_case that knows acronyms.

    Small letters; whatever is neither letter nor digit becomes one underscore; ``"unnamed"`` where nothing is left.

    Examples
    --------
    >>> [column_name(key) for key in ("UserID", "EmailCC", "IsWholeSaleUser", "CustomerIDs", "eBayUserID", "Phone1")]
    ['user_id', 'email_cc', 'is_whole_sale_user', 'customer_ids', 'e_bay_user_id', 'phone1']
    """
    words = _WORD_START.sub("_", without_lone_surrogates(key))
    return _SEPARATORS.sub("_", words).strip("_").lower() or "unnamed"


def distinct_names(
    keys: Iterable[str], taken: AbstractSet[str] = frozenset(), named: Callable[[str], str] = column_name
) -> dict[str, str]:
    """Name several keys so that no two columns share a name, whatever order the keys came in.

    Names that differ only in case are one name to SQL and to many files, so they are one here.  Of keys that meet in
    one name, as `named` gives it, the first by spelling keeps it, the others get ``_2``, ``_3``, …, as do those whose
    name is `taken`.

    Examples
    --------
    >>> distinct_names(["foo", "Foo", "email"], taken={"email"})
    {'Foo': 'foo', 'email': 'email_2', 'foo': 'foo_2'}
    >>> distinct_names(["size", "Size"], named=str)
    {'Size': 'Size', 'size': 'size_2'}
    """
    ordered = sorted(keys)
    wishes = {named(key).casefold() for key in ordered}
    used = {name.casefold() for name in taken}
    names: dict[str, str] = {}
    for key in ordered:
        wish = name = named(key)
        number = 1
        while name.casefold() in used or (number > 1 and name.casefold() in wishes):
            number += 1
            name = f"{wish}_{number}"
        used.add(name.casefold())
        names[key] = name
    return names
