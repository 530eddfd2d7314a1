"""How names are compared, and the one rule that names columns."""

import re
from typing import Final

# Before a capital that follows a small letter or digit, and before the last capital of an acronym that a word follows,
# where a plural s is no word: UserID → User|ID, EBayUser → E|Bay|User, CustomerIDs → Customer|IDs.
_WORD_START: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])(?![A-Z]s(?![a-z]))")
_SEPARATORS: Final = re.compile(r"[\W_]+")


def fold(name: str) -> str:
    """Reduce a name to lower-case letters and digits, so that case, blanks and underscores do not matter."""
    return re.sub(r"[^0-9a-z]", "", name.casefold())


def column_name(key: str) -> str:
    """Name the column of an API key: snake_case that knows acronyms.

    Small letters; whatever is neither letter nor digit becomes one underscore; ``"unnamed"`` where nothing is left.

    Examples
    --------
    >>> [column_name(key) for key in ("UserID", "EmailCC", "IsWholeSaleUser", "CustomerIDs", "eBayUserID", "Phone1")]
    ['user_id', 'email_cc', 'is_whole_sale_user', 'customer_ids', 'e_bay_user_id', 'phone1']
    """
    words = _WORD_START.sub("_", key)
    return _SEPARATORS.sub("_", words).strip("_").lower() or "unnamed"
