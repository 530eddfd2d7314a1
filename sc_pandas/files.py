"""Private folders, and files that are either old or new, never half.

A file is written under a temporary name in its own folder, synced and renamed over the target, then the folder
is synced: at any instant, also after ``kill -9``, a full disk or a power loss, the path holds the previous file or the
complete new one (on a local file system whose disk honours ``fsync``).
"""

import contextlib
import hashlib
import os
import re
import secrets
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from errno import EACCES, EINVAL, EISDIR, ELOOP, ENOENT, ENOTDIR, ENOTSUP
from pathlib import Path
from typing import IO, Any, BinaryIO, Final, NoReturn, cast

from sc_pandas.errors import ExportError, SettingsError

TEMP_NAME: Final = re.compile(r"\.sc_pandas-([0-9]+)-[0-9a-f]+\.tmp")
STALE_AFTER_S: Final = 3_600.0

PathLike = str | os.PathLike[str]


def private_folder(path: PathLike) -> Path:
    """Make a folder that only its owner can enter, as its missing parents, or accept one that already is so.

    SettingsError if it cannot be made, is a symbolic link or no folder, belongs to somebody else, or can be entered by
    others.  Nothing that existed is changed.
    """
    folder = Path(path).expanduser()
    try:
        for missing in [parent for parent in reversed([folder, *folder.parents]) if not os.path.lexists(parent)]:
            missing.mkdir(mode=0o700, exist_ok=True)
        facts = folder.lstat()
    except OSError as error:
        raise _not_private(folder, f"cannot be made: {error.strerror}", "Choose another folder.") from error
    if stat.S_ISLNK(facts.st_mode):
        raise _not_private(folder, "is a symbolic link", "Name the folder that it points to.")
    if not stat.S_ISDIR(facts.st_mode):
        raise _not_private(folder, "is not a folder", "Choose another path.")
    if os.name == "posix":
        if facts.st_uid != os.getuid():
            raise _not_private(folder, "belongs to another user", "Choose a folder of your own.")
        if facts.st_mode & 0o077:
            raise _not_private(folder, "can be opened by other users", f"Run `chmod 700 {folder}`.")
    return folder


def _not_private(folder: Path, what: str, next_step: str) -> SettingsError:
    return SettingsError(f"The folder {folder} {what}; customers' data would not be private. {next_step}",
                         setting="cache_dir")  # fmt: skip


def plain_path(path: PathLike) -> Path:
    """Return a path with the home folder written out; it is not looked up on the disk.

    Raises
    ------
    SettingsError
        It is neither text nor a path.
    ExportError
        No file can be called so (``reason="os"``).

    Examples
    --------
    >>> plain_path(None)
    Traceback (most recent call last):
    sc_pandas.errors.SettingsError: path is text or a path, such as 'customers.parquet', not NoneType...
    """
    name = os.fspath(path) if isinstance(path, str | os.PathLike) else path
    if not isinstance(name, str):
        raise SettingsError(
            f"path is text or a path, such as 'customers.parquet', not {type(path).__name__}. For the content in "
            "memory write a file and read its bytes.",
            setting="path",
        )
    if "\0" in name:
        raise _no_path(name.replace("\0", "\ufffd"), EINVAL, "it holds a NUL character. Leave it out.")
    try:
        return Path(name).expanduser()
    except RuntimeError:
        raise _no_path(name, ENOENT, "there is no home folder of that user. Write the path out.") from None


def _no_path(name: str, errno: int, what: str) -> ExportError:
    return ExportError(f"{name} is no path: {what}", path=name, reason="os", errno=errno)


def check_target(path: PathLike) -> Path:
    """Return the absolute path that will be replaced, symbolic links followed, if a file can be written there.

    Else ExportError (``reason="os"``), or SettingsError if it is no path at all.  Nothing is changed.
    """
    target = Path(os.path.realpath(plain_path(path)))
    try:
        return _checked(target)
    except OSError as error:  # a name that is too long, a folder that may not be looked into
        raise ExportError.cannot_write(target, f"{said_by(error)} Choose another.", errno=error.errno) from error


def said_by(error: OSError) -> str:
    """Return what the system says of an error, as a sentence."""
    return f"{error.strerror or type(error).__name__}."


def _checked(target: Path) -> Path:
    if target.is_symlink():
        number, what = ELOOP, "its symbolic links run in a circle. Write the real path."
    elif target.is_dir():
        number, what = EISDIR, "it is a folder. Add a file name."
    elif not target.parent.exists():
        number, what = ENOENT, "its folder does not exist. Make it, or choose another."
    elif not target.parent.is_dir():
        number, what = ENOTDIR, "what should be its folder is a file. Choose another path."
    elif target.exists() and not target.is_file():
        number, what = EINVAL, "it is a device or a pipe. Choose a plain file."
    elif target.exists() and not os.access(target, os.W_OK):
        number, what = EACCES, "the file is read-only. Remove it, or choose another name."
    elif not os.access(target.parent, os.W_OK | os.X_OK):
        number, what = EACCES, "you may not write in its folder. Choose another."
    else:
        return target
    raise ExportError.cannot_write(target, what, errno=number)


class NotAFileError(OSError):
    """What stands at a path is a folder, a pipe, a device or a socket."""


def open_plain(path: PathLike) -> BinaryIO:
    """Open a file for reading, and nothing else: a pipe would wait for ever, and a device may act when it is opened.

    NotAFileError if it is no plain file; OSError if the system refuses.
    """
    _check_plain(Path(path).stat())
    # Without waiting, should something else have come into its place just now.
    now = getattr(os, "O_NONBLOCK", 0)
    file = open(path, "rb", opener=lambda name, flags: os.open(name, flags | now))  # noqa: SIM115  # the caller closes it
    try:
        _check_plain(os.fstat(file.fileno()))
    except BaseException:
        file.close()
        raise
    return file


def _check_plain(facts: os.stat_result) -> None:
    if not stat.S_ISREG(facts.st_mode):
        raise NotAFileError("it is a folder, a pipe, a device or a socket, no file.")


@contextlib.contextmanager
def atomic_write(path: PathLike) -> Iterator[BinaryIO]:
    """Open a file for writing (and reading) whose path holds the old content or the new, never a part of it.

    Its ``name`` is the temporary path.  A new file is private (0600), a file that is replaced hands its permissions on.
    Whatever is raised before the end stops it.

    ExportError if the system refuses (``reason="os"``, with ``errno``).  The temporary file is gone and the target
    untouched; only when the folder's own sync fails does the complete new file already stand there,
    and the message says so.
    """
    target = check_target(path)
    temp = temp_beside(target)
    try:
        remove_stale_temps(target.parent)
        file = _open_new(temp)
        try:
            yield file
            _settle(file, stat.S_IMODE(target.stat().st_mode) if target.exists() else 0o600)
        finally:
            # After a full disk the close tries, and fails, to write the rest once more.
            with contextlib.suppress(OSError):
                file.close()
        temp.replace(target)
    except OSError as error:
        _remove(temp)
        raise ExportError.cannot_write(target, said_by(error), errno=error.errno) from error
    except BaseException:
        _remove(temp)
        raise
    try:
        sync_folder(target.parent)
    except OSError as error:
        raise ExportError(
            f"{target} is complete, but the disk reported an error ({error.strerror}) when its folder was synced, so "
            "it may not survive a power loss. Check the disk, then write it again.",
            path=str(target), reason="os", errno=error.errno,
        ) from error  # fmt: skip


def temp_beside(target: Path) -> Path:
    """Return a new temporary name in the folder of a target."""
    return target.with_name(f".sc_pandas-{os.getpid()}-{secrets.token_hex(8)}.tmp")


def _open_new(temp: Path) -> BinaryIO:
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
    flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    # A file opened by its number would forget its name.
    return cast("BinaryIO", open(temp, "w+b", opener=lambda name, _: os.open(name, flags, 0o600)))


def _settle(file: IO[bytes], mode: int) -> None:
    """Bring everything that was written to the disk, permissions included."""
    file.flush()
    if mode != 0o600 and hasattr(os, "fchmod"):
        os.fchmod(file.fileno(), mode)
    _sync(file.fileno())


def _sync(descriptor: int) -> None:
    if sys.platform == "darwin":
        import fcntl

        # On macOS a plain fsync stops at the drive's cache.
        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
    else:
        os.fsync(descriptor)


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk, where the system can."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in {EINVAL, ENOTSUP}:  # network file systems that cannot sync a folder
            raise
    finally:
        os.close(descriptor)


def _remove(temp: Path) -> None:
    with contextlib.suppress(OSError):
        temp.unlink()


def remove_stale_temps(folder: PathLike) -> int:
    """Remove what a crash of ours left in a folder: own temporary names, an hour old, of a process that is gone.

    Folders among them go with all in them; what cannot be looked at or removed is passed over.  Returns how many went.
    """
    removed = 0
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            named = TEMP_NAME.fullmatch(entry.name)
            if named is None or _is_alive(int(named[1])):
                continue
            with contextlib.suppress(OSError):
                removed += _remove_if_stale(entry)
    return removed


def _remove_if_stale(entry: os.DirEntry[str]) -> bool:
    facts = entry.stat(follow_symlinks=False)
    is_folder = stat.S_ISDIR(facts.st_mode)
    if time.time() - facts.st_mtime <= STALE_AFTER_S or not (is_folder or stat.S_ISREG(facts.st_mode)):
        return False
    if is_folder:
        shutil.rmtree(entry.path)
    else:
        os.unlink(entry.path)  # noqa: PTH108  # scandir's entry, no Path is built for each
    return True


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


class HashingFile:
    """A file open for writing that knows the SHA-256 of what went through it; without a file it only knows that."""

    def __init__(self, file: BinaryIO | None = None) -> None:
        self._file = file
        self._size = 0
        self.sha256 = hashlib.sha256()
        self.closed = False

    def write(self, content: Any) -> int:
        """Write some bytes."""
        self.sha256.update(content)
        self._size += len(content)
        return len(content) if self._file is None else self._file.write(content)

    def tell(self) -> int:
        """Return how many bytes went through."""
        return self._size

    def flush(self) -> None:
        """Hand on what is buffered."""
        if self._file is not None:
            self._file.flush()

    def close(self) -> None:
        """Leave the file itself to its owner."""
        self.closed = True


def unlinked_spool(folder: PathLike | None = None) -> BinaryIO:
    """Open a private temporary file that has no name, so a crash leaves no customer's data behind.

    It lies on the disk of a folder, or in the system's temporary one, else ExportError; closing it frees the space.
    """
    try:
        return cast("BinaryIO", tempfile.TemporaryFile(dir=folder, prefix=".sc_pandas-"))
    except OSError as error:
        spool_failed(folder, error)


def spool_failed(folder: PathLike | None, error: OSError) -> NoReturn:
    """Raise the error for a temporary file that cannot be made, written or read."""
    where = str(folder or tempfile.gettempdir())
    raise ExportError(
        f"Temporary rows cannot be stored in {where}: {said_by(error)} Make room there, or name another folder.",
        path=where, reason="os", errno=error.errno,
    ) from error  # fmt: skip
