"""Customers who may be one person: what is the same, what never is, and who should stay."""

import datetime as dt
import itertools
import random
import socket
import sys
from collections import Counter
from decimal import Decimal
from typing import Any

import pandas as pd
import pandas.testing
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sc_pandas as sc
from sc_pandas.frames.contacts import email_key, name_key, phone_keys
from sc_pandas.frames.duplicates import find_duplicates, without_duplicates
from sc_pandas.frames.mailing import mailing_list

TEXT = pd.ArrowDtype(pa.string())
COLUMNS = ("email", "first_name", "last_name", "corporate_name", "phone1", "phone2", "phone3", "mobile", "fax")


def frame_of(*rows: dict[str, Any], columns: tuple[str, ...] = COLUMNS) -> pd.DataFrame:
    ids = [row.get("user_id", number) for number, row in enumerate(rows, start=1)]
    texts = {name: pd.Series([row.get(name) for row in rows], dtype=TEXT) for name in columns}
    return pd.DataFrame({"user_id": pd.Series(ids, dtype="int64[pyarrow]"), **texts})


def find(frame: pd.DataFrame, by: Any = ("email", "phone", "name"), crowd: Any = 10) -> pd.DataFrame:
    return find_duplicates(frame, by, crowd=crowd)


def groups(frame: pd.DataFrame, by: Any = ("email", "phone", "name")) -> list[list[int]]:
    found = find(frame, by)
    return [group["user_id"].tolist() for _, group in found.groupby("group")]


UNSEEN = "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u00ad\u202a\u202e\u180e\u034f\u3164\0\x7f"
SAME = [
    ("email", {"email": " Ada@Example.org"}, {"email": "ada@EXAMPLE.org\t"}),
    ("email", {"email": "@a@b"}, {"email": "@A@B\x1f"}),
    ("email", {"email": "Stra\u00dfe@x.test\u00a0"}, {"email": "STRA\u00dfE@X.TEST"}),
    ("email", {"email": "zo\u00eb@x.test"}, {"email": "ZOE\u0308@x.test"}),
    ("email", {"email": f"{UNSEEN}ada@{UNSEEN}x.test"}, {"email": "ADA@x.test"}),
    ("email", {"email": "ada@x.test\0"}, {"email": "ada@x.test"}),
    ("name", {"last_name": f"{UNSEEN}Ki{UNSEEN}m"}, {"last_name": "kim"}),
    ("email", {"email": "x9@members.ebay.test"}, {"email": "X9@members.ebay.test"}),
    ("phone", {"phone1": "+1 (212) 555-0134"}, {"mobile": "212.555.0134 x77"}),
    ("phone", {"phone2": "011 44 20 7946 0000"}, {"phone3": "+44 (0)20 7946 0000"}),
    *(("phone", {"phone1": "2125550134"}, {"mobile": text}) for text in (
        "#2125550134", "x212-555-0134", "PH#212-555-0134", "tel:+12125550134", "212 555 0134 extn 5", "212.555.0134, ext 7",
        "\uff12\uff11\uff12 555 0134", "\u0662\u0661\u0662-5550134", "\u202a212\u200b5550134", "212-555-0134 / 646-555-0199",
        "my number: 212 555 0134")),
    ("phone", {"phone1": "1-800-555-CAKE"}, {"mobile": "1 800 555 cake"}),
    ("phone", {"phone1": "212 555 0134 (home)"}, {"mobile": "2125550134"}),
    ("name", {"first_name": "Zo\u00eb", "last_name": " KRAUSE "}, {"first_name": "zoe\u0308", "last_name": "Krause"}),
    ("name", {"corporate_name": "ACME  Ltd"}, {"corporate_name": "acme\u00a0ltd", "first_name": ""}),
    ("name", {"last_name": "Straße"}, {"last_name": "STRASSE"}),
]  # fmt: skip
DIFFERENT = [
    ({"email": "stra\u00dfe@x.test"}, {"email": "strasse@x.test"}),
    ({"last_name": UNSEEN}, {"last_name": UNSEEN}), ({"email": f"{UNSEEN}@\0"}, {"email": f"{UNSEEN}@\0"}),
    ({"email": "a.da@example.org"}, {"email": "ada@example.org"}),
    ({"email": "ada+x@example.org"}, {"email": "ada@example.org"}),
    ({"email": "a1@marketplace.amazon.test"}, {"email": "a2@marketplace.amazon.test"}),
    ({"email": None}, {"email": None}), ({"email": ""}, {"email": " "}), ({"email": "none"}, {"email": "none"}),
    ({"email": "é"}, {"email": "ö"}), ({"email": "@a"}, {"email": "@a"}), ({"email": "a@"}, {"email": "a@"}),
    ({"phone1": "555-01"}, {"phone1": "555-01"}), ({"phone1": "0000000000"}, {"phone1": "0000000000"}),
    ({"phone1": "+44 20 7946 0000"}, {"phone1": "20 7946 0000"}),
    ({"phone1": "5550134"}, {"phone1": "555-0134"}), ({"phone1": "+44 20 7946 0000"}, {"phone1": "442079460000"}),
    ({"phone1": "none"}, {"phone1": "none"}), ({"phone1": "9" * 300}, {"phone1": "9" * 300}),
    ({"phone1": "12 345 678 901"}, {"phone1": "12345678901234"}), ({"phone1": "1 555 0134"}, {"phone1": "555 0134"}),
    ({"phone1": "1-800-555-CAKE"}, {"phone1": "1-800-555-CARS"}),
    ({"phone1": "1-800-555-CAKE"}, {"phone1": "1-800-555"}), ({"fax": "212 555 0134"}, {"fax": "212 555 0134"}),
    ({"phone1": None, "phone2": None}, {"phone1": None}), ({"first_name": "Ada"}, {"first_name": "Ada"}),
    ({"first_name": "Ada", "last_name": "", "corporate_name": " "}, {"first_name": "Ada", "last_name": None}),
    ({"last_name": "Kim", "corporate_name": "A"}, {"last_name": "Kim", "corporate_name": "B"}),
    ({"first_name": "A B", "last_name": "C"}, {"first_name": "A", "last_name": "B C"}),
    ({"last_name": "Muller"}, {"last_name": "M\u00fcller"}),
]  # fmt: skip


@pytest.mark.parametrize(("reason", "one", "other"), SAME)
def test_the_same_person_is_found_and_told_why(reason: str, one: dict[str, Any], other: dict[str, Any]) -> None:
    found = find(frame_of(one, {"email": "else@x.test"}, other))
    assert found["user_id"].tolist() == [1, 3]
    assert found["reason"].tolist() == [reason, reason]
    assert groups(frame_of(one, other), by=reason) == [[1, 2]]
    for by in {"email", "phone", "name"} - {reason}:
        assert groups(frame_of(one, other), by=by) == []


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_what_is_missing_short_or_only_alike_is_not_the_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert groups(frame_of(one, other)) == []


def test_whoever_is_connected_through_others_is_in_one_group() -> None:
    """Nobody is a duplicate of himself."""
    frame = frame_of(
        {"email": "a@x.test"}, {"last_name": "alone", "phone1": "212 555 0199", "phone2": "+12125550199"},
        {"email": "A@x.test", "phone1": "212 555 0134"},
        {"email": "b@x.test", "mobile": "2125550134", "last_name": "Kim"}, {"last_name": "kim"},
        {"email": "c@x.test"}, {"email": "c@x.test"},
    )  # fmt: skip
    assert groups(frame) == [[1, 3, 4, 5], [6, 7]]
    found = find(frame)
    assert found["reason"].tolist() == ["email", "email, phone", "phone, name", "name", "email", "email"]
    assert groups(frame, by=["name", "email"]) == [[1, 3], [4, 5], [6, 7]]


def test_the_survivor_has_most_values_then_the_lowest_id() -> None:
    same = {"email": "a@x.test"}
    frame = frame_of(
        {**same, "user_id": 30, "last_name": "Kim", "first_name": " "},
        {**same, "user_id": 20, "last_name": "Kim"},
        {**same, "user_id": 10},
        columns=("email", "first_name", "last_name"),
    )
    found = find(frame, ["email"])
    assert found["user_id"].tolist() == [10, 20, 30]
    assert found["survivor"].tolist() == [False, True, False]
    assert found["survivor_id"].tolist() == [20, 20, 20]


def test_the_answer_is_typed_fresh_and_leaves_the_frame_alone() -> None:
    frame = frame_of({"email": "a@x.test"}, {"email": "a@x.test"}, {})
    frame.index = pd.Index([5, 5, 6])
    before = frame.copy(deep=True)
    for part in (frame, frame.iloc[:0], frame.iloc[2:]):
        found = find(part)
        assert {name: str(dtype) for name, dtype in found.dtypes.items()} == {
            "group": "int64[pyarrow]", "user_id": "int64[pyarrow]", "reason": "string[pyarrow]",
            "survivor": "bool[pyarrow]", "survivor_id": "int64[pyarrow]",
        }  # fmt: skip
        assert isinstance(found.index, pd.RangeIndex)
    pandas.testing.assert_frame_equal(frame, before)


def test_what_the_frame_lacks_is_told_when_it_was_asked_for() -> None:
    frame = frame_of({"email": "a@x.test"}, {"email": "a@x.test"}, columns=("email",))
    assert groups(frame, "email") == [[1, 2]]
    with pytest.raises(sc.AccessorError, match=r'include=."phones"'):
        find(frame, ["email", "phone"])
    with pytest.raises(sc.AccessorError, match="first_name, last_name and corporate_name"):
        find(frame, "name")
    with pytest.raises(sc.AccessorError, match="the column email"):
        find(frame[["user_id"]], "email")
    with pytest.raises(sc.AccessorError, match="several rows"):
        find(frame.assign(user_id=1), "email")
    for by in (["e-mail"], []):
        with pytest.raises(sc.SettingsError, match="'email', 'phone', 'name'"):
            find(frame, by)


VALUES = st.sampled_from(
    [None, "", "a@x.test", "A@X.test ", "b@x.test", "none", "Kim", " kim", "212 555 0134", "12125550134", "555"]
)


@settings(max_examples=100, deadline=None)
@given(rows=st.lists(st.fixed_dictionaries(dict.fromkeys(COLUMNS, VALUES)), max_size=7))
def test_groups_are_those_of_a_plain_search(rows: list[dict[str, Any]]) -> None:
    """Compare every pair, and let groups flow together."""
    group = {number: {number} for number in range(1, len(rows) + 1)}
    for (one, left), (other, right) in itertools.combinations(enumerate(rows, start=1), 2):
        if is_same(left, right):
            joined = group[one] | group[other]
            group |= dict.fromkeys(joined, joined)
    expected = sorted({tuple(sorted(each)) for each in group.values() if len(each) > 1})
    assert groups(frame_of(*rows)) == [list(each) for each in expected]


def is_same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    phone_key = phone_keys("US")

    def keys(row: dict[str, Any]) -> tuple[str, set[str], tuple[str, ...]]:
        phones = {phone_key(row[name] or "") for name in ("phone1", "phone2", "phone3", "mobile")} - {""}
        return email_key(row["email"] or ""), phones, tuple(name_key(row[name] or "") for name in COLUMNS[1:4])

    (email, phones, name), (email2, phones2, name2) = keys(one), keys(other)
    return bool((email and email == email2) or phones & phones2 or (name[1] + name[2] and name == name2))


@pytest.mark.filterwarnings("ignore:Values that more")
@pytest.mark.timeout(120)
def test_a_hundred_thousand_rows_are_grouped() -> None:
    """Also a chain through all of them; 0.5 to 1.5 s on two slow cores, and hours if it were quadratic."""
    draw = random.Random(1)
    count = 100_000
    crowd = [{"email": f"u{draw.randrange(80_000)}@x.test", "last_name": f"{draw.randrange(900_000)}"} for _ in range(count)]  # fmt: skip
    chain = [{"email": f"u{n // 2}@x.test", "last_name": f"{(n + 1) // 2}"} for n in range(count)]
    for rows in (crowd, chain):
        frame = frame_of(*rows)
        found = find(frame)
        assert len(found) > count / 2
    assert found["group"].max() == 1


@pytest.mark.parametrize(("values", "survivor"), [
    (pd.Series([5, "q"], dtype=object), 1), (pd.Series([" ", 5], dtype=object), 2), (pd.Series([None, Decimal(1)]), 2),
    (pd.Series([None, dt.date(2026, 1, 1)], dtype=object), 2), (pd.Series([None, True], dtype=object), 2),
    (pd.Series([None, [1]], dtype=object), 2), (pd.Categorical([" ", "q"]), 2), (pd.Categorical([None, 7]), 2),
    (pd.Series([" ", "q"], dtype=pd.ArrowDtype(pa.dictionary(pa.int32(), pa.string()))), 2),
    (pd.Series([None, 1.0]), 2), (pd.Series(["\t", "q"], dtype="str"), 2), (pd.Series([False, None], dtype="boolean"), 1),
    (pd.Series([[], None], dtype=pd.ArrowDtype(pa.list_(pa.string()))), 1),
])  # fmt: skip
def test_values_of_every_sort_count_and_blank_text_does_not(values: Any, survivor: int) -> None:
    frame = frame_of({"email": "a@x.test"}, {"email": "a@x.test"}, columns=("email",)).assign(more=values)
    assert find(frame, "email")["survivor_id"].tolist() == [survivor, survivor]


def test_phones_that_are_numbers_are_compared() -> None:
    frame = frame_of({}, {}, {"mobile": "+1 212 555 0134"}, columns=("mobile",))
    for values in ([2125550134, None, None], [2125550134.0, None, None]):
        assert groups(frame.assign(phone1=pd.Series(values)), "phone") == [[1, 3]]


@pytest.mark.parametrize(
    ("name", "values"),
    [("email", [1, 2]), ("phone1", [True, 2.5]), ("first_name", [[1], [2]]), ("mobile", [dt.date(2026, 1, 1)] * 2)],
)
def test_what_is_no_text_is_refused_and_not_quoted(name: str, values: list[Any]) -> None:
    frame = frame_of({}, {}).assign(**{name: pd.Series(values, dtype=object)})
    with pytest.raises(sc.AccessorError, match=rf"cannot compare '{name}'.*df\.drop\(columns='{name}'\)"):
        find(frame)


def test_a_crowd_is_nobody_and_is_told() -> None:
    """A value that more than ten customers share joins none of them; that is said, and not by the value."""
    ten = [{"phone1": "212 555 0100", "mobile": "+12125550100", "email": "a@x.test"} for _ in range(10)]
    assert groups(frame_of(*ten)) == [[*range(1, 11)]]
    frame = frame_of(*ten, {"phone1": "212 555 0100"}, {"last_name": "Kim"}, {"last_name": "kim"})
    with pytest.warns(sc.SellerCloudWarning, match=r"more than 10 .*: 1 by phone \(11 customers\)") as told:
        found = find(frame)
    assert "0100" not in str(told[0].message)
    assert found["user_id"].tolist() == [*range(1, 11), 12, 13]
    assert found["reason"].unique().tolist() == ["email", "name"]
    assert found.attrs["crowds"] == {"phone": {"values": 1, "customers": 11}}
    assert find(frame, crowd=11)["group"].nunique() == 2
    with pytest.raises(sc.SettingsError, match="at least 2"):
        find(frame, crowd=1)


@pytest.mark.parametrize(
    ("keep", "ids"), [("first", [3, 9, 4]), ("last", [7, 9, 1]), ("survivor", [3, 9, 1]), (False, [9])]
)
def test_one_of_each_group_stays_in_its_place(keep: Any, ids: list[int]) -> None:
    rows = [
        (3, "a@x.test", "Kim"),
        (7, "A@x.test", None),
        (9, "c@x.test", None),
        (4, "b@x.test", None),
        (1, "b@x.test", ""),
    ]
    frame = frame_of(*({"user_id": each, "email": email, "last_name": name} for each, email, name in rows))
    frame.index, frame.attrs["mine"] = pd.Index([5, 5, 5, 6, 7]), [1]
    once = without_duplicates(frame, "email", keep, crowd=10)
    assert once["user_id"].tolist() == ids
    assert once.attrs == {"mine": [1], "left_out": {"same email": 5 - len(ids)}}
    again = without_duplicates(once, ["email", "name"], "first", crowd=10)
    assert again.attrs["left_out"] == {"same email": 5 - len(ids), "same email or name": 0}
    assert frame.attrs == {"mine": [1]}


def test_what_phones_and_survivors_are_not_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = frame_of({"phone1": "20 7946 0000"}, {"phone1": "+44 20 7946 0000"})
    assert find_duplicates(frame, "phone", region="gb", crowd=10)["user_id"].tolist() == [1, 2]
    for region in ("UK", "", None):
        with pytest.raises(sc.SettingsError, match="two letters"):
            find_duplicates(frame, "phone", region=region, crowd=10)  # type: ignore[arg-type]
    with pytest.raises(sc.SettingsError, match='"survivor" or False'):
        without_duplicates(frame, "email", "best", crowd=10)  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "phonenumbers", None)
    with pytest.raises(sc.MissingExtraError, match=r"sc_pandas\[contacts\]") as caught:
        find(frame)
    assert caught.value.extra == "contacts"
    assert groups(frame, "email") == []


MAIL = [  # user_id, e-mail, subscribed, groups; and why it gets no mail
    (1, " Ada@example.org\u200b", True, ["VIP"], ""),
    (2, "bob@example.org", False, [], "not subscribed"), (3, "bob@example.org", None, [], "not subscribed"),
    (4, None, True, [], "no address"), (5, "\u200b", True, [], "no address"), (6, "none", True, None, "no address"),
    (7, "x1@Marketplace.amazon.co.uk", True, [], "marketplace relay"), (8, "x1@members.ebay.com", True, [], "marketplace relay"),
    (9, "cy@example.org", False, ["do  not MAIL"], "not subscribed"), (10, "CY@example.org", True, [], "in a group"),
    (11, "d@example.org", True, ["VIP", "Do not mail"], "in a group"),
    (12, "e@x.test", True, [], "invalid address"), (13, "a b@example.org", True, [], "invalid address"),
    (14, "@a@b", True, [], "invalid address"), (15, "ADA@EXAMPLE.ORG", True, [], "same email"),
    (16, "zo\u00eb@m\u00fcller.example", True, None, ""), (17, "amazon.marketplace@example.org", True, ["\u041d\u0435\u0442"], ""),
]  # fmt: skip


@pytest.mark.parametrize("kind", ["pyarrow", "numpy", "category", "chunks"])
def test_a_mailing_goes_to_who_wants_it_and_can_get_it(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ids, emails, subscribed, groups_of, why = zip(*MAIL, strict=True)
    lists = pd.Series(pd.arrays.ArrowExtensionArray(pa.array(groups_of, pa.list_(pa.string()))))
    frame = pd.DataFrame(
        {
            "user_id": ids,
            "email": pd.Series(emails, dtype=TEXT),
            "subscribed": pd.Series(subscribed, dtype="bool[pyarrow]"),
        }
    ).assign(groups=lists)
    if kind == "numpy":
        frame = frame.astype({"email": object, "groups": object})
    elif kind == "category":
        frame["email"] = frame["email"].astype("category")
    elif kind == "chunks":
        frame = pd.concat([frame[:10], frame[10:]])
    monkeypatch.setattr(socket, "getaddrinfo", None)
    mailing = mailing_list(frame, "Do not mail")
    assert mailing["user_id"].tolist() == [1, 16, 17]
    assert mailing["email"].tolist() == ["Ada@example.org", emails[15], emails[16]]
    assert mailing["email"].dtype == frame["email"].dtype or kind == "category"
    assert {reason: count for reason, count in mailing.attrs["left_out"].items() if count} == Counter(filter(None, why))
    assert 11 in mailing_list(frame.drop(columns="groups"), ())["user_id"].tolist()
    assert mailing_list(frame[:0], "Do not mail").attrs["left_out"]["same email"] == 0


def test_a_mailing_says_what_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = frame_of({"email": "a@example.org"}).assign(subscribed=True)
    with pytest.raises(sc.AccessorError, match=r"needs groups.*not_in_groups=\(\)"):
        mailing_list(frame, "Do not mail")
    with pytest.raises(sc.AccessorError, match="no lists of names"):
        mailing_list(frame.assign(groups="['VIP']"), "Do not mail")
    with pytest.raises(sc.FilterError, match=r"include=.*subscribed"):
        mailing_list(frame.drop(columns="subscribed"), ())
    monkeypatch.setitem(sys.modules, "email_validator", None)
    with pytest.raises(sc.MissingExtraError, match=r"e-mail addresses takes email-validator.*sc_pandas\[contacts\]"):
        mailing_list(frame, ())
