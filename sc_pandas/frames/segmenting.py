"""One label for each row: the first segment that it is in."""

from collections.abc import Callable, Mapping
from typing import Any, cast

import numpy as np
import pandas as pd
import pyarrow as pa

from sc_pandas.errors import FilterError
from sc_pandas.filters import CustomerFilter
from sc_pandas.matching import Mask, matching
from sc_pandas.tables import backend_of, to_pandas

# A filter, its keywords, a mask of the rows (a Series, an array or a list), or what makes one of the frame.
Segment = CustomerFilter | Mapping[str, Any] | Any


def segment_of(frame: pd.DataFrame, segments: Mapping[str, Segment], default: str | None) -> "pd.Series[Any]":
    """Label each row with the first segment that it is in, else with the default."""
    labels = np.full(len(frame), default, dtype=object)
    is_open = np.ones(len(frame), dtype=bool)
    for name, segment in segments.items():
        mask = _mask(frame, name, segment)
        labels[is_open & mask] = name
        is_open &= ~mask
    made = to_pandas(pa.table({"segment": pa.array(labels, pa.string())}), backend_of(frame))
    return made["segment"].set_axis(frame.index)


def _mask(frame: pd.DataFrame, name: str, segment: Segment) -> Mask:
    if callable(segment):
        segment = cast("Callable[[pd.DataFrame], Any]", segment)(frame)
    try:
        if isinstance(segment, Mapping):
            segment = CustomerFilter.of(**segment)
        if isinstance(segment, CustomerFilter):
            return matching(frame, segment).to_numpy()
    except FilterError as error:
        raise FilterError(f"Segment {name!r}: {error}", filter=error.filter, suggestions=error.suggestions) from error
    return _mask_of_values(frame, name, segment)


def _mask_of_values(frame: pd.DataFrame, name: str, values: Any) -> Mask:
    if isinstance(values, pd.Series):
        if not values.index.equals(frame.index):
            message = f"Segment {name!r}: its mask has another index than the frame. Make it of this frame's columns."
            raise FilterError(message, filter=name)
    elif not pd.api.types.is_list_like(values) or len(values) != len(frame):
        raise FilterError(
            f"Segment {name!r} is a filter, its keywords as a dict, or a mask with a value for each of the "
            f"{len(frame):,} rows, not {type(values).__name__}.",
            filter=name,
        )
    try:
        # A missing value is no match, as everywhere else.
        mask: Mask = pd.array(values, dtype="boolean").to_numpy(dtype=bool, na_value=False)
    except (TypeError, ValueError):
        raise FilterError(f"Segment {name!r}: a mask holds True and False only.", filter=name) from None
    return mask
