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


def misspelt_filter() -> None:
    sc.read_sellercloud_customers("tt", username="u@x.test", password=word(), citty="Brno")  # type: ignore[call-overload]


def misspelt_password() -> None:
    sc.read_sellercloud_customers("tt", username="u@x.test", pasword=word())  # type: ignore[call-overload]


def wrong_value() -> None:
    sc.read_sellercloud_customers("tt", username="u@x.test", token=word(), rating="Satisfide")


def wrong_server() -> None:
    sc.connect("tt.evil", username="u@x.test", password=word())


def server_with_login() -> None:
    sc.connect(f"https://u:{word()}@tt.api.sellercloud.com/rest")


def read_from_server_with_login() -> None:
    sc.read_sellercloud_customers(f"https://tt.api.sellercloud.com/rest?token={word()}", citty="Brno")  # type: ignore[call-overload]


def wrong_timeout() -> None:
    sc.connect("tt", username="u@x.test", password=word(), timeout=-1)


def no_number_of_seconds() -> None:
    sc.connect("tt", username="u@x.test", password=word(), max_wait="soon")  # type: ignore[arg-type]


def wrong_dialect() -> None:
    sc.connect("tt", username="u@x.test", password=word(), dialect="swager")  # type: ignore[arg-type]


def wrong_zone() -> None:
    sc.connect("tt", username="u@x.test", token=word(), server_timezone="Mars")


def no_user() -> None:
    sc.connect("tt", password=word())


def bytes_for_text() -> None:
    sc.connect("tt", username="u@x.test", password=word().encode())  # type: ignore[arg-type]


def token_with_a_line_end() -> None:
    sc.connect("tt", token=f"{word()}\n")


def too_late() -> None:
    with sc.connect("tt", username="u@x.test", password=word()) as shop:
        shop.customers(password=word())  # type: ignore[call-arg]


def panel_too_late() -> None:
    with sc.connect("tt", username="u@x.test", password=word()) as shop:
        shop.panel(token=word())  # type: ignore[call-arg]


def no_filter() -> None:
    sc.CustomerFilter.of(passwd=word())


def refresh_with_login() -> None:
    frame().sellercloud.refresh(username="u@x.test", password=word())


def where_with_login() -> None:
    sc.accessor(frame()).where(pasword=word())  # type: ignore[call-arg]


def simple_key() -> None:
    frame().sellercloud.pseudonymize(word()[:12])


def wrong_column_with_key() -> None:
    frame().sellercloud.pseudonymize(word(), columns=["nope"])


def wrong_sandbox() -> None:
    sc.sandbox.serve(customers=-1, password=word())


def login_of_another_server() -> None:
    os.environ |= {"SELLERCLOUD_SERVER": "mine", "SELLERCLOUD_USERNAME": "u@x.test", "SELLERCLOUD_PASSWORD": word()}
    sc.connect("other")


def nobody_there() -> None:
    with shop_at("http://127.0.0.1:9/rest", password=Secret(word())) as shop:
        shop.log_in()


def nobody_there_for_a_token() -> None:
    with shop_at("http://127.0.0.1:9/rest", token=Secret(word())) as shop:
        shop.customers(cache="off").count()


def malformed_token() -> None:
    with (
        server(lambda: b'{"access_token": "%b and more"}' % word().encode()) as url,
        shop_at(url, password=Secret("p")) as shop,
    ):
        shop.log_in()


def token_cut_off() -> None:
    with server(lambda: b'{"access_token": "%b' % word().encode()) as url, shop_at(url, password=Secret("p")) as shop:
        shop.log_in()


def stopped_in_the_login() -> None:
    with server(None) as url, shop_at(url, password=Secret(word())) as shop:
        threading.Timer(0.4, _thread.interrupt_main).start()
        shop.log_in()


def stopped_in_a_read() -> None:
    with server(None) as url, shop_at(url, token=Secret(word())) as shop:
        threading.Timer(0.4, _thread.interrupt_main).start()
        shop.customers(cache="off").count()


def careless(password: str) -> None:
    raise ValueError("a frame that holds it")


def control() -> None:
    """Return what each tool shows of a frame that holds a secret."""
    careless(word())


WAYS: Final = (
    misspelt_filter, misspelt_password, wrong_value, wrong_server, server_with_login, read_from_server_with_login,
    wrong_timeout, no_number_of_seconds, wrong_dialect, wrong_zone, no_user, bytes_for_text, token_with_a_line_end,
    too_late, panel_too_late, no_filter, refresh_with_login, where_with_login, simple_key, wrong_column_with_key,
    wrong_sandbox, login_of_another_server, nobody_there, nobody_there_for_a_token, malformed_token, token_cut_off,
    stopped_in_the_login, stopped_in_a_read,
)  # fmt: skip
