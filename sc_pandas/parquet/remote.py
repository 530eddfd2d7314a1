"""Exports at addresses such as ``s3://…``, through fsspec, which pandas uses for the same.

A file is made and checked here and then sent in one piece; whether it appears as a whole is the store's to promise.
"""

import contextlib
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final
from urllib.parse import urlsplit, urlunsplit
from urllib.request import url2pathname

import pyarrow as pa

from sc_pandas.errors import ExportError, MissingExtraError, SettingsError
from sc_pandas.files import PathLike, plain_path
from sc_pandas.parquet.parts import Part, parts_of
from sc_pandas.parquet.sealed import write_checked
from sc_pandas.parquet.several import cut_pattern
from sc_pandas.provenance import Provenance

StorageOptions = Mapping[str, Any]
_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(?:::[A-Za-z0-9+.-]+)*://")


def local_path(path: PathLike) -> Path | None:
    """Return the path on this machine, also of a ``file://`` address, or None for an address elsewhere."""
    if not isinstance(path, str) or not _URL.match(path):
        return plain_path(path)
    return plain_path(url2pathname(path.removeprefix("file://"))) if path.startswith("file:///") else None


def check_options(path: PathLike, options: StorageOptions | None) -> None:
    """Refuse options that nobody would look at."""
    if options and local_path(path) is not None:
        raise SettingsError(
            "storage_options go with an address such as 's3://bucket/customers.parquet', not with a path on this "
            "machine.",
            setting="storage_options",
        )


def write_remote(
    url: str,
    table: pa.Table,
    provenance: Provenance,
    by: Sequence[str] | None,
    options: StorageOptions | None,
    compression: str,
) -> None:
    """Write one file at an address, in place of what stood there, or a folder of parts where nothing stands yet."""
    shown = shown_address(url)
    parts = [Part("", table)] if by is None else parts_of(table, by, provenance, shown)
    with _asking(url, "written"):
        store, path = _store(url, options)
        if by is not None and store.exists(path) and (store.isfile(path) or store.find(path)):
            raise ExportError(
                f"{shown} cannot be written: something stands there, and nothing is removed from a store. Choose "
                "another address.",
                path=shown, reason="exists",
            )  # fmt: skip
        for part in parts:
            file, inside = io.BytesIO(), part.name and f"/{part.name}"
            rows, how = part.table.to_batches(), {"compression": compression, "part": part.says}
            write_checked(file, shown + inside, rows, part.table.schema, provenance, **how)
            target = path.rstrip("/") + inside if inside else path
            if inside:
                store.makedirs(target.rpartition("/")[0], exist_ok=True)
            _send(store, target, file.getvalue())


def remote_files(url: str, options: StorageOptions | None) -> tuple[bool, list[tuple[str, BinaryIO]]]:
    """Fetch the files at an address, and tell if it is a folder."""
    with _asking(url, "read"):
        store, path = _store(url, options)
        root, pattern = cut_pattern(path)
        if pattern and not store.exists(path):
            found = store.glob(path)
        elif store.isdir(path):
            root, found = path.rstrip("/") + "/", [each for each in store.find(path) if each.endswith(".parquet")]
        else:
            return False, [("", io.BytesIO(store.cat_file(path)))]
        return True, [(each.removeprefix(root), io.BytesIO(store.cat_file(each))) for each in sorted(found)]


def _send(store: Any, path: str, content: bytes) -> None:
    store.pipe_file(path, content)
    store.invalidate_cache()
    if store.size(path) != len(content):
        raise OSError("the store has another number of bytes than were sent")


def _store(url: str, options: StorageOptions | None) -> tuple[Any, str]:
    import fsspec

    store, path = fsspec.url_to_fs(url, **dict(options or {}))
    return store, str(path)


def shown_address(url: str) -> str:
    """Return an address without user, password and query, any of which may be a secret."""
    chain, _, last = url.rpartition("::")
    parts = urlsplit(last)
    plain = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
    # urlunsplit drops the slashes of schemes that it does not know.
    if "://" not in plain:
        plain = plain.replace(":", "://", 1)
    return f"{chain}::{plain}" if chain and "@" not in chain else plain


@contextlib.contextmanager
def _asking(url: str, what: str) -> Iterator[None]:
    """Turn whatever a store raises into an ExportError that quotes none of it: it may hold a credential."""
    where = shown_address(url)
    try:
        yield
    except ExportError:
        raise
    except ImportError:
        raise MissingExtraError(
            f'{where} cannot be {what}: a package is missing. `pip install "sc_pandas[remote]"`, and the '
            "store's own, for example s3fs for s3:// or gcsfs for gs://.",
            extra="remote",
        ) from None
    except FileNotFoundError:
        raise ExportError(f"{where} cannot be {what}: nothing stands there.", path=where, reason="os") from None
    except Exception as error:  # noqa: BLE001  # stores raise whatever they like
        raise ExportError(
            f"{where} cannot be {what}: the store raised {type(error).__name__}. Look at the address and at "
            "storage_options; its message is left out because it may hold a credential.",
            path=where, reason="os", errno=getattr(error, "errno", None),
        ) from None  # fmt: skip
