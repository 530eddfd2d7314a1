"""Which customers to read."""

from sc_pandas.filters.customer_filter import CustomerFilter, CustomerFilterArgs
from sc_pandas.filters.shown import shows

__all__ = ["CustomerFilter", "CustomerFilterArgs", "shows"]
