"""`df.sellercloud`: what a frame that came from SellerCloud can do besides being a frame."""

from sc_pandas.frames.accessor import SellerCloudAccessor
from sc_pandas.frames.difference import FrameDifference, difference
from sc_pandas.frames.summary import Summary

__all__ = ["FrameDifference", "SellerCloudAccessor", "Summary", "difference"]
