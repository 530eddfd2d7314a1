"""Rows E15 and I02 of the fault catalogue: a child of a fork owns what it uses, and its parent loses nothing.

Every test forks in earnest.  A child that hangs is killed by its alarm, so that no test waits for it.
"""

import faulthandler
import json
import os
import queue
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import urllib3
from tqdm.auto import tqdm

import sc_pandas as sc
from sc_pandas import forks
from sc_pandas.client.timed import _TimedTlsConnection
from sc_pandas.contract import Rating
from sc_pandas.pacing import Pace, Throttle
from sc_pandas.panel.latest import Latest
from sc_pandas.query.connection import Connection
from sc_pandas.settings import Credentials, Secret
from sc_pandas.tables.spool import DiskStore
from tests.faults.raw import RawServer, Wire, page, shop_at, whole
from tests.support.clocks import FakeClock

pytestmark = [
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="forks are Linux' way"),
    # From Python 3.12 on every fork beside threads warns; it is what these tests are about.
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]

ALARM_S = 30


class Child:
    """A child that runs `job` and tells what it returned; or what went wrong in it."""

    def __init__(self, job: Callable[[], Any]) -> None:
        self._from_child, to_parent = os.pipe()
        begun = time.monotonic()
        self._pid = os.fork()
        self.fork_s = time.monotonic() - begun
        if self._pid == 0:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            faulthandler.register(signal.SIGALRM, file=2, chain=True)  # where it hung, then the end
            signal.alarm(ALARM_S)
            try:
                said = json.dumps({"said": job()})
            except BaseException:  # noqa: BLE001  # told to the parent
                said = json.dumps({"wrong": traceback.format_exc()})
            with suppress(BaseException):
                os.write(to_parent, said.encode()[:60_000])
            os._exit(0)
        os.close(to_parent)

    def said(self) -> Any:
        """Wait for its end, and give what it returned."""
        with open(self._from_child, "rb") as told:  # noqa: PTH123  # a descriptor
            answer = told.read()
        _, status = os.waitpid(self._pid, 0)
        assert status == 0, "the child hung until its alarm" if status == signal.SIGALRM else f"it ended with {status}"
        document = json.loads(answer)
        assert "wrong" not in document, document["wrong"]
        return document["said"]


def ids_of(shop: Connection, **asked: Any) -> list[int]:
    return [int(each) for each in shop.customers(**asked).to_pandas().user_id]


@contextmanager
def thread(work: Callable[[], object]) -> Iterator[threading.Thread]:
    """Run work on a thread that has ended afterwards, without an error."""
    failures: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001  # told below
            failures.append(error)

    running = threading.Thread(target=run, daemon=True)
    running.start()
    yield running
    running.join(20)
    assert not running.is_alive()
    assert not failures, failures


EVERYBODY = list(range(1, 181))


def answer_by_question(wire: Wire) -> None:
    """Answer so that every answer shows its question, with a pause in which others can ask."""
    time.sleep(0.01)
    asked = wire.params.get("customerIDs")
    if asked is not None:
        wire.send(whole(page([int(each) for each in asked.split(",")])))
    elif "rating" in wire.params:
        rating = int(Rating[wire.params["rating"]])
        wire.send(whole(page([10 * rating + each for each in range(rating + 1)], Rating=rating)))
    else:
        start = 50 * (int(wire.params["pageNumber"]) - 1)
        wire.send(whole(page(EVERYBODY[start : start + 50], len(EVERYBODY))))


@contextmanager
def served_elsewhere(*, tls: bool) -> Iterator[str]:
    """Serve from a process of its own: a server beside its client would be inside OpenSSL when that forks."""
    from_server, to_client = os.pipe()
    pid = os.fork()
    if pid == 0:
        with suppress(BaseException), RawServer(answer_by_question, tls=tls) as server:
            os.write(to_client, server.url.encode())
            time.sleep(100)
        os._exit(0)
    os.close(to_client)
    try:
        yield os.read(from_server, 100).decode()
    finally:
        os.close(from_server)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


@pytest.mark.fault("E15", "I02")
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("cache", ["use", "off"])
def test_twenty_children_while_a_thread_reads(tmp_path: Path, *, tls: bool, cache: Any) -> None:
    """None hangs, none gets another's rows, and nothing wrong is kept."""
    done = threading.Event()
    mine = [[5_000 + each] for each in range(400)]
    asked = []

    with served_elsewhere(tls=tls) as url, shop_at(url, tmp_path) as shop:

        def read() -> None:
            for wanted in mine:
                asked.append(wanted)
                assert ids_of(shop, customer_ids=wanted, cache=cache) == wanted
                if len(asked) % 8 == 1:
                    assert ids_of(shop, cache="refresh" if cache == "use" else cache) == EVERYBODY
                if done.wait(0.02):
                    return

        def job(number: int) -> Callable[[], list[Any]]:
            def ask() -> list[Any]:
                mine = ids_of(shop, customer_ids=[10_000 + number], cache=cache)
                return [ids_of(shop, rating=1 + number % 5, cache=cache), mine]

            return ask

        with thread(read):
            children = []
            for number in range(20):
                time.sleep(0.015)
                children.append(Child(job(number)))
            answers = [child.said() for child in children]
            done.set()
        for number, (rating, rows) in enumerate(answers):
            assert [each // 10 for each in rating] == [1 + number % 5] * len(rating)
            assert rows == [10_000 + number]
        if cache == "off":
            return
        with shop_at(url, tmp_path) as later:
            for wanted in [*asked, *([10_000 + number] for number in range(20))]:
                assert ids_of(later, customer_ids=wanted, cache="offline") == wanted
            assert {tuple(each // 10 for each in ids_of(later, rating=r, cache="offline")) for r in range(1, 6)} == {
                (r,) * (r + 1) for r in range(1, 6)
            }
            assert ids_of(later, cache="offline") == EVERYBODY


@pytest.mark.fault("I02")
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_parent_and_child_call_from_sockets_of_their_own(tmp_path: Path, *, tls: bool) -> None:
    def port(wire: Wire) -> None:
        wire.send(whole(page([wire.sock.getpeername()[1]])))

    with RawServer(port, tls=tls) as server, server.shop(tmp_path) as shop:
        before = ids_of(shop, cache="off")
        childs = Child(lambda: [ids_of(shop, cache="off"), ids_of(shop, cache="off")]).said()
        assert ids_of(shop, cache="off") == before
        assert childs[0] == childs[1] != before
        assert server.logins == 2


def test_a_child_holds_none_of_its_parents_connections_open(tmp_path: Path) -> None:
    ended = threading.Event()

    def tell_of_the_end(wire: Wire) -> None:
        wire.send(whole(page([1])))
        if not wire.sock.recv(1):
            ended.set()
        wire.hang_up()

    with RawServer(tell_of_the_end) as server, server.shop(tmp_path) as shop:
        ids_of(shop, cache="off")
        child = Child(lambda: time.sleep(1.5))
        shop.close()
        assert ended.wait(1.0)
        child.said()


LOCKS: tuple[Callable[[Any], Any], ...] = (
    lambda shop: shop.source.client._authorizer._lock, lambda shop: shop.source.client._authorizer._one_by_one,
    lambda shop: shop.source.client.pace._lock, lambda shop: shop.source.client.pace._outages._lock,
    lambda shop: shop.source.client._retries._lock, lambda shop: shop.source.client.pace.file._lock,
    lambda shop: shop.source.dialects._lock, lambda shop: shop.source.client._wire.adapter.poolmanager.pools.lock,
    lambda shop: _pool(shop).mutex, lambda _shop: tqdm.get_lock(),  # type: ignore[no-untyped-call]
)  # fmt: skip


def _pool(shop: Connection) -> Any:
    pools = shop.source.client._wire.adapter.poolmanager.pools
    return pools[next(iter(pools.keys()))].pool


@contextmanager
def held(*locks: Any) -> Iterator[None]:
    """Have a thread hold locks."""
    has, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        with ExitStack() as stack:
            for lock in locks:
                stack.enter_context(lock)
            has.set()
            let_go.wait(20)

    with thread(hold):
        assert has.wait(5)
        try:
            yield
        finally:
            let_go.set()


@pytest.mark.fault("I02")
def test_a_lock_that_a_thread_of_the_parent_holds(tmp_path: Path) -> None:
    """All of them at once: the child works, is seen to end, and the parent works on."""
    with RawServer(answer_by_question) as server, server.shop(tmp_path) as shop:
        ids_of(shop)

        def everything() -> list[list[int]]:
            return [ids_of(shop, customer_ids=[7]), ids_of(shop, cache="refresh", progress=True)]

        with held(*(find(shop) for find in LOCKS)):
            assert Child(everything).said() == [[7], EVERYBODY]
        assert ids_of(shop, customer_ids=[9]) == [9]


@pytest.mark.fault("E15")
def test_the_caches_lock_is_waited_for(tmp_path: Path) -> None:
    """While a process forks no thread is inside SQLite, and the child has a cache of its own."""
    with RawServer(answer_by_question) as server, server.shop(tmp_path) as shop:
        ids_of(shop)
        backend = shop._cache._backend
        assert backend is not None
        has = threading.Event()

        def hold() -> None:
            with backend._in_use:
                has.set()
                time.sleep(0.3)

        with thread(hold):
            assert has.wait(5)
            child = Child(lambda: [ids_of(shop, cache="offline"), ids_of(shop, customer_ids=[7])])
            assert 0.1 < child.fork_s < 2.0
            assert child.said() == [EVERYBODY, [7]]
        assert ids_of(shop, customer_ids=[7], cache="offline") == [7]


@pytest.mark.fault("E15")
def test_without_the_caches_lock_the_child_has_no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite forbids to touch what the parent is using, so that the rows come from the server, and it says so."""
    monkeypatch.setattr(forks, "PATIENCE_S", 0.2)
    with RawServer(answer_by_question) as server, server.shop(tmp_path) as shop:
        ids_of(shop)
        backend = shop._cache._backend
        assert backend is not None

        def ask() -> list[Any]:
            with warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("always", sc.CacheWarning)
                rows = ids_of(shop, customer_ids=[7])
                with server.shop(tmp_path) as another:
                    rows += ids_of(another, customer_ids=[8])
            return [rows, [each.message.reason for each in told if isinstance(each.message, sc.CacheWarning)]]

        with held(backend._in_use):
            child = Child(ask)
            assert child.said() == [[7, 8], ["locked", "locked"]]
        assert ids_of(shop, cache="offline") == EVERYBODY


def test_a_fork_waits_for_a_connection_that_is_being_made() -> None:
    """A child of a process that was inside OpenSSL could hang in its own first connection."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        connection = _TimedTlsConnection("127.0.0.1", silent.getsockname()[1], timeout=0.6)

        def connect() -> None:
            with pytest.raises((OSError, urllib3.exceptions.HTTPError)):
                connection.connect()

        with thread(connect):
            time.sleep(0.2)
            child = Child(lambda: "here")
            assert 0.1 < child.fork_s < 2.0
            assert child.said() == "here"


def test_a_fork_in_the_middle_of_a_login(tmp_path: Path) -> None:
    """The parent's login goes on, and the child makes one of its own."""
    in_login = threading.Event()

    def login() -> bytes:
        in_login.set()
        time.sleep(0.2)
        return whole(b'{"access_token": "a-token"}')

    with RawServer(answer_by_question, login=login) as server, server.shop(tmp_path) as shop:
        with thread(lambda: ids_of(shop, customer_ids=[5], cache="off")):
            assert in_login.wait(5)
            assert Child(lambda: ids_of(shop, customer_ids=[6], cache="off")).said() == [6]
        assert server.logins == 2


def test_a_refused_password_is_not_sent_again_by_a_child(tmp_path: Path) -> None:
    def refuse() -> bytes:
        return b"HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"

    def ask(shop: Connection) -> str:
        with pytest.raises(sc.AuthError) as caught:
            ids_of(shop, cache="off")
        return str(caught.value.reason)

    with RawServer(answer_by_question, login=refuse) as server, server.shop(tmp_path) as shop:
        reason = ask(shop)
        sent = server.logins
        assert Child(lambda: ask(shop)).said() == reason
        assert server.logins == sent


def test_a_token_that_was_given_is_used_by_a_child(tmp_path: Path) -> None:
    given = Credentials("ann@x.test", token=Secret("given-token"))
    with RawServer(answer_by_question) as server, server.shop(tmp_path, login=given) as shop:
        assert ids_of(shop, customer_ids=[5], cache="off") == [5]
        assert Child(lambda: ids_of(shop, customer_ids=[6], cache="off")).said() == [6]
        assert server.logins == 0


def test_what_a_child_calls_is_its_own_count_and_the_machines(tmp_path: Path) -> None:
    with RawServer(answer_by_question) as server, server.shop(tmp_path) as shop:
        ids_of(shop, customer_ids=[5], cache="off")
        left, made = shop.calls_left(), shop.source.client.pace.total

        def ask() -> list[int]:
            ids_of(shop, customer_ids=[6], cache="off")
            return [shop.calls_left(), shop.source.client.pace.total]

        childs_left, childs_made = Child(ask).said()
        calls = childs_made - made
        assert calls == 2
        assert childs_left == left - calls == shop.calls_left()
        assert shop.source.client.pace.total == made


def test_children_that_seed_alike_do_not_wait_alike(tmp_path: Path) -> None:
    """`random.seed(0)` in each worker is common; the waits of retries and throttles come from elsewhere."""

    def wait() -> list[float]:
        random.seed(0)
        clock = FakeClock()
        pace = Pace(clock, max_wait_s=1e6)
        pace.throttled(Throttle(None), 100.0)

        with RawServer(lambda wire: wire.reset()) as server, server.client(clock=clock) as client:
            slept: list[float] = []
            clock.sleep = lambda seconds, _cancel=None: slept.append(seconds)  # type: ignore[assignment,method-assign]
            with suppress(sc.SellerCloudError):
                client.look_up_team("x")
        assert len(slept) == 4
        return [pace._open_at - clock.monotonic(), *slept]

    first, second = (Child(wait).said() for _ in range(2))
    assert all(one != other for one, other in zip(first, second, strict=True))


def test_a_panels_threads_are_new_in_a_child() -> None:
    ended = threading.Event()
    told: queue.SimpleQueue[object] = queue.SimpleQueue()
    latest = Latest(forks.new_rlock(), lambda result, _error: told.put(result))
    latest.start(latest.begin(), lambda: ended.wait(20))

    def work() -> bool:
        latest.start(latest.begin(), lambda: True)
        return bool(told.get(timeout=5))

    try:
        assert Child(work).said()
    finally:
        ended.set()


def test_two_processes_do_not_move_each_others_place_in_a_spool(tmp_path: Path) -> None:
    store = DiskStore(tmp_path)
    for number in range(2):
        store.append(pa.record_batch({"n": [number]}))
    place = os.lseek(store._file.fileno(), 0, os.SEEK_CUR)
    assert Child(lambda: [store.read(each)["n"].to_pylist() for each in (1, 0)]).said() == [[1], [0]]
    assert os.lseek(store._file.fileno(), 0, os.SEEK_CUR) == place
    assert store.read(0)["n"].to_pylist() == [0]
    store.close()


def test_children_of_children_and_forks_of_many_threads(tmp_path: Path) -> None:
    """By turns: filelock refuses, before anything is forked, a fork while another thread is within one."""
    turn = threading.Lock()
    with RawServer(answer_by_question) as server, server.shop(tmp_path) as shop:
        ids_of(shop, customer_ids=[1])
        said: list[Any] = []

        def fork(number: int) -> None:
            with turn:
                child = Child(lambda: Child(lambda: ids_of(shop, customer_ids=[number])).said())
            said.append(child.said())

        with ExitStack() as stack:
            for number in (11, 12, 13):
                stack.enter_context(thread(lambda number=number: fork(number)))  # type: ignore[misc]
        assert sorted(said) == [[11], [12], [13]]


ENDS = """
import atexit, gc, os, sys, threading, time, warnings
warnings.simplefilter("ignore", DeprecationWarning)
import sc_pandas as sc

def main():
    with (
        sc.sandbox.serve(customers=120, latency_s=0.02) as box,
        sc.connect(box.url, username=box.username, password=box.password, cache_dir=sys.argv[1], timeout=10) as shop,
    ):
        truth = len(shop.customers(cache="off").to_pandas())
        stop = threading.Event()
        def read():
            while not stop.is_set():
                assert len(shop.customers(cache="refresh").to_pandas()) == truth
        threads = [threading.Thread(target=read) for _ in range(2)]
        for each in threads: each.start()
        children = []
        for number in range(4):
            time.sleep(0.03)
            pid = os.fork()
            if pid == 0:
                if number % 2: shop.customers().to_pandas()
                sys.exit(number)
            children.append(pid)
        ends = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
        stop.set()
        for each in threads: each.join()
        assert len(shop.customers(cache="refresh").to_pandas()) == truth
        print(ends)

first = os.getpid()
try:
    main()
except SystemExit as end:
    code = end.code
if os.getpid() != first:
    # As multiprocessing ends its children: pyarrow's own threads do not survive the rest of an exit after a fork.
    gc.collect()
    atexit._run_exitfuncs()
    os._exit(code)
"""


def test_a_child_that_ends_does_no_harm_to_its_parent(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "always::ResourceWarning", "-c", ENDS, str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "[0, 1, 2, 3]\n", "")


def test_every_lock_of_the_package_is_new_in_a_child() -> None:
    """A lock that is made by hand would be locked for ever in a child whose parent held it."""
    package = Path(sc.__file__).parent
    by_hand = re.compile(r"threading\.(Lock|RLock|Semaphore|BoundedSemaphore|Condition|Barrier)\(|sqlite3\.connect\(")
    found = {
        f"{path.relative_to(package)}: {line.strip()}"
        for path in package.rglob("*.py")
        if path.name != "forks.py"
        for line in path.read_text().splitlines()
        if by_hand.search(line)
    }
    # A condition of a lock that is new.
    assert [line.split(":")[0] for line in found] == ["panel/engine.py"]
