"""Record batches kept aside: in memory, or in an unnamed private file."""

import mmap
import weakref
from typing import Protocol

import pyarrow as pa

from sc_pandas.files import PathLike, spool_failed, unlinked_spool

# Arrow reads a mapped buffer without copying only from aligned addresses.
_ALIGNMENT = 64


class Store(Protocol):
    """Batches in the order of `append`; their schemas may differ."""

    def append(self, batch: pa.RecordBatch) -> None:
        """Keep one more batch."""

    def read(self, index: int) -> pa.RecordBatch:
        """Give a batch that is wanted once."""

    def view(self, index: int) -> pa.RecordBatch:
        """Give a batch that may be wanted again soon."""

    def __len__(self) -> int: ...

    def cut(self, length: int) -> None:
        """Forget the batches after the first so many."""

    def sibling(self) -> "Store":
        """Open an empty store in the same place."""

    def close(self) -> None:
        """Let go of all batches."""


class MemoryStore:
    """Batches in memory."""

    def __init__(self) -> None:
        self._batches: list[pa.RecordBatch] = []

    def append(self, batch: pa.RecordBatch) -> None:
        """Keep one more batch."""
        self._batches.append(batch)

    def read(self, index: int) -> pa.RecordBatch:
        """Give a batch."""
        return self._batches[index]

    view = read

    def __len__(self) -> int:
        return len(self._batches)

    def cut(self, length: int) -> None:
        """Forget the batches after the first so many."""
        del self._batches[length:]

    def sibling(self) -> Store:
        """Open an empty store."""
        return MemoryStore()

    def close(self) -> None:
        """Let go of all batches."""
        self._batches.clear()


class DiskStore:
    """Batches in a file without a name, each an Arrow IPC stream of its own.

    Raises
    ------
    ExportError
        If the file cannot be made, written or read (``reason="os"``); its space is freed by `close` or at the end of
        the process, whatever end that is.
    """

    def __init__(self, folder: PathLike) -> None:
        self._folder = folder
        self._file = unlinked_spool(folder)
        weakref.finalize(self, self._file.close)
        self._places: list[tuple[int, int]] = []
        self._end = 0
        self._map: mmap.mmap | None = None

    def append(self, batch: pa.RecordBatch) -> None:
        """Write one more batch."""
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema) as stream:
            stream.write_batch(batch)
        content = sink.getvalue()
        try:
            self._file.seek(self._end)
            self._file.write(content)
            self._file.flush()
            self._places.append((self._end, content.size))
            self._end += -(-content.size // _ALIGNMENT) * _ALIGNMENT
            self._file.truncate(self._end)
        except OSError as error:
            spool_failed(self._folder, error)

    def read(self, index: int) -> pa.RecordBatch:
        """Read a batch into memory of its own."""
        start, size = self._places[index]
        try:
            self._file.seek(start)
            content = self._file.read(size)
        except OSError as error:
            spool_failed(self._folder, error)
        return _only_batch(pa.py_buffer(content))

    def view(self, index: int) -> pa.RecordBatch:
        """Map a batch; the system reads, keeps and drops its pages as memory allows."""
        if self._map is None or len(self._map) < self._end:
            self._map = mmap.mmap(self._file.fileno(), self._end, access=mmap.ACCESS_READ)
        return _only_batch(pa.py_buffer(self._map).slice(*self._places[index]))

    def __len__(self) -> int:
        return len(self._places)

    def cut(self, length: int) -> None:
        """Forget the batches after the first so many; their space is freed."""
        if length == len(self._places):
            return
        # A map of what is cut off could not be read.
        self._end, self._map = self._places[length][0], None
        del self._places[length:]
        try:
            self._file.truncate(self._end)
        except OSError as error:
            spool_failed(self._folder, error)

    def sibling(self) -> Store:
        """Open an empty store in the same folder."""
        return DiskStore(self._folder)

    def close(self) -> None:
        """Free the space, once no mapped batch is in use."""
        self._map = None
        self._file.close()


def _only_batch(content: pa.Buffer) -> pa.RecordBatch:
    with pa.ipc.open_stream(pa.BufferReader(content)) as stream:
        return stream.read_next_batch()


def new_store(folder: PathLike | None) -> Store:
    """Open a store on the disk of a folder, or in memory."""
    return MemoryStore() if folder is None else DiskStore(folder)
