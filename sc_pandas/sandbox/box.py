"""The sandbox as its users hold it: an address, the truth, and the levers to move things and to break them."""

import atexit
import functools
import pickle
import socket
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from sc_pandas import forks
from sc_pandas.sandbox.faults import CallClass, Fault, Spoil
from sc_pandas.sandbox.fields import checked, whole
from sc_pandas.sandbox.listening import Listener
from sc_pandas.sandbox.log import Endpoint, Kind, LogEntry
from sc_pandas.sandbox.options import Options
from sc_pandas.sandbox.people import Population, Record
from sc_pandas.sandbox.server import Server
from sc_pandas.sandbox.store import Store, founded

_A_SECOND = timedelta(seconds=1)


class Sandbox:
    """A SellerCloud of invented customers, listening on 127.0.0.1 only.

    Made by `serve`.  Usable as a context manager, or plainly with `close`.

    Attributes
    ----------
    url : str
        Where it listens, as in "http://127.0.0.1:8080"; the API is under ``/rest/api``.
    username, password : str
        The credentials it accepts.
    log : TruthLog
        Everything that happened.

    Examples
    --------
    >>> import sc_pandas.sandbox
    >>> with sc_pandas.sandbox.serve(customers=3) as box:
    ...     box.insert(2, first_name="Ada")
    ...     box.merge(1001, 1003)
    ...     box.update(1002, email="ada@example.org", is_whole_sale_user=True)
    ...     box.fault("throttle", at=2, reset_in_s=0.1)
    ...     box.fault("status", every=10, times=None, status=503)
    ...     [record["user_id"] for record in box.customers()], box.calls()
    [1004, 1005]
    ([1001, 1002, 1004, 1005], 0)
    """

    def __init__(self, options: Options, port: int = 0) -> None:
        self._options = options
        self.username, self.password = options.username, options.password.text
        self._changes = forks.new_rlock()
        rows, self._founders = founded(options.customers, options.seed)
        self._store = Store(options, rows)
        listening = socket.create_server(("127.0.0.1", port), backlog=128)
        self.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        self._server = Server(options, self._store, self.url)
        self.log = self._server.log
        self._listener: Listener | None = Listener(listening, self._server.respond)
        atexit.register(self.close)

    def __repr__(self) -> str:
        return f"<Sandbox {self.url}, {len(self._store):,} customers, seed {self._options.seed}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def customers(self) -> list[Record]:
        """Return the truth, also after `close`: a copy of each current customer's record, in the order of the ids."""
        return self._store.records()

    def insert(self, n: int = 1, **fields: Any) -> list[int]:
        """Add customers and return their ids, which are the highest.

        Parameters
        ----------
        n : int
            How many.
        **fields
            Values that all of them get, by the names of a record; the rating, the channel and the company by the
            vendor's code.  Without ``created_on`` they are of the present moment.

        Raises
        ------
        TypeError
            If a field is unknown or not to be chosen, or a value is of another type.
        ValueError
            If `n` is negative.
        """
        whole("n", n)
        fields = checked(fields)
        with self._changes:
            now = _now()
            created = [_changed(self._population.next_customer(now), fields) for _ in range(n)]
            for record in created:
                record["modified_on"] = fields.get("modified_on", record["created_on"])
            self._store.put(created)
            user_ids = [record["user_id"] for record in created]
            self._note("insert", user_ids)
        return user_ids

    def update(self, user_id: int, **fields: Any) -> None:
        """Change fields of a customer; ``modified_on`` moves on unless it is among them.

        Raises
        ------
        KeyError
            If there is no such customer.
        TypeError
            If a field is unknown or not to be changed, or a value is of another type.
        """
        with self._changes:
            record = self._existing(user_id)
            fields = checked(fields)
            fields.setdefault("modified_on", max(_now(), record["modified_on"] + _A_SECOND))
            self._store.put([_changed(record, fields)])
            self._note("update", [user_id])

    def merge(self, keep_id: int, drop_id: int) -> None:
        """Merge two customers as SellerCloud does: one stays and counts as modified, the other is gone.

        Raises
        ------
        KeyError
            If either does not exist.
        ValueError
            If both are the same.
        """
        if keep_id == drop_id:
            raise ValueError(f"cannot merge customer {keep_id} with itself")
        with self._changes:
            kept = self._existing(keep_id)
            self._existing(drop_id)
            self._store.drop(drop_id)
            kept["modified_on"] = max(_now(), kept["modified_on"] + _A_SECOND)
            self._store.put([kept])
            self._note("merge", [keep_id, drop_id])

    def fault(
        self,
        kind: str | Spoil,
        *,
        at: int | None = None,
        every: int | None = None,
        times: int | None = 1,
        endpoint: CallClass = "list",
        **options: Any,
    ) -> None:
        """Order a fault for calls to come.

        Parameters
        ----------
        kind : str or callable
            One of `sc_pandas.sandbox.FAULTS`, which also names each kind's options; or a function from the right
            `Answer` to another one, or to the bytes (or the `Script`) to be written instead before the connection ends.
        at : int, optional
            The first call to strike, counted from 1; by default the next one.
        every : int, optional
            Strike only one call in so many.
        times : int or None
            How often; None for ever.
        endpoint : {"list", "detail", "token", "data", "any"}
            Which calls count; those that a throttle refuses do not.
        **options
            The kind's own options.

        Raises
        ------
        ValueError
            If kind or endpoint are unknown, or a number is below 1.
        TypeError
            If the kind has no such option.

        Notes
        -----
        Of several faults that are due, the one ordered first strikes.
        """
        self._server.faults.append(Fault(kind, at, every, times, endpoint, options))

    def clear_faults(self) -> None:
        """Behave again: no fault is due and no throttle holds."""
        self._server.faults.clear()
        self._server.quota.unlock()

    def expire_tokens(self) -> None:
        """Let every token given so far die."""
        self._server.logins.expire_all()

    def calls(self, endpoint: Endpoint | None = None) -> int:
        """Return how many requests came so far, to one endpoint ("token", "list", "detail", "team") or to all."""
        return len(self.log.requests(endpoint))

    def close(self) -> None:
        """Stop listening; the log and the truth stay readable.  Closing twice does no harm."""
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.close()
            atexit.unregister(self.close)

    @functools.cached_property
    def _population(self) -> Population:
        population: Population = pickle.loads(self._founders)  # noqa: S301 - written by this process
        return population

    def _existing(self, user_id: int) -> Record:
        record = self._store.record(user_id)
        if record is None:
            raise KeyError(f"no customer {user_id}")
        return record

    def _note(self, kind: Kind, user_ids: Sequence[int]) -> None:
        self.log.append(LogEntry(kind=kind, at=time.monotonic(), user_ids=tuple(user_ids)))


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None, microsecond=0)


def _changed(record: Record, fields: dict[str, Any]) -> Record:
    """Set fields and keep the record consistent with itself."""
    changed = record | fields
    if "is_whole_sale_user" in fields and "is_wholesale_string" not in fields:
        changed["is_wholesale_string"] = "Wholesale" if fields["is_whole_sale_user"] else "Retail"
    if "addresses" in fields:
        billing: Record = next((address for address in fields["addresses"] if address["IsBillingAddress"]), {})
        changed |= {"city": billing.get("City"), "zip_code": billing.get("ZipCode")}
    changed["addresses"] = [
        address | {"City": changed["city"], "ZipCode": changed["zip_code"]} if address["IsBillingAddress"] else address
        for address in changed["addresses"]
    ]
    return changed
