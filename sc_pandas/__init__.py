"""SellerCloud's customers in a data scientist's notebook: typed, Arrow-backed, complete or it says that it is not.

Examples
--------
>>> import sc_pandas as sc
>>> with sc.sandbox.serve(customers=120, seed=7) as box:
...     with sc.connect(box.url, username=box.username, password=box.password) as shop:
...         df = sc.read_sellercloud_customers(shop)
>>> len(df)
120
"""

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

from sc_pandas.cache import CacheInfo
from sc_pandas.contract import Channel, CustomerType, Flag, Rating
from sc_pandas.errors import (
    AccessorError,
    AuthError,
    CacheMissError,
    CacheWarning,
    ExportError,
    FilterError,
    MissingExtraError,
    PagingDriftError,
    RateLimitedError,
    ResponseError,
    SchemaDriftWarning,
    SellerCloudError,
    SellerCloudWarning,
    ServerError,
    SettingsError,
    TransportError,
)
from sc_pandas.filters import CustomerFilter, CustomerFilterArgs
from sc_pandas.frames import FrameDifference, SellerCloudAccessor, Spreadsheet, Summary, accessor
from sc_pandas.parquet import read_parquet
from sc_pandas.provenance import Provenance
from sc_pandas.query import (
    Connection,
    Count,
    CustomerPage,
    CustomerQuery,
    Estimate,
    SegmentCount,
    SegmentCounts,
    SegmentMembers,
    SegmentResult,
    SegmentRun,
    connect,
    read_sellercloud_customers,
)
from sc_pandas.reading import CustomerRead, IncludeGap, ReadReport
from sc_pandas.segments import Segments
from sc_pandas.tables import Coercion

if TYPE_CHECKING:
    from sc_pandas import sandbox as sandbox

__all__ = [
    "AccessorError",
    "AuthError",
    "CacheInfo",
    "CacheMissError",
    "CacheWarning",
    "Channel",
    "Coercion",
    "Connection",
    "Count",
    "CustomerFilter",
    "CustomerFilterArgs",
    "CustomerPage",
    "CustomerQuery",
    "CustomerRead",
    "CustomerType",
    "Estimate",
    "ExportError",
    "FilterError",
    "Flag",
    "FrameDifference",
    "IncludeGap",
    "MissingExtraError",
    "PagingDriftError",
    "Provenance",
    "RateLimitedError",
    "Rating",
    "ReadReport",
    "ResponseError",
    "SchemaDriftWarning",
    "SegmentCount",
    "SegmentCounts",
    "SegmentMembers",
    "SegmentResult",
    "SegmentRun",
    "Segments",
    "SellerCloudAccessor",
    "SellerCloudError",
    "SellerCloudWarning",
    "ServerError",
    "SettingsError",
    "Spreadsheet",
    "Summary",
    "TransportError",
    "accessor",
    "connect",
    "read_parquet",
    "read_sellercloud_customers",
    "sandbox",
]


def __getattr__(name: str) -> ModuleType:
    # The sandbox is loaded when it is asked for.
    if name == "sandbox":
        return importlib.import_module("sc_pandas.sandbox")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
