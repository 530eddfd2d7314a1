"""Where the server is, who asks, and which folder keeps things: decided before any call is made."""

import contextlib
import getpass
import hashlib
import ipaddress
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn, cast
from urllib.parse import urlsplit

import platformdirs

from sc_pandas.errors import SettingsError
from sc_pandas.secrecy import Secret as Secret  # noqa: PLC0414  # it belongs to `Credentials`
from sc_pandas.secrecy import hidden, unseen, without_login

_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII | re.IGNORECASE)
_OWN_HOST: Final = re.compile(rf"({_LABEL.pattern})\.api\.sellercloud\.(com|us)", re.ASCII | re.IGNORECASE)
_DNS_NAME: Final = re.compile(
    rf"(?=.{{1,253}}\Z)(?:{_LABEL.pattern}\.)+[a-z][a-z0-9-]*[a-z0-9]", re.ASCII | re.IGNORECASE
)
_LOOPBACKS: Final = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
_API_PATHS: Final = ("", "/rest", "/rest/api", "/api")


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
    """Turn a server id (one DNS label), a SellerCloud host name or a base URL into the API's base URL.

    It has scheme, host, port and ``/rest``; plain http is taken for loopback only.  SettingsError for anything else;
    nothing is looked up or sent.
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
        f"This server cannot be used: {why}. Pass a server id ('tt'), 'team:NAME', or a base URL such as "
        "'https://tt.api.sellercloud.com/rest'.",
        setting="server",
    )


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine."""
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return any(address in network for network in _LOOPBACKS)


def endpoint_of_team(answer: object, *, lookup_url: str) -> str:
    """Read the base URL out of the team look-up's answer; SettingsError if it knows no such team.

    A remote look-up may name hosts of SellerCloud only, a look-up on loopback (the sandbox) also loopback; else
    SettingsError.
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


def server_from(server: str | None) -> str:
    """Return the server that was asked for, else ``SELLERCLOUD_SERVER``; SettingsError if neither is there."""
    named = str(without_login(server)) if server else own_server()
    if not named:
        raise SettingsError(
            "Which SellerCloud? Pass a server id, 'team:NAME' or a base URL, or set SELLERCLOUD_SERVER.",
            setting="server",
        )
    return named


def own_server() -> str:
    """Return ``SELLERCLOUD_SERVER``, to which the login of the environment belongs, or ""."""
    return str(without_login(os.environ.get("SELLERCLOUD_SERVER", "")))


def _is_own(url: str, server: str) -> bool:
    own = own_server()
    try:
        return own != "" and (own == server or base_url(own) == url)
    except SettingsError:
        return False


_TEXT: Final = re.compile(r"(?s).*")
_TOKEN: Final = re.compile(r"[\x21-\x7e]+")


def _usable(setting: str, secret: Any) -> Secret:
    if not secret.fits(_TEXT if setting == "password" else _TOKEN):
        form = "text" if setting == "password" else "text of ASCII letters, digits and signs (is a blank in it?)"
        raise SettingsError(f"The {setting} is not {form}; nothing was sent.", setting=setting)
    return cast("Secret", secret)


def credentials(
    url: str,
    *,
    server: str = "",
    username: str | None = None,
    password: str | Secret | None = None,
    token: str | Secret | None = None,
    ask: bool | None = None,
) -> Credentials:
    """Find out who asks: arguments, then what `logins` finds, then a prompt; else SettingsError, which says the ways.

    `url` is where the login is going to be sent, `server` how the caller spelt it, which may have been by its team.  If
    `ask` is None, a person is asked only if one is there to answer.
    """
    password, token = hidden(password), hidden(token)
    if token is not None:
        return Credentials(username, token=_usable("token", token))
    if password is not None and username is None:
        raise SettingsError("A password needs its username=.", setting="username")
    if password is not None:
        return Credentials(username, password=_usable("password", password))
    return next(logins(url, server=server, username=username), None) or _from_person(url, server, username, ask=ask)


def logins(url: str, *, server: str = "", username: str | None = None) -> Iterator[Credentials]:
    """Yield the logins for a base URL that are found without asking: the environment's, then the system keyring's.

    The login of the environment belongs to ``SELLERCLOUD_SERVER`` and its user, that of the keyring to its URL; nobody
    else gets them.  SettingsError if ``SELLERCLOUD_TOKEN`` is none.
    """
    of_environment = _from_environment() if _is_own(url, server) else None
    if of_environment is not None and username in {None, of_environment.username}:
        yield of_environment
    of_keyring = _from_keyring(url, username)
    if of_keyring is not None:
        yield of_keyring


def _from_environment() -> Credentials | None:
    # No local name for the environment: the frame of an error would show all of it.
    user = os.environ.get("SELLERCLOUD_USERNAME") or None
    password = hidden(os.environ.get("SELLERCLOUD_PASSWORD") or None)
    if user is not None and password is not None:
        return Credentials(user, password=password)
    token = hidden(os.environ.get("SELLERCLOUD_TOKEN") or None)
    return None if token is None else Credentials(user, token=_usable("token", token))


_KEYRING_USER: Final = "(user name)"


def keyring_service(url: str) -> str:
    """Return the name of a base URL's login in the system keyring."""
    return f"sc_pandas {url}"


def _from_keyring(url: str, username: str | None) -> Credentials | None:
    try:
        import keyring
        import keyring.errors
    except ImportError:
        return None
    try:
        user = username or keyring.get_password(keyring_service(url), _KEYRING_USER)
        password = unseen(lambda: hidden(keyring.get_password(keyring_service(url), user) or None)) if user else None
    except keyring.errors.KeyringError:
        return None
    return None if password is None else Credentials(user, password=password)


def keep_in_keyring(url: str, username: str, password: Secret) -> None:
    """Write a login into the system keyring (`sc-pandas login`); SettingsError if this machine cannot keep it."""
    try:
        import keyring
        import keyring.errors
    except ImportError:
        raise SettingsError(
            "Keeping a login needs keyring: pip install 'sc_pandas[keyring]'.", setting="keyring"
        ) from None
    try:
        keyring.set_password(keyring_service(url), _KEYRING_USER, username)
        unseen(lambda: keyring.set_password(keyring_service(url), username, password.reveal()))
    except keyring.errors.KeyringError:
        raise SettingsError(
            "This machine has no keyring that can keep a password; set SELLERCLOUD_USERNAME and SELLERCLOUD_PASSWORD.",
            setting="keyring",
        ) from None


def _from_person(url: str, server: str, username: str | None, *, ask: bool | None) -> Credentials:
    why = _why_not_environment(url, server, username)
    if ask or (ask is None and _person_is_there() and (own_server() or not why)):
        own_user = os.environ.get("SELLERCLOUD_USERNAME") if _is_own(url, server) else None
        # A kernel without stdin raises StdinNotImplementedError, a RuntimeError.
        with contextlib.suppress(EOFError, RuntimeError):
            user = username or own_user or _asked_user(url)
            prompt = f"Password of {user} at {urlsplit(url).netloc}: "
            return Credentials(user, password=Secret(getpass.getpass(prompt)))
    raise SettingsError(
        f"No login for {url}.{why} Run `sc-pandas login`, pass username= and password=, or set SELLERCLOUD_SERVER to "
        "this server beside SELLERCLOUD_USERNAME and SELLERCLOUD_PASSWORD (or SELLERCLOUD_TOKEN).",
        setting="server" if why and not own_server() else "username",
    )


def _why_not_environment(url: str, server: str, username: str | None) -> str:
    """Return in a sentence why the login of the environment is not used; "" where there is none."""
    user = os.environ.get("SELLERCLOUD_USERNAME")
    if not os.environ.get("SELLERCLOUD_TOKEN") and not (user and os.environ.get("SELLERCLOUD_PASSWORD")):
        return ""
    if not own_server():
        return " The environment has a login, but SELLERCLOUD_SERVER, which says for which server, is not set."
    if not _is_own(url, server):
        return f" The login in the environment is for another server (SELLERCLOUD_SERVER={own_server()})."
    return f" The login in the environment is for another user name than {username}."


def _asked_user(url: str) -> str:
    prompt = f"SellerCloud user name for {url}: "
    if in_kernel():
        return input(prompt)
    # `input` would write its prompt to stdout, where a command's answer goes.
    print(prompt, end="", file=sys.stderr, flush=True)  # noqa: T201
    return input()


def in_kernel() -> bool:
    """Return whether this process is a notebook's kernel (and not one that only imported its libraries)."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return hasattr(shell, "kernel")


def _person_is_there() -> bool:
    return in_kernel() or (sys.stdin is not None and sys.stdin.isatty())


def cache_folder(cache_dir: str | os.PathLike[str] | None = None) -> Path:
    """Return the folder of caches: the argument, else ``SC_PANDAS_CACHE_DIR``, else the user's cache folder.

    SettingsError if it would lie in a home folder, and this user has none.
    """
    return _at_home(cache_dir, platformdirs.user_cache_path, "cache_dir", "SC_PANDAS_CACHE_DIR")


def data_folder(folder: str | os.PathLike[str] | None = None) -> Path:
    """Return the folder of saved filters: the argument, else ``SC_PANDAS_DATA_DIR``, else the user's data folder.

    SettingsError if it would lie in a home folder, and this user has none.
    """
    return _at_home(folder, platformdirs.user_data_path, "folder", "SC_PANDAS_DATA_DIR")


def _at_home(given: str | os.PathLike[str] | None, default: Callable[..., Path], setting: str, variable: str) -> Path:
    named = given or os.environ.get(variable)
    try:
        # An old platformdirs gives "~" where it finds no home; `expanduser` says so.
        return Path(named or default("sc_pandas", appauthor=False)).expanduser()
    except RuntimeError:
        raise SettingsError(
            f"There is no home folder for this user here. Name another folder by {variable}.", setting=setting
        ) from None


def tenant_digest(url: str, user_key: str) -> str:
    """Return the name of a tenant's files: a digest, so file names tell nobody's name."""
    host = urlsplit(url).netloc.lower()
    return hashlib.sha256(f"{len(host)}:{host}|{len(user_key)}:{user_key}".encode()).hexdigest()[:32]
