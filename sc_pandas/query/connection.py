"""`connect` and `Connection`: one user at one SellerCloud."""

import itertools
import os
import warnings
from collections.abc import Callable, Mapping
from datetime import timedelta, tzinfo
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, NoReturn, Self, Unpack
from weakref import WeakValueDictionary
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pandas as pd

from sc_pandas import contract, settings
from sc_pandas.cache import CacheInfo, ColumnMemory, HttpCache, private_home
from sc_pandas.client import Client, RetryPolicy, Timeouts
from sc_pandas.edge import public, public_class
from sc_pandas.errors import CacheWarning, SettingsError
from sc_pandas.filters import CustomerFilter, CustomerFilterArgs, shows
from sc_pandas.pacing import Clock
from sc_pandas.query.columns import columns_of
from sc_pandas.query.customer_query import CustomerQuery
from sc_pandas.query.keywords import CONNECT_KEYWORDS, OPTIONS, AskKeywords, DialectName, check_keywords
from sc_pandas.query.segment_run import SegmentRun, run_segments
from sc_pandas.query.values import check_kinds
from sc_pandas.reading import CacheMode, Consistency, ReadKeywords, ReadOptions, Source
from sc_pandas.reading.crew import Crew
from sc_pandas.reading.dialect import DialectMemory
from sc_pandas.reading.options import seconds
from sc_pandas.secrecy import Secret, hidden, hide_unknown, without_login
from sc_pandas.settings import Credentials
from sc_pandas.wording import age, caller_stacklevel, html_table, size

if TYPE_CHECKING:
    from sc_pandas.panel.panel import Panel

_TEAM: Final = "team:"
_A_DAY_S: Final = 86_400.0


@public
def connect(
    server: str | None = None,
    *,
    username: str | None = None,
    password: str | None = None,
    token: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    dialect: DialectName = "auto",
    server_timezone: str | tzinfo | None = None,
    timeout: float | timedelta = 60.0,
    max_wait: float | timedelta = 120.0,
    ca_bundle: str | None = None,
) -> "Connection":
    """Connect to a SellerCloud; the login itself waits for the first call.

    Parameters
    ----------
    server
        A server id (``"tt"`` means ``tt.api.sellercloud.com``), ``"team:NAME"`` to look the server up, or a base URL.
        Without it, ``SELLERCLOUD_SERVER``.
    username, password, token
        Your login.  Without them: ``SELLERCLOUD_USERNAME`` and ``SELLERCLOUD_PASSWORD`` (or ``SELLERCLOUD_TOKEN``) if
        the server is ``SELLERCLOUD_SERVER``, then the system keyring's login for the server (``sc-pandas login``),
        then a prompt where a person is there to answer.
    cache_dir
        Folder for the cache; the user's own cache folder by default.  In a folder with other files it makes a folder
        ``sc_pandas``.
    dialect
        How requests are spelt; ``"auto"`` finds out what the server understands.
    server_timezone
        Time zone of SellerCloud's dates, such as ``"America/New_York"``.  It is not documented; filters take times with
        a zone only if you name it.
    timeout
        Most seconds (or a timedelta) for one attempt of one call.
    max_wait
        Longest throttle to wait out, in seconds or as a timedelta; a longer one is a `RateLimitedError`.
    ca_bundle
        File of certificate authorities to trust, for networks whose proxy opens TLS.

    Raises
    ------
    SettingsError
        The server, the credentials or an option cannot be used; nothing was sent (but the look-up of a team).
    SellerCloudError
        The look-up of a team failed.

    Examples
    --------
    >>> import sc_pandas as sc
    >>> with sc.sandbox.serve(customers=120, seed=7) as box:
    ...     with sc.connect(box.url, username=box.username, password=box.password) as shop:
    ...         len(shop.customers(customer_type="Wholesale").to_pandas()) < 120
    True
    """
    server, password, token = without_login(server), hidden(password), hidden(token)
    if server is not None and not isinstance(server, str):
        raise SettingsError(_no_server(server), setting="server")
    if not isinstance(dialect, str) or dialect not in {"auto", "article", "swagger"}:
        raise SettingsError("dialect is 'auto', 'article' or 'swagger'.", setting="dialect")
    check_kinds(username=username, ca_bundle=ca_bundle, cache_dir=cache_dir, server_timezone=server_timezone)
    timeout_s, wait_s = seconds("timeout", timeout), seconds("max_wait", max_wait)
    if not 0 < timeout_s < _A_DAY_S:
        raise SettingsError("timeout is more than no seconds and less than a day.", setting="timeout")
    named = settings.server_from(server)
    url = url_of(named)
    return Connection(
        url,
        settings.credentials(url, server=named, username=username, password=password, token=token),
        cache_dir=cache_dir,
        dialect=dialect,
        server_timezone=_zone(server_timezone),
        timeouts=Timeouts(connect_s=min(5.0, timeout_s), read_s=min(30.0, timeout_s), total_s=timeout_s),
        max_wait_s=wait_s,
        ca_bundle=ca_bundle,
    )


def _no_server(given: object) -> str:
    hint = " Pass its .url." if isinstance(getattr(given, "url", None), str) else ""
    return f"server is text, such as 'tt', 'team:NAME' or a base URL, not {type(given).__name__}.{hint}"


def url_of(server: str, *, policy: RetryPolicy | None = None) -> str:
    """Return the base URL of a server, by a look-up where it is named by its team."""
    if not server.startswith(_TEAM):
        return settings.base_url(server)
    lookup = contract.TEAM_LOOKUP_URL
    asker = Client(lookup, Credentials("", token=Secret("none")), policy=policy)
    try:
        answer = asker.look_up_team(server.removeprefix(_TEAM))
    finally:
        asker.close()
    return settings.endpoint_of_team(answer, lookup_url=lookup)


def _zone(zone: str | tzinfo | None) -> tzinfo | None:
    if not isinstance(zone, str):
        return zone
    try:
        return ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        raise SettingsError(f"There is no time zone {zone!r}.", setting="server_timezone") from None


def pace_file(folder: Path | None, tenant: str) -> Path | None:
    """Return the file that counts a tenant's calls on this machine, or None where the folder is not usable."""
    try:
        return None if folder is None else private_home(folder) / f"{tenant}.pace"
    except SettingsError:
        return None


def _cache_folder(cache_dir: str | os.PathLike[str] | None) -> Path | None:
    """Return the folder of the cache, or None where this user has no home for one."""
    try:
        return settings.cache_folder(cache_dir)
    except SettingsError:
        return None


def _teller(cache: HttpCache) -> Callable[[CacheWarning], None]:
    """Return a function that warns once of a full disk, whether the cache or the count of calls finds it first."""

    def tell(warning: CacheWarning) -> None:
        if warning.reason in {"full", "unwritable"}:
            if cache._warned:  # noqa: SLF001  # the two lie in one folder
                return
            cache._warned = True  # noqa: SLF001
        warnings.warn(warning, stacklevel=caller_stacklevel())

    return tell


# Open connections in the order of opening, for frames that ask their query again.
OPENED: Final[WeakValueDictionary[int, "Connection"]] = WeakValueDictionary()
_NUMBERS: Final = itertools.count()


@public_class
class Connection:
    """One user at one SellerCloud, made by `connect`.

    Threads may share it.  It cannot be pickled, because it holds a login.

    Attributes
    ----------
    url : str
        The API's base URL.
    server_timezone : datetime.tzinfo or None
        Time zone of the server's dates, if it was named.
    """

    def __init__(
        self,
        url: str,
        credentials: Credentials,
        *,
        cache_dir: str | os.PathLike[str] | None = None,
        dialect: DialectName = "auto",
        server_timezone: tzinfo | None = None,
        timeouts: Timeouts | None = None,
        max_wait_s: float = 120.0,
        ca_bundle: str | None = None,
        policy: RetryPolicy | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.url = url
        self.server_timezone = server_timezone
        self._user = credentials.masked_user
        tenant = settings.tenant_digest(url, credentials.user_key)
        folder = _cache_folder(cache_dir)
        cache = HttpCache(folder, tenant)
        client = Client(
            url,
            credentials,
            cache=cache,
            timeouts=timeouts,
            max_wait_s=max_wait_s,
            ca_bundle=ca_bundle,
            policy=policy,
            clock=clock,
            pace_file=pace_file(folder, tenant),
        )
        if client.pace.file is not None:
            client.pace.file.tell = _teller(cache)
        self._cache = cache
        crew = partial(Crew, latency_s=lambda: client.latency_s)
        self._source = Source(client, cache, tenant, DialectMemory(dialect, cache), crew, ColumnMemory(cache))
        self._closed = False
        self._number = next(_NUMBERS)
        OPENED[self._number] = self

    @shows(ReadKeywords, CustomerFilterArgs, **OPTIONS)
    def customers(self, **keywords: Unpack[AskKeywords]) -> CustomerQuery:
        """Return a query for customers; nothing is sent before one of its methods needs an answer.

        Parameters
        ----------
        limit
            Maximum number of rows, in server order.
        columns
            Columns to return; a custom column that any read of this shop had is there on every day.
        page_size
            Rows to ask for in a page; SellerCloud serves 50 at most, whatever is asked.
        cache
            ``"use"`` entries that are young enough, ``"refresh"`` them, send nothing (``"offline"``), or do
            without it (``"off"``).
        max_age
            How old a cached result may be, in seconds or as a timedelta; one hour by default, any age when offline.
        consistency
            ``"auto"`` proves that the result is complete or raises; ``"strict"`` reads windows of creation dates from
            the beginning; ``"fast"`` reads once and says "not verified".
        progress
            Whether to show a bar, or a line where the cache answers `to_pandas`; by default where a person is looking.
        on_bad_value
            What becomes of a value that does not fit its column: ``"null"`` (of a number with too many digits the
            nearest) and a line in the report, or ``"raise"``.
        max_calls
            Raise before sending if more calls are needed.  Required when list-valued filters expand to more than 100
            lists.
        include
            More columns, by name.  By one list for each value: channel, customer_type, subscribed, exported,
            created_month, modified_month, and company_id if the filter names companies.  By one call for each
            customer: created_on, company_id, phones, addresses, groups, tax_exempt, credit, order_options, sales_man,
            account_managers, comment, notes_count, title, name, business_aliases, e_bay_user_id, source_id,
            is_black_listed.  `CustomerQuery.estimate` returns the number of calls first.
        exact_decimals
            Read custom decimals as decimal128(18, 6), with room for arithmetic, instead of double.
        dtype_backend
            The dtypes of frames: ``"pyarrow"``; pandas' own, ``"numpy"``; or ``"numpy_nullable"``.  See
            `sc_pandas.tables.dtypes`.
        **keywords
            These options, and the nineteen filters of `CustomerFilter`.

        Raises
        ------
        FilterError
            A filter that cannot be asked, or a keyword that is neither filter nor option.
        SettingsError
            A value that an option does not take, or a keyword of `connect`.
        """
        hide_unknown(keywords, (*CustomerFilter.names, *OPTIONS))
        given: dict[str, Any] = dict(keywords)
        options = {name: given.pop(name) for name in OPTIONS if name in given}
        check_keywords(given, connected=CONNECT_KEYWORDS)
        return CustomerQuery(self, CustomerFilter(**given), ReadOptions(**options))

    def segments(
        self,
        *names: str,
        segments: Mapping[str, CustomerFilter] | None = None,
        cache: CacheMode = "use",
        max_age: float | timedelta | None = None,
        consistency: Consistency = "auto",
        progress: bool | None = None,
        max_calls: int | None = None,
    ) -> SegmentRun:
        """Run saved filters: who is in them now, and who came and went since the last time.

        Each is read as `customers` reads it, complete or not at all; the error of one that fails is in ``run.errors``.
        A proven reading is remembered for the next time: its ids, in a private file of your data folder, for this
        server, user, name and filter; nothing else of the customers.  Rows that come from the cache are the reading
        that they were, so a run that is repeated within the hour shows the same difference again;
        ``cache="refresh"`` asks anew.

        Parameters
        ----------
        *names
            Which; all by default.
        segments
            Where the names are looked up: `Segments`, or a mapping of names to filters.  Your own saved filters by
            default.
        cache, max_age, consistency, progress, max_calls
            As for `customers`.  Rows of ``consistency="fast"`` are compared and not remembered.

        Returns
        -------
        SegmentRun
            A mapping from names to `SegmentResult`, which prints as a table.

        Raises
        ------
        FilterError
            Nothing is saved under a name; nothing was sent.
        SettingsError
            The saved filters cannot be read, or an option does not exist; nothing was sent.

        Warns
        -----
        SellerCloudWarning
            What is remembered of a segment is damaged (this run counts as its first), or it cannot be written.
        """
        options = ReadOptions.of(
            cache=cache, max_age=max_age, consistency=consistency, progress=progress, max_calls=max_calls
        )
        return run_segments(self, names, segments, options)

    def columns(self) -> pd.DataFrame:
        """Return the columns that a frame of this shop can have; nothing is sent.

        Custom columns are those that a read of this server and user had, in any process; every frame has them.

        Returns
        -------
        pandas.DataFrame
            A row for each column, RangeIndex: name, type (string, as Arrow calls it), filled (double, the share of
            customers with a value at the last whole read from the server; missing if that had no such column), source
            ("list" or "include"), include (what `include=` calls it; missing in the list) and cost (string).

        Raises
        ------
        SettingsError
            The connection was closed.

        Examples
        --------
        >>> len(df.columns) == 17 == (shop.columns().source == "list").sum()
        True
        """
        return columns_of(self.source.columns.known())

    @shows(CustomerFilterArgs)
    def panel(self, **filters: Unpack[CustomerFilterArgs]) -> "Panel":
        """Open the live filter panel.

        Parameters
        ----------
        **filters
            Filters to begin with.

        Raises
        ------
        FilterError
            A filter that cannot be asked.
        """
        hide_unknown(filters, (*CustomerFilter.names, *OPTIONS))
        return self.customers(**filters).panel()

    @property
    def source(self) -> Source:
        """Client, cache and dialect, as a read takes them.

        Raises
        ------
        SettingsError
            The connection was closed.
        """
        self._check_open()
        return self._source

    def _check_open(self) -> None:
        if self._closed:
            raise SettingsError("This connection is closed; connect again.", setting="server")

    def log_in(self) -> None:
        """Log in now, to see at once whether the credentials are right.

        Raises
        ------
        AuthError
            They are not.
        SellerCloudError
            The server could not be asked.
        SettingsError
            The connection was closed.
        """
        self.source.client.log_in()

    def calls_left(self) -> int:
        """Return how many calls this user may still make within the hour (the quota is 10,800).

        Counted are the calls of every thread and process of this machine that shares the cache folder, with logins and
        retries.  Calls from other machines are not seen, even where the server sees one address.

        Raises
        ------
        SettingsError
            The connection was closed.
        """
        return self.source.client.pace.left()

    @property
    def calls_made(self) -> int:
        """Calls that this connection has made, with logins and retries."""
        return self._source.client.pace.total

    def cache_info(self) -> CacheInfo:
        """Return path, size and age of this user's cache.

        Raises
        ------
        SettingsError
            The connection was closed.
        """
        self._check_open()
        return self._cache.info()

    def close(self) -> None:
        """Close sockets and the cache's file; the connection cannot be used afterwards."""
        OPENED.pop(self._number, None)
        self._closed = True
        self._source.client.close()
        self._cache.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a connection holds a login and is not pickled or copied; connect again where you need it")

    def _facts(self) -> list[tuple[str, str]]:
        if self._closed:
            return [("server", self.url), ("user", self._user), ("cache", "not in use: the connection is closed")]
        info = self.cache_info()
        newest = "empty" if info.newest_age_s is None else f"newest read {age(info.newest_age_s)}"
        return [("server", self.url), ("user", self._user), ("cache", f"{size(info.size_bytes)}, {newest}")]

    def __repr__(self) -> str:
        server, user, cache = (text for _, text in self._facts())
        return f"<Connection {server} as {user}, cache {cache}>"

    def _repr_html_(self) -> str:
        return html_table(self._facts())
