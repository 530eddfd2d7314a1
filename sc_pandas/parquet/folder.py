"""A folder of parts on this machine: it appears as a whole, under its name only when it is complete."""

import contextlib
import os
import secrets
import shutil
import time
from collections.abc import Iterator, Sequence
from errno import EEXIST, EINVAL, ENOENT, ENOTSUP
from pathlib import Path
from typing import BinaryIO, Final

import pyarrow as pa
import pyarrow.parquet as pq

from sc_pandas.errors import ExportError
from sc_pandas.files import STALE_AFTER_S, TEMP_NAME, PathLike, plain_path
from sc_pandas.parquet.file import write_parquet
from sc_pandas.parquet.parts import PART_NAME, parts_of
from sc_pandas.parquet.sealed import NOTE
from sc_pandas.provenance import Provenance

_UNSYNCABLE: Final = {EINVAL, ENOTSUP}


def write_folder(
    path: PathLike, table: pa.Table, provenance: Provenance, by: Sequence[str], *, overwrite: bool = False
) -> Path:
    """Write a table as a folder of parts, complete or not at all.

    Parameters
    ----------
    path : str or path
        The folder; it and all in it are private (0700, 0600).
    table : pyarrow.Table
        The rows.
    provenance : Provenance
        Where they came from; each part carries it.
    by : sequence of str
        The columns whose values name the folders.
    overwrite : bool
        Whether an earlier export may be replaced.

    Returns
    -------
    pathlib.Path
        The folder.

    Raises
    ------
    ExportError
        The system refuses, something stands at the path (``reason="exists"``), or a value cannot name a folder.
    SettingsError
        The columns cannot name folders.
    """
    target = Path(os.path.realpath(plain_path(path)))
    parts = parts_of(table, by, provenance, target)
    try:
        _check_free(target, overwrite=overwrite)
    except OSError as error:
        raise _cannot(target, error.errno, f"{error.strerror or type(error).__name__}.") from error
    temp = target.parent / f".sc_pandas-{os.getpid()}-{secrets.token_hex(8)}.tmp"
    try:
        _remove_stale(target.parent)
        temp.mkdir(mode=0o700)
        for part in parts:
            file = temp / part.name
            _make_private(file.parent, temp)
            write_parquet(file, part.table.to_batches(), part.table.schema, provenance, part=part.says)
        for folder, _, _ in os.walk(temp, topdown=False):
            _sync(Path(folder))
        _publish(temp, target, overwrite=overwrite)
        _sync(target.parent)
    except OSError as error:
        raise _cannot(target, error.errno, f"{error.strerror or type(error).__name__}.") from error
    except ExportError as error:
        if error.errno is None:
            raise
        # The error of one part names a temporary path that nobody knows.
        raise _cannot(target, error.errno, f"{os.strerror(error.errno)}.") from error
    finally:
        shutil.rmtree(temp, ignore_errors=True)
    return target


def part_files(folder: Path) -> Iterator[tuple[str, BinaryIO]]:
    """Open the parts of a folder, one after the other."""
    for path in sorted(folder.rglob("*.parquet")):
        with path.open("rb") as file:
            yield path.relative_to(folder).as_posix(), file


def _make_private(folder: Path, top: Path) -> None:
    for each in [each for each in reversed([folder, *folder.parents]) if top in each.parents]:
        each.mkdir(mode=0o700, exist_ok=True)


def _check_free(target: Path, *, overwrite: bool) -> None:
    if not target.parent.is_dir():
        raise _cannot(target, ENOENT, "its folder does not exist. Make it, or choose another.")
    if not os.path.lexists(target) or (target.is_dir() and not any(target.iterdir())):
        return
    if not target.is_dir():
        raise _cannot(target, EEXIST, "a file stands there. A partitioned export is a folder.", reason="exists")
    if not overwrite:
        what = "it exists. Choose another folder, or pass overwrite=True to replace an earlier export."
        raise _cannot(target, EEXIST, what, reason="exists")
    if not all((path.is_dir() and not path.is_symlink()) or _is_part(path) for path in target.rglob("*")):
        what = "there are files in it that are no parts of an export, and they would be lost. Choose another folder."
        raise _cannot(target, EEXIST, what, reason="exists")


def _is_part(path: Path) -> bool:
    if path.is_symlink() or not PART_NAME.fullmatch(path.name):
        return False
    try:
        return NOTE in (pq.read_metadata(path).metadata or {})
    except (OSError, pa.ArrowException):
        return False


def _publish(temp: Path, target: Path, *, overwrite: bool) -> None:
    """Give the finished folder its name; an old one is set aside before and removed after."""
    with contextlib.suppress(OSError):
        target.rmdir()  # an empty one
    if not overwrite or not target.exists():
        temp.rename(target)  # refused by the system where another export was quicker
        return
    # Not a temporary name: were we killed right here, it would be the only folder that ever was complete and known.
    aside = target.with_name(f".{target.name}.sc_pandas-old-{secrets.token_hex(4)}")
    target.rename(aside)
    try:
        temp.rename(target)
    except BaseException:
        aside.rename(target)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _sync(folder: Path) -> None:
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _UNSYNCABLE:
            raise
    finally:
        os.close(descriptor)


def _remove_stale(parent: Path) -> None:
    """Remove folders that a crash of ours left: own temporary names, an hour old, of a process that is gone."""
    there: list[Path] = []
    with contextlib.suppress(OSError):
        there += parent.iterdir()
    for path in there:
        named = TEMP_NAME.fullmatch(path.name)
        with contextlib.suppress(OSError):
            if named and path.is_dir() and not path.is_symlink() and time.time() - path.stat().st_mtime > STALE_AFTER_S:
                _remove_if_orphaned(path, int(named[1]))


def _remove_if_orphaned(path: Path, pid: int) -> None:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        shutil.rmtree(path, ignore_errors=True)


def _cannot(path: Path, errno: int | None, what: str, *, reason: str = "os") -> ExportError:
    return ExportError(f"{path} cannot be written: {what}", path=str(path), reason=reason, errno=errno)
