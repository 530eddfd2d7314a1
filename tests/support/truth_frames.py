"""Columns that `include=` reads, attached to a frame from the sandbox's truth instead; no code of the package is used."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd
import pyarrow as pa

PHONES = ("phone1", "phone2", "phone3", "mobile", "fax")
BILLING = {"city": "City", "zip_code": "ZipCode", "country": "Country"}
# What the tests' customers come from; other codes stand for themselves.
CHANNELS = {
    0: "Local_Store", 1: "eBayOrder", 4: "Amazon", 6: "Website", 15: "Magento", 20: "FBA", 21: "Wholesale", 24: "Etsy",
    42: "Walmart", 46: "Wish", 62: "Target", 64: "Reverb", 79: "WFS",
}  # fmt: skip
_COLUMNS = {
    "channel": pa.string(), "subscribed": pa.bool_(), "exported": pa.bool_(), "created_month": pa.timestamp("us"),
    "created_on": pa.timestamp("us"), "company_id": pa.int64(), **dict.fromkeys(PHONES, pa.string()),
    "groups": pa.list_(pa.string()), **{f"billing_{name}": pa.string() for name in BILLING},
}  # fmt: skip


def with_truth(frame: pd.DataFrame, records: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return the frame with the further columns."""
    by_id = {record["user_id"]: _row(record) for record in records}
    rows = [by_id[user_id] for user_id in frame["user_id"].tolist()]
    columns = {
        name: pd.Series([row[name] for row in rows], index=frame.index, dtype=pd.ArrowDtype(kind))
        for name, kind in _COLUMNS.items()
    }
    return frame.assign(**columns)


def _row(record: Mapping[str, Any]) -> dict[str, Any]:
    row = {name: record[name] for name in ("subscribed", "exported", "created_on", "company_id", *PHONES)}
    row["channel"] = CHANNELS.get(record["channel"], str(record["channel"]))
    row["created_month"] = record["created_on"].replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    row["groups"] = [group["Name"] for group in record["groups"]]
    billing: Mapping[str, Any] = next((each for each in record["addresses"] if each["IsBillingAddress"]), {})
    return row | {f"billing_{name}": billing.get(key) for name, key in BILLING.items()}
