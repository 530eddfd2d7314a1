"""Row E19: an answer that the server forbids to store is used, and not kept."""

from pathlib import Path

import pytest

import sc_pandas as sc
from tests.faults.raw import RawServer, Wire, page, whole
from tests.support.shops import finished_reads, kept_bodies

SAID = ["no-store", "private, No-Store", "no-cache,no-store,max-age=0"]
NOT_SAID = ["private", "no-cache", "max-age=0", "x-no-store", ""]


@pytest.mark.fault("E19")
@pytest.mark.parametrize("said", SAID)
def test_what_must_not_be_stored_is_not(said: str, tmp_path: Path) -> None:
    body = page([1, 2], FirstName="Canary-name")
    script = lambda wire: wire.send(whole(body, f"Cache-Control: {said}"))  # noqa: E731
    with RawServer(script) as server, server.shop(tmp_path) as shop:
        for reads in (1, 2):
            read = shop.customers().run()
            assert read.to_pandas().user_id.tolist() == [1, 2]
            assert any("no-store" in note for note in read.report.notes)
            assert server.calls >= reads
        asked = server.calls
        assert shop.customers().count() == 2
        assert server.calls == asked + 1
        with pytest.raises(sc.CacheMissError):
            shop.customers(cache="offline").to_pandas()
    assert (kept_bodies(tmp_path), finished_reads(tmp_path), list(tmp_path.glob("*.arrow"))) == ([], [], [])
    assert all(b"Canary" not in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


@pytest.mark.parametrize("said", NOT_SAID)
def test_other_words_do_not_forbid_it(said: str, tmp_path: Path) -> None:
    script = lambda wire: wire.send(whole(page([1, 2]), f"Cache-Control: {said}"))  # noqa: E731
    with RawServer(script) as server, server.shop(tmp_path) as shop:
        shop.customers().to_pandas()
        asked = server.calls
        read = shop.customers().run()
        assert server.calls == asked
        assert read.report.notes == ()
    assert kept_bodies(tmp_path)


def test_one_page_of_many_that_must_not_be_stored(tmp_path: Path) -> None:
    """The read works; it is not given again as a whole, and that page is asked again."""
    asked: list[str] = []

    def script(wire: Wire) -> None:
        asked.append(wire.params["pageNumber"])
        _pages(wire)

    with RawServer(script) as server, server.shop(tmp_path) as shop:
        for _ in range(2):
            asked.clear()
            read = shop.customers().run()
            assert sorted(read.to_pandas().user_id) == list(range(1, 151))
            assert "2" in asked
            assert any("no-store" in note for note in read.report.notes)
    assert not any(read["phase"] == "whole" for read in finished_reads(tmp_path))
    assert list(tmp_path.glob("*.arrow")) == []


def _pages(wire: Wire) -> None:
    number = int(wire.params["pageNumber"])
    ids = list(range(50 * number - 49, 50 * number + 1))
    wire.send(whole(page(ids, total=150), *(["Cache-Control: no-store"] if number == 2 else [])))
