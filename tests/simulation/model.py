"""A SellerCloud in this process whose list moves between calls: seeded, with a truth of who lived unchanged.

Nothing waits, and nothing leaves the process: a read of it replays from its seed.
"""

import functools
import random
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sc_pandas.client import Expectation, Page, Tally
from sc_pandas.contract import PageRows
from sc_pandas.pacing import Cancelled

PAGE: Final = 10
BEGAN: Final = datetime(2026, 11, 23, 12, tzinfo=UTC)
ORDERS: Final = ("id_asc", "id_desc", "created_desc", "modified_desc", "unstable")
BOUNDS: Final = ("inclusive", "exclusive_to", "exclusive", "minute", "date_only")
CHURNS: Final = ("none", "insert", "update", "merge", "mixed", "paired", "growing")


@dataclass(frozen=True)
class World:
    """What a seed means."""

    seed: int
    order: str
    bounds: str
    churn: str
    rate: float
    customers: int
    undated: int
    zone: timedelta
    burst: int

    @classmethod
    def of(cls, seed: int) -> "World":
        """Draw a world."""
        rng = random.Random(seed)
        return cls(
            seed=seed,
            order=rng.choice(ORDERS),
            bounds=rng.choice(BOUNDS),
            churn=rng.choice(CHURNS),
            rate=rng.choice([0.02, 0.1, 0.3]),
            customers=rng.choice([0, 10, 11, 40, 90, 120, 200, 200]),
            undated=rng.choice([0, 0, 0, 1, 7]),
            zone=timedelta(hours=rng.choice([-8, -5, 0, 2, 14])),
            burst=rng.choice([0, 0, 12, 30]),
        )


@dataclass
class Customer:
    """One customer; the server's own clock has its zone."""

    number: int
    created: datetime | None
    modified: datetime


@dataclass
class StillClock:
    """Time that a test moves."""

    time_s: float = 0.0

    def monotonic(self) -> float:
        return self.time_s

    def now(self) -> datetime:
        return BEGAN + timedelta(seconds=self.time_s)

    def sleep(self, seconds: float, cancel: threading.Event | None = None) -> None:
        if cancel is not None and cancel.is_set():
            raise Cancelled
        self.time_s += seconds


@dataclass
class MovingServer:
    """Stands where the client stands: answers pages, and changes before each answer."""

    world: World
    clock: StillClock = field(default_factory=StillClock)
    calls: int = 0

    def __post_init__(self) -> None:
        self._rng = random.Random(self.world.seed * 7 + 1)
        self._lock = threading.Lock()
        years = 8 * 365 * 24 * 60
        now = self._now()
        minutes = sorted((int(years * self._rng.random() ** 0.5) for _ in range(self.world.customers)), reverse=False)
        dates = [now - timedelta(minutes=years - m) for m in minutes]
        for place in range(self.world.burst if self.world.customers > 40 else 0):
            dates[20 + place % 90] = dates[20]
        dates.sort()
        self.rows = {n: Customer(n, at, at) for n, at in enumerate(dates, start=1)}
        for n in self._rng.sample(sorted(self.rows), min(self.world.undated, len(self.rows))):
            self.rows[n].created = None
        self.next_number = len(self.rows) + 1
        self.unchanged = set(self.rows)

    def _now(self) -> datetime:
        return (self.clock.now() + self.world.zone).replace(tzinfo=None)

    # ── what happens between two calls ─────────────────────────────────────────────────────────────────────────────
    def _churn(self) -> None:
        kind, rng = self.world.churn, self._rng
        if kind == "growing":
            self._insert()
        elif kind != "none" and rng.random() < self.world.rate:
            if kind == "paired":
                self._merge()
                self._insert()
            else:
                chosen = rng.choice(["insert", "update", "merge"]) if kind == "mixed" else kind
                {"insert": self._insert, "update": self._update, "merge": self._merge}[chosen]()

    def _insert(self) -> None:
        self.rows[self.next_number] = Customer(self.next_number, self._now(), self._now())
        self.next_number += 1

    def _update(self) -> None:
        if self.rows:
            each = self._rng.choice(sorted(self.rows))
            self.rows[each].modified = self._now()
            self.unchanged.discard(each)

    def _merge(self) -> None:
        if len(self.rows) > 1:
            dropped = self._rng.choice(sorted(self.rows))
            del self.rows[dropped]
            self.unchanged.discard(dropped)

    # ── answers ────────────────────────────────────────────────────────────────────────────────────────────────────
    def get_page(
        self, _path: str, params: list[tuple[str, str]], _expectation: Expectation, *, tally: Tally, **_more: Any
    ) -> Page:
        """Answer one page as of this instant."""
        with self._lock:
            self.calls += 1
            self.clock.time_s += 0.2
            tally.count_call()
            if self.calls > 1:
                self._churn()
            asked = dict(params)
            found = [c for c in self.rows.values() if self._matches(c, asked)]
            ordered = self._ordered(found)
            start = (int(asked["pageNumber"]) - 1) * PAGE
            items: list[dict[str, Any]] = [{"UserID": c.number} for c in ordered[start : start + PAGE]]
            return Page(PageRows(items), len(found))

    def _matches(self, customer: Customer, asked: dict[str, str]) -> bool:
        since, until = (_moment(asked.get(name)) for name in ("createdOnFrom", "createdOnTo"))
        if since is None and until is None:
            return True
        at = customer.created
        if at is None:
            return False
        bounds = self.world.bounds
        if bounds == "date_only":
            at, since, until = (_day(each) for each in (at, since, until))
        elif bounds == "minute":
            at = at.replace(second=0, microsecond=0)
        assert at is not None
        after = since is None or (at > since if bounds == "exclusive" else at >= since)
        before = until is None or (at < until if bounds in {"exclusive", "exclusive_to"} else at <= until)
        return after and before

    def _ordered(self, found: list[Customer]) -> list[Customer]:
        order = self.world.order
        if order == "unstable":
            self._rng.shuffle(found)
            return found
        never = datetime.min  # noqa: DTZ901  # the server's own, naive time
        keys = {
            "id_asc": lambda c: c.number,
            "id_desc": lambda c: -c.number,
            "created_desc": lambda c: (-((c.created or never) - never).total_seconds(), c.number),
            "modified_desc": lambda c: (-(c.modified - never).total_seconds(), c.number),
        }
        return sorted(found, key=keys[order])


@functools.lru_cache(maxsize=4096)
def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.strptime(text, "%m/%d/%Y %H:%M")  # noqa: DTZ007  # as the server reads it


def _day(at: datetime | None) -> datetime | None:
    return None if at is None else at.replace(hour=0, minute=0, second=0, microsecond=0)
