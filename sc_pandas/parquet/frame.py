"""A user's frame as an Arrow table that Parquet gives back as it went."""

from collections import Counter
from typing import Any

import pandas as pd
import pyarrow as pa

from sc_pandas.files import PathLike
from sc_pandas.parquet.sealed import cast_columns, mismatch, readable, refuse_extensions


def frame_to_arrow(frame: pd.DataFrame, path: PathLike = "") -> pa.Table:
    """Make a table of a user's frame, without pandas' metadata, for `write_parquet`; `path` is for the error.

    Arrow-backed columns are taken as they are.  Named levels of the index become columns in front, an index without
    names is dropped.  Categories become their values, and times whose unit Parquet lacks get the next finer one.

    Raises
    ------
    ExportError
        If columns share a name, or one holds values that no single Arrow type takes (``reason="mismatch"``).

    Examples
    --------
    >>> frame_to_arrow(pd.DataFrame({"n": [1, 2]}, index=pd.Index(["a", "b"], name="key"))).column_names
    ['key', 'n']
    """
    levels = [place for place, name in enumerate(frame.index.names) if name is not None]
    names = [str(frame.index.names[place]) for place in levels] + [str(name) for name in frame.columns]
    twice = sorted(name for name, times in Counter(names).items() if times > 1)
    if twice:
        raise mismatch(path or "The frame", f"two columns are called {twice[0]!r}. Rename one of them.")
    # pandas copies attrs with each column that is taken out.
    frame = frame.copy(deep=False)
    frame.attrs = {}
    series: list[Any] = [frame.index.get_level_values(place) for place in levels]
    series += [frame.iloc[:, place] for place in range(frame.shape[1])]
    arrays = [_array(name, column, path) for name, column in zip(names, series, strict=True)]
    table = pa.table(arrays, names=names)
    refuse_extensions(path or "The frame", table.schema)
    return cast_columns(table, readable(table.schema), path or "The frame")


def _array(name: str, column: Any, path: PathLike) -> pa.ChunkedArray | pa.Array:
    try:
        array = pa.array(column, from_pandas=True)
        return array.cast(array.type.value_type) if pa.types.is_dictionary(array.type) else array
    except (pa.ArrowException, OverflowError, UnicodeError, ValueError, TypeError):
        # Arrow's message quotes a value of the column.
        what = f"the column {name!r} holds values of several kinds. Convert it with astype first."
        raise mismatch(path or "The frame", what) from None
