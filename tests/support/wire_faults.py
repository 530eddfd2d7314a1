"""Wrong answers that only tests need, as functions of the right one for `Sandbox.fault`; `order` takes their names."""

import functools
import json
import zlib
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from typing import Any, Final

from sc_pandas.sandbox import Answer, Sandbox, Script
from sc_pandas.sandbox.rendering import list_body

Outcome = Answer | bytes | Script
PAGE: Final = b'<!DOCTYPE html>\n<html><body><form action="/login"><input name="username"></form></body></html>\n'


def order(box: Sandbox, kind: str, *, options: dict[str, Any] | None = None, **more: Any) -> None:
    """Order one of the sandbox's own faults, or one of these; `more` is for when it strikes, and for its options."""
    when = {name: more.pop(name) for name in ("at", "every", "times", "endpoint") if name in more}
    more |= options or {}
    if (make := WIRE.get(kind)) is None:
        box.fault(kind, **when, **more)
        return

    @functools.wraps(make)
    def spoil(answer: Answer) -> Outcome:
        return make(answer, **more)

    box.fault(spoil, **when)


def html(_: Answer, status: int = 200) -> Answer:
    return Answer(status=status, body=PAGE, content_type="text/html; charset=utf-8")


def empty(_: Answer) -> Answer:
    return Answer(content_type=None)


def null_items(answer: Answer) -> Answer:
    return Answer(body=list_body(None, answer.total or 0))


def error_in_200(_: Answer) -> Answer:
    return Answer(
        body=b'{"ErrorMessage":"Object reference not set to an instance of an object.","ErrorSource":"Delta"}'
    )


def redirect(_: Answer, location: str = "https://elsewhere.test/rest/api/Customers", status: int = 302) -> Answer:
    return Answer(status=status, headers=(("Location", location),), content_type=None)


def wrong_json(answer: Answer, variant: str = "nan", body: str | bytes | None = None) -> Answer:
    wrong = WRONG_JSON[variant](list(answer.items or ()), answer.total or 0) if body is None else body
    return Answer(body=wrong.encode() if isinstance(wrong, str) else wrong)


WRONG_JSON: Final[dict[str, Callable[[list[bytes], int], bytes]]] = {
    "nan": lambda items, total: list_body([*items[:-1], b'{"UserID":1,"Rating":NaN}'], total),
    "list": lambda items, _: b"[%s]" % b",".join(items),
    "scalar": lambda _, __: b"true",
    "string": lambda _, __: json.dumps("An error has occurred.").encode(),
    "no_total": lambda items, _: b'{"Items":[%s]}' % b",".join(items),
    "text_total": lambda items, _: b'{"Items":[%s],"TotalResults":"many"}' % b",".join(items),
    "duplicate_key": lambda items, total: b'{"Items":[%s],"Items":[],"TotalResults":%d}' % (b",".join(items), total),
    "deep": lambda _, total: b'{"Items":%s%s,"TotalResults":%d}' % (b"[" * 100_000, b"]" * 100_000, total),
    "not_utf8": lambda _, total: b'{"Items":[{"UserID":1,"FirstName":"Zo\xeb"}],"TotalResults":%d}' % total,
    "trailing": lambda items, total: list_body(items, total) + b"<!-- 12 ms -->",
}


@functools.lru_cache(maxsize=2)
def blanks(megabytes: int) -> bytes:
    """Compress a valid page with this much white space in it; a hundred megabytes become about a tenth of one."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    pieces = [packer.compress(b'{"Items":['), *(packer.compress(b" " * 1_000_000) for _ in range(megabytes))]
    return b"".join([*pieces, packer.compress(b'],"TotalResults":0}'), packer.flush()])


def bomb(_: Answer, megabytes: int = 100) -> Answer:
    return Answer(body=blanks(megabytes), headers=(("Content-Encoding", "gzip"),), encoded=True)


def bad_gzip(answer: Answer) -> Answer:
    packed = answer.gzipped()
    body = bytearray(packed.body)
    body[min(max(len(body) // 2, 10), len(body) - 9)] ^= 0xFF  # in the data: neither the header nor the trailer
    return replace(packed, body=bytes(body))


def cut_gzip(answer: Answer, bytes: int = 12) -> Answer:  # noqa: A002  # as the other options count
    packed = answer.gzipped()
    return replace(packed, body=packed.body[:-bytes])


def head(answer: Answer, length: str = "", version: str = "HTTP/1.1") -> bytes:
    """Return the bytes before the body; `length` is the header line that says where it ends, if any does."""
    first = f"{version} {answer.status} {HTTPStatus(answer.status).phrase}"
    lines = [first, *(f"{name}: {value}" for name, value in answer.all_headers()), *filter(None, [length])]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1")


def torn(answer: Answer, keep: float, count: int | None, *, plain: bool) -> tuple[bytes, bytes]:
    """Return the head that promises the whole body, compressed unless `plain`, and the part of the body that comes."""
    answer = answer if plain else answer.gzipped()
    size = int(len(answer.body) * keep) if count is None else count
    return head(answer, f"Content-Length: {len(answer.body)}"), answer.body[:size]


def cut_body(answer: Answer, keep: float = 0.5, bytes: int | None = None, *, plain: bool = False) -> Outcome:  # noqa: A002
    return b"".join(torn(answer, keep, bytes, plain=plain))


def cut_chunked(answer: Answer, keep: float = 0.5, *, plain: bool = False) -> Outcome:
    _, kept = torn(answer, keep, None, plain=plain)
    chunk = b"%x\r\n%s\r\n" % (len(kept), kept) if kept else b""
    return head(answer if plain else answer.gzipped(), "Transfer-Encoding: chunked") + chunk  # no chunk of length 0


def cut_eof(answer: Answer, keep: float = 0.5) -> Outcome:
    """Under HTTP/1.0 the end of the connection ends the body: the cut looks whole."""
    if answer.items is None:
        body = answer.body[: int(len(answer.body) * keep)]
    else:
        body = list_body(answer.items[: int(len(answer.items) * keep)], answer.total or 0)
    return head(answer, version="HTTP/1.0") + body


def reset(answer: Answer, keep: float = 0.5, *, plain: bool = False) -> Outcome:
    # The pause lets the client read what came before the RST tears the connection.
    return Script(torn(answer, keep, None, plain=plain), linger_s=0.05, end="reset")


def slow_drip(answer: Answer, seconds_per_byte: float = 0.02) -> Outcome:
    start, body = torn(answer, 1.0, None, plain=False)
    return Script((start, *(body[place : place + 1] for place in range(len(body)))), pause_s=seconds_per_byte)


def hang(answer: Answer, hang_s: float = 3600.0, bytes: int = 0) -> Outcome:  # noqa: A002
    return Script((b"".join(torn(answer, 1.0, bytes, plain=False)),), linger_s=hang_s)


WIRE: Final[dict[str, Callable[..., Outcome]]] = {make.__name__: make for make in (
    *(html, empty, null_items, error_in_200, redirect, wrong_json, bomb, bad_gzip, cut_gzip),
    *(cut_body, cut_chunked, cut_eof, reset, slow_drip, hang),
)}  # fmt: skip
