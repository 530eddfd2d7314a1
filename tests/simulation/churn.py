"""Read a living shop with the real reading code, and hold what came against what lived.

``python -m tests.simulation.churn customers=50000 order=id_desc inserts=1.0 seed=3`` reads one world and prints how it
went; every failing world prints its own command.
"""

import sys
from dataclasses import dataclass
from typing import Any, cast

import sc_pandas as sc
from sc_pandas.client import Client
from sc_pandas.reading import IncludePlan, Progress, ReadOptions, ReadReport, Source, read_rows
from sc_pandas.reading.dialect import DialectMemory
from tests.simulation.network import Network
from tests.simulation.shop import History, Row, World

PAGE = 50


@dataclass(frozen=True)
class Outcome:
    """How a read went: `lost` lived through it and are missing; `strangers` never were in the list meanwhile.

    `shown` says that an answer showed its age.
    """

    world: World
    verdict: str
    calls: int
    seconds: float
    pages: int
    lost: int = 0
    strangers: int = 0
    doubles: int = 0
    shown: bool = False
    notes: tuple[str, ...] = ()

    @property
    def is_proven(self) -> bool:
        """True if the frame claims to be complete."""
        return self.verdict.startswith("proven")

    @property
    def is_wrong(self) -> bool:
        """True if the frame claims to be complete and is not, or holds somebody twice or who never was."""
        return bool((self.is_proven and self.lost) or self.strangers or self.doubles)

    def __str__(self) -> str:
        head = f"{self.verdict}: {self.calls:,} calls for {self.pages:,} pages in {self.seconds:,.0f} s"
        wrong = f"{self.lost} lost, {self.strangers} strangers, {self.doubles} twice"
        return "\n".join([f"{head}; {wrong}", *(f"  {note}" for note in self.notes), f"  {self.world.command()}"])


def read(world: World) -> Outcome:
    """Read a world's list once."""
    network = Network(world)
    question = sc.CustomerFilter() if world.rating is None else sc.CustomerFilter(rating=(world.rating,))
    options = ReadOptions(page_size=PAGE, cache="off", consistency=cast("Any", world.consistency))
    client, crew = cast("Client", network), cast("Any", network.crew)
    source = Source(client, None, "tenant", DialectMemory("article"), crew)
    try:
        rows, report = read_rows(source, [question], IncludePlan(), options, Progress())
    except sc.PagingDriftError as error:
        return _outcome(network, f"raised {error.reason}", notes=(str(error),))
    ids = rows.to_table().column("user_id").to_pylist()
    rows.close()
    return _judged(network, ids, report)


def _judged(network: Network, ids: list[int], report: ReadReport) -> Outcome:
    throughout, ever, _ = lived(network.world, network.history, network.clock.time_s)
    came = set(ids)
    return _outcome(
        network,
        report.verdict,
        lost=len(throughout - came),
        strangers=len(came - ever),
        doubles=len(ids) - len(came),
        notes=report.notes,
    )


def lived(world: World, history: History, until_s: float) -> tuple[set[int], set[int], set[int]]:
    """Return who matched from before the read (as old as an answer may be) to its end, who ever did, and who does now."""

    def matches(row: Row | None) -> bool:
        return row is not None and (world.rating is None or row.rating == world.rating)

    throughout = {row.number for row in history.first if matches(row)}
    ever, now = set(throughout), set(throughout)
    for at_s, before, after in history.upto(until_s):
        number = next(row.number for row in (before, after) if row is not None)
        if at_s > until_s:
            break
        if matches(after):
            ever.add(number)
            now.add(number)
            if at_s <= -world.slack_s:
                throughout.add(number)
        else:
            throughout.discard(number)
            now.discard(number)
            if at_s <= -world.slack_s:
                ever.discard(number)
    return throughout, ever, now


def _outcome(network: Network, verdict: str, **facts: Any) -> Outcome:
    _, _, now = lived(network.world, network.history, network.clock.time_s)
    pages = -(-len(now) // PAGE)
    return Outcome(network.world, verdict, network.calls, network.clock.time_s, pages, shown=network.shown, **facts)


if __name__ == "__main__":
    print(read(World.of(sys.argv[1:])))  # noqa: T201  # a command prints
