"""What plain pandas finds in a file's metadata: the dtypes of the frame that `sc_pandas.read_parquet` returns."""

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd
import pyarrow as pa


def pandas_metadata(schema: pa.Schema, attrs: Mapping[str, Any]) -> bytes:
    """Return pandas' metadata for the columns of a schema, without an index, and the attrs for readers of Arrow files.

    Left out are the columns whose dtype pandas cannot read by its name (lists and structs): it would raise.
    """
    kinds = dict.fromkeys(field.type for field in schema)
    one_each = pa.schema([(str(place), kind) for place, kind in enumerate(kinds)])
    frame = one_each.empty_table().to_pandas(types_mapper=pd.ArrowDtype, ignore_metadata=True)
    document = json.loads((pa.Schema.from_pandas(frame, preserve_index=False).metadata or {})[b"pandas"])
    says: dict[pa.DataType, Any] = dict(zip(kinds, document["columns"], strict=True))
    document["columns"] = [
        says[field.type] | {"name": field.name, "field_name": field.name}
        for field in schema
        if _is_known(says[field.type]["numpy_type"])
    ]
    document["attributes"] = dict(attrs)
    return json.dumps(document, separators=(",", ":")).encode()


def _is_known(name: str) -> bool:
    try:
        pd.api.types.pandas_dtype(name)
    except (TypeError, NotImplementedError):
        return False
    return True
