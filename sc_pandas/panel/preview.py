"""Rows as safe HTML: escaped, shortened, with e-mails, phones and addresses masked.  Pure functions of frames."""

import html
import json
import re
from collections.abc import Iterable
from typing import Any, Final

import pandas as pd
import pyarrow as pa

from sc_pandas.wording import LONGEST, visible

# A table is cut until it is no longer than this as it travels to the browser.
MOST_BYTES: Final = 180 * 1024
MOST_COLUMNS: Final = 96
MOST_FACETS: Final = 6
# Names of columns that hold ways to reach a person, and addresses wherever they stand.
_CONTACT: Final = re.compile(
    r"e[-_ ]?mail|phone|mobile|fax|contact[-_ ]?name|(?:^|[^a-z])(?:tel|address[-_ ]?\d?)(?:$|[^a-z])", re.IGNORECASE
)
_ADDRESS: Final = re.compile(r"(?<![^\s@<>,;:\"'])[^\s@<>,;:\"']++@[^\s@<>,;:\"']++")
# What stands far behind the last character on show is not even looked at.
_LOOKED_AT: Final = 2 * LONGEST


def table_html(rows: pd.DataFrame, *, masked: bool, old: bool = False) -> str:
    """Give rows as an HTML table that shows every value as text.

    Parameters
    ----------
    rows
        What to show; keep it to a page.
    masked
        Whether e-mail addresses, phone numbers, postal addresses and their contacts are masked.
    old
        Whether the rows answer an earlier question; they are marked so.
    """
    if rows.empty:
        return "<p class='sc-none'>No customers.</p>"
    more = len(rows.columns) - MOST_COLUMNS
    note = f"<p class='sc-more'>{more:,} further columns are in panel.df.</p>" if more > 0 else ""
    longest = LONGEST
    while True:
        table = note + _table(rows.iloc[:, :MOST_COLUMNS], longest, masked=masked, old=old)
        if longest < 10 or len(json.dumps(table)) <= MOST_BYTES:
            return table
        longest //= 2


def columns_on_show(rows: pd.DataFrame) -> list[str]:
    """Give the names of the columns that the table shows."""
    return [str(name) for name in rows.columns[:MOST_COLUMNS]]


def sortable_columns(rows: pd.DataFrame) -> list[str]:
    """Give the names of the columns on show by which rows can be sorted: all but lists and structures."""
    shown_rows = rows.iloc[:, :MOST_COLUMNS]
    return [str(name) for name, column in shown_rows.items() if not _is_nested(column)]


def _is_nested(column: "pd.Series[Any]") -> bool:
    return isinstance(column.dtype, pd.ArrowDtype) and pa.types.is_nested(column.dtype.pyarrow_dtype)


def _table(rows: pd.DataFrame, longest: int, *, masked: bool, old: bool) -> str:
    heads = "".join(f"<th scope='col'>{shown(name, longest)}</th>" for name in rows.columns)
    columns = [_cells(column, longest, masked=masked) for _, column in rows.items()]
    body = "".join(f"<tr>{''.join(cells)}</tr>" for cells in zip(*columns, strict=True))
    kind = "sc-table sc-old" if old else "sc-table"
    return (
        f"<div class='sc-scroll mathjax_ignore tex2jax_ignore' tabindex='0' role='region' aria-label='Customers'>"
        f"<table class='{kind}'><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def is_contact(column: str) -> bool:
    """Say whether a column holds ways to reach a person: e-mails, phones, or lines of addresses and their contacts.

    Examples
    --------
    >>> [is_contact(name) for name in ("phone1", "billing_address2", "shipping_contact_name", "billing_city")]
    [True, True, True, False]
    """
    return _CONTACT.search(column) is not None


def _cells(column: "pd.Series[Any]", longest: int, *, masked: bool) -> list[str]:
    number = pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype)
    kind = " class='sc-number'" if number else ""
    whole = masked and is_contact(str(column.name))
    return [f"<td{kind}>{_cell(value, longest, masked=masked, whole=whole)}</td>" for value in column.tolist()]


def _cell(value: Any, longest: int, *, masked: bool, whole: bool) -> str:
    if value is None or value is pd.NA or value is pd.NaT:
        return "<span class='sc-missing'>–</span>"
    text = str(_masked(value) if masked and isinstance(value, list | dict) else value)
    # A flag, as in is_billing_address, reaches nobody.
    if whole and not isinstance(value, bool):
        text = mask(text)
    elif masked and "@" in text[:_LOOKED_AT]:
        text = text[:_LOOKED_AT]
        text = _ADDRESS.sub(lambda found: mask(found[0]), text)
    return shown(text, longest)


def _masked(value: Any) -> Any:
    """Mask inside of lists and structures what has the name of a contact."""
    if isinstance(value, dict):
        return {name: mask(str(each)) if _reaches(str(name), each) else _masked(each) for name, each in value.items()}
    return [_masked(each) for each in value] if isinstance(value, list) else value


def _reaches(name: str, value: Any) -> bool:
    return value is not None and not isinstance(value, bool | list | dict) and is_contact(name)


def mask(text: str) -> str:
    """Mask an e-mail address, a phone number or a line of an address.

    Examples
    --------
    >>> mask("ada@example.com"), mask("+1 555 0100"), mask("117")
    ('a***@example.com', '***00', '***')
    """
    name, at, domain = text.rpartition("@")
    if at:
        return f"{name.strip()[:1]}***@{domain}"
    return f"***{text.strip()[-2:]}" if len(text.strip()) > 4 else "***"


def shown(value: object, longest: int = LONGEST) -> str:
    """Give text as HTML that shows it and nothing else: hidden and direction characters as code points.

    Examples
    --------
    >>> shown("<b>Bob</b>")
    '&lt;b&gt;Bob&lt;/b&gt;'
    """
    return html.escape(visible(str(value), longest), quote=True)


def named(names: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Return the choices of a drop-down: each name as it may be shown, and itself."""
    return tuple((visible(name), name) for name in names)


_LABEL: Final = 24
_MOST_VALUES: Final = 12
_MISSING: Final = "–"
_LISTED: Final = ("rating_name", "is_wholesale_string")
# Columns of few values by their nature, of which the commonest tell something even where there are more.
_INCLUDED: Final = (
    "channel", "customer_type", "subscribed", "exported", "created_month", "modified_month", "company_id", "groups",
    "tax_exempt", "is_black_listed", "sales_man", "billing_country",
)  # fmt: skip


def facet_counts(rows: pd.DataFrame) -> dict[str, "pd.Series[int]"]:
    """Count the loaded rows by the columns that have few values: rating, type, what is included, and custom columns.

    Columns with ways to reach a person are left out.

    Returns
    -------
    dict of str to pandas.Series
        For each such column its commonest values (12 at most), missing ones under ``"–"``.  Of what is included the
        rest is counted under ``"others"``; a customer counts in each of their groups.
    """
    found: dict[str, pd.Series[int]] = {}
    names = list(map(str, rows.columns))
    for name in (*_LISTED, *_INCLUDED, *(each for each in names if each.startswith("custom."))):
        if names.count(name) != 1 or is_contact(name) or len(found) == MOST_FACETS:
            continue
        counts = _counted(rows.iloc[:, names.index(name)])
        present = counts.drop(_MISSING, errors="ignore")
        # Where about every row has a value of its own, counts say nothing.
        tells = 2 * len(present) <= present.sum()
        short = counts.index.str.len().max() <= _LABEL and not counts.index.str.contains("@", regex=False).any()
        if name in _INCLUDED and len(counts) > _MOST_VALUES:
            counts = _folded(counts)
        if tells and 1 < len(counts) <= _MOST_VALUES and short:
            found[name] = counts
    return found


def _counted(column: "pd.Series[Any]") -> "pd.Series[int]":
    values = column.explode() if _is_nested(column) else column
    return values.astype("string[python]").fillna(_MISSING).value_counts()


def _folded(counts: "pd.Series[int]") -> "pd.Series[int]":
    """Give the commonest, and one count of all others."""
    rest = pd.Series({"others": counts.iloc[_MOST_VALUES - 1 :].sum()})
    return pd.concat([counts.iloc[: _MOST_VALUES - 1], rest]).astype(counts.dtype)
