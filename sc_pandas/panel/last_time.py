"""Who came to a saved filter and who went since it was last run, for the panel's status line.

The panel looks and remembers nothing: it asks as controls move, and the last time that people mean is their last run
(``shop.segments()``, ``sc-pandas segments run``).
"""

from datetime import datetime

import pandas as pd

from sc_pandas.errors import SellerCloudError
from sc_pandas.filters import CustomerFilter
from sc_pandas.query import CustomerQuery
from sc_pandas.segments import DamagedMemoryError, SegmentMemory, Segments
from sc_pandas.wording import visible

_LONGEST_NAME = 40


class LastTime:
    """Compares rows with the last run of the saved filter that asks the same.

    Parameters
    ----------
    segments
        The saved filters.
    memory
        What they gave; None where nobody knows.
    """

    def __init__(self, segments: Segments, memory: SegmentMemory | None) -> None:
        self._segments = segments
        self._memory = memory

    def of_rows(self, query: CustomerQuery, rows: pd.DataFrame, at: datetime) -> str:
        """Return who came and went: ``"happy: +14 −3 since 2026-11-16 09:00 UTC."``; empty where nothing is known."""
        if (
            self._memory is None
            or query.options.limit is not None
            or rows.get("user_id", pd.Series([None])).isna().any()
        ):
            return ""
        ids = set(rows["user_id"])
        for name in self._names_of(query.filter):
            try:
                before = self._memory.before(name, query.filter, at)
            except DamagedMemoryError:
                continue
            if before is not None:
                told = f"+{len(ids - before.ids):,} −{len(before.ids - ids):,} since {before.at:%Y-%m-%d %H:%M} UTC"
                return f"{visible(name, _LONGEST_NAME)}: {told}."
        return ""

    def _names_of(self, asked: CustomerFilter) -> list[str]:
        # A damaged file is told where filters are saved and opened, not at every answer.
        try:
            return [name for name in self._segments if self._is(name, asked)]
        except SellerCloudError:
            return []

    def _is(self, name: str, asked: CustomerFilter) -> bool:
        try:
            return self._segments[name] == asked
        except SellerCloudError:
            return False
