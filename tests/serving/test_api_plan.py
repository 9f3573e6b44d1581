"""The plan over HTTP: whom to contact in the order of money, and what to do about one customer."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from typer.testing import CliRunner

from features.errors import NotFoundError
from serving.cli import app
from serving.plan_schemas import PlanItem, PlanPage, PlanSummary, Recommendations
from serving.store import PlanInUseError, open_store, publish, store_plan
from tests.serving.conftest import AS_OF, COMPANY, PUBLISHED_AT, run, serving, table, write_project

CALL = {"en": "Call", "zh": "致电"}


def item(place: int, customer_id: str, **changes: Any) -> dict[str, Any]:
    """One contact, as a plan stores it."""
    nothing = dict.fromkeys(PlanItem.model_fields)
    known = {
        "action": "call",
        "action_name": CALL,
        "channel": "phone",
        "team": "sales",
        "minutes": 20.0,
        "currency": "EUR",
    }
    money = {
        "action_cost": 15.0,
        "expected_profit": 100.0 - place,
        "expected_profit_low": 1.0,
        "expected_profit_high": 200.0,
    }
    return nothing | known | money | {"place": place, "customer_id": customer_id} | changes


ITEMS = [
    item(1, "C-1", account_manager="Anna"),
    item(2, "C-2", action="visit", channel="visit", account_manager="Jonas"),
    item(3, "C-3", team="service"),
]
LIMIT = {
    "name": CALL,
    "unit": CALL,
    "used": 1.0,
    "at_most": 1.0,
    "at_least": None,
    "shadow_price": 3.5,
    "sentence": CALL,
}


def summary(plan_id: str = "p1") -> PlanSummary:
    """What the plan is, apart from its contacts."""
    numbers = {"customers": 5, "contacts": 3, "controls": 1, "resting": 0, "expected_profit": 294.0}
    ends = {"expected_profit_low": 3.0, "expected_profit_high": 600.0, "most_possible_profit": 294.5}
    facts = {
        "plan_id": plan_id,
        "run_id": "run-1",
        "as_of": AS_OF,
        "made_at": PUBLISHED_AT,
        "period_days": 7,
        "currency": "EUR",
    }
    return PlanSummary.model_validate({**facts, **numbers, **ends, "limits": [LIMIT]})


def write(folder: Path, plan_id: str = "p1", items: list[dict[str, Any]] = ITEMS) -> None:
    store = open_store(write_project(folder))
    store_plan(store, plan_id, "2026-03-31T00:00:00Z", summary(plan_id).model_dump_json().encode(), items)
    store.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("planned")
    store = open_store(write_project(folder))
    publish(store, run(), table(COMPANY))
    store.close()
    write(folder)
    return folder


@pytest.fixture(scope="module")
def planned(folder: Path) -> Iterator[str]:
    with serving(folder) as address:
        yield address


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, ["C-1", "C-2", "C-3"]),
        ({"action": "visit"}, ["C-2"]),
        ({"team": "sales"}, ["C-1", "C-2"]),
        ({"channel": "phone"}, ["C-1", "C-3"]),
        ({"account_manager": "Anna"}, ["C-1"]),
        ({"account_manager": "nobody"}, []),
        ({"limit": "1"}, ["C-1"]),
    ],
)
def test_contacts_are_listed_in_the_order_of_money(planned: str, asked: dict[str, str], expected: list[str]) -> None:
    page = PlanPage.model_validate_json(httpx.get(f"{planned}/v1/plan", params=asked).content)
    assert page.plan == summary()
    assert [contact.customer_id for contact in page.contacts] == expected


def test_cursors_lead_through_the_plan_once(planned: str) -> None:
    found, asked = [], {"limit": "2"}
    while True:
        page = httpx.get(f"{planned}/v1/plan", params=asked).json()
        found += [contact["place"] for contact in page["contacts"]]
        if page["next_cursor"] is None:
            break
        asked["cursor"] = page["next_cursor"]
    assert found == [1, 2, 3]


def test_the_cursor_of_an_older_plan_is_gone(tmp_path: Path) -> None:
    write(tmp_path)
    with serving(tmp_path) as address:
        cursor = httpx.get(f"{address}/v1/plan", params={"limit": 1}).json()["next_cursor"]
        write(tmp_path, "p2", ITEMS[:2])
        answer = httpx.get(f"{address}/v1/plan", params={"limit": 1, "cursor": cursor})
        assert answer.status_code == 410
        assert len(httpx.get(f"{address}/v1/plan").json()["contacts"]) == 2


def test_without_a_plan_it_is_said_how_to_make_one(server: str) -> None:
    answer = httpx.get(f"{server}/v1/plan", headers={"Accept-Language": "zh"})
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:retinue:problem:no-plan")
    assert "retinue plan" in answer.json()["detail"]


def test_recommendations_tell_the_best_action_what_else_fits_and_what_is_planned(planned: str) -> None:
    found = Recommendations.model_validate_json(httpx.get(f"{planned}/v1/customers/C-1/recommendations").content)
    score = httpx.get(f"{planned}/v1/customers/C-1").json()
    assert (found.recommended_action, found.expected_profit) == (score["recommended_action"], score["expected_profit"])
    assert found.planned is not None
    assert found.planned.model_dump() == ITEMS[0]
    assert httpx.get(f"{planned}/v1/customers/nobody/recommendations").status_code == 404


def test_a_customer_who_is_not_in_the_plan_has_recommendations_all_the_same(planned: str) -> None:
    unplanned = next(row["customer_id"] for row in COMPANY if row["customer_id"] not in {"C-1", "C-2", "C-3"})
    answer = httpx.get(f"{planned}/v1/customers/{quote(unplanned, safe='')}/recommendations")
    assert answer.status_code == 200
    assert answer.json()["planned"] is None


@pytest.mark.parametrize(("language", "word"), [("en", "The plan of 7 days"), ("zh", "7 天行动计划")])
def test_the_page_of_the_plan_lists_the_contacts_of_one_manager(planned: str, language: str, word: str) -> None:
    page = httpx.get(f"{planned}/plan", params={"manager": "Anna", "lang": language}).text
    assert word in page
    assert "/customers/C-1" in page
    assert "/customers/C-2" not in page
    assert "/customers/C-2" in httpx.get(f"{planned}/plan", params={"after": "1", "team": "sales"}).text


def test_without_a_plan_the_page_says_how_to_make_one(server: str) -> None:
    assert "retinue plan" in httpx.get(f"{server}/plan").text


def test_undo_withdraws_the_plan_and_who_asks_gets_the_one_before_or_none(tmp_path: Path) -> None:
    write(tmp_path, "p1")
    write(tmp_path, "p2", ITEMS[:1])
    with serving(tmp_path) as address:
        assert httpx.get(f"{address}/v1/plan").json()["plan"]["plan_id"] == "p2"
        said = undo(tmp_path)
        assert "Plan p2 is withdrawn" in said
        assert "Plan p1 is served again." in said
        answer = httpx.get(f"{address}/v1/plan").json()
        assert (answer["plan"]["plan_id"], len(answer["contacts"])) == ("p1", 3)
        assert "/customers/C-3" in httpx.get(f"{address}/plan").text
        assert "No plan is served now" in undo(tmp_path)
        assert httpx.get(f"{address}/v1/plan").json()["type"] == "urn:retinue:problem:no-plan"
        assert "retinue plan" in httpx.get(f"{address}/plan").text
    with pytest.raises(NotFoundError, match="There is no plan to withdraw"):
        undo(tmp_path)


def test_a_plan_of_which_an_action_was_logged_is_not_withdrawn(tmp_path: Path) -> None:
    write(tmp_path, "p1")
    done = {"customer_id": "C-2", "at": "2026-04-02T09:15:00Z", "action": "visit", "arm": "treated"}
    with serving(tmp_path) as address:
        assert httpx.post(f"{address}/v1/actions", json=done).status_code in (200, 201)
        with pytest.raises(PlanInUseError, match="p1 is under way: for 1 of its customers"):
            undo(tmp_path)
        assert httpx.get(f"{address}/v1/plan").json()["plan"]["plan_id"] == "p1"


def undo(folder: Path) -> str:
    """``retinue plan --undo``, and what it says."""
    ended = CliRunner().invoke(app(), ["plan", "--undo", "--project", str(folder)], catch_exceptions=False)
    return " ".join(ended.stdout.split())
