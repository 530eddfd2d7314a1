"""`Segments`: named filters in one small JSON file, which holds nothing else and can be shared."""

import difflib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Unpack

from sc_pandas.errors import ExportError, FilterError, SettingsError
from sc_pandas.files import atomic_write
from sc_pandas.filters import CustomerFilter, CustomerFilterArgs
from sc_pandas.segments import memory
from sc_pandas.segments.alone import alone
from sc_pandas.settings import data_folder

FORMAT: Final = 1
FILE: Final = "segments.json"
LONGEST_NAME: Final = 100


class UnknownSegmentError(FilterError, KeyError):
    """No filter is saved under that name; a `KeyError` besides, as mappings promise."""

    # A KeyError would print its message in quotes.
    __str__ = BaseException.__str__

    @classmethod
    def among(cls, name: str, known: Mapping[str, Any]) -> "UnknownSegmentError":
        """Build the error for a name, with the nearest there are."""
        near = tuple(difflib.get_close_matches(name, known, n=3, cutoff=0.5))
        hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
        return cls(f"No segment is saved under the name {name!r}.{hint}", filter=name, suggestions=near)


class Segments(Mapping[str, CustomerFilter]):
    """Your named filters: a mapping from names to `CustomerFilter`, kept in one JSON file.

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
    such as an e-mail address that you typed).  Give it, or what `to_json` gives, to a colleague.

    Examples
    --------
    >>> import tempfile
    >>> segments = Segments(tempfile.mkdtemp())
    >>> segments.save("happy", rating=[4, 5])
    >>> segments["happy"]
    CustomerFilter(rating=['Satisfied', 'Very_Satisfied'])
    >>> segments.names(), "happy" in segments, len(segments)
    (['happy'], True, 1)
    >>> segments["hapy"]
    Traceback (most recent call last):
    ...
    sc_pandas.segments.saved.UnknownSegmentError: No segment is saved under the name 'hapy'. Did you mean 'happy'?
    """

    def __init__(self, folder: str | os.PathLike[str] | None = None) -> None:
        self.folder = data_folder() if folder is None else Path(folder).expanduser()
        self._path = self.folder / FILE

    # ── what is there ──────────────────────────────────────────────────────────────────────────────────────────────
    def names(self) -> list[str]:
        """Give the saved names.

        Returns
        -------
        list of str
            Sorted.

        Raises
        ------
        SettingsError
            The file cannot be read.
        """
        return sorted(self._read())

    def load(self, name: str) -> CustomerFilter:
        """Give a saved filter; the same as ``segments[name]``.

        Returns
        -------
        CustomerFilter

        Raises
        ------
        FilterError
            Nothing is saved under that name (a `KeyError`, too), or what is saved cannot be asked any more.
        SettingsError
            The file cannot be read, or another kind of thing stands under that name.
        """
        kept = self._read()
        if name not in kept:
            raise UnknownSegmentError.among(name, kept)
        if not isinstance(kept[name], dict):
            raise self._unreadable()
        return CustomerFilter.from_dict(kept[name])

    def __getitem__(self, name: str) -> CustomerFilter:
        return self.load(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __len__(self) -> int:
        return len(self._read())

    def __contains__(self, name: object) -> bool:
        return name in self._read()

    # ── changing it ────────────────────────────────────────────────────────────────────────────────────────────────
    def save(self, name: str, question: CustomerFilter | None = None, **filters: Unpack[CustomerFilterArgs]) -> None:
        """Save a filter under a name; what was there under it is replaced.

        Parameters
        ----------
        name
            Up to 100 letters.
        question
            The filter.
        **filters
            Or its keywords.  Without either it is all customers.

        Raises
        ------
        FilterError
            The name is empty or very long, or the filter cannot be asked.
        SettingsError
            The file that is there cannot be read; it is as it was.
        ExportError
            The file cannot be written; it is as it was.
        """
        if question is not None and filters:
            raise FilterError("Give save() a filter or keywords, not both.")
        asked = CustomerFilter.of(**filters) if question is None else question
        entry = {_checked_name(name): asked.to_dict()}
        self._make_folder()
        with alone(self._lock):
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
        if name in self._read():
            with alone(self._lock):
                kept = self._read()
                kept.pop(name, None)
                self._write(kept)
        memory.forget(self.folder, name)

    def forget(self, name: str | None = None) -> int:
        """Forget what a segment gave, so that its next run is the first; the filter stays.

        Parameters
        ----------
        name
            Whose; None for all, also those that are deleted.

        Returns
        -------
        int
            How many memories were removed, one for each server and user.

        Raises
        ------
        ExportError
            It cannot be removed.
        """
        return memory.forget_all(self.folder) if name is None else memory.forget(self.folder, name)

    # ── sharing it ─────────────────────────────────────────────────────────────────────────────────────────────────
    def to_json(self, *names: str) -> str:
        """Give segments as the text of a file that a colleague can use.

        Parameters
        ----------
        *names
            Which; all by default.

        Returns
        -------
        str
            Names and filters.  No server, login, count or id of a member is in it; a filter says what you typed.

        Raises
        ------
        FilterError
            Nothing is saved under a name, or what is saved cannot be asked any more.
        SettingsError
            The file cannot be read.
        """
        return _text_of({name: self.load(name).to_dict() for name in names or self.names()})

    def add_json(self, text: str, *, replace: bool = False) -> list[str]:
        """Save what `to_json` gave; all of it or nothing.

        Parameters
        ----------
        text
            The text of the file.
        replace
            Whether a filter that is there under the same name, and differs, is replaced.

        Returns
        -------
        list of str
            The names that were saved.

        Raises
        ------
        FilterError
            The text is not such a file, one of its filters cannot be asked, or a name is taken.
        SettingsError
            The file that is there cannot be read; it is as it was.
        ExportError
            The file cannot be written; it is as it was.
        """
        try:
            shared = _segments_in(json.loads(text))
        except (ValueError, RecursionError):
            shared = None
        if shared is None or not all(isinstance(each, dict) for each in shared.values()):
            raise FilterError(
                "This is not a file of segments; to_json() and `sc-pandas segments list --json` give one."
            )
        entries = {_checked_name(name): CustomerFilter.from_dict(each).to_dict() for name, each in shared.items()}
        self._make_folder()
        with alone(self._lock):
            kept = self._read()
            taken = sorted(name for name, entry in entries.items() if kept.get(name, entry) != entry)
            if taken and not replace:
                named = ", ".join(map(repr, taken))
                raise FilterError(
                    f"There are other segments of these names: {named}. Nothing was saved; replace=True does."
                )
            self._write({**kept, **entries})
        return sorted(entries)

    # ── the file ───────────────────────────────────────────────────────────────────────────────────────────────────
    @property
    def _lock(self) -> Path:
        return self._path.with_suffix(".lock")

    def _read(self) -> dict[str, Any]:
        try:
            kept = _segments_in(json.loads(self._path.read_text(encoding="utf-8")))
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except (OSError, ValueError, RecursionError):
            kept = None
        if kept is None:
            raise self._unreadable()
        return kept

    def _unreadable(self) -> SettingsError:
        return SettingsError(
            f"{self._path} is not a file of saved filters that this version can read; move it away to begin anew.",
            setting="segments",
        )

    def _make_folder(self) -> None:
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            message = f"{self.folder} cannot be made, so that the filter is not saved: {error.strerror}."
            raise ExportError(message, path=str(self._path), reason="os", errno=error.errno) from error

    def _write(self, kept: dict[str, Any]) -> None:
        with atomic_write(self._path) as file:
            file.write(_text_of(kept).encode())

    def __repr__(self) -> str:
        return f"<Segments {', '.join(map(repr, self.names())) or 'none'} in {self._path}>"


def _checked_name(name: str) -> str:
    name = name.strip()
    if not name or len(name) > LONGEST_NAME:
        raise FilterError(f"A saved filter needs a name, of at most {LONGEST_NAME} letters.")
    return name


def _segments_in(document: object) -> dict[str, Any] | None:
    kept = document.get("segments") if isinstance(document, dict) and document.get("format") == FORMAT else None
    return kept if isinstance(kept, dict) else None


def _text_of(kept: dict[str, Any]) -> str:
    # Escaped, because a name may hold half a character, which UTF-8 has no bytes for.
    return json.dumps({"format": FORMAT, "segments": kept}, indent=1, sort_keys=True)
