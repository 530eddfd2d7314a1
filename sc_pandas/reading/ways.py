"""The ways to read a list, the cheapest first: each reads it to its end and says what is proven.

`first_rows` takes the pages as they stand (for a limit, or without any proof); the others are for whole lists.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from sc_pandas.client import Page
from sc_pandas.contract import Ids, PageRows, id_of
from sc_pandas.reading.judge import NOT_VERIFIED, Judgement, judge_bookends, page_seen
from sc_pandas.reading.moving import MovingRead, Place
from sc_pandas.reading.options import WayName
from sc_pandas.reading.order import Ask, by_order
from sc_pandas.reading.plan import PagePlan
from sc_pandas.reading.windows import Window

if TYPE_CHECKING:
    from sc_pandas.reading.fetch import ListRead


class Came:
    """Takes the ids of the rows of a list, and can forget what a way gave that proved nothing."""

    def __init__(self) -> None:
        self._ids: list[Ids] = []

    def add(self, items: PageRows) -> None:
        """Take the rows of a page."""
        self._ids.append(items.ids)

    def mark(self) -> Any:
        """Return where it is."""
        return len(self._ids)

    def rollback(self, mark: Any) -> None:
        """Forget what came since."""
        del self._ids[mark:]

    def taken(self) -> Ids:
        """Return the ids that came since this was called last."""
        taken, self._ids = self._ids, []
        return np.concatenate(taken or [PageRows().ids])


@dataclass(frozen=True, slots=True)
class Without:
    """Takes the rows of a list, and hands on all but some."""

    rows: "Rows"
    left_out: frozenset[int]

    def of(self, items: PageRows) -> PageRows:
        """Return the rows that are not left out."""
        if self.left_out.isdisjoint(items.ids.tolist()):
            return items
        return items.take([place for place, item in enumerate(items) if id_of(item) not in self.left_out])

    def add(self, items: PageRows) -> None:
        """Hand on the rows of a page."""
        self.rows.add(self.of(items))

    def mark(self) -> Any:
        """Return where it is."""
        return self.rows.mark()

    def rollback(self, mark: Any) -> None:
        """Forget what came since."""
        self.rows.rollback(mark)


Rows = Came | Without


@dataclass(frozen=True, slots=True)
class Way:
    """A way to read a list: its name, in words, and who reads."""

    name: WayName
    says: str
    read: Callable[["ListRead", Page, Rows], Judgement]


def ways_for(consistency: str, *, may_join: bool) -> list[Way]:
    """Return the ways for a whole list; where customers `may_join` by a change, one bounded by dates can grow, too."""
    # A strict read does not rest on the order of ids.
    ways = [] if consistency == "strict" else [_ORDER]
    return [*ways, *([] if may_join else [_CLOSED]), _WINDOWS, _TWICE]


def first_rows(one: "ListRead", first: Page, rows: Rows) -> Judgement:
    """Read pages as they stand; judge the first rows of a list by asking the first and the last page again."""
    plan = PagePlan(first.total, len(first.items), one.options.limit)
    seen = [page_seen(1, first)]
    rows.add(first.items)
    with one.crew() as crew:
        # The last page comes before those between, so both bookends span all of them.
        last = one.ask(Ask(plan.last))
        between = crew.in_order([Ask(number) for number in range(2, plan.last)], one.ask)
        for ask, page in chain(between, ((Ask(plan.last), last),)):
            seen.append(page_seen(ask.number, page))
            if len(seen[0].ids) and seen[-1].repeats(seen[0]):
                return Judgement(NOT_VERIFIED, "page_repeated", f"page {ask.number} has the rows of page 1")
            one.progress.advance()
            rows.add(page.items)
        if one.options.consistency == "fast":
            judgement = Judgement(NOT_VERIFIED, expected=plan.rows, got=sum(each.rows for each in seen))
        else:
            again = [Ask(number, "again", fresh=True) for number in (1, plan.last)]
            looks = [page_seen(ask.number, page) for ask, page in crew.in_order(again, one.ask)]
            judgement = judge_bookends(plan, seen, looks)
    places = [Place(Window(), number) for number in range(1, plan.last + 1)]
    one.finish(judgement, places, whole=judgement.is_proven and plan.rows == plan.total)
    return judgement


def _by_order(one: "ListRead", first: Page, rows: Rows) -> Judgement:
    judge = by_order(first, may_join=one.may_join)
    if isinstance(judge, Judgement):
        return judge
    given = [Ask(1)]
    rows.add(first.items)
    with one.crew() as crew:
        for runs in judge.phases():
            for ask, page in crew.drive(runs, one.ask):
                if judge.is_news(ask, page) and judge.trouble is None:
                    given.append(ask)
                    rows.add(page.items)
                    one.progress.advance()
    judgement = judge.judgement()
    if judgement.is_proven:
        if judge.stale:
            one.note_stale(judge.stale)
        else:
            one.note_moved(*judge.moved())
        one.finish(judgement, [one.place_of(ask) for ask in given], total=judge.latest_total)
    return judgement


_ORDER: Final = Way("order", "one pass by order of asking", _by_order)
_CLOSED: Final = Way("closed", "the list up to a past moment", lambda *read: MovingRead(*read).by_dates(closed=True))
_WINDOWS: Final = Way("windows", "windows of creation dates", lambda *read: MovingRead(*read).by_dates(closed=False))
_TWICE: Final = Way("twice", "two equal passes", lambda *read: MovingRead(*read).twice())
