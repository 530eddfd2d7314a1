"""An Arrow file of the cache that is whole but says what ours never says: as good as none."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from sc_pandas.tables import TableBuilder
from sc_pandas.tables.arrow_file import read_rows, write_rows


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with TableBuilder() as builder:
        builder.add([{"UserID": 1, "Rating": "x"}, {"UserID": 2}])
        write_rows(tmp_path / "x.arrow", builder.finish(), {"of": "key"})
    return tmp_path / "x.arrow"


def facts_in(path: Path) -> dict[str, Any]:
    with pa.ipc.open_stream(path.read_bytes()[64:]) as stream:
        facts: dict[str, Any] = json.loads(stream.schema.metadata[b"sc_pandas"])
    return facts


def rewrite(path: Path, facts: object) -> None:
    """Put other facts into a file, under a checksum that fits."""
    with pa.ipc.open_stream(path.read_bytes()[64:]) as stream:
        table = stream.read_all().replace_schema_metadata({b"sc_pandas": json.dumps(facts).encode()})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    body = sink.getvalue().to_pybytes()
    path.write_bytes((b"sc_pandas rows 1" + hashlib.sha256(body).digest()).ljust(64, b"\0") + body)


def test_the_facts_that_the_others_are_made_of_are_true(path: Path) -> None:
    rewrite(path, facts_in(path))

    kept = read_rows(path)
    assert kept is not None
    rows, note = kept
    assert (rows.num_rows, note, len(rows.coercions)) == (2, {"of": "key"}, 1)


WRONG: list[Any] = [
    {"rows": 10**9}, {"rows": "2"}, {"rows": True}, {"rows": -1}, {"note": 5}, {"note": None}, {"coercions": 5},
    {"coercions": [{"column": "a"}]}, {"coercions": [{"colour": 1}]}, {"undocumented": None}, {"undocumented": [1]},
    {"doubles_dropped": None}, {"rows_without_key": 1.5}, [], 7, None,
]  # fmt: skip


@pytest.mark.timeout(20)
def test_facts_of_another_shape_are_none_and_a_pipe_is_not_opened(path: Path) -> None:
    true = facts_in(path)
    for wrong in WRONG:
        rewrite(path, true | wrong if isinstance(wrong, dict) else wrong)
        assert read_rows(path) is None, wrong
    rewrite(path, {})
    assert read_rows(path) is None
    path.unlink()
    os.mkfifo(path)
    assert read_rows(path) is None
