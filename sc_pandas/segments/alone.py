"""One writer at a time, among the threads and processes of this machine."""

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import filelock

from sc_pandas.errors import ExportError

# Writing takes milliseconds; who waits longer than this waits for a process that hangs.
PATIENCE_S: Final = 10.0


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold a lock file while something beside it is read and written anew.

    Raises
    ------
    ExportError
        The lock cannot be had; nothing was written.
    """
    lock = filelock.FileLock(path, mode=0o600, thread_local=False)
    try:
        lock.acquire(timeout=PATIENCE_S, poll_interval=0.01)
    except filelock.Timeout:
        message = f"{path} is held by another process that does not end; nothing was written. End it, then try again."
        raise ExportError(message, path=str(path), reason="os", errno=errno.EAGAIN) from None
    except (OSError, NotImplementedError) as error:
        number = error.errno if isinstance(error, OSError) else None
        why = (error.strerror if isinstance(error, OSError) else None) or "no locks there"
        message = f"{path} cannot be locked, so that nothing was written: {why}. Name another data folder."
        raise ExportError(message, path=str(path), reason="os", errno=number) from error
    try:
        yield
    finally:
        lock.release()
