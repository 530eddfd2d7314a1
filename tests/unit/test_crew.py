"""Runs that each advance by their own answers."""

import threading
import time
from collections.abc import Generator

import pytest

from sc_pandas.reading.crew import Crew


def run(name: str, steps: int, got: list[str]) -> Generator[str, str, None]:
    for step in range(steps):
        answer = yield f"{name}{step}"
        got.append(answer)


def test_each_run_advances_only_after_its_own_answer() -> None:
    under_way: set[str] = set()
    most: list[int] = []

    def get(ask: str) -> str:
        assert ask[0] not in under_way
        under_way.add(ask[0])
        most.append(len(under_way))
        time.sleep(0.002)
        under_way.remove(ask[0])
        return ask.upper()

    got: list[str] = []
    with Crew(threading.Event()) as crew:
        came = list(crew.drive([run(name, 5, got) for name in "abcdefghijklmnopqrst"], get))
    assert max(most) <= 16
    assert sorted(ask.upper() for ask, _ in came) == sorted(got) == sorted(answer for _, answer in came)
    assert [ask for ask, _ in came if ask[0] == "c"] == [f"c{n}" for n in range(5)]


def test_with_one_call_in_flight_runs_take_turns() -> None:
    got: list[str] = []
    with Crew(threading.Event(), 1) as crew:
        came = [ask for ask, _ in crew.drive([run("a", 2, got), run("b", 3, got), run("c", 0, got)], str.upper)]
    assert came == ["a0", "b0", "a1", "b1", "b2"]
    assert got == [ask.upper() for ask in came]


def test_the_first_failure_stops_the_rest() -> None:
    cancel = threading.Event()

    def get(ask: str) -> str:
        if ask == "a3":
            raise ValueError(ask)
        return ask

    with pytest.raises(ValueError, match="a3"), Crew(cancel) as crew:
        list(crew.drive([run("a", 9, []), run("b", 9, [])], get))
    assert cancel.is_set()
