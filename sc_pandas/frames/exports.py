"""Frames and files to hand on: the exporting part of `df.sellercloud`."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pyarrow as pa

from sc_pandas.edge import public_class
from sc_pandas.errors import AccessorError, ExportError
from sc_pandas.frames.redaction import check_partition, pseudonymized, redacted
from sc_pandas.parquet import export_table, frame_to_arrow
from sc_pandas.provenance import ATTRS_KEY, Provenance
from sc_pandas.reading import ReadReport
from sc_pandas.reading.report import Verdict
from sc_pandas.secrecy import Secret
from sc_pandas.writing import Spreadsheet, check_name, verb_for, write_csv, write_excel, write_feather

# Columns that only SellerCloud's customers have; a frame that lost its attrs is known by them.
_OURS: Final = frozenset({"is_whole_sale_user", "is_wholesale_string", "rating_name"})

# Texts of CSV are made for so many rows at once.
_BATCH: Final = 20_000


@public_class
class Exports:
    """A frame of customers that knows where it came from, and can be handed on."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self._frame = frame
        if Provenance.from_attrs(frame.attrs) is None and not (
            "user_id" in frame.columns and _OURS & set(frame.columns)
        ):
            raise AccessorError(
                "This frame did not come from SellerCloud. df.sellercloud works on frames of "
                "read_sellercloud_customers() and read_parquet() of sc_pandas."
            )

    @property
    def provenance(self) -> Provenance:
        """Where the rows came from.

        Returns
        -------
        Provenance
            Server, filter, time and verdict of the read.  A frame that you filtered has those of the whole read, and
            `frame_rows` shows that it is a part (rows replaced by as many others cannot be detected).

        Raises
        ------
        AccessorError
            An operation dropped ``df.attrs`` (a merge with another frame does).
        """
        note = self._note()
        if note is None:
            raise AccessorError(
                "This frame does not say where it came from. If a merge with another frame dropped df.attrs, copy them "
                "over: merged.attrs.update(df.attrs). Rows of several reads have no single origin; to_csv and to_excel "
                "take allow_unverified=True."
            )
        return note

    @property
    def report(self) -> ReadReport:
        """How the read of these rows went: values that did not fit (coercions), gaps, calls, notes.

        Returns
        -------
        ReadReport
            Of the whole read, also if the frame is a part of it.  It lives in this process as long as frames of the
            read do; it holds raw values, so it does not travel: a frame from a file, a pickle or another process, and
            one that was redacted or pseudonymized, has none.

        Raises
        ------
        AccessorError
            The frame has no report.

        Examples
        --------
        >>> df[df.rating >= 4].sellercloud.report.rows
        120
        """
        note = self._frame.attrs.get(ATTRS_KEY)
        verdict = note.get("verdict") if isinstance(note, dict) else None
        if not isinstance(verdict, Verdict):
            raise AccessorError(
                "This frame has no report: a report holds raw values, so files, pickles, redacted frames and other "
                "processes do not get it. A new read has one: df.sellercloud.refresh().sellercloud.report."
            )
        return verdict.report

    def redact(self, columns: Iterable[str] | None = None, *, keep: Iterable[str] = ()) -> pd.DataFrame:
        """Empty personal columns, so the frame can be shown to others.

        Every column that is not known to be impersonal is treated as personal: names, addresses, phones, texts, every
        ``custom.`` column, every undocumented column and every column that you added.  `sc_pandas.contract.columns` has
        the list.  ``user_id`` stays: it tells nothing to people without an account.

        Parameters
        ----------
        columns
            Further columns to empty, for example ``["user_id"]``.
        keep
            Columns to leave as they are, for example ``["custom.Tier"]``.

        Returns
        -------
        pandas.DataFrame
            The same columns and dtypes (NumPy integers and booleans become nullable), with a fresh RangeIndex, because
            labels of rows may name somebody; named index levels become columns in front.  ``attrs`` hold only the
            provenance, without filter values that may name a person; if there were any, `query` cannot be used
            again.  A column whose label is no name of SellerCloud's columns becomes "column 22", by its place, unless
            `columns` or `keep` names it: the labels of a pivot table are values.

        Raises
        ------
        SettingsError
            A column in `columns` or `keep` does not exist.

        Warns
        -----
        SellerCloudWarning
            Columns have new labels.

        Examples
        --------
        >>> safe = df.sellercloud.redact()
        >>> int(safe.email.notna().sum()), safe.rating_name.equals(df.rating_name)
        (0, True)
        """
        return redacted(self._frame, self._note(), columns, keep)

    def pseudonymize(
        self, key: str | bytes, columns: Iterable[str] | None = None, *, keep: Iterable[str] = ()
    ) -> pd.DataFrame:
        """Replace personal values by tokens that are equal where the values are, in all frames under one key.

        A token is the HMAC-SHA-256 of the value under the key, cut to 128 bits, in hexadecimal.  Values of one kind
        share their tokens in all columns: an address in ``email`` and in ``email_cc``, all phones, all cities; see
        `sc_pandas.contract.columns`.  E-mails, names and places are compared without regard to case and
        surplus blanks, phones without blanks and punctuation.  ``user_id`` becomes a keyed digest of 63 bits, so joins
        between frames under one key work; if two customers of the frame would get the same one, it is an error.

        Whoever has the key can find out who is behind a token; in law such data is still personal.  The rows stay in
        their order, and figures such as ``created_on`` stay as they are; use `redact` on columns that need not be
        shared, and ``.sample(frac=1)`` if the order reveals too much.

        Parameters
        ----------
        key
            At least 16 bytes; make one with ``secrets.token_hex(32)``.  It is not stored.
        columns
            Further columns of text to replace by tokens, for example ``["custom.MemberNo"]``; each is a kind of its
            own, compared to the letter.
        keep
            Columns to leave as they are, for example ``["user_id", "custom.Tier"]``.

        Returns
        -------
        pandas.DataFrame
            The same columns and dtypes; missing values stay missing.  Personal columns for which there are no tokens
            (comments, address lines, lists, custom and undocumented columns) are emptied.  Index, labels of columns and
            ``attrs`` are as `redact` returns them.

        Raises
        ------
        SettingsError
            The key is too short or too simple, two customers would become one under it, or a column does not exist.

        Warns
        -----
        SellerCloudWarning
            Columns have new labels.

        Examples
        --------
        >>> here, there = (part.sellercloud.pseudonymize("correct horse battery staple") for part in (df, df.head(9)))
        >>> len(there.merge(here, on="user_id")), bool(there.email.equals(here.email.head(9)))
        (9, True)
        >>> df.sellercloud.pseudonymize("secret")
        Traceback (most recent call last):
        ...
        sc_pandas.errors.SettingsError: key is too easy to guess. Use at least 16 bytes ...
        """
        secret = Secret(key)
        del key
        return pseudonymized(self._frame, self._note(), secret, columns, keep)

    def to_parquet(
        self,
        path: str | os.PathLike[str],
        *,
        partition_by: str | Sequence[str] | None = None,
        storage_options: Mapping[str, Any] | None = None,
        overwrite: bool = False,
        impersonal: str | Iterable[str] = (),
        compression: str = "zstd",
        allow_unverified: bool = False,
    ) -> Path | str:
        """Write the frame to Parquet, crash-safe, with its provenance inside.

        `sc_pandas.read_parquet` returns the equal frame.  Index levels with names become columns in front; an index
        without a name is dropped.  The file of a frame that was filtered after the read says how many rows it has of
        how many.

        Parameters
        ----------
        path
            A path, or an address that fsspec knows, such as ``"s3://bucket/customers.parquet"``.  A new file is private
            (0600), an existing one retains its mode.  Writing to an address is as atomic as the store makes it: a file
            is checked here and sent in one piece, a folder is sent file by file.
        partition_by
            One column or several whose values name folders, ``channel=Amazon/part-0.parquet``, as pandas, DuckDB and
            Polars read them.  The folder appears under its name as a whole.  Allowed are columns that many customers
            share, such as ratings, channels, months and places down to the city.  Columns that identify a person never
            are; all others only if `impersonal` names them.  (If a column has missing values, plain pandas needs
            ``pd.read_parquet(folder, partitioning=pyarrow.dataset.partitioning(flavor="hive"))``: a limit of pyarrow.)
        storage_options
            Passed to fsspec for an address, as in `pandas.DataFrame.to_parquet`; not stored.
        overwrite
            Replace a folder of an earlier export, at one instant on Linux; elsewhere the old one is set aside for a
            moment.  Without it nothing may exist at the path.  A single file is always replaced, in one step.
        impersonal
            Columns in `partition_by` that you know to name nobody, for example ``["custom.Tier"]``.  Names of folders
            are visible to everybody who lists them, and in logs.
        compression
            ``"zstd"``, ``"snappy"``, ``"gzip"``, ``"brotli"``, ``"lz4"`` or ``"none"``.
        allow_unverified
            Also write rows of a read that was not proven complete; the file says so.

        Returns
        -------
        pathlib.Path or str
            The path; of an address, the address.

        Raises
        ------
        ExportError
            It could not be written, or the rows are not verified; what stood at the path is untouched.
        MissingExtraError
            An address needs fsspec, or the store's own package, and it is not installed.
        SettingsError
            The arguments do not fit the frame or each other.
        AccessorError
            The frame no longer says where it came from.

        Examples
        --------
        >>> folder = df.sellercloud.to_parquet("by_rating", partition_by="rating_name")
        >>> sc.read_parquet(folder).equals(df)
        True
        >>> part = sc.read_parquet(df[df.rating >= 4].sellercloud.to_parquet("happy.parquet"))
        >>> part.sellercloud.provenance.rows_in_words()
        'part of a read: 9 of 120 rows, edited after the read'
        """
        note = self.provenance
        table = self._table(path, "to_parquet", "; the file will say so", allowed=allow_unverified)
        if partition_by is not None:
            check_partition(self._frame, partition_by, impersonal)
        return export_table(
            path,
            table,
            note,
            partition_by=partition_by,
            storage_options=storage_options,
            overwrite=overwrite,
            compression=compression,
        )

    def to_csv(
        self,
        path: str | os.PathLike[str],
        *,
        formula_guard: bool = True,
        sep: str | None = None,
        encoding: str = "utf-8-sig",
        allow_unverified: bool = False,
    ) -> Spreadsheet:
        """Write the frame to a CSV file that is safe to open in a spreadsheet; crash-safe and private.

        Lists and structs are JSON, booleans True and False, times ISO.  All text is in quotes; missing values are
        empty, empty text is ``""``.  The index is written as by `to_parquet`.  CSV has no place for the provenance.

        Parameters
        ----------
        path
            The target; a new file is private (0600), an existing one retains its mode.  It is compressed as a name that
            ends in ``.gz``, ``.bz2``, ``.zip``, ``.xz`` or ``.zst`` promises.
        formula_guard
            Put an apostrophe before text that a spreadsheet might run: it begins, after blanks, with ``= + - @``, one
            of their full-width forms, or a control character.  A phone such as ``+1 212 555 0100`` gets one, too;
            numbers do not.
        sep
            ``","``, ``";"``, ``"|"`` or a tab; by default a comma, and a tab for ``.tsv``.  The guard looks at whole
            values: open the file with the same separator.
        encoding
            ``"utf-8-sig"``, whose mark tells Excel that it is UTF-8, or ``"utf-8"``.
        allow_unverified
            Also write rows that were not proven complete, or whose frame lost its provenance.

        Returns
        -------
        Spreadsheet
            The path, usable as one, and how many texts were guarded.

        Raises
        ------
        ExportError
            The file could not be written, or the rows are not verified; what stood at the path is untouched.
        SettingsError
            `sep` or `encoding` is not supported.
        AccessorError
            The frame no longer says where it came from.

        Examples
        --------
        >>> import pandas as pd
        >>> written = df.assign(first_name="=1+1").sellercloud.to_csv("customers.csv")
        >>> written.guarded["first_name"], pd.read_csv(written).first_name[0]
        (120, "'=1+1")
        """
        table = self._table(path, "to_csv", ", although CSV has no place to say so", allowed=allow_unverified)
        return write_csv(
            path, table.to_batches(_BATCH), table.schema, formula_guard=formula_guard, sep=sep, encoding=encoding
        )

    def to_excel(
        self, path: str | os.PathLike[str], *, formula_guard: bool = True, allow_unverified: bool = False
    ) -> Spreadsheet:
        """Write the frame to an Excel workbook without formulas; crash-safe and private.

        The sheet "Customers" has the rows, "Where from" the provenance.  Text is written as text, so no cell is a
        formula, with or without the guard.  Times are Excel's dates (to the millisecond); whole numbers beyond 2**53,
        decimals that a double cannot hold, times before March 1900 and times with a zone are text; so are all times of
        a column with a year beyond 9999.  Lists and structs
        are JSON.  Characters that Excel files cannot hold become U+FFFD.  Needs openpyxl.

        Parameters
        ----------
        path
            The target; a new file is private (0600), an existing one retains its mode.
        formula_guard
            See `to_csv`.  In Excel it protects people who edit a cell, or save the sheet as CSV.
        allow_unverified
            Also write rows that were not proven complete, or whose frame lost its provenance.

        Returns
        -------
        Spreadsheet
            The path, usable as one, and how many texts were guarded or had characters replaced.

        Raises
        ------
        ExportError
            The file could not be written, a text is longer than 32,767 characters, or the rows are not verified; what
            stood at the path is untouched.
        MissingExtraError
            openpyxl is not installed.
        AccessorError
            The frame no longer says where it came from.

        Examples
        --------
        >>> import pandas as pd
        >>> written = df.sellercloud.to_excel("customers.xlsx")
        >>> pd.read_excel(written, sheet_name="Where from").set_index("what").value["rows"]
        '120, as read'
        """
        table = self._table(path, "to_excel", "; the sheet will say so", allowed=allow_unverified)
        return write_excel(path, table.to_batches(), table.schema, self._note(), formula_guard=formula_guard)

    def to_feather(self, path: str | os.PathLike[str], *, allow_unverified: bool = False) -> Path:
        """Write the frame to a Feather file (Arrow's own format); crash-safe and private.

        `pandas.read_feather` returns the rows with their dtypes and ``attrs``; the file has no checksum of the rows.
        The index is written as by `to_parquet`.

        Parameters
        ----------
        path
            The target; a new file is private (0600), an existing one retains its mode.
        allow_unverified
            Also write rows of a read that was not proven complete; the file says so.

        Returns
        -------
        pathlib.Path
            The path.

        Raises
        ------
        ExportError
            The file could not be written, or the rows are not verified; what stood at the path is untouched.
        AccessorError
            The frame no longer says where it came from.
        """
        note = self.provenance
        table = self._table(path, "to_feather", "; the file will say so", allowed=allow_unverified)
        return write_feather(path, table.to_batches(), table.schema, note)

    def to_file(self, path: str | os.PathLike[str], **options: Any) -> Path | str | Spreadsheet:
        """Write the frame in the format that the name promises.

        ``.parquet``, ``.csv``, ``.tsv``, ``.xlsx`` and ``.feather``; a CSV file may be compressed (``.csv.gz``, also
        ``.bz2``, ``.zip``, ``.xz`` and ``.zst``).

        Parameters
        ----------
        path
            The target.
        **options
            Those of the verb that is meant: `to_parquet`, `to_csv`, `to_excel` or `to_feather`.

        Returns
        -------
        pathlib.Path, str or Spreadsheet
            What that verb returns.

        Raises
        ------
        ExportError
            The name promises nothing, or what cannot be written; else as the verb says.
        SellerCloudError
            What else the verb raises.

        Examples
        --------
        >>> import pandas as pd
        >>> pd.read_csv(df.sellercloud.to_file("customers.csv.gz")).shape[0]
        120
        >>> df.sellercloud.to_csv("customers.xlsx")
        Traceback (most recent call last):
        ...
        sc_pandas.errors.ExportError: customers.xlsx cannot be written: to_csv writes CSV, and the name ends in ...
        """
        return getattr(self, verb_for(path))(path, **options)  # type: ignore[no-any-return]

    def _note(self) -> Provenance | None:
        # Looked up each time: attrs may be copied over after the accessor was made, and pandas caches accessors.
        note = Provenance.from_attrs(self._frame.attrs)
        if note is None:
            return None
        # attrs stay as they are through whatever pandas does to the rows.
        frame = self._frame
        ids = frame["user_id"] if list(frame.columns).count("user_id") == 1 else pd.Series(dtype="int64")
        return note.of_frame(len(frame), repeated=bool(ids.dropna().duplicated().any()))

    def _table(self, path: str | os.PathLike[str], verb: str, then: str, *, allowed: bool) -> pa.Table:
        """Return the rows for a verb, if it may write them under that name."""
        check_name(path, verb)
        if not allowed and not self.provenance.is_verified:
            raise ExportError.not_proven(path, f"Read again, or pass allow_unverified=True{then}.")
        return frame_to_arrow(self._frame, path, as_text=verb in {"to_csv", "to_excel"})
