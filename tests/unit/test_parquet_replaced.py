"""A partitioned export is old or new at every instant: killed at any step, read at any step, on any file system."""

import errno
import os
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from sc_pandas.errors import ExportError
from sc_pandas.parquet import export_table, folder, read_parquet
from sc_pandas.provenance import Provenance
from sc_pandas.tables import to_pandas
from tests.support.children import run_child

NOTE = Provenance(base_url="https://tt.api.example")
OLD, NEW = (pa.table({"user_id": range(first, first + 4), "tier": list("aaba")}) for first in (1, 7))

_SETUP = """
import os, shutil, signal, sys, time
from pathlib import Path
import pyarrow as pa
from sc_pandas.parquet import export_table, folder, read_parquet
from sc_pandas.provenance import Provenance
pa.set_cpu_count(1)
note, top = Provenance(base_url="https://tt.api.example"), Path(sys.argv[1])
def table(first):
    return pa.table({"user_id": range(first, first + 4), "tier": list("aaba")})
def export(first):
    export_table(top / "all", table(first), note, partition_by="tier", overwrite=True)
"""


def run_script(script: str, *arguments: object) -> str:
    return run_child(_SETUP + textwrap.dedent(script), *arguments)


def no_exchange(*_: object) -> bool:
    return False


@pytest.mark.fault("F01", "F07", "F13")
@pytest.mark.parametrize("way", ["exchanged", "renamed twice", "at a new path"])
def test_killed_at_any_step_it_reads_as_old_or_new(tmp_path: Path, way: str) -> None:
    """After each kill the path is old or new, and after the next export nothing of ours is left beside it.

    A new path holds nothing or all.
    """
    script = """
        folder._PATIENCE_S = 0.05
        calls = 0
        def killing(real, at):
            def call(*args, **more):
                global calls
                calls += 1
                if calls == at: os.kill(os.getpid(), signal.SIGKILL)
                return real(*args, **more)
            return call

        def run(at):
            pid = os.fork()
            if pid: return os.waitpid(pid, 0)[1]
            for name in ("fsync", "rename", "replace", "mkdir", "rmdir", "unlink"):
                setattr(os, name, killing(getattr(os, name), at))
            folder._exchange = killing(folder._exchange, at) if sys.argv[2] != "renamed twice" else lambda *_: False
            export(7)
            os._exit(0)

        is_new = sys.argv[2] == "at a new path"
        if not is_new: export(1)
        at, old, new, left, nothing = 0, 0, 0, 0, 0
        while True:
            at += 1
            status = run(at)
            nothing += not (top / "all").exists()
            ids = [0] if is_new and not (top / "all").exists() else read_parquet(top / "all")["user_id"].tolist()
            assert ids in ([0] if is_new else [1, 2, 3, 4], [7, 8, 9, 10]), ids
            old, new = old + (ids[0] == 1), new + (ids[0] == 7)
            for each in set(top.iterdir()) - {top / "all"}:
                left += 1
                os.utime(each, (time.time() - 7_200,) * 2)
            export(1)
            assert list(top.iterdir()) == [top / "all"], list(top.iterdir())
            if is_new: shutil.rmtree(top / "all")
            if status == 0: break
        print(old, new, left, nothing)
    """

    old, new, left, nothing = map(int, run_script(script, tmp_path, way).split())

    assert max(old, nothing) > 10
    assert new > (1 if way == "at a new path" else 5)
    assert left > 10
    assert nothing == {"exchanged": 0, "renamed twice": 1}.get(way, nothing)


@pytest.mark.fault("F07", "F08")
@pytest.mark.parametrize("exchange", [True, False], ids=["exchanged", "renamed twice"])
def test_who_reads_while_it_is_replaced_gets_one_edition(tmp_path: Path, *, exchange: bool) -> None:
    export_table(tmp_path / "all", OLD, NOTE, partition_by="tier")
    script = """
        if sys.argv[2] != "True": folder._exchange = lambda *_: False
        until = time.monotonic() + 20
        while time.monotonic() < until and not (top / "stop").exists():
            for first in (7, 1): export(first)
    """
    command = [sys.executable, "-c", _SETUP + textwrap.dedent(script), str(tmp_path), str(exchange)]
    with subprocess.Popen(command) as writer:
        try:
            first, seen = (tmp_path / "all").stat().st_ino, Counter[int]()
            # Renamed twice, there is a moment without a folder.
            while not {each.inode() for each in os.scandir(tmp_path) if each.name == "all"} - {first}:
                assert writer.poll() is None
            for _ in range(25):
                frame = read_parquet(tmp_path / "all")
                start = int(frame["user_id"].iloc[0])
                seen[start] += 1
                pd.testing.assert_frame_equal(frame, read_of(start))
        finally:
            (tmp_path / "stop").touch()
        assert writer.wait() == 0
    assert min(seen[1], seen[7]) > 0
    (tmp_path / "stop").unlink()
    assert [each.name for each in tmp_path.iterdir()] == ["all"]


def read_of(first: int) -> pd.DataFrame:
    return to_pandas(OLD if first == 1 else NEW)


def test_what_is_replaced_all_the_time_is_an_error_in_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Damage alone is told at once; a folder that is another one each time is tried again, but not for ever."""
    path = export_table(tmp_path / "all", OLD, NOTE, partition_by="tier")
    next(Path(path).rglob("*.parquet")).unlink()
    looked: list[Path] = []

    def none(where: Path) -> Iterator[object]:
        looked.append(where)
        return iter(())

    monkeypatch.setattr("sc_pandas.parquet.export.files_below", none)
    with pytest.raises(ExportError):
        read_parquet(path)
    assert len(looked) == 1

    def replaced(where: Path) -> Iterator[object]:
        looked.append(where)
        export_table(where, OLD, NOTE, partition_by="tier", overwrite=True)
        return iter(())

    monkeypatch.setattr("sc_pandas.parquet.export.files_below", replaced)
    monkeypatch.setattr("sc_pandas.parquet.export._TRIES", 5)
    with pytest.raises(ExportError):
        read_parquet(path)
    assert len(looked) == 1 + 5


class TestLeftByAnEarlierEdition:
    """Killed between its two renames, it left the old export under a hidden name and nothing under its own."""

    @pytest.fixture(autouse=True)
    def _impatient(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(folder, "_PATIENCE_S", 0.02)

    def leave(self, top: Path) -> Path:
        export_table(top / "all", OLD, NOTE, partition_by="tier")
        return (top / "all").rename(top / ".all.sc_pandas-old-0123abcd")

    def test_the_next_read_puts_it_back(self, tmp_path: Path) -> None:
        self.leave(tmp_path)

        assert len(read_parquet(tmp_path / "all")) == 4
        assert [each.name for each in tmp_path.iterdir()] == ["all"]

    def test_the_next_export_finds_it_there(self, tmp_path: Path) -> None:
        self.leave(tmp_path)

        with pytest.raises(ExportError, match="it exists") as caught:
            export_table(tmp_path / "all", NEW, NOTE, partition_by="tier")
        assert caught.value.reason == "exists"
        export_table(tmp_path / "all", NEW, NOTE, partition_by="tier", overwrite=True)
        assert [each.name for each in tmp_path.iterdir()] == ["all"]

    def test_beside_a_newer_export_it_goes_with_the_next(self, tmp_path: Path) -> None:
        aside = self.leave(tmp_path)
        kept = [tmp_path / name for name in (".all.sc_pandas-old-mine", ".other.sc_pandas-old-0123abcd")]
        for each in kept:
            each.mkdir()
        aside.rename(tmp_path / "before")
        export_table(tmp_path / "all", NEW, NOTE, partition_by="tier")
        (tmp_path / "before").rename(aside)

        assert read_parquet(tmp_path / "all")["user_id"].tolist() == [7, 8, 9, 10]
        export_table(tmp_path / "all", NEW, NOTE, partition_by="tier", overwrite=True)
        assert set(tmp_path.iterdir()) == {tmp_path / "all", *kept}

    def test_what_may_not_be_renamed_is_missing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.leave(tmp_path)

        def refuse(*_: object) -> None:
            raise PermissionError(errno.EACCES, "Permission denied")

        monkeypatch.setattr(os, "rename", refuse)
        with pytest.raises(ExportError, match="No such file") as caught:
            read_parquet(tmp_path / "all")
        assert caught.value.errno == errno.ENOENT


@pytest.mark.skipif(sys.platform != "linux", reason="renameat2 is Linux'")
def test_a_file_system_that_cannot_exchange_is_told_from_one_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel's own refusal of a flag that it does not know, as of one that the file system does not."""
    (tmp_path / "a").mkdir()
    with pytest.raises(FileNotFoundError):
        folder._exchange(tmp_path / "a", tmp_path / "b")
    (tmp_path / "b").mkdir()
    monkeypatch.setattr(folder, "_RENAME_EXCHANGE", 1 << 20)
    assert not folder._exchange(tmp_path / "a", tmp_path / "b")


def test_a_second_rename_that_fails_leaves_the_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = export_table(tmp_path / "all", OLD, NOTE, partition_by="tier")
    monkeypatch.setattr(folder, "_exchange", no_exchange)
    rename, calls = os.rename, []

    def second_fails(one: object, other: object) -> None:
        calls.append(other)
        if len(calls) == 2:
            raise OSError(errno.EIO, "Input/output error")
        rename(one, other)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "rename", second_fails)
    with pytest.raises(ExportError) as caught:
        export_table(path, NEW, NOTE, partition_by="tier", overwrite=True)

    assert caught.value.errno == errno.EIO
    assert read_parquet(path)["user_id"].tolist() == [1, 2, 3, 4]
    assert [each.name for each in tmp_path.iterdir()] == ["all"]
