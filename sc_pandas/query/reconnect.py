"""Find the connection that reads a frame again, in this process or another.

A frame may come from a stranger: it never chooses where a login is sent.
"""

from urllib.parse import urlsplit

from sc_pandas import settings
from sc_pandas.errors import AccessorError, SettingsError
from sc_pandas.query.connection import OPENED, Connection, url_of


def connection_for(named: str, tenant: str = "") -> Connection:
    """Return a connection to the server that a frame names, as its user; nobody is asked for a login.

    The first of these that there is: the connection to that very URL, as this user, that was opened last; a new one
    by the login of the environment, where the URL is that of ``SELLERCLOUD_SERVER``; one by the keyring's for the URL.
    `named` is the URL in the frame; `tenant` the digest of server and user, empty where it is not known.
    """
    url = _url_in(named)
    opened = [shop for ref in reversed(OPENED.valuerefs()) if (shop := ref()) is not None and shop.url == url]
    its_own = [shop for shop in opened if tenant in {"", shop.source.tenant}]
    if len({shop.source.tenant for shop in its_own}) > 1:
        raise AccessorError(
            f"This frame does not say whose it is, and several users are connected to {urlsplit(url).netloc}; they may "
            "see different customers. Ask by the connection of your choice: connection.customers(…)."
        )
    if its_own:
        return its_own[0]
    logins = list(settings.logins(url, server=_spelling(url)))
    login = next((each for each in logins if tenant in {"", settings.tenant_digest(url, each.user_key)}), None)
    if login is None:
        raise AccessorError(_refusal(url, is_of_another=bool(opened or logins)))
    return Connection(url, login)


def _url_in(named: str) -> str:
    try:
        return settings.base_url(named)
    except SettingsError:
        raise AccessorError(
            f"The server that this frame names cannot be used: {named[:100]!a}. Connect to yours and ask there: "
            "sc.connect(…).customers(…)."
        ) from None


def _spelling(url: str) -> str:
    """Find out whether the team that ``SELLERCLOUD_SERVER`` may name has its server there."""
    own = settings.own_server()
    return own if own.startswith("team:") and url_of(own) == url else ""


def _refusal(url: str, *, is_of_another: bool) -> str:
    host = urlsplit(url).netloc
    if is_of_another:
        return (
            f"This frame was read at {host} by another user than those who are logged in here, and nobody else is "
            f"asked in their place. Connect as that user, shop = sc.connect({url!r}, username=…), and try again while "
            "shop is open; or ask as yourself: df.sellercloud.to_code() says the question."
        )
    return (
        f"This frame says that it was read at {host}, and nobody is logged in there: no connection to it is open, the "
        "system keyring has no login for it, and it is not SELLERCLOUD_SERVER with its login. Frames and files do not "
        f"choose where a login is sent. If you trust {host}, connect, shop = sc.connect({url!r}, username=…), and try "
        "again while shop is open."
    )
