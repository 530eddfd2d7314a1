"""`main`, the command that holds all others."""

import click

from sc_pandas.cli.asking import count, export
from sc_pandas.cli.cache import cache
from sc_pandas.cli.demo import demo
from sc_pandas.cli.doctor import doctor
from sc_pandas.cli.endings import EXIT_CODES, OrderlyGroup
from sc_pandas.cli.login import login
from sc_pandas.cli.sandbox import sandbox
from sc_pandas.cli.segments import segments

_EPILOG = """\b
Examples:
  sc-pandas demo
  sc-pandas login --server tt
  sc-pandas count --server tt --customer-type wholesale
  sc-pandas export customers.parquet --server tt --created-on-from 2026-01-01

\b
Environment:
  SELLERCLOUD_SERVER, SELLERCLOUD_USERNAME, SELLERCLOUD_PASSWORD (or SELLERCLOUD_TOKEN)
  SC_PANDAS_CACHE_DIR, SC_PANDAS_DATA_DIR
The login of the environment is sent to SELLERCLOUD_SERVER and to nobody else.
There is no option for a password: the process list and the shell's history would show it.

\b
Exit codes:
""" + "\n".join(f"  {code:<5}{meaning}" for code, meaning in EXIT_CODES.items())


@click.group(
    cls=OrderlyGroup,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="sc_pandas", prog_name="sc-pandas", message="%(prog)s %(version)s")
def main() -> None:
    """SellerCloud's customers: counted, and written to typed Parquet files that are complete or not written."""


for command in (demo, sandbox, count, export, segments, cache, login, doctor):
    main.add_command(command)
