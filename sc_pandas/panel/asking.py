"""What the engine asks of a query besides running it: functions of queries and answers."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pandas as pd

from sc_pandas import forks
from sc_pandas.errors import CacheMissError, ExportError
from sc_pandas.filters import CustomerFilter
from sc_pandas.panel.including import price_text
from sc_pandas.panel.pictures import facet_png
from sc_pandas.panel.preview import facet_counts
from sc_pandas.panel.protocols import EstimateLike, QueryLike, ReadLike
from sc_pandas.panel.state import Facets
from sc_pandas.parquet import write_parquet

_LOG: Final = logging.getLogger(__name__)
# matplotlib promises nothing about two pictures at a time.
_DRAWING: Final = forks.new_lock()


def draw_facets(rows: pd.DataFrame) -> Facets:
    """Count rows by their columns of few values, and draw the counts where that can be done."""
    counts = facet_counts(rows)
    try:
        with _DRAWING:
            return Facets(counts, facet_png(counts))
    except Exception:  # noqa: BLE001  # a picture that cannot be drawn is said in words instead
        _LOG.debug("the facets could not be drawn", exc_info=True)
        return Facets(counts)


def why_without_pages(query: QueryLike) -> str:
    """Say why a query has no pages of its own, or give an empty text."""
    if query.reads > 1:
        return "This filter is a union of lists"
    if query.options.limit is not None:
        return "This query has a limit"
    return "This query asks nobody (cache='offline')" if query.options.cache == "offline" else ""


def within(question: CustomerFilter, name: str, values: Mapping[str, int]) -> dict[str, int]:
    """Give those of a filter's values that the question lets through."""
    asked = getattr(question, name)
    if asked is None or -1 in asked:
        return dict(values)
    labels = {value: label for label, value in values.items()}
    return {labels.get(value, str(value)): value for value in asked}


def write(path: Path, read: ReadLike) -> None:
    """Write a proven answer to a Parquet file."""
    if not read.report.is_proven:
        raise ExportError.not_proven(path, "Ask with consistency='auto'.")
    write_parquet(path, read.table.to_batches(), read.table.schema, read.provenance)


def kept_estimate(query: QueryLike) -> EstimateLike | None:
    """Say what loading takes now, if the cache can say so without a call."""
    if query.options.cache != "use":
        return None
    try:
        return query.with_options(cache="offline").estimate()
    except CacheMissError:
        return None


def kept_price(query: QueryLike) -> str:
    """Say what loading more columns takes now, if the cache can say so without a call."""
    estimate = kept_estimate(query) if query.options.include else None
    return "" if estimate is None else price_text(estimate)
