"""Counts of customers: of whom, of what, and safe to look at."""

import re
from typing import Any

import pandas as pd
import pyarrow as pa

from sc_pandas.frames.summary import Summary, summary_of


def column(values: list[Any], kind: pa.DataType | None = None) -> "pd.Series[Any]":
    return pd.Series(values, dtype=pd.ArrowDtype(kind or pa.string()))


def frame_of(**more: Any) -> pd.DataFrame:
    user_id, ratings = column([1, 2, 3, 4], pa.int64()), column(["Neutral", "Neutral", None, "Satisfied"])
    kinds = column(["Retail", "Retail", "Wholesale", None])
    return pd.DataFrame({"user_id": user_id, "rating_name": ratings, "is_wholesale_string": kinds, **more})


def counts(series: "pd.Series[Any]") -> dict[Any, int]:
    return dict(zip(series.index.tolist(), series.tolist(), strict=True))


def test_counts_by_rating_and_type_add_up() -> None:
    summary = summary_of(frame_of())
    assert counts(summary.by_rating) == {"Neutral": 2, "unknown": 1, "Satisfied": 1}
    assert counts(summary.by_type) == {"Retail": 2, "Wholesale": 1, "unknown": 1}
    assert summary.customers == summary.rows == 4
    assert counts(summary.missing) == {"rating_name": 0.25, "is_wholesale_string": 0.25}


def test_a_month_is_shown_as_its_first_day() -> None:
    months = pd.Series(pd.to_datetime(["2026-01-01", "2026-02-01"] * 2))
    assert re.findall(r"2026.*", str(summary_of(frame_of(created_month=months)))) == [
        "2026-01-01    2",
        "2026-02-01    2",
    ]


def test_customers_are_counted_not_rows() -> None:
    """A merge with orders repeats customers, an outer one adds rows that are nobody's."""
    orders = pd.DataFrame({"user_id": column([1, 1, 1, None], pa.int64()), "total": [1, 2, 3, 4]})
    merged = frame_of().merge(orders, on="user_id", how="outer")
    merged.index = pd.Index([0] * len(merged))
    summary = summary_of(merged)
    assert (summary.customers, summary.rows) == (4, 7)
    assert counts(summary.by_rating) == {"Neutral": 2, "unknown": 1, "Satisfied": 1}
    assert str(summary).startswith("4 customers in 7 rows")
    assert "4 customers in 7 rows" in summary._repr_html_()


def test_without_any_key_rows_are_counted() -> None:
    assert summary_of(frame_of().drop(columns="user_id")).customers == 4
    assert summary_of(frame_of(user_id=column([None] * 4, pa.int64()))).customers == 4
    assert summary_of(frame_of().iloc[:0]).customers == 0


def test_columns_that_sort_customers_into_kinds_are_counted() -> None:
    summary = summary_of(
        frame_of(
            channel=column(["Amazon", None, "Amazon", "999"]),
            groups=column([["VIP", "Net 30"], [], None, ["VIP"]], pa.list_(pa.string())),
            subscribed=column([True, False, True, None], pa.bool_()),
            phone1=column(["1", "1", "1", "1"]),
        )
    )
    assert set(summary.by_column) == {"channel", "groups", "subscribed"}
    assert counts(summary.by_column["channel"]) == {"Amazon": 2, "999": 1, "unknown": 1}
    assert counts(summary.by_column["groups"]) == {"VIP": 2, "Net 30": 1, "none": 1, "unknown": 1}
    assert counts(summary.by_column["subscribed"]) == {True: 2, False: 1, "unknown": 1}


def test_a_custom_column_is_counted_where_few_values_repeat() -> None:
    size = 26
    frame = pd.DataFrame({
        "user_id": column(list(range(size)), pa.int64()),
        "custom.twelve": column([str(n % 12) for n in range(size)]), "custom.thirteen": column([str(n % 13) for n in range(size)]),
        "custom.once": column(["a", "b", "c"] + [None] * (size - 3)), "custom.empty": column([None] * size),
        "custom.flag": column([True, False] * 13, pa.bool_()), "custom.list": column([["a"]] * size, pa.list_(pa.string())),
        "other": column(["a", "b"] * 13),
    })  # fmt: skip
    assert set(summary_of(frame).by_column) == {"custom.twelve", "custom.flag"}


def test_the_picture_of_many_values_is_cut_and_says_so() -> None:
    size = 40
    ids = column(list(range(size)), pa.int64())
    frame = pd.DataFrame({"user_id": ids, "channel": column([str(n % 20) for n in range(size)])})
    summary = summary_of(frame)
    assert len(summary.by_column["channel"]) == 20
    assert "9 others" in str(summary)
    assert "9 others" in summary._repr_html_()
    assert sum(int(row.split()[-1]) for row in str(summary).splitlines()[3:]) == size


def test_a_stranger_s_text_is_shown_as_text() -> None:
    evil = "<script>alert(1)</script>"
    frame = frame_of(
        **{f"custom.{evil}": column([evil, evil, "\x1b[31m", "\x1b[31m"]), "\u202e<i onx=y>": column([None] * 4)}
    )
    summary = summary_of(frame)
    page = summary._repr_html_()
    assert set(re.findall(r"<(\w+)", page)) == {"b", "div", "table", "caption", "tr", "th", "td"}
    assert set(re.findall(r"<\w+ (\w+)", page)) <= {"style", "class"}
    for text in (str(summary), repr(summary), summary._repr_html_()):
        assert "\x1b" not in text
        assert "\u202e" not in text
    assert "\\u001b[31m" in str(summary)


def test_nothing_is_mutated_and_repeated_columns_do_no_harm() -> None:
    frame = frame_of()
    twice = pd.concat([frame, frame], axis=1)
    before = twice.copy(deep=True)
    assert isinstance(summary_of(twice), Summary)
    pd.testing.assert_frame_equal(twice, before)
