"""Counts of a frame of customers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd
import pyarrow as pa

from sc_pandas.contract.columns import COUNTED, CUSTOM
from sc_pandas.wording import html_table, plain, visible

# So many values of a column are shown, the others in one line; the Series have all.
_ROWS_SHOWN: Final = 12
# A column of the tenant's own is counted when it has so few values, each of them twice on average.
DISTINCT_AT_MOST: Final = 12
UNKNOWN: Final = "unknown"
NONE: Final = "none"
_Counts = pd.Series


@dataclass(frozen=True, eq=False, kw_only=True)
class Summary:
    """Counts of a frame of customers; prints well as text and as HTML.

    Attributes
    ----------
    customers : int
        Customers: different values of ``user_id``; rows if no row has one.
    rows : int
        Rows.  There are more than customers if a customer stands in several, after a merge with orders for example;
        each customer is counted by its first row.
    by_rating, by_type : pandas.Series
        Customers by rating, and by wholesale or retail.  Index: the value; customers without one are under
        ``"unknown"``.  Empty if the frame has not the column.
    by_column : mapping of str to pandas.Series
        The same, if the frame has them, for channel, customer_type, subscribed, exported, the months, company_id,
        groups (a customer may have several, or ``"none"``), tax_exempt, is_black_listed, sales_man and the countries of
        the addresses, and for each ``custom.`` column with at most 12 different values, each of them twice on average.
    missing : pandas.Series
        Share of customers without a value, 0 to 1, of the columns that have any.  Index: the column.

    Examples
    --------
    >>> summary = df.sellercloud.summary()
    >>> summary.customers, int(summary.by_rating.sum())
    (120, 120)
    >>> sorted(summary.by_column)
    ['custom.Loyalty Tier', 'custom.Notes', 'custom.VIP']
    """

    customers: int
    rows: int
    by_rating: _Counts
    by_type: _Counts
    by_column: Mapping[str, _Counts]
    missing: _Counts

    def __str__(self) -> str:
        parts = [self._heading()]
        for title, series in self._tables():
            parts.append(f"\n{title}\n{series.to_string(header=False)}")
        return "\n".join(parts)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        tables = "".join(
            "<div style='display:inline-block;vertical-align:top;margin-right:1em'>"
            f"{html_table(series.items(), caption=title, align='right')}</div>"
            for title, series in self._tables()
        )
        return f"<b>{self._heading()}</b><div class='mathjax_ignore tex2jax_ignore'>{tables}</div>"

    def _heading(self) -> str:
        rows = "" if self.rows == self.customers else f" in {self.rows:,} rows"
        return f"{self.customers:,} customers{rows}"

    def _tables(self) -> "Iterator[tuple[str, pd.Series[Any]]]":
        """Yield what is shown: texts only, titles and values of strangers made harmless for a terminal."""
        for name, series in {"rating": self.by_rating, "type": self.by_type, **self.by_column}.items():
            if len(series):
                yield f"by {visible(str(name))}", _shortened(series)
        if len(self.missing):
            names = [visible(str(name)) for name in self.missing.index]
            yield "missing", pd.Series([f"{share:.1%}" for share in self.missing], names)


def summary_of(frame: pd.DataFrame) -> Summary:
    """Count a frame's customers."""
    # pandas copies attrs with each column that is taken out.
    rows = first_rows(frame.loc[:, ~frame.columns.duplicated()]).copy(deep=False)
    rows.attrs = {}
    missing = rows.isna().mean()
    by_type = "is_wholesale_string" if "is_wholesale_string" in rows else "customer_type"
    counts = {name: counts_of(rows[name]) for name in rows.columns if name in COUNTED or is_telling(rows, name)}
    nobody = pd.Series(dtype="int64", name="customers")
    return Summary(
        customers=len(rows),
        rows=len(frame),
        by_rating=counts.pop("rating_name", nobody),
        by_type=counts.pop(by_type, nobody),
        by_column=counts,
        missing=missing[missing > 0],
    )


def first_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each customer; rows without an id are left out, unless no row has one."""
    if "user_id" not in frame.columns or frame["user_id"].isna().all():
        return frame
    return frame[frame["user_id"].notna() & ~frame["user_id"].duplicated()]


def is_telling(rows: pd.DataFrame, name: Any) -> bool:
    """Return whether counts of a custom column say something: few values, each of them twice on average."""
    if not str(name).startswith(CUSTOM) or is_nested(rows[name]):
        return False
    distinct = rows[name].nunique()
    return bool(0 < distinct <= DISTINCT_AT_MOST and 2 * distinct <= rows[name].count())


def counts_of(column: "pd.Series[Any]") -> "pd.Series[int]":
    """Return how many rows have each value, the commonest first.

    Missing values stand under ``"unknown"``.  A row with a list counts under each of its items, an empty list under
    ``"none"``.
    """
    column = column.reset_index(drop=True)
    values = column.explode() if is_nested(column) else column
    found = values.value_counts(dropna=True)
    missing = int(column.isna().sum())
    rest = {label: n for label, n in ((UNKNOWN, missing), (NONE, int(values.isna().sum()) - missing)) if n}
    index = pd.Index([*found.index, *rest], name=column.name, dtype=object)
    counts = pd.Series([*found.to_numpy(dtype="int64"), *rest.values()], index=index, dtype="int64", name="customers")
    return counts.sort_values(ascending=False, kind="stable")


def is_nested(column: "pd.Series[Any]") -> bool:
    """Return whether a column holds lists or structs."""
    if isinstance(column.dtype, pd.ArrowDtype):
        return bool(pa.types.is_nested(column.dtype.pyarrow_dtype))
    return column.dtype == object and any(map(pd.api.types.is_list_like, column.dropna().head(1)))


def _shortened(series: _Counts) -> "pd.Series[str]":
    more = len(series) - _ROWS_SHOWN
    head = series if more <= 1 else series.iloc[: _ROWS_SHOWN - 1]
    texts, index = [f"{count:,}" for count in head], [visible(plain(value)) for value in head.index]
    if more > 1:
        texts.append(f"{int(series.iloc[_ROWS_SHOWN - 1 :].sum()):,}")
        index.append(f"{more + 1:,} others")
    return pd.Series(texts, index=index)
