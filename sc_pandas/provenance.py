"""Where a frame came from: a small, JSON-safe note that travels in ``df.attrs`` and in Parquet files.

It is an allow-list: of a frame's attrs nothing but these fields is ever exported.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Final, Self
from urllib.parse import urlsplit, urlunsplit

import msgspec

from sc_pandas.wording import html_table

ATTRS_KEY: Final = "sellercloud"
# Filters whose values name no person; of filters that are not known here the values are taken out as well.
_IMPERSONAL_FILTERS: Final = frozenset({
    "rating", "customer_type", "subscribed", "exported", "channel", "company_ids",
    "created_on_from", "created_on_to", "modified_on_from", "modified_on_to",
})  # fmt: skip
_Scalar = str | int | float | bool | None
_Count = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """What was read, from where, when, and how far the result is proven.

    Parameters
    ----------
    base_url : str
        Address of the server; a user name, a password or a query in it is dropped.
    filter : dict
        The filter as JSON values.
    columns : tuple of str, optional
        The columns that were read; None for all.
    limit : int, optional
        Maximum number of rows that was set; None for all.
    include : tuple of str
        What was read besides the list.
    page_size : int
        Rows in a page.
    started_at : str
        When the oldest of the rows was read, ISO 8601, UTC; rows of the cache are as old as they are.
    finished_at : str
        When the read ended, ISO 8601, UTC.
    verdict : str
        The judgement on completeness, ``"proven (order)"`` or ``"not verified"`` for example.
    version : str
        Version of sc_pandas that read.
    rows : int, optional
        Rows of the read; None if unknown.
    frame_rows : int, optional
        Rows of the frame, if it is known not to be what was read: filtered, put together, or with other rows.
        ``df.attrs`` cannot know that; ``df.sellercloud.provenance`` compares, and exports carry the result.
    filter_redacted : tuple of str
        Filters whose values were taken out, because they may name a person.  The query cannot be run again.
    privacy : tuple of str
        What was done to the values: ``"redacted"``, ``"pseudonymized"``.
    tenant : str
        A digest of server and user, to run the query again as the same user.

    Raises
    ------
    TypeError, ValueError
        If the filter is not made of JSON values.

    Examples
    --------
    >>> note = Provenance(base_url="https://tt.api.example", filter={"city": "Brno"}, verdict="proven (order)")
    >>> note.is_verified
    True
    >>> Provenance.from_attrs({"sellercloud": note.to_attrs()}) == note
    True
    """

    base_url: str
    filter: Mapping[str, _Scalar | Sequence[_Scalar]] = field(default_factory=dict, hash=False)
    columns: tuple[str, ...] | None = None
    limit: _Count | None = None
    include: tuple[str, ...] = ()
    page_size: _Count = 50
    started_at: str = ""
    finished_at: str = ""
    verdict: str = "not verified"
    version: str = ""
    rows: _Count | None = None
    frame_rows: _Count | None = None
    filter_redacted: tuple[str, ...] = ()
    privacy: tuple[str, ...] = ()
    tenant: str = ""

    def __post_init__(self) -> None:
        parts = urlsplit(self.base_url)
        bare = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
        object.__setattr__(self, "base_url", bare)
        # The verdict in the attrs of a frame that was just read carries more than its text.
        object.__setattr__(self, "verdict", str(self.verdict))
        object.__setattr__(self, "filter", json.loads(json.dumps(self.filter, allow_nan=False)))

    @property
    def is_verified(self) -> bool:
        """True if the read was proven complete; a part of it is as verified as the read."""
        return self.verdict.startswith("proven")

    @property
    def is_whole(self) -> bool | None:
        """True if the rows are those of the read; None if that is unknown."""
        return False if self.frame_rows is not None else None if self.rows is None else True

    def of_frame(self, rows: int, *, repeated: bool = False) -> Self:
        """Return the note for a frame of a number of rows, with `frame_rows` if it is not what was read.

        `repeated` says that a customer stands in it more than once, which no read returns.

        Examples
        --------
        >>> note = Provenance(base_url="https://tt.api.example", rows=1037)
        >>> print(note.of_frame(120).rows_in_words())
        part of a read: 120 of 1,037 rows, edited after the read
        """
        # A part stays one, also when rows that happen to be as many as the read's are put together of parts.
        if self.frame_rows is None and not repeated and self.rows in {None, rows}:
            return self
        return replace(self, frame_rows=rows)

    def rows_in_words(self) -> str:
        """Describe how the rows of the frame compare with those of the read."""
        if self.frame_rows is None:
            return "not known" if self.rows is None else f"{self.rows:,}, as read"
        if self.rows is None:
            return f"{self.frame_rows:,}, edited after the read"
        if self.frame_rows < self.rows:
            return f"part of a read: {self.frame_rows:,} of {self.rows:,} rows, edited after the read"
        return f"{self.frame_rows:,} rows, put together after a read of {self.rows:,}"

    def without_persons(self, what: str) -> Self:
        """Return the note without filter values that may name a person; `what` says what was done to the rows.

        Filters by rating, type, channel, company, subscription, export and date retain their values; of all others only
        the names remain, in `filter_redacted`.  `tenant` goes: a guess of the user could be checked by it.

        Examples
        --------
        >>> note = Provenance(base_url="https://tt.api.example", filter={"email": "ada@example.com", "rating": 5})
        >>> note.without_persons("redacted").filter, note.without_persons("redacted").filter_redacted
        ({'rating': 5}, ('email',))
        """
        gone = tuple(name for name in self.filter if name not in _IMPERSONAL_FILTERS)
        return replace(
            self,
            filter={name: value for name, value in self.filter.items() if name not in gone},
            filter_redacted=(*self.filter_redacted, *gone),
            privacy=tuple(dict.fromkeys([*self.privacy, what])),
            tenant="",
        )

    def to_attrs(self) -> dict[str, Any]:
        """Return the value for ``df.attrs["sellercloud"]``: JSON values only, equal after a round trip through JSON."""
        fields: dict[str, Any] = msgspec.to_builtins(self)
        return {name: list(value) if isinstance(value, tuple) else value for name, value in fields.items()}

    @classmethod
    def from_attrs(cls, attrs: Mapping[Any, Any]) -> Self | None:
        """Return the note in ``df.attrs``; None if there is none, or it is damaged.

        Keys of a later version are ignored.
        """
        try:
            return msgspec.convert(attrs.get(ATTRS_KEY) if isinstance(attrs, Mapping) else None, cls)
        except (ValueError, RecursionError):
            return None

    def to_json(self) -> str:
        """Return the note as JSON text, keys sorted: equal notes give equal text."""
        return json.dumps(self.to_attrs(), sort_keys=True, separators=(",", ":"))

    def __str__(self) -> str:
        return "\n".join(f"{label:<12} {text}" for label, text in self.lines())

    def _repr_html_(self) -> str:
        return html_table(self.lines())

    def lines(self) -> list[tuple[str, str]]:
        """Return pairs of label and text, as the note prints."""
        asked = ", ".join(f"{name}={value!r}" for name, value in self.filter.items())
        if self.filter_redacted:
            asked += f"{'; ' if asked else ''}taken out: {', '.join(self.filter_redacted)}"
        lines = [
            ("server", self.base_url),
            ("filter", asked or "none: all customers"),
            ("columns", "all" if self.columns is None else ", ".join(self.columns)),
            ("limit", "none" if self.limit is None else f"{self.limit:,} rows"),
            ("include", ", ".join(self.include) or "nothing more"),
            ("rows", self.rows_in_words()),
            ("page size", str(self.page_size)),
            *([("started at", self.started_at)] if self.started_at else []),
            ("finished at", self.finished_at),
            ("verdict", f"{self.verdict}; of the read, not of this part" if self.is_whole is False else self.verdict),
            ("sc_pandas", self.version),
        ]
        return [*lines, ("privacy", ", ".join(self.privacy))] if self.privacy else lines
