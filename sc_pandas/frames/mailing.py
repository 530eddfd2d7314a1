"""A clean list of addresses for a mailing, and who was left out of it for which reason."""

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from sc_pandas.errors import AccessorError
from sc_pandas.filters import CustomerFilter
from sc_pandas.frames.contacts import email_key, is_relay, name_key, validity, without_invisible
from sc_pandas.frames.duplicates import column_texts, noted, without_duplicates
from sc_pandas.matching import Mask, arrow_of, as_mask, mapped, matching

_WHAT = "mailing_list()"


def mailing_list(frame: pd.DataFrame, not_in_groups: str | Iterable[str]) -> pd.DataFrame:
    """Return whom a mailing may go to; see `SellerCloudAccessor.mailing_list`."""
    groups = [not_in_groups] if isinstance(not_in_groups, str) else list(not_in_groups)
    missing = [name for name in (["email", "groups"] if groups else ["email"]) if name not in frame.columns]
    if missing:
        raise AccessorError(
            f"{_WHAT} needs {' and '.join(missing)}. Read with email among columns= and "
            'include=["subscribed", "groups"]; with not_in_groups=() groups are not looked at.'
        )
    stays = matching(frame, CustomerFilter.of(subscribed=True)).to_numpy(copy=True)
    left_out = {"not subscribed": int(np.sum(~stays))}

    def leave_out(why: str, gone: Mask) -> None:
        left_out[why] = int(np.sum(stays & gone))
        stays[gone] = False

    texts = mapped(column_texts(frame, "email", _WHAT), without_invisible, pa.string())
    keys = pc.fill_null(mapped(texts, email_key, pa.string()), "")
    leave_out("no address", as_mask(pc.equal(keys, "")))
    leave_out("marketplace relay", _holds(keys, is_relay))
    # Whoever is in such a group under another id gets nothing, either.
    in_groups = pc.unique(keys.filter(pa.array(_in_groups(frame, groups))))
    leave_out("in a group", as_mask(pc.is_in(keys, in_groups)))
    valid = np.ones(len(frame), dtype=bool)
    valid[stays] = _holds(texts.filter(pa.array(stays)), validity())
    leave_out("invalid address", ~valid)
    dtype = frame["email"].dtype
    email = pd.Series(pd.arrays.ArrowExtensionArray(texts), index=frame.index)
    email = email.astype("category" if isinstance(dtype, pd.CategoricalDtype) else dtype)
    chosen = noted(frame[stays].assign(email=email[stays]), left_out)
    return without_duplicates(chosen, "email", "survivor", crowd=max(len(frame), 2))


def _holds(texts: pa.Array, check: Callable[[str], bool]) -> Mask:
    return as_mask(mapped(texts, check, pa.bool_()))


def _in_groups(frame: pd.DataFrame, groups: Iterable[str]) -> Mask:
    """Return which rows are in one of the groups."""
    found = np.zeros(len(frame), dtype=bool)
    wanted = {name_key(name) for name in groups}
    if not wanted:
        return found
    try:
        lists = arrow_of(frame["groups"]).cast(pa.list_(pa.string()))
    except (TypeError, pa.ArrowException):
        raise AccessorError(
            f"{_WHAT} cannot read 'groups': it holds no lists of names. Use the frame that was read, or one of "
            "sc.read_parquet."
        ) from None
    lists = lists.combine_chunks() if isinstance(lists, pa.ChunkedArray) else lists
    is_wanted = mapped(lists.flatten(), lambda name: name_key(name) in wanted, pa.bool_())
    found[pc.list_parent_indices(lists).filter(is_wanted)] = True
    return found
