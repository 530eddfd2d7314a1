"""From a question to a table: which pages, in which dialect, complete or not."""

from sc_pandas.reading.options import CacheMode, Consistency, Progress, ReadOptions, Source, Watcher
from sc_pandas.reading.report import CustomerRead, ReadReport
from sc_pandas.reading.run import count, read_page, read_rows

__all__ = [
    "CacheMode",
    "Consistency",
    "CustomerRead",
    "Progress",
    "ReadOptions",
    "ReadReport",
    "Source",
    "Watcher",
    "count",
    "read_page",
    "read_rows",
]
