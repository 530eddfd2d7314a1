"""Reading a list that moves: in one-response windows of creation dates, or twice until equal.

The decisions are in `windows` and `judge`; here is who asks.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sc_pandas.client import Page
from sc_pandas.filters import CustomerFilter
from sc_pandas.reading.crew import Crew
from sc_pandas.reading.judge import (
    NOT_VERIFIED,
    PASSES,
    Judgement,
    PageSeen,
    compare_passes,
    page_seen,
)
from sc_pandas.reading.plan import PagePlan
from sc_pandas.reading.windows import FURTHEST_ZONE, Window, WindowPlan

# Asks one page of a question, by its number; and the first page of a window, which may be kept.
Ask = Callable[[CustomerFilter, int], Page]
AskWindow = Callable[[Window], Page]
_TRIES = 5


class UnprovenError(Exception):
    """A way of reading could not prove its answer; the next one is tried."""

    def __init__(self, judgement: Judgement) -> None:
        super().__init__(judgement.says)
        self.judgement = judgement


def is_the_whole(
    part: CustomerFilter, whole: CustomerFilter, total_of: Callable[[CustomerFilter], int]
) -> tuple[bool, int, int]:
    """Say whether nobody of a whole is outside a part of it, though both move: counted between two counts of the whole.

    Returns
    -------
    tuple
        Whether it is so, and the last counts of the part and of the whole.
    """
    tries = []
    for _try in range(_TRIES):
        before, found, after = (total_of(question) for question in (whole, part, whole))
        tries.append((before, found, after))
        if before == found == after:
            return True, found, after
    # A list that grows with every call never agrees, but then the count of the part is always just in the middle.
    return all(2 * found == before + after for before, found, after in tries), found, after


@dataclass
class MovingRead:
    """Reads one list so that its moving does no harm.

    Parameters
    ----------
    question
        What is asked.
    served
        Rows of a full page.
    ask
        Asks one page of any question, of the server and not of the cache.
    ask_window
        Asks the first page of a window.
    crew
        Asks several at once.
    advance
        Is told of each page.
    """

    question: CustomerFilter
    served: int
    ask: Ask
    ask_window: AskWindow
    crew: Crew
    advance: Callable[[], None]
    unsplittable: int = 0

    def windows(self, began: datetime, narrowest: timedelta) -> Iterator[tuple[Window, Page]]:
        """Give windows that each fit one response, with their page.

        Raises
        ------
        UnprovenError
            Some customers cannot be found by creation date.
        """
        self._check_dates(began)
        plan = WindowPlan(self.question, self.served, began, narrowest)
        while plan.waiting:
            windows = plan.take()
            for window, page in self.crew.in_order(windows, self.ask_window):
                self.advance()
                if plan.answer(window, len(page.items), page.total):
                    yield window, page
            if plan.dates_ignored:
                says = "the server does not narrow its answers by creation date"
                raise UnprovenError(Judgement(NOT_VERIFIED, "windows", says))
        self.unsplittable = len(plan.unsplittable)
        for window in plan.unsplittable:
            for page in self.twice(window.of(self.question)):
                yield window, page
        for split in plan.doubtful():
            if split.told < self.ask(split.window.of(self.question), 1).total:
                says = "windows of creation dates add up to fewer customers than the whole"
                raise UnprovenError(Judgement(NOT_VERIFIED, "windows", says))
        self._check_dates(began)

    def _check_dates(self, began: datetime) -> None:
        """Make sure that nobody is without a creation date: asked with a far date and without, the counts agree."""
        if self.question.created_on_from is not None or self.question.created_on_to is not None:
            return
        dated = replace(self.question, created_on_to=began.replace(second=0, microsecond=0) + 365 * FURTHEST_ZONE)
        is_whole, found, after = is_the_whole(dated, self.question, lambda question: self.ask(question, 1).total)
        if is_whole:
            return
        says = f"of {after:,} customers {found:,} have a creation date, so that windows cannot find all"
        raise UnprovenError(Judgement(NOT_VERIFIED, "windows", says, expected=after, got=found))

    def twice(self, question: CustomerFilter | None = None) -> list[Page]:
        """Read all pages again and again until two passes are equal, four times at most.

        Raises
        ------
        UnprovenError
            No two passes in a row were equal.
        """
        asked = self.question if question is None else question
        earlier: list[PageSeen] | None = None
        judgement = Judgement(NOT_VERIFIED)
        for _pass in range(PASSES):
            pages = self._pass(asked)
            seen = [page_seen(number, page.items, page.total) for number, page in enumerate(pages, start=1)]
            judgement = compare_passes(earlier, seen)
            if judgement.is_proven:
                return pages
            earlier = seen
        raise UnprovenError(judgement)

    def _pass(self, question: CustomerFilter) -> list[Page]:
        first = self.ask(question, 1)
        self.advance()
        plan = PagePlan(first.total, self.served)
        numbers: Sequence[int] = range(2, plan.last + 1)
        pages = [first]
        for _number, page in self.crew.in_order(numbers, lambda n: self.ask(question, n)):
            self.advance()
            pages.append(page)
        return pages
