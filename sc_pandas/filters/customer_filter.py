"""`CustomerFilter`: one value that says which customers to read."""

import itertools
import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import cached_property
from typing import Any, ClassVar, Self, TypedDict
from zoneinfo import ZoneInfo

from sc_pandas.contract import DATE_RANGES, FILTERS, FILTERS_BY_NAME, CustomerType, Dialect, Flag, Rating
from sc_pandas.errors import FilterError
from sc_pandas.filters.shown import shows
from sc_pandas.filters.times import check_range, first_beyond, has_seconds, resolved
from sc_pandas.filters.values import canonical, plain, wire
from sc_pandas.secrecy import hide_unknown


class CustomerFilterArgs(TypedDict, total=False):
    """The nineteen filters as keywords, for type checkers and editors."""

    customer_ids: int | Iterable[int] | None
    email: str | Iterable[str] | None
    first_name: str | Iterable[str] | None
    last_name: str | Iterable[str] | None
    rating: Rating | str | int | Iterable[Rating | str | int] | None
    customer_type: CustomerType | str | int | Iterable[CustomerType | str | int] | None
    subscribed: bool | Flag | str | int | Iterable[bool | Flag | str | int] | None
    created_on_from: str | date | datetime | timedelta | None
    created_on_to: str | date | datetime | timedelta | None
    modified_on_from: str | date | datetime | timedelta | None
    modified_on_to: str | date | datetime | timedelta | None
    phone_number: str | Iterable[str] | None
    city: str | Iterable[str] | None
    zip_code: str | Iterable[str] | None
    exported: bool | Flag | str | int | Iterable[bool | Flag | str | int] | None
    channel: str | int | Iterable[str | int] | None
    corporate_name: str | Iterable[str] | None
    company_ids: int | Iterable[int] | None
    keyword: str | Iterable[str] | None


@dataclass(frozen=True, kw_only=True, repr=False)
class CustomerFilter:
    """Which customers to read: the nineteen documented filters, validated and hashable.

    Every field takes one value or several; several mean *any of these*.  Fields are combined with *and*.  A field that
    is None is not asked.  Values take one canonical form: equal questions are equal filters.

    Parameters
    ----------
    customer_ids, company_ids
        Whole numbers.
    email, first_name, last_name, phone_number, city, zip_code, corporate_name, keyword
        Text, sent as given.  How SellerCloud matches text (whole or part, case) is not documented.
    rating, customer_type, channel
        A name (the vendor's misspelling or the right one, any case), a code, or a member of the enumeration.
        Channel codes that are not known here pass through.
    subscribed, exported
        True, False, or the vendor's 1, 0 and −1 (all).
    created_on_from, created_on_to, modified_on_from, modified_on_to
        A span (``"2026"``, ``"2026-Q1"``, ``"2026-03"``, ``"2026-03-31"``, a ``date``, a ``Period``) begins with its
        first instant as *from* and ends with its last as *to*.  Text with a time (ISO, or the vendor's
        ``mm/dd/yyyy hh:mm``), ``datetime``, ``Timestamp`` and ``datetime64`` are instants.  ``"today"``,
        ``"yesterday"``, ``"-7d"`` or a Timedelta of whole days are that day, ``"-36h"`` an instant (see `resolved`):
        they are resolved when they are asked, in the connection's ``server_timezone``, else in this machine's.  Naive
        times are sent as given: SellerCloud documents no time zone.  Aware ones are converted with the
        ``server_timezone``.

    Raises
    ------
    FilterError
        A name or value that does not exist; the message offers the nearest that do.

    Examples
    --------
    >>> CustomerFilter(rating=["satisfied", 5], created_on_from="2026-01-01")
    CustomerFilter(rating=['Satisfied', 'Very_Satisfied'], created_on_from='2026-01-01T00:00')
    >>> CustomerFilter(rating="very satisfied") == CustomerFilter(rating=5)
    True
    >>> CustomerFilter(customer_type="Wholsale")
    Traceback (most recent call last):
    ...
    sc_pandas.errors.FilterError: customer_type='Wholsale' is not known. Did you mean Wholesale? ...
    """

    customer_ids: tuple[int, ...] | None = None
    email: tuple[str, ...] | None = None
    first_name: tuple[str, ...] | None = None
    last_name: tuple[str, ...] | None = None
    rating: tuple[int, ...] | None = None
    customer_type: tuple[int, ...] | None = None
    subscribed: tuple[int, ...] | None = None
    created_on_from: datetime | None = None
    created_on_to: datetime | None = None
    modified_on_from: datetime | None = None
    modified_on_to: datetime | None = None
    phone_number: tuple[str, ...] | None = None
    city: tuple[str, ...] | None = None
    zip_code: tuple[str, ...] | None = None
    exported: tuple[int, ...] | None = None
    channel: tuple[int, ...] | None = None
    corporate_name: tuple[str, ...] | None = None
    company_ids: tuple[int, ...] | None = None
    keyword: tuple[str, ...] | None = None

    names: ClassVar[tuple[str, ...]] = tuple(FILTERS_BY_NAME)

    def __post_init__(self) -> None:
        for fact in FILTERS:
            given = getattr(self, fact.name)
            if given is not None:
                object.__setattr__(self, fact.name, canonical(fact, given))
        now = datetime.now()  # noqa: DTZ005  # relative times are naive
        for names in DATE_RANGES:
            start, end = (getattr(self, name) for name in names)
            if start is not None and end is not None:
                check_range(names[0], resolved(names[0], start, now), names[1], resolved(names[1], end, now))

    @classmethod
    @shows(CustomerFilterArgs)
    def of(cls, **filters: Any) -> Self:
        """Build a filter from keywords, as those of `to_dict`; an unknown name is told with the nearest real ones.

        Raises
        ------
        FilterError
            A name or value that cannot be asked.

        Examples
        --------
        >>> CustomerFilter.of(ratng=5)
        Traceback (most recent call last):
        ...
        sc_pandas.errors.FilterError: There is no filter 'ratng'. Did you mean rating?
        """
        hide_unknown(filters, FILTERS_BY_NAME)
        for name in filters:
            if name not in FILTERS_BY_NAME:
                raise FilterError.unknown_name(name, FILTERS_BY_NAME)
        return cls(**filters)

    @cached_property
    def _given(self) -> dict[str, Any]:
        return {name: value for name in self.names if (value := getattr(self, name)) is not None}

    def given(self) -> dict[str, Any]:
        """Return the fields that are set, in the API's order."""
        return dict(self._given)

    def __bool__(self) -> bool:
        """Return whether any field is set."""
        return bool(self._given)

    def __repr__(self) -> str:
        return f"CustomerFilter({', '.join(f'{k}={v!r}' for k, v in self.to_dict().items())})"

    def to_dict(self) -> dict[str, Any]:
        """Return the filter as JSON-safe keywords that build it again, by `of`.

        Returns
        -------
        dict
            Only the fields that are set; enumerations by the vendor's names, unknown channels by code, times in ISO
            form, one value for itself and several as a list.
        """
        return {name: plain(FILTERS_BY_NAME[name], value) for name, value in self._given.items()}

    def to_json(self) -> str:
        """Return the filter as one line of JSON, ``json.dumps`` of `to_dict`."""
        return json.dumps(self.to_dict(), ensure_ascii=False)

    def to_code(self) -> str:
        """Return the keywords of a Python call that asks the same.

        Examples
        --------
        >>> CustomerFilter(rating=4, city=["Bern", "Basel"]).to_code()
        "rating='Satisfied', city=['Basel', 'Bern']"
        """
        return ", ".join(f"{name}={value!r}" for name, value in self.to_dict().items())

    @property
    def is_relative(self) -> bool:
        """Return whether a time is relative to now, such as ``"-7d"``."""
        return any(isinstance(v, str) for v in self._given.values())

    def resolved(self, zone: tzinfo | None = None, now: datetime | None = None) -> Self:
        """Return the filter with what is relative to now as times, in a zone (None: this machine's)."""
        if not self.is_relative:
            return self
        here = (now or datetime.now(UTC)).astimezone(zone).replace(tzinfo=None)
        times: dict[str, Any] = {n: resolved(n, v, here) for n, v in self._given.items() if isinstance(v, str)}
        return replace(self, **times)

    def beyond(self) -> list[tuple[Self, Self]]:
        """Return questions for those whom a server may let in beyond a range that ends with the last of a minute.

        It is asked up to the next minute, and who stands on that, however the server counts ends and whatever it cuts
        times to, is left out.  Each question stands beside that of everybody there; none where a filter ends elsewhere.
        """
        given = ((n, v) for n, v in self._given.items() if isinstance(v, datetime))
        ends: dict[str, Any] = {n: after for n, v in given if (after := first_beyond(n, v)) is not None}
        questions = []
        for start, end in DATE_RANGES:
            if end in ends:
                minute: dict[str, Any] = {start: ends[end], end: ends[end]}
                questions.append((type(self)(**minute), replace(self, **(ends | minute))))
        return questions

    def in_timezone(self, zone: str | tzinfo | None) -> Self:
        """Return the filter with all times naive, in the server's time zone.

        Raises
        ------
        FilterError
            A time is aware and no zone of the server is known.
        """
        aware = {n: v for n, v in self._given.items() if isinstance(v, datetime) and v.tzinfo is not None}
        if not aware:
            return self
        if zone is None:
            name = next(iter(aware))
            raise FilterError(
                f"{name} has a time zone, and the server's is not known (SellerCloud documents none). "
                "Pass server_timezone= to connect(), or a time without zone.",
                filter=name,
            )
        server = ZoneInfo(zone) if isinstance(zone, str) else zone
        naive: dict[str, Any] = {n: v.astimezone(server).replace(tzinfo=None) for n, v in aware.items()}
        return replace(self, **naive)

    def needs_swagger(self) -> str | None:
        """Return the name of a field that only the swagger dialect can say, or None."""
        given = ((n, v) for n, v in self._given.items() if isinstance(v, datetime) and has_seconds(v))
        times = (n for n, v in given if first_beyond(n, v) is None)
        return next(times, None) if self.company_ids is None else "company_ids"

    def singles(self) -> list[Self]:
        """Return the filters that the API can take one by one; the answer is the union of theirs.

        A parameter that takes one value and is given several multiplies the reads.
        """
        several = [
            [(name, (value,)) for value in values]
            for name, values in self._given.items()
            if isinstance(values, tuple) and len(values) > 1 and not FILTERS_BY_NAME[name].many
        ]
        chosen: Iterable[dict[str, Any]] = map(dict, itertools.product(*several))
        return [replace(self, **choice) for choice in chosen] if several else [self]

    @property
    def reads(self) -> int:
        """How many reads `singles` needs, before long lists of ids are split."""
        counts = [len(v) for n, v in self._given.items() if isinstance(v, tuple) and not FILTERS_BY_NAME[n].many]
        return math.prod(counts)

    def to_params(self, dialect: Dialect) -> list[tuple[str, str]]:
        """Return the query parameters that ask this filter in a dialect.

        Raises
        ------
        FilterError
            The dialect cannot say a field, a time still has a zone, or a single-valued field has several values.
        """
        if dialect is Dialect.ARTICLE and (name := self.needs_swagger()) is not None:
            raise FilterError(
                f"{name} cannot be asked of this server: it understands the article's parameters only, and those know "
                "no company ids and no seconds.",
                filter=name,
            )
        return [
            (getattr(FILTERS_BY_NAME[name], dialect.value), text)
            for name, value in self._given.items()
            for text in wire(FILTERS_BY_NAME[name], value, dialect)
        ]
