"""Frames that can be shared: personal values emptied, or replaced by tokens that only the holder of a key can make.

What is personal is decided by the name of the column, and what is not known here is personal: custom columns,
undocumented ones, and those that the user added.

======================================================================  ==========================  ===================
Columns                                                                 `redact`                    `pseudonymize`
======================================================================  ==========================  ===================
rating, rating_name, is_whole_sale_user, is_wholesale_string, channel,  stay                        stay
customer_type, subscribed, exported, created_month, modified_month,
created_on, company_id, tax_exempt*, credit_*, billing_cycle_startdate,
order options, notes_count, groups, group_ids, is_black_listed
user_id                                                                 stays                       another int64
email, email_cc                                                         empty                       token of ``email``
first_name; last_name                                                   empty                       token of each
name, billing_contact_name, shipping_contact_name                       empty                       token of ``name``
corporate_name, billing_company_name, shipping_company_name             empty                       token of ``company``
phone1, phone2, phone3, mobile, fax, billing_phone, shipping_phone      empty                       token of ``phone``
city, state, region, zip_code, country, and billing_*, shipping_* of    empty                       token of each
these
e_bay_user_id; source_id; sales_man                                     empty                       token of each
address lines, addresses, comment, title, invoice_note,                 empty                       empty
business_aliases, account managers
``custom.*``, undocumented, everything else                             empty                       empty
======================================================================  ==========================  ===================

A column of the first row whose values are of another sort than SellerCloud's (text in ``rating``) is not known either.

Labels of columns may say who it is as well: those of a pivot table are values.  A label that stands neither in the
table nor begins with ``custom.`` nor is named by the caller becomes "column 22", by its place.
"""

import hashlib
import hmac
import re
import unicodedata
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from sc_pandas.errors import SellerCloudWarning, SettingsError
from sc_pandas.provenance import ATTRS_KEY, Provenance
from sc_pandas.secrecy import Secret, unseen
from sc_pandas.wording import caller_stacklevel, did_you_mean, nearest

KEY_BYTES_AT_LEAST: Final = 16
_USER_ID: Final = "user_id"
_TOKEN_BYTES: Final = 16
_ROUNDS: Final = 10
_HALF: Final = 2**32
_WHOLE: Final = 2**64
_SIGN: Final = 2**63

_LABELS: Final = frozenset({
    "rating_name", "is_wholesale_string", "channel", "customer_type", "tax_exempt_type", "order_pdf_invoice_plugin",
})  # fmt: skip
_FIGURES: Final = frozenset({
    "rating", "is_whole_sale_user", "subscribed", "exported", "created_month", "modified_month", "created_on",
    "company_id", "tax_exempt", "credit_term", "credit_limit", "billing_cycle_startdate", "order_handling_fee",
    "wholesale_discount", "apply_shipping_charges_to_order_total", "allow_shipping_un_paid_orders",
    "disable_ship_notifications", "send_invoice_with_ship_notification_email", "notes_count", "is_black_listed",
})  # fmt: skip
_LISTS: Final = frozenset({"groups", "group_ids"})
_PLACES: Final = ("city", "state", "region", "zip_code", "country")
_SIDES: Final = ("billing_", "shipping_")
# The kind of each column that becomes tokens: equal values of one kind have equal tokens, whatever the column.
_KINDS: Final[Mapping[str, str]] = {
    "email": "email", "email_cc": "email", "first_name": "first_name", "last_name": "last_name",
    "name": "name", "corporate_name": "company", "e_bay_user_id": "e_bay_user_id", "source_id": "source_id",
    "sales_man": "sales_man", **dict.fromkeys(("phone1", "phone2", "phone3", "mobile", "fax"), "phone"),
    **{place: place for place in _PLACES},
    **{side + place: place for side in _SIDES for place in _PLACES},
    **{side + name: kind for side in _SIDES
       for name, kind in (("contact_name", "name"), ("company_name", "company"), ("phone", "phone"), ("fax", "phone"))},
}  # fmt: skip
_EMPTIED: Final = frozenset({
    "addresses", "comment", "title", "invoice_note", "business_aliases",
    *(f"account_manager{number}_{what}" for number in ("", "2", "3") for what in ("id", "commission")),
    *(side + line for side in _SIDES for line in ("address", "address2")),
})  # fmt: skip
_KNOWN: Final = _LABELS | _FIGURES | _LISTS | _EMPTIED | frozenset(_KINDS) | {_USER_ID}
_CUSTOM: Final = "custom."
# Places that many customers share, and that may therefore name folders.
_SHARED_PLACES: Final = frozenset({
    place for place in _KINDS if place.removeprefix("billing_").removeprefix("shipping_") in set(_PLACES) - {"zip_code"}
})  # fmt: skip


def redacted(
    frame: pd.DataFrame, note: Provenance | None, columns: Iterable[str] | None, keep: Iterable[str]
) -> pd.DataFrame:
    """Empty what is personal; see `SellerCloudAccessor.redact`."""
    plain = _plain(frame)
    more, kept = _named(plain, columns, "columns"), _named(plain, keep, "keep")
    changed: dict[int, Any] = {}
    for place, name in enumerate(plain.columns):
        column = plain.iloc[:, place]
        if name not in kept and (name in more or (name != _USER_ID and is_personal(str(name), column.dtype))):
            changed[place] = _empty(column).array
    return _noted(_labelled(_with(plain, changed), more | kept), note, "redacted")


def pseudonymized(
    frame: pd.DataFrame,
    note: Provenance | None,
    key: Secret,
    columns: Iterable[str] | None,
    keep: Iterable[str],
) -> pd.DataFrame:
    """Replace what is personal by tokens, or empty it; see `SellerCloudAccessor.pseudonymize`."""
    tokens = _Tokens(key)
    plain = _plain(frame)
    more, kept = _named(plain, columns, "columns"), _named(plain, keep, "keep")
    changed: dict[int, Any] = {}
    for place, name in enumerate(plain.columns):
        column = plain.iloc[:, place]
        if name in kept:
            continue
        if name == _USER_ID:
            changed[place] = _with_other_ids(column, tokens).array
        elif name in more or is_personal(str(name), column.dtype):
            kind = _KINDS.get(str(name), f"column {name}" if name in more else "")
            changed[place] = (_with_tokens(column, kind, tokens) if kind else _empty(column)).array
    return _noted(_labelled(_with(plain, changed), more | kept), note, "pseudonymized")


def _with(frame: pd.DataFrame, changed: Mapping[int, Any]) -> pd.DataFrame:
    """Put other arrays in some places, all at once: one by one, pandas copies its list of columns for each."""
    arrays = {place: changed.get(place, frame.iloc[:, place].array) for place in range(frame.shape[1])}
    made = pd.DataFrame(arrays, index=frame.index, copy=False).set_axis(frame.columns, axis=1)
    made.attrs = frame.attrs
    return made


def is_personal(name: str, dtype: Any) -> bool:
    """Whether a column may hold what is personal; one that is not known may."""
    of_type = _arrow_type(dtype)
    if of_type is None:
        return True
    is_text, is_list = _is_text(of_type), pa.types.is_nested(of_type)
    if name in _LABELS:
        return not is_text
    if name in _FIGURES:
        return is_text or is_list or pa.types.is_binary(of_type)
    return not (name in _LISTS and is_list)


def check_partition(frame: pd.DataFrame, names: str | Sequence[str], impersonal: str | Iterable[str]) -> None:
    """Refuse columns whose values may name persons as names of folders.

    What is known to name nobody may; of other columns the caller has to say so, and of what is known to name persons
    nobody can.

    Raises
    ------
    SettingsError
        A column is personal, or it is not known and not in `impersonal`.
    """
    said = frozenset([impersonal] if isinstance(impersonal, str) else impersonal)
    for name in [names] if isinstance(names, str) else names:
        if name == _USER_ID or name in _EMPTIED or (name in _KINDS and name not in _SHARED_PLACES):
            raise SettingsError(
                f"partition_by={name!r} would write personal data into the names of folders, which anybody who lists "
                "them, and every log of paths, can read. Choose a column that many customers share, such as "
                "rating_name, channel, customer_type or created_month.",
                setting="partition_by",
            )
        if name not in said and not _is_shared(frame, name):
            raise SettingsError(
                f"partition_by={name!r} would write values into the names of folders, which anybody who lists them, "
                "and every log of paths, can read; and they may be personal, for all that is known. If you know that "
                f"they name nobody, say so: impersonal=[{name!r}].",
                setting="partition_by",
            )


def _is_shared(frame: pd.DataFrame, name: str) -> bool:
    """Say whether a column is known to name nobody; one that does not exist is told elsewhere."""
    level = name in frame.index.names
    if (not level and name not in frame.columns) or name in _SHARED_PLACES:
        return True
    if name not in _LABELS | _FIGURES:
        return False
    values = frame.index.get_level_values(name) if level else frame[name]
    return values.ndim > 1 or not is_personal(name, values.dtype)


class _Tokens:
    """Tokens under one key, which this object never shows."""

    __slots__ = ("_secret",)

    def __init__(self, key: Secret) -> None:
        self._secret = unseen(lambda: _checked_key(key.reveal()))

    def __repr__(self) -> str:
        return "<tokens under a key>"

    def __reduce__(self) -> Any:
        raise TypeError("keys are not pickled")

    def _key_of(self, kind: str) -> bytes:
        return hmac.digest(self._secret, b"sc_pandas pseudonym 1\x00" + kind.encode("utf-8", "surrogatepass"), "sha256")

    def maker(self, kind: str) -> Callable[[str], str]:
        """Give the function from text to token for a kind."""
        of_kind, normal = self._key_of(kind), _NORMAL.get(kind, _folded if kind in _FOLDED_KINDS else str)

        def token(text: str) -> str:
            return hmac.digest(of_kind, normal(text).encode(), "sha256")[:_TOKEN_BYTES].hex()

        if kind != "email":
            return token
        # E-mail copies go to several people: each has the token that the same address has in `email`.
        return lambda text: ";".join(map(token, filter(str.strip, re.split("[;,]", text)))) or token(text)

    def permutation(self, kind: str) -> Callable[[int], int]:
        """Give a one-to-one function on int64 that keeps the sign.

        A Feistel network permutes 64 bits whatever its round function is, so that two ids never become one; walking on
        until the sign is right keeps it a permutation of each half.
        """
        of_kind = self._key_of(kind)
        keys = [hmac.digest(of_kind, bytes([number]), "sha256") for number in range(_ROUNDS)]

        def once(value: int) -> int:
            left, right = divmod(value, _HALF)
            for key in keys:
                mixed = hashlib.blake2b(right.to_bytes(4, "big"), digest_size=4, key=key).digest()
                left, right = right, (left ^ int.from_bytes(mixed, "big")) % _HALF
            return left * _HALF + right

        def permuted(value: int) -> int:
            found = once(value % _WHOLE)
            while (found >= _SIGN) != (value < 0):
                found = once(found)
            return found - _WHOLE if value < 0 else found

        return permuted


_MAKE_A_KEY: Final = "Make one with secrets.token_hex(32), and keep it where passwords are kept."


def _checked_key(key: object) -> bytes:
    if not isinstance(key, str | bytes):
        raise SettingsError(f"key is text or bytes. {_MAKE_A_KEY}", setting="key")
    # An encoding error would quote the key.
    secret = key.encode("utf-8", "surrogatepass") if isinstance(key, str) else key
    if len(secret) < KEY_BYTES_AT_LEAST or len(set(secret)) < KEY_BYTES_AT_LEAST // 4:
        raise SettingsError(
            f"key is too easy to guess: it takes at least {KEY_BYTES_AT_LEAST} bytes, and not a few over and over. "
            f"Whoever guesses it can find out who is behind each token. {_MAKE_A_KEY}",
            setting="key",
        )
    return secret


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold()).split())


def _phone(text: str) -> str:
    return re.sub(r"[\s().\-/]", "", unicodedata.normalize("NFKC", text)).casefold() or _folded(text)


_NORMAL: Final[Mapping[str, Callable[[str], str]]] = {"phone": _phone}
_FOLDED_KINDS: Final = frozenset({"email", "first_name", "last_name", "name", "company", "sales_man", *_PLACES})


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Copy a frame: named levels of the index become columns, other labels of the rows go, they may say who it is."""
    levels = [place for place, name in enumerate(frame.index.names) if name is not None]
    inside = pd.DataFrame(frame, copy=False).set_axis(pd.RangeIndex(len(frame)), axis=0)
    if levels and inside.columns.nlevels > 1:
        # Names of the index are no tuples, and would not fit among labels that all are.
        inside = inside.set_axis(pd.Index(list(inside.columns), tupleize_cols=False), axis=1)
    for number, place in enumerate(levels):
        values = pd.Series(frame.index.get_level_values(place), copy=False).set_axis(inside.index)
        inside.insert(number, frame.index.names[place], values, allow_duplicates=True)
    return inside


def _labelled(frame: pd.DataFrame, named: frozenset[Any]) -> pd.DataFrame:
    """Give other labels to the columns whose own are not known to be names of columns."""
    wanted = [name in named or _is_known(name) for name in frame.columns]
    unknown = wanted.count(False)
    if unknown:
        warnings.warn(
            f"{unknown:,} columns have new labels by their places, such as 'column {wanted.index(False) + 1}': their "
            "own are no names of SellerCloud's columns, and in a pivot table labels are values. To keep the label of a "
            "column name it in columns= (its values go) or in keep= (they stay).",
            SellerCloudWarning,
            stacklevel=caller_stacklevel(),
        )
        taken = set(frame.columns)
        labels = [
            name if is_wanted else _free(f"column {place}", taken)
            for place, (name, is_wanted) in enumerate(zip(frame.columns, wanted, strict=True), start=1)
        ]
        frame = frame.set_axis(pd.Index(labels, tupleize_cols=False), axis=1)
    # Also what the labels are labelled with came from somewhere.
    return frame.set_axis(frame.columns.set_names([None] * frame.columns.nlevels), axis=1)


def _is_known(label: Any) -> bool:
    return isinstance(label, str) and (label in _KNOWN or label.startswith(_CUSTOM))


def _free(label: str, taken: set[Any]) -> str:
    return label if label not in taken else _free(f"{label} ", taken)


def _noted(frame: pd.DataFrame, note: Provenance | None, what: str) -> pd.DataFrame:
    frame.attrs = {} if note is None else {ATTRS_KEY: note.without_persons(what).to_attrs()}
    return frame


def _named(frame: pd.DataFrame, names: Iterable[str] | None, setting: str) -> frozenset[Any]:
    wanted = frozenset([names] if isinstance(names, str) else names or ())
    missing = sorted(str(name) for name in wanted - set(frame.columns))
    if missing:
        hint = did_you_mean(nearest(missing[0], [str(name) for name in frame.columns], 1), quoted=True)
        raise SettingsError(f"{setting}= names {missing[0]!r}, and there is no such column.{hint}", setting=setting)
    return wanted


def _arrow_type(dtype: Any) -> pa.DataType | None:
    """Give the Arrow type of a dtype, None for objects, of which nothing is known."""
    if isinstance(dtype, pd.ArrowDtype):
        of_type = dtype.pyarrow_dtype
        return of_type.value_type if pa.types.is_dictionary(of_type) else of_type
    if isinstance(dtype, pd.CategoricalDtype):
        return _arrow_type(dtype.categories.dtype)
    if isinstance(dtype, pd.StringDtype):
        return pa.string()
    try:
        return pa.from_numpy_dtype(getattr(dtype, "numpy_dtype", dtype))
    except (pa.ArrowException, TypeError, ValueError):
        return None


def _is_text(of_type: pa.DataType) -> bool:
    return bool(pa.types.is_string(of_type) or pa.types.is_large_string(of_type) or of_type == pa.string_view())


def _empty(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Give a column of missing values of the same dtype, or of the nearest that knows missing values."""
    dtype, rows = column.dtype, len(column)
    if isinstance(dtype, pd.ArrowDtype):
        return pd.Series(pd.arrays.ArrowExtensionArray(pa.nulls(rows, dtype.pyarrow_dtype)))
    if isinstance(dtype, pd.CategoricalDtype):
        return pd.Series(pd.Categorical([None] * rows, categories=[], ordered=dtype.ordered))
    # NumPy's own booleans and whole numbers know no missing value.
    instead: Any = {"b": "boolean", "i": "Int64", "u": "UInt64"}.get(dtype.kind, dtype)
    if isinstance(dtype, pd.IntervalDtype):
        instead = pd.IntervalDtype("float64", dtype.closed)
    try:
        return pd.Series([None] * rows, dtype=instead)
    except (TypeError, ValueError):  # dtypes of others, and sparse ones
        return pd.Series([None] * rows, dtype=object)


def _with_tokens(column: "pd.Series[Any]", kind: str, tokens: _Tokens) -> "pd.Series[Any]":
    of_type = _arrow_type(column.dtype)
    values = _arrow(column)
    if values is None or not _is_text(values.type):
        # Numbers, lists and structs have no tokens of their type.
        return _empty(column)
    coded = values.cast(pa.string()).dictionary_encode()
    make = tokens.maker(kind)
    made = pa.array([make(text) for text in coded.dictionary.to_pylist()], pa.string()).take(coded.indices)
    if isinstance(column.dtype, pd.ArrowDtype) and of_type == column.dtype.pyarrow_dtype:
        return _series(made.cast(of_type))
    if isinstance(column.dtype, pd.StringDtype):
        return _series(made).astype(column.dtype)
    return _series(made)


def _with_other_ids(column: "pd.Series[Any]", tokens: _Tokens) -> "pd.Series[Any]":
    values = _arrow(column)
    if values is not None and _is_text(values.type):
        return _with_tokens(column, _USER_ID, tokens)
    try:
        ids = None if values is None else values.cast(pa.int64())
    except pa.ArrowException:
        ids = None
    if ids is None:
        return _empty(column)
    permuted = tokens.permutation(_USER_ID)
    return _series(pa.array([None if each is None else permuted(each) for each in ids.to_pylist()], pa.int64()))


def _arrow(column: "pd.Series[Any]") -> pa.Array | None:
    try:
        values = pa.array(column, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return None
    values = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    return pc.cast(values, values.type.value_type) if pa.types.is_dictionary(values.type) else values


def _series(values: pa.Array) -> "pd.Series[Any]":
    return pd.Series(pd.arrays.ArrowExtensionArray(values))
