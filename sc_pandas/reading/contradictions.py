"""What rows say against the question that they came for: pure functions of both.

How the server matches is not documented, so a contradiction is a line in the report and no error.  Judged is what
a row of the list carries: rating, kind of customer and e-mail; what is missing contradicts nothing.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from sc_pandas.contract import CustomerType, PageRows
from sc_pandas.filters import CustomerFilter
from sc_pandas.tables.values import MisfitError, to_bool, to_rating

_Asked = tuple[Any, ...]


def contradictions(question: CustomerFilter, rows: PageRows) -> Counter[str]:
    """Count the rows that have another value than was asked for, by filter."""
    judged = [(name, key, getattr(question, name), agrees) for name, (key, agrees) in _JUDGES.items()]
    asked = [each for each in judged if each[2]]
    return Counter(
        name for name, key, values, agrees in asked for value in rows.column(key) if not agrees(value, values)
    )


def notes_of(found: Counter[str], rows: int) -> Iterator[str]:
    """Yield what was found in so many rows, for the report."""
    for name, times in sorted(found.items()):
        yield f"{times:,} of {rows:,} customers that came have another {_WORDS[name]} than was asked"


def _rating(value: Any, asked: _Asked) -> bool:
    return _read(to_rating, value) in {None, *asked}


def _kind(value: Any, asked: _Asked) -> bool:
    found = _read(to_bool, value)
    return found is None or (CustomerType.Wholesale if found else CustomerType.Retail) in asked


def _email(value: Any, asked: _Asked) -> bool:
    folded = value.casefold() if isinstance(value, str) else ""
    return not folded or any(each.strip().casefold() in folded for each in asked)


def _read(convert: Callable[[object], Any], value: Any) -> Any:
    try:
        return None if value is None else convert(value)
    except MisfitError:
        return None


_JUDGES: Final[Mapping[str, tuple[str, Callable[[Any, _Asked], bool]]]] = {
    "rating": ("Rating", _rating),
    "customer_type": ("IsWholeSaleUser", _kind),
    "email": ("Email", _email),
}
_WORDS: Final = {"rating": "rating", "customer_type": "customer type", "email": "e-mail"}
