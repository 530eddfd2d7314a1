"""The typed rows of a read, in their final order, as batches, as a table, as a frame."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import pyarrow as pa

from sc_pandas.errors import ResponseError
from sc_pandas.tables.spool import Store, new_store

COLUMNS_AT_MOST: Final = 10_000

Order = np.ndarray[tuple[int], np.dtype[np.int64]]


@dataclass(frozen=True, slots=True)
class Coercion:
    """A value that did not fit its column, which holds null (or a mended value) in its place.

    Attributes
    ----------
    user_id : int or None
        The row's key, None for a row without.
    column : str
        Name of the column.
    raw : str
        JSON text of the value that came.  It may be personal data, so the repr leaves it out.
    reason : str
        Why it did not fit.
    """

    user_id: int | None
    column: str
    raw: str = field(repr=False)
    reason: str


def refused(coercion: Coercion) -> ResponseError:
    """Return the error for a value that did not fit, if null is not wanted in its place."""
    whose = "A customer without an id" if coercion.user_id is None else f"Customer {coercion.user_id}"
    return ResponseError(
        f"{whose} has a value that does not fit the column {coercion.column}: {coercion.reason}. Look at that customer "
        'in SellerCloud, or read with on_bad_value="null" and see `coercions`.',
        kind="shape",
    )


def check_width(columns: int) -> None:
    """Refuse more custom or undocumented columns than a frame is made for."""
    if columns > COLUMNS_AT_MOST:
        raise ResponseError(
            f"The customers that came have more than {COLUMNS_AT_MOST:,} different columns of their own; nothing is "
            "returned. Look at the custom columns in SellerCloud, or ask for fewer customers.",
            kind="too_large",
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class CustomerRows:
    """Typed rows, unique by ``user_id``; spooled ones are read from disk batch by batch.

    Attributes
    ----------
    schema : pyarrow.Schema
        Columns and types.
    num_rows : int
        Rows, those without a key included.
    coercions : tuple of Coercion
        Values that did not fit, in the order of the rows' ids.
    doubles_dropped : int
        Rows that a later row with the same id replaced.
    undocumented : tuple of str
        Keys that no public page documents, as the server spells them; one that had to give way to another column
        names its own.
    rows_without_key : int
        Rows without a usable id; they stand last, in the server's order.
    renamed : dict of str to str
        The shop's own names of custom columns that had to give way to another, by the column's.
    """

    schema: pa.Schema = field(repr=False)
    num_rows: int
    coercions: tuple[Coercion, ...] = field(repr=False)
    doubles_dropped: int
    undocumented: tuple[str, ...]
    rows_without_key: int
    _store: Store = field(repr=False)
    _order: Order | None = field(repr=False)
    renamed: Mapping[str, str] = field(default_factory=dict, repr=False)

    def iter_batches(self, rows: int = 20_000) -> Iterator[pa.RecordBatch]:
        """Return the rows in batches of so many (the last may have fewer), none at all if there are no rows."""
        if self._order is None:
            yield from rechunked(self._store, rows)
            return
        starts = np.cumsum([0, *self._store.lengths])
        for start in range(0, len(self._order), rows):
            yield _gather(self._store, starts, self._order[start : start + rows])

    def to_table(self) -> pa.Table:
        """Return all rows as one Arrow table, in memory."""
        return pa.Table.from_batches(self.iter_batches(), self.schema)

    def with_columns(
        self,
        added: pa.Schema,
        columns_of: Callable[[pa.RecordBatch], Sequence[pa.Array]],
        coercions: list[Coercion],
        *,
        instead_of: Collection[str] = (),
        at: int | None = None,
    ) -> "CustomerRows":
        """Return the rows with columns more, which replace those of the same names and others; free these rows.

        They stand last, or in front of the column at a place.

        `coercions` is complete once `columns_of` has been called for all batches.
        """
        replaced = {*added.names, *instead_of}
        stay = [field for field in self.schema if field.name not in replaced]
        at = len(stay) if at is None else at
        schema = pa.schema([*stay[:at], *added, *stay[at:]])
        store = new_store(self._store.folder)
        for batch in self.iter_batches():
            arrays = [batch.column(field.name) for field in stay]
            arrays[at:at] = columns_of(batch)
            store.append(pa.RecordBatch.from_arrays(arrays, schema=schema))
        self._store.close()
        return replace(self, schema=schema, coercions=(*self.coercions, *coercions), _store=store, _order=None)

    def filled(self) -> dict[str, int]:
        """Return how many values each column has."""
        counts = dict.fromkeys(self.schema.names, 0)
        for batch in self.iter_batches() if self.doubles_dropped else self._store:
            for name in counts:
                counts[name] += batch.num_rows - batch.column(name).null_count
        return counts

    def close(self) -> None:
        """Free the rows' space; the counts stay."""
        self._store.close()


def joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    """Make one batch of several, which have at least one row."""
    if len(batches) == 1:
        return batches[0]
    return pa.Table.from_batches(batches).combine_chunks().to_batches()[0]


def rechunked(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.RecordBatch]:
    """Cut batches of any size to one size, so pages leave no trace."""
    waiting: list[pa.RecordBatch] = []
    held = 0
    for batch in batches:
        waiting.append(batch)
        held += batch.num_rows
        if held < rows:
            continue
        whole = joined([each for each in waiting if each.num_rows])
        for start in range(0, held - held % rows, rows):
            yield whole.slice(start, rows)
        held %= rows
        waiting = [whole.slice(whole.num_rows - held)]
    if held:
        yield joined([each for each in waiting if each.num_rows])


def _gather(store: Store, starts: Order, wanted: Order) -> pa.RecordBatch:
    """Take rows by their number from the few batches that hold them."""
    owners = np.searchsorted(starts, wanted, side="right") - 1
    by_owner = np.argsort(owners, kind="stable")
    found, firsts = np.unique(owners[by_owner], return_index=True)
    pieces = [
        store.read(int(owner)).take(pa.array(wanted[places] - starts[owner]))
        for owner, places in zip(found, np.split(by_owner, firsts[1:]), strict=True)
    ]
    back = np.empty(len(wanted), dtype=np.int64)
    back[by_owner] = np.arange(len(wanted))
    return joined(pieces).take(pa.array(back))


def final_order(ids: pa.ChunkedArray, *, sort: bool) -> Order:
    """Return the numbers of the rows to use: of equal ids the last; by id or by place, those without an id last."""
    has_id, keys = ids.is_valid().to_numpy(), ids.fill_null(0).to_numpy()
    by_id = np.argsort(keys, kind="stable")
    if ids.null_count:
        by_id = by_id[has_id[by_id]]
    keys = keys[by_id]
    by_id = by_id[np.append(keys[1:] != keys[:-1], [True] * min(1, len(keys))).astype(bool)]
    order = np.concatenate([by_id, np.flatnonzero(~has_id)])
    return order if sort else np.sort(order)
