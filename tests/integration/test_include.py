"""`include=`: columns that the list does not carry, equal to the truth, for the calls that were announced."""

import logging
import pickle
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import sc_pandas as sc
from sc_pandas.contract.details import ADDRESS_KEYS, DETAILS
from sc_pandas.contract.includes import INCLUDES, PARTITIONS
from sc_pandas.pacing import SystemClock
from sc_pandas.tables import column_name
from tests.support.shops import kept_bodies, served, shop_of
from tests.support.wire_faults import order

Record = dict[str, Any]
PARTITIONED = ["channel", "customer_type", "subscribed", "exported", "created_month", "modified_month"]
# The columns that stand under the same name in the sandbox's own record.
SAME = (
    "subscribed", "exported", "created_on", "phone1", "phone2", "phone3", "mobile", "fax", "company_id", "tax_exempt",
    "tax_exempt_type", "credit_term", "credit_limit", "sales_man", "comment", "notes_count", "title",
    "business_aliases", "source_id", "is_black_listed", "account_manager_id", "order_handling_fee",
    "wholesale_discount", "invoice_note",
)  # fmt: skip
Shop = tuple[sc.sandbox.Sandbox, sc.Connection]


def month(moment: datetime) -> datetime:
    return moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def truth_of(record: Record) -> dict[str, Any]:
    """Write down what a customer's included columns have to say, straight from the sandbox's own record."""
    start = record["billing_cycle_start"]
    columns: dict[str, Any] = {name: record[name] for name in SAME} | {
        "channel": sc.Channel(record["channel"]).name,
        "customer_type": "Wholesale" if record["is_whole_sale_user"] else "Retail",
        "created_month": month(record["created_on"]),
        "modified_month": month(record["modified_on"]),
        "addresses": [{column_name(key): each[key] for key in ADDRESS_KEYS} for each in record["addresses"]],
        "groups": [group["Name"] for group in record["groups"]],
        "group_ids": [group["ID"] for group in record["groups"]],
        "billing_cycle_startdate": start and datetime.fromisoformat(start),
        "name": f"{record['first_name'] or ''} {record['last_name'] or ''}".strip(),
        "e_bay_user_id": record["ebay_user_id"],
    }
    for role, flag in (("billing", "IsBillingAddress"), ("shipping", "IsShippingAddress")):
        address: Record = next((each for each in record["addresses"] if each[flag]), {})
        columns |= {f"{role}_{column_name(key)}": address.get(key) for key in ADDRESS_KEYS}
    return columns


def wrong(df: pd.DataFrame, box: sc.sandbox.Sandbox, columns: list[str] | None = None) -> dict[str, list[int]]:
    """Return, by column, the customers whose value is not the truth."""
    found: dict[str, list[int]] = {}
    truth = {record["user_id"]: truth_of(record) for record in box.customers()}
    rows = df.to_dict("records")
    assert [row["user_id"] for row in rows] == sorted(truth)
    for row in rows:
        for name in columns or truth[row["user_id"]].keys() & df.columns:
            wanted, given = truth[row["user_id"]][name], row[name]
            given = None if given is pd.NA or given is pd.NaT else given
            given = list(given) if isinstance(wanted, list) and given is not None else given
            if given != wanted:
                found.setdefault(name, []).append(row["user_id"])
    return found


def check(df: pd.DataFrame, box: sc.sandbox.Sandbox, *names: str) -> None:
    """Hold columns of some of the customers against the truth."""
    truth = {record["user_id"]: truth_of(record) for record in box.customers()}
    for name in names:
        assert df[name].tolist() == [truth[each][name] for each in df["user_id"]], name


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with sc.sandbox.serve(customers=300, seed=7) as box, shop_of(box, tmp_path) as connection:
        yield box, connection


@pytest.mark.parametrize("customers", [1_000, pytest.param(5_000, marks=pytest.mark.long)])
@pytest.mark.parametrize("names", [PARTITIONED, sorted(DETAILS)], ids=["partition", "detail"])
def test_thousands_of_customers_as_announced(tmp_path: Path, names: list[str], customers: int) -> None:
    """Each recovered column equals the truth; calls equal the estimate within 5 %; the second run makes none."""
    with sc.sandbox.serve(customers=customers, seed=11) as box, shop_of(box, tmp_path) as shop:
        estimate = shop.customers(include=names).estimate()
        before = box.calls("list") + box.calls("detail")
        df = sc.read_sellercloud_customers(shop, include=names)
        made = box.calls("list") + box.calls("detail") - before
        assert len(df) == customers
        assert wrong(df, box) == {}
        assert abs(made - estimate.calls) <= 0.05 * estimate.calls
        assert {"modified_month", "channel"} <= set(df.columns) or {"billing_city", "phone1"} <= set(df.columns)
        calls = box.calls()
        again = sc.read_sellercloud_customers(shop, include=names)
        pd.testing.assert_frame_equal(again, df)
        assert again.attrs == df.attrs
        assert box.calls() == calls


def test_every_name_is_asked_somewhere() -> None:
    assert {*PARTITIONED, *DETAILS} == set(INCLUDES)


def test_each_customer_is_asked_once_for_any_number_of_details(shop: Shop) -> None:
    box, connection = shop
    connection.customers(include=["phones", "groups"]).run()
    assert box.calls("detail") == 300
    # Another question about the same customers finds them kept, one by one.
    connection.customers(include=["addresses", "created_on"], customer_type="Wholesale").run()
    assert box.calls("detail") == 300


@pytest.mark.parametrize("cache", ["use", "refresh", "off"])
def test_the_estimate_holds_for_every_use_of_the_cache(tmp_path: Path, cache: Any) -> None:
    with sc.sandbox.serve(customers=260, seed=3) as box, shop_of(box, tmp_path) as shop:
        shop.log_in()
        query = shop.customers(include=["created_month", "subscribed", "company_id"], cache=cache)
        announced = query.estimate().calls
        before = box.calls()
        assert wrong(query.to_pandas(), box) == {}
        assert box.calls() - before == announced


def test_customers_whom_no_month_finds_have_null(tmp_path: Path) -> None:
    """They are in the frame, and a note counts them."""
    with sc.sandbox.serve(customers=200, seed=7) as box, shop_of(box, tmp_path) as shop:
        (old,) = box.insert(created_on=datetime.fromisoformat("1990-05-05"), subscribed=True)
        read = shop.customers(include=["created_month"]).run()
        df = read.to_pandas().set_index("user_id")
        assert len(df) == 201
        assert df["created_month"].isna().sum() == 1
        assert df["created_month"].isna()[old]
        assert any("1 of 201" in note for note in read.report.notes)


def test_values_that_the_filter_names_cost_nothing(shop: Shop) -> None:
    box, connection = shop
    filters: Any = {"channel": ["Amazon", "Website", "Etsy"], "customer_type": "Retail"}
    plain = connection.customers(**filters, cache="off")
    calls = box.calls()
    plain.run()
    cost = box.calls() - calls
    calls = box.calls()
    labelled = connection.customers(**filters, cache="off", include=["channel", "customer_type"]).to_pandas()
    assert box.calls() - calls == cost - 1  # the login
    assert set(labelled["channel"]) == {"Amazon", "Website", "Etsy"}
    check(labelled, box, "channel", "customer_type")


def test_companies_come_from_the_filter(shop: Shop) -> None:
    box, connection = shop
    df = connection.customers(company_ids=[163, 170, 202], include="company_id").to_pandas()
    assert wrong(df, box, ["company_id"]) == {}
    assert box.calls("detail") == 0


@pytest.mark.parametrize("limit", [7, 70])
def test_a_limit_does_not_hide_who_is_on_a_later_list(shop: Shop, limit: int) -> None:
    """A read that ends early has not asked all its lists; labels are those of the customers all the same."""
    box, connection = shop
    asked = connection.customers(channel=["Amazon", "eBayOrder", "Website"], include="channel", limit=limit)
    df = asked.to_pandas()
    assert len(df) == limit
    check(df, box, "channel")


def test_a_name_that_does_not_exist_is_told(shop: Shop) -> None:
    box, connection = shop
    with pytest.raises(sc.SettingsError, match="Did you mean channel"):
        connection.customers(include=["chanel"])
    with pytest.raises(sc.SettingsError, match="There are: channel"):
        connection.customers(include=["xyz"])
    assert box.calls() == 0


def test_a_channel_that_nobody_knows_is_null_and_noted(shop: Shop) -> None:
    box, connection = shop
    new = box.insert(3, channel=85)
    read = connection.customers(include=["channel"]).run()
    df = read.to_pandas().set_index("user_id")
    assert df.index[df["channel"].isna()].tolist() == new
    assert read.report.notes == ("channel: 3 of 303 customers came under no single value and have none",)
    named = connection.customers(include=["channel"], channel=[85, 4]).to_pandas()
    assert named.set_index("user_id").loc[new, "channel"].tolist() == ["85"] * 3


def test_who_comes_under_two_values_is_reported(tmp_path: Path) -> None:
    """A customer who changes between two lists comes under both: no label, and a line that names them."""
    with sc.sandbox.serve(customers=120, seed=7) as box, shop_of(box, tmp_path) as shop:
        yes = next(record["user_id"] for record in box.customers() if record["subscribed"])
        one = shop.customers(subscribed=True).run()
        box.update(yes, subscribed=False)
        assert yes in one.table["user_id"].to_pylist()
        with pytest.warns(sc.SellerCloudWarning, match="1 customer lacks"):
            read = shop.customers(include=["subscribed"]).run()
        (gap,) = read.report.gaps
        assert (gap.user_id, gap.include) == (yes, ("subscribed",))
        assert gap.reason == "came under False and under True"
        df = read.to_pandas().set_index("user_id")
        assert df["subscribed"].isna().sum() == 1
        assert df["subscribed"].isna()[yes]


@pytest.mark.parametrize("bounds", ["inclusive", "exclusive_to", "date_only", "minute"])
@pytest.mark.parametrize("dialects", [("article",), ("swagger",)])
def test_months_meet_without_a_gap(tmp_path: Path, bounds: Any, dialects: Any) -> None:
    """Whoever was created in the first or last instant of a month is in it, however the server counts bounds."""
    with served(tmp_path, customers=60, seed=7, date_bounds=bounds, dialects=dialects) as (box, shop):
        for text in (
            "2025-02-28T23:59:59", "2025-03-01", "2025-03-01T00:00:30", "2024-12-31T23:59:01", "2025-01-01",
            "2024-02-29T12:00", "2013-12-31T23:59:30", "2015-01-01", "2015-01-01T09:00",
        ):  # fmt: skip
            moment = datetime.fromisoformat(text)
            box.insert(created_on=moment, modified_on=moment)
        df = shop.customers(include=["created_month", "modified_month"]).to_pandas()
        assert wrong(df, box, ["created_month", "modified_month"]) == {}
        few = shop.customers(include=["created_month"], created_on_to="2016-01-01", limit=5).to_pandas()
        check(few, box, "created_month")


def test_months_within_a_filter_of_dates(shop: Shop) -> None:
    box, connection = shop
    asked = connection.customers(created_on_from="2023-03-10", created_on_to="2024-01-15", include=["created_month"])
    df = asked.to_pandas()
    assert len(df) > 10
    check(df, box, "created_month")


def test_a_look_at_a_few_rows_asks_for_these_alone(shop: Shop) -> None:
    box, connection = shop
    head = connection.customers(include=["channel", "phones"]).head(5)
    assert box.calls("detail") == 5
    assert box.calls("list") <= 1 + len(PARTITIONS["channel"].codes)
    check(head, box, "channel")


def test_nobody_costs_nothing(shop: Shop) -> None:
    box, connection = shop
    connection.customers().run()
    calls = box.calls()
    df = connection.customers(email="nobody@nowhere.test", include=["channel", "created_month", "phones"]).to_pandas()
    assert len(df) == 0
    assert {"channel", "created_month", "phone1"} <= set(df.columns)
    assert str(df.dtypes["created_month"]) == "timestamp[us][pyarrow]"
    assert box.calls() - calls <= 2


def test_batches_and_files_carry_them_too(shop: Shop, tmp_path: Path) -> None:
    _, connection = shop
    query = connection.customers(include=["created_on", "channel"], columns=["user_id", "channel", "created_on"])
    df = query.to_pandas()
    assert df.columns.tolist() == ["user_id", "channel", "created_on"]
    back = sc.read_parquet(query.to_parquet(tmp_path / "with.parquet"))
    pd.testing.assert_frame_equal(back, df)
    assert back.attrs["sellercloud"]["include"] == ["created_on", "channel"]
    assert sum(batch.num_rows for batch in query.iter_batches(64)) == 300
    assert "include=['created_on', 'channel']" in query.to_code()


def test_the_age_of_what_was_kept_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Customers that were kept for hours stand in a frame that says since when."""
    with sc.sandbox.serve(customers=60, seed=7) as box, shop_of(box, tmp_path) as shop:
        shop.customers(include=["phones"], customer_type="Wholesale").run()
        early = datetime.now(UTC)
        real = time.time
        monkeypatch.setattr(time, "time", lambda: real() + 7_200)
        monkeypatch.setattr(SystemClock, "now", staticmethod(lambda: datetime.now(UTC) + timedelta(hours=2)))
        read = shop.customers(include=["phones"]).run()
        assert read.report.started_at <= early
        assert any("the oldest was read at" in note for note in read.report.notes)
        calls = box.calls()
        assert shop.customers(include=["phones"]).run().report.started_at == read.report.started_at
        assert box.calls() == calls


@pytest.mark.parametrize(
    "asked", [{"include": "created_month"}, {"include": "channel"}, {"include": "phones"}, {"consistency": "strict"}]
)
def test_no_more_calls_than_were_allowed(shop: Shop, asked: Any) -> None:
    box, connection = shop
    connection.log_in()
    before = box.calls()
    with pytest.raises(sc.FilterError, match="max_calls"):
        connection.customers(**asked, max_calls=12).run()
    assert box.calls() - before <= 12


def test_a_wrong_column_is_told_before_each_customer_is_asked(shop: Shop) -> None:
    box, connection = shop
    with pytest.raises(sc.SettingsError, match="There is no column 'mail'"):
        connection.customers(include=["phones"], columns=["user_id", "mail", "phone1"]).run()
    assert box.calls("detail") == 0
    with pytest.raises(sc.SettingsError, match=r"include=\['channel', 'phones'\]"):
        connection.customers(columns=["channel", "mobile", "phone1"]).run()


def test_a_strict_read_with_a_limit_is_kept(shop: Shop) -> None:
    box, connection = shop
    query = connection.customers(limit=120, consistency="strict", include="subscribed")
    query.run()
    calls = box.calls()
    query.run()
    assert box.calls() == calls


def test_the_estimate_says_where_it_is_a_bound(shop: Shop) -> None:
    _, connection = shop
    assert not connection.customers(include=["phones"]).estimate().is_upper_bound
    connection.customers(include=["phones"], customer_type="Wholesale").run()
    bound = connection.customers(include=["phones"], customer_type="Retail").estimate()
    assert "at most" in str(bound)
    all_of_them = connection.customers(include=["phones"])
    all_of_them.with_options(include=()).run()
    assert not all_of_them.estimate().is_upper_bound


@pytest.mark.parametrize("status", [404, 500])
def test_a_customer_who_cannot_be_read_is_null_and_listed(tmp_path: Path, status: int) -> None:
    """The others are whole.  A 404 is final; whoever fails otherwise is asked again by the next read, and nobody else."""
    with sc.sandbox.serve(customers=60, seed=7) as box, shop_of(box, tmp_path) as shop:
        unknown = {404: status}
        box.fault(lambda right: replace(right, status=unknown.get(right.status, 200)), endpoint="detail", times=None)
        shop.customers().run()
        gone = [1005, 1031]
        for each in gone:
            box.merge(1001, each)
        query = shop.customers(include=["created_on", "phones"])
        with pytest.warns(sc.SellerCloudWarning, match="2 customers lack what"):
            read = query.run()
        assert [(gap.user_id, gap.reason) for gap in read.report.gaps] == [(each, f"status {status}") for each in gone]
        df = read.to_pandas().set_index("user_id")
        assert len(df) == 60
        assert df.index[df["created_on"].isna()].tolist() == gone
        assert "gaps" in str(read.report)
        before = len(box.log.requests("detail"))
        with pytest.warns(sc.SellerCloudWarning, match="lack what"):
            assert query.run().report.gaps == read.report.gaps
        asked_again = {entry.path.rpartition("/")[2] for entry in box.log.requests("detail")[before:]}
        assert asked_again == (set() if status == 404 else {"1005", "1031"})


def test_many_who_are_gone_do_not_keep_the_others_out(tmp_path: Path) -> None:
    """Twenty-five merged away are twenty-five gaps, the first time and the second."""
    with sc.sandbox.serve(customers=120, seed=7) as box, shop_of(box, tmp_path) as shop:
        shop.customers().run()
        ids = [record["user_id"] for record in box.customers()]
        for gone in ids[:25]:
            box.merge(ids[30], gone)
        for limit in (None, 119):
            with pytest.warns(sc.SellerCloudWarning, match="25 customers lack"):
                read = shop.customers(include=["phones"], limit=limit).run()
            assert sorted(gap.user_id for gap in read.report.gaps) == ids[:25]


@pytest.mark.parametrize("status", [403, 404, 500])
def test_an_endpoint_that_is_closed_is_not_asked_for_everybody(tmp_path: Path, status: int) -> None:
    with sc.sandbox.serve(customers=300, seed=7) as box, shop_of(box, tmp_path) as shop:
        box.fault("status", status=status, every=1, times=None, endpoint="detail")
        with pytest.raises(sc.ServerError, match="not be allowed"):
            shop.customers(include=["phones"]).run()
        assert box.calls("detail") < 300


@pytest.mark.parametrize("body", [
    '{"General": {"ID": 1}, "Internal": {"CreatedOn": "2020-01-01T00:00:00"}}',
    '{"General": {}, "Internal": {"CreatedOn": "2020-01-01T00:00:00"}}', '[{"General": {"ID": 1}}]',
    '{"Message": "An error has occurred."}', "null",
])  # fmt: skip
def test_a_strangers_answer_is_never_taken(tmp_path: Path, body: str) -> None:
    """An answer about another customer, or about none, is no data: null and listed, and never kept."""
    with sc.sandbox.serve(customers=15, seed=7) as box, shop_of(box, tmp_path) as shop:
        box.fault("status", status=200, body=body, every=1, times=None, endpoint="detail")
        with pytest.warns(sc.SellerCloudWarning, match="lack"):
            read = shop.customers(include=["created_on"]).run()
        assert len(read.report.gaps) == len(read) == 15
        assert all(gap.reason.startswith("no customer in the answer") for gap in read.report.gaps)
        assert read.table["created_on"].null_count == 15
        box.clear_faults()
        assert wrong(shop.customers(include=["created_on"]).to_pandas(), box) == {}


def test_an_included_value_that_does_not_fit_is_told(shop: Shop) -> None:
    box, connection = shop
    wrong_date = lambda right: replace(right, body=right.body.replace(b'"CreatedOn":"', b'"CreatedOn":"x'))  # noqa: E731
    box.fault(wrong_date, endpoint="detail", times=None)
    with pytest.warns(sc.SchemaDriftWarning, match="created_on"):
        read = connection.customers(include="created_on").run()
    assert [each.user_id for each in read.report.coercions] == read.table["user_id"].to_pylist()
    assert read.table["created_on"].null_count == 300
    with pytest.raises(sc.ResponseError, match="does not fit the column created_on"):
        connection.customers(include="created_on", on_bad_value="raise").run()


def test_a_throttled_read_goes_on_where_it_was(tmp_path: Path) -> None:
    with sc.sandbox.serve(customers=200, seed=7) as box, shop_of(box, tmp_path, max_wait_s=0.0) as shop:
        box.fault("throttle", at=101, reset_in_s=0.5, endpoint="detail")
        with pytest.raises(sc.RateLimitedError):
            shop.customers(include=["phones"]).run()
        first = box.calls("detail")
        with shop_of(box, tmp_path) as later:
            assert wrong(later.customers(include=["phones"]).to_pandas(), box) == {}
        assert box.calls("detail") <= 200 + 16 + 1
        assert first >= 100


def test_every_transient_fault_is_survived(tmp_path: Path) -> None:
    for kind in ("cut_body", "html", "token_death", "throttle", "reset", "error_in_200", "cut_gzip"):
        with sc.sandbox.serve(customers=40, seed=7) as box, shop_of(box, tmp_path / kind) as shop:
            order(box, kind, at=11, endpoint="detail")
            assert wrong(shop.customers(include=["phones", "created_on"]).to_pandas(), box) == {}, kind


def test_offline_gives_what_is_kept_or_says_what_is_not(shop: Shop) -> None:
    box, connection = shop
    connection.customers().run()
    with pytest.raises(sc.CacheMissError, match="300"):
        connection.customers(include=["phones"], cache="offline").run()
    connection.customers(include=["phones"]).run()
    calls = box.calls()
    assert wrong(connection.customers(include=["phones"], cache="offline").to_pandas(), box) == {}
    assert box.calls() == calls


def test_a_customer_is_as_old_as_was_allowed(shop: Shop) -> None:
    """A day by default, `max_age` where it is given; "refresh" asks everybody again, once."""
    box, connection = shop
    connection.customers(include=["created_on"]).run()
    connection.customers(include=["created_on"], max_age=0).run()
    assert box.calls("detail") == 600
    connection.customers(include=["created_on"], cache="refresh").run()
    assert box.calls("detail") == 900
    connection.customers(include=["created_on"]).run()
    assert box.calls("detail") == 900


def test_no_card_data_is_left_anywhere(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """After a read of all details: no number, no CVV, no name on a card in files, pickles, logs, reprs, errors."""
    caplog.set_level(logging.DEBUG)
    everything = sorted(DETAILS)
    with sc.sandbox.serve(customers=150, seed=7) as box, shop_of(box, tmp_path / "cache") as shop:
        cards = [card for record in box.customers() for card in record["cards"]]
        assert len(cards) > 10
        read = shop.customers(include=everything).run()
        shop.customers(include=everything, cache="refresh").to_parquet(tmp_path / "out.parquet")
        df = read.to_pandas()
        df.to_pickle(tmp_path / "frame.pickle")
        pieces = [pickle.dumps(read), pickle.dumps(read.report), pickle.dumps(df.attrs), caplog.text.encode()]
        texts = [repr(read), str(read.report), df.to_json(date_format="iso"), df.to_string(), repr(shop)]
        pieces += [text.encode() for text in texts]
        pieces.append(pickle.dumps(shop.customers(include=everything).page(1)))
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {".sqlite", ".arrow", ".parquet", ".pickle"} <= {path.suffix for path in files}
    pieces += [path.read_bytes() for path in files]
    for forbidden in (b"CANARY", b"CardNumber", b"CVV", b"CreditCard", b"NameOnCard"):
        assert not any(forbidden.lower() in piece.lower() for piece in pieces), forbidden
    bodies = [body for body in kept_bodies(tmp_path / "cache") if "General" in body]
    assert len(bodies) == 150
