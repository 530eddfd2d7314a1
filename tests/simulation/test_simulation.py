"""Whoever lived unchanged through a read is in the frame exactly once, or the read raises: over many seeded worlds."""

import os
from collections import Counter
from typing import cast

import pytest

import sc_pandas as sc
from sc_pandas.client import Client
from sc_pandas.reading import Consistency, IncludePlan, Progress, ReadOptions, Source, read_rows
from sc_pandas.reading.dialect import DialectMemory
from tests.simulation.model import PAGE, MovingServer, World

SEEDS = 2_000
LONG_SEEDS = 10_000
SHARES = 8


@pytest.fixture(autouse=True)
def one_call_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """One thread, so that a seed replays."""
    monkeypatch.setattr("sc_pandas.reading.crew.IN_FLIGHT", 1)


def outcome(world: World, consistency: Consistency = "auto") -> tuple[str, int]:
    """Read a world; give the verdict (or the error's reason) and the calls."""
    server = MovingServer(world)
    source = Source(cast("Client", server), None, "tenant", DialectMemory("article"))
    options = ReadOptions(page_size=PAGE, cache="off", consistency=consistency)
    try:
        rows, report = read_rows(source, [sc.CustomerFilter()], IncludePlan(), options, Progress())
    except sc.PagingDriftError as error:
        return f"raised {error.reason}", server.calls
    ids = Counter(rows.to_table()["user_id"].to_pylist())
    rows.close()
    lost = server.unchanged - ids.keys()
    twice = [each for each, times in ids.items() if times > 1]
    if report.is_proven:
        assert not lost, f"seed {world.seed}: {len(lost)} lost silently, {report.verdict}, {world}"
    assert not twice, f"seed {world.seed}: {twice} came twice, {world}"
    return report.verdict if report.is_proven or not lost else "lost, and says not verified", server.calls


@pytest.mark.fault("C01", "C03", "C05", "C17")
@pytest.mark.parametrize("share", range(SHARES))
def test_no_silent_loss(share: int, request: pytest.FixtureRequest) -> None:
    """0 silent losses, whatever the order, the borders, the zone and the churn; a failing seed is in the message."""
    seeds = LONG_SEEDS if request.config.getoption("--long") else SEEDS
    found = Counter(outcome(World.of(seed))[0] for seed in range(share, seeds, SHARES))
    assert found["proven (windows)"]
    assert found["proven (closed list)"]
    assert found["proven (order)"]


@pytest.mark.fault("C01", "C03", "C05", "C17")
@pytest.mark.parametrize("share", range(SHARES))
def test_strict_reads_lose_nothing_either(share: int) -> None:
    """The same, beginning with windows."""
    for seed in range(share, SEEDS // 8, SHARES):
        outcome(World.of(seed), "strict")


def test_a_window_that_shrinks_to_one_page_is_not_forgotten() -> None:
    """Seed 595: two pages became one while they were read again."""
    assert outcome(World.of(595))[0] == "proven (closed list)"


def test_the_rig_can_fail() -> None:
    """One pass over the pages loses customers in these worlds, so that a loss would be seen."""
    losses = sum(outcome(World.of(seed), "fast")[0].startswith("lost") for seed in range(300))
    assert losses > 20


def test_a_seed_replays() -> None:
    """The same seed gives the same outcome and the same calls."""
    seed = int(os.environ.get("SC_SEED", "17"))
    assert outcome(World.of(seed)) == outcome(World.of(seed))
