"""Whatever people, servers and disks do, in any order: what is given is the truth of a moment that was allowed.

Two users share one cache folder.  The model is what each server's truth was, and since when.
"""

import re
import shutil
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

import sc_pandas as sc
from sc_pandas.query.connection import Connection
from sc_pandas.query.customer_query import CustomerQuery
from tests.integration.oracle import Record, matching, rows_of
from tests.support.shops import shop_of
from tests.support.wire_faults import order

QUESTIONS: tuple[dict[str, Any], ...] = (
    {}, {"customer_type": "Wholesale"}, {"rating": ["NotRated", "Satisfied"]}, {"email": "nobody@nowhere.test"},
)  # fmt: skip
PAGE = 15
FAULTS: tuple[dict[str, Any], ...] = (
    {"kind": "status", "status": 500}, {"kind": "cut_body"}, {"kind": "throttle", "reset_in_s": 0.05},
)  # fmt: skip
ONE_HOUR_S = 3_600.0
_USERS = st.sampled_from([0, 1])
_ASKED = st.sampled_from(range(len(QUESTIONS)))
_PLACE = st.floats(0, 1, exclude_max=True)


def plain(row: Record) -> Record:
    """Leave out custom columns without a value: which columns there are hangs on all rows of an answer."""
    return {name: value for name, value in row.items() if value is not None or not name.startswith("custom.")}


@dataclass
class User:
    """One user's server, connection, and what is known of both."""

    box: sc.sandbox.Sandbox
    shop: Connection
    truths: list[tuple[float, list[Record]]]
    faulty: bool = False
    whole: bool = True  # the database was never damaged
    floors: dict[int, float] = field(default_factory=dict)  # what was given of a question is never older again
    given: set[int] = field(default_factory=set)

    def moved(self) -> None:
        """Note the truth of a new moment."""
        self.truths.append((time.time(), self.box.customers()))

    def rows(self, asked: int, since: float, until: float) -> list[list[Record]]:
        """Return the answers that were right at some moment between two."""
        ends = [began for began, _ in self.truths[1:]] + [float("inf")]
        return [
            [plain(row) for row in rows_of(matching(records, QUESTIONS[asked]))]
            for (began, records), end in zip(self.truths, ends, strict=True)
            if began <= until and end >= since
        ]

    def check_rows(self, asked: int, rows: list[Record], started: float, finished: float) -> None:
        """Hold rows against all moments from a read's beginning to its end.

        A read that was stopped and went on may span changes: then who lived through it is there once, and each row is
        what that customer was at a moment of it.
        """
        moments = self.rows(asked, started, finished)
        if len(moments) == 1:
            assert rows == moments[0]
            return
        ids = [row["user_id"] for row in rows]
        assert ids == sorted(set(ids))
        lived = set.intersection(*({row["user_id"] for row in moment} for moment in moments))
        assert lived <= set(ids)
        possible = [row for moment in moments for row in moment]
        assert all(row in possible for row in rows)


class Machine(RuleBasedStateMachine):
    """Rules are what may happen; each checks what it was given."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.cache = folder / "cache"
        self.out = folder / "out"
        self.out.mkdir(parents=True)
        self.left: tuple[list[Connection], list[Connection]] = ([], [])
        self.users: list[User] = []
        for seed in (3, 4):
            box = sc.sandbox.serve(customers=61 + seed, seed=seed, page_cap=PAGE)
            self.users.append(User(box, shop_of(box, self.cache), [(time.time(), box.customers())]))

    def teardown(self) -> None:
        for shop in [*self.left[0], *self.left[1], *(user.shop for user in self.users)]:
            shop.close()
        for user in self.users:
            user.box.close()
        shutil.rmtree(self.folder)

    @contextmanager
    def asking(self, user: User, *, may_miss: bool = False) -> Iterator[None]:
        """Let only errors through that are the package's, and only where something was wrong."""
        calls = user.box.calls()
        with warnings.catch_warnings():
            if not user.whole:
                warnings.simplefilter("ignore", sc.CacheWarning)
            try:
                yield
            except sc.CacheMissError:
                assert may_miss
            except sc.SellerCloudError:
                assert user.faulty, "nothing was wrong"
        if user.box.calls() > calls:
            user.box.clear_faults()
            user.faulty = False

    def query(self, user: User, asked: int, **options: Any) -> CustomerQuery:
        return user.shop.customers(progress=False, **QUESTIONS[asked], **options)

    @staticmethod
    def check_frame(user: User, asked: int, frame: pd.DataFrame, started: float, finished: float) -> None:
        assert frame.attrs["sellercloud"]["verdict"].startswith("proven")
        rows = [plain(row) for row in pa.Table.from_pandas(frame, preserve_index=False).to_pylist()]
        user.check_rows(asked, rows, started, finished)

    @rule(
        who=_USERS,
        asked=_ASKED,
        cache=st.sampled_from(["use", "use", "refresh"]),
        max_age=st.sampled_from([None, None, 0.0, 0.05, 1_000.0]),
        consistency=st.sampled_from(["auto", "auto", "strict"]),
    )
    def fetch(
        self,
        who: int,
        asked: int,
        cache: Literal["use", "refresh"],
        max_age: float | None,
        consistency: Literal["auto", "strict"],
    ) -> None:
        user, began = self.users[who], time.time()
        with self.asking(user):
            read = self.query(user, asked, cache=cache, max_age=max_age, consistency=consistency).run()
            started, finished = read.report.started_at.timestamp(), read.report.finished_at.timestamp()
            self.check_frame(user, asked, read.to_pandas(), started, finished)
            assert began - started <= (ONE_HOUR_S if max_age is None else max_age)
            floor = user.floors.get(asked, 0.0) if user.whole else 0.0
            assert started >= (began if cache == "refresh" else floor) - 0.001
            if user.whole:
                user.floors[asked] = started
                user.given.add(asked)

    @rule(who=_USERS, asked=_ASKED)
    def fetch_offline(self, who: int, asked: int) -> None:
        user = self.users[who]
        calls = user.box.calls()
        with self.asking(user, may_miss=not user.whole or asked not in user.given):
            read = self.query(user, asked, cache="offline").run()
            started, finished = read.report.started_at.timestamp(), read.report.finished_at.timestamp()
            self.check_frame(user, asked, read.to_pandas(), started, finished)
        assert user.box.calls() == calls

    @rule(who=_USERS, asked=_ASKED, refresh=st.booleans())
    def count(self, who: int, asked: int, *, refresh: bool) -> None:
        user, began = self.users[who], time.time()
        with self.asking(user):
            number = self.query(user, asked, cache="refresh" if refresh else "use").count()
            floor = user.floors.get(asked, 0.0) if user.whole else 0.0
            since = began if refresh else floor - 0.001
            assert number in {len(rows) for rows in user.rows(asked, since, time.time())}
            if user.whole and refresh:
                user.floors[asked] = began

    @rule(who=_USERS, asked=_ASKED)
    def export(self, who: int, asked: int) -> None:
        user = self.users[who]
        target = self.out / f"{who}-{asked}.parquet"
        before = target.read_bytes() if target.exists() else None
        done = False
        with self.asking(user):
            frame = self.query(user, asked).to_pandas()
            self.query(user, asked).to_parquet(target)
            done = True
        if not done:
            assert (target.read_bytes() if target.exists() else None) == before
            return
        again = sc.read_parquet(target)
        pd.testing.assert_frame_equal(again, frame)
        note = again.attrs["sellercloud"]
        finished = datetime.fromisoformat(note["finished_at"]).timestamp()
        self.check_frame(user, asked, again, user.floors.get(asked, 0.0) if user.whole else 0.0, finished + 1.0)

    @rule(who=_USERS, how=st.sampled_from(["insert", "update", "merge", "swap"]), place=_PLACE)
    def mutate(self, who: int, how: str, place: float) -> None:
        user = self.users[who]
        ids = [record["user_id"] for record in user.box.customers()]
        one = int(place * len(ids))
        if how == "update":
            user.box.update(ids[one], first_name=f"Ada {time.monotonic_ns()}")
        if how in {"merge", "swap"} and len(ids) > 30:
            user.box.merge(ids[one], ids[one - 1])
            user.moved()
        if how in {"insert", "swap"}:
            user.box.insert(1, is_whole_sale_user=True)
        user.moved()

    @rule(who=_USERS)
    def expire(self, who: int) -> None:
        self.users[who].box.expire_tokens()

    @rule(who=_USERS, fault=st.sampled_from(FAULTS), at=st.integers(1, 6))
    def one_fault(self, who: int, fault: dict[str, Any], at: int) -> None:
        self.users[who].faulty = True
        order(self.users[who].box, at=at, **fault)

    @rule(
        who=_USERS,
        asked=_ASKED,
        at=st.integers(1, 8),
        cache=st.sampled_from(["use", "refresh"]),
        moves=st.none() | st.sampled_from(["insert", "update", "merge", "swap"]),
        place=_PLACE,
    )
    def crash(
        self, who: int, asked: int, at: int, cache: Literal["use", "refresh"], moves: str | None, place: float
    ) -> None:
        """Stop a read in its middle, leave the connection as it is, and come back with another."""
        user = self.users[who]
        user.faulty = True
        user.box.fault("status", status=500, at=at, times=None)
        self.fetch(who, asked, cache, 0.0 if cache == "use" and at % 2 else None, "auto")
        user.box.clear_faults()
        user.faulty = False
        if moves is not None:
            self.mutate(who, moves, place)
        self.reconnect(who)
        self.fetch(who, asked, "use", None, "auto")

    @rule(who=_USERS, closed=st.booleans())
    def reconnect(self, who: int, *, closed: bool = False) -> None:
        """Come back with a new connection; the old ones are closed, or stay as they are."""
        user = self.users[who]
        self.left[who].append(user.shop)
        if closed:
            self.close_all(who)
        self.open(who)

    def close_all(self, who: int) -> None:
        for shop in self.left[who]:
            shop.close()
        self.left[who].clear()

    def open(self, who: int) -> None:
        user = self.users[who]
        with warnings.catch_warnings():
            if not user.whole:
                warnings.simplefilter("ignore", sc.CacheWarning)
            user.shop = shop_of(user.box, self.cache)

    @rule(
        who=_USERS,
        asked=_ASKED,
        what=st.sampled_from(["*.arrow", "*.sqlite", "*.sqlite-wal"]),
        how=st.sampled_from(["flip", "flip", "cut", "delete"]),
        place=_PLACE,
        bit=st.integers(0, 7),
        at_rest=st.booleans(),
    )
    def damage(self, who: int, asked: int, what: str, how: str, place: float, bit: int, *, at_rest: bool) -> None:
        """Flip a bit of each such file, cut it, or delete it, while it is open or when it is closed; and ask again."""
        user = self.users[who]
        self.fetch(who, asked, "use", None, "auto")
        user.whole = user.whole and what == "*.arrow"
        if at_rest:
            self.left[who].append(user.shop)
            self.close_all(who)
        for path in sorted(self.cache.glob(f"{user.shop._cache.tenant}.{what}")):
            self.harm(path, how, int(place * path.stat().st_size), bit)
        if at_rest:
            self.open(who)
        self.fetch(who, asked, "use", None, "auto")

    @rule(
        who=_USERS,
        asked=_ASKED,
        name=st.sampled_from(["total", "served", "pages", "started_at", "FirstName", "Email"]),
        bit=st.integers(0, 2),
        rows_too=st.booleans(),
    )
    def damage_what_is_meant(self, who: int, asked: int, name: str, bit: int, *, rows_too: bool) -> None:
        """Flip a bit of what the database holds of reads or customers, so that it still looks well; and ask again."""
        user = self.users[who]
        self.fetch(who, asked, "use", None, "auto")
        self.left[who].append(user.shop)
        self.close_all(who)
        user.whole = False
        for path in self.cache.glob(f"{user.shop._cache.tenant}.*.sqlite"):
            for each in re.finditer(rb'"%b": ?"?' % name.encode(), path.read_bytes()):
                self.harm(path, "flip", each.end(), bit)
        for path in self.cache.glob(f"{user.shop._cache.tenant}.*.arrow") if rows_too else ():
            path.unlink()
        self.open(who)
        self.count(who, asked, refresh=False)
        self.fetch(who, asked, "use", None, "auto")

    @staticmethod
    def harm(path: Path, how: str, at: int, bit: int) -> None:
        content = path.read_bytes()
        if how == "delete" or not content:
            path.unlink()
            return
        at = min(at, len(content) - 1)
        with path.open("r+b") as file:
            if how == "cut":
                file.truncate(at)
            else:
                file.seek(at)
                file.write(bytes([content[at] ^ (1 << bit)]))

    @invariant()
    def nothing_is_left_lying_about(self) -> None:
        names = [path.name for folder in (self.cache, self.out) for path in folder.iterdir()]
        assert not [name for name in names if name.endswith(".tmp") or name.startswith(".sc_pandas")]


def play(folder: Path, examples: int, steps: int, *, same_each_time: bool) -> None:
    """Run so many stories."""
    stories = iter(range(10**9))
    chosen = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        derandomize=same_each_time,
        database=None,
        suppress_health_check=list(HealthCheck),
    )

    class Story(Machine):
        def __init__(self) -> None:
            super().__init__(folder / str(next(stories)))

    run_state_machine_as_test(Story, settings=chosen)


@pytest.mark.fault("E06", "E09", "E10", "C20")
def test_every_answer_is_the_truth_of_a_moment_that_was_allowed(tmp_path: Path) -> None:
    play(tmp_path, 25, 25, same_each_time=True)


@pytest.mark.long
@pytest.mark.timeout(1_800)
def test_many_more_stories(tmp_path: Path) -> None:
    play(tmp_path, 300, 40, same_each_time=False)
