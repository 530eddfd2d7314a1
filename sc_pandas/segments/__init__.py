"""Saved filters, and who was in them the last time.

``saved`` holds names and filters in one file that can be shared; ``memory`` the ids of the last two readings for each
server, user, segment and filter, in private files.

- A run is compared with the newest *earlier* reading, so one that comes out of the cache again shows the same
  difference again.
- Only a proven reading is remembered, and of it only ids; for 400 days without a run, or until the segment is deleted
  or forgotten.  `sc-pandas cache clear` leaves it.
"""

from sc_pandas.segments.memory import DamagedMemoryError, Seen, SegmentMemory
from sc_pandas.segments.saved import Segments, UnknownSegmentError, check_names

__all__ = ["DamagedMemoryError", "Seen", "SegmentMemory", "Segments", "UnknownSegmentError", "check_names"]
