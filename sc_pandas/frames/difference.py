"""What changed from one frame of customers to another, by `user_id`."""

import copy
import html
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from sc_pandas.errors import AccessorError
from sc_pandas.frames.keys import KEY, Ids, user_ids
from sc_pandas.matching import Mask
from sc_pandas.wording import html_table

_CHANGED: Final = pa.schema(
    [(KEY, pa.int64()), ("column", pa.string()), ("before", pa.string()), ("after", pa.string())]
)
_WHAT: Final = "diff()"


@dataclass(frozen=True, eq=False, kw_only=True)
class FrameDifference:
    """What changed from an earlier frame of customers to a later one.

    Its text and HTML show counts only; the customers are in its frames.

    Attributes
    ----------
    added, removed : pandas.DataFrame
        Rows of new customers, of the later frame, and of customers who are gone, of the earlier; sorted by user_id.
    cells : mapping of str to pandas.DataFrame
        For each column of both frames in which a value changed: user_id, before and after, typed as in its frame.
    new_columns : pandas.DataFrame
        user_id and the columns that only the later frame has, of the customers in both.
    gone_columns : tuple of str
        Columns that only the earlier frame has.
    dtypes : pandas.Series
        The later frame's dtypes, in the order of its columns.

    Examples
    --------
    >>> before = df.head(118).assign(rating=df.rating.replace(5, 4))
    >>> after = df.drop(index=0)
    >>> change = before.sellercloud.diff(after)
    >>> change
    <FrameDifference: 2 added, 1 removed, 7 changed; rating 7>
    >>> change.apply(before).equals(after.reset_index(drop=True))
    True
    """

    added: pd.DataFrame
    removed: pd.DataFrame
    cells: Mapping[Any, pd.DataFrame]
    new_columns: pd.DataFrame
    gone_columns: tuple[Any, ...]
    dtypes: "pd.Series[Any]"

    @property
    def changed(self) -> pd.DataFrame:
        """Every changed cell as text: user_id, column, before and after, sorted by user_id, then by column.

        Lists and structs are JSON, a NaN is ``"nan"``, a missing value is `pandas.NA`.
        """
        parts = [
            pa.table([_ids(cells), [str(name)] * len(cells), _texts(cells["before"]), _texts(cells["after"])], _CHANGED)
            for name, cells in self.cells.items()
        ]
        whole: pd.DataFrame = pa.concat_tables([_CHANGED.empty_table(), *parts]).to_pandas(types_mapper=pd.ArrowDtype)
        return whole.sort_values(KEY, kind="stable", ignore_index=True)

    @property
    def counts(self) -> "pd.Series[int]":
        """How many values changed, of the columns in which any did."""
        sizes = [len(cells) for cells in self.cells.values()]
        index = pd.Index(list(self.cells), name="column", dtype=object)
        return pd.Series(sizes, index=index, dtype="int64", name="changed")

    @property
    def customers_changed(self) -> int:
        """How many customers, in both frames, have at least one changed value."""
        return len(np.unique(np.concatenate([np.empty(0, np.int64), *map(_ids, self.cells.values())])))

    def apply(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Make the later frame of the earlier one.

        Parameters
        ----------
        frame
            The earlier frame; rows in any order.  It is not changed.

        Returns
        -------
        pandas.DataFrame
            Values, dtypes, columns and ``attrs`` of the later frame, sorted by user_id, RangeIndex.

        Raises
        ------
        AccessorError
            It is not the earlier frame: customers or columns do not fit.
        """
        stay = _sorted(frame, "apply()")
        stay = stay[~np.isin(_ids(stay), _ids(self.removed))].reset_index(drop=True)
        columns = set(self.dtypes.index) - set(self.new_columns.columns[1:]) | set(self.gone_columns)
        if (
            columns != set(frame.columns)
            or len(stay) + len(self.removed) != len(frame)
            or not np.array_equal(_ids(stay), _ids(self.new_columns))
        ):
            raise AccessorError("This difference was not taken from that frame: customers or columns do not fit.")
        after = pd.DataFrame({name: self._column(name, stay) for name in self.dtypes.index})
        after.columns = self.dtypes.index
        result = _sorted(after, "apply()")
        result.attrs = copy.deepcopy(self.added.attrs)
        return result

    def _column(self, name: Any, before: pd.DataFrame) -> "pd.Series[Any]":
        """Return a column of the customers who stay, then of those who are new."""
        dtype = self.dtypes[name]
        if name in self.new_columns.columns:
            stay = self.new_columns[name].astype(dtype)
        else:
            cast = _cast(before[name], dtype)
            places = np.full(len(before), -1) if cast is None else np.arange(len(before))
            pool = [] if cast is None else [cast]
            if (cells := self.cells.get(name)) is not None:
                places[np.searchsorted(_ids(before), _ids(cells))] = sum(map(len, pool)) + np.arange(len(cells))
                pool.append(cells["after"])
            # No row is -1: there it was missing before, and is.
            values: pd.Series[Any] = pd.concat(pool, ignore_index=True) if pool else pd.Series([], dtype=dtype)
            stay = values.reindex(places)
        column: pd.Series[Any] = pd.concat([stay, self.added[name]], ignore_index=True).astype(dtype)
        return column

    def __bool__(self) -> bool:
        """Return whether anything differs."""
        return bool(len(self.added) or len(self.removed) or self.cells or len(self.new_columns.columns) > 1)

    def __repr__(self) -> str:
        columns = ", ".join(f"{name} {count:,}" for name, count in self.counts.items())
        return f"<FrameDifference: {self._heading()}{'; ' if columns else ''}{columns}>"

    def _heading(self) -> str:
        new, gone = len(self.new_columns.columns) - 1, len(self.gone_columns)
        columns = f", {new} new and {gone} gone columns" if new or gone else ""
        return f"{len(self.added):,} added, {len(self.removed):,} removed, {self.customers_changed:,} changed{columns}"

    def _repr_html_(self) -> str:
        table = html_table(self.counts.items(), heads=("column", "changed")) if len(self.counts) else ""
        return f"<b>{html.escape(self._heading())}</b>{table}"


def difference(before: pd.DataFrame, after: pd.DataFrame) -> FrameDifference:
    """Compare two frames of customers by user_id."""
    before, after = _sorted(before, _WHAT), _sorted(after, _WHAT)
    old, new = _ids(before), _ids(after)
    stay_before = before[np.isin(old, new)].reset_index(drop=True)
    stay_after = after[np.isin(new, old)].reset_index(drop=True)
    cells = {}
    for name in after.columns:
        if name != KEY and name in before.columns:
            one, other = stay_before[name], stay_after[name]
            cast = _cast(one, other.dtype)
            same = _both_missing(one, other) if cast is None else _same(cast, other)
            if not same.all():
                pairs = pd.DataFrame({KEY: stay_after[KEY], "before": one, "after": other})
                cells[name] = pairs[~same].reset_index(drop=True)
    return FrameDifference(
        added=after[~np.isin(new, old)].reset_index(drop=True),
        removed=before[~np.isin(old, new)].reset_index(drop=True),
        cells=cells,
        new_columns=stay_after[[KEY, *(name for name in after.columns if name not in before.columns)]],
        gone_columns=tuple(name for name in before.columns if name not in after.columns),
        dtypes=after.dtypes,
    )


def _ids(frame: pd.DataFrame) -> Ids:
    return frame[KEY].to_numpy(dtype=np.int64)


def _sorted(frame: pd.DataFrame, what: str) -> pd.DataFrame:
    return frame.iloc[np.argsort(user_ids(frame, what), kind="stable")].reset_index(drop=True)


def _cast(column: "pd.Series[Any]", dtype: Any) -> "pd.Series[Any] | None":
    """Return a column in another dtype; None if a value would change, or cannot be compared."""
    if column.dtype == dtype:
        return column
    values = _arrow(column)
    if values is None or not isinstance(dtype, pd.ArrowDtype):
        return None
    try:
        cast = values.cast(dtype.pyarrow_dtype)
        back = cast.cast(values.type)
    except pa.ArrowException:
        return None
    return pd.Series(pd.arrays.ArrowExtensionArray(cast)) if _same_values(values, back).all() else None


def _same(one: "pd.Series[Any]", other: "pd.Series[Any]") -> Mask:
    """Compare two columns of one dtype: missing is missing, NaN is NaN, and they are not each other."""
    left, right = _arrow(one), _arrow(other)
    if left is None or right is None:
        return _same_one_by_one(one.tolist(), other.tolist())
    return _same_values(left, right)


def _both_missing(one: "pd.Series[Any]", other: "pd.Series[Any]") -> Mask:
    """Find what is missing in two columns whose values cannot be compared."""
    left, right = _arrow(one), _arrow(other)
    if left is None or right is None:
        return np.zeros(len(one), dtype=bool)
    return np.asarray(pc.and_(left.is_null(), right.is_null()), dtype=bool)


def _arrow(column: "pd.Series[Any]") -> pa.ChunkedArray | None:
    """Return the values as Arrow holds them; pandas would show its NaN as missing."""
    if not isinstance(column.dtype, pd.ArrowDtype):
        return None
    values = pa.array(column.array)
    return values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values])


def _same_values(left: pa.ChunkedArray, right: pa.ChunkedArray) -> Mask:
    try:
        same = pc.or_(pc.fill_null(pc.equal(left, right), False), pc.and_(left.is_null(), right.is_null()))
        if pa.types.is_floating(left.type):
            same = pc.or_(same, pc.fill_null(pc.and_(pc.is_nan(left), pc.is_nan(right)), False))
    except pa.ArrowNotImplementedError:  # lists and structs
        return _same_one_by_one(left.to_pylist(), right.to_pylist())
    return np.asarray(same, dtype=bool)


def _same_one_by_one(left: list[Any], right: list[Any]) -> Mask:
    return np.fromiter(map(_equal, left, right), dtype=bool, count=len(left))


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray) and one.shape == other.shape:
        one, other = one.tolist(), other.tolist()
    if type(one) is type(other) and isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(_equal, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    try:
        return one is other or (type(one) is type(other) and bool(one == other))
    except (TypeError, ValueError):  # frames and the like, which are equal value by value
        return False


def _texts(column: "pd.Series[Any]") -> list[str | None]:
    arrow = _arrow(column)
    values = column.tolist() if arrow is None else arrow.to_pylist()
    return [None if value is None or value is pd.NA or value is pd.NaT else _text(value) for value in values]


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, list | dict) else str(value)
