"""The whole API description, tried with generated requests against a real server."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, assume, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tests.serving.security.company import bearer, company
from tests.serving.security.company import key as make_key

OPERATIONS = (
    ("GET", "/v1/customers/{customer_id}"),
    ("GET", "/v1/customers"),
    ("GET", "/v1/customers/{customer_id}/receivables"),
    ("GET", "/v1/customers/{customer_id}/recommendations"),
    ("GET", "/v1/plan"),
    ("POST", "/v1/customers:lookup"),
    ("GET", "/v1/invoices"),
    ("GET", "/v1/alerts"),
    ("GET", "/v1/alerts/{alert_id}"),
    ("POST", "/v1/alerts/{alert_id}/events"),
    ("GET", "/v1/runs/current"),
    ("POST", "/v1/events"),
    ("GET", "/v1/events/status"),
    ("POST", "/v1/actions"),
    ("GET", "/v1/actions"),
    ("POST", "/v1/outcomes"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
)
WITH_A_MODEL = (("POST", "/v1/score"),)
"""Tried in `tests/serving/scoring`, over a server that has one."""


LONGEST_QUERY = 4_000
"""Characters; each may take a dozen bytes in an address."""


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The address of a server that asks for keys, and a key that may do everything."""
    folder = tmp_path_factory.mktemp("closed")
    serve = "\n[serve]\nanonymous_requests_per_minute = 1000000\n"
    with company(folder, serve) as (store, client):
        yield str(client.base_url), make_key(store, "admin")


@pytest.fixture(scope="module")
def described(key: tuple[str, str]) -> Any:
    """The API as its own description tells it."""
    return schemathesis.openapi.from_url(f"{key[0]}/openapi.json", headers=bearer(key[1]))


def test_all_operations_are_tried(described: Any) -> None:
    found = {(o.ok().method.upper(), o.ok().path) for o in described.get_all_operations()}
    assert found == set(OPERATIONS) | set(WITH_A_MODEL)


@pytest.mark.slow
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_no_request_breaks_the_server_or_its_description(
    described: Any, key: tuple[str, str], method: str, path: str, mode: GenerationMode
) -> None:
    operation = described[path][method]
    if mode == GenerationMode.NEGATIVE and not (operation.query or operation.path_parameters or operation.body):
        return  # a request without parameters cannot be wrong

    @settings(max_examples=25, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def try_one(case: Any) -> None:
        # A longer address is refused by the server's parser of HTTP, before it reaches anything that is described.
        assume(len(str(case.as_transport_kwargs()["params"])) < LONGEST_QUERY)
        # That a cursor was given out by the service is more than a schema can say.
        asks_more = [positive_data_acceptance] if "cursor" in (case.query or {}) else []
        case.call_and_validate(headers=bearer(key[1]), excluded_checks=asks_more)

    try_one()
