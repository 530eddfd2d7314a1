"""`sc-pandas cache`: what is in the cache on this machine, and how to remove it."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import click

from sc_pandas.cache import CacheInfo, HttpCache, clear_folder, home_of
from sc_pandas.cache.http_cache import FORMAT
from sc_pandas.cli.options import CACHE_DIR, JSON
from sc_pandas.settings import cache_folder
from sc_pandas.wording import age, plural, size

_EXAMPLES = """\b
Examples:
  sc-pandas cache info
  sc-pandas cache info --json
  sc-pandas cache clear --yes
"""
_ENDING = f".v{FORMAT}.sqlite"


@click.group(epilog=_EXAMPLES)
def cache() -> None:
    """Show or remove what is in the cache on this machine."""


@cache.command()
@CACHE_DIR
@JSON
def info(cache_dir: str | None, *, as_json: bool) -> None:
    """Show the caches in the folder: one for each server and user, named by a digest of both."""
    folder = home_of(cache_folder(cache_dir))
    caches = list(_caches(folder))
    if as_json:
        listed = [{"tenant": _tenant(one.path), **asdict(one), "path": str(one.path)} for one in caches]
        click.echo(json.dumps({"folder": str(folder), "caches": listed}))
        return
    click.echo(f"{folder}: {plural(len(caches), 'cache')}, {size(sum(one.size_bytes for one in caches))}")
    if caches:
        click.echo(f"\n{'server and user':<34}{'size':>9}{'pages':>9}{'reads':>7}   newest")
    for one in caches:
        facts = f"{size(one.size_bytes):>9}{one.pages:>9,}{one.reads:>7,}   {age(one.newest_age_s)}"
        click.echo(f"{_tenant(one.path):<34}{facts}")


@cache.command()
@CACHE_DIR
@click.option("--yes", is_flag=True, help="Do not ask.")
def clear(cache_dir: str | None, *, yes: bool) -> None:
    """Remove the caches in the folder, of every server and user."""
    folder = cache_folder(cache_dir)
    sure = yes or click.confirm(f"Remove every cache in {folder}?", err=True)
    removed = clear_folder(folder) if sure else []
    for path in removed:
        click.echo(f"removed  {path}")
    click.echo(f"{plural(len(removed), 'file')} removed.")


def _caches(folder: Path) -> Iterator[CacheInfo]:
    for path in sorted(folder.glob(f"*{_ENDING}")):
        store = HttpCache(folder, _tenant(path))
        try:
            yield store.info()
        finally:
            store.close()


def _tenant(path: Path) -> str:
    return path.name.removesuffix(_ENDING)
