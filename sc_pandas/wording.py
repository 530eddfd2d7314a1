"""Numbers, names and strangers' text in words: one way to write each, for messages, tables and HTML."""

import difflib
import html
import re
import sys
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

LONGEST: Final = 200
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
# Characters that are not drawn although their category does not say so: joiners, fillers, selectors, empty Braille.
_INVISIBLE: Final = re.compile(
    r"[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]"
)


def plural(count: int, noun: str, nouns: str = "") -> str:
    """Write a number of things.

    Examples
    --------
    >>> plural(1, "call"), plural(1_037, "row"), plural(2, "memory", "memories")
    ('1 call', '1,037 rows', '2 memories')
    """
    return f"{count:,} {noun if count == 1 else nouns or f'{noun}s'}"


def size(size_bytes: float) -> str:
    """Write a number of bytes, in powers of 1,000.

    Examples
    --------
    >>> size(999), size(63_210), size(5_400_000)
    ('999 bytes', '63 kB', '5.4 MB')
    """
    if size_bytes < 1e3:
        return f"{size_bytes:.0f} bytes"
    return f"{size_bytes / 1e3:.0f} kB" if size_bytes < 1e6 else f"{size_bytes / 1e6:,.1f} MB"


def duration(seconds: float) -> str:
    """Write a span of time.

    Examples
    --------
    >>> duration(5), duration(730), duration(7_300), duration(5_400), duration(200_000)
    ('5 s', '12 min', '2 h', '1.5 h', '2.3 d')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5_400:
        return f"{seconds / 60:.0f} min"
    number, unit = (seconds / 3_600, "h") if seconds < 172_800 else (seconds / 86_400, "d")
    return f"{number:,.1f} {unit}".replace(".0 ", " ")


def age(since: float | datetime | None) -> str:
    """Write how long ago something was, given as seconds or as its time.

    Examples
    --------
    >>> age(None), age(5), age(7_300)
    ('never', 'just now', '2 h ago')
    """
    if since is None:
        return "never"
    seconds = (datetime.now(UTC) - since).total_seconds() if isinstance(since, datetime) else since
    return "just now" if seconds < 60 else f"{duration(seconds)} ago"


def join(words: Sequence[str], last: str = " and ") -> str:
    """Join words as a sentence does.

    Examples
    --------
    >>> join(["a", "b", "c"]), join(["a"])
    ('a, b and c', 'a')
    """
    return last.join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def nearest(word: str, known: Collection[str], most: int = 3) -> tuple[str, ...]:
    """Return the known names that begin with a word, or are spelt most like it.

    Examples
    --------
    >>> nearest("Ratng", ["rating", "city"]), nearest("zip", ["zip_code", "city"])
    (('rating',), ('zip_code',))
    """
    by_fold, folded = {name.casefold(): name for name in known}, word.casefold()
    # Words of two letters begin too many names.
    found = [name for name in by_fold if len(folded) > 2 and name.startswith(f"{folded}_")]
    found += difflib.get_close_matches(folded, by_fold, n=most)
    return tuple(by_fold[name] for name in dict.fromkeys(found))[:most]


def did_you_mean(near: Iterable[str], *, quoted: bool = False) -> str:
    """Return a sentence, with a space before it, that offers names; empty where there are none.

    Examples
    --------
    >>> did_you_mean(["cache", "channel"])
    ' Did you mean cache or channel?'
    """
    names = " or ".join(repr(name) if quoted else name for name in near)
    return f" Did you mean {names}?" if names else ""


def plain(value: object) -> str:
    """Return a value as text, a midnight as its day.

    Examples
    --------
    >>> plain(datetime(2026, 1, 1)), plain(datetime(2026, 1, 1, 9)), plain(7)
    ('2026-01-01', '2026-01-01 09:00:00', '7')
    """
    return str(value).removesuffix(" 00:00:00") if isinstance(value, datetime) else str(value)


def visible(text: str, longest: int = LONGEST) -> str:
    r"""Return text cut to a length, with what cannot be seen in it written as code points.

    Examples
    --------
    >>> print(visible("Ada" + chr(0x200B)), visible("Adalbert", 4))
    Ada\u200b Ada…
    """
    # Cut first: of a long text no more is looked at than is shown.
    seen = text[: longest + 1]
    if not seen.isprintable() or _INVISIBLE.search(seen):
        seen = "".join(_code_point(char) if _is_hidden(char) else char for char in seen)
    return seen if len(seen) <= longest else f"{seen[: longest - 1]}…"


def one_line(text: str, longest: int = 10 * LONGEST) -> str:
    """Return text as `visible` does, with a space for every run of white space."""
    return visible(" ".join(text.split()), longest)


def _is_hidden(char: str) -> bool:
    return unicodedata.category(char) in _HIDDEN or _INVISIBLE.match(char) is not None


def _code_point(char: str) -> str:
    return f"\\u{ord(char):04x}" if ord(char) <= 0xFFFF else f"\\U{ord(char):08x}"


def html_table(
    rows: Iterable[Sequence[object]], *, heads: Iterable[str] = (), caption: str = "", align: str = "left"
) -> str:
    """Return rows as an HTML table, escaped; the first cell of each row is its heading.

    A whole number is written with commas, to the right; `align` says where text stands.

    Examples
    --------
    >>> html_table([("a&b", 1_000)])
    "<table><tr><th style='text-align:left'>a&amp;b</th><td style='text-align:right'>1,000</td></tr></table>"
    """
    top = f"<caption>{html.escape(caption)}</caption>" if caption else ""
    titles = "".join(f"<th style='text-align:left'>{html.escape(head)}</th>" for head in heads)
    body = "".join(
        f"<tr><th style='text-align:left'>{html.escape(str(name))}</th>{''.join(_cell(cell, align) for cell in cells)}"
        "</tr>"
        for name, *cells in rows
    )
    return f"<table>{top}{f'<tr>{titles}</tr>' if titles else ''}{body}</table>"


def _cell(value: object, align: str) -> str:
    text, side = (f"{value:,}", "right") if isinstance(value, int) else (str(value), align)
    return f"<td style='text-align:{side}'>{html.escape(text)}</td>"


def caller_stacklevel() -> int:
    """Return the stack level of the caller outside this package, for warnings that point at the user's line."""
    here = str(Path(__file__).parent)
    frame, level = sys._getframe(1), 1  # noqa: SLF001  # the documented way to walk the stack
    while frame.f_back is not None and (
        frame.f_code.co_filename.startswith(here) or "contextlib" in frame.f_code.co_filename
    ):
        frame, level = frame.f_back, level + 1
    return level
