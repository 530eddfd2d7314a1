"""`count` and `export`: every filter arrives, and stdout, stderr and exit code are what they promise."""

import re
import signal
import sqlite3
import stat
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import sc_pandas as sc
from sc_pandas.contract import FILTERS, Channel, Rating
from sc_pandas.sandbox import Sandbox
from sc_pandas.settings import Secret, base_url, keep_in_keyring

Record = dict[str, Any]


def folded(record: Record, *names: str) -> str:
    return "|".join((record[name] or "").casefold() for name in names)


# For each kind of filter: what is typed, and whom it means.  All options are made from the table of the filters.
ASKED: dict[str, tuple[list[str], Callable[[Record], bool]]] = {
    "customer_ids": (["1003", "1200", "1001"], lambda r: r["user_id"] in {1001, 1003, 1200}),
    "rating": (["satisfied", "very dissatisfied"], lambda r: r["rating"] in {1, 4}),
    "subscribed": (["no"], lambda r: not r["subscribed"]),
    "created_on_from": (["2024-01-01"], lambda r: r["created_on"] >= datetime(2024, 1, 1)),  # noqa: DTZ001
    "created_on_to": (["2024-06"], lambda r: r["created_on"] < datetime(2024, 7, 1)),  # noqa: DTZ001
    "city": (["Boston", "Chicago"], lambda r: any(c in folded(r, "city") for c in ("boston", "chicago"))),
    "channel": (["amazon", "1"], lambda r: r["channel"] in {4, 1}),
    "keyword": (["harbor"], lambda r: "harbor" in folded(r, "email", "first_name", "last_name", "corporate_name")),
}  # fmt: skip


def spelt(name: str, values: list[str]) -> list[str]:
    return [word for value in values for word in (f"--{name.replace('_', '-')}", value)]


@pytest.mark.parametrize("name", ASKED)
def test_a_filter_is_passed_through(name: str, at_box: Sandbox, run: Any, tmp_path: Path) -> None:
    """What is exported is whom the sandbox's own list means."""
    values, means = ASKED[name]
    wanted = [record["user_id"] for record in at_box.customers() if means(record)]
    assert wanted
    assert len(wanted) < len(at_box.customers())
    ran = run("export", tmp_path / "x.parquet", *spelt(name, values), "--json")
    assert ran.code == 0, ran
    assert sc.read_parquet(tmp_path / "x.parquet")["user_id"].tolist() == wanted
    counted = run("count", *spelt(name, values))
    assert (counted.code, counted.out) == (0, f"{len(wanted)}\n")


def test_minus_one_is_a_value_and_no_option(at_box: Sandbox, run: Any) -> None:
    assert run("count", "--subscribed", "-1").out == "300\n"


def test_a_relative_time_is_resolved_and_shown(serve: Any, run: Any) -> None:
    box = serve(20, seed=7)
    now = datetime.now()  # noqa: DTZ005
    box.insert(3, created_on=now - timedelta(days=2))
    box.insert(2, created_on=now - timedelta(days=9))
    ran = run("count", "--created-on-from", "-7d", "--created-on-to", "yesterday")
    since, to = (f"{now - timedelta(days=days):%Y-%m-%d}" for days in (7, 1))
    assert (ran.code, ran.out) == (0, "3\n"), ran
    assert f"(asked: created_on_from='{since}T00:00', created_on_to='{to}')" in ran.err
    run("segments", "save", "week", "--created-on-from", "-7d")
    (week,) = run("segments", "run", "--json").json["segments"]
    assert (week["filter"], week["asked"], week["count"]) == (
        {"created_on_from": "-7d"}, {"created_on_from": f"{since}T00:00"}, 3,
    )  # fmt: skip


@pytest.mark.parametrize("command", ["count", "export"])
def test_help_mentions_every_filter_and_the_names_of_its_values(command: str, run: Any) -> None:
    ran = run(command, "--help")
    assert ran.code == 0
    for fact in FILTERS:
        assert f"--{fact.name.replace('_', '-')} " in ran.out
    assert all(name in ran.out for name in [*Rating.__members__, "Retail", "Wholesale", "yes", "no", "all"])
    assert f"one of {len(Channel)} names" in re.sub(r"\s+", " ", ran.out)
    assert "Examples:" in ran.out
    assert "password" not in ran.out.lower()


# ── what the list does not carry ───────────────────────────────────────────────────────────────────────────────────
def test_included_columns_cost_the_calls_that_were_estimated(serve: Any, run: Any, tmp_path: Path) -> None:
    box = serve()
    asked = ("--include", "channel", "--include", "phones")
    said = run("export", tmp_path / "x.parquet", *asked, "--estimate", "--json")
    assert said.json["rows"] == 120
    assert not (tmp_path / "x.parquet").exists()
    before = box.calls("list") + box.calls("detail")
    assert run("export", tmp_path / "x.parquet", *asked).code == 0
    assert box.calls("list") + box.calls("detail") - before == said.json["calls"]
    df = sc.read_parquet(tmp_path / "x.parquet")
    truth = box.customers()
    assert df["channel"].tolist() == [Channel(record["channel"]).name for record in truth]
    assert df["phone1"].isna().tolist() == [record["phone1"] is None for record in truth]
    words = run("export", tmp_path / "x.parquet", *asked, "--estimate").out
    assert words == "120 customers, 0 calls, about 1 s\n"


# ── count ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_count_is_one_number_by_one_call_or_an_upper_bound(serve: Any, run: Any) -> None:
    box = serve()
    ran = run("count")
    assert (ran.code, ran.out, ran.err, box.calls("list")) == (0, "120\n", "", 1)
    ran = run("count", "--json", "--cache", "refresh")
    assert ran.json == {"count": 120, "is_upper_bound": False, "calls": 2, "age_s": None}
    asked = ("count", "--city", "o", "--city", "bo")
    union = run(*asked, "--json")
    assert (union.json["is_upper_bound"], union.err) == (True, "")
    ran = run(*asked, "--cache", "refresh")
    assert ran.out == f"{union.json['count']}\n"
    assert "An upper bound" in ran.err


def test_a_count_of_the_cache_says_its_age(serve: Any, run: Any) -> None:
    box = serve()
    run("count")
    box.insert(2)
    kept = run("count")
    assert (kept.code, kept.out) == (0, "120\n")
    assert re.fullmatch(r"\(from the cache, .* s old; --cache refresh counts anew\)\n", kept.err)
    as_json = run("count", "--json")
    assert 0 <= as_json.json["age_s"] < 60
    assert as_json.err == ""
    for options in (["--max-age", "0"], ["--cache", "refresh"]):
        before = box.calls("list")
        fresh = run("count", *options)
        assert (fresh.out, fresh.err, box.calls("list") - before) == ("122\n", "", 1)


def test_options_win_over_the_environment(serve: Any, run: Any, keys: Any, tmp_path: Path) -> None:
    """The environment's login belongs to the environment's server."""
    asked, other = serve(60), serve(70)
    ran = run("count", "--server", asked.url)
    assert (ran.code, ran.out, len(asked.log)) == (2, "", 0)
    assert "SELLERCLOUD_SERVER" in ran.err
    keep_in_keyring(base_url(asked.url), asked.username, Secret(asked.password))
    ran = run("count", "--server", asked.url, "--cache-dir", tmp_path / "elsewhere")
    assert (ran.code, ran.out, other.calls()) == (0, "60\n", 0)
    assert list((tmp_path / "elsewhere").glob("*.sqlite"))
    ran = run("count", "--username", "another@sandbox.test")
    assert (ran.code, "SELLERCLOUD_PASSWORD" in ran.err) == (2, True)


def test_times_with_a_zone_need_the_servers_zone(serve: Any, run: Any) -> None:
    box = serve()
    asked = ["count", "--created-on-from", "2024-01-01T00:00+00:00"]
    assert (run(*asked).code, box.calls()) == (2, 0)
    assert run(*asked, "--server-timezone", "America/New_York").code == 0
    (params,) = {entry.params for entry in box.log.requests("list")[:1]}
    assert re.search("2023-12-31T19:00:00|12/31/2023 19:00", str(params))


# ── export ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_export_writes_the_equal_frame_and_says_what_it_wrote(serve: Any, run: Any, tmp_path: Path) -> None:
    box, target = serve(), tmp_path / "customers.parquet"
    ran = run("export", target)
    assert ran.code == 0
    assert ran.err == ""
    facts = dict(line.split(maxsplit=1) for line in ran.out.splitlines())
    assert facts["path"] == str(target)
    assert facts["rows"] == "120"
    assert facts["verdict"] == "proven (order)"
    assert facts["calls"] == str(box.calls())
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    with sc.connect() as shop:
        pd.testing.assert_frame_equal(sc.read_parquet(target), shop.customers().to_pandas())


def test_export_as_json_is_stdout_alone(serve: Any, run: Any, tmp_path: Path) -> None:
    box, target = serve(), tmp_path / "x.parquet"
    ran = run("export", target, "--json", "--progress")
    facts = {"path": str(target), "rows": 120, "verdict": "proven (order)", "is_verified": True}
    assert ran.json == {**facts, "size_bytes": target.stat().st_size, "calls": box.calls()}
    assert "customers" in ran.err  # the bar
    again = run("export", target, "--json", "--no-progress")
    assert (again.json["calls"], again.err) == (0, "")


def test_reading_options_are_passed_through(serve: Any, run: Any, tmp_path: Path) -> None:
    box, target = serve(), tmp_path / "x.parquet"
    options = ["--limit", "30", "--columns", "email", "--columns", "user_id", "--page-size", "20"]
    ran = run("export", target, *options, "--json", "--allow-unverified")
    assert ran.json["rows"] == 30
    assert sc.read_parquet(target).columns.tolist() == ["email", "user_id"]
    assert "20" in {value for entry in box.log.requests("list") for _, value in entry.params}
    assert run("export", target, "--max-calls", "2", "--cache", "off").code == 2
    calls = box.calls()
    assert run("export", target, "--cache", "offline").code == 1
    assert box.calls() == calls


def test_what_is_not_proven_is_written_only_when_allowed(serve: Any, run: Any, tmp_path: Path) -> None:
    serve()
    target = tmp_path / "x.parquet"
    target.write_bytes(b"before")
    ran = run("export", target, "--consistency", "fast")
    assert ran.code == 3
    assert "--allow-unverified" in ran.err
    assert target.read_bytes() == b"before"
    ran = run("export", target, "--consistency", "fast", "--allow-unverified", "--json")
    assert ran.code == 0
    assert (ran.json["verdict"], ran.json["is_verified"]) == ("not verified", False)


def test_ctrl_c_leaves_the_file_that_was_there(
    serve: Any, start: Callable[..., subprocess.Popen[str]], tmp_path: Path, cache_dir: Path
) -> None:
    box = serve(2_000, latency_s=0.4)
    (tmp_path / "out").mkdir()
    target = tmp_path / "out" / "x.parquet"
    target.write_bytes(b"before")
    process = start("export", target, "--no-progress")
    while box.calls("list") < 3:
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (130, "", "sc-pandas: stopped.\n")
    assert [path.name for path in target.parent.iterdir()] == ["x.parquet"]
    assert target.read_bytes() == b"before"
    # The cache was closed under calls that were still under way: it is whole, and keeps what came.
    assert [path.name for path in cache_dir.iterdir() if "corrupt" in path.name] == []
    with closing(sqlite3.connect(next(cache_dir.glob("*.sqlite")))) as kept:
        assert kept.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert kept.execute("SELECT count(*) FROM responses").fetchone()[0] >= 1


@pytest.mark.parametrize(("name", "read"), [
    ("x.csv", pd.read_csv), ("x.csv.gz", pd.read_csv), ("x.tsv", lambda path: pd.read_csv(path, sep="\t")),
    ("x.xlsx", pd.read_excel), ("x.feather", pd.read_feather),
])  # fmt: skip
def test_the_name_of_an_export_says_its_format(name: str, read: Any, at_box: Sandbox, run: Any, tmp_path: Path) -> None:
    wanted = [record["user_id"] for record in at_box.customers()]
    ran = run("export", tmp_path / name, "--json")
    assert (ran.code, ran.json["rows"], ran.json["size_bytes"]) == (0, 300, (tmp_path / name).stat().st_size)
    assert read(tmp_path / name)["user_id"].tolist() == wanted
    assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["x", "x.ods", "x.parquet.gz", "no/x.csv"])
def test_a_file_that_cannot_be_written_is_told_first(name: str, serve: Any, run: Any, tmp_path: Path) -> None:
    box = serve()
    ran = run("export", tmp_path / name)
    assert (ran.code, ran.out, box.calls(), ran.err.count("\n")) == (1, "", 0, 1)
    assert "cannot be written" in ran.err


def test_a_dash_writes_csv_to_stdout(serve: Any, run_process: Any, start: Any, tmp_path: Path) -> None:
    """Messages go to stderr, and a reader that goes away early is no failure to be told at length."""
    serve()
    ran = run_process("export", "-", "--columns", "user_id", "--columns", "email")
    assert ran.code == 0
    assert ran.out.startswith('"user_id","email"\n')
    assert len(ran.out.splitlines()) == 121
    assert "verdict  proven" in ran.err
    assert list(tmp_path.glob("-")) == []
    process = start("export", "-")
    process.stdout.close()
    assert "Traceback" not in process.stderr.read()
    assert process.wait(timeout=30) == 1
