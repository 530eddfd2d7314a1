import hashlib
import io
import pickle
import struct
import traceback
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sc_pandas as sc
from sc_pandas.contract.columns import COLUMNS
from sc_pandas.contract.details import ADDRESS_KEYS, DETAILS, LIST_KINDS
from sc_pandas.contract.includes import PARTITIONS
from sc_pandas.errors import AccessorError, SettingsError
from sc_pandas.frames import redaction
from sc_pandas.provenance import ATTRS_KEY, Provenance
from sc_pandas.secrecy import Secret
from sc_pandas.tables import BASE_SCHEMA, column_name

KEY = "3f1c9a0b5d7e8f6a4c2b"
OTHER_KEY = "a different key, long enough"
NOTE = Provenance(
    base_url="https://tt.api.example",
    filter={"email": "ada.lovelace@example.com", "rating": [4, 5], "city": "Ockham", "keyword": "Byron"},
    verdict="proven (bookends)",
    rows=3,
)
PERSONAL: dict[str, list[Any]] = {
    "email": ["Ada.Lovelace@example.com", None, "grace@example.org"],
    "first_name": ["Ada", "Charles", None],
    "last_name": ["Lovelace", "Babbage", "Hopper"],
    "email_cc": ["byron@example.com; ada.lovelace@example.com", None, None],
    **{name: [value, None, None] for name, value in {
        "corporate_name": "Analytical Engines", "name": "Ada Lovelace", "title": "Countess", "phone1": "+44 20 7946-0958",
        "fax": "+442079460958", "comment": "likes Bernoulli numbers", "sales_man": "Menabrea", "e_bay_user_id": "ada1815",
        "source_id": "SRC-77123", "city": "Ockham", "zip_code": "GU23 6NQ", "billing_contact_name": "Ada Lovelace",
        "shipping_address": "East Horsley Park", "shipping_phone": "(+44) 20.7946.0958",
        "custom.Birthday": "10 December 1815", "custom.colour": "mauveine",
    }.items()},
}  # fmt: skip


def text(values: list[Any]) -> "pd.Series[Any]":
    return pd.Series(values, dtype=pd.ArrowDtype(pa.string()))


@pytest.fixture
def frame() -> pd.DataFrame:
    columns = {"user_id": pd.Series([7, 2**53 + 1, 9], dtype=pd.ArrowDtype(pa.int64()))}
    columns |= {name: text(values) for name, values in PERSONAL.items()}
    columns["rating"] = pd.Series([5, 4, None], dtype=pd.ArrowDtype(pa.int8()))
    columns["channel"] = text(["Amazon", "Etsy", None])
    columns["business_aliases"] = pd.Series([["Engines Ltd"], [], None], dtype=pd.ArrowDtype(pa.list_(pa.string())))
    columns["custom.Points"] = pd.Series([1815, None, 3], dtype=pd.ArrowDtype(pa.int64()))
    made = pd.DataFrame(columns)
    made.attrs = {ATTRS_KEY: NOTE.to_attrs(), "mine": "Ada's frame"}
    return made


def everything_in(frame: pd.DataFrame) -> bytes:
    """Return all that leaves with a frame: its Arrow bytes, uncompressed Parquet as pandas writes it, pickle and attrs."""
    plain = frame.copy()
    sink, file = pa.BufferOutputStream(), io.BytesIO()
    table = pa.Table.from_pandas(plain)
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    pq.write_table(table, file, compression="none", use_dictionary=False)
    arrow: bytes = sink.getvalue().to_pybytes()
    return arrow + file.getvalue() + pickle.dumps(frame) + repr(frame.attrs).encode()


def values_of(frame: pd.DataFrame) -> list[str]:
    """Return the personal values, and the words that they are made of."""
    found = [value for values in PERSONAL.values() for value in values if value]
    return [*found, "Engines Ltd", "lovelace", "Byron", "Ada's frame"]


@pytest.mark.parametrize("what", ["redact", "pseudonymize"])
def test_no_personal_value_leaves_with_the_result(frame: pd.DataFrame, what: str) -> None:
    before = frame.copy()
    safe = frame.sellercloud.redact() if what == "redact" else frame.sellercloud.pseudonymize(KEY)

    content = everything_in(safe)
    assert list(safe.columns) == list(frame.columns)
    assert (safe.dtypes == frame.dtypes).all()
    pd.testing.assert_frame_equal(safe[["rating", "channel"]], frame[["rating", "channel"]])
    pd.testing.assert_frame_equal(frame, before)
    assert frame.attrs == before.attrs
    assert [value for value in values_of(frame) if value.encode() in content] == []
    assert KEY.encode() not in content


def test_redacted_is_missing_and_the_id_stays(frame: pd.DataFrame) -> None:
    safe = frame.sellercloud.redact()

    assert safe[list(PERSONAL)].isna().all(axis=None)
    assert safe["user_id"].equals(frame["user_id"])
    assert safe["custom.Points"].isna().all()
    assert frame.sellercloud.redact(["user_id"], keep=["custom.Points"])["user_id"].isna().all()
    assert frame.sellercloud.redact(keep=["custom.Points"])["custom.Points"].equals(frame["custom.Points"])


def test_every_column_that_a_read_can_give_was_thought_of() -> None:
    """A field that is added to the contract must be put into the table of kinds."""
    names = {field.name for field in BASE_SCHEMA} | set(PARTITIONS) | {"addresses", "groups", "group_ids", "user_id"}
    facts = [each for group in DETAILS.values() for each in group if each.kind not in LIST_KINDS - {"strings"}]
    names |= {column_name(fact.key) for fact in facts}
    flat = [column_name(key) for key, kind in ADDRESS_KEYS.items() if kind == "string"]
    names |= {f"{side}_{name}" for side in ("billing", "shipping") for name in flat}

    assert names <= set(COLUMNS)
    assert set(COLUMNS) - names == {"city", "state", "region", "country", "zip_code"}


@pytest.mark.parametrize(("name", "dtype", "personal"), [
    ("rating", pd.ArrowDtype(pa.int8()), False), ("rating", pd.ArrowDtype(pa.string()), True),
    ("subscribed", np.dtype("bool"), False), ("created_on", np.dtype("M8[us]"), False),
    ("channel", pd.StringDtype(), False), ("channel", np.dtype("O"), True),
    ("channel", pd.ArrowDtype(pa.list_(pa.string())), True),
    ("channel", pd.ArrowDtype(pa.dictionary(pa.int32(), pa.string())), False),
    ("segment", pd.ArrowDtype(pa.string()), True), ("custom.Tier", pd.ArrowDtype(pa.string()), True),
    ("groups", pd.ArrowDtype(pa.list_(pa.string())), False), ("groups", pd.ArrowDtype(pa.string()), True),
])  # fmt: skip
def test_what_is_not_known_is_personal(name: str, dtype: Any, *, personal: bool) -> None:
    assert redaction.is_personal(name, dtype) == personal


def test_labels_of_rows_go_and_named_levels_are_columns(frame: pd.DataFrame) -> None:
    by_mail = frame.set_index("email")
    by_mail.attrs = frame.attrs
    safe = by_mail.sellercloud.redact()

    assert safe.columns[0] == "email"
    assert safe["email"].isna().all()
    assert isinstance(safe.index, pd.RangeIndex)
    unnamed = frame.set_axis(["Ada", "Charles", "Grace"], axis=0)
    assert b"Charles" not in everything_in(unnamed.sellercloud.pseudonymize(KEY))


def test_numpys_and_pandas_own_dtypes_are_emptied_too(frame: pd.DataFrame) -> None:
    foreign = frame[["user_id"]].assign(
        a=np.array([1, 2, 3]), b=np.array([True, False, True]), c=np.array([1.5, 2, 3]),
        d=pd.Categorical(["Ada", "Ada", "Grace"]), e=pd.Series(["Ada", "x", None], dtype="str"),
        f=pd.Series(["Ada", 7, None], dtype=object), g=pd.to_datetime(["2026-01-01"] * 3), h=pd.interval_range(0, 3),
        i=pd.arrays.SparseArray([1, 0, 0]), j=pd.period_range("2026-01", periods=3, freq="M"),
    )  # fmt: skip
    safe = foreign.sellercloud.redact([*"abcdefghij"])

    assert safe.drop(columns="user_id").isna().all(axis=None)
    dtypes = ["Int64", "boolean", "float64", "str", str(foreign["g"].dtype)]
    assert [str(safe[name].dtype) for name in "abceg"] == dtypes
    assert list(safe["d"].cat.categories) == []
    named = foreign.sellercloud.pseudonymize(KEY, [*"abcdefghij"])
    assert named["e"].notna().tolist() == [True, True, False]
    assert named[[*"hij"]].isna().all(axis=None)
    assert b"Grace" not in pickle.dumps(named)


class TestTheNote:
    def test_filters_that_name_a_person_are_taken_out(self, frame: pd.DataFrame) -> None:
        safe = frame.sellercloud.redact()

        note = safe.sellercloud.provenance
        assert list(safe.attrs) == [ATTRS_KEY]
        assert note.filter == {"rating": [4, 5]}
        assert note.filter_redacted == ("email", "city", "keyword")
        assert note.privacy == ("redacted",)
        assert "taken out: email, city, keyword" in str(note)
        assert safe.sellercloud.pseudonymize(KEY).sellercloud.provenance.privacy == ("redacted", "pseudonymized")

    @pytest.mark.parametrize("ask", ["query", "to_code"])
    def test_the_question_cannot_be_asked_again(self, frame: pd.DataFrame, ask: str) -> None:
        """Without the values it would be another question, about all customers."""
        accessor = frame.sellercloud.redact().sellercloud

        with pytest.raises(AccessorError, match="email, city, keyword were taken out"):
            accessor.query if ask == "query" else accessor.to_code()  # a property that raises

    def test_a_frame_without_provenance_keeps_no_attrs(self, frame: pd.DataFrame) -> None:
        frame["is_wholesale_string"] = text(["Yes", "No", None])
        frame.attrs = {"mine": "Ada"}

        assert frame.sellercloud.redact().attrs == {}


class TestKeys:
    @pytest.mark.parametrize(
        "key", ["", "short", "a" * 40, b"", b"\x00" * 32, "abcabcabcabcabcabcabc", None, 7, ["s3cr3t" * 5]]
    )
    def test_keys_that_can_be_guessed_are_refused(self, frame: pd.DataFrame, key: Any) -> None:
        with pytest.raises(SettingsError, match=r"secrets\.token_hex") as caught:
            frame.sellercloud.pseudonymize(key)

        assert caught.value.setting == "key"
        assert not key or str(key) not in str(caught.value)

    def test_text_is_its_utf8_and_any_text_will_do(self, frame: pd.DataFrame) -> None:
        spelled = frame.sellercloud.pseudonymize(KEY)

        pd.testing.assert_frame_equal(frame.sellercloud.pseudonymize(KEY.encode()), spelled)
        frame.sellercloud.pseudonymize("\ud800" + KEY)

    def test_no_error_and_no_repr_holds_the_key(self, frame: pd.DataFrame) -> None:
        with pytest.raises(SettingsError) as caught:
            frame.sellercloud.pseudonymize(KEY, ["no_such"])

        assert KEY not in "".join(traceback.format_exception(caught.value))
        key_of = redaction._keys_under(Secret(KEY))
        assert KEY not in repr([key_of, *(cell.cell_contents for cell in key_of.__closure__ or ())])

    def test_a_column_that_does_not_exist_is_told(self, frame: pd.DataFrame) -> None:
        with pytest.raises(SettingsError, match="Did you mean 'email'"):
            frame.sellercloud.redact(["emall"])
        with pytest.raises(SettingsError, match="keep= names 'x'"):
            frame.sellercloud.pseudonymize(KEY, keep="x")


class TestTokens:
    def test_one_kind_has_one_token_in_all_columns_and_spellings(self, frame: pd.DataFrame) -> None:
        safe = frame.sellercloud.pseudonymize(KEY)
        spelled = pd.DataFrame(
            {"user_id": [1], "email": text(["  ADA.LOVELACE@EXAMPLE.COM "]), "rating_name": text([None])}
        )

        assert safe.email_cc[0].split(";")[1] == safe.email[0]
        assert spelled.sellercloud.pseudonymize(KEY).email[0] == safe.email[0]
        assert safe.phone1[0] == safe.fax[0]
        assert safe.name[0] == safe.billing_contact_name[0]
        assert safe.first_name[0] != safe.name[0]

    def test_the_format_is_fixed(self, frame: pd.DataFrame) -> None:
        """Tokens of an earlier version must join with those of a later one; worked out here by hashlib alone."""

        def mac(key: bytes, message: bytes) -> bytes:
            pad = key.ljust(64, b"\x00")
            inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in pad) + message).digest()
            return hashlib.sha256(bytes(byte ^ 0x5C for byte in pad) + inner).digest()

        of_kind = mac(KEY.encode(), b"sc_pandas pseudonym 1\x00email")
        safe = frame.sellercloud.pseudonymize(KEY)
        assert safe.email[0] == mac(of_kind, b"ada.lovelace@example.com")[:16].hex()
        of_ids = mac(KEY.encode(), b"sc_pandas pseudonym 1\x00user_id")
        digests = [hashlib.blake2b(struct.pack(">q", each), digest_size=8, key=of_ids) for each in frame["user_id"]]
        assert safe.user_id.tolist() == [int(each.hexdigest(), 16) // 2 for each in digests]

    def test_a_named_custom_column_is_a_kind_of_its_own(self, frame: pd.DataFrame) -> None:
        safe = frame.sellercloud.pseudonymize(KEY, ["custom.Birthday", "custom.Points"], keep=["user_id"])

        assert len(safe["custom.Birthday"][0]) == 32
        assert safe["custom.Points"].isna().all()
        assert safe["custom.colour"].isna().all()
        assert safe["user_id"].equals(frame["user_id"])

    @given(
        st.lists(st.text(st.characters(codec="utf-8"), max_size=9) | st.none() | st.emails(), max_size=9),
        st.randoms(use_true_random=False),
    )
    @settings(deadline=None)
    def test_stable_by_value_keyed_and_one_to_one(self, values: list[str | None], random: Any) -> None:
        rows = list(enumerate(values))
        random.shuffle(rows)
        frame = pd.DataFrame({
            "user_id": pd.Series([number for number, _ in rows], dtype="int64[pyarrow]"),
            "email": text([value for _, value in rows]),
            "source_id": text([value for _, value in rows]),
            "rating_name": text([None] * len(rows)),
        })  # fmt: skip
        straight = frame.sort_values("user_id").sellercloud.pseudonymize(KEY)
        safe, other = frame.sellercloud.pseudonymize(KEY), frame.sellercloud.pseudonymize(OTHER_KEY)

        pd.testing.assert_frame_equal(
            safe.sort_values("user_id", ignore_index=True), straight.sort_values("user_id", ignore_index=True)
        )
        assert safe["email"].isna().tolist() == frame["email"].isna().tolist()
        # To the letter for ids; up to case and blanks for e-mails.
        pairs = set(zip(frame["source_id"].dropna(), safe["source_id"].dropna(), strict=True))
        assert len(pairs) == len({token for _, token in pairs}) == len({value for value, _ in pairs})
        for name in ("user_id", "email", "source_id"):
            mine, theirs = set(safe[name].dropna()), set(other[name].dropna())
            assert not mine & theirs

    @given(st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(0, 99), unique=True, max_size=20))
    @settings(deadline=None)
    def test_ids_stay_apart_and_are_whole_numbers(self, ids: list[int]) -> None:
        frame = pd.DataFrame(
            {"user_id": pd.Series(ids, dtype="int64[pyarrow]"), "rating_name": text([None] * len(ids))}
        )
        safe = frame.sellercloud.pseudonymize(KEY)["user_id"]

        assert safe.nunique() == len(ids)
        assert str(safe.dtype) == "int64[pyarrow]"
        assert (safe >= 0).all()

    def test_two_customers_never_become_one(self, frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
        """A digest that is the same for two ids is refused; here all are."""
        monkeypatch.setattr(redaction, "_token_of_id", lambda _: lambda _: 7)

        with pytest.raises(SettingsError, match="Use another key") as caught:
            frame.sellercloud.pseudonymize(KEY)
        assert caught.value.setting == "key"

    def test_ids_of_other_types(self) -> None:
        whole = pd.DataFrame({"user_id": [7, 9], "rating_name": text([None] * 2)})
        floats, texts, broken = (whole.assign(user_id=made) for made in ([7.0, 9.0], text(["7", "9"]), [7.5, 9.0]))
        made = whole.sellercloud.pseudonymize(KEY)["user_id"]

        assert made.equals(floats.sellercloud.pseudonymize(KEY)["user_id"])
        assert texts.sellercloud.pseudonymize(KEY)["user_id"].str.len().tolist() == [32, 32]
        assert broken.sellercloud.pseudonymize(KEY)["user_id"].isna().all()


class TestPartitions:
    @pytest.mark.parametrize(
        "name", ["email", "first_name", "phone1", "user_id", "comment", "billing_zip_code", "addresses"]
    )
    def test_names_of_persons_name_no_folders_whatever_is_said(self, frame: pd.DataFrame, name: str) -> None:
        with pytest.raises(SettingsError, match="personal data into the names of folders") as caught:
            redaction.check_partition(frame, ["channel", name], [name])

        assert caught.value.setting == "partition_by"

    @pytest.mark.parametrize("name", ["Email", "e_mail", "phone", "custom.Tier", "segment", "rating", "channel"])
    def test_what_is_not_known_names_folders_only_by_order(self, frame: pd.DataFrame, name: str) -> None:
        """A label is anybody's: of a known column the type must fit as well."""
        values: Any = text(["a@x.test"] * 3).astype(object) if name == "channel" else text(["a@x.test"] * 3)
        odd = frame.drop(columns=name, errors="ignore").assign(**{name: values})
        for each in (odd, odd.set_index(name)):
            with pytest.raises(SettingsError, match=rf"declare it: impersonal=\[.{name}.\]"):
                redaction.check_partition(each, name, ())
            redaction.check_partition(each, name, name)

    @pytest.mark.parametrize(("name", "values"), [
        ("channel", text(["Amazon"] * 3)), ("rating", pd.Series([1, 2, None], dtype="int8[pyarrow]")),
        ("city", text(["Brno"] * 3)), ("billing_country", text(["CZ"] * 3)), ("company_id", pd.Series([1, 2, 3])),
        ("customer_type", pd.Series(["Retail"] * 3, dtype="category")),
    ])  # fmt: skip
    def test_what_many_share_does(self, frame: pd.DataFrame, name: str, values: Any) -> None:
        redaction.check_partition(frame.assign(**{name: values}), name, ())


class TestLabels:
    """Labels of columns may be values; see a pivot table."""

    @pytest.mark.parametrize("what", ["redact", "pseudonymize"])
    def test_a_pivot_table_leaves_no_value_in_its_labels(self, frame: pd.DataFrame, what: str) -> None:
        pivot = frame.pivot_table(index="channel", columns="email", values="rating", aggfunc="count")
        deep = frame.pivot_table(index="channel", columns=["email", "last_name"], values="rating", aggfunc="count")
        for made in (pivot, deep, pivot.rename_axis(columns="Ada Lovelace")):
            made.attrs = frame.attrs
            with pytest.warns(sc.SellerCloudWarning, match="columns have new labels") as told:
                safe = made.sellercloud.redact() if what == "redact" else made.sellercloud.pseudonymize(KEY)

            assert [value for value in values_of(frame) if value.encode() in everything_in(safe)] == []
            assert "@" not in str(told[0].message)
            assert list(safe.columns) == ["channel", *(f"column {place}" for place in range(2, safe.shape[1] + 1))]
            assert list(safe.columns.names) == [None]

    def test_named_labels_stay_and_new_ones_are_free(self, frame: pd.DataFrame) -> None:
        odd = frame[["user_id", "rating", "email"]].assign(segment="a", zero=0)
        odd.columns = pd.Index(["user_id", "rating", "email", "segment", 0])
        odd["column 5"] = 1.5
        odd.attrs = frame.attrs
        with pytest.warns(sc.SellerCloudWarning, match="^1 columns"):
            safe = odd.sellercloud.redact(["segment"], keep=["column 5"])

        assert list(safe.columns) == ["user_id", "rating", "email", "segment", "column 5 ", "column 5"]
        assert safe["segment"].isna().all()
        assert safe["column 5"].eq(1.5).all()

    def test_levels_that_are_named_stay_pairs(self, frame: pd.DataFrame) -> None:
        pairs = frame[["rating", "channel"]].copy()
        pairs.columns = pd.MultiIndex.from_tuples([("a", "rating"), ("a", "channel")])
        pairs.attrs = frame.attrs
        safe = pairs.sellercloud.redact(keep=[*pairs.columns])

        assert list(safe.columns) == list(pairs.columns)
