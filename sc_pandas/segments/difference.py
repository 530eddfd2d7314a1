"""Who came and who went between two readings of a segment: pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from sc_pandas.segments.memory import Recollection, Seen

Ids = npt.NDArray[np.int64]
State = Literal["compared", "first time", "filter changed", "not comparable"]
_NOBODY: Final[Ids] = np.empty(0, dtype=np.int64)
_NOBODY.flags.writeable = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Difference:
    """Members that came and went.

    Attributes
    ----------
    state : str
        ``"compared"``; or why there is nothing to tell: ``"first time"``, ``"filter changed"`` (what is remembered
        under the name answered another filter), ``"not comparable"`` (rows have no ids, or only later readings are
        remembered).
    since : datetime.datetime or None
        When the reading ended that it was compared with, UTC.
    added, removed : numpy.ndarray
        Ids, int64, sorted; empty where nothing was compared.
    """

    state: State
    since: datetime | None = None
    added: Ids = field(default_factory=lambda: _NOBODY, repr=False)
    removed: Ids = field(default_factory=lambda: _NOBODY, repr=False)

    def __str__(self) -> str:
        if self.since is None:
            return self.state
        return f"+{len(self.added):,} −{len(self.removed):,}  since {self.since:%Y-%m-%d %H:%M} UTC"


@dataclass(frozen=True, kw_only=True)
class CountChange:
    """What a count gained or lost, None where nothing was compared; `state` and `since` as for `Difference`."""

    state: State
    since: datetime | None = None
    change: int | None = None

    def __str__(self) -> str:
        if self.since is None or self.change is None:
            return self.state
        sign = "−" if self.change < 0 else "+"
        return f"{sign}{abs(self.change):,}  since {self.since:%Y-%m-%d %H:%M} UTC"


def difference_of(recalled: Recollection, ids: Ids, at: datetime) -> Difference:
    """Compare a reading with the newest earlier one that is remembered.

    Parameters
    ----------
    recalled
        What is remembered of the segment.
    ids
        Its members now, sorted, each once.
    at
        When that reading ended.

    Examples
    --------
    >>> from datetime import UTC
    >>> monday, friday = datetime(2026, 11, 16, 9, tzinfo=UTC), datetime(2026, 11, 20, 9, tzinfo=UTC)
    >>> recalled = Recollection(reads=(Seen(monday, np.array([1, 2, 3])),))
    >>> print(difference_of(recalled, np.array([2, 3, 4, 5]), friday))
    +2 −1  since 2026-11-16 09:00 UTC
    """
    if recalled.filter_changed:
        return Difference(state="filter changed")
    before = _newest_before(recalled.reads, at)
    if before is None:
        is_latest = all(seen.at <= at for seen in recalled.reads)
        return Difference(state="first time" if is_latest else "not comparable")
    return Difference(
        state="compared",
        since=before.at,
        added=np.setdiff1d(ids, before.ids, assume_unique=True),
        removed=np.setdiff1d(before.ids, ids, assume_unique=True),
    )


def change_of(recalled: Recollection, count: int, at: datetime, *, is_upper_bound: bool = False) -> CountChange:
    """Compare a count with the newest earlier one, whether it was counted or read.

    Examples
    --------
    >>> from datetime import UTC
    >>> monday, friday = datetime(2026, 11, 16, 9, tzinfo=UTC), datetime(2026, 11, 20, 9, tzinfo=UTC)
    >>> print(change_of(Recollection(counts=((monday, 182),)), 171, friday))
    −11  since 2026-11-16 09:00 UTC
    """
    if recalled.filter_changed:
        return CountChange(state="filter changed")
    if is_upper_bound:
        return CountChange(state="not comparable")
    known = [*recalled.counts, *((seen.at, len(seen.ids)) for seen in recalled.reads)]
    earlier = [each for each in known if each[0] < at]
    if not earlier:
        return CountChange(state="first time")
    since, before = max(earlier)
    return CountChange(state="compared", since=since, change=count - before)


def _newest_before(reads: Iterable[Seen], at: datetime) -> Seen | None:
    return max((seen for seen in reads if seen.at < at), key=lambda seen: seen.at, default=None)
