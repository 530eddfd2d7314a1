"""A user's frame as an Arrow table that Parquet gives back as it went."""

from collections import Counter
from typing import Any

import pandas as pd
import pyarrow as pa

from sc_pandas.files import PathLike
from sc_pandas.parquet.sealed import mismatch, readable, refuse_extensions


def frame_to_arrow(frame: pd.DataFrame, path: PathLike = "", *, as_text: bool = False) -> pa.Table:
    """Make a table of a user's frame, without pandas' metadata, for `write_parquet`; `path` is for the error.

    Arrow-backed columns are taken as they are.  Named levels of the index become columns in front, an index without
    names is dropped.  Categories become their values, and times whose unit Parquet lacks get the next finer one.
    With `as_text` a column for which Arrow has no type, such as intervals, becomes what pandas prints.

    Raises
    ------
    ExportError
        If columns share a name, or one holds values that no single Arrow type takes (``reason="mismatch"``).
    """
    where = path or "The frame"
    levels = [place for place, name in enumerate(frame.index.names) if name is not None]
    names = [str(frame.index.names[place]) for place in levels] + [str(name) for name in frame.columns]
    twice = sorted(name for name, times in Counter(names).items() if times > 1)
    if twice:
        raise mismatch(where, f"two columns are called {twice[0]!r}. Rename one of them.")
    # pandas copies attrs with each column that is taken out.
    frame = frame.copy(deep=False)
    frame.attrs = {}
    series: list[Any] = [frame.index.get_level_values(place) for place in levels]
    series += [frame.iloc[:, place] for place in range(frame.shape[1])]
    arrays = [_array(name, column, where, as_text=as_text) for name, column in zip(names, series, strict=True)]
    table = pa.table(arrays, names=names)
    refuse_extensions(where, table.schema)
    schema = readable(table.schema)
    arrays = [_cast(column, field, where) for column, field in zip(table.columns, schema, strict=True)]
    return pa.table(arrays, schema=schema)


def _array(name: str, column: Any, where: PathLike, *, as_text: bool) -> pa.ChunkedArray | pa.Array:
    if isinstance(column.dtype, pd.SparseDtype):
        column = column.astype(column.dtype.subtype)
    try:
        array = pa.array(column, from_pandas=True)
        if pa.types.is_dictionary(array.type):
            array = array.cast(array.type.value_type)
        if not (as_text and isinstance(array.type, pa.BaseExtensionType)):
            # pandas' own text is large_string inside.
            return array.cast(pa.string()) if isinstance(column.dtype, pd.StringDtype) else array
    except (pa.ArrowException, OverflowError, UnicodeError, ValueError, TypeError):
        if not as_text:
            # Arrow's message quotes a value of the column.
            kinds = " and ".join(sorted({type(value).__name__ for value in column.dropna()})[:3])
            what = f"the column {name!r} holds {kinds}, for which Arrow has no single type. Convert it: astype(str)."
            raise mismatch(where, what) from None
    try:
        return pa.array([None if gone else str(value) for value, gone in zip(column, column.isna(), strict=True)])
    except UnicodeError:
        raise mismatch(where, f"the column {name!r} holds text that is not Unicode. Clean it first.") from None


def _cast(column: pa.ChunkedArray, field: pa.Field, where: PathLike) -> pa.ChunkedArray:
    if column.type == field.type:
        # A cast to the same type is not free of harm: Arrow 26 makes a broken array of a struct of nulls in a list.
        return column
    try:
        return column.cast(field.type)
    except pa.ArrowException:
        what = f"the column {field.name!r} holds values that do not fit {field.type}. Convert it with astype first."
        raise mismatch(where, what) from None
