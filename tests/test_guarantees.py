"""The proof's index: each starred row of the fault catalogue has a test, and each test that GUARANTEES.md names exists.

A test says which rows it holds with ``@pytest.mark.fault("A04", …)``.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
GUARANTEES = (TESTS.parent / "GUARANTEES.md").read_text(encoding="utf-8")
# The rows that no release may break: those of sections A to F, and of H what files are held to.
STARRED = (
    "A04", "A06", "A08", "A10", "A13", "A14", "A19", "A27", "B01", "B04", "B05", "B07", "B08", "B12", "C01", "C03",
    "C05", "C07", "C08", "C14", "C17", "D01", "D05", "E01", "E02", "E03", "E05", "E06", "E07", "E09", "E10", "E11",
    "E12", "E17", "F01", "F02", "F11", "F12", "F14", "H10",
)  # fmt: skip
_ID = re.compile(r"[A-I]\d\d")


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef]:
    """Return the test functions of a module, those in classes too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield node


def ids_of(test: ast.FunctionDef) -> set[str]:
    """Return the rows that a test says it holds."""
    ids = set()
    for mark in test.decorator_list:
        if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.fault":
            ids |= {str(ast.literal_eval(each)) for each in mark.args}
    return ids


def marked(texts: dict[str, str]) -> dict[str, list[str]]:
    """Return for each row the tests that hold it, out of the texts of test files by name."""
    held = defaultdict(list)
    for name, text in texts.items():
        for test in functions(ast.parse(text)):
            for each in ids_of(test):
                held[each].append(f"{name}::{test.name}")
    return held


def without_a_test(held: dict[str, list[str]]) -> list[str]:
    """List the starred rows that no test holds."""
    return [each for each in STARRED if each not in held]


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    """Return the test files."""
    return {str(path.relative_to(TESTS.parent)): path.read_text() for path in sorted(TESTS.rglob("test_*.py"))}


def test_every_starred_row_has_a_test_that_carries_its_id(texts: dict[str, str]) -> None:
    assert without_a_test(marked(texts)) == []


def test_every_id_is_one_of_the_catalogue(texts: dict[str, str]) -> None:
    assert len(set(STARRED)) == len(STARRED) == 40
    assert [each for each in marked(texts) if not _ID.fullmatch(each)] == []


def test_the_list_of_missing_rows_is_not_empty_by_mistake(texts: dict[str, str]) -> None:
    """Negative control: without the tests of one folder, its rows are listed."""
    less = {name: text for name, text in texts.items() if "faults" not in name and "integration" not in name}
    assert {"A04", "A27", "E02", "F14"} & set(without_a_test(marked(less)))
    assert marked({"x": '@pytest.mark.fault("A01", "B02")\ndef test_x(): ...'}) == {
        "A01": ["x::test_x"],
        "B02": ["x::test_x"],
    }


def named() -> list[tuple[str, str]]:
    """Return every file::test that GUARANTEES.md names."""
    return re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", GUARANTEES)


def test_every_test_that_the_guarantees_name_exists(texts: dict[str, str]) -> None:
    assert len(named()) > 40
    missing = [
        f"{file}::{name}"
        for file, name in named()
        if file not in texts or name not in {test.name for test in functions(ast.parse(texts[file]))}
    ]
    assert missing == []


def test_every_promise_has_its_limit_and_a_test() -> None:
    promises = GUARANTEES.split("\n### ")[1:]
    assert len(promises) >= 15
    for promise in promises:
        text = promise.partition("\n## ")[0]
        assert "*Limit.*" in text, promise[:60]
        assert re.search(r"`tests/[\w/]+\.py::\w+`", text), promise[:60]
