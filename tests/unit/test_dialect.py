"""Which spelling a server understood: judged by paging alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sc_pandas.contract import Dialect
from sc_pandas.reading.dialect import DialectMemory, Evidence, judge_first_page, judge_probe

UNDERSTOOD, IGNORED, UNDECIDED = Evidence.UNDERSTOOD, Evidence.IGNORED, Evidence.UNDECIDED


# A server may have a page cap of its own, as in (50, 30, …).
FIRST_PAGES = [
    (50, 50, 1_037, UNDERSTOOD), (500, 50, 1_037, UNDERSTOOD), (500, 500, 1_037, UNDERSTOOD), (50, 11, 11, UNDERSTOOD),
    (50, 30, 1_037, UNDERSTOOD), (1, 1, 1_037, UNDERSTOOD), (5, 5, 6, UNDERSTOOD), (50, 10, 1_037, IGNORED),
    (50, 10, 11, IGNORED), (500, 10, 11, IGNORED), (1, 10, 1_037, IGNORED), (1, 2, 2, IGNORED), (50, 10, 10, UNDECIDED),
    (50, 7, 7, UNDECIDED), (50, 0, 0, UNDECIDED), (10, 10, 1_037, UNDECIDED), (1, 1, 1, UNDECIDED),
    (50, 3, 1_037, UNDECIDED), (50, 0, 1_037, UNDECIDED),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "rows", "total", "want"), FIRST_PAGES)
def test_the_evidence_of_a_first_page(asked: int, rows: int, total: int, want: Evidence) -> None:
    assert judge_first_page(asked, rows, total) is want


@pytest.mark.parametrize(
    ("rows", "total", "want"), [(1, 1_037, UNDERSTOOD), (1, 2, UNDERSTOOD), (10, 1_037, IGNORED), (2, 2, IGNORED),
                                (1, 1, UNDECIDED), (0, 0, UNDECIDED)]
)  # fmt: skip
def test_the_evidence_of_the_probe(rows: int, total: int, want: Evidence) -> None:
    assert judge_probe(rows, total) is want


@given(st.integers(1, 1_000), st.integers(0, 5_000))
def test_a_server_that_ignores_everything_is_never_taken_for_one_that_understood(asked: int, total: int) -> None:
    assert judge_first_page(asked, min(10, total), total) is not UNDERSTOOD
    assert judge_probe(min(10, total), total) is not UNDERSTOOD


@given(st.integers(1, 1_000), st.integers(0, 5_000), st.sampled_from([50, 100, 500]))
def test_a_server_that_understood_is_never_taken_for_one_that_ignored(asked: int, total: int, cap: int) -> None:
    assert judge_first_page(asked, min(asked, cap, total), total) is not IGNORED
    assert judge_probe(min(1, total), total) is not IGNORED


class Keeper:
    def __init__(self, kept: str | None = None) -> None:
        self.kept = kept

    def find_dialect(self) -> str | None:
        return self.kept

    def keep_dialect(self, dialect: str) -> None:
        self.kept = dialect


def test_what_was_found_out_is_remembered_and_kept() -> None:
    keeper = Keeper()
    memory = DialectMemory("auto", keeper)
    assert (memory.known, memory.fixed) == (None, False)
    memory.remember(Dialect.SWAGGER)
    assert (memory.known, keeper.kept) == (Dialect.SWAGGER, "swagger")
    assert DialectMemory("auto", keeper).known is Dialect.SWAGGER


def test_a_chosen_dialect_is_spoken_whatever_was_kept() -> None:
    memory = DialectMemory("article", Keeper("swagger"))
    assert (memory.known, memory.fixed) == (Dialect.ARTICLE, True)
    assert (Dialect.ARTICLE.other, Dialect.SWAGGER.other) == (Dialect.SWAGGER, Dialect.ARTICLE)
    for unread in (None, "", "klingon"):
        assert DialectMemory("auto", Keeper(unread)).known is DialectMemory("auto").known is None
