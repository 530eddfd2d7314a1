"""How names are compared."""

import re


def fold(name: str) -> str:
    """Reduce a name to lower-case letters and digits, so that case, blanks and underscores do not matter."""
    return re.sub(r"[^0-9a-z]", "", name.casefold())
