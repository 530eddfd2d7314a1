"""What people do with a frame every day, on each dtype backend: the values are those of plain pandas.

Plain pandas is a frame of the same Python values that pandas typed by itself.  What pandas cannot do on Arrow dtypes, or
does otherwise, stands in `CANNOT` with the way out, which is run as well.
"""

import io
import sqlite3
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import sc_pandas as sc
from sc_pandas.panel.preview import table_html
from sc_pandas.tables import DtypeBackend, dtypes
from tests.support.shops import served

plt.switch_backend("Agg")

BACKENDS: tuple[DtypeBackend, ...] = ("pyarrow", "numpy_nullable", "numpy")
LTV, VISITS, VIP, TIER = "custom.Lifetime Value", "custom.Visits", "custom.VIP", "custom.Loyalty Tier"
Idiom = Callable[[Any], Any]


def orders(df: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"user_id": [*df.user_id[:9].astype("int64"), 1], "total": [float(n) for n in range(10)]})


def mails(df: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"email": [*df.email[:5].astype(object), None], "total": range(6)})


def bars(ax: Any) -> list[float]:
    return [patch.get_height() for patch in ax.patches] or [y for line in ax.lines for y in line.get_ydata()]


def sql(df: pd.DataFrame) -> pd.DataFrame:
    with sqlite3.connect(":memory:") as base:
        df.to_sql("t", base, index=False)
        return pd.read_sql("select * from t", base)


def no_lists(df: pd.DataFrame) -> pd.DataFrame:
    return df.drop(columns=["groups", "group_ids"])


def both(df: pd.DataFrame) -> "pd.Series[Any]":
    return (df.rating >= 4) & (df[VISITS] > 100)


# fmt: off
IDIOMS: dict[str, Idiom] = {
    # rows
    "head": lambda df: df.head(3), "iloc": lambda df: df.iloc[5, 0], "loc": lambda df: df.loc[3, "email"],
    "boolean": lambda df: df[df.rating >= 4].user_id, "and": lambda df: df[(df.rating >= 3) & df.is_whole_sale_user].user_id,
    "not": lambda df: df[~df.is_whole_sale_user].user_id, "and missing": lambda df: df[both(df)].user_id,
    "missing is false": lambda df: df[df[VISITS] > 100].user_id, "isin": lambda df: df[df.rating.isin([4, 5])].user_id,
    "isin text": lambda df: df[df[TIER].isin(["Gold"])].user_id, "between": lambda df: df[df.rating.between(2, 4)].user_id,
    "query": lambda df: df.query("rating >= 4").user_id, "query backticks": lambda df: df.query("`custom.Visits` > 100").user_id,
    "isna": lambda df: df.email.isna(), "notna sum": lambda df: df.notna().sum(), "dropna": lambda df: df.dropna(subset=["email", LTV]).user_id,
    "sort": lambda df: df.sort_values(["rating", "user_id"]).user_id, "sort missing": lambda df: df.sort_values([VISITS, "user_id"]).user_id,
    "nlargest": lambda df: df.nlargest(3, LTV)[LTV], "nlargest int": lambda df: df.nlargest(3, VISITS)[VISITS],
    "drop_duplicates": lambda df: df.drop_duplicates(["last_name"]).user_id, "duplicated": lambda df: df.email.duplicated().sum(),
    "drop_duplicates frame": lambda df: no_lists(df).drop_duplicates().shape,
    "sample": lambda df: len(df.sample(5, random_state=1)), "set_index": lambda df: df.set_index("user_id").loc[1005, "email"],
    "reset_index": lambda df: df.set_index("email").reset_index().columns.size, "concat": lambda df: pd.concat([df.head(2), df.tail(2)]).user_id,
    "reindex": lambda df: df.set_index("user_id").reindex([1005, 1]).rating, "iterrows": lambda df: next(df.iterrows())[1]["user_id"],
    "itertuples": lambda df: next(df[["user_id", "email"]].itertuples(index=False)).email, "to_dict": lambda df: df.head(2)[["user_id", "rating", LTV]].to_dict("records"),
    # numbers
    "sum": lambda df: df[LTV].sum(), "mean": lambda df: df[LTV].mean(), "median": lambda df: df[LTV].median(), "std": lambda df: df[LTV].std(),
    "describe": lambda df: df[LTV].describe(), "describe int": lambda df: df[VISITS].describe(), "describe frame": lambda df: df[["rating", LTV]].describe(),
    "times two": lambda df: df[LTV] * 2, "times float": lambda df: df[LTV] * 1.19, "share": lambda df: df[LTV] / df[LTV].sum(),
    "divide": lambda df: df[LTV] / df[VISITS], "minus mean": lambda df: df[LTV] - df[LTV].mean(), "power": lambda df: df[VISITS] ** 2,
    "log": lambda df: np.log(df[LTV].dropna() + 1), "log1p": lambda df: np.log1p(df[VISITS].dropna().astype(float)),
    "cumsum": lambda df: df[LTV].cumsum(), "cumsum code": lambda df: df.rating.cumsum(), "cumsum int": lambda df: df[VISITS].cumsum(),
    "round": lambda df: df[LTV].round(1), "rank": lambda df: df[LTV].rank(), "clip": lambda df: df[LTV].clip(0, 100), "diff": lambda df: df[LTV].diff(),
    "pct_change": lambda df: df[LTV].dropna().pct_change(), "quantile": lambda df: df[LTV].quantile([0.1, 0.9]), "abs": lambda df: (df[LTV] - 50).abs(),
    "qcut": lambda df: pd.qcut(df[LTV], 4, labels=False).value_counts(), "cut": lambda df: pd.cut(df[VISITS], [0, 10, 100, 1000], labels=list("abc")).value_counts(),
    "corr": lambda df: df[[LTV, VISITS]].corr(), "rolling": lambda df: df[LTV].rolling(3).mean(), "fillna number": lambda df: df[LTV].fillna(0).sum(),
    "fillna median": lambda df: df[VISITS].fillna(df[VISITS].median()), "interpolate": lambda df: df[LTV].astype("float64").interpolate().sum(),
    "astype int": lambda df: df.rating.astype("int64"), "astype float": lambda df: df[VISITS].astype("float64"), "to_numpy": lambda df: df[LTV].to_numpy(dtype="float64", na_value=np.nan),
    "select number": lambda df: df.select_dtypes("number").columns, "max": lambda df: df[LTV].max(), "idxmax": lambda df: df[LTV].idxmax(),
    "large value": lambda df: df.assign(rating=df.rating.where(df.user_id != df.user_id.iloc[0], 300)).rating, "set code": lambda df: _set(df.copy(), 0, "rating", 300).rating,
    # groups
    "value_counts": lambda df: df.rating_name.value_counts().sort_index(), "value_counts missing": lambda df: df[VIP].value_counts(dropna=False).sort_values(),
    "groupby": lambda df: df.groupby("rating_name")[LTV].mean(), "groupby agg": lambda df: df.groupby("rating").agg(n=("user_id", "size"), ltv=(LTV, "sum")),
    "groupby two": lambda df: df.groupby(["rating", "is_whole_sale_user"]).size(), "groupby missing": lambda df: df.groupby(TIER, dropna=False).size(),
    "transform": lambda df: df[LTV] - df.groupby("rating")[LTV].transform("mean"), "nth": lambda df: df.sort_values("user_id").groupby("rating").user_id.first(),
    "apply": lambda df: df.groupby("rating")[LTV].apply(lambda s: s.max()), "crosstab": lambda df: pd.crosstab(df.rating_name, df.is_whole_sale_user),
    "pivot_table": lambda df: df.pivot_table(index="rating_name", columns=TIER, values=LTV, aggfunc="mean"), "melt": lambda df: df.melt("user_id", ["rating"]).value,
    "heatmap": lambda df: df.pivot_table(index="rating", columns=TIER, values=LTV).to_numpy(dtype=float), "heatmap array": lambda df: np.asarray(df.pivot_table(index="rating", columns=TIER, values=LTV), dtype=float),
    "explode": lambda df: df.explode("groups").groups.value_counts().sort_index(), "nunique": lambda df: no_lists(df).nunique(),
    "list length": lambda df: df.groups.str.len(), "list contains": lambda df: df.groups.map(lambda each: "VIP" in list(each), na_action="ignore").sum(),
    "get_dummies": lambda df: pd.get_dummies(df.rating_name).sum(), "factorize": lambda df: pd.factorize(df[TIER])[0], "category": lambda df: df[TIER].astype("category").cat.categories,
    # text
    "upper": lambda df: df.last_name.str.upper(), "contains": lambda df: df[df.email.str.contains("example", na=False)].user_id, "extract": lambda df: df.email.str.extract(r"@(.*)$")[0],
    "split part": lambda df: df.email.str.split("@").str[1], "split expand": lambda df: df.email.str.split("@", expand=True)[1], "replace": lambda df: df.last_name.str.replace("a", "b"),
    "len": lambda df: df.email.str.len(), "concat text": lambda df: df.first_name + " " + df.last_name, "cat": lambda df: df.first_name.str.cat(df.last_name, sep=" ", na_rep=""),
    "strip": lambda df: df.email.str.strip().str.lower(), "fillna text": lambda df: df.email.fillna(""), "select string": lambda df: df.select_dtypes("string").columns,
    "map": lambda df: df.rating.map({4: "good", 5: "good"}), "encode": lambda df: sorted(set(df[TIER].fillna("none"))), "equal": lambda df: (df.rating_name == "Satisfied").sum(),
    # dates
    "date text": lambda df: df[df.created_on >= "2025-01-01"].user_id, "date stamp": lambda df: df[df.created_on >= pd.Timestamp("2025-01-01")].user_id, "date datetime": lambda df: df[df.created_on >= pd.Timestamp("2025-01-01").to_pydatetime()].user_id,
    "month text": lambda df: df[df.created_month >= "2025-01-01"].user_id, "month stamp": lambda df: df[df.created_month >= pd.Timestamp("2025-01-01")].user_id,
    "year": lambda df: df.created_on.dt.year.value_counts().sort_index(), "month year": lambda df: df.created_month.dt.year, "floor": lambda df: df.created_on.dt.floor("D"), "day_name": lambda df: df.created_on.dt.day_name(),
    "strftime": lambda df: df.created_on.dt.strftime("%Y-%m"), "to_period": lambda df: df.created_on.dt.to_period("M").astype(str), "month to_period": lambda df: df.created_month.dt.to_period("Q").astype(str),
    "age": lambda df: (pd.Timestamp("2026-11-27") - df.created_on).dt.days, "plus days": lambda df: df.created_on + pd.Timedelta("7D"), "to_datetime": lambda df: pd.to_datetime(df.created_month).max(),
    "resample": lambda df: df.set_index("created_on").sort_index().resample("YS").user_id.count(), "month resample": lambda df: df.set_index("created_month").sort_index().resample("YS").user_id.count(),
    "grouper": lambda df: df.groupby(pd.Grouper(key="created_on", freq="QS"))[LTV].sum(), "month groupby": lambda df: df.groupby("created_month").size(), "month sort": lambda df: df.created_month.sort_values().iloc[[0, -1]],
    "merge months": lambda df: df.merge(pd.DataFrame({"created_month": pd.date_range("2024-01-01", "2026-12-01", freq="MS", unit="us"), "budget": range(36)}), on="created_month").budget.sum(),
    "merge_asof": lambda df: pd.merge_asof(df.sort_values("created_on")[["created_on"]], pd.DataFrame({"created_on": pd.to_datetime(["2020-01-01", "2025-01-01"]).as_unit("us"), "era": [1, 2]}).astype({"created_on": df.created_on.dtype}), on="created_on").era.value_counts(),
    "min max": lambda df: [df.created_on.min(), df.created_on.max()],
    # joins
    "merge": lambda df: df.merge(orders(df), on="user_id", how="left").total.sum(), "merge email": lambda df: len(df.merge(mails(df), on="email")), "map id": lambda df: df.user_id.map(orders(df).set_index("user_id").total),
    # three-valued
    "mask": lambda df: pd.Series("B", df.index).mask(both(df), "A").value_counts(), "where": lambda df: pd.Series("A", df.index).where(both(df), "B").value_counts(), "case_when": lambda df: pd.Series("B", df.index).case_when([(both(df), "A")]).value_counts(),
    "np.where": lambda df: np.where(both(df), "A", "B"), "np.select": lambda df: np.select([both(df), df.rating >= 4], ["A", "B"], "C"), "loc assign": lambda df: _assign(df).label.value_counts(), "count true": lambda df: both(df).sum(),
    # out of pandas
    "csv": lambda df: pd.read_csv(io.StringIO(df[["user_id", LTV, "created_month", VISITS]].to_csv(index=False)), parse_dates=["created_month"]), "json": lambda df: pd.read_json(io.StringIO(df[["user_id", VISITS, LTV]].to_json(orient="records"))), "to_sql": lambda df: sql(df[["user_id", "email", LTV, VISITS]]),
    "style": lambda df: len(df.head(3)[["user_id", LTV]].style.bar(subset=[LTV]).to_html()) > 0, "hist": lambda df: bars(df[LTV].plot.hist(bins=5)), "boxplot": lambda df: len(df.boxplot(LTV, by="rating").lines) > 0,
    "pyplot hist": lambda df: plt.subplots()[1].hist(df[LTV].dropna(), bins=5)[0], "bar": lambda df: bars(df.rating_name.value_counts().sort_index().plot.bar()), "scatter": lambda df: bars(df.plot.scatter(VISITS, LTV)), "line": lambda df: bars(df.groupby("created_month")[LTV].sum().plot()),
    "convert_dtypes": lambda df: no_lists(df).convert_dtypes().shape, "describe all": lambda df: no_lists(df).describe(include="all").loc["count"], "copy": lambda df: df.copy().equals(df), "fillna frame": lambda df: df.fillna("").shape, "fillna columns": lambda df: df.fillna({"email": "", LTV: 0.0, VISITS: 0, VIP: False})[[LTV, VIP]].sum(),
}
# fmt: on


def _set(df: pd.DataFrame, row: int, name: str, value: Any) -> pd.DataFrame:
    df.loc[row, name] = value
    return df


def _assign(df: pd.DataFrame) -> pd.DataFrame:
    df = df.assign(label="B")
    df.loc[both(df), "label"] = "A"
    return df


def plain(value: Any) -> Any:
    """Return what a result says, without how pandas holds it: missing is None, a number is a number."""
    if isinstance(value, pd.DataFrame):
        return {str(name): plain(value.iloc[:, place]) for place, name in enumerate(value.columns)}
    if isinstance(value, pd.Series):
        return [(plain(label), plain(each)) for label, each in zip(value.index, value.astype(object), strict=True)]
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple | np.ndarray | pd.Index):
        return [plain(each) for each in value]
    return plain_value(value)


def plain_value(value: Any) -> Any:
    if value is None or (pd.api.types.is_scalar(value) and pd.isna(value)):
        return None
    if isinstance(value, date):
        return pd.Timestamp(value)
    if isinstance(value, float | Decimal | np.floating):
        return float(f"{float(value):.10g}")
    return value.item() if isinstance(value, np.generic) else value


def without(df: pd.DataFrame) -> "pd.Series[Any]":
    return both(df).fillna(False)


DAY = pd.Timestamp("2025-01-01")
MONTHS = {"created_month": "datetime64[us]"}
# What fails, or answers otherwise, on which backends, and the way out.
# fmt: off
CANNOT: dict[str, tuple[str, Idiom]] = {
    "date text": ("pyarrow", lambda df: df[df.created_on >= DAY].user_id), "month text": ("pyarrow", lambda df: df[df.astype(MONTHS).created_month >= DAY].user_id),
    "to_period": ("pyarrow", lambda df: df.created_on.astype("datetime64[us]").dt.to_period("M").astype(str)),
    "month to_period": ("pyarrow", lambda df: df.created_month.astype("datetime64[us]").dt.to_period("Q").astype(str)),
    "merge months": ("pyarrow", lambda df: IDIOMS["merge months"](df.astype(MONTHS))),
    "split part": ("pyarrow", lambda df: df.email.str.split("@").list[1]), "list length": ("pyarrow", lambda df: df.groups.list.len()),
    "select string": ("pyarrow", lambda df: df.select_dtypes(pd.ArrowDtype(pa.string())).columns),
    "heatmap array": ("pyarrow numpy_nullable", IDIOMS["heatmap"]),
    "mask": ("pyarrow numpy_nullable", lambda df: pd.Series("B", df.index).mask(without(df), "A").value_counts()),
    "case_when": ("pyarrow numpy_nullable", lambda df: pd.Series("B", df.index).case_when([(without(df), "A")]).value_counts()),
    "np.where": ("pyarrow numpy_nullable", lambda df: np.where(without(df), "A", "B")),
    "np.select": ("pyarrow numpy_nullable", lambda df: np.select([without(df).to_numpy(bool), df.rating >= 4], ["A", "B"], "C")),
    "convert_dtypes": ("pyarrow", lambda df: no_lists(df.sellercloud.query.to_pandas(dtype_backend="numpy_nullable")).shape),
    "fillna frame": ("pyarrow numpy_nullable", lambda df: df.astype(object).fillna("").shape),
}
# fmt: on


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sc.Connection]:
    with served(tmp_path_factory.mktemp("cache"), customers=120, seed=7) as (_, connection):
        yield connection


@pytest.fixture(scope="module")
def frames(shop: sc.Connection) -> dict[str, pd.DataFrame]:
    """Return the same rows on each backend, and typed by pandas itself."""
    query = shop.customers(include=["created_on", "created_month", "groups"])
    table = query.run().table
    values = {name: table.column(name).to_pylist() for name in table.column_names}
    return {backend: query.to_pandas(dtype_backend=backend) for backend in BACKENDS} | {"plain": pd.DataFrame(values)}


def answer(idiom: Idiom, df: pd.DataFrame) -> Any:
    """Return what an idiom gives, or the error that it ends in."""
    try:
        return plain(idiom(df))
    except Exception as error:  # noqa: BLE001  # pandas raises whatever it likes
        return error
    finally:
        plt.close("all")


@pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")
@pytest.mark.parametrize("name", IDIOMS)
def test_an_idiom_gives_what_plain_pandas_gives(name: str, frames: dict[str, pd.DataFrame]) -> None:
    idiom, (fails, way_out) = IDIOMS[name], CANNOT.get(name, ("", IDIOMS[name]))
    wanted = answer(idiom, frames["plain"])
    assert not isinstance(wanted, Exception)
    for backend in BACKENDS:
        frame, is_known = frames[backend], backend in fails.split()
        if is_known:
            assert answer(idiom, frame) != wanted, f"it works now on {backend}: take it out of the list"
        assert answer(way_out if is_known else idiom, frame) == wanted, backend


def through(df: pd.DataFrame, name: str, read: Callable[[Any], pd.DataFrame] = sc.read_parquet) -> pd.DataFrame:
    return read(getattr(df.sellercloud, f"to_{name.rpartition('.')[2]}")(Path(name)))


def by_month(df: pd.DataFrame) -> Path:
    assert (
        df.sellercloud.to_parquet(Path(dtypes.backend_of(df)), partition_by="created_month")
        / "created_month=2025-04-01"
    ).is_dir()
    return Path(dtypes.backend_of(df))


# fmt: off
VERBS: dict[str, Idiom] = {
    "provenance": lambda df: str(df.sellercloud.provenance), "where": lambda df: df.sellercloud.where(rating=[4, 5], customer_type="Retail", created_on_from="2020-01-01").user_id,
    "segment": lambda df: df.sellercloud.segment({"vip": df[VIP], "visitors": df[VISITS] > 100, "trade": {"customer_type": "Wholesale"}}),
    "diff": lambda df: df.sellercloud.diff(df.assign(rating=df.rating.replace(5, 4)).iloc[1:]).changed, "nothing differs": lambda df: bool(df.sellercloud.diff(df.copy())),
    "duplicates": lambda df: df.sellercloud.duplicates(by=["email", "name"]), "summary": lambda df: str(df.sellercloud.summary()),
    "redact": lambda df: df.sellercloud.redact(), "pseudonymize": lambda df: df.sellercloud.pseudonymize("correct horse battery staple"),
    "plots": lambda df: [bars(df.sellercloud.plot.by_rating()), bars(df.sellercloud.plot.by_created_month())], "to_code": lambda df: df.sellercloud.to_code().replace(f", dtype_backend={dtypes.backend_of(df)!r}", ""),
    "parquet": lambda df: through(df, "a.parquet"), "csv": lambda df: Path(df.sellercloud.to_csv("a.csv")).read_text("utf-8"), "excel": lambda df: through(df, "a.excel", pd.read_excel),
    "folder": lambda df: [sc.read_parquet(folder := by_month(df)), sorted(path.parent.name for path in folder.rglob("*.parquet"))],
    "refresh": lambda df: df.sellercloud.refresh(cache="use"), "panel": lambda df: table_html(df[["user_id", "email", LTV, VIP, "created_on", "groups"]], masked=False), "page": lambda df: df.sellercloud.query.page(1, 10).to_pandas(),
}
# fmt: on


@pytest.mark.parametrize("name", VERBS)
def test_the_accessor_does_the_same_on_each_backend(
    name: str, frames: dict[str, pd.DataFrame], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    wanted, *others = (answer(VERBS[name], frames[backend]) for backend in BACKENDS)
    assert not isinstance(wanted, Exception), wanted
    assert [other == wanted for other in others] == [True, True], others


def test_what_the_accessor_makes_is_on_the_frame_s_backend(frames: dict[str, pd.DataFrame]) -> None:
    for backend, text in zip(BACKENDS, ("string[pyarrow]", "string", "str"), strict=True):
        accessor: Any = frames[backend].sellercloud
        made = (
            accessor.duplicates().reason,
            accessor.segment({}),
            accessor.diff(frames[backend].iloc[:0]).changed.after,
        )
        assert [str(each.dtype) for each in (*made, accessor.refresh(cache="use").email)] == [text] * 4


def test_a_file_of_an_earlier_edition_is_compared_and_read_anew(shop: sc.Connection) -> None:
    """Its decimals, days and small codes are the values that are read today in other types."""
    old: Any = sc.read_parquet(Path(__file__).parents[1] / "unit" / "editions" / "edition-0.1.0-types.parquet")
    old.attrs["sellercloud"] |= {"base_url": shop.url, "tenant": ""}

    new = old.sellercloud.refresh()
    retyped = ["rating", LTV, "created_month"]
    assert set(retyped).isdisjoint(old.sellercloud.diff(new).cells)
    assert new.dtypes[retyped].astype(str).tolist() == [
        "int64[pyarrow]",
        "double[pyarrow]",
        "timestamp[us][pyarrow]",
    ]
    assert old.sellercloud.where(rating=[0]).index.equals(new.sellercloud.where(rating=[0]).index)
    doubles, exact = (shop.customers(exact_decimals=each).to_pandas() for each in (False, True))
    assert doubles[LTV].dtype == pd.ArrowDtype(pa.float64())
    assert exact.sellercloud.refresh()[LTV].dtype == pd.ArrowDtype(pa.decimal128(18, 6))
    assert set(new.sellercloud.diff(exact).cells) == set() == set(exact.sellercloud.diff(new).cells)
    assert "exact_decimals=True" in exact.sellercloud.to_code()
