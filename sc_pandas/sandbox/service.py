"""The endpoints: each a function from a call to an answer, without sockets."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import parse_qsl

from sc_pandas.sandbox import rendering
from sc_pandas.sandbox.answers import Answer, json_answer, message
from sc_pandas.sandbox.binding import BindingError, bind, integer
from sc_pandas.sandbox.log import Endpoint
from sc_pandas.sandbox.logins import Login, Logins
from sc_pandas.sandbox.options import Options
from sc_pandas.sandbox.store import Store

URL_BYTES_AT_MOST: Final = 2048
_INVALID: Final = "The request is invalid."


@dataclass(frozen=True)
class Call:
    """A request as the service sees it."""

    endpoint: Endpoint
    method: str
    path: str
    target_bytes: int
    pairs: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes
    customer_id: str = ""

    def to_first_page(self) -> "Call":
        """Give the same call for page 1."""
        pairs = tuple(pair for pair in self.pairs if pair[0].casefold().removeprefix("model.") != "pagenumber")
        return replace(self, pairs=pairs)


class Service:
    """Answers calls out of a store.

    Parameters
    ----------
    options : Options
        How this server behaves.
    store : Store
        Its customers.
    url : str
        Its own address, for the team look-up.
    """

    def __init__(self, options: Options, store: Store, url: str) -> None:
        self.logins = Logins(options)
        self._options = options
        self._store = store
        self._url = url
        self._handlers: dict[Endpoint, Callable[[Call], Answer]] = {
            "token": self._token,
            "list": self._guarded(self._list),
            "detail": self._guarded(self._detail),
            "team": self._team,
        }

    def answer(self, call: Call) -> Answer:
        """Answer one call."""
        if call.target_bytes > URL_BYTES_AT_MOST:
            # IIS refuses long query strings as 404.15 and long URLs as 414; which one a client meets is not known.
            return message("The request URI is too long.", 414)
        return self._handlers[call.endpoint](call)

    def _token(self, call: Call) -> Answer:
        try:
            given = _credentials(call)
        except _UnsupportedMediaTypeError as error:
            return _unsupported(str(error))
        except ValueError:
            return message(_INVALID, 400)
        missing = [name for name in ("Username", "Password") if not isinstance(given.get(name.casefold()), str)]
        if missing:
            state = {f"model.{name}": [f"The {name} field is required."] for name in missing}
            return json_answer({"Message": _INVALID, "ModelState": state}, 400)
        if not self.logins.accepts(given["username"], given["password"]):
            return message("Sorry, invalid username or password", self._options.bad_login_status)
        login, body = self.logins.give()
        return json_answer(body, token=login.label, authorized=True, headers=(("Cache-Control", "no-store"),))

    def _guarded(self, handler: Callable[[Call], Answer]) -> Callable[[Call], Answer]:
        """Let only living tokens through; each call wears a token out."""

        def guarded(call: Call) -> Answer:
            login = self.logins.find(call.headers)
            if login is None or not login.alive:
                return _refused(login)
            login.calls_left -= 1
            answer = handler(call)
            if self._options.insists_on_json and _media_type(call) != "application/json":
                answer = _unsupported(_media_type(call))
            return replace(answer, authorized=True, token=login.label)

        return guarded

    def _list(self, call: Call) -> Answer:
        try:
            asked = bind(call.pairs, self._options.dialects)
        except BindingError as error:
            return json_answer({"Message": _INVALID, "ModelState": error.model_state}, 400)
        page = self._store.page(asked)
        body = rendering.list_body(page.items, page.total).encode()
        return Answer(body=body, items=page.items, user_ids=page.user_ids, total=page.total)

    def _detail(self, call: Call) -> Answer:
        try:
            customer_id = integer(call.customer_id)
        except ValueError:
            state = {"id": [f"The value '{call.customer_id}' is not valid for Int32."]}
            return json_answer({"Message": _INVALID, "ModelState": state}, 400)
        record = self._store.record(customer_id)
        if record is None:
            return message(f"Customer with ID {customer_id} was not found.", self._options.unknown_id_status)
        return Answer(body=rendering.detail(record).encode(), user_ids=(record["user_id"],))

    def _team(self, call: Call) -> Answer:
        asked = next((value for name, value in call.pairs if name.casefold() == "team"), "").casefold()
        for name, endpoint in self._options.teams.items():
            if name.casefold() == asked:
                return json_answer(
                    {
                        "Success": True,
                        "RestApiEndpoint": f"{self._url}/rest/" if endpoint is None else endpoint,
                        "ServerID": name,
                        "ApiUrl": f"{self._url}/rest/api/",
                    }
                )
        return json_answer({"Success": False, "Message": "Team name not found. Please try again."})


def _refused(login: Login | None) -> Answer:
    return message(
        "Authorization has been denied for this request.",
        401,
        headers=(("WWW-Authenticate", 'Bearer error="invalid_token", error_description="Invalid token"'),),
        token=login.label if login else None,
    )


def _media_type(call: Call) -> str:
    return call.headers.get("content-type", "").partition(";")[0].strip().casefold()


def _unsupported(media_type: str) -> Answer:
    return message(f"The request entity's media type '{media_type}' is not supported for this resource.", 415)


class _UnsupportedMediaTypeError(Exception):
    """The body is of a type the login does not read."""


def _credentials(call: Call) -> dict[str, Any]:
    """Read a login's body, its keys in lower case."""
    media_type = _media_type(call) or "application/json"
    text = call.body.decode()
    if media_type == "application/x-www-form-urlencoded":
        return {name.casefold(): value for name, value in parse_qsl(text, keep_blank_values=True)}
    if media_type not in {"application/json", "text/json"}:
        raise _UnsupportedMediaTypeError(media_type)
    given = json.loads(text)
    if not isinstance(given, dict):
        raise ValueError("not an object")  # noqa: TRY004 - to the caller it is one more unreadable body
    return {name.casefold(): value for name, value in given.items()}
