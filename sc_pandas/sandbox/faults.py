"""When a fault strikes: each kind with its options, and the counting of calls up to it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Literal

from sc_pandas import forks
from sc_pandas.sandbox.log import Endpoint
from sc_pandas.sandbox.tampering import WRONG_JSON

CallClass = Literal["list", "detail", "token", "data", "any"]

# Every kind of fault, with its options and their defaults.
KINDS: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        # What the service itself does wrong, or says no to.
        "throttle": {"status": None, "reset_in_s": 0.2, "retry_after": None, "body_extra": None},
        "token_death": {},
        "repeat_page": {},
        # A whole answer, but another one.
        "status": {"status": 500, "body": None, "content_type": None, "headers": None},
        "html": {"status": 200},
        "empty": {"status": 200},
        "null_items": {},
        "error_in_200": {"body": None},
        "wrong_json": {"variant": "nan", "body": None},
        "redirect": {"location": "https://elsewhere.test/rest/api/Customers", "status": 302},
        "bomb": {"megabytes": 100},
        "bad_gzip": {"flip": 0.5},
        "cut_gzip": {"bytes": 12},
        # The right answer, late or torn.
        "delay": {"delay_s": 1.0},
        "cut_body": {"keep": 0.5, "bytes": None},
        "cut_chunked": {"keep": 0.5, "bytes": None},
        "cut_eof": {"keep": 0.5},
        "reset": {"keep": 0.5, "bytes": None},
        "slow_drip": {"seconds_per_byte": 0.02},
        "hang": {"hang_s": 3600.0, "bytes": 0},
    }
)

_CLASSES: Final[Mapping[str, frozenset[Endpoint]]] = MappingProxyType(
    {
        "list": frozenset({"list"}),
        "detail": frozenset({"detail"}),
        "token": frozenset({"token"}),
        "data": frozenset({"list", "detail"}),
        "any": frozenset({"list", "detail", "token", "team", "other"}),
    }
)


@dataclass
class Fault:
    """One order to misbehave.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    at, every : int or None
        The first call it strikes, counted from 1, and then each so-manieth; alone, ``every`` starts with itself.
    times : int or None
        How often it strikes; None is for ever.
    endpoint : {"list", "detail", "token", "data", "any"}
        The calls that count.
    options : mapping
        The kind's own options.

    Examples
    --------
    >>> fault = Fault("html", at=2, every=None, times=2, endpoint="list", options={})
    >>> [fault.strikes("list") for _ in range(5)]
    [False, True, True, False, False]
    >>> fault = Fault("html", at=None, every=2, times=None, endpoint="list", options={})
    >>> [fault.strikes(endpoint) for endpoint in ("list", "token", "list", "list", "list")]
    [False, False, True, False, True]
    """

    kind: str
    at: int | None
    every: int | None
    times: int | None
    endpoint: CallClass
    options: Mapping[str, Any]
    _seen: int = field(default=0, repr=False)
    _struck: int = field(default=0, repr=False)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown fault {self.kind!r}; known: {', '.join(KINDS)}")
        if self.endpoint not in _CLASSES:
            raise ValueError(f"endpoint must be one of {', '.join(_CLASSES)}; got {self.endpoint!r}")
        for name, number in (("at", self.at), ("every", self.every), ("times", self.times)):
            if number is not None and number < 1:
                raise ValueError(f"{name} counts from 1, got {number}")
        unknown = set(self.options) - set(KINDS[self.kind])
        if unknown:
            raise TypeError(
                f"fault {self.kind!r} has no option {', '.join(sorted(unknown))}; "
                f"it has: {', '.join(KINDS[self.kind]) or 'none'}"
            )
        self.options = {**KINDS[self.kind], **self.options}
        if self.options.get("variant", "nan") not in WRONG_JSON:
            raise ValueError(f"variant must be one of {', '.join(WRONG_JSON)}; got {self.options['variant']!r}")

    def strikes(self, endpoint: Endpoint, *, taken: bool = False) -> bool:
        """Count a call and tell whether it is struck; a call that another fault took only counts."""
        if endpoint not in _CLASSES[self.endpoint]:
            return False
        self._seen += 1
        beyond = self._seen - (self.at or self.every or 1)
        due = beyond >= 0 and beyond % (self.every or 1) == 0
        if taken or not due or (self.times is not None and self._struck >= self.times):
            return False
        self._struck += 1
        return True


class FaultPlan:
    """The orders to misbehave that are in force."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = forks.new_lock()

    def add(self, fault: Fault) -> None:
        """Put an order in force."""
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        """Behave again."""
        with self._lock:
            self._faults.clear()

    def draw(self, endpoint: Endpoint) -> Fault | None:
        """Count a call and give the fault that strikes it; of several, the one ordered first."""
        with self._lock:
            struck = None
            for fault in self._faults:
                if fault.strikes(endpoint, taken=struck is not None):
                    struck = fault
            return struck
