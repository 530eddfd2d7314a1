"""CSV and Excel files in which no customer's name is a formula.

A spreadsheet runs a cell that begins with ``=``, and the name of a customer is whatever somebody typed into a shop.
The guard puts an apostrophe before text that begins, after blanks, with one of ``= + - @``, their full-width and small
forms, or a control character such as tab, carriage return, line feed or NUL.  Column names are guarded as well;
numbers, dates and booleans are not.

Excel files are written by openpyxl.  XlsxWriter was tried: it writes a text ``<r>…</r>`` as markup of the file, doubles
with 16 digits, and ``_x003D_`` and carriage returns in a form that openpyxl, and so pandas, reads back as other text.
"""

import bz2
import contextlib
import datetime as dt
import gzip
import importlib
import json
import lzma
import math
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO, Final

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from sc_pandas.contract.includes import PARTITIONS
from sc_pandas.errors import ExportError, MissingExtraError, SettingsError
from sc_pandas.files import HashingFile, PathLike, atomic_write, check_target
from sc_pandas.matching import is_text, near_of
from sc_pandas.provenance import Provenance
from sc_pandas.writing.names import endings_of

# After blanks and invisible marks: what starts a formula, also in full-width and small forms, or a control character.
_FORMULA: Final = r"^[\p{Z}\p{Cf}]*(?:[=+\-@＝＋－＠﹦﹢﹣﹫−]|\p{Cc})"
_NO_XML: Final = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x{fffe}\x{ffff}]"
_CODE: Final = re.compile("(?<=_)(?=x[0-9A-Fa-f]{4}_)")
_EXACT: Final = 2**53
_EXCEL_ROWS: Final = 1_048_576
_EXCEL_COLUMNS: Final = 16_384
_EXCEL_TEXT: Final = 32_767
# Excel takes 1900 for a leap year, and days before that March are off by one.
_EXCEL_DAYS_START: Final = dt.datetime(1900, 3, 1)  # noqa: DTZ001  # the frame's times are naive
_MONTHS: Final = frozenset(name for name, fact in PARTITIONS.items() if fact.kind == "month")
_NOTE_SHEET: Final = "Where from"


@dataclass(frozen=True, kw_only=True)
class Spreadsheet:
    """A CSV or Excel file that was written; it goes wherever a path goes.

    Attributes
    ----------
    path : pathlib.Path
        The file.
    rows : int
        Rows, the line of names not counted.
    guarded : dict
        Column to number of its texts, its name included, that got an apostrophe, as they might have run as formulas.
    replaced : dict
        Column to number of its texts in which characters that Excel files cannot hold became U+FFFD.
    """

    path: Path
    rows: int
    guarded: dict[str, int] = field(default_factory=dict)
    replaced: dict[str, int] = field(default_factory=dict)

    def __fspath__(self) -> str:
        return str(self.path)

    def __str__(self) -> str:
        parts = [f"{self.path}: {self.rows:,} rows"]
        for counts, what in ((self.guarded, "got an apostrophe"), (self.replaced, "lost characters Excel cannot hold")):
            if counts:
                parts.append(f"{sum(counts.values()):,} texts {what} ({', '.join(counts)})")
        return "; ".join(parts)


def write_csv(
    path: PathLike,
    rows: Iterable[pa.RecordBatch],
    schema: pa.Schema,
    *,
    formula_guard: bool = True,
    sep: str | None = None,
    encoding: str = "utf-8-sig",
) -> Spreadsheet:
    """Write rows as CSV, as they come; see `SellerCloudAccessor.to_csv`."""
    ending, compression = endings_of(path)
    sep = sep or ("\t" if ending == ".tsv" else ",")
    if sep not in {",", ";", "\t", "|"}:
        raise SettingsError("sep is ',', ';', '|' or a tab.", setting="sep")
    if ending == ".tsv" and sep != "\t":
        raise _mismatch(path, f"a name that ends in .tsv promises tabs, not {sep!r}. Change one of them.")
    if encoding not in {"utf-8", "utf-8-sig"}:
        raise SettingsError("encoding is 'utf-8-sig', which Excel knows as UTF-8, or 'utf-8'.", setting="encoding")
    target = check_target(path)
    with atomic_write(target) as file, _compressed(file, compression, target.stem) as sink:
        sink.write(b"\xef\xbb\xbf" if encoding == "utf-8-sig" else b"")
        count, guarded = csv_into(sink, rows, schema, formula_guard=formula_guard, sep=sep)
    return Spreadsheet(path=Path(path), rows=count, guarded=guarded)


def csv_into(
    sink: Any, rows: Iterable[pa.RecordBatch], schema: pa.Schema, *, formula_guard: bool = True, sep: str = ","
) -> tuple[int, dict[str, int]]:
    """Write rows as CSV into an open file; return how many, and the texts of each column that were guarded."""
    head, in_names = _guarded(_as_texts(schema.empty_table(), for_csv=True), on=formula_guard)
    total = Counter(in_names)
    count, nameless = 0, [""] * len(schema)
    if not nameless:
        return sum(batch.num_rows for batch in rows), {}
    how = pa_csv.WriteOptions(delimiter=sep, quoting_style="needed")
    with pa_csv.CSVWriter(HashingFile(sink), head.schema, write_options=how) as writer:
        for batch in rows:
            texts = _as_texts(pa.Table.from_batches([batch]), for_csv=True).rename_columns(nameless)
            table, found = _changed(texts, schema.names, _apostrophes) if formula_guard else (texts, {})
            writer.write_table(table.rename_columns(head.column_names))
            count += batch.num_rows
            total.update(found)
    return count, {name: total[name] for name in schema.names if total[name]}


@contextlib.contextmanager
def _compressed(file: BinaryIO, how: str, inner_name: str) -> Iterator[Any]:
    """Compress what is written into a file; equal content gives equal bytes."""
    if how == ".zip":
        entry = zipfile.ZipInfo(inner_name)
        entry.compress_type = zipfile.ZIP_DEFLATED
        with zipfile.ZipFile(file, "w") as archive, archive.open(entry, "w", force_zip64=True) as sink:
            yield sink
    elif how == ".gz":
        with gzip.GzipFile("", "wb", fileobj=file, mtime=0) as sink:
            yield sink
    elif how:
        # A stream of Arrow closes its file, which is not its own.
        opened: Any = {".bz2": bz2.BZ2File, ".xz": lzma.LZMAFile}.get(how)
        with opened(file, "wb") if opened else pa.CompressedOutputStream(HashingFile(file), "zstd") as sink:
            yield sink
    else:
        yield file


def openpyxl_or_error() -> Any:
    """Return openpyxl, or say how to install it."""
    try:
        return importlib.import_module("openpyxl")
    except ImportError:
        raise MissingExtraError(
            'Excel files take openpyxl: `pip install "sc_pandas[excel]"`, or write CSV with to_csv.', extra="excel"
        ) from None


def write_excel(
    path: PathLike,
    rows: Iterable[pa.RecordBatch],
    schema: pa.Schema,
    note: Provenance | None,
    *,
    formula_guard: bool = True,
) -> Spreadsheet:
    """Write rows as an Excel workbook; see `SellerCloudAccessor.to_excel`."""
    openpyxl = openpyxl_or_error()
    target = check_target(path)
    table = pa.Table.from_batches(rows, schema)
    if table.num_rows >= _EXCEL_ROWS or table.num_columns > _EXCEL_COLUMNS:
        raise _mismatch(
            path, f"an Excel sheet holds {_EXCEL_ROWS - 1:,} rows and {_EXCEL_COLUMNS:,} columns. Write Parquet or CSV."
        )
    # Numbers stay numbers here; only what is text, or has no other form in Excel, is text.
    names = table.column_names
    table, guarded = _guarded(_as_texts(table, for_csv=False), on=formula_guard)
    table, replaced = _changed(table, names, _replaced)
    _check_lengths(table, path)
    with atomic_write(target) as file:
        # Filled in here, because openpyxl writes to temporary files of its own, and their disk may be full, too.
        book = openpyxl.Workbook(write_only=True)
        _fill(book.create_sheet("Customers"), table)
        if note is not None:
            labels, texts = zip(*note.lines(), strict=True)
            notes = pa.table({"what": list(labels), "value": list(texts)})
            _fill(book.create_sheet(_NOTE_SHEET), _changed(notes, notes.column_names, _replaced)[0])
        book.save(file)
        _check_no_formula(file, path)
    return Spreadsheet(path=Path(path), rows=table.num_rows, guarded=guarded, replaced=replaced)


def _fill(sheet: Any, table: pa.Table) -> None:
    make_cell = importlib.import_module("openpyxl.cell").WriteOnlyCell
    runs = importlib.import_module("openpyxl.cell.rich_text").CellRichText

    def text(value: str) -> Any:
        cell = make_cell(sheet, value="")
        pieces = _pieces(value)
        # Set by hand, because openpyxl takes what begins with "=" for a formula and "#N/A" for an error.
        cell._value, cell.data_type = (value if len(pieces) == 1 else runs(pieces)), "s"  # noqa: SLF001
        return cell

    def dated(value: dt.date, number_format: str) -> Any:
        cell = make_cell(sheet, value=value)
        cell.number_format = number_format
        return cell

    sheet.append([text(name) for name in table.column_names])
    makers = [_maker(column.type, text, dated) for column in table.columns]
    for batch in table.to_batches(max_chunksize=10_000):
        for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            sheet.append([None if value is None else make(value) for make, value in zip(makers, row, strict=True)])


def _pieces(value: str) -> list[str]:
    """Cut a text where Excel would read a character's code in it: ``_x003D_`` stands for ``=`` (ECMA-376, ST_Xstring).

    Cut into runs of one cell, after the underscore, no piece holds a code, and every reader shows the text letter for
    letter.  (The escape, ``_x005F_x003D_``, openpyxl and with it pandas would read back as it is written.)
    """
    return _CODE.split(value) if "_x" in value else [value]


def _maker(of_type: pa.DataType, text: Callable[[str], Any], dated: Callable[[Any, str], Any]) -> Callable[[Any], Any]:
    """Return the function from a value of an Arrow type to an Excel cell."""
    day, types = _EXCEL_DAYS_START.date(), pa.types
    kinds: tuple[tuple[Callable[[pa.DataType], bool], Callable[[Any], Any]], ...] = (
        (types.is_boolean, bool),
        (types.is_integer, lambda value: value if abs(value) <= _EXACT else text(str(value))),
        (types.is_floating, lambda value: value if math.isfinite(value) else text(str(value))),
        (types.is_decimal, lambda value: float(value) if _is_exact(value) else text(f"{value:f}")),
        (_is_naive, lambda value: _moment(value, text, dated)),
        (types.is_date, lambda value: dated(value, "yyyy-mm-dd") if value >= day else text(value.isoformat())),
    )
    return next((make for fits, make in kinds if fits(of_type)), lambda value: text(str(value)))


def _is_exact(value: Decimal) -> bool:
    return Decimal(repr(float(value))) == value


def _is_naive(of_type: pa.DataType) -> bool:
    return bool(pa.types.is_timestamp(of_type) and of_type.tz is None)


def _moment(value: Any, text: Callable[[str], Any], dated: Callable[[Any, str], Any]) -> Any:
    plain = value.to_pydatetime(warn=False) if isinstance(value, pd.Timestamp) else value
    return dated(plain, "yyyy-mm-dd hh:mm:ss") if plain >= _EXCEL_DAYS_START else text(plain.isoformat(" "))


def _guarded(table: pa.Table, *, on: bool) -> tuple[pa.Table, dict[str, int]]:
    """Put an apostrophe before what might run."""
    return _changed(table, table.column_names, _apostrophes) if on else (table, {})


def _changed(
    table: pa.Table, names: list[str], change: Callable[[Any], tuple[Any, int]]
) -> tuple[pa.Table, dict[str, int]]:
    """Change texts and headers, and count what changed by column, called as `names` call it."""
    headers = change(pa.array(table.column_names, pa.string()))[0].to_pylist()
    arrays, counts = [], {}
    for name, before, header, column in zip(names, table.column_names, headers, table.columns, strict=True):
        values, count = change(column) if is_text(column.type) else (column, 0)
        arrays.append(values)
        if count + (before != header):
            counts[name] = count + (before != header)
    return pa.table(arrays, names=headers), counts


def _apostrophes(texts: Any) -> tuple[Any, int]:
    runs = pc.match_substring_regex(texts, _FORMULA)
    before, nothing = pa.scalar("'", texts.type), pa.scalar("", texts.type)
    return pc.if_else(runs, pc.binary_join_element_wise(before, texts, nothing), texts), pc.sum(runs).as_py() or 0


def _replaced(texts: Any) -> tuple[Any, int]:
    """Replace what an Excel file cannot hold."""
    count = pc.sum(pc.match_substring_regex(texts, _NO_XML)).as_py() or 0
    return (pc.replace_substring_regex(texts, _NO_XML, "\ufffd") if count else texts), count


def _check_lengths(table: pa.Table, path: PathLike) -> None:
    for name, column in zip(table.column_names, table.columns, strict=True):
        # Excel counts UTF-16, which never takes more units than UTF-8 takes bytes.
        bytes_at_most = pc.max(pc.binary_length(column)).as_py() if is_text(column.type) else 0
        if (bytes_at_most or 0) > _EXCEL_TEXT and _utf16_length(column) > _EXCEL_TEXT:
            raise _mismatch(
                path, f"the column {name!r} holds a text of more than {_EXCEL_TEXT:,} characters, more than an Excel "
                "cell. Write Parquet or CSV, or leave the column out."
            )  # fmt: skip


def _utf16_length(column: pa.ChunkedArray) -> int:
    return max(len(text.encode("utf-16-le")) // 2 for text in column.drop_null().to_pylist())


def _check_no_formula(file: BinaryIO, path: PathLike) -> None:
    """Look into the finished workbook before anybody sees it: there is no formula in it."""
    with zipfile.ZipFile(file) as book:
        for name in book.namelist():
            if not name.startswith("xl/worksheets/"):
                continue
            rest = b""
            with book.open(name) as sheet:
                while piece := sheet.read(1 << 20):
                    # In text a "<" is always escaped.
                    if re.search(rb"<(?:\w+:)?f[\s/>]", rest + piece):
                        raise _mismatch(path, "a text became a formula. Nothing was published; please report it.")
                    rest = piece[-16:]


def _as_texts(table: pa.Table, *, for_csv: bool) -> pa.Table:
    """Write as text what CSV, or else Excel, has no form of its own for; numbers stay."""
    columns = [
        _days(column, for_csv=for_csv) if name in _MONTHS else _flat(column, for_csv=for_csv)
        for name, column in zip(table.column_names, table.columns, strict=True)
    ]
    return pa.table(columns, names=table.column_names)


def _days(column: pa.ChunkedArray, *, for_csv: bool) -> pa.ChunkedArray | pa.Array:
    """Write months as their first day, unless somebody gave them hours."""
    days = column.cast(pa.date32(), safe=False) if _is_naive(column.type) else None
    if days is None or not days.cast(column.type, safe=False).equals(column):
        return _flat(column, for_csv=for_csv)
    return days.cast(pa.string()) if for_csv else days


def _flat(column: pa.ChunkedArray, *, for_csv: bool) -> pa.ChunkedArray | pa.Array:
    of_type, types = column.type, pa.types
    if types.is_nested(of_type):
        return _written(column, lambda value: json.dumps(value, ensure_ascii=False, default=str))
    if types.is_binary(of_type) or types.is_large_binary(of_type) or types.is_fixed_size_binary(of_type):
        return _written(column, bytes.hex)
    if for_csv and types.is_boolean(of_type):
        return pc.if_else(column, "True", "False")
    is_odd = types.is_null(of_type) or of_type == pa.string_view() or (for_csv and _is_naive(of_type))
    return column.cast(pa.string()) if is_odd else column if for_csv else near_of(column)


def _written(column: pa.ChunkedArray, write: Callable[[Any], str]) -> pa.Array:
    return pa.array([None if value is None else write(value) for value in column.to_pylist()], pa.string())


def _mismatch(path: PathLike, what: str) -> ExportError:
    return ExportError.cannot_write(path, what, reason="mismatch")
