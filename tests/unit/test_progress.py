"""What a bar of a read shows."""

import re

import pytest

from sc_pandas.query.progress import PageProgress


def test_the_bar_counts_customers_and_never_shrinks(capsys: pytest.CaptureFixture[str]) -> None:
    """One bar for each list, full at its end also where a page was missing; a second pass moves nothing."""
    with PageProgress(True) as bar:
        for pages, customers, came in ((21, 1_037, 40), (3, 120, 2)):
            bar.expect(pages, customers)
            for _page in range(came):
                bar.advance()
                bar._bar.refresh()
            assert (bar._bar.n, bar._bar.total) == (customers * min(came, pages) // pages, customers)
            last = bar._bar
        bar.expect(1, 7)
        assert last.n == last.total
    shown = [*map(int, re.findall(r"(\d+)/1037 ", capsys.readouterr().err))]
    assert shown == sorted(shown)
    assert shown[-1] == 1037


@pytest.mark.parametrize(
    ("keeps", "notes"), [(True, ["2 of 5 pages are kept; the same line goes on there."]), (False, [])]
)
def test_ctrl_c_tells_pages_that_are_kept(keeps: bool, notes: list[str]) -> None:  # noqa: FBT001
    bar = PageProgress(False, keeps=lambda: keeps)
    bar.expect(5, 250)
    bar.advance()
    bar.advance()
    stopped = KeyboardInterrupt()
    bar.__exit__(KeyboardInterrupt, stopped, None)
    assert getattr(stopped, "__notes__", []) == notes
