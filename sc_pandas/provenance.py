"""Where a frame came from: a small, JSON-safe note that travels in ``df.attrs`` and in Parquet files.

It is an allow-list: of a frame's attrs nothing but these fields is ever exported.
"""

import html
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final, Self
from urllib.parse import urlsplit, urlunsplit

ATTRS_KEY: Final = "sellercloud"


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
    finished_at : str
        When the read ended, ISO 8601, UTC.
    verdict : str
        The judgement on completeness, ``"proven (bookends)"`` or ``"not verified"`` for example.
    version : str
        Version of sc_pandas that read.

    Raises
    ------
    TypeError, ValueError
        If the filter is not made of JSON values.

    Examples
    --------
    >>> note = Provenance(base_url="https://tt.api.example", filter={"city": "Brno"}, page_size=50,
    ...                   finished_at="2026-01-05T10:00:00+00:00", verdict="proven (bookends)", version="0.1.0")
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
    finished_at: str = ""
    verdict: str = "not verified"
    version: str = ""

    def __post_init__(self) -> None:
        parts = urlsplit(self.base_url)
        bare = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
        object.__setattr__(self, "base_url", bare)
        object.__setattr__(self, "filter", json.loads(json.dumps(self.filter, allow_nan=False)))
        object.__setattr__(self, "columns", None if self.columns is None else tuple(self.columns))
        object.__setattr__(self, "include", tuple(self.include))

    @property
    def is_verified(self) -> bool:
        """Whether the rows were proven to be complete."""
        return self.verdict.startswith("proven")

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
            "include": list(self.include),
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
        note = attrs.get(ATTRS_KEY)
        return cls._from_note(note) if isinstance(note, Mapping) else None

    def to_json(self) -> str:
        """Give the note as JSON text, keys sorted: equal notes give equal text."""
        return json.dumps(self.to_attrs(), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self | None:
        """Read what `to_json` gave; None where it is damaged."""
        try:
            note = json.loads(text)
        except ValueError:
            return None
        return cls._from_note(note) if isinstance(note, Mapping) else None

    @classmethod
    def _from_note(cls, note: Mapping[str, Any]) -> Self | None:
        known = {each.name: note[each.name] for each in fields(cls) if each.name in note}
        if "base_url" not in known or not all(_IS_VALID[name](value) for name, value in known.items()):
            return None
        try:
            return cls(**known)
        except (TypeError, ValueError):
            return None

    def __str__(self) -> str:
        return "\n".join(f"{label:<12} {text}" for label, text in self._lines())

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th style='text-align:left'>{html.escape(label)}</th>"
            f"<td style='text-align:left'>{html.escape(text)}</td></tr>"
            for label, text in self._lines()
        )
        return f"<table>{rows}</table>"

    def _lines(self) -> list[tuple[str, str]]:
        asked = ", ".join(f"{name}={value!r}" for name, value in self.filter.items())
        return [
            ("server", self.base_url),
            ("filter", asked or "none: all customers"),
            ("columns", "all" if self.columns is None else ", ".join(self.columns)),
            ("limit", "none" if self.limit is None else f"{self.limit:,} rows"),
            ("include", ", ".join(self.include) or "nothing more"),
            ("page size", str(self.page_size)),
            ("finished at", self.finished_at),
            ("verdict", self.verdict),
            ("sc_pandas", self.version),
        ]


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_texts(value: object) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(each, str) for each in value)


_IS_VALID: Final = {
    "base_url": _is_text,
    "filter": lambda value: isinstance(value, Mapping) and all(isinstance(key, str) for key in value),
    "columns": lambda value: value is None or _is_texts(value),
    "limit": lambda value: value is None or _is_whole(value),
    "include": _is_texts,
    "page_size": _is_whole,
    "finished_at": _is_text,
    "verdict": _is_text,
    "version": _is_text,
}
