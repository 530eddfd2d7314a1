"""Where the server is, who asks, and which folder keeps things: decided before any call is made."""

import getpass
import hashlib
import ipaddress
import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn
from urllib.parse import urlsplit

import platformdirs

from sc_pandas.errors import SettingsError

_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII | re.IGNORECASE)
_OWN_HOST: Final = re.compile(rf"({_LABEL.pattern})\.api\.sellercloud\.(com|us)", re.ASCII | re.IGNORECASE)
_DNS_NAME: Final = re.compile(
    rf"(?=.{{1,253}}\Z)(?:{_LABEL.pattern}\.)+[a-z][a-z0-9-]*[a-z0-9]", re.ASCII | re.IGNORECASE
)
_API_PATHS: Final = ("", "/rest", "/rest/api", "/api")


class Secret:
    """A password or token that prints as ``***`` and refuses to be copied away."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Give the secret itself; only the login body and the authorisation header ask for it."""
        return self._value

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "***"

    def __reduce__(self) -> NoReturn:
        raise TypeError("secrets are not pickled or copied; connect again where you need them")


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user name with a password, or a ready token."""

    username: str | None
    password: Secret | None = None
    token: Secret | None = None

    @property
    def user_key(self) -> str:
        """What tells this user's cache and quota from another's; holds no secret."""
        if self.username is not None:
            return f"user:{self.username.strip().casefold()}"
        assert self.token is not None  # noqa: S101  # `credentials` gives one of the two
        return f"token:{hashlib.sha256(self.token.reveal().encode()).hexdigest()}"

    @property
    def masked_user(self) -> str:
        """The user name as it may be shown: first letter and domain."""
        if self.username is None:
            return "token ***"
        name, at, domain = self.username.partition("@")
        return f"{name[:1]}***{at}{domain}"


def base_url(server: str) -> str:
    """Turn a server id, a SellerCloud host name or a base URL into the API's base URL, ending in ``/rest``.

    Parameters
    ----------
    server
        A server id such as ``"tt"`` (one DNS label; it means ``tt.api.sellercloud.com``), a host name under
        ``.api.sellercloud.com`` or ``.api.sellercloud.us``, or a base URL.  Plain http is taken for loopback only.

    Returns
    -------
    str
        Scheme, host, port and ``/rest``; no user, query or fragment.

    Raises
    ------
    SettingsError
        It is none of these; nothing was looked up or sent.

    Examples
    --------
    >>> base_url("tt")
    'https://tt.api.sellercloud.com/rest'
    >>> base_url("https://tt.api.sellercloud.us/rest/api/")
    'https://tt.api.sellercloud.us/rest'
    """
    if _LABEL.fullmatch(server):
        return f"https://{server.lower()}.api.sellercloud.com/rest"
    if _OWN_HOST.fullmatch(server):
        return f"https://{server.lower()}/rest"
    if "://" not in server:
        _refuse("a server id is one word of letters, digits and hyphens; anything else must be a whole URL")
    return _normalised_url(server)


def _normalised_url(url: str) -> str:
    if re.search(r"[\s\\\x00-\x1f\x7f]", url) or not url.isascii():
        _refuse("a base URL has no blanks, backslashes, control or non-ASCII characters")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        _refuse("its host or port cannot be read")
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        _refuse("a base URL carries no user name or password; pass username= and password=")
    if parts.query or parts.fragment or "?" in url or "#" in url:
        _refuse("a base URL ends with its path")
    if parts.path.rstrip("/").lower() not in _API_PATHS:
        _refuse("its path is not /rest (the UI's address is not the API's)")
    loopback = is_loopback(host)
    if parts.scheme == "http" and not loopback:
        _refuse("http would send the password in clear; use https (plain http is for 127.0.0.1)")
    if parts.scheme not in {"http", "https"}:
        _refuse("it is neither https nor http")
    if not loopback and not _DNS_NAME.fullmatch(host):
        _refuse("its host is not a DNS name")
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}{f':{port}' if port else ''}/rest"


def _refuse(why: str) -> NoReturn:
    raise SettingsError(
        f"This server cannot be used: {why}. Give a server id ('tt'), 'team:NAME', or a base URL such as "
        "'https://tt.api.sellercloud.com/rest'.",
        setting="server",
    )


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host) in _LOOPBACKS
    except ValueError:
        return False


class _Loopbacks:
    _networks = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))

    def __contains__(self, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
        return any(address in network for network in self._networks)


_LOOPBACKS: Final = _Loopbacks()


def endpoint_of_team(answer: object, *, lookup_url: str) -> str:
    """Read the base URL out of the team look-up's answer.

    A remote look-up may name hosts of SellerCloud only; a look-up on loopback (the sandbox) may name loopback.

    Raises
    ------
    SettingsError
        The team is unknown, or the answer names a host that is not SellerCloud's.
    """
    if not isinstance(answer, Mapping) or answer.get("Success") is False:
        raise SettingsError("SellerCloud knows no team of that name.", setting="server")
    named = answer.get("RestApiEndpoint") or answer.get("ApiUrl") or ""
    url = base_url(named) if isinstance(named, str) and named else ""
    host = urlsplit(url).hostname or ""
    if _OWN_HOST.fullmatch(host) or (is_loopback(host) and is_loopback(urlsplit(lookup_url).hostname or "")):
        return url
    raise SettingsError(
        "The team look-up named a host that is not SellerCloud's; nothing was sent to it.", setting="server"
    )


def server_from(server: str | None, env: Mapping[str, str] | None = None) -> str:
    """Give the server that was asked for, else ``SELLERCLOUD_SERVER``.

    Raises
    ------
    SettingsError
        Neither is there.
    """
    named = server or (os.environ if env is None else env).get("SELLERCLOUD_SERVER", "")
    if not named:
        raise SettingsError(
            "Which SellerCloud? Pass a server id, 'team:NAME' or a base URL, or set SELLERCLOUD_SERVER.",
            setting="server",
        )
    return named


def credentials(
    url: str,
    *,
    username: str | None = None,
    password: str | Secret | None = None,
    token: str | Secret | None = None,
    env: Mapping[str, str] | None = None,
    ask: bool | None = None,
) -> Credentials:
    """Find out who asks: arguments, then environment, then the system keyring, then a prompt.

    Parameters
    ----------
    url
        The base URL; keyring entries belong to it.
    username, password, token
        What the caller gave.
    env
        Environment to read; the process's own where None.
    ask
        Whether a person may be asked; where None, only if one is there to answer.

    Raises
    ------
    SettingsError
        Nothing was found; it says the ways there are.
    """
    env = os.environ if env is None else env
    if token is not None:
        return Credentials(username, token=_secret(token))
    if password is not None and username is None:
        raise SettingsError("A password needs its username=.", setting="username")
    if password is not None:
        return Credentials(username, password=_secret(password))
    # The environment's password belongs to the environment's user and to nobody else.
    env_user = env.get("SELLERCLOUD_USERNAME")
    if env_user and env.get("SELLERCLOUD_PASSWORD") and username in {None, env_user}:
        return Credentials(env_user, password=Secret(env["SELLERCLOUD_PASSWORD"]))
    if env.get("SELLERCLOUD_TOKEN") and username in {None, env_user}:
        return Credentials(env_user, token=Secret(env["SELLERCLOUD_TOKEN"]))
    return _from_keyring(url, username) or _from_person(url, username or env_user, ask=ask)


def _secret(value: str | Secret) -> Secret:
    return value if isinstance(value, Secret) else Secret(value)


_KEYRING_USER: Final = "(user name)"


def keyring_service(url: str) -> str:
    """Name under which the system keyring keeps the login for a base URL."""
    return f"sc_pandas {url}"


def _from_keyring(url: str, username: str | None) -> Credentials | None:
    try:
        import keyring
        import keyring.errors
    except ImportError:
        return None
    try:
        user = username or keyring.get_password(keyring_service(url), _KEYRING_USER)
        kept = keyring.get_password(keyring_service(url), user) if user else None
    except keyring.errors.KeyringError:
        return None
    return Credentials(user, password=Secret(kept)) if kept else None


def keep_in_keyring(url: str, username: str, password: Secret) -> None:
    """Keep a login in the system keyring (`sc-pandas login`).

    Raises
    ------
    SettingsError
        keyring is not installed, or this machine has no keyring that can keep a password.
    """
    try:
        import keyring
        import keyring.errors
    except ImportError:
        raise SettingsError(
            "Keeping a login needs keyring: pip install 'sc_pandas[keyring]'.", setting="keyring"
        ) from None
    try:
        keyring.set_password(keyring_service(url), _KEYRING_USER, username)
        keyring.set_password(keyring_service(url), username, password.reveal())
    except keyring.errors.KeyringError:
        raise SettingsError(
            "This machine has no keyring that can keep a password; set SELLERCLOUD_USERNAME and SELLERCLOUD_PASSWORD.",
            setting="keyring",
        ) from None


def _from_person(url: str, username: str | None, *, ask: bool | None) -> Credentials:
    if ask is None:
        ask = _person_is_there()
    if ask:
        try:
            user = username or _asked_user(url)
            return Credentials(user, password=Secret(getpass.getpass(f"Password of {user}: ")))
        except (
            EOFError,
            RuntimeError,
        ):  # a kernel without stdin raises StdinNotImplementedError(RuntimeError)
            pass
    raise SettingsError(
        f"No login for {url}. Pass username= and password=, set SELLERCLOUD_USERNAME and SELLERCLOUD_PASSWORD "
        "(or SELLERCLOUD_TOKEN), or keep one with `sc-pandas login`.",
        setting="username",
    )


def _asked_user(url: str) -> str:
    prompt = f"SellerCloud user name for {url}: "
    if in_kernel():
        return input(prompt)
    # `input` would write its prompt to stdout, where a command's answer goes.
    print(prompt, end="", file=sys.stderr, flush=True)  # noqa: T201
    return input()


def in_kernel() -> bool:
    """Say whether this process is a notebook's kernel (and not one that only imported its libraries)."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return hasattr(shell, "kernel")


def _person_is_there() -> bool:
    if in_kernel():
        return True
    return sys.stdin is not None and sys.stdin.isatty()


def cache_folder(cache_dir: str | os.PathLike[str] | None = None, env: Mapping[str, str] | None = None) -> Path:
    """Give the folder that keeps caches: the argument, else ``SC_PANDAS_CACHE_DIR``, else the user's cache folder.

    Raises
    ------
    SettingsError
        It would lie in a home folder, and this user has none.
    """
    named = cache_dir or (os.environ if env is None else env).get("SC_PANDAS_CACHE_DIR")
    return _at_home(named, platformdirs.user_cache_path, "cache_dir", "SC_PANDAS_CACHE_DIR")


def data_folder(folder: str | os.PathLike[str] | None = None, env: Mapping[str, str] | None = None) -> Path:
    """Give the folder that keeps saved filters: the argument, else ``SC_PANDAS_DATA_DIR``, else the user's data folder.

    Raises
    ------
    SettingsError
        It would lie in a home folder, and this user has none.
    """
    named = folder or (os.environ if env is None else env).get("SC_PANDAS_DATA_DIR")
    return _at_home(named, platformdirs.user_data_path, "folder", "SC_PANDAS_DATA_DIR")


def _at_home(named: str | os.PathLike[str] | None, default: Callable[..., Path], setting: str, variable: str) -> Path:
    try:
        return Path(named).expanduser() if named else default("sc_pandas", appauthor=False)
    except RuntimeError:
        raise SettingsError(
            f"There is no home folder for this user here. Name another folder by {variable}.", setting=setting
        ) from None


def tenant_digest(url: str, user_key: str) -> str:
    """Name of a tenant's files: a digest, so that file names tell nobody's name."""
    host = urlsplit(url).netloc.lower()
    return hashlib.sha256(f"{len(host)}:{host}|{len(user_key)}:{user_key}".encode()).hexdigest()[:32]
