"""The API, asked of a real server over a real store."""

import base64
import json
import os
import socket
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from features.errors import StorageError
from serving.language import preferred
from serving.routes.state import ServeSettings
from serving.score_schema import SCORES_SCHEMA
from serving.server import ServeError, listen, reachable, settings_of
from serving.store import open_store, publish
from tests.serving.conftest import AS_OF, COMPANY, ODD_ID, run, score, serving, table, write_project


def row(customer_id: str) -> dict[str, Any]:
    """What the API should say of one of the company's customers."""
    [found] = [r for r in COMPANY if r["customer_id"] == customer_id]
    since = found["trajectory_since"] and found["trajectory_since"].isoformat()
    return found | {"as_of": "2026-03-31T00:00:00Z", "trajectory_since": since}


def problem(answer: httpx.Response, status: int, name: str) -> dict[str, Any]:
    """The problem document of an answer, checked for what each must have."""
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert document["type"] == f"urn:retinue:problem:{name}"
    assert document["status"] == status
    assert "Traceback" not in answer.text
    return document


# One customer


@pytest.mark.parametrize("customer_id", [r["customer_id"] for r in COMPANY])
def test_a_customer_is_answered_field_for_field_in_the_order_of_the_contract(server: str, customer_id: str) -> None:
    answer = httpx.get(f"{server}/v1/customers/{quote(customer_id, safe='')}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == row(customer_id)
    assert list(answer.json()) == SCORES_SCHEMA.names


def test_the_age_of_a_score_is_in_seconds_since_as_of(server: str) -> None:
    before = int((datetime.now(UTC) - AS_OF).total_seconds())
    for path in ("customers/C-1", "customers", "runs/current"):
        age = int(httpx.get(f"{server}/v1/{path}").headers["age"])
        assert before <= age <= before + 30


@pytest.mark.parametrize(
    "path",
    ["nobody", "c-1", "C-1%00", "%ff%fe", "C-1%20", "..%2f..%2fetc", "%F0%9F%A6%84", "a/b/c", "C-1/", "%00", "'--"],
)
def test_an_unknown_customer_is_a_404_that_says_so(server: str, path: str) -> None:
    problem(httpx.get(f"{server}/v1/customers/{path}"), 404, "customer-not-found")


def test_a_problem_is_said_in_the_language_of_the_reader(server: str) -> None:
    english = httpx.get(f"{server}/v1/customers/nobody")
    chinese = httpx.get(f"{server}/v1/customers/nobody", headers={"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.8"})
    assert problem(english, 404, "customer-not-found")["title"] == "Customer not found"
    assert problem(chinese, 404, "customer-not-found")["title"] == "未找到客户"
    assert "“nobody”" in chinese.json()["detail"]
    assert (english.headers["content-language"], chinese.headers["content-language"]) == ("en", "zh")


@pytest.mark.parametrize("path", ["/v1/customers/" + "x" * 513, "/v1/customers/", "/v1/customers/" + "%20" * 2000])
def test_an_id_that_is_empty_or_too_long_is_refused(server: str, path: str) -> None:
    [finding] = problem(httpx.get(server + path), 422, "invalid-request")["errors"]
    assert finding["where"] == "path.customer_id"


# A list


def test_a_list_is_ranked_by_expected_profit_and_its_customers_are_whole(server: str) -> None:
    page = httpx.get(f"{server}/v1/customers").json()
    assert page["run_id"] == "run-1"
    assert page["as_of"] == "2026-03-31T00:00:00Z"
    assert page["customers"] == [row(customer) for customer in ("C-1", "C-3", ODD_ID, "C-2", "C-5")]
    assert page["next_cursor"] is None


def test_cursors_lead_through_a_list_once(server: str) -> None:
    found: list[str] = []
    parameters: dict[str, Any] = {"sort": "customer_id", "limit": 2}
    for size in (2, 2, 1):
        page = httpx.get(f"{server}/v1/customers", params=parameters).json()
        assert len(page["customers"]) == size
        found += [customer["customer_id"] for customer in page["customers"]]
        parameters["cursor"] = page["next_cursor"]
    assert found == [ODD_ID, "C-1", "C-2", "C-3", "C-5"]
    assert parameters["cursor"] is None


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"segment": "at_risk"}, ["C-1"]),
        ({"churn_band": "medium", "action": "call"}, ["C-3", ODD_ID]),
        ({"search": "acme"}, ["C-1"]),
        ({"segment": "nobody"}, []),
        ({"sort": "-value_at_stake", "limit": 1, "churn_band": "medium"}, [ODD_ID]),
        ({"tier": "key", "lifecycle_stage": "maturity", "trajectory": "declining"}, ["C-1"]),
        ({"tier": "strategic"}, []),
        ({"sort": "-lifetime_value", "limit": 1}, ["C-1"]),
    ],
)
def test_a_list_is_filtered(server: str, parameters: dict[str, str], expected: list[str]) -> None:
    page = httpx.get(f"{server}/v1/customers", params=parameters).json()
    assert [customer["customer_id"] for customer in page["customers"]] == expected


@pytest.mark.parametrize(
    "parameters",
    [
        {"limit": "0"},
        {"limit": "501"},
        {"limit": "ten"},
        {"limit": "99999999999999999999999"},
        {"sort": "name"},
        {"churn_band": "purple"},
        {"tier": "gold"},
        {"segment": ""},
        {"search": "x" * 201},
        {"cursor": "A" * 9000},
    ],
)
def test_parameters_that_mean_nothing_are_named(server: str, parameters: dict[str, str]) -> None:
    [finding] = problem(httpx.get(f"{server}/v1/customers", params=parameters), 422, "invalid-request")["errors"]
    assert finding["where"] == f"query.{next(iter(parameters))}"


def test_a_validation_finding_is_said_in_chinese(server: str) -> None:
    answer = httpx.get(f"{server}/v1/customers?limit=501", headers={"Accept-Language": "zh"})
    assert answer.json()["errors"] == [{"where": "query.limit", "message": "不得大于 500。"}]


def forged(*content: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        "not a cursor",
        "客户",
        "AAAA",
        forged(),
        forged("run-1", "-expected_profit", "text", "C-1"),
        forged("run-1", "-expected_profit", {"a": 1}, "C-1"),
        forged("run-1", "-expected_profit", True, "C-1"),
        forged("run-1", "-expected_profit", 1.5, 7),
        forged("run-1", "customer_id", "C-1", "C-1"),
        forged(1, "-expected_profit", 1.5, "C-1"),
        base64.urlsafe_b64encode(b'["run-1","-expected_profit",NaN,"C-1"]').decode(),
    ],
)
def test_a_cursor_that_was_never_given_out_is_a_400(server: str, cursor: str) -> None:
    problem(httpx.get(f"{server}/v1/customers", params={"cursor": cursor}), 400, "bad-cursor")


def test_a_cursor_of_another_sort_order_is_a_400(server: str) -> None:
    page = httpx.get(f"{server}/v1/customers", params={"limit": 1}).json()
    asked = {"cursor": page["next_cursor"], "sort": "customer_id"}
    problem(httpx.get(f"{server}/v1/customers", params=asked), 400, "bad-cursor")


# Many at once


def test_a_look_up_answers_in_the_order_asked_each_once_and_names_the_missing(server: str) -> None:
    asked = ["C-3", "nobody", ODD_ID, "C-1", "C-3", "C-1\0", "🦄"]
    answer = httpx.post(f"{server}/v1/customers:lookup", json={"customer_ids": asked})
    assert answer.status_code == 200
    assert answer.json() == {
        "customers": [row("C-3"), row(ODD_ID), row("C-1")],
        "not_found": ["nobody", "C-1\0", "🦄"],
    }


def test_a_thousand_ids_are_looked_up_and_one_more_is_too_many(server: str) -> None:
    ids = [f"C-{i}" for i in range(1000)]
    answer = httpx.post(f"{server}/v1/customers:lookup", json={"customer_ids": ids}).json()
    assert [customer["customer_id"] for customer in answer["customers"]] == ["C-1", "C-2", "C-3", "C-5"]
    assert len(answer["not_found"]) == 996
    refused = httpx.post(f"{server}/v1/customers:lookup", json={"customer_ids": [*ids, "C-1000"]})
    [finding] = problem(refused, 422, "invalid-request")["errors"]
    assert finding == {"where": "body.customer_ids", "message": "It must hold at most 1000 items."}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b'{"customer_ids": []}',
        b'{"customer_ids": "C-1"}',
        b'{"customer_ids": [1]}',
        b'{"customer_ids": [""]}',
        b'{"customer_ids": [null]}',
        b'{"customer_ids": ["\\ud800"]}',
        b'{"customer_ids": ["C-1"], "\\ud800": 1}',
        b'{"customer_ids": ["C-1"], "more": 1}',
        b'{"customer_ids": ["\xff"]}',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
def test_a_body_that_is_no_look_up_is_refused(server: str, content: bytes) -> None:
    answer = httpx.post(f"{server}/v1/customers:lookup", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"


# The run, health, and all the rest


def test_the_current_run_tells_its_model_and_its_groups(server: str) -> None:
    current = httpx.get(f"{server}/v1/runs/current").json()
    assert current["run_id"] == "run-1"
    assert current["published_at"] == "2026-03-31T02:30:00Z"
    assert current["model_version"] == "3"
    assert current["model_metrics"] == {"auc": 0.78, "top_decile_lift": None}
    assert current["summary"]["by_segment"] == {"loyal": 2, "at_risk": 1, "lost": 1}


def test_health_and_readiness_are_ok_while_a_run_is_served(server: str) -> None:
    assert httpx.get(f"{server}/healthz").json() == {"status": "ok"}
    ready = httpx.get(f"{server}/readyz").json()
    assert (ready["status"], ready["run_id"], ready["as_of"]) == ("ok", "run-1", "2026-03-31T00:00:00Z")
    assert ready["age_seconds"] == pytest.approx((datetime.now(UTC) - AS_OF).total_seconds(), abs=30)
    assert ready["is_stale"] is (ready["age_seconds"] > 8 * 24 * 3600)


def test_an_unknown_address_and_a_wrong_method_are_problems(server: str) -> None:
    problem(httpx.get(f"{server}/v1/nothing"), 404, "not-found")
    refused = httpx.delete(f"{server}/v1/customers/C-1")
    problem(refused, 405, "method-not-allowed")
    assert refused.headers["allow"] == "GET"


def test_another_host_name_is_refused(server: str) -> None:
    answer = httpx.get(f"{server}/v1/customers/C-1", headers={"Host": "evil.example"})
    problem(answer, 421, "wrong-host")


def test_every_answer_carries_the_security_headers(server: str) -> None:
    for path in ("/", "/customers/C-1", "/v1/customers/C-1", "/v1/customers/nobody", "/static/retinue.css", "/nothing"):
        headers = httpx.get(server + path).headers
        assert headers["content-security-policy"].startswith("default-src 'self';")
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert "server" not in headers


def test_the_openapi_description_gives_examples_and_problems(server: str) -> None:
    description = httpx.get(f"{server}/openapi.json").json()
    assert set(description["paths"]) == {
        "/v1/customers/{customer_id}",
        "/v1/customers",
        "/v1/customers:lookup",
        "/v1/customers/{customer_id}/receivables",
        "/v1/customers/{customer_id}/recommendations",
        "/v1/plan",
        "/v1/invoices",
        "/v1/alerts",
        "/v1/alerts/{alert_id}",
        "/v1/alerts/{alert_id}/events",
        "/v1/runs/current",
        "/v1/actions",
        "/v1/outcomes",
        "/v1/score",
        "/v1/events",
        "/v1/events/status",
        "/healthz",
        "/readyz",
    }
    schemas = description["components"]["schemas"]
    assert schemas["Score"]["examples"][0]["customer_id"] == "C-1042"
    assert schemas["Lookup"]["examples"]
    unnamed = [
        (name, field)
        for name, schema in schemas.items()
        for field, detail in schema.get("properties", {}).items()
        if "description" not in detail and "$ref" not in detail and detail.get("type") != "array"
    ]
    assert unnamed == []


# A server's life


def test_scores_appear_replace_each_other_and_vanish_without_a_restart(tmp_path: Path) -> None:
    path = write_project(tmp_path)
    with serving(tmp_path) as address:
        problem(httpx.get(f"{address}/readyz"), 503, "nothing-published")
        for asked in ("customers/C-1", "customers", "runs/current"):
            document = problem(httpx.get(f"{address}/v1/{asked}"), 503, "nothing-published")
            assert "retinue score" in document["detail"]
        store = open_store(path)
        publish(store, run("first"), table(COMPANY))
        assert httpx.get(f"{address}/readyz").status_code == 200
        page = httpx.get(f"{address}/v1/customers?limit=2").json()
        publish(store, run("second"), table([score("C-1", expected_profit=1.0)]))
        store.close()
        assert httpx.get(f"{address}/v1/customers/C-1").json()["expected_profit"] == 1.0
        problem(httpx.get(f"{address}/v1/customers/C-2"), 404, "customer-not-found")
        stale = httpx.get(f"{address}/v1/customers", params={"limit": 2, "cursor": page["next_cursor"]})
        problem(stale, 410, "stale-cursor")
        path.unlink()
        problem(httpx.get(f"{address}/readyz"), 503, "store-unavailable")
        assert not path.exists()


def test_a_public_address_is_refused_with_the_reason(tmp_path: Path) -> None:
    settings = ServeSettings(tmp_path / "store.db")
    for host in ("0.0.0.0", "::", "192.168.1.4", "example.com", ""):
        with pytest.raises(ServeError, match="there is no access key"):
            reachable(settings, host)


def test_a_taken_port_is_a_clear_error_that_names_a_free_one() -> None:
    with listen("127.0.0.1", 0) as taken, pytest.raises(ServeError, match=r"--port \d+; it is free"):
        listen("127.0.0.1", taken.getsockname()[1])


def test_the_free_port_that_is_named_can_be_used() -> None:
    with listen("localhost", 0) as listener, socket.create_connection(listener.getsockname(), 1):
        assert listener.getsockname()[0] == "127.0.0.1"


def test_serving_before_any_score_says_what_to_run(tmp_path: Path) -> None:
    write_project(tmp_path)
    code = f"from pathlib import Path; from serving.cli.serve import serve; serve(Path({str(tmp_path)!r}), port=0)"
    environment = {**os.environ, "RETINUE_LANGUAGE": "zh"}
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        assert "retinue score" in process.stdout.readline()
        assert "http://127.0.0.1:" in process.stdout.readline()
        process.terminate()


def test_settings_come_from_the_project_file(tmp_path: Path) -> None:
    from features.project import load_project

    path = write_project(tmp_path)
    settings = settings_of(load_project(tmp_path))
    assert settings.store_place == path
    assert (settings.company, settings.timezone.key) == ("Acme Trading", "Europe/Berlin")


def test_a_store_that_cannot_be_opened_stops_the_server_from_starting(tmp_path: Path) -> None:
    from serving.app import create_app

    (tmp_path / "store.db").write_text("no database at all, but long enough to look like one" * 10)
    with pytest.raises(StorageError, match="not a Retinue store"):
        create_app(ServeSettings(tmp_path / "store.db"))


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("zh", "zh"),
        ("zh-Hans-CN", "zh"),
        ("ZH-cn;q=0.9,en;q=0.8", "zh"),
        ("en;q=0.8,zh;q=0.9", "zh"),
        ("en,zh", "en"),
        ("fr,de;q=0.5", "en"),
        ("zh;q=0,en;q=0.1", "en"),
        ("zh;q=abc", "en"),
        ("*", "en"),
        (",,;;=", "en"),
        ("zh;q=nan", "en"),
    ],
)
def test_the_language_of_a_browser(header: str, language: str) -> None:
    assert preferred(header) == language
