"""`read_sellercloud_customers`: one line from a server to a DataFrame."""

import inspect
from typing import Any, Final, Unpack, overload

import pandas as pd

from sc_pandas.edge import public
from sc_pandas.filters import CustomerFilter, CustomerFilterArgs, shows
from sc_pandas.query.connection import Connection, connect
from sc_pandas.query.keywords import (
    CONNECT_KEYWORDS,
    OPTIONS,
    AskKeywords,
    ConnectArgs,
    ConnectAskKeywords,
    check_keywords,
)
from sc_pandas.reading import ReadKeywords
from sc_pandas.secrecy import hide_unknown, without_login

_SHOWN: Final = {*CustomerFilter.names, *OPTIONS, *CONNECT_KEYWORDS} - {"password", "token"}
_OF_CONNECT: Final = {name: each.default for name, each in inspect.signature(connect).parameters.items()}


@overload
def read_sellercloud_customers(server: Connection, **keywords: Unpack[AskKeywords]) -> pd.DataFrame: ...


@overload
def read_sellercloud_customers(server: str | None = ..., **keywords: Unpack[ConnectAskKeywords]) -> pd.DataFrame: ...


@public
@shows(ReadKeywords, CustomerFilterArgs, ConnectArgs, **OPTIONS, **_OF_CONNECT)
def read_sellercloud_customers(server: Connection | str | None = None, **keywords: Any) -> pd.DataFrame:
    """Read SellerCloud customers into a typed, Arrow-backed DataFrame that is complete, or raise.

    Parameters
    ----------
    server
        A `Connection`, or what `connect` takes: a server id, ``"team:NAME"``, a base URL, or None for
        ``SELLERCLOUD_SERVER``.  Keywords of `connect` (username, password, token, cache_dir, …) may be given then.
    **keywords
        The options of `Connection.customers` (limit, columns, page_size, cache, max_age, consistency, progress,
        on_bad_value, max_calls, include, exact_decimals, dtype_backend) and the nineteen filters of `CustomerFilter`.

    Returns
    -------
    pandas.DataFrame
        Shape ``(n, columns)``, one row for each customer, unique by ``user_id`` and sorted by it, RangeIndex, every
        dtype a `pandas.ArrowDtype`, missing values `pandas.NA` (or as `dtype_backend` says).  Base columns: user_id
        (int64), email, first_name, last_name, email_cc, corporate_name (string), rating (int64, the code), rating_name
        (string), is_whole_sale_user (bool), is_wholesale_string (string); then ``custom.<name>`` for each custom
        column that any read of this shop had (see `Connection.columns`), typed as SellerCloud declares it.
        ``df.attrs["sellercloud"]`` says where the rows came from.

    Raises
    ------
    FilterError
        A filter that cannot be asked; nothing was sent.
    SettingsError
        A server, login or option that cannot be used; nothing was sent.
    AuthError
        The login was refused.
    PagingDriftError
        The list changed and the result cannot be proven complete; nothing is returned.
    RateLimitedError
        The quota is used up for longer than `max_wait`; finished pages stay in the cache.
    CacheMissError
        ``cache="offline"``, and the cache has no such result.
    TransportError, ServerError, ResponseError
        No usable answer came; nothing is returned, finished pages stay in the cache.

    Examples
    --------
    >>> import sc_pandas as sc
    >>> with sc.sandbox.serve(customers=120, seed=7) as box:
    ...     df = sc.read_sellercloud_customers(
    ...         box.url, username=box.username, password=box.password, cache="off", city="Berlin"
    ...     )
    >>> str(df.dtypes["user_id"])
    'int64[pyarrow]'
    """
    server = without_login(server)
    hide_unknown(keywords, _SHOWN)
    if isinstance(server, Connection):
        return server.customers(**keywords).to_pandas()
    login = {name: keywords.pop(name) for name in CONNECT_KEYWORDS if name in keywords}
    # Told before a team is looked up or a password asked for.
    check_keywords({name: value for name, value in keywords.items() if name not in OPTIONS}, connect=CONNECT_KEYWORDS)
    with connect(server, **login) as connection:
        return connection.customers(**keywords).to_pandas()
