"""Customers who may be one person: groups, why, and who should stay.

Two customers are the same by

- *email*: the addresses are equal without blanks at their ends and without regard to case.  Nothing else is normalised:
  dots and plus signs count, and a marketplace's relay address is an address like any other.  What has no "@" between
  two other characters is no address.
- *phone*: phone1, phone2, phone3 or mobile of one equals any of them of the other, digits only, without an extension
  ("x12", "ext. 12", "#12" at the end) and without a leading 1 before ten digits (North America).  Fewer than seven
  digits, or one digit all over, is no phone.  With fewer than ten digits letters count as well, as they may stand for
  digits: 1-800-555-CAKE is not 1-800-555-CARS.  With ten or more they are remarks, as in "212 555 0134 (home)".  Whole
  numbers are taken for their digits.  Faxes are not compared: offices share them.
- *name*: first, last and corporate name are all equal after Unicode's NFKC, case folding and joining of blanks.  There
  must be a last or a corporate name.

Values of another sort (dates as e-mail addresses) are refused, as that none is the same would be no finding.

What is missing or empty is never the same as anything.  Whoever is connected through others is in one group.
"""

import re
import unicodedata
import warnings
from collections.abc import Callable, Iterable
from typing import Any, Final, cast

import numpy as np
import pandas as pd
import pyarrow as pa

from sc_pandas.contract.columns import NAMES, PHONES
from sc_pandas.errors import AccessorError, SellerCloudWarning, SettingsError
from sc_pandas.frames.keys import KEY, Ids, arrow_ids, user_ids
from sc_pandas.matching import Mask, ascii_digits, digits_of, whole_number
from sc_pandas.wording import caller_stacklevel

_EXTENSION: Final = re.compile(r"[\s,;]*(?:x|ext\.?|extension|#)[\s.:=]*[0-9]+\s*$", re.IGNORECASE)
# A North American number without its 1.
_COMPLETE: Final = 10

_TEXT: Final = pd.ArrowDtype(pa.string())
_WHAT: Final = "duplicates()"
# No person is so many customers.
_A_CROWD: Final = 100
# Rows, and what stands in each: rows with equal keys are the same customer.
_Keys = tuple[Ids, np.ndarray[tuple[int], np.dtype[Any]]]


def find_duplicates(frame: pd.DataFrame, by: Iterable[str] | None) -> pd.DataFrame:
    """Group the customers who may be one person."""
    ids = user_ids(frame, _WHAT)
    reasons = _reasons(frame, by)
    shared = {reason: _shared(*_KEYS[reason](frame)) for reason in reasons}
    groups = _connected(len(frame), shared.values())
    rows = np.flatnonzero(groups >= 0)
    # Groups by their lowest id, and ids within each.
    found = pd.DataFrame({"row": rows, KEY: ids[rows], "found": groups[rows], "values": _completeness(frame, rows)})
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
            "reason": pd.Series(_told(found["row"].to_numpy(), shared), dtype=_TEXT),
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


def _reasons(frame: pd.DataFrame, by: Iterable[str] | None) -> list[str]:
    can = {reason: _columns(frame, reason) for reason in _KEYS}
    if by is None:
        reasons = [reason for reason, columns in can.items() if columns]
        if not reasons:
            raise AccessorError(f"{_WHAT} needs email, names or phones, and the rows have none of them.")
        return reasons
    wanted = [by] if isinstance(by, str) else list(by)
    unknown = [reason for reason in wanted if reason not in _KEYS]
    if unknown or not wanted:
        raise SettingsError(f"by takes {', '.join(map(repr, _KEYS))}, one or several of them.", setting="by")
    for reason in wanted:
        if not can[reason]:
            raise AccessorError(f"{_WHAT} by {reason!r} needs {_NEEDS[reason]}.")
    return [reason for reason in _KEYS if reason in wanted]


_NEEDS: Final = {
    "email": "the column email",
    "phone": 'phone1, phone2, phone3 or mobile. Read with include=["phones"]',
    "name": "the columns first_name, last_name and corporate_name",
}


def _columns(frame: pd.DataFrame, reason: str) -> list[str]:
    """Give the columns that a reason looks at; none where it cannot be judged."""
    if reason == "phone":
        return [name for name in PHONES if name in frame.columns]
    names = NAMES if reason == "name" else (reason,)
    return list(names) if set(names) <= set(frame.columns) else []


# ── keys ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def email_key(text: str) -> str:
    """Give what equal e-mail addresses have in common; empty for no address.

    Examples
    --------
    >>> [email_key(text) for text in (" Ada@Example.org ", "a.da+x@example.org", "none", "@")]
    ['ada@example.org', 'a.da+x@example.org', '', '']
    """
    key = text.strip().casefold()
    return key if "@" in key[1:-1] else ""


def phone_key(text: str) -> str:
    """Give what equal phone numbers have in common; empty for no number.

    Examples
    --------
    >>> [phone_key(text) for text in ("+1 (212) 555-0134 x12", "212.555.0134", "+44 20 7946 0000", "555-01", "0000000")]
    ['2125550134', '2125550134', '442079460000', '', '']
    >>> phone_key("1-800-555-CAKE")
    '1800555cake'
    """
    number = _EXTENSION.sub("", text)
    digits = ascii_digits(number)
    if len(digits) == 11:
        digits = digits.removeprefix("1")
    if len(digits) < 7 or len(set(digits)) == 1:
        return ""
    if len(digits) >= _COMPLETE:
        return digits
    return "".join(letter for letter in number.casefold() if "0" <= letter <= "9" or letter.isalpha())


def name_key(text: str) -> str:
    r"""Give what equal names have in common.

    Examples
    --------
    >>> name_key("  Zoe\u0308   KRAUSE ") == name_key("Zo\u00eb Krause")
    True
    """
    # Folding can undo the normal form, so that it is made again.
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(folded.split())


def _keys_of(frame: pd.DataFrame, name: str, key_of: Callable[[str], str]) -> "np.ndarray[Any, Any]":
    """Key each distinct text once; empty where there is none.

    Raises
    ------
    AccessorError
        A value is no text.
    """
    try:
        codes, distinct = pd.factorize(frame[name])
        keys = np.array([*(key_of(_text(value, name)) for value in distinct), ""], dtype=object)
    except (TypeError, pa.ArrowException):
        raise AccessorError(
            f"{_WHAT} cannot judge {name!r}: it holds values that are no texts. Convert it, or leave it out: "
            f"df.drop(columns={name!r})."
        ) from None
    return keys[codes]


def _text(value: Any, name: str) -> str:
    if name in PHONES and whole_number(value) is not None and (digits := digits_of(value)) is not None:
        return digits
    if not isinstance(value, str):
        raise TypeError
    return value


def _emails(frame: pd.DataFrame) -> _Keys:
    keys = _keys_of(frame, "email", email_key)
    rows = np.flatnonzero(keys != "")
    return rows, keys[rows]


def _phones(frame: pd.DataFrame) -> _Keys:
    columns = [_keys_of(frame, name, phone_key) for name in _columns(frame, "phone")]
    keys = np.concatenate(columns)
    places = np.flatnonzero(keys != "")
    return places % max(len(frame), 1), keys[places]


def _names(frame: pd.DataFrame) -> _Keys:
    first, last, corporate = (_keys_of(frame, name, name_key) for name in NAMES)
    rows = np.flatnonzero((last != "") | (corporate != ""))
    parts = pd.DataFrame({"first": first[rows], "last": last[rows], "corporate": corporate[rows]}, dtype=object)
    return rows, parts.groupby(list(parts.columns), sort=False).ngroup().to_numpy()


_KEYS: Final[dict[str, Callable[[pd.DataFrame], _Keys]]] = {"email": _emails, "phone": _phones, "name": _names}


# ── groups ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def _shared(rows: Ids, keys: "np.ndarray[Any, Any]") -> pd.DataFrame:
    """Keep what stands in at least two rows: columns `row` and `first`, the first row with the same key."""
    found = pd.DataFrame({"row": rows, "key": pd.factorize(keys)[0]}).drop_duplicates()
    first = found.groupby("key")["row"].transform("min")
    several = found.groupby("key")["row"].transform("size") > 1
    return pd.DataFrame({"row": found["row"][several], "first": first[several]})


def _connected(size: int, links: Iterable[pd.DataFrame]) -> "np.ndarray[Any, Any]":
    """Number the connected rows by union-find; −1 for a row that is alone."""
    parent = list(range(size))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = row = parent[parent[row]]
        return row

    linked = np.zeros(size, dtype=bool)
    for link in links:
        linked[link["row"].to_numpy()] = True
        for row, first in zip(link["row"].tolist(), link["first"].tolist(), strict=True):
            one, other = root(row), root(first)
            parent[max(one, other)] = min(one, other)
    return np.array([root(row) if is_linked else -1 for row, is_linked in enumerate(linked.tolist())], dtype=np.int64)


def _told(rows: Ids, shared: dict[str, pd.DataFrame]) -> list[str]:
    """Say for each row by what it is the same as another row."""
    told = {reason: np.isin(rows, found["row"].to_numpy()) for reason, found in shared.items()}
    return [", ".join(reason for reason in told if told[reason][place]) for place in range(len(rows))]


def _completeness(frame: pd.DataFrame, rows: Ids) -> Ids:
    """Count the values of rows; blank text is none."""
    counts = np.zeros(len(rows), dtype=np.int64)
    chosen = frame.iloc[rows]
    for name in chosen.columns:
        counts += _has_value(chosen[name])
    return counts


def _has_value(column: "pd.Series[Any]") -> Mask:
    there = column.notna().to_numpy(dtype=bool)
    dtype = column.dtype
    if isinstance(dtype, pd.ArrowDtype) and pa.types.is_dictionary(dtype.pyarrow_dtype):
        column = column.astype(object)
    if isinstance(dtype, pd.CategoricalDtype):
        blank = np.array([*map(_is_blank, dtype.categories), False], dtype=bool)[column.cat.codes.to_numpy()]
    elif pd.api.types.is_object_dtype(column.dtype):
        blank = np.fromiter(map(_is_blank, column.tolist()), dtype=bool, count=len(column))
    elif pd.api.types.is_string_dtype(dtype):
        blank = (column.str.strip().fillna("") == "").to_numpy(dtype=bool)
    else:
        return there
    return cast("Mask", there & ~blank)


def _is_blank(value: Any) -> bool:
    return isinstance(value, str) and not value.strip()
