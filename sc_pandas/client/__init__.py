"""One user's authorised, paced and verified way to the API."""

from sc_pandas.client.bodies import Expectation, Page
from sc_pandas.client.client import IN_FLIGHT, Client
from sc_pandas.client.exchange import Timeouts
from sc_pandas.client.questions import Tally
from sc_pandas.client.retries import RetryPolicy

__all__ = ["IN_FLIGHT", "Client", "Expectation", "Page", "RetryPolicy", "Tally", "Timeouts"]
