"""Where a frame came from: a small, JSON-safe note that travels in ``df.attrs`` and in Parquet files.

It is an allow-list: of a frame's attrs nothing but these fields is ever exported.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final, Self
from urllib.parse import urlsplit, urlunsplit

from sc_pandas.wording import html_table

ATTRS_KEY: Final = "sellercloud"
_DEEPEST: Final = 16
_TEXTS: Final = ("include", "filter_redacted", "privacy")
# Filters whose values name no person; also of a filter that is not known here the value is taken out.
_IMPERSONAL_FILTERS: Final = frozenset({
    "rating", "customer_type", "subscribed", "exported", "channel", "company_ids",
    "created_on_from", "created_on_to", "modified_on_from", "modified_on_to",
})  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """What was asked, of whom, when, and how far the answer is proven.

    Parameters
    ----------
    base_url : str
        Address of the server; a user name, a password or a query in it is dropped.
    filter : dict
        The filter as JSON values.
    columns : tuple of str, optional
        The columns that were asked for; None for all.
    limit : int, optional
        At most so many rows were asked for; None for all.
    include : tuple of str
        What was read besides the list.
    page_size : int
        Rows asked for in a page.
    started_at : str
        When the oldest of the rows was read, ISO 8601, UTC; rows of the cache are as old as they are.
    finished_at : str
        When the read ended, ISO 8601, UTC.
    verdict : str
        The judgement on completeness, ``"proven (order)"`` or ``"not verified"`` for example.
    version : str
        Version of sc_pandas that read.
    rows : int, optional
        Rows of the read; None where it is not known.
    frame_rows : int, optional
        Rows of the frame, where it is known not to be what was read: filtered, put together, or with rows of others.
        ``df.attrs`` cannot know that; ``df.sellercloud.provenance`` compares, and exports carry what it found.
    filter_redacted : tuple of str
        Filters whose values were taken out, because they may name a person.  The question cannot be asked again.
    privacy : tuple of str
        What was done to the values: ``"redacted"``, ``"pseudonymized"``.
    tenant : str
        A digest of server and user, so that the question is asked again as the same user.

    Raises
    ------
    TypeError, ValueError
        If the filter is not made of JSON values.

    Examples
    --------
    >>> note = Provenance(base_url="https://tt.api.example", filter={"city": "Brno"}, page_size=50,
    ...                   finished_at="2026-01-05T10:00:00+00:00", verdict="proven (order)", version="0.1.0")
    >>> note.is_verified
    True
    >>> Provenance.from_attrs({"sellercloud": note.to_attrs()}) == note
    True
    """

    base_url: str
    filter: dict[str, Any] = field(default_factory=dict, hash=False)
    columns: tuple[str, ...] | None = None
    limit: int | None = None
    include: tuple[str, ...] = ()
    page_size: int = 50
    started_at: str = ""
    finished_at: str = ""
    verdict: str = "not verified"
    version: str = ""
    rows: int | None = None
    frame_rows: int | None = None
    filter_redacted: tuple[str, ...] = ()
    privacy: tuple[str, ...] = ()
    tenant: str = ""

    def __post_init__(self) -> None:
        parts = urlsplit(self.base_url)
        bare = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
        object.__setattr__(self, "base_url", bare)
        object.__setattr__(self, "filter", json.loads(json.dumps(self.filter, allow_nan=False)))
        object.__setattr__(self, "columns", None if self.columns is None else tuple(self.columns))
        for name in _TEXTS:
            object.__setattr__(self, name, tuple(getattr(self, name)))

    @property
    def is_verified(self) -> bool:
        """Whether the read was proven to be complete; a part of it is as verified as the read."""
        return self.verdict.startswith("proven")

    @property
    def is_whole(self) -> bool | None:
        """Whether the rows are those of the read; None where the read's rows are not known."""
        return False if self.frame_rows is not None else None if self.rows is None else True

    def of_frame(self, rows: int, *, repeated: bool = False) -> Self:
        """Give the note for a frame with so many rows.

        Parameters
        ----------
        rows : int
            Rows of the frame.
        repeated : bool
            Whether a customer stands in it more than once, as in no read.

        Returns
        -------
        Provenance
            With `frame_rows` where the frame is not what was read.

        Examples
        --------
        >>> note = Provenance(base_url="https://tt.api.example", rows=1037)
        >>> note.of_frame(1037) == note
        True
        >>> print(note.of_frame(120).rows_in_words())
        part of a read: 120 of 1,037 rows, edited after the read
        """
        # A part stays one, also when rows that happen to be as many as the read's are put together of parts.
        if self.frame_rows is None and not repeated and self.rows in {None, rows}:
            return self
        return replace(self, frame_rows=rows)

    def rows_in_words(self) -> str:
        """Say how the rows of the frame compare with those of the read.

        Returns
        -------
        str
        """
        if self.frame_rows is None:
            return "not known" if self.rows is None else f"{self.rows:,}, as read"
        if self.rows is None:
            return f"{self.frame_rows:,}, edited after the read"
        if self.frame_rows < self.rows:
            return f"part of a read: {self.frame_rows:,} of {self.rows:,} rows, edited after the read"
        return f"{self.frame_rows:,} rows, put together after a read of {self.rows:,}"

    def without_persons(self, what: str) -> Self:
        """Give the note without filter values that may name a person.

        Parameters
        ----------
        what : str
            What was done to the rows, ``"redacted"`` or ``"pseudonymized"``.

        Returns
        -------
        Provenance
            Filters by rating, type, channel, company, subscription, export and date keep their values; of all others
            the names stand in `filter_redacted`.  `tenant` goes: whoever guesses the user could check the guess by it.

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
        """Give the value that belongs under ``df.attrs["sellercloud"]``.

        Returns
        -------
        dict
            JSON values only, lists instead of tuples, so that it is equal after a round trip through JSON.
        """
        plain = {each.name: getattr(self, each.name) for each in fields(self)}
        return {
            **plain,
            "filter": json.loads(json.dumps(self.filter)),
            "columns": None if self.columns is None else list(self.columns),
            **{name: list(getattr(self, name)) for name in _TEXTS},
        }

    @classmethod
    def from_attrs(cls, attrs: Mapping[Any, Any]) -> Self | None:
        """Find the note in a frame's attrs.

        Parameters
        ----------
        attrs : mapping
            ``df.attrs``.

        Returns
        -------
        Provenance or None
            None where there is none, or where it is damaged.  Keys of a later version are passed over.
        """
        return cls._from_note(attrs.get(ATTRS_KEY) if isinstance(attrs, Mapping) else None)

    def to_json(self) -> str:
        """Give the note as JSON text, keys sorted: equal notes give equal text."""
        return json.dumps(self.to_attrs(), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self | None:
        """Read what `to_json` gave; None where it is damaged."""
        try:
            return cls._from_note(json.loads(text))
        except (ValueError, RecursionError):
            return None

    @classmethod
    def _from_note(cls, note: object) -> Self | None:
        if not isinstance(note, dict):
            return None
        known = {each.name: note[each.name] for each in fields(cls) if each.name in note}
        if "base_url" not in known or not all(_IS_VALID[name](value) for name, value in known.items()):
            return None
        try:
            return cls(**known)
        except (TypeError, ValueError, RecursionError):
            return None

    def __str__(self) -> str:
        return "\n".join(f"{label:<12} {text}" for label, text in self.lines())

    def _repr_html_(self) -> str:
        return html_table(self.lines())

    def lines(self) -> list[tuple[str, str]]:
        """Give the note as pairs of label and text, as it prints.

        Returns
        -------
        list of tuple
        """
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


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 63


def _is_filter(value: object) -> bool:
    """Whether it is an object of JSON values, no deeper than pandas can copy; a filter's are lists at most."""
    level: list[Any] = [value] if isinstance(value, dict) else []
    for _ in range(_DEEPEST if level else 0):
        keys = (key for each in level if isinstance(each, dict) for key in each)
        if not all(isinstance(key, str) for key in keys):
            return False
        inner = (each.values() if isinstance(each, dict) else each for each in level)
        level = [each for values in inner for each in values if isinstance(each, dict | list | tuple)]
        if not level:
            return True
    return False


def _is_texts(value: object) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(each, str) for each in value)


_IS_VALID: Final = {
    "base_url": _is_text,
    "filter": _is_filter,
    "columns": lambda value: value is None or _is_texts(value),
    "limit": lambda value: value is None or _is_whole(value),
    "include": _is_texts,
    "page_size": _is_whole,
    "started_at": _is_text,
    "finished_at": _is_text,
    "verdict": _is_text,
    "version": _is_text,
    "rows": lambda value: value is None or _is_whole(value),
    "frame_rows": lambda value: value is None or _is_whole(value),
    "filter_redacted": _is_texts,
    "privacy": _is_texts,
    "tenant": _is_text,
}
