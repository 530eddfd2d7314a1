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
from sc_pandas.reading.labels import LabelledList, before_year, lists_of, months_of, years_back
from sc_pandas.reading.lists import count_lists, list_ids
from sc_pandas.reading.options import Progress, ReadOptions, Source
from sc_pandas.reading.records import ListKey

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
        reads = self._counted([each.question for each in lists])
        return [Sized(asked, read, read.total()) for asked, read in zip(lists, reads, strict=True)]

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

    def _counted(self, questions: Sequence[CustomerFilter]) -> list[ListRead]:
        keys = [ListKey(each, self._options.page_size, self._source.tenant) for each in questions]
        reads = count_lists(self._source, keys, self._options, self._progress, _IN_FLIGHT)
        begun = [each.kept.started_at for each in reads if each.kept is not None]
        self.oldest = min([*begun, *([] if self.oldest is None else [self.oldest])], default=None)
        return reads

    def _months(self, question: CustomerFilter, fact: PartitionFact) -> list[LabelledList]:
        """Give the months of the years that have customers: the latest first, until nobody is older."""
        now = self._source.client.clock.now().replace(tzinfo=None)
        lists: list[LabelledList] = []
        newer: int | None = None
        for year in years_back(question, fact, now):
            before = before_year(question, fact, year)
            older = 0
            if before is not None:
                older = self._counted([before])[0].total()
                self.counted += 1
            if older != newer:
                lists += months_of(question, fact, year, now)
                # A December shares its end with a January, which is asked also where its year has nobody else.
                lists += months_of(question, fact, year + 1, now, months=(1,))
            if not older:
                break
            newer = older
        return list(dict.fromkeys(lists))
