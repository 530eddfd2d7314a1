"""What a throttle says, and how long to wait for it: pure functions."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Final

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
    throttle: Throttle, *, server_date: datetime | None, retry_after: str | None, now: datetime, waits_before: int = 0
) -> float:
    """Seconds to wait before the next call.

    The server's own ``Date`` is the clock where it is sent, because the reset time is the server's too; it is cut to
    whole seconds, which can only make the wait longer.  The later of ``RateLimitResetTime`` and ``Retry-After`` counts.
    Where neither says anything usable, or a reset time lies in the past again and again, the wait grows from 5 s.
    """
    clock = server_date or now
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


@lru_cache(maxsize=64)
def http_date(text: str | None) -> datetime | None:
    """Read a date of HTTP; anything else is None."""
    if not text:
        return None
    try:
        moment = parsedate_to_datetime(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
