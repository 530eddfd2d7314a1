"""What `shop.columns()` lists: every column, its type, and what it takes to read it."""

from typing import Final

import pandas as pd
import pyarrow as pa

from sc_pandas.cache import Columns
from sc_pandas.contract.includes import INCLUDES, PARTITIONS
from sc_pandas.reading.labels import included_schema
from sc_pandas.tables import BASE_SCHEMA, known_fields, to_pandas

_COST: Final = {
    "name": "a list for each of {} values",
    "bool": "a list for each of {} values",
    "month": "a list for each month of the years that have customers",
    "id": "a call for each customer",
}


def columns_of(known: Columns) -> pd.DataFrame:
    """Return a row for each column of a shop."""
    custom = known_fields(known.kinds).values()
    fields: list[tuple[pa.Field, str | None, str]] = [(each, None, "in every read") for each in [*BASE_SCHEMA, *custom]]
    filled = dict.fromkeys((each.name for each in custom), 0) | dict(known.filled)
    for name in INCLUDES:
        fact = PARTITIONS.get(name)
        cost = _COST[fact.kind].format(len(fact.codes)) if fact is not None else _COST["id"]
        fields += [(field, name, cost) for field in included_schema(name, by_list=cost != _COST["id"])]
    rows = [
        {
            "name": field.name,
            "type": str(field.type),
            "filled": filled[field.name] / known.rows if known.rows and field.name in filled else None,
            "source": "list" if include is None else "include",
            "include": include,
            "cost": cost,
        }
        for field, include, cost in fields
    ]
    types = {name: pa.float64() if name == "filled" else pa.string() for name in rows[0]}
    return to_pandas(pa.Table.from_pylist(rows, pa.schema(list(types.items()))))
