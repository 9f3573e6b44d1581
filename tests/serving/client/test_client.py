"""The client against a real server: every method, in both languages, page by page, and when something goes wrong."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import serving.client.asking as asking
from serving.alerts.cases import raise_alerts
from serving.client import Language, Retinue, RetinueProblem
from serving.client.asking import written
from serving.client.retinue import MOST_BYTES, MOST_LINES, in_requests
from serving.store import open_store, publish, store_plan
from tests.serving.alerts.cases import POLICY, findings
from tests.serving.client.flaky import Between, between
from tests.serving.conftest import (
    DEBTORS,
    INVOICES,
    ODD_ID,
    STANDING,
    debts,
    run,
    score,
    serving,
    table,
    write_project,
)
from tests.serving.security.company import key as make_key
from tests.serving.test_api_plan import item, summary

ORDINARY = [f"K-{n:04d}" for n in range(1201)]


class Served(NamedTuple):
    url: str
    key: str
    read_only: str


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A real server that wants keys, over three customers who differ and many who do not."""
    folder = tmp_path_factory.mktemp("served")
    store = open_store(write_project(folder))
    known = [
        score("C-1", customer_name="Acme", churn_probability=0.9, churn_band="high", expected_profit=75.0, **STANDING),
        score("C-2", churn_band="low", segment="lost", expected_profit=50.0),
        score(ODD_ID, expected_profit=45.0),
    ]
    everybody = table([*known, *(score(customer, expected_profit=1.0) for customer in ORDINARY)])
    publish(store, run(), everybody, debts(DEBTORS, INVOICES))
    cases = {("C-1", "open_complaint"): 3, ("C-1", "churn_risk"): 1, ("C-2", "churn_risk"): 2}
    raise_alerts(store, findings(0, cases), POLICY)
    items = [item(n, customer, team="sales" if n % 2 else "service") for n, customer in enumerate(ORDINARY[:700], 1)]
    store_plan(store, "p1", "2026-03-31T00:00:00Z", summary().model_dump_json().encode(), items)
    keys = make_key(store, "admin"), make_key(store, "read")
    store.close()
    with serving(folder) as url:
        yield Served(url, *keys)


@pytest.fixture(scope="module")
def retinue(served: Served) -> Iterator[Retinue]:
    with Retinue(served.url, served.key) as retinue:
        yield retinue


@pytest.fixture
def someone(served: Served) -> Iterator[Between]:
    with between(served.url) as someone:
        yield someone


@pytest.fixture
def through(someone: Between, served: Served) -> Iterator[Retinue]:
    """A client whose requests pass by someone."""
    with Retinue(someone.url, served.key) as retinue:
        yield retinue


# Customers


def test_a_customer_is_a_score_or_some_of_its_fields(retinue: Retinue) -> None:
    whole = retinue.customer("C-1")
    assert whole["churn_probability"] == 0.9
    assert whole["tier"] == "key"
    assert whole["reasons"][0]["family"] == "recency"
    assert retinue.customer("C-1", ["customer_id", "churn_band"]) == {"customer_id": "C-1", "churn_band": "high"}
    assert retinue.customer(ODD_ID)["customer_id"] == ODD_ID


@pytest.mark.parametrize(
    ("language", "keys", "said"),
    [
        ("en", {"en"}, "The last order was 12 days ago."),
        ("zh", {"zh"}, "上次下单在 12 天前。"),
        (None, {"en", "zh"}, "The last order was 12 days ago."),
    ],
)
def test_texts_come_in_the_readers_language(
    served: Served, language: Language | None, keys: set[str], said: str
) -> None:
    with Retinue(served.url, served.key, language) as retinue:
        why = retinue.customer("C-1")["why"]
    assert why is not None
    assert set(why) == keys
    assert retinue.text(why) == said
    assert retinue.text(None) == ""


def test_more_customers_are_found_than_one_request_may_name(retinue: Retinue) -> None:
    asked = [ORDINARY[5], "nobody", *ORDINARY, "C-1", "no one"]
    found = retinue.customers(iter(asked))
    first, *others = ORDINARY
    expected = [ORDINARY[5], first, *(customer for customer in others if customer != ORDINARY[5]), "C-1"]
    assert [customer["customer_id"] for customer in found["customers"]] == expected
    assert found["not_found"] == ["nobody", "no one"]
    assert retinue.customers(["C-2"], fields=["segment"])["customers"] == [{"segment": "lost"}]
    assert retinue.customers([]) == {"customers": [], "not_found": []}


def test_a_list_is_everybody_once_whatever_the_pages(retinue: Retinue) -> None:
    everybody = [customer["customer_id"] for customer in retinue.list_customers(page=97, fields=["customer_id"])]
    assert everybody[:3] == ["C-1", "C-2", ODD_ID]
    assert sorted(everybody) == sorted(["C-1", "C-2", ODD_ID, *ORDINARY])
    assert [c["customer_id"] for c in retinue.list_customers(sort="customer_id", search="K-12")] == ["K-1200"]
    assert [c["customer_id"] for c in retinue.list_customers(segment="lost", churn_band="low")] == ["C-2"]


def test_pages_are_fetched_only_as_far_as_somebody_reads(through: Retinue, someone: Between) -> None:
    first = next(through.list_customers(page=2))
    assert first["customer_id"] == "C-1"
    assert len(someone.seen) == 1


def test_a_list_ends_with_a_problem_when_newer_scores_are_published(tmp_path: Path) -> None:
    store = open_store(write_project(tmp_path))
    publish(store, run("first"), table([score("C-1"), score("C-2")]))
    with serving(tmp_path) as url, Retinue(url) as retinue:
        customers = retinue.list_customers(page=1)
        next(customers)
        publish(store, run("second"), table([score("C-3")]))
        with pytest.raises(RetinueProblem, match="Start again without a cursor") as raised:
            next(customers)
    store.close()
    assert raised.value.status == 410


# What is done and what comes of it


def test_what_is_logged_twice_is_there_once(retinue: Retinue) -> None:
    at = datetime(2026, 4, 2, 9, 15, tzinfo=UTC).isoformat()
    first = retinue.log_action(
        {"customer_id": "C-2", "at": at, "action": "call", "arm": "treated", "campaign": "client"}
    )
    assert (first["added"], first["repeated"]) == (1, 0)
    second = retinue.log_action(
        {"customer_id": "C-2", "at": at, "action": "call", "arm": "treated", "campaign": "client"},
        {"customer_id": "C-1", "at": at, "action": "call", "arm": "control", "campaign": "client"},
    )
    assert (second["added"], second["repeated"]) == (1, 1)
    assert second["ids"][0] == first["ids"][0]
    assert [(one["customer_id"], one["arm"]) for one in retinue.actions(campaign="client")] == [
        ("C-1", "control"),
        ("C-2", "treated"),
    ]
    outcome = retinue.log_outcome({"customer_id": "C-2", "at": at, "kind": "purchase", "amount": 480.0})
    assert outcome["added"] == 1


def test_the_plan_is_read_whole(retinue: Retinue) -> None:
    assert retinue.plan()["plan_id"] == "p1"
    assert [contact["customer_id"] for contact in retinue.contacts()] == ORDINARY[:700]
    assert sum(1 for _ in retinue.contacts(team="service")) == 350
    told = retinue.recommendations(ORDINARY[0])
    assert told["recommended_action"] == "call"
    assert told["planned"] is not None
    assert told["planned"]["place"] == 1


def test_what_a_customer_owes_and_what_comes_late(retinue: Retinue) -> None:
    owed = retinue.receivables(ODD_ID)
    assert (owed["customer"]["customer_id"], [i["invoice_id"] for i in owed["invoices"]]) == (ODD_ID, ["R/3 ü"])
    assert [i["invoice_id"] for i in retinue.invoices()] == ["R/3 ü", "R-1", "R-2"]
    assert [i["invoice_id"] for i in retinue.invoices(risk="high")] == ["R-1"]
    assert [i["invoice_id"] for i in retinue.invoices(overdue=False, customer="C-1")] == ["R-2"]
    with pytest.raises(RetinueProblem) as problem:
        retinue.receivables("C-2")
    assert problem.value.status == 404


def test_warnings_are_listed_the_gravest_first_and_worked_on(retinue: Retinue) -> None:
    gravest, *others = retinue.alerts()
    assert (gravest["colour"], gravest["kind"], len(others)) == ("red", "open_complaint", 2)
    assert [case["customer_id"] for case in retinue.alerts(colour="orange")] == ["C-2"]
    moved = retinue.move_alert(
        gravest["alert_id"], {"event_id": "client-1", "by": "Miriam", "what": "acknowledge", "note": "Will call."}
    )
    assert moved["alert"]["status"] == "acknowledged"
    assert retinue.alert(gravest["alert_id"]) == moved


def test_the_run_and_whether_it_is_too_old(retinue: Retinue) -> None:
    assert retinue.current_run()["rows"] == 3 + len(ORDINARY)
    assert retinue.current_run()["summary"]["by_churn_band"]["high"] == 1
    ready = retinue.ready()
    assert (ready["run_id"], ready["is_stale"]) == ("run-1", True)


# Problems


def test_a_problem_is_told_in_the_readers_language(served: Served) -> None:
    with Retinue(served.url, served.key, "zh") as retinue, pytest.raises(RetinueProblem) as raised:
        retinue.customer("nobody")
    problem = raised.value
    assert (problem.status, problem.type) == (404, "urn:retinue:problem:customer-not-found")
    assert problem.title == "未找到客户"
    assert str(problem) == "未找到客户: 当前评分中没有客户“nobody”。请检查编号；大小写有区别。"
    assert problem.request_id


@pytest.mark.parametrize("key", [None, "rtn_wrong"])
def test_a_wrong_key_is_told_so(served: Served, key: str | None) -> None:
    with Retinue(served.url, key) as retinue, pytest.raises(RetinueProblem) as raised:
        retinue.customer("C-1")
    assert (raised.value.status, raised.value.type) == (401, "urn:retinue:problem:no-access-key")


def test_a_key_that_may_only_read_logs_nothing(served: Served) -> None:
    with Retinue(served.url, served.read_only) as retinue:
        assert retinue.customer("C-2")["segment"] == "lost"
        with pytest.raises(RetinueProblem) as raised:
            retinue.log_outcome({"customer_id": "C-2", "at": "2026-04-02T09:15:00Z", "kind": "left"})
    assert raised.value.status == 403


def test_each_fault_of_a_request_is_named(retinue: Retinue) -> None:
    with pytest.raises(RetinueProblem) as raised:
        retinue.log_action({"customer_id": "C-2", "at": "yesterday", "action": "call", "arm": "treated"})
    [fault] = raised.value.errors
    assert fault["where"].endswith("at")
    assert "an instant with its zone" in str(raised.value)


def test_a_service_that_is_not_there_is_told_so() -> None:
    with Retinue("http://127.0.0.1:9", language="zh") as retinue, pytest.raises(RetinueProblem) as raised:
        retinue.ready()
    assert (raised.value.status, raised.value.title) == (None, "服务没有应答")
    assert "http://127.0.0.1:9" in raised.value.detail


def test_what_json_cannot_hold_is_not_sent(retinue: Retinue) -> None:
    with pytest.raises(ValueError, match="JSON"):
        retinue.score(features={"spend_365d": float("nan")})
    with pytest.raises(TypeError, match="got object"):
        retinue.send_events([{"event_id": "1", "amount": object()}])


# Not fetched again, and asked again


def test_what_has_not_changed_is_not_sent_again(through: Retinue, served: Served) -> None:
    statuses: list[int] = []
    through._asking._client.event_hooks["response"] = [lambda answer: statuses.append(answer.status_code)]
    first = through.customer("C-1")
    first["segment"] = "changed by the reader"
    assert through.customer("C-1")["segment"] == "loyal"
    assert through.customer("C-1", ["segment"]) == {"segment": "loyal"}
    assert len(list(through.list_customers(sort="customer_id"))) == len(
        list(through.list_customers(sort="customer_id"))
    )
    assert statuses == [200, 304, 200, *[200] * 3, *[304] * 3]


def test_what_is_kept_stays_small(through: Retinue, monkeypatch: pytest.MonkeyPatch) -> None:
    one = len(httpx.get(through._asking._url + "/v1/customers/K-0001", headers=through._asking._client.headers).content)
    monkeypatch.setattr(asking, "KEPT_BYTES", int(2.5 * one))
    statuses: list[int] = []
    through._asking._client.event_hooks["response"] = [lambda answer: statuses.append(answer.status_code)]
    for customer in ("K-0001", "K-0002", "K-0001", "K-0003", "K-0001", "K-0002"):
        through.customer(customer)
    assert statuses == [200, 200, 304, 200, 304, 200]
    assert through._asking._kept_bytes == sum(len(kept.body) for kept in through._asking._kept.values()) <= 2.5 * one


BUSY = (
    503,
    {"Retry-After": "0", "Content-Type": "application/problem+json"},
    b'{"type":"t","title":"Busy","detail":"Wait."}',
)


def test_what_is_lost_or_turned_away_is_asked_again(through: Retinue, someone: Between) -> None:
    someone.next_answers[:] = ["lose", BUSY, (429, {"Retry-After": "0"}, b"")]
    assert through.customer("C-1")["customer_id"] == "C-1"
    assert len(someone.seen) == 4
    someone.next_answers[:] = [BUSY]
    outcome = through.log_outcome({"customer_id": "C-1", "at": "2026-04-03T09:15:00Z", "kind": "contact"})
    assert outcome["added"] == 1


@pytest.mark.parametrize(
    ("answers", "status", "requests", "again"),
    [
        ([BUSY] * 9, 503, asking.ATTEMPTS, 0),
        (["lose"] * 9, None, asking.ATTEMPTS, None),
        ([(503, {"Retry-After": "3600"}, BUSY[2])], 503, 1, 3600),
        ([(503, {}, b"<html>no</html>")], 503, 1, None),
        ([(502, {"Retry-After": "0"}, b"<html>no</html>")], 502, 1, None),
    ],
)
def test_asking_again_has_an_end(
    through: Retinue, someone: Between, answers: list[Any], status: int | None, requests: int, again: int | None
) -> None:
    someone.next_answers[:] = answers
    with pytest.raises(RetinueProblem) as raised:
        through.customer("C-1")
    assert (raised.value.status, raised.value.retry_after_seconds) == (status, again)
    assert len(someone.seen) == requests


def test_what_a_proxy_says_is_passed_on(through: Retinue, someone: Between) -> None:
    someone.next_answers[:] = [(502, {"Content-Type": "text/html"}, "<h1>schlechtes Tor ü</h1>".encode())]
    with pytest.raises(RetinueProblem, match="502 Bad Gateway: <h1>schlechtes Tor ü</h1>"):
        through.ready()


# Events in parts


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 3 * MOST_LINES + 1))
def test_all_events_are_sent_in_order_in_parts_that_the_service_takes(number: int) -> None:
    parts = list(in_requests(written({"event_id": n}) for n in range(number)))
    assert [line for part in parts for line in part] == [b'{"event_id":%d}' % n for n in range(number)]
    assert all(0 < len(part) <= MOST_LINES for part in parts)
    assert len(parts) == -(-number // MOST_LINES)


def test_long_events_are_sent_fewer_together() -> None:
    parts = list(in_requests(written({"note": "x" * 900_000, "n": n}) for n in range(7)))
    assert [len(part) for part in parts] == [3, 3, 1]
    assert all(len(b"\n".join(part)) <= MOST_BYTES for part in parts)
