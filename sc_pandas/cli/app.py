"""`main`, the command that holds all others."""

import importlib
from typing import Final

import click

from sc_pandas.cli.endings import EXIT_CODES, OrderlyGroup

# Each command with the first line of its help, so that the list of them loads none.
COMMANDS: Final = {
    "cache": "Show or remove what is in the cache on this machine.",
    "count": "Count the customers that match, by one call, or two where a range ends with a whole day.",
    "demo": "Show in a second what sc_pandas does, on invented customers; no account is needed.",
    "diff": "Count the customers added, removed and changed from one export to another.",
    "doctor": "Check everything that a read needs, and say in plain words what is wrong.",
    "export": "Write the customers that match to a Parquet, CSV, Excel or Feather file, as its name says.",
    "login": "Ask for user name and password, try them, and store them in the system keyring.",
    "sandbox": "Serve a SellerCloud of invented customers on this machine until Ctrl-C.",
    "segments": "Save filters by name, and see who came and went since the last time.",
}
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


class LazyGroup(OrderlyGroup):
    """Loads a command when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        """Return the names of the commands."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  # same
        """Load a command."""
        if cmd_name not in COMMANDS:
            return None
        module = "asking" if cmd_name in {"count", "export"} else cmd_name
        command: click.Command = getattr(importlib.import_module(f"sc_pandas.cli.{module}"), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  # same
        """Write the list of commands."""
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))


@click.group(
    cls=LazyGroup, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(package_name="sc_pandas", prog_name="sc-pandas", message="%(prog)s %(version)s")
def main() -> None:
    """SellerCloud's customers: counted, and written to files that are complete or not written."""
