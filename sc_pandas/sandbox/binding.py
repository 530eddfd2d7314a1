"""From a query string to what was asked, by ASP.NET's rules as far as they are known.

The prefix ``model.`` is tried first, and names without it count only if nothing has the prefix; names are matched
without regard to case; unknown names are ignored without a word; an empty value is no value; of a repeated single value
the first counts.  What the real server does with a value that cannot be read is unknown: here it is a 400 in ASP.NET's
shape.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sc_pandas.sandbox.options import Dialect
from sc_pandas.sandbox.parameters import CODES, NOT_IN_ARTICLE, PARAMETERS, Parameter

PREFIX: Final = "model."
DEFAULT_PAGE_SIZE: Final = 10

_INT32 = range(-(2**31), 2**31)
_INTEGER = re.compile(r"[+-]?[0-9]{1,10}", re.ASCII)
_ARTICLE_DATE = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})(?:\s+(\d{1,2}):(\d{2}))?", re.ASCII)
_ISO_DATE = re.compile(
    r"(\d{4}-\d{2}-\d{2})(?:[Tt ](\d{2}:\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?([Zz]|[+-]\d{2}:\d{2})?)?",
    re.ASCII,
)


class BindingError(Exception):
    """Some known parameter holds a text that its type does not know; `model_state` is ASP.NET's map of them."""

    def __init__(self, model_state: dict[str, list[str]]) -> None:
        super().__init__("The request is invalid.")
        self.model_state = model_state


@dataclass(frozen=True)
class Asked:
    """A request as understood: filters by our names, the page, and its size before the server's cut."""

    filters: Mapping[str, Any]
    page_number: int
    page_size: int


def bind(pairs: Sequence[tuple[str, str]], dialects: Collection[Dialect]) -> Asked:
    """Read name-value pairs as a server of these dialects would; BindingError if a known parameter cannot be read."""
    texts = _texts_by_name(pairs, dialects)
    found: dict[str, Any] = {}
    model_state: dict[str, list[str]] = {}
    for parameter in PARAMETERS:
        given = texts.get(parameter.name.casefold())
        if not given or ("swagger" not in dialects and parameter.name in NOT_IN_ARTICLE):
            continue
        try:
            found[parameter.field] = _read(parameter, given, dialects)
        except ValueError:
            message = f"The value '{given[0]}' is not valid for {parameter.name}."
            model_state[PREFIX + parameter.name] = [message]
    if model_state:
        raise BindingError(model_state)
    number = max(found.pop("page_number", 1), 1)
    size = found.pop("page_size", DEFAULT_PAGE_SIZE)
    return Asked(found, number, size if size >= 1 else DEFAULT_PAGE_SIZE)


def _texts_by_name(pairs: Sequence[tuple[str, str]], dialects: Collection[Dialect]) -> dict[str, list[str]]:
    """Apply the prefix rule; what is left has no prefix, is in lower case and has a value."""
    lowered = [(name.casefold(), value) for name, value in pairs]
    prefixed = [(name.removeprefix(PREFIX), value) for name, value in lowered if name.startswith(PREFIX)]
    bare = [(name, value) for name, value in lowered if not name.startswith(PREFIX)]
    if "swagger" not in dialects:
        chosen = bare
    elif "article" not in dialects:
        chosen = prefixed
    else:
        chosen = prefixed or bare
    texts: dict[str, list[str]] = {}
    for name, value in chosen:
        if value:
            texts.setdefault(name, []).append(value)
    return texts


def _read(parameter: Parameter, texts: list[str], dialects: Collection[Dialect]) -> Any:
    if parameter.kind == "text":
        return texts[0]
    if parameter.kind == "integers":
        return tuple(integer(text) for text in texts)
    if parameter.kind == "integer":
        return integer(texts[0])
    if parameter.kind == "date":
        return _date(texts[0], dialects)
    return _code(texts[0], CODES[parameter.kind], names_allowed="article" in dialects)


def integer(text: str) -> int:
    """Read an Int32, or raise `ValueError`."""
    stripped = text.strip()
    if not _INTEGER.fullmatch(stripped) or int(stripped) not in _INT32:
        raise ValueError(text)
    return int(stripped)


def _code(text: str, codes: Mapping[int, str], *, names_allowed: bool) -> int:
    """Return the code of an enum's value; any number passes, as .NET enums let it."""
    if names_allowed:
        for code, name in codes.items():
            if name.casefold() == text.strip().casefold():
                return code
    return integer(text)


def _date(text: str, dialects: Collection[Dialect]) -> datetime:
    stripped = text.strip()
    if "article" in dialects and (match := _ARTICLE_DATE.fullmatch(stripped)):
        month, day, year, hour, minute = (int(part or 0) for part in match.groups())
        return datetime(year, month, day, hour, minute)  # noqa: DTZ001 - the API's dates carry no zone
    if "swagger" in dialects and (match := _ISO_DATE.fullmatch(stripped)):
        day_text, clock, seconds, fraction, offset = match.groups()
        # The zone of the real server is unknown; the sandbox lives in UTC.
        iso = f"{day_text}T{clock or '00:00'}:{seconds or '00'}.{(fraction or '')[:6]:0<6}{offset or ''}"
        moment = datetime.fromisoformat(iso.upper())
        try:
            return moment.astimezone(UTC).replace(tzinfo=None) if offset else moment
        except OverflowError:
            return moment.replace(tzinfo=None)
    raise ValueError(text)
