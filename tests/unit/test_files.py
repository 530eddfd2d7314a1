import errno
import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sc_pandas import files
from sc_pandas.errors import ExportError, SettingsError
from tests.support.children import run_child

NOBODY = 65_534


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


class TestPrivateFolder:
    @pytest.mark.fault("E03")
    @pytest.mark.usefixtures("open_umask")
    def test_a_new_folder_is_private_under_any_umask_and_accepted(self, tmp_path: Path) -> None:
        for _ in range(2):
            folder = files.private_folder(tmp_path / "a" / "b")
            assert [mode_of(tmp_path / "a"), mode_of(folder)] == [0o700, 0o700]

    def test_a_folder_that_others_may_enter_is_refused_and_left_alone(self, tmp_path: Path) -> None:
        (tmp_path / "wide").mkdir()
        (tmp_path / "wide").chmod(0o750)

        with pytest.raises(SettingsError, match="chmod 700") as caught:
            files.private_folder(tmp_path / "wide")

        assert caught.value.setting == "cache_dir"
        assert mode_of(tmp_path / "wide") == 0o750

    def test_a_folder_of_another_user_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        files.private_folder(tmp_path / "a")
        monkeypatch.setattr(os, "getuid", lambda: 12_345)

        with pytest.raises(SettingsError, match="another user"):
            files.private_folder(tmp_path / "a")

    def test_a_link_or_a_file_is_no_folder(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        (tmp_path / "real").mkdir(mode=0o700)
        (tmp_path / "link").symlink_to(tmp_path / "real")

        for name, says in (("link", "symbolic link"), ("file", "not a folder"), ("file/below", "cannot be made")):
            with pytest.raises(SettingsError, match=says):
                files.private_folder(tmp_path / name)


class TestTarget:
    @pytest.mark.parametrize(
        ("make", "name", "code"),
        [(Path.mkdir, "x", errno.EISDIR), (lambda path: path.symlink_to(path), "x", errno.ELOOP),
         (os.mkfifo, "x", errno.EINVAL), (Path.touch, "x/y", errno.ENOTDIR), (Path.touch, "no/y", errno.ENOENT)],
    )  # fmt: skip
    def test_what_is_no_plain_file_in_a_folder_is_refused(
        self, tmp_path: Path, make: Callable[[Path], object], name: str, code: int
    ) -> None:
        make(tmp_path / "x")

        with pytest.raises(ExportError) as caught:
            files.check_target(tmp_path / name)

        assert (caught.value.reason, caught.value.errno) == ("os", code)

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can become nobody")
    def test_a_folder_or_file_without_permission_is_refused(self) -> None:
        script = f"""
            import os, sys, tempfile
            from sc_pandas import files
            from sc_pandas.errors import ExportError
            with tempfile.TemporaryDirectory() as folder:
                os.chmod(folder, 0o755)
                mine = folder + "/mine"; os.mkdir(mine); os.chmod(mine, 0o777)
                open(mine + "/file", "w").close(); os.chmod(mine + "/file", 0o444)
                os.seteuid(0); os.setreuid({NOBODY}, {NOBODY}) if os.fork() == 0 else (os.wait(), sys.exit(0))
                for path in (folder + "/x", mine + "/file"):
                    try: files.check_target(path)
                    except ExportError as error: print(error.reason, error.errno, flush=True)
                os._exit(0)
        """

        assert run_child(script).split() == ["os", str(errno.EACCES)] * 2


class TestAtomicWrite:
    @pytest.mark.fault("F11")
    @pytest.mark.usefixtures("open_umask")
    def test_a_new_file_is_private_under_any_umask(self, tmp_path: Path) -> None:
        with files.atomic_write(tmp_path / "x") as file:
            file.write(b"new")
            assert mode_of(Path(file.name)) == 0o600

        assert mode_of(tmp_path / "x") == 0o600

    @pytest.mark.fault("F11")
    def test_a_replaced_file_hands_its_mode_on(self, tmp_path: Path) -> None:
        (tmp_path / "x").write_bytes(b"old")
        (tmp_path / "x").chmod(0o640)

        with files.atomic_write(tmp_path / "x") as file:
            file.write(b"new")
            assert mode_of(Path(file.name)) == 0o600

        assert mode_of(tmp_path / "x") == 0o640
        assert (tmp_path / "x").read_bytes() == b"new"

    def test_a_symbolic_link_stays_and_its_target_is_replaced(self, tmp_path: Path) -> None:
        (tmp_path / "there").mkdir()
        (tmp_path / "there" / "real").write_bytes(b"old")
        (tmp_path / "link").symlink_to(tmp_path / "there" / "real")

        with files.atomic_write(tmp_path / "link") as file:
            assert Path(file.name).parent == tmp_path / "there"
            file.write(b"new")

        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "there" / "real").read_bytes() == b"new"

    @pytest.mark.fault("F02")
    @pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt(), OSError(errno.ENOSPC, "No space")])
    def test_whatever_goes_wrong_the_old_file_stands_alone(self, tmp_path: Path, error: BaseException) -> None:
        (tmp_path / "x").write_bytes(b"old")

        def fail_halfway() -> None:
            with files.atomic_write(tmp_path / "x") as file:
                file.write(b"half")
                raise error

        with pytest.raises(ExportError if isinstance(error, OSError) else type(error)):
            fail_halfway()

        assert names_in(tmp_path) == ["x"]
        assert (tmp_path / "x").read_bytes() == b"old"

    @pytest.mark.fault("F02", "F03", "F04")
    @pytest.mark.parametrize(
        ("failing", "left"), [("fsync file", b"old"), ("replace", b"old"), ("fsync folder", b"new")]
    )
    def test_a_failing_disk_is_an_error_and_no_step_is_tried_twice(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str, left: bytes
    ) -> None:
        """The file is synced, then renamed, then its folder synced."""
        (tmp_path / "x").write_bytes(b"old")
        steps = record_steps(monkeypatch, failing)

        with pytest.raises(ExportError) as caught, files.atomic_write(tmp_path / "x") as file:
            file.write(b"new")

        assert (caught.value.reason, caught.value.errno) == ("os", errno.EIO)
        order = ["fsync file", "replace", "fsync folder"]
        assert steps == order[: order.index(failing) + 1]
        assert (tmp_path / "x").read_bytes() == left
        assert names_in(tmp_path) == ["x"]

    @pytest.mark.fault("F01")
    def test_killed_at_any_line_the_path_holds_old_or_new(self, tmp_path: Path) -> None:
        """A child is killed at each line of `files` in turn; what it leaves besides is private and known as ours."""
        script = """
            import os, sys, time
            from pathlib import Path
            from sc_pandas import files
            from tests.support.children import killed_at_each_line
            target, left, seen, old, new = Path(sys.argv[1]), set(), [], b"old" * 50_000, b"new" * 50_000

            def replace():
                with files.atomic_write(target) as file:
                    for _ in range(5): file.write(b"new" * 10_000)

            target.write_bytes(old)
            target.chmod(0o600)
            for line in killed_at_each_line({files.__file__}, replace):
                seen.append(target.read_bytes())
                assert seen[-1] in (old, new), line
                target.write_bytes(old)
                for other in set(target.parent.iterdir()) - {target}:
                    assert files.TEMP_NAME.fullmatch(other.name) and other.stat().st_mode & 0o777 == 0o600
                    os.utime(other, (time.time() - 7_200,) * 2)
                    left.add(other.name)
                assert files.remove_stale_temps(target.parent) <= 1
                assert list(target.parent.iterdir()) == [target]
            print(line, seen.count(old), seen.count(new), len(left))
        """

        points, old, new, left = map(int, run_child(script, tmp_path / "x").split())

        assert points > 40
        assert old > 20
        assert new > 1
        assert left > 5


def record_steps(monkeypatch: pytest.MonkeyPatch, failing: str) -> list[str]:
    steps: list[str] = []

    def recorded(step: str, real: Callable[..., Any], *arguments: Any) -> Any:
        steps.append(step)
        if step == failing:
            raise OSError(errno.EIO, "Input/output error")
        return real(*arguments)

    fsync, replace = os.fsync, os.replace

    def step_of(descriptor: int) -> str:
        return "fsync folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "fsync file"

    monkeypatch.setattr(os, "fsync", lambda number: recorded(step_of(number), fsync, number))
    monkeypatch.setattr(os, "replace", lambda old, new: recorded("replace", replace, old, new))
    return steps


class TestStaleTemps:
    def dead_pid(self) -> int:
        child = subprocess.Popen([sys.executable, "-c", ""])
        child.wait()
        return child.pid

    def leave(self, folder: Path, name: str, age_s: float) -> Path:
        path = folder / name
        path.touch()
        os.utime(path, (time.time() - age_s,) * 2)
        return path

    @pytest.mark.fault("F13")
    def test_only_old_files_of_ours_whose_process_is_gone_are_removed(self, tmp_path: Path) -> None:
        dead = self.dead_pid()
        stale = self.leave(tmp_path, f".sc_pandas-{dead}-00ff.tmp", 3_700)
        kept = [
            self.leave(tmp_path, f".sc_pandas-{dead}-00aa.tmp", 3_500),
            self.leave(tmp_path, f".sc_pandas-{os.getpid()}-00ff.tmp", 9_999),
            self.leave(tmp_path, f".sc_pandas-{10**30}-00ff.tmp", 9_999),
            self.leave(tmp_path, f"sc_pandas-{dead}-00ff.tmp", 9_999),
            self.leave(tmp_path, f".sc_pandas-{dead}-00ff.tmp.parquet", 9_999),
        ]
        (tmp_path / f".sc_pandas-{dead}-dddd.tmp").symlink_to(kept[0])
        half_export = tmp_path / f".sc_pandas-{dead}-eeee.tmp"
        half_export.mkdir()
        (half_export / "part-0.parquet").write_bytes(b"rows")
        os.utime(half_export, (1, 1))

        assert files.remove_stale_temps(tmp_path) == 2
        assert not stale.exists()
        assert not half_export.exists()
        assert all(path.exists() for path in kept)
        assert (tmp_path / f".sc_pandas-{dead}-dddd.tmp").is_symlink()

    def test_the_next_write_cleans_up(self, tmp_path: Path) -> None:
        self.leave(tmp_path, f".sc_pandas-{self.dead_pid()}-00ff.tmp", 3_700)

        with files.atomic_write(tmp_path / "x"):
            pass

        assert names_in(tmp_path) == ["x"]
        assert files.remove_stale_temps(tmp_path / "no") == 0


class TestSpool:
    def test_a_spool_has_no_name(self, tmp_path: Path) -> None:
        with files.unlinked_spool(tmp_path) as spool:
            spool.write(b"a customer")
            spool.seek(0)

            assert spool.read() == b"a customer"
            assert names_in(tmp_path) == []
            facts = os.fstat(spool.fileno())
            assert (facts.st_nlink, facts.st_mode & 0o077) == (0, 0)
        with pytest.raises(ExportError, match="another folder") as caught:
            files.unlinked_spool(tmp_path / "no")
        assert (caught.value.reason, caught.value.errno) == ("os", errno.ENOENT)


class TestNamesThatAreNoPaths:
    @pytest.mark.parametrize("path", [None, 5, b"x.csv", ["x"]])
    def test_what_is_no_path_is_told(self, path: Any) -> None:
        for take in (files.plain_path, files.check_target):
            with pytest.raises(
                SettingsError, match=f"such as 'customers.parquet', not {type(path).__name__}"
            ) as caught:
                take(path)
            assert caught.value.setting == "path"

    @pytest.mark.parametrize(("name", "number"), [("a\0b", errno.EINVAL), ("x" * 300, errno.ENAMETOOLONG)])
    def test_names_that_the_system_does_not_take(self, name: str, number: int, tmp_path: Path) -> None:
        with pytest.raises(ExportError) as caught:
            files.check_target(f"{tmp_path}/{name}")

        assert (caught.value.reason, caught.value.errno) == ("os", number)
        assert names_in(tmp_path) == []

    def test_a_home_folder_that_does_not_exist(self) -> None:
        with pytest.raises(ExportError, match="no home folder of that user"):
            files.check_target("~no_such_user_here/x")
