"""Every fault, seen on the wire."""

import re
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from sc_pandas.sandbox import Script


@pytest.fixture
def caller(serve: Any) -> Any:
    return serve(120)


def statuses(caller: Any, calls: int) -> list[int]:
    return [caller.page().status for _ in range(calls)]


def test_calls_are_counted_from_the_order_on(caller: Any) -> None:
    caller.page()
    caller.box.fault("status", at=2, times=2, status=503)
    caller.login()  # of another class: does not count
    assert statuses(caller, 4) == [200, 503, 503, 200]
    # Of two that are due the first ordered strikes.
    caller.box.fault("status", at=2, status=503)
    caller.box.fault("status", every=2, times=None)
    assert statuses(caller, 5) == [200, 503, 200, 500, 200]
    caller.box.clear_faults()
    assert statuses(caller, 2) == [200, 200]


def test_faults_of_other_endpoints(caller: Any) -> None:
    caller.box.fault("status", endpoint="token", status=500, body={"Message": "x"})
    credentials = {"Username": caller.box.username, "Password": caller.box.password}
    assert caller.page().status == 200
    assert caller.post("/rest/api/token", credentials).status == 500
    caller.box.fault("status", endpoint="any", times=1)
    assert caller.ask("GET", "/api/server-by-team/?team=sandbox").status == 500
    caller.box.fault("status", endpoint="detail")
    assert caller.ask("GET", "/rest/api/Customers/1001").status == 500


WRONG: list[tuple[str, dict[str, Any], type[Exception]]] = [
    ("nonsense", {}, ValueError), ("delay", {"endpoint": "nowhere"}, ValueError), ("delay", {"at": 0}, ValueError),
    ("delay", {"delays": 1}, TypeError),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "options", "error"), WRONG)
def test_orders_that_make_no_sense(caller: Any, kind: str, options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        caller.box.fault(kind, **options)


def test_throttle_locks_every_call_until_the_reset(caller: Any) -> None:
    caller.box.fault("throttle", reset_in_s=0.6)
    first = caller.page()
    text = first.json["RateLimitResetTime"]
    reset = datetime.fromisoformat(text)
    assert (first.status, first.json) == (409, {"Error": "Too many requests.", "RateLimitResetTime": text})
    assert re.fullmatch(r"[\d-]+T[\d:]+\.\d{7}Z", text)
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


def test_a_throttle_of_another_status_is_over_when_faults_are_cleared(caller: Any) -> None:
    caller.box.fault("throttle", status=429, reset_in_s=60)
    assert [caller.page().status, caller.page().status] == [429, 409]
    caller.box.clear_faults()
    assert caller.page().status == 200


def test_the_hourly_quota_counts_logins_but_not_team_look_ups(serve: Any) -> None:
    caller = serve(10, calls_per_hour=3)  # one login is made already
    caller.ask("GET", "/api/server-by-team/?team=sandbox")
    assert statuses(caller, 2) == [200, 200]
    refused = caller.page()
    reset = datetime.fromisoformat(refused.json["RateLimitResetTime"])
    assert refused.status == 409
    assert 3590 < (reset - datetime.now(UTC)).total_seconds() <= 3600
    assert not caller.box.log[-1].early


def test_token_death(caller: Any) -> None:
    caller.box.fault("token_death", at=2)
    assert statuses(caller, 3) == [200, 401, 401]
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
    html, headers = "<h1>Bad Gateway</h1>", {"X-Gate": "1"}
    caller.box.fault("status", status=502, body=html, content_type="text/html", headers=headers)
    answer = caller.page()
    assert (answer.status, answer.body, answer.headers["x-gate"]) == (502, html.encode(), "1")
    caller.box.fault("status", status=200, body={"Items": [], "TotalResults": -1})
    assert caller.page().json == {"Items": [], "TotalResults": -1}


def test_a_function_of_the_right_answer(caller: Any) -> None:
    """Another answer is served like any, bytes are written as they are, and a script may pause and reset."""
    right = caller.page().body
    caller.box.fault(lambda answer: replace(answer, status=418, body=answer.body[:9]))
    assert (caller.page().status, caller.box.log[-1].fault) == (418, "<lambda>")
    caller.box.fault(lambda answer: b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" + answer.body[:7])
    assert caller.raw().endswith(right[:7])
    caller.box.fault(lambda answer: Script((b"HTTP/1.0 200 OK\r\n\r\n", answer.body[:5]), pause_s=0.1))
    started = time.monotonic()
    assert caller.raw().endswith(right[:5])
    assert time.monotonic() - started >= 0.1
    caller.box.fault(lambda _: Script((b"HTTP/1.1 200 OK\r\n",), linger_s=0.05, end="reset"))
    with pytest.raises(ConnectionResetError):
        caller.raw()
    assert caller.page().status == 200


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
