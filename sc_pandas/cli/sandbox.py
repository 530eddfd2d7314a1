"""`sc-pandas sandbox`: a SellerCloud of invented customers, until Ctrl-C."""

import contextlib
import threading

import click

from sc_pandas.errors import SellerCloudError

_EXAMPLES = """\b
Examples:
  sc-pandas sandbox
  sc-pandas sandbox --customers 20000 --port 8080 --latency 0.5
  sc-pandas sandbox --calls-per-hour 30
"""
_INTRODUCTION = """\
A SellerCloud of {customers:,} invented customers listens on this machine.

  URL        {url}
  user name  {username}
  password   {password}

In Python:

  import sc_pandas as sc
  shop = sc.connect("{url}", username="{username}", password="{password}")
  df = sc.read_sellercloud_customers(shop)

In a shell:

  export SELLERCLOUD_SERVER={url}
  export SELLERCLOUD_USERNAME={username} SELLERCLOUD_PASSWORD={password}
  sc-pandas count

Ctrl-C ends it."""


@click.command(epilog=_EXAMPLES)
@click.option("--customers", type=click.IntRange(min=0), default=1037, show_default=True, help="How many.")
@click.option("--port", type=click.IntRange(0, 65_535), default=0, help="Where to listen; by default a free port.")
@click.option("--seed", type=int, default=7, show_default=True, help="Equal seeds give equal customers.")
@click.option("--latency", type=click.FloatRange(min=0), default=0.0, metavar="SECONDS", help="How long a call takes.")
@click.option("--calls-per-hour", type=click.IntRange(min=1), default=10_800, metavar="N", help="SellerCloud's quota.")
def sandbox(customers: int, port: int, seed: int, latency: float, calls_per_hour: int) -> None:
    """Serve a SellerCloud of invented customers on this machine until Ctrl-C."""
    from sc_pandas.sandbox import serve

    with contextlib.suppress(KeyboardInterrupt):
        try:
            box = serve(customers, port=port, seed=seed, latency_s=latency, calls_per_hour=calls_per_hour)
        except OSError as error:
            raise SellerCloudError(f"The sandbox cannot listen on port {port}: {error.strerror or error}.") from error
        with box:
            said = {"url": box.url, "username": box.username, "password": box.password}
            click.echo(_INTRODUCTION.format(customers=customers, **said))
            never = threading.Event()
            while not never.wait(1.0):  # a wait without end cannot be interrupted on Windows
                pass
    click.echo("\nThe sandbox has ended.", err=True)
