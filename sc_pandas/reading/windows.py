"""Reading a moving list in `createdOn` windows that each fit one response: which to ask, and when all is seen.

One response is read at one instant, and a customer's creation date does not change; so a customer who lived unchanged
through the whole read is in the response of the window around that date, whatever else came or went meanwhile.  Pure:
the plan is told answers and says what to ask next.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, Self

from sc_pandas.filters import CustomerFilter

# Where splits begin; the first and the last window stay open on their outer side.
EARLIEST: Final = datetime(2000, 1, 1)  # noqa: DTZ001  # SellerCloud documents no zone
# SellerCloud documents no zone: its "now" may be up to 14 hours ahead of UTC.
FURTHEST_ZONE: Final = timedelta(hours=14)
# What is so long ago is past in every zone: 12 hours to the westernmost, one where clocks go back, and a quarter for
# commits that come late.
WESTERNMOST: Final = timedelta(hours=13, minutes=15)
MINUTE: Final = timedelta(minutes=1)
DAY: Final = timedelta(days=1)
# Parts would be this full if creation dates were spread evenly.
_FILL: Final = 0.6
_PARTS_AT_MOST: Final = 8
# The same where a window may hold several pages.
_FILL_OF_SEVERAL: Final = 0.8
_PARTS_OF_SEVERAL: Final = 32


@dataclass(frozen=True, slots=True)
class Window:
    """Creation dates from `start` to `end`; None leaves that side as the question has it."""

    start: datetime | None = None
    end: datetime | None = None

    def of(self, question: CustomerFilter) -> CustomerFilter:
        """Return the question within this window."""
        if self.start is None and self.end is None:
            return question
        start = question.created_on_from if self.start is None else self.start
        end = question.created_on_to if self.end is None else self.end
        return replace(question, created_on_from=start, created_on_to=end)

    def to_json(self) -> tuple[str | None, str | None]:
        """Return both ends as text."""
        return self.start.isoformat() if self.start else None, self.end.isoformat() if self.end else None

    @classmethod
    def from_json(cls, ends: Sequence[str | None]) -> Self:
        """Build the window that `to_json` describes."""
        return cls(*(datetime.fromisoformat(each) if each else None for each in ends))


@dataclass(slots=True)
class Split:
    """A window that was too full, and what its parts told."""

    window: Window
    total: int
    parts: tuple[Window, ...]
    told: int = 0


@dataclass(slots=True)
class WindowPlan:
    """Splits windows until each fits one response, within the creation dates that the question itself bounds."""

    question: CustomerFilter
    # Rows of a full page.
    served: int
    # When the read began, UTC without zone: splits go no further than that, in whatever zone.
    began: datetime
    narrowest: timedelta
    waiting: list[Window]
    # Customers that a window may have: a page of them, or where they can only become fewer, several.
    holds: int
    unsplittable: list[Window] = field(default_factory=list)
    splits: list[Split] = field(default_factory=list)
    _split_of: dict[Window, Split] = field(default_factory=dict)

    def take(self) -> list[Window]:
        """Return the windows to ask now; all of them may be asked at once."""
        taken, self.waiting = self.waiting, []
        return taken

    def tell(self, window: Window, total: int) -> None:
        """Note how many customers a window has."""
        if window in self._split_of:
            self._split_of[window].told += total

    def split(self, window: Window, total: int) -> None:
        """Let the parts of a window wait.

        A window that is too narrow to split, or that is as full as the one it came from although it is shorter than a
        day (the server reads dates more coarsely than it is asked), becomes `unsplittable`.
        """
        parent = self._split_of.get(window)
        start, end = self._ends(window)
        as_full = parent is not None and total >= parent.total and end - start < DAY
        parts = () if as_full else tuple(self._parts(window, total))
        if not parts:
            self.unsplittable.append(window)
            return
        split = Split(window, total, parts)
        self.splits.append(split)
        self._split_of |= dict.fromkeys(parts, split)
        self.waiting += parts

    def too_many(self) -> list[Split]:
        """Return the splits whose parts told more than twice as many customers as the whole.

        Whoever is in the whole is in two neighbours at most; but it may have grown meanwhile.
        """
        return [each for each in self.splits if len(each.parts) > 2 and each.told > 2 * each.total + self.served]

    def doubtful(self) -> list[Split]:
        """Return the splits whose parts told fewer customers than the whole: removed meanwhile, or lost at a border."""
        return [split for split in self.splits if split.told < split.total]

    def _ends(self, window: Window) -> tuple[datetime, datetime]:
        start = window.start or self.question.created_on_from or EARLIEST
        end = window.end or self.question.created_on_to or self.began + FURTHEST_ZONE
        return start, max(start, end)

    def _parts(self, window: Window, total: int) -> Iterator[Window]:
        start, end = self._ends(window)
        steps = (end - start) // self.narrowest
        several = self.holds > self.served
        fill, most = (_FILL_OF_SEVERAL, _PARTS_OF_SEVERAL) if several else (_FILL, _PARTS_AT_MOST)
        wanted = min(most, max(3, -(-total // max(1, int(self.holds * fill)))), steps // 2)
        if wanted < 2:
            return
        # Neighbours share a border (a whole day of it where they are long), so whoever was created on it is in one of
        # them, whether the server counts bounds in or out, or cuts times to minutes or days.
        shared = DAY if end - start > 16 * DAY * wanted else self.narrowest
        borders = [start + self.narrowest * (steps * i // wanted) for i in range(1, wanted)]
        starts = [window.start, *borders]
        ends = [*(border + shared for border in borders), window.end]
        yield from (Window(a, b) for a, b in zip(starts, ends, strict=True))
