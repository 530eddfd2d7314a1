"""The on-disk HTTP cache: requests-cache, made safe.

One SQLite database for each (host, user), private from creation.  requests-cache opens it and reads it; this room gives
it its own keys, entries without a header and without pickle, a bounded wait for locks, and turns every fault of the
file into a miss and one `CacheWarning`.  Pages of one read carry its *read id* in their keys and are used together or
not at all.
"""

from sc_pandas.cache.columns import ColumnMemory, Columns
from sc_pandas.cache.folder import KEEP_AT_MOST, clear_folder, home_of, private_home
from sc_pandas.cache.http_cache import CacheInfo, HttpCache, cache_key

__all__ = [
    "KEEP_AT_MOST",
    "CacheInfo",
    "ColumnMemory",
    "Columns",
    "HttpCache",
    "cache_key",
    "clear_folder",
    "home_of",
    "private_home",
]
