"""Every fault of the sandbox: passed over where it passes, a typed error where it stays, and never a wrong row."""

import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import sc_pandas as sc
from tests.integration.oracle import assert_equals_truth
from tests.support.shops import BRISK, finished_reads, kept_bodies, shop_of
from tests.support.wire_faults import WIRE, WRONG_JSON, order

CUSTOMERS = 120
UNDER_WAY_S = 0.1
CALLS = 5  # three pages and both bookends again
# Every kind that a retry heals, with options that make it quick.
HEALED: dict[str, dict[str, Any]] = {
    "throttle": {"reset_in_s": 0.2}, "delay": {"delay_s": 0.6}, "token_death": {}, "status": {}, "html": {}, "empty": {},
    "null_items": {}, "error_in_200": {}, "wrong_json": {}, "bad_gzip": {}, "cut_gzip": {}, "cut_body": {},
    "cut_chunked": {}, "cut_eof": {}, "reset": {}, "slow_drip": {}, "hang": {},
}  # fmt: skip
LOGIN_IS_NO_LIST = {"token_death", "null_items", "cut_eof", "error_in_200", "wrong_json"}
# Each answer of these is well-formed; only together they show that they are not the list.
LOOKS_WHOLE = {"cut_eof", "repeat_page"}
FINAL = {"redirect": ("ResponseError", "redirect"), "bomb": ("ResponseError", "too_large")}
# What stays for ever: the error, and the fact that names it.
FOR_EVER: dict[str, tuple[str, str | int]] = {
    "throttle": ("RateLimitedError", ""), "token_death": ("AuthError", "rejected_after_login"),
    "status": ("ServerError", 500), "html": ("ResponseError", "not_json"), "empty": ("ResponseError", "empty"),
    "null_items": ("ResponseError", "row_count"), "error_in_200": ("ResponseError", "error_in_200"),
    "wrong_json": ("ResponseError", "json"), "bad_gzip": ("ResponseError", "encoding"),
    "cut_gzip": ("TransportError", "truncated"), "delay": ("TransportError", "timeout"),
    "cut_body": ("TransportError", "truncated"), "cut_chunked": ("TransportError", "truncated"),
    "cut_eof": ("ResponseError", "row_count"), "reset": ("TransportError", "truncated"),
    "slow_drip": ("TransportError", "deadline"), "hang": ("TransportError", "timeout"),
    "repeat_page": ("PagingDriftError", "page_repeated"), **FINAL,
}  # fmt: skip


@pytest.fixture(scope="module")
def shared_box() -> Iterator[sc.sandbox.Sandbox]:
    with sc.sandbox.serve(customers=CUSTOMERS, seed=7) as server:
        yield server


@pytest.fixture
def box(shared_box: sc.sandbox.Sandbox) -> Iterator[sc.sandbox.Sandbox]:
    """Return the sandbox, healthy and with an empty log."""
    shared_box.clear_faults()
    shared_box.log.clear()
    yield shared_box
    shared_box.clear_faults()


def read(box: sc.sandbox.Sandbox, folder: Path, **options: Any) -> pd.DataFrame:
    with shop_of(box, folder, **({"timeouts": BRISK} | options)) as shop:
        return sc.read_sellercloud_customers(shop)


def no_call_too_early(box: sc.sandbox.Sandbox) -> bool:
    """Hold that nothing is sent once the throttle is known; what was under way when it struck cannot be called back."""
    entries = box.log.requests()
    struck = [entry.at for entry in entries if entry.fault == "throttle"]
    return all(any(0 <= entry.at - at < UNDER_WAY_S for at in struck) for entry in entries if entry.early)


def fact(error: sc.SellerCloudError) -> Any:
    return next((v for n in ("kind", "reason", "status") if (v := getattr(error, n, None))), "")


def test_every_kind_of_fault_has_its_expectation() -> None:
    assert set(FOR_EVER) == {*sc.sandbox.FAULTS, *WIRE}
    assert {*HEALED, *FINAL, "repeat_page"} == set(FOR_EVER)


@pytest.mark.fault("A03", "A05", "A06", "A07", "A10", "A14", "A16", "A17", "B01")
@pytest.mark.parametrize("at", range(1, CALLS + 1))
@pytest.mark.parametrize("kind", HEALED)
def test_a_fault_that_passes_changes_nothing(kind: str, at: int, box: sc.sandbox.Sandbox, tmp_path: Path) -> None:
    order(box, kind, at=at, **HEALED[kind])
    assert_equals_truth(read(box, tmp_path), box.customers())
    until = time.monotonic() + 2.0
    while not (struck := [e.fault for e in box.log.requests() if e.fault]) and time.monotonic() < until:
        time.sleep(0.01)  # a delayed answer is logged when it leaves, and the read did not wait for it
    assert struck == [kind]
    assert no_call_too_early(box)


@pytest.mark.parametrize("variant", WRONG_JSON)
def test_wrong_json_is_passed_over_or_an_error(variant: str, box: sc.sandbox.Sandbox, tmp_path: Path) -> None:
    order(box, "wrong_json", at=2, variant=variant)
    assert_equals_truth(read(box, tmp_path / "once"), box.customers())
    order(box, "wrong_json", times=None, variant=variant)
    with pytest.raises(sc.ResponseError) as caught:
        read(box, tmp_path / "ever")
    assert caught.value.kind in {"json", "shape", "error_in_200", "row_count"}
    assert kept_bodies(tmp_path / "ever") == []


@pytest.mark.fault("A13")
@pytest.mark.parametrize("at", range(1, CALLS + 1))
@pytest.mark.parametrize("kind", FINAL)
def test_what_is_no_accident_is_told_at_once(kind: str, at: int, box: sc.sandbox.Sandbox, tmp_path: Path) -> None:
    order(box, kind, at=at)
    with pytest.raises(sc.SellerCloudError) as caught:
        read(box, tmp_path, timeouts=None)
    assert (type(caught.value).__name__, fact(caught.value)) == FINAL[kind]
    assert_equals_truth(read(box, tmp_path), box.customers())


@pytest.mark.fault("C08")
@pytest.mark.parametrize("at", range(1, CALLS + 1))
def test_a_page_that_is_another_page_never_gives_wrong_rows(at: int, box: sc.sandbox.Sandbox, tmp_path: Path) -> None:
    box.fault("repeat_page", at=at)
    try:
        frame = read(box, tmp_path)
    except sc.PagingDriftError:
        pass
    else:
        assert_equals_truth(frame, box.customers())
    assert_equals_truth(read(box, tmp_path), box.customers())


@pytest.mark.fault("A04", "A06", "A08", "A10", "A14", "A15", "E07")
@pytest.mark.parametrize("kind", FOR_EVER)
def test_a_fault_for_ever_is_told_and_leaves_nothing(kind: str, box: sc.sandbox.Sandbox, tmp_path: Path) -> None:
    order(box, kind, times=None, **HEALED.get(kind, {}))
    started = time.monotonic()
    patience = {"timeouts": None} if kind == "bomb" else {}
    with pytest.raises(sc.SellerCloudError) as caught:
        read(box, tmp_path, **patience)
    # Five tries of 0.5 s; a throttle is waited out six times, each up to a second for the cut of the Date header.
    assert time.monotonic() - started < (15.0 if kind == "throttle" else 6.0)
    assert (type(caught.value).__name__, fact(caught.value)) == FOR_EVER[kind]
    assert no_call_too_early(box)
    assert all(read["finished_at"] is None for read in finished_reads(tmp_path))
    if kind not in LOOKS_WHOLE:
        assert kept_bodies(tmp_path) == []

    box.clear_faults()
    assert_equals_truth(read(box, tmp_path), box.customers())


@pytest.mark.fault("E07")
@pytest.mark.parametrize("kind", ["status", "html", "empty", "cut_body", "error_in_200", "bad_gzip"])
def test_good_pages_stay_and_are_gone_on_with(kind: str, box: sc.sandbox.Sandbox, tmp_path: Path) -> None:
    """A fault from the fourth call on leaves only good pages, and the next read goes on with them."""
    order(box, kind, at=4, every=1, times=None)
    with pytest.raises(sc.SellerCloudError):
        read(box, tmp_path)
    bodies = kept_bodies(tmp_path)
    assert len(bodies) == 3
    assert [len(body["Items"]) for body in bodies] == [50, 50, 50]  # page 1 also after page 2

    box.clear_faults()
    before = box.calls("list")
    assert_equals_truth(read(box, tmp_path), box.customers())
    assert box.calls("list") - before == 2  # the tail, and the last full page again


@pytest.mark.parametrize("kind", [kind for kind in HEALED if kind not in LOGIN_IS_NO_LIST])
def test_a_login_that_fails_once_is_tried_again(kind: str, box: sc.sandbox.Sandbox, tmp_path: Path) -> None:
    order(box, kind, endpoint="token", **HEALED[kind])
    assert_equals_truth(read(box, tmp_path), box.customers())
    assert no_call_too_early(box)


@pytest.mark.parametrize("kind", ["error_in_200", "wrong_json"])
def test_a_login_without_a_token_is_told(kind: str, box: sc.sandbox.Sandbox, tmp_path: Path) -> None:
    options: dict[str, Any] = {"variant": "scalar"} if kind == "wrong_json" else {}
    order(box, kind, endpoint="token", **options)
    with pytest.raises(sc.AuthError) as caught:
        read(box, tmp_path)
    assert caught.value.reason == "malformed_token"
    assert (box.calls("token"), box.calls("list")) == (1, 0)


@pytest.mark.parametrize("token_calls", [1, 2, 3, 5, 7])
def test_a_token_that_is_good_for_few_calls_only_is_renewed(token_calls: int, tmp_path: Path) -> None:
    with sc.sandbox.serve(customers=300, seed=7, token_calls=token_calls) as server:
        frame = read(server, tmp_path, timeouts=None)
        assert_equals_truth(frame, server.customers())
        assert server.calls("token") <= 2 + math.ceil(2 * (300 / 50 + 2) / token_calls) + 16
