"""Row A18 of the attack: a server that goes away and comes back ends no read, and is not stormed meanwhile."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import sc_pandas as sc
from sc_pandas.client import RetryPolicy
from sc_pandas.pacing import Cancelled
from tests.faults.raw import RawServer, Wire, ask, no, page, whole
from tests.integration.oracle import assert_equals_truth
from tests.support.shops import shop_of

BRIEF = RetryPolicy(base_s=0.05, cap_s=0.4)
LATENCY_S = 0.05
DOWN_S = 1.5


class Restarting:
    """A sandbox that can be stopped, and started again at the same port with the same customers."""

    def __init__(self, customers: int) -> None:
        self.customers = customers
        self.box = sc.sandbox.serve(customers, seed=7, latency_s=LATENCY_S)
        self.port = int(self.box.url.rpartition(":")[2])
        self.calls = 0
        self._started = self.box

    def stop(self) -> None:
        self.box.close()
        self.calls += self.box.calls()

    def start(self) -> None:
        self.box = sc.sandbox.serve(self.customers, seed=7, latency_s=LATENCY_S, port=self.port)

    def close(self) -> None:
        self.box.close()


class Told:
    """Somebody who watches a read."""

    def __init__(self) -> None:
        self.waits: list[tuple[datetime, float]] = []

    def expect(self, *_pages: int) -> None:
        pass

    advance = expect

    def wait(self, *_wait: object) -> None:
        raise AssertionError("no quota is used up")

    def away(self, until: datetime, seconds: float) -> None:
        self.waits.append((until, seconds))


@contextmanager
def restarting(customers: int = 1_000) -> Iterator[Restarting]:
    server = Restarting(customers)
    try:
        yield server
    finally:
        server.close()


def stop_in_the_middle(server: Restarting, down_s: float | None) -> threading.Thread:
    """Stop the server once pages come; start it again after a time, if it is said."""

    def act() -> None:
        while server.box.calls("list") < 5:
            time.sleep(0.005)
        server.stop()
        if down_s is not None:
            time.sleep(down_s)
            server.start()

    thread = threading.Thread(target=act)
    thread.start()
    return thread


@pytest.mark.fault("A01", "A02")
def test_a_server_that_restarts_ends_no_read_and_is_asked_little(tmp_path: Path) -> None:
    """16 calls in flight; the tokens of the server are new, so the login goes by the same gate."""
    with restarting() as server, shop_of(server.box, tmp_path, policy=BRIEF) as shop:
        thread = stop_in_the_middle(server, DOWN_S)
        told = Told()
        df = shop.customers().run(watcher=told).to_pandas()
        thread.join()
        assert_equals_truth(df, server.box.customers())
        assert told.waits, "whoever watches sees why nothing comes"
        refused = shop.source.client.pace.total - server.calls - server.box.calls()
        # Those that were in flight, and one by one a growing wait apart.
        assert refused <= 16 + 6 + DOWN_S / 0.1


def test_an_outage_beyond_max_wait_is_told_in_time_and_only_once(tmp_path: Path) -> None:
    with restarting() as server, shop_of(server.box, tmp_path, policy=BRIEF, max_wait_s=1.5) as shop:
        thread = stop_in_the_middle(server, None)
        started = time.monotonic()
        with pytest.raises(sc.TransportError, match="had answered before") as caught:
            shop.customers().to_pandas()
        thread.join()
        assert 1.5 <= time.monotonic() - started < 4.0
        assert caught.value.kind == "connect"
        assert caught.value.elapsed_s == pytest.approx(1.5, abs=0.5)
        assert "max_wait" in str(caught.value)
        # It was waited for in vain: who asks next is told as fast as of a server that never answered.
        started = time.monotonic()
        with pytest.raises(sc.TransportError):
            shop.customers(cache="off").count()
        assert time.monotonic() - started < 1.4
        server.start()
        assert_equals_truth(shop.customers().to_pandas(), server.box.customers())


def test_a_server_that_never_answered_is_not_waited_for(tmp_path: Path) -> None:
    with restarting(10) as server:
        server.stop()
        with shop_of(server.box, tmp_path, policy=BRIEF, max_wait_s=60.0) as shop:
            started = time.monotonic()
            with pytest.raises(sc.TransportError) as caught:
                shop.customers().count()
            assert time.monotonic() - started < 2.0
            assert (caught.value.attempts, shop.source.client.pace.total) == (3, 3)


def test_a_stop_ends_the_wait_at_once(tmp_path: Path) -> None:
    with restarting() as server, shop_of(server.box, tmp_path, policy=BRIEF, max_wait_s=60.0) as shop:
        cancel, ended = threading.Event(), threading.Event()
        caught: list[BaseException] = []

        def read() -> None:
            try:
                shop.customers().run(cancel=cancel)
            except BaseException as error:  # noqa: BLE001  # looked at below
                caught.append(error)
            ended.set()

        threading.Thread(target=read).start()
        stop_in_the_middle(server, None).join()
        assert not ended.wait(0.7), "it waits"
        cancel.set()
        started = time.monotonic()
        assert ended.wait(5.0)
        assert time.monotonic() - started < 1.0
        assert isinstance(caught[0], Cancelled)


def test_a_login_waits_for_the_server_too(tmp_path: Path) -> None:
    with restarting(60) as server, shop_of(server.box, tmp_path, policy=BRIEF) as shop:
        assert shop.customers(cache="off").count() == 60
        shop.source.client._authorizer._token.renew_at = 0.0  # type: ignore[union-attr]
        server.stop()
        threading.Timer(0.8, server.start).start()
        assert shop.customers(cache="off").count() == 60
        assert [e.endpoint for e in server.box.log.requests()] == ["token", "list"]


@pytest.mark.fault("A17", "A19")
@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_gateway_in_front_of_a_server_that_is_away(status: int) -> None:
    """Sixteen threads: one finds out, the others wait.  A 500 may be about one call alone, and is none of these."""
    back_at = [0.0]

    def script(wire: Wire) -> None:
        wire.send(whole(page([1, 2])) if time.monotonic() >= back_at[0] else no(status))

    with RawServer(script) as server, server.client(policy=BRIEF, max_wait_s=30.0) as client:
        assert ask(client) == [1, 2]
        back_at[0] = time.monotonic() + 1.5
        with ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(lambda _: ask(client), range(64)))
        assert answers == [[1, 2]] * 64
        assert server.calls - 65 <= 16 + 6 + 1.5 / 0.1


def test_one_page_that_always_fails_does_not_hold_up_the_others() -> None:
    """Its 503 is about itself, as the others' answers show; it ends by its own attempts."""
    done = threading.Event()

    def script(wire: Wire) -> None:
        wire.send(no(503) if wire.params["pageNumber"] == "7" else whole(page([1, 2])))

    def others(client: Any) -> int:
        asked = 0
        while not done.is_set():
            asked += len(ask(client)) > 0
        return asked

    with RawServer(script) as server, server.client(policy=BRIEF, max_wait_s=30.0) as client:
        assert ask(client) == [1, 2]
        with ThreadPoolExecutor(2) as pool:
            busy = pool.submit(others, client)
            started = time.monotonic()
            with pytest.raises(sc.ServerError) as caught:
                ask(client, number=7)
            done.set()
            assert time.monotonic() - started < 5.0
            assert caught.value.attempts == 5
            assert busy.result() > 5
