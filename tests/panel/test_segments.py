"""Saved filters: a small private file that is never half written, and whose damage is a message."""

import json
import threading
from pathlib import Path

import pytest

from sc_pandas.errors import ExportError, FilterError, SellerCloudError, SettingsError
from sc_pandas.filters import CustomerFilter
from sc_pandas.segments import FILE, LONGEST_NAME, Segments
from tests.panel.hostile import PAYLOADS

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
