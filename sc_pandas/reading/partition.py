"""The lists that customers come under: which, how many are on each, and who.

The decisions are in `labels`; here is who asks.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sc_pandas.client import IN_FLIGHT
from sc_pandas.contract import Ids
from sc_pandas.contract.includes import PartitionFact
from sc_pandas.filters import CustomerFilter
from sc_pandas.reading.fetch import ListRead
from sc_pandas.reading.labels import LabelledList, before_year, lists_of, months_of, within_months, years_back
from sc_pandas.reading.lists import list_ids
from sc_pandas.reading.moving import is_the_whole
from sc_pandas.reading.options import Progress, ReadOptions, Source

# Lists that are read at the same time, and how many calls of each are then in flight.
_LISTS_AT_ONCE: Final = 8
_IN_FLIGHT: Final = IN_FLIGHT // _LISTS_AT_ONCE
# Labels, each with the ids that came under it.
Found = list[tuple[Any, Ids]]


@dataclass(frozen=True, slots=True)
class Sized:
    """A list whose total is known."""

    asked: LabelledList
    read: ListRead
    total: int


class Partition:
    """Asks lists for labels; each is read to its end, whatever part of the customers is wanted.

    Attributes
    ----------
    counted : int
        Totals that were asked for of years.
    oldest : float or None
        When the oldest of what was asked or kept was read, Unix seconds.
    """

    def __init__(
        self, source: Source, options: ReadOptions, progress: Progress, beat: Callable[[], None] = lambda: None
    ) -> None:
        self._source = source
        self._options = replace(options, limit=None, include=())
        self._progress = progress
        self._beat = beat
        self.counted = 0
        self.oldest: float | None = None

    def sized(self, questions: Sequence[CustomerFilter], fact: PartitionFact) -> list[Sized]:
        """Give the lists of some questions with their totals, by a call for each that is not known."""
        of_question = self._months if fact.kind == "month" else lists_of
        return self.sizes([each for question in questions for each in of_question(question, fact)])

    def sizes(self, lists: Sequence[LabelledList]) -> list[Sized]:
        """Give lists with their totals, by a call for each that is not known."""

        def size(asked: LabelledList) -> Sized:
            read = ListRead(self._source, asked.question, self._options, self._progress, _IN_FLIGHT)
            return Sized(asked, read, self._total(read))

        with self._source.crew(self._progress.cancel) as crew:
            return [each for _, each in crew.in_order(lists, size)]

    def ids(self, lists: Sequence[Sized]) -> Found:
        """Give each label with the ids that came under it."""
        lists = [each for each in lists if each.total]
        self._progress.check_calls(sum(each.read.calls_to_read() for each in lists))

        found = []
        with self._source.crew(self._progress.cancel, _LISTS_AT_ONCE) as crew:
            for each, ids in crew.in_order(lists, lambda each: list_ids(each.read)):
                self._beat()
                found.append((each.asked.label, ids))
        return found

    def covers(self, question: CustomerFilter, fact: PartitionFact) -> bool:
        """Return whether the months can find everybody now: nobody is without a date, or has one beyond them."""
        within = within_months(question, fact, self._source.client.clock.now().replace(tzinfo=None))
        options = replace(self._options, cache="off")

        def total_of(asked: CustomerFilter) -> int:
            return ListRead(self._source, asked, options, self._progress).total()

        return within == question or bool(is_the_whole(within, question, total_of))

    def _total(self, read: ListRead) -> int:
        total = read.total()
        begun = read.kept.started_at if read.kept is not None else None
        if begun is not None and (self.oldest is None or begun < self.oldest):
            self.oldest = begun
        return total

    def _months(self, question: CustomerFilter, fact: PartitionFact) -> list[LabelledList]:
        """Give the months of the years that have customers: the latest first, until nobody is older."""
        now = self._source.client.clock.now().replace(tzinfo=None)
        lists: list[LabelledList] = []
        newer: int | None = None
        for year in years_back(question, fact, now):
            before = before_year(question, fact, year)
            older = 0
            if before is not None:
                older = self._total(ListRead(self._source, before, self._options, self._progress))
                self.counted += 1
            if older != newer:
                lists += months_of(question, fact, year, now)
                # A December shares its end with a January, which is asked also where its year has nobody else.
                lists += months_of(question, fact, year + 1, now, months=(1,))
            if not older:
                break
            newer = older
        return list(dict.fromkeys(lists))
