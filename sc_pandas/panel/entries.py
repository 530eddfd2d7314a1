"""What stands in the panel's controls, as text, and the filter that it means: pure, without a widget."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sc_pandas.contract import FILTERS, FILTERS_BY_NAME, Flag
from sc_pandas.errors import FilterError
from sc_pandas.filters import CustomerFilter

# One control's content: text, or the chosen names of an enumeration.
Entry = str | tuple[str, ...]
NOTHING: Mapping[str, Entry] = {}
_FLAGS = {"Yes": True, "No": False, "All": -1}
_QUOTE = '"'


@dataclass(frozen=True, slots=True)
class Reading:
    """The filter that entries mean, or None, and what is wrong with which entry, in words."""

    question: CustomerFilter | None
    wrong: Mapping[str, str]


def read_entries(entries: Mapping[str, Entry]) -> Reading:
    """Read the controls.

    Several values in one text control are parted by semicolons (ids by blanks or commas too).  A value that has a
    semicolon, or blanks at its ends, stands in double quotes, with each quote in it written twice.
    """
    values: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    for name, entry in entries.items():
        try:
            value = _value(name, entry)
            if value is None:
                continue
            CustomerFilter.of(**{name: value})
        except FilterError as error:
            wrong[name] = str(error)
        else:
            values[name] = value
    if wrong:
        return Reading(None, wrong)
    try:
        return Reading(CustomerFilter.of(**values), {})
    except FilterError as error:
        return Reading(None, {error.filter: str(error)})


def _value(name: str, entry: Entry) -> Any:
    fact = FILTERS_BY_NAME[name]
    if not entry or (isinstance(entry, str) and not entry.strip()):
        return None
    if isinstance(entry, tuple):
        return [_FLAGS[each] for each in entry] if fact.enum is Flag else list(entry)
    if fact.kind == "date":
        return entry.strip()
    if fact.kind == "ids":
        return [each for each in re.split(r"[;,\s]+", entry) if each]
    return _parted(name, entry) or None


def _parted(name: str, entry: str) -> list[str]:
    """Part a text at its semicolons, except those in quotes."""
    values = []
    rest = entry
    while rest := rest.strip():
        if rest.startswith(_QUOTE):
            quoted = _QUOTED.match(rest)
            if quoted is None:
                raise FilterError(
                    f"{FILTERS_BY_NAME[name].label}: a value that begins with a quote ends with one, before a "
                    'semicolon or the end; a quote in it is written twice, as in """Ada"" Example".',
                    filter=name,
                )
            values.append(quoted[1].replace(_QUOTE * 2, _QUOTE))
            rest = rest[quoted.end() :]
        else:
            value, _, rest = rest.partition(";")
            values += [value.strip()] if value.strip() else []
    return values


def _quoted(value: str) -> str:
    if ";" in value or value.startswith(_QUOTE) or value != value.strip():
        return f"{_QUOTE}{value.replace(_QUOTE, _QUOTE * 2)}{_QUOTE}"
    return value


_QUOTED = re.compile(r'"((?:[^"]|"")*)"\s*(?:;|\Z)')


def entries_of(question: CustomerFilter) -> dict[str, Entry]:
    """Return the entries that mean a filter, which `read_entries` reads back."""
    asked = question.to_dict()
    return {fact.name: _entry(fact.name, asked.get(fact.name)) for fact in FILTERS}


def _entry(name: str, value: Any) -> Entry:
    fact = FILTERS_BY_NAME[name]
    if value is None:
        return empty(name)
    values = value if isinstance(value, list) else [value]
    if fact.enum is Flag:
        return tuple({1: "Yes", 0: "No", -1: "All"}[int(each)] for each in values)
    if has_choices(name):
        return tuple(str(each) for each in values)
    if fact.kind == "date":
        time = str(values[0]).replace("T", " ")
        return time if name.endswith("_to") else time.removesuffix(" 00:00")
    return "; ".join(_quoted(str(each)) for each in values)


def has_choices(name: str) -> bool:
    """Return whether a filter is chosen from a short list, instead of typed."""
    fact = FILTERS_BY_NAME[name]
    return fact.enum is not None and not fact.open_enum


def empty(name: str) -> Entry:
    """Return the entry of a control in which nothing stands."""
    return () if has_choices(name) else ""


def choices(name: str) -> tuple[str, ...]:
    """Return the names that a filter can be chosen from."""
    enum = FILTERS_BY_NAME[name].enum
    return tuple(_FLAGS) if enum is Flag else tuple(enum.__members__) if enum is not None else ()


def placeholder(name: str) -> str:
    """Return an example of the form that a control expects."""
    return _EXAMPLES.get(name) or _EXAMPLES.get(FILTERS_BY_NAME[name].kind, "")


_EXAMPLES = {
    "date": "2026-01-31 or 2026-01 or 2026-01-31 14:05 or yesterday or -7d", "ids": "1001, 1002",
    "channel": "Amazon; 42", "email": "ada@example.com", "first_name": "Ada", "last_name": "Example",
    "phone_number": "555-0100", "city": "Bern; Basel", "zip_code": "3011", "corporate_name": "Example Ltd",
    "keyword": "any text",
}  # fmt: skip
