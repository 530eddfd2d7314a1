"""How filters combine and what dates bound; what each filter matches is tested with the client's `where` and its lists."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest


def test_filters_combine_as_and_and_lists_as_or(caller: Any) -> None:
    wanted = [
        record["user_id"]
        for record in caller.box.customers()
        if record["is_whole_sale_user"] and record["company_id"] in {163, 170} and "o" in record["city"].casefold()
    ]
    assert caller.ids(("customerType", 1), ("companyIds", 163), ("companyIds", 170), ("city", "o")) == wanted != []
    assert caller.ids(*[("customerIds", number) for number in (1100, 1002, 1001, 5)]) == [1001, 1002, 1100]
    for pair in (("phoneNumber", "none"), ("phoneNumber", "٥٥٥"), ("subscribed", 2), ("exported", 7)):
        assert caller.ids(pair) == [], pair


BOUNDS: dict[str, Callable[[datetime, datetime, datetime], bool]] = {
    "inclusive": lambda low, x, high: low <= x <= high,
    "exclusive_to": lambda low, x, high: low <= x < high,
    "date_only": lambda low, x, high: low.date() <= x.date() <= high.date(),
    "minute": lambda low, x, high: low <= x.replace(second=0, microsecond=0) <= high,
}


@pytest.mark.parametrize("date_bounds", BOUNDS)
@pytest.mark.parametrize(("field", "column"), [("createdOn", "created_on"), ("modifiedOn", "modified_on")])
def test_date_bounds_are_as_told(serve: Any, date_bounds: str, field: str, column: str) -> None:
    caller = serve(150, date_bounds=date_bounds)
    truth = caller.box.customers()
    steps = [timedelta(0), timedelta(seconds=1), timedelta(seconds=-1), timedelta(minutes=1), timedelta(days=-1)]
    for position, step in enumerate(steps):
        low = truth[20 + position][column] + step
        high = max(truth[60 + position][column], low) - step
        wanted = [record["user_id"] for record in truth if BOUNDS[date_bounds](low, record[column], high)]
        assert caller.ids((f"{field}From", low.isoformat()), (f"{field}To", high.isoformat())) == wanted
    # The ends of time are bounds, too.
    assert len(caller.ids((f"{field}From", "0001-01-01"), (f"{field}To", "9999-12-31T23:59:59.9999999"))) == 150
    assert caller.ids((f"{field}From", "9999-12-31T23:59:59.9999999")) == []
