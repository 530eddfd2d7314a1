"""Connecting, asking, and what people call."""

from sc_pandas.query.connection import Connection, connect
from sc_pandas.query.customer_query import CustomerQuery
from sc_pandas.query.read import read_sellercloud_customers
from sc_pandas.query.segment_run import SegmentResult, SegmentRun
from sc_pandas.query.values import Count, CustomerPage, Estimate

__all__ = [
    "Connection",
    "Count",
    "CustomerPage",
    "CustomerQuery",
    "Estimate",
    "SegmentResult",
    "SegmentRun",
    "connect",
    "read_sellercloud_customers",
]
