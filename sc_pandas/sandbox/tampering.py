"""What a fault makes of an answer: another answer, or a script of raw bytes for the wire."""

import functools
import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from sc_pandas.sandbox.answers import HTML, Answer, json_answer, message
from sc_pandas.sandbox.rendering import list_body

_LOGIN_PAGE: Final = """<!DOCTYPE html>
<html><head><title>SellerCloud - Log in</title></head>
<body><form action="/login" method="post"><input name="username"><input name="password" type="password"></form></body>
</html>
"""


@dataclass(frozen=True)
class Script:
    """Bytes to write as they are, with pauses, and how the connection ends.

    Attributes
    ----------
    status : int
        The status that the bytes claim.
    pieces : tuple of bytes
        Written one after the other.
    pause_s : float
        Between two pieces.
    linger_s : float
        After the last one.
    end : {"close", "reset"}
        FIN, or RST.
    """

    status: int
    pieces: tuple[bytes, ...]
    pause_s: float = 0.0
    linger_s: float = 0.0
    end: Literal["close", "reset"] = "close"


Options = Mapping[str, Any]
Outcome = tuple[Answer, Script | None]


def tampered(kind: str, options: Options, answer: Answer, *, gzip_accepted: bool) -> Outcome:
    """Apply a fault to an answer.

    Parameters
    ----------
    kind : str
        One of `faults.KINDS`; kinds that need no tampering leave the answer as it is.
    options : mapping
        The kind's options, complete.
    answer : Answer
        The right answer.
    gzip_accepted : bool
        Whether torn bodies may be compressed ones.

    Returns
    -------
    tuple of (Answer, Script or None)
        What to send; if there is a script, it is written instead, and the answer says what it would have been.
    """
    if kind in _ANSWERS:
        return _ANSWERS[kind](answer, options), None
    if kind in _SCRIPTS:
        return _SCRIPTS[kind](answer.gzipped() if gzip_accepted and kind != "cut_eof" else answer, options)
    return answer, None


def _bare(answer: Answer) -> Answer:
    """Keep what the log says about the caller; nothing of what was asked for is served."""
    return Answer(authorized=answer.authorized, token=answer.token)


def _like(answer: Answer, other: Answer) -> Answer:
    return replace(other, authorized=answer.authorized, token=answer.token)


def _status(answer: Answer, options: Options) -> Answer:
    body, content_type = options["body"], options["content_type"]
    if body is None:
        other = message("An error has occurred.", options["status"])
    elif isinstance(body, str | bytes):
        raw = body.encode() if isinstance(body, str) else body
        other = Answer(status=options["status"], body=raw, content_type=content_type or "text/plain; charset=utf-8")
    else:
        other = json_answer(body, options["status"])
    if content_type:
        other = replace(other, content_type=content_type)
    return _like(answer, replace(other, headers=tuple((options["headers"] or {}).items())))


def _html(answer: Answer, options: Options) -> Answer:
    return replace(_bare(answer), status=options["status"], body=_LOGIN_PAGE.encode(), content_type=HTML)


def _empty(answer: Answer, options: Options) -> Answer:
    return replace(_bare(answer), status=options["status"], content_type=None, encoded=True)


def _null_items(answer: Answer, _: Options) -> Answer:
    total = answer.total or 0
    return replace(_bare(answer), body=list_body(None, total).encode(), total=total)


def _error_in_200(answer: Answer, options: Options) -> Answer:
    body = options["body"]
    if body is None:
        body = {"ErrorMessage": "Object reference not set to an instance of an object.", "ErrorSource": "Delta"}
    return _like(answer, json_answer(body))


def _wrong_json(answer: Answer, options: Options) -> Answer:
    body = options["body"]
    if body is None:
        body = WRONG_JSON[options["variant"]](list(answer.items or ()), answer.total or 0)
    return replace(_bare(answer), body=body if isinstance(body, bytes) else str(body).encode())


WRONG_JSON: Final[Mapping[str, Callable[[list[str], int], str | bytes]]] = {
    "nan": lambda items, total: list_body([*items[:-1], '{"UserID":1,"Rating":NaN}'], total),
    "list": lambda items, _: f"[{','.join(items)}]",
    "scalar": lambda _, __: "true",
    "string": lambda _, __: json.dumps("An error has occurred."),
    "no_total": lambda items, _: f'{{"Items":[{",".join(items)}]}}',
    "text_total": lambda items, _: f'{{"Items":[{",".join(items)}],"TotalResults":"many"}}',
    "duplicate_key": lambda items, total: f'{{"Items":[{",".join(items)}],"Items":[],"TotalResults":{total}}}',
    "deep": lambda _, total: f'{{"Items":{"[" * 100_000}{"]" * 100_000},"TotalResults":{total}}}',
    "not_utf8": lambda _, total: b'{"Items":[{"UserID":1,"FirstName":"Zo\xeb"}],"TotalResults":%d}' % total,
    "trailing": lambda items, total: list_body(items, total) + "<!-- 12 ms -->",
}


def _redirect(answer: Answer, options: Options) -> Answer:
    headers = (("Location", options["location"]),)
    return replace(_bare(answer), status=options["status"], headers=headers, content_type=None, encoded=True)


def _bomb(answer: Answer, options: Options) -> Answer:
    headers = (("Content-Encoding", "gzip"),)
    return replace(_bare(answer), body=_compressed_blanks(options["megabytes"]), headers=headers, encoded=True)


@functools.lru_cache(maxsize=2)
def _compressed_blanks(megabytes: int) -> bytes:
    """Compress a valid page with this much white space in it; a hundred megabytes become about a tenth of one."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, 31)
    blanks = b" " * 1_000_000
    pieces = [compressor.compress(b'{"Items":[')]
    pieces += [compressor.compress(blanks) for _ in range(megabytes)]
    pieces += [compressor.compress(b'],"TotalResults":0}'), compressor.flush()]
    return b"".join(pieces)


def _bad_gzip(answer: Answer, options: Options) -> Answer:
    compressed = answer.gzipped()
    body = bytearray(compressed.body)
    # Neither the ten bytes of the header nor the trailer: the damage is in the data.
    place = min(max(int(len(body) * options["flip"]), 10), len(body) - 9)
    body[place] ^= 0xFF
    return replace(compressed, body=bytes(body))


def _cut_gzip(answer: Answer, options: Options) -> Answer:
    compressed = answer.gzipped()
    return replace(compressed, body=compressed.body[: -options["bytes"]])


def _kept(body: bytes, options: Options) -> bytes:
    count = int(len(body) * options["keep"]) if options["bytes"] is None else options["bytes"]
    return body[:count]


def _cut_body(answer: Answer, options: Options) -> Outcome:
    head = answer.head(f"Content-Length: {len(answer.body)}")
    return answer, Script(answer.status, (head + _kept(answer.body, options),))


def _cut_chunked(answer: Answer, options: Options) -> Outcome:
    head = answer.head("Transfer-Encoding: chunked")
    kept = _kept(answer.body, options)
    chunk = b"%x\r\n%s\r\n" % (len(kept), kept) if kept else b""
    return answer, Script(answer.status, (head + chunk,))  # the closing chunk of length 0 never comes


def _cut_eof(answer: Answer, options: Options) -> Outcome:
    if answer.items is None:
        kept, body = answer, answer.body[: int(len(answer.body) * options["keep"])]
    else:
        count = int(len(answer.items) * options["keep"])
        kept = replace(answer, items=answer.items[:count], user_ids=answer.user_ids[:count])
        body = list_body(answer.items[:count], answer.total or 0).encode()
    return kept, Script(answer.status, (answer.head(version="HTTP/1.0") + body,))


def _reset(answer: Answer, options: Options) -> Outcome:
    head = answer.head(f"Content-Length: {len(answer.body)}")
    # The pause lets the client read what came before the RST tears the connection.
    return answer, Script(answer.status, (head, _kept(answer.body, options)), linger_s=0.05, end="reset")


def _slow_drip(answer: Answer, options: Options) -> Outcome:
    head = answer.head(f"Content-Length: {len(answer.body)}")
    drops = (answer.body[place : place + 1] for place in range(len(answer.body)))
    return answer, Script(answer.status, (head, *drops), pause_s=options["seconds_per_byte"])


def _hang(answer: Answer, options: Options) -> Outcome:
    head = answer.head(f"Content-Length: {len(answer.body)}")
    return answer, Script(answer.status, (head + answer.body[: options["bytes"]],), linger_s=options["hang_s"])


_ANSWERS: Final[Mapping[str, Callable[[Answer, Options], Answer]]] = {
    "status": _status,
    "html": _html,
    "empty": _empty,
    "null_items": _null_items,
    "error_in_200": _error_in_200,
    "wrong_json": _wrong_json,
    "redirect": _redirect,
    "bomb": _bomb,
    "bad_gzip": _bad_gzip,
    "cut_gzip": _cut_gzip,
}
_SCRIPTS: Final[Mapping[str, Callable[[Answer, Options], Outcome]]] = {
    "cut_body": _cut_body,
    "cut_chunked": _cut_chunked,
    "cut_eof": _cut_eof,
    "reset": _reset,
    "slow_drip": _slow_drip,
    "hang": _hang,
}
