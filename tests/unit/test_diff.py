"""What changed between two frames: told by column, without telling who; and where frames cannot be compared."""

import copy
import math
import pickle
from datetime import datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pandas.testing
import pyarrow as pa
import pytest

import sc_pandas as sc
from sc_pandas.frames.difference import difference


def frame_of(**columns: tuple[list[Any], pa.DataType]) -> pd.DataFrame:
    made: dict[str, Any] = {
        name: pd.Series(pd.arrays.ArrowExtensionArray(pa.array(values, kind)))
        for name, (values, kind) in columns.items()
    }
    return pd.DataFrame(made)


IDS = ([3, 1, 2], pa.int64())
BEFORE = frame_of(
    user_id=IDS,
    email=(["c@x.test", "a@x.test", None], pa.string()),
    spent=([Decimal("1.50"), None, Decimal(2)], pa.decimal128(38, 10)),
    share=([math.nan, None, 1.0], pa.float64()),
    groups=([["VIP"], [], None], pa.list_(pa.string())),
    seen=([None, datetime.fromisoformat("2026-01-01T00:00:00"), None], pa.timestamp("us")),
)
AFTER = frame_of(
    user_id=([2, 3, 4], pa.int64()),
    email=([None, "C@x.test", "d@x.test"], pa.string()),
    spent=([Decimal("2.00"), None, None], pa.decimal128(38, 10)),
    share=([1.0, None, 2.0], pa.float64()),
    groups=([[], ["VIP", None], None], pa.list_(pa.string())),
    seen=([None, datetime.fromisoformat("2026-02-01T12:00:00"), None], pa.timestamp("us")),
)


def test_rows_and_cells_that_changed() -> None:
    change = difference(BEFORE, AFTER)
    assert change.added["email"].tolist() == ["d@x.test"]
    assert change.removed["email"].tolist() == ["a@x.test"]
    assert list(change.changed.itertuples(index=False, name=None)) == [
        (2, "groups", pd.NA, "[]"), (3, "email", "c@x.test", "C@x.test"), (3, "spent", "1.5000000000", pd.NA),
        (3, "share", "nan", pd.NA), (3, "groups", '["VIP"]', '["VIP", null]'), (3, "seen", pd.NA, "2026-02-01 12:00:00"),
    ]  # fmt: skip
    assert change.counts.to_dict() == {"email": 1, "spent": 1, "share": 1, "groups": 2, "seen": 1}
    assert change.customers_changed == 2
    assert change.cells["spent"].dtypes["before"] == pd.ArrowDtype(pa.decimal128(38, 10))
    assert change.cells["groups"]["after"].tolist()[1] == ["VIP", None]
    assert change
    assert not difference(BEFORE, BEFORE)


def test_its_text_counts_and_names_nobody() -> None:
    evil = "<img src=x>"
    change = difference(BEFORE.assign(**{evil: "a"}), AFTER.assign(**{evil: "b"}))
    assert repr(change) == (
        "<FrameDifference: 1 added, 1 removed, 2 changed; email 1, spent 1, share 1, groups 2, seen 1, <img src=x> 2>"
    )
    for text in (repr(change), str(change), change._repr_html_()):
        assert "x.test" not in text
    assert "<img" not in change._repr_html_()
    assert "&lt;img" in change._repr_html_()
    assert repr(difference(BEFORE, BEFORE)) == "<FrameDifference: 0 added, 0 removed, 0 changed>"
    other = difference(BEFORE, AFTER.drop(columns="email").assign(new="x"))
    assert "1 new and 1 gone columns" in repr(other)


def test_columns_that_only_one_frame_has() -> None:
    change = difference(BEFORE.drop(columns="seen"), AFTER.drop(columns="email"))
    assert change.gone_columns == ("email",)
    assert change.new_columns == ("seen",)
    assert "email" not in change.cells
    assert difference(BEFORE, BEFORE.assign(new="x"))


@pytest.mark.parametrize(("before", "after", "changed"), [
    ((["1", "2"], pa.string()), ([1, 2], pa.int64()), 0), ((["1", "02"], pa.string()), ([1, 2], pa.int64()), 1),
    ((["1", "two"], pa.string()), ([1, 2], pa.int64()), 2), (([1, None], pa.int64()), ([1.0, None], pa.float64()), 0),
    (([7, 1], pa.int64()), ([True, True], pa.bool_()), 1),
    (([2**53 + 1, 0], pa.int64()), ([2.0**53, 0.0], pa.float64()), 1),
    (([None, "a"], pa.string()), ([None, ["a"]], pa.list_(pa.string())), 1),
    (([None, math.nan], pa.float64()), ([None, None], pa.string()), 1),
    (([None, None], pa.null()), ([None, "a"], pa.string()), 1),
])  # fmt: skip
def test_a_column_of_another_type_is_compared_by_value(
    before: tuple[list[Any], pa.DataType], after: tuple[list[Any], pa.DataType], changed: int
) -> None:
    old, new = frame_of(user_id=([1, 2], pa.int64()), x=before), frame_of(user_id=([1, 2], pa.int64()), x=after)
    assert difference(old, new).counts.sum() == changed


@pytest.mark.parametrize(("kind", "values", "dtypes"), [
    (pa.string(), ["a", None, "b"], ["str", "string", "object", "category"]),
    (pa.int64(), [1, None, 3], ["Int64", "Int8", "float64", "object"]),
    (pa.bool_(), [True, None, False], ["boolean", "object"]),
    (pa.timestamp("us"), [None, datetime.fromisoformat("2026-01-01T01:02:03.000004")] * 2, ["datetime64[us]"]),
    (pa.float64(), [0.1, None, -1.0], ["float64", "Float64"]),
])  # fmt: skip
def test_another_dtype_of_pandas_is_no_change(kind: pa.DataType, values: list[Any], dtypes: list[Any]) -> None:
    """Also of a frame that went through a file and pandas' own reader."""
    arrow = frame_of(user_id=(list(range(len(values))), pa.int64()), x=(values, kind))
    for dtype in dtypes:
        other = arrow.assign(x=pd.Series([np.nan if value is None else value for value in values]).astype(dtype))
        assert not difference(arrow, other), dtype
        assert not difference(other, arrow), dtype
        one_less = other.assign(x=other["x"].where(other.index > 0, None))
        assert difference(arrow, one_less).counts.sum() == (values[0] is not None), dtype


def test_values_of_any_object_are_told_apart_by_type() -> None:
    old, new = (
        BEFORE[["user_id"]].assign(mine=pd.Series(values, dtype=object)) for values in ([1, 0, "a"], [True, 0, "a"])
    )
    assert difference(old, new).changed["after"].tolist() == ["True"]


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize(("broken", "message"), [
    (BEFORE.drop(columns="user_id"), "one column user_id"),
    (pd.concat([BEFORE, BEFORE]), "several rows"),
    (BEFORE.assign(user_id=pd.Series([1, None, 2], dtype="int64[pyarrow]")), "in each row"),
    (pd.concat([BEFORE, BEFORE[["email"]]], axis=1), "repeated: email"),
    (BEFORE.assign(user_id=pd.Series(["1", "2", "3"])), "whole numbers"),
])  # fmt: skip
def test_frames_whose_rows_are_not_one_customer_each_are_refused(broken: pd.DataFrame, message: str, side: int) -> None:
    frames = [AFTER, AFTER]
    frames[side] = broken
    with pytest.raises(sc.AccessorError, match=rf"diff\(\).*{message}"):
        difference(*frames)


def test_far_years_are_told_as_text() -> None:
    far = pd.Series(["12000-01-01"] * 3).to_numpy().astype("datetime64[s]")
    change = difference(BEFORE.assign(until=far), BEFORE.assign(until=None))
    assert change.changed["before"].tolist() == ["12000-01-01 00:00:00"] * 3


def test_a_difference_travels() -> None:
    change = pickle.loads(pickle.dumps(difference(BEFORE, AFTER)))  # noqa: S301
    pandas.testing.assert_frame_equal(change.changed, difference(BEFORE, AFTER).changed)


def test_arrays_and_frames_in_cells_are_compared() -> None:
    def made(*values: Any) -> pd.DataFrame:
        return pd.DataFrame({"user_id": range(len(values)), "x": pd.Series(values, dtype=object)})

    array = np.array
    values = [array([1, 2]), array([1.0, math.nan]), (array([1]), "a"), [array(["a"])], array([[1], [2]])]
    assert not difference(made(*values), made(*[copy.deepcopy(value) for value in values]))
    others = [array([1, 3]), array([1.0]), (array([2]), "a"), [array(["b"])], array([[1, 2]])]
    change = difference(made(*values), made(*others))
    assert change.counts.to_dict() == {"x": 5}
    assert len(change.changed) == 5
    # Equal or not, what compares value by value counts as changed.
    frames = [pd.Series([1, 2])], [pd.Series([1, 2])]
    assert difference(made(*frames[0]), made(*frames[1])).customers_changed == 1
