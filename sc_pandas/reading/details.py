"""Columns that only the single customer has: one call for each, kept by the cache, listed where it failed."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sc_pandas.cache import cache_key
from sc_pandas.contract import CALLS_PER_HOUR, CUSTOMERS_PATH
from sc_pandas.errors import CacheMissError, FilterError, ResponseError, ServerError
from sc_pandas.reading.options import Progress, ReadOptions, Source

Customer = Mapping[str, Any]
_PREFIX: Final = "customer-"
# Where `max_age` is not given: a customer costs a call, so that what was asked today is not asked again.
ONE_DAY_S: Final = 86_400.0
_OLD_S: Final = 3_600.0
# So many failures before the first success mean that the endpoint is closed to this user.
_CLOSED_AFTER: Final = 20
# Statuses that speak of the one customer: unknown, merged away, not readable, or failing on it.
_OF_ONE: Final = frozenset({400, 403, 404, 410, 500})


@dataclass(frozen=True, slots=True)
class Failed:
    """A customer who could not be read, and why."""

    user_id: int
    reason: str
    is_final: bool


class DetailReads:
    """Reads single customers for one question.

    Attributes
    ----------
    failed : list of Failed
        Who could not be read.
    oldest : float or None
        When the oldest of the customers was read, Unix seconds.
    """

    def __init__(self, source: Source, options: ReadOptions, progress: Progress) -> None:
        self._source = source
        self._options = options
        self._progress = progress
        self._cache = source.cache if options.cache != "off" else None
        self._any_read = False
        self.failed: list[Failed] = []
        self.oldest: float | None = None
        # In a read that refreshes, what this read asked itself is fresh.
        self._began = source.client.clock.now().timestamp()

    def calls_to_read(self, user_ids: Iterable[int]) -> int:
        """Count the customers that the cache does not have."""
        return sum(self._kept(each) is None for each in user_ids)

    @property
    def any_kept(self) -> bool:
        """Whether any customer at all may be kept."""
        return self._cache is not None and self._options.cache != "refresh" and self._cache.has_pages(_PREFIX)

    def check(self, rows: int, user_ids: Iterable[Iterable[int]]) -> None:
        """Refuse, before the first call, what takes more of them than are allowed.

        Raises
        ------
        FilterError
            It takes more calls than `max_calls` allows, or than an hour's quota without being allowed.
        """
        allowed = self._progress.max_calls
        if rows > (CALLS_PER_HOUR if allowed is None else allowed - self._progress.tally.calls):
            missing = sum(self.calls_to_read(each) for each in user_ids)
            self._progress.check_calls(missing)
            check_allowed(missing, allowed)

    def notes(self) -> Iterator[str]:
        """Say how old the oldest of the customers is, where that is worth a word."""
        now = self._source.client.clock.now().timestamp()
        if self.oldest is not None and now - self.oldest > _OLD_S:
            at = datetime.fromtimestamp(self.oldest, UTC)
            yield f"single customers were kept: the oldest was read at {at:%Y-%m-%d %H:%M} UTC"

    def read(self, user_ids: Sequence[int]) -> list[Customer | None]:
        """Give customers in the order of their ids, None for those that are listed in `failed`.

        Raises
        ------
        CacheMissError
            ``cache="offline"`` and some are not kept.
        SellerCloudError
            Another of its subclasses; those that were read are kept, where there is a cache.
        """
        kept = {each: self._kept(each) for each in dict.fromkeys(user_ids)}
        missing = _spread([each for each, customer in kept.items() if customer is None])
        self._any_read |= len(missing) < len(kept)
        self._progress.tally.count_saved(len(kept) - len(missing))
        if missing and self._options.cache == "offline":
            raise CacheMissError(
                f'cache="offline" was asked, and of {len(kept):,} customers {len(missing):,} are not kept one by one. '
                'Read once with cache="use".',
                age_s=None,
            )
        self._progress.expect(len(missing))
        with self._source.crew(self._progress.cancel) as crew:
            for user_id, answer in crew.in_order(missing, self._ask):
                self._progress.advance()
                if isinstance(answer, Failed):
                    self._note(answer)
                else:
                    self._any_read = True
                    kept[user_id] = answer
        return [kept[each] for each in user_ids]

    def _ask(self, user_id: int) -> Customer | Failed:
        client = self._source.client
        key = None if self._cache is None else self._key(user_id)
        try:
            return client.get_customer(
                CUSTOMERS_PATH, user_id, tally=self._progress.tally, key=key, cancel=self._progress.cancel
            )
        except ServerError as error:
            if error.status not in _OF_ONE:
                raise
            return Failed(user_id, f"status {error.status}", is_final=error.status != 500)
        except ResponseError as error:
            return Failed(user_id, f"no customer in the answer ({error.kind})", is_final=False)

    def _note(self, failure: Failed) -> None:
        self.failed.append(failure)
        if not self._any_read and len(self.failed) >= _CLOSED_AFTER:
            raise ServerError(
                f"The first {_CLOSED_AFTER} single customers that were asked could not be read ({failure.reason}): "
                "this user may not be allowed to. Nothing is returned; leave out of include= what takes a call for "
                "each customer, or give the user the permission in SellerCloud.",
                status=404,
                attempts=_CLOSED_AFTER,
            )

    def _kept(self, user_id: int) -> Customer | None:
        if self._cache is None:
            return None
        age_s = self._options.max_age
        if age_s is None:
            age_s = float("inf") if self._options.cache == "offline" else ONE_DAY_S
        if self._options.cache == "refresh":
            age_s = max(0.0, self._source.client.clock.now().timestamp() - self._began)
        found = self._source.client.kept_customer(self._key(user_id), age_s)
        if found is None:
            return None
        customer, read_at = found
        self.oldest = read_at if self.oldest is None else min(self.oldest, read_at)
        return customer

    def _key(self, user_id: int) -> str:
        return f"{_PREFIX}{cache_key(self._source.tenant, CUSTOMERS_PATH, user_id)}"


def _spread(user_ids: list[int]) -> list[int]:
    """Give ids so that those asked first come from everywhere: the oldest customers may all have been merged away."""
    step = max(1, len(user_ids) // (2 * _CLOSED_AFTER))
    return [each for start in range(step) for each in user_ids[start::step]]


def check_allowed(calls: int, max_calls: int | None) -> None:
    """Refuse what would use up an hour's quota, unless it was allowed.

    Raises
    ------
    FilterError
        It was not.
    """
    if calls > CALLS_PER_HOUR and max_calls is None:
        raise FilterError(
            f"This include= needs a call for each of {calls:,} customers, more than the {CALLS_PER_HOUR:,} calls that "
            f"SellerCloud allows in an hour. Filter first, or allow it with max_calls={calls + 1_000}; it can be "
            "stopped, and goes on where it was.",
        )
