"""Columns that only the single customer has: one call for each, kept by the cache, listed where it failed."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sc_pandas.cache import cache_key
from sc_pandas.client import Client
from sc_pandas.contract import CALLS_PER_HOUR, CUSTOMERS_PATH
from sc_pandas.errors import CacheMissError, FilterError, ResponseError, ServerError
from sc_pandas.reading.crew import Crew
from sc_pandas.reading.options import Progress, ReadOptions, Source

Customer = Mapping[str, Any]
# Where `max_age` is not given: a customer costs a call, so that what was asked today is not asked again.
ONE_DAY_S: Final = 86_400.0
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
    """

    def __init__(
        self, source: Source, options: ReadOptions, progress: Progress, beat: Callable[[], None] = lambda: None
    ) -> None:
        self._source = source
        self._beat = beat
        self._options = options
        self._progress = progress
        self._cache = source.cache if options.cache != "off" else None
        self._any_read = False
        self.failed: list[Failed] = []
        # In a read that refreshes, what this read asked itself is fresh.
        self._began = source.client.clock.now().timestamp()

    def calls_to_read(self, user_ids: Iterable[int]) -> int:
        """Count the customers that the cache does not have."""
        return sum(self._kept(each) is None for each in user_ids)

    def read(self, user_ids: Sequence[int]) -> list[Customer | None]:
        """Give customers in the order of their ids, None for those that are listed in `failed`.

        Raises
        ------
        FilterError
            It takes more calls than `max_calls` allows, or than an hour's quota without being allowed.
        CacheMissError
            ``cache="offline"`` and some are not kept.
        SellerCloudError
            Another of its subclasses; those that were read are kept, where there is a cache.
        """
        kept = {each: self._kept(each) for each in dict.fromkeys(user_ids)}
        missing = [each for each, customer in kept.items() if customer is None]
        self._progress.tally.count_saved(len(kept) - len(missing))
        self._check(missing, len(kept))
        self._progress.expect(len(missing))
        with Crew(self._progress.cancel) as crew:
            for user_id, answer in crew.in_order(missing, self._ask):
                self._progress.advance()
                self._beat()
                if isinstance(answer, Failed):
                    self._note(answer)
                else:
                    self._any_read = True
                    kept[user_id] = answer
        return [kept[each] for each in user_ids]

    def _check(self, missing: Sequence[int], wanted: int) -> None:
        if missing and self._options.cache == "offline":
            raise CacheMissError(
                f'cache="offline" was asked, and of {wanted:,} customers {len(missing):,} are not kept one by one. '
                'Read once with cache="use".',
                age_s=None,
            )
        self._progress.check_calls(len(missing))
        check_allowed(len(missing), self._progress.max_calls)

    def _ask(self, user_id: int) -> Customer | Failed:
        client = self._source.client
        key = None if self._cache is None else self._key(user_id)
        if self._cache is not None and key is not None and self._cache.find_page(key) is not None:
            # What is too old would be given again otherwise.
            self._cache.drop_page(key)
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
        age_s = self._options.max_age_s
        if age_s is None:
            age_s = float("inf") if self._options.cache == "offline" else ONE_DAY_S
        if self._options.cache == "refresh":
            age_s = max(0.0, self._source.client.clock.now().timestamp() - self._began)
        return Client.kept_customer(self._cache, self._key(user_id), age_s)

    def _key(self, user_id: int) -> str:
        return f"customer-{cache_key(self._source.tenant, CUSTOMERS_PATH, user_id)}"


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
