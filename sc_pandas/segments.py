"""Saved filters: named `CustomerFilter` values in one small JSON file of the user's; no secret is in it."""

import json
from pathlib import Path
from typing import Any, Final

from sc_pandas.errors import FilterError, SettingsError
from sc_pandas.files import atomic_write
from sc_pandas.filters import CustomerFilter

FORMAT: Final = 1
FILE: Final = "segments.json"


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
            Nothing is saved under that name.
        """
        kept = self._read()
        if name not in kept:
            raise FilterError.unknown_name(name, kept)
        return CustomerFilter.from_dict(kept[name])

    def save(self, name: str, question: CustomerFilter) -> None:
        """Save a filter under a name; what was there under it is replaced.

        Raises
        ------
        FilterError
            The name is empty.
        ExportError
            The file cannot be written; it is as it was.
        """
        if not name.strip():
            raise FilterError("A saved filter needs a name.")
        self._write({**self._read(), name.strip(): question.to_dict()})

    def delete(self, name: str) -> None:
        """Forget a saved filter; one that is not there is no error."""
        self._write({each: asked for each, asked in self._read().items() if each != name})

    def _read(self) -> dict[str, dict[str, Any]]:
        try:
            document = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError):
            document = None
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise SettingsError(
                f"{self._path} is not a file of saved filters that this version can read; move it away to begin anew.",
                setting="segments",
            )
        return dict(document["segments"])

    def _write(self, kept: dict[str, dict[str, Any]]) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        text = json.dumps({"format": FORMAT, "segments": kept}, ensure_ascii=False, indent=1, sort_keys=True)
        with atomic_write(self._path) as file:
            file.write(text.encode())
