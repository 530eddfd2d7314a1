"""The same columns every day: what reads saw of a shop's custom columns is remembered."""

import logging
import sqlite3
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import sc_pandas as sc
from sc_pandas.query.connection import Connection
from tests.support.children import run_child
from tests.support.damage import flipped
from tests.support.shops import shop_of

_NOBODY = "nobody@nowhere.test"
_READ = """
    import sys, sc_pandas as sc
    url, user, password, folder, mode, *ids = sys.argv[1:]
    with sc.connect(url, username=user, password=password, cache_dir=folder) as shop:
        frame = shop.customers(customer_ids=list(map(int, ids)), cache=mode, progress=False).to_pandas()
        print(frame.dtypes.astype(str).to_dict())
"""


def custom(name: str, kind: int, value: object) -> list[dict[str, Any]]:
    keys = {"ColumnName": name, "DataType": kind, "Value": value, "IsDropDownAllowMultipleSelection": False}
    return [{"ID": 99, "DataLength": 50, "ClientID": 7001, "DisplayName": name, "IsRequired": False, **keys}]


@pytest.fixture(scope="module")
def box() -> Iterator[sc.sandbox.Sandbox]:
    with sc.sandbox.serve(customers=120, seed=7) as served:
        yield served


def in_a_process(box: sc.sandbox.Sandbox, folder: Path, *more: object) -> str:
    return run_child(_READ, box.url, box.username, box.password, folder, *more)


def test_anybody_and_nobody_have_the_same_columns(
    box: sc.sandbox.Sandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with shop_of(box, tmp_path) as shop:
        early = [len(shop.customers(customer_ids=[each]).to_pandas().columns) for each in (1001, 1005)]
        everybody = shop.customers().to_pandas()
        assert max(early) < len(everybody.columns)
        asked = {"ids": shop.customers(customer_ids=[1001]), "others": shop.customers(customer_ids=[1005]),
                 "nobody": shop.customers(email=_NOBODY), "off": shop.customers(customer_ids=[1001], cache="off"),
                 "refresh": shop.customers(customer_ids=[1001], cache="refresh"),
                 "union": shop.customers(city=["Bern", "Basel"]), "fast": shop.customers(consistency="fast"),
                 "offline": shop.customers(customer_ids=[1001], cache="offline"), "all": shop.customers()}  # fmt: skip
        frames = {name: query.to_pandas() for name, query in asked.items()}
        frames |= {"head": shop.customers().head(1), "page": shop.customers().page(3, 7).to_pandas()}
        frames["again"] = frames["ids"].sellercloud.refresh()
        frames["segment"] = shop.segments(segments={"one": sc.CustomerFilter(customer_ids=(1001,))})["one"].to_pandas()
        batches = shop.customers(customer_ids=[1001]).iter_batches()
        frames["batches"] = pd.DataFrame(next(batches).to_pandas(types_mapper=pd.ArrowDtype))
        frames["parquet"] = sc.read_parquet(shop.customers(email=_NOBODY).to_parquet(tmp_path / "no.parquet"))
        included = shop.customers(customer_ids=[1001], include=["comment"]).to_pandas()
        vip = shop.customers(email=_NOBODY, columns=["user_id", "custom.VIP"]).to_pandas()
    for name, frame in frames.items():
        assert frame.dtypes.astype(str).to_dict() == everybody.dtypes.astype(str).to_dict(), name
        assert list(frame) == list(everybody), name
    assert list(included) == [*everybody, "comment"]
    assert (list(vip), str(vip.dtypes["custom.VIP"])) == (["user_id", "custom.VIP"], "bool[pyarrow]")
    # In new processes: offline, past the cache, with one customer and another.
    for more in (("offline", 1001), ("off", 1005), ("use", 1007)):
        assert in_a_process(box, tmp_path, *more).strip() == str(everybody.dtypes.astype(str).to_dict()), more
    assert "custom." not in caplog.text
    assert not [path for path in tmp_path.rglob("*") if "VIP" in path.name]


def test_a_name_that_no_read_had_is_refused(box: sc.sandbox.Sandbox, tmp_path: Path) -> None:
    with shop_of(box, tmp_path) as shop:
        with pytest.raises(sc.SettingsError, match=r"read all customers once"):
            shop.customers(customer_ids=[1001], columns=["custom.VIP"]).to_pandas()
        shop.customers().to_pandas()
        with pytest.raises(sc.SettingsError, match=r"Did you mean 'custom.VIP'") as told:
            shop.customers(customer_ids=[1001], columns=["custom.VIIP"]).to_pandas()
        assert "once" not in str(told.value)


def told_by(shop: Connection, **asked: Any) -> list[str]:
    """Return what a read warns of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        shop.customers(cache="refresh", **asked).to_pandas()
    return [str(each.message) for each in caught]


def test_new_and_changed_columns_are_told_once(tmp_path: Path) -> None:
    """Also where two processes learn; values stay, in the type that holds all that came."""
    with sc.sandbox.serve(customers=60, seed=7) as box, shop_of(box, tmp_path) as one, shop_of(box, tmp_path) as other:
        assert told_by(one, customer_ids=[1001]) == told_by(one) == []
        for kind, value, says, dtype in (
            (1, 7, "custom.Points is new (int64)", "int64"),
            (2, 7.25, "custom.Points came as decimal and is decimal in every frame", "double"),
            (1, 8, "", "double"),
            (3, "2024-05-01T10:00:00", "custom.Points came as timestamp and is string in every frame", "string"),
            (4, True, "custom.Points came as bool and is string in every frame", "string"),
        ):  # fmt: skip
            box.update(1001, custom_columns=custom("Points", kind, value))
            told = told_by(one, customer_ids=[1001])
            assert [says in each for each in told] == [True] * bool(says), says
            assert told_by(other) == told_by(one) == []
            frame = other.customers(customer_ids=[1001], columns=["custom.Points"]).to_pandas()
            text = str(value).lower().replace("t1", "T1")
            assert frame.dtypes.astype(str).tolist() == [f"{dtype}[pyarrow]"]
            assert frame["custom.Points"].tolist() == [text if dtype == "string" else value]


def test_names_that_differ_in_case_keep_their_columns(tmp_path: Path) -> None:
    with sc.sandbox.serve(customers=60, seed=7) as box, shop_of(box, tmp_path) as shop:
        box.update(1001, custom_columns=custom("Size", 0, "L"))
        box.update(1002, custom_columns=custom("size", 0, "xl"))
        with pytest.warns(sc.SchemaDriftWarning):
            whole = shop.customers(customer_ids=[1001, 1002], columns=["custom.Size", "custom.size_2"]).to_pandas()
        small = shop.customers(customer_ids=[1002]).to_pandas()
    assert whole.to_numpy(na_value="").tolist() == [["L", ""], ["", "xl"]]
    assert small[["custom.Size", "custom.size_2"]].to_numpy(na_value="").tolist() == [["", "xl"]]
    assert "custom.size" not in small


@pytest.mark.fault("E09")
def test_a_damaged_memory_is_empty_and_told_once(box: sc.sandbox.Sandbox, tmp_path: Path) -> None:
    with shop_of(box, tmp_path) as shop:
        shop.customers().to_pandas()
        (path,) = tmp_path.glob("*.sqlite")
        with sqlite3.connect(path) as con:
            (good,) = con.execute("SELECT CAST(facts AS BLOB) FROM reads WHERE query = 'columns'").fetchone()
        for bad in [*flipped(good, 97), good[:-1], b"", b"{}"]:
            with sqlite3.connect(path) as con:
                con.execute("UPDATE reads SET facts = ? WHERE query = 'columns'", (bad,))
            con.close()
            with shop_of(box, tmp_path) as new:
                with pytest.warns(sc.CacheWarning, match="custom columns is damaged") as told:
                    # What is kept of an earlier read teaches it again.
                    new.customers(cache="offline").to_pandas()
                assert len(told) == 1
                assert "custom.VIP" in new.customers(customer_ids=[1001], cache="off").to_pandas()


def test_where_nothing_is_written_the_connection_knows(box: sc.sandbox.Sandbox, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with pytest.warns(sc.CacheWarning):
        shop = shop_of(box, tmp_path)
    with shop:
        everybody = shop.customers().to_pandas()
        assert shop.customers(email=_NOBODY).to_pandas().dtypes.equals(everybody.dtypes)
    assert not list(tmp_path.iterdir())


def test_processes_that_learn_at_once_lose_nothing(tmp_path: Path) -> None:
    script = """
    import sys; from pathlib import Path
    from sc_pandas.cache import Columns, ColumnMemory, HttpCache
    folder, mine = sys.argv[1:]
    memory = ColumnMemory(HttpCache(Path(folder), "0" * 32))
    for number in range(40):
        memory.learn(Columns({f"custom.{mine}{number}": ["int64"]}), on_disk=True)
    """
    code = "\n".join(line.strip() if "learn" not in line else "    " + line.strip() for line in script.splitlines())
    children = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path), each]) for each in "abc"]
    assert [child.wait(60) for child in children] == [0, 0, 0]
    from sc_pandas.cache import ColumnMemory, HttpCache

    assert len(ColumnMemory(HttpCache(tmp_path, "0" * 32)).known().kinds) == 120


def test_what_a_shop_has_and_what_it_costs(box: sc.sandbox.Sandbox, tmp_path: Path) -> None:
    with shop_of(box, tmp_path) as shop:
        first = shop.columns()
        frame = shop.customers(include=["subscribed"]).to_pandas()
        calls = box.calls()
        listed = shop.columns().set_index("name")
        assert box.calls() == calls
    assert first["filled"].isna().all()
    assert [listed["filled"][str(name)] for name in frame] == list(frame.notna().mean())
    assert [listed["type"][str(name)] for name in frame] == [str(each.pyarrow_dtype) for each in frame.dtypes]
    found = listed.loc[["custom.VIP", "channel", "created_month", "billing_city"], ["source", "include", "cost"]]
    assert found.to_numpy(na_value="").tolist() == [
        ["list", "", "in every read"], ["include", "channel", "a list for each of 74 values"],
        ["include", "created_month", "a list for each month of the years that have customers"],
        ["include", "addresses", "a call for each customer"],
    ]  # fmt: skip
