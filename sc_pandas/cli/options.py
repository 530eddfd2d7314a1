"""Options of the command line, made from the library's own tables and signatures."""

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, get_args

import click

from sc_pandas.contract import FILTERS, FilterFact, Flag
from sc_pandas.contract.details import DETAILS
from sc_pandas.contract.includes import PARTITIONS
from sc_pandas.errors import FilterError
from sc_pandas.filters import CustomerFilter
from sc_pandas.query import Connection, CustomerQuery, connect
from sc_pandas.query.keywords import CONNECT_KEYWORDS, OPTIONS, DialectName
from sc_pandas.reading import CacheMode, Consistency
from sc_pandas.segments import Segments

_METAVARS: Final = {"ids": "ID", "text": "TEXT", "enum": "NAME", "date": "TIME"}
_NAMES_TO_LIST: Final = 10
_DEFAULTS: Final = {name: each.default for name, each in inspect.signature(connect).parameters.items()} | dict(OPTIONS)

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def flag(name: str) -> str:
    """Return the option of a keyword, as in ``--created-on-from``."""
    return f"--{name.replace('_', '-')}"


class SectionedOption(click.Option):
    """An option that stands under a title in the help."""

    def __init__(self, *args: Any, section: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.section = section


class SectionedCommand(click.Command):
    """A command whose help lists its options under titles."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, section by section."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx) if isinstance(parameter, click.Option) else None
            if record is not None:
                sections.setdefault(getattr(parameter, "section", "Options"), []).append(record)
        for title, records in sections.items():
            with formatter.section(title):
                formatter.write_dl(records)


def _option(name: str, section: str, says: str, **more: Any) -> Decorator:
    default = _DEFAULTS.get(name)
    said = says if default is None else f"{says}  [default: {default:g}]" if isinstance(default, float) else says
    shown = {"help": said, "section": section, "default": default, **more}
    # A float's default is in the text already, without its ".0".
    shown.setdefault("show_default", default is not None and not isinstance(default, float))
    return click.option(flag(name), name, cls=SectionedOption, **shown)


def added(*options: Decorator) -> Decorator:
    """Add options to a command, in this order."""
    return lambda command: functools.reduce(lambda so_far, option: option(so_far), reversed(options), command)


def _filter_option(fact: FilterFact) -> Decorator:
    repeatable = fact.kind != "date"
    says = f"{fact.says[:1].upper()}{fact.says[1:]}{_values_of(fact)}.{' Repeatable.' if repeatable else ''}"
    return _option(fact.name, f"Filters ({fact.group})", says, metavar=_METAVARS[fact.kind], multiple=repeatable)


def _values_of(fact: FilterFact) -> str:
    if fact.kind == "date":
        return ": 2026-01-31, 2026-01, '2026-01-31 14:05', yesterday, -7d"
    if fact.enum is None:
        return ""
    if fact.enum is Flag:
        return f": {', '.join(member.name.lower() for member in reversed(Flag))}"
    names = list(fact.enum.__members__)
    if len(names) > _NAMES_TO_LIST:
        return f": one of {len(names)} names such as {', '.join(names[:6])}, or a code"
    return f": {', '.join(names)}, or a code"


SERVER: Final = _option(
    "server", "Connection", "A server id (tt), team:NAME or a base URL; else SELLERCLOUD_SERVER.", metavar="SERVER"
)
USERNAME: Final = _option(
    "username",
    "Connection",
    "Who asks; else SELLERCLOUD_USERNAME (at SELLERCLOUD_SERVER), the keyring, or a prompt.",
    metavar="NAME",
)
CACHE_DIR: Final = _option(
    "cache_dir",
    "Connection",
    "Folder of the cache; else SC_PANDAS_CACHE_DIR or your own cache folder.",
    type=click.Path(file_okay=False),
)
SEGMENT: Final = _option(
    "segment", "Filters (saved)", "A segment, instead of filters; `sc-pandas segments list` has them.", metavar="NAME"
)
JSON: Final = click.option("--json", "as_json", is_flag=True, help="Print one JSON object to stdout.")
_ZONE: Final = "Time zone of SellerCloud's dates (America/New_York), for times with a zone."
# Those of `connect`, but no password.
connection_options: Final = added(
    SERVER,
    USERNAME,
    CACHE_DIR,
    _option("dialect", "Connection", "How requests are spelt.", type=click.Choice(get_args(DialectName))),
    _option("server_timezone", "Connection", _ZONE, metavar="ZONE"),
    _option("timeout", "Connection", "Longest attempt of one call.", type=float, metavar="SECONDS"),
    _option("max_wait", "Connection", "Longest throttle to wait out.", type=float, metavar="SECONDS"),
)
_CACHE_SAYS: Final = "Use entries that are young enough, refresh them, send nothing, or do without the cache."
_AGE_SAYS: Final = "How old a cached result may be; one hour by default."
_PROOF_SAYS: Final = "Prove that the result is complete, or read once, not verified."
_INCLUDE_SAYS: Final = (
    "One more column. Repeatable. By one list for each value: "
    f"{', '.join(PARTITIONS)} (company_id only where the filter names companies). "
    f"By one call for each customer: {', '.join(DETAILS)}."
)
_READING: Final[Mapping[str, Decorator]] = {
    "limit": _option("limit", "Reading", "Maximum number of rows.", type=int, metavar="N"),
    "columns": _option("columns", "Reading", "A column to write. Repeatable.", metavar="NAME", multiple=True),
    "include": _option("include", "Reading", _INCLUDE_SAYS, metavar="NAME", multiple=True, show_default=False),
    "page_size": _option("page_size", "Reading", "Rows to ask for in a page.", type=int, metavar="N"),
    "cache": _option("cache", "Reading", _CACHE_SAYS, type=click.Choice(get_args(CacheMode))),
    "max_age": _option("max_age", "Reading", _AGE_SAYS, type=float, metavar="SECONDS"),
    "consistency": _option("consistency", "Reading", _PROOF_SAYS, type=click.Choice(get_args(Consistency))),
    "max_calls": _option("max_calls", "Reading", "Refuse a read that needs more calls.", type=int, metavar="N"),
    "progress": click.option(
        "--progress/--no-progress",
        cls=SectionedOption,
        section="Reading",
        default=None,
        help="A bar on stderr; by default where a person is looking.",
    ),
}
filter_options: Final = added(*map(_filter_option, FILTERS))


def reading_options(*names: str) -> Decorator:
    """Add options of a read to a command: all, or those that are named."""
    return added(*(_READING[name] for name in names or _READING))


def connected(given: dict[str, Any]) -> Connection:
    """Connect by the options that are for that, and take them out of those that are given."""
    login = {name: given.pop(name) for name in CONNECT_KEYWORDS if name in given}
    return connect(given.pop("server", None), **login)


@contextmanager
def query_of(options: Mapping[str, Any]) -> Iterator[CustomerQuery]:
    """Return the query of the options, on a connection that is open meanwhile."""
    given = {name: value for name, value in options.items() if value not in {None, ()}}
    # A wrong filter is told before a password is asked for.
    asked = CustomerFilter.of(**{name: given.pop(name) for name in CustomerFilter.names if name in given})
    if (segment := given.pop("segment", None)) is not None:
        if asked.given():
            raise FilterError("--segment stands for all filters; leave the others out.", filter="segment")
        asked = Segments()[segment]
    with connected(given) as connection:
        query = connection.customers(**given).with_filter(asked)
        if asked.is_relative:
            click.echo(f"(asked: {query.asked.to_code()})", err=True)
        yield query
