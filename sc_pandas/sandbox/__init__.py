"""An embedded SellerCloud: the customers API on 127.0.0.1, with invented customers and faults on order.

It shares no code with the client, so that each checks the other.

Examples
--------
>>> import json, urllib.request
>>> import sc_pandas.sandbox
>>> with sc_pandas.sandbox.serve(customers=20, seed=7, port=0) as box:
...     answer = urllib.request.urlopen(f"{box.url}/api/server-by-team/?team=sandbox")
...     with answer:
...         json.load(answer)["Success"]
...     box.calls("team")
True
1
"""

import contextlib
import threading
from collections.abc import Mapping
from typing import Any

from sc_pandas.sandbox.box import Sandbox
from sc_pandas.sandbox.faults import KINDS as FAULTS
from sc_pandas.sandbox.log import LogEntry, TruthLog
from sc_pandas.sandbox.options import (
    DEFAULT_PASSWORD,
    DEFAULT_USERNAME,
    DateBounds,
    Dialect,
    ExpiresIn,
    Options,
    Order,
    Password,
    PastEnd,
    Style,
)

__all__ = [
    "DEFAULT_PASSWORD",
    "DEFAULT_USERNAME",
    "FAULTS",
    "ExpiresIn",
    "LogEntry",
    "Sandbox",
    "TruthLog",
    "run",
    "serve",
]


def serve(
    customers: int = 1037,
    *,
    seed: int = 7,
    latency_s: float = 0.0,
    port: int = 0,
    username: str = DEFAULT_USERNAME,
    password: str = DEFAULT_PASSWORD,
    token_lifetime_s: float = 3600.0,
    token_calls: int | None = None,
    expires_in: Any = ExpiresIn.LIFETIME,
    odd_token_dates: bool = False,
    bad_login_status: int = 400,
    dialects: tuple[Dialect, ...] = ("article", "swagger"),
    style: Style = "grid",
    order: Order = "id_asc",
    date_bounds: DateBounds = "inclusive",
    page_cap: int = 50,
    past_end: PastEnd = "empty",
    unknown_id_status: int = 404,
    calls_per_hour: int = 10_800,
    throttle_status: int = 409,
    retry_after: bool = False,
    compress: bool = True,
    insists_on_json: bool = False,
    teams: Mapping[str, str | None] | None = None,
) -> Sandbox:
    """Start a SellerCloud of invented customers on 127.0.0.1.

    Parameters
    ----------
    customers : int
        How many it opens with.
    seed : int
        Equal numbers and seeds give equal customers, everywhere.
    latency_s : float
        How long each call for customers takes.
    port : int
        Where to listen; 0 takes a free port.
    username, password : str
        The credentials it accepts.
    token_lifetime_s : float
        How long a token lives.
    token_calls : int, optional
        After how many calls for customers a token dies, whatever its age.
    expires_in : object
        What the login says about the lifetime: by default the truth; `ExpiresIn.ABSENT` leaves the member out; any
        other value is sent as it is.
    odd_token_dates : bool
        Whether ``.expires`` lies before ``.issued``, as in the vendor's sample.
    bad_login_status : int
        The status for wrong credentials; which one the vendor uses is not known.
    dialects : tuple of {"article", "swagger"}
        The spellings it understands.  Both: ``model.`` names, or bare ones if no name has the prefix; enums by name
        or code; dates as ``mm/dd/yyyy hh:mm`` or ISO.  "article" alone: bare names, ``mm/dd/yyyy`` dates, no
        ``companyIds``.  "swagger" alone: ``model.`` names, enums by code, ISO dates.
    style : {"grid", "article"}
        The rows' shape: the ten fields of the vendor's grid, or those of a server written from the endpoint's article
        alone, which then speaks that dialect only.
    order : {"id_asc", "id_desc", "created_desc", "modified_desc", "unstable"}
        The rows' order; "unstable" is by day of creation, customers of one day in a new order for every call.
    date_bounds : {"inclusive", "exclusive_to", "date_only", "minute"}
        How a moment x compares with dates asked: ``from <= x <= to``; ``from <= x < to``; both sides cut to days,
        inclusive; x cut to its minute, inclusive.
    page_cap : int
        The page size that larger ones are silently cut to.
    past_end : {"empty", "last", "null"}
        A page past the end has no items, is the last page once more, or has ``Items`` null.
    unknown_id_status : int
        The status for a customer that does not exist.
    calls_per_hour : int
        Calls in a sliding hour, logins included, before throttling.
    throttle_status : int
        The status of a throttled call.
    retry_after : bool
        Whether throttled calls also get a ``Retry-After`` header.
    compress : bool
        Whether to compress for clients that accept gzip.
    insists_on_json : bool
        Whether a call for customers must carry ``Content-Type: application/json``, as the endpoint's article has it on
        the GET; one without it gets 415.
    teams : mapping of str to (str or None), optional
        Known teams and the ``RestApiEndpoint`` told for each, None for this server; by default "sandbox".

    Returns
    -------
    Sandbox
        Listening already.

    Raises
    ------
    ValueError
        If an option has no such value.
    OSError
        If the port is taken.

    Notes
    -----
    What the filters match is the sandbox's choice: the real server's rules are not published.

    - ``email``, ``zipCode``: equal, without regard to case.
    - ``firstName``, ``lastName``, ``city``, ``corporateName``: contained, both sides case-folded, Unicode not
      normalised.
    - ``phoneNumber``: its digits are contained in those of one of the five phones; without a digit, nobody.
    - ``keyword``: contained in e-mail, first, last or corporate name, case-folded, or in a phone's digits, or equal to
      the id.
    - ``subscribed``, ``exported``: 1 yes, 0 no, -1 all.

    Examples
    --------
    >>> import sc_pandas.sandbox
    >>> box = sc_pandas.sandbox.serve(customers=1037, seed=7)
    >>> box
    <Sandbox http://127.0.0.1:..., 1,037 customers, seed 7>
    >>> box.close()
    """
    hidden = Password(password)
    del password
    options = Options(
        customers=customers,
        seed=seed,
        latency_s=latency_s,
        username=username,
        password=hidden,
        token_lifetime_s=token_lifetime_s,
        token_calls=token_calls,
        expires_in=expires_in,
        odd_token_dates=odd_token_dates,
        bad_login_status=bad_login_status,
        dialects=dialects,
        style=style,
        order=order,
        date_bounds=date_bounds,
        page_cap=page_cap,
        past_end=past_end,
        unknown_id_status=unknown_id_status,
        calls_per_hour=calls_per_hour,
        throttle_status=throttle_status,
        retry_after=retry_after,
        compress=compress,
        insists_on_json=insists_on_json,
        teams={"sandbox": None} if teams is None else teams,
    )
    return Sandbox(options, port)


def run(customers: int = 1037, port: int = 0, **options: Any) -> None:
    """Serve until Ctrl-C.

    Parameters
    ----------
    customers : int
        How many customers it opens with.
    port : int
        Where to listen; 0 takes a free port.
    **options
        As for `serve`; and ``on_start``, called with the `Sandbox` when it listens.
    """
    if "password" in options:
        options["password"] = Password(options["password"])
    on_start = options.pop("on_start", None)
    never = threading.Event()
    with contextlib.suppress(KeyboardInterrupt), serve(customers, port=port, **options) as box:
        if on_start is not None:
            on_start(box)
        while not never.wait(1.0):  # a wait without end cannot be interrupted on Windows
            pass
