"""Everything that sc_pandas raises or warns with; imports `wording` only.

::

    SellerCloudError(Exception)            one ``except`` catches all of ours
    ├─ SettingsError(ValueError)           wrong before any call            .setting
    ├─ FilterError(ValueError)             a filter that cannot be asked    .filter .suggestions
    ├─ AuthError                           who you are was not accepted     .reason .status
    ├─ TransportError                      no whole answer came             .kind .attempts .elapsed_s
    ├─ ServerError                         the server refused or failed     .status .attempts .server_message
    ├─ ResponseError                       an answer came that is no data   .kind .attempts
    ├─ RateLimitedError                    the quota is used up             .reset_at .wait_s
    ├─ PagingDriftError                    the list moved under the read    .reason .expected .got .missing .extra
    ├─ CacheMissError(LookupError)         offline, and not cached          .age_s
    ├─ ExportError                         a file was not written or read   .path .reason
    ├─ MissingExtraError(ImportError)      an optional library is missing   .extra
    └─ AccessorError(AttributeError)       the frame did not come from us

    SellerCloudWarning(UserWarning)
    ├─ CacheWarning                        the cache stepped aside          .reason
    └─ SchemaDriftWarning                  the API sent undocumented keys   .keys

Facts are attributes, messages are built from them once.  No error holds a password, a token, a response body or the
name of a customer, and every one of them survives ``pickle``: the constructor takes ``(message, **facts)`` and all
facts have defaults.
"""

import inspect
from collections.abc import Iterable
from datetime import datetime
from functools import partial
from typing import Any, ClassVar, Self
from urllib.parse import urlsplit

from sc_pandas.wording import did_you_mean, nearest


class _Facts(Exception):  # noqa: N818  # not raised itself: it gives errors and warnings their facts
    """Keyword facts that become attributes, and that pickle carries: the annotated names of a class, with defaults."""

    facts: ClassVar[dict[str, Any]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        mine = {name: getattr(cls, name) for name in inspect.get_annotations(cls)}
        cls.facts = {**cls.facts, **mine}

    def __init__(self, message: str = "", **facts: Any) -> None:
        unknown = facts.keys() - self.facts.keys()
        if unknown:
            raise TypeError(f"{type(self).__name__} has no facts named {sorted(unknown)}")
        super().__init__(message)
        for name, default in self.facts.items():
            setattr(self, name, facts.get(name, default))

    def __reduce__(self) -> tuple[Any, ...]:
        facts = {name: getattr(self, name) for name in self.facts}
        return partial(type(self), str(self), **facts), ()


class SellerCloudError(_Facts):
    """Root of all errors of sc_pandas."""

    def name_server(self, url: str) -> None:
        """Name in the message the server that was asked, unless its host stands there."""
        if urlsplit(url).netloc not in str(self):
            self.args = (f"{self} Server: {url}.",)


class SettingsError(SellerCloudError, ValueError):
    """A server, a folder, a credential or an option is not usable; nothing was sent.

    Attributes
    ----------
    setting : str
        Name of the argument or environment variable that is wrong.
    """

    setting: str = ""


class FilterError(SellerCloudError, ValueError):
    """A filter cannot be asked of the server; nothing was sent.

    Attributes
    ----------
    filter : str
        Name of the filter.
    suggestions : tuple of str
        The nearest names or values that do exist.
    """

    filter: str = ""
    suggestions: tuple[str, ...] = ()

    @classmethod
    def unknown_name(cls, name: str, known: Iterable[str]) -> Self:
        """Build the error for a filter name that does not exist."""
        near = nearest(name, tuple(known))
        return cls(f"There is no filter {name!r}.{did_you_mean(near)}", filter=name, suggestions=near)

    @classmethod
    def unknown_value(cls, name: str, value: object, known: Iterable[str]) -> Self:
        """Build the error for a value that the filter's enumeration does not have."""
        names = list(known)
        near = nearest(str(value), names)
        hint = did_you_mean(near)
        listed = ", ".join(names) if len(names) < 10 else f"one of {len(names)} names, or a whole number"
        return cls(f"{name}={value!r} is not known.{hint} It takes {listed}.", filter=name, suggestions=near)


class AuthError(SellerCloudError):
    """The server did not accept the user name, password or token; no further login is tried.

    Attributes
    ----------
    reason : str
        ``"bad_credentials"``, ``"rejected_after_login"``, ``"token_rejected"`` or ``"malformed_token"``.
    status : int or None
        HTTP status of the refusal.
    server_message : str
        The server's own words, cut and cleaned.
    """

    reason: str = ""
    status: int | None = None
    server_message: str = ""


class TransportError(SellerCloudError):
    """No whole answer came: connection, time-out, TLS or proxy.

    Attributes
    ----------
    kind : str
        ``"connect"`` (the server was not reached, or closed the connection without an answer), ``"read"``,
        ``"timeout"``, ``"deadline"``, ``"truncated"``, ``"tls"`` or ``"proxy"``.
    attempts : int
        How often it was tried.
    elapsed_s : float
        Seconds from the first attempt to giving up.
    """

    kind: str = ""
    attempts: int = 0
    elapsed_s: float = 0.0
    budget_exhausted: bool = False


class ServerError(SellerCloudError):
    """The server refused the request or failed while answering it.

    Attributes
    ----------
    status : int
        HTTP status.
    attempts : int
        How often it was tried; a 4xx is tried once.
    server_message : str
        The server's own words, cut to 200 characters and cleaned of control characters.
    """

    status: int = 0
    attempts: int = 0
    server_message: str = ""
    budget_exhausted: bool = False


class ResponseError(SellerCloudError):
    """An answer came, but it is not customer data; nothing of it was used or cached.

    Attributes
    ----------
    kind : str
        ``"empty"``, ``"not_json"``, ``"json"``, ``"shape"``, ``"error_in_200"``, ``"row_count"``, ``"encoding"``,
        ``"too_large"``, ``"framing"``, ``"redirect"``, ``"not_asked"`` (it is about other customers) or
        ``"paging_ignored"``.
    attempts : int
        How often it was tried.
    """

    kind: str = ""
    attempts: int = 0
    server_message: str = ""
    budget_exhausted: bool = False


class RateLimitedError(SellerCloudError):
    """The hourly quota is used up for longer than ``max_wait``; ask again after ``reset_at``.

    Attributes
    ----------
    reset_at : datetime.datetime or None
        When the server takes calls again, UTC.
    wait_s : float
        Seconds until then, as seen when the error was raised.
    """

    reset_at: datetime | None = None
    wait_s: float = 0.0


class PagingDriftError(SellerCloudError):
    """The list changed while it was read, and no complete result can be proven; nothing is returned.

    Attributes
    ----------
    reason : str
        What was seen: ``"total_moved"``, ``"repeated_ids"``, ``"unordered_ids"``, ``"bookend_moved"``,
        ``"row_count"``, ``"no_key"``, ``"page_repeated"``, ``"windows"`` (creation dates cannot find all) or
        ``"unequal_reads"``.
    expected, got : int or None
        Rows the server announced and distinct rows that came.
    missing, extra : tuple of int
        Customer ids known to be missing or too many, as far as they can be known.
    """

    reason: str = ""
    expected: int | None = None
    got: int | None = None
    missing: tuple[int, ...] = ()
    extra: tuple[int, ...] = ()


class CacheMissError(SellerCloudError, LookupError):
    """``cache="offline"``, and the cache has no finished read of this query.

    Attributes
    ----------
    age_s : float or None
        Age of the cached read that was too old for ``max_age``, or None where there is none.
    """

    age_s: float | None = None


class ExportError(SellerCloudError):
    """A file could not be written or read; a file that stood at the path before is untouched.

    Attributes
    ----------
    path : str
        The target.
    reason : str
        ``"os"``, ``"exists"``, ``"not_verified"``, ``"not_ours"``, ``"newer"`` or ``"mismatch"``.
    errno : int or None
        The system's error number, where there is one.
    """

    path: str = ""
    reason: str = ""
    errno: int | None = None

    @classmethod
    def cannot_write(cls, path: object, what: str, *, errno: int | None = None, reason: str = "os") -> Self:
        """Build the error for a file that cannot be written."""
        return cls(f"{path} cannot be written: {what}", path=str(path), reason=reason, errno=errno)

    @classmethod
    def not_proven(cls, path: object, advice: str) -> Self:
        """Build the error for rows that would be written although they are not proven complete."""
        return cls(f"Not written: these rows were not proven complete. {advice}", path=str(path), reason="not_verified")


class MissingExtraError(SellerCloudError, ImportError):
    """A library that sc_pandas does not always need is not installed.

    Attributes
    ----------
    extra : str
        What installs it: ``pip install "sc_pandas[extra]"``.
    """

    extra: str = ""


class AccessorError(SellerCloudError, AttributeError):
    """The frame did not come from sc_pandas, no longer says where from, or lacks what ``df.sellercloud`` needs."""


class SellerCloudWarning(_Facts, UserWarning):
    """Root of all warnings of sc_pandas."""


class CacheWarning(SellerCloudWarning):
    """The cache could not be used; rows came from the server instead.

    Attributes
    ----------
    reason : str
        ``"locked"``, ``"damaged"``, ``"full"``, ``"not_private"``, ``"unwritable"``, ``"no_home"`` (there is no folder
        for it) or ``"left_behind"`` (one of an earlier edition lies in the way, and is not used).
    """

    reason: str = ""


class SchemaDriftWarning(SellerCloudWarning):
    """The server sent keys that no public page documents (they became columns), or values that fit no column.

    Or a custom column is new, or came in another type than before.

    Attributes
    ----------
    keys : tuple of str
        The keys as the server spells them, or the columns in which values did not fit or that changed.
    """

    keys: tuple[str, ...] = ()
