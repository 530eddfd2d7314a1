"""Count customers by the values of a column, and draw the counts as bars."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import pandas as pd
import pyarrow as pa

# A column of the tenant's own is counted when it has so few values, each of them twice on average.
DISTINCT_AT_MOST: Final = 12
UNKNOWN: Final = "unknown"
NONE: Final = "none"
BAR_COLOR: Final = "#4c78a8"


def counts_of(column: "pd.Series[Any]") -> "pd.Series[int]":
    """Return how many rows have each value, the commonest first.

    Missing values stand under ``"unknown"``.  A row with a list counts under each of its items, an empty list under
    ``"none"``.

    Examples
    --------
    >>> counts_of(pd.Series(["a", None, "a", "b"])).to_dict()
    {'a': 2, 'b': 1, 'unknown': 1}
    """
    column = column.reset_index(drop=True)
    values = column.explode() if is_nested(column) else column
    found = values.value_counts(dropna=True)
    missing = int(column.isna().sum())
    rest = {label: n for label, n in ((UNKNOWN, missing), (NONE, int(values.isna().sum()) - missing)) if n}
    index = pd.Index([*found.index, *rest], name=column.name, dtype=object)
    counts = pd.Series([*found.to_numpy(dtype="int64"), *rest.values()], index=index, dtype="int64", name="customers")
    return counts.sort_values(ascending=False, kind="stable")


def is_nested(column: "pd.Series[Any]") -> bool:
    """Return whether a column holds lists or structs."""
    return isinstance(column.dtype, pd.ArrowDtype) and pa.types.is_nested(column.dtype.pyarrow_dtype)


def is_countable(column: "pd.Series[Any]") -> bool:
    """Return whether counts of a column say something: few values, each of them twice on average."""
    if is_nested(column):
        return False
    distinct = column.nunique()
    return 0 < distinct <= DISTINCT_AT_MOST and 2 * distinct <= column.count()


def draw_bars(axis: Any, counts: Sequence[int], labels: Iterable[str], *, fontsize: int | None = None) -> None:
    """Draw counts as horizontal bars, the first on top, into axes of matplotlib."""
    bars = axis.barh(range(len(counts)), counts, color=BAR_COLOR)
    axis.bar_label(bars, fmt="{:,.0f}", padding=2, fontsize=fontsize)
    axis.set_yticks(range(len(counts)), labels, fontsize=fontsize, parse_math=False)
    axis.invert_yaxis()
