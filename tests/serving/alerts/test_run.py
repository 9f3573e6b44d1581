"""Warnings of a published run, from real files to cases, the page and the CSV."""

import csv
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pandas as pd
import pytest

from features.project import Project, load_project
from features.text import Text
from serving.alerts.export import plain, write_cases
from serving.alerts.measures import measures
from serving.alerts.run import raise_for_published
from serving.problems import ApiError
from serving.store import STORE_FILE, Run, open_store, publish
from tests.serving.alerts.cases import listed
from tests.serving.conftest import debtor, debts, score, table

AS_OF = datetime(2026, 3, 31, tzinfo=UTC)
PROJECT = """
[project]
name = "Acme Trading"
currency = "EUR"
[tables.orders]
path = "orders.csv"
columns = { customer_id = "c", ordered_at = "t", amount = "a" }
[tables.interactions]
path = "contacts.csv"
columns = { customer_id = "c", at = "t", kind = "k", closed_at = "z" }
[playbook]
built_in = "trade"
"""


def company(folder: Path) -> Project:
    """A buys each week; B did so until ten weeks ago, and complained 20 days ago; many others buy each week too."""
    (folder / "retinue.toml").write_text(PROJECT)
    weeks = {**{f"N{n:02d}": range(40) for n in range(40)}, "A": range(40), "B": range(10, 40)}
    rows = [
        f"{who},{AS_OF - timedelta(days=7 * week + 1 + len(who)):%Y-%m-%d},10" for who in weeks for week in weeks[who]
    ]
    (folder / "orders.csv").write_text("c,t,a\n" + "\n".join(rows) + "\n")
    complained = AS_OF - timedelta(days=20)
    (folder / "contacts.csv").write_text(f"c,t,k,z\nB,{complained:%Y-%m-%d},complaint,\n")
    project = load_project(folder)
    scores = [
        score("A", churn_probability=0.1, churn_band="low", as_of=AS_OF, late_probability=0.995),
        score("B", customer_name="Bond", account_manager="Anna", churn_probability=0.65, as_of=AS_OF, recommended_action="visit",
              recommended_action_name={"en": "Visit", "zh": "上门拜访"}),
    ]  # fmt: skip
    owing = [debtor("A", overdue=0.0, open=200.0), debtor("B")]
    with closing(open_store(project.workspace / STORE_FILE)) as store:
        publish(store, Run("run-1", AS_OF, AS_OF, "3", {}), table(scores), debts(owing, []))
    return project


def cases(project: Project) -> dict[tuple[str, str], dict[str, Any]]:
    with closing(open_store(project.workspace / STORE_FILE)) as store:
        return {(case["customer_id"], case["kind"]): case for case in listed(store)}


def test_a_published_run_raises_what_its_facts_tell_with_cause_and_proposal(tmp_path: Path) -> None:
    project = company(tmp_path)
    assert raise_for_published(project).is_new
    found = cases(project)
    assert {pair: case["colour"] for pair, case in found.items()} == {
        ("B", "churn_risk"): "orange",
        ("B", "broken_rhythm"): "red",
        ("B", "open_complaint"): "orange",
        ("A", "late_payment_ahead"): "red",
    }
    risk, rhythm = found["B", "churn_risk"], found["B", "broken_rhythm"]
    assert (risk["customer_name"], risk["owner"]) == ("Bond", "Anna")
    assert risk["cause"] == {
        "en": "Leaves within 90 days with a probability of 65%. The last order was 12 days ago.",
        "zh": "90 天内流失的概率为 65%。上次下单在 12 天前。",
    }
    assert risk["proposal"]["en"] == "Visit. Call the customer and ask what is missing."
    assert rhythm["cause"]["en"].startswith(
        "Silent for 72 days; usually buys about every 7 days. So broken within a year look <0.1%"
    )
    complaint = found["B", "open_complaint"]
    assert complaint["cause"]["en"] == "Complaints in the last 180 days: 1; still open: 1, the oldest for 20 days."
    assert complaint["value"] == 20
    assert found["A", "late_payment_ahead"]["cause"]["en"].endswith("will come late with a probability of >99%.")
    assert not raise_for_published(project).is_new
    assert cases(project) == found


def test_without_scores_it_is_said_that_there_are_none(tmp_path: Path) -> None:
    (tmp_path / "retinue.toml").write_text(PROJECT)
    with pytest.raises(ApiError, match="No scores are published yet"):
        raise_for_published(load_project(tmp_path))


def test_what_is_not_there_measures_zero_and_what_is_not_known_stays_unknown() -> None:
    people = pd.Index(["A", "B", "C", "D"], name="customer_id")
    scores = pd.DataFrame(
        {
            "trajectory": ["declining", "rising", None, "declining"],
            "trajectory_probability": [0.8, 0.9, np.nan, 0.99],
            "overdue_balance": [10.0, 0.0, np.nan, 0.0],
        },
        people,
    )
    features = pd.DataFrame({"oldest_overdue_days": [40.0, np.nan, np.nan, np.nan]}, people)
    rhythm = pd.DataFrame({"is_lost": [False, False, False, True]}, people)
    debts = {
        "open": [10.0, 50.0, 0.0, 50.0],
        "overdue": [10.0, 0.0, 0.0, 0.0],
        "late_probability": [1.0, 0.7, np.nan, np.nan],
    }
    found = measures(scores, features, rhythm, pd.DataFrame(debts, people))
    nan = pytest.approx(np.nan, nan_ok=True)
    assert found["decline_probability"].tolist() == [0.8, 0.0, nan, nan]
    assert found["overdue_days"].tolist() == [40.0, 0.0, nan, 0.0]
    assert found["late_ahead_probability"].tolist() == [0.0, 0.7, 0.0, nan]
    assert found["complaint_waiting_days"].isna().all()  # no contacts, no knowledge


def test_the_page_and_the_csv_hold_every_case_and_no_formula(tmp_path: Path) -> None:
    project = company(tmp_path)
    raise_for_published(project)
    with closing(open_store(project.workspace / STORE_FILE)) as store:
        found = listed(store)
    found[0]["customer_name"] = "=HYPERLINK()"
    write_cases(found, project, tmp_path / "out")
    with (tmp_path / "out" / "alerts.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["alert_id"] for row in rows] == [case["alert_id"] for case in found]
    assert rows[0]["customer_name"] == "'=HYPERLINK()"
    english, chinese = ((tmp_path / "out" / f"alerts.{language}.html").read_text() for language in ("en", "zh"))
    assert "Own rhythm broken" in english
    assert "购买节奏中断" in chinese
    with ZipFile(tmp_path / "out" / "alerts.zh.xlsx") as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert sheet.count("<row ") == len(found) + 1
    assert "<f>" not in sheet
    assert all(f"<t>{text}</t>" in sheet for text in ("客户编号", "=HYPERLINK()", "购买节奏中断"))
    write_cases([], project, tmp_path / "none")
    assert "There is no such warning." in (tmp_path / "none" / "alerts.en.html").read_text()


@pytest.mark.parametrize(
    ("value", "written"), [("@x", "'@x"), ("-3", "'-3"), (-3.0, -3.0), (None, None), ("a=b", "a=b")]
)
def test_texts_that_begin_like_a_formula_are_made_harmless(value: Any, written: Any) -> None:
    assert plain(value) == written


def test_every_text_of_a_rule_speaks_both_languages() -> None:
    from serving.alerts.kinds import RULES

    assert all(isinstance(rule.cure, Text) and rule.cure.zh.endswith("。") for rule in RULES.values())
