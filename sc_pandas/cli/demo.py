"""`sc-pandas demo`: lines like the README's, run and printed, each held to what it promises."""

import ast
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import click
import pandas as pd

from sc_pandas.errors import SellerCloudError

_LATENCY_S: Final = 0.1  # for each call, as over a network
_EXAMPLES = """\b
Examples:
  sc-pandas demo
  sc-pandas demo --customers 5000 --keep .
"""
_LINES = """\
import sc_pandas as sc
box = sc.sandbox.serve(customers={customers}, seed={seed}, latency_s={latency_s})
shop = sc.connect(box.url, username=box.username, password=box.password, cache_dir={cache!r})

# All customers, typed, and proven to be all
df = sc.read_sellercloud_customers(shop)
df[["user_id", "first_name", "last_name", "email", "rating_name"]].head(5)
df.sellercloud.provenance.verdict
df["user_id"].tolist() == [customer["user_id"] for customer in box.customers()]

# A file that gives back the same frame
path = df.sellercloud.to_parquet({path!r})
sc.read_parquet(path).equals(df)

# The second read costs no call
calls = box.calls()
sc.read_sellercloud_customers(shop).equals(df)
box.calls() - calls == 0

# A filter: what it costs, then its rows
q = shop.customers(customer_type="Wholesale", created_on_from="2024-01-01")
print(q.estimate())
len(q.to_pandas()) == q.count()
"""
_NEXT = """
Next
  pip install -e '.[notebook]', then: jupyter lab notebooks/01_first_look.ipynb
  sc-pandas sandbox    the same customers, for as long as you like
  sc-pandas login --server ID, then: sc-pandas count --server ID    with an account"""


@click.command(epilog=_EXAMPLES)
@click.option("--customers", type=click.IntRange(min=1), default=1037, show_default=True, help="How many to invent.")
@click.option("--seed", type=int, default=7, show_default=True, help="Equal seeds give equal customers.")
@click.option("--keep", type=click.Path(file_okay=False, path_type=Path), help="Folder to leave the Parquet file in.")
def demo(customers: int, seed: int, keep: Path | None) -> None:
    """Show in a second what sc_pandas does, on invented customers; no account is needed.

    It starts a sandbox on this machine, reads its customers, writes them to Parquet and reads them back, asks again
    without a call, asks for a segment, and leaves nothing behind.  The exit code is 0 only if every line held.
    """
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
    click.echo(f"sc_pandas {version('sc_pandas')}: SellerCloud's customers in a pandas DataFrame\n")
    names: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="sc_pandas-demo-") as folder:
        path = str(Path(keep or folder, "customers.parquet"))
        cache = str(Path(folder, "cache"))
        try:
            _run(_LINES.format(customers=customers, seed=seed, latency_s=_LATENCY_S, cache=cache, path=path), names)
        finally:
            for name in ("shop", "box"):
                if name in names:
                    names[name].close()
    click.echo(_NEXT)


def _run(code: str, names: dict[str, Any]) -> None:
    """Run each line, print it and its value, and refuse to go on after a comparison that is not true."""
    for line in code.splitlines():
        click.echo(f">>> {line}" if line and not line.startswith("#") else line)
        if not (statement := ast.parse(line).body):
            continue
        if not isinstance(statement[0], ast.Expr):
            exec(line, names)  # noqa: S102 - our own lines
            continue
        value = eval(line, names)  # noqa: S307 - our own lines
        with pd.option_context("display.unicode.east_asian_width", True, "display.max_colwidth", 34):
            if value is not None:
                click.echo(value if isinstance(value, pd.DataFrame) else repr(value))
        if value is False:
            raise SellerCloudError(f"The demo found a promise broken: {line}")
