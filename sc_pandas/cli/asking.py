"""`sc-pandas count` and `sc-pandas export`: the filters as options."""

import json
import sys
from pathlib import Path
from typing import Any

import click

from sc_pandas.cli.options import (
    JSON,
    SEGMENT,
    SectionedCommand,
    connection_options,
    filter_options,
    query_of,
    reading_options,
)
from sc_pandas.query import Estimate
from sc_pandas.wording import duration, size
from sc_pandas.writing import Spreadsheet, check_file, csv_into, write_file

_COUNT_EXAMPLES = """\b
Examples:
  sc-pandas count --server tt
  sc-pandas count --server tt --rating satisfied --rating very_satisfied
  sc-pandas count --server tt --created-on-from 2026-01-01 --json
"""
_EXPORT_EXAMPLES = """\b
Examples:
  sc-pandas export customers.parquet --server tt
  sc-pandas export emails.csv.gz --server tt --columns user_id --columns email
  sc-pandas export - --server tt --customer-type wholesale | head
  sc-pandas export channels.parquet --server tt --include channel --include created_month --estimate
  sc-pandas export new.parquet --server tt --created-on-from 2026-01-01 --cache refresh --json
"""


@click.command(cls=SectionedCommand, epilog=_COUNT_EXAMPLES)
@filter_options
@SEGMENT
@connection_options
@reading_options("cache", "max_age", "max_calls")
@JSON
def count(*, as_json: bool, **options: Any) -> None:
    """Count the customers that match, by one call, or two where a range ends with a whole day.

    Several values of one filter mean any of them; several filters mean all of them.
    """
    with query_of(options) as query:
        estimate = query.estimate()
        counted, age_s = estimate.rows, estimate.age_s
        if as_json:
            facts = {"count": counted, "is_upper_bound": counted.is_upper_bound, "calls": query.connection.calls_made}
            click.echo(json.dumps({**facts, "age_s": None if age_s is None else round(age_s, 1)}))
            return
        click.echo(str(counted))
        if age_s is not None:
            click.echo(f"(from the cache, {duration(age_s)} old; --cache refresh counts anew)", err=True)
        if counted.is_upper_bound:
            click.echo("An upper bound: customers who match several of the values are counted for each.", err=True)


@click.command(cls=SectionedCommand, epilog=_EXPORT_EXAMPLES)
@click.argument("path", type=click.Path(path_type=Path))
@filter_options
@SEGMENT
@connection_options
@reading_options()
@click.option("--allow-unverified", is_flag=True, help="Also write what is not proven complete; the file says so.")
@click.option("--estimate", "only_estimate", is_flag=True, help="Print rows, calls and seconds, and write nothing.")
@JSON
def export(path: Path, *, allow_unverified: bool, only_estimate: bool, as_json: bool, **options: Any) -> None:
    """Write the customers that match to a Parquet, CSV, Excel or Feather file, as its name says.

    PATH ends in .parquet, .csv, .csv.gz (also .bz2, .zip, .xz, .zst), .tsv, .xlsx or .feather; "-" writes CSV to
    stdout.  A file at PATH is replaced at the moment when the new one is complete.  A result that cannot be proven
    complete is not written.
    """
    to_stdout = str(path) == "-"
    if not to_stdout and not only_estimate:
        check_file(path)
    with query_of(options) as query:
        if only_estimate:
            estimate = query.estimate()
            click.echo(json.dumps(_facts_of_estimate(estimate)) if as_json else str(estimate))
            return
        with query.streamed(None if to_stdout else path, allow_unverified=allow_unverified) as (rows, schema, note):
            if to_stdout:
                csv_into(sys.stdout.buffer, rows, schema)
            else:
                written = write_file(path, rows, schema, note)
        facts: dict[str, Any] = {"path": str(path), "rows": note.rows, "verdict": note.verdict}
        facts |= {"is_verified": note.is_verified, "calls": query.connection.calls_made}
    if not to_stdout:
        facts["size_bytes"] = path.stat().st_size
    if as_json:
        click.echo(json.dumps(facts), err=to_stdout)
        return
    for name in ("path", "rows", "verdict", "calls"):
        value = f"{facts[name]:,}" if isinstance(facts[name], int) else facts[name]
        click.echo(f"{name:<9}{value}", err=to_stdout)
    if not to_stdout:
        click.echo(f"{'size':<9}{size(facts['size_bytes'])}")
        if isinstance(written, Spreadsheet) and (written.guarded or written.replaced):
            click.echo(str(written), err=True)


def _facts_of_estimate(estimate: Estimate) -> dict[str, Any]:
    return {
        "rows": estimate.rows,
        "is_upper_bound": estimate.rows.is_upper_bound,
        "calls": estimate.calls,
        "seconds": round(estimate.seconds, 1),
        "calls_left": estimate.calls_left,
    }
