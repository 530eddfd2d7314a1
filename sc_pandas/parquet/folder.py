"""A folder of parts on this machine: it appears as a whole, under its name only when it is complete."""

import contextlib
import ctypes
import os
import re
import secrets
import shutil
import sys
import time
from collections.abc import Sequence
from errno import EEXIST, EINVAL, ENOENT, ENOSYS, ENOTSUP, EPERM
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from sc_pandas.errors import ExportError
from sc_pandas.files import PathLike, open_plain, plain_path, remove_stale_temps, said_by, sync_folder, temp_beside
from sc_pandas.parquet.parts import PART_NAME, parts_of
from sc_pandas.parquet.sealed import NOTE, write_parquet
from sc_pandas.provenance import Provenance

_OLD_END: Final = re.compile(r"[0-9a-f]{8}")
# A writer renames twice within microseconds; one that takes longer was killed.
_PATIENCE_S: Final = 1.0
# Of Linux' fcntl.h and fs.h.
_AT_FDCWD: Final = -100
_RENAME_EXCHANGE: Final = 2
_NO_EXCHANGE: Final = {EINVAL, ENOSYS, ENOTSUP, EPERM}


def write_folder(
    path: PathLike, table: pa.Table, provenance: Provenance, by: Sequence[str], *, overwrite: bool = False, **how: Any
) -> Path:
    """Write a table as a folder of parts, complete or not at all; it and all in it are private (0700, 0600)."""
    target = Path(os.path.realpath(plain_path(path)))
    parts = parts_of(table, by, provenance, target)
    try:
        put_back(target)
        _check_free(target, overwrite=overwrite)
    except OSError as error:
        raise ExportError.cannot_write(target, said_by(error), errno=error.errno) from error
    temp = temp_beside(target)
    try:
        remove_stale_temps(target.parent)
        temp.mkdir(mode=0o700)
        for part in parts:
            file = temp / part.name
            _make_private(file.parent, temp)
            rows, schema = part.table.to_batches(), part.table.schema
            write_parquet(file, rows, schema, provenance, part=part.says, **how)
        for folder, _, _ in os.walk(temp, topdown=False):
            sync_folder(Path(folder))
        left = _set_aside(target)
        _publish(temp, target, overwrite=overwrite)
        sync_folder(target.parent)
        for aside in left:
            shutil.rmtree(aside, ignore_errors=True)
    except OSError as error:
        raise ExportError.cannot_write(target, said_by(error), errno=error.errno) from error
    except ExportError as error:
        if error.errno is None:
            raise
        # The error of one part names a temporary path that nobody knows.
        raise ExportError.cannot_write(target, f"{os.strerror(error.errno)}.", errno=error.errno) from error
    finally:
        shutil.rmtree(temp, ignore_errors=True)
    return target


def put_back(target: Path) -> None:
    """Undo an overwrite that was killed when nothing bore the name, if folders cannot be exchanged."""
    until = time.monotonic() + _PATIENCE_S
    while not os.path.lexists(target) and (aside := _set_aside(target)):
        if time.monotonic() > until:
            with contextlib.suppress(OSError):  # another was quicker, or nothing may be renamed here
                aside[0].rename(target)
            return
        time.sleep(0.01)


def _set_aside(target: Path) -> list[Path]:
    """Find the earlier exports that were set aside while one came into their place, the last one first."""
    start = f".{target.name}.sc_pandas-old-"
    try:
        found = [
            (entry.stat(follow_symlinks=False).st_ctime_ns, target.with_name(entry.name))
            for entry in os.scandir(target.parent)
            if entry.name.startswith(start) and _OLD_END.fullmatch(entry.name[len(start) :])
        ]
    except OSError:
        return []
    return [path for _, path in sorted(found, reverse=True) if path.is_dir() and not path.is_symlink()]


def _make_private(folder: Path, top: Path) -> None:
    for each in [each for each in reversed([folder, *folder.parents]) if top in each.parents]:
        each.mkdir(mode=0o700, exist_ok=True)


def _check_free(target: Path, *, overwrite: bool) -> None:
    if not target.parent.is_dir():
        raise ExportError.cannot_write(target, "its folder does not exist. Make it, or choose another.", errno=ENOENT)
    if not os.path.lexists(target) or (target.is_dir() and not any(target.iterdir())):
        return
    if not target.is_dir():
        what = "a file stands there. A partitioned export is a folder."
    elif not overwrite:
        what = "it exists. Choose another folder, or pass overwrite=True to replace an earlier export."
    elif not all((path.is_dir() and not path.is_symlink()) or _is_part(path) for path in target.rglob("*")):
        what = "there are files in it that are no parts of an export, and they would be lost. Choose another folder."
    else:
        return
    raise ExportError.cannot_write(target, what, errno=EEXIST, reason="exists")


def _is_part(path: Path) -> bool:
    if path.is_symlink() or not PART_NAME.fullmatch(path.name):
        return False
    try:
        with open_plain(path) as file:
            return NOTE in (pq.read_metadata(file).metadata or {})
    except (OSError, pa.ArrowException):
        return False


def _publish(temp: Path, target: Path, *, overwrite: bool) -> None:
    """Name the finished folder; what bore the name has the temporary one afterwards."""
    with contextlib.suppress(OSError):
        target.rmdir()  # an empty one
    if not overwrite or not target.exists():
        temp.rename(target)  # refused by the system if another export was quicker
        return
    if _exchange(temp, target):
        return
    # Not a temporary name: were we killed right here, `put_back` must know whose it was.
    aside = target.with_name(f".{target.name}.sc_pandas-old-{secrets.token_hex(4)}")
    target.rename(aside)
    try:
        temp.rename(target)
    except BaseException:
        aside.rename(target)
        raise
    with contextlib.suppress(FileNotFoundError):  # another export has removed it already
        aside.rename(temp)


def _exchange(one: Path, other: Path) -> bool:
    """Let two folders change names at one instant; False if system or file system cannot."""
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None) if sys.platform == "linux" else None
    if renameat2 is None:
        return False
    if renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in _NO_EXCHANGE:
        return False
    raise OSError(number, os.strerror(number))
