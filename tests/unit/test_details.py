"""The single customer: what is kept of it, and what becomes of it in columns."""
# ruff: noqa: DTZ001  # the frame's times are naive

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from sc_pandas.contract.columns import INCLUDE_OF
from sc_pandas.contract.details import DETAILS, known_fields
from sc_pandas.contract.includes import PARTITIONS
from sc_pandas.tables import column_name, detail_columns, detail_schema

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
        names, customers, lambda column: lambda index, value, reason: told.append((column, index, value, reason))
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
        found = {column: name for name in DETAILS for column in detail_schema([name]).names}
        assert found | {name: name for name in PARTITIONS} == INCLUDE_OF
        assert detail_columns([], [None], lambda _: lambda *_: None) == []

    @pytest.mark.parametrize(
        "customers", [[], [None], [{}, None], [{"Addresses": None, "General": {}}], [{"Internal": None}]]
    )
    def test_types_never_depend_on_the_customers(self, customers: list[Any]) -> None:
        table, told = table_of(customers)

        assert all(array.null_count == len(customers) for array in table.columns)
        assert told == []


class TestKnownFields:
    def test_nothing_but_what_is_listed_is_kept(self) -> None:
        secret = "4111111111111111"
        odd = {"Pan": secret, "Deep": [{"x": secret}]}
        kept = known_fields({
            "General": {"ID": 7, "Title": odd, "BusinessAliases": ["a", odd, [secret]], "Pan": secret},
            "CreditCards": [{"CardNumber": secret}],
            "Addresses": [{"City": "Bern", "Pan": secret, "State": [secret]}, odd, [secret]],
            "CustomerGroups": {"CustomerGroups": odd}, "Personal": [odd], "Payment": odd,
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

    def test_what_is_missing_stays_missing(self) -> None:
        missing: list[dict[str, Any]] = [{}, {"General": None}, {"Internal": {}, "Addresses": None}]
        assert [*map(known_fields, missing)] == [{}, {}, {}]
        empty: dict[str, Any] = {"Addresses": [None, {}], "CustomerGroups": {"CustomerGroups": []}}
        assert known_fields(empty) == empty


class TestSingleValues:
    @pytest.mark.parametrize(("block", "key", "value", "cell"), [
        ("Internal", "CreatedOn", "2026-01-05T10:11:12+02:30", datetime(2026, 1, 5, 7, 41, 12)),
        ("Internal", "CompanyID", Decimal("7.0"), 7), ("Internal", "Comment", 7, "7"), ("Internal", "Comment", "", ""),
        ("Internal", "AccountManager2Commission", 3, 3.0), ("OrderOptions", "TaxExempt", "False", False),
        ("", "NotesCount", 2**63 - 1, 2**63 - 1),
    ])  # fmt: skip
    def test_what_fits_is_taken(self, block: str, key: str, value: Any, cell: Any) -> None:
        """By the converters of the list's own columns, whose tests are in `test_tables`."""
        assert one(block, key, value) == (cell, [])

    @pytest.mark.parametrize(("block", "key", "value", "reason"), [
        ("Internal", "CreatedOn", "soon", "not a date"), ("Internal", "CompanyID", [7], "not a single value"),
        ("Internal", "Comment", {"a": 1}, "not a single value"), ("Personal", "Phone1", ["1"], "not a single value"),
        ("OrderOptions", "TaxExempt", "maybe", "neither true nor false"), ("", "NotesCount", "many", "not a whole number"),
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


class TestLists:
    @pytest.mark.parametrize("value", [{}, {"Name": "x"}, "x", 0, True])
    @pytest.mark.parametrize("name", ["business_aliases", "groups", "addresses"])
    def test_what_is_no_list_is_null_and_told_once(self, name: str, value: Any) -> None:
        (fact,) = DETAILS[name]
        columns, told = cells(name, {fact.block: {fact.key: value}} if fact.block else {fact.key: value})

        assert all(cell == [None] for cell in columns.values())
        assert told == [(name, 0, value, "not a list")]

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
        columns, told = cells("addresses", {}, {"Addresses": ["x", None, {}, address]})

        assert columns["addresses"][0] is None
        assert columns["addresses"][1] == [
            None,
            None,
            dict.fromkeys(ADDRESS.names),
            dict.fromkeys(ADDRESS.names) | {"id": 7, "city": "Z\ufffd", "zip_code": "3011", "is_billing_address": True},
        ]
        assert [(column, index, value) for column, index, value, _ in told] == [
            ("addresses", 1, "x"), ("addresses", 1, "Z\ud800"), ("addresses", 1, {"x": 1}), ("addresses", 1, "maybe"),
        ]  # fmt: skip
        assert told[3][3] == "is_shipping_address of an item: neither true nor false"

    def test_the_first_address_with_the_flag_is_the_billing_or_shipping_address(self) -> None:
        """Whoever has none has no such address."""
        billing: dict[str, Any] = {"City": "b", "IsBillingAddress": 1}
        both, shipping = billing | {"City": "c", "IsShippingAddress": True}, {"City": "d", "IsShippingAddress": True}
        lists: list[Any] = [
            [{"City": "a"}, shipping, both, billing], [None, "x", billing, both], [], None, {"City": "h"},
        ]  # fmt: skip
        columns, _ = cells("addresses", *({"Addresses": each} for each in lists))

        assert columns["billing_city"] == ["c", "b", None, None, None]
        assert columns["shipping_city"] == ["d", "c", None, None, None]
        assert columns["shipping_address"] == [None] * 5
