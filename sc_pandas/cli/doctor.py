"""`sc-pandas doctor`: whether this machine can read customers, and if not, why."""

import json
from dataclasses import asdict
from typing import Any

import click

from sc_pandas.cli.endings import FAILED
from sc_pandas.cli.options import CACHE_DIR, JSON, SERVER, USERNAME, SectionedCommand
from sc_pandas.query.doctor import CALLS_AT_MOST, check_up
from sc_pandas.wording import plural

_EXAMPLES = """\b
Examples:
  sc-pandas doctor --server tt
  sc-pandas doctor --server tt --json
"""


@click.command(cls=SectionedCommand, epilog=_EXAMPLES)
@SERVER
@USERNAME
@CACHE_DIR
@click.option("--ca-bundle", metavar="FILE", help="File of certificate authorities to trust.")
@JSON
def doctor(*, as_json: bool, **options: Any) -> None:
    """Check everything that a read needs, and say in plain words what is wrong."""
    found = check_up(**options)
    if as_json:
        checks = [asdict(check) for check in found.checks]
        click.echo(json.dumps({"fine": found.is_fine, "calls": found.calls, "checks": checks}))
    else:
        for check in found.checks:
            click.echo(f"{check.state:<6}{check.name:<15}{check.words}")
        verdict = "Everything that a read needs is there." if found.is_fine else "Something fails; see above."
        click.echo(f"\n{verdict} ({plural(found.calls, 'call')} made)")
    if not found.is_fine:
        raise click.exceptions.Exit(FAILED)


doctor.help = f"{doctor.help}\n\nIt makes at most {CALLS_AT_MOST} calls, and prints no secret, name or e-mail."
