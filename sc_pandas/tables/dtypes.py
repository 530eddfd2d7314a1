"""Arrow tables into pandas' frames, on any of the three dtype backends: the one place that converts.

- ``"pyarrow"``: every dtype is a `pandas.ArrowDtype`; nothing is copied that need not be.
- ``"numpy_nullable"``: Int64, Float64, boolean and string, as ``pd.read_parquet(dtype_backend="numpy_nullable")``.
- ``"numpy"``: pandas' own default dtypes, as ``pd.read_parquet(...)``.  Whole numbers with missing values are float64,
  or Int64 if one of them is beyond 2**53, which a float does not hold; flags with missing values are objects.

Times are ``datetime64`` on both of the latter; lists are Python lists, and structs dicts, in columns of objects.
"""

from typing import Any, Final, Literal, get_args

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from sc_pandas.errors import SettingsError

DtypeBackend = Literal["pyarrow", "numpy_nullable", "numpy"]
_EXACT: Final = 2**53
_INTEGERS: Final = {
    pa.int8(): pd.Int8Dtype(), pa.int16(): pd.Int16Dtype(), pa.int32(): pd.Int32Dtype(), pa.int64(): pd.Int64Dtype(),
    pa.uint8(): pd.UInt8Dtype(), pa.uint16(): pd.UInt16Dtype(), pa.uint32(): pd.UInt32Dtype(),
    pa.uint64(): pd.UInt64Dtype(),
}  # fmt: skip
_NULLABLE: Final = {
    **_INTEGERS, pa.bool_(): pd.BooleanDtype(), pa.float32(): pd.Float32Dtype(), pa.float64(): pd.Float64Dtype(),
    **dict.fromkeys((pa.string(), pa.large_string()), pd.StringDtype()),
}  # fmt: skip


def check_backend(dtype_backend: str) -> None:
    """Refuse a backend that does not exist."""
    if dtype_backend not in get_args(DtypeBackend):
        names = " or ".join(map(repr, get_args(DtypeBackend)))
        raise SettingsError(f"dtype_backend is {names}.", setting="dtype_backend")


def to_pandas(table: pa.Table, dtype_backend: DtypeBackend = "pyarrow") -> pd.DataFrame:
    """Make a frame with a RangeIndex; the values are the same on each backend.

    Raises
    ------
    SettingsError
        There is no such backend.

    Examples
    --------
    >>> table = pa.table({"name": ["Ann", None], "visits": [7, None], "id": [2**53 + 1, None]})
    >>> [str(dtype) for dtype in to_pandas(table, "numpy").dtypes]
    ['str', 'float64', 'Int64']
    """
    check_backend(dtype_backend)
    mapper: Any = {"pyarrow": pd.ArrowDtype, "numpy_nullable": _NULLABLE.get, "numpy": None}[dtype_backend]
    frame: pd.DataFrame = table.to_pandas(types_mapper=mapper, ignore_metadata=True)
    if dtype_backend == "pyarrow":
        return frame
    special = {
        place: values
        for place, column in enumerate(table.columns)
        if (values := _special(column, dtype_backend)) is not None
    }
    if special:
        columns = {place: special.get(place, frame.iloc[:, place]) for place in range(frame.shape[1])}
        frame = pd.DataFrame(columns, copy=False).set_axis(frame.columns, axis=1)
    return frame


def _special(column: pa.ChunkedArray, dtype_backend: DtypeBackend) -> "pd.Series[Any] | None":
    """Return a column that pyarrow would not convert without loss; None for all others."""
    if pa.types.is_nested(column.type):
        # Arrays would make floats of whole numbers beside a missing one.
        return pd.Series(column.to_pylist(), dtype=object)
    if dtype_backend == "numpy" and column.type in _INTEGERS and column.null_count:
        ends = pc.min_max(column).as_py()
        if max(abs(ends["min"] or 0), abs(ends["max"] or 0)) > _EXACT:
            return pd.Series(column.to_pandas(types_mapper=_INTEGERS.get))
    return None


def backend_of(frame: pd.DataFrame) -> DtypeBackend:
    """Return the backend that a frame is on, by its columns."""
    dtypes = set(frame.dtypes)
    if any(isinstance(dtype, pd.ArrowDtype) for dtype in dtypes):
        return "pyarrow"
    # What pandas itself makes of text: its missing values are NaN.
    if any(isinstance(dtype, pd.StringDtype) and dtype.na_value is not pd.NA for dtype in dtypes):
        return "numpy"
    return "numpy_nullable" if any(dtype in dtypes for dtype in _NULLABLE.values()) else "numpy"
