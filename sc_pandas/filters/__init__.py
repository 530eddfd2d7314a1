"""Which customers are asked for."""

from sc_pandas.filters.customer_filter import CustomerFilter, CustomerFilterArgs

__all__ = ["CustomerFilter", "CustomerFilterArgs"]
