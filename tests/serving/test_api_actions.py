"""What was done and what came of it, logged through a real server over a real store."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from serving.problems import MAX_BODY_BYTES
from tests.serving.conftest import serving, write_project
from tests.serving.test_api import problem


def action(customer_id: str, **changes: Any) -> dict[str, Any]:
    row = {
        "customer_id": customer_id,
        "at": "2026-04-02T09:15:00Z",
        "action": "personal_call",
        "arm": "treated",
        "campaign": "spring",
        "cost": 15.0,
        "propensity": 0.8,
    }
    return row | changes


def post(server: str, path: str, entries: Any, **more: Any) -> httpx.Response:
    return httpx.post(f"{server}/v1/{path}", json=entries, **more)


def test_an_action_is_kept_as_it_was_given_and_can_be_repeated(server: str) -> None:
    given = action("kept", action_id="kept-1", channel="phone", by="M. Okafor", note="满意")
    first, again = (post(server, "actions", given).json() for _ in range(2))
    assert first == {"added": 1, "repeated": 0, "ids": ["kept-1"]}
    assert again == {"added": 0, "repeated": 1, "ids": ["kept-1"]}
    page = httpx.get(f"{server}/v1/actions", params={"customer_id": "kept"}).json()
    assert page == {"actions": [given], "next_cursor": None}


def test_an_entry_without_an_id_gets_one_from_its_content(server: str) -> None:
    one, same, other = (
        post(server, "actions", entry).json()
        for entry in (action("X"), action("X", at="2026-04-02T11:15:00+02:00"), action("X", cost=16.0))
    )
    assert one["ids"] == same["ids"] != other["ids"]
    assert (one["added"], same["repeated"], other["added"]) == (1, 1, 1)


def test_an_id_with_another_content_is_refused_and_nothing_of_the_request_is_kept(server: str) -> None:
    post(server, "actions", action("K", action_id="a-1"))
    refused = post(server, "actions", [action("K", action_id="a-2"), action("K", action_id="a-1", cost=99.0)])
    [finding] = problem(refused, 409, "conflict")["errors"]
    assert finding["where"] == "body.1"
    assert "'a-1'" in finding["message"]
    kept = httpx.get(f"{server}/v1/actions", params={"customer_id": "K"}).json()["actions"]
    assert [(entry["action_id"], entry["cost"]) for entry in kept] == [("a-1", 15.0)]


def test_the_same_id_with_two_contents_in_one_request_is_refused(server: str) -> None:
    refused = post(server, "outcomes", [outcome(outcome_id="o"), outcome(outcome_id="o", amount=1.0)])
    problem(refused, 409, "conflict")


def outcome(**changes: Any) -> dict[str, Any]:
    return {"customer_id": "C-1", "at": "2026-05-02T00:00:00Z", "kind": "purchase", "amount": 480.0} | changes


def test_a_thousand_outcomes_fit_into_a_request_and_one_more_does_not(server: str) -> None:
    many = [outcome(outcome_id=f"o-{i}") for i in range(1001)]
    assert post(server, "outcomes", many[:1000]).json()["added"] == 1000
    [finding] = problem(post(server, "outcomes", many), 422, "invalid-request")["errors"]
    assert finding == {"where": "body", "message": "It must hold at most 1000 items."}


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"arm": "both"}, "body.1.arm"),
        ({"at": "2026-04-02"}, "body.1.at"),
        ({"at": "2026-04-02T09:15:00"}, "body.1.at"),
        ({"at": 1_775_000_000}, "body.1.at"),
        ({"cost": -1.0}, "body.1.cost"),
        ({"cost": "15"}, "body.1.cost"),
        ({"propensity": 1.5}, "body.1.propensity"),
        ({"customer_id": ""}, "body.1.customer_id"),
        ({"customer_id": "x" * 513}, "body.1.customer_id"),
        ({"note": "x" * 2001}, "body.1.note"),
        ({"action_id": "a\0"}, "body.1.action_id"),
        ({"colour": "red"}, "body.1.colour"),
    ],
)
def test_a_fault_names_its_entry_and_nothing_is_kept(server: str, changes: dict[str, Any], where: str) -> None:
    faulty = post(server, "actions", [action("C-77"), action("C-77") | changes])
    [finding] = problem(faulty, 422, "invalid-request")["errors"]
    assert finding["where"] == where
    assert httpx.get(f"{server}/v1/actions", params={"customer_id": "C-77"}).json()["actions"] == []


def test_cursors_lead_through_the_log_once_while_more_is_logged(server: str) -> None:
    post(server, "actions", [action("L", action_id=f"l-{i}") for i in range(5)])
    found: list[str] = []
    parameters: dict[str, Any] = {"limit": 2, "customer_id": "L"}
    for i in range(3):
        page = httpx.get(f"{server}/v1/actions", params=parameters).json()
        found += [entry["action_id"] for entry in page["actions"]]
        parameters["cursor"] = page["next_cursor"]
        post(server, "actions", action("L", action_id=f"later-{i}"))
    assert found == ["l-4", "l-3", "l-2", "l-1", "l-0"]
    assert parameters["cursor"] is None


def test_actions_are_found_by_campaign(server: str) -> None:
    post(server, "actions", [action("C-1"), action("C-2", campaign="autumn")])
    page = httpx.get(f"{server}/v1/actions", params={"campaign": "autumn"}).json()
    assert [entry["customer_id"] for entry in page["actions"]] == ["C-2"]


@pytest.mark.parametrize("cursor", ["x", "W10", "WyJhY3Rpb25zIiwiLW51bWJlciIsbnVsbCwiIl0"])
def test_a_cursor_that_was_not_given_out_is_refused(server: str, cursor: str) -> None:
    problem(httpx.get(f"{server}/v1/actions", params={"cursor": cursor}), 400, "bad-cursor")


def test_a_body_that_is_too_large_is_refused_whether_or_not_its_length_is_told(server: str) -> None:
    part = b" " * 500_000
    parts = MAX_BODY_BYTES // len(part) + 1
    headers = {"Content-Type": "application/json"}
    told = httpx.post(f"{server}/v1/actions", content=part * parts, headers=headers)
    untold = httpx.post(f"{server}/v1/actions", content=(part for _ in range(parts)), headers=headers)
    for answer in (told, untold):
        assert "4,000,000" in problem(answer, 413, "too-large")["detail"]


def test_writers_at_the_same_time_log_each_entry_once(server: str) -> None:
    batches = [[action("W", action_id=f"w-{i}") for i in range(start, start + 40)] for start in (0, 20, 0, 20)]
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda batch: post(server, "actions", batch, timeout=30).json(), batches))
    assert sum(answer["added"] for answer in answers) == 60
    assert len(httpx.get(f"{server}/v1/actions", params={"limit": 500, "customer_id": "W"}).json()["actions"]) == 60


def test_what_was_acknowledged_is_there_after_the_server_was_killed(tmp_path: Path) -> None:
    write_project(tmp_path)
    with serving(tmp_path) as server:
        post(server, "actions", action("C-1", action_id="a-1"))
        _kill_listener(server)
    with serving(tmp_path) as server:
        assert [one["action_id"] for one in httpx.get(f"{server}/v1/actions").json()["actions"]] == ["a-1"]


def _kill_listener(address: str) -> None:
    """Kill the process behind an address, which is a child of this one."""
    port = int(address.rpartition(":")[2])
    [server] = [
        child
        for child in psutil.Process(os.getpid()).children(recursive=True)
        if any(c.laddr.port == port for c in child.net_connections())
    ]
    server.send_signal(signal.SIGKILL)
