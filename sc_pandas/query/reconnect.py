"""Which connection asks again for a frame that was read earlier, in this process or another."""

import warnings

from sc_pandas import settings
from sc_pandas.errors import SellerCloudWarning, SettingsError
from sc_pandas.query.connection import OPENED, Connection, connect
from sc_pandas.query.values import outside
from sc_pandas.settings import Credentials


def connection_for(url: str, tenant: str = "") -> Connection:
    """Give a connection to a base URL, as a certain user where one is known.

    The first of these that there is: the connection of this user that was opened last; a new one, where a login of
    this user is found without asking a person; the connection of another user that was opened last; a new one with
    whatever login `connect` finds.

    Parameters
    ----------
    url
        The base URL.
    tenant
        Digest of server and user; empty where it is not known, and anybody will do.

    Raises
    ------
    SettingsError
        There is no connection, and no login to make one.

    Warns
    -----
    SellerCloudWarning
        It is of another user than the one that was asked for, or one of several users' and it is not known whose.
    """
    made = [connection for ref in reversed(OPENED.valuerefs()) if (connection := ref()) is not None]
    by_tenant = [(connection.source.tenant, connection) for connection in made if connection.url == url]
    for its_tenant, connection in by_tenant:
        if its_tenant == tenant:
            return connection
    if tenant and by_tenant and (found := _login_of(url, tenant)) is not None:
        return Connection(url, found)
    connection = by_tenant[0][1] if by_tenant else connect(url)
    if tenant and connection.source.tenant != tenant:
        _warn_of_user(connection, "another user than the one who read this frame")
    elif len({its_tenant for its_tenant, _ in by_tenant}) > 1:
        _warn_of_user(connection, "the user who connected last; the frame does not say whose it is")
    return connection


def _login_of(url: str, tenant: str) -> Credentials | None:
    """Find a user's login where nobody has to be asked."""
    try:
        found = settings.credentials(url, ask=False)
    except SettingsError:
        return None
    return found if settings.tenant_digest(url, found.user_key) == tenant else None


def _warn_of_user(connection: Connection, who: str) -> None:
    message = (
        f"{connection!r} is asked: {who}. Users may see different customers. To be sure ask by a connection of your "
        "choice: connection.customers(...)."
    )
    warnings.warn(SellerCloudWarning(message), stacklevel=outside())
