"""The service on Starlette: requests in, answers or raw bytes out, everything written to the truth log."""

import asyncio
import logging
import socket
import struct
import time
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from sc_pandas.sandbox.answers import Answer, message, throttled
from sc_pandas.sandbox.faults import Fault, FaultPlan
from sc_pandas.sandbox.log import Endpoint, LogEntry, TruthLog
from sc_pandas.sandbox.options import Options
from sc_pandas.sandbox.quota import Quota
from sc_pandas.sandbox.service import Call, Service
from sc_pandas.sandbox.tampering import Script, tampered

_logger = logging.getLogger(__name__)

# The vendor counts calls by user; the other endpoints do not know who is asking.
_COUNTED: Final = frozenset({"token", "list", "detail"})
_DATA: Final = frozenset({"list", "detail"})
_ABRUPT: Final = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 s: closing sends RST


@dataclass(frozen=True)
class Front:
    """Everything a request meets on its way to the service and back.

    Parameters
    ----------
    options : Options
        Latency, compression, throttling.
    service : Service
        Computes the right answer.
    quota : Quota
        Counts calls and holds the lock of a throttle.
    faults : FaultPlan
        Spoils answers on order.
    log : TruthLog
        Gets an entry for each request.
    """

    options: Options
    service: Service
    quota: Quota
    faults: FaultPlan
    log: TruthLog

    async def respond(self, endpoint: Endpoint, request: Request, failure: Answer | None = None) -> Response:
        """Answer a request, log it, and give what is to be sent."""
        arrived = time.monotonic()
        call = await _call(endpoint, request)
        locked_s = self.quota.locked_s() if endpoint in _COUNTED else 0.0
        refusal = self._refusal(endpoint, locked_s)
        fault = None if refusal else self.faults.draw(endpoint)
        if fault and fault.kind == "throttle":
            refusal = self._throttle(fault)
        elif refusal is None:
            await self._wait(endpoint, fault)
        answer = refusal or failure or await self._answer(call, fault)
        script: Script | None = None
        accepts_gzip = self.options.compress and "gzip" in request.headers.get("accept-encoding", "")
        if fault and not refusal:
            answer, script = tampered(fault.kind, fault.options, answer, gzip_accepted=accepts_gzip)
        self.log.append(
            LogEntry(
                kind="request",
                at=arrived,
                endpoint=endpoint,
                method=request.method,
                path=call.path,
                params=() if endpoint == "token" else call.pairs,
                status=answer.status,
                user_ids=answer.user_ids,
                total=answer.total,
                fault=fault.kind if fault else None,
                early=locked_s > 0.0,
                authorized=answer.authorized,
                token=answer.token or self._label(call),
                headers_seen=tuple(sorted({name.lower() for name in request.headers})),
                media_type=request.headers.get("content-type", ""),
                scheme=_scheme(request.headers.get("authorization", "")),
            )
        )
        return ScriptedResponse(script) if script else _response(answer, gzip_accepted=accepts_gzip)

    def _refusal(self, endpoint: Endpoint, locked_s: float) -> Answer | None:
        if endpoint not in _COUNTED:
            return None
        wait_s = locked_s or self.quota.admit()
        if not wait_s:
            return None
        return throttled(wait_s, status=self.options.throttle_status, retry_after=self.options.retry_after)

    def _throttle(self, fault: Fault) -> Answer:
        asked = fault.options
        self.quota.lock_for(asked["reset_in_s"])
        retry_after = self.options.retry_after if asked["retry_after"] is None else asked["retry_after"]
        return throttled(
            asked["reset_in_s"],
            status=asked["status"] or self.options.throttle_status,
            retry_after=retry_after if isinstance(retry_after, bool) else str(retry_after),
            body_extra=asked["body_extra"],
        )

    async def _wait(self, endpoint: Endpoint, fault: Fault | None) -> None:
        seconds = self.options.latency_s if endpoint in _DATA else 0.0
        seconds += fault.options["delay_s"] if fault and fault.kind == "delay" else 0.0
        if seconds:
            await asyncio.sleep(seconds)

    async def _answer(self, call: Call, fault: Fault | None) -> Answer:
        if fault and fault.kind == "token_death":
            self.service.logins.expire_all()
        if fault and fault.kind == "repeat_page":
            call = call.to_first_page()
        try:
            return self.service.answer(call)
        except Exception:
            _logger.exception("the sandbox failed on %s %s", call.method, call.path)
            return message("An error has occurred.", 500)

    def _label(self, call: Call) -> str | None:
        login = self.service.logins.find(call.headers)
        return login.label if login else None


def _scheme(authorization: str) -> str:
    scheme, space, _ = authorization.partition(" ")
    return scheme if space else ""


class ScriptedResponse(Response):
    """Writes a script's bytes to the connection itself, past the HTTP library that would refuse them."""

    def __init__(self, script: Script) -> None:
        super().__init__(status_code=script.status)
        self._script = script

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        """Play the script and hang up."""
        transport: asyncio.Transport = scope["state"]["transport"]
        for piece in self._script.pieces:
            if transport.is_closing():
                break
            transport.write(piece)
            if self._script.pause_s:
                await asyncio.sleep(self._script.pause_s)
        await _sleep_while_open(transport, self._script.linger_s)
        if self._script.end == "reset":
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABRUPT)
            transport.abort()
        else:
            transport.close()
        while (await receive())["type"] != "http.disconnect":
            pass  # what is left of the request's body


async def _sleep_while_open(transport: asyncio.Transport, seconds: float) -> None:
    end = time.monotonic() + seconds
    # Nothing tells a writer that the other side has gone; asking ten times a second is often enough.
    while not transport.is_closing() and (left := end - time.monotonic()) > 0:  # noqa: ASYNC110
        await asyncio.sleep(min(left, 0.1))


def _response(answer: Answer, *, gzip_accepted: bool) -> Response:
    sent = answer.gzipped() if gzip_accepted and answer.body and not answer.encoded else answer
    response = Response(sent.body, sent.status)
    for name, value in sent.all_headers():
        response.headers.append(name, value)
    return response


async def _call(endpoint: Endpoint, request: Request) -> Call:
    raw_path: bytes = request.scope["raw_path"]
    query: bytes = request.scope["query_string"]
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True) if query else []
    return Call(
        endpoint=endpoint,
        method=request.method,
        path=raw_path.decode("latin-1"),
        target_bytes=len(raw_path) + (len(query) + 1 if query else 0),
        pairs=tuple(pairs),
        headers=request.headers,
        body=await request.body() if endpoint == "token" else b"",
        customer_id=str(request.path_params.get("id", "")),
    )


def build(front: Front) -> ASGIApp:
    """Put a front on its routes."""

    def at(path: str, endpoint: Endpoint, method: str = "GET") -> Route:
        async def handle(request: Request) -> Response:
            return await front.respond(endpoint, request)

        return Route(path, handle, methods=[method])

    async def no_such_route(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        headers: dict[str, Any] = dict(getattr(error, "headers", None) or {})
        text = {
            404: f"No HTTP resource was found that matches the request URI '{request.url.path}'.",
            405: f"The requested resource does not support http method '{request.method}'.",
        }.get(status, "An error has occurred.")
        return await front.respond("other", request, replace(message(text, status), headers=tuple(headers.items())))

    starlette = Starlette(
        routes=[
            at("/rest/api/token", "token", "POST"),
            at("/rest/api/customers", "list"),
            at("/rest/api/customers/{id}", "detail"),
            at("/rest/api/server-by-team", "team"),
            at("/api/server-by-team", "team"),
            at("/rest/swagger/docs/v1", "swagger"),
        ],
        exception_handlers={HTTPException: no_such_route},
    )
    return _hanging_up_quietly(_without_regard_to_case(starlette))


def _hanging_up_quietly(app: ASGIApp) -> ASGIApp:
    """Keep uvicorn from reporting as errors the requests that are cut off when the sandbox closes."""

    async def quiet(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        except asyncio.CancelledError:
            scope["state"]["transport"].abort()
            await asyncio.sleep(0)  # lets the protocol hear of it before this task ends

    return quiet


def _without_regard_to_case(app: ASGIApp) -> ASGIApp:
    """Route as ASP.NET does: case and a trailing slash do not matter."""

    async def routed(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"].lower().rstrip("/")
        await app({**scope, "path": path or "/"}, receive, send)

    return routed
