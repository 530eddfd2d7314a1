"""`sc-pandas diff`: numbers on stdout, and diff's own exit codes."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import sc_pandas as sc
from sc_pandas.sandbox import Sandbox


@pytest.fixture
def days(at_box: Sandbox, cache_dir: Path, tmp_path: Path) -> list[Path]:
    with sc.connect() as shop:
        one = shop.customers().to_pandas()
    two = one.drop(index=0).assign(rating=one["rating"].replace(5, 4), is_wholesale_string="x")
    frames = (one.drop(columns="is_wholesale_string").drop(index=1), two)
    return [each.sellercloud.to_parquet(tmp_path / f"{n}.parquet") for n, each in enumerate(frames)]


def test_differences_are_counted_and_nobody_is_named(days: list[Path], run: Any, tmp_path: Path) -> None:
    same = run("diff", days[0], days[0])
    assert (same.code, same.out, same.err) == (0, "added    0\nremoved  0\nchanged  0\n", "")
    ran = run("diff", *days)
    change = sc.SellerCloudAccessor(sc.read_parquet(days[0])).diff(days[1])
    stars = int(change.counts["rating"])
    assert ran.code == 1
    assert ran.out.splitlines() == [
        "added    1", "removed  1", f"changed  {stars}", f"  rating: {stars}", "new columns: is_wholesale_string",
    ]  # fmt: skip
    as_json = run("diff", days[1], days[0], "--json", "--to", tmp_path / "c.csv")
    assert (as_json.code, json.loads(as_json.out)["columns"], as_json.json["gone_columns"]) == (
        1, {"rating": stars}, ["is_wholesale_string"],
    )  # fmt: skip
    lines = pd.read_csv(tmp_path / "c.csv")
    assert lines["change"].value_counts().to_dict() == {"changed": stars, "added": 1, "removed": 1}
    assert lines["user_id"].is_monotonic_increasing
    assert set(lines["column"].dropna()) == {"rating"}


@pytest.mark.parametrize("args", [
    ["no.parquet", "no.parquet"], ["days0", "days0", "--to", "x.parquet"], ["days0", "days0", "--to", "x"],
    ["days0", "days0", "--to", "no/x.csv"],
])  # fmt: skip
def test_what_cannot_be_compared_is_trouble(args: list[str], days: list[Path], run: Any, tmp_path: Path) -> None:
    asked = [days[0] if arg == "days0" else tmp_path / arg if "." in arg or arg == "x" else arg for arg in args]
    ran = run("diff", *asked)
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert "Traceback" not in ran.err
