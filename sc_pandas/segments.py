"""Saved filters: named `CustomerFilter` values in one small JSON file of the user's; no secret is in it."""

import json
import threading
from pathlib import Path
from typing import Any, Final

from sc_pandas.errors import ExportError, FilterError, SettingsError
from sc_pandas.files import atomic_write
from sc_pandas.filters import CustomerFilter

FORMAT: Final = 1
FILE: Final = "segments.json"
LONGEST_NAME: Final = 100
# Two panels of this process do not lose each other's filters.
_WRITING: Final = threading.Lock()


class Segments:
    """Named filters in a file.

    Parameters
    ----------
    folder
        The user's data folder; made when something is saved.

    Examples
    --------
    >>> import tempfile
    >>> kept = Segments(Path(tempfile.mkdtemp()))
    >>> kept.save("happy", CustomerFilter(rating=[4, 5]))
    >>> kept.names(), kept.load("happy")
    (['happy'], CustomerFilter(rating=['Satisfied', 'Very_Satisfied']))
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE

    def names(self) -> list[str]:
        """Give the saved names, sorted."""
        return sorted(self._read())

    def load(self, name: str) -> CustomerFilter:
        """Give a saved filter.

        Raises
        ------
        FilterError
            Nothing is saved under that name, or what is saved cannot be asked any more.
        SettingsError
            The file cannot be read, or another kind of thing stands under that name.
        """
        kept = self._read()
        if name not in kept:
            raise FilterError.unknown_name(name, kept)
        if not isinstance(kept[name], dict):
            raise self._unreadable()
        return CustomerFilter.from_dict(kept[name])

    def save(self, name: str, question: CustomerFilter) -> None:
        """Save a filter under a name; what was there under it is replaced.

        Raises
        ------
        FilterError
            The name is empty or very long.
        SettingsError
            The file that is there cannot be read; it is as it was.
        ExportError
            The file cannot be written; it is as it was.
        """
        name = name.strip()
        if not name or len(name) > LONGEST_NAME:
            raise FilterError(f"A saved filter needs a name, of at most {LONGEST_NAME} letters.")
        with _WRITING:
            self._write({**self._read(), name: question.to_dict()})

    def delete(self, name: str) -> None:
        """Forget a saved filter; one that is not there is no error."""
        with _WRITING:
            kept = self._read()
            if name in kept:
                del kept[name]
                self._write(kept)

    def _read(self) -> dict[str, Any]:
        try:
            document = json.loads(self._path.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except (OSError, ValueError, RecursionError):
            document = None
        kept = document.get("segments") if isinstance(document, dict) and document.get("format") == FORMAT else None
        if not isinstance(kept, dict):
            raise self._unreadable()
        return kept

    def _unreadable(self) -> SettingsError:
        return SettingsError(
            f"{self._path} is not a file of saved filters that this version can read; move it away to begin anew.",
            setting="segments",
        )

    def _write(self, kept: dict[str, Any]) -> None:
        folder = self._path.parent
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            message = f"{folder} cannot be made, so that the filter is not saved: {error.strerror}."
            raise ExportError(message, path=str(self._path), reason="os", errno=error.errno) from error
        # Escaped, because a name may hold half a character, which UTF-8 has no bytes for.
        text = json.dumps({"format": FORMAT, "segments": kept}, indent=1, sort_keys=True)
        with atomic_write(self._path) as file:
            file.write(text.encode())
