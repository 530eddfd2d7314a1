"""An embedded SellerCloud: the customers API on 127.0.0.1, with invented customers and faults on order.

It shares no code with the client, so each checks the other.
"""

from typing import Any

from sc_pandas.sandbox.box import Sandbox
from sc_pandas.sandbox.faults import KINDS as FAULTS
from sc_pandas.sandbox.fields import known
from sc_pandas.sandbox.log import LogEntry, TruthLog
from sc_pandas.sandbox.messages import Answer, Script
from sc_pandas.sandbox.options import DEFAULT_PASSWORD, DEFAULT_USERNAME, Options, Password

__all__ = [
    "DEFAULT_PASSWORD",
    "DEFAULT_USERNAME",
    "FAULTS",
    "Answer",
    "LogEntry",
    "Options",
    "Sandbox",
    "Script",
    "TruthLog",
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
    calls_per_hour: int = 10_800,
    **quirks: Any,
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
    calls_per_hour : int
        Calls in a sliding hour, logins included, before throttling.
    **quirks
        What real servers may do otherwise, such as ``order="id_desc"`` or ``token_calls=3``; `Options` describes each.

    Returns
    -------
    Sandbox
        Listening already.

    Raises
    ------
    TypeError
        If there is no such option.
    ValueError
        If an option has no such value.
    OSError
        If the port is taken.

    Notes
    -----
    What the filters match is the sandbox's choice, because the real server's rules are not published;
    `sc_pandas.sandbox.matching` has them in a table.

    Examples
    --------
    >>> import sc_pandas.sandbox
    >>> box = sc_pandas.sandbox.serve(customers=1037, seed=7)
    >>> box
    <Sandbox http://127.0.0.1:..., 1,037 customers, seed 7>
    >>> box.close()
    >>> sc_pandas.sandbox.serve(pagecap=20)
    Traceback (most recent call last):
    ...
    TypeError: a sandbox has no option pagecap. Did you mean page_cap?
    """
    hidden = Password(password)
    del password
    known(quirks, Options.__dataclass_fields__, "a sandbox has no option {}")
    options = Options(
        customers=customers,
        seed=seed,
        latency_s=latency_s,
        username=username,
        password=hidden,
        calls_per_hour=calls_per_hour,
        **quirks,
    )
    return Sandbox(options, port)
