"""When not to call: what a throttle says, and the gate that holds calls back until it ends."""

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from sc_pandas import forks
from sc_pandas.errors import RateLimitedError
from sc_pandas.pacing.clock import DICE, Clock
from sc_pandas.pacing.listeners import Listeners
from sc_pandas.pacing.pace_file import PaceFile

_UNKNOWN_RESET_S: Final = 5.0
_RESET: Final = re.compile(
    r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))?\s*(Z|[+-]\d\d:?\d\d)?", re.ASCII | re.IGNORECASE
)


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
    clock = http_date(server_date) or now
    waits = []
    if throttle.reset_at is not None:
        waits.append((throttle.reset_at - clock).total_seconds())
    if retry_after is not None and retry_after.strip().isdecimal():
        waits.append(float(retry_after[:12]))
    elif (until := http_date(retry_after)) is not None:
        waits.append((until - clock).total_seconds())
    said = max(waits, default=0.0)
    if said > 0:
        return said
    past_just_now = throttle.reset_at is not None and said > -2.0 and waits_before == 0
    return 0.0 if past_just_now else min(_UNKNOWN_RESET_S * 2**waits_before, 300.0)


def http_date(text: str | None) -> datetime | None:
    """Read a date of HTTP, or give None."""
    if not text:
        return None
    try:
        moment = parsedate_to_datetime(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


class ThrottleGate(Listeners):
    """Holds back every call of one user until the server takes calls again.

    Parameters
    ----------
    clock
        Whose time it is.
    max_wait_s
        Longest wait; a longer one is an error at once.
    shared
        Where other processes of this machine tell of their throttles, and are told, or None.
    """

    def __init__(self, clock: Clock, *, max_wait_s: float, shared: PaceFile | None = None) -> None:
        super().__init__()
        self._clock = clock
        self._max_wait_s = max_wait_s
        self._shared = shared
        self._lock = forks.new_lock()
        self._open_at = clock.monotonic()
        self._reset_at: datetime | None = None

    def close(self, throttle: Throttle, wait_s: float) -> None:
        """Let nobody through for `wait_s` seconds."""
        # A little spread, so that notebooks which were stopped together do not come back together.
        wait_s += DICE.uniform(0.0, min(2.0, wait_s * 0.05))
        reset_at = throttle.reset_at or self._clock.now() + timedelta(seconds=wait_s)
        with self._lock:
            self._open_at = max(self._open_at, self._clock.monotonic() + wait_s)
            self._reset_at = reset_at
        if self._shared is not None:
            self._shared.close_gate(self._clock, wait_s, reset_at)

    def pass_through(self, cancel: threading.Event | None = None) -> None:
        """Wait until the gate is open.

        Raises
        ------
        RateLimitedError
            It would take longer than `max_wait_s`; nothing was waited.
        """
        while (wait := self._wait()) is not None:
            wait_s, reset_at = wait
            if wait_s > self._max_wait_s:
                raise RateLimitedError(
                    f"SellerCloud's hourly quota is used up until {reset_at:%Y-%m-%d %H:%M:%S} UTC ({wait_s:,.0f} s), "
                    f"longer than max_wait={self._max_wait_s:g} s. Ask again after that; finished pages are kept.",
                    reset_at=reset_at,
                    wait_s=wait_s,
                )
            self.tell(reset_at, wait_s)
            self._clock.sleep(wait_s, cancel)

    def _wait(self) -> tuple[float, datetime] | None:
        wait_s = self._open_at - self._clock.monotonic()
        if wait_s > 0:
            return wait_s, self._reset_at or self._clock.now()
        return None if self._shared is None else self._shared.gate(self._clock)
