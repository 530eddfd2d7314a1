"""Rows A of the fault catalogue on raw sockets: whatever comes over the wire, it is data, or it is asked again, or told."""

import gzip
import json
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests
import urllib3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import sc_pandas as sc
from sc_pandas.client import Timeouts, exchange
from tests.faults.raw import RawServer, Wire, ask, no, page, to_end, whole
from tests.support.shops import QUICK, kept_bodies

IDS = [1, 2, 3]
BODY = page(IDS)
HURRIED = Timeouts(connect_s=1.0, read_s=0.2, total_s=0.3)


CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
DRIPS: dict[str, tuple[bytes, bytes]] = {
    "status line": (b"", b"HTTP/1.1 200 " + b"O" * 9_000), "headers": (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 2_000),
    "early answers": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 400),
    "body": (b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n", b" " * 9_000),
    "size of a chunk": (CHUNKED, b"0" * 9_000), "after the last chunk": (CHUNKED + b"0\r\n", b"X: y\r\n" * 2_000),
    "to the end of the connection": (b"HTTP/1.0 200 OK\r\n\r\n", b" " * 9_000),
}  # fmt: skip


@pytest.mark.fault("A04")
@pytest.mark.parametrize("where", DRIPS)
def test_a_slow_drip_ends_at_the_deadline_wherever_it_drips(where: str) -> None:
    """The socket's own time-out never strikes: each byte comes in time.  Negative control: the test after this."""
    at_once, slowly = DRIPS[where]
    sent: list[int] = []

    def script(wire: Wire) -> None:
        wire.send(at_once)
        sent.append(wire.drip(slowly))

    with RawServer(script) as server, server.client(timeouts=HURRIED, policy=one_try()) as client:
        started = time.monotonic()
        with pytest.raises(sc.TransportError) as caught:
            ask(client)
        assert time.monotonic() - started < 0.6
        assert (caught.value.kind, caught.value.attempts) == ("deadline", 1)
        until = time.monotonic() + 2.0
        while not sent and time.monotonic() < until:
            time.sleep(0.01)
    # The server saw the connection closed: it stopped long before its last byte.
    assert len(sent) == 1
    assert sent[0] < 100


def one_try() -> Any:
    return type(QUICK)(attempts=1, login_attempts=1, base_s=0.001, cap_s=0.01)


def test_negative_control_a_socket_s_time_out_ends_no_drip() -> None:
    """Why A04 needs a deadline: plain requests waits for as long as the headers drip."""

    def script(wire: Wire) -> None:
        wire.drip(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 4 + b"Content-Length: 0\r\n\r\n")

    with RawServer(script) as server:
        started = time.monotonic()
        assert requests.get(f"{server.url}/rest/x", timeout=0.2).status_code == 200
        assert time.monotonic() - started > 1.0


def test_out_of_reach_and_hung_up_are_told_apart() -> None:
    with ExitStack() as stack:
        with RawServer(lambda wire: wire.hang_up()) as server:
            client = stack.enter_context(server.client(policy=one_try(), max_wait_s=0.0))
            host = server.url.partition("//")[2]
            with pytest.raises(sc.TransportError, match=f"{host} closed the connection without an answer") as caught:
                ask(client)
            assert caught.value.kind == "connect"
        with pytest.raises(sc.TransportError, match=f"{host} could not be reached") as caught:  # it listens no more
            ask(client)
        assert caught.value.kind == "connect"


def chunked(body: bytes) -> bytes:
    middle = len(body) // 2
    pieces = [body[:middle], body[middle:], b""]
    return CHUNKED + b"".join(f"{len(p):x}\r\n".encode() + p + b"\r\n" for p in pieces)


FRAMINGS = {"length": whole(BODY), "chunked": chunked(BODY)}


@pytest.mark.fault("A05", "A06", "A07")
@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("framing", FRAMINGS)
def test_an_answer_cut_at_any_byte_is_asked_again(framing: str, *, reset: bool) -> None:
    """Two calls and the right rows for every place of the cut; what came of the first is dropped."""
    answer = FRAMINGS[framing]
    # Where the 0 of the last chunk has come, a chunked answer is whole.
    end = len(answer) - 4 * (framing == "chunked")
    place = [0]

    def script(wire: Wire) -> None:
        wire.send(answer[: place[0]] if wire.number % 2 else answer)
        if wire.number % 2:
            wire.reset() if reset else wire.hang_up()

    with RawServer(script) as server, server.client() as client:
        for place[0] in range(0, end, 3):
            before = server.calls
            assert ask(client) == IDS
            assert server.calls - before == 2, place


@pytest.mark.fault("A08")
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(customers=st.integers(1, 120), rows=st.lists(st.integers(0, 50), min_size=1, max_size=12))
def test_rows_that_vanish_from_well_formed_answers_are_noticed(customers: int, rows: list[int], tmp_path: Path) -> None:
    """Each answer may be cut to a valid shorter one: the frame has all rows, or there is none."""

    def script(wire: Wire) -> None:
        number = int(wire.params["pageNumber"])
        ids = list(range(1, customers + 1))[(number - 1) * 50 : number * 50]
        keep = rows[wire.number - 1] if wire.number <= len(rows) else len(ids)
        wire.send(to_end(page(ids[:keep], customers)))
        wire.hang_up()

    with RawServer(script) as server, server.shop(tmp_path) as shop:
        try:
            frame = shop.customers(cache="off").to_pandas()
        except sc.SellerCloudError:
            return
        assert frame.user_id.tolist() == list(range(1, customers + 1))


ZIPPED = gzip.compress(BODY, mtime=0)


def compressed(content: bytes, *, label: str = "gzip") -> bytes:
    return whole(content, f"Content-Encoding: {label}") if label else whole(content)


def damaged_then_good(damaged: list[bytes]) -> tuple[Callable[[Wire], None], list[int]]:
    place = [0]

    def script(wire: Wire) -> None:
        wire.send(compressed(damaged[place[0]] if wire.number % 2 else ZIPPED))

    return script, place


def check_each(damaged: list[bytes]) -> None:
    script, place = damaged_then_good(damaged)
    with RawServer(script) as server, server.client() as client:
        for place[0] in range(len(damaged)):
            before = server.calls
            assert ask(client) == IDS
            assert server.calls - before == 2, damaged[place[0]]


@pytest.mark.fault("A10")
def test_a_compressed_answer_cut_anywhere_is_asked_again() -> None:
    """Also where only the checksum at its end is missing, which urllib3 takes.  Negative control: the next test."""
    check_each([ZIPPED[:end] for end in range(1, len(ZIPPED))])


def test_negative_control_a_lenient_decoder_takes_cuts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The broken variant of A10: the rows of a cut answer come through, after one call."""
    honest = exchange._decoded

    def lenient(response: urllib3.BaseHTTPResponse, body: bytes, at_most: int) -> bytes:
        zipped = "Content-Encoding" in response.headers
        return zlib.decompressobj(31).decompress(body) if zipped else honest(response, body, at_most)

    monkeypatch.setattr(exchange, "_decoded", lenient)
    script, _ = damaged_then_good([ZIPPED[:-4]])
    with RawServer(script) as server, server.client() as client:
        assert ask(client) == IDS
        assert server.calls == 1


@pytest.mark.fault("A11")
def test_any_flipped_byte_is_never_wrong_rows() -> None:
    """Flips in the header's name fields and time change nothing; every other one is asked again."""
    place = [0]

    def script(wire: Wire) -> None:
        flipped = bytearray(ZIPPED)
        flipped[place[0]] ^= 1 << place[0] % 8
        wire.send(compressed(bytes(flipped) if wire.number % 2 else ZIPPED))

    again = 0
    with RawServer(script) as server, server.client() as client:
        for place[0] in range(len(ZIPPED)):
            before = server.calls
            assert ask(client) == IDS
            again += server.calls - before == 2
            server.calls += server.calls % 2
    assert again > len(ZIPPED) - 10


@pytest.mark.fault("A12")
@pytest.mark.parametrize(("content", "label"), [(BODY, "gzip"), (ZIPPED, ""), (BODY, "br"), (ZIPPED, "deflate")])
def test_a_wrong_label_is_told_and_never_guessed(content: bytes, label: str) -> None:
    with RawServer(lambda wire: wire.send(compressed(content, label=label))) as server, server.client() as client:
        with pytest.raises(sc.ResponseError) as caught:
            ask(client)
        assert caught.value.kind in {"encoding", "json"}
        assert server.calls == 5


@pytest.mark.fault("A09")
def test_bytes_after_an_answer_never_become_the_next_one() -> None:
    forged = whole(page([666]))

    def script(wire: Wire) -> None:
        wire.send(whole(page([wire.number])) + forged)

    with RawServer(script) as server, server.client() as client:
        assert [ask(client) for _ in range(4)] == [[1], [2], [3], [4]]


OK = b"HTTP/1.1 200 OK\r\n"
HEADS = [
    OK + b"Content-Length: -5\r\n\r\n", OK + b"Content-Length: many\r\n\r\n",
    OK + b"Content-Length: 5\r\nContent-Length: 7\r\n\r\n", b"HTTP/1.1 two-hundred OK\r\n\r\n",
    b"HTTP/9 200 OK\r\n\r\n", b"SSH-2.0-OpenSSH_9.2\r\n", b"\0" * 50 + b"\r\n\r\n", b"\r\n\r\n",
    OK + b"X: " + b"y" * 2**20 + b"\r\n\r\n", OK + b"X: y\r\n" * 200 + b"\r\n",
    OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", OK + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n",
]  # fmt: skip


@pytest.mark.fault("A24")
@pytest.mark.parametrize("head", HEADS, ids=range(len(HEADS)))
def test_a_malformed_head_is_a_typed_error(head: bytes) -> None:
    def script(wire: Wire) -> None:
        wire.send(head + BODY)
        wire.hang_up()

    with RawServer(script) as server, server.client(policy=one_try(), timeouts=HURRIED) as client:
        with pytest.raises(sc.SellerCloudError) as caught:
            ask(client)
        assert isinstance(caught.value, sc.TransportError | sc.ResponseError)


@pytest.mark.fault("A25")
def test_a_connection_closed_between_calls_is_not_noticed() -> None:
    def script(wire: Wire) -> None:
        wire.send(whole(BODY))
        wire.hang_up()

    with RawServer(script) as server, server.client(policy=one_try()) as client:
        for _ in range(5):
            assert ask(client) == IDS
            time.sleep(0.01)


BOMBED = """
import json, resource, sys
import sc_pandas as sc
from sc_pandas.settings import Credentials, Secret
from sc_pandas.query.connection import Connection
with Connection(sys.argv[1], Credentials("a", password=Secret("b")), dialect="article", cache_dir=sys.argv[2]) as shop:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try: shop.customers().to_pandas()
    except sc.ResponseError as error: told = [error.kind, error.attempts]
    print(json.dumps([*told, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024]))
"""


def bomb(megabytes: int) -> bytes:
    """Return a gzip stream of nothing but spaces; built of one block repeated, so that it costs no time."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    head = packer.compress(b" ") + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(b" " * 2**20) + packer.flush(zlib.Z_FULL_FLUSH)
    return head + block * megabytes + packer.flush()


@pytest.mark.fault("A13")
def test_a_bomb_is_told_at_once_and_memory_stays_bounded(tmp_path: Path) -> None:
    """2 GB in 2 MB; a child measures how much its memory ever grew.  Negative control: what it would have been is 2,000."""
    content = compressed(bomb(2_000))
    assert len(content) < 4 * 2**20
    with RawServer(lambda wire: wire.send(content)) as server:
        command = [sys.executable, "-W", "error", "-c", BOMBED, f"{server.url}/rest", str(tmp_path / "c")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        kind, attempts, megabytes = json.loads(done.stdout)
        assert (kind, attempts, server.calls) == ("too_large", 1, 1)
        assert megabytes < 200


PORTAL = b"<html><title>Canary-Portal</title>please sign in</html>"


@pytest.mark.fault("A14")
@pytest.mark.parametrize("content_type", ["text/html; charset=utf-8", "application/json"])
def test_a_login_page_in_the_way_is_told_without_its_words(content_type: str, tmp_path: Path) -> None:
    always = [False]

    def script(wire: Wire) -> None:
        if always[0] or wire.number == 1:
            head = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {len(PORTAL)}\r\n\r\n"
            wire.send(head.encode() + PORTAL)
        else:
            wire.send(whole(BODY))

    with RawServer(script) as server, server.shop(tmp_path) as shop:
        assert shop.customers(cache="off").to_pandas().user_id.tolist() == IDS
        assert server.calls == 2
        always[0] = True
        with pytest.raises(sc.ResponseError) as caught:
            shop.customers().to_pandas()
        assert caught.value.kind == "not_json"
        assert "Canary" not in str(caught.value) + repr(vars(caught.value))
        assert kept_bodies(tmp_path) == []


@pytest.mark.fault("A18")
@pytest.mark.parametrize("status", [400, 403, 404, 405, 409, 422])
def test_a_request_that_is_refused_is_not_sent_again(status: int, tmp_path: Path) -> None:
    with RawServer(lambda wire: wire.send(no(status, b'{"Message": "No."}'))) as server, server.shop(tmp_path) as shop:
        with pytest.raises(sc.ServerError) as caught:
            shop.customers().to_pandas()
        assert (caught.value.status, caught.value.server_message, server.calls) == (status, "No.", 1)
        assert kept_bodies(tmp_path) == []


def storm(adapter_retries: int) -> tuple[int, bool]:
    """Ask for 200 pages of a server that always fails; give the calls that reached it, and whether the end was told."""
    with RawServer(lambda wire: wire.send(no(500))) as server, server.client() as client:
        again = requests.adapters.Retry(total=adapter_retries, status_forcelist=[500], raise_on_status=False)
        client._wire.adapter.max_retries = again
        exhausted = False
        for _ in range(200):
            with pytest.raises(sc.ServerError) as caught:
                ask(client)
            exhausted = caught.value.budget_exhausted
        return server.calls, exhausted


@pytest.mark.fault("A19")
def test_an_outage_is_not_answered_with_a_storm() -> None:
    """200 failing pages cost 200 calls and the allowance of 100 retries, no more.  Negative control: the next test."""
    calls, exhausted = storm(adapter_retries=0)
    assert calls <= 200 + 500 / 5
    assert exhausted


def test_negative_control_a_second_layer_of_retries_is_a_storm() -> None:
    """The broken variant of A19: the adapter retries, too."""
    calls, _ = storm(adapter_retries=1)
    assert calls > 200 + 500 / 5
