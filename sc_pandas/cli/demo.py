"""`sc-pandas demo`: what sc_pandas does, shown on invented customers and checked while it is shown."""

import tempfile
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click
import pandas as pd

from sc_pandas.cli.endings import FAILED
from sc_pandas.filters import CustomerFilterArgs
from sc_pandas.parquet import read_parquet
from sc_pandas.query import Connection, connect
from sc_pandas.reading import CustomerRead
from sc_pandas.wording import plural, size

if TYPE_CHECKING:
    from sc_pandas.sandbox import Sandbox

T = TypeVar("T")
_LATENCY_S: Final = 0.1
_WIDTH: Final = 96
_SHOWN: Final = ["user_id", "first_name", "last_name", "email", "rating_name", "is_wholesale_string"]
_SEGMENT: Final[CustomerFilterArgs] = {"customer_type": "Wholesale", "created_on_from": "2024-01-01"}
_EXAMPLES = """\b
Examples:
  sc-pandas demo
  sc-pandas demo --customers 5000 --keep .
"""


@dataclass
class _Tour:
    """A sandbox, a connection to it, and whether every promise shown so far held."""

    box: "Sandbox"
    shop: Connection
    seed: int
    target: Path
    broken: list[str] = field(default_factory=list)

    def promise(self, text: str, *, holds: bool) -> str:
        """Give the text of a promise that was checked; a broken one says so and is kept."""
        if not holds:
            self.broken.append(text)
        return text if holds else f"NOT TRUE: {text}"

    def measured(self, action: Callable[[], T]) -> tuple[T, int, float]:
        """Give a result, the calls that the server counted, and the seconds."""
        calls, begun = self.box.calls(), perf_counter()
        result = action()
        return result, self.box.calls() - calls, perf_counter() - begun


@click.command(epilog=_EXAMPLES)
@click.option("--customers", type=click.IntRange(min=1), default=1037, show_default=True, help="How many to invent.")
@click.option("--seed", type=int, default=7, show_default=True, help="Equal seeds give equal customers.")
@click.option("--keep", type=click.Path(file_okay=False, path_type=Path), help="Folder to leave the Parquet file in.")
def demo(customers: int, seed: int, keep: Path | None) -> None:
    """Show in a second what sc_pandas does, on invented customers; no account is needed.

    It starts a sandbox on this machine, reads its customers, writes them to Parquet and reads them back, asks again
    without a call, asks a segment, and ends with nothing left behind.  The exit code is 0 only if all of it held.
    """
    from sc_pandas.sandbox import serve

    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="sc_pandas-demo-") as folder,
        serve(customers, seed=seed, latency_s=_LATENCY_S) as box,
        connect(box.url, username=box.username, password=box.password, cache_dir=Path(folder, "cache")) as shop,
    ):
        tour = _Tour(box, shop, seed, Path(keep or folder, "customers.parquet"))
        _open(tour)
        first, seconds = _read(tour)
        frame = first.to_pandas()
        _show(frame)
        _write(tour, frame, kept=keep is not None)
        _read_again(tour, first, seconds)
        _ask_a_segment(tour)
    _say_what_next(tour)
    if tour.broken:
        click.echo(f"sc-pandas: {plural(len(tour.broken), 'promise')} did not hold, see NOT TRUE above.", err=True)
        raise click.exceptions.Exit(FAILED)


def _open(tour: _Tour) -> None:
    click.echo(f"sc_pandas {version('sc_pandas')}: SellerCloud's customers in a pandas DataFrame")
    _title("Start a sandbox, a SellerCloud on this machine", f"box = sc.sandbox.serve({_serving(tour)})")
    _line("url", f"{tour.box.url}, {_LATENCY_S:g} s for each call, as over a network")


def _read(tour: _Tour) -> tuple[CustomerRead, float]:
    _title("Read all customers", "df = sc.read_sellercloud_customers(shop)")
    read, calls, seconds = tour.measured(tour.shop.customers(progress=False).run)
    report = read.report
    _line("rows", f"{len(read):,} in {seconds:.2f} s")
    _line("calls", tour.promise(_counted(tour, calls), holds=calls == report.calls))
    _line("verdict", tour.promise(_verdict(read), holds=report.is_proven))
    truth = [record["user_id"] for record in tour.box.customers()]
    text = "the sandbox's own list has the same ids"
    _line("checked", tour.promise(text, holds=read.table["user_id"].to_pylist() == truth))
    return read, seconds


def _counted(tour: _Tour, calls: int) -> str:
    pages = tour.box.calls("list")
    return f"{calls:,}, counted by the server: {plural(calls - pages, 'login')} and {plural(pages, 'page')}"


def _verdict(read: CustomerRead) -> str:
    """Give the report's own sentence on completeness."""
    lines = (line.partition(" ") for line in str(read.report).splitlines())
    return next(text.strip() for name, _, text in lines if name == "verdict")


def _show(frame: pd.DataFrame) -> None:
    click.echo()
    with pd.option_context("display.unicode.east_asian_width", True, "display.max_colwidth", 34):
        click.echo(textwrap.indent(frame[_SHOWN].head(5).to_string(index=False), "  "))
    click.echo()
    by_type: dict[str, list[str]] = {}
    for name, dtype in frame.dtypes.items():
        by_type.setdefault(str(dtype), []).append(str(name))
    for dtype, names in by_type.items():
        _line(dtype, ", ".join(names), width=28)


def _write(tour: _Tour, frame: pd.DataFrame, *, kept: bool) -> None:
    _title("Write them to a file", 'df.sellercloud.to_parquet("customers.parquet")')
    frame.sellercloud.to_parquet(tour.target)
    again = read_parquet(tour.target)
    _line("size", f"{size(tour.target.stat().st_size)}{f', kept at {tour.target}' if kept else ''}")
    checks = {
        "values": again.equals(frame),
        "dtypes": again.dtypes.equals(frame.dtypes),
        "attrs": again.attrs == frame.attrs,
    }
    equal = [tour.promise(f"{what} equal", holds=held) for what, held in checks.items()]
    _line("re-read", f"{', '.join(equal)} (attrs say where the rows came from)")


def _read_again(tour: _Tour, first: CustomerRead, first_s: float) -> None:
    _title("Read again", "df = sc.read_sellercloud_customers(shop)")
    second, calls, seconds = tour.measured(tour.shop.customers(progress=False).run)
    no_calls = tour.promise(plural(calls, "call"), holds=calls == 0)
    same = tour.promise("the same rows", holds=second.table.equals(first.table))
    _line("calls", f"{no_calls}, {same}")
    _line("time", f"{seconds:.2f} s instead of {first_s:.2f} s")


def _ask_a_segment(tour: _Tour) -> None:
    _title("Ask for a segment", f"q = shop.customers({_code(_SEGMENT)})")
    query = tour.shop.customers(progress=False, **_SEGMENT)
    counted, count_calls, _ = tour.measured(query.count)
    frame, calls, _ = tour.measured(query.to_pandas)
    _line("count", f"q.count() gives {counted:,}, by {plural(count_calls, 'call')}")
    text = f"q.to_pandas() gives {plural(len(frame), 'row')}, by {plural(calls, 'call')} more"
    _line("rows", tour.promise(text, holds=len(frame) == counted))


def _say_what_next(tour: _Tour) -> None:
    _title("The same in Python")
    click.echo(f"""\
  import sc_pandas as sc
  with sc.sandbox.serve({_serving(tour)}) as box:
      with sc.connect(box.url, username=box.username, password=box.password) as shop:
          df = sc.read_sellercloud_customers(shop)
          path = df.sellercloud.to_parquet("customers.parquet")
          q = shop.customers({_code(_SEGMENT)})
          print(q.count(), len(q.to_pandas()), sc.read_parquet(path).equals(df))""")
    _title("Next")
    _line("notebook", "pip install -e '.[notebook]', then: jupyter lab notebooks/01_first_look.ipynb")
    _line("sandbox", "sc-pandas sandbox (the same customers, for as long as you like)")
    _line("your own", "sc-pandas login --server ID, then: sc-pandas count --server ID")


def _serving(tour: _Tour) -> str:
    return _code({"customers": len(tour.box.customers()), "seed": tour.seed})


def _code(keywords: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in keywords.items()).replace("'", '"')


def _title(text: str, code: str = "") -> None:
    click.echo()
    click.secho(text, bold=True)
    if code:
        click.echo(f"  {code}")


def _line(name: str, text: str, width: int = 11) -> None:
    lead = f"  {name:<{width}}"
    click.echo(textwrap.fill(text, _WIDTH, initial_indent=lead, subsequent_indent=" " * len(lead)))
