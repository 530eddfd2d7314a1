"""Parsed pages into typed Arrow rows, and Arrow into pandas.

::

    items ─► builder ─► columns, custom, shapes ─► spool ─► layout ─► rows ─► Table · batches ─► dtypes ─► DataFrame

What fits a column, and how it is told that something does not:

- int64 takes ``7``, ``7.0`` and ``"7"``; bool takes true, false, 0 and 1, also as text; a double and a decimal take
  numbers; text takes everything, what is not text as its JSON text.
- A number with more digits than a double (or a decimal) holds becomes the nearest one, and is a coercion with its raw
  text: a double holds what it writes the same, ``0.1`` and every number of up to 15 digits.
- timestamp[us] takes ISO 8601 with any number of fraction digits, and ``mm/dd/yyyy``.  It has no zone: times stay
  as given, those with an offset are converted to UTC; digits beyond microseconds are cut.  The API's empty date,
  ``0001-01-01``, is null and a coercion.
- A rating is a code or a name, in any case and both spellings.  An unknown code stays and
  has no name; a name that nobody knows is null and a coercion.
- An undocumented key gets the type that all its values share, or JSON text (``7`` and ``"7"`` stay apart).  Text is a
  timestamp there only if all of it is ISO 8601: ``01/05/2026`` of an unknown key may be May or January.
- Everything else is null and a `Coercion`.  Card data is dropped before anything else, at any depth.

Custom columns, ``custom.<ColumnName>``:

- The type is what all entries declare, by code or by name: String, nText, Hyperlink → string, Integer → int64,
  Decimal → double (decimal128(18, 6) with ``exact_decimals=True``), DateTime → timestamp[us], Boolean → bool.
  Entries without a ``DataType`` have no say.
  If entries disagree, if a type is new (``7``, ``99``, ``"Money"``), and if several values may be chosen
  (``IsDropDownAllowMultipleSelection``; how they are written is documented nowhere), the column is text.
- Text stays letter for letter: several values, HTML and links are never split, rendered or followed.
- ``null`` and a missing ``Value`` are null.  ``""`` is ``""`` in a text column; elsewhere it is null and a coercion.
- The name is the vendor's, letter for letter.  Names that differ only in case are columns of their own, but no two
  columns may differ only in case, because SQL would take one for the other: the first by spelling has its name, the
  others get ``_2``, ``_3``, … (``custom.Size``, ``custom.size_2``), and a `SchemaDriftWarning` says so.
- Of a name that repeats within a row the last entry counts; the earlier ones are coercions.  An entry without a name,
  and a list that is none, are coercions of ``custom``.  What else an entry holds describes the column and is dropped.

The single customer (`detail_columns`): the same conversions, also inside lists; an item or a field that does not fit is
null in its place.  Blocks, lists and objects where something else belongs are null.
"""

from sc_pandas.contract.spelling import column_name
from sc_pandas.tables.builder import TableBuilder
from sc_pandas.tables.details import detail_columns, detail_schema
from sc_pandas.tables.dtypes import DtypeBackend, backend_of, check_backend, to_pandas
from sc_pandas.tables.known import custom_fields, kind_of, known_fields, widest, with_known
from sc_pandas.tables.layout import BASE_SCHEMA
from sc_pandas.tables.rows import Coercion, CustomerRows, refused

__all__ = [
    "BASE_SCHEMA",
    "Coercion",
    "CustomerRows",
    "DtypeBackend",
    "TableBuilder",
    "backend_of",
    "check_backend",
    "column_name",
    "custom_fields",
    "detail_columns",
    "detail_schema",
    "kind_of",
    "known_fields",
    "refused",
    "to_pandas",
    "widest",
    "with_known",
]
