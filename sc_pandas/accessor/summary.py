"""Counts of a frame of customers."""

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True, eq=False, kw_only=True)
class Summary:
    """Counts of a frame of customers; prints well as text and as HTML.

    Attributes
    ----------
    customers : int
        Rows.
    by_rating, by_type : pandas.Series
        Customers by rating, and by wholesale or retail.  Index: the value; customers without one are under
        ``"unknown"``.  Empty where the frame has not the column.
    missing : pandas.Series
        Share of missing values, 0 to 1, of the columns that have any.  Index: the column.
    """

    customers: int
    by_rating: pd.Series
    by_type: pd.Series
    missing: pd.Series

    def __str__(self) -> str:
        parts = [f"{self.customers:,} customers"]
        for title, series in (("by rating", self.by_rating), ("by type", self.by_type)):
            if len(series):
                parts.append(f"\n{title}\n{series.to_string()}")
        if len(self.missing):
            parts.append(f"\nmissing\n{self.missing.map('{:.1%}'.format).to_string()}")
        return "\n".join(parts)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        tables = "".join(
            f"<td style='vertical-align:top'>{series.to_frame(title).to_html()}</td>"
            for title, series in (("by rating", self.by_rating), ("by type", self.by_type), ("missing", self.missing))
            if len(series)
        )
        return f"<b>{self.customers:,} customers</b><table><tr>{tables}</tr></table>"


def summary_of(frame: pd.DataFrame) -> Summary:
    """Count a frame's customers."""
    missing = frame.isna().mean()
    return Summary(
        customers=len(frame),
        by_rating=_counts(frame, "rating_name"),
        by_type=_counts(frame, "is_wholesale_string"),
        missing=missing[missing > 0],
    )


def _counts(frame: pd.DataFrame, column: str) -> pd.Series:
    if column not in frame.columns:
        return pd.Series(dtype="int64", name="customers")
    return frame[column].fillna("unknown").value_counts().rename("customers").rename_axis(column)
