"""How fast, how often and when not to call: decisions about time, apart from any call."""

from sc_pandas.pacing.clock import DICE, Cancelled, Clock, SystemClock
from sc_pandas.pacing.outage import OutageGate, StillAwayError
from sc_pandas.pacing.pace import Pace, estimate_seconds
from sc_pandas.pacing.pace_file import PaceFile
from sc_pandas.pacing.throttle import Throttle, http_date, parse_reset, recognise_throttle, throttle_wait_s

__all__ = [
    "DICE",
    "Cancelled",
    "Clock",
    "OutageGate",
    "Pace",
    "PaceFile",
    "StillAwayError",
    "SystemClock",
    "Throttle",
    "estimate_seconds",
    "http_date",
    "parse_reset",
    "recognise_throttle",
    "throttle_wait_s",
]
