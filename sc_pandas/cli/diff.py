"""`sc-pandas diff`: what changed from one export to another, in numbers."""

import json
from pathlib import Path
from typing import Final

import click

from sc_pandas.cli.endings import FAILED, USAGE, fail
from sc_pandas.cli.options import JSON
from sc_pandas.errors import SellerCloudError
from sc_pandas.frames import difference
from sc_pandas.parquet import frame_to_arrow, read_parquet
from sc_pandas.wording import visible
from sc_pandas.writing import check_file, write_file

_EXAMPLES: Final = """\b
Examples:
  sc-pandas diff yesterday.parquet today.parquet
  sc-pandas diff yesterday.parquet today.parquet --to changes.csv --json
"""


@click.command(epilog=_EXAMPLES)
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@click.option("--to", type=click.Path(path_type=Path), metavar="FILE", help="Also write who changed, and how.")
@JSON
def diff(*, before: str, after: str, to: Path | None, as_json: bool) -> None:
    """Count the customers added, removed and changed from one export to another.

    A and B are files or folders of sc-pandas export and to_parquet.  Only numbers are printed.  FILE (.csv, .xlsx or
    .feather) gets a line for each customer added or removed and each changed value, which is personal data.  The exit
    code is that of diff: 0 if nothing differs, 1 if something does, 2 if A and B could not be compared.
    """
    try:
        if to is not None:
            check_file(to)
        change = difference(read_parquet(before), read_parquet(after))
        if to is not None:
            table = frame_to_arrow(change.lines(), to)
            write_file(to, table.to_batches(), table.schema, None)
    except SellerCloudError as error:
        fail(error, USAGE)
    columns = {str(name): int(count) for name, count in change.counts.items()}
    facts = {"added": len(change.added), "removed": len(change.removed), "changed": change.customers_changed}
    others = {"new_columns": list(map(str, change.new_columns)), "gone_columns": list(map(str, change.gone_columns))}
    if as_json:
        click.echo(json.dumps(facts | {"columns": columns} | others))
    else:
        lines = [f"{name:<9}{count:,}" for name, count in facts.items()]
        lines += [f"  {visible(name)}: {count:,}" for name, count in columns.items()]
        lines += [
            f"{what.replace('_', ' ')}: {', '.join(map(visible, names))}" for what, names in others.items() if names
        ]
        click.echo("\n".join(lines))
    if change:
        raise click.exceptions.Exit(FAILED)
