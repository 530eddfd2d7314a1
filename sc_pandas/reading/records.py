"""What a list is known by, and what the cache remembers of how it was read."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal

from sc_pandas.cache import HttpCache, cache_key
from sc_pandas.contract import CUSTOMERS_PATH
from sc_pandas.filters import CustomerFilter

# Only page 1 was asked; being read; ended, with its first pages or unproven; read to its end and proven.
Phase = Literal["counted", "reading", "ended", "whole"]


@dataclass(frozen=True)
class ListKey:
    """What a list is known by: a filter that fits in one request, the page size, and whose server is asked."""

    filter: CustomerFilter
    page_size: int
    tenant: str

    @cached_property
    def text(self) -> str:
        """The filter as JSON."""
        return self.filter.to_json()

    @cached_property
    def slots(self) -> tuple[str, str]:
        """Where the cache remembers the last whole read, and the one under way."""
        asked = [("filter", self.text), ("size", str(self.page_size))]
        digest = cache_key(self.tenant, CUSTOMERS_PATH, asked)
        return f"{digest}:whole", f"{digest}:open"


def keys_of(filters: Iterable[CustomerFilter], page_size: int, tenant: str) -> list[ListKey]:
    """Return the keys of some lists."""
    return [ListKey(each, page_size, tenant) for each in filters]


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadRecord:
    """What the cache knows of one read; no filter value and no row is in it.

    The `pages` leading pages are in the cache and covered by `verdict`, once `phase` says that the read has ended.
    Where its rows are not simply its pages, `asks` are the pages that they came from (both ends of a window of creation
    dates, the page's number, which look at it); `way` is how it is read.  What was created before `past` cannot grow.
    Times are Unix seconds.
    """

    read_id: str
    started_at: float
    finished_at: float | None = None
    dialect: str = ""
    total: int = 0
    served: int = 0
    pages: int = 0
    verdict: str = ""
    phase: Phase = "counted"
    asks: Sequence[Sequence[Any]] = ()
    way: str = ""
    past: float | None = None

    @classmethod
    def of_note(cls, note: Mapping[str, Any]) -> "ReadRecord | None":
        """Return the record in a note of the cache, of this edition or an earlier one; None if it is none."""
        facts = dict(note)
        # Earlier editions wrote two booleans, and windows of one page as `leaves`.
        if leaves := facts.pop("leaves", ()):
            facts["asks"] = [[*ends, 1, ""] for ends in leaves]
        whole, under_way = facts.pop("whole", False), facts.pop("in_the_middle", False)
        ended = "counted" if facts.get("finished_at") is None else "ended"
        facts.setdefault("phase", "whole" if whole else "reading" if under_way else ended)
        try:
            return cls(**facts)
        except TypeError:
            return None

    def page_key(self, *parts: str | Iterable[tuple[str, str]]) -> str:
        """Return the key of one of its pages; it begins with the read id, so pages can go together."""
        return f"{self.read_id}-{cache_key(self.dialect, *parts)}"

    def age_s(self, now: float) -> float:
        """Return the seconds since the read began: no row of it is older than that."""
        return max(0.0, now - self.started_at)


Found = Mapping[ListKey, Sequence[ReadRecord]]


def find_records(cache: HttpCache | None, keys: Sequence[ListKey]) -> Found:
    """Return what the cache knows of some lists, by one look-up for all."""
    notes = {} if cache is None else cache.find_notes([slot for key in keys for slot in key.slots])
    records = {slot: ReadRecord.of_note(note) for slot, note in notes.items()}
    return {key: [each for slot in key.slots if (each := records.get(slot)) is not None] for key in keys}


def keep_records(cache: HttpCache, records: Mapping[ListKey, ReadRecord]) -> None:
    """Remember how far reads have come, by one write; the pages of reads that they replace are removed."""
    notes, done = {}, []
    for key, record in records.items():
        whole, under_way = key.slots
        notes[whole if record.phase == "whole" else under_way] = asdict(record)
        done += [under_way] if record.phase == "whole" else []
    cache.keep_notes(notes, forget=done)
