"""Saved filters, what they gave the last time, and the difference since.

::

    saved ─── names and filters: one file, made to be shared, nothing but filters in it
    memory ── per server, user, segment and filter: the ids of its last two readings; private
    difference ── pure: who came and who went between two readings

- A difference is taken between a reading and the newest *earlier* one.  A reading that comes out of the cache once more
  is not a second reading: it shows the same difference again.
- Only a proven reading is remembered, and of it only ids.  It stays for 400 days without a run, or until the segment is
  deleted or forgotten.  `sc-pandas cache clear` leaves it.
- A filter that was changed under its name has no difference: what is remembered belongs to the filter, too.
"""

from sc_pandas.segments.difference import CountChange, Difference, change_of, difference_of
from sc_pandas.segments.memory import Recollection, Seen, SegmentMemory
from sc_pandas.segments.saved import FILE, LONGEST_NAME, Segments, UnknownSegmentError

__all__ = [
    "FILE",
    "LONGEST_NAME",
    "CountChange",
    "Difference",
    "Recollection",
    "Seen",
    "SegmentMemory",
    "Segments",
    "UnknownSegmentError",
    "change_of",
    "difference_of",
]
