"""Times of a filter: spans such as a day or a quarter, instants, and times that are relative to now."""

import re
from datetime import date, datetime, timedelta
from typing import Final

import numpy as np
import pandas as pd

from sc_pandas.errors import FilterError

_VENDOR_DAY: Final = "%m/%d/%Y"
_VENDOR_TIMES: Final = ("%m/%d/%Y %H:%M", "%m/%d/%Y %H:%M:%S")
_WEEK: Final = re.compile(r"\d{4}-?W\d\d(-?\d)?", re.ASCII)
# pandas spells days with a capital.
_DAYS_AGO: Final = re.compile(r"(?<![a-zA-Z])d(?![a-zA-Z])")
# Text that pandas may read as a span: it has a year and no time.  Of 01.02.2025 pandas would make January, and of
# 13.02.2025 February: where a day and a month are numbers, the year stands first.
_SPAN: Final = re.compile(r"(?=.*(?<!\d)\d{4})(?!.*(?<!\d)\d{1,2}[., -]+\d{1,2}[., -]+\d{4})[0-9A-Za-z., -]+")
_SPANS: Final = {"D", "M", "Q", "W", "Y"}
_MINUTE: Final = timedelta(minutes=1)
_DAY: Final = timedelta(days=1)
_INSTANT: Final = timedelta(microseconds=1)
_LONGEST_AGO: Final = timedelta(days=36_525)
_DAYS: Final = {"today": 0, "yesterday": -1}


def time_of(name: str, given: object) -> datetime | str:
    """Return a time in its one form: text if it is relative to now, else an instant (the last of a span for "_to")."""
    if isinstance(given, np.datetime64):
        given = pd.Timestamp(given)
    if given is pd.NaT:
        raise FilterError(f"{name} is NaT, which is no time.", filter=name)
    if isinstance(given, str):
        given = _read(name, given.strip())
    if isinstance(given, pd.Timestamp):
        if given.nanosecond:
            raise FilterError(f"{name} is finer than a microsecond.", filter=name)
        return given.to_pydatetime()
    if isinstance(given, datetime):
        return given
    if isinstance(given, timedelta):
        return _relative(name, given)
    if isinstance(given, date):
        given = pd.Period(given, "D")
    if isinstance(given, pd.Period):
        return _edge(name, given)
    raise FilterError(
        f"{name} takes a time (str, date, datetime, Timestamp, Period, Timedelta), not {type(given).__name__}.",
        filter=name,
    )


def _edge(name: str, span: pd.Period) -> datetime:
    edge = span.end_time.floor("us") if name.endswith("_to") else span.start_time
    return edge.to_pydatetime()


def _read(name: str, text: str) -> datetime | pd.Period | timedelta:
    if text.lower() in _DAYS:
        return timedelta(days=_DAYS[text.lower()])
    for form in (*_VENDOR_TIMES, _VENDOR_DAY):
        try:
            time = datetime.strptime(text, form)  # noqa: DTZ007  # SellerCloud documents no zone
        except ValueError:
            continue
        return pd.Period(time, "D") if form == _VENDOR_DAY else time
    try:
        if text[:1] in {"-", "+"}:
            return pd.Timedelta(_DAYS_AGO.sub("D", text))
        if week := _WEEK.fullmatch(text):
            return pd.Period(datetime.fromisoformat(text), "D" if week[1] else "W")
        is_span = _SPAN.fullmatch(text) and (span := pd.Period(text)).freqstr[0] in _SPANS
        return span if is_span else datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise FilterError(
            f"{name}={text[:40]!r} is not a time. Write it as '2026-01-31', '2026-01', '2026-Q1', '2026-01-31 14:05', "
            "'01/31/2026 14:05', 'yesterday' or '-7d'.",
            filter=name,
        ) from None


def _relative(name: str, ago: timedelta) -> str:
    if ago > timedelta(0):
        raise FilterError(f"{name} is a time to come. What is past has a minus: '-7d', Timedelta('-7d').", filter=name)
    if ago < -_LONGEST_AGO or ago % _MINUTE:
        raise FilterError(f"{name} is whole minutes ago, or days, and at most a hundred years.", filter=name)
    words = {number: word for word, number in _DAYS.items()}
    return f"{ago // _MINUTE}min" if ago % _DAY else words.get(ago // _DAY, f"{ago // _DAY}d")


def resolved(name: str, time: datetime | str, now: datetime) -> datetime:
    """Return what a time means now: so many days ago are that day, minutes and hours an instant cut to its minute."""
    if isinstance(time, datetime):
        return time
    if time in _DAYS or time.endswith("d"):
        return _edge(name, pd.Period(now, "D") + int(_DAYS.get(time, time.removesuffix("d"))))
    return now.replace(second=0, microsecond=0) + timedelta(minutes=int(time.removesuffix("min")))


def first_beyond(name: str, time: datetime) -> datetime | None:
    """Return the first instant that an end leaves out, where it is the last instant of a minute."""
    is_last = time.second == 59 and time.microsecond == 999_999 and time.replace(tzinfo=None) < datetime.max  # noqa: DTZ901
    return time + _INSTANT if is_last and name.endswith("_to") else None


def has_seconds(time: datetime) -> bool:
    """Return whether a time is finer than the article's minutes."""
    return bool(time.second or time.microsecond)


def iso(name: str, time: datetime | str) -> str:
    """Return a time as text that is read back as the same; the end of a day as the day."""
    if isinstance(time, str):
        return time
    after = first_beyond(name, time)
    if after is not None and after.tzinfo is None and not (after.hour or after.minute):
        return time.date().isoformat()
    return time.isoformat(timespec="auto" if has_seconds(time) else "minutes")


def check_range(start_name: str, start: datetime, end_name: str, end: datetime) -> None:
    """Refuse a range that ends before it starts, or whose ends cannot be compared."""
    if (start.tzinfo is None) != (end.tzinfo is None):
        raise FilterError(f"{start_name} and {end_name}: one has a time zone and the other has none.", filter=end_name)
    if start > end:
        raise FilterError(
            f"{end_name} ({end.isoformat(sep=' ')}) is before {start_name} ({start.isoformat(sep=' ')}).",
            filter=end_name,
        )
