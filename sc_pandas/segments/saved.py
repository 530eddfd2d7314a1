"""`Segments`: named filters in one small JSON file, which holds nothing else and can be shared."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Unpack

from sc_pandas.edge import public_class
from sc_pandas.errors import ExportError, FilterError, SettingsError
from sc_pandas.files import atomic_write, open_plain
from sc_pandas.filters import CustomerFilter, CustomerFilterArgs, shows
from sc_pandas.secrecy import hide_unknown
from sc_pandas.segments import memory
from sc_pandas.segments.memory import locked
from sc_pandas.settings import data_folder
from sc_pandas.wording import did_you_mean, nearest

FORMAT: Final = 1
FILE: Final = "segments.json"
LONGEST_NAME: Final = 100


class UnknownSegmentError(FilterError, KeyError):
    """No filter is saved under that name; a `KeyError` besides, as mappings promise."""

    # A KeyError would print its message in quotes.
    __str__ = BaseException.__str__


def check_names(names: Iterable[str], known: Mapping[str, Any]) -> None:
    """Refuse a name that is not known, and say which are near."""
    for name in names:
        if name not in known:
            near = nearest(name, tuple(known))
            message = f"No segment is saved under the name {name!r}.{did_you_mean(near, quoted=True)}"
            raise UnknownSegmentError(message, filter=name, suggestions=near)


@public_class
class Segments(Mapping[str, CustomerFilter]):
    """Your named filters: a mapping from names to `CustomerFilter`, in one JSON file.

    The panel saves into it, ``shop.segments()`` and ``sc-pandas segments run`` read it, and threads and processes may
    change it at once.

    Parameters
    ----------
    folder
        Where ``segments.json`` lies; your own data folder (``SC_PANDAS_DATA_DIR``) by default.  It is made when
        something is saved.

    Notes
    -----
    The file holds names and filters only: no server, no login, no count, no customer (but what a filter itself says,
    such as an e-mail address that you typed).  A copy of it is how a colleague gets your segments.

    An entry that cannot be asked (edited by hand, or of a later version) has its place in ``list(segments)``, ``in``
    and ``len``, and hides no other; looking it up is a `FilterError` that names it.

    Examples
    --------
    >>> import tempfile
    >>> segments = Segments(tempfile.mkdtemp())
    >>> segments.save("happy", rating=[4, 5])
    >>> segments["happy"]
    CustomerFilter(rating=['Satisfied', 'Very_Satisfied'])
    >>> list(segments), "happy" in segments, len(segments)
    (['happy'], True, 1)
    >>> segments["hapy"]
    Traceback (most recent call last):
    ...
    sc_pandas.segments.saved.UnknownSegmentError: No segment is saved under the name 'hapy'. Did you mean 'happy'?
    """

    def __init__(self, folder: str | os.PathLike[str] | None = None) -> None:
        self.folder = data_folder(folder)
        self._path = self.folder / FILE
        self._lock = self._path.with_suffix(".lock")

    def __getitem__(self, name: str) -> CustomerFilter:
        saved = self._read()
        check_names([name], saved)
        try:
            if not isinstance(saved[name], dict):
                raise FilterError("It is no object of filter names and values.")  # noqa: TRY301  # told as others are
            return CustomerFilter.of(**saved[name])
        except FilterError as error:
            remedy = f"Save it anew, or delete it: Segments.delete({name!r}). It is in {self._path}."
            message = f"The segment {name!r} cannot be asked: {error} {remedy}"
            raise FilterError(message, filter=error.filter, suggestions=error.suggestions) from error

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._read()))

    def __len__(self) -> int:
        return len(self._read())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name in self._read()

    @shows(CustomerFilterArgs)
    def save(
        self,
        name: str,
        question: CustomerFilter | Mapping[str, Any] | None = None,
        **filters: Unpack[CustomerFilterArgs],
    ) -> None:
        """Save a filter under a name; what was there under it is replaced.

        Parameters
        ----------
        name
            Up to 100 letters.
        question
            The filter, or a dict of its keywords.
        **filters
            Or its keywords.  Without either it is all customers.

        Raises
        ------
        FilterError
            The name is empty or very long, the filter cannot be asked, or it is none (a mask of rows, for example);
            nothing was written.
        SettingsError
            The file that is there cannot be read; it is as it was.
        ExportError
            The file cannot be written; it is as it was.
        """
        hide_unknown(filters, CustomerFilter.names)
        if question is not None and filters:
            raise FilterError("save() takes a filter or keywords, not both.")
        asked = CustomerFilter.of(**filters) if question is None else _checked_filter(question)
        entry = {_checked_name(name): asked.to_dict()}
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            message = f"{self.folder} cannot be made, so the filter is not saved: {error.strerror}."
            raise ExportError(message, path=str(self._path), reason="os", errno=error.errno) from error
        with locked(self._lock):
            self._write({**self._read(), **entry})

    def delete(self, name: str) -> None:
        """Delete a saved filter, and forget what it gave; one that is not there is no error.

        Raises
        ------
        SettingsError
            The file that is there cannot be read; it is as it was.
        ExportError
            The file cannot be written; it is as it was.
        """
        if name in self:
            with locked(self._lock):
                self._write({each: saved for each, saved in self._read().items() if each != name})
        memory.forget(self.folder, name)

    def forget(self, name: str | None = None) -> int:
        """Forget what a segment gave (None: what all gave), so its next run is the first; the filter stays.

        The result is how many memories were removed, one for each server and user.

        Raises
        ------
        ExportError
            It cannot be removed.
        """
        return memory.forget(self.folder, name)

    def _read(self) -> dict[str, Any]:
        try:
            with open_plain(self._path) as file:
                document = json.loads(file.read().decode())
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except (OSError, ValueError, RecursionError):
            document = None
        saved = document.get("segments") if isinstance(document, dict) and document.get("format") == FORMAT else None
        if not isinstance(saved, dict):
            raise SettingsError(
                f"{self._path} is not a file of saved filters that this version can read; move it away to begin anew.",
                setting="segments",
            )
        return saved

    def _write(self, saved: dict[str, Any]) -> None:
        # Escaped, because a name may hold half a character, which UTF-8 has no bytes for.
        text = json.dumps({"format": FORMAT, "segments": saved}, indent=1, sort_keys=True)
        with atomic_write(self._path) as file:
            file.write(text.encode())

    def __repr__(self) -> str:
        return f"<Segments {', '.join(map(repr, self)) or 'none'} in {self._path}>"


def _checked_name(name: object) -> str:
    name = name.strip() if isinstance(name, str) else ""
    if not name or len(name) > LONGEST_NAME:
        raise FilterError(f"A saved filter needs a name, of at most {LONGEST_NAME} letters.")
    return name


def _checked_filter(question: object) -> CustomerFilter:
    """Return the filter that was meant; a frame's values never become one, because they would be stored and shared."""
    if isinstance(question, CustomerFilter):
        return question
    # A dict alone: other mappings, such as a run or `Segments`, have names that are no filters.
    if isinstance(question, dict) and all(isinstance(name, str) for name in question):
        return CustomerFilter.of(**question)
    raise FilterError(
        f"save() takes a CustomerFilter, a dict of filters, or keywords, not a {type(question).__name__}: "
        "save('happy', rating=[4, 5]). A query, a panel and a segment have theirs as .filter. Nothing was saved."
    )
