"""SellerCloud's customers in a data scientist's notebook: typed, Arrow-backed, complete or it says that it is not.

Nothing heavy is loaded before a name is used; ``df.sellercloud`` is there as soon as this package and pandas are.
In the examples of all docstrings ``shop`` is a `Connection` to a sandbox of 120 customers, and ``df`` its customers.

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
import importlib.util
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from sc_pandas import sandbox as sandbox
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
    from sc_pandas.frames import FrameDifference, SellerCloudAccessor, Summary
    from sc_pandas.parquet import read_parquet
    from sc_pandas.provenance import Provenance
    from sc_pandas.query import (
        Connection,
        Count,
        CustomerPage,
        CustomerQuery,
        Estimate,
        SegmentResult,
        SegmentRun,
        connect,
        read_sellercloud_customers,
    )
    from sc_pandas.reading import CustomerRead, IncludeGap, ReadReport
    from sc_pandas.segments import Segments
    from sc_pandas.tables import Coercion
    from sc_pandas.writing import Spreadsheet

    __version__: str

__all__ = [
    "AccessorError", "AuthError", "CacheInfo", "CacheMissError", "CacheWarning", "Channel", "Coercion", "Connection",
    "Count", "CustomerFilter", "CustomerFilterArgs", "CustomerPage", "CustomerQuery", "CustomerRead", "CustomerType",
    "Estimate", "ExportError", "FilterError", "Flag", "FrameDifference", "IncludeGap", "MissingExtraError",
    "PagingDriftError", "Provenance", "RateLimitedError", "Rating", "ReadReport", "ResponseError", "SchemaDriftWarning",
    "SegmentResult", "SegmentRun", "Segments", "SellerCloudAccessor",
    "SellerCloudError", "SellerCloudWarning", "ServerError", "SettingsError", "Spreadsheet", "Summary",
    "TransportError", "connect", "read_parquet", "read_sellercloud_customers", "sandbox",
]  # fmt: skip

_HOMES = {
    name: room
    for room, names in {
        "cache": "CacheInfo",
        "contract": "Channel CustomerType Flag Rating",
        "filters": "CustomerFilter CustomerFilterArgs",
        "frames": "FrameDifference SellerCloudAccessor Summary",
        "parquet": "read_parquet",
        "provenance": "Provenance",
        "query": "Connection Count CustomerPage CustomerQuery Estimate "
        "SegmentResult SegmentRun connect read_sellercloud_customers",
        "reading": "CustomerRead IncludeGap ReadReport",
        "segments": "Segments",
        "tables": "Coercion",
        "writing": "Spreadsheet",
    }.items()
    for name in names.split()
}


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name == "sandbox":
            return importlib.import_module("sc_pandas.sandbox")
        if name == "__version__":
            return importlib.import_module("importlib.metadata").version(__name__)
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(f"sc_pandas.{_HOMES.get(name, 'errors')}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return [*__all__, "__version__", *(name for name in globals() if name.startswith("__"))]


def _accessor(frame: "pd.DataFrame") -> "SellerCloudAccessor":
    """Return what ``df.sellercloud`` is: a `SellerCloudAccessor`."""
    from sc_pandas.frames import SellerCloudAccessor

    return SellerCloudAccessor(frame)


class _Pandas:
    """Registers ``df.sellercloud`` when pandas is imported, so that pandas need not be imported for it."""

    def find_spec(self, name: str, *_path_and_target: Any) -> ModuleSpec | None:
        if name != "pandas":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is None or spec.loader is None:
            return spec
        load = spec.loader.exec_module

        def load_and_register(module: ModuleType) -> None:
            load(module)
            module.api.extensions.register_dataframe_accessor("sellercloud")(_accessor)

        spec.loader.exec_module = load_and_register  # type: ignore[method-assign]
        return spec


if "pandas" in sys.modules:
    sys.modules["pandas"].api.extensions.register_dataframe_accessor("sellercloud")(_accessor)
else:
    sys.meta_path.insert(0, _Pandas())
