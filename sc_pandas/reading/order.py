"""By order of asking: a moving list, sorted by id, read so that a customer may come twice but none can hide.

Assumed: whoever joins the list has the highest id.  Then rows of an ascending list only ever move towards its front,
and those of a descending one towards its end unless somebody left.  A run of pages is asked against that movement, each
page after its neighbour has answered; where two runs meet, what may have slipped between is asked again.  Pure: runs
yield what they want asked and are sent the answers; whoever drives them may have 16 in flight.
"""

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

import numpy as np

from sc_pandas.client import IN_FLIGHT, Page
from sc_pandas.contract import Ids
from sc_pandas.reading.judge import NOT_VERIFIED, ORDER, Judgement

Asking = Generator["Ask", Page, None]
_ROUNDS: Final = 4
# So many pages in a row without anybody new: the list grows faster than it is read.
_STALLS: Final = 20
_NONE: Final[Ids] = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class Ask:
    """A page to ask; a `look` names another look at a page, which is `fresh` where no kept answer will do.

    After a page that came `live`, so must the others of its run: a kept one would be older than its neighbour.
    """

    number: int
    look: str = ""
    fresh: bool = False
    live: bool = field(default=False, compare=False)


@dataclass(eq=False)
class Run:
    """Neighbouring pages, read one after the other.

    `first` and `last` are the ids at the ends of the page that was read first; of a descending run, whoever is unseen
    stands behind `reach` rows of a list of `total`, and `border` is the lowest id seen.
    """

    low: int
    high: int
    first: int | None = None
    last: int = -1
    first_total: int = 0
    reach: int = 0
    total: int = 0
    border: int = 2**63
    stalls: int = 0
    seen: list[Ids] = field(default_factory=list)
    looks: dict[int, int] = field(default_factory=dict)

    def has_seen(self, ids: Ids) -> bool:
        """Return whether all of these were on a page of this run."""
        return not len(ids) or bool(np.isin(ids, np.concatenate(self.seen or [_NONE])).all())


def runs_of(low: int, high: int) -> list[Run]:
    """Cut pages into up to 16 runs; from what page 1 said, so a read that goes on later cuts them in the same way."""
    pages = high - low + 1
    count = min(IN_FLIGHT, max(1, pages // 4))
    cuts = [low + pages * each // count for each in range(count + 1)]
    return [Run(a, b - 1) for a, b in pairwise(cuts) if b > a]


class OrderOfAsking(ABC):
    """Judges a read by order of asking.

    Parameters
    ----------
    first
        Page 1.
    may_join
        Customers may come to match by a change, so that the count must agree as well.

    Attributes
    ----------
    trouble : Judgement or None
        Why nothing can be proven in this way; known as soon as a page shows it.
    """

    def __init__(self, first: Page, *, may_join: bool) -> None:
        self.first = first
        self.served = len(first.items)
        self.may_join = may_join
        self.trouble: Judgement | None = None
        self.latest_total = first.total
        self.least_total = first.total
        self.fell = False
        # Ids at the first look at pages that are looked at again; those of all pages that no run has.
        self.looks: dict[int, Ids] = {1: ids_of(first)}
        self.others: list[Ids] = [self.looks[1]]
        self.runs: list[Run] = []

    @abstractmethod
    def phases(self) -> Iterator[list[Asking]]:
        """Give what may be asked at once, again and again until all is read or in trouble."""

    @abstractmethod
    def is_sorted(self, ids: Ids) -> bool:
        """Return whether ids stand in the order of this list."""

    def is_news(self, ask: Ask, page: Page) -> bool:
        """Return whether an answer says more than the first look at the same page did."""
        return not ask.look or not np.array_equal(ids_of(page), self.looks.get(ask.number, _NONE))

    def judgement(self) -> Judgement:
        """Return what is proven, once all phases are over."""
        got = self.distinct
        if self.trouble is not None:
            return self.trouble
        expected = self.latest_total if self.may_join else min(self.latest_total, self.least_total)
        if got < expected or (self.may_join and got != expected):
            says = f"{expected:,} customers were announced and {got:,} came"
            return Judgement(NOT_VERIFIED, "row_count", says, expected=expected, got=got)
        return Judgement(ORDER, expected=self.latest_total, got=got)

    @property
    def distinct(self) -> int:
        """Customers that came."""
        return len(np.unique(np.concatenate([*self.others, *(ids for run in self.runs for ids in run.seen)])))

    def moved(self) -> tuple[int, int]:
        """Return how many joined and how many left, as far as it shows."""
        left = max(0, self.distinct - self.latest_total)
        return max(0, self.latest_total - self.first.total + left), left

    def _received(self, ask: Ask, page: Page) -> Ids | None:
        """Note an answer; None where it is trouble."""
        ids = ids_of(page)
        self.fell |= page.total < self.latest_total
        self.latest_total = page.total
        # By newcomers alone page 1 may come again as a later page, when many have joined.
        is_early = not ask.look and page.total - self.first.total < self.served
        if ask.number > 1 and is_early and len(ids) and np.array_equal(ids, self.looks[1]):
            says = f"page {ask.number} has the rows of page 1"
            self._doubt("page_repeated", says)
        elif len(ids) < len(page.items):
            self._doubt("no_key", "rows without an id cannot be told apart")
        elif not self.is_sorted(ids):
            self._doubt("unordered_ids", "the server does not sort by id, so that a gap could not be seen")
        return None if self.trouble else ids

    def _doubt(self, reason: str, says: str) -> None:
        if self.trouble is None:
            self.trouble = Judgement(NOT_VERIFIED, reason, says, expected=self.latest_total)

    def _doubt_order(self) -> None:
        says = "customers stand where the order of ids does not let them join: others could be missed"
        self._doubt("unordered_ids", says)


class Ascending(OrderOfAsking):
    """From the last page to the first: who leaves moves rows to pages yet to be asked, and newcomers stand behind."""

    def is_sorted(self, ids: Ids) -> bool:
        """Return whether ids rise."""
        return bool((np.diff(ids) > 0).all())

    def phases(self) -> Iterator[list[Asking]]:
        """Give the last full page, all runs before it, the tail behind it, and then what moved."""
        self.full = full = max(1, self.first.total // self.served)
        top = Run(full, full)
        if full > 1:
            yield [self._down(top)]
            runs = runs_of(1, full - 1)
            self.runs = [*runs, top]
            yield [self._down(run) for run in runs]
        else:
            self.runs = [top]
            self._opened(top, self.looks[1])
            top.seen.append(self.looks[1])
        self.looks[full] = top.seen[0] if top.seen else _NONE
        self._check_borders()
        self._top_look = self.looks[full]
        yield from self._end(top)

    def _end(self, top: Run) -> Iterator[list[Asking]]:
        ends_full = self.first.total == self.full * self.served
        for turn in range(_ROUNDS):
            if self.trouble:
                return
            if turn or not ends_full:
                yield [self._tail(turn)]
            before = self._top_look
            yield [self._again(top, turn)]
            behind = self.latest_total > self.full * self.served and not turn and ends_full
            if behind:
                self._top_look = before
                continue
            if not np.array_equal(before, self._top_look) and not self.trouble:
                yield [self._border(run, turn) for run in self.runs]
            if not self.may_join or self.distinct >= self.latest_total:
                return

    def _opened(self, run: Run, ids: Ids) -> None:
        run.first, run.last = (int(ids[0]), int(ids[-1])) if len(ids) else (None, -1)
        run.border = 2**63 if run.first is None else run.first

    def _down(self, run: Run) -> Asking:
        """Read a run from its last page to its first."""
        live = False
        for number in self.numbers(run):
            # Page 1 was asked before all others, and is needed after them.
            ask = Ask(number, "second" if number == 1 else "", live=live)
            page = yield ask
            live = live or not page.from_cache
            ids = self._received(ask, page)
            if ids is None:
                return
            if not run.seen:
                self._opened(run, ids)
            elif not run.has_seen(ids[ids > run.border]):
                self._doubt_order()
                return
            run.seen.append(ids)
            run.border = min([run.border, *ids[:1].tolist()])

    def numbers(self, run: Run) -> Sequence[int]:
        """Return the pages of a run in the order in which they are asked."""
        return range(run.high, run.low - 1, -1)

    def _check_borders(self) -> None:
        """Look whether a run has customers of the one before it, which that one did not see."""
        for lower, upper in pairwise(self.runs):
            ids = np.concatenate(upper.seen or [_NONE])
            if self.trouble is None and not lower.has_seen(ids[ids <= lower.last]):
                self._doubt_order()

    def _tail(self, turn: int) -> Asking:
        """Read what stands behind the last full page, from its end."""
        nearest = Ask(self.full + 1, f"tail {turn}" if turn else "", fresh=bool(turn))
        page = yield nearest
        self.least_total = page.total
        last = -(-page.total // self.served)
        following = [Ask(number, nearest.look, nearest.fresh) for number in range(last, self.full + 1, -1)]
        for ask in [nearest, *following, *([Ask(self.full + 1, f"tail {turn}, again")] if following else [])]:
            ids = self._received(ask, page if ask is nearest else (yield ask))
            if ids is None:
                return
            if len(ids) and ids[0] <= self.runs[-1].last:
                self._doubt_order()
            self.others.append(ids)

    def _again(self, top: Run, turn: int) -> Asking:
        """Look at the last full page once more: if it is as it was, nobody before its end has left."""
        ask = Ask(self.full, f"again {turn}", fresh=True)
        ids = self._received(ask, (yield ask))
        if ids is None:
            return
        if len(ids) and len(self._top_look) and ids[0] < self._top_look[0]:
            self._doubt_order()
        self._top_look = ids
        self.others.append(ids)
        top.looks[self.full] = int(ids[0]) if len(ids) else 2**63

    def _border(self, run: Run, turn: int) -> Asking:
        """Read again from the last page of a run downwards, until a customer who was there at its beginning."""
        for number in range(run.high, 0, -1):
            if number == self.full:
                met = run.looks[self.full] <= run.last
            else:
                ask = Ask(number, f"border {run.high}, {turn}", fresh=True)
                ids = self._received(ask, (yield ask))
                if ids is None:
                    return
                self.others.append(ids)
                met = bool(len(ids)) and int(ids[0]) <= run.last
            if met:
                return


class Descending(OrderOfAsking):
    """From the first page to the last: newcomers move rows to pages yet to be asked.

    A row can move the other way only by as many places as the total falls: who is unseen then stands that much nearer.
    """

    moved_any = False

    def is_sorted(self, ids: Ids) -> bool:
        """Return whether ids fall."""
        return bool((np.diff(ids) < 0).all())

    def phases(self) -> Iterator[list[Asking]]:
        """Give all runs, page 1 again, and if anything moved, each run until it meets the next one."""
        self.runs = runs_of(1, -(-self.first.total // self.served))
        self._take(self.runs[0], 1, self.looks[1], self.first.total)
        yield [self._forth(run) for run in self.runs]
        for turn in range(_ROUNDS):
            if self.trouble:
                return
            head = Run(1, 0)
            yield [self._forth(head, f"head {turn}")]
            same = np.array_equal(head.seen[0] if head.seen else _NONE, self.looks[1])
            if same and not self.moved_any:
                self._check_borders()
                return
            self.moved_any = True
            self.least_total = head.first_total
            self.others += head.seen
            if self.trouble is None:
                yield [self._forth(run) for run in self.runs]
            self._check_borders()
            if not self.may_join or self.distinct >= self.latest_total:
                return

    def _forth(self, run: Run, fresh: str = "") -> Asking:
        """Read a run towards the end of the list until it meets the next."""
        live = False
        while not self._has_met(run) and self.trouble is None:
            number = run.reach // self.served + 1 if run.looks else run.low
            looked = run.looks[number] = run.looks.get(number, 0) + 1
            is_plain = run.low <= number <= run.high and looked == 1
            look = "" if is_plain else f"{fresh or run.low}, {looked}"
            ask = Ask(number, look, fresh=bool(fresh), live=live)
            page = yield ask
            live = live or not page.from_cache
            self.moved_any |= page.total != self.first.total
            ids = self._received(ask, page)
            if ids is None:
                return
            self._take(run, number, ids, page.total)

    def _has_met(self, run: Run) -> bool:
        if not run.looks:
            return False
        if run.reach >= run.total:
            return True
        following = self._following(run)
        if following is None:
            return False
        if not self.moved_any and run.high:
            return run.reach >= self.served * run.high
        return following.first is not None and run.border <= following.first

    def _following(self, run: Run) -> Run | None:
        if run not in self.runs:
            return self.runs[0]
        place = self.runs.index(run) + 1
        return self.runs[place] if place < len(self.runs) else None

    def _take(self, run: Run, number: int, ids: Ids, total: int) -> None:
        before = self.served * (number - 1)
        follows = True
        if not run.seen:
            run.looks.setdefault(number, 1)
            run.first_total = total
            run.first = int(ids[0]) if len(ids) else None
            run.reach = self.served * number
        else:
            self._check_rows(run, number, ids, total)
            # The total tells how far who is unseen can have moved forward at most.
            bound = run.reach + total - run.total
            follows = before <= bound or (bool(len(ids)) and ids[0] >= run.border)
            run.reach = max(0, bound, self.served * number if follows else 0)
        run.total = total
        run.seen.append(ids)
        lowest = run.border
        if follows:
            run.border = min([run.border, *ids[-1:].tolist()])
        run.stalls = run.stalls + 1 if run.border == lowest else 0
        if run.stalls > _STALLS:
            self._doubt("total_moved", "the list grows faster than it is read")

    def _check_rows(self, run: Run, number: int, ids: Ids, total: int) -> None:
        above = ids[ids > run.border]
        first = 2**63 - 1 if run.first is None else run.first
        # From the run before, where enough have joined.
        pushed = number <= run.low or total - run.first_total >= self.served * (number - run.low)
        if not run.has_seen(above[above <= first]) or (len(above[above > first]) and not pushed):
            self._doubt_order()

    def _check_borders(self) -> None:
        """Look whether a run has customers of those behind it, whom these did not see although nobody left."""
        behind = _NONE
        for upper, lower in zip(self.runs[-2::-1], self.runs[:0:-1], strict=True):
            behind = np.concatenate([behind, *lower.seen])
            ids = np.concatenate(upper.seen or [_NONE])
            beyond = ids[ids < lower.first] if lower.first is not None else _NONE
            if self.trouble is None and not self.fell and not bool(np.isin(beyond, behind).all()):
                self._doubt_order()


def ids_of(page: Page) -> Ids:
    """Return the ids of a page as they stand; rows whose id is no number that fits are left out."""
    return page.items.ids


def by_order(first: Page, *, may_join: bool) -> OrderOfAsking | Judgement:
    """Return the judge for a list by its first page, or why none can be."""
    ids = ids_of(first)
    if len(ids) < len(first.items):
        return Judgement(NOT_VERIFIED, "no_key", "rows without an id cannot be told apart", expected=first.total)
    for kind in (Ascending, Descending):
        judge = kind(first, may_join=may_join)
        if judge.is_sorted(ids):
            return judge
    says = "the server does not sort by id, so that a gap could not be seen"
    return Judgement(NOT_VERIFIED, "unordered_ids", says, expected=first.total)
