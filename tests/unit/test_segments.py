"""Segments without a server: names and filters, what is remembered, the difference, and sets against Python's."""

import hashlib
import json
import multiprocessing
import operator
import os
import pickle
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sc_pandas as sc
from sc_pandas.errors import ExportError, FilterError, SellerCloudWarning, SettingsError
from sc_pandas.filters import CustomerFilter
from sc_pandas.query.segment_members import SegmentMembers
from sc_pandas.segments import Recollection, Seen, SegmentMemory, Segments, alone, change_of, difference_of, memory
from sc_pandas.segments.saved import FILE

HAPPY = CustomerFilter.of(rating=[4, 5])
ADA = CustomerFilter.of(email="ada@example.org")
MONDAY = datetime(2026, 11, 16, 9, tzinfo=UTC)
DAY = timedelta(days=1)


def ids_of(*ids: int) -> Any:
    return np.array(ids, dtype=np.int64)


# ── names and filters ──────────────────────────────────────────────────────────────────────────────────────────────


def test_it_is_a_mapping_in_the_users_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SC_PANDAS_DATA_DIR", str(tmp_path / "mine"))
    segments = sc.Segments()
    assert (len(segments), list(segments), "happy" in segments, dict(segments)) == (0, [], False, {})
    segments.save("happy", rating=[4, 5])
    segments.save("all")
    assert (tmp_path / "mine" / FILE).exists()
    assert dict(segments) == {"all": CustomerFilter(), "happy": HAPPY}
    assert segments.get("nobody") is None
    assert "nobody" not in segments
    with pytest.raises(FilterError, match="Did you mean 'happy'") as caught:
        segments["hapy"]
    assert isinstance(caught.value, KeyError)
    assert caught.value.suggestions == ("happy",)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301
    with pytest.raises(FilterError, match="not both"):
        segments.save("x", HAPPY, rating=4)
    with pytest.raises(FilterError, match="ratng"):
        segments.save("x", ratng=4)  # type: ignore[call-arg]
    assert segments.names() == ["all", "happy"]


def test_a_filter_is_saved_as_filter_dict_or_keywords(tmp_path: Path) -> None:
    segments = Segments(tmp_path)
    segments.save("filter", HAPPY)
    segments.save("dict", {"rating": [4, 5]})
    segments.save("keywords", rating=[4, 5])
    assert list(segments.values()) == [HAPPY] * 3


@pytest.mark.parametrize(
    "wrong",
    [
        pd.Series({"ada@example.com": True}),
        pd.Series(["ada@example.com"]),
        pd.Series([4, 5], name="rating"),
        pd.DataFrame({"rating": [4]}),
        [4, 5],
        "rating=4",
        {4: "rating"},
        True,
    ],
)
def test_what_is_no_filter_is_not_saved(tmp_path: Path, wrong: Any) -> None:
    segments = Segments(tmp_path)
    with pytest.raises(FilterError, match=r"takes a CustomerFilter, a dict of filters, or keywords, not a") as caught:
        segments.save("vip", wrong)
    assert "ada" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
    if not isinstance(wrong, str):
        with pytest.raises(FilterError, match="needs a name"):
            segments.save(wrong, HAPPY)


def test_what_has_a_filter_says_where_it_is(tmp_path: Path) -> None:
    with pytest.raises(FilterError, match=r"not a SimpleNamespace; pass its \.filter"):
        Segments(tmp_path).save("vip", SimpleNamespace(filter=HAPPY))  # type: ignore[arg-type]


@pytest.mark.parametrize("entry", ['{"0": "ada"}', '{"rating": {"a": 1}}', "7", "[4]", "null"])
def test_a_broken_entry_names_its_segment_and_hides_no_other(tmp_path: Path, entry: str) -> None:
    segments = Segments(tmp_path)
    segments.save("happy", HAPPY)
    (tmp_path / FILE).write_text(f'{{"format": 1, "segments": {{"broken": {entry}, "happy": {{"rating": [4, 5]}}}}}}')
    assert (segments.names(), len(segments), "broken" in segments) == (["broken", "happy"], 2, True)
    assert segments["happy"] == HAPPY
    told = r"The segment 'broken' cannot be asked: .*Segments\.delete\('broken'\)"
    for all_of_them in (
        lambda: segments["broken"],
        lambda: dict(segments),
        lambda: segments.to_json("broken", "happy"),
    ):
        with pytest.raises(FilterError, match=told):
            all_of_them()
    with pytest.warns(SellerCloudWarning, match=told) as warned:
        assert dict(segments.items()) == {"happy": HAPPY}
    assert [each.filename for each in warned] == [__file__]
    with pytest.warns(SellerCloudWarning, match=told):
        assert list(segments.values()) == [HAPPY]
    with pytest.warns(SellerCloudWarning, match=told):
        assert json.loads(segments.to_json())["segments"].keys() == {"happy"}
    with pytest.raises(FilterError, match=told):
        sc.accessor(ours()).segment(segments)
    segments.delete("broken")
    assert dict(segments) == {"happy": HAPPY}


def ours() -> pd.DataFrame:
    return pd.DataFrame({"user_id": [1], "rating": [5], "rating_name": ["Very_Satisfied"]})


def test_the_repr_tells_names_and_no_value_of_a_filter(tmp_path: Path) -> None:
    segments = Segments(tmp_path)
    segments.save("friends", ADA)
    assert "'friends'" in repr(segments)
    assert "ada" not in repr(segments)


def test_a_file_of_the_first_version_loads(tmp_path: Path) -> None:
    """Written by version 0.1.0, before segments were a mapping."""
    text = '{\n "format": 1,\n "segments": {\n  "happy": {\n   "rating": [\n    "Satisfied",\n    "Very_Satisfied"\n   ]\n  }\n }\n}'
    (tmp_path / FILE).write_text(text)
    assert dict(Segments(tmp_path)) == {"happy": HAPPY}
    assert Segments(tmp_path).to_json() == text


_SAVE = """
import sys, sc_pandas as sc
for number in range(25):
    sc.Segments(sys.argv[1]).save(f"{sys.argv[2]}-{number}", rating=4)
"""


def test_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", _SAVE, str(tmp_path), str(n)]) for n in range(3)]
    assert [each.wait(60) for each in writers] == [0, 0, 0]
    assert len(Segments(tmp_path)) == 75
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}


def test_who_holds_the_lock_for_ever_is_a_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alone, "PATIENCE_S", 0.1)
    segments = Segments(tmp_path)
    segments.save("happy", HAPPY)
    with alone.alone(tmp_path / "segments.lock"), pytest.raises(ExportError, match="another process"):
        segments.save("x", HAPPY)
    assert segments.names() == ["happy"]


# ── sharing ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_shared_is_names_and_filters_and_nothing_else(tmp_path: Path) -> None:
    mine, theirs = Segments(tmp_path / "mine"), Segments(tmp_path / "theirs")
    mine.save("happy", HAPPY)
    mine.save("big", customer_type="Wholesale")
    SegmentMemory(tmp_path / "mine", "tenant").remember("happy", HAPPY, Seen(MONDAY, ids_of(900_001, 900_002)))
    text = mine.to_json()
    assert set(json.loads(text)) == {"format", "segments"}
    assert set(json.loads(text)["segments"]) == {"happy", "big"}
    for secret in ("900001", "tenant", "2026"):
        assert secret not in text
    assert theirs.add_json(text) == ["big", "happy"]
    assert dict(theirs) == dict(mine)
    assert json.loads(mine.to_json("big"))["segments"].keys() == {"big"}
    # The file itself may be given away as well.
    assert Segments(tmp_path / "third").add_json((tmp_path / "mine" / FILE).read_text()) == ["big", "happy"]


def test_a_taken_name_is_kept_unless_replacing_is_said(tmp_path: Path) -> None:
    mine, theirs = Segments(tmp_path / "mine"), Segments(tmp_path / "theirs")
    mine.save("happy", HAPPY)
    mine.save("new", HAPPY)
    theirs.save("happy", rating=5)
    with pytest.raises(FilterError, match="'happy'"):
        theirs.add_json(mine.to_json())
    assert dict(theirs) == {"happy": CustomerFilter(rating=(5,))}
    assert theirs.add_json(mine.to_json(), replace=True) == ["happy", "new"]
    assert dict(theirs) == dict(mine)
    theirs.add_json(mine.to_json())  # the same once more is no clash


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "7", '{"format": 2, "segments": {}}', '{"format": 1}', '{"format": 1, "segments": {"x": 7}}',
     '{"format": 1, "segments": {"x": {"nosuch": 1}}}', '{"format": 1, "segments": {"good": {}, " ": {}}}', "[" * 100_000],
)  # fmt: skip
def test_what_is_no_file_of_segments_changes_nothing(tmp_path: Path, text: str) -> None:
    segments = Segments(tmp_path)
    segments.save("mine", HAPPY)
    with pytest.raises(FilterError):
        segments.add_json(text)
    assert segments.names() == ["mine"]


# ── memory ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def memory_files(folder: Path) -> list[Path]:
    return sorted((folder / memory.FOLDER).glob("*.json"))


def test_memory_comes_back_and_is_private_and_holds_no_name(tmp_path: Path) -> None:
    kept = SegmentMemory(tmp_path, "t" * 32)
    assert kept.recall("ada's friends", ADA).reads == ()
    kept.remember("ada's friends", ADA, Seen(MONDAY, ids_of(1001, 1002)))
    kept.remember_count("ada's friends", ADA, MONDAY + DAY, 3)
    known = SegmentMemory(tmp_path, "t" * 32).recall("ada's friends", ADA)
    assert [(seen.at, seen.ids.tolist()) for seen in known.reads] == [(MONDAY, [1001, 1002])]
    assert known.reads[0].ids.dtype == np.int64
    assert known.counts == ((MONDAY + DAY, 3),)
    (path,) = memory_files(tmp_path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert "ada" not in path.read_text()
    assert "ada" not in path.name
    path.chmod(0o644)
    kept.remember("ada's friends", ADA, Seen(MONDAY + DAY, ids_of(1001)))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_memory_is_apart_for_tenants_names_and_filters(tmp_path: Path) -> None:
    SegmentMemory(tmp_path, "a" * 32).remember("happy", HAPPY, Seen(MONDAY, ids_of(1)))
    assert SegmentMemory(tmp_path, "b" * 32).recall("happy", HAPPY).reads == ()
    assert SegmentMemory(tmp_path, "a" * 32).recall("Happy", HAPPY).reads == ()
    changed = SegmentMemory(tmp_path, "a" * 32).recall("happy", ADA)
    assert (changed.filter_changed, changed.reads, changed.damaged) == (True, (), False)
    # Once the other filter was read, the first one is forgotten.
    SegmentMemory(tmp_path, "a" * 32).remember("happy", ADA, Seen(MONDAY, ids_of(2)))
    assert SegmentMemory(tmp_path, "a" * 32).recall("happy", HAPPY).filter_changed


def test_every_flipped_byte_and_every_cut_is_damage_and_no_crash(tmp_path: Path) -> None:
    kept = SegmentMemory(tmp_path, "t")
    kept.remember("happy", HAPPY, Seen(MONDAY, ids_of(1001, 1002)))
    (path,) = memory_files(tmp_path)
    whole = path.read_bytes()
    broken = [whole[:n] + bytes([whole[n] ^ 1]) + whole[n + 1 :] for n in range(len(whole))]
    for content in [*broken, *(whole[:n] for n in range(len(whole))), b"\n" * 9]:
        path.write_bytes(content)
        known = kept.recall("happy", HAPPY)
        assert (known.damaged, known.reads) == (True, ())
    kept.remember("happy", HAPPY, Seen(MONDAY, ids_of(1001)))
    assert not kept.recall("happy", HAPPY).damaged


def test_a_file_under_another_name_and_one_of_a_later_format_are_not_believed(tmp_path: Path) -> None:
    kept = SegmentMemory(tmp_path, "t")
    kept.remember("happy", HAPPY, Seen(MONDAY, ids_of(1001)))
    kept.remember("other", HAPPY, Seen(MONDAY, ids_of(1002)))
    first, second = memory_files(tmp_path)
    second.write_bytes(first.read_bytes())
    assert [kept.recall(name, HAPPY).damaged for name in ("happy", "other")].count(True) == 1
    first.unlink()
    first.mkdir()
    assert all(kept.recall(name, HAPPY).damaged for name in ("happy", "other"))


def test_the_later_reading_stays_whichever_is_kept_last(tmp_path: Path) -> None:
    kept = SegmentMemory(tmp_path, "t")
    for day in (2, 1, 3, 0):
        kept.remember("happy", HAPPY, Seen(MONDAY + day * DAY, ids_of(day)))
    assert [seen.at for seen in kept.recall("happy", HAPPY).reads] == [MONDAY + 3 * DAY, MONDAY + 2 * DAY]


def _remember_often(folder: str, start: int) -> None:
    for number in range(20):
        at = MONDAY + timedelta(seconds=start + 2 * number)
        SegmentMemory(Path(folder), "t").remember("happy", HAPPY, Seen(at, np.arange(start, 5_000)))


def test_processes_that_remember_at_once_corrupt_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_remember_often, args=(str(tmp_path), n)) for n in (0, 1)]
    for each in writers:
        each.start()
    kept = SegmentMemory(tmp_path, "t")
    while any(each.is_alive() for each in writers):
        assert not kept.recall("happy", HAPPY).damaged
    assert [each.exitcode for each in writers] == [0, 0]
    assert [seen.at for seen in kept.recall("happy", HAPPY).reads] == [MONDAY + timedelta(seconds=n) for n in (39, 38)]


def test_who_remembers_waits_for_who_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading, adding and writing are one step: a reading that another process adds meanwhile would be lost."""
    monkeypatch.setattr(alone, "PATIENCE_S", 0.1)
    kept = SegmentMemory(tmp_path, "t")
    kept.remember("happy", HAPPY, Seen(MONDAY, ids_of(1)))
    with alone.alone(tmp_path / memory.FOLDER / ".lock"):
        for change in (
            lambda: kept.remember("happy", HAPPY, Seen(MONDAY + DAY, ids_of(2))),
            lambda: kept.remember_count("happy", HAPPY, MONDAY, 1),
            lambda: memory.forget(tmp_path, "happy"),
        ):
            with pytest.raises(ExportError, match="another process"):
                change()
    assert [seen.at for seen in kept.recall("happy", HAPPY).reads] == [MONDAY]


def test_delete_and_forget_remove_what_is_remembered(tmp_path: Path) -> None:
    segments = Segments(tmp_path)
    for name in ("happy", "other", "gone"):
        segments.save(name, HAPPY)
        for tenant in ("a" * 32, "b" * 32):
            SegmentMemory(tmp_path, tenant).remember(name, HAPPY, Seen(MONDAY, ids_of(1)))
    assert len(memory_files(tmp_path)) == 6
    segments.delete("gone")
    assert len(memory_files(tmp_path)) == 4
    assert segments.forget("happy") == 2
    assert "happy" in segments
    assert SegmentMemory(tmp_path, "a" * 32).recall("happy", HAPPY).reads == ()
    assert len(SegmentMemory(tmp_path, "a" * 32).recall("other", HAPPY).reads) == 1
    (tmp_path / memory.FOLDER / "theirs.json").write_text("theirs")
    assert segments.forget() == 2
    assert [path.name for path in memory_files(tmp_path)] == ["theirs.json"]
    assert Segments(tmp_path / "nowhere").forget() == 0
    assert not (tmp_path / "nowhere").exists()


def test_what_was_not_run_for_400_days_is_forgotten(tmp_path: Path) -> None:
    kept = SegmentMemory(tmp_path, "t")
    kept.remember("old", HAPPY, Seen(MONDAY, ids_of(1)))
    (path,) = memory_files(tmp_path)
    for days, left in ((399, 2), (401, 1)):
        os.utime(path, (time.time() - days * 86_400,) * 2)
        kept.remember("new", HAPPY, Seen(MONDAY, ids_of(1)))
        assert len(memory_files(tmp_path)) == left


def test_a_memory_that_others_can_open_is_refused(tmp_path: Path) -> None:
    (tmp_path / memory.FOLDER).mkdir(mode=0o755)
    (tmp_path / memory.FOLDER).chmod(0o755)
    with pytest.raises(SettingsError, match="chmod 700"):
        SegmentMemory(tmp_path, "t").remember("happy", HAPPY, Seen(MONDAY, ids_of(1)))
    assert memory_files(tmp_path) == []


# ── the difference ─────────────────────────────────────────────────────────────────────────────────────────────────

SETS = st.frozensets(st.integers(1, 60), max_size=40)


def sorted_ids(members: Any) -> Any:
    return np.array(sorted(members), dtype=np.int64)


@given(SETS, SETS)
def test_the_difference_is_that_of_the_sets(before: frozenset[int], now: frozenset[int]) -> None:
    recalled = Recollection(reads=(Seen(MONDAY, sorted_ids(before)),))
    found = difference_of(recalled, sorted_ids(now), MONDAY + DAY)
    assert (found.state, found.since) == ("compared", MONDAY)
    assert found.added.tolist() == sorted(now - before)
    assert found.removed.tolist() == sorted(before - now)


def test_a_reading_is_compared_with_the_newest_earlier_one() -> None:
    recalled = Recollection(reads=(Seen(MONDAY + 2 * DAY, ids_of(1, 2, 3)), Seen(MONDAY, ids_of(1))))
    # The same reading out of the cache again shows the same difference again.
    assert str(difference_of(recalled, ids_of(1, 2, 3), MONDAY + 2 * DAY)) == "+2 −0  since 2026-11-16 09:00 UTC"
    assert difference_of(recalled, ids_of(1, 2), MONDAY + DAY).since == MONDAY
    assert difference_of(recalled, ids_of(1, 2), MONDAY + 3 * DAY).since == MONDAY + 2 * DAY
    assert str(difference_of(recalled, ids_of(1), MONDAY - DAY)) == "not comparable"
    assert str(difference_of(Recollection(), ids_of(1), MONDAY)) == "first time"
    assert str(difference_of(Recollection(reads=(Seen(MONDAY, ids_of(1)),)), ids_of(1), MONDAY)) == "first time"
    assert str(difference_of(Recollection(filter_changed=True), ids_of(1), MONDAY)) == "filter changed"


def test_a_count_is_compared_with_counts_and_readings() -> None:
    recalled = Recollection(reads=(Seen(MONDAY, ids_of(1, 2, 3)),), counts=((MONDAY + DAY, 5),))
    assert change_of(recalled, 4, MONDAY + 2 * DAY).change == -1
    assert str(change_of(recalled, 4, MONDAY + DAY)) == "+1  since 2026-11-16 09:00 UTC"
    assert str(change_of(recalled, 4, MONDAY)) == "first time"
    assert str(change_of(recalled, 4, MONDAY + 2 * DAY, is_upper_bound=True)) == "not comparable"
    assert str(change_of(Recollection(filter_changed=True), 4, MONDAY)) == "filter changed"


# ── sets ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def members(name: str, ids: Any, url: str = "http://a/rest", **columns: Any) -> SegmentMembers:
    ids = sorted(ids)
    said = pa.array([f"{name}-{each}" for each in ids], type=pa.string())
    table = pa.table({"user_id": pa.array(ids, type=pa.int64()), "said": said, **columns})
    return SegmentMembers(name=name, base_url=url, table=table)


@given(SETS, SETS)
def test_algebra_is_that_of_pythons_sets(a: frozenset[int], b: frozenset[int]) -> None:
    left, right = members("a", a), members("b", b)
    for made, wanted in ((left & right, a & b), (left | right, a | b), (left - right, a - b), (left ^ right, a ^ b)):
        assert made.ids.tolist() == sorted(wanted)
        assert made.count == len(made) == len(wanted) == len(made.to_pandas())
        frame = made.to_pandas()
        assert frame["user_id"].tolist() == sorted(wanted)
        assert frame["said"].tolist() == [f"{'a' if each in a else 'b'}-{each}" for each in sorted(wanted)]
        assert frame.attrs == {}
        assert all(each in made for each in wanted)


def test_a_set_says_how_it_was_made() -> None:
    happy, big, old = (members(name, [1, 2]) for name in ("happy", "big", "old"))
    assert ((happy & big) - (old | happy)).name == "(happy & big) - (old | happy)"
    assert repr(happy ^ big) == "<SegmentMembers happy ^ big: 0 customers>"
    assert "&lt;b&gt;" in members("<b>", [1])._repr_html_()
    assert "\x1b" not in repr(members("\x1b[2J", [1]))


def test_sets_of_two_servers_do_not_mix() -> None:
    with pytest.raises(SettingsError, match="two servers"):
        members("a", [1]) & members("b", [1], url="http://b/rest")
    with pytest.raises(TypeError):
        members("a", [1]) & {1}


def test_columns_are_united_and_types_that_differ_are_text() -> None:
    left = members("a", [1, 2], mine=pa.array([1, 2]), both=pa.array([1, 2]), deep=pa.array([[1], None]))
    right = members(
        "b", [2, 3], theirs=pa.array([True, False]), both=pa.array(["x", "y"]), deep=pa.array([{"k": 1}] * 2)
    )
    frame = (left | right).to_pandas()
    assert list(frame) == ["user_id", "said", "mine", "both", "deep", "theirs"]
    assert frame["mine"].to_list() == [1, 2, pd.NA]
    assert frame["both"].to_list() == ["1", "2", "y"]
    assert frame["deep"].to_list() == ["[1]", pd.NA, '{"k": 1}']
    assert frame["theirs"].to_list() == [pd.NA, pd.NA, False]
    nothing = pa.nulls(2)
    assert (members("a", [1, 2], c=nothing) | members("b", [3], c=pa.array([7]))).to_pandas()["c"].to_list() == [
        pd.NA,
        pd.NA,
        7,
    ]


def test_rows_without_an_id_count_and_take_no_part() -> None:
    table = pa.table({"user_id": pa.array([1, None], type=pa.int64())})
    some = SegmentMembers(name="a", base_url="u", table=table)
    assert (some.count, some.ids.tolist()) == (2, [1])
    assert (some | some).count == 1


@pytest.mark.parametrize(
    "column",
    [
        pd.Series([3, 1, 9], index=list("abc")),
        pd.Series([3.0, 1.0, float("nan")], index=list("abc")),
        pd.Series(["3", "1", "nobody"], index=list("abc")),
        pd.Series(["3", "1", None], index=list("abc"), dtype="string[pyarrow]"),
        pd.Series([3, 1, None], index=list("abc"), dtype="int64[pyarrow]"),
        pd.Series([3, 1, None], index=list("abc"), dtype="Int64"),
        pd.Series([3, 1, None], index=list("abc"), dtype="object"),
    ],
    ids=lambda column: str(column.dtype),
)
def test_a_mask_marks_the_rows_of_a_users_own_frame(column: "pd.Series[Any]") -> None:
    some = members("happy", [1, 2])
    mine = pd.DataFrame({"user_id": column, "spent": [10, 20, 30]})
    before = mine.copy()
    for mask in (some.mask(mine), some.mask(column)):
        assert mask.dtype == bool
        assert mask.to_dict() == {"a": False, "b": True, "c": False}
    assert mine[some.mask(mine)]["spent"].tolist() == [20]
    pd.testing.assert_frame_equal(mine, before)
    with pytest.raises(SettingsError, match="user_id"):
        some.mask(mine[["spent"]])


@pytest.mark.parametrize("wrong", [[1004], 1004, np.array([1004]), {"user_id": [1004]}, None])
def test_a_mask_is_of_a_frame_or_a_series(wrong: Any) -> None:
    with pytest.raises(SettingsError, match=r"mask\(\) takes a DataFrame with user_id, or a Series of ids, not a"):
        members("a", {1004}).mask(wrong)


def test_a_segment_is_neither_true_nor_false() -> None:
    a: Any = members("a", {1})
    b: Any = members("b", set())
    questions: tuple[Callable[[], Any], ...] = (lambda: a and b, lambda: b or a, lambda: not a, lambda: 1 if b else 2)
    for question in questions:
        with pytest.raises(ValueError, match=r"Combine segments by & \| - \^.*ask \.count"):
            question()


@pytest.mark.parametrize("sign", [operator.and_, operator.or_, operator.sub, operator.xor])
@pytest.mark.parametrize(
    "other",
    [
        pd.Series([True]),
        pd.DataFrame({"user_id": [1]}),
        np.array([True]),
        pd.Index([True]),
        pd.array([True]),
        {1},
        [1],
        True,
        np.bool_(1),
    ],
)
def test_a_segment_combines_with_segments_only(sign: Any, other: Any) -> None:
    for left, right in ((members("a", {1}), other), (other, members("a", {1}))):
        with pytest.raises(TypeError, match=r"not with a .*df\[mask & segment\.mask\(df\)\]"):
            sign(left, right)


def test_help_says_how_a_segment_becomes_a_frame_and_a_file() -> None:
    for kind in (SegmentMembers, sc.SegmentResult):
        assert "to_pandas().sellercloud.to_" in str(kind.__doc__)


def test_ids_are_not_to_be_written_and_survive_a_pickle() -> None:
    some = members("a", [2, 1])
    assert some.count == len(some.ids)
    again = pickle.loads(pickle.dumps(some))  # noqa: S301
    for each in (some, again):
        assert each.ids.tolist() == [1, 2]
        with pytest.raises(ValueError, match="read-only"):
            each.ids[0] = 7


@pytest.mark.timeout(20)
def test_a_pipe_in_the_place_of_a_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "segments.json")
    kept = SegmentMemory(tmp_path, "t")
    kept.remember("happy", HAPPY, Seen(datetime.now(UTC), ids_of(1, 2)))
    (path,) = memory_files(tmp_path)
    path.unlink()
    os.mkfifo(path)

    with pytest.raises(SettingsError, match="move it away"):
        Segments(tmp_path).names()
    assert kept.recall("happy", HAPPY).damaged


@pytest.mark.parametrize("ids", [[2, 1], [1.5], ["1"], [True], [[1, 2]], [2**63], {"1": 2}, None, 0.5])
def test_a_memory_of_another_shape_is_damage(tmp_path: Path, ids: object) -> None:
    """Its seal is a checksum, so that a true one says nothing of what is in it."""
    kept = SegmentMemory(tmp_path, "t")
    kept.remember("happy", HAPPY, Seen(datetime.now(UTC), ids_of(1, 2)))
    (path,) = memory_files(tmp_path)
    document = json.loads(path.read_bytes().partition(b"\n")[2])
    for wrong in ({"reads": [document["reads"][0] | {"ids": ids}]}, {"counts": [["2026-01-05T10:00:00", ids]]}):
        body = json.dumps(document | wrong).encode()
        path.write_bytes(hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
        assert kept.recall("happy", HAPPY).damaged
