"""What a frame must hold, worked out from the sandbox's truth by plain Python; no code of the package is used."""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

import pandas as pd
import pyarrow as pa

Record = dict[str, Any]

RATINGS = ("NotRated", "Very_Disatisfied", "Disatisfied", "Neutral", "Satisfied", "Very_Satisfied")
BASE = {
    "user_id": pa.int64(), "email": pa.string(), "first_name": pa.string(), "last_name": pa.string(),
    "email_cc": pa.string(), "corporate_name": pa.string(), "rating": pa.int64(), "rating_name": pa.string(),
    "is_whole_sale_user": pa.bool_(), "is_wholesale_string": pa.string(),
}  # fmt: skip
_TYPES: Mapping[int, Callable[[pa.DataType], bool]] = {
    0: pa.types.is_string, 1: pa.types.is_int64, 2: pa.types.is_float64,
    3: lambda kind: bool(kind == pa.timestamp("us")), 4: pa.types.is_boolean, 5: pa.types.is_string,
    6: pa.types.is_string,
}  # fmt: skip


def _custom_value(column: Mapping[str, Any]) -> Any:
    value = column["Value"]
    if value is None:
        return None
    if column["DataType"] == 2:
        return float(value)
    return datetime.fromisoformat(value) if column["DataType"] == 3 else value


def rows_of(records: Iterable[Record]) -> list[Record]:
    """Return the rows that a frame of these customers must have, in the order of their ids."""
    rows = []
    for record in sorted(records, key=lambda each: int(each["user_id"])):
        row = {name: record[name] for name in BASE if name != "rating_name"}
        row["rating_name"] = RATINGS[record["rating"]]
        row |= {f"custom.{c['ColumnName']}": _custom_value(c) for c in record["custom_columns"]}
        rows.append(row)
    return rows


def assert_equals_truth(frame: pd.DataFrame, records: Iterable[Record]) -> None:
    """Hold a frame against the truth: columns (null where only others have a value), types, order of rows, values."""
    truth = list(records)
    rows = rows_of(truth)
    customs = {f"custom.{c['ColumnName']}": c["DataType"] for record in truth for c in record["custom_columns"]}
    assert list(frame.columns[: len(BASE)]) == list(BASE)
    others = [name for name in frame.columns[len(BASE) :] if name not in customs]
    assert set(customs) <= set(frame.columns)
    assert all(name.startswith("custom.") for name in others)
    assert isinstance(frame.index, pd.RangeIndex)
    assert list(frame.index) == list(range(len(rows)))
    for name, kind in BASE.items():
        assert frame.dtypes[name] == pd.ArrowDtype(kind), name
    for name, number in customs.items():
        dtype = frame.dtypes[name]
        assert isinstance(dtype, pd.ArrowDtype), name
        assert _TYPES[number](dtype.pyarrow_dtype), (name, dtype)
    got = pa.Table.from_pandas(frame, preserve_index=False).to_pylist()
    assert [row["user_id"] for row in got] == [row["user_id"] for row in rows]
    for have, want in zip(got, rows, strict=True):
        assert have == dict.fromkeys([*customs, *others]) | want


def _digits(text: str | None) -> str:
    return re.sub("[^0-9]", "", text or "")


def _phones(record: Record) -> list[str]:
    return [_digits(record[name]) for name in ("phone1", "phone2", "phone3", "mobile", "fax")]


def _holds(field: str) -> Callable[[Record, str], bool]:
    return lambda record, asked: asked.casefold() in (record[field] or "").casefold()


def _is(field: str) -> Callable[[Record, Any], bool]:
    def test(record: Record, asked: Any) -> bool:
        value = record[field]
        return bool((value or "").casefold() == asked.casefold() if isinstance(asked, str) else value == asked)

    return test


def _keyword(record: Record, asked: str) -> bool:
    texts = [record[name] or "" for name in ("email", "first_name", "last_name", "corporate_name")]
    wanted = asked.casefold()
    return (
        any(wanted in text.casefold() for text in texts)
        or any(wanted in phone for phone in _phones(record))
        or asked == str(record["user_id"])
    )


MATCHES: Mapping[str, Callable[[Record, Any], bool]] = {
    "customer_ids": _is("user_id"), "email": _is("email"), "first_name": _holds("first_name"),
    "last_name": _holds("last_name"), "rating": lambda record, asked: RATINGS[record["rating"]] == asked,
    "customer_type": lambda record, asked: bool(record["is_whole_sale_user"] == (asked == "Wholesale")),
    "subscribed": lambda record, asked: bool(asked == -1 or record["subscribed"] == bool(asked)),
    "created_on_from": lambda record, asked: bool(record["created_on"] >= asked),
    "created_on_to": lambda record, asked: bool(record["created_on"] <= asked),
    "modified_on_from": lambda record, asked: bool(record["modified_on"] >= asked),
    "modified_on_to": lambda record, asked: bool(record["modified_on"] <= asked),
    "phone_number": lambda record, asked: any(_digits(asked) in phone for phone in _phones(record)),
    "city": _holds("city"), "zip_code": _is("zip_code"),
    "exported": lambda record, asked: bool(asked == -1 or record["exported"] == bool(asked)),
    "channel": _is("channel"), "corporate_name": _holds("corporate_name"), "company_ids": _is("company_id"),
    "keyword": _keyword,
}  # fmt: skip


def matching(records: Iterable[Record], asked: Mapping[str, Any]) -> list[Record]:
    """Return the customers that match: any of a filter's values, all of the filters."""

    def matches(record: Record) -> bool:
        return all(
            any(MATCHES[name](record, value) for value in (values if isinstance(values, list) else [values]))
            for name, values in asked.items()
        )

    return [record for record in records if matches(record)]
