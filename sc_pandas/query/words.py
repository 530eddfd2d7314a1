"""What a query says in words: the code and the requests of it, and the warnings of a read."""

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from sc_pandas.contract import CUSTOMERS_PATH, Dialect
from sc_pandas.errors import SchemaDriftWarning, SellerCloudWarning
from sc_pandas.filters import CustomerFilter
from sc_pandas.reading import IncludePlan, ReadOptions, ReadReport
from sc_pandas.reading.plan import page_params
from sc_pandas.wording import caller_stacklevel, plural

if TYPE_CHECKING:
    from sc_pandas.query.connection import Connection


def to_code(url: str, question: CustomerFilter, options: ReadOptions) -> str:
    """Return Python code that reads a filter at a server."""
    host = url.removeprefix("https://").removesuffix("/rest")
    server = host.removesuffix(".api.sellercloud.com") if host.endswith(".api.sellercloud.com") else url
    plain = ReadOptions()
    words = [
        f"{name}={list(value) if isinstance(value, tuple) else value!r}"
        for name in ("limit", "columns", "include", "page_size", "consistency", "exact_decimals", "dtype_backend")
        if (value := getattr(options, name)) != getattr(plain, name)
    ]
    arguments = ", ".join([repr(server), *words, *filter(None, [question.to_code()])])
    return f"import sc_pandas as sc\n\ndf = sc.read_sellercloud_customers({arguments})"


def explain(connection: "Connection", parts: Sequence[CustomerFilter], includes: IncludePlan, page_size: int) -> str:
    """Return the requests that a read would send, a line for each list."""
    dialect = connection.source.dialects.known or Dialect.ARTICLE
    lines = []
    for part in parts:
        spoken = Dialect.SWAGGER if part.needs_swagger() else dialect
        query = urlencode(page_params(part, spoken, 1, page_size))
        lines.append(f"GET {connection.url}{CUSTOMERS_PATH}?{query}")
    lines.append("then the further pages, up to 16 at once, and page 1 and the last page again")
    for fact in includes.by_list:
        each = f"of {len(fact.codes)} values" if fact.codes else "month of the years that have customers"
        lines.append(f"for {fact.name}: the same for each {each}")
    if includes.by_customer:
        names = ", ".join(includes.by_customer)
        lines.append(f"for {names}: GET {connection.url}{CUSTOMERS_PATH}/{{id}} for each customer")
    if connection.source.dialects.known is None:
        lines.append("in the other dialect, if the server shows that it does not understand this one")
    return "\n".join(lines)


def warn_of(report: ReadReport, *, gaps: bool) -> None:
    """Warn of new columns, of undocumented keys, of values that did not fit their columns, and of gaps."""
    if report.drift:
        told = "; ".join(map(" ".join, report.drift))
        message = f"This shop's custom columns changed: {told}. Frames have them from now on, null without a value."
        keys = tuple(name for name, _ in report.drift)
        warnings.warn(SchemaDriftWarning(message, keys=keys), stacklevel=caller_stacklevel())
    if report.undocumented:
        names = ", ".join(report.undocumented)
        message = (
            "The server sent keys that no public page documents, or names that differ only in case; they are "
            f"columns: {names}."
        )
        warnings.warn(SchemaDriftWarning(message, keys=report.undocumented), stacklevel=caller_stacklevel())
    if report.coercions:
        columns = tuple(dict.fromkeys(each.column for each in report.coercions))
        message = (
            f"{len(report.coercions):,} values did not fit their columns: {', '.join(columns)}. They are null there, "
            "or the nearest number; run().report.coercions has them in full."
        )
        warnings.warn(SchemaDriftWarning(message, keys=columns), stacklevel=caller_stacklevel())
    if gaps and report.gaps:
        lack = plural(len(report.gaps), "customer lacks", "customers lack")
        message = f"{lack} what was to be included; it is null there. run().report.gaps says whose, and why."
        warnings.warn(SellerCloudWarning(message), stacklevel=caller_stacklevel())
