"""`df.sellercloud`: what a frame that came from SellerCloud can do besides being a frame."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Unpack, cast

import pandas as pd

from sc_pandas.errors import AccessorError, ExportError
from sc_pandas.filters import CustomerFilter, CustomerFilterArgs
from sc_pandas.frames.difference import FrameDifference, difference
from sc_pandas.frames.duplicates import find_duplicates
from sc_pandas.frames.import_template import Incomplete, template_of, write_template
from sc_pandas.frames.plots import Plots
from sc_pandas.frames.redaction import check_partition, pseudonymized, redacted
from sc_pandas.frames.segmenting import SavedFilters, Segment, segment_of
from sc_pandas.frames.spreadsheets import Spreadsheet, write_csv, write_excel
from sc_pandas.frames.summary import Summary, summary_of
from sc_pandas.matching import matching
from sc_pandas.parquet import export_table, frame_to_arrow
from sc_pandas.provenance import Provenance
from sc_pandas.query import CustomerQuery
from sc_pandas.query.connection import connection_for
from sc_pandas.query.values import QueryOptions, to_code

if TYPE_CHECKING:
    from sc_pandas.panel.panel import Panel

# Columns that only SellerCloud's customers have; a frame that lost its attrs is known by them.
_OURS: Final = frozenset({"is_whole_sale_user", "is_wholesale_string", "rating_name"})


@pd.api.extensions.register_dataframe_accessor("sellercloud")
class SellerCloudAccessor:
    """``df.sellercloud``: where a frame of customers came from, and what can be done with that.

    It works on every frame that `read_sellercloud_customers` or `read_parquet` gave, also after filtering and other
    operations that keep ``df.attrs``.

    Raises
    ------
    AccessorError
        The frame did not come from SellerCloud; ``hasattr(df, "sellercloud")`` is False then.

    Examples
    --------
    >>> import pandas as pd
    >>> pd.DataFrame({"x": [1]}).sellercloud
    Traceback (most recent call last):
    ...
    sc_pandas.errors.AccessorError: This frame did not come from SellerCloud. df.sellercloud works on frames of ...
    """

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
            Server, filter, time and verdict of the read; a frame that you filtered keeps those of the whole read, and
            `frame_rows` says that it is a part (rows replaced by as many others cannot be seen).

        Raises
        ------
        AccessorError
            An operation dropped ``df.attrs`` (a merge with another frame does).
        """
        # Looked up each time: attrs may be copied over after the accessor was made, and pandas 3.0 keeps accessors.
        note = Provenance.from_attrs(self._frame.attrs)
        if note is None:
            raise AccessorError(
                "This frame does not say where it came from. If a merge with another frame dropped df.attrs, copy them "
                "over: merged.attrs.update(df.attrs). Rows of set algebra (`a & b` of segments) come from several "
                "reads and have no single origin; to_csv and to_excel take allow_unverified=True."
            )
        return _of_frame(note, self._frame)

    @property
    def query(self) -> CustomerQuery:
        """The query that gave the rows, to ask it again.

        Returns
        -------
        CustomerQuery
            At this process's open connection to the same server as the same user, the one that was opened last; else
            at a new one, whose login comes from where `connect` finds it.

        Raises
        ------
        AccessorError
            The frame no longer says where it came from, or its filter was redacted.
        SettingsError
            There is no open connection and no login to make one.

        Warns
        -----
        SellerCloudWarning
            Another user is asked, because there is no connection and no login of the one who read the frame; or there
            are connections of several users, and the frame (an older or a redacted one) does not say whose it is.
        """
        note = self.provenance
        question = _question(note)
        return CustomerQuery(connection_for(note.base_url, note.tenant), question, _options(note))

    def panel(self) -> "Panel":
        """Open the live filter panel on the query that gave the rows.

        Returns
        -------
        Panel

        Raises
        ------
        AccessorError
            The frame no longer says where it came from.
        SettingsError
            There is no open connection and no login to make one.
        """
        return self.query.panel()

    def to_code(self) -> str:
        """Give Python code that reads the same.

        Returns
        -------
        str
            Runnable where a login is found; no secret is in it.

        Raises
        ------
        AccessorError
            The frame no longer says where it came from, or its filter was redacted.
        """
        note = self.provenance
        return to_code(note.base_url, _question(note), _options(note))

    def refresh(self, **options: Any) -> pd.DataFrame:
        """Ask the query that gave the rows once more, and the server, not the cache.

        Parameters
        ----------
        **options
            Options of the read that shall be others than they were; see `CustomerQuery.with_options`.

        Returns
        -------
        pandas.DataFrame
            A new frame by the same filter, columns, limit, include and page size; the old one stays as it is.  What the
            user did to the old one (left rows out, sorted, merged) is not done again.

        Raises
        ------
        AccessorError
            The frame no longer says where it came from.
        SettingsError
            There is no open connection and no login to make one, or an option does not exist.
        SellerCloudError
            See `CustomerQuery.run`.

        Warns
        -----
        SellerCloudWarning
            Another user is asked; see `query`.

        Examples
        --------
        >>> import sc_pandas as sc
        >>> with sc.sandbox.serve(customers=50) as box:
        ...     with sc.connect(box.url, username=box.username, password=box.password) as shop:
        ...         df = shop.customers().to_pandas()
        ...         _ = box.insert(2)
        ...         len(df), len(df.sellercloud.refresh())
        (50, 52)
        """
        return self.query.with_options(**{"cache": "refresh", **options}).to_pandas()

    def diff(self, other: pd.DataFrame) -> FrameDifference:
        """Say what changed from this frame, the earlier, to another one, the later, by ``user_id``.

        Parameters
        ----------
        other
            The later frame.

        Returns
        -------
        FrameDifference
            Customers added and removed, and each changed value; ``df.sellercloud.diff(other).apply(df)`` gives `other`
            sorted by user_id.

        Raises
        ------
        AccessorError
            One of the frames has no ``user_id``, or one that is missing or repeated in its rows.
        """
        return difference(self._frame, other)

    def where(self, **filters: Unpack[CustomerFilterArgs]) -> pd.DataFrame:
        """Give the rows that match filters, by what the rows say; the server is not asked.

        Parameters
        ----------
        **filters
            Filters by the API's names, as `read_sellercloud_customers` takes them, as far as the rows can tell.
            channel, subscribed, exported, created_on_from and _to, phone_number, city, zip_code and company_ids need
            columns that ``include=`` reads; keyword, modified_on_from and modified_on_to only the server can judge.

        Returns
        -------
        pandas.DataFrame
            A new frame of the matching rows, with their index and the ``attrs``.

        Raises
        ------
        FilterError
            A filter that does not exist, or that the rows cannot judge: a column is missing (it says what to include),
            or holds values of another sort, such as dates as text.

        Notes
        -----
        How SellerCloud matches is not documented.  Here e-mail and zip code are equal without regard to case; names,
        corporate names and the city are contained without regard to case (blanks and accents count); a phone number's
        digits are contained in those of any phone; city and zip code are the billing address's; dates include their
        bounds.  Lists mean any of their values, several filters all of them.  A row whose value is missing does not
        match.  After a detour through CSV ids, codes, True and False may be text and phones may be whole numbers; what
        leaves a doubt, such as a zip code that is a number, raises.

        Examples
        --------
        >>> import sc_pandas as sc
        >>> with sc.sandbox.serve(customers=120, seed=7) as box:
        ...     with sc.connect(box.url, username=box.username, password=box.password) as shop:
        ...         df = shop.customers().to_pandas()
        ...         asked = shop.customers(customer_type="Wholesale", last_name="s").to_pandas()
        >>> df.sellercloud.where(customer_type="Wholesale", last_name="s").user_id.tolist() == asked.user_id.tolist()
        True
        >>> df.sellercloud.where(channel="Amazon")
        Traceback (most recent call last):
        ...
        sc_pandas.errors.FilterError: channel cannot be judged: the rows have no 'channel'. Read with ...
        """
        return self._frame[matching(self._frame, CustomerFilter.of(**filters))]

    def segment(
        self, segments: Mapping[str, Segment] | SavedFilters, *, default: str | None = None
    ) -> "pd.Series[Any]":
        """Label each row with the first segment that it is in.

        Parameters
        ----------
        segments
            Names and what is in each: a `CustomerFilter`, a dict of filters as `where` takes them, a mask (a Series
            with the frame's index, or an array or list as long as the frame), or a function of the frame that gives one
            of these.  Or saved filters, `Segments`, in the order of their names.  A missing value of a mask is False.
        default
            Label of rows that are in none; missing by default.

        Returns
        -------
        pandas.Series
            Named "segment", string, with the frame's index.  A row that is in several segments has the first.

        Raises
        ------
        FilterError
            A segment that cannot be judged by the rows; it is named.

        Examples
        --------
        >>> import sc_pandas as sc
        >>> with sc.sandbox.serve(customers=120, seed=7) as box:
        ...     with sc.connect(box.url, username=box.username, password=box.password) as shop:
        ...         df = shop.customers().to_pandas()
        >>> labels = df.sellercloud.segment(
        ...     {
        ...         "trade": {"customer_type": "Wholesale"},
        ...         "unhappy": {"rating": ["Disatisfied", "Very_Disatisfied"]},
        ...         "visitors": df["custom.Visits"] > 100,
        ...     },
        ...     default="others",
        ... )
        >>> labels.unique().tolist()
        ['others', 'visitors', 'trade', 'unhappy']
        """
        return segment_of(self._frame, segments, default)

    def duplicates(self, by: Iterable[str] | None = None) -> pd.DataFrame:
        """Find customers who may be one person, and propose who stays.

        Parameters
        ----------
        by
            One or several of

            - ``"email"``: equal but for blanks at the ends and case; dots and plus signs count;
            - ``"phone"``: phone1, phone2, phone3 or mobile of one equals any of them of the other: digits only, without
              an extension, without a 1 before ten digits, at least seven digits and not all the same, and with fewer
              than ten the letters as well (1-800-555-CAKE); needs ``include=["phones"]``;
            - ``"name"``: first, last and corporate name are equal but for case, blanks and Unicode's compatibility
              forms (NFKC), and there is a last or a corporate name.

            By default all that the frame has the columns for.

        Returns
        -------
        pandas.DataFrame
            One row for each customer in a group, sorted by group and user_id, RangeIndex: group (int64, from 1),
            user_id (int64), reason (string; by what the customer is the same as another, as in "email, name"),
            survivor (bool) and survivor_id (int64).  Whoever is connected through others is in one group.  The survivor
            has the most values in the frame, blank text being none; of several the one with the lowest user_id.

        Raises
        ------
        AccessorError
            The columns are missing or hold no texts, or a user_id is missing or repeated.
        SettingsError
            `by` names something else.

        Warns
        -----
        SellerCloudWarning
            A group has more than 100 customers: a phone or name that many share has joined strangers.

        Examples
        --------
        >>> import sc_pandas as sc
        >>> with sc.sandbox.serve(customers=500, seed=7) as box:
        ...     with sc.connect(box.url, username=box.username, password=box.password) as shop:
        ...         df = shop.customers().to_pandas()
        >>> df.sellercloud.duplicates(by=["email"]).head(2)
           group  user_id reason survivor  survivor_id
        0      1     1005  email     True         1005
        1      1     1231  email    False         1005
        """
        return find_duplicates(self._frame, by)

    @property
    def plot(self) -> Plots:
        """Pictures: ``plot.by_rating()``, ``plot.by_created_month()``, ``plot.by_channel()``; they need matplotlib.

        Returns
        -------
        Plots
        """
        return Plots(self._frame)

    def summary(self) -> Summary:
        """Count the customers by rating, type, channel and other kinds, and say what is missing.

        Returns
        -------
        Summary
            Its parts are Series; it prints well as text and as HTML.
        """
        return summary_of(self._frame)

    def redact(self, columns: Iterable[str] | None = None, *, keep: Iterable[str] = ()) -> pd.DataFrame:
        """Empty whatever may be personal, so that the frame can be shown to others.

        Personal is what is not known to be otherwise: names, addresses, phones, texts, every ``custom.`` column, every
        column that SellerCloud does not document and every one that you added.  See the table in
        `sc_pandas.frames.redaction`.  ``user_id`` stays: it says nothing to those who have no account.

        Parameters
        ----------
        columns
            Further columns to empty, for example ``["user_id"]``.
        keep
            Columns to leave as they are, for example ``["custom.Tier"]``.

        Returns
        -------
        pandas.DataFrame
            The same columns and dtypes (those that know no missing value, such as NumPy's own integers and booleans,
            become ones that do), with a fresh RangeIndex: labels of rows may say who it is, and named levels of the
            index are columns in front.  ``attrs`` hold nothing but the provenance, without filter values that may name
            a person; where there were any, `query` cannot be asked again.  A column whose label is no name of
            SellerCloud's columns becomes "column 22", by its place, unless you name it in `columns` or `keep`: the
            labels of a pivot table are values.

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
        >>> import sc_pandas as sc
        >>> with sc.sandbox.serve(customers=120, seed=7) as box:
        ...     shop = sc.connect(box.url, username=box.username, password=box.password)
        ...     df = shop.customers(customer_type="Wholesale").to_pandas()
        ...     shop.close()
        >>> safe = df.sellercloud.redact()
        >>> int(safe.email.notna().sum()), safe.rating_name.equals(df.rating_name)
        (0, True)
        """
        return redacted(self._frame, self._note(), columns, keep)

    def pseudonymize(
        self, key: str | bytes, columns: Iterable[str] | None = None, *, keep: Iterable[str] = ()
    ) -> pd.DataFrame:
        """Replace personal values by tokens that are equal where the values are, in all frames under one key.

        A token is HMAC-SHA-256 of the value under the key, cut to 128 bits, in hexadecimal.  Values of one kind share
        their tokens whatever the column: an address in ``email`` and in ``email_cc``, all phones, all places of one
        sort; see the table in `sc_pandas.frames.redaction`.  E-mails, names and places are compared without regard
        to case and surplus blanks, phones without blanks and punctuation.  ``user_id`` becomes another int64, one to
        one: joins between frames under one key work, and two customers never become one.

        Whoever has the key can find out who is behind a token; in law such data is still personal.  The rows stay in
        their order and figures such as ``created_on`` stay as they are; use `redact` on what need not be shared, and
        ``.sample(frac=1)`` where the order says too much.

        Parameters
        ----------
        key
            At least 16 bytes; make one with ``secrets.token_hex(32)``.  It is kept nowhere.
        columns
            Further columns of text to replace by tokens, for example ``["custom.MemberNo"]``; each is a kind of its
            own, compared to the letter.
        keep
            Columns to leave as they are, for example ``["user_id", "custom.Tier"]``.

        Returns
        -------
        pandas.DataFrame
            The same columns and dtypes; missing values stay missing.  What is personal and is no text that tokens fit
            (comments, address lines, lists, custom and undocumented columns) is emptied.  Index, labels of columns and
            ``attrs`` as `redact` gives them.

        Raises
        ------
        SettingsError
            The key is too short or too simple, or a column does not exist.

        Warns
        -----
        SellerCloudWarning
            Columns have new labels.

        Examples
        --------
        >>> import sc_pandas as sc
        >>> with sc.sandbox.serve(customers=120, seed=7) as box:
        ...     shop = sc.connect(box.url, username=box.username, password=box.password)
        ...     df = shop.customers().to_pandas()
        ...     shop.close()
        >>> here, there = (part.sellercloud.pseudonymize("correct horse battery staple") for part in (df, df.head(9)))
        >>> len(there.merge(here, on="user_id")), bool(there.email.equals(here.email.head(9)))
        (9, True)
        >>> df.sellercloud.pseudonymize("secret")
        Traceback (most recent call last):
        ...
        sc_pandas.errors.SettingsError: key is too easy to guess: it takes at least 16 bytes, ...
        """
        return pseudonymized(self._frame, self._note(), key, columns, keep)

    def to_parquet(
        self,
        path: str | os.PathLike[str],
        *,
        partition_by: str | Sequence[str] | None = None,
        storage_options: Mapping[str, Any] | None = None,
        overwrite: bool = False,
        impersonal: str | Iterable[str] = (),
        allow_unverified: bool = False,
    ) -> Path | str:
        """Write the frame to Parquet, crash-safe, with its provenance inside.

        `sc_pandas.read_parquet` gives the equal frame.  The index is not kept, unless its levels have names: these
        become columns in front.  A frame that was filtered after the read is written as a part of it: the file's
        provenance says how many rows of how many.

        Parameters
        ----------
        path
            A path, or an address that fsspec knows, such as ``"s3://bucket/customers.parquet"``.  A new file is private
            (0600), an existing one keeps its mode.  Writing to an address is as atomic as the store makes it: a file is
            checked here and sent in one piece, a folder is sent file by file.
        partition_by
            One column or several whose values name folders, ``channel=Amazon/part-0.parquet``, as pandas, DuckDB and
            Polars know them.  The folder appears under its name as a whole.  Columns that many customers share may:
            ratings, kinds, channels, months, companies and the like, and places down to the city.  Columns that say who
            somebody is may never, all others where `impersonal` names them.  (Where a column has missing values, plain
            pandas needs ``pd.read_parquet(folder, partitioning=pyarrow.dataset.partitioning(flavor="hive"))``: a limit
            of pyarrow.)
        storage_options
            What fsspec needs for an address, as in `pandas.DataFrame.to_parquet`; kept nowhere.
        overwrite
            Whether a folder of an earlier export may be replaced; without it nothing may stand there.  The old folder
            is set aside, the new one renamed, the old one removed; killed between the first two, both stand beside the
            path under names that begin with a dot.  A single file is always replaced, in one step.
        impersonal
            Columns in `partition_by` of which you know that they name nobody, for example ``["custom.Tier"]``.  Names
            of folders are read by everybody who lists them, and stand in logs.
        allow_unverified
            Whether rows of a read that was not proven complete may be written; the file says so.

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
        >>> import sc_pandas as sc
        >>> with sc.sandbox.serve(customers=120, seed=7) as box:
        ...     shop = sc.connect(box.url, username=box.username, password=box.password)
        ...     df = shop.customers().to_pandas()
        ...     shop.close()
        >>> folder = df.sellercloud.to_parquet("by_rating", partition_by="rating_name")
        >>> sc.read_parquet(folder).equals(df)
        True
        >>> part = sc.read_parquet(df[df.rating >= 4].sellercloud.to_parquet("happy.parquet"))
        >>> part.sellercloud.provenance.rows_in_words()
        'part of a read: 9 of 120 rows, edited after the read'
        """
        note = self.provenance
        self._check_verified(path, "; the file will say so", allowed=allow_unverified)
        if partition_by is not None:
            check_partition(self._frame, partition_by, impersonal)
        table = frame_to_arrow(self._frame, path)
        return export_table(
            path, table, note, partition_by=partition_by, storage_options=storage_options, overwrite=overwrite
        )

    def to_csv(
        self,
        path: str | os.PathLike[str],
        *,
        formula_guard: bool = True,
        sep: str = ",",
        encoding: str = "utf-8-sig",
        allow_unverified: bool = False,
    ) -> Spreadsheet:
        """Write the frame to a CSV file that is safe to open in a spreadsheet; crash-safe and private.

        Lists and structs are JSON, booleans True and False, times ISO.  All text is in quotes; missing values are
        empty, empty text is ``""``.  The index is written as `to_parquet` does.  CSV has no place for the provenance.

        Parameters
        ----------
        path
            The target; a new file is private (0600), an existing one keeps its mode.
        formula_guard
            Whether text that a spreadsheet might run (it begins, after blanks, with ``= + - @``, one of their
            full-width forms, or a control character) gets an apostrophe before it.  That holds for a phone such as
            ``+1 212 555 0100``, too; numbers are untouched.
        sep
            ``","``, ``";"``, ``"|"`` or a tab.  The guard looks at whole values: open the file with the separator that
            it was written with.
        encoding
            ``"utf-8-sig"``, whose mark tells Excel that it is UTF-8, or ``"utf-8"``.
        allow_unverified
            Whether rows that were not proven complete may be written, also those of a frame that lost its provenance.

        Returns
        -------
        Spreadsheet
            The path, usable as one, and how many texts were guarded.

        Raises
        ------
        ExportError
            The file could not be written, or the rows are not verified; what stood at the path is untouched.
        SettingsError
            `sep` or `encoding` is another.
        AccessorError
            The frame no longer says where it came from.

        Examples
        --------
        >>> import pandas as pd, sc_pandas as sc
        >>> with sc.sandbox.serve(customers=120, seed=7) as box:
        ...     shop = sc.connect(box.url, username=box.username, password=box.password)
        ...     df = shop.customers().to_pandas()
        ...     shop.close()
        >>> written = df.assign(first_name="=1+1").sellercloud.to_csv("customers.csv")
        >>> written.guarded["first_name"], pd.read_csv(written).first_name[0]
        (120, "'=1+1")
        """
        self._check_verified(path, ", although CSV has no place to say so", allowed=allow_unverified)
        return write_csv(self._frame, path, formula_guard=formula_guard, sep=sep, encoding=encoding)

    def to_excel(
        self, path: str | os.PathLike[str], *, formula_guard: bool = True, allow_unverified: bool = False
    ) -> Spreadsheet:
        """Write the frame to an Excel workbook in which nothing can run; crash-safe and private.

        The sheet "Customers" has the rows, "Where from" the provenance.  Text is typed as text, so that with or without
        the guard no cell is a formula.  Times are Excel's dates (to the millisecond); whole numbers beyond 2**53,
        decimals that a double cannot hold, times before March 1900 and times with a zone are text.  Lists and structs
        are JSON.  Characters that Excel files cannot hold become U+FFFD.  Takes openpyxl.

        Parameters
        ----------
        path
            The target; a new file is private (0600), an existing one keeps its mode.
        formula_guard
            See `to_csv`.  In Excel it guards against those who edit a cell, or save the sheet as CSV.
        allow_unverified
            Whether rows that were not proven complete may be written, also those of a frame that lost its provenance.

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
        >>> import pandas as pd, sc_pandas as sc
        >>> with sc.sandbox.serve(customers=120, seed=7) as box:
        ...     shop = sc.connect(box.url, username=box.username, password=box.password)
        ...     df = shop.customers().to_pandas()
        ...     shop.close()
        >>> written = df.sellercloud.to_excel("customers.xlsx")
        >>> pd.read_excel(written, sheet_name="Where from").set_index("what").value["rows"]
        '120, as read'
        """
        self._check_verified(path, "; the sheet will say so", allowed=allow_unverified)
        return write_excel(self._frame, path, self._note(), formula_guard=formula_guard)

    def to_import_template(
        self, path: str | os.PathLike[str] | None = None, *, incomplete: Incomplete = "warn"
    ) -> pd.DataFrame:
        """Give the customers in the columns of SellerCloud's own import, and write them where a path is given.

        The help page "Import Customer Accounts" documents the columns FirstName, LastName, BusinessName, Email,
        CompanyID, IsWholeSale, TaxExempt, UserGroupName and AllowShippingUnPaidOrders, and that retail customers need a
        first and a last name, wholesale customers a business name.  It has no column for the customer's id: it is
        assumed, not documented, that the import finds customers by e-mail, creates those it does not find, and leaves
        alone what has no column.  Try it with one customer first.

        Parameters
        ----------
        path
            ``.xlsx`` or ``.csv``; crash-safe and private.  Apostrophes would be imported, so that CSV is refused where
            a text might run as a formula; in ``.xlsx`` none can.
        incomplete
            What becomes of rows that lack what the import needs, such as retail customers without a last name, of whom
            every shop has some.  ``"warn"`` leaves them out and says which ``user_id`` lack what: customers who are not
            in the file stay as they are.  ``"raise"`` stops, ``"drop"`` leaves them out silently, ``"keep"`` keeps
            them.

        Returns
        -------
        pandas.DataFrame
            The index of the frame, so that rows can be found again; Arrow-backed; of the last columns only those that
            the frame can fill (``include=["company_id", "tax_exempt", "groups", "order_options"]``).

        Raises
        ------
        ExportError
            Rows are incomplete and `incomplete` is ``"raise"``, or all of them are; the frame was redacted or
            pseudonymised; or the file could not be written.
        SettingsError
            `incomplete` is none of the four, or the path has another suffix.

        Warns
        -----
        SellerCloudWarning
            With ``"warn"``, who is left out and why.

        Examples
        --------
        >>> import sc_pandas as sc
        >>> with sc.sandbox.serve(customers=120, seed=7) as box:
        ...     shop = sc.connect(box.url, username=box.username, password=box.password)
        ...     df = shop.customers().to_pandas()
        ...     shop.close()
        >>> df.sellercloud.to_import_template("import.xlsx", incomplete="drop").columns.tolist()
        ['FirstName', 'LastName', 'BusinessName', 'Email', 'IsWholeSale']
        """
        template = template_of(self._frame, self._note(), incomplete)
        if path is not None:
            write_template(template, path)
        return template

    def _note(self) -> Provenance | None:
        """Give the provenance where there is one, for what works without."""
        note = Provenance.from_attrs(self._frame.attrs)
        return None if note is None else _of_frame(note, self._frame)

    def _check_verified(self, path: str | os.PathLike[str], told: str, *, allowed: bool) -> None:
        if not allowed and not self.provenance.is_verified:
            raise ExportError(
                "These rows were not proven complete, so that they are not written. Read again, or pass "
                f"allow_unverified=True{told}.",
                path=str(path),
                reason="not_verified",
            )


def _of_frame(note: Provenance, frame: pd.DataFrame) -> Provenance:
    """Compare the note with the frame: attrs stay as they are through whatever pandas does to the rows."""
    ids = frame["user_id"] if list(frame.columns).count("user_id") == 1 else pd.Series(dtype="int64")
    return note.of_frame(len(frame), repeated=bool(ids.dropna().duplicated().any()))


def _question(note: Provenance) -> CustomerFilter:
    if note.filter_redacted:
        raise AccessorError(
            f"The question cannot be asked again: its values of {', '.join(note.filter_redacted)} were taken out when "
            "the frame was redacted or pseudonymised. Use the frame that was read."
        )
    return CustomerFilter.from_dict(note.filter)


def _options(note: Provenance) -> QueryOptions:
    return QueryOptions(limit=note.limit, columns=note.columns, page_size=note.page_size, include=note.include)


def accessor(frame: pd.DataFrame) -> SellerCloudAccessor:
    """Give ``frame.sellercloud``, typed, so that editors and type checkers know its methods.

    Parameters
    ----------
    frame
        A frame that came from SellerCloud.

    Returns
    -------
    SellerCloudAccessor

    Raises
    ------
    AccessorError
        The frame did not come from SellerCloud.

    Examples
    --------
    >>> import sc_pandas as sc
    >>> with sc.sandbox.serve(customers=50) as box:
    ...     with sc.connect(box.url, username=box.username, password=box.password) as shop:
    ...         df = shop.customers().to_pandas()
    >>> sc.accessor(df).summary().customers
    50
    """
    return cast("SellerCloudAccessor", frame.sellercloud)
