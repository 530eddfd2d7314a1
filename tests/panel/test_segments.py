"""Saved filters: a small private file that is never half written, and whose damage is a message."""

import json
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sc_pandas.errors import ExportError, FilterError, SellerCloudError, SettingsError
from sc_pandas.filters import CustomerFilter
from sc_pandas.panel.last_time import LastTime
from sc_pandas.panel.state import status_text
from sc_pandas.sandbox import Sandbox
from sc_pandas.segments import FILE, LONGEST_NAME, Seen, SegmentMemory, Segments
from tests.panel.conftest import SOON_S, said
from tests.panel.fakes import Desk, about
from tests.panel.hostile import PAYLOADS
from tests.support.shops import shop_of

HAPPY = CustomerFilter.of(rating=[4, 5], city="Bern; Basel", created_on_from="2026-01-31 14:05:09")


def test_save_list_load_delete(tmp_path: Path) -> None:
    kept = Segments(tmp_path / "data")
    assert kept.names() == []
    kept.save(" happy ", HAPPY)
    kept.save("all", CustomerFilter())
    assert kept.names() == ["all", "happy"]
    assert kept.load("happy") == HAPPY
    kept.save("happy", CustomerFilter.of(city="Bern"))
    assert kept.load("happy") == CustomerFilter.of(city="Bern")
    kept.delete("happy")
    kept.delete("nobody")
    assert Segments(tmp_path / "data").names() == ["all"]
    with pytest.raises(FilterError, match="happy"):
        kept.load("happy")


def test_file_and_folder_are_private(tmp_path: Path) -> None:
    Segments(tmp_path / "data").save("happy", HAPPY)
    assert (tmp_path / "data" / FILE).stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("name", ["", "  ", "x" * (LONGEST_NAME + 1)])
def test_a_filter_needs_a_name_of_bearable_length(tmp_path: Path, name: str) -> None:
    with pytest.raises(FilterError, match="needs a name"):
        Segments(tmp_path).save(name, HAPPY)
    assert not (tmp_path / FILE).exists()


def test_hostile_names_and_values_come_back_as_they_were(tmp_path: Path) -> None:
    kept = Segments(tmp_path)
    for payload in PAYLOADS:
        if payload.strip():
            kept.save(payload[:LONGEST_NAME].strip() or "x", CustomerFilter.of(first_name=payload))
    for payload in PAYLOADS:
        if len(payload) <= LONGEST_NAME and payload.strip():
            assert kept.load(payload.strip()) == CustomerFilter.of(first_name=payload)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"null",
        b"[1]",
        b"\xff\xfe",
        b'{"format": 2, "segments": {}}',
        b'{"format": 1}',
        b'{"format": 1, "segments": []}',
        b"[" * 100_000,
    ],
    ids=range(9),
)
def test_a_damaged_file_is_a_message_and_stays_as_it_was(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    kept = Segments(tmp_path)
    for action in (kept.names, lambda: kept.load("x"), lambda: kept.save("x", HAPPY), lambda: kept.delete("x")):
        with pytest.raises(SettingsError, match="move it away"):
            action()
    assert (tmp_path / FILE).read_bytes() == content


@pytest.mark.parametrize(
    "saved", [None, [], 7, {"nosuch": 1}, {"rating": "Great"}, {"city": [["x"]]}, {"customer_ids": True}, {"city": []}]
)
def test_a_filter_that_cannot_be_asked_any_more_is_a_message(tmp_path: Path, saved: object) -> None:
    (tmp_path / FILE).write_text(json.dumps({"format": 1, "segments": {"x": saved}}))
    kept = Segments(tmp_path)
    assert kept.names() == ["x"]
    with pytest.raises(SellerCloudError):
        kept.load("x")
    kept.delete("x")
    assert kept.names() == []


def test_a_folder_that_cannot_be_made_is_a_message(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError, match="cannot be made"):
        Segments(tmp_path / "file" / "data").save("x", HAPPY)
    (tmp_path / "there" / FILE).mkdir(parents=True)
    with pytest.raises(SettingsError):
        Segments(tmp_path / "there").names()


def test_two_panels_lose_no_filter_of_each_other(tmp_path: Path) -> None:
    def save(part: int) -> None:
        for number in range(10):
            Segments(tmp_path).save(f"{part}-{number}", HAPPY)

    threads = [threading.Thread(target=save, args=(part,)) for part in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(Segments(tmp_path).names()) == 40


# ── since the last time ────────────────────────────────────────────────────────────────────────────────────────────

MONDAY = datetime(2026, 11, 16, 9, tzinfo=UTC)
LAST_TIME = "big ones: +20 −1 since 2026-11-16 09:00 UTC."


@pytest.fixture
def kept(tmp_path: Path) -> tuple[Segments, SegmentMemory]:
    """A saved filter that had customers 1 to 100 and 9,999 on Monday; the fake server gives 1 to 120 and counts 1,000."""
    segments, memory = Segments(tmp_path), SegmentMemory(tmp_path, "tenant")
    segments.save("big ones", HAPPY)
    memory.remember("big ones", HAPPY, Seen(MONDAY, np.array([*range(1, 101), 9_999])))
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


def test_a_count_of_a_saved_filter_says_what_it_gained(kept: tuple[Segments, SegmentMemory]) -> None:
    at = desk(kept)
    at.engine.apply(HAPPY)
    assert status_text(at.settle()).endswith("big ones: +899 since 2026-11-16 09:00 UTC.")
    at.engine.apply(about("Bern"))
    assert "since" not in status_text(at.settle())


def test_what_cannot_be_compared_is_not_told(kept: tuple[Segments, SegmentMemory], tmp_path: Path) -> None:
    assert "since" not in loaded(desk(kept, limit=60))
    assert "since" not in loaded(Desk(last_time=LastTime(kept[0], None)))
    assert "since" not in loaded(Desk())
    kept[0].save("big ones", rating=5)
    assert "since" not in loaded(desk(kept), CustomerFilter.of(rating=5))
    (tmp_path / FILE).write_text("{")
    assert "customers loaded" in loaded(desk(kept))


def test_the_panel_of_a_connection_tells_the_last_run_and_leaves_it(box: Sandbox, tmp_path: Path) -> None:
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
        assert shop.segments("happy", progress=False)["happy"].added.tolist() == new
        assert shop.segments("happy", progress=False, cache="refresh")["happy"].added.tolist() == []
