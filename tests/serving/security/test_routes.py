"""Every route, asked by nobody, with the wrong scope, and for another account manager's customer."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import httpx
import pytest
from fastapi import APIRouter

from serving import app as application
from serving.app import create_app
from serving.routes import ROUTERS
from serving.routes.state import ServeSettings
from serving.security.access import PUBLIC, RULES, ScopedRoute
from serving.security.keys import SCOPES, Scope
from tests.serving.security.company import ANNA, alert_ids, bearer, company, expired_key, key

CLOSED = sorted(route for route, scope in RULES.items() if scope is not None)
PAGE = {"Accept": "text/html"}
ACTION = {"customer_id": "C-2", "at": "2026-04-01T10:00:00Z", "action": "call", "arm": "treated"}
OUTCOME = {"customer_id": "C-2", "at": "2026-04-01T10:00:00Z", "kind": "purchase"}
MOVE = {"event_id": "e-1", "by": "Anna", "what": "acknowledge"}
EVENT = {"event_id": "o-1", "table": "orders", "row": {"customer_id": "C-2"}}
WHAT_IF = {"customer_id": "C-2", "change": {"spend_365d": 1.0}}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Asked(NamedTuple):
    """A request that names Jonas's customer, as far as it names any; ``{alert}`` is its warning."""

    path: str
    sent: Mapping[str, Any] = {}


REQUESTS: dict[tuple[str, str], Asked] = {
    ("GET", "/v1/customers/{customer_id:path}"): Asked("/v1/customers/C-2"),
    ("GET", "/v1/customers"): Asked("/v1/customers"),
    ("POST", "/v1/customers:lookup"): Asked("/v1/customers:lookup", {"json": {"customer_ids": ["C-1", "C-2"]}}),
    ("GET", "/v1/customers/{customer_id:path}/receivables"): Asked("/v1/customers/C-2/receivables"),
    ("GET", "/v1/customers/{customer_id:path}/recommendations"): Asked("/v1/customers/C-2/recommendations"),
    ("GET", "/v1/invoices"): Asked("/v1/invoices"),
    ("GET", "/v1/plan"): Asked("/v1/plan"),
    ("GET", "/v1/alerts"): Asked("/v1/alerts"),
    ("GET", "/v1/alerts/{alert_id}"): Asked("/v1/alerts/{alert}"),
    ("POST", "/v1/alerts/{alert_id}/events"): Asked("/v1/alerts/{alert}/events", {"json": MOVE}),
    ("GET", "/v1/runs/current"): Asked("/v1/runs/current"),
    ("GET", "/v1/actions"): Asked("/v1/actions"),
    ("POST", "/v1/actions"): Asked("/v1/actions", {"json": ACTION}),
    ("POST", "/v1/outcomes"): Asked("/v1/outcomes", {"json": OUTCOME}),
    ("POST", "/v1/score"): Asked("/v1/score", {"json": WHAT_IF}),
    ("POST", "/v1/events"): Asked("/v1/events", {"json": EVENT}),
    ("GET", "/v1/events/status"): Asked("/v1/events/status"),
    ("GET", "/metrics"): Asked("/metrics"),
    ("GET", "/"): Asked("/", {"headers": PAGE}),
    ("GET", "/customers/{customer_id:path}"): Asked("/customers/C-2", {"headers": PAGE}),
    ("GET", "/plan"): Asked("/plan", {"headers": PAGE}),
    ("GET", "/alerts"): Asked("/alerts", {"headers": PAGE}),
    ("GET", "/alerts/{alert_id}"): Asked("/alerts/{alert}", {"headers": PAGE}),
    ("POST", "/alerts/{alert_id}"): Asked(
        "/alerts/{alert}", {"headers": FORM, "content": "by=Anna&what=acknowledge&event_id=e-2"}
    ),
}
HIDDEN = frozenset(
    {
        *(route for route in REQUESTS if "{" in route[1]),
        ("POST", "/v1/actions"),
        ("POST", "/v1/outcomes"),
        ("POST", "/v1/score"),
        ("GET", "/v1/events/status"),  # this company takes no events
    }
)
"""Requests for another manager's customer that are answered with 404; all others leave it out."""
OF_ALL = frozenset({("POST", "/v1/events"), ("GET", "/metrics")})
"""What is refused to who sees the customers of one account manager alone."""
LET_IN = {("POST", "/v1/score"): 503, ("POST", "/v1/events"): 404, ("GET", "/v1/events/status"): 404}
"""What those who may ask are told where that is no success: this company has no model, and takes no events."""


class Guarded(NamedTuple):
    client: httpx.Client
    keys: dict[str, str]
    alerts: dict[str, str]

    def ask(self, route: tuple[str, str], key: str | None = None) -> httpx.Response:
        asked = REQUESTS[route]
        headers = {**asked.sent.get("headers", {}), **(bearer(self.keys[key]) if key else {})}
        sent = {**asked.sent, "headers": headers}
        return self.client.request(route[0], asked.path.format(alert=self.alerts["C-2"]), **sent)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    with company(tmp_path_factory.mktemp("guarded"), "\n[serve]\nanonymous_requests_per_minute = 6000\n") as (
        store,
        client,
    ):
        keys = {scope: key(store, scope) for scope in SCOPES}
        keys |= {f"all but {left}": key(store, *(s for s in SCOPES if s not in (left, "admin"))) for left in SCOPES}
        keys["Anna"] = key(store, "read", "write", "score", account_manager=ANNA)
        keys["expired"] = expired_key(store)
        yield Guarded(client, keys, alert_ids(store))


def test_the_rules_name_every_route_and_no_other() -> None:
    routes = [route for router in ROUTERS for route in router.routes]
    found = {
        (method, route.path) for route in routes if isinstance(route, ScopedRoute) for method in route.methods or ()
    }
    assert all(isinstance(route, ScopedRoute) for route in routes)
    assert found == set(RULES)
    assert set(REQUESTS) == set(CLOSED)


def test_a_route_without_a_rule_cannot_be_made(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KeyError):
        APIRouter(route_class=ScopedRoute).add_api_route("/v1/new", lambda: None, methods=["GET"])
    open_router = APIRouter()
    open_router.add_api_route("/v1/new", lambda: None, methods=["GET"])
    monkeypatch.setattr(application, "ROUTERS", (*ROUTERS, open_router))
    with pytest.raises(RuntimeError, match="without a key"):
        create_app(ServeSettings(tmp_path / "store.db"))


@pytest.mark.parametrize("route", CLOSED, ids=" ".join)
def test_nobody_is_answered_without_a_key(guarded: Guarded, route: tuple[str, str]) -> None:
    answer = guarded.ask(route)
    if route[0] == "GET" and REQUESTS[route].sent.get("headers") == PAGE:
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/sign-in?next=/")
        assert answer.text == ""
    else:
        assert answer.status_code == 401
        assert answer.json()["type"] == "urn:retinue:problem:no-access-key"
        assert answer.headers["www-authenticate"] == "Bearer"
    assert guarded.ask(route, "expired").status_code == answer.status_code


@pytest.mark.parametrize("route", CLOSED, ids=" ".join)
def test_another_scope_does_not_do(guarded: Guarded, route: tuple[str, str]) -> None:
    scope: Scope = RULES[route]  # type: ignore[assignment]
    refused = guarded.ask(route, f"all but {scope}")
    assert refused.status_code == 403
    assert f"'{scope}'" in refused.text or f"&#39;{scope}&#39;" in refused.text
    let_in = (LET_IN[route],) if route in LET_IN else (200, 303, 409)
    assert guarded.ask(route, scope).status_code in let_in
    assert guarded.ask(route, "admin").status_code in let_in


@pytest.mark.parametrize("route", CLOSED, ids=" ".join)
def test_another_managers_customer_is_not_told_of(guarded: Guarded, route: tuple[str, str]) -> None:
    answer = guarded.ask(route, "Anna")
    if route in HIDDEN:
        assert answer.status_code == 404
    elif route in OF_ALL:
        assert answer.status_code == 403
    else:
        assert answer.status_code == 200
        told = answer.text.split('"not_found"')[0]
        for word in ("C-2", "C-3", "Zed", "Jonas", "R-2", "R-3", "Nobody's"):
            assert word not in told
        if route[1] not in ("/v1/runs/current",):
            assert "C-1" in told


@pytest.mark.parametrize("path", ["customers/C-2", "customers/C-2/receivables", "customers/C-2/recommendations"])
def test_that_another_managers_customer_exists_cannot_be_told_from_the_answer(guarded: Guarded, path: str) -> None:
    theirs, unknown = (
        guarded.client.get(f"/v1/{asked}", headers=bearer(guarded.keys["Anna"]))
        for asked in (path, path.replace("C-2", "C-9"))
    )
    assert theirs.status_code == unknown.status_code == 404
    assert theirs.text.replace("C-2", "C-9") == unknown.text


def test_a_manager_cannot_filter_for_anothers(guarded: Guarded) -> None:
    headers = bearer(guarded.keys["Anna"])
    for path in (
        "invoices?customer=C-2",
        "alerts?customer_id=C-2",
        "actions?customer_id=C-2",
        "plan?account_manager=Jonas",
    ):
        answer = guarded.client.get(f"/v1/{path}", headers=headers)
        assert answer.status_code == 200
        assert "C-2" not in answer.text
        assert "C-1" not in answer.text
    assert "C-2" not in guarded.client.get("/plan?manager=Jonas", headers=headers | PAGE).text


def test_counts_and_sums_are_of_the_own_customers(guarded: Guarded) -> None:
    own = guarded.client.get("/v1/runs/current", headers=bearer(guarded.keys["Anna"])).json()
    everybody = guarded.client.get("/v1/runs/current", headers=bearer(guarded.keys["read"])).json()
    assert (own["rows"], own["summary"]["customers"], own["summary"]["by_segment"]) == (1, 1, {"loyal": 1})
    assert own["summary"]["high_risk_value_at_stake"] == 500.0
    assert (everybody["rows"], everybody["summary"]["by_segment"]) == (3, {"loyal": 2, "lost": 1})


def test_entries_on_own_customers_are_logged(guarded: Guarded) -> None:
    headers = bearer(guarded.keys["Anna"])
    logged = guarded.client.post("/v1/actions", headers=headers, json=ACTION | {"customer_id": "C-1"})
    assert logged.json()["added"] == 1
    mixed = guarded.client.post("/v1/actions", headers=headers, json=[ACTION | {"customer_id": "C-1"}, ACTION])
    assert mixed.status_code == 404
    assert [fault["where"] for fault in mixed.json()["errors"]] == ["body.1.customer_id"]


@pytest.mark.parametrize("path", sorted(PUBLIC))
def test_what_is_public_needs_no_key(guarded: Guarded, path: str) -> None:
    method = "GET" if ("GET", path) in RULES else "POST"
    assert guarded.client.request(method, path).status_code in (200, 303)


@pytest.mark.parametrize(
    "path", ["/nowhere", "/v1/nowhere", "/openapi.json", "//v1/customers", "/v1/customers/", "/static"]
)
def test_what_no_rule_names_needs_a_key_too(guarded: Guarded, path: str) -> None:
    assert guarded.client.get(path).status_code == 401
    assert guarded.client.get(path, headers=bearer(guarded.keys["read"])).status_code in (200, 404, 422)


def test_static_files_need_no_key_and_lead_nowhere_else(guarded: Guarded) -> None:
    assert guarded.client.get("/static/retinue.css").status_code == 200
    for path in ("/static/../v1/customers", "/static/%2e%2e/v1/customers", "/static/..%2fretinue.toml"):
        assert guarded.client.get(path).status_code in (401, 404)


def test_the_description_says_how_keys_are_sent_and_how_refusals_look(guarded: Guarded) -> None:
    described = guarded.client.get("/openapi.json", headers=bearer(guarded.keys["read"])).json()
    assert set(described["components"]["securitySchemes"]) == {"key", "key_header"}
    for path, operations in described["paths"].items():
        for operation in operations.values():
            if path in PUBLIC:
                assert "security" not in operation
            else:
                assert operation["security"] == [{"key": []}, {"key_header": []}]
                assert {"401", "403", "429", "503"} <= set(operation["responses"])
