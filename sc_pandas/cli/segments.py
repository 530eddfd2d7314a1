"""`sc-pandas segments`: saved filters, who is in them now, and who came and went since the last time."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from sc_pandas.cli.endings import code_of
from sc_pandas.cli.options import (
    JSON,
    SectionedCommand,
    SectionedOption,
    connection_options,
    filter_options,
    reading_options,
)
from sc_pandas.errors import FilterError, SellerCloudError
from sc_pandas.filters import CustomerFilter
from sc_pandas.parquet import write_parquet
from sc_pandas.query import SegmentCount, SegmentCounts, SegmentResult, SegmentRun, connect
from sc_pandas.query.keywords import CONNECT_KEYWORDS
from sc_pandas.segments import Segments, UnknownSegmentError
from sc_pandas.wording import one_line, plural, visible

_EXAMPLES = """\b
Examples:
  sc-pandas segments save happy --rating satisfied --rating very_satisfied
  sc-pandas segments run --server tt
  sc-pandas segments run happy --server tt --cache refresh --json
  sc-pandas segments count --server tt
  sc-pandas segments list --json > for_a_colleague.json
"""
_RUN_EXAMPLES = """\b
Examples:
  sc-pandas segments run --server tt
  sc-pandas segments run happy wholesale --server tt --cache refresh
  sc-pandas segments run --server tt --count-only --json
"""
_COUNT_EXAMPLES = """\b
Examples:
  sc-pandas segments count --server tt
  sc-pandas segments count happy --server tt --cache refresh --json
"""
_NOTHING = "No segment is saved. Save one: sc-pandas segments save NAME --rating satisfied"
_NAME_RULE = "letters, digits, blanks, dots, hyphens and underscores, beginning with a letter or a digit"


@click.group(epilog=_EXAMPLES)
def segments() -> None:
    """Save filters by name, and see who came and went since the last time.

    They are those of the panel and of sc.Segments(), in your own data folder (SC_PANDAS_DATA_DIR).
    """


# ── names and filters ──────────────────────────────────────────────────────────────────────────────────────────────


@segments.command("list")
@JSON
def list_them(*, as_json: bool) -> None:
    """Show names and filters; nobody is asked.

    With --json it prints the file that a colleague can use: no server, no login, no count, no customer.
    """
    kept = Segments()
    if as_json:
        click.echo(kept.to_json())
        return
    names = kept.names()
    if not names:
        click.echo(_NOTHING, err=True)
    wide = max((len(visible(name)) for name in names), default=0)
    for name in names:
        click.echo(f"{visible(name):<{wide}}  {_filter_text(kept, name)}")


def _filter_text(kept: Segments, name: str) -> str:
    try:
        return visible(kept[name].to_code(), 1_000) or "all customers"
    except SellerCloudError as error:
        return f"cannot be asked: {visible(str(error))}"


@segments.command(cls=SectionedCommand)
@click.argument("name")
@filter_options
def save(name: str, **options: Any) -> None:
    """Save the filter under NAME, in place of what was there."""
    given = {each: value for each, value in options.items() if value not in {None, ()}}
    kept = Segments()
    replaced = name.strip() in kept
    kept.save(name, CustomerFilter.of(**given))
    click.echo(f"{'replaced' if replaced else 'saved'}  {visible(name.strip())}  {_filter_text(kept, name.strip())}")


@segments.command()
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--replace", is_flag=True, help="Replace other filters of the same names.")
def add(path: Path, *, replace: bool) -> None:
    """Save the segments of a file that `list --json` wrote; all of them or none."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise FilterError(f"{path} is not a file of segments.") from None
    for name in Segments().add_json(text, replace=replace):
        click.echo(f"saved  {visible(name)}")


@segments.command()
@click.argument("names", nargs=-1, required=True)
def delete(names: tuple[str, ...]) -> None:
    """Delete segments, and forget who was in them."""
    kept = Segments()
    _check_names(kept, names)
    for name in names:
        kept.delete(name)
        click.echo(f"deleted  {visible(name)}")


@segments.command()
@click.argument("names", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Of every segment, also of those that are deleted.")
def forget(names: tuple[str, ...], *, everything: bool) -> None:
    """Forget who was in segments, so that their next run is the first; the filters stay."""
    if bool(names) == everything:
        raise click.UsageError("Name segments, or say --all.")
    kept = Segments()
    count = kept.forget() if everything else sum(kept.forget(name) for name in names)
    click.echo(f"{plural(count, 'memory', 'memories')} forgotten.")


def _check_names(kept: Segments, names: Iterable[str]) -> None:
    for name in names:
        if name not in kept:
            raise UnknownSegmentError.among(name, kept)


# ── running them ───────────────────────────────────────────────────────────────────────────────────────────────────


_NO_REMEMBER = click.option("--no-remember", is_flag=True, help="Look only: the last time stays the last time.")
_RAN_AS_JSON = click.option(
    "--json", "as_json", is_flag=True, cls=SectionedOption, section="Options", help="Print one JSON object to stdout."
)


@segments.command(cls=SectionedCommand, epilog=_RUN_EXAMPLES)
@click.argument("names", nargs=-1)
@click.option("--count-only", is_flag=True, help="As `segments count`: one call each; says how many, not who.")
@_NO_REMEMBER
@click.option("--ids", is_flag=True, help="With --json, the ids of members, of those who came and of those who went.")
@click.option(
    "--parquet",
    "folder",
    metavar="FOLDER",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="Write each segment's customers to FOLDER/NAME.parquet.",
)
@connection_options
@reading_options("cache", "max_age", "consistency", "max_calls", "progress")
@_RAN_AS_JSON
def run(
    names: tuple[str, ...],
    *,
    count_only: bool,
    no_remember: bool,
    ids: bool,
    folder: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Ask who is in the segments NAMES (or in all), and who came and went since the last time.

    A segment that fails is shown as failed, the others are shown; the exit code is that of the first that failed.
    """
    if count_only and (ids or folder):
        raise click.UsageError("--count-only reads nobody, so that there are no --ids and no --parquet.")
    if ids and not as_json:
        raise click.UsageError("--ids needs --json.")
    _run(names, count_only=count_only, ids=ids, folder=folder, as_json=as_json, remember=not no_remember, **options)


@segments.command(cls=SectionedCommand, epilog=_COUNT_EXAMPLES)
@click.argument("names", nargs=-1)
@_NO_REMEMBER
@connection_options
@reading_options("cache", "max_age", "max_calls")
@_RAN_AS_JSON
def count(names: tuple[str, ...], *, no_remember: bool, as_json: bool, **options: Any) -> None:
    """Ask how many are in the segments NAMES (or in all), by one call each; says how many, not who.

    A segment that fails is shown as failed, the others are shown; the exit code is that of the first that failed.
    """
    _run(names, count_only=True, as_json=as_json, remember=not no_remember, **options)


def _run(
    names: tuple[str, ...],
    *,
    count_only: bool,
    as_json: bool,
    ids: bool = False,
    folder: Path | None = None,
    **options: Any,
) -> None:
    kept = Segments()
    given = {name: value for name, value in options.items() if value is not None}
    # What cannot be done is told before a password is asked for.
    chosen = names or tuple(kept.names())
    _check_names(kept, chosen)
    for name in chosen if folder else ():
        _file_name(name)
    if not chosen:
        click.echo(json.dumps({"segments": [], "failed": [], "written": {}, "calls": 0}) if as_json else _NOTHING)
        return
    login = {name: given.pop(name) for name in list(given) if name in CONNECT_KEYWORDS}
    ran: SegmentRun | SegmentCounts
    with connect(given.pop("server", None), **login) as shop:
        if count_only:
            for name in ("consistency", "progress"):
                given.pop(name, None)
            ran = shop.segment_counts(*names, segments=kept, **given)
        else:
            ran = shop.segments(*names, segments=kept, **given)
        calls = shop.source.client.pace.total
    written = {} if folder is None or isinstance(ran, SegmentCounts) else _written(ran, folder)
    if as_json:
        click.echo(json.dumps({**_facts_of(ran, with_ids=ids), "written": written, "calls": calls}))
    else:
        click.echo(str(ran))
        for path in written.values():
            click.echo(f"wrote  {path}")
        click.echo(f"({plural(calls, 'call')} made)", err=True)
    for name, error in ran.errors.items():
        click.echo(f"sc-pandas: {visible(name)}: {one_line(str(error))}", err=True)
    if ran.errors:
        raise click.exceptions.Exit(code_of(next(iter(ran.errors.values()))))


def _facts_of(ran: SegmentRun | SegmentCounts, *, with_ids: bool) -> dict[str, Any]:
    results: Mapping[str, SegmentResult | SegmentCount] = ran.results
    failed = [{"name": n, "error": type(each).__name__, "message": str(each)} for n, each in ran.errors.items()]
    return {"segments": [_facts(each, with_ids=with_ids) for each in results.values()], "failed": failed}


def _facts(one: SegmentResult | SegmentCount, *, with_ids: bool) -> dict[str, Any]:
    facts: dict[str, Any] = {"name": one.name, "filter": one.filter.to_dict(), "count": int(one.count)}
    if isinstance(one, SegmentCount):
        since = one.change.since
        told = {"is_upper_bound": one.count.is_upper_bound, "state": one.change.state, "change": one.change.change}
        return {**facts, **told, "since": since and since.isoformat()}
    compared = one.since is not None
    facts |= {
        "state": one.difference.state,
        "added": len(one.added) if compared else None,
        "removed": len(one.removed) if compared else None,
        "since": one.since and one.since.isoformat(),
        "verdict": one.verdict,
        "finished_at": one.report.finished_at.isoformat(),
    }
    if with_ids:
        facts |= {"ids": one.ids.tolist(), "added_ids": one.added.tolist(), "removed_ids": one.removed.tolist()}
    return facts


def _written(ran: SegmentRun, folder: Path) -> dict[str, str]:
    """Write the proven segments; who is not proven is not written, and says so."""
    written = {}
    for name, one in ran.items():
        if not one.report.is_proven:
            click.echo(f"sc-pandas: {visible(name)} is {one.verdict}, so that it is not written.", err=True)
            continue
        table = one.table
        written[name] = str(write_parquet(folder / _file_name(name), table.to_batches(), table.schema, one.provenance))
    return written


def _file_name(name: str) -> str:
    plain = name[:1].isalnum() and all(each.isalnum() or each in " ._-" for each in name)
    if not plain:
        raise FilterError(f"{name!r} makes no file name; --parquet takes names of {_NAME_RULE}.")
    return f"{name}.parquet"
