"""Record batches put aside: in memory, or in an unnamed private file."""

import mmap
import weakref
from collections.abc import Iterator

import pyarrow as pa

from sc_pandas.files import PathLike, spool_failed, unlinked_spool


class Store:
    """Batches in memory, in the order of `append`; their schemas may differ."""

    folder: PathLike | None = None

    def __init__(self) -> None:
        self._batches: list[pa.RecordBatch] = []
        self.lengths: list[int] = []

    def append(self, batch: pa.RecordBatch) -> None:
        """Store one more batch."""
        self._batches.append(batch)
        self.lengths.append(batch.num_rows)

    def read(self, index: int) -> pa.RecordBatch:
        """Return a batch."""
        return self._batches[index]

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        return map(self.read, range(len(self.lengths)))

    def cut(self, length: int) -> None:
        """Forget the batches after the first so many."""
        del self._batches[length:], self.lengths[length:]

    def close(self) -> None:
        """Let go of all batches."""
        self._batches.clear()


class DiskStore(Store):
    """Batches in a file without a name, each an Arrow IPC stream of its own; an ExportError if the system refuses.

    Its space is freed by `close` or at the end of the process, whatever end that is.
    """

    def __init__(self, folder: PathLike) -> None:
        super().__init__()
        self.folder = folder
        self._file = unlinked_spool(folder)
        weakref.finalize(self, self._file.close)
        self._places: list[tuple[int, int]] = []
        self._end = 0

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
            # Only from here a batch can be mapped.
            self._end += -(-content.size // mmap.ALLOCATIONGRANULARITY) * mmap.ALLOCATIONGRANULARITY
            self._file.truncate(self._end)
        except OSError as error:
            spool_failed(self.folder, error)
        self.lengths.append(batch.num_rows)

    def read(self, index: int) -> pa.RecordBatch:
        """Map a batch; what is looked at takes memory, as long as the batch is in use."""
        start, size = self._places[index]
        try:
            content = mmap.mmap(self._file.fileno(), size, access=mmap.ACCESS_READ, offset=start)
        except OSError as error:
            spool_failed(self.folder, error)
        with pa.ipc.open_stream(pa.BufferReader(pa.py_buffer(content))) as stream:
            return stream.read_next_batch()

    def cut(self, length: int) -> None:
        """Forget the batches after the first so many; their space is freed."""
        if length == len(self._places):
            return
        self._end = self._places[length][0]
        del self._places[length:], self.lengths[length:]
        try:
            self._file.truncate(self._end)
        except OSError as error:
            spool_failed(self.folder, error)

    def close(self) -> None:
        """Free the space, once no mapped batch is in use."""
        self._file.close()


def new_store(folder: PathLike | None) -> Store:
    """Open a store on the disk of a folder, or in memory."""
    return Store() if folder is None else DiskStore(folder)
