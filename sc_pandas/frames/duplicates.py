"""Customers who may be one person: groups, reasons, and who should survive.

`SellerCloudAccessor.duplicates` has the rules.
Faxes are not compared: offices share them.  Values of other kinds (dates as e-mail addresses) are refused: that none is
the same would say nothing.
"""

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Literal, get_args

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from sc_pandas.contract.columns import NAMES, PHONES
from sc_pandas.errors import AccessorError, SellerCloudWarning, SettingsError
from sc_pandas.frames.contacts import email_key, name_key, phone_keys
from sc_pandas.frames.keys import KEY, Ids, user_ids
from sc_pandas.matching import Mask, arrow_of, as_mask, mapped, phones_of, texts_of
from sc_pandas.tables import backend_of, to_pandas
from sc_pandas.wording import caller_stacklevel

_WHAT: Final = "duplicates()"
# Where attrs say how many rows were left out, by reason.
LEFT_OUT: Final = "left_out"
Keep = Literal["first", "last", "survivor", False]
# Rows, and the number of the key of each: rows with equal keys are the same customer.
_Keys = tuple[Ids, Ids]
# Rows, and for each a row of the same customer.
_Links = tuple[Ids, Ids]


def find_duplicates(frame: pd.DataFrame, by: str | Iterable[str], *, region: str = "US", crowd: int) -> pd.DataFrame:
    """Group the customers who may be one person."""
    ids = user_ids(frame, _WHAT)
    if not isinstance(crowd, int | np.integer) or crowd < 2:
        raise SettingsError("crowd is a whole number of at least 2.", setting="crowd")
    shared, crowds = {}, {}
    for reason in _reasons(frame, by):
        shared[reason], crowds[reason] = _shared(*_keys(frame, reason, region), crowd)
    rows, first = _connected(list(shared.values()))
    # Groups by their lowest id, and ids within each.
    found = pd.DataFrame({"row": rows, KEY: ids[rows], "found": first, "values": _completeness(frame, rows)})
    found["lowest"] = found.groupby("found")[KEY].transform("min")
    found = found.sort_values(["lowest", KEY], ignore_index=True)
    best = found.sort_values(["values", KEY], ascending=[False, True]).drop_duplicates("found").set_index("found")[KEY]
    survivors = found["found"].map(best).to_numpy(dtype=np.int64)
    found_ids = found[KEY].to_numpy()
    columns = {
        "group": pd.factorize(found["lowest"])[0] + 1,
        KEY: found_ids,
        "reason": _told(found["row"].to_numpy(), {reason: links[0] for reason, links in shared.items()}, len(ids)),
        "survivor": found_ids == survivors,
        "survivor_id": survivors,
    }
    result = to_pandas(pa.table(columns), backend_of(frame))
    result.attrs["crowds"] = {reason: told for reason, told in crowds.items() if told["values"]}
    _warn_of_crowds(result.attrs["crowds"], crowd)
    return result


def without_duplicates(
    frame: pd.DataFrame, by: str | Iterable[str], keep: Keep, *, region: str = "US", crowd: int
) -> pd.DataFrame:
    """Leave out the rows of customers who may be one person, but for one of each group."""
    if keep not in get_args(Keep):
        raise SettingsError('keep is "first", "last", "survivor" or False.', setting="keep")
    by = [by] if isinstance(by, str) else list(by)
    found = find_duplicates(frame, by, region=region, crowd=crowd)
    # In the order of the frame's rows.
    found.index = pd.Index(user_ids(frame, _WHAT)).get_indexer(pd.Index(found[KEY].to_numpy()))
    found = found.sort_index()
    gone = ~found["survivor"].to_numpy(dtype=bool) if keep == "survivor" else found["group"].duplicated(keep=keep)
    stays = np.ones(len(frame), dtype=bool)
    stays[found.index[gone]] = False
    return noted(frame[stays], {f"same {' or '.join(by)}": int(np.sum(gone))})


def noted(frame: pd.DataFrame, left_out: Mapping[str, int]) -> pd.DataFrame:
    """Note in the attrs of a new frame how many rows were left out of it, and why; what stands there is added to."""
    before = frame.attrs.get(LEFT_OUT, {})
    frame.attrs[LEFT_OUT] = {**before, **{why: before.get(why, 0) + count for why, count in left_out.items()}}
    return frame


def _warn_of_crowds(crowds: Mapping[str, Mapping[str, int]], crowd: int) -> None:
    if crowds:
        told = (f"{each['values']:,} by {reason} ({each['customers']:,} customers)" for reason, each in crowds.items())
        message = (
            f"Values that more than {crowd} customers share join nobody: {', '.join(told)}. They may be placeholders "
            "or an office's; crowd= sets another limit."
        )
        warnings.warn(SellerCloudWarning(message), stacklevel=caller_stacklevel())


_NEEDS: Final = {
    "email": "the column email",
    "phone": 'phone1, phone2, phone3 or mobile. Read with include=["phones"]',
    "name": "the columns first_name, last_name and corporate_name",
}


def _reasons(frame: pd.DataFrame, by: str | Iterable[str]) -> list[str]:
    can = [reason for reason in _NEEDS if _columns(frame, reason)]
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


def column_texts(frame: pd.DataFrame, name: str, what: str = _WHAT) -> Any:
    """Return a column as Arrow text, or refuse it."""
    try:
        return (phones_of if name in PHONES else texts_of)(arrow_of(frame[name]))
    except (TypeError, pa.ArrowException):
        raise AccessorError(
            f"{what} cannot compare {name!r}: it holds values that are no texts. Convert it, or leave it out: "
            f"df.drop(columns={name!r})."
        ) from None


def _keys_of(texts: Any, key_of: Callable[[str], str]) -> "np.ndarray[Any, Any]":
    """Key each distinct text once; empty if there is none."""
    return np.asarray(pc.fill_null(mapped(texts, key_of, pa.string()), ""), dtype=object)


def _emails(frame: pd.DataFrame) -> _Keys:
    """Key addresses of printable ASCII as a whole column, and others one by one."""
    texts = column_texts(frame, "email")
    keys = pc.ascii_lower(pc.ascii_trim(texts, " "))
    at = pc.find_substring(keys, "@")
    # Behind an "@" at the beginning there may be another; one at the end is the only one.
    left = pc.or_(pc.invert(pc.ascii_is_printable(texts)), pc.equal(at, 0))
    is_address = pc.and_(pc.greater(at, 0), pc.less(at, pc.subtract(pc.binary_length(keys), 1)))
    keys = pc.if_else(pc.and_not(is_address, left), keys, pa.scalar(None, keys.type))
    others = [key or None for key in _keys_of(texts.filter(left), email_key)]
    chunks = keys.chunks if isinstance(keys, pa.ChunkedArray) else [keys]
    keys = pa.chunked_array([*chunks, pa.array(others, keys.type)], keys.type)
    codes = pd.factorize(pd.Series(pd.arrays.ArrowExtensionArray(keys)))[0]
    places = np.concatenate([np.arange(len(frame), dtype=np.int64), np.flatnonzero(as_mask(left))])
    return places[codes >= 0], codes[codes >= 0]


def _present(keys: "np.ndarray[Any, Any]") -> _Keys:
    rows = np.flatnonzero(keys != "")
    return rows, pd.factorize(keys[rows])[0]


def _phones(frame: pd.DataFrame, region: str) -> _Keys:
    key_of = phone_keys(region)
    places, keys = _present(
        np.concatenate([_keys_of(column_texts(frame, name), key_of) for name in _columns(frame, "phone")])
    )
    return places % max(len(frame), 1), keys


def _names(frame: pd.DataFrame) -> _Keys:
    first, last, corporate = (_keys_of(column_texts(frame, name), name_key) for name in NAMES)
    rows = np.flatnonzero((last != "") | (corporate != ""))
    parts = pd.DataFrame({"first": first[rows], "last": last[rows], "corporate": corporate[rows]}, dtype=object)
    return rows, np.asarray(parts.groupby(list(parts.columns), sort=False).ngroup(), dtype=np.int64)


def _keys(frame: pd.DataFrame, reason: str, region: str) -> _Keys:
    if reason == "phone":
        return _phones(frame, region)
    return _emails(frame) if reason == "email" else _names(frame)


def _shared(rows: Ids, keys: Ids, crowd: int) -> tuple[_Links, dict[str, int]]:
    """Return the rows whose key stands in another row, and for each the first row with it; and how many crowds are."""
    several = np.bincount(keys)[keys] > 1 if len(keys) else np.zeros(0, dtype=bool)
    found = pd.DataFrame({"row": rows[several], "key": keys[several]}).drop_duplicates()
    by_key = found.groupby("key")["row"]
    sizes, firsts = by_key.transform("size"), by_key.transform("min")
    crowds = found[sizes > crowd]
    linked = (sizes > 1) & (sizes <= crowd)
    links = found["row"][linked].to_numpy(), firsts[linked].to_numpy()
    return links, {"values": crowds["key"].nunique(), "customers": crowds["row"].nunique()}


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


def _told(rows: Ids, shared: Mapping[str, Ids], size: int) -> pa.Array:
    """Return for each row the reasons by which it is the same as another."""
    sums = np.zeros(size, dtype=np.int64)
    for place, linked in enumerate(shared.values()):
        sums[linked] |= 1 << place
    names = list(shared)
    texts = [
        ", ".join(name for place, name in enumerate(names) if number >> place & 1) for number in range(1 << len(names))
    ]
    return pa.array(texts, pa.string()).take(pa.array(sums[rows]))


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
