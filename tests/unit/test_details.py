"""The single customer: what is kept of it, and what becomes of it in columns."""
# ruff: noqa: DTZ001  # the frame's times are naive

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
import pyarrow as pa
import pytest

import sc_pandas as sc
from sc_pandas.contract.details import ADDRESS_KEYS, DETAILS, known_fields
from sc_pandas.sandbox import rendering
from sc_pandas.tables import column_name, detail_columns, detail_schema

DECODER = msgspec.json.Decoder(float_hook=Decimal)
NAMES = tuple(DETAILS)
ROLE_FIELDS = (
    "company_name", "contact_name", "address", "address2", "city", "state", "region", "zip_code", "country", "phone",
)  # fmt: skip
ADDRESS = pa.struct([
    ("id", pa.int64()), ("company_name", pa.string()), ("contact_name", pa.string()), ("address", pa.string()),
    ("address2", pa.string()), ("city", pa.string()), ("state", pa.string()), ("region", pa.string()),
    ("zip_code", pa.string()), ("country", pa.string()), ("phone", pa.string()), ("fax", pa.string()),
    ("is_billing_address", pa.bool_()), ("is_shipping_address", pa.bool_()),
])  # fmt: skip
Told = list[tuple[str, int, Any, str]]


def table_of(customers: Sequence[Mapping[str, Any] | None], names: Sequence[str] = NAMES) -> tuple[pa.Table, Told]:
    told: Told = []
    arrays = detail_columns(
        names,
        customers,
        lambda column: lambda index, value, reason: told.append((column, index, value, reason)),
    )
    assert [len(array) for array in arrays] == [len(customers)] * len(arrays)
    table = pa.Table.from_arrays(arrays, schema=detail_schema(names))
    table.validate(full=True)
    return table, told


def cells(name: str, *customers: Mapping[str, Any] | None) -> tuple[dict[str, list[Any]], Told]:
    table, told = table_of(customers, [name])
    return table.to_pydict(), told


def one(block: str, key: str, value: Any) -> tuple[Any, Told]:
    """Put one value into one field of a customer and give its cell."""
    (name,) = [name for name, facts in DETAILS.items() if any((block, key) == (f.block, f.key) for f in facts)]
    columns, told = cells(name, {block: {key: value}} if block else {key: value})
    return columns[column_name(key)][0], told


class TestSchema:
    def test_names_and_types_are_fixed(self) -> None:
        text, whole, double, flag, time = pa.string(), pa.int64(), pa.float64(), pa.bool_(), pa.timestamp("us")

        assert detail_schema(NAMES) == pa.schema([
            ("created_on", time), ("company_id", whole),
            ("phone1", text), ("phone2", text), ("phone3", text), ("mobile", text), ("fax", text),
            ("addresses", pa.list_(ADDRESS)),
            *((f"{role}_{field}", text) for role in ("billing", "shipping") for field in ROLE_FIELDS),
            ("groups", pa.list_(text)), ("group_ids", pa.list_(whole)),
            ("tax_exempt", flag), ("tax_exempt_type", text),
            ("credit_term", whole), ("credit_limit", double), ("billing_cycle_startdate", time),
            ("order_handling_fee", double), ("wholesale_discount", double),
            ("apply_shipping_charges_to_order_total", flag), ("allow_shipping_un_paid_orders", flag),
            ("disable_ship_notifications", flag), ("send_invoice_with_ship_notification_email", flag),
            ("invoice_note", text), ("order_pdf_invoice_plugin", text), ("sales_man", text),
            ("account_manager_id", whole), ("account_manager_commission", double),
            ("account_manager2_id", whole), ("account_manager2_commission", double),
            ("account_manager3_id", whole), ("account_manager3_commission", double),
            ("comment", text), ("notes_count", whole), ("title", text), ("name", text),
            ("business_aliases", pa.list_(text)), ("e_bay_user_id", text), ("source_id", text),
            ("is_black_listed", flag),
        ])  # fmt: skip

    def test_columns_come_in_the_order_of_the_names(self) -> None:
        assert detail_schema(["notes_count", "phones", "created_on"]).names == [
            "notes_count", "phone1", "phone2", "phone3", "mobile", "fax", "created_on",
        ]  # fmt: skip
        assert detail_schema([]).names == []
        assert detail_columns([], [None], lambda _: lambda *_: None) == []

    @pytest.mark.parametrize("customers", [[], [None], [{}, None], [{"Addresses": None, "General": {}}]])
    def test_types_never_depend_on_the_customers(self, customers: list[Any]) -> None:
        table, told = table_of(customers)

        assert all(array.null_count == len(customers) for array in table.columns)
        assert told == []


@pytest.fixture(scope="module")
def records() -> Iterator[list[dict[str, Any]]]:
    with sc.sandbox.serve(customers=400, seed=5) as box:
        yield list(box.customers())


class TestRealDocuments:
    def test_columns_are_what_the_sandbox_knows(self, records: list[dict[str, Any]]) -> None:
        documents = [DECODER.decode(rendering.detail(record)) for record in records]
        table, told = table_of([known_fields(document) for document in documents])
        rows = table.to_pylist()

        assert told == []
        assert len(rows) == 400
        for row, record in zip(rows, records, strict=True):
            assert row["created_on"] == record["created_on"]
            assert row["name"] == f"{record['first_name'] or ''} {record['last_name'] or ''}".strip()
            assert row["e_bay_user_id"] == record["ebay_user_id"]
            start = record["billing_cycle_start"]
            assert row["billing_cycle_startdate"] == (None if start is None else datetime.fromisoformat(start))
            for field in (
                "company_id", "phone1", "phone2", "phone3", "mobile", "fax", "tax_exempt", "tax_exempt_type",
                "credit_term", "credit_limit", "order_handling_fee", "wholesale_discount", "invoice_note", "sales_man",
                "account_manager_id", "comment", "notes_count", "title", "business_aliases", "source_id",
                "is_black_listed",
            ):  # fmt: skip
                assert row[field] == record[field], field
            assert row["groups"] == [group["Name"] for group in record["groups"]]
            assert row["group_ids"] == [group["ID"] for group in record["groups"]]
            assert row["addresses"] == [
                {column_name(key): address[key] for key in ADDRESS_KEYS} for address in record["addresses"]
            ]
            for role in ("Billing", "Shipping"):
                home: dict[str, Any] = next((each for each in record["addresses"] if each[f"Is{role}Address"]), {})
                got = [row[f"{role.lower()}_{field}"] for field in ROLE_FIELDS]
                assert got == [home.get(key) for key in ADDRESS_KEYS if column_name(key) in ROLE_FIELDS]

    def test_customers_differ_enough_for_this_to_say_something(self, records: list[dict[str, Any]]) -> None:
        assert {len(record["addresses"]) for record in records} >= {1, 2}
        assert any(record["groups"] for record in records)
        assert any(record["cards"] for record in records)
        assert any(record["billing_cycle_start"] for record in records)


class TestKnownFields:
    def test_nothing_but_what_is_listed_is_kept(self) -> None:
        secret = "4111111111111111"
        odd = {"Pan": secret, "Deep": [{"x": secret}]}
        kept = known_fields({
            "General": {"ID": 7, "Title": odd, "BusinessAliases": ["a", odd, [secret]], "Pan": secret},
            "CreditCards": [{"CardNumber": secret}],
            "Addresses": [{"City": "Bern", "Pan": secret, "State": [secret]}, odd, [secret]],
            "CustomerGroups": {"CustomerGroups": odd},
            "Personal": [odd],
            "Payment": odd,
        })  # fmt: skip

        assert secret not in json.dumps(kept)
        assert kept == {
            "General": {"ID": 7, "Title": {}, "BusinessAliases": ["a", {}, []]},
            "Addresses": [{"City": "Bern", "State": []}, {}, []],
            "CustomerGroups": {"CustomerGroups": {}},
            "Personal": [],
        }

    def test_another_shape_than_is_known_is_told_though_it_is_kept_empty(self) -> None:
        customer = {"Personal": [{"Phone1": "5550100"}], "General": {"Title": {"x": 1}}, "Addresses": [["x"], 5]}
        table, told = table_of([known_fields(customer)], ["phones", "title", "addresses"])

        assert table.column("addresses").to_pylist() == [[None, None]]
        assert [(column, value) for column, _, value, _ in told] == [
            *((column, []) for column in ("phone1", "phone2", "phone3", "mobile", "fax")),
            ("title", {}),
            ("addresses", []),
            ("addresses", 5),
        ]

    @pytest.mark.parametrize("document", [{}, {"General": None}, {"Internal": {}, "Addresses": None}])
    def test_what_is_missing_stays_missing(self, document: dict[str, Any]) -> None:
        assert known_fields(document) == {}

    def test_null_items_and_empty_lists_stay(self) -> None:
        kept = known_fields({"Addresses": [None, {}], "CustomerGroups": {"CustomerGroups": []}})

        assert kept == {"Addresses": [None, {}], "CustomerGroups": {"CustomerGroups": []}}


class TestSingleValues:
    @pytest.mark.parametrize(("block", "key", "value", "cell"), [
        ("Internal", "CreatedOn", "2026-01-05T10:11:12.1234567", datetime(2026, 1, 5, 10, 11, 12, 123_456)),
        ("Internal", "CreatedOn", "2026-01-05T10:11:12+02:30", datetime(2026, 1, 5, 7, 41, 12)),
        ("Internal", "CreatedOn", "1/5/2026 12:11 pm", datetime(2026, 1, 5, 12, 11)),
        ("Internal", "CompanyID", "7", 7), ("Internal", "CompanyID", Decimal("7.0"), 7),
        ("Internal", "Comment", 7, "7"), ("Internal", "Comment", "", ""),
        ("Internal", "AccountManager2Commission", 3, 3.0), ("OrderOptions", "TaxExempt", 1, True),
        ("OrderOptions", "TaxExempt", "False", False), ("WholesaleOptions", "CreditLimit", Decimal("1234.5"), 1234.5),
        ("", "NotesCount", 2**63 - 1, 2**63 - 1),
    ])  # fmt: skip
    def test_what_fits_is_taken(self, block: str, key: str, value: Any, cell: Any) -> None:
        assert one(block, key, value) == (cell, [])

    @pytest.mark.parametrize(("block", "key", "value", "reason"), [
        ("Internal", "CreatedOn", "0001-01-01T00:00:00", "the API's empty date"),
        ("Internal", "CreatedOn", "soon", "not a date"), ("Internal", "CreatedOn", 5, "not a date"),
        ("Internal", "CompanyID", 10**40, "beyond 64 bits"), ("Internal", "CompanyID", True, "not a whole number"),
        ("Internal", "CompanyID", [7], "not a single value"), ("Internal", "Comment", {"a": 1}, "not a single value"),
        ("Personal", "Phone1", ["1"], "not a single value"),
        ("OrderOptions", "TaxExempt", "maybe", "neither true nor false"),
        ("WholesaleOptions", "CreditLimit", Decimal("1E+400"), "more digits than a double holds"),
        ("", "NotesCount", "many", "not a whole number"),
    ])  # fmt: skip
    def test_what_does_not_fit_is_null_and_told(self, block: str, key: str, value: Any, reason: str) -> None:
        assert one(block, key, value) == (None, [(column_name(key), 0, value, reason)])

    def test_a_lone_surrogate_is_replaced_and_told(self) -> None:
        cell, told = one("Internal", "Comment", "a\ud800")

        assert cell == "a\ufffd"
        assert [(column, value) for column, _, value, _ in told] == [("comment", "a\ud800")]

    @pytest.mark.parametrize("block", [[], ["x"], "x", 0, False])
    def test_a_block_that_is_no_object_is_null_and_told_for_each_of_its_columns(self, block: Any) -> None:
        columns, told = cells("tax_exempt", {"OrderOptions": {"TaxExempt": True}}, {"OrderOptions": block}, None)

        assert columns == {"tax_exempt": [True, None, None], "tax_exempt_type": [None, None, None]}
        reason = "the block OrderOptions is not an object"
        assert told == [("tax_exempt", 1, block, reason), ("tax_exempt_type", 1, block, reason)]

    @pytest.mark.parametrize("customer", [None, {}, {"Internal": None}, {"Internal": {}}])
    def test_a_missing_block_is_null_and_nothing_to_tell(self, customer: Any) -> None:
        assert cells("sales_man", customer) == ({"sales_man": [None]}, [])


class TestLists:
    def test_null_stays_null_and_empty_stays_empty(self) -> None:
        blocks: list[Any] = [
            None, {}, {"BusinessAliases": None}, {"BusinessAliases": []}, {"BusinessAliases": ["b", "a", "b"]},
        ]  # fmt: skip
        columns, told = cells("business_aliases", *({"General": block} for block in blocks))

        assert columns == {"business_aliases": [None, None, None, [], ["b", "a", "b"]]}
        assert told == []

    @pytest.mark.parametrize("value", [{}, {"Name": "x"}, "x", 0, True])
    @pytest.mark.parametrize("name", ["business_aliases", "groups", "addresses"])
    def test_what_is_no_list_is_null_and_told_once(self, name: str, value: Any) -> None:
        (fact,) = DETAILS[name]
        columns, told = cells(name, {fact.block: {fact.key: value}} if fact.block else {fact.key: value})

        assert all(cell == [None] for cell in columns.values())
        assert told == [(name, 0, value, "not a list")]

    def test_an_alias_that_is_no_text_is_null_in_its_place_and_told(self) -> None:
        aliases = ["a", 5, None, ["x"], "", "b\udfff"]
        columns, told = cells("business_aliases", {}, {"General": {"BusinessAliases": aliases}})

        assert columns == {"business_aliases": [None, ["a", None, None, None, "", "b\ufffd"]]}
        assert [(index, value) for _, index, value, _ in told] == [(1, 5), (1, ["x"]), (1, "b\udfff")]
        assert [reason for *_, reason in told][:2] == ["an item that is not text"] * 2

    def test_groups_and_their_ids_stand_side_by_side(self) -> None:
        groups: list[Any] = [
            {"ID": 1, "Name": "VIP"}, 5, None, {"ID": "x", "Name": "EU"}, {"Name": 7}, {"ID": "3"}, {"ID": 4, "Name": []},
        ]  # fmt: skip
        columns, told = cells("groups", None, {"CustomerGroups": {"CustomerGroups": groups}})

        assert columns == {
            "groups": [None, ["VIP", None, None, "EU", "7", None, None]],
            "group_ids": [None, [1, None, None, None, None, 3, 4]],
        }
        assert told == [
            ("groups", 1, 5, "an item that is not an object"),
            ("groups", 1, [], "name of an item: not a single value"),
            ("group_ids", 1, "x", "id of an item: not a whole number"),
        ]

    def test_fields_of_addresses_are_typed_each_by_its_kind(self) -> None:
        address = {"ID": Decimal("7.0"), "City": "Z\ud800", "ZipCode": 3011, "Phone": {"x": 1}, "Fax": None,
                   "IsBillingAddress": "TRUE", "IsShippingAddress": "maybe"}  # fmt: skip
        columns, told = cells("addresses", {}, {"Addresses": ["x", None, address]})

        assert columns["addresses"][0] is None
        assert columns["addresses"][1] == [
            None,
            None,
            dict.fromkeys(ADDRESS.names) | {"id": 7, "city": "Z\ufffd", "zip_code": "3011", "is_billing_address": True},
        ]
        assert [(column, index, value) for column, index, value, _ in told] == [
            ("addresses", 1, "x"), ("addresses", 1, "Z\ud800"), ("addresses", 1, {"x": 1}), ("addresses", 1, "maybe"),
        ]  # fmt: skip
        assert told[3][3] == "is_shipping_address of an item: neither true nor false"

    def test_an_empty_address_is_an_address_and_a_null_one_is_null(self) -> None:
        columns, told = cells("addresses", {"Addresses": [{}, None]})

        assert columns["addresses"] == [[dict.fromkeys(ADDRESS.names), None]]
        assert told == []

    def test_the_first_address_with_the_flag_is_the_billing_or_shipping_address(self) -> None:
        def at(city: str, **flags: Any) -> dict[str, Any]:
            return {"City": city, "Country": "CH", **flags}

        customers: list[Any] = [
            {"Addresses": [at("a"), at("b", IsShippingAddress=True), at("c", IsBillingAddress=True, IsShippingAddress=True)]},
            {"Addresses": [at("d", IsBillingAddress=False), at("e", IsBillingAddress=None)]},
            None,
            {"Addresses": []},
            {"Addresses": [None, "x", at("f", IsBillingAddress=1), at("g", IsBillingAddress=1)]},
            {"Addresses": {"City": "h", "IsBillingAddress": True}},
            {"Addresses": [{"IsShippingAddress": True}]},
        ]  # fmt: skip
        columns, _ = cells("addresses", *customers)

        assert columns["billing_city"] == ["c", None, None, None, "f", None, None]
        assert columns["shipping_city"] == ["b", None, None, None, None, None, None]
        assert columns["billing_country"] == ["CH", None, None, None, "CH", None, None]
        assert columns["shipping_address"] == [None] * 7

    def test_one_misfit_spoils_no_neighbour(self) -> None:
        customers = [
            {"Addresses": [{"ID": "x" if number == 3 else number, "City": f"{number}"}], "NotesCount": number or "x"}
            for number in range(9)
        ]
        table, told = table_of(customers, ["addresses", "notes_count"])

        assert [(column, index) for column, index, *_ in told] == [("addresses", 3), ("notes_count", 0)]
        assert [each[0]["id"] for each in table.column("addresses").to_pylist()] == [0, 1, 2, None, *range(4, 9)]
        assert [each[0]["city"] for each in table.column("addresses").to_pylist()] == [f"{n}" for n in range(9)]
        assert table.column("notes_count").to_pylist() == [None, *range(1, 9)]
