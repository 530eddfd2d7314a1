"""Every fault, seen on the wire."""

import gzip
import http.client
import json
import socket
import time
import zlib
from datetime import UTC, datetime
from typing import Any

import pytest

from sc_pandas.sandbox import FAULTS

GZIP = "Accept-Encoding: gzip"


def parts(raw: bytes) -> tuple[str, dict[str, str], bytes]:
    """Split what came over the wire into status line, headers and body."""
    head, _, body = raw.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    return status, dict(line.lower().split(": ", 1) for line in lines), body


@pytest.fixture
def caller(serve: Any) -> Any:
    return serve(120)


def test_calls_are_counted_from_the_order_on(caller: Any) -> None:
    caller.page()
    caller.box.fault("status", at=2, times=2, status=503)
    caller.login()  # of another class: does not count
    assert [caller.page().status for _ in range(4)] == [200, 503, 503, 200]
    caller.box.fault("html", every=2, times=None)
    assert ["html" in caller.page().headers["content-type"] for _ in range(5)] == [False, True, False, True, False]
    caller.box.clear_faults()
    assert "html" not in caller.page().headers["content-type"]


def test_of_two_faults_the_first_ordered_strikes(caller: Any) -> None:
    caller.box.fault("status", at=2, status=503)
    caller.box.fault("status", every=2, times=None, status=502)
    assert [caller.page().status for _ in range(4)] == [200, 503, 200, 502]


def test_faults_of_other_endpoints(caller: Any) -> None:
    caller.box.fault("status", endpoint="token", status=500, body={"Message": "x"})
    credentials = {"Username": caller.box.username, "Password": caller.box.password}
    assert caller.page().status == 200
    assert caller.post("/rest/api/token", credentials).status == 500
    caller.box.fault("status", endpoint="any", times=1)
    assert caller.ask("GET", "/api/server-by-team/?team=sandbox").status == 500
    caller.box.fault("html", endpoint="detail")
    assert b"<html>" in caller.ask("GET", "/rest/api/Customers/1001").body


@pytest.mark.parametrize(
    ("kind", "options", "error"),
    [
        ("nonsense", {}, ValueError),
        ("html", {"endpoint": "nowhere"}, ValueError),
        ("html", {"at": 0}, ValueError),
        ("html", {"keep": 1}, TypeError),
    ],
)
def test_orders_that_make_no_sense(caller: Any, kind: str, options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        caller.box.fault(kind, **options)


def test_throttle_locks_every_call_until_the_reset(caller: Any) -> None:
    caller.box.fault("throttle", reset_in_s=0.6)
    first = caller.page()
    assert first.status == 409
    assert set(first.json) == {"Error", "RateLimitResetTime"}
    assert first.json["Error"] == "Too many requests."
    text = first.json["RateLimitResetTime"]
    assert len(text.partition(".")[2]) == 8  # seven digits and Z
    assert text.endswith("Z")
    reset = datetime.fromisoformat(text)
    assert 0 < (reset - datetime.now(UTC)).total_seconds() <= 0.6
    assert "retry-after" not in first.headers
    early = caller.page()
    assert early.status == 409
    assert abs((datetime.fromisoformat(early.json["RateLimitResetTime"]) - reset).total_seconds()) < 0.01
    assert caller.post("/rest/api/token", {}).status == 409
    time.sleep(max((reset - datetime.now(UTC)).total_seconds(), 0))
    assert caller.page().status == 200
    flags = [(entry.fault, entry.early) for entry in caller.box.log[-4:]]
    assert flags == [("throttle", False), (None, True), (None, True), (None, False)]


def test_throttle_in_other_shapes(caller: Any) -> None:
    extra = {"RateLimitResetTime": "soon", "Hint": 1}
    caller.box.fault("throttle", status=429, reset_in_s=0.01, retry_after="7", body_extra=extra)
    answer = caller.page()
    assert (answer.status, answer.headers["retry-after"]) == (429, "7")
    assert answer.json == {"Error": "Too many requests.", "RateLimitResetTime": "soon", "Hint": 1}
    time.sleep(0.02)
    caller.box.fault("throttle", reset_in_s=60, body_extra={"RateLimitResetTime": None})
    assert caller.page().json == {"Error": "Too many requests."}
    caller.box.clear_faults()
    assert caller.page().status == 200


def test_the_hourly_quota_counts_logins_but_not_team_look_ups(serve: Any) -> None:
    caller = serve(10, calls_per_hour=3, throttle_status=429, retry_after=True)  # one login is made already
    caller.ask("GET", "/api/server-by-team/?team=sandbox")
    assert [caller.page().status for _ in range(2)] == [200, 200]
    refused = caller.page()
    assert refused.status == 429
    reset = datetime.fromisoformat(refused.json["RateLimitResetTime"])
    assert 3590 < (reset - datetime.now(UTC)).total_seconds() <= 3600
    assert 3590 < int(refused.headers["retry-after"]) <= 3600
    assert not caller.box.log[-1].early


def test_token_death(caller: Any) -> None:
    caller.box.fault("token_death", at=2)
    assert [caller.page().status for _ in range(3)] == [200, 401, 401]
    assert caller.login().page().status == 200
    assert [entry.fault for entry in caller.box.log.requests("list")] == [None, "token_death", None, None]


def test_repeat_page(caller: Any) -> None:
    caller.box.fault("repeat_page")
    first, again = caller.page(), caller.page()
    caller.box.fault("repeat_page")
    assert caller.page(("model.pageNumber", 5)).body == first.body == again.body
    assert caller.box.log[-1].params == (("model.pageNumber", "5"),)


def test_status_bodies(caller: Any) -> None:
    caller.box.fault("status")
    assert (caller.page().status, caller.box.log[-1].status) == (500, 500)
    caller.box.fault(
        "status", status=502, body="<h1>Bad Gateway</h1>", content_type="text/html", headers={"X-Gate": "1"}
    )
    answer = caller.page()
    assert (answer.status, answer.body, answer.headers["x-gate"]) == (502, b"<h1>Bad Gateway</h1>", "1")
    caller.box.fault("status", status=200, body={"Items": [], "TotalResults": -1})
    assert caller.page().json == {"Items": [], "TotalResults": -1}


def test_answers_that_are_no_pages(caller: Any) -> None:
    caller.box.fault("html")
    assert caller.page().body.startswith(b"<!DOCTYPE html>")
    caller.box.fault("empty")
    empty = caller.page()
    assert (empty.status, empty.body, empty.headers["content-length"]) == (200, b"", "0")
    caller.box.fault("null_items")
    assert caller.page().json == {"Items": None, "TotalResults": 120}
    caller.box.fault("error_in_200")
    failed = caller.page()
    assert (failed.status, list(failed.json)) == (200, ["ErrorMessage", "ErrorSource"])
    caller.box.fault("redirect", location="https://evil.test/", status=307)
    moved = caller.page()
    assert (moved.status, moved.headers["location"]) == (307, "https://evil.test/")


@pytest.mark.parametrize("variant", ["nan", "list", "scalar", "string", "no_total", "text_total", "duplicate_key"])
def test_wrong_json_that_python_reads(caller: Any, variant: str) -> None:
    right = caller.page().json
    caller.box.fault("wrong_json", variant=variant)
    wrong = caller.page()
    assert wrong.status == 200
    assert repr(wrong.json) != repr(right)


@pytest.mark.parametrize(
    ("variant", "error"),
    [("deep", RecursionError), ("not_utf8", UnicodeDecodeError), ("trailing", json.JSONDecodeError)],
)
def test_wrong_json_that_python_refuses(caller: Any, variant: str, error: type[Exception]) -> None:
    caller.box.fault("wrong_json", variant=variant)
    answer = caller.page()
    with pytest.raises(error):
        _ = answer.json


def test_wrong_json_of_ones_own(caller: Any) -> None:
    caller.box.fault("wrong_json", body="{")
    assert caller.page().body == b"{"
    with pytest.raises(ValueError, match="variant must be one of"):
        caller.box.fault("wrong_json", variant="unheard of")


def test_cut_body_promises_the_whole(caller: Any) -> None:
    whole = caller.page().body
    caller.box.fault("cut_body", keep=0.5)
    _, headers, body = parts(caller.raw())
    assert int(headers["content-length"]) == len(whole)
    assert body == whole[: len(whole) // 2]
    caller.box.fault("cut_body", bytes=3)
    with pytest.raises(http.client.IncompleteRead) as caught:
        caller.page()
    assert caught.value.partial == whole[:3]


def test_cut_chunked_never_ends(caller: Any) -> None:
    caller.box.fault("cut_chunked")
    _, headers, body = parts(caller.raw())
    assert headers["transfer-encoding"] == "chunked"
    assert "content-length" not in headers
    assert not body.endswith(b"0\r\n\r\n")
    caller.box.fault("cut_chunked")
    with pytest.raises(http.client.IncompleteRead):
        caller.page()


def test_cut_eof_looks_whole_and_is_not(caller: Any) -> None:
    caller.box.fault("cut_eof", keep=0.3)
    status, headers, body = parts(caller.raw("/rest/api/Customers?pageSize=50", GZIP))
    assert status == "HTTP/1.0 200 OK"
    assert not {"content-length", "transfer-encoding", "content-encoding"} & set(headers)
    page = json.loads(body)
    assert (len(page["Items"]), page["TotalResults"]) == (15, 120)
    assert caller.box.log[-1].user_ids == tuple(item["UserID"] for item in page["Items"])


def test_cut_gzip_has_the_right_length_and_no_end(caller: Any) -> None:
    caller.box.fault("cut_gzip", bytes=8)
    answer = caller.page()
    assert int(answer.headers["content-length"]) == len(answer.body)
    with pytest.raises(EOFError):
        gzip.decompress(answer.body)
    # A decoder that does not insist on the end gives everything without an error.
    assert json.loads(zlib.decompressobj(31).decompress(answer.body))["TotalResults"] == 120


def test_bad_gzip_is_noticed_by_a_checksum(caller: Any) -> None:
    caller.box.fault("bad_gzip")
    answer = caller.page(("pageSize", 50))
    assert answer.headers["content-encoding"] == "gzip"
    with pytest.raises((zlib.error, gzip.BadGzipFile)):
        gzip.decompress(answer.body)


def test_reset_tears_the_connection_in_the_body(caller: Any) -> None:
    caller.box.fault("reset", keep=0.5)
    with pytest.raises(ConnectionResetError):
        caller.page()


def test_reset_comes_after_half_of_the_body(caller: Any) -> None:
    whole = caller.page().body
    caller.box.fault("reset", keep=0.5)
    port = int(caller.box.url.rpartition(":")[2])
    received = b""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as wire:
        wire.sendall(
            f"GET /rest/api/Customers HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {caller.token}\r\n\r\n".encode()
        )
        with pytest.raises(ConnectionResetError):  # noqa: PT012
            while piece := wire.recv(65536):
                received += piece
    assert received.endswith(whole[: len(whole) // 2])


def test_slow_drip_gives_a_byte_at_a_time(caller: Any) -> None:
    caller.box.fault("status", status=200, body={"Items": [], "TotalResults": 0})
    caller.page()
    empty = caller.page(("email", "nobody@nowhere.test")).body
    caller.box.fault("slow_drip", seconds_per_byte=0.004)
    started = time.monotonic()
    assert caller.page(("email", "nobody@nowhere.test")).body == empty
    assert time.monotonic() - started > 0.004 * len(empty)


def test_hang_gives_headers_and_silence(caller: Any) -> None:
    caller.box.fault("hang", hang_s=60)
    caller.timeout = 0.2
    with pytest.raises(TimeoutError):
        caller.raw()
    caller.box.fault("hang", hang_s=0.1, bytes=5)
    caller.timeout = 5
    assert parts(caller.raw())[2] == b'{"Ite'


def test_delay_and_latency(serve: Any) -> None:
    caller = serve(1, latency_s=0.05)
    caller.box.fault("delay", delay_s=0.2)
    durations = []
    for _ in range(2):
        started = time.monotonic()
        assert caller.page().status == 200
        durations.append(time.monotonic() - started)
    assert durations[0] >= 0.25
    assert 0.05 <= durations[1] < durations[0]


def test_bomb_is_small_on_the_wire_and_large_beyond(caller: Any) -> None:
    caller.box.fault("bomb", megabytes=100)
    answer = caller.page()
    assert len(answer.body) < 110_000
    inflater = zlib.decompressobj(31)
    size, rest = 0, answer.body
    while rest:
        size += len(inflater.decompress(rest, 10_000_000))
        rest = inflater.unconsumed_tail
    assert size > 100_000_000


def test_the_log_names_every_fault_that_was_played(caller: Any) -> None:
    gentle = [
        kind
        for kind in FAULTS
        if kind not in {"throttle", "slow_drip", "hang", "reset", "token_death", "delay", "bomb"}
    ]
    for kind in gentle:
        caller.box.fault(kind)
        caller.raw("/rest/api/Customers", "Connection: close")
    assert [entry.fault for entry in caller.box.log.requests("list")] == gentle
    assert caller.page().status == 200
