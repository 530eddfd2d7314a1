"""Columns that only the single customer has: one call for each, cached, and listed if it failed."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sc_pandas.cache import cache_key
from sc_pandas.contract import CALLS_PER_HOUR, CUSTOMERS_PATH
from sc_pandas.errors import CacheMissError, FilterError, ResponseError, SellerCloudError, ServerError
from sc_pandas.reading.options import Progress, ReadOptions, Source
from sc_pandas.reading.report import IncludeGap

Customer = Mapping[str, Any]
_PREFIX: Final = "customer-"
# Without `max_age`: each customer costs a call, so one that was asked today is not asked again.
ONE_DAY_S: Final = 86_400.0
_OLD_S: Final = 3_600.0
# So many failures before the first success mean that the endpoint is closed to this user.
_CLOSED_AFTER: Final = 20
# Statuses that speak of the one customer: unknown, merged away, not readable, or failing on it.
_OF_ONE: Final = frozenset({400, 403, 404, 410, 500})


class DetailReads:
    """Reads single customers for one read."""

    def __init__(self, source: Source, names: tuple[str, ...], options: ReadOptions, progress: Progress) -> None:
        self._source = source
        self._names = names
        self._options = options
        self._progress = progress
        self._cache = source.cache if options.cache != "off" else None
        self._any_read = False
        self._began = source.client.clock.now().timestamp()
        self.gaps: list[IncludeGap] = []
        # Another try would fail for the same customers.
        self.is_final = True
        self.oldest = float("inf")

    def calls_to_read(self, user_ids: Iterable[int]) -> int:
        """Count the customers that are not in the cache."""
        return sum(self._kept(each) is None for each in user_ids)

    @property
    def any_kept(self) -> bool:
        """True if any customer at all may be in the cache."""
        return self._cache is not None and self._options.cache != "refresh" and self._cache.has_pages(_PREFIX)

    def check(self, rows: int, user_ids: Iterable[Iterable[int]]) -> None:
        """Refuse, before the first call, what takes more calls than `max_calls` (or an hour's quota) allows."""
        tally = self._progress.tally
        if rows <= (CALLS_PER_HOUR if tally.at_most is None else tally.at_most - tally.calls):
            return
        missing = sum(self.calls_to_read(each) for each in user_ids)
        tally.check(missing)
        if missing > CALLS_PER_HOUR and tally.at_most is None:
            raise FilterError(
                f"This include= needs a call for each of {missing:,} customers, more than the {CALLS_PER_HOUR:,} calls "
                f"that SellerCloud allows in an hour. Filter first, or allow it with max_calls={missing + 1_000}; it "
                "can be stopped, and goes on where it was."
            )

    def notes(self) -> Iterator[str]:
        """Return how old the oldest of the customers is, if that is worth a word."""
        if self._source.client.clock.now().timestamp() - self.oldest > _OLD_S:
            at = datetime.fromtimestamp(self.oldest, UTC)
            yield f"single customers came from the cache: the oldest was read at {at:%Y-%m-%d %H:%M} UTC"

    def read(self, user_ids: Sequence[int]) -> list[Customer | None]:
        """Return customers in the order of their ids, None for those in `gaps`."""
        kept = {each: self._kept(each) for each in dict.fromkeys(user_ids)}
        missing = _spread([each for each, customer in kept.items() if customer is None])
        self._any_read |= len(missing) < len(kept)
        self._progress.tally.count_saved(len(kept) - len(missing))
        if missing and self._options.cache == "offline":
            raise CacheMissError(
                f'{len(missing):,} of {len(kept):,} customers are not in the cache, and cache="offline" asks nobody. '
                'Read once with cache="use".',
                age_s=None,
            )
        self._progress.expect(len(missing), len(missing))
        with self._source.crew(self._progress.cancel) as crew:
            for user_id, answer in crew.in_order(missing, self._ask):
                self._progress.advance()
                if isinstance(answer, SellerCloudError):
                    self._note(user_id, answer)
                else:
                    self._any_read = True
                    kept[user_id] = answer
        return [kept[each] for each in user_ids]

    def _ask(self, user_id: int) -> Customer | ServerError | ResponseError:
        key = None if self._cache is None else _key(self._source.tenant, user_id)
        self._progress.show_life()
        try:
            return self._source.client.get_customer(
                CUSTOMERS_PATH, user_id, tally=self._progress.tally, key=key, cancel=self._progress.cancel
            )
        except ServerError as error:
            if error.status not in _OF_ONE:
                raise
            return error
        except ResponseError as error:
            return error

    def _note(self, user_id: int, error: ServerError | ResponseError) -> None:
        status = error.status if isinstance(error, ServerError) else None
        reason = f"no customer in the answer ({error.kind})" if isinstance(error, ResponseError) else f"status {status}"
        self.is_final &= status not in {None, 500}
        self.gaps.append(IncludeGap(user_id, self._names, reason))
        if not self._any_read and len(self.gaps) >= _CLOSED_AFTER:
            raise ServerError(
                f"The first {_CLOSED_AFTER} single customers that were asked could not be read ({reason}): this user "
                "may not be allowed to. Nothing is returned; leave out of include= what takes a call for each "
                "customer, or give the user the permission in SellerCloud.",
                status=404,
                attempts=_CLOSED_AFTER,
            )

    def _kept(self, user_id: int) -> Customer | None:
        if self._cache is None:
            return None
        age_s = self._options.freshness_s(ONE_DAY_S)
        if self._options.cache == "refresh":
            # What this read asked itself is fresh.
            age_s = max(0.0, self._source.client.clock.now().timestamp() - self._began)
        found = self._source.client.kept_customer(_key(self._source.tenant, user_id), age_s)
        if found is None:
            return None
        customer, read_at = found
        self.oldest = min(self.oldest, read_at)
        return customer


def _key(tenant: str, user_id: int) -> str:
    return f"{_PREFIX}{cache_key(tenant, CUSTOMERS_PATH, user_id)}"


def _spread(user_ids: list[int]) -> list[int]:
    """Sort ids so those asked first come from everywhere: the oldest customers may all have been merged away."""
    step = max(1, len(user_ids) // (2 * _CLOSED_AFTER))
    return [each for start in range(step) for each in user_ids[start::step]]
