"""Calls with a secret that go wrong: each raises, and no tool that prints the locals of a traceback may show the secret.

The secret comes out of a file, so that it stands in no line of these calls.
"""

import _thread
import contextlib
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pandas as pd

import sc_pandas as sc
from sc_pandas.query.connection import Connection
from sc_pandas.settings import Credentials, Secret
from tests.support.shops import QUICK

FILE: Final = "SECRET_OF_THE_TEST"


def word() -> str:
    return Path(os.environ[FILE]).read_text()


def frame() -> pd.DataFrame:
    made = pd.DataFrame({"user_id": [1], "rating_name": ["a"]})
    made.attrs = {"sellercloud": {"base_url": "https://tt.api.sellercloud.com/rest"}}
    return made


@contextlib.contextmanager
def server(answer: Callable[[], bytes] | None) -> Iterator[str]:
    """Return a server that takes one request after the other and answers, or does not."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            held = []
            with contextlib.suppress(OSError):
                while True:
                    held.append(listening.accept()[0])
                    if answer is not None:
                        held[-1].recv(65_536)
                        body = answer()
                        held[-1].sendall(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
                        held[-1].close()

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/rest"
        listening.shutdown(socket.SHUT_RDWR)


def shop_at(url: str, **login: Any) -> Connection:
    return Connection(url, Credentials("u@x.test", **login), policy=QUICK)


def log_in(url: str, **login: Any) -> None:
    with shop_at(url, **login) as shop:
        shop.log_in()


def count(url: str, **login: Any) -> None:
    with shop_at(url, **login) as shop:
        shop.customers(cache="off").count()


def answered(answer: Callable[[], bytes] | None, ask: Callable[..., None], **login: Any) -> None:
    """Ask a server that answers every request alike; one that never does is stopped by Ctrl-C."""
    with server(answer) as url:
        if answer is None:
            threading.Timer(0.4, _thread.interrupt_main).start()
        ask(url, **login)


def too_late(ask: Callable[[Connection], object]) -> None:
    with sc.connect("tt", username="u@x.test", password=word()) as shop:
        ask(shop)


def login_of_another_server() -> None:
    os.environ |= {"SELLERCLOUD_SERVER": "mine", "SELLERCLOUD_USERNAME": "u@x.test", "SELLERCLOUD_PASSWORD": word()}
    sc.connect("other")


def careless(password: str) -> None:
    raise ValueError("a frame that holds it")


def control() -> None:
    """Return what each tool shows of a frame that holds a secret."""
    careless(word())


NOBODY: Final = "http://127.0.0.1:9/rest"
ME: Final = "u@x.test"
read: Final[Any] = sc.read_sellercloud_customers
connect: Final[Any] = sc.connect
WAYS: Final[dict[str, Callable[[], object]]] = {
    "misspelt filter": lambda: read("tt", username=ME, password=word(), citty="Brno"),
    "misspelt password": lambda: read("tt", username=ME, pasword=word()),
    "wrong value": lambda: read("tt", username=ME, token=word(), rating="Satisfide"),
    "wrong server": lambda: connect("tt.evil", username=ME, password=word()),
    "server with login": lambda: connect(f"https://u:{word()}@tt.api.sellercloud.com/rest"),
    "read from server with login": lambda: read(f"https://tt.api.sellercloud.com/rest?token={word()}", citty="Brno"),
    "wrong timeout": lambda: connect("tt", username=ME, password=word(), timeout=-1),
    "no number of seconds": lambda: connect("tt", username=ME, password=word(), max_wait="soon"),
    "wrong dialect": lambda: connect("tt", username=ME, password=word(), dialect="swager"),
    "wrong zone": lambda: connect("tt", username=ME, token=word(), server_timezone="Mars"),
    "no user": lambda: connect("tt", password=word()),
    "bytes for text": lambda: connect("tt", username=ME, password=word().encode()),
    "token with a line end": lambda: connect("tt", token=f"{word()}\n"),
    "too late": lambda: too_late(lambda shop: shop.customers(password=word())),  # type: ignore[call-arg]
    "panel too late": lambda: too_late(lambda shop: shop.panel(token=word())),  # type: ignore[call-arg]
    "no filter": lambda: sc.CustomerFilter.of(passwd=word()),
    "refresh with login": lambda: frame().sellercloud.refresh(username=ME, password=word()),
    "where with login": lambda: sc.SellerCloudAccessor(frame()).where(pasword=word()),  # type: ignore[call-arg]
    "simple key": lambda: frame().sellercloud.pseudonymize(word()[:12]),
    "wrong column with key": lambda: frame().sellercloud.pseudonymize(word(), columns=["nope"]),
    "wrong sandbox": lambda: sc.sandbox.serve(customers=-1, password=word()),
    "login of another server": login_of_another_server,
    "nobody there": lambda: log_in(NOBODY, password=Secret(word())),
    "nobody there for a token": lambda: count(NOBODY, token=Secret(word())),
    "malformed token": lambda: answered(
        lambda: b'{"access_token": "%b and more"}' % word().encode(), log_in, password=Secret("p")
    ),
    "token cut off": lambda: answered(lambda: b'{"access_token": "%b' % word().encode(), log_in, password=Secret("p")),
    "stopped in the login": lambda: answered(None, log_in, password=Secret(word())),
    "stopped in a read": lambda: answered(None, count, token=Secret(word())),
    "control": control,
}
