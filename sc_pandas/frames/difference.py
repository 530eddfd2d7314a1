"""What changed from one frame of customers to another, by `user_id`."""

import html
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from sc_pandas.frames.keys import KEY, Ids, user_ids
from sc_pandas.matching import Mask, arrow_of, near_of
from sc_pandas.tables import backend_of, to_pandas
from sc_pandas.wording import html_table

_CHANGED: Final = pa.schema(
    [(KEY, pa.int64()), ("column", pa.string()), ("before", pa.string()), ("after", pa.string())]
)


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
    new_columns, gone_columns : tuple of str
        Columns with a value that only the later frame has, and those that only the earlier has.

    Examples
    --------
    >>> before = df.head(118).assign(rating=df.rating.replace(5, 4))
    >>> after = df.drop(index=0)
    >>> change = before.sellercloud.diff(after)
    >>> change
    <FrameDifference: 2 added, 1 removed, 7 changed; rating 7>
    """

    added: pd.DataFrame
    removed: pd.DataFrame
    cells: Mapping[Any, pd.DataFrame]
    new_columns: tuple[Any, ...]
    gone_columns: tuple[Any, ...]

    @property
    def changed(self) -> pd.DataFrame:
        """Every changed cell as text: user_id, column, before and after, sorted by user_id, then by column.

        Lists and structs are JSON, a NaN is ``"nan"``, a missing value is `pandas.NA`.
        """
        parts = [
            pa.table([_ids(cells), [str(name)] * len(cells), _texts(cells["before"]), _texts(cells["after"])], _CHANGED)
            for name, cells in self.cells.items()
        ]
        whole = to_pandas(pa.concat_tables([_CHANGED.empty_table(), *parts]), backend_of(self.added))
        return whole.sort_values(KEY, kind="stable", ignore_index=True)

    def lines(self) -> pd.DataFrame:
        """Return everything that differs as lines: `changed` with a column ``change``, and who was added or removed.

        Returns
        -------
        pandas.DataFrame
            user_id (int64), change ("added", "removed" or "changed"), column, before and after (string, missing for
            who was added or removed); sorted by user_id.
        """
        parts = [self.changed.assign(change="changed")]
        parts += [
            frame[[KEY]].assign(change=what) for what, frame in (("added", self.added), ("removed", self.removed))
        ]
        whole = pd.concat(parts)[[KEY, "change", "column", "before", "after"]].sort_values(KEY, kind="stable")
        return whole.reset_index(drop=True).astype({KEY: "int64[pyarrow]"})

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

    def __bool__(self) -> bool:
        """Return whether anything differs."""
        return bool(len(self.added) or len(self.removed) or self.cells or self.new_columns or self.gone_columns)

    def __repr__(self) -> str:
        columns = ", ".join(f"{name} {count:,}" for name, count in self.counts.items())
        return f"<FrameDifference: {self._heading()}{'; ' if columns else ''}{columns}>"

    def _heading(self) -> str:
        new, gone = len(self.new_columns), len(self.gone_columns)
        columns = f", {new} new and {gone} gone columns" if new or gone else ""
        return f"{len(self.added):,} added, {len(self.removed):,} removed, {self.customers_changed:,} changed{columns}"

    def _repr_html_(self) -> str:
        table = html_table(self.counts.items(), heads=("column", "changed")) if len(self.counts) else ""
        return f"<b>{html.escape(self._heading())}</b>{table}"


def difference(before: pd.DataFrame, after: pd.DataFrame) -> FrameDifference:
    """Compare two frames of customers by user_id."""
    before, after = _sorted(before), _sorted(after)
    old, new = _ids(before), _ids(after)
    stay_before = before[np.isin(old, new)].reset_index(drop=True)
    stay_after = after[np.isin(new, old)].reset_index(drop=True)
    cells = {}
    for name in after.columns:
        if name != KEY and name in before.columns:
            one, other = stay_before[name], stay_after[name]
            same = _same(one, other)
            if not same.all():
                pairs = pd.DataFrame({KEY: stay_after[KEY], "before": one, "after": other})
                cells[name] = pairs[~same].reset_index(drop=True)
    return FrameDifference(
        added=after[~np.isin(new, old)].reset_index(drop=True),
        removed=before[~np.isin(old, new)].reset_index(drop=True),
        cells=cells,
        new_columns=_only_in(after, before),
        gone_columns=_only_in(before, after),
    )


def _only_in(one: pd.DataFrame, other: pd.DataFrame) -> tuple[Any, ...]:
    """Return the columns that the other frame lacks; one without any value, as of a read of fewer, is no change."""
    return tuple(name for place, name in enumerate(one) if name not in other and not one.iloc[:, place].isna().all())


def _ids(frame: pd.DataFrame) -> Ids:
    return frame[KEY].to_numpy(dtype=np.int64)


def _sorted(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.iloc[np.argsort(user_ids(frame, "diff()"), kind="stable")].reset_index(drop=True)


def _same(one: "pd.Series[Any]", other: "pd.Series[Any]") -> Mask:
    """Compare two columns by value: missing is missing, NaN is NaN, and they are not each other."""
    try:
        left, right = arrow_of(one), arrow_of(other)
        if left.type == right.type:
            return _same_values(left, right)
        cast = _cast(left, right.type)
        # Forth and back, so a value that another type cannot hold is another value.
        return _same_values(cast, right) & _same_values(_cast(cast, left.type), left)
    except (TypeError, pa.ArrowException):
        return _same_one_by_one(_values(one), _values(other))


def _cast(values: Any, to: pa.DataType) -> Any:
    if pa.types.is_decimal(values.type) and pa.types.is_floating(to):
        values = values.cast(pa.string())  # Arrow's own way is not the nearest double
    return values.cast(to, safe=False)


def _same_values(left: Any, right: Any) -> Mask:
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
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        one, other = one.tolist(), other.tolist()
    if type(one) is not type(other):
        return False
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(_equal, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
    try:
        return one is other or bool(one == other) or bool(one != one and other != other)  # noqa: PLR0124  # NaN
    except (TypeError, ValueError):  # frames and the like, which are equal value by value
        return False


def _values(column: "pd.Series[Any]") -> list[Any]:
    """Return the values as Arrow holds them, else as they are; a missing one is None."""
    try:
        values: list[Any] = near_of(arrow_of(column)).to_pylist()
    except TypeError:
        values = [None if gone else value for value, gone in zip(column, column.isna(), strict=True)]
    return values


def _texts(column: "pd.Series[Any]") -> list[str | None]:
    return [None if value is None else _text(value) for value in _values(column)]


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, list | dict) else str(value)
