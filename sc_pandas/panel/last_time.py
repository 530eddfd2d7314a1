"""What a saved filter gained and lost since it was last run, for the panel's status line.

The panel looks and remembers nothing: it asks as controls move, and the last time that people mean is their last run
(``shop.segments()``, ``sc-pandas segments run``).
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd

from sc_pandas.errors import SellerCloudError
from sc_pandas.filters import CustomerFilter
from sc_pandas.panel.protocols import EstimateLike, QueryLike
from sc_pandas.segments import CountChange, Difference, SegmentMemory, Segments, change_of, difference_of
from sc_pandas.wording import one_line, visible

_LONGEST_NAME = 40


class LastTime:
    """Compares answers with the last run of the saved filter that asks the same.

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

    def of_rows(self, query: QueryLike, rows: pd.DataFrame, at: datetime) -> str:
        """Say who came and went: ``"happy: +14 −3 since 2026-11-16 09:00 UTC."``; empty where nothing is known."""
        if query.options.limit is not None or "user_id" not in rows or rows["user_id"].isna().any():
            return ""
        ids = rows["user_id"].to_numpy(dtype="int64")
        return self._words(query.filter, lambda recalled: difference_of(recalled, ids, at))

    def of_count(self, query: QueryLike, estimate: EstimateLike) -> str:
        """Say what the count gained or lost; empty where nothing is known."""
        rows = estimate.rows
        if query.options.limit is not None or rows.is_upper_bound:
            return ""
        at = datetime.now(UTC) - timedelta(seconds=estimate.age_s or 0.0)
        return self._words(query.filter, lambda recalled: change_of(recalled, int(rows), at))

    def _words(self, question: CustomerFilter, compare: Any) -> str:
        if self._memory is None:
            return ""
        for name in self._names_of(question):
            found: Difference | CountChange = compare(self._memory.recall(name, question))
            if found.since is not None:
                return f"{visible(name, _LONGEST_NAME)}: {one_line(str(found))}."
        return ""

    def _names_of(self, question: CustomerFilter) -> list[str]:
        # A damaged file is told where filters are saved and opened, not at every answer.
        try:
            return [name for name in self._segments.names() if self._is(name, question)]
        except SellerCloudError:
            return []

    def _is(self, name: str, question: CustomerFilter) -> bool:
        try:
            return self._segments.load(name) == question
        except SellerCloudError:
            return False
