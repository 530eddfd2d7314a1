"""Parsed pages into typed Arrow rows, and Arrow into pandas.

::

    items ─► builder ─► columns, custom, shapes ─► spool ─► layout ─► rows ─► Table · batches · DataFrame

What fits a column, and how it is told that something does not:

- int64 takes ``7``, ``7.0`` and ``"7"``; bool takes true, false, 0 and 1, also as text; a double and a decimal take
  numbers that they hold exactly; text takes everything, what is not text as its JSON text.
- timestamp[us] takes ISO 8601 and ``mm/dd/yyyy``.  It has no zone: times are kept as given, those with an offset are
  converted to UTC; digits beyond microseconds are cut.  The API's empty date, ``0001-01-01``, is null and a coercion.
- An undocumented key gets the type that all its values share, or JSON text (``7`` and ``"7"`` stay apart); a custom
  column whose entries declare different types is text.
- Everything else is null and a `Coercion`.  Card data is dropped before anything else, at any depth.
"""

from sc_pandas.tables.builder import TableBuilder
from sc_pandas.tables.layout import BASE_SCHEMA
from sc_pandas.tables.names import column_name
from sc_pandas.tables.rows import Coercion, CustomerRows, to_pandas

__all__ = ["BASE_SCHEMA", "Coercion", "CustomerRows", "TableBuilder", "column_name", "to_pandas"]
