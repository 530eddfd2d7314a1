"""The keywords of `connect`, of a read and of its filter: which there are, and told apart."""

import os
from collections.abc import Collection, Mapping
from dataclasses import fields
from datetime import timedelta, tzinfo
from typing import Any, Final, Literal, TypedDict

from sc_pandas.contract import FILTERS, FILTERS_BY_NAME, Flag, fold
from sc_pandas.contract.includes import INCLUDES
from sc_pandas.errors import FilterError, SettingsError
from sc_pandas.filters import CustomerFilterArgs
from sc_pandas.reading import ReadKeywords, ReadOptions
from sc_pandas.wording import did_you_mean, nearest

DialectName = Literal["auto", "article", "swagger"]
OPTIONS: Final[Mapping[str, Any]] = {each.name: each.default for each in fields(ReadOptions)}


class ConnectArgs(TypedDict, total=False):
    """Keywords of `connect`, for type checkers and editors."""

    username: str | None
    password: str | None
    token: str | None
    cache_dir: str | os.PathLike[str] | None
    dialect: DialectName
    server_timezone: str | tzinfo | None
    timeout: float | timedelta
    max_wait: float | timedelta
    ca_bundle: str | None


class AskKeywords(CustomerFilterArgs, ReadKeywords, total=False):
    """Keywords of a question: the filters, and how to read."""


class ConnectAskKeywords(AskKeywords, ConnectArgs, total=False):
    """Keywords of a question that connects on the way."""


CONNECT_KEYWORDS: Final = frozenset(ConnectArgs.__annotations__)
_NEAREST: Final = 3


def check_keywords(given: Mapping[str, Any], *, connect: Collection[str] = (), connected: Collection[str] = ()) -> None:
    """Refuse a keyword that is no filter; `connect` names those that are too, `connected` those that come too late.

    Examples
    --------
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
        near = nearest(name, [*FILTERS_BY_NAME, *OPTIONS, *connect]) or _by_value(name)
        raise FilterError(f"There is no filter or option {name!r}.{_hint(name, near)}", filter=name, suggestions=near)


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
