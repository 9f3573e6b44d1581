"""The whole API description, tried with generated requests against a real server."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

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
EVENTS = (("POST", "/v1/events"), ("GET", "/v1/events/status"))
"""Tried over a server that takes events as well."""
WITH_A_MODEL = (("POST", "/v1/score"),)
"""Tried in `tests/serving/scoring`, over a server that has one."""


LONGEST_QUERY = 4_000
"""Characters; each may take a dozen bytes in an address."""


SERVE = "\n[serve]\nanonymous_requests_per_minute = 1000000\n"


class Closed(NamedTuple):
    """A server that asks for keys: a key that may do everything, and the API as its own description tells it."""

    key: str
    described: Any


@contextmanager
def closed(folder: Path, settings: str) -> Iterator[Closed]:
    with company(folder, settings) as (store, client):
        key = make_key(store, "admin")
        yield Closed(key, schemathesis.openapi.from_url(f"{client.base_url}/openapi.json", headers=bearer(key)))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Closed]:
    with closed(tmp_path_factory.mktemp("closed"), SERVE) as made:
        yield made


@pytest.fixture(scope="module")
def with_events(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Closed]:
    """One that takes events."""
    with closed(tmp_path_factory.mktemp("events"), f"{SERVE}\n[events]\nin_files = false\n") as made:
        yield made


def test_all_operations_are_tried(server: Closed) -> None:
    found = {(o.ok().method.upper(), o.ok().path) for o in server.described.get_all_operations()}
    assert found == set(OPERATIONS) | set(WITH_A_MODEL)


@pytest.mark.slow
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_no_request_breaks_the_server_or_its_description(
    server: Closed, method: str, path: str, mode: GenerationMode
) -> None:
    fuzz(server, method, path, mode)


@pytest.mark.slow
@pytest.mark.parametrize(("method", "path"), EVENTS)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_no_request_breaks_a_server_that_takes_events(
    with_events: Closed, method: str, path: str, mode: GenerationMode
) -> None:
    statuses = fuzz(with_events, method, path, mode)
    assert 404 not in statuses
    assert 202 in statuses or (method, mode) != ("POST", GenerationMode.POSITIVE)


def fuzz(server: Closed, method: str, path: str, mode: GenerationMode) -> set[int]:
    """Try generated requests; gives the statuses of the answers."""
    operation = server.described[path][method]
    statuses: set[int] = set()
    if mode == GenerationMode.NEGATIVE and not (operation.query or operation.path_parameters or operation.body):
        return statuses  # a request without parameters cannot be wrong

    @settings(max_examples=25, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def try_one(case: Any) -> None:
        # A longer address is refused by the server's parser of HTTP, before it reaches anything that is described.
        assume(len(str(case.as_transport_kwargs()["params"])) < LONGEST_QUERY)
        # An address has neither: a list is sent as repetitions, an object as its names, and both may be sound then.
        assume(not any(isinstance(value, dict | list) for value in (case.query or {}).values()))
        # That a cursor was given out by the service is more than a schema can say.
        # So is which columns a table has, and that an instant has passed.
        asks_more = [positive_data_acceptance] if "cursor" in (case.query or {}) or path == "/v1/events" else []
        answer = case.call_and_validate(headers=bearer(server.key), excluded_checks=asks_more)
        statuses.add(answer.status_code)

    try_one()
    return statuses
