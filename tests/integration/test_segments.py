"""Segments that are run against a SellerCloud that moves: exactly who came and who went, and what is remembered of it."""

import pickle
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import sc_pandas as sc
from sc_pandas.contract import PageRows
from sc_pandas.errors import CacheMissError, FilterError, SellerCloudError, SellerCloudWarning, SettingsError
from sc_pandas.sandbox import Sandbox
from sc_pandas.segments import memory
from tests.support.shops import shop_of

HAPPY = {4, 5}


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with sc.sandbox.serve(customers=300, seed=7) as box:
        yield box


@pytest.fixture
def shop(box: Sandbox, tmp_path: Path) -> Iterator[sc.Connection]:
    with shop_of(box, tmp_path / "cache") as shop:
        yield shop


@pytest.fixture
def segments() -> sc.Segments:
    """Return the user's own, in the data folder of this test."""
    segments = sc.Segments()
    segments.save("happy", rating=[4, 5])
    segments.save("wholesale", customer_type="Wholesale")
    return segments


def happy(box: Sandbox) -> set[int]:
    return {each["user_id"] for each in box.customers() if each["rating"] in HAPPY}


def wholesale(box: Sandbox) -> set[int]:
    return {each["user_id"] for each in box.customers() if each["is_whole_sale_user"]}


def memory_file(segments: sc.Segments) -> Path:
    (path,) = (segments.folder / memory.FOLDER).glob("*.json")
    return path


def test_the_difference_is_exactly_what_happened(box: Sandbox, shop: sc.Connection, segments: sc.Segments) -> None:
    first = shop.segments()
    before = {"happy": happy(box), "wholesale": wholesale(box)}
    for name, members in before.items():
        assert first[name].ids == members
        assert (first[name].count, first[name].since) == (len(members), None)
        assert (len(first[name].added), len(first[name].removed)) == (0, 0)
    assert str(first).splitlines()[0].split() == ["happy", str(len(before["happy"])), "first", "time"]

    stay, leave, merged = sorted(before["happy"])[:3]
    joins = next(each for each in sorted({c["user_id"] for c in box.customers()} - before["happy"]))
    new = box.insert(3, rating=5, is_whole_sale_user=True)
    box.update(leave, rating=1)
    box.update(joins, rating=4)
    box.merge(stay, merged)
    second = shop.segments(cache="refresh")

    assert second["happy"].added == {*new, joins}
    assert second["happy"].removed == {leave, merged}
    assert second["happy"].ids & second["wholesale"].ids == happy(box) & wholesale(box) != set()
    everybody = shop.customers().to_pandas()
    mine = everybody[second["happy"].mask(everybody)]
    assert mine["user_id"].tolist() == second["happy"].to_pandas()["user_id"].tolist() == sorted(happy(box))
    for name, now in (("happy", happy(box)), ("wholesale", wholesale(box))):
        assert second[name].ids == now
        assert second[name].added == now - before[name]
        assert second[name].removed == before[name] - now
        assert second[name].since == first[name].read.report.finished_at
    line = str(second).splitlines()[0]
    assert f"+4 −2  since {first['happy'].read.report.finished_at:%Y-%m-%d %H:%M} UTC" in line
    third = shop.segments(cache="refresh")
    assert "+0 −0" in str(third)
    assert third["happy"].since == second["happy"].read.report.finished_at


def test_a_repeat_from_the_cache_costs_no_call(box: Sandbox, shop: sc.Connection, segments: sc.Segments) -> None:
    """Running the cell again does not wash the difference away."""
    shop.segments("happy")
    new = box.insert(2, rating=5)
    second = shop.segments("happy", cache="refresh")
    calls = box.calls()
    for options in ({}, {"cache": "offline"}, {"max_age": 3_600}):
        again = shop.segments("happy", **options)
        assert again["happy"].added == set(new)
        assert str(again) == str(second)
    assert box.calls() == calls
    # The answer of before the change was asked again, from an older cache: it replaces nothing.
    assert shop.segments("happy", cache="refresh")["happy"].since == second["happy"].read.report.finished_at


_RUN = """
import sys, sc_pandas as sc
with sc.connect(sys.argv[1], username=sys.argv[2], password=sys.argv[3], cache_dir=sys.argv[4]) as shop:
    run = shop.segments("happy", cache="off", progress=False)
    print(sorted(run["happy"].added), sorted(run["happy"].removed), run["happy"].since is not None)
"""


def test_another_process_knows_the_last_time(
    box: Sandbox, shop: sc.Connection, segments: sc.Segments, tmp_path: Path
) -> None:
    """With another cache, too: what is remembered lies in the data folder, and survives the cache."""
    shop.segments("happy")
    new = box.insert(2, rating=4)
    subprocess.run(
        [sys.executable, "-m", "sc_pandas.cli", "cache", "clear", "--yes", "--cache-dir", str(tmp_path / "cache")],
        check=True,
        capture_output=True,
    )
    command = [sys.executable, "-c", _RUN, box.url, box.username, box.password, str(tmp_path / "other")]
    ran = subprocess.run(command, check=True, capture_output=True, text=True)
    assert ran.stdout == f"{new} [] True\n"
    gone = new[0]
    box.merge(1001, gone)
    assert shop.segments("happy", cache="refresh")["happy"].removed == {gone}


def test_memory_is_private_and_holds_ids_only(box: Sandbox, shop: sc.Connection, segments: sc.Segments) -> None:
    segments.save("ada", email=box.customers()[0]["email"])
    run = shop.segments("ada")
    path = memory_file(segments)
    text = path.read_text().casefold()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert str(*run["ada"].ids) in text
    record = box.customers()[0]
    names = [record[name] for name in ("email", "first_name", "last_name")]
    for private in (*names, box.username, box.password, "127.0.0.1"):
        assert private.casefold() not in text
        assert private.casefold() not in path.name


def test_a_damaged_memory_is_a_first_time(box: Sandbox, shop: sc.Connection, segments: sc.Segments) -> None:
    shop.segments("happy")
    path = memory_file(segments)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.warns(SellerCloudWarning, match="'happy' is damaged") as caught:
        run = shop.segments("happy", cache="refresh")
    assert caught[0].filename == __file__
    assert str(run["happy"]) == "first time"
    assert run["happy"].ids == happy(box)
    new = box.insert(1, rating=5)
    assert shop.segments("happy", cache="refresh")["happy"].added == set(new)
    # Nor has a filter a last time that was changed under its name.
    segments.save("happy", rating=5)
    assert str(shop.segments("happy")["happy"]) == "first time"


def test_a_memory_not_kept_is_a_warning(box: Sandbox, shop: sc.Connection, segments: sc.Segments) -> None:
    (segments.folder / memory.FOLDER).write_text("in the way")
    with pytest.warns(SellerCloudWarning, match="not remembered"):
        run = shop.segments("happy")
    assert run["happy"].ids == happy(box)


def test_only_a_proven_run_is_remembered(box: Sandbox, shop: sc.Connection, segments: sc.Segments) -> None:
    segments.save("everybody")
    first = shop.segments("everybody")
    new = box.insert(2)
    fast = shop.segments("everybody", cache="off", consistency="fast")
    assert fast["everybody"].added == set(new)
    assert "not verified" in str(fast)
    box.fault("status", status=500, every=1, times=None)
    failed = shop.segments("everybody", cache="refresh")
    assert list(failed.errors) == ["everybody"]
    box.clear_faults()
    again = shop.segments("everybody", cache="refresh")
    assert again["everybody"].added == set(new)
    assert again["everybody"].since == first["everybody"].read.report.finished_at


def test_users_and_servers_have_memories_of_their_own(
    box: Sandbox, shop: sc.Connection, segments: sc.Segments, tmp_path: Path
) -> None:
    shop.segments("happy")
    with sc.sandbox.serve(customers=60, seed=8) as other, shop_of(other, tmp_path / "cache") as there:
        assert there.segments("happy")["happy"].since is None
    assert segments.forget("happy") == 2
    assert shop.segments("happy", cache="refresh")["happy"].since is None
    segments.delete("happy")
    assert list((segments.folder / memory.FOLDER).glob("*.json")) == []


def test_a_segment_that_fails_hides_no_other(box: Sandbox, shop: sc.Connection, segments: sc.Segments) -> None:
    segments.save("zoned", created_on_from="2024-01-01T00:00+01:00")
    run = shop.segments("happy", "zoned", "wholesale")
    assert list(run) == ["happy", "wholesale"]
    assert run.asked == ("happy", "zoned", "wholesale")
    assert isinstance(run.errors["zoned"], FilterError)
    lines = str(run).splitlines()
    assert len(lines) == 3
    assert "failed: FilterError: created_on_from has a time zone" in lines[1]
    assert run["wholesale"].ids == wholesale(box)
    with pytest.raises(SellerCloudError, match="'zoned' failed") as caught:
        run["zoned"]
    assert caught.value.__cause__ is run.errors["zoned"]
    with pytest.raises(FilterError, match="did not ask the segment 'sad'; it asked 'happy', 'zoned', 'wholesale'"):
        run["sad"]
    assert "zoned" not in run
    assert run.get("zoned") is None
    again = pickle.loads(pickle.dumps(run))  # noqa: S301
    assert str(again) == str(run)
    assert str(again.errors["zoned"]) == str(run.errors["zoned"])


def test_what_cannot_be_asked_fails_alone(box: Sandbox, shop: sc.Connection, segments: sc.Segments) -> None:
    """A damaged filter in the file is one, too; the file as a whole is not."""
    text = (segments.folder / "segments.json").read_text()
    (segments.folder / "segments.json").write_text(text.replace('"happy": {', '"happy": {"nosuch": 1,'))
    offline = shop.segments(cache="offline")
    assert {name: type(error) for name, error in offline.errors.items()} == {
        "happy": FilterError,
        "wholesale": CacheMissError,
    }
    assert len(offline) == 0
    (segments.folder / "segments.json").write_text("{")
    with pytest.raises(SettingsError, match="move it away"):
        shop.segments()


def test_what_is_asked_wrongly_sends_nothing(box: Sandbox, shop: sc.Connection, segments: sc.Segments) -> None:
    with pytest.raises(FilterError, match="Did you mean 'happy'"):
        shop.segments("wholesale", "hapy")
    with pytest.raises(SettingsError, match="one by one"):
        shop.segments(["happy"])  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="cache is"):
        shop.segments("happy", cache="sometimes")  # type: ignore[arg-type]
    assert box.calls() == 0
    for name in segments:
        segments.delete(name)
    empty = shop.segments()
    assert (len(empty), box.calls()) == (0, 0)
    assert "No segment is saved" in str(empty)


def test_frames_say_where_they_came_from(box: Sandbox, shop: sc.Connection, segments: sc.Segments) -> None:
    run = shop.segments()
    frame = run["happy"].to_pandas()
    plain = shop.customers(rating=[4, 5]).to_pandas()
    assert frame.equals(plain)
    assert frame.attrs == plain.attrs
    assert frame.sellercloud.query.filter == run["happy"].filter


def test_a_result_travels_without_the_login(box: Sandbox, shop: sc.Connection, segments: sc.Segments) -> None:
    run = shop.segments()
    data = pickle.dumps(run)
    for secret in (box.password, box.username):
        assert secret.encode() not in data
    again = pickle.loads(data)  # noqa: S301
    assert str(again) == str(run)
    assert again["happy"].to_pandas().equals(run["happy"].to_pandas())
    assert again["happy"].ids == run["happy"].ids


def test_what_is_shown_is_counts_and_escaped_names(box: Sandbox, shop: sc.Connection, segments: sc.Segments) -> None:
    segments.save("<script>alert(1)</script>", rating=5)
    segments.save("\x1b[2Jclear", rating=5)
    segments.save("broken", created_on_from="2024-01-01T00:00+01:00")
    run = shop.segments()
    shown = [str(run), repr(run), run._repr_html_(), *(text(one) for one in run.values() for text in (repr, _html))]
    for text in shown:
        assert "\x1b" not in text
    for text in (run._repr_html_(), *map(_html, run.values())):
        assert "<script" not in text
    assert "&lt;script&gt;" in run._repr_html_()
    for record in box.customers():
        assert not [text for text in shown if record["email"] and record["email"] in text]


def _html(one: Any) -> str:
    return str(one._repr_html_())


def test_rows_without_an_id_are_only_counted(box: Sandbox, shop: sc.Connection, segments: sc.Segments) -> None:
    shop.segments("happy")
    get_page = shop.source.client.get_page

    def without_id(*args: Any, **options: Any) -> Any:
        page = get_page(*args, **options)
        first, *others = page.items
        nobody = {name: first[name] for name in first if name not in {"ID", "UserID"}}
        return replace(page, items=PageRows([nobody, *others]))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shop.source.client, "get_page", without_id)
        run = shop.segments("happy", cache="off")
    assert (str(run["happy"]).partition(":")[0], run["happy"].count) == ("not compared", len(happy(box)))
    assert len(run["happy"].ids) == run["happy"].count - 2  # one of each of the two lists
    assert str(shop.segments("happy", cache="refresh")["happy"]).startswith("+0 −0")
