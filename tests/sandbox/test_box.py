"""The box: starting and stopping, changing customers, and the truth log."""

import contextlib
import dataclasses
import re
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

import sc_pandas.sandbox
from sc_pandas.contract import Channel, Rating
from sc_pandas.sandbox.fields import FIELDS, checked
from tests.support.wire_faults import order


def sandbox_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if "sandbox" in thread.name]


def test_it_is_ready_at_once_and_gone_at_once() -> None:
    box = sc_pandas.sandbox.serve(customers=5, seed=3)
    assert repr(box) == f"<Sandbox {box.url}, 5 customers, seed 3>"
    assert box.url.startswith("http://127.0.0.1:")
    port = int(box.url.rpartition(":")[2])
    idle = socket.create_connection(("127.0.0.1", port), timeout=5)
    started = time.monotonic()
    box.close()
    assert time.monotonic() - started < 1.0
    assert idle.recv(1) == b""
    idle.close()
    assert not sandbox_threads()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    box.close()
    assert len(box.customers()) == 5


def test_a_connection_made_just_before_the_end_is_not_forgotten() -> None:
    for _ in range(40):
        with sc_pandas.sandbox.serve(customers=1) as box:
            late = socket.create_connection(("127.0.0.1", int(box.url.rpartition(":")[2])), timeout=5)
        with late, contextlib.suppress(ConnectionResetError):  # if it was never accepted
            assert late.recv(1) == b""


def test_it_closes_while_calls_hang_and_says_nothing(serve: Any, capfd: pytest.CaptureFixture[str]) -> None:
    caller = serve(5, latency_s=30.0)
    order(caller.box, "hang")
    with ThreadPoolExecutor(3) as pool:
        calls = [pool.submit(caller.page) for _ in range(3)]
        while len(caller.box._listener._open) < 3:
            time.sleep(0.01)
        started = time.monotonic()
        caller.box.close()
        assert time.monotonic() - started < 1.0
        errors = [call.exception() for call in calls]
    assert all(isinstance(error, ConnectionError) for error in errors)
    assert capfd.readouterr() == ("", "")


def test_a_port_may_be_chosen_and_used_again_at_once() -> None:
    with sc_pandas.sandbox.serve(customers=1) as first:
        port = int(first.url.rpartition(":")[2])
        with pytest.raises(OSError, match=r"[Aa]ddress already in use|10048"):
            sc_pandas.sandbox.serve(customers=1, port=port)
    with sc_pandas.sandbox.serve(customers=1, port=port) as second:
        assert second.url == first.url
    assert not sandbox_threads()


WRONG: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"order": "random"}, ValueError, "order must be one of"), ({"date_bounds": "open"}, ValueError, "must be"),
    ({"past_end": "error"}, ValueError, "must be"), ({"dialects": ()}, ValueError, "must be"),
    ({"dialects": ("latin",)}, ValueError, "must be"), ({"customers": -1}, ValueError, "must not be negative"),
    ({"customers": "20"}, TypeError, "customers takes a whole number; got str '20'"),
    ({"customers": 2.5}, TypeError, "customers takes a whole number"),
    ({"customers": True}, TypeError, "customers takes a whole number"),
    ({"page_kap": 5}, TypeError, "a sandbox has no option page_kap. Did you mean page_cap?"),
    ({"zzz": 5}, TypeError, "There are: customers, seed"),
]  # fmt: skip


@pytest.mark.parametrize(("options", "error", "told"), WRONG)
def test_options_that_do_not_exist(options: dict[str, Any], error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=re.escape(told)):
        sc_pandas.sandbox.serve(**options)


def test_neither_repr_nor_log_hold_the_password(serve: Any) -> None:
    caller = serve(3, password="p4ss-w0rd-canary")
    caller.post("/rest/api/token?password=p4ss-w0rd-canary", {"Username": "x", "Password": "p4ss-w0rd-canary"})
    caller.page()
    assert "canary" not in repr(caller.box) + repr(list(caller.box.log)) + repr(caller.box._options)
    assert caller.token not in repr(list(caller.box.log))


def test_inserts_get_the_highest_ids_and_the_present_moment(serve: Any) -> None:
    caller = serve(20)
    before = caller.box.customers()
    ids = caller.box.insert(3, first_name="Ada", rating=Rating.Very_Satisfied, channel=Channel["Etsy"])
    assert ids == sorted(ids)
    assert ids[0] > before[-1]["user_id"]
    assert caller.ids() == [record["user_id"] for record in before] + ids
    for new in caller.box.customers()[-3:]:
        assert (new["first_name"], new["rating"], new["channel"], type(new["rating"])) == ("Ada", 5, 24, int)
        assert 0 <= (datetime.now(UTC).replace(tzinfo=None) - new["created_on"]).total_seconds() < 5
        assert new["modified_on"] == new["created_on"]
    assert caller.ids(("firstName", "ada"), ("rating", 5)) == ids
    moment = datetime(2020, 2, 29, 12, 30)  # noqa: DTZ001
    ids = caller.box.insert(60, created_on=moment)
    assert caller.ids(("createdOnFrom", moment), ("createdOnTo", moment)) == ids
    for wrong, error in ((-1, ValueError), ("20", TypeError)):
        with pytest.raises(error):
            caller.box.insert(wrong)


def test_updates_are_seen_and_move_the_date_of_modification(serve: Any) -> None:
    caller = serve(20)
    before = caller.box.customers()[4]
    user_id = before["user_id"]
    own = [{"ColumnName": "Own", "Value": {"nested": [1, None]}, "DataType": 0}]
    caller.box.update(user_id, email="new@example.org", is_whole_sale_user=True, city="Zürich", custom_columns=own)
    after = caller.box.customers()[4]
    assert after["modified_on"] > before["modified_on"]
    assert (after["created_on"], after["is_wholesale_string"]) == (before["created_on"], "Wholesale")
    assert next(a for a in after["addresses"] if a["IsBillingAddress"])["City"] == "Zürich"
    item = caller.page(("model.email", "NEW@example.org")).json["Items"][0]
    assert (item["UserID"], item["IsWholesaleString"], item["CustomColumns"]) == (user_id, "Wholesale", own)
    assert user_id in caller.ids(("modifiedOnFrom", after["modified_on"]))
    with pytest.raises(KeyError):
        caller.box.update(5, rating=1)
    # The truth is a copy.
    after["addresses"].clear()
    after["custom_columns"].append({})
    assert caller.box.customers()[4]["addresses"]
    assert caller.box.customers()[4]["custom_columns"] == own


VALUES: list[tuple[dict[str, Any], str]] = [
    ({"channel": "Etsy"}, "channel takes a whole number (24 is Etsy); got str 'Etsy'"),
    ({"chanel": 4}, "no field chanel to be set. Did you mean channel?"),
    ({"rating": "super"}, "rating takes a whole number"), ({"rating": True}, "rating takes a whole number"),
    ({"company_id": "163"}, "company_id takes a whole number"),
    ({"created_on": "yesterday"}, "created_on takes a datetime without a zone; got str 'yesterday'"),
    ({"created_on": datetime(2026, 1, 1, tzinfo=UTC)}, "without a zone"),
    ({"modified_on": None}, "modified_on takes a datetime"), ({"subscribed": "yes"}, "subscribed takes True or False"),
    ({"credit_limit": "much"}, "credit_limit takes a number"), ({"groups": "VIP"}, "groups takes a list"),
    ({"first_name": 5}, "first_name takes text or None; got int 5"), ({"user_id": 5}, "user_id"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "told"), VALUES)
def test_values_that_no_record_holds_change_nothing(serve: Any, fields: dict[str, Any], told: str) -> None:
    box = serve(3).box
    before = box.customers()
    changes: tuple[Callable[[], Any], ...] = (
        lambda: box.insert(1, **fields),
        lambda: box.update(1001, **fields),
        lambda: box.insert(0, **fields),
    )
    for change in changes:
        with pytest.raises((TypeError, ValueError), match=re.escape(told)):
            change()
    assert box.customers() == before
    assert box.insert() == [1004]  # no id was used up


def test_every_field_of_a_record_but_the_id_can_be_set(serve: Any) -> None:
    box = serve(300).box
    for record in box.customers():
        del record["user_id"]
        assert record.keys() == FIELDS.keys()
        assert checked(record) == record


def test_merging_leaves_one_of_two(serve: Any) -> None:
    caller = serve(20)
    keep, drop = (record["user_id"] for record in caller.box.customers()[3:5])
    modified = caller.box.customers()[3]["modified_on"]
    caller.box.merge(keep, drop)
    assert drop not in caller.ids()
    assert caller.page().json["TotalResults"] == 19
    assert caller.ask("GET", f"/rest/api/Customers/{drop}").status == 404
    assert caller.box.customers()[3]["modified_on"] > modified
    for pair in ((keep, drop), (drop, keep)):
        with pytest.raises(KeyError):
            caller.box.merge(*pair)
    with pytest.raises(ValueError, match="itself"):
        caller.box.merge(keep, keep)
    caller.box.insert()
    assert drop not in caller.ids()  # ids of the dropped are never given again


def test_the_log_tells_what_happened(serve: Any) -> None:
    caller = serve(30)
    caller.page(("model.pageSize", 2), ("model.email", ""))
    caller.box.insert()
    caller.ask("GET", "/rest/api/Customers/1001", headers={"X-Trace": "abc"})
    caller.ask("GET", "/rest/swagger")
    login, page, insert, detail, other = caller.box.log
    assert (login.endpoint, login.method, login.status, login.token) == ("token", "POST", 200, "token#1")
    assert page.params == (("model.pageSize", "2"), ("model.email", ""))
    assert (page.user_ids, page.total, page.token) == ((1001, 1002), 30, "token#1")
    assert (insert.kind, insert.endpoint, insert.user_ids) == ("insert", None, (caller.box.customers()[-1]["user_id"],))
    assert (detail.path, detail.user_ids) == ("/rest/api/Customers/1001", (1001,))
    assert ("x-trace" in detail.headers_seen, "abc" in repr(detail)) == (True, False)
    assert (other.endpoint, other.status) == ("other", 404)
    assert login.at <= page.at <= insert.at <= detail.at
    assert [caller.box.calls(each) for each in (None, "token", "list", "team")] == [4, 1, 1, 0]
    with pytest.raises(dataclasses.FrozenInstanceError):
        page.status = 500
    caller.box.log.clear()
    assert len(caller.box.log) == 0


def test_calls_run_and_customers_change_at_the_same_time(serve: Any) -> None:
    caller = serve(200, latency_s=0.05)

    def change() -> None:
        for _ in range(15):
            ids = caller.box.insert(2)
            caller.box.merge(*ids)
            caller.box.update(1001, rating=3)

    started = time.monotonic()
    with ThreadPoolExecutor(12) as pool:
        changes = [pool.submit(change) for _ in range(2)]
        pages = [pool.submit(caller.page, ("pageSize", 50), ("pageNumber", number)) for number in (1, 2, 3, 4) * 20]
        for done in changes:
            done.result()
        assert all(page.result().status == 200 for page in pages)
    assert time.monotonic() - started < 80 * 0.05
    assert caller.page().json["TotalResults"] == 230 == len(caller.box.customers())


def test_a_sandbox_that_insists_on_json_refuses_others(serve: Any) -> None:
    caller = serve(3, insists_on_json=True)
    for path in ("/rest/api/Customers", "/rest/api/Customers/1001"):
        caller.ask("GET", path)
        caller.ask("GET", path, headers={"Content-Type": "text/plain"})
        caller.ask("GET", path, headers={"Content-Type": "application/json; charset=utf-8"})
    assert [entry.status for entry in caller.box.log if entry.endpoint in {"list", "detail"}] == [415, 415, 200] * 2
