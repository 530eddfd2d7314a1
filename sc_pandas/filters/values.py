"""Single values of a filter: into their canonical form, and out again as JSON or as query text."""

from collections.abc import Iterable
from datetime import datetime
from enum import IntEnum
from typing import Any, Final, cast

import numpy as np

from sc_pandas.contract import SPELLINGS, Dialect, FilterFact, Flag, fold
from sc_pandas.errors import FilterError
from sc_pandas.filters.times import first_beyond, iso, time_of


def canonical(fact: FilterFact, given: object) -> tuple[Any, ...] | datetime | str:
    """Return a field's value in the one form in which equal questions are equal."""
    if fact.kind == "date":
        return time_of(fact.name, given)
    several = [given] if isinstance(given, str | bytes) or not isinstance(given, Iterable) else given
    single = _SINGLES[fact.kind]
    values = {single(fact, value.item() if isinstance(value, np.generic) else value) for value in several}
    if not values:
        raise FilterError(
            f"{fact.name} is an empty list and would match nobody. Leave it out (None) to ask for everybody.",
            filter=fact.name,
        )
    return tuple(sorted(values))


def _id(fact: FilterFact, value: object) -> int:
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 2**63:
        raise FilterError(f"{fact.name} takes positive whole numbers, not {type(value).__name__}.", filter=fact.name)
    return int(value)


def _text(fact: FilterFact, value: object) -> str:
    if not isinstance(value, str):
        raise FilterError(f"{fact.name} takes text, not {type(value).__name__}.", filter=fact.name)
    if not value.strip():
        raise FilterError(
            f"{fact.name} is empty; the server would ignore it and send everybody. Leave it out (None) instead.",
            filter=fact.name,
        )
    try:
        value.encode()
    except UnicodeEncodeError:
        raise FilterError(f"{fact.name} has half a character (a lone surrogate).", filter=fact.name) from None
    return value


def _code(fact: FilterFact, value: object) -> int:
    enum = cast("type[IntEnum]", fact.enum)
    if enum is not Flag and isinstance(value, bool):
        raise FilterError.unknown_value(fact.name, value, enum.__members__)
    code = _code_of_name(enum, value) if isinstance(value, str) else int(value) if isinstance(value, int) else None
    known = {member.value for member in enum}
    if code is None or (code not in known and not (fact.open_enum and 0 <= code < 2**31)):
        raise FilterError.unknown_value(fact.name, value, enum.__members__)
    return int(code)


def _code_of_name(enum: type[IntEnum], name: str) -> int | None:
    digits = name.strip()
    if digits.removeprefix("-").isascii() and digits.removeprefix("-").isdigit():
        return int(digits)
    folded = fold(name)
    names = {fold(member): code.value for member, code in enum.__members__.items()}
    names |= {right: names[fold(vendor)] for right, vendor in SPELLINGS.items() if fold(vendor) in names}
    if enum is Flag:
        names |= {"true": Flag.Yes.value, "false": Flag.No.value}
    return names.get(folded)


_SINGLES: Final = {"ids": _id, "enum": _code, "text": _text}


def plain(fact: FilterFact, value: tuple[Any, ...] | datetime | str) -> Any:
    """Return a canonical value as JSON-safe, readable one."""
    if isinstance(value, datetime | str):
        return iso(fact.name, value)
    plain = [_plain_single(fact, v) for v in value]
    return plain[0] if len(plain) == 1 else plain


def _plain_single(fact: FilterFact, value: Any) -> Any:
    if fact.enum is Flag:
        return {Flag.Yes: True, Flag.No: False}.get(Flag(value), int(value))
    if fact.enum is not None and value in {m.value for m in fact.enum}:
        return fact.enum(value).name
    return value


def wire(fact: FilterFact, value: tuple[Any, ...] | datetime | str, dialect: Dialect) -> list[str]:
    """Return a canonical value as the texts of its query parameter.

    An end that is the last instant of a minute is sent as the next minute: nobody is lost where minutes are all that a
    dialect can say, or a server counts ends out.  See `CustomerFilter.beyond`.
    """
    if isinstance(value, str):
        raise FilterError(f"{fact.name} is relative to now; ask its resolved() filter.", filter=fact.name)
    if isinstance(value, datetime):
        if value.tzinfo is not None:
            raise FilterError(f"{fact.name} still has a time zone.", filter=fact.name)
        value = first_beyond(fact.name, value) or value
        if dialect is Dialect.ARTICLE:
            return [value.strftime("%m/%d/%Y %H:%M")]
        return [value.isoformat(timespec="microseconds" if value.microsecond else "seconds")]
    if len(value) > 1 and not fact.many:
        raise FilterError(f"{fact.name} takes one value in one request.", filter=fact.name)
    by_name = fact.enum not in {None, Flag} and dialect is Dialect.ARTICLE
    return [str(_plain_single(fact, v)) if by_name else str(int(v) if fact.enum else v) for v in value]
