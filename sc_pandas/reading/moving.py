"""Reading a list by creation dates, or twice until equal: for lists that are not sorted by id.

*Closed list*: a list that is bounded above by a past moment can only shrink, so distinct ids that are as many as its
total said before are all of it, in whatever order the pages come.  Assumed: nobody is created backdated.  It is cut by
creation dates into parts of some pages, so one who leaves costs one of them.

*Windows*: each fits one response, which is of one instant.  Assumed: creation dates do not change.

Where a read is cut and what a window holds is decided in `windows`, who is proven in `judge`; here is who asks.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from sc_pandas.client import Page
from sc_pandas.contract import Dialect
from sc_pandas.filters import CustomerFilter
from sc_pandas.reading.counted import AnyOrder, is_the_whole
from sc_pandas.reading.judge import (
    CLOSED_LIST,
    NOT_VERIFIED,
    PASSES,
    TWO_EQUAL_READS,
    WINDOWS,
    Judgement,
    PageSeen,
    compare_passes,
    fell,
    page_seen,
    weakest,
)
from sc_pandas.reading.plan import PagePlan
from sc_pandas.reading.windows import FURTHEST_ZONE, Window, WindowPlan

if TYPE_CHECKING:
    from sc_pandas.reading.fetch import ListRead
    from sc_pandas.reading.ways import Rows

# So often it is counted who was there before, until nobody joined meanwhile.
_TRIES: Final = 40
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
            if not self._have_dates(None if self._one.may_join else past):
                if not closed or past is None or past.rest is None:
                    raise unproven("undated", "somebody has no creation date, so dates cannot find all")
                self._by_count(past, past.rest)
                return self._finished()
            self._windows(Window() if past is None else past.window, _PAGES if closed else 1)
            if past is not None:
                if closed and self._ids.issuperset(past.behind.items.ids.tolist()):
                    raise unproven("closed_list", "whoever stands behind the bound stands before it, too")
                if past.rest is not None and len(past.behind.items) >= past.behind.total:
                    self._take([(Place(past.rest), past.behind)])
                elif past.rest is not None:
                    self._windows(past.rest)
        except UnprovenError as error:
            return error.judgement
        return self._finished()

    def _finished(self) -> Judgement:
        judgement = Judgement(weakest(self._verdicts), expected=self._total)
        if TWO_EQUAL_READS not in self._verdicts:
            self._one.finish(judgement, self._given)
        return judgement

    def _by_count(self, past: _Past, rest: Window) -> None:
        """Read all pages as they stand: proven if as many came who were there before as can have been there.

        Nobody joins those whom the rest does not hold, the undated among them, so they can only become fewer.
        """
        _, old = self._without(rest, _TRIES)
        judge = AnyOrder(self._one.ask_of(self._question, 1), may_join=False)
        with self._one.crew() as crew:
            for runs in judge.phases():
                for ask, page in crew.drive(runs, self._one.ask):
                    self._one.progress.advance()
                    self._rows.add(page.items)
                    self._given.append(self._one.place_of(ask))
        self._windows(rest)
        late = np.union1d(past.behind.items.ids, np.fromiter(self._ids, np.int64))
        came = np.setdiff1d(judge.ids, late)
        if judge.trouble is not None:
            raise UnprovenError(judge.trouble)
        if len(came) != old or self._without(rest)[0] > old or (came > late.min()).any():
            # Also where one newcomer was seen who has left again, and could stand for one who was not.
            raise unproven("undated", f"{old:,} customers were there before and {len(came):,} of them came")
        if judge.fallen_to is not None:
            self._tell_fall(past, judge.highest_total, judge.fallen_to)
        self._verdicts.append(CLOSED_LIST)

    def _without(self, rest: Window, tries: int = 1) -> tuple[int, int]:
        """Count those whom a window does not hold: at least and at most so many, by who joined it meanwhile."""
        most = 2**63
        before = self._one.ask_of(rest.of(self._question), 1)
        for _try in range(tries):
            total = self._one.ask_of(self._question, 1).total
            after = self._one.ask_of(rest.of(self._question), 1)
            most = min(most, total - before.total)
            if before.total == after.total and np.array_equal(before.items.ids, after.items.ids):
                return total - after.total, total - after.total
            before = after
        return total - after.total, most

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
        plan = WindowPlan(self._question, self._served, self._began, narrowest, [window], self._served * pages)
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
                elif len(page.items) >= page.total:
                    # So many have left that one response holds the rest.
                    self._take([(place, page)])
                elif page.total <= self._served:
                    plan.split(place.window, page.total)
                else:
                    again.append((place.window, page))
        return again

    def _is_all(self, seen: Sequence[tuple[Place, Page]]) -> bool:
        """Return whether distinct ids are as many as the total that was told before any other page was asked."""
        if any(page.total > seen[0][1].total for _, page in seen):
            raise unproven("closed_list", "customers join with creation dates of days before")
        if not seen[0][1].from_cache and any(page.from_cache for _, page in seen):
            return False
        return len({each for _, page in seen for each in page.items.ids.tolist()}) == seen[0][1].total

    def _take(self, seen: Sequence[tuple[Place, Page]]) -> None:
        for place, page in seen:
            self._ids.update(page.items.ids.tolist())
            self._rows.add(page.items)
            if page.items:
                self._given.append(place)

    def _have_dates(self, past: _Past | None) -> bool:
        """Return whether everybody has a creation date: asked with a far date and without, the counts agree."""
        if self._question.created_on_from is not None or self._question.created_on_to is not None:
            return True
        far = self._began.replace(second=0, microsecond=0) + 365 * FURTHEST_ZONE
        dated = replace(self._question, created_on_to=far)
        closed = None if past is None else past.window.of(self._question)
        counts: dict[CustomerFilter, list[int]] = {}

        def total_of(question: CustomerFilter) -> int:
            counts.setdefault(question, []).append(total := self._one.ask_of(question, 1).total)
            return total

        is_whole = is_the_whole(dated, self._question, total_of, closed)
        if past is not None and closed is not None:
            old = counts.pop(closed)
            if max(old) > old[0]:
                raise unproven("closed_list", "customers join with creation dates of days before")
            falls = [two for totals in counts.values() for two in pairwise(totals) if two[1] < two[0]]
            if falls and min(old) == old[0]:
                self._tell_fall(past, *falls[0])
        if is_whole is None:
            raise unproven("undated", "customers join too fast to count whether somebody has no creation date")
        return is_whole

    def _tell_fall(self, past: _Past, before: int, after: int) -> None:
        """Note a total that fell although nobody left, as far as those show who stood behind the bound."""
        rest = past.window if past.rest is None else past.rest
        for _look in range(PASSES):
            now = self._one.ask_of(rest.of(self._question), 1)
            if now.total > len(now.items) or np.isin(past.behind.items.ids, now.items.ids).all():
                self._one.note_stale(fell(before, after))
                return

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
            seen = [page_seen(number, page) for number, page in enumerate(pages, start=1)]
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
