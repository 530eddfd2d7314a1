"""The same columns in every answer of a shop: what reads saw is remembered, and every read has it."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from sc_pandas.cache import Columns, cache_key
from sc_pandas.filters import CustomerFilter
from sc_pandas.reading.labels import check_columns
from sc_pandas.reading.options import Progress, ReadOptions, Source
from sc_pandas.reading.report import ReadReport
from sc_pandas.tables import CustomerRows, custom_fields, kind_of, known_fields, widest, with_known


def _digest(parts: Iterable[CustomerFilter]) -> str:
    return cache_key("columns", [("filter", each.to_json()) for each in parts])[:16]


_EVERYBODY: Final = _digest([CustomerFilter()])


def with_every_column(rows: CustomerRows, known: Columns, options: ReadOptions) -> CustomerRows:
    """Return rows with every custom column that the shop is known to have."""
    strict = options.on_bad_value == "raise"
    return with_known(rows, known.kinds, strict=strict, exact_decimals=options.exact_decimals)


def learnt(
    source: Source,
    parts: Iterable[CustomerFilter],
    options: ReadOptions,
    progress: Progress,
    read: tuple[CustomerRows, ReadReport],
) -> tuple[CustomerRows, ReadReport]:
    """Remember the custom columns of a read; return its rows with all that are known, and what is new in the report."""
    rows, report = read
    kinds = {name: kind_of(each) for name, each in custom_fields(rows).items()}
    seen = Columns({name: [kind] for name, kind in kinds.items()})
    if options.limit is None and report.is_proven:
        is_new = progress.tally.calls > 0
        seen = Columns(seen.kinds, [_digest(parts)], rows.filled() if is_new else {}, rows.num_rows if is_new else 0)
    before, known = source.columns.learn(seen, on_disk=not progress.tally.unkept)
    new, changed = before.news(seen, _EVERYBODY)
    said = {name: f"is new ({kinds[name]})" for name in new}
    said |= {name: f"came as {kinds[name]} and is {widest(known.kinds[name])} in every frame" for name in changed}
    rows = with_every_column(rows, known, options)
    columns = known_fields({name: known.kinds.get(name, [kinds[name]]) for name in said} | known.kinds)
    drift = tuple((columns[name].name, what) for name, what in said.items())
    return rows, replace(report, coercions=rows.coercions, drift=drift)


def check_wanted(source: Source, wanted: Iterable[str], columns: Iterable[str]) -> None:
    """Refuse columns that there are not, besides those that the shop is known to have."""
    known = source.columns.known()
    there = dict.fromkeys([*columns, *(each.name for each in known_fields(known.kinds).values())])
    check_columns(wanted, list(there), is_known=_EVERYBODY in known.read)
