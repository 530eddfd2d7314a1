"""`df.sellercloud`: what a frame that came from SellerCloud can do besides being a frame."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Unpack, cast

import pandas as pd

from sc_pandas.errors import AccessorError
from sc_pandas.filters import CustomerFilter, CustomerFilterArgs
from sc_pandas.frames.difference import FrameDifference, difference
from sc_pandas.frames.duplicates import find_duplicates
from sc_pandas.frames.exports import Exports
from sc_pandas.frames.plots import Plots
from sc_pandas.frames.segmenting import SavedFilters, Segment, segment_of
from sc_pandas.frames.summary import Summary, summary_of
from sc_pandas.matching import matching
from sc_pandas.provenance import Provenance
from sc_pandas.query import CustomerQuery
from sc_pandas.query.reconnect import connection_for
from sc_pandas.query.values import QueryOptions, to_code
from sc_pandas.secrecy import hide_unknown

if TYPE_CHECKING:
    from sc_pandas.panel.panel import Panel


@pd.api.extensions.register_dataframe_accessor("sellercloud")
class SellerCloudAccessor(Exports):
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

    @property
    def query(self) -> CustomerQuery:
        """The query that gave the rows, to ask it again.

        Returns
        -------
        CustomerQuery
            At this process's open connection to the very server of the frame, as its user, the one that was opened
            last; else at a new one, with the login of the environment where the server is ``SELLERCLOUD_SERVER``, or
            with what the system keyring has for the server.  A frame is a stranger's word: no other login is used, and
            nobody is asked for one.

        Raises
        ------
        AccessorError
            The frame no longer says where it came from, or its filter was redacted; or nobody is logged in at its
            server, or not its user.  The message names the server and says how to connect.
        SellerCloudError
            ``SELLERCLOUD_SERVER`` names a team, and its look-up failed.

        Warns
        -----
        SellerCloudWarning
            There are connections of several users, and the frame (an older or a redacted one) does not say whose it is.
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
            The frame no longer says where it came from, or nobody is logged in there; see `query`.
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
            The frame no longer says where it came from, or nobody is logged in there; see `query`.
        SettingsError
            An option does not exist.
        SellerCloudError
            See `CustomerQuery.run`.

        Warns
        -----
        SellerCloudWarning
            It is not known whose the frame is; see `query`.

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
        hide_unknown(options, QueryOptions.__dataclass_fields__)
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
        sc_pandas.errors.FilterError: channel cannot be checked: the rows have no 'channel'. Read with ...
        """
        hide_unknown(filters, CustomerFilter.names)
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
