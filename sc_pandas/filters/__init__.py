"""Which customers to read."""

from sc_pandas.filters.customer_filter import CustomerFilter, CustomerFilterArgs

__all__ = ["CustomerFilter", "CustomerFilterArgs"]
