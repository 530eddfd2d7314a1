"""`df.sellercloud`: what a frame that came from SellerCloud can do besides being a frame."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pandas as pd

from sc_pandas.accessor.summary import Summary, summary_of
from sc_pandas.errors import AccessorError, ExportError
from sc_pandas.filters import CustomerFilter
from sc_pandas.parquet import frame_to_arrow, write_parquet
from sc_pandas.provenance import Provenance
from sc_pandas.query import CustomerQuery
from sc_pandas.query.connection import connection_for
from sc_pandas.query.values import QueryOptions, to_code

if TYPE_CHECKING:
    from sc_pandas.panel.panel import Panel

# Columns that only SellerCloud's customers have; a frame that lost its attrs is known by them.
_OURS: Final = frozenset({"is_whole_sale_user", "is_wholesale_string", "rating_name"})


@pd.api.extensions.register_dataframe_accessor("sellercloud")
class SellerCloudAccessor:
    """``df.sellercloud``: where a frame of customers came from, and what can be done with that.

    It works on every frame that `read_sellercloud_customers` or `read_parquet` gave, also after filtering and other
    operations that keep ``df.attrs``.

    Raises
    ------
    AccessorError
        The frame did not come from SellerCloud; ``hasattr(df, "sellercloud")`` is False then.

    Examples
    --------
    >>> import pandas as pd
    >>> pd.DataFrame({"x": [1]}).sellercloud
    Traceback (most recent call last):
    ...
    sc_pandas.errors.AccessorError: This frame did not come from SellerCloud. df.sellercloud works on frames of ...
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        self._frame = frame
        self._provenance = Provenance.from_attrs(frame.attrs)
        if self._provenance is None and not ("user_id" in frame.columns and _OURS & set(frame.columns)):
            raise AccessorError(
                "This frame did not come from SellerCloud. df.sellercloud works on frames of "
                "read_sellercloud_customers() and read_parquet() of sc_pandas."
            )

    @property
    def provenance(self) -> Provenance:
        """Where the rows came from.

        Returns
        -------
        Provenance
            Server, filter, time and verdict of the read; a frame that you filtered keeps those of the whole read.

        Raises
        ------
        AccessorError
            An operation dropped ``df.attrs`` (a merge with another frame does).
        """
        if self._provenance is None:
            raise AccessorError(
                "This frame no longer says where it came from: an operation such as a merge with another frame dropped "
                "df.attrs. Copy them over: merged.attrs.update(df.attrs)."
            )
        return self._provenance

    @property
    def query(self) -> CustomerQuery:
        """The query that gave the rows, to ask it again.

        Returns
        -------
        CustomerQuery
            At this process's open connection to the same server, else at a new one, whose login comes from where
            `connect` finds it.

        Raises
        ------
        AccessorError
            The frame no longer says where it came from.
        SettingsError
            There is no open connection and no login to make one.
        """
        note = self.provenance
        return CustomerQuery(connection_for(note.base_url), CustomerFilter.from_dict(note.filter), _options(note))

    def panel(self) -> "Panel":
        """Open the live filter panel on the query that gave the rows.

        Returns
        -------
        Panel

        Raises
        ------
        AccessorError
            The frame no longer says where it came from.
        SettingsError
            There is no open connection and no login to make one.
        """
        return self.query.panel()

    def to_code(self) -> str:
        """Give Python code that reads the same.

        Returns
        -------
        str
            Runnable where a login is found; no secret is in it.

        Raises
        ------
        AccessorError
            The frame no longer says where it came from.
        """
        note = self.provenance
        return to_code(note.base_url, CustomerFilter.from_dict(note.filter), _options(note))

    def summary(self) -> Summary:
        """Count the customers by rating and type, and say what is missing.

        Returns
        -------
        Summary
            Its parts are Series; it prints well as text and as HTML.
        """
        return summary_of(self._frame)

    def to_parquet(self, path: str | os.PathLike[str], *, allow_unverified: bool = False) -> Path:
        """Write the frame to a Parquet file, crash-safe, with its provenance inside.

        Parameters
        ----------
        path
            The target; a new file is private (0600), an existing one keeps its mode.
        allow_unverified
            Whether rows of a read that was not proven complete may be written; the file says so.

        Returns
        -------
        pathlib.Path
            The target.

        Raises
        ------
        ExportError
            The file could not be written, or the rows are not verified; what stood at the path is untouched.
        AccessorError
            The frame no longer says where it came from.
        """
        note = self.provenance
        if not note.is_verified and not allow_unverified:
            raise ExportError(
                "These rows were not proven complete, so that they are not written. Read again, or pass "
                "allow_unverified=True; the file will say so.",
                path=str(path),
                reason="not_verified",
            )
        table = frame_to_arrow(self._frame, path)
        write_parquet(path, table.to_batches(), table.schema, note)
        return Path(path)


def _options(note: Provenance) -> QueryOptions:
    return QueryOptions(limit=note.limit, columns=note.columns, page_size=note.page_size)
