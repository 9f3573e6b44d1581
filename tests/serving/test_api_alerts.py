"""Warnings in the API and on the pages, asked of a real server over a real store."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from playwright.sync_api import expect

from serving.alert_schemas import AlertAnswer, AlertPage
from serving.alerts.cases import raise_alerts
from serving.store import open_store, publish
from tests.serving.alerts.cases import POLICY, findings
from tests.serving.conftest import COMPANY, run, serving, table, write_project
from tests.serving.test_api import problem
from tests.serving.test_pages import browser_page

__all__ = ["browser_page"]

FOUND = {("C-1", "open_complaint"): 3, ("C-1", "churn_risk"): 1, ("C-2", "churn_risk"): 2}


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server over a company with four warnings, one of which is nobody's."""
    folder = tmp_path_factory.mktemp("project")
    filled = open_store(write_project(folder))
    publish(filled, run(), table(COMPANY))
    raise_alerts(filled, findings(0, FOUND), POLICY)
    raise_alerts(filled, findings(1, FOUND | {("C-3", "open_complaint"): 1}, owner=None), POLICY)
    filled.close()
    with serving(folder) as address:
        yield address


def alerts(address: str, **parameters: Any) -> list[dict[str, Any]]:
    answer = httpx.get(f"{address}/v1/alerts", params=parameters)
    return [case.model_dump() for case in AlertPage.model_validate_json(answer.content).alerts]


def named(cases: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(case["customer_id"], case["kind"]) for case in cases]


def post(address: str, alert: str, event: str, what: str, **more: Any) -> httpx.Response:
    move = {"event_id": event, "by": "Miriam", "what": what, **more}
    return httpx.post(f"{address}/v1/alerts/{alert}/events", json=move)


@pytest.mark.slow
def test_the_list_is_filtered_paged_and_ordered_by_colour_then_the_newest(company: str) -> None:
    everything = [("C-1", "open_complaint"), ("C-2", "churn_risk"), ("C-3", "open_complaint"), ("C-1", "churn_risk")]
    assert named(alerts(company)) == everything
    for parameters, expected in [
        ({"colour": "red"}, everything[:1]),
        ({"kind": "churn_risk"}, [everything[1], everything[3]]),
        ({"owner": ""}, [everything[2]]),
        ({"owner": "Anna", "kind": "churn_risk"}, [everything[1], everything[3]]),
        ({"customer_id": "C-1"}, [everything[0], everything[3]]),
        ({"status": "expired"}, []),
    ]:
        assert named(alerts(company, **parameters)) == expected
    found, cursor = [], None
    while True:
        page = httpx.get(f"{company}/v1/alerts", params={"limit": 3, **({"cursor": cursor} if cursor else {})}).json()
        found += named(page["alerts"])
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == everything


@pytest.mark.slow
def test_a_case_is_worked_on_step_by_step_and_a_false_step_is_a_409(company: str) -> None:
    alert = alerts(company, colour="red")[0]["alert_id"]
    refused = problem(post(company, alert, "e0", "resolve"), 409, "impossible-move")
    assert "Possible now: Acknowledge" in refused["detail"]
    assert post(company, alert, "e1", "acknowledge", note="Will call.").status_code == 200
    assert post(company, alert, "e1", "acknowledge", note="Will call.").status_code == 200
    problem(post(company, alert, "e1", "start"), 409, "impossible-move")
    post(company, alert, "e2", "assign", owner="Jonas")
    answer = AlertAnswer.model_validate_json(httpx.get(f"{company}/v1/alerts/{alert}").content)
    assert (answer.alert.status, answer.alert.owner) == ("acknowledged", "Jonas")
    assert [(event.by, event.what, event.note) for event in answer.history] == [
        ("retinue", "raised", None),
        ("Miriam", "acknowledge", "Will call."),
        ("Miriam", "assign", None),
    ]


@pytest.mark.slow
def test_what_cannot_be_answered_is_a_problem(company: str) -> None:
    problem(httpx.get(f"{company}/v1/alerts/none"), 404, "alert-not-found")
    problem(post(company, "none", "e1", "note"), 404, "alert-not-found")
    problem(httpx.get(f"{company}/v1/alerts?colour=green"), 422, "invalid-request")
    problem(httpx.get(f"{company}/v1/alerts?cursor=abc"), 400, "bad-cursor")
    alert = alerts(company, colour="yellow", customer_id="C-1")[0]["alert_id"]
    problem(post(company, alert, "d1", "dance"), 422, "invalid-request")
    # a form of another site may send text without the browser asking first; it must not count as JSON
    plain = httpx.post(
        f"{company}/v1/alerts/{alert}/events",
        content=b'{"event_id":"x","by":"evil","what":"acknowledge"}',
        headers={"Content-Type": "text/plain", "Origin": "http://evil.example"},
    )
    assert plain.status_code == 422
    assert alerts(company, colour="yellow", customer_id="C-1")[0]["status"] == "open"


@pytest.mark.slow
def test_the_pages_show_the_cases_in_both_languages_and_lead_to_each_other(company: str) -> None:
    page = httpx.get(f"{company}/alerts").text
    for words in ("Warnings", "4 warnings", "Open complaint", "It waits.", "Nobody yet", "Name of C-1", "Red"):
        assert words in page
    chinese = httpx.get(f"{company}/alerts", headers={"Accept-Language": "zh"}).text
    for words in ("预警", "共 4 条预警", "未结投诉", "仍在等待。", "未分派", "红色"):
        assert words in chinese
    [link] = set(re.findall(r'href="(/alerts/open_complaint-[0-9a-f]+)"', httpx.get(f"{company}/customers/C-1").text))
    case = httpx.get(company + link).text
    assert 'href="/customers/C-1"' in case
    assert "History" in case
    assert "What is done" in case
    assert "No warning matches these filters." in httpx.get(f"{company}/alerts?status=expired").text
    assert httpx.get(f"{company}/alerts?cursor=nonsense&colour=red").headers["location"] == "/alerts?colour=red"


@pytest.mark.slow
def test_a_form_of_the_page_moves_the_case_and_one_of_another_site_does_not(company: str) -> None:
    alert = alerts(company, colour="orange")[0]["alert_id"]
    form = {"event_id": "f1", "by": "陈思远", "what": "acknowledge", "note": "今天致电", "owner": ""}
    with httpx.Client(base_url=company) as browser:
        foreign = browser.post(f"/alerts/{alert}", data=form, headers={"Origin": "http://evil.example"})
        problem(foreign, 403, "foreign-page")
        done = browser.post(f"/alerts/{alert}", data=form, headers={"Origin": company})
        assert (done.status_code, done.headers["location"]) == (303, f"/alerts/{alert}")
        page = browser.get(f"/alerts/{alert}").text
        assert "今天致电" in page
        assert 'value="陈思远"' in page  # the name is remembered
        problem(browser.post(f"/alerts/{alert}", data={"what": "start"}), 422, "invalid-request")
        problem(browser.post(f"/alerts/{alert}", data=form | {"event_id": "f2"}), 409, "impossible-move")
    assert alerts(company, colour="orange")[0]["status"] == "acknowledged"
    assert quote("陈思远") in done.headers["set-cookie"]


@pytest.mark.slow
def test_before_any_warning_was_raised_the_page_says_what_to_do(tmp_path: Path) -> None:
    filled = open_store(write_project(tmp_path))
    filled.close()
    with serving(tmp_path) as address:
        assert "retinue alerts raise" in httpx.get(f"{address}/alerts").text
        assert alerts(address) == []


@pytest.mark.slow
def test_in_a_browser_a_case_is_found_acknowledged_and_begun(company: str, browser_page: Any) -> None:
    browser_page.goto(f"{company}/alerts")
    browser_page.select_option("select[name=owner]", "-")
    expect(browser_page.locator("#results .count")).to_have_text("1 warning")
    browser_page.click(".alert-link")
    browser_page.fill("input[name=by]", "Miriam")
    browser_page.fill("input[name=note]", "Will call")
    browser_page.click("button[value=acknowledge]")
    expect(browser_page.locator(".history")).to_contain_text("Miriam: Acknowledged")
    expect(browser_page.locator("input[name=by]")).to_have_value("Miriam")
    browser_page.click("button[value=start]")
    expect(browser_page.locator(".history li")).to_have_count(3)
    expect(browser_page.locator("button[value=resolve]")).to_be_visible()
