"""Frames that can be shared: personal values emptied, or replaced by tokens that only the holder of a key can make.

`sc_pandas.contract.columns` has the columns that are known, and the kinds of their tokens.  What is not known there is
personal: custom columns, undocumented ones, those that the user added, and a known one whose values are of another sort
than SellerCloud's (text in ``rating``).

Labels of columns may say who it is as well: those of a pivot table are values.  A label that stands neither
there nor begins with ``custom.`` nor is named by the caller becomes "column 22", by its place.
"""

import hashlib
import hmac
import re
import unicodedata
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from sc_pandas.contract.columns import COLUMNS, CUSTOM, ColumnFact
from sc_pandas.errors import SellerCloudWarning, SettingsError
from sc_pandas.matching import arrow_of, is_text, mapped, numbers_of, texts_of
from sc_pandas.provenance import ATTRS_KEY, Provenance
from sc_pandas.secrecy import Secret, unseen
from sc_pandas.tables import backend_of, to_pandas
from sc_pandas.wording import caller_stacklevel, did_you_mean, nearest

KEY_BYTES_AT_LEAST: Final = 16
_USER_ID: Final = "user_id"
_TOKEN_BYTES: Final = 16
_UNKNOWN: Final = ColumnFact("personal")


def redacted(
    frame: pd.DataFrame, note: Provenance | None, columns: Iterable[str] | None, keep: Iterable[str]
) -> pd.DataFrame:
    """Empty personal columns; see `SellerCloudAccessor.redact`."""

    def change(name: Any, column: "pd.Series[Any]", *, is_named: bool) -> "pd.Series[Any] | None":
        return _empty(column) if is_named or (name != _USER_ID and is_personal(str(name), _dtype_of(column))) else None

    return _changed(frame, note, columns, keep, change, "redacted")


def pseudonymized(
    frame: pd.DataFrame, note: Provenance | None, key: Secret, columns: Iterable[str] | None, keep: Iterable[str]
) -> pd.DataFrame:
    """Replace personal values by tokens, or empty them; see `SellerCloudAccessor.pseudonymize`."""
    key_of = _keys_under(key)

    def change(name: Any, column: "pd.Series[Any]", *, is_named: bool) -> "pd.Series[Any] | None":
        if name == _USER_ID:
            return _with_other_ids(column, key_of)
        if not is_named and not is_personal(str(name), _dtype_of(column)):
            return None
        kind = _fact(name).token or (f"column {name}" if is_named else "")
        return _with_tokens(column, kind, key_of) if kind else _empty(column)

    return _changed(frame, note, columns, keep, change, "pseudonymized")


def _changed(
    frame: pd.DataFrame,
    note: Provenance | None,
    columns: Iterable[str] | None,
    keep: Iterable[str],
    change: Callable[..., "pd.Series[Any] | None"],
    what: str,
) -> pd.DataFrame:
    """Copy a frame with some columns changed; labels of rows and columns go as far as they may name somebody."""
    made = _with_levels_as_columns(frame)
    named, kept = _named(made, columns, "columns"), _named(made, keep, "keep")
    arrays = {}
    for place, name in enumerate(made.columns):
        column = made.iloc[:, place]
        new = None if name in kept else change(name, column, is_named=name in named)
        arrays[place] = (column if new is None else new).array
    # All at once: one by one, pandas would copy its list of columns for each.
    result = pd.DataFrame(arrays, index=made.index, copy=False).set_axis(made.columns, axis=1)
    result = _labelled(result, named | kept)
    result.attrs = {} if note is None else {ATTRS_KEY: note.without_persons(what).to_attrs()}
    return result


def _fact(label: Any) -> ColumnFact:
    return COLUMNS.get(label, _UNKNOWN) if isinstance(label, str) else _UNKNOWN


def is_personal(name: str, dtype: Any) -> bool:
    """Return whether a column may hold personal values; one that is not known may."""
    of_type = _arrow_type(dtype)
    if of_type is None:
        return True
    texts, is_list = is_text(of_type), pa.types.is_nested(of_type)
    fits = {"label": texts, "figure": not (texts or is_list or pa.types.is_binary(of_type)), "list": is_list}
    return not fits.get(_fact(name).kind, False)


def check_partition(frame: pd.DataFrame, names: str | Sequence[str], impersonal: str | Iterable[str]) -> None:
    """Refuse columns whose values may name persons as names of folders; `impersonal` can declare unknown ones only."""
    declared = frozenset([impersonal] if isinstance(impersonal, str) else impersonal)
    for name in [names] if isinstance(names, str) else names:
        fact = _fact(name)
        if name in COLUMNS and fact.kind in {"id", "personal"} and not fact.is_shared:
            what, hint = "personal data", "Choose a column that many share, such as rating_name or channel."
        elif name not in declared and not _is_shared(frame, name):
            what, hint = "unknown values", f"If you know that it names nobody, declare it: impersonal=[{name!r}]."
        else:
            continue
        raise SettingsError(
            f"partition_by={name!r} would write {what} into the names of folders, which everybody who lists "
            f"them, and every log of paths, can read. {hint}",
            setting="partition_by",
        )


def _is_shared(frame: pd.DataFrame, name: str) -> bool:
    """Return whether a column is known to name nobody; one that does not exist is refused elsewhere."""
    level = name in frame.index.names
    fact = _fact(name)
    if (not level and name not in frame.columns) or fact.is_shared:
        return True
    values: Any = frame.index.get_level_values(name) if level else frame[name]
    return fact.kind in {"label", "figure"} and (values.ndim > 1 or not is_personal(name, _dtype_of(values)))


# The function from a kind to the key of its tokens; the caller's own key is inside, and not to be seen.
_KeyOf = Callable[[str], bytes]


def _keys_under(key: Secret) -> _KeyOf:
    secret: Any = Secret(unseen(lambda: _checked_key(key.reveal())))
    start = b"sc_pandas pseudonym 1\x00"
    return lambda kind: hmac.digest(secret.reveal(), start + kind.encode("utf-8", "surrogatepass"), "sha256")


def _token_of_text(key_of: _KeyOf, kind: str) -> Callable[[str], str]:
    of_kind, normal = key_of(kind), _NORMAL.get(kind, str)

    def token(text: str) -> str:
        return hmac.digest(of_kind, normal(text).encode(), "sha256")[:_TOKEN_BYTES].hex()

    if kind != "email":
        return token
    # E-mail copies go to several people: each has the token that the same address has in `email`.
    return lambda text: ";".join(map(token, filter(str.strip, re.split("[;,]", text)))) or token(text)


def _token_of_id(key_of: _KeyOf) -> Callable[[int], int]:
    """Return the function from an id to its token of 63 bits."""
    of_kind = key_of(_USER_ID)

    def token(number: int) -> int:
        digest = hashlib.blake2b(number.to_bytes(8, "big", signed=True), digest_size=8, key=of_kind).digest()
        return int.from_bytes(digest, "big") >> 1

    return token


_MAKE_A_KEY: Final = "Make one with secrets.token_hex(32), and store it where passwords are stored."


def _checked_key(key: object) -> bytes:
    if not isinstance(key, str | bytes):
        raise SettingsError(f"key is text or bytes. {_MAKE_A_KEY}", setting="key")
    # An encoding error would quote the key.
    secret = key.encode("utf-8", "surrogatepass") if isinstance(key, str) else key
    if len(secret) < KEY_BYTES_AT_LEAST or len(set(secret)) < KEY_BYTES_AT_LEAST // 4:
        raise SettingsError(
            f"key is too easy to guess. Use at least {KEY_BYTES_AT_LEAST} bytes with enough different ones: whoever "
            f"guesses it can find out who is behind each token. {_MAKE_A_KEY}",
            setting="key",
        )
    return secret


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold()).split())


def _phone(text: str) -> str:
    return re.sub(r"[\s().\-/]", "", unicodedata.normalize("NFKC", text)).casefold() or _folded(text)


# How values of a kind are compared; all others to the letter.
_NORMAL: Final[Mapping[str, Callable[[str], str]]] = {
    **{fact.token: _folded for fact in COLUMNS.values() if fact.token not in {"", "e_bay_user_id", "source_id"}},
    "phone": _phone,
}


def _with_levels_as_columns(frame: pd.DataFrame) -> pd.DataFrame:
    """Copy a frame: named levels of the index become columns; other labels of rows go, as they may name somebody."""
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
    """Replace the labels that are not known to be names of columns."""
    labels, taken = list(frame.columns), set(frame.columns)
    for place, label in enumerate(frame.columns):
        if label not in named and not (isinstance(label, str) and (label in COLUMNS or label.startswith(CUSTOM))):
            labels[place] = f"column {place + 1}"
            while labels[place] in taken:
                labels[place] += " "
    new = [label for label, old in zip(labels, frame.columns, strict=True) if label != old]
    if new:
        warnings.warn(
            f"{len(new):,} columns have new labels by their places, such as {new[0]!r}: their own are no names of "
            "SellerCloud's columns, and in a pivot table labels are values. To retain the label of a column name it in "
            "columns= (its values go) or in keep= (they stay).",
            SellerCloudWarning,
            stacklevel=caller_stacklevel(),
        )
        frame = frame.set_axis(pd.Index(labels, tupleize_cols=False), axis=1)
    # Also what the labels are labelled with came from somewhere.
    return frame.set_axis(frame.columns.set_names([None] * frame.columns.nlevels), axis=1)


def _named(frame: pd.DataFrame, names: Iterable[str] | None, setting: str) -> frozenset[Any]:
    wanted = frozenset([names] if isinstance(names, str) else names or ())
    missing = sorted(str(name) for name in wanted - set(frame.columns))
    if missing:
        hint = did_you_mean(nearest(missing[0], [str(name) for name in frame.columns], 1), quoted=True)
        raise SettingsError(f"{setting}= names {missing[0]!r}, and there is no such column.{hint}", setting=setting)
    return wanted


def _arrow_type(dtype: Any) -> pa.DataType | None:
    """Return the Arrow type of a dtype; None for objects, which may be anything."""
    try:
        of_type = None if pd.api.types.is_object_dtype(dtype) else arrow_of(pd.Series([], dtype=dtype)).type
    except TypeError:
        return None
    return None if isinstance(of_type, pa.BaseExtensionType) else of_type


def _dtype_of(column: Any) -> Any:
    """Return the dtype of a column, of flags and lists that are objects that of their values."""
    try:
        of_type = arrow_of(column).type if column.dtype == object else None
    except TypeError:
        of_type = None
    return column.dtype if of_type is None or is_text(of_type) else pd.ArrowDtype(of_type)


def _empty(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return missing values of the column's dtype, or of the nearest that can be missing."""
    dtype, rows = column.dtype, len(column)
    if isinstance(dtype, pd.ArrowDtype):
        return _series(pa.nulls(rows, dtype.pyarrow_dtype))
    if isinstance(dtype, pd.CategoricalDtype):
        return pd.Series(pd.Categorical([None] * rows, categories=[], ordered=dtype.ordered))
    if isinstance(dtype, np.dtype):
        # NumPy's own booleans and whole numbers know no missing value.
        instead: Any = {"b": "boolean", "i": "Int64", "u": "UInt64"}.get(dtype.kind, dtype)
        column = column.astype(instead)
    # Labels that are not there.
    return column.set_axis(range(rows)).reindex(range(-rows, 0))


def _with_tokens(column: "pd.Series[Any]", kind: str, key_of: _KeyOf) -> "pd.Series[Any]":
    try:
        made = mapped(texts_of(arrow_of(column)), _token_of_text(key_of, kind), pa.string())
    except TypeError:  # numbers, lists and structs have no tokens of their type
        return _empty(column)
    if isinstance(column.dtype, pd.ArrowDtype) and is_text(column.dtype.pyarrow_dtype):
        return _series(made.cast(column.dtype.pyarrow_dtype))
    return _series(made).astype(column.dtype) if isinstance(column.dtype, pd.StringDtype) else _series(made)


def _with_other_ids(column: "pd.Series[Any]", key_of: _KeyOf) -> "pd.Series[Any]":
    """Replace ids by others; refuse two that become one: with a million customers, under one key in 18 million."""
    try:
        ids = arrow_of(column)
        if is_text(ids.type):
            return _with_tokens(column, _USER_ID, key_of)
        ids = numbers_of(ids)
    except (TypeError, pa.ArrowException):
        return _empty(column)
    made = mapped(ids, _token_of_id(key_of), pa.int64())
    if pc.count_distinct(made).as_py() != pc.count_distinct(ids).as_py():
        raise SettingsError(
            "Two customers would get the same user_id under this key, so nothing was replaced. Use another key.",
            setting="key",
        )
    return to_pandas(pa.table({"": made}), backend_of(column.to_frame()))[""]


def _series(values: pa.Array) -> "pd.Series[Any]":
    return pd.Series(pd.arrays.ArrowExtensionArray(values))
