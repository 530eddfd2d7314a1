"""Whatever a frame of ours holds, and whatever was done to its rows: what is read is what was written."""
# ruff: noqa: DTZ001  # the frame's times are naive

import tempfile
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import sc_pandas as sc
from sc_pandas.provenance import ATTRS_KEY, Provenance
from sc_pandas.tables import to_pandas

texts = st.text(st.characters(codec="utf-8"), max_size=6) | st.sampled_from(["", "\x00", "a/b", "..", "=1", "\ufeff"])
ADDRESS = pa.struct([("id", pa.int64()), ("city", pa.string()), ("is_billing_address", pa.bool_())])
TYPES: list[tuple[pa.DataType, st.SearchStrategy[Any]]] = [
    (pa.int64(), st.integers(-(2**63), 2**63 - 1)), (pa.int8(), st.integers(-128, 127)), (pa.bool_(), st.booleans()),
    (pa.float64(), st.floats(allow_nan=False)),
    (pa.decimal128(38, 10), st.decimals(-(10**27), 10**27, places=10, allow_nan=False).map(Decimal)),
    (pa.string(), texts), (pa.timestamp("us"), st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30))),
    (pa.date32(), st.dates()), (pa.list_(pa.string()), st.lists(st.none() | texts, max_size=3)),
    (pa.list_(pa.int64()), st.lists(st.integers(-9, 9), max_size=3)),
    (ADDRESS, st.fixed_dictionaries({"id": st.none() | st.integers(0, 9), "city": texts, "is_billing_address": st.booleans()})),
]  # fmt: skip
TYPES.append((pa.list_(ADDRESS), st.lists(TYPES[-1][1], max_size=2)))
# What folders may be called by: few values, of every type that can.
KEYS: list[tuple[pa.DataType, st.SearchStrategy[Any]]] = [
    (pa.int8(), st.integers(-2, 2)),
    (pa.bool_(), st.booleans()),
    (pa.date32(), st.sampled_from([date(2026, 1, 1), date(1, 1, 1)])),
    (pa.string(), texts.filter(bool) | st.sampled_from(["a/b", "..", "%2F", "ü", "a=b"])),
]
names = st.text(st.characters(codec="utf-8", min_codepoint=32), min_size=1, max_size=8).map("custom.{}".format)


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    """Frames of every column type, of no rows to a few, with keys, without some values, and with a note."""
    rows = draw(st.integers(0, 7))
    ids = sorted(draw(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=rows, max_size=rows, unique=True)))
    columns = {"user_id": pa.array(ids, pa.int64())}
    for place, (kind, values) in enumerate(KEYS):
        columns[f"key{place}"] = pa.array(draw(cells(values, rows)), kind)
    for name in draw(st.lists(names, unique=True, max_size=5)):
        kind, values = draw(st.sampled_from(TYPES))
        columns[name] = pa.array(draw(cells(values, rows)), kind)
    frame = to_pandas(pa.table(columns))
    note = Provenance(
        base_url="https://tt.api.example", filter=draw(st.dictionaries(texts, texts | st.integers(), max_size=2)),
        verdict="proven (windows)", rows=rows, finished_at="2026-01-05T10:00:00+00:00", include=("phones",),
    )  # fmt: skip
    frame.attrs = {ATTRS_KEY: note.to_attrs()}
    return frame


def cells(values: st.SearchStrategy[Any], rows: int) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.none() | values, min_size=rows, max_size=rows)


def round_trip(frame: pd.DataFrame, **more: Any) -> pd.DataFrame:
    with tempfile.TemporaryDirectory() as folder:
        return sc.read_parquet(frame.sellercloud.to_parquet(Path(folder, "x"), **more))


QUICK = settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@pytest.mark.fault("D05")
@QUICK
@given(frames())
def test_parquet_is_identity(frame: pd.DataFrame) -> None:
    again = round_trip(frame)

    pd.testing.assert_frame_equal(again, frame)
    assert again.attrs == frame.attrs
    assert (again.dtypes == frame.dtypes).all()
    assert isinstance(again.index, pd.RangeIndex)


@QUICK
@given(frames(), st.lists(st.sampled_from([f"key{n}" for n in range(len(KEYS))]), unique=True, min_size=1, max_size=3))
def test_a_folder_is_identity_by_the_order_of_ids(frame: pd.DataFrame, by: list[str]) -> None:
    again = round_trip(frame, partition_by=by, impersonal=by)

    pd.testing.assert_frame_equal(again, frame)
    assert again.attrs == frame.attrs


@QUICK
@given(frames(), st.data())
def test_what_was_filtered_and_sorted_comes_back_in_its_order_as_a_part(
    frame: pd.DataFrame, data: st.DataObject
) -> None:
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=len(frame), max_size=len(frame))), dtype=bool)
    part = frame[mask].sort_values("user_id", ascending=False)
    again = round_trip(part)

    pd.testing.assert_frame_equal(again, part.reset_index(drop=True))
    note = part.sellercloud.provenance
    assert again.attrs == {ATTRS_KEY: note.to_attrs()}
    assert note.is_whole is bool(mask.all())
    assert again.sellercloud.provenance == note
    assert part.attrs == frame.attrs
    pd.testing.assert_frame_equal(round_trip(again), again)
    straight = part.sort_values("user_id", ignore_index=True)
    pd.testing.assert_frame_equal(round_trip(part, partition_by="key0", impersonal="key0"), straight)


@QUICK
@given(frames())
def test_a_named_index_becomes_columns_in_front(frame: pd.DataFrame) -> None:
    by_key = frame.set_index(["key0", "user_id"])
    by_key.attrs = frame.attrs

    again = round_trip(by_key)
    assert list(again.columns[:2]) == ["key0", "user_id"]
    pd.testing.assert_frame_equal(again[frame.columns.tolist()], frame)
