"""A shop that lives by itself: customers come, change, merge and come back at their own times, seeded.

`History` is what happens; a `Listing` is one replica's list as of an instant, in one order, and answers a page of any
window of creation dates in about the time that the page takes.
"""

import random
from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

BEGAN: Final = datetime(2026, 11, 23, 12, tzinfo=UTC)
ORDERS: Final = ("id_asc", "id_desc", "created_asc", "created_desc", "modified_desc", "hash", "rating_ties")
BOUNDS: Final = ("inclusive", "exclusive_to", "exclusive", "minute", "date_only")
_MINUTE_MS: Final = 60_000
_DAY_MS: Final = 86_400_000
_EIGHT_YEARS_MS: Final = 8 * 365 * _DAY_MS
_GROUPS: Final = 6
_NEVER: Final = -(10**15)


@dataclass(frozen=True, kw_only=True)
class World:
    """What a seed means.  Rates are events a second; shares are of the new customers.

    `before_s` is for how long the shop has been living like this when the read begins; `rating` is the filter that is
    asked; `proxy` keeps each answer for a minute, and says its age or is silent.
    """

    seed: int = 0
    customers: int = 5_000
    order: str = "id_asc"
    bounds: str = "inclusive"
    inserts: float = 0.0
    updates: float = 0.0
    merges: float = 0.0
    returns: float = 0.0
    backdated: float = 0.0
    dateless: float = 0.0
    undated: int = 0
    disorder: float = 0.0
    burst: int = 0
    before_s: float = 0.0
    zone_h: float = -5.0
    client_off_s: float = 0.0
    rating: int | None = None
    replicas: int = 1
    lag_s: float = 0.0
    proxy: str = ""
    dates: bool = True
    consistency: str = "auto"

    @property
    def slack_s(self) -> float:
        """How old an answer may be that this server gives."""
        return self.lag_s + (60.0 if self.proxy else 0.0)

    def command(self) -> str:
        """Return the command that reads this world again."""
        plain = World()
        said = [
            f"{f.name}={getattr(self, f.name)}" for f in fields(self) if getattr(self, f.name) != getattr(plain, f.name)
        ]
        return " ".join(["python -m tests.simulation.churn", *said])

    @classmethod
    def of(cls, words: Sequence[str]) -> "World":
        """Build the world that a command's words describe."""
        known: dict[str, Any] = {f.name: type(f.default) for f in fields(cls)} | {"rating": int}
        parsed: dict[str, Any] = {}
        for word in words:
            name, _, text = word.partition("=")
            parsed[name] = text == "True" if known[name] is bool else known[name](text)
        return cls(**parsed)


class Row(NamedTuple):
    """One customer; times in milliseconds of the server's own clock since the read's beginning."""

    number: int
    created: int | None
    modified: int
    rating: int


class Event(NamedTuple):
    """Somebody came (`before` is None), left (`after` is None) or changed."""

    at_s: float
    before: Row | None
    after: Row | None


class History:
    """What happens in a shop, as far as somebody wanted to know it."""

    def __init__(self, world: World) -> None:
        self._rng = random.Random(f"shop {world.seed}")
        self._world = world
        self._next = 1_000
        self.first = list(self._founders())
        self.log: list[Event] = []
        self._rows = {row.number: row for row in self.first}
        self._alive = [row.number for row in self.first]
        self._place = {number: place for place, number in enumerate(self._alive)}
        self._gone: list[Row] = []
        kinds = {
            self._insert: world.inserts, self._update: world.updates, self._merge: world.merges, self._return: world.returns
        }  # fmt: skip
        self._kinds = [(rate, act) for act, rate in kinds.items() if rate]
        self._coming = [-world.before_s + self._rng.expovariate(rate) for rate, _ in self._kinds]

    def _founders(self) -> Iterator[Row]:
        world, rng = self._world, self._rng
        until = -int(world.before_s * 1_000) - 1_000
        dates = sorted(
            until - _EIGHT_YEARS_MS + int(_EIGHT_YEARS_MS * rng.random() ** 0.5) for _ in range(world.customers)
        )
        for place in range(world.burst):
            dates[len(dates) // 3 + place] = dates[len(dates) // 3]
        dates.sort()
        moved = rng.sample(range(world.customers), int(world.customers * world.disorder))
        for place, created in zip(moved, [dates[each] for each in sorted(moved)], strict=True):
            dates[place] = created
        undated = set(rng.sample(range(world.customers), world.undated))
        for place, created in enumerate(dates):
            number = self._number()
            modified = rng.randrange(created, until)
            yield Row(number, None if place in undated else created, modified, rng.randrange(_GROUPS))

    def _number(self) -> int:
        self._next += 1 + self._rng.randrange(3)
        return self._next

    def upto(self, at_s: float) -> list[Event]:
        """Let happen what happens until then; give all that happened."""
        while self._coming and (now := min(self._coming)) <= at_s:
            which = self._coming.index(now)
            rate, act = self._kinds[which]
            self._coming[which] = now + self._rng.expovariate(rate)
            before, after = act(int(now * 1_000))
            if before is not None or after is not None:
                self.log.append(Event(now, before, after))
        return self.log

    def _insert(self, now: int) -> tuple[Row | None, Row | None]:
        rng, world = self._rng, self._world
        created: int | None = now
        if rng.random() < world.backdated:
            created = now - rng.randrange(_EIGHT_YEARS_MS)
        elif rng.random() < world.dateless:
            created = None
        return None, self._join(Row(self._number(), created, now, rng.randrange(_GROUPS)))

    def _update(self, now: int) -> tuple[Row | None, Row | None]:
        before = self._rows[self._rng.choice(self._alive)]
        after = before._replace(modified=now, rating=self._rng.randrange(_GROUPS))
        self._rows[before.number] = after
        return before, after

    def _merge(self, _now: int) -> tuple[Row | None, Row | None]:
        if len(self._alive) < 2:
            return None, None
        row = self._rows.pop(self._rng.choice(self._alive))
        place, last = self._place.pop(row.number), self._alive.pop()
        if last != row.number:
            self._alive[place] = last
            self._place[last] = place
        self._gone.append(row)
        return row, None

    def _return(self, now: int) -> tuple[Row | None, Row | None]:
        if not self._gone:
            return None, None
        return None, self._join(self._gone.pop(self._rng.randrange(len(self._gone)))._replace(modified=now))

    def _join(self, row: Row) -> Row:
        self._rows[row.number] = row
        self._place[row.number] = len(self._alive)
        self._alive.append(row.number)
        return row


# Creation times that are in a window: from, and before; None where it is open.
Span = tuple[int | None, int | None]


def span_of(bounds: str, since: datetime | None, until: datetime | None, zone_h: float) -> Span | None:
    """Translate two bounds, as the server reads them; None where neither is given."""
    if since is None and until is None:
        return None
    zero = (BEGAN + timedelta(hours=zone_h)).replace(tzinfo=None)
    midnight = int((zero - zero.replace(hour=0, minute=0)).total_seconds() * 1_000)
    low, high = (None if at is None else int((at - zero).total_seconds() * 1_000) for at in (since, until))
    if bounds == "date_only":
        low = None if low is None else (low + midnight) // _DAY_MS * _DAY_MS - midnight
        high = None if high is None else (high + midnight) // _DAY_MS * _DAY_MS - midnight + _DAY_MS
    elif bounds == "minute":
        low = None if low is None else -(-low // _MINUTE_MS) * _MINUTE_MS
        high = None if high is None else high // _MINUTE_MS * _MINUTE_MS + _MINUTE_MS
    else:
        low = None if low is None else low + (bounds == "exclusive")
        high = None if high is None else high + (bounds == "inclusive")
    return low, high


class Listing:
    """One replica's list: whoever matches the filter, in the server's order, as of the last event it was told."""

    def __init__(self, world: World, rows: Sequence[Row], rng: random.Random) -> None:
        self._world = world
        self._rng = rng
        self._told = 0
        found = [row for row in rows if self._matches(row)]
        self._rows = {row.number: row for row in found}
        self._order = sorted((self._key(row), row.number) for row in found)
        self._dated = sorted((row.created, row.number) for row in found if row.created is not None)
        self._undated = {row.number for row in found if row.created is None}
        self._memo: tuple[object, list[Any]] = (None, [])

    def _matches(self, row: Row | None) -> bool:
        return row is not None and (self._world.rating is None or row.rating == self._world.rating)

    def _key(self, row: Row) -> Any:
        created = _NEVER if row.created is None else row.created
        match self._world.order:
            case "id_asc":
                key: Any = row.number
            case "id_desc":
                key = -row.number
            case "created_asc":
                key = (created, row.number)
            case "created_desc":
                key = (-created, -row.number)
            case "modified_desc":
                key = -row.modified
            case "rating_ties":
                key = row.rating
            case _:
                key = (row.number * 2_654_435_761 + self._world.seed * 97) % 2**32
        return key

    def follow(self, events: Sequence[Event], at_s: float) -> None:
        """Take over what happened until then; never goes back."""
        while self._told < len(events) and events[self._told].at_s <= at_s:
            _, before, after = events[self._told]
            self._told += 1
            if before is not None and before.number in self._rows:
                self._move(before, came=False)
            if after is not None and self._matches(after):
                self._move(after, came=True)

    def _move(self, row: Row, *, came: bool) -> None:
        entries = [(self._order, (self._key(row), row.number))]
        if row.created is not None:
            entries.append((self._dated, (row.created, row.number)))
        for kept, entry in entries:
            if came:
                insort(kept, entry)
            else:
                del kept[bisect_left(kept, entry)]
        if came:
            self._rows[row.number] = row
        else:
            del self._rows[row.number]
        if row.created is None:
            (self._undated.add if came else self._undated.discard)(row.number)

    def page(self, span: Span | None, number: int, size: int) -> tuple[list[Row], int]:
        """Return the rows of one page, and how many there are."""
        first, last = (0, len(self._dated)) if span is None else self._within(span)
        total = len(self._order) if span is None else max(0, last - first)
        begin = (number - 1) * size
        want = max(0, min(size, total - begin))
        if not want:
            return [], total
        if span is None:
            found = self._pick(self._order, [], begin, want)
        elif len(self._order) - total < max(total, size) // 2:
            found = self._pick(self._order, self._outside(span, first, last), begin, want)
        else:
            found = self._pick(self._inside(span, first, last), [], begin, want)
        return [self._rows[each] for _, each in found], total

    def _within(self, span: Span) -> tuple[int, int]:
        low, high = span
        first = 0 if low is None else bisect_left(self._dated, (low, 0))
        return first, len(self._dated) if high is None else bisect_left(self._dated, (high, 0))

    def _outside(self, span: Span, first: int, last: int) -> list[Any]:
        """Places in the order of those who are not in a window, few as they are."""
        if self._memo[0] != (span, self._told):
            numbers = [n for _, n in self._dated[:first]] + [n for _, n in self._dated[last:]] + list(self._undated)
            keys = ((self._key(self._rows[n]), n) for n in numbers)
            self._memo = ((span, self._told), sorted(bisect_left(self._order, key) for key in keys))
        return self._memo[1]

    def _inside(self, span: Span, first: int, last: int) -> list[Any]:
        if self._memo[0] != (span, self._told):
            numbers = (n for _, n in self._dated[first:last])
            self._memo = ((span, self._told), sorted((self._key(self._rows[n]), n) for n in numbers))
        return self._memo[1]

    def _pick(self, order: list[Any], skipped: list[int], begin: int, want: int) -> list[Any]:
        if self._world.order == "rating_ties":
            return self._shuffled(order, skipped, begin, want)
        at = begin
        for place in skipped:
            if place > at:
                break
            at += 1
        left = set(skipped)
        found: list[Any] = []
        while len(found) < want:
            if at not in left:
                found.append(order[at])
            at += 1
        return found

    def _shuffled(self, order: list[Any], skipped: list[int], begin: int, want: int) -> list[Any]:
        """Return rows of an order whose ties are broken anew for each call."""
        found: list[Any] = []
        for rating in range(_GROUPS):
            first, last = bisect_left(order, (rating, 0)), bisect_left(order, (rating + 1, 0))
            out = set(skipped[bisect_left(skipped, first) : bisect_left(skipped, last)])
            size = last - first - len(out)
            taken = max(0, min(want - len(found), size - begin))
            begin = max(0, begin - size)
            if taken:
                drawn = (p for p in self._rng.sample(range(first, last), taken + len(out)) if p not in out)
                found += [order[place] for place, _ in zip(drawn, range(taken), strict=False)]
        return found
