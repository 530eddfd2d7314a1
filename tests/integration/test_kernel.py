"""At home in Jupyter: what a person sees in a real IPython kernel."""

import gc
import json
import os
import re
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel

import sc_pandas as sc

# The kernel's own libraries warn about their transport and their future; that is not ours to fix.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning", "ignore::UserWarning")
# In an empty home jedi reads all of pandas first, for half a minute; it completes the same.
_START = """
%config IPCompleter.use_jedi = False
import sc_pandas as sc
box = sc.sandbox.serve(customers=120, seed=7)
shop = sc.connect(box.url, username=box.username, password=box.password)
df = sc.read_sellercloud_customers(shop)
"""


TRACEBACKS = [
    ("sc.read_sellercloud_customers(box.url, username=box.username, password='wrong', cache='off')", "AuthError"),
    ("bad.customers(cache='off').to_pandas()", "AuthError"), ("bad.log_in()", "AuthError"),
    ("bad.customers(cache='off').count()", "AuthError"), ("sc.connect('no such server')", "SettingsError"),
    ("shop.customers(ct=5)", "FilterError"), ("shop.panel(city=5)", "FilterError"), ("sc.read_parquet('nowhere')", "ExportError"),
    ("df.sellercloud.where(ct=5)", "FilterError"), ("df.sellercloud.to_parquet('/nowhere/x')", "ExportError"),
    ("df.sellercloud.redact().sellercloud.report", "AccessorError"), ("panel.include = ['no']", "SettingsError"),
]  # fmt: skip


class Kernel:
    """A kernel that tells what its cells show."""

    def __init__(self, client: BlockingKernelClient, interrupt: Callable[[], None]) -> None:
        self._client = client
        self.interrupt = interrupt

    def run(self, code: str) -> list[dict[str, Any]]:
        """Run a cell; return what it shows, each with its type."""
        shown: list[dict[str, Any]] = []
        self._client.execute_interactive(
            code, timeout=60, output_hook=lambda told: shown.append({"type": told["msg_type"], **told["content"]})
        )
        return [each for each in shown if each["type"] in {"stream", "execute_result", "display_data", "error"}]

    def complete(self, code: str) -> list[str]:
        """Return what the Tab key offers at the end of the code."""
        answer = self._client.complete(code, len(code), reply=True, timeout=60)
        return list(answer["content"]["matches"])


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    home = tmp_path_factory.mktemp("home")
    folders = {"IPYTHONDIR": str(home / "ipython"), "SC_PANDAS_CACHE_DIR": str(home / "cache")}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SELLERCLOUD_")}
    folders["PYTHONPATH"] = str(Path(sc.__file__).parents[1])
    manager, client = start_new_kernel(kernel_name="python3", env=environment | folders)
    try:
        kernel = Kernel(client, manager.interrupt_kernel)
        assert not [each for each in kernel.run(_START) if each["type"] == "error"]
        yield kernel
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        client.context.destroy(linger=0)
        # What the libraries leave open is closed here, and not in the middle of another file's test.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            del client, manager, kernel
            gc.collect()


@pytest.mark.parametrize("ask", [
    "shop.customers(", "sc.read_sellercloud_customers(shop, ", "sc.read_sellercloud_customers('tt', limit=5, ",
    "shop.panel(", "df.sellercloud.where(", "sc.CustomerFilter(", "sc.CustomerFilter.of(",
])  # fmt: skip
def test_filters_complete(kernel: Kernel, ask: str) -> None:
    """The Tab key knows all nineteen filters and, where rows are read, the options."""
    offered = {each.rstrip("=") for each in kernel.complete(ask)}
    assert {*sc.CustomerFilter.names} <= offered
    assert kernel.complete(f"{ask}ci") == ["city="]
    assert ({"cache", "include", "max_age"} <= offered) == ("customers(" in ask)


def test_the_accessor_says_what_it_can_do(kernel: Kernel) -> None:
    """`df.sellercloud` prints a few lines: rows, origin and its methods, each of which exists, and no filter."""
    (shown,) = kernel.run("sc.read_sellercloud_customers(shop, last_name='Smith', columns=['user_id']).sellercloud")
    text = shown["data"]["text/plain"]
    assert re.match(r"rows    \d+, as read\nfrom    http://127\S+, read 20\S+, proven", text)
    assert text.count("\n") == 5
    assert "Smith" not in text
    methods = {name for line in text.splitlines()[2:] for name in re.findall(r"  (\w+)", line)}
    assert methods >= {"provenance", "segment", "diff", "panel", "to_excel"}
    assert all(hasattr(sc.SellerCloudAccessor, name) for name in methods)


@pytest.mark.parametrize(("ask", "told"), [
    ("read(shop)", "120 customers from the cache, read just now; cache='refresh' asks again\n"),
    ("read(shop, progress=False)", ""),
    ("read(shop, cache='refresh', progress=False)", ""), ("shop.customers().run()", ""),
])  # fmt: skip
def test_rows_of_the_cache_are_told(kernel: Kernel, ask: str, told: str) -> None:
    """A line in the cell's output says how many, how old, and how to ask anew, unless progress=False."""
    shown = kernel.run(f"read = sc.read_sellercloud_customers\nasked = {ask}")
    assert "".join(each["text"] for each in shown) == told


def test_tracebacks_end_at_what_was_called(kernel: Kernel) -> None:
    """Whoever is called wrongly: 40 lines at most, none from inside, and errors of the server name its address."""
    kernel.run("bad = sc.connect(box.url, username=box.username, password='wrong'); panel = shop.panel()")
    for call, error in TRACEBACKS:
        shown = [each for each in kernel.run(call) if each["type"] == "error"]
        assert shown, call
        lines = re.sub(r"\x1b\[[\d;]*m", "", "\n".join(shown[0]["traceback"])).splitlines()
        assert shown[0]["ename"] == error, call
        assert len(lines) <= 40, call
        assert {Path(name).name for name in re.findall(r"^File (\S+):\d+", "\n".join(lines), re.MULTILINE)} == {
            "edge.py"
        }, call
        assert ("http://127.0.0.1:" in lines[-1]) == (error == "AuthError"), call


def test_a_traceback_can_be_seen_whole(kernel: Kernel) -> None:
    """By SC_PANDAS_DEBUG, or in the log at DEBUG."""
    kernel.run("import os, logging; os.environ['SC_PANDAS_DEBUG'] = '1'")
    (shown,) = kernel.run("df.sellercloud.where(ct=5)")
    assert "customer_filter.py" in "".join(shown["traceback"])
    kernel.run("del os.environ['SC_PANDAS_DEBUG']; logging.basicConfig(level='DEBUG')")
    shown, error = kernel.run("df.sellercloud.where(ct=5)")
    assert "customer_filter.py" in shown["text"]
    assert "customer_filter.py" not in "".join(error["traceback"])
    kernel.run("logging.basicConfig(level='WARNING', force=True)")


def test_ctrl_c_says_what_is_kept(kernel: Kernel) -> None:
    """A short traceback with the pages that the same line goes on with, which it does."""
    kernel.run("slow = sc.sandbox.serve(customers=3_000, seed=7, latency_s=0.3)")
    kernel.run("far = sc.connect(slow.url, username=slow.username, password=slow.password)")
    timer = threading.Timer(1.2, kernel.interrupt)
    timer.start()
    shown = [each for each in kernel.run("sc.read_sellercloud_customers(far)") if each["type"] == "error"]
    timer.join()
    text = "\n".join(shown[0]["traceback"])
    said = re.search(r"(\d+) of 60 pages are kept; the same line goes on there\.", text)
    assert said is not None, text
    assert len(text.splitlines()) <= 40
    (told,) = kernel.run(
        "before = slow.calls(); read = far.customers(progress=False).run(); [len(read), slow.calls() - before]"
    )
    rows, calls = json.loads(told["data"]["text/plain"])
    assert rows == 3_000
    # Each of sixteen runs of pages may ask one anew.
    assert calls <= 60 - int(said[1]) + 16
