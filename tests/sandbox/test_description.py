"""The sandbox against its own description."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings

import sc_pandas.sandbox
from sc_pandas.sandbox.description import describe
from sc_pandas.sandbox.options import Options
from sc_pandas.sandbox.parameters import CHANNELS, PARAMETERS

ADDRESS = "http://127.0.0.1:1"  # nobody asks there: each case is sent to a sandbox of its own
schema = schemathesis.openapi.from_dict(describe(Options(), ADDRESS))
# The sandbox lets codes pass that no enum has, as .NET does, and finds no team for no name; that is its promise.
# Its answer without a token is checked in test_login.
LENIENT = [schemathesis.checks.CHECKS.get_one(name) for name in ("negative_data_rejection", "ignored_auth")]


@pytest.fixture(scope="module")
def box() -> Any:
    with sc_pandas.sandbox.serve(customers=60, calls_per_hour=10**9, bad_login_status=401) as box:
        yield box


@schema.parametrize()
@settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_as_described(case: Any, box: Any) -> None:
    _, login = box._service.logins.give()
    answer = case.call(base_url=f"{box.url}/rest", headers={"Authorization": f"Bearer {login['access_token']}"})
    case.validate_response(answer, excluded_checks=LENIENT)
    assert answer.status_code < 500


def test_the_description_is_served(serve: Any) -> None:
    caller = serve(1, login=False)
    document = caller.ask("GET", "/rest/swagger/docs/v1").json
    assert document["swagger"] == "2.0"
    assert f"http://{document['host']}" == caller.box.url
    names = [each["name"] for each in document["paths"]["/api/Customers"]["get"]["parameters"]]
    assert names == ["model." + each.name for each in PARAMETERS]
    assert len(names) == 21


def test_an_article_server_describes_bare_names(serve: Any) -> None:
    document = serve(1, login=False, dialects=("article",)).ask("GET", "/rest/swagger/docs/v1").json
    names = [each["name"] for each in document["paths"]["/api/Customers"]["get"]["parameters"]]
    assert names == [each.name for each in PARAMETERS if each.name != "companyIds"]


def test_channels_are_the_published_ones() -> None:
    assert len(CHANNELS) == 74
    assert set(range(80)) - set(CHANNELS) == {8, 9, 10, 11, 13, 14}
    assert (CHANNELS[0], CHANNELS[21], CHANNELS[79]) == ("Local_Store", "Wholesale", "WFS")
