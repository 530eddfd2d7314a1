"""Customers of a segment as a set: `&`, `|`, `-`, `^` on ids, with the rows that were read."""

import html
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Final, NoReturn

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from sc_pandas.errors import SettingsError
from sc_pandas.tables import to_pandas
from sc_pandas.wording import visible

Ids = npt.NDArray[np.int64]
_ID = "user_id"
# Above pandas' own (a frame has 4,000), so that `mask & segment` comes here, too, and is told what to do.
_BEFORE_PANDAS: Final = 10_000


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class SegmentMembers:
    """Customers as a set: a segment that was run, or what set algebra made of several.

    ``a & b`` are those in both, ``a | b`` in either, ``a - b`` in the first and not in the second, ``a ^ b`` in one of
    them only.  No call is made: ids and rows are those that were read.

    It is no frame: ``to_pandas()`` gives one, which writes files
    (``run["trade"].to_pandas().sellercloud.to_excel("trade.xlsx")``), and ``mask(df)`` marks the rows of a frame of
    yours (``df[segment.mask(df) & (df.rating > 3)]``).

    Attributes
    ----------
    name : str
        The segment, or how it was made: ``"happy & wholesale"``.
    base_url : str
        The server; sets of two servers do not mix.
    table : pyarrow.Table
        The rows, sorted by ``user_id``.

    Notes
    -----
    Where both sides have a customer, the row of the left side stays.  Columns are the left side's, then those that only
    the right side has, null where a row has no say; a column whose values no one type holds is text.  Rows without an
    id take no part.

    What algebra made answers no single query, so that its frame has no provenance and is not verified; it is written to
    CSV and Excel where that is said:
    ``(a & b).to_pandas().sellercloud.to_excel("both.xlsx", allow_unverified=True)``.

    Examples
    --------
    >>> import sc_pandas as sc
    >>> asked = {"happy": sc.CustomerFilter(rating=[4, 5]), "wholesale": sc.CustomerFilter(customer_type="Wholesale")}
    >>> with sc.sandbox.serve(customers=120, seed=7) as box:
    ...     with sc.connect(box.url, username=box.username, password=box.password) as shop:
    ...         run = shop.segments(segments=asked)
    >>> both = run["happy"] & run["wholesale"]
    >>> both
    <SegmentMembers happy & wholesale: 1 customers>
    >>> len(both.to_pandas()), (run["happy"] - both).count + both.count == run["happy"].count
    (1, True)
    """

    name: str
    base_url: str
    table: pa.Table

    @cached_property
    def ids(self) -> Ids:
        """Ids of the members, int64, sorted, each once; rows without an id have none."""
        found: Ids = np.unique(self.table[_ID].drop_null().to_numpy().astype(np.int64))
        found.flags.writeable = False
        return found

    @property
    def count(self) -> int:
        """How many customers."""
        return int(self.table.num_rows)

    def __len__(self) -> int:
        return self.count

    def __bool__(self) -> NoReturn:
        # `a and b` would be b, without a word.
        raise ValueError(
            "A segment is neither true nor false. Combine segments by & | - ^, not by `and`, `or`, `not`; "
            "ask .count for how many customers there are."
        )

    def __contains__(self, user_id: object) -> bool:
        return bool(np.isin(user_id, self.ids)) if isinstance(user_id, int | np.integer) else False

    def to_pandas(self) -> pd.DataFrame:
        """Give the customers as a DataFrame.

        Returns
        -------
        pandas.DataFrame
            One row for each, sorted by ``user_id``, RangeIndex, Arrow-backed.  What algebra made answers no single
            query, so that it has no provenance: ``df.sellercloud.query`` raises an `AccessorError`, and ``to_csv`` and
            ``to_excel`` of ``df.sellercloud`` write it with ``allow_unverified=True`` only.
        """
        return to_pandas(self.table)

    def mask(self, customers: "pd.DataFrame | pd.Series[Any]") -> "pd.Series[bool]":
        """Say which rows of a frame of yours are members: ``df[segment.mask(df)]``.

        Parameters
        ----------
        customers
            A frame with a column ``user_id``, or a column of ids; numbers as text count, too.

        Returns
        -------
        pandas.Series
            Of bool, with the frame's index; False where there is no id.

        Raises
        ------
        SettingsError
            There is no column ``user_id``, or it is no frame and no Series.
        """
        if not isinstance(customers, pd.DataFrame | pd.Series):
            raise SettingsError(
                f"mask() takes a DataFrame with {_ID}, or a Series of ids, not a {type(customers).__name__}; for plain "
                "ids use numpy.isin(ids, segment.ids).",
                setting="customers",
            )
        if isinstance(customers, pd.DataFrame):
            if _ID not in customers.columns:
                raise SettingsError(
                    f"The frame has no column {_ID!r}; pass the column that holds the ids.", setting=_ID
                )
            customers = customers[_ID]
        numbers = customers if pd.api.types.is_numeric_dtype(customers) else pd.to_numeric(customers, errors="coerce")
        found = numbers.isin(self.ids.tolist()).to_numpy(dtype=bool, na_value=False)
        return pd.Series(found, index=customers.index, name=self.name)

    # ── algebra ────────────────────────────────────────────────────────────────────────────────────────────────────
    # numpy and pandas stand back; else they would take a segment for one value and compare it with each of theirs.
    __array_ufunc__: ClassVar[None] = None
    __pandas_priority__: ClassVar[int] = _BEFORE_PANDAS

    def __and__(self, other: object) -> "SegmentMembers":
        return self._with(other, "&", np.intersect1d)

    def __or__(self, other: object) -> "SegmentMembers":
        return self._with(other, "|", np.union1d)

    def __sub__(self, other: object) -> "SegmentMembers":
        return self._with(other, "-", np.setdiff1d)

    def __xor__(self, other: object) -> "SegmentMembers":
        return self._with(other, "^", np.setxor1d)

    # Of two segments the left one answers; whoever comes here has another thing on the left.
    def __rand__(self, other: object) -> NoReturn:
        self._refuse(other, "&")

    def __ror__(self, other: object) -> NoReturn:
        self._refuse(other, "|")

    def __rsub__(self, other: object) -> NoReturn:
        self._refuse(other, "-")

    def __rxor__(self, other: object) -> NoReturn:
        self._refuse(other, "^")

    def _refuse(self, other: object, sign: str) -> NoReturn:
        raise TypeError(
            f"{sign} combines segments with each other, not with a {type(other).__name__}. To choose rows of a frame "
            "use the segment's mask: df[mask & segment.mask(df)]."
        )

    def _with(self, other: object, sign: str, combine: Any) -> "SegmentMembers":
        if not isinstance(other, SegmentMembers):
            self._refuse(other, sign)
        if self.base_url != other.base_url:
            raise SettingsError(
                f"{self.name!r} and {other.name!r} are of two servers ({self.base_url}, {other.base_url}), whose ids "
                "mean different customers.",
                setting="server",
            )
        return SegmentMembers(
            name=f"{_operand(self.name)} {sign} {_operand(other.name)}",
            base_url=self.base_url,
            table=_rows_of(combine(self.ids, other.ids), self, other),
        )

    def __getstate__(self) -> dict[str, Any]:
        # An array forgets in a pickle that it is not to be written.
        return {name: value for name, value in self.__dict__.items() if name != "ids"}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {visible(self.name)}: {self.count:,} customers>"

    def _repr_html_(self) -> str:
        return f"<b>{html.escape(visible(self.name))}</b>: {self.count:,} customers"


def _operand(name: str) -> str:
    return f"({name})" if any(f" {sign} " in name for sign in "&|-^") else name


def _rows_of(ids: Ids, left: SegmentMembers, right: SegmentMembers) -> pa.Table:
    """Give the rows of ids, those of the left side first, sorted by id."""
    from_left = _only(left.table, ids)
    from_right = _only(right.table, np.setdiff1d(ids, left.ids, assume_unique=True))
    for name in set(from_left.column_names) & set(from_right.column_names):
        if not _is_one_type(from_left.schema.field(name), from_right.schema.field(name)):
            from_left, from_right = _as_text(from_left, name), _as_text(from_right, name)
    return pa.concat_tables([from_left, from_right], promote_options="permissive").sort_by(_ID).combine_chunks()


def _only(table: pa.Table, ids: Ids) -> pa.Table:
    return table.filter(pc.is_in(table[_ID], value_set=pa.array(ids, type=pa.int64())))


def _is_one_type(left: pa.Field, right: pa.Field) -> bool:
    """Say whether there is a type that holds the values of both."""
    try:
        pa.unify_schemas([pa.schema([left]), pa.schema([right])], promote_options="permissive")
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        return False
    return True


def _as_text(table: pa.Table, name: str) -> pa.Table:
    column = table[name]
    if pa.types.is_nested(column.type):
        texts = [None if each is None else json.dumps(each, default=str) for each in column.to_pylist()]
        column = pa.chunked_array([pa.array(texts, type=pa.string())])
    else:
        column = column.cast(pa.string())
    return table.set_column(table.column_names.index(name), name, column)
