"""What a read is given: how to read, of whom, and who watches."""

import contextlib
import operator
import os
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from numbers import Real
from pathlib import Path
from typing import Any, Final, Literal, Protocol, Self, TypedDict, Unpack, get_args

from sc_pandas import forks
from sc_pandas.cache import ColumnMemory, HttpCache
from sc_pandas.client import Client, Tally
from sc_pandas.errors import SettingsError
from sc_pandas.filters import CustomerFilter
from sc_pandas.reading.crew import Crew
from sc_pandas.reading.dialect import DialectMemory
from sc_pandas.tables import DtypeBackend

CacheMode = Literal["use", "refresh", "offline", "off"]
Consistency = Literal["auto", "strict", "fast"]
WayName = Literal["order", "closed", "windows", "twice"]
ONE_HOUR_S = 3_600.0


OnBadValue = Literal["null", "raise"]
_CHOICES: Final = {
    "cache": CacheMode,
    "consistency": Consistency,
    "on_bad_value": OnBadValue,
    "dtype_backend": DtypeBackend,
}


class ReadKeywords(TypedDict, total=False):
    """Options of a read as people write them, for type checkers and editors."""

    limit: int | None
    columns: Iterable[str] | None
    page_size: int
    cache: CacheMode
    max_age: float | timedelta | None
    consistency: Consistency
    progress: bool | None
    on_bad_value: OnBadValue
    max_calls: int | None
    include: str | Iterable[str]
    exact_decimals: bool
    dtype_backend: DtypeBackend


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadOptions:
    """Options of a read, checked; `Connection.customers` says what each means."""

    limit: int | None = None
    columns: tuple[str, ...] | None = None
    page_size: int = 50
    cache: CacheMode = "use"
    max_age: float | None = None
    consistency: Consistency = "auto"
    progress: bool | None = None
    on_bad_value: OnBadValue = "null"
    max_calls: int | None = None
    include: tuple[str, ...] = ()
    exact_decimals: bool = False
    dtype_backend: DtypeBackend = "pyarrow"

    @classmethod
    def of(cls, **keywords: Unpack[ReadKeywords]) -> Self:
        """Return the options that somebody wrote, or raise `SettingsError`."""
        given: dict[str, Any] = dict(keywords)
        return cls(**given)

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in get_args(choices):
                raise SettingsError(f"{name} is {' or '.join(map(repr, get_args(choices)))}.", setting=name)
        for name in ("limit", "page_size", "max_calls"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, whole(name, getattr(self, name)))
        if not isinstance(self.exact_decimals, bool):
            raise SettingsError("exact_decimals is True or False.", setting="exact_decimals")
        object.__setattr__(self, "max_age", None if self.max_age is None else seconds("max_age", self.max_age))
        if self.columns is not None:
            object.__setattr__(self, "columns", _names("columns", self.columns))
        object.__setattr__(self, "include", _names("include", self.include))

    def freshness_s(self, by_default: float | None = None) -> float:
        """Return the seconds that a kept answer may be old."""
        if self.max_age is not None:
            return self.max_age
        by_default = ONE_HOUR_S if by_default is None else by_default
        return float("inf") if self.cache == "offline" else by_default


def whole(name: str, value: object) -> int:
    """Return a setting as a whole number of at least 1, also if it is NumPy's.

    Raises
    ------
    SettingsError
        It is none.
    """
    try:
        number = 0 if isinstance(value, bool) else operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        number = 0
    if number < 1:
        raise SettingsError(f"{name} is a whole number of at least 1.", setting=name)
    return number


def seconds(name: str, value: object) -> float:
    """Return a setting as seconds, 0 or more.

    Raises
    ------
    SettingsError
        It is neither a number of seconds nor a timedelta, or negative.

    Examples
    --------
    >>> seconds("timeout", 30), seconds("max_wait", timedelta(minutes=2))
    (30.0, 120.0)
    """
    given: Any = value.total_seconds() if isinstance(value, timedelta) else value
    is_number = isinstance(given, Real) and given is not True and given is not False
    try:
        number = float(given) if is_number else -1.0
    except (OverflowError, TypeError):  # NumPy's timedelta64 calls itself a number
        number = -1.0
    if not number >= 0:
        raise SettingsError(f"{name} is a number of seconds, not negative, or a timedelta.", setting=name)
    return number


def _names(option: str, given: object) -> tuple[str, ...]:
    """Return the names that an option was given, as a list or, for `include`, as one name."""
    if isinstance(given, str):
        if option == "include":
            return (given,)
        listed = [each.strip() for each in given.split(",")]
        raise SettingsError(f"{option} takes a list of names: {option}={listed!r}.", setting=option)
    names = tuple(given) if isinstance(given, Iterable) and not isinstance(given, bytes) else (given,)
    wrong = next((type(each).__name__ for each in names if not isinstance(each, str)), None)
    if wrong is not None:
        example = ["channel", "phones"] if option == "include" else ["user_id", "email"]
        raise SettingsError(
            f"{option} takes a list of names, such as {option}={example!r}, not {wrong}.", setting=option
        )
    return names


_SHOWN_EVERY_S: Final = 1.0


class Watcher(Protocol):
    """Is told how a read goes on (a progress bar)."""

    def expect(self, pages: int, customers: int) -> None:
        """Expect so many more pages, with so many customers."""

    def advance(self) -> None:
        """One page has come."""

    def wait(self, reset_at: datetime, seconds: float) -> None:
        """Note that the quota is used up until `reset_at`."""

    def away(self, until: datetime, seconds: float) -> None:
        """Note that the server takes no calls; it is waited for until then."""


@dataclass
class Source:
    """A server as a read sees it: client, cache, dialect, who asks several pages at once, and its custom columns."""

    client: Client
    cache: HttpCache | None
    tenant: str
    dialects: DialectMemory
    crew: Callable[..., Crew] = Crew
    columns: ColumnMemory = field(default_factory=ColumnMemory)


@dataclass
class Progress:
    """What the reads of one question share: calls counted, notes taken, the order to stop."""

    tally: Tally = field(default_factory=Tally)
    cancel: threading.Event = field(default_factory=threading.Event)
    notes: list[str] = field(default_factory=list)
    watcher: Watcher | None = None
    # Ids of those who stand just beyond a range, None where they are many.
    beyond: dict[CustomerFilter, frozenset[int] | None] = field(default_factory=dict)
    # Somebody else has told the watcher what is coming.
    is_told: bool = False
    # Held while no other process shall read the same.
    lock: Path | None = None
    _shown_at: float = 0.0
    _telling: threading.Lock = field(default_factory=forks.new_lock)

    def show_life(self) -> None:
        """Tell processes that wait for this read that an answer has come."""
        now = time.monotonic()
        if self.lock is not None and now > self._shown_at + _SHOWN_EVERY_S:
            self._shown_at = now
            with contextlib.suppress(OSError):
                os.utime(self.lock)

    def expect(self, pages: int, customers: int) -> None:
        """Tell the watcher that so many pages more are coming, with so many customers."""
        if self.watcher is not None and not self.is_told:
            with self._telling:
                self.watcher.expect(pages, customers)

    def advance(self) -> None:
        """Tell the watcher that one page has come."""
        if self.watcher is not None:
            with self._telling:
                self.watcher.advance()
