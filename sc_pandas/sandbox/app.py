"""The front of the sandbox: requests in, answers or raw bytes out, everything written to the truth log."""

import logging
import re
import threading
import time
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, unquote

from sc_pandas.sandbox.answers import Answer, message, throttled
from sc_pandas.sandbox.faults import Fault, FaultPlan
from sc_pandas.sandbox.listening import Request
from sc_pandas.sandbox.log import Endpoint, LogEntry, TruthLog
from sc_pandas.sandbox.options import Options
from sc_pandas.sandbox.quota import Quota
from sc_pandas.sandbox.service import Call, Service
from sc_pandas.sandbox.tampering import Script, tampered

_logger = logging.getLogger(__name__)

# The vendor counts calls by user; the other endpoints do not know who is asking.
_COUNTED: Final = frozenset({"token", "list", "detail"})
_DATA: Final = frozenset({"list", "detail"})
# As in ASP.NET, case and a trailing slash do not matter.
_ROUTES: Final[tuple[tuple[Endpoint, str, str], ...]] = (
    ("token", "POST", "/rest/api/token/*"),
    ("list", "GET", "/rest/api/customers/*"),
    ("detail", "GET", "/rest/api/customers/([^/]+)/*"),
    ("team", "GET", "(?:/rest)?/api/server-by-team/*"),
)


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

    def respond(self, request: Request, closed: threading.Event) -> Answer | Script:
        """Answer a request and log it; every wait ends when the sandbox closes."""
        arrived = time.monotonic()
        call, failure = _routed(request)
        locked_s = self.quota.locked_s() if call.endpoint in _COUNTED else 0.0
        refusal = self._refusal(call.endpoint, locked_s)
        fault = None if refusal else self.faults.draw(call.endpoint)
        if fault and fault.kind == "throttle":
            refusal = self._throttle(fault)
        elif refusal is None:
            self._wait(call.endpoint, fault, closed)
        answer = refusal or failure or self._answer(call, fault)
        script: Script | None = None
        accepts_gzip = self.options.compress and "gzip" in request.headers.get("accept-encoding", "")
        if fault and not refusal:
            answer, script = tampered(fault.kind, fault.options, answer, gzip_accepted=accepts_gzip)
        self.log.append(
            LogEntry(
                kind="request",
                at=arrived,
                endpoint=call.endpoint,
                method=request.method,
                path=call.path,
                params=() if call.endpoint == "token" else call.pairs,
                status=answer.status,
                user_ids=answer.user_ids,
                total=answer.total,
                fault=fault.kind if fault else None,
                early=locked_s > 0.0,
                authorized=answer.authorized,
                token=answer.token or self._label(call),
                headers_seen=tuple(sorted(request.headers)),
                media_type=request.headers.get("content-type", ""),
                scheme=_scheme(request.headers.get("authorization", "")),
            )
        )
        if script is None and accepts_gzip and answer.body and not answer.encoded:
            return answer.gzipped()
        return script or answer

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

    def _wait(self, endpoint: Endpoint, fault: Fault | None, closed: threading.Event) -> None:
        seconds = self.options.latency_s if endpoint in _DATA else 0.0
        seconds += fault.options["delay_s"] if fault and fault.kind == "delay" else 0.0
        if seconds:
            closed.wait(seconds)

    def _answer(self, call: Call, fault: Fault | None) -> Answer:
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


def _routed(request: Request) -> tuple[Call, Answer | None]:
    """Find the endpoint that a request is for, or the answer that there is none."""
    path = unquote(request.path)
    endpoint, customer_id, failure = _endpoint(request.method, path)
    query = request.query
    call = Call(
        endpoint=endpoint,
        method=request.method,
        path=request.path,
        target_bytes=len(request.path) + (len(query) + 1 if query else 0),
        pairs=tuple(parse_qsl(query, keep_blank_values=True)) if query else (),
        headers=request.headers,
        body=request.body if endpoint == "token" else b"",
        customer_id=customer_id,
    )
    return call, failure


def _endpoint(method: str, path: str) -> tuple[Endpoint, str, Answer | None]:
    for endpoint, allowed, pattern in _ROUTES:
        found = re.fullmatch(pattern, path, re.IGNORECASE)
        if found is None:
            continue
        if method in {allowed, "HEAD" if allowed == "GET" else allowed}:
            return endpoint, "".join(found.groups()), None
        text = f"The requested resource does not support http method '{method}'."
        return "other", "", message(text, 405, headers=(("Allow", allowed),))
    return "other", "", message(f"No HTTP resource was found that matches the request URI '{path}'.", 404)
