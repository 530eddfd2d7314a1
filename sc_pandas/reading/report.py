"""The result of a read: the table, and the report that says how far it can be trusted."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

import pandas as pd
import pyarrow as pa

from sc_pandas.provenance import ATTRS_KEY, Provenance
from sc_pandas.reading.judge import (
    BOOKENDS,
    CLOSED_LIST,
    NOT_VERIFIED,
    ONE_RESPONSE,
    ORDER,
    TWO_EQUAL_READS,
    WINDOWS,
)
from sc_pandas.tables import Coercion, DtypeBackend, to_pandas
from sc_pandas.wording import html_table

_MEANS = {
    ONE_RESPONSE: "the whole answer came in one response",
    ORDER: "pages were asked in an order in which no customer who stays can be missed; it assumes that customers who "
    "joined the list meanwhile have the highest ids",
    CLOSED_LIST: "as many distinct customers came as a list that can only shrink had at first; it assumes that no "
    "customer was created with a creation date of days before",
    BOOKENDS: "totals stayed equal, ids rise or fall without a double, and the first and last page had not changed at "
    "the end; it assumes that customers who joined the list meanwhile have the highest ids",
    WINDOWS: "each customer was read in a response of one instant, by creation date; it assumes that creation dates do "
    "not change",
    TWO_EQUAL_READS: "two passes over all pages gave the same customers; a change that undid itself between them could "
    "hide",
    NOT_VERIFIED: "one pass over the pages; customers may be missing or have moved while it ran",
}


@dataclass(frozen=True, slots=True)
class IncludeGap:
    """A customer for whom an included value is not known; it is null in the frame.

    Attributes
    ----------
    user_id : int
        Whose.
    include : tuple of str
        What is missing, as `include=` calls it.
    reason : str
        Why: the status of the answer, or the values that contradict each other.
    """

    user_id: int
    include: tuple[str, ...]
    reason: str


@dataclass(frozen=True, kw_only=True)
class ReadReport:
    """How a read went.

    Attributes
    ----------
    verdict : str
        ``"proven (one response)"``, ``"proven (order)"``, ``"proven (closed list)"``, ``"proven (windows)"``,
        ``"proven (two equal reads)"`` or ``"not verified"``; of the first rows of a list, and of files of an earlier
        edition, also ``"proven (bookends)"``.
    calls, calls_saved : int
        Calls made to the server (logins and repeated calls counted), and answers that the cache gave instead.
    pages : int
        Pages that the rows came from.
    rows : int
        Rows in the table.
    doubles_dropped : int
        Rows that came more than once (the same id); one of each is in the table.
    rows_without_key : int
        Rows without an id: they are in the table, and nothing can be said of doubles among them.
    coercions : tuple of Coercion
        Values that did not fit their column's type; they are null in the table and here in full.
    undocumented : tuple of str
        Keys of the server that no public page documents; they are columns.
    drift : tuple of tuple of str
        Custom columns that are new, or came in another type than before, and what is to be said of each.
    gaps : tuple of IncludeGap
        Customers for whom something that was to be included could not be read, or came under several values.
    notes : tuple of str
        What else was seen, in words.
    started_at, finished_at : datetime.datetime
        When the rows were read from the server, UTC; a cached answer keeps its own times.
    """

    verdict: str
    calls: int = 0
    calls_saved: int = 0
    pages: int = 0
    rows: int = 0
    doubles_dropped: int = 0
    rows_without_key: int = 0
    coercions: tuple[Coercion, ...] = ()
    undocumented: tuple[str, ...] = ()
    drift: tuple[tuple[str, str], ...] = ()
    gaps: tuple[IncludeGap, ...] = ()
    notes: tuple[str, ...] = ()
    started_at: datetime
    finished_at: datetime

    @property
    def is_proven(self) -> bool:
        """True if the rows were proven to be complete."""
        return self.verdict != NOT_VERIFIED

    def _lines(self) -> list[tuple[str, str]]:
        doubles, no_key, misfits, gaps = self.doubles_dropped, self.rows_without_key, self.coercions, self.gaps
        lines = {
            "rows": f"{self.rows:,} from {self.pages:,} pages",
            "verdict": f"{self.verdict}: {_MEANS.get(self.verdict, '')}",
            "calls": f"{self.calls:,} made, {self.calls_saved:,} saved by the cache",
            "read at": f"{self.finished_at:%Y-%m-%d %H:%M:%S} UTC",
            "doubles": f"{doubles:,} rows came more than once" if doubles else "",
            "no id": f"{no_key:,} rows; doubles among them cannot be seen" if no_key else "",
            "did not fit": f"{len(misfits):,} values, see report.coercions" if misfits else "",
            "undocumented": ", ".join(self.undocumented),
            "columns": "; ".join(map(" ".join, self.drift)),
            "gaps": f"{len(gaps):,} customers lack what was to be included, see report.gaps" if gaps else "",
        }
        return [*((name, text) for name, text in lines.items() if text), *(("note", note) for note in self.notes)]

    def __str__(self) -> str:
        return "\n".join(f"{name:<13}{text}" for name, text in self._lines())

    def _repr_html_(self) -> str:
        return html_table(self._lines())


class Verdict(str):
    """The verdict in a frame's attrs, with the report that it sums up.

    The report lives as long as frames of its read do, in this process: it holds raw values, so a pickle, a file and
    JSON get the text alone.
    """

    __slots__ = ("report",)
    report: ReadReport

    @classmethod
    def of(cls, report: ReadReport) -> Self:
        """Return the verdict of a report."""
        verdict = cls(report.verdict)
        verdict.report = report
        return verdict

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        return str, (str(self),)


@dataclass(frozen=True, kw_only=True, repr=False)
class CustomerRead:
    """The result of a run.

    Attributes
    ----------
    table : pyarrow.Table
        Unique by ``user_id`` and sorted by it; see `to_pandas` for columns and types.
    report : ReadReport
        How the read went.
    provenance : Provenance
        Where the rows came from; travels with the frame and the file.
    dtype_backend : str
        The dtypes of `to_pandas`, as the query was asked for them.
    """

    table: pa.Table = field(repr=False)
    report: ReadReport
    provenance: Provenance
    dtype_backend: DtypeBackend = "pyarrow"

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def __repr__(self) -> str:
        return f"<CustomerRead: {len(self):,} customers, {self.report.verdict}>"

    def to_pandas(self) -> pd.DataFrame:
        """Return the rows as a DataFrame.

        Returns
        -------
        pandas.DataFrame
            Shape ``(n, columns)``, RangeIndex, every dtype a `pandas.ArrowDtype` and missing values `pandas.NA` (or as
            `dtype_backend` says), and ``attrs["sellercloud"]`` with the provenance.
        """
        frame = to_pandas(self.table, self.dtype_backend)
        frame.attrs[ATTRS_KEY] = self.provenance.to_attrs() | {"verdict": Verdict.of(self.report)}
        return frame
