"""Pages of parsed rows into typed Arrow rows, in batches of many pages.

Columns whose type is documented are typed at once, custom and undocumented ones when all rows have been seen, so
neither the order nor the size of pages shows in the result.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sc_pandas import json_text
from sc_pandas.contract import DETAIL_KEYS, ID_KEYS, LIST_KEYS, PageRows
from sc_pandas.contract.cards import is_card_key
from sc_pandas.contract.spelling import column_name
from sc_pandas.files import PathLike
from sc_pandas.tables.columns import TYPES, RejectFor, encode, rating_names, typed, without_cards
from sc_pandas.tables.custom import CustomColumns
from sc_pandas.tables.layout import Layout, extra_source, laid_out
from sc_pandas.tables.rows import Coercion, CustomerRows, Order, check_width, final_order, refused
from sc_pandas.tables.shapes import Shape
from sc_pandas.tables.spool import Store, new_store

ROWS_IN_BATCH: Final = 5_000
_CUSTOM: Final = "CustomColumns"
_OTHER_ID_KEYS: Final = ID_KEYS[1:]
_KNOWN: Final = LIST_KEYS.keys() | DETAIL_KEYS.keys() | set(ID_KEYS)
_DOCUMENTED: Final = {key: kind for key, kind in {**LIST_KEYS, **DETAIL_KEYS}.items() if key not in {"UserID", _CUSTOM}}
# Values of all rows of a batch by their key.
_Values = Mapping[str, list[Any]]
# Row number, column, raw JSON text, reason.
_Rejected = tuple[int, str, str, str]


@dataclass(slots=True)
class Mark:
    """What a builder has seen of its rows."""

    rows: int = 0
    batches: int = 0
    misfits: int = 0
    details: set[str] = field(default_factory=set)
    other_ids: set[str] = field(default_factory=set)
    custom: CustomColumns = field(default_factory=CustomColumns)
    extras: dict[str, Shape] = field(default_factory=dict)


class TableBuilder:
    """Collects pages and returns typed rows; these wait in a file without a name in `spool_folder`, else in memory.

    Items are dicts as ``msgspec.json.Decoder(float_hook=decimal.Decimal)`` returns them.
    """

    def __init__(
        self,
        *,
        on_bad_value: Literal["null", "raise"] = "null",
        exact_decimals: bool = False,
        spool_folder: PathLike | None = None,
    ) -> None:
        self._exact_decimals = exact_decimals
        self._raises = on_bad_value == "raise"
        self._folder = spool_folder
        self._store: Store = new_store(spool_folder)
        # Values of the rows that wait, by their key, and how many rows these are.
        self._values: dict[str, list[Any]] = {}
        self._waiting = 0
        self._ids: list[pa.Array] = []
        self._rejected: list[_Rejected] = []
        self._seen = Mark()

    def add(self, items: Sequence[Mapping[str, Any]]) -> None:
        """Take the rows of one page, in the server's order."""
        # Taken apart at once: the objects of a page are young, and may go.
        page = PageRows.of(items)
        for key in (self._values.keys() | page.keys()) - {_CUSTOM}:
            if key not in self._values:
                self._values[key] = [None] * self._waiting
            self._values[key] += page.column(key)
        if _CUSTOM in page.keys():  # noqa: SIM118  # it is no mapping
            self._seen.custom.take(page, self._waiting, self._reject_for(self._seen.rows))
        self._waiting += len(page)
        if self._waiting >= ROWS_IN_BATCH:
            self._flush()

    def mark(self) -> Mark:
        """Return where the builder is, to come back to with `rollback`."""
        if self._waiting:
            self._flush()
        return replace(deepcopy(self._seen), batches=len(self._ids), misfits=len(self._rejected))

    def rollback(self, mark: Mark) -> None:
        """Forget what was taken since a mark, which may be used again."""
        self._values, self._waiting = {}, 0
        self._store.cut(mark.batches)
        del self._ids[mark.batches :], self._rejected[mark.misfits :]
        self._seen = deepcopy(mark)

    def finish(self, *, sort: bool = True) -> CustomerRows:
        """Type what is left and return all rows, once; the builder is of no more use then.

        Rows are unique by ``user_id``, the last row of an id wins; rows without an id are never compared.  They are
        ordered by id, those without one last, or else stay in the server's order.
        """
        if self._waiting:
            self._flush()
        seen = self._seen
        layout = laid_out(
            seen.details | seen.other_ids, seen.custom.kinds(exact_decimals=self._exact_decimals), seen.extras
        )
        store = new_store(self._folder)
        start = 0
        for stored in self._store:
            batch = layout.apply(stored, self._reject_for(start))
            start += batch.num_rows
            self._raise_if_asked()
            store.append(batch)
        self._store.close()
        return self._finished(layout, store, sort=sort)

    def _finished(self, layout: Layout, store: Store, *, sort: bool) -> CustomerRows:
        ids = pa.chunked_array(self._ids, pa.int64())
        order = final_order(ids, sort=sort)
        in_place = len(order) == self._seen.rows and bool((order[1:] > order[:-1]).all())
        return CustomerRows(
            schema=layout.schema,
            num_rows=len(order),
            coercions=self._coercions(ids, order, layout),
            doubles_dropped=self._seen.rows - len(order),
            undocumented=layout.undocumented,
            rows_without_key=ids.null_count,
            _store=store,
            _order=None if in_place else order,
            renamed={new: old for old, new in layout.renamed.items()},
        )

    def _coercions(self, ids: pa.ChunkedArray, order: Order, layout: Layout) -> tuple[Coercion, ...]:
        """Return the coercions of the rows that stay, in the order of rows and columns."""
        if not self._rejected:
            return ()
        places = np.full(self._seen.rows, -1)
        places[order] = np.arange(len(order))
        columns = {name: place for place, name in enumerate(layout.schema.names)}
        rejected = [
            (row, layout.renamed.get(column, column), raw, reason) for row, column, raw, reason in self._rejected
        ]
        told = sorted(
            (int(places[row]), columns.get(column, len(columns)), column, raw, reason, row)
            for row, column, raw, reason in rejected
            if places[row] >= 0
        )
        return tuple(Coercion(ids[row].as_py(), column, raw, reason) for *_, column, raw, reason, row in told)

    def close(self) -> None:
        """Drop everything that was taken; rows that `finish` gave stay."""
        self._values, self._waiting = {}, 0
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _flush(self) -> None:
        values = {key: without_cards(each) for key, each in self._values.items() if not is_card_key(key)}
        rows, seen = self._waiting, values.keys()
        self._values, self._waiting = {}, 0
        check_width(len(self._seen.extras.keys() | (seen - _KNOWN)))
        reject_for = self._reject_for(self._seen.rows)
        columns = self._id_columns(values, rows, reject_for) | _documented(values, rows, reject_for)
        columns |= self._seen.custom.columns(rows, reject_for)
        for key in seen - _KNOWN:
            self._seen.extras.setdefault(key, Shape()).see(values[key])
            columns[extra_source(key)] = encode(values[key])
        self._seen.details |= seen & DETAIL_KEYS.keys()
        self._ids.append(columns["user_id"])
        self._seen.rows += rows
        self._raise_if_asked()
        self._store.append(pa.RecordBatch.from_pydict(columns))

    def _id_columns(self, values: _Values, rows: int, reject_for: RejectFor) -> dict[str, pa.Array]:
        """Find the id of each row, and note which other ids differ from it."""
        user_id = typed(values.get("UserID", [None] * rows), "int64", reject_for("user_id"))
        others: dict[str, pa.Array] = {}
        for key in _OTHER_ID_KEYS:
            if key in values:
                others[key] = typed(values[key], "int64", reject_for(column_name(key)))
                user_id = pc.coalesce(user_id, others[key])
                if others[key].null_count > values[key].count(None):
                    self._seen.other_ids.add(key)
        for key, ids in others.items():
            if pc.any(pc.not_equal(ids, user_id)).as_py():
                self._seen.other_ids.add(key)
        return {"user_id": user_id, **{column_name(key): ids for key, ids in others.items()}}

    def _reject_for(self, start: int) -> RejectFor:
        """Return what takes the misfits of a batch that starts at a row."""
        return lambda column: (
            lambda index, value, reason: self._rejected.append((start + index, column, json_text.dump(value), reason))
        )

    def _raise_if_asked(self) -> None:
        if self._raises and self._rejected:
            row, column, raw, reason = self._rejected[0]
            raise refused(Coercion(pa.chunked_array(self._ids, pa.int64())[row].as_py(), column, raw, reason))


def _documented(values: _Values, rows: int, reject_for: RejectFor) -> dict[str, pa.Array]:
    """Type the keys whose type is documented."""
    columns = {}
    for key, kind in _DOCUMENTED.items():
        name = column_name(key)
        if key in values:
            columns[name] = typed(values[key], kind, reject_for(name))
        elif key in LIST_KEYS:
            columns[name] = pa.nulls(rows, TYPES[kind])
    columns["rating_name"] = rating_names(columns["rating"])
    return columns
