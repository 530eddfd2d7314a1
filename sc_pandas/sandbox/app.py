"""The front of the sandbox: requests in, answers or raw bytes out, everything written to the truth log."""

import logging
import re
import threading
import time
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from sc_pandas.sandbox.faults import Fault, FaultPlan
from sc_pandas.sandbox.log import Endpoint, LogEntry, TruthLog
from sc_pandas.sandbox.messages import Answer, Request, Script, message, throttled
from sc_pandas.sandbox.options import Options
from sc_pandas.sandbox.quota import Quota
from sc_pandas.sandbox.service import Service

_logger = logging.getLogger(__name__)

# The vendor counts calls by user; the other endpoints do not know who is asking.
_COUNTED: Final = frozenset({"token", "list", "detail"})
_DATA: Final = frozenset({"list", "detail"})
# As in ASP.NET, case and a trailing slash do not matter.
_ROUTES: Final[tuple[tuple[Endpoint, str, str], ...]] = (
    ("token", "POST", "/rest/api/token/*"),
    ("list", "GET", "/rest/api/customers/*"),
    ("detail", "GET", "/rest/api/customers/[^/]+/*"),
    ("team", "GET", "(?:/rest)?/api/server-by-team/*"),
)


@dataclass(frozen=True)
class Front:
    """Everything a request meets on its way to the service and back."""

    options: Options
    service: Service
    quota: Quota
    faults: FaultPlan
    log: TruthLog

    def respond(self, request: Request, closed: threading.Event) -> Answer | Script:
        """Answer a request and log it; every wait ends when the sandbox closes."""
        arrived = time.monotonic()
        endpoint, failure = _routed(request)
        locked_s = self.quota.locked_s() if endpoint in _COUNTED else 0.0
        wait_s = locked_s or (self.quota.admit() if endpoint in _COUNTED else None)
        refusal = throttled(wait_s) if wait_s else None
        fault = None if refusal else self.faults.draw(endpoint)
        if fault and fault.kind == "throttle":
            self.quota.lock_for(fault.options["reset_in_s"])
            refusal = throttled(**fault.options)
        elif refusal is None:
            self._wait(endpoint, fault, closed)
        answer = refusal or failure or self._answer(endpoint, request, fault)
        sent = fault.spoil(answer) if fault and not refusal else answer
        if isinstance(sent, Answer):
            answer = sent
        login = self.service.logins.find(request.headers)
        self.log.append(
            LogEntry(
                kind="request",
                at=arrived,
                endpoint=endpoint,
                method=request.method,
                path=request.path,
                params=() if endpoint == "token" else request.pairs,
                status=answer.status,
                user_ids=answer.user_ids,
                total=answer.total,
                fault=fault.name if fault else None,
                early=locked_s > 0.0,
                token=answer.token or (login.label if login else None),
                headers_seen=tuple(sorted(request.headers)),
                media_type=request.media_type,
                scheme=request.scheme,
            )
        )
        accepts_gzip = "gzip" in request.headers.get("accept-encoding", "")
        return sent.gzipped() if isinstance(sent, Answer) and sent.body and accepts_gzip else sent

    def _wait(self, endpoint: Endpoint, fault: Fault | None, closed: threading.Event) -> None:
        seconds = self.options.latency_s if endpoint in _DATA else 0.0
        seconds += fault.options["delay_s"] if fault and fault.kind == "delay" else 0.0
        if seconds:
            closed.wait(seconds)

    def _answer(self, endpoint: Endpoint, request: Request, fault: Fault | None) -> Answer:
        if fault and fault.kind == "token_death":
            self.service.logins.expire_all()
        if fault and fault.kind == "repeat_page":
            request = request.for_first_page()
        try:
            return self.service.answer(endpoint, request)
        except Exception:
            _logger.exception("the sandbox failed on %s %s", request.method, request.path)
            return message("An error has occurred.", 500)


def _routed(request: Request) -> tuple[Endpoint, Answer | None]:
    """Find the endpoint that a request is for, or the answer that there is none."""
    path, method = unquote(request.path), request.method
    for endpoint, allowed, pattern in _ROUTES:
        if re.fullmatch(pattern, path, re.IGNORECASE):
            if method in {allowed, "HEAD" if allowed == "GET" else allowed}:
                return endpoint, None
            text = f"The requested resource does not support http method '{method}'."
            return "other", message(text, 405, headers=(("Allow", allowed),))
    return "other", message(f"No HTTP resource was found that matches the request URI '{path}'.", 404)
