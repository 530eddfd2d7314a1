"""From a question to a table: which pages, in which dialect, complete or not."""

from sc_pandas.reading.columns import check_wanted, with_every_column
from sc_pandas.reading.labels import IncludePlan, one_value_each, plan_includes
from sc_pandas.reading.options import CacheMode, Consistency, Progress, ReadKeywords, ReadOptions, Source, Watcher
from sc_pandas.reading.report import CustomerRead, IncludeGap, ReadReport
from sc_pandas.reading.run import count, estimate, read_page, read_rows

__all__ = [
    "CacheMode",
    "Consistency",
    "CustomerRead",
    "IncludeGap",
    "IncludePlan",
    "Progress",
    "ReadKeywords",
    "ReadOptions",
    "ReadReport",
    "Source",
    "Watcher",
    "check_wanted",
    "count",
    "estimate",
    "one_value_each",
    "plan_includes",
    "read_page",
    "read_rows",
    "with_every_column",
]
