"""True if what was read is complete: pure functions of the pages that were seen."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from sc_pandas.client import Page
from sc_pandas.contract import Ids
from sc_pandas.errors import PagingDriftError
from sc_pandas.reading.plan import PagePlan

ONE_RESPONSE: Final = "proven (one response)"
ORDER: Final = "proven (order)"
CLOSED_LIST: Final = "proven (closed list)"
# Of the first rows of a list, and of whole ones that an earlier edition read.
BOOKENDS: Final = "proven (bookends)"
WINDOWS: Final = "proven (windows)"
TWO_EQUAL_READS: Final = "proven (two equal reads)"
NOT_VERIFIED: Final = "not verified"
PASSES: Final = 4


@dataclass(frozen=True, slots=True, eq=False)
class PageSeen:
    """The ids of one page as they came, how many rows it has, with an id or without, and its total."""

    number: int
    ids: Ids
    rows: int
    total: int

    def repeats(self, other: "PageSeen") -> bool:
        """Return whether this page has the ids of another, in their order."""
        return self.rows == other.rows and np.array_equal(self.ids, other.ids)


@dataclass(frozen=True, slots=True)
class Judgement:
    """`verdict` is one of the verdicts above; `reason` is that of `PagingDriftError` where nothing was proven."""

    verdict: str
    reason: str = ""
    says: str = ""
    expected: int | None = None
    got: int | None = None
    missing: tuple[int, ...] = ()
    extra: tuple[int, ...] = ()

    @property
    def is_proven(self) -> bool:
        """True if the answer is complete."""
        return self.verdict != NOT_VERIFIED

    def error(self) -> PagingDriftError:
        """Return the error for an answer that had to be proven and was not."""
        return PagingDriftError(
            f"This list of customers could not be proven complete: {self.says}. Nothing is returned. Ask again, or "
            'take what one pass sees, marked as not verified, with consistency="fast".',
            reason=self.reason,
            expected=self.expected,
            got=self.got,
            missing=self.missing,
            extra=self.extra,
        )


def page_seen(number: int, page: Page) -> PageSeen:
    """Note the ids of a page."""
    return PageSeen(number, page.items.ids, len(page.items), page.total)


def judge_bookends(plan: PagePlan, pages: Sequence[PageSeen], again: Sequence[PageSeen]) -> Judgement:
    """Judge a read whose first and last page were asked again after all others.

    Proven are: equal totals on every page, the announced number of rows, distinct ids that rise (or fall) through all
    pages, and both bookends unchanged.  It rests on one assumption: whoever joins the list during the read gets the
    highest id.  A new customer does; one who comes to match a filter by a change may not, which windows (strict) see.
    """
    ids, rows = np.concatenate([page.ids for page in pages]), sum(page.rows for page in pages)
    # Without its counts `np.unique` hashes, which takes thirty times as long.
    distinct, times = np.unique(ids, return_counts=True)
    announced, got = plan.rows, len(distinct)
    totals = {page.total for page in (*pages, *again)}
    doubled = tuple(distinct[times > 1].tolist())
    first_seen = {page.number: page for page in pages}
    short = rows < announced or (plan.limit is None and rows != announced)
    is_sorted = np.all(ids[1:] > ids[:-1]) or np.all(ids[1:] < ids[:-1])
    has_changed = not all(page.repeats(first_seen[page.number]) for page in again)
    moved = f"its total moved between {min(totals):,} and {max(totals):,} during the read"
    troubles = [
        (len(totals) > 1, "total_moved", moved),
        (rows > len(ids), "no_key", "rows without an id cannot be told apart"),
        (bool(doubled), "repeated_ids", f"{len(doubled):,} customers came twice, so others were missed"),
        (short, "row_count", f"{announced:,} customers were announced and {rows:,} came"),
        (not is_sorted, "unordered_ids", "the server does not sort by id, so a gap could not be seen"),
        (has_changed, "bookend_moved", "its first or last page had changed when it was asked again"),
    ]
    for seen, reason, says in troubles:
        if seen:
            return Judgement(NOT_VERIFIED, reason, says, expected=announced, got=got, extra=doubled)
    return Judgement(BOOKENDS, expected=announced, got=got)


def compare_passes(earlier: Sequence[PageSeen] | None, later: Sequence[PageSeen]) -> Judgement:
    """Judge two passes over the same list: proven are equal, whole ones without a double."""
    passes = (np.concatenate([page.ids for page in each]) for each in (earlier or later, later))
    before, now = (np.unique(ids, return_counts=True)[0] for ids in passes)
    announced = later[0].total
    missing = tuple(np.setdiff1d(before, now, assume_unique=True).tolist())
    extra = tuple(np.setdiff1d(now, before, assume_unique=True).tolist())
    whole = {page.total for page in later} == {announced} and len(now) == sum(page.rows for page in later) == announced
    if earlier is not None and whole and not missing and not extra and earlier[0].total == announced:
        return Judgement(TWO_EQUAL_READS, expected=announced, got=len(now))
    says = f"{PASSES} passes over its pages never gave the same customers twice in a row"
    return Judgement(
        NOT_VERIFIED, "unequal_reads", says, expected=announced, got=len(now), missing=missing, extra=extra
    )


def satisfies(verdict: str, consistency: str) -> bool:
    """Return whether a kept answer with this verdict is good enough: strict reads do not rest on the order of ids."""
    if consistency == "fast":
        return True
    return verdict not in {"", NOT_VERIFIED} and not (consistency == "strict" and verdict in {BOOKENDS, ORDER})


def weakest(verdicts: Sequence[str]) -> str:
    """Return the verdict of a union: the weakest of its reads'."""
    for verdict in (NOT_VERIFIED, TWO_EQUAL_READS, BOOKENDS, ORDER, CLOSED_LIST, WINDOWS):
        if verdict in verdicts:
            return verdict
    return ONE_RESPONSE


def fell(before: int, after: int) -> str:
    """Return what a total says that fell between two calls one after the other, although nobody left."""
    return (
        f"the total fell from {before:,} to {after:,} although nobody left: a copy of the list that lags behind, or a "
        "cache on the way, has answered, and nothing is proven by that"
    )
