"""What the end of a file's name promises: a format, and for text how it is compressed."""

from typing import Final, NamedTuple

from sc_pandas.errors import ExportError
from sc_pandas.files import PathLike, plain_path


class Format(NamedTuple):
    """A kind of file that can be written, and the verb of ``df.sellercloud`` for it."""

    name: str
    verb: str
    endings: tuple[str, ...]


FORMATS: Final = (
    Format("Parquet", "to_parquet", (".parquet", ".pq")),
    Format("CSV", "to_csv", (".csv", ".tsv")),
    Format("Excel", "to_excel", (".xlsx",)),
    Format("Feather", "to_feather", (".feather", ".arrow")),
)
_BY_ENDING: Final = {ending: each for each in FORMATS for ending in each.endings}
# As pandas knows them.
COMPRESSIONS: Final = (".gz", ".bz2", ".zip", ".xz", ".zst")
# Promises that nobody here fulfils.
_OTHERS: Final = frozenset(
    {".xls", ".xlsb", ".xlsm", ".ods", ".json", ".jsonl", ".ndjson", ".html", ".xml", ".pickle", ".pkl", ".orc", ".h5"}
    | {".hdf", ".db", ".sqlite", ".dta", ".sav", ".tar", ".tgz", ".7z", ".rar", ".lz4", ".br", ".snappy"}
)


def endings_of(path: PathLike) -> tuple[str, str]:
    """Return the ending that promises a format, and that of a compression; "" for none.

    Examples
    --------
    >>> endings_of("customers.CSV.gz"), endings_of("2026.11.24"), endings_of("customers.ods")
    (('.csv', '.gz'), ('', ''), ('.ods', ''))
    """
    endings = ["", *(each.lower() for each in plain_path(path).suffixes)]
    compression = endings.pop() if endings[-1] in COMPRESSIONS else ""
    return (endings[-1] if endings[-1] in _BY_ENDING or endings[-1] in _OTHERS else ""), compression


def verb_for(path: PathLike) -> str:
    """Return the verb that writes what a name promises.

    Raises
    ------
    ExportError
        The name promises nothing, or what cannot be written (``reason="mismatch"``).
    """
    ending, _ = endings_of(path)
    if ending not in _BY_ENDING:
        said = f"no verb writes {ending}" if ending else "its name does not say in which format"
        raise _mismatch(path, f"{said}. Let it end in one of {', '.join(_BY_ENDING)}.")
    check_name(path, _BY_ENDING[ending].verb)
    return _BY_ENDING[ending].verb


def check_name(path: PathLike, verb: str) -> None:
    """Refuse a name that promises another format than a verb writes; a name that promises none is taken.

    Raises
    ------
    ExportError
        The message names the right verb (``reason="mismatch"``).
    """
    ending, compression = endings_of(path)
    mine = next(each for each in FORMATS if each.verb == verb)
    if ending and ending not in mine.endings:
        right = f"Use {_BY_ENDING[ending].verb}, or change the name" if ending in _BY_ENDING else "Change the name"
        raise _mismatch(path, f"{verb} writes {mine.name}, and the name ends in {ending}{compression}. {right}.")
    if compression and verb != "to_csv":
        raise _mismatch(path, f"{mine.name} is compressed inside. Leave {compression} out of the name.")


def _mismatch(path: PathLike, what: str) -> ExportError:
    return ExportError.cannot_write(path, what, reason="mismatch")
