"""The endpoints: each a function from a request to an answer, without sockets."""

import json
from dataclasses import replace
from typing import Any, Final
from urllib.parse import unquote

from sc_pandas.sandbox import rendering
from sc_pandas.sandbox.binding import BindingError, bind, integer
from sc_pandas.sandbox.log import Endpoint
from sc_pandas.sandbox.logins import Login, Logins
from sc_pandas.sandbox.messages import Answer, Request, json_answer, message
from sc_pandas.sandbox.options import Options
from sc_pandas.sandbox.store import Store

URL_BYTES_AT_MOST: Final = 2048


class Service:
    """Answers requests out of a store."""

    def __init__(self, options: Options, store: Store, url: str) -> None:
        self.logins = Logins(options)
        self._options = options
        self._store = store
        self._url = url

    def answer(self, endpoint: Endpoint, request: Request) -> Answer:
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
