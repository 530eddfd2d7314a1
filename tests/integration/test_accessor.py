"""`df.sellercloud` on frames as people have them: read, filtered, sorted, put together, written and read, merged."""

import gc
import json
import pickle
import re
import sys
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pandas.testing
import pyarrow as pa
import pytest

import sc_pandas as sc
from sc_pandas.query.connection import Connection
from sc_pandas.settings import Credentials, Secret, base_url
from tests.support.shops import shop_of
from tests.support.truth_frames import with_truth

TODAY = {"wholesale": {"customer_type": "Wholesale"}, "happy": sc.CustomerFilter.of(rating=[4, 5])}


@pytest.fixture
def box() -> Iterator[sc.sandbox.Sandbox]:
    with sc.sandbox.serve(customers=160, seed=11) as server:
        yield server


@pytest.fixture
def shop(box: sc.sandbox.Sandbox, tmp_path: Path) -> Iterator[Connection]:
    with shop_of(box, tmp_path / "shop") as connection:
        yield connection


@pytest.fixture
def frame(shop: Connection) -> pd.DataFrame:
    return shop.customers().to_pandas()


def halves(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([frame.iloc[80:], frame.iloc[:80]])


def through_parquet(frame: pd.DataFrame) -> pd.DataFrame:
    frame.sellercloud.to_parquet("customers.parquet")
    return sc.read_parquet("customers.parquet")


def with_orders(frame: pd.DataFrame) -> pd.DataFrame:
    """Merge with a foreign frame; pandas drops the attrs."""
    orders = pd.DataFrame({"user_id": frame["user_id"], "orders": range(len(frame))})
    orders.attrs = {"mine": 1}
    merged = frame.merge(orders, on="user_id")
    assert merged.attrs == {}
    return merged


KEEPING: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "as it was read": lambda frame: frame, "filtered": lambda frame: frame[frame["rating"] >= 0],
    "sorted": lambda frame: frame.sort_values("last_name"), "put together": halves, "parquet": through_parquet,
    "with a column more": lambda frame: frame.assign(mine=1),
}  # fmt: skip
KINDS = KEEPING | {"merged": with_orders}


def works(frame: pd.DataFrame) -> None:
    """Everything that needs columns only."""
    accessor = sc.SellerCloudAccessor(frame)
    wholesale = accessor.where(customer_type="Wholesale")
    assert wholesale.index.equals(frame.index[frame["is_whole_sale_user"].fillna(value=False).to_numpy(dtype=bool)])
    assert wholesale.attrs == frame.attrs
    labels = accessor.segment(TODAY, default="others")
    assert labels.index.equals(frame.index)
    assert (labels == "wholesale").sum() == len(wholesale)
    assert accessor.summary().customers == 160
    assert accessor.plot.by_rating().get_title() == "Customers by rating (n = 160)"
    assert not accessor.diff(frame)
    assert len(accessor.duplicates(by=["email", "name"])) > 0
    assert accessor.duplicates()["reason"].unique().tolist() == ["email"]
    assert len(accessor.drop_duplicates()) == 160 - accessor.drop_duplicates().sellercloud.left_out["same email"]


@pytest.mark.parametrize("kind", KINDS)
def test_each_method_works_and_leaves_the_frame_as_it_was(
    kind: str, frame: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also what asks the server again, while the frame says where it came from."""
    monkeypatch.chdir(tmp_path)
    other = KINDS[kind](frame)
    before, attrs = other.copy(deep=True), dict(other.attrs)
    works(other)
    if kind in KEEPING:
        assert sc.SellerCloudAccessor(other).provenance.base_url in sc.SellerCloudAccessor(other).to_code()
        pandas.testing.assert_frame_equal(sc.SellerCloudAccessor(other).refresh(), frame)
    pandas.testing.assert_frame_equal(other, before)
    assert other.attrs == attrs


def test_a_merged_frame_says_how_its_provenance_is_had_back(frame: pd.DataFrame) -> None:
    merged = with_orders(frame)
    accessor = sc.SellerCloudAccessor(merged)
    methods: list[Callable[[], object]] = [accessor.refresh, accessor.to_code, accessor.panel]
    methods += [lambda: accessor.query, lambda: accessor.provenance]
    for method in methods:
        with pytest.raises(sc.AccessorError, match=r"merged\.attrs\.update\(df\.attrs\)"):
            method()
    merged.attrs.update(frame.attrs)
    assert len(accessor.refresh()) == 160
    assert sc.SellerCloudAccessor(merged).provenance.base_url == sc.SellerCloudAccessor(frame).provenance.base_url


def test_the_report_stays_with_the_frames_of_its_read(
    box: sc.sandbox.Sandbox, shop: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts, copies and frames put together have it; what leaves the process has no raw value, and says so."""
    monkeypatch.chdir(tmp_path)
    odd = lambda right: replace(right, body=re.sub(rb'"Rating":\d', b'"Rating":"Canary"', right.body))  # noqa: E731
    box.fault(odd, times=None)
    with pytest.warns(sc.SchemaDriftWarning, match="rating"):
        frame = shop.customers(limit=50).to_pandas()
    for near in (frame, frame[frame["user_id"] > 1010], frame.copy(), halves(frame), frame.sort_values("email")):
        assert {each.raw for each in near.sellercloud.report.coercions} == {'"Canary"'}
    copied = pickle.loads(pickle.dumps(frame))  # noqa: S301  # our own
    away = [copied, through_parquet(frame), frame.sellercloud.redact(), with_orders(frame)]
    for far in away:
        with pytest.raises(sc.AccessorError, match=r"refresh\(\)\.sellercloud\.report"):
            far.sellercloud.report  # noqa: B018
    assert b"Canary" not in b"".join(pickle.dumps(each) for each in [frame, frame.attrs, *away])
    assert "Canary" not in repr(frame.sellercloud) + repr(frame.attrs) + json.dumps(frame.attrs)
    report = weakref.ref(frame.sellercloud.report)
    del near, frame
    gc.collect()
    assert report() is None


def test_a_foreign_frame_has_no_accessor() -> None:
    foreign = pd.DataFrame({"user_id": [1]})
    assert not hasattr(foreign, "sellercloud")
    with pytest.raises(sc.AccessorError, match="did not come from SellerCloud"):
        sc.SellerCloudAccessor(foreign)


def test_refresh_asks_the_exact_query_of_the_server(box: sc.sandbox.Sandbox, shop: Connection) -> None:
    query = shop.customers(
        customer_type="Wholesale", limit=10, columns=["user_id", "email", "channel"], page_size=20, include=["channel"]
    )
    frame = query.to_pandas()
    first = int(frame["user_id"].iloc[0])
    box.update(first, email="changed@example.org")
    seen = len(box.log.requests("list"))
    again = frame[:0].sellercloud.refresh()
    assert again["email"].iloc[0] == "changed@example.org"
    assert frame["email"].iloc[0] != "changed@example.org"
    times = {"started_at": "", "finished_at": ""}
    assert again.attrs["sellercloud"] | times == frame.attrs["sellercloud"] | times
    assert again.columns.tolist() == frame.columns.tolist() == ["user_id", "email", "channel"]
    asked = [dict(entry.params) for entry in box.log.requests("list")[seen:]]
    assert asked
    assert {params["pageSize"] for params in asked} == {"20"}
    assert sc.SellerCloudAccessor(frame).refresh(limit=2).shape == (2, 3)


def test_refresh_takes_other_options_and_refuses_unknown_ones(box: sc.sandbox.Sandbox, frame: pd.DataFrame) -> None:
    calls = box.calls("list")
    assert len(sc.SellerCloudAccessor(frame).refresh(cache="offline")) == 160
    assert box.calls("list") == calls
    with pytest.raises(sc.SettingsError, match="There is no option cash"):
        sc.SellerCloudAccessor(frame).refresh(cash="use")  # type: ignore[call-arg]


def as_user(box: sc.sandbox.Sandbox, folder: Path, name: str) -> Connection:
    return Connection(base_url(box.url), Credentials(name, password=Secret("x")), cache_dir=folder)


def test_the_question_is_asked_again_as_the_same_user(
    box: sc.sandbox.Sandbox, shop: Connection, frame: pd.DataFrame, tmp_path: Path
) -> None:
    assert sc.SellerCloudAccessor(frame).provenance.tenant == shop.source.tenant
    with as_user(box, tmp_path, "boss@example.org"):
        assert sc.SellerCloudAccessor(frame).query.connection is shop
        assert len(sc.SellerCloudAccessor(frame).refresh()) == 160
        with shop_of(box, tmp_path / "shop") as newer:
            assert sc.SellerCloudAccessor(frame).query.connection is newer
        assert sc.SellerCloudAccessor(frame).query.connection is shop


def test_nobody_is_asked_in_the_place_of_the_user(
    box: sc.sandbox.Sandbox, shop: Connection, frame: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.close()
    asked = len(box.log)
    monkeypatch.setenv("SC_PANDAS_CACHE_DIR", str(tmp_path / "cache"))
    with as_user(box, tmp_path, "boss@example.org") as boss, as_user(box, tmp_path, "clerk@example.org") as clerk:
        with pytest.raises(sc.AccessorError, match=rf"read at {box.url[7:]} by another user.*username="):
            sc.SellerCloudAccessor(frame).refresh()
        # A login of the right user is found where nobody is asked for it; one of somebody else is no better.
        monkeypatch.setenv("SELLERCLOUD_SERVER", box.url)
        monkeypatch.setenv("SELLERCLOUD_USERNAME", "boss@example.org")
        monkeypatch.setenv("SELLERCLOUD_PASSWORD", box.password)
        with pytest.raises(sc.AccessorError, match="by another user"):
            sc.SellerCloudAccessor(frame).refresh()
        assert len(box.log) == asked
        monkeypatch.setenv("SELLERCLOUD_USERNAME", box.username.upper())
        with sc.SellerCloudAccessor(frame).query.connection as found:
            assert found not in {boss, clerk}
            assert len(sc.SellerCloudAccessor(frame).refresh()) == 160
        old = frame.copy()
        old.attrs = {"sellercloud": {**frame.attrs["sellercloud"], "tenant": ""}}
        with pytest.raises(sc.AccessorError, match="does not say whose it is, and several users are connected"):
            _ = sc.SellerCloudAccessor(old).query
        clerk.close()
        assert sc.SellerCloudAccessor(old).query.connection is boss
    monkeypatch.setenv("SELLERCLOUD_USERNAME", "boss@example.org")
    with pytest.raises(sc.AccessorError, match="by another user"):
        _ = sc.SellerCloudAccessor(frame).query


def test_what_changed_since_the_last_read(box: sc.sandbox.Sandbox, frame: pd.DataFrame) -> None:
    ids = frame["user_id"].tolist()
    added = box.insert(3)
    box.update(ids[5], rating=1 if frame["rating"].iloc[5] != 1 else 2)
    box.merge(ids[7], ids[8])
    now = sc.SellerCloudAccessor(frame).refresh()
    change = sc.SellerCloudAccessor(frame).diff(now)
    assert change.added["user_id"].tolist() == added
    assert change.removed["user_id"].tolist() == [ids[8]]
    assert change.counts.to_dict() == {"rating": 1, "rating_name": 1}
    assert len(change.added.sellercloud.refresh()) == len(now)


def test_where_compares_what_include_read_as_the_server_does(shop: Connection) -> None:
    """Each filter by itself is compared by a property test."""
    frame = shop.customers(include=["channel", "created_on", "phones", "addresses"]).to_pandas()
    asked: dict[str, Any] = {"channel": ["Amazon", "Etsy"], "created_on_from": "2024-03-01", "city": "e"}
    asked["phone_number"] = frame["phone1"].dropna().iloc[3]
    for name, value in asked.items():
        mine = sc.SellerCloudAccessor(frame).where(**{name: value})
        assert 0 < len(mine) < 160
        assert mine["user_id"].tolist() == shop.customers(**{name: value}).to_pandas()["user_id"].tolist(), name


def test_where_names_the_nearest_filter(frame: pd.DataFrame) -> None:
    with pytest.raises(sc.FilterError, match="Did you mean rating"):
        sc.SellerCloudAccessor(frame).where(ratng=5)  # type: ignore[call-arg]
    assert len(sc.SellerCloudAccessor(frame).where()) == 160
    assert sc.SellerCloudAccessor(frame).where(customer_ids=[1001, 1003])["user_id"].tolist() == [1001, 1003]


def test_the_first_segment_wins_and_the_rest_is_missing(frame: pd.DataFrame) -> None:
    labels = sc.SellerCloudAccessor(frame).segment({
        "low ids": {"customer_ids": [1001, 1002]}, "series": frame["user_id"] <= 1003,
        "array": (frame["user_id"] == 1004).to_numpy(), "function": lambda rows: rows["user_id"] == 1005,
        "a function to a filter": lambda _: {"customer_ids": 1006},
        "filter": sc.CustomerFilter.of(customer_ids=[1001, 1007]), "list": [False] * 160,
        "missing is no": frame["rating"].where(frame["user_id"] < 0) == 0,
    })  # fmt: skip
    assert labels.name == "segment"
    assert labels.dtype == pd.ArrowDtype(pa.string())
    names = ["low ids", "low ids", "series", "array", "function", "a function to a filter", "filter"]
    assert labels.iloc[:7].tolist() == names
    assert labels.iloc[7:].isna().all()


def test_saved_filters_are_segments(frame: pd.DataFrame, tmp_path: Path) -> None:
    saved = sc.Segments(tmp_path)
    saved.save("b wholesale", sc.CustomerFilter.of(customer_type="Wholesale"))
    saved.save("a happy", sc.CustomerFilter.of(rating=[4, 5]))
    labels = sc.SellerCloudAccessor(frame).segment(saved, default="others")
    expected = sc.SellerCloudAccessor(frame).segment(
        {"a happy": TODAY["happy"], "b wholesale": TODAY["wholesale"]}, default="others"
    )
    pandas.testing.assert_series_equal(labels, expected)
    assert set(labels) == {"a happy", "b wholesale", "others"}


@pytest.mark.parametrize(("segment", "message"), [
    ({"channel": "Amazon"}, "Segment 'x': channel cannot be checked"),
    ({"ratng": 5}, "Segment 'x': There is no filter 'ratng'. Did you mean rating"),
    (sc.CustomerFilter.of(keyword="a"), "Segment 'x': keyword can only"),
    ([True], "Segment 'x' is a filter.*160 rows, not list"), ("Wholesale", "Segment 'x' is a filter.*not str"),
    (pd.Series([True] * 160, index=range(1, 161)), "another index"), (["yes"] * 160, "True and False only"),
])  # fmt: skip
def test_a_segment_that_cannot_be_judged_is_named(frame: pd.DataFrame, segment: Any, message: str) -> None:
    with pytest.raises(sc.FilterError, match=message):
        sc.SellerCloudAccessor(frame).segment({"fine": {"rating": 5}, "x": segment})


def test_pictures_count_what_is_there_and_say_what_is_missing(box: sc.sandbox.Sandbox, frame: pd.DataFrame) -> None:
    truth = with_truth(frame, box.customers())
    truth.loc[truth.index[:30], "channel"] = pd.NA
    ax: Any = sc.SellerCloudAccessor(truth).plot.by_channel()
    assert ax.get_title() == "Customers by channel (n = 160; 30 without a channel)"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("customers", "channel")
    labels = [text.get_text() for text in ax.get_yticklabels()]
    drawn = dict(zip(labels, [int(bar.get_width()) for bar in ax.patches], strict=True))
    expected = truth["channel"].value_counts()
    assert drawn == {str(name).replace("_", " "): count for name, count in expected.items()}
    assert list(drawn.values()) == sorted(drawn.values(), reverse=True)

    ax = sc.SellerCloudAccessor(frame).plot.by_rating()
    assert [text.get_text() for text in ax.get_yticklabels()] == [rating.name.replace("_", " ") for rating in sc.Rating]
    assert [bar.get_width() for bar in ax.patches] == [(frame["rating"] == rating).sum() for rating in sc.Rating]
    assert ax.get_title() == "Customers by rating (n = 160)"
    orders = pd.DataFrame({"user_id": frame["user_id"], "order": 1}).iloc[[0, 0, 1]]
    twice = frame.merge(orders, on="user_id", how="left")
    assert len(twice) == 161
    assert sc.SellerCloudAccessor(twice).plot.by_rating().get_title() == "Customers by rating (n = 160)"
    odd = frame.assign(rating_name=frame["rating_name"].where(frame["rating"] < 5))
    unknown = (frame["rating"] == 5).sum()
    ax = sc.SellerCloudAccessor(odd).plot.by_rating()
    assert ax.get_title() == f"Customers by rating (n = 160; {unknown} without a known rating)"


@pytest.mark.parametrize("name", ["created_on", "created_month"])
def test_months_without_customers_are_zero(frame: pd.DataFrame, name: str) -> None:
    texts = ["2025-11-30T23:00:00", "2026-02-01", "2025-11-01"]
    days: list[Any] = [*map(datetime.fromisoformat, texts), None]
    kind = pa.timestamp("us")
    if name == "created_month":
        days = [day and day.replace(day=1, hour=0) for day in days]
    rows = frame.iloc[:4].reset_index(drop=True).assign(**{name: pd.Series(days, dtype=pd.ArrowDtype(kind))})
    ax: Any = sc.SellerCloudAccessor(rows).plot.by_created_month()
    assert [bar.get_height() for bar in ax.patches] == [2, 0, 0, 1]
    assert ax.get_title() == "Customers by month of creation (n = 4; 1 without a date of creation)"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("created, by month", "customers")
    ax.get_figure(root=True).savefig("/dev/null", format="png")
    nobody: Any = sc.SellerCloudAccessor(rows.iloc[3:]).plot.by_created_month()
    assert len(nobody.patches) == 0
    nobody.get_figure(root=True).savefig("/dev/null", format="png")


def test_a_picture_goes_where_it_is_told_and_touches_nothing(frame: pd.DataFrame) -> None:
    from matplotlib.figure import Figure

    had_pyplot = "matplotlib.pyplot" in sys.modules
    mine, plot = Figure().add_subplot(), sc.SellerCloudAccessor(frame).plot
    assert plot.by_rating(ax=mine) is mine
    assert plot.by_rating()._repr_png_().startswith(b"\x89PNG")  # type: ignore[attr-defined]
    assert ("matplotlib.pyplot" in sys.modules) == had_pyplot
    with pytest.raises(sc.AccessorError, match=r'no .channel.*include=."channel"'):
        plot.by_channel()
    with pytest.raises(sc.AccessorError, match=r'include=."created_month"'):
        plot.by_created_month()
    assert repr(plot) == "<plots: by_rating(), by_created_month(), by_channel()>"


@pytest.mark.parametrize("name", ["user_id", "rating_name", "channel", "created_month"])
def test_a_column_that_stands_twice_is_not_drawn(frame: pd.DataFrame, name: str) -> None:
    full = frame.assign(channel="Amazon", created_month=pd.Timestamp("2026-01-01"))
    plot = sc.SellerCloudAccessor(pd.concat([full, full[[name]]], axis=1)).plot
    drawn = {"channel": plot.by_channel, "created_month": plot.by_created_month}.get(name, plot.by_rating)
    with pytest.raises(sc.AccessorError, match=f"several columns '{name}'"):
        drawn()


def test_a_missing_matplotlib_says_what_to_install(frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("matplotlib")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "sc_pandas.frames.canvas", raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r'pip install "sc_pandas\[plot\]"') as caught:
        sc.SellerCloudAccessor(frame).plot.by_rating()
    assert isinstance(caught.value, sc.MissingExtraError)
    assert caught.value.extra == "plot"
