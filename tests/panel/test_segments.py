"""The panel's saved filters: loaded rows say who came and went since the last run."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sc_pandas.filters import CustomerFilter
from sc_pandas.panel.last_time import LastTime
from sc_pandas.panel.state import status_text
from sc_pandas.sandbox import Sandbox
from sc_pandas.segments import FILE, Seen, SegmentMemory, Segments
from tests.panel.conftest import SOON_S, said
from tests.panel.fakes import Desk, about
from tests.support.shops import shop_of

HAPPY = CustomerFilter.of(rating=[4, 5], city="Bern; Basel", created_on_from="2026-01-31 14:05:09")
MONDAY = datetime(2026, 11, 16, 9, tzinfo=UTC)
LAST_TIME = "big ones: +20 −1 since 2026-11-16 09:00 UTC."


@pytest.fixture
def kept(tmp_path: Path) -> tuple[Segments, SegmentMemory]:
    """Return a saved filter that had customers 1 to 100 and 9,999 on Monday; the fake server gives 1 to 120."""
    segments, memory = Segments(tmp_path), SegmentMemory(tmp_path, "tenant")
    segments.save("big ones", HAPPY)
    memory.remember("big ones", HAPPY, Seen(MONDAY, frozenset([*range(1, 101), 9_999])))
    return segments, memory


def desk(kept: tuple[Segments, SegmentMemory], **options: Any) -> Desk:
    return Desk(last_time=LastTime(*kept), **options)


def loaded(at: Desk, question: CustomerFilter = HAPPY) -> str:
    at.engine.apply(question)
    at.settle()
    at.engine.load()
    return status_text(at.settle())


def test_loaded_rows_of_a_saved_filter_say_who_came_and_went(kept: tuple[Segments, SegmentMemory]) -> None:
    at = desk(kept)
    assert loaded(at).endswith(f"customers loaded, proven (order). {LAST_TIME}")
    # Looking is no run: the next look shows the same.
    assert LAST_TIME in loaded(at)
    assert "since" not in loaded(at, about("Bern"))
    kept[0].save("berne", about("Bern"))
    assert "since" not in loaded(at, about("Bern"))


def test_what_cannot_be_compared_is_not_told(kept: tuple[Segments, SegmentMemory], tmp_path: Path) -> None:
    assert "since" not in loaded(desk(kept, limit=60))
    assert "since" not in loaded(Desk(last_time=LastTime(kept[0], None)))
    assert "since" not in loaded(Desk())
    kept[0].save("big ones", rating=5)
    assert "since" not in loaded(desk(kept), CustomerFilter.of(rating=5))
    (tmp_path / FILE).write_text("{")
    assert "customers loaded" in loaded(desk(kept))


def test_a_panel_tells_the_last_run_and_leaves_it(box: Sandbox, tmp_path: Path) -> None:
    """The whole way: saved and run in Python, looked at in the panel, run again."""
    Segments().save("happy", rating=[4, 5])
    with shop_of(box, tmp_path / "cache") as shop:
        shop.segments("happy", progress=False)
        new = box.insert(2, rating=5)
        panel = shop.panel(rating=[4, 5])
        panel.apply(refresh=True)
        assert panel.wait(SOON_S)
        panel.load()
        assert panel.wait(SOON_S)
        assert "happy: +2 −0 since 20" in said(panel)
        panel.close()
        assert shop.segments("happy", progress=False)["happy"].added == set(new)
        assert shop.segments("happy", progress=False, cache="refresh")["happy"].added == set()
