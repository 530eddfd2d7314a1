"""The on-disk HTTP cache: requests-cache, made safe.

One SQLite database for each (host, user), private from creation.  requests-cache holds the responses; this room gives
it its own keys, a serializer that is never pickle and stores no header, a bounded wait for locks, and turns every fault
of the file into a miss and one `CacheWarning`.  Pages of one read carry its *read id* in their keys and are used
together or not at all.
"""

from sc_pandas.cache.folder import clear_folder, home_of, private_home
from sc_pandas.cache.http_cache import NO_STORE, CacheInfo, HttpCache, KeptRead, KeyedRequest, cache_key
from sc_pandas.cache.storage import KEEP_AT_MOST

__all__ = [
    "KEEP_AT_MOST",
    "NO_STORE",
    "CacheInfo",
    "HttpCache",
    "KeptRead",
    "KeyedRequest",
    "cache_key",
    "clear_folder",
    "home_of",
    "private_home",
]
