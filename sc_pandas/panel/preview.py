"""Rows and counts as safe HTML: escaped, cut, with e-mails, phones and addresses masked.  Pure functions of frames."""

import html
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import pandas as pd

from sc_pandas.contract.columns import COUNTED, CUSTOM
from sc_pandas.frames.summary import DISTINCT_AT_MOST, counts_of, is_nested, is_telling
from sc_pandas.wording import LONGEST, plain, visible

# Cells are cut until the table is no longer than this as it travels to the browser.
MOST_BYTES: Final = 180 * 1024
_LENGTHS: Final = (LONGEST, 100, 50, 25, 12, 6)
MOST_COLUMNS: Final = 96
MOST_FACETS: Final = 6
# Names of columns that hold ways to reach a person, and addresses wherever they stand.
_CONTACT: Final = re.compile(
    r"e[-_ ]?mail|phone|mobile|fax|contact[-_ ]?name|(?:^|[^a-z])(?:tel|address[-_ ]?\d?)(?:$|[^a-z])", re.IGNORECASE
)
_ADDRESS: Final = re.compile(r"(?<![^\s@<>,;:\"'])[^\s@<>,;:\"']++@[^\s@<>,;:\"']++")
# What stands far behind the last character on show is not even looked at.
_LOOKED_AT: Final = 2 * LONGEST


def table_html(rows: pd.DataFrame, *, masked: bool) -> str:
    """Return rows (a page at most) as an HTML table of texts; `masked` hides how to reach the customers."""
    if rows.empty:
        return "<p class='sc-none'>No customers.</p>"
    more = len(rows.columns) - MOST_COLUMNS
    note = f"<p class='sc-more'>{more:,} further columns are in panel.df.</p>" if more > 0 else ""
    columns = [_column(column, masked=masked) for _, column in rows.iloc[:, :MOST_COLUMNS].items()]
    lengths = [len(text) for _, _, texts in columns for text in texts if text is not None]
    for longest in _LENGTHS:
        # Not even made where the letters alone are too many.
        if longest != _LENGTHS[-1] and sum(min(each, longest) for each in lengths) > MOST_BYTES:
            continue
        table = note + _table(columns, longest)
        if len(json.dumps(table)) <= MOST_BYTES:
            break
    return table


def _column(column: "pd.Series[Any]", *, masked: bool) -> tuple[str, str, list[str | None]]:
    number = pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype)
    whole = masked and is_contact(str(column.name))
    texts = [_text(value, masked=masked, whole=whole) for value in column.tolist()]
    return visible(str(column.name)), " class='sc-number'" if number else "", texts


def _text(value: Any, *, masked: bool, whole: bool) -> str | None:
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return None
    text = plain(_masked(value) if masked and isinstance(value, list | dict) else value)
    # A flag, as in is_billing_address, reaches nobody.
    if whole and not isinstance(value, bool):
        text = mask(text)
    elif masked and "@" in text[:_LOOKED_AT]:
        text = _ADDRESS.sub(lambda found: mask(found[0]), text[:_LOOKED_AT])
    return visible(text)


def _table(columns: Sequence[tuple[str, str, list[str | None]]], longest: int) -> str:
    heads = "".join(f"<th scope='col'>{_cut(name, longest)}</th>" for name, _, _ in columns)
    cells = [[f"<td{kind}>{_cut(text, longest)}</td>" for text in texts] for _, kind, texts in columns]
    body = "".join(f"<tr>{''.join(row)}</tr>" for row in zip(*cells, strict=True))
    return (
        "<div class='sc-scroll mathjax_ignore tex2jax_ignore' tabindex='0' role='region' aria-label='Customers'>"
        f"<table class='sc-table'><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _cut(text: str | None, longest: int) -> str:
    if text is None:
        return "<span class='sc-missing'>–</span>"
    return html.escape(text if len(text) <= longest else f"{text[: longest - 1]}…")


def sortable_columns(rows: pd.DataFrame) -> list[str]:
    """Return the names of the columns on show by which rows can be sorted: all but lists and structures."""
    return [str(name) for name, column in rows.iloc[:, :MOST_COLUMNS].items() if not is_nested(column)]


def named(names: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Return the choices of a drop-down: each name as it may be shown, and itself."""
    return tuple((visible(name), name) for name in names)


def is_contact(column: str) -> bool:
    """Return whether a column holds ways to reach a person: e-mails, phones, lines of addresses and their contacts."""
    return _CONTACT.search(column) is not None


def mask(text: str) -> str:
    """Mask an e-mail address, a phone number or a line of an address."""
    name, at, domain = text.rpartition("@")
    if at:
        return f"{name.strip()[:1]}***@{domain}"
    return f"***{text.strip()[-2:]}" if len(text.strip()) > 4 else "***"


def _masked(value: Any) -> Any:
    """Mask inside of lists and structures what has the name of a contact."""
    if isinstance(value, dict):
        return {name: mask(str(each)) if _reaches(str(name), each) else _masked(each) for name, each in value.items()}
    return [_masked(each) for each in value] if isinstance(value, list) else value


def _reaches(name: str, value: Any) -> bool:
    return value is not None and not isinstance(value, bool | list | dict) and is_contact(name)


_LONGEST_LABEL: Final = 24


def facet_counts(rows: pd.DataFrame) -> dict[str, "pd.Series[int]"]:
    """Count rows by columns of few values (rating, type, what is included, custom), but by no way to reach a person.

    Each column has its commonest values (12 at most), and ``"others"`` for what does not fit.
    """
    found: dict[str, pd.Series[int]] = {}
    names = list(map(str, rows.columns))
    for name in (*COUNTED, *(each for each in names if each.startswith(CUSTOM))):
        if names.count(name) != 1 or is_contact(name) or len(found) == MOST_FACETS:
            continue
        if name in COUNTED or is_telling(rows, name):
            counts = counts_of(rows[name])
            labels = list(map(plain, counts.index))
            # Where about every row has a value of its own, counts say nothing.
            tells = 1 < len(counts) <= counts.sum() / 2
            if tells and not any("@" in label or len(label) > _LONGEST_LABEL for label in labels):
                found[name] = _folded(counts.set_axis(labels))
    return found


def _folded(counts: "pd.Series[int]") -> "pd.Series[int]":
    if len(counts) <= DISTINCT_AT_MOST:
        return counts
    rest = pd.Series({"others": counts.iloc[DISTINCT_AT_MOST - 1 :].sum()})
    return pd.concat([counts.iloc[: DISTINCT_AT_MOST - 1], rest])


def counts_html(heading: str, counts: "Mapping[str, pd.Series[int]]") -> str:
    """Return counts as HTML tables with a bar under each value; empty where nothing is counted."""
    if not counts:
        return ""
    tables = "".join(_bars(name, series) for name, series in counts.items())
    return (
        f"<h4 class='sc-heading'>{heading}</h4>"
        f"<div class='sc-scroll mathjax_ignore tex2jax_ignore' tabindex='0' role='region' aria-label='{heading}'>"
        f"{tables}</div>"
    )


def _bars(name: str, counts: "pd.Series[int]") -> str:
    most = counts.max()
    rows = "".join(
        f"<tr><td>{html.escape(visible(str(label)))}"
        f"<progress class='sc-part' aria-hidden='true' value='{count}' max='{most}'></progress></td>"
        f"<td class='sc-number'>{count:,}</td></tr>"
        for label, count in counts.items()
    )
    heads = f"<tr><th scope='col'>{html.escape(visible(name))}</th><th scope='col'>customers</th></tr>"
    return f"<table class='sc-table'><thead>{heads}</thead><tbody>{rows}</tbody></table>"
