"""Reading a list by creation dates, or twice until equal: for lists that are not sorted by id.

*Closed list*: a list that is bounded above by a past moment can only shrink, so distinct ids that are as many as its
total said before are all of it, in whatever order the pages come.  Assumed: nobody is created backdated.  It is cut by
creation dates into parts of some pages, so one who leaves costs one of them.

*Windows*: each fits one response, which is of one instant.  Assumed: creation dates do not change.

Where a read is cut and what a window holds is decided in `windows`, who is proven in `judge`; here is who asks.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Final

from sc_pandas.client import Page
from sc_pandas.contract import Dialect
from sc_pandas.filters import CustomerFilter
from sc_pandas.reading.judge import (
    CLOSED_LIST,
    NOT_VERIFIED,
    PASSES,
    TWO_EQUAL_READS,
    WINDOWS,
    Judgement,
    PageSeen,
    compare_passes,
    page_seen,
    weakest,
)
from sc_pandas.reading.order import ids_of
from sc_pandas.reading.plan import PagePlan
from sc_pandas.reading.windows import FURTHEST_ZONE, Window, WindowPlan

if TYPE_CHECKING:
    from sc_pandas.reading.fetch import ListRead
    from sc_pandas.reading.ways import Rows

_TRIES: Final = 5
_TRIES_OF_CLOSED: Final = 200
# Where the whole has outgrown its part by more than 3 in each of so many pairs, waiting for one that has not is vain.
_VAIN: Final = 12
# Pages of a part of a closed list: one who leaves costs them again, and each part half a page.
_PAGES: Final = 20
# How far a bound is moved back until somebody stands behind it.
_BACK: Final = tuple(timedelta(days=days) for days in (0, 1, 4, 16, 64, 256, 1024, 4096))


@dataclass(frozen=True, slots=True)
class Place:
    """One page of a window; a `look` names another look at it."""

    window: Window
    number: int = 1
    look: str = ""


@dataclass(frozen=True, slots=True)
class _Past:
    """What lies before a bound, what of the list lies behind it, and who was seen behind it at the beginning."""

    window: Window
    rest: Window | None
    behind: Page


class UnprovenError(Exception):
    """A way of reading could not prove its answer; the next one is tried."""

    def __init__(self, judgement: Judgement) -> None:
        super().__init__(judgement.says)
        self.judgement = judgement


def unproven(reason: str, says: str) -> UnprovenError:
    """Return the error of a way that cannot prove this list."""
    return UnprovenError(Judgement(NOT_VERIFIED, reason, says))


def is_the_whole(
    part: CustomerFilter,
    whole: CustomerFilter,
    total_of: Callable[[CustomerFilter], int],
    closed: CustomerFilter | None = None,
) -> bool | None:
    """Return whether nobody of a whole is outside a part of it, though both move; None where it cannot be counted.

    Counted by turns: whole, part, whole, part, ….  If nobody left meanwhile, those outside are at most as many as the
    whole has more than the part had before it, and at least as many as it had more than the part has after it.

    Parameters
    ----------
    part, whole
        What is counted.
    total_of
        Counts it.
    closed
        What of the part can only shrink: counted before and after, it tells how many left, so one pair of counts is
        a proof.  (Of whoever is newer, nobody may leave between the two.)  Without it pairs must agree twice, or four
        times where one contradicted.
    """
    agreed = contradicted = 0
    is_linear, fell, closest = True, False, 2**63
    before = earlier_before = 0 if closed is None else total_of(closed)
    after = total_of(whole)
    for turn in range(1, (2 * _TRIES if closed is None else _TRIES_OF_CLOSED) + 1):
        earlier, found, after = after, total_of(part), total_of(whole)
        before_both = before
        if closed is not None and (fell or after <= found or found < earlier):
            before = min(before, total_of(closed))
            fell |= before < before_both
        most = (after - before) - (found - before_both)
        contradicted += (earlier - earlier_before) - (found - before) > 0
        agreed += most <= 0
        closest = min(closest, most)
        is_linear &= 2 * found == earlier + after
        earlier_before = before_both
        if closed is not None and contradicted:
            return False
        needed = 1 if closed is not None else 4 if contradicted else 2
        if agreed >= needed or (closed is None and earlier == found == after) or (is_linear and turn == _TRIES):
            return True
        if contradicted >= _TRIES:
            return False
        if turn == _VAIN and closest > 3:
            break
    return None


class MovingRead:
    """Reads one list so that its moving does no harm; `rows` takes what came."""

    def __init__(self, one: "ListRead", first: Page, rows: "Rows") -> None:
        self._one = one
        self._question = one.question
        self._rows = rows
        self._served = len(first.items)
        self._total = first.total
        # The latest moment that is past whatever the server's zone, UTC without zone.
        self._began = one.past(first)
        self._given: list[Place] = []
        self._verdicts = [WINDOWS]
        self._ids: set[int] = set()

    def by_dates(self, *, closed: bool) -> Judgement:
        """Read all windows of creation dates; `closed` where what is bounded above can only shrink."""
        try:
            past = self._past(closed=closed)
            if closed and past is None:
                raise unproven("closed_list", "nobody stands behind any bound, so none is known to be past")
            self._check_dates(None if past is None or self._one.may_join else past.window)
            self._windows(Window() if past is None else past.window, _PAGES if closed else 1)
            if past is not None:
                if closed and self._ids.issuperset(ids_of(past.behind).tolist()):
                    raise unproven("closed_list", "whoever stands behind the bound stands before it, too")
                if past.rest is not None and len(past.behind.items) >= past.behind.total:
                    self._take([(Place(past.rest), past.behind)])
                elif past.rest is not None:
                    self._windows(past.rest)
        except UnprovenError as error:
            return error.judgement
        judgement = Judgement(weakest(self._verdicts), expected=self._total)
        if TWO_EQUAL_READS not in self._verdicts:
            self._one.finish(judgement, pages=len(self._given), places=self._given)
        return judgement

    def _past(self, *, closed: bool) -> "_Past | None":
        """Find a bound that somebody stands behind, so that it is past; None where nobody is found."""
        start, end = self._question.created_on_from, self._question.created_on_to
        moment = self._began.replace(second=0, microsecond=0)
        for back in _BACK if closed else _BACK[:4]:
            bound = moment - back
            if start is not None and bound <= start:
                return None
            if end is not None and end <= bound:
                # The list itself ends before it.
                behind = self._one.ask_of(replace(self._question, created_on_from=bound, created_on_to=None), 1)
                past = _Past(Window(), None, behind)
            else:
                rest = Window(bound)
                past = _Past(Window(None, bound), rest, self._one.ask_place(Place(rest)))
            if past.behind.items:
                return past
        return None

    def _windows(self, window: Window, pages: int = 1) -> None:
        """Read a window, and where it holds more than some pages its parts."""
        narrowest = timedelta(seconds=1) if self._one.dialect is Dialect.SWAGGER else timedelta(minutes=1)
        plan = WindowPlan(self._question, self._served, self._began, narrowest, [window])
        plan.holds = self._served * pages
        while plan.waiting:
            several: list[tuple[Window, Page]] = []
            with self._one.crew() as crew:
                for place, page in crew.in_order([Place(window) for window in plan.take()], self._one.ask_place):
                    self._one.progress.advance()
                    plan.tell(place.window, page.total)
                    if len(page.items) >= page.total:
                        self._take([(place, page)])
                    elif page.total > plan.holds or page.total <= self._served:
                        # Too many for a window, or a page that came short of its own total.
                        plan.split(place.window, page.total)
                    else:
                        several.append((place.window, page))
            for turn in range(PASSES):
                several = self._look(plan, several, turn)
            for still_moving, page in several:
                plan.split(still_moving, page.total)
            for split in plan.too_many():
                now = self._one.ask_of(split.window.of(self._question), 1).total
                if split.told > 2 * max(split.total, now) + self._served:
                    raise unproven("windows", "the server does not narrow its answers by creation date")
        self._close(plan)

    def _close(self, plan: WindowPlan) -> None:
        """Read what could not be split, and make sure that no border between windows hides anybody."""
        for window in plan.unsplittable:
            self._verdicts.append(TWO_EQUAL_READS)
            for page in self._twice(window.of(self._question)):
                self._rows.add(page.items)
        for split in plan.doubtful():
            if split.told < self._one.ask_of(split.window.of(self._question), 1).total:
                raise unproven("windows", "windows of creation dates add up to fewer customers than the whole")

    def _look(self, plan: WindowPlan, several: list[tuple[Window, Page]], turn: int) -> list[tuple[Window, Page]]:
        """Read windows of several pages, from the last page to the second; give those from which somebody left.

        In a fixed order, whoever leaves moves others to pages that are still to be asked; to page 1, which was asked
        before them, only where somebody left, and then it is asked again.
        """
        look = f"{turn}" if turn else ""
        firsts, seen = dict(several), dict[Window, list[tuple[Place, Page]]]()
        places = [
            Place(window, number, look)
            for window, first in several
            for number in range(PagePlan(first.total, self._served).last, 1, -1)
        ]
        moved: list[Window] = []
        with self._one.crew() as crew:
            for window, pages in groupby(crew.in_order(places, self._one.ask_place), lambda each: each[0].window):
                seen[window] = [(Place(window, 1, look), firsts[window])]
                for place, page in pages:
                    self._one.progress.advance()
                    seen[window].append((place, page))
                if self._is_all(seen[window]):
                    self._take(seen.pop(window))
                    self._verdicts.append(CLOSED_LIST)
                elif {page.total for _, page in seen[window]} == {firsts[window].total}:
                    # Nobody left, and yet some did not come: the order is not fixed.
                    plan.holds = self._served
                    plan.split(window, seen.pop(window)[0][1].total)
                else:
                    moved.append(window)
            again = []
            firsts_again = [Place(window, 1, f"{turn + 1}") for window in moved]
            for place, page in crew.in_order(firsts_again, self._one.ask_place):
                self._one.progress.advance()
                seen[place.window].append((place, page))
                if self._is_all(seen[place.window]):
                    self._take(seen.pop(place.window))
                    self._verdicts.append(CLOSED_LIST)
                else:
                    again.append((place.window, page))
        return again

    def _is_all(self, seen: Sequence[tuple[Place, Page]]) -> bool:
        """Return whether distinct ids are as many as the total that was told before any other page was asked."""
        if any(page.total > seen[0][1].total for _, page in seen):
            raise unproven("closed_list", "customers join with creation dates of days before")
        if not seen[0][1].from_cache and any(page.from_cache for _, page in seen):
            return False
        return len({each for _, page in seen for each in ids_of(page).tolist()}) == seen[0][1].total

    def _take(self, seen: Sequence[tuple[Place, Page]]) -> None:
        for place, page in seen:
            self._ids.update(ids_of(page).tolist())
            self._rows.add(page.items)
            if page.items:
                self._given.append(place)

    def _check_dates(self, closed: Window | None) -> None:
        """Make sure that nobody is without a creation date: asked with a far date and without, the counts agree."""
        if self._question.created_on_from is not None or self._question.created_on_to is not None:
            return
        far = self._began.replace(second=0, microsecond=0) + 365 * FURTHEST_ZONE
        dated = replace(self._question, created_on_to=far)
        past = None if closed is None else closed.of(self._question)
        found = is_the_whole(dated, self._question, lambda question: self._one.ask_of(question, 1).total, past)
        if found is None:
            raise unproven("undated", "customers join too fast to count whether somebody has no creation date")
        if not found:
            raise unproven("undated", "somebody has no creation date, so dates cannot find all")

    def twice(self) -> Judgement:
        """Read all pages again and again until two passes are equal, four times at most."""
        try:
            for page in self._twice(self._question):
                self._rows.add(page.items)
        except UnprovenError as error:
            return error.judgement
        return Judgement(TWO_EQUAL_READS, expected=self._total)

    def _twice(self, asked: CustomerFilter) -> list[Page]:
        earlier: list[PageSeen] | None = None
        judgement = Judgement(NOT_VERIFIED)
        for _pass in range(PASSES):
            pages = list(self._pass(asked))
            seen = [page_seen(number, page.items, page.total) for number, page in enumerate(pages, start=1)]
            judgement = compare_passes(earlier, seen)
            if judgement.is_proven:
                return pages
            earlier = seen
        raise UnprovenError(judgement)

    def _pass(self, question: CustomerFilter) -> Iterator[Page]:
        first = self._one.ask_of(question, 1)
        self._one.progress.advance()
        yield first
        numbers: Sequence[int] = range(2, PagePlan(first.total, self._served).last + 1)
        with self._one.crew() as crew:
            for _number, page in crew.in_order(numbers, lambda n: self._one.ask_of(question, n)):
                self._one.progress.advance()
                yield page
