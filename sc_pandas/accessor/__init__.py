"""`df.sellercloud`: what a frame that came from SellerCloud can do besides being a frame."""

from sc_pandas.accessor.accessor import SellerCloudAccessor
from sc_pandas.accessor.summary import Summary

__all__ = ["SellerCloudAccessor", "Summary"]
