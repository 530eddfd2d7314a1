"""Keywords that do not exist, and values that no list is: each is told with the nearest that works."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from sc_pandas.contract import FILTERS, FILTERS_BY_NAME, Flag, fold
from sc_pandas.contract.includes import INCLUDES
from sc_pandas.errors import FilterError, SettingsError
from sc_pandas.wording import did_you_mean, nearest

OPTIONS: Final = (
    "limit", "columns", "page_size", "cache", "max_age", "consistency", "progress", "on_bad_value", "max_calls",
    "include",
)  # fmt: skip
_NEAREST: Final = 3


def check_keywords(given: Mapping[str, Any], *, connect: Collection[str] = (), connected: Collection[str] = ()) -> None:
    """Refuse a keyword that is no filter.

    Parameters
    ----------
    given
        Keywords that are no options.
    connect
        Keywords of `connect`, where they may be given, too.
    connected
        Keywords of `connect`, where it is too late for them.

    Raises
    ------
    FilterError
        There is no such filter or option; the message says which are near.
    SettingsError
        It belongs to `connect`.

    Examples
    --------
    >>> check_keywords({"chache": "off"})
    Traceback (most recent call last):
    ...
    sc_pandas.errors.FilterError: There is no filter or option 'chache'. Did you mean cache or channel?
    >>> check_keywords({"satisfied": True})
    Traceback (most recent call last):
    ...
    sc_pandas.errors.FilterError: There is no filter or option 'satisfied'. Did you mean rating='Satisfied'?
    """
    for name in given:
        if name in FILTERS_BY_NAME:
            continue
        if name in connected:
            raise SettingsError(
                f"{name} belongs to connect(), and this is a connection already: sc.connect(server, {name}=...).",
                setting=name,
            )
        near = _near(name, [*FILTERS_BY_NAME, *OPTIONS, *connect])
        raise FilterError(f"There is no filter or option {name!r}.{_hint(name, near)}", filter=name, suggestions=near)


def _near(name: str, known: Collection[str]) -> tuple[str, ...]:
    return nearest(name, known) or _by_value(name)


def _by_value(name: str) -> tuple[str, ...]:
    """Find a filter that takes the keyword for its value."""
    return tuple(
        f"{fact.name}={member!r}"
        for fact in FILTERS
        if fact.enum is not None and fact.enum is not Flag
        for member in fact.enum.__members__
        if fold(member) == fold(name)
    )[:_NEAREST]


def _hint(name: str, near: tuple[str, ...]) -> str:
    if near:
        return did_you_mean(near)
    if name in INCLUDES:
        return f" include=[{name!r}] reads it as a column."
    return f" The filters are {', '.join(FILTERS_BY_NAME)}; help(sc.CustomerFilter) tells of them."


def names_of(option: str, given: object) -> tuple[str, ...]:
    """Give the names that an option was given.

    Parameters
    ----------
    option
        Its name.
    given
        A list of names, or one name.

    Raises
    ------
    SettingsError
        It is neither.

    Examples
    --------
    >>> names_of("include", "channel"), names_of("include", ["channel", "phones"])
    (('channel',), ('channel', 'phones'))
    >>> names_of("include", True)
    Traceback (most recent call last):
    ...
    sc_pandas.errors.SettingsError: include takes a list of names, such as include=['channel', 'phones'], not bool.
    """
    if isinstance(given, str):
        return (given,)
    names = tuple(given) if isinstance(given, Iterable) and not isinstance(given, bytes) else (given,)
    for each in names:
        if not isinstance(each, str):
            example = "['channel', 'phones']" if option == "include" else "['user_id', 'email']"
            raise SettingsError(
                f"{option} takes a list of names, such as {option}={example}, not {type(each).__name__}.",
                setting=option,
            )
    return names
