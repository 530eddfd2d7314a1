"""A day, a month or a year as *to* ends with its last instant, however a server counts the ends of a range."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import sc_pandas as sc
from tests.support.shops import shop_of

FIRST, AFTER = datetime(2025, 4, 1), datetime(2025, 5, 1)  # noqa: DTZ001
BOUNDS = ("inclusive", "exclusive_to", "date_only", "minute")
SPOKEN = (("article",), ("swagger",))
# Seconds and microseconds around both ends, and on them.
NEAR = st.builds(
    lambda end, days, rest: end + timedelta(days=days) + rest,
    st.sampled_from([FIRST, AFTER]),
    st.sampled_from([-1, 0, 0, 0, 1]),
    st.timedeltas(timedelta(seconds=-61), timedelta(seconds=61)) | st.just(timedelta(microseconds=-1)),
)


def april_of(box: sc.sandbox.Sandbox, **more: Any) -> list[int]:
    in_april = (each for each in box.customers() if FIRST <= each["created_on"] < AFTER)
    return [each["user_id"] for each in in_april if all(each[name] == value for name, value in more.items())]


@pytest.mark.parametrize("bounds", BOUNDS)
@pytest.mark.parametrize("dialects", SPOKEN, ids="+".join)
def test_april_is_all_of_april_and_nothing_else(bounds: Any, dialects: Any, tmp_path: Path) -> None:
    with sc.sandbox.serve(customers=20, seed=7, date_bounds=bounds, dialects=dialects) as box:
        box.insert(1, created_on=AFTER, rating=4)
        box.insert(1, created_on=AFTER - timedelta(seconds=30), rating=4)
        box.insert(55, created_on=FIRST)
        with shop_of(box, tmp_path) as shop:
            april = shop.customers(created_on_from="2025-04", created_on_to="2025-04")

            @settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck), database=None)
            @given(st.lists(NEAR, min_size=1, max_size=4))
            def holds(moments: list[datetime]) -> None:
                for moment in moments:
                    box.insert(1, created_on=moment)
                truth, asked = april_of(box), april.with_options(cache="refresh")
                read = asked.run()
                assert read.report.is_proven
                assert read.table["user_id"].to_pylist() == truth
                assert asked.count() == asked.estimate().rows == len(truth)

            holds()
            page = april.page()
            assert page.total_results == len(april_of(box))
            assert set(page.table["user_id"].to_pylist()) <= set(april_of(box))
            ways: list[Any] = [{"limit": 5}, {"consistency": "strict"}, {"include": ["customer_type", "created_month"]}]
            for options in ways:
                some = april.with_options(**options).to_pandas()
                assert some["user_id"].tolist() == april_of(box)[: options.get("limit")]
            rated = shop.customers(created_on_from="2025-04", created_on_to="2025-04", rating=[4, 5])
            assert rated.to_pandas()["user_id"].tolist() == sorted([*april_of(box, rating=4), *april_of(box, rating=5)])
            assert rated.count() == len(rated.to_pandas())
            everybody = shop.customers(include=["created_on"]).to_pandas()
            local: Any = everybody.sellercloud
            local = local.where(created_on_from="2025-04", created_on_to="2025-04")
            assert local["user_id"].tolist() == april_of(box)
            calls = box.calls()
            again = april.run()
            assert (again.table["user_id"].to_pylist(), box.calls()) == (april_of(box), calls)
            assert again.provenance.filter == {"created_on_from": "2025-04-01T00:00", "created_on_to": "2025-04-30"}
