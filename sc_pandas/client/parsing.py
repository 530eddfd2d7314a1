"""Bytes to a parsed document, within bounds: its depth, its rows before they become objects, and keys said twice."""

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from itertools import chain, compress
from typing import Any, Final, NoReturn

import msgspec

from sc_pandas.client.pages import PageReader

# Custom columns lie seven levels deep.
DEPTH_AT_MOST: Final = 64
_DECODER: Final = msgspec.json.Decoder(float_hook=Decimal)
_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")
_BOM: Final = b"\xef\xbb\xbf"
_HALF_CHARACTER: Final = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_NESTED: Final = frozenset({dict, list})
_READER: Final = PageReader()


class NotDataError(Exception):
    """A body that is no data; `kind` is that of `ResponseError`, `rows` its number of rows where it has any."""

    def __init__(self, kind: str, says: str, rows: tuple[int, int] | None = None) -> None:
        super().__init__(says)
        self.kind = kind
        self.rows = rows


class _Outline(msgspec.Struct):
    """A page whose rows are still bytes."""

    Items: list[msgspec.Raw] | None = None


_OUTLINES: Final = msgspec.json.Decoder(_Outline)


def parse_json(body: bytes) -> Any:
    """Parse strict JSON (UTF-8, no NaN, nothing after it) or raise NotDataError; whole numbers keep every digit."""
    document = _decoded(body)
    check_depth(document)
    return document


def parse_list(body: bytes, rows_at_most: int) -> tuple[Any, frozenset[str]]:
    """Parse a page of the list, and find the keys that one of its objects has twice (the last of them counts).

    Its Items are `PageRows` where it looks like an earlier page, else a list.  NotDataError if it is not JSON, nested
    too deep, says Items or TotalResults twice, or has more rows than are allowed; these are counted before they become
    objects, unless each of them has all keys of a row.
    """
    page = _READER.read(body)
    if page is not None and len(page["Items"]) <= rows_at_most:
        return page, frozenset()
    rows = _outlined(body)
    if len(rows) > rows_at_most:
        raise NotDataError("row_count", f"carries {len(rows):,} rows where {rows_at_most} at most were asked for")
    document = _decoded(body)
    is_page = rows and isinstance(document, dict)
    # Walking all of a page takes as long as parsing it; a row that opens little cannot be deep.
    if not is_page or any(_openings(row) > DEPTH_AT_MOST // 2 for row in rows):
        check_depth(document)
    elif len(document) > 2:
        check_depth({key: value for key, value in document.items() if key != "Items"})
    twice = _said_twice(body, document)
    if is_page and not twice:
        _READER.learn(document)
    return document, twice


def check_depth(document: Any) -> None:
    """Refuse, by a NotDataError, what is nested deeper than anything that is known to come."""
    level = [document]
    for _depth in range(DEPTH_AT_MOST):
        dicts = [each for each in level if type(each) is dict]
        lists = [each for each in level if type(each) is list]
        values = list(chain(chain.from_iterable(map(dict.values, dicts)), chain.from_iterable(lists)))
        level = list(compress(values, map(_NESTED.__contains__, map(type, values))))
        if not level:
            return
    raise _too_deep()


def _too_deep() -> NotDataError:
    return NotDataError("shape", f"is nested more than {DEPTH_AT_MOST} levels deep")


def _openings(row: msgspec.Raw) -> int:
    text = bytes(row)
    return text.count(b"{") + text.count(b"[")


def _decoded(body: bytes) -> Any:
    try:
        return _DECODER.decode(body)
    except RecursionError:
        raise _too_deep() from None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return _odd(body, parse_float=Decimal)


def _odd(body: bytes, **hooks: Any) -> Any:
    # msgspec refuses a byte order mark and half characters ("\ud83d" alone), which old data is known to have.
    def refuse(_constant: str) -> NoReturn:
        raise ValueError

    try:
        return json.loads(body.removeprefix(_BOM).decode(), parse_constant=refuse, **hooks)
    except RecursionError:
        raise _too_deep() from None
    except ValueError:
        raise NotDataError("json", "is not valid JSON") from None


def _outlined(body: bytes) -> list[msgspec.Raw]:
    """Return the rows of a page as bytes; none where it is no page."""
    try:
        try:
            return _OUTLINES.decode(body).Items or []
        except msgspec.ValidationError:
            return []
        except msgspec.DecodeError:
            mended = _HALF_CHARACTER.sub(rb"\\u0020", body.removeprefix(_BOM))
            return _OUTLINES.decode(mended).Items or []
    except RecursionError:
        raise _too_deep() from None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return []


def _said_twice(body: bytes, document: Any) -> frozenset[str]:
    """Find the keys that an object has twice.

    Written anew, a document has as many colons as before unless keys were dropped, or colons were written as escapes.
    Only what is suspicious is parsed again, by the slow parser that tells.
    """
    if b"\\u003" not in body:
        try:
            if body.count(b":") == _ENCODER.encode(document).count(b":"):
                return frozenset()
        except (UnicodeEncodeError, OverflowError, ValueError):
            pass
    twice: set[str] = set()
    outermost: set[str] = set()

    def look(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
        named = dict(pairs)
        outermost.clear()
        if len(named) < len(pairs):
            seen: set[str] = set()
            outermost.update(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
            twice.update(outermost)
        return named

    _odd(body, object_pairs_hook=look, parse_float=str, parse_int=str)
    # The whole is the object that ends last.
    doubtful = outermost & {"Items", "TotalResults"}
    if doubtful:
        raise NotDataError("shape", f"says {' and '.join(sorted(doubtful))} twice")
    return frozenset(twice)
