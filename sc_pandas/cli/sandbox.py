"""`sc-pandas sandbox`: a SellerCloud of invented customers, until Ctrl-C."""

import contextlib
from typing import TYPE_CHECKING

import click

from sc_pandas.errors import SellerCloudError

if TYPE_CHECKING:
    from sc_pandas.sandbox import Sandbox

_EXAMPLES = """\b
Examples:
  sc-pandas sandbox
  sc-pandas sandbox --customers 20000 --port 8080 --latency 0.5
  sc-pandas sandbox --calls-per-hour 30
"""


@click.command(epilog=_EXAMPLES)
@click.option("--customers", type=click.IntRange(min=0), default=1037, show_default=True, help="How many.")
@click.option("--port", type=click.IntRange(0, 65_535), default=0, help="Where to listen; a free port if not said.")
@click.option("--seed", type=int, default=7, show_default=True, help="Equal seeds give equal customers.")
@click.option("--latency", type=click.FloatRange(min=0), default=0.0, metavar="SECONDS", help="How long a call takes.")
@click.option("--calls-per-hour", type=click.IntRange(min=1), metavar="N", help="Quota; SellerCloud's if not said.")
def sandbox(customers: int, port: int, seed: int, latency: float, calls_per_hour: int | None) -> None:
    """Serve a SellerCloud of invented customers on this machine until Ctrl-C."""
    from sc_pandas.sandbox import run

    quota = {} if calls_per_hour is None else {"calls_per_hour": calls_per_hour}
    try:
        with contextlib.suppress(KeyboardInterrupt):  # `run` waits for it, but it may come while it starts
            run(customers, port, seed=seed, latency_s=latency, on_start=_introduce, **quota)
    except OSError as error:
        raise SellerCloudError(f"The sandbox cannot listen on port {port}: {error.strerror or error}.") from error
    click.echo("\nThe sandbox has ended.", err=True)


def _introduce(box: "Sandbox") -> None:
    click.echo(f"""\
A SellerCloud of {len(box.customers()):,} invented customers listens on this machine.

  URL        {box.url}
  user name  {box.username}
  password   {box.password}

In Python:

  import sc_pandas as sc
  shop = sc.connect("{box.url}", username="{box.username}", password="{box.password}")
  df = sc.read_sellercloud_customers(shop)

In a shell:

  export SELLERCLOUD_SERVER={box.url}
  export SELLERCLOUD_USERNAME={box.username} SELLERCLOUD_PASSWORD={box.password}
  sc-pandas count

Ctrl-C ends it.""")
