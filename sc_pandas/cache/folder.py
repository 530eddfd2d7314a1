"""Where in a folder the cache lies, and what of the files there is ours.

It lies in the folder itself where that holds nothing but ours.  Among files of somebody else it lies in a folder of its
own below, so what hides it from git hides nothing else.
"""

import os
import re
import stat
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Final

from sc_pandas.files import TEMP_NAME, private_folder

KEEP_AT_MOST: Final = timedelta(days=7)
# Databases with what SQLite puts beside them, kept rows, locks.
OURS: Final = re.compile(r"[0-9a-f]{32}\.(v\d+\.sqlite.*|[0-9a-f]{32}\.(v\d+\.arrow|lock))")
_PACE: Final = re.compile(r"[0-9a-f]{32}\.pace")
_BELOW: Final = "sc_pandas"
_MARK: Final = ".gitignore"
_ALL: Final = b"*\n"


def home_of(folder: Path) -> Path:
    """Return the folder in which the cache lies or would lie; nothing is made."""
    try:
        names = {path.name for path in folder.iterdir()}
    except OSError:
        return folder
    ours = {name for name in names if OURS.fullmatch(name) or _PACE.fullmatch(name) or TEMP_NAME.fullmatch(name)}
    others = names - ours
    # Earlier editions laid it among others' files, and hid them all.
    if _is_marked(folder) and (ours or others == {_MARK}):
        return folder
    if not others:
        return folder
    below = folder / _BELOW
    return below if below.is_symlink() else home_of(below)


def private_home(folder: Path) -> Path:
    """Make the folder in which the cache lies, or accept it; SettingsError if it, or the one named, is not private."""
    private_folder(folder)
    return private_folder(home_of(folder))


def hide_from_git(home: Path) -> None:
    """Keep a folder of ours out of any repository around it; what stands there is left as it is."""
    with suppress(FileExistsError):
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
        file = os.open(home / _MARK, flags, 0o600)
        try:
            os.write(file, _ALL)
        finally:
            os.close(file)


def left_behind(folder: Path) -> list[Path]:
    """Return the databases that an earlier edition laid into a folder in which the cache does not lie now."""
    if home_of(folder) == folder:
        return []
    return [path for path in sorted(folder.glob("*.sqlite")) if OURS.fullmatch(path.name)]


def clear_folder(folder: Path) -> list[Path]:
    """Remove and return every cache file of every tenant of a folder; what else lies there is left alone."""
    removed = []
    for place in dict.fromkeys([folder, home_of(folder)]):
        for path in sorted(place.iterdir()) if place.is_dir() else []:
            if OURS.fullmatch(path.name) and path.is_file() and not path.is_symlink():
                path.unlink()
                removed.append(path)
    return removed


def _is_marked(folder: Path) -> bool:
    path = folder / _MARK
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return False
        return path.read_bytes() == _ALL
    except OSError:
        return False
