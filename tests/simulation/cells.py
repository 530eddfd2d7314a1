"""The cells of the churn table: what moves, in which list, and how many calls a read of it may take."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any, Final

from tests.simulation.churn import Outcome, read
from tests.simulation.shop import World

# Sorted by id: each way round has bounds of its own.
_UPWARDS: Final = {"id_asc", "created_asc"}

MOVES: Final[dict[str, dict[str, Any]]] = {
    "nothing": {},
    "1 new/10 min + 1 update/min": {"inserts": 1 / 600, "updates": 1 / 60},
    "1 new/min + 1 update/min": {"inserts": 1 / 60, "updates": 1 / 60},
    "1 new/10 s + 1 update/2 s": {"inserts": 0.1, "updates": 0.5},
    "1 new/s + 1 update/s": {"inserts": 1.0, "updates": 1.0},
    "10 new/s": {"inserts": 10.0},
}
MERGES: Final[dict[str, dict[str, Any]]] = {
    "1 new/10 s + 1 update/2 s + 1 merge/min": {"inserts": 0.1, "updates": 0.5, "merges": 1 / 60},
    "1 new/s + 1 update/s + 1 merge/10 s": {"inserts": 1.0, "updates": 1.0, "merges": 0.1},
    "1 new/s + 1 update/s + 1 merge/s": {"inserts": 1.0, "updates": 1.0, "merges": 1.0},
    "10 new/s + 1 merge/s": {"inserts": 10.0, "merges": 1.0},
}
ODD: Final[dict[str, dict[str, Any]]] = {
    "1 new/10 s, 3 of 10 with an old creation date": {"inserts": 0.1, "updates": 0.5, "backdated": 0.3},
    "1 new/10 s, 1 of 100 dates out of order": {"inserts": 0.1, "updates": 0.5, "disorder": 0.01},
    "1 new/s, 1 of 100 dates out of order": {"inserts": 1.0, "updates": 1.0, "disorder": 0.01},
    "5 undated, 1 new/min": {"inserts": 1 / 60, "updates": 1 / 60, "undated": 5},
    "5 undated, 1 new/10 s": {"inserts": 0.1, "updates": 0.5, "undated": 5},
    "5 undated, 1 new/s": {"inserts": 1.0, "updates": 1.0, "undated": 5},
    "5 undated, 10 new/s": {"inserts": 10.0, "undated": 5},
    "2,000 created in one second, 1 new/10 s": {"inserts": 0.1, "updates": 0.5, "burst": 2_000},
    "1 new/min since the day before": {"inserts": 1 / 60, "updates": 1 / 60, "before_s": 86_400.0},
    "strict, 1 new/10 s": {"inserts": 0.1, "updates": 0.5, "consistency": "strict"},
    "strict, 1 new/s": {"inserts": 1.0, "updates": 1.0, "consistency": "strict"},
    "rating=5, 1 new/10 s + 1 update/2 s": {"inserts": 0.1, "updates": 0.5, "rating": 5},
    "rating=5, 1 new/s + 1 update/s + 1 merge/10 s": {"inserts": 1.0, "updates": 1.0, "merges": 0.1, "rating": 5},
    "rating=5, 10 new/s": {"inserts": 10.0, "rating": 5},
    "1 back/10 s + 1 merge/10 s": {"returns": 0.1, "merges": 0.1},
}
BUSY: Final[dict[str, Any]] = {"inserts": 0.1, "updates": 0.5, "merges": 0.1}
STALE: Final[dict[str, dict[str, Any]]] = {
    "3 replicas, 1 s behind": {**BUSY, "replicas": 3, "lag_s": 1.0},
    "3 replicas, 10 s behind": {**BUSY, "replicas": 3, "lag_s": 10.0},
    "2 replicas, 60 s behind": {**BUSY, "replicas": 2, "lag_s": 60.0},
    "1 new/s, 2 replicas, 60 s behind": {**BUSY, "inserts": 1.0, "replicas": 2, "lag_s": 60.0},
    "a proxy that says Age": {**BUSY, "proxy": "age"},
    "a proxy that is silent": {**BUSY, "proxy": "silent"},
    "1 new/s, a proxy that is silent": {**BUSY, "inserts": 1.0, "proxy": "silent"},
}


@dataclass(frozen=True)
class Cell:
    """One cell: a world for each seed, and the calls allowed: a factor of the pages, and so many more."""

    says: str
    world: World
    at_most: tuple[float, int] | None
    must_prove: bool = True

    def run(self, seeds: Sequence[int]) -> list[Outcome]:
        """Read the cell's worlds."""
        return [read(replace(self.world, seed=seed)) for seed in seeds]

    def complaints(self, outcomes: Sequence[Outcome]) -> list[str]:
        """Return what is against what was promised, with the command that shows it again."""
        return [f"{why}: {each}" for each in outcomes for why in self._against(each)]

    def _against(self, outcome: Outcome) -> Iterator[str]:
        if outcome.is_wrong:
            yield "silently wrong"
        if self.must_prove and not outcome.is_proven:
            yield "not proven"
        if self.at_most is not None:
            factor, more = self.at_most
            if outcome.calls > factor * outcome.pages + more:
                yield f"more than {factor:g} × pages + {more} calls"


def cell(says: str, customers: int, order: str, facts: dict[str, Any]) -> Cell:
    """Build a cell; what it promises follows from the order and from what moves."""
    world = World(customers=customers, order=order, **facts)
    return Cell(says, world, _calls_at_most(world), must_prove=_must_prove(world))


def _by_order(world: World) -> bool:
    """Return whether ids come out sorted, and whoever joins stands behind."""
    odd = world.undated or world.disorder or world.backdated
    by_date = world.order.startswith("created") and not odd
    plain = world.consistency == "auto" and world.rating is None and not world.returns
    return plain and (by_date or world.order in {"id_asc", "id_desc"})


def _is_open(world: World) -> bool:
    """Return whether nothing is promised but that nobody is lost silently."""
    return bool(world.slack_s or world.order == "rating_ties" or world.rating is not None or world.returns)


def _calls_at_most(world: World) -> tuple[float, int] | None:
    if _is_open(world) or world.consistency != "auto":
        return None
    if not _by_order(world):
        closed = (1.1, 30) if world.order.startswith("created") else (1.5, 30)
        is_fixed = world.order != "modified_desc" or not world.updates
        # While ten join a second and one leaves, or some have no date, it can be counted only by chance.
        is_countable = world.inserts < 10 or (world.merges < 1 and not world.undated)
        return closed if is_countable and is_fixed and not (world.backdated or world.burst) else None
    if world.order in _UPWARDS:
        return (1.0, 30) if world.merges else (1.0, 6)
    if not world.merges:
        # Each of 16 runs reads beyond its end what joined meanwhile: 23 pages in the 78 s that 200,000 take.
        most = 20 if world.customers <= 100_000 else 40
        return (1.0, most) if world.inserts <= 1 else (1.08, 20)
    return (1.1, 70) if world.merges <= 0.1 else None


def _must_prove(world: World) -> bool:
    if _is_open(world):
        return False
    # Without dates and without an order there is only reading twice.
    is_fixed = world.order != "modified_desc" and world.inserts < 10
    return _by_order(world) or not (world.backdated or (world.undated and not is_fixed))


def row_of(cells: Sequence[tuple[Cell, Sequence[Outcome]]]) -> str:
    """Write cells as one row of a markdown table."""
    first = cells[0][0].world
    parts = [f"{first.customers:,}", cells[0][0].says, *(told(cell, outcomes) for cell, outcomes in cells)]
    return f"| {' | '.join(parts)} |"


def told(cell: Cell, outcomes: Sequence[Outcome]) -> str:
    """Write how a cell's reads went."""
    verdicts = Counter(each.verdict.removeprefix("proven ").strip("()") for each in outcomes)
    said = ", ".join(f"{times} {verdict}" for verdict, times in verdicts.most_common())
    calls = sorted(each.calls for each in outcomes)
    middle = median(calls)
    most = f" (max {calls[-1]:,})" if calls[-1] != middle else ""
    seconds = [each.seconds for each in outcomes]
    times = (
        f"{min(seconds):,.0f}"
        if round(min(seconds)) == round(max(seconds))
        else f"{min(seconds):,.0f}–{max(seconds):,.0f}"
    )
    lost = sum(each.lost for each in outcomes if each.is_proven)
    wrong = (
        f" · **{sum(each.is_wrong for each in outcomes)} wrong, {lost} lost**"
        if any(e.is_wrong for e in outcomes)
        else ""
    )
    against = len([each for each in outcomes if list(cell._against(each))])
    return f"{said} · {middle:,.0f}{most} · {times} s{wrong}{f' · ✗ {against}' if against else ''}"
