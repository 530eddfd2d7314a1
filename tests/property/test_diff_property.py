"""`a.sellercloud.diff(b)` has every changed cell and no other, whatever the columns hold."""

import math
import random
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pandas.testing
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from sc_pandas.frames.difference import difference

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=3)
DOUBLES = st.sampled_from([0.0, 1.0, 1.5, math.nan, math.inf, -0.0])
ITEM = pa.struct([("id", pa.int64()), ("share", pa.float64()), ("tags", pa.list_(pa.string()))])
TAGS = st.lists(st.none() | TEXT, max_size=2)
ITEMS = st.fixed_dictionaries(
    {"id": st.none() | st.integers(0, 2), "share": st.none() | DOUBLES, "tags": st.none() | TAGS}
)
TIME = datetime.fromisoformat
ARROW: list[tuple[pa.DataType, st.SearchStrategy[Any]]] = [
    (pa.int64(), st.integers(-(2**63), 2**63 - 1) | st.integers(0, 2)), (pa.int8(), st.integers(0, 3)),
    (pa.float64(), DOUBLES), (pa.bool_(), st.booleans()), (pa.null(), st.none()), (ITEM, ITEMS),
    (pa.string(), st.sampled_from(["0", "1", "01", "true", "nan", ""]) | TEXT), (pa.list_(pa.string()), TAGS),
    (pa.decimal128(38, 10), st.decimals(-5, 5, places=2) | st.sampled_from([Decimal(0), Decimal(1)])),
    (pa.timestamp("us"), st.datetimes(TIME("0001-01-01"), TIME("9999-12-31")) | st.just(TIME("2026-01-01"))),
    (pa.date32(), st.dates() | st.just(date(2026, 1, 1))), (pa.list_(ITEM), st.lists(st.none() | ITEMS, max_size=2)),
]  # fmt: skip
NUMPY: list[tuple[str, st.SearchStrategy[Any]]] = [
    ("float64", DOUBLES), ("int32", st.integers(0, 3)), ("bool", st.booleans()), ("str", st.none() | TEXT),
    ("object", st.none() | TEXT | st.integers(0, 2) | st.just(math.nan)), ("category", st.sampled_from(["x", "y"])),
    ("datetime64[us]", st.sampled_from([pd.NaT, TIME("2026-01-01"), TIME("2026-01-02")])),
    ("Int64", st.integers(0, 3) | st.just(pd.NA)),
]  # fmt: skip
NAMES = st.sampled_from(["email", "custom.A", "b c", "<d>", "e"])


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    ids = draw(st.lists(st.integers(1, 8), unique=True, max_size=8))
    columns: dict[str, pd.Series[Any]] = {"user_id": pd.Series(ids, dtype="int64[pyarrow]")}
    for name in draw(st.lists(NAMES, unique=True, max_size=5)):
        kind, values = draw(st.sampled_from([*ARROW, *NUMPY]))
        arrow = isinstance(kind, pa.DataType)
        several = draw(st.lists(st.none() | values if arrow else values, min_size=len(ids), max_size=len(ids)))
        columns[name] = (
            pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([pa.array(several, kind)])))
            if arrow
            else pd.Series(several, dtype=kind)
        )
    names = draw(st.permutations(list(columns)))
    frame = pd.DataFrame({name: columns[name] for name in names})
    frame.attrs = {"sellercloud": {"base_url": draw(st.sampled_from(["https://a.example", "https://b.example"]))}}
    return frame


def plain(frame: pd.DataFrame) -> list[Any]:
    """Every cell as Arrow or NumPy holds it; NaN, null and −0.0 keep apart."""
    return [
        (str(name), pa.array(column.array).to_pylist() if isinstance(column.dtype, pd.ArrowDtype) else column.tolist())
        for name, column in frame.items()
    ]


def cells(frame: pd.DataFrame, name: str) -> dict[int, str]:
    """Each customer's value of a column as Python writes it; among objects, None and NaN are one."""
    values = dict(plain(frame))[name]
    if frame[name].dtype == object:
        values = [None if pd.isna(each) else each for each in values]
    return dict(zip(frame["user_id"].tolist(), [repr(each).replace("-0.0", "0.0") for each in values], strict=True))


@settings(max_examples=300, deadline=None)
@given(before=frames(), after=frames(), shuffle=st.randoms(use_true_random=False))
def test_a_difference_has_every_changed_cell_and_no_other(
    before: pd.DataFrame, after: pd.DataFrame, shuffle: random.Random
) -> None:
    copies = before.copy(deep=True), after.copy(deep=True)
    order = list(range(len(before)))
    shuffle.shuffle(order)
    change = difference(before.iloc[order], after)
    both = set(before["user_id"].tolist()) & set(after["user_id"].tolist())
    for name in set(before.columns) & set(after.columns) - {"user_id"}:
        if before[name].dtype == after[name].dtype:
            was, now = cells(before, name), cells(after, name)
            found = change.cells[name]["user_id"].tolist() if name in change.cells else []
            assert found == sorted(each for each in both if was[each] != now[each]), name
    assert set(change.new_columns) == set(after.columns[after.notna().any()]) - set(before.columns)
    assert set(change.gone_columns) == set(before.columns[before.notna().any()]) - set(after.columns)
    assert change.added.attrs == after.attrs
    old, new = set(before["user_id"].tolist()), set(after["user_id"].tolist())
    assert change.added["user_id"].tolist() == sorted(new - old)
    assert change.removed["user_id"].tolist() == sorted(old - new)
    assert len(change.changed) == change.counts.sum()
    assert set(change.changed["user_id"].tolist()) <= old & new
    assert change.customers_changed == change.changed["user_id"].nunique()
    assert np.all(np.diff(change.changed["user_id"].to_numpy(dtype=int)) >= 0)
    for frame, copy in zip((before, after), copies, strict=True):
        pandas.testing.assert_frame_equal(frame, copy)
        assert repr(plain(frame)) == repr(plain(copy))


@settings(max_examples=100, deadline=None)
@given(frame=frames())
def test_a_frame_does_not_differ_from_itself(frame: pd.DataFrame) -> None:
    change = difference(frame, frame.iloc[::-1])
    assert not change
    assert not len(change.changed)
    assert list(change.changed.dtypes) == [pd.ArrowDtype(pa.int64()), *[pd.ArrowDtype(pa.string())] * 3]
