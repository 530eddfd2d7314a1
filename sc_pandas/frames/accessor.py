"""`df.sellercloud`: what a frame of SellerCloud's customers can do besides being a frame."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Unpack

import pandas as pd

from sc_pandas.edge import public_class
from sc_pandas.errors import AccessorError
from sc_pandas.filters import CustomerFilter, CustomerFilterArgs, shows
from sc_pandas.frames.difference import FrameDifference, difference
from sc_pandas.frames.persons import Persons
from sc_pandas.frames.plots import Plots
from sc_pandas.frames.segmenting import Segment, segment_of
from sc_pandas.frames.summary import Summary, summary_of
from sc_pandas.matching import matching
from sc_pandas.parquet import read_parquet
from sc_pandas.provenance import Provenance
from sc_pandas.query import CustomerQuery
from sc_pandas.query.keywords import OPTIONS
from sc_pandas.query.reconnect import connection_for
from sc_pandas.query.words import to_code
from sc_pandas.reading import ReadKeywords, ReadOptions
from sc_pandas.secrecy import hide_unknown
from sc_pandas.tables import backend_of
from sc_pandas.tables.columns import TYPES
from sc_pandas.wording import visible

if TYPE_CHECKING:
    from sc_pandas.panel.panel import Panel


# What a frame can do, as its accessor prints.
_VERBS: Final = {
    "see": "summary()  plot.by_rating()  provenance  report",
    "choose": "where(city='Bern')  segment({…})  duplicates()  drop_duplicates()  mailing_list()",
    "ask": "refresh()  diff(later)  query  to_code()  panel()",
    "share": "redact()  pseudonymize(key)  to_file(path)  to_parquet(path)  to_csv(path)  to_excel(path)",
}


@public_class
class SellerCloudAccessor(Persons):
    """``df.sellercloud``: where a frame of customers came from, and what can be done with it.

    It works on every frame that `read_sellercloud_customers` or `read_parquet` returned, also after filtering and other
    operations that retain ``df.attrs``.  ``sc.SellerCloudAccessor(df)`` is the same, typed for editors.

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

    def __repr__(self) -> str:
        note = self._note()
        rows, origin = f"{len(self._frame):,}", "not known; an operation dropped df.attrs"
        if note is not None:
            # Not the filter: it may name a person.
            rows, origin = note.rows_in_words(), f"{note.base_url}, read {note.finished_at}, {note.verdict}"
        lines = {"rows": rows, "from": origin, **_VERBS}
        return "\n".join(f"{what:<8}{visible(how)}" for what, how in lines.items())

    @property
    def query(self) -> CustomerQuery:
        """The query that returned the rows, to run it again.

        Returns
        -------
        CustomerQuery
            Bound to this process's newest open connection to the frame's server as the frame's user; else to a new one,
            with the login of the environment if the server is ``SELLERCLOUD_SERVER``, or with the system keyring's
            login for the server.  A frame may come from anybody: no other login is used, and nobody is prompted for
            one.

        Raises
        ------
        AccessorError
            The frame no longer says where it came from, or its filter was redacted; or its user is not logged in at its
            server, or not known (an older or a redacted frame) while several users are.  The message names the server
            and says how to connect.
        SellerCloudError
            ``SELLERCLOUD_SERVER`` names a team, and its look-up failed.
        """
        note = self.provenance
        question = _question(note)
        return CustomerQuery(connection_for(note.base_url, note.tenant), question, _options(note, self._frame))

    def panel(self) -> "Panel":
        """Open the live filter panel on the query that returned the rows.

        Returns
        -------
        Panel

        Raises
        ------
        AccessorError
            The frame no longer says where it came from, or nobody is logged in there; see `query`.
        """
        return self.query.panel()

    def to_code(self) -> str:
        """Return Python code that reads the same.

        Returns
        -------
        str
            It runs if a login is found, and holds no secret.

        Raises
        ------
        AccessorError
            The frame no longer says where it came from, or its filter was redacted.
        """
        note = self.provenance
        return to_code(note.base_url, _question(note), _options(note, self._frame))

    @shows(ReadKeywords, **{**OPTIONS, "cache": "refresh"})
    def refresh(self, **options: Unpack[ReadKeywords]) -> pd.DataFrame:
        """Run the query that returned the rows again, past the cache.

        Parameters
        ----------
        **options
            Options of the read to change; see `CustomerQuery.with_options`.

        Returns
        -------
        pandas.DataFrame
            A new frame with the same filter, columns, limit, include, page size and dtype backend.  Your
            own changes to the old one (rows left out, sorted, merged) are not repeated.

        Raises
        ------
        AccessorError
            The frame no longer says where it came from, or nobody is logged in there; see `query`.
        SettingsError
            An option does not exist.
        SellerCloudError
            See `CustomerQuery.run`.

        Warns
        -----
        SellerCloudWarning
            The frame's user is not known; see `query`.

        Examples
        --------
        >>> df.head(3).sellercloud.refresh().equals(df)
        True
        """
        hide_unknown(options, OPTIONS)
        given: ReadKeywords = {"cache": "refresh", **options}
        return self.query.with_options(**given).to_pandas()

    def diff(self, other: pd.DataFrame | str | os.PathLike[str]) -> FrameDifference:
        """Compare this frame, the earlier, with a later one, by ``user_id``.

        Parameters
        ----------
        other
            The later frame, or a file or folder of one, which `sc_pandas.read_parquet` reads.

        Returns
        -------
        FrameDifference
            Customers added and removed, and each changed value.  Values are compared, not dtypes: 7, 7.0 and "7" are
            equal, and a frame that went through a file differs only if a customer does.

        Raises
        ------
        AccessorError
            One of the frames has no ``user_id``, or one that is missing or repeated in its rows.
        ExportError
            The file cannot be read.

        Examples
        --------
        >>> df.sellercloud.diff(df.head(118).sellercloud.to_file("later.parquet"))
        <FrameDifference: 0 added, 2 removed, 0 changed>
        """
        return difference(self._frame, other if isinstance(other, pd.DataFrame) else read_parquet(other))

    @shows(CustomerFilterArgs)
    def where(self, **filters: Unpack[CustomerFilterArgs]) -> pd.DataFrame:
        """Return the rows that match filters; the server is not called.

        Parameters
        ----------
        **filters
            Filters by the API's names, as `read_sellercloud_customers` takes them.  channel, subscribed, exported,
            created_on_from and _to, phone_number, city, zip_code and company_ids need columns that ``include=`` reads;
            keyword, modified_on_from and modified_on_to can only be checked by the server.

        Returns
        -------
        pandas.DataFrame
            A new frame of the matching rows, with their index and the ``attrs``.

        Raises
        ------
        FilterError
            A filter that does not exist, or that the rows cannot be checked for: a column is missing (the message says
            what to include), or holds values of another kind, such as dates as text.

        Notes
        -----
        How SellerCloud matches is not documented.  Here e-mail and zip code are equal without regard to case; names,
        corporate names and the city are contained without regard to case (blanks and accents count); a phone number's
        digits are contained in those of any phone, mobile or fax; city and zip code are the billing address's; dates
        include their bounds.  Lists mean any of their values, several filters all of them.  A row whose value is
        missing does not match, unless a flag is -1 (all).  After a detour through CSV, ids, codes, True and False
        may be text and phones may be whole numbers; what is ambiguous, such as a zip code that is a number, raises.

        Examples
        --------
        >>> asked = shop.customers(customer_type="Wholesale", last_name="s").to_pandas()
        >>> df.sellercloud.where(customer_type="Wholesale", last_name="s").user_id.tolist() == asked.user_id.tolist()
        True
        >>> df.sellercloud.where(channel="Amazon")
        Traceback (most recent call last):
        ...
        sc_pandas.errors.FilterError: channel cannot be checked: the rows have no 'channel'. Read with ...
        """
        hide_unknown(filters, CustomerFilter.names)
        return self._frame[matching(self._frame, CustomerFilter.of(**filters))]

    def segment(self, segments: Mapping[str, Segment], *, default: str | None = None) -> "pd.Series[Any]":
        """Return a label for each row: the first segment that it is in.

        Parameters
        ----------
        segments
            Names, and for each a `CustomerFilter`, a dict of filters as `where` takes them, a mask (a Series with the
            frame's index, or an array or list as long as the frame), or a function that returns one of these for the
            frame.  Or saved filters, `Segments`, in the order of their names.  A missing value of a mask is False.
        default
            Label of rows that are in none; missing by default.

        Returns
        -------
        pandas.Series
            Named "segment", text on the frame's dtype backend, with its index.  A row that is in several
            segments has the first.

        Raises
        ------
        FilterError
            The rows cannot be checked for a segment; the message names it.

        Examples
        --------
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

    @property
    def plot(self) -> Plots:
        """Pictures: ``plot.by_rating()``, ``plot.by_created_month()``, ``plot.by_channel()``; they need matplotlib."""
        return Plots(self._frame)

    def summary(self) -> Summary:
        """Count the customers by rating, type, channel and other kinds, and the missing values.

        Returns
        -------
        Summary
            Its parts are Series; it prints well as text and as HTML.
        """
        return summary_of(self._frame)


def _question(note: Provenance) -> CustomerFilter:
    if note.filter_redacted:
        raise AccessorError(
            f"The query cannot be run again: its values of {', '.join(note.filter_redacted)} were taken out when the "
            "frame was redacted or pseudonymized. Use the frame that was read."
        )
    return CustomerFilter.of(**note.filter)


def _options(note: Provenance, frame: pd.DataFrame) -> ReadOptions:
    """Return the options of the read; which types it gave is seen by the frame."""
    return ReadOptions(
        limit=note.limit, columns=note.columns, page_size=note.page_size, include=note.include,
        exact_decimals=pd.ArrowDtype(TYPES["decimal"]) in set(frame.dtypes), dtype_backend=backend_of(frame),
    )  # fmt: skip
