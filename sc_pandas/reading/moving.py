"""Reading a list by creation dates, or twice until equal: for lists that are not sorted by id.

*Closed list*: a list that is bounded above by a past moment can only shrink, so distinct ids that are as many as its
total said before are all of it, in whatever order the pages come.  Assumed: nobody is created backdated.  It is cut by
creation dates into parts of a few pages, so that one who leaves costs one of them.

*Windows*: each fits one response, which is of one instant.  Assumed: creation dates do not change.

Where a read is cut and what a window holds is decided in `windows`, who is proven in `judge`; here is who asks.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from sc_pandas.client import Page
from sc_pandas.filters import CustomerFilter
from sc_pandas.reading.crew import Crew
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
)
from sc_pandas.reading.order import ids_of
from sc_pandas.reading.plan import PagePlan
from sc_pandas.reading.windows import FURTHEST_ZONE, Window, WindowPlan

_TRIES: Final = 5
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
    part: CustomerFilter, whole: CustomerFilter, total_of: Callable[[CustomerFilter], int], tries: int = _TRIES
) -> tuple[bool, int, int]:
    """Return whether nobody of a whole is outside a part of it, though both move: counted between two of the whole.

    Returns
    -------
    tuple
        Whether it is so, and the last counts of the part and of the whole.
    """
    agreed = contradicted = 0
    is_linear = True
    after = total_of(whole)
    for turn in range(1, tries + 1):
        before, found, after = after, total_of(part), total_of(whole)
        if before == found == after:
            return True, found, after
        # A growing whole is not larger than a part that holds all of it where nobody comes between two counts, and a
        # part that holds all of it is in the middle of a whole that grows with each. Once may be chance: one came and
        # one left.
        contradicted += before > found
        agreed += max(before, after) <= found
        is_linear &= 2 * found == before + after
        if agreed >= (4 if contradicted else 2) or (is_linear and turn == _TRIES):
            return True, found, after
        if contradicted >= _TRIES:
            break
    return False, found, after


@dataclass
class MovingRead:
    """Reads one list so that its moving does no harm.

    Parameters
    ----------
    question
        What is asked.
    served, total
        Rows of a full page, and customers of the list, as page 1 said.
    ask
        Asks one page of any question, of the server and not of the cache.
    ask_place
        Asks a page of a window, which may be kept.
    crew
        Makes who asks several at once.
    give
        Takes the rows of a page, and where it stands if it is kept.
    advance
        Is told of each page.
    """

    question: CustomerFilter
    served: int
    total: int
    ask: Callable[[CustomerFilter, int], Page]
    ask_place: Callable[[Place], Page]
    crew: Callable[[], AbstractContextManager[Crew]]
    give: Callable[[Page, Place | None], None]
    advance: Callable[[], None]
    _parts_proven: int = 0
    _too_full: set[Place] = field(default_factory=set)
    _ids: set[int] = field(default_factory=set)

    def by_dates(self, began: datetime, narrowest: timedelta, *, closed: bool) -> Judgement:
        """Read all windows of creation dates.

        Parameters
        ----------
        began
            The latest moment that is past whatever the server's zone, UTC without zone.
        narrowest
            The finest step that the dialect can say.
        closed
            Whether what is bounded above can only shrink, so that a window may hold several pages.
        """
        try:
            self._check_dates(began)
            past = self._past(began.replace(second=0, microsecond=0), closed=closed)
            if closed and past is None:
                raise unproven("closed_list", "nobody stands behind any bound, so that none is known to be past")
            plan = WindowPlan(self.question, self.served, began, narrowest)
            plan.waiting = [Window() if past is None else past.window]
            if closed:
                plan.holds = self.served * min(32, max(3, PagePlan(self.total, self.served).last // 12))
            self._windows(plan)
            if past is not None:
                if closed and self._ids.issuperset(ids_of(past.behind).tolist()):
                    raise unproven("closed_list", "whoever stands behind the bound stands before it, too")
                if past.rest is not None:
                    self._rest(WindowPlan(self.question, self.served, began, narrowest), past.rest, past.behind)
            self._check_dates(began)
        except UnprovenError as error:
            return error.judgement
        return Judgement(CLOSED_LIST if self._parts_proven else WINDOWS, expected=self.total)

    def _past(self, moment: datetime, *, closed: bool) -> "_Past | None":
        """Find a bound that somebody stands behind, so that it is past; None where nobody is found."""
        start, end = self.question.created_on_from, self.question.created_on_to
        for back in _BACK if closed else _BACK[:4]:
            bound = moment - back
            if start is not None and bound <= start:
                return None
            if end is not None and end <= bound:
                # The list itself ends before it.
                behind = self.ask(replace(self.question, created_on_from=bound, created_on_to=None), 1)
                past = _Past(Window(), None, behind)
            else:
                rest = Window(bound)
                past = _Past(Window(None, bound), rest, self.ask_place(Place(rest)))
            if past.behind.items:
                return past
        return None

    def _rest(self, plan: WindowPlan, window: Window, behind: Page) -> None:
        """Read what is newer than the bound: at the read's beginning, in one response if it fits."""
        if len(behind.items) >= behind.total:
            self.give(behind, Place(window))
        else:
            plan.waiting = [window]
            self._windows(plan)

    # ── windows ────────────────────────────────────────────────────────────────────────────────────────────────────
    def _windows(self, plan: WindowPlan) -> None:
        while plan.waiting:
            runs = [self._window(plan, window) for window in plan.take()]
            with self.crew() as crew:
                for place, page in crew.drive(runs, self.ask_place):
                    self.advance()
                    if place not in self._too_full:
                        self.give(page, place)
            for split in plan.too_many():
                now = self.ask(split.window.of(self.question), 1).total
                if split.told > 2 * max(split.total, now) + self.served:
                    raise unproven("windows", "the server does not narrow its answers by creation date")
        for window in plan.unsplittable:
            for page in self._twice(window.of(self.question)):
                self.give(page, None)
        for split in plan.doubtful():
            if split.told < self.ask(split.window.of(self.question), 1).total:
                raise unproven("windows", "windows of creation dates add up to fewer customers than the whole")

    def _window(self, plan: WindowPlan, window: Window) -> Generator[Place, Page, None]:
        """Read one window; its parts are waiting where it is too full, or moved again and again."""
        for turn in range(PASSES):
            look = f"{turn}" if turn else ""
            place = Place(window, 1, look)
            page = yield place
            if turn == 0:
                plan.tell(window, page.total)
            if len(page.items) >= page.total:
                self._ids.update(ids_of(page).tolist())
                return
            if page.total > plan.holds:
                self._too_full.add(place)
                break
            ids, totals = set(ids_of(page).tolist()), {page.total}
            for number in range(2, PagePlan(page.total, self.served).last + 1):
                following = yield Place(window, number, look)
                ids.update(ids_of(following).tolist())
                totals.add(following.total)
            if len(ids) == page.total:
                self._ids |= ids
                self._parts_proven += 1
                return
            if totals == {page.total}:
                # Nobody left, and yet some did not come: the order is not fixed.
                plan.holds = self.served
                break
        plan.split(window, page.total)

    def _check_dates(self, began: datetime) -> None:
        """Make sure that nobody is without a creation date: asked with a far date and without, the counts agree."""
        if self.question.created_on_from is not None or self.question.created_on_to is not None:
            return
        dated = replace(self.question, created_on_to=began.replace(second=0, microsecond=0) + 365 * FURTHEST_ZONE)
        tries = 2 * _TRIES + min(50, self.total // self.served // 8)
        is_whole, found, after = is_the_whole(dated, self.question, lambda question: self.ask(question, 1).total, tries)
        if not is_whole:
            says = f"of {after:,} customers {found:,} have a creation date, so that dates cannot find all"
            raise UnprovenError(Judgement(NOT_VERIFIED, "undated", says, expected=after, got=found))

    # ── twice ──────────────────────────────────────────────────────────────────────────────────────────────────────
    def twice(self) -> Judgement:
        """Read all pages again and again until two passes are equal, four times at most."""
        try:
            for page in self._twice(self.question):
                self.give(page, None)
        except UnprovenError as error:
            return error.judgement
        return Judgement(TWO_EQUAL_READS, expected=self.total)

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
        first = self.ask(question, 1)
        self.advance()
        yield first
        numbers: Sequence[int] = range(2, PagePlan(first.total, self.served).last + 1)
        with self.crew() as crew:
            for _number, page in crew.in_order(numbers, lambda n: self.ask(question, n)):
                self.advance()
                yield page
