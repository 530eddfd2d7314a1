"""The key of a frame of customers: `user_id`, there, never missing, never repeated."""

from collections import Counter
from typing import Any, Final

import numpy as np
import pandas as pd

from sc_pandas.errors import AccessorError

KEY: Final = "user_id"
Ids = np.ndarray[tuple[int], np.dtype[np.int64]]


def user_ids(frame: pd.DataFrame, what: str) -> Ids:
    """Return the ids of a frame in which each row is one customer; `what` they are for begins the error."""
    columns = list(frame.columns)
    if columns.count(KEY) != 1:
        raise AccessorError(f"{what} needs one column user_id. Read with user_id among columns=.")
    column: pd.Series[Any] = frame[KEY]
    if column.isna().any():
        raise AccessorError(f"{what} needs a user_id in each row. Leave the others out: df[df.user_id.notna()].")
    if not pd.api.types.is_integer_dtype(column.dtype):
        raise AccessorError(f"{what} needs whole numbers in user_id: df.astype({{'user_id': 'int64[pyarrow]'}}).")
    if column.duplicated().any():
        raise AccessorError(
            f"{what} needs one row for each customer, and a user_id stands in several rows here. "
            "Take the first of each: df.drop_duplicates('user_id')."
        )
    repeated = [name for name, times in Counter(columns).items() if times > 1]
    if repeated:
        raise AccessorError(f"{what} needs columns of different names; repeated: {', '.join(map(str, repeated))}.")
    return column.to_numpy(dtype=np.int64)
