"""`sc-pandas segments`: saved filters, who is in them now, and who came and went since the last time."""

import json
from typing import Any

import click

from sc_pandas.cli.endings import code_of
from sc_pandas.cli.options import JSON, SectionedCommand, connected, connection_options, filter_options, reading_options
from sc_pandas.errors import SellerCloudError
from sc_pandas.filters import CustomerFilter
from sc_pandas.query import SegmentResult
from sc_pandas.segments import Segments, check_names
from sc_pandas.wording import one_line, plural, visible

_EXAMPLES = """\b
Examples:
  sc-pandas segments save happy --rating satisfied --rating very_satisfied
  sc-pandas segments run --server tt
  sc-pandas segments run happy --server tt --cache refresh --json
  sc-pandas count --segment happy --server tt
  sc-pandas export happy.parquet --segment happy --server tt
"""
_NOTHING = "No segment is saved. Save one: sc-pandas segments save NAME --rating satisfied"


@click.group(epilog=_EXAMPLES)
def segments() -> None:
    """Save filters by name, and see who came and went since the last time.

    They are those of the panel and of sc.Segments(), in segments.json of your own data folder (SC_PANDAS_DATA_DIR).
    """


@segments.command("list")
def list_them() -> None:
    """Show names and filters; nobody is asked."""
    saved = Segments()
    if not saved:
        click.echo(_NOTHING, err=True)
    wide = max((len(visible(name)) for name in saved), default=0)
    for name in saved:
        click.echo(f"{visible(name):<{wide}}  {_filter_text(saved, name)}")


def _filter_text(saved: Segments, name: str) -> str:
    try:
        return visible(saved[name].to_code(), 1_000) or "all customers"
    except SellerCloudError as error:
        return f"cannot be asked: {visible(str(error))}"


@segments.command(cls=SectionedCommand)
@click.argument("name")
@filter_options
def save(name: str, **options: Any) -> None:
    """Save the filter under NAME, in place of what was there."""
    given = {each: value for each, value in options.items() if value not in {None, ()}}
    saved = Segments()
    replaced = name.strip() in saved
    saved.save(name, CustomerFilter.of(**given))
    click.echo(f"{'replaced' if replaced else 'saved'}  {visible(name.strip())}  {_filter_text(saved, name.strip())}")


@segments.command()
@click.argument("names", nargs=-1, required=True)
def delete(names: tuple[str, ...]) -> None:
    """Delete segments, and forget who was in them."""
    saved = Segments()
    check_names(names, saved)
    for name in names:
        saved.delete(name)
        click.echo(f"deleted  {visible(name)}")


@segments.command(cls=SectionedCommand)
@click.argument("names", nargs=-1)
@connection_options
@reading_options("cache", "max_age", "consistency", "max_calls", "progress")
@JSON
def run(names: tuple[str, ...], *, as_json: bool, **options: Any) -> None:
    """Ask who is in the segments NAMES (or in all), and who came and went since the last time.

    A segment that fails is shown as failed, the others are shown; the exit code is that of the first that failed.
    """
    saved = Segments()
    given = {name: value for name, value in options.items() if value is not None}
    check_names(names, saved)  # before a password is asked for
    if not saved:
        click.echo(json.dumps({"segments": [], "failed": [], "calls": 0}) if as_json else _NOTHING)
        return
    with connected(given) as shop:
        ran = shop.segments(*names, segments=saved, **given)
        calls = shop.calls_made
    if as_json:
        failed = [{"name": n, "error": type(each).__name__, "message": str(each)} for n, each in ran.errors.items()]
        facts = {"segments": [_facts(each) for each in ran.results.values()], "failed": failed, "calls": calls}
        click.echo(json.dumps(facts))
    else:
        click.echo(str(ran))
        click.echo(f"({plural(calls, 'call')} made)", err=True)
    for name, error in ran.errors.items():
        click.echo(f"sc-pandas: {visible(name)}: {one_line(str(error))}", err=True)
    if ran.errors:
        raise click.exceptions.Exit(code_of(next(iter(ran.errors.values()))))


def _facts(one: SegmentResult) -> dict[str, Any]:
    return {
        "name": one.name,
        "filter": one.filter.to_dict(),
        "asked": dict(one.read.provenance.filter),
        "count": one.count,
        "added": None if one.since is None else len(one.added),
        "removed": None if one.since is None else len(one.removed),
        "since": one.since and one.since.isoformat(),
        "verdict": one.read.report.verdict,
        "finished_at": one.read.report.finished_at.isoformat(),
    }
