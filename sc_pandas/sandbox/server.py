"""What a request meets: quota, faults, the endpoints and the truth log; requests in, answers or raw bytes out."""

import json
import logging
import re
import threading
import time
from dataclasses import replace
from typing import Any, Final
from urllib.parse import unquote

from sc_pandas.sandbox import rendering
from sc_pandas.sandbox.binding import BindingError, bind, integer
from sc_pandas.sandbox.faults import Fault, FaultPlan
from sc_pandas.sandbox.log import Endpoint, LogEntry, TruthLog
from sc_pandas.sandbox.logins import Login, Logins
from sc_pandas.sandbox.messages import Answer, Request, Script, json_answer, message, throttled
from sc_pandas.sandbox.options import Options
from sc_pandas.sandbox.quota import Quota
from sc_pandas.sandbox.store import Store

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
URL_BYTES_AT_MOST: Final = 2048


class Server:
    """Answers requests out of a store, and writes each to the log."""

    def __init__(self, options: Options, store: Store, url: str) -> None:
        self.logins = Logins(options)
        self.quota = Quota(options.calls_per_hour)
        self.faults = FaultPlan()
        self.log = TruthLog()
        self._options = options
        self._store = store
        self._url = url

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
        login = self.logins.find(request.headers)
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
        seconds = self._options.latency_s if endpoint in _DATA else 0.0
        seconds += fault.options["delay_s"] if fault and fault.kind == "delay" else 0.0
        if seconds:
            closed.wait(seconds)

    def _answer(self, endpoint: Endpoint, request: Request, fault: Fault | None) -> Answer:
        if fault and fault.kind == "token_death":
            self.logins.expire_all()
        if fault and fault.kind == "repeat_page":
            request = request.for_first_page()
        try:
            return self._right_answer(endpoint, request)
        except Exception:
            _logger.exception("the sandbox failed on %s %s", request.method, request.path)
            return message("An error has occurred.", 500)

    def _right_answer(self, endpoint: Endpoint, request: Request) -> Answer:
        """Answer one request; for customers only with a living token, which each call wears out."""
        if len(request.target) > URL_BYTES_AT_MOST:
            # IIS refuses long query strings as 404.15 and long URLs as 414; which one a client meets is not known.
            return message("The request URI is too long.", 414)
        if endpoint == "token":
            return self._token(request)
        if endpoint == "team":
            return self._team(request)
        login = self.logins.find(request.headers)
        if login is None or login.calls_left <= 0:
            return _refused(login)
        login.calls_left -= 1
        if self._options.insists_on_json and request.media_type != "application/json":
            return _unsupported(request)
        return self._list(request) if endpoint == "list" else self._detail(request)

    def _token(self, request: Request) -> Answer:
        if request.media_type not in {"", "application/json", "text/json"}:
            return _unsupported(request)
        try:
            given = _credentials(request)
        except ValueError:
            return _invalid()
        missing = [name for name in ("Username", "Password") if not isinstance(given.get(name.casefold()), str)]
        if missing:
            return _invalid({f"model.{name}": [f"The {name} field is required."] for name in missing})
        if not self.logins.accepts(given["username"], given["password"]):
            return message("Sorry, invalid username or password", 400)
        login, body = self.logins.give()
        return json_answer(body, token=login.label, headers=(("Cache-Control", "no-store"),))

    def _list(self, request: Request) -> Answer:
        try:
            asked = bind(request.pairs, self._options.dialects)
        except BindingError as error:
            return _invalid(error.model_state)
        rows, total = self._store.page(asked)
        items = None if rows is None else tuple(row.item for row in rows)
        user_ids = tuple(row.user_id for row in rows or ())
        return Answer(body=rendering.list_body(items, total), items=items, user_ids=user_ids, total=total)

    def _detail(self, request: Request) -> Answer:
        text = unquote(request.path).rstrip("/").rpartition("/")[2]
        try:
            customer_id = integer(text)
        except ValueError:
            return _invalid({"id": [f"The value '{text}' is not valid for Int32."]})
        record = self._store.record(customer_id)
        if record is None:
            return message(f"Customer with ID {customer_id} was not found.", 404)
        return Answer(body=rendering.detail(record), user_ids=(customer_id,))

    def _team(self, request: Request) -> Answer:
        asked = next((value for name, value in request.pairs if name.casefold() == "team"), "")
        if asked.casefold() != "sandbox":
            return json_answer({"Success": False, "Message": "Team name not found. Please try again."})
        addresses = {"RestApiEndpoint": f"{self._url}/rest/", "ApiUrl": f"{self._url}/rest/api/"}
        return json_answer({"Success": True, "ServerID": "sandbox"} | addresses)


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


def _refused(login: Login | None) -> Answer:
    answer = message("Authorization has been denied for this request.", 401)
    reason = 'Bearer error="invalid_token", error_description="Invalid token"'
    return replace(answer, headers=(("WWW-Authenticate", reason),), token=login.label if login else None)


def _invalid(model_state: dict[str, list[str]] | None = None) -> Answer:
    details = {"ModelState": model_state} if model_state else {}
    return json_answer({"Message": "The request is invalid."} | details, 400)


def _unsupported(request: Request) -> Answer:
    text = f"The request entity's media type '{request.media_type}' is not supported for this resource."
    return message(text, 415)


def _credentials(request: Request) -> dict[str, Any]:
    """Read a login's body, its keys in lower case."""
    given = json.loads(request.body)
    if not isinstance(given, dict):
        raise ValueError("not an object")  # noqa: TRY004 - to the caller it is one more unreadable body
    return {name.casefold(): value for name, value in given.items()}
