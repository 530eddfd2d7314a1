"""Segments without a server: names and filters, and what is remembered of who was in them."""

import hashlib
import json
import multiprocessing
import os
import pickle
import stat
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import sc_pandas as sc
from sc_pandas.errors import ExportError, FilterError, SettingsError
from sc_pandas.filters import CustomerFilter
from sc_pandas.query.segment_run import SegmentResult
from sc_pandas.segments import DamagedMemoryError, Seen, SegmentMemory, Segments, memory
from sc_pandas.segments.saved import FILE, LONGEST_NAME
from tests.panel.hostile import PAYLOADS
from tests.support.damage import flipped

HAPPY = CustomerFilter.of(rating=[4, 5])
ADA = CustomerFilter.of(email="ada@example.org")
MONDAY = datetime(2026, 11, 16, 9, tzinfo=UTC)
DAY = timedelta(days=1)
LATER = MONDAY + 1_000 * DAY


def seen(days: int, *ids: int) -> Seen:
    return Seen(MONDAY + days * DAY, frozenset(ids))


# ── names and filters ──────────────────────────────────────────────────────────────────────────────────────────────


def test_what_earlier_editions_saved_means_what_it_meant(tmp_path: Path) -> None:
    """They wrote the midnight that a day was; a day is now all of it, and what is relative stays so."""
    saved = Segments(Path(__file__).parent / "editions" / "edition-0.1.0-segments")
    midnight = datetime(2024, 12, 31)  # noqa: DTZ001
    assert saved["year 2024"].created_on_to == midnight
    assert saved["happy"] == CustomerFilter.of(rating=[4, 5], modified_on_to="2025-04-30 00:00")
    segments = Segments(tmp_path)
    segments.save("year", created_on_from="2024", created_on_to="2024")
    segments.save("week", created_on_from="-7d", created_on_to="yesterday")
    assert segments["year"].created_on_to == midnight + timedelta(
        hours=23, minutes=59, seconds=59, microseconds=999_999
    )
    assert json.loads((tmp_path / FILE).read_text())["segments"] == {
        "week": {"created_on_from": "-7d", "created_on_to": "yesterday"},
        "year": {"created_on_from": "2024-01-01T00:00", "created_on_to": "2024-12-31"},
    }


def test_it_is_a_mapping_in_the_users_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SC_PANDAS_DATA_DIR", str(tmp_path / "mine"))
    segments = sc.Segments()
    assert (len(segments), list(segments), "happy" in segments, dict(segments)) == (0, [], False, {})
    segments.save(" happy ", rating=[4, 5])
    segments.save("all")
    assert dict(segments) == {"all": CustomerFilter(), "happy": HAPPY}
    assert segments.get("nobody") is None
    with pytest.raises(FilterError, match="Did you mean 'happy'") as caught:
        segments["hapy"]
    assert isinstance(caught.value, KeyError)
    assert caught.value.suggestions == ("happy",)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301
    with pytest.raises(FilterError, match="not both"):
        segments.save("x", HAPPY, rating=4)
    with pytest.raises(FilterError, match="ratng"):
        segments.save("x", ratng=4)  # type: ignore[call-arg]
    segments.save("happy", {"rating": 5})
    segments.delete("all")
    segments.delete("nobody")
    assert dict(sc.Segments()) == {"happy": CustomerFilter.of(rating=5)}
    assert stat.S_IMODE((tmp_path / "mine" / FILE).stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "mine").stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "wrong",
    [pd.Series({"ada@example.com": True}), pd.Series(["ada@example.com"]), pd.DataFrame({"rating": [4]}), [4, 5],
     "rating=4", {4: "rating"}, True],
)  # fmt: skip
def test_what_is_no_filter_is_not_saved(tmp_path: Path, wrong: Any) -> None:
    segments = Segments(tmp_path)
    with pytest.raises(FilterError, match=r"takes a CustomerFilter, a dict of filters, or keywords, not a") as caught:
        segments.save("vip", wrong)
    assert "ada" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(FilterError, match=r"have theirs as \.filter"):
        segments.save("vip", SimpleNamespace(filter=HAPPY))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["", "  ", "x" * (LONGEST_NAME + 1), 7, None])
def test_a_filter_needs_a_name_of_bearable_length(tmp_path: Path, name: Any) -> None:
    with pytest.raises(FilterError, match="needs a name"):
        Segments(tmp_path).save(name, HAPPY)
    assert not (tmp_path / FILE).exists()


@pytest.mark.parametrize("entry", ['{"0": "ada"}', '{"rating": {"a": 1}}', '{"nosuch": 1}', "7", "[4]", "null"])
def test_a_broken_entry_names_its_segment_and_hides_no_other(tmp_path: Path, entry: str) -> None:
    segments = Segments(tmp_path)
    (tmp_path / FILE).write_text(f'{{"format": 1, "segments": {{"broken": {entry}, "happy": {{"rating": [4, 5]}}}}}}')
    assert (list(segments), len(segments), "broken" in segments) == (["broken", "happy"], 2, True)
    assert segments["happy"] == HAPPY
    told = r"The segment 'broken' cannot be asked: .*Segments\.delete\('broken'\)"
    frame = pd.DataFrame({"user_id": [1], "rating": [5], "rating_name": ["Very_Satisfied"]})
    for ask in (
        lambda: segments["broken"],
        lambda: dict(segments),
        lambda: sc.SellerCloudAccessor(frame).segment(segments),
    ):
        with pytest.raises(FilterError, match=told):
            ask()
    segments.delete("broken")
    assert dict(segments) == {"happy": HAPPY}


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"null", b"[1]", b"\xff\xfe", b'{"format": 2, "segments": {}}', b'{"format": 1}',
     b'{"format": 1, "segments": []}', b"[" * 100_000],
    ids=range(9),
)  # fmt: skip
def test_a_damaged_file_is_a_message_and_stays(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    kept = Segments(tmp_path)
    for action in (lambda: list(kept), lambda: kept["x"], lambda: kept.save("x", HAPPY), lambda: kept.delete("x")):
        with pytest.raises(SettingsError, match="move it away"):
            action()
    assert (tmp_path / FILE).read_bytes() == content


def test_hostile_names_and_values_come_back_as_they_were(tmp_path: Path) -> None:
    kept = Segments(tmp_path)
    payloads = [payload for payload in PAYLOADS if payload.strip() and len(payload) <= LONGEST_NAME]
    for payload in payloads:
        kept.save(payload, CustomerFilter.of(first_name=payload))
    assert all(kept[payload.strip()] == CustomerFilter.of(first_name=payload) for payload in payloads)


def test_a_folder_that_cannot_be_made_is_a_message(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError, match="cannot be made"):
        Segments(tmp_path / "file" / "data").save("x", HAPPY)
    (tmp_path / "there" / FILE).mkdir(parents=True)
    with pytest.raises(SettingsError):
        list(Segments(tmp_path / "there"))


def test_the_file_and_its_repr_hold_nothing_but_filters(tmp_path: Path) -> None:
    """The file is what a colleague gets."""
    segments = Segments(tmp_path)
    segments.save("friends", ADA)
    SegmentMemory(tmp_path, "tenant").remember("friends", ADA, seen(0, 900_001))
    assert "'friends'" in repr(segments)
    assert "ada" not in repr(segments)
    assert json.loads((tmp_path / FILE).read_text()) == {
        "format": 1,
        "segments": {"friends": {"email": "ada@example.org"}},
    }


def test_a_file_of_the_first_version_loads(tmp_path: Path) -> None:
    """Written by version 0.1.0, before segments were a mapping; what is saved now is written in the same way."""
    text = '{\n "format": 1,\n "segments": {\n  "happy": {\n   "rating": [\n    "Satisfied",\n    "Very_Satisfied"\n   ]\n  }\n }\n}'
    (tmp_path / FILE).write_text(text)
    segments = Segments(tmp_path)
    assert dict(segments) == {"happy": HAPPY}
    segments.save("happy", rating=[4, 5])
    assert (tmp_path / FILE).read_text() == text


def _save_and_remember(folder: Path, start: int) -> None:
    for number in range(20):
        Segments(folder).save(f"{start}-{number}", rating=4)
        at = MONDAY + timedelta(seconds=start + 2 * number)
        SegmentMemory(folder, "t").remember("happy", HAPPY, Seen(at, frozenset(range(start, 5_000))))


def test_processes_that_write_at_once_lose_and_corrupt_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_save_and_remember, args=(tmp_path, n)) for n in (0, 1)]
    for each in writers:
        each.start()
    kept = SegmentMemory(tmp_path, "t")
    while any(each.is_alive() for each in writers):
        assert not is_damaged(kept)
    assert [each.exitcode for each in writers] == [0, 0]
    assert len(Segments(tmp_path)) == 40
    for second in (39, 38):
        before = kept.before("happy", HAPPY, MONDAY + timedelta(seconds=second, milliseconds=1))
        assert before is not None
        assert before.at == MONDAY + timedelta(seconds=second)
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*") if path.is_file()} == {0o600}


# ── memory ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def memory_files(folder: Path) -> list[Path]:
    return sorted((folder / memory.FOLDER).glob("*.json"))


def is_damaged(kept: SegmentMemory, name: str = "happy", asked: CustomerFilter = HAPPY) -> bool:
    try:
        kept.before(name, asked, LATER)
    except DamagedMemoryError:
        return True
    return False


def test_memory_comes_back_and_is_private_and_holds_no_name(tmp_path: Path) -> None:
    kept = SegmentMemory(tmp_path, "t" * 32)
    assert kept.before("ada's friends", ADA, LATER) is None
    kept.remember("ada's friends", ADA, seen(0, 1001, 1002))
    assert SegmentMemory(tmp_path, "t" * 32).before("ada's friends", ADA, LATER) == seen(0, 1001, 1002)
    (path,) = memory_files(tmp_path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert "ada" not in path.read_text() + path.name
    path.chmod(0o644)
    kept.remember("ada's friends", ADA, seen(1, 1001))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_memory_of_an_earlier_edition_is_read_and_goes_on(tmp_path: Path) -> None:
    """Written by the edition that also remembered counts."""
    kept = SegmentMemory(tmp_path, "t")
    kept.remember("happy", HAPPY, seen(3))
    (path,) = memory_files(tmp_path)
    body = (
        b'{"format":1,"of":"t.56e3f2ea86caa9a1d44f2b7f8bd42a5a","filter":"FILTER","reads":[{"at":"2026-11-17T09:00:00+00:00",'
        b'"ids":[1001,1002]},{"at":"2026-11-16T09:00:00+00:00","ids":[1001]}],"counts":[["2026-11-18T09:00:00+00:00",3]]}'
    )
    written = json.loads(path.read_bytes().partition(b"\n")[2])
    body = body.replace(b"FILTER", written["filter"].encode()).replace(
        b"t.56e3f2ea86caa9a1d44f2b7f8bd42a5a", path.stem.encode()
    )
    path.write_bytes(hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
    assert kept.before("happy", HAPPY, LATER) == seen(1, 1001, 1002)
    assert kept.before("happy", HAPPY, MONDAY + DAY) == seen(0, 1001)
    kept.remember("happy", HAPPY, seen(2, 7))
    assert kept.before("happy", HAPPY, MONDAY + 2 * DAY) == seen(1, 1001, 1002)


def test_memory_is_apart_for_tenants_names_and_filters(tmp_path: Path) -> None:
    kept = SegmentMemory(tmp_path, "a" * 32)
    kept.remember("happy", HAPPY, seen(0, 1))
    assert SegmentMemory(tmp_path, "b" * 32).before("happy", HAPPY, LATER) is None
    assert kept.before("Happy", HAPPY, LATER) is None
    assert kept.before("happy", ADA, LATER) is None
    # Once the other filter was read, the first one is forgotten.
    kept.remember("happy", ADA, seen(0, 2))
    assert kept.before("happy", HAPPY, LATER) is None


def test_every_flipped_byte_and_every_cut_is_damage(tmp_path: Path) -> None:
    kept = SegmentMemory(tmp_path, "t")
    kept.remember("happy", HAPPY, seen(0, 1001, 1002))
    (path,) = memory_files(tmp_path)
    whole = path.read_bytes()
    for content in [*flipped(whole), *(whole[:n] for n in range(len(whole))), b"\n" * 9]:
        path.write_bytes(content)
        assert is_damaged(kept)
    kept.remember("happy", HAPPY, seen(0, 1001))
    assert not is_damaged(kept)


@pytest.mark.parametrize("ids", [[1.5], ["1"], [True], [[1, 2]], [2**63], {"1": 2}, None, 0.5])
def test_a_memory_of_another_shape_is_damage(tmp_path: Path, ids: object) -> None:
    """Its seal is a checksum, so a true one says nothing of what is in it."""
    kept = SegmentMemory(tmp_path, "t")
    kept.remember("happy", HAPPY, seen(0, 1, 2))
    (path,) = memory_files(tmp_path)
    document = json.loads(path.read_bytes().partition(b"\n")[2])
    for wrong in ({"reads": [document["reads"][0] | {"ids": ids}]}, {"format": 2}, {"of": "another"}):
        body = json.dumps(document | wrong).encode()
        path.write_bytes(hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
        assert is_damaged(kept)


@pytest.mark.timeout(20)
def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    """A pipe would make us wait for ever."""
    os.mkfifo(tmp_path / FILE)
    kept = SegmentMemory(tmp_path, "t")
    kept.remember("happy", HAPPY, seen(0, 1, 2))
    (path,) = memory_files(tmp_path)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(SettingsError, match="move it away"):
        list(Segments(tmp_path))
    assert is_damaged(kept)
    path.unlink()
    path.mkdir()
    assert is_damaged(kept)


def test_the_later_readings_stay_whichever_is_kept_last(tmp_path: Path) -> None:
    kept = SegmentMemory(tmp_path, "t")
    for day in (2, 1, 3, 0):
        kept.remember("happy", HAPPY, seen(day, day))
    assert kept.before("happy", HAPPY, LATER) == seen(3, 3)
    assert kept.before("happy", HAPPY, MONDAY + 3 * DAY) == seen(2, 2)
    assert kept.before("happy", HAPPY, MONDAY + 2 * DAY) is None


def test_who_holds_a_lock_for_ever_is_a_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading, adding and writing are one step: what another process adds meanwhile would be lost."""
    monkeypatch.setattr(memory, "PATIENCE_S", 0.1)
    segments, kept = Segments(tmp_path), SegmentMemory(tmp_path, "t")
    segments.save("happy", HAPPY)
    kept.remember("happy", HAPPY, seen(0, 1))
    with memory.locked(tmp_path / "segments.lock"), memory.locked(tmp_path / memory.FOLDER / ".lock"):
        for change in (
            lambda: segments.save("x", HAPPY),
            lambda: segments.forget("happy"),
            lambda: kept.remember("happy", HAPPY, seen(1, 2)),
        ):
            with pytest.raises(ExportError, match="another process"):
                change()
    assert list(segments) == ["happy"]
    assert kept.before("happy", HAPPY, LATER) == seen(0, 1)


def test_delete_and_forget_remove_what_is_remembered(tmp_path: Path) -> None:
    segments = Segments(tmp_path)
    for name in ("happy", "other", "gone"):
        segments.save(name, HAPPY)
        for tenant in ("a" * 32, "b" * 32):
            SegmentMemory(tmp_path, tenant).remember(name, HAPPY, seen(0, 1))
    assert len(memory_files(tmp_path)) == 6
    segments.delete("gone")
    assert len(memory_files(tmp_path)) == 4
    assert segments.forget("happy") == 2
    assert "happy" in segments
    assert SegmentMemory(tmp_path, "a" * 32).before("happy", HAPPY, LATER) is None
    assert SegmentMemory(tmp_path, "a" * 32).before("other", HAPPY, LATER) is not None
    (tmp_path / memory.FOLDER / "theirs.json").write_text("theirs")
    assert segments.forget() == 2
    assert [path.name for path in memory_files(tmp_path)] == ["theirs.json"]
    assert Segments(tmp_path / "nowhere").forget() == 0
    assert not (tmp_path / "nowhere").exists()


def test_what_was_not_run_for_400_days_is_forgotten(tmp_path: Path) -> None:
    kept = SegmentMemory(tmp_path, "t")
    kept.remember("old", HAPPY, seen(0, 1))
    (path,) = memory_files(tmp_path)
    for days, left in ((399, 2), (401, 1)):
        os.utime(path, (time.time() - days * 86_400,) * 2)
        kept.remember("new", HAPPY, seen(0, 1))
        assert len(memory_files(tmp_path)) == left


def test_a_memory_that_others_can_open_is_refused(tmp_path: Path) -> None:
    (tmp_path / memory.FOLDER).mkdir(mode=0o755)
    (tmp_path / memory.FOLDER).chmod(0o755)
    with pytest.raises(SettingsError, match="chmod 700"):
        SegmentMemory(tmp_path, "t").remember("happy", HAPPY, seen(0, 1))
    assert memory_files(tmp_path) == []


# ── masks ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def result(*ids: int | None) -> SegmentResult:
    read: Any = SimpleNamespace(table=pa.table({"user_id": pa.array(ids, type=pa.int64())}))
    return SegmentResult(name="happy", filter=HAPPY, read=read)


COLUMNS: list[tuple[list[Any], Any]] = [
    ([3, 1, 9], None), ([3.0, 1.0, float("nan")], None), (["3", "1", "nobody"], None),
    (["3", "1", None], "string[pyarrow]"), ([3, 1, None], "int64[pyarrow]"), ([3, 1, None], "Int64"),
    ([3, 1, None], "object"),
]  # fmt: skip


@pytest.mark.parametrize(("values", "dtype"), COLUMNS)
def test_a_mask_marks_the_rows_of_a_users_own_frame(values: list[Any], dtype: Any) -> None:
    column = pd.Series(values, index=list("abc"), dtype=dtype)
    some = result(1, 2, None)
    assert some.ids == {1, 2}
    mine = pd.DataFrame({"user_id": column, "spent": [10, 20, 30]})
    before = mine.copy()
    for mask in (some.mask(mine), some.mask(column)):
        assert mask.dtype == bool
        assert mask.to_dict() == {"a": False, "b": True, "c": False}
    assert mine[some.mask(mine)]["spent"].tolist() == [20]
    pd.testing.assert_frame_equal(mine, before)


@pytest.mark.parametrize(
    "wrong", [[1004], 1004, np.array([1004]), {"user_id": [1004]}, None, pd.DataFrame({"spent": [1]})]
)
def test_a_mask_is_of_a_frame_or_a_series(wrong: Any) -> None:
    with pytest.raises(SettingsError, match=r"mask\(\) takes a DataFrame with user_id, or a Series of ids; this"):
        result(1004).mask(wrong)


def test_signs_belong_to_ids() -> None:
    """Of the results themselves they are errors, whoever stands on the other side."""
    a: Any = result(1, 2)
    assert (a.ids & {2, 3}, a.ids - {2}, sorted(a.ids ^ {2, 3})) == ({2}, {1}, [1, 3])
    for other in (result(1), True):
        with pytest.raises(TypeError, match="unsupported operand"):
            a & other
