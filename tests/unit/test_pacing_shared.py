"""One budget for all processes of the machine: never over the quota, never before the reset, never in the way."""

import _thread
import fcntl
import gc
import multiprocessing
import os
import signal
import stat
import struct
import threading
import time
import warnings
from bisect import bisect_right
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import sc_pandas as sc
from sc_pandas import CacheWarning, RateLimitedError
from sc_pandas.cache import clear_folder
from sc_pandas.contract import CALLS_PER_HOUR
from sc_pandas.pacing import Cancelled, Clock, Pace, PaceFile, SystemClock, Throttle
from sc_pandas.pacing import pace_file as room
from tests.support.clocks import START, FakeClock
from tests.support.shops import shop_of

SPAWN = multiprocessing.get_context("spawn")
QUOTA = 200
WINDOW_S = 1.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "tenant.pace"


class LoggingClock(SystemClock):
    """Remembers the last moment that was asked: that of the call that was counted last."""

    last = 0.0

    def now(self) -> datetime:  # type: ignore[override]
        moment = datetime.now(UTC)
        self.last = moment.timestamp()
        return moment


def moments_of_calls(path: Path, calls: int) -> list[float]:
    """Make calls with a budget of one's own; give when each was counted."""
    clock = LoggingClock()
    pace = Pace(clock, calls_per_hour=QUOTA, window_s=WINDOW_S, file=PaceFile(path, slots=QUOTA, window_s=WINDOW_S))
    moments = []
    for _ in range(calls):
        pace.wait_for_turn()
        moments.append(clock.last)
    pace.close()
    return moments


def most_in_a_window(moments: list[float]) -> int:
    moments = sorted(moments)
    return max(place + 1 - bisect_right(moments, at - WINDOW_S) for place, at in enumerate(moments))


# ── the quota ──────────────────────────────────────────────────────────────────────────────────────────────────────


def count_many(path: Path, calls: int) -> None:
    shared, clock = PaceFile(path, slots=100_000), SystemClock()
    for _ in range(calls):
        shared.take(clock)
    shared.close()


def test_four_processes_never_pass_the_quota_in_any_window_and_lose_no_call(path: Path) -> None:
    with SPAWN.Pool(4) as pool:
        pool.starmap(count_many, [(path.with_suffix(".many"), 1_500)] * 4)
        shares = pool.starmap(moments_of_calls, [(path, 200)] * 4)
        pool.close()
        pool.join()
    moments = [moment for share in shares for moment in share]
    assert PaceFile(path.with_suffix(".many"), slots=100_000).used(SystemClock()) == 6_000
    assert len(moments) == 800
    assert most_in_a_window(moments) <= QUOTA
    # And not much slower than allowed: bursts of the whole quota, one in each window.
    assert max(moments) - min(moments) < 4 * WINDOW_S + 3.0


def pace_at(path: Path, clock: Clock, quota: int = CALLS_PER_HOUR, max_wait_s: float = 120.0) -> Pace:
    """Return a pace of its own, as another process would have."""
    return Pace(clock, calls_per_hour=quota, max_wait_s=max_wait_s, file=PaceFile(path, slots=quota))


def test_the_count_survives_a_restart_and_ends_after_an_hour(path: Path) -> None:
    clock = FakeClock()
    first = pace_at(path, clock, 5)
    for _ in range(5):
        first.wait_for_turn()
        clock.seconds += 60.0
    del first
    later = FakeClock()  # its monotonic clock begins anew, as after a restart of the machine
    later.skew_s = clock.seconds
    second = pace_at(path, later, 5)
    assert second.left() == 0
    second.wait_for_turn()
    assert later.now() - START == pytest.approx(timedelta(hours=1), abs=timedelta(seconds=0.1))
    second.wait_for_turn()
    assert later.now() - START == pytest.approx(timedelta(seconds=3_660), abs=timedelta(seconds=0.1))
    later.seconds += 3_600
    assert second.left() == 5


def test_a_clock_that_was_set_back_costs_an_hour_at_most_one_set_on_nothing(path: Path) -> None:
    clock = FakeClock(skew_s=86_400.0 * 365)
    for _ in range(3):
        pace_at(path, clock, 3).wait_for_turn()
    clock.skew_s = 0.0
    other = pace_at(path, clock, 3)
    assert other.left() == 0
    other.wait_for_turn()
    assert clock.seconds == pytest.approx(3_600, abs=1.0)
    for _ in range(2):
        other.wait_for_turn()
    slept = clock.seconds
    clock.skew_s = 86_400.0
    pace_at(path, clock, 3).wait_for_turn()
    assert clock.seconds == slept


def test_users_and_servers_have_budgets_of_their_own(tmp_path: Path) -> None:
    with sc.sandbox.serve(customers=9) as box, sc.sandbox.serve(customers=9, username="b@sandbox.test") as other:
        with shop_of(box, tmp_path / "c") as shop, shop_of(other, tmp_path / "c") as theirs:
            shop.customers().count()
            assert (shop.calls_left(), theirs.calls_left()) == (10_798, 10_800)
        assert len(list((tmp_path / "c").glob("*.pace"))) == 2


def test_logins_and_repeated_calls_are_counted_for_everybody(tmp_path: Path) -> None:
    folder = tmp_path / "c"
    with sc.sandbox.serve(customers=120) as box:
        box.fault("status", times=2, status=500)
        with shop_of(box, folder) as shop, shop_of(box, folder) as second:
            shop.customers().count()
            assert shop.calls_left() == second.calls_left() == 10_800 - box.calls()
            assert box.calls() == 4
            before = box.calls()
            second.customers(cache="off").count()
            assert shop.calls_left() == 10_800 - box.calls() < 10_800 - before
        with shop_of(box, folder) as again:
            assert again.calls_left() == 10_800 - box.calls()


# ── the throttle ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_throttle_holds_back_the_other_processes_too(path: Path) -> None:
    clock = FakeClock()
    mine, theirs = pace_at(path, clock), pace_at(path, clock)
    reset = START + timedelta(seconds=60)
    mine.throttled(Throttle(reset), 60.0)
    mine.throttled(Throttle(reset), 10.0)  # an older word never opens it earlier
    theirs.wait_for_turn()
    assert 60.0 <= clock.seconds <= 63.1
    before = clock.seconds
    mine.wait_for_turn()
    assert clock.seconds - before < 0.01


def test_a_reset_in_the_year_9999_is_not_believed_beyond_an_hour_nor_one_of_the_future(path: Path) -> None:
    clock = FakeClock()
    pace_at(path, clock).throttled(Throttle(datetime(9999, 12, 31, tzinfo=UTC)), 1e11)
    other = pace_at(path, clock, max_wait_s=30)
    with pytest.raises(RateLimitedError):
        other.wait_for_turn()
    clock.seconds += 3_603.0
    other.wait_for_turn()
    clock.skew_s = 86_400.0
    pace_at(path, clock).throttled(Throttle(None), 600.0)
    clock.skew_s = 0.0
    other.wait_for_turn()


def test_a_throttle_during_a_wait_for_the_quota_is_obeyed_too(path: Path) -> None:
    clock = FakeClock()
    pace = pace_at(path, clock, 1, max_wait_s=10_000)
    pace.wait_for_turn()
    told: list[float] = []

    def throttled_meanwhile(_reset: datetime, wait_s: float) -> None:
        if not told:
            PaceFile(path, slots=1).close_gate(clock, 3_600.0, START)
            clock.seconds += 1_800.0
            PaceFile(path, slots=1).close_gate(clock, 3_600.0, START)
        told.append(wait_s)

    with pace.heard_by(throttled_meanwhile, throttled_meanwhile):
        pace.wait_for_turn()
    assert clock.seconds >= 5_400.0
    assert told[0] == pytest.approx(3_600.0)


def test_two_connections_one_throttled_the_other_does_not_call(tmp_path: Path) -> None:
    with (
        sc.sandbox.serve(customers=120) as box,
        shop_of(box, tmp_path / "c") as shop,
        shop_of(box, tmp_path / "c", max_wait_s=0.1) as other,
    ):
        other.log_in()
        shop.log_in()
        box.fault("throttle", reset_in_s=2.0)
        reader = threading.Thread(target=lambda: shop.customers(cache="off").count())
        reader.start()
        until = time.monotonic() + 5.0
        while not box.calls("list") and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(0.1)
        calls = box.calls()
        with pytest.raises(RateLimitedError):
            other.customers(cache="off").count()
        assert box.calls() == calls
        reader.join()


# ── what is wrong with the file is not wrong with the read ─────────────────────────────────────────────────────────


@contextmanager
def told_once(reason: str) -> Iterator[None]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    assert [(type(w.message), getattr(w.message, "reason", "")) for w in caught] == [(CacheWarning, reason)]


UNUSABLE: list[tuple[Callable[[Path], object], str]] = [
    (Path.mkdir, "unwritable"), (lambda path: path.symlink_to("/dev/null"), "unwritable"),
    (lambda path: os.mkfifo(path, 0o600), "unwritable"), (lambda path: path.parent.chmod(0o755), "not_private"),
]  # fmt: skip
if os.geteuid() != 0:
    UNUSABLE.append((lambda path: path.touch(0o000), "unwritable"))


@pytest.mark.parametrize(("spoil", "reason"), UNUSABLE)
def test_a_file_that_cannot_be_used_is_a_warning_and_a_budget_of_ones_own(
    spoil: Callable[[Path], object], reason: str, path: Path
) -> None:
    path.parent.mkdir(0o700)
    spoil(path)
    clock = FakeClock()
    pace = pace_at(path, clock, 10)
    with told_once(reason):
        for _ in range(10):
            pace.wait_for_turn()
        assert pace.left() == 0
    pace.wait_for_turn()
    assert clock.seconds >= 3_600 - 1e-6


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "nonsense": lambda _raw: b"nonsense" * 100, "cut": lambda raw: raw[: len(raw) // 2],
    "flipped": lambda raw: raw[:20] + bytes([raw[20] ^ 1]) + raw[21:], "of another quota": lambda raw: raw + bytes(8),
    "no numbers": lambda raw: raw[: room._HEAD_BYTES] + struct.pack("<d", float("nan")) * 10,
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_file_begins_anew_with_one_warning(damage: Callable[[bytes], bytes], path: Path) -> None:
    clock = FakeClock()
    pace_at(path, clock, 10).wait_for_turn()
    path.write_bytes(damage(path.read_bytes()))
    pace = pace_at(path, clock, 10)
    with told_once("damaged"):
        for _ in range(10):
            pace.wait_for_turn()
    assert pace.left() == 0
    assert pace_at(path, clock, 10).left() in {0, 1}  # the call that found the damage may not be in the new file


def test_a_file_that_is_damaged_under_us_begins_anew(path: Path) -> None:
    pace = pace_at(path, FakeClock(), 10)
    pace.wait_for_turn()
    path.write_bytes(b"x")
    with told_once("damaged"):
        for _ in range(5):
            pace.wait_for_turn()
        path.write_bytes(b"y")
        pace.wait_for_turn()
    assert pace.left() == 3


def test_a_locked_file_costs_less_than_two_seconds_once(path: Path) -> None:
    pace = pace_at(path, FakeClock(), 10)
    pace.wait_for_turn()
    holder = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(holder, fcntl.LOCK_EX)
        with told_once("locked"):
            started = time.monotonic()
            for _ in range(5):
                pace.wait_for_turn()
            assert time.monotonic() - started < 2.0
    finally:
        os.close(holder)
    assert pace.left() == 4


def test_a_full_disk_is_a_warning(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.pwrite
    monkeypatch.setattr("os.pwrite", lambda file, raw, at: write(file, raw[: len(raw) // 2], at))
    pace = pace_at(path, FakeClock(), 10)
    with told_once("full"):
        pace.wait_for_turn()
        pace.wait_for_turn()
    assert pace.left() == 8
    assert path.stat().st_size == 0


def test_a_warning_made_an_error_leaves_no_lock_behind(path: Path) -> None:
    path.parent.mkdir(0o700)
    path.mkdir()
    pace = pace_at(path, FakeClock(), 10)
    with pytest.raises(CacheWarning):
        pace.wait_for_turn()
    pace.wait_for_turn()
    assert pace.left() == 9


def test_a_folder_removed_meanwhile_is_made_again(path: Path) -> None:
    clock = FakeClock()
    pace = pace_at(path, clock, 10)
    pace.wait_for_turn()
    path.unlink()
    path.parent.rmdir()
    pace.wait_for_turn()
    assert pace_at(path, clock, 10).left() == 9


# ── the file ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_file_is_private_small_and_not_a_cache(path: Path) -> None:
    PaceFile(path).close()
    assert not path.parent.exists(), "nothing is written before a call"
    pace_at(path, FakeClock()).wait_for_turn()
    assert [stat.S_IMODE(each.stat().st_mode) for each in (path, path.parent)] == [0o600, 0o700]
    assert path.stat().st_size < 100_000
    assert clear_folder(path.parent) == []
    assert path.exists()


def test_a_closed_file_is_let_go_and_so_is_a_forgotten_one(path: Path) -> None:
    def is_open() -> bool:
        links = [os.path.realpath(link) for link in Path("/proc/self/fd").iterdir()]
        return str(path.resolve()) in links

    pace = pace_at(path, FakeClock(), 10)
    pace.wait_for_turn()
    assert is_open()
    assert pace.file is not None
    pace.file.close()
    assert not is_open()
    pace.wait_for_turn()
    assert not is_open()
    forgotten = pace_at(path, FakeClock(), 10)
    forgotten.wait_for_turn()
    del forgotten
    gc.collect()
    assert not is_open()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_fork_locks_a_file_of_its_own_even_in_the_middle_of_a_call(path: Path) -> None:
    """I02: the child of a process that holds the lock neither hangs nor lets the lock go."""
    pace = pace_at(path, FakeClock(), 10)
    pace.wait_for_turn()
    shared = pace.file
    assert shared is not None
    parents = shared._file
    with shared._lock:
        child = os.fork()
        if child == 0:
            fine = False
            try:
                Pace(FakeClock(), calls_per_hour=10, file=shared).wait_for_turn()
                fine = shared._file is not None and not shared._off
            finally:
                os._exit(0 if fine else 1)
        _, status = os.waitpid(child, 0)
    assert status == 0
    assert shared._file == parents
    assert pace.left() == 8


@pytest.mark.parametrize("writes", [0, 1])
def test_a_call_that_is_killed_between_two_writes_holds_nobody_up(
    writes: int, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = FakeClock()
    shared = PaceFile(path, slots=3)
    assert shared.take(clock) is None
    done, write = [0], room._write

    def killed(file: int, offset: int, raw: bytes) -> None:
        if done[0] == writes:
            raise KeyboardInterrupt
        done[0] += 1
        write(file, offset, raw)

    with monkeypatch.context() as patch:
        patch.setattr(room, "_write", killed)
        with pytest.raises(KeyboardInterrupt):
            shared.take(clock)
    other = PaceFile(path, slots=3)
    assert other.used(clock) == 1
    assert other.take(clock) is None
    assert other.used(clock) == 2


# ── waits end when they are told to ────────────────────────────────────────────────────────────────────────────────


def full(path: Path, max_wait_s: float = 7_200) -> Pace:
    """Return the pace of a quota of one call, which another process used up."""
    pace_at(path, SystemClock(), 1).wait_for_turn()
    return pace_at(path, SystemClock(), 1, max_wait_s=max_wait_s)


@pytest.mark.parametrize("kind", ["quota", "throttle"])
def test_a_shared_wait_is_cancelled_within_a_second(kind: str, path: Path) -> None:
    cancel = threading.Event()
    pace = full(path)
    if kind == "throttle":
        pace_at(path, SystemClock(), 1).throttled(Throttle(None), 1_200.0)
    timer = threading.Timer(0.2, cancel.set)
    timer.start()
    started = time.monotonic()
    with pytest.raises(Cancelled):
        pace.wait_for_turn(cancel)
    assert time.monotonic() - started < 1.2
    timer.join()


@pytest.mark.parametrize("with_event", [False, True])
def test_ctrl_c_ends_a_wait_within_a_second(path: Path, with_event: bool) -> None:  # noqa: FBT001
    """A27."""
    pace = full(path)
    # The weakest kind of Ctrl-C (kernels on Windows): a flag that is seen between two steps.
    timer = threading.Timer(0.2, _thread.interrupt_main)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer.start()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        pace.wait_for_turn(threading.Event() if with_event else None)
    assert time.monotonic() - started < 1.2
    timer.join()
    signal.signal(signal.SIGINT, before)
    assert pace.left() == 0  # no lock is left behind
