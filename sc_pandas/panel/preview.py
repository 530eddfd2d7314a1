"""Rows as safe HTML: escaped, shortened, with e-mails and phones masked.  Pure functions of frames."""

import html
import re
import unicodedata
from typing import Any, Final

import pandas as pd

LONGEST: Final = 200
# Names of columns that hold ways to reach a person.
_CONTACT: Final = re.compile(r"(?:^|[._ ])(?:e?mail|email_cc|phone\w*|mobile|fax)(?:$|[._ ])", re.IGNORECASE)


def table_html(rows: pd.DataFrame, *, masked: bool, old: bool = False) -> str:
    """Give rows as an HTML table that shows every value as text.

    Parameters
    ----------
    rows
        What to show; keep it to a page.
    masked
        Whether e-mail addresses and phone numbers are masked.
    old
        Whether the rows answer an earlier question; they are marked so.
    """
    if rows.empty:
        return "<p class='sc-none'>No customers.</p>"
    heads = "".join(f"<th scope='col'>{shown(name)}</th>" for name in rows.columns)
    columns = [_cells(rows[name], masked=masked and is_contact(str(name))) for name in rows.columns]
    body = "".join(f"<tr>{''.join(cells)}</tr>" for cells in zip(*columns, strict=True))
    kind = "sc-table sc-old" if old else "sc-table"
    return (
        f"<div class='sc-scroll mathjax_ignore tex2jax_ignore' tabindex='0' role='region' aria-label='Customers'>"
        f"<table class='{kind}'><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def is_contact(column: str) -> bool:
    """Say whether a column holds e-mail addresses or phone numbers."""
    return _CONTACT.search(column) is not None


def _cells(column: "pd.Series[Any]", *, masked: bool) -> list[str]:
    number = pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype)
    kind = " class='sc-number'" if number else ""
    return [f"<td{kind}>{_cell(value, masked=masked)}</td>" for value in column.tolist()]


def _cell(value: Any, *, masked: bool) -> str:
    if value is None or value is pd.NA or value is pd.NaT:
        return "<span class='sc-missing'>–</span>"
    text = mask(str(value)) if masked else str(value)
    return shown(text)


def mask(text: str) -> str:
    """Mask an e-mail address or a phone number.

    Examples
    --------
    >>> mask("ada@example.com"), mask("+1 555 0100")
    ('a***@example.com', '***00')
    """
    name, at, domain = text.partition("@")
    return f"{name.strip()[:1]}***@{domain}" if at else f"***{text.strip()[-2:]}"


def shown(value: object) -> str:
    """Give text as HTML that shows it and nothing else: hidden and direction characters as code points.

    Examples
    --------
    >>> shown("<b>Bob</b>")
    '&lt;b&gt;Bob&lt;/b&gt;'
    """
    text = str(value)
    cut = text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
    visible = "".join(f"\\u{ord(c):04x}" if unicodedata.category(c) in _HIDDEN else c for c in cut)
    return html.escape(visible, quote=True)


_HIDDEN: Final = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})


_LABEL: Final = 24


def facet_counts(rows: pd.DataFrame) -> dict[str, "pd.Series[int]"]:
    """Count the loaded rows by the columns that have few values: rating, type, and custom columns.

    Returns
    -------
    dict of str to pandas.Series
        For each such column its commonest values (12 at most), missing ones under ``"–"``.
    """
    found = {}
    for name in rows.columns:
        if name in {"rating_name", "is_wholesale_string"} or str(name).startswith("custom."):
            values = rows[name].astype("string[python]").fillna("–")
            counts = values.value_counts()
            if 1 < len(counts) <= 12 and counts.index.str.len().max() <= _LABEL:
                found[str(name)] = counts
    return found
