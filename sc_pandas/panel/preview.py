"""Rows as safe HTML: escaped, shortened, with e-mails and phones masked.  Pure functions of frames."""

import html
import json
import re
import unicodedata
from typing import Any, Final

import pandas as pd

LONGEST: Final = 200
# A table is cut until it is no longer than this as it travels to the browser.
MOST_BYTES: Final = 180 * 1024
MOST_COLUMNS: Final = 40
MOST_FACETS: Final = 6
# Names of columns that hold ways to reach a person, and addresses wherever they stand.
_CONTACT: Final = re.compile(r"e[-_ ]?mail|phone|mobile|fax|(?:^|[^a-z])tel(?:$|[^a-z])", re.IGNORECASE)
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
        Whether e-mail addresses and phone numbers are masked.
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
    """Say whether a column holds e-mail addresses or phone numbers."""
    return _CONTACT.search(column) is not None


def _cells(column: "pd.Series[Any]", longest: int, *, masked: bool) -> list[str]:
    number = pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype)
    kind = " class='sc-number'" if number else ""
    whole = masked and is_contact(str(column.name))
    return [f"<td{kind}>{_cell(value, longest, masked=masked, whole=whole)}</td>" for value in column.tolist()]


def _cell(value: Any, longest: int, *, masked: bool, whole: bool) -> str:
    if value is None or value is pd.NA or value is pd.NaT:
        return "<span class='sc-missing'>–</span>"
    text = str(value)
    if whole:
        text = mask(text)
    elif masked and "@" in text[:_LOOKED_AT]:
        text = text[:_LOOKED_AT]
        text = _ADDRESS.sub(lambda found: mask(found[0]), text)
    return shown(text, longest)


def mask(text: str) -> str:
    """Mask an e-mail address or a phone number.

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


def visible(text: str, longest: int = LONGEST) -> str:
    r"""Give text cut to a length, with what cannot be seen in it written as code points.

    Examples
    --------
    >>> print(visible("Ada" + chr(0x200B)), visible("Adalbert", 4))
    Ada\u200b Ada…
    """
    if len(text) <= longest and text.isascii() and text.isprintable():
        return text
    seen = "".join(_code_point(c) if _is_hidden(c) else c for c in text[: longest + 1])
    return seen if len(seen) <= longest else f"{seen[: longest - 1]}…"


def _is_hidden(char: str) -> bool:
    return unicodedata.category(char) in _HIDDEN or any(start <= char <= end for start, end in _INVISIBLE)


def _code_point(char: str) -> str:
    return f"\\u{ord(char):04x}" if ord(char) <= 0xFFFF else f"\\U{ord(char):08x}"


_HIDDEN: Final = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
# Characters that are not drawn although their category does not say so: joiners, fillers, selectors, empty Braille.
_INVISIBLE: Final = (
    ("\u034f", "\u034f"),
    ("\u115f", "\u1160"),
    ("\u17b4", "\u17b5"),
    ("\u180b", "\u180f"),
    ("\u2800", "\u2800"),
    ("\u3164", "\u3164"),
    ("\ufe00", "\ufe0f"),
    ("\uffa0", "\uffa0"),
    ("\U000e0000", "\U000e0fff"),
)


_LABEL: Final = 24


def facet_counts(rows: pd.DataFrame) -> dict[str, "pd.Series[int]"]:
    """Count the loaded rows by the columns that have few values: rating, type, and custom columns.

    Columns with ways to reach a person are left out.

    Returns
    -------
    dict of str to pandas.Series
        For each such column its commonest values (12 at most), missing ones under ``"–"``.
    """
    found: dict[str, pd.Series[int]] = {}
    for position, column in enumerate(map(str, rows.columns)):
        if column not in {"rating_name", "is_wholesale_string"} and not column.startswith("custom."):
            continue
        if is_contact(column) or len(found) == MOST_FACETS:
            continue
        values = rows.iloc[:, position].astype("string[python]").fillna("–")
        counts = values.value_counts()
        present = counts.drop("–", errors="ignore")
        # Where about every row has a value of its own, counts say nothing.
        tells = 2 * len(present) <= present.sum()
        short = counts.index.str.len().max() <= _LABEL and not counts.index.str.contains("@", regex=False).any()
        if tells and 1 < len(counts) <= 12 and short:
            found[column] = counts
    return found
