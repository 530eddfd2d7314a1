"""One login for each token that went stale, one POST for a wrong password, and no secret anywhere."""

import copy
import io
import json
import logging
import pickle
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import sc_pandas as sc
from sc_pandas.query.connection import Connection
from tests.support.shops import BRISK, served, shop_of
from tests.support.wire_faults import order

THREADS = 16
WRONG = "wr0ng-Canary-pässword"
RIGHT = "r1ght-Canary-passwörd"


def together(action: Callable[[int], Any]) -> list[Any]:
    """Run an action in sixteen threads that start at one moment; give results or errors."""
    barrier = threading.Barrier(THREADS)

    def run(number: int) -> Any:
        barrier.wait()
        try:
            return action(number)
        except sc.SellerCloudError as error:
            return error

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(run, range(THREADS)))


@pytest.mark.fault("B04")
@pytest.mark.parametrize("round_", range(2))
def test_sixteen_threads_that_meet_a_401_together_log_in_once(round_: int, tmp_path: Path) -> None:
    with sc.sandbox.serve(customers=900, seed=7, latency_s=0.02) as box, shop_of(box, tmp_path) as shop:
        shop.customers().count()
        assert box.calls("token") == 1
        box.expire_tokens()
        pages = together(lambda number: shop.customers(cache="off").page(number + 1))
        assert [len(page.table) for page in pages] == [50] * THREADS
        assert box.calls("token") == 2
        assert sum(entry.status == 401 for entry in box.log.requests("list")) <= THREADS


@pytest.mark.fault("B03")
def test_a_wrong_password_is_sent_exactly_once_whoever_asks(tmp_path: Path) -> None:
    """Accounts lock after some wrong passwords."""
    with sc.sandbox.serve(customers=9) as box, shop_of(box, tmp_path, password=WRONG) as shop:
        errors = together(lambda _: shop.customers(cache="off").to_pandas())
        assert [type(error) for error in errors] == [sc.AuthError] * THREADS
        assert {error.reason for error in errors} == {"bad_credentials"}
        with pytest.raises(sc.AuthError):
            shop.log_in()
        assert box.calls("token") == 1
        assert box.calls("list") == 0


def spellings(secret: str) -> list[str]:
    """Return the forms in which a secret could hide."""
    return [secret, json.dumps(secret)[1:-1], repr(secret)[1:-1], secret.encode().hex(), secret[:8]]


def assert_nowhere(text: str, secret: str) -> None:
    for spelling in spellings(secret):
        assert spelling not in text


FAILURES: dict[str, dict[str, Any]] = {
    "wrong password": {}, "list fails": {"kind": "status", "times": None}, "list is cut": {"kind": "cut_body", "times": None},
    "list is html": {"kind": "html", "times": None}, "list redirects": {"kind": "redirect"},
    "list hangs": {"kind": "hang", "times": None}, "login redirects": {"kind": "redirect", "endpoint": "token"},
    "login is reset": {"kind": "reset", "times": None, "endpoint": "token"},
    "login is html": {"kind": "html", "times": None, "endpoint": "token"},
    "login is cut": {"kind": "cut_body", "times": None, "endpoint": "token"},
    "login hangs": {"kind": "hang", "times": None, "endpoint": "token"},
    "tokens die": {"kind": "token_death", "times": None}, "throttled": {"kind": "throttle", "reset_in_s": 900.0},
}  # fmt: skip


def everything_said_by(error: BaseException) -> str:
    """Return all that an error, its chain and its frames show, but for the frame of the test, which knows the secret."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    assert trace is not None
    traced = traceback.TracebackException.from_exception(error.with_traceback(trace), capture_locals=True)
    parts = ["".join(traced.format(chain=True)), str(error), repr(error), repr(error.args), repr(vars(error))]
    parts.append(pickle.dumps(error).decode("latin-1"))
    return "\n".join(parts)


@pytest.mark.parametrize("case", FAILURES)
def test_no_error_says_the_password_or_the_token(
    case: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("SC_PANDAS_DEBUG", "1")
    secret = WRONG if case == "wrong password" else RIGHT
    with (
        sc.sandbox.serve(customers=120, seed=7, password=RIGHT) as box,
        shop_of(box, tmp_path, password=secret, timeouts=BRISK, max_wait_s=1.0) as shop,
    ):
        if FAILURES[case]:
            order(box, **FAILURES[case])
        with pytest.raises(sc.SellerCloudError) as caught:
            shop.customers().to_pandas()
        token = shop.source.client._authorizer._token
        secrets = [secret] + ([] if token is None else [token.value.reveal()])
        said = everything_said_by(caught.value) + caplog.text
        said += "".join(repr(record.args) for record in caplog.records)
        said += repr(shop) + shop._repr_html_() + repr(vars(shop)) + repr(shop.source)
        for each in secrets:
            assert_nowhere(said, each)
            for file in tmp_path.rglob("*"):
                if file.is_file():
                    assert_nowhere(file.read_bytes().decode("latin-1"), each)


@pytest.mark.fault("E05", "F12")
def test_a_healthy_read_leaves_no_secret(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    with served(tmp_path / "cache", customers=120, seed=7, password=RIGHT) as (_box, shop):
        frame = shop.customers().to_pandas()
        shop.customers(last_name="Canary", include=["phones"], customer_ids=[1001]).to_pandas()
        shop.customers().to_parquet(tmp_path / "all.parquet")
        code = shop.customers(city="Berlin").to_code() + shop.customers().explain()
        token = shop.source.client._authorizer._token
        assert token is not None
        out = io.StringIO()
        print(shop, repr(shop), f"{shop}", shop.customers(), code, file=out)
        for secret in (RIGHT, token.value.reveal()):
            said = caplog.text + repr(frame.attrs) + "".join(capfd.readouterr()) + out.getvalue()
            assert_nowhere(said, secret)
            for file in tmp_path.rglob("*"):
                if file.is_file():
                    assert_nowhere(file.read_bytes().decode("latin-1"), secret)
        # The log tells of calls and reads, and of no filter and no customer.
        ours = [record for record in caplog.records if record.name.startswith("sc_pandas")]
        assert {record.name for record in ours} == {"sc_pandas.client.paced", "sc_pandas.query.customer_query"}
        people = [*frame["email"].dropna(), *frame["user_id"].astype(str), "Canary"]
        assert [each for each in people for record in ours if each in record.getMessage()] == []
        stored = b"".join(file.read_bytes() for file in (tmp_path / "cache").rglob("*") if file.is_file())
        assert b"Bearer" not in stored
        assert b"uthorization" not in stored


@pytest.mark.parametrize("make", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_connection_is_not_pickled_or_copied(make: Callable[[Connection], object], tmp_path: Path) -> None:
    with sc.sandbox.serve(customers=1) as box, shop_of(box, tmp_path) as shop, pytest.raises(TypeError, match="login"):
        make(shop)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("endpoint", ["token", "list"])
def test_a_redirect_is_never_followed(endpoint: Any, status: int, tmp_path: Path) -> None:
    """307 and 308 would replay the password to whoever they point to."""
    with sc.sandbox.serve(customers=3) as thief, sc.sandbox.serve(customers=3) as box, shop_of(box, tmp_path) as shop:
        location = f"{thief.url}/rest/api/Customers"
        order(box, "redirect", endpoint=endpoint, times=None, status=status, location=location)
        with pytest.raises(sc.ResponseError) as caught:
            shop.customers().to_pandas()
        assert caught.value.kind == "redirect"
        assert len(thief.log) == 0


def test_netrc_does_not_replace_the_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login eve password evil\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(netrc))
    with sc.sandbox.serve(customers=3) as box, shop_of(box, tmp_path) as shop:
        assert len(shop.customers().to_pandas()) == 3


def test_no_proxy_is_asked_for_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with sc.sandbox.serve(customers=3) as box, shop_of(box, tmp_path) as shop:
        assert len(shop.customers().to_pandas()) == 3
