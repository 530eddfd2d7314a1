"""Customers who may be one person: groups, reasons, and who should survive.

`SellerCloudAccessor.duplicates` has the rules.  A marketplace's relay address is an address like any other.
Faxes are not compared: offices share them.  Values of other kinds (dates as e-mail addresses) are refused: that none is
the same would say nothing.
"""

import re
import unicodedata
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from sc_pandas.contract.columns import NAMES, PHONES
from sc_pandas.errors import AccessorError, SellerCloudWarning, SettingsError
from sc_pandas.frames.keys import KEY, Ids, arrow_ids, user_ids
from sc_pandas.matching import Mask, arrow_of, as_mask, mapped, phones_of, texts_of
from sc_pandas.wording import caller_stacklevel

_EXTENSION: Final = re.compile(r"[\s,;]*(?:x|ext\.?|extension|#)[\s.:=]*[0-9]+\s*$", re.IGNORECASE)
# A North American number without its 1.
_COMPLETE: Final = 10
_WHAT: Final = "duplicates()"
# No person is so many customers.
_A_CROWD: Final = 100
# Invisible, though Unicode does not count them as format or control characters.
_UNSEEN: Final = "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0"
# Rows, and the number of the key of each: rows with equal keys are the same customer.
_Keys = tuple[Ids, Ids]
# Rows, and for each a row of the same customer.
_Links = tuple[Ids, Ids]


def find_duplicates(frame: pd.DataFrame, by: Iterable[str] | None) -> pd.DataFrame:
    """Group the customers who may be one person."""
    ids = user_ids(frame, _WHAT)
    shared = {reason: _shared(*_KEYS[reason](frame)) for reason in _reasons(frame, by)}
    rows, first = _connected(list(shared.values()))
    # Groups by their lowest id, and ids within each.
    found = pd.DataFrame({"row": rows, KEY: ids[rows], "found": first, "values": _completeness(frame, rows)})
    found["lowest"] = found.groupby("found")[KEY].transform("min")
    found = found.sort_values(["lowest", KEY], ignore_index=True)
    best = found.sort_values(["values", KEY], ascending=[False, True]).drop_duplicates("found").set_index("found")[KEY]
    survivors = found["found"].map(best).to_numpy(dtype=np.int64)
    found_ids = found[KEY].to_numpy()
    _warn_of_crowds(found["found"])
    return pd.DataFrame(
        {
            "group": pd.Series(pd.factorize(found["lowest"])[0] + 1, dtype=pd.ArrowDtype(pa.int64())),
            KEY: arrow_ids(found_ids),
            "reason": _told(found["row"].to_numpy(), {reason: links[0] for reason, links in shared.items()}, len(ids)),
            "survivor": pd.Series(found_ids == survivors, dtype=pd.ArrowDtype(pa.bool_())),
            "survivor_id": arrow_ids(survivors),
        }
    )


def _warn_of_crowds(groups: "pd.Series[Any]") -> None:
    largest = int(groups.value_counts().max()) if len(groups) else 0
    if largest > _A_CROWD:
        message = (
            f"The largest group has {largest:,} customers: a phone or a name that many share joins strangers. Look at "
            'the reasons before you merge, or compare by=["email"] alone.'
        )
        warnings.warn(SellerCloudWarning(message), stacklevel=caller_stacklevel())


_NEEDS: Final = {
    "email": "the column email",
    "phone": 'phone1, phone2, phone3 or mobile. Read with include=["phones"]',
    "name": "the columns first_name, last_name and corporate_name",
}


def _reasons(frame: pd.DataFrame, by: Iterable[str] | None) -> list[str]:
    can = [reason for reason in _NEEDS if _columns(frame, reason)]
    if by is None:
        if not can:
            raise AccessorError(f"{_WHAT} needs email, names or phones, and the rows have none of them.")
        return can
    wanted = [by] if isinstance(by, str) else list(by)
    if not wanted or any(reason not in _NEEDS for reason in wanted):
        raise SettingsError(f"by takes {', '.join(map(repr, _NEEDS))}, one or several of them.", setting="by")
    for reason in wanted:
        if reason not in can:
            raise AccessorError(f"{_WHAT} by {reason!r} needs {_NEEDS[reason]}.")
    return [reason for reason in can if reason in wanted]


def _columns(frame: pd.DataFrame, reason: str) -> list[str]:
    """Return the columns that a reason needs; none if the frame lacks one."""
    if reason == "phone":
        return [name for name in PHONES if name in frame.columns]
    names = NAMES if reason == "name" else (reason,)
    return list(names) if set(names) <= set(frame.columns) else []


def visible(text: str) -> str:
    """Return a text without invisible characters and without blanks at its ends."""
    if text.isprintable() and text.isascii():
        return text.strip()
    seen = [
        each for each in text if each.isspace() or not (unicodedata.category(each) in {"Cc", "Cf"} or each in _UNSEEN)
    ]
    return "".join(seen).strip()


def email_key(text: str) -> str:
    """Return what equal e-mail addresses have in common; empty for no address."""
    # Folding would make ss of an ß, which is another address.
    key = unicodedata.normalize("NFC", visible(text).lower())
    return key if "@" in key[1:-1] else ""


def phone_key(text: str) -> str:
    """Return what equal phone numbers have in common; empty for no number."""
    number = _EXTENSION.sub("", text)
    digits = re.sub("[^0-9]", "", number)
    if len(digits) == 11:
        digits = digits.removeprefix("1")
    if len(digits) < 7 or len(set(digits)) == 1:
        return ""
    if len(digits) >= _COMPLETE:
        return digits
    return "".join(letter for letter in number.casefold() if "0" <= letter <= "9" or letter.isalpha())


def name_key(text: str) -> str:
    """Return what equal names have in common."""
    # Folding can undo the normal form.
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", visible(text)).casefold())
    return " ".join(folded.split())


def _texts(frame: pd.DataFrame, name: str) -> Any:
    """Return a column as Arrow text, or refuse it."""
    try:
        return (phones_of if name in PHONES else texts_of)(arrow_of(frame[name]))
    except (TypeError, pa.ArrowException):
        raise AccessorError(
            f"{_WHAT} cannot compare {name!r}: it holds values that are no texts. Convert it, or leave it out: "
            f"df.drop(columns={name!r})."
        ) from None


def _keys_of(texts: Any, key_of: Callable[[str], str]) -> "np.ndarray[Any, Any]":
    """Key each distinct text once; empty if there is none."""
    return np.asarray(pc.fill_null(mapped(texts, key_of, pa.string()), ""), dtype=object)


def _emails(frame: pd.DataFrame) -> _Keys:
    """Key addresses of printable ASCII as a whole column, and others one by one."""
    texts = _texts(frame, "email")
    keys = pc.ascii_lower(pc.ascii_trim(texts, " "))
    at = pc.find_substring(keys, "@")
    # Behind an "@" at the beginning there may be another; one at the end is the only one.
    left = pc.or_(pc.invert(pc.ascii_is_printable(texts)), pc.equal(at, 0))
    is_address = pc.and_(pc.greater(at, 0), pc.less(at, pc.subtract(pc.binary_length(keys), 1)))
    keys = pc.if_else(pc.and_not(is_address, left), keys, pa.scalar(None, keys.type))
    others = [key or None for key in _keys_of(texts.filter(left), email_key)]
    keys = pa.chunked_array([*pa.chunked_array([keys]).chunks, pa.array(others, keys.type)])
    codes = pd.factorize(pd.Series(pd.arrays.ArrowExtensionArray(keys)))[0]
    places = np.concatenate([np.arange(len(frame), dtype=np.int64), np.flatnonzero(as_mask(left))])
    return places[codes >= 0], codes[codes >= 0]


def _present(keys: "np.ndarray[Any, Any]") -> _Keys:
    rows = np.flatnonzero(keys != "")
    return rows, pd.factorize(keys[rows])[0]


def _phones(frame: pd.DataFrame) -> _Keys:
    places, keys = _present(
        np.concatenate([_keys_of(_texts(frame, name), phone_key) for name in _columns(frame, "phone")])
    )
    return places % max(len(frame), 1), keys


def _names(frame: pd.DataFrame) -> _Keys:
    first, last, corporate = (_keys_of(_texts(frame, name), name_key) for name in NAMES)
    rows = np.flatnonzero((last != "") | (corporate != ""))
    parts = pd.DataFrame({"first": first[rows], "last": last[rows], "corporate": corporate[rows]}, dtype=object)
    return rows, np.asarray(parts.groupby(list(parts.columns), sort=False).ngroup(), dtype=np.int64)


_KEYS: Final[dict[str, Callable[[pd.DataFrame], _Keys]]] = {"email": _emails, "phone": _phones, "name": _names}


def _shared(rows: Ids, keys: Ids) -> _Links:
    """Return the rows whose key stands in another row, and for each the first row with it."""
    several = np.bincount(keys)[keys] > 1 if len(keys) else np.zeros(0, dtype=bool)
    found = pd.DataFrame({"row": rows[several], "key": keys[several]}).drop_duplicates()
    by_key = found.groupby("key")["row"]
    found = found.assign(first=by_key.transform("min"))[by_key.transform("size") > 1]
    return found["row"].to_numpy(), found["first"].to_numpy()


def _connected(links: Sequence[_Links]) -> _Links:
    """Return the linked rows, each once, and for each the first row of its group."""
    ends = [np.concatenate([np.empty(0, dtype=np.int64), *sides]) for sides in zip(*links, strict=True)]
    rows, places = np.unique(np.concatenate(ends), return_inverse=True)
    one, other = np.split(places, 2)
    groups = np.arange(len(rows))
    while True:
        # Each group joins the lowest that it has a link to, then all go to the end of their chains at once.
        joined = groups.copy()
        lowest = np.minimum(groups[one], groups[other])
        np.minimum.at(joined, groups[one], lowest)
        np.minimum.at(joined, groups[other], lowest)
        while not np.array_equal(joined, further := joined[joined]):
            joined = further
        if np.array_equal(joined, groups):
            return rows, rows[groups]
        groups = joined


def _told(rows: Ids, shared: Mapping[str, Ids], size: int) -> "pd.Series[Any]":
    """Return for each row the reasons by which it is the same as another."""
    sums = np.zeros(size, dtype=np.int64)
    for place, linked in enumerate(shared.values()):
        sums[linked] |= 1 << place
    names = list(shared)
    texts = [
        ", ".join(name for place, name in enumerate(names) if number >> place & 1) for number in range(1 << len(names))
    ]
    return pd.Series(pd.arrays.ArrowExtensionArray(pa.array(texts, pa.string()).take(pa.array(sums[rows]))))


def _completeness(frame: pd.DataFrame, rows: Ids) -> Ids:
    """Count the values of rows; blank text is none."""
    counts = np.zeros(len(rows), dtype=np.int64)
    chosen = frame.iloc[rows]
    for name in chosen.columns:
        counts += _has_value(chosen[name])
    return counts


def _has_value(column: "pd.Series[Any]") -> Mask:
    there: Mask = np.array(column.notna(), dtype=bool)
    try:
        blank = as_mask(pc.equal(pc.utf8_trim_whitespace(texts_of(arrow_of(column))), ""))
    except TypeError:
        if not pd.api.types.is_object_dtype(column.dtype):
            return there
        blank = np.array([isinstance(value, str) and not value.strip() for value in column], dtype=bool)
    there[blank] = False
    return there
