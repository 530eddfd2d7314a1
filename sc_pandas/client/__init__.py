"""One user's authorised, paced and verified way to the API."""

from sc_pandas.client.bodies import Expectation, Page
from sc_pandas.client.client import Client
from sc_pandas.client.exchange import IN_FLIGHT, Timeouts
from sc_pandas.client.retries import RetryPolicy
from sc_pandas.client.tally import Tally

__all__ = ["IN_FLIGHT", "Client", "Expectation", "Page", "RetryPolicy", "Tally", "Timeouts"]
