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
from sc_pandas.reading.judge import NOT_VERIFIED, ORDER, Judgement, fell

Asking = Generator["Ask", Page, None]
Answer = Generator["Ask", Page, Ids | None]
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
    live: bool = False
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
    """Judges a read by order of asking; where customers `may_join` by a change, the count must agree as well."""

    # 1 where ids rise, -1 where they fall, 0 in whatever order.
    sorting = 0
    # What shows that a copy that lags behind, or a cache on the way, has answered.
    stale = ""

    def __init__(self, first: Page, *, may_join: bool) -> None:
        self.first = first
        self.served = len(first.items)
        self.may_join = may_join
        # Why nothing can be proven in this way.
        self.trouble: Judgement | None = None
        self.latest_total = self.least_total = self.highest_total = first.total
        # The lowest total that was lower than one of a call that had ended before.
        self.fallen_to: int | None = None
        self.fell = False
        # Ids at the first look at pages that are looked at again; those of all pages that no run has.
        self.looks: dict[int, Ids] = {1: first.items.ids}
        self.others: list[Ids] = [self.looks[1]]
        self.runs: list[Run] = []

    @abstractmethod
    def phases(self) -> Iterator[list[Asking]]:
        """Yield what may be asked at once, again and again until all is read or in trouble."""

    def is_sorted(self, ids: Ids) -> bool:
        """Return whether ids stand in the order of this list."""
        return not self.sorting or bool((np.sign(np.diff(ids)) == self.sorting).all())

    def is_news(self, ask: Ask, page: Page) -> bool:
        """Return whether an answer says more than the first look at the same page did."""
        return not ask.look or not np.array_equal(page.items.ids, self.looks.get(ask.number, _NONE))

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
        # Sorted in place: `np.unique` takes eight times the memory.
        ids = np.concatenate([*self.others, *(ids for run in self.runs for ids in run.seen)])
        ids.sort()
        return min(1, len(ids)) + int(np.count_nonzero(ids[1:] != ids[:-1]))

    def moved(self) -> tuple[int, int]:
        """Return how many joined and how many left, as far as it shows."""
        left = max(0, self.distinct - self.latest_total)
        return max(0, self.latest_total - self.first.total + left), left

    def _ask(self, number: int, look: str = "", *, fresh: bool = False, run: Run | None = None) -> Answer:
        """Ask a page and note the answer; return its ids, or None where it is trouble."""
        ask = Ask(number, look, fresh=fresh, live=run is not None and run.live)
        floor = self.highest_total
        self.page = page = yield ask
        if run is not None:
            run.live |= not page.from_cache
        if page.total < floor and not page.from_cache:
            self.fallen_to = min(page.total, floor if self.fallen_to is None else self.fallen_to)
        ids = page.items.ids
        self.fell |= page.total < self.latest_total
        self.latest_total = page.total
        self.highest_total = max(floor, self.highest_total, page.total)
        # By newcomers alone page 1 may come again as a later page, when many have joined.
        is_early = not ask.look and page.total - self.first.total < self.served
        if number > 1 and is_early and len(ids) and np.array_equal(ids, self.looks[1]):
            self._doubt("page_repeated", f"page {number} has the rows of page 1")
        elif len(ids) < len(page.items):
            self._doubt("no_key", "rows without an id cannot be told apart")
        elif not self.is_sorted(ids):
            self._doubt("unordered_ids", "the server does not sort by id, so a gap could not be seen")
        return None if self.trouble else ids

    def _nobody_left(self) -> None:
        """Note that nobody has left so far: if a total fell, an answer was old, or one joined by a change."""
        if self.fallen_to is None:
            return
        if self.may_join:
            self._doubt("total_moved", "its total fell, and yet as many came as there were at most")
        else:
            self.stale = fell(self.highest_total, self.fallen_to)

    def _doubt(self, reason: str, says: str) -> None:
        if self.trouble is None:
            self.trouble = Judgement(NOT_VERIFIED, reason, says, expected=self.latest_total)

    def _doubt_order(self) -> None:
        says = "customers stand where the order of ids does not let them join: others could be missed"
        self._doubt("unordered_ids", says)


class Ascending(OrderOfAsking):
    """From the last page to the first: who leaves moves rows to pages yet to be asked, and newcomers stand behind."""

    sorting = 1

    def phases(self) -> Iterator[list[Asking]]:
        """Yield the last full page, all runs before it, the tail behind it, and then what moved."""
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
        moved = False
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
            same = np.array_equal(before, self._top_look)
            moved |= not same
            if not same and not self.trouble:
                yield [self._border(run, turn) for run in self.runs]
            has_all = self.distinct >= self.highest_total
            if not moved and has_all:
                self._nobody_left()
            # Where a total fell and yet nobody left before the tail, the next look at the tail shows who was right.
            in_doubt = not moved and not has_all and self.fallen_to is not None
            if not in_doubt and (not self.may_join or self.distinct >= self.latest_total):
                return

    def _opened(self, run: Run, ids: Ids) -> None:
        run.first, run.last = (int(ids[0]), int(ids[-1])) if len(ids) else (None, -1)
        run.border = 2**63 if run.first is None else run.first

    def _down(self, run: Run) -> Asking:
        """Read a run from its last page to its first."""
        for number in self.numbers(run):
            # Page 1 was asked before all others, and is needed after them.
            ids = yield from self._ask(number, "second" if number == 1 else "", run=run)
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
        """Doubt the order if a run has customers of the one before it, which that one did not see."""
        for lower, upper in pairwise(self.runs):
            ids = np.concatenate(upper.seen or [_NONE])
            if self.trouble is None and not lower.has_seen(ids[ids <= lower.last]):
                self._doubt_order()

    def _tail(self, turn: int) -> Asking:
        """Read what stands behind the last full page, from its end."""
        nearest, look, last = self.full + 1, f"tail {turn}" if turn else "", 0
        numbers = [nearest]
        while numbers:
            number = numbers.pop(0)
            is_again = number == nearest and last > 0
            ids = yield from self._ask(number, f"tail {turn}, again" if is_again else look, fresh=bool(turn))
            if ids is None:
                return
            if len(ids) and ids[0] <= self.runs[-1].last:
                self._doubt_order()
            self.others.append(ids)
            if not last:
                self.least_total, last = self.page.total, max(nearest, -(-self.page.total // self.served))
                numbers = [*range(last, nearest - 1, -1)] if last > nearest else []

    def _again(self, top: Run, turn: int) -> Asking:
        """Look at the last full page once more: if it is as it was, nobody before its end has left."""
        ids = yield from self._ask(self.full, f"again {turn}", fresh=True)
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
                ids = yield from self._ask(number, f"border {run.high}, {turn}", fresh=True)
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

    sorting = -1
    moved_any = False

    def phases(self) -> Iterator[list[Asking]]:
        """Yield all runs, page 1 again, and if anything moved, each run until it meets the next one."""
        self.runs = runs_of(1, -(-self.first.total // self.served))
        self._take(self.runs[0], 1, self.looks[1], self.first.total)
        if len(self.runs) > 1:
            # Its end shows most lists that are not sorted, before all is asked.
            yield [self._end(-(-(self.first.total - self.served // 5) // self.served))]
        yield [self._forth(run) for run in self.runs]
        for turn in range(_ROUNDS):
            if self.trouble:
                return
            head = Run(1, 0)
            yield [self._forth(head, f"head {turn}")]
            ids, top = head.seen[0] if head.seen else _NONE, self.looks[1]
            self._check_head(head, ids, top)
            self.others += head.seen
            if len(ids) and ids[0] < top[0] and not self.may_join and turn + 1 < _ROUNDS:
                # Whoever stood first has left, or a copy that lags behind has answered: the next look may show it.
                continue
            same = np.array_equal(ids, top)
            if same and not self.moved_any:
                self._check_borders()
                return
            self.moved_any = True
            self.least_total = head.first_total
            if self.trouble is None:
                yield [self._forth(run) for run in self.runs]
            self._check_borders()
            if not self.may_join or self.distinct >= self.latest_total:
                return

    def _end(self, number: int) -> Asking:
        """Look at a page at the end, which is asked again at its turn."""
        ids = yield from self._ask(number, "end")
        if ids is not None and len(ids) and ids[0] >= self.looks[1][-1]:
            self._doubt_order()

    def _forth(self, run: Run, fresh: str = "") -> Asking:
        """Read a run towards the end of the list until it meets the next."""
        while not self._has_met(run) and self.trouble is None:
            number = run.reach // self.served + 1 if run.looks else run.low
            looked = run.looks[number] = run.looks.get(number, 0) + 1
            is_plain = run.low <= number <= run.high and looked == 1
            look = "" if is_plain else f"{fresh or run.low}, {looked}"
            ids = yield from self._ask(number, look, fresh=bool(fresh), run=run)
            if ids is None:
                return
            self.moved_any |= self.page.total != self.first.total
            self._take(run, number, ids, self.page.total)

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

    def _check_head(self, head: Run, ids: Ids, top: Ids) -> None:
        """Note that nobody left where the total grew by as many as stand above whoever was first."""
        shows_growth = len(ids) and ids[-1] <= top[0] <= ids[0]
        if shows_growth and head.first_total == self.first.total + np.count_nonzero(ids > top[0]):
            self._nobody_left()

    def _check_borders(self) -> None:
        """Doubt the order if a run has customers of those behind it, whom these did not see although nobody left."""
        behind = _NONE
        for upper, lower in zip(self.runs[-2::-1], self.runs[:0:-1], strict=True):
            behind = np.concatenate([behind, *lower.seen])
            ids = np.concatenate(upper.seen or [_NONE])
            beyond = ids[ids < lower.first] if lower.first is not None else _NONE
            if self.trouble is None and not self.fell and not bool(np.isin(beyond, behind).all()):
                self._doubt_order()


def sorting_of(ids: Ids) -> int:
    """Return 1 where ids rise, -1 where they fall, 0 where they do neither."""
    steps = np.diff(ids)
    return 1 if (steps > 0).all() else -1 if (steps < 0).all() else 0


def by_order(first: Page, *, may_join: bool) -> OrderOfAsking | Judgement:
    """Return the judge for a list by its first page, or why none can be."""
    ids = first.items.ids
    if len(ids) < len(first.items):
        return Judgement(NOT_VERIFIED, "no_key", "rows without an id cannot be told apart", expected=first.total)
    if sorting := sorting_of(ids):
        return (Ascending if sorting > 0 else Descending)(first, may_join=may_join)
    says = "the server does not sort by id, so a gap could not be seen"
    return Judgement(NOT_VERIFIED, "unordered_ids", says, expected=first.total)
