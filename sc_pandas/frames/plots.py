"""The few pictures that people want first."""

from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from sc_pandas.contract import Rating
from sc_pandas.contract.columns import INCLUDE_OF
from sc_pandas.errors import AccessorError, MissingExtraError
from sc_pandas.frames.summary import first_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOR: Final = "#4c78a8"


class Plots:
    """``df.sellercloud.plot``: pictures of a frame's customers, by matplotlib.

    Each method draws into the matplotlib axes `ax`, or into a figure of its own, which shows itself in a notebook, and
    returns the axes.  pyplot is not touched: neither its backend nor its current figure.  A customer that stands in
    several rows is counted once.

    Raises
    ------
    AccessorError
        By each method, if the frame has not the column; the message says what to include.
    MissingExtraError
        By each method, if matplotlib is not installed.

    Examples
    --------
    >>> ax = df.sellercloud.plot.by_rating()
    >>> ax.get_title()
    'Customers by rating (n = 120)'
    >>> ax.figure.savefig("ratings.png")
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        self._frame = frame

    def __repr__(self) -> str:
        return "<plots: by_rating(), by_created_month(), by_channel()>"

    def by_rating(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the customers by rating, from not rated to very satisfied."""
        ratings = self._column("rating_name")
        known = [rating.name for rating in Rating]
        counts = ratings.value_counts()
        counts = counts.reindex([*known, *(name for name in counts.index if name not in known)], fill_value=0)
        return _bars(ax, counts, ratings, "rating", "known rating")

    def by_channel(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the customers by channel, the largest first."""
        channels = self._column("channel")
        counts = channels.value_counts().sort_index().sort_values(ascending=False, kind="stable")
        return _bars(ax, counts, channels, "channel", "channel")

    def by_created_month(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the customers by the month in which they were created; months without any are zero."""
        has_days = "created_on" in self._frame.columns and "created_month" not in self._frame.columns
        days = self._column("created_on" if has_days else "created_month")
        counts = _by_month(days)
        ax = _axes(ax)
        # Bars as wide as their months, without a gap between them.
        starts = [month.to_pydatetime() for month in counts.index]
        widths = [month.days_in_month * 0.9 for month in counts.index]
        ax.bar(starts, counts.to_numpy(), width=widths, align="edge", color=_COLOR)
        ax.set_xlabel("created, by month")
        ax.set_ylabel("customers")
        _title(ax, "Customers by month of creation", days, "date of creation")
        return ax

    def _column(self, name: str) -> "pd.Series[Any]":
        columns = list(self._frame.columns)
        if name not in columns:
            include = INCLUDE_OF.get(name)
            way = f'include=["{include}"]' if include else f"{name} among columns="
            raise AccessorError(f"There is nothing to draw: the rows have no {name!r}. Read with {way}.")
        for each in ("user_id", name):
            if columns.count(each) > 1:
                raise AccessorError(
                    f"The frame has several columns {each!r}. Rename all but one, or take the first of each name: "
                    "df.loc[:, ~df.columns.duplicated()]."
                )
        column: pd.Series[Any] = first_rows(self._frame)[name]
        return column


def _bars(ax: "Axes | None", counts: "pd.Series[int]", values: "pd.Series[Any]", name: str, missing: str) -> "Axes":
    ax = _axes(ax, rows=len(counts))
    bars = ax.barh(range(len(counts)), counts.to_numpy(dtype=int), color=_COLOR)
    ax.bar_label(bars, fmt="{:,.0f}", padding=2)
    ax.set_yticks(range(len(counts)), [str(value).replace("_", " ") for value in counts.index], parse_math=False)
    ax.invert_yaxis()
    ax.margins(x=0.12)
    ax.set_xlabel("customers")
    ax.set_ylabel(name)
    _title(ax, f"Customers by {name}", values, missing)
    return ax


def _by_month(days: "pd.Series[Any]") -> "pd.Series[int]":
    """Count days by month, without a gap from the first month to the last; index: the months' first days."""
    months = pd.DatetimeIndex(pd.to_datetime(days.dropna().astype("datetime64[us]"))).to_period("M")
    counts = pd.Series(months).value_counts().sort_index()
    if len(counts):
        counts = counts.reindex(pd.period_range(counts.index[0], counts.index[-1], freq="M"), fill_value=0)
    counts.index = pd.PeriodIndex(counts.index, freq="M").to_timestamp()
    return counts


def _title(ax: "Axes", title: str, values: "pd.Series[Any]", name: str) -> None:
    without = int(values.isna().sum())
    missing = f"; {without:,} without a {name}" if without else ""
    ax.set_title(f"{title} (n = {len(values):,}{missing})", parse_math=False)


def _axes(ax: "Axes | None", rows: int = 10) -> "Axes":
    if ax is not None:
        return ax
    try:
        from sc_pandas.frames.canvas import new_axes
    except ImportError as error:
        message = 'The pictures need matplotlib: pip install "sc_pandas[plot]"'
        raise MissingExtraError(message, extra="plot") from error
    return new_axes(rows)
