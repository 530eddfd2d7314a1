"""The ways to read a list, each tried when the one before proved nothing, and what begins a read anew."""

from typing import Final

from sc_pandas.errors import CacheMissError
from sc_pandas.reading.options import Way


class BeginAnewError(Exception):
    """What was given so far must be dropped, and the read begun again: in another way, or without a torn cache."""


class TornCacheError(BeginAnewError):
    """A kept page is gone or damaged in the middle of a warm read."""


WAYS: Final[dict[Way, str]] = {
    "pages": "one pass over the pages",
    "windows": "windows of creation dates",
    "twice": "two equal passes",
}
NEXT_WAY: Final[dict[Way, Way]] = {"pages": "windows", "windows": "twice"}


def offline_miss(age_s: float | None) -> CacheMissError:
    """Give the error of a read that must not ask and has nothing to give."""
    why = "is kept" if age_s is None else f"is younger than max_age (the kept one is {age_s:,.0f} s old)"
    return CacheMissError(
        f'cache="offline" was asked and no finished read of this query {why}. Read it once with cache="use".',
        age_s=age_s,
    )
