"""How fast, how often and when not to call: decisions about time, apart from any call."""

import random
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final, Protocol

from sc_pandas.contract import CALLS_PER_HOUR
from sc_pandas.errors import RateLimitedError

_HOUR_S: Final = 3_600.0
_UNKNOWN_RESET_S: Final = 5.0
_RESET: Final = re.compile(
    r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))?\s*(Z|[+-]\d\d:?\d\d)?", re.ASCII | re.IGNORECASE
)


class Cancelled(CancelledError):  # noqa: N818  # the standard library's word for it
    """A read was told to stop."""


class Clock(Protocol):
    """Time as the client sees it; tests put their own in its place."""

    def monotonic(self) -> float:
        """Seconds that never go back."""

    def now(self) -> datetime:
        """Give the wall clock, UTC."""

    def sleep(self, seconds: float, cancel: threading.Event | None = None) -> None:
        """Wait; raise `Cancelled` as soon as `cancel` is set."""


class SystemClock:
    """The machine's own clock."""

    monotonic = staticmethod(time.monotonic)

    @staticmethod
    def now() -> datetime:
        """Give the wall clock, UTC."""
        return datetime.now(UTC)

    @staticmethod
    def sleep(seconds: float, cancel: threading.Event | None = None) -> None:
        """Wait; raise `Cancelled` as soon as `cancel` is set."""
        if cancel is None:
            time.sleep(max(0.0, seconds))
        elif cancel.wait(max(0.0, seconds)):
            raise Cancelled


# ── the throttle ───────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Throttle:
    """The server's word that the quota is used up."""

    reset_at: datetime | None


def recognise_throttle(document: object) -> Throttle | None:
    """Read a throttle out of a body, whatever the status: an object with ``Error`` and ``RateLimitResetTime``.

    The article "REST API Rate Limiting" gives the body and names no status; public clients saw 409.
    """
    if not isinstance(document, Mapping):
        return None
    keys = {str(key).casefold(): value for key, value in document.items()}
    if "error" not in keys or "ratelimitresettime" not in keys:
        return None
    return Throttle(parse_reset(keys["ratelimitresettime"]))


def parse_reset(text: object) -> datetime | None:
    """Read a reset time with 0 to 9 fraction digits; without a zone it is UTC, and anything else is None.

    Examples
    --------
    >>> parse_reset("2026-11-23T14:05:06.1234567Z")
    datetime.datetime(2026, 11, 23, 14, 5, 6, 123457, tzinfo=datetime.timezone.utc)
    """
    match = _RESET.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        return None
    try:
        moment = datetime.fromisoformat(match[1])
        zone = datetime.fromisoformat(f"2000-01-01T00:00:00{(match[3] or 'Z').upper()}").tzinfo
        # Rounded up: a call a microsecond early is a call too early.
        fraction = timedelta(microseconds=-(-int((match[2] or "0").ljust(9, "0")) // 1_000))
        return (moment.replace(tzinfo=zone) + fraction).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def throttle_wait_s(
    throttle: Throttle, *, server_date: str | None, retry_after: str | None, now: datetime, waits_before: int = 0
) -> float:
    """Seconds to wait before the next call.

    The server's own ``Date`` is the clock where it is sent, because the reset time is the server's too; it is cut to
    whole seconds, which can only make the wait longer.  The later of ``RateLimitResetTime`` and ``Retry-After`` counts.
    Where neither says anything usable, or a reset time lies in the past again and again, the wait grows from 5 s.
    """
    clock = _http_date(server_date) or now
    waits = []
    if throttle.reset_at is not None:
        waits.append((throttle.reset_at - clock).total_seconds())
    if retry_after is not None and retry_after.strip().isdecimal():
        waits.append(float(retry_after[:12]))
    elif (until := _http_date(retry_after)) is not None:
        waits.append((until - clock).total_seconds())
    said = max(waits, default=0.0)
    if said > 0:
        return said
    past_just_now = throttle.reset_at is not None and said > -2.0 and waits_before == 0
    return 0.0 if past_just_now else min(_UNKNOWN_RESET_S * 2**waits_before, 300.0)


def _http_date(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


class ThrottleGate:
    """Holds back every call of one user until the server takes calls again."""

    def __init__(self, clock: Clock, *, max_wait_s: float) -> None:
        self._clock = clock
        self._max_wait_s = max_wait_s
        self._lock = threading.Lock()
        self._open_at = clock.monotonic()
        self._reset_at: datetime | None = None
        self.on_wait: Callable[[datetime, float], None] | None = None

    def close(self, throttle: Throttle, wait_s: float) -> None:
        """Let nobody through for `wait_s` seconds."""
        # A little spread, so that notebooks which were stopped together do not come back together.
        pad = random.uniform(0.0, min(2.0, wait_s * 0.05))
        with self._lock:
            self._open_at = max(self._open_at, self._clock.monotonic() + wait_s + pad)
            self._reset_at = throttle.reset_at or self._clock.now() + timedelta(seconds=wait_s)

    def pass_through(self, cancel: threading.Event | None = None) -> None:
        """Wait until the gate is open.

        Raises
        ------
        RateLimitedError
            It would take longer than `max_wait_s`; nothing was waited.
        """
        while (wait_s := self._open_at - self._clock.monotonic()) > 0:
            reset_at = self._reset_at or self._clock.now()
            if wait_s > self._max_wait_s:
                raise RateLimitedError(
                    f"SellerCloud's hourly quota is used up until {reset_at:%Y-%m-%d %H:%M:%S} UTC ({wait_s:,.0f} s), "
                    f"longer than max_wait={self._max_wait_s:g} s. Ask again after that; finished pages are kept.",
                    reset_at=reset_at,
                    wait_s=wait_s,
                )
            if self.on_wait is not None:
                self.on_wait(reset_at, wait_s)
            self._clock.sleep(wait_s, cancel)


# ── budgets ────────────────────────────────────────────────────────────────────────────────────────────────


class RetryBudget:
    """A client-wide allowance for retries, so that an outage is not answered with a storm.

    500 tokens; a retry costs 5, after a time-out 10, and a success gives one back (botocore's figures).
    """

    _FULL: Final = 500

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tokens = self._FULL

    def spend(self, *, timed_out: bool) -> bool:
        """Pay for one retry; False when the allowance is used up."""
        cost = 10 if timed_out else 5
        with self._lock:
            if self._tokens < cost:
                return False
            self._tokens -= cost
            return True

    def refund(self) -> None:
        """Give back for a call that succeeded."""
        with self._lock:
            self._tokens = min(self._FULL, self._tokens + 1)


@dataclass
class CallBudget:
    """Counts calls in a sliding hour and settles long reads at the quota; short ones burst."""

    clock: Clock
    calls_per_hour: int = CALLS_PER_HOUR
    total: int = 0
    _times: deque[float] = field(default_factory=deque)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, cancel: threading.Event | None = None) -> None:
        """Count one call, after waiting for a free place in the hour."""
        while (wait_s := self._try_take()) > 0:
            self.clock.sleep(wait_s, cancel)

    def _try_take(self) -> float:
        with self._lock:
            now = self.clock.monotonic()
            self._forget(now)
            if len(self._times) >= self.calls_per_hour:
                # Never 0, which would mean that the call was counted.
                return max(1e-3, self._times[0] + _HOUR_S - now)
            self._times.append(now)
            self.total += 1
            return 0.0

    def left(self) -> int:
        """Calls that this client may still make within the hour."""
        with self._lock:
            self._forget(self.clock.monotonic())
            return self.calls_per_hour - len(self._times)

    def _forget(self, now: float) -> None:
        while self._times and self._times[0] <= now - _HOUR_S:
            self._times.popleft()


def estimate_seconds(calls: int, *, latency_s: float, in_flight: int, calls_left: int) -> float:
    """Seconds that so many calls will take at this latency, and at the quota once it is used up."""
    network = -(-calls // max(1, in_flight)) * latency_s
    beyond = max(0, calls - calls_left)
    return max(network, beyond * _HOUR_S / CALLS_PER_HOUR)
