"""A campaign whose controls are mostly customers whom nobody would have contacted, followed up through store and facts."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.project import load_project
from features.sources import open_facts
from features.text import Text
from serving.decisions.expected_profit import written_beliefs
from serving.decisions.experiment_policy import ExperimentPolicy
from serving.decisions.plan import Plan, make_plan
from serving.decisions.plan_policy import PlanPolicy
from serving.decisions.playbook import Playbook
from serving.experiments import as_planned
from serving.planning import chosen_rows
from serving.store import STORE_FILE, Chosen, chosen_in, open_store, reading, store_plan
from tests.serving.decisions.test_plan import action
from training.experiments.assignment import is_campaign_control
from training.experiments.campaigns import COLUMNS, follow
from training.experiments.report import CampaignReport, campaign_report

CUSTOMERS, HORIZON, CAMPAIGN = 6_000, 30, "spring"
PLANNED = datetime(2026, 3, 1, tzinfo=UTC)
SEEN = PLANNED + timedelta(days=60)
TAKEN_AWAY = 0.4
"""The share of the probability of leaving that the call takes away, in truth."""
PROJECT = f"""
[project]
name = "Simulated"
currency = "EUR"
[churn]
horizon_days = {HORIZON}
[tables.orders]
path = "orders.csv"
columns = {{ customer_id = "customer_id", ordered_at = "ordered_at", amount = "amount" }}
"""


def plan_of(frame: pd.DataFrame) -> Plan:
    """A call for those with whom it earns most, as far as the budget goes: high risks of high value."""
    book = Playbook(
        actions=(action("call", TAKEN_AWAY, 10.0, "phone", 0.0),),
        plan=PlanPolicy(budget=8_000.0),
        experiments=ExperimentPolicy(permanent_control_share=0.0, campaign_control_share=0.4),
    )
    return make_plan(frame, book, written_beliefs(book), PLANNED, "EUR", 0.3, {}, CAMPAIGN)


def base(chance: np.random.Generator) -> pd.DataFrame:
    risk = chance.beta(1.2, 3.0, CUSTOMERS)
    stakes = chance.lognormal(5.0, 1.0, CUSTOMERS)
    return pd.DataFrame(
        {"customer_id": [f"C{i:04}" for i in range(CUSTOMERS)], "churn_probability": risk, "value_at_stake": stakes}
    ).assign(overdue_balance=0.0)


def write_orders(folder: Path, frame: pd.DataFrame, made: Plan, chance: np.random.Generator) -> None:
    """Who stays buys once within the horizon; all bought once before."""
    called = frame["customer_id"].isin(made.items["customer_id"])
    leaves = chance.random(CUSTOMERS) < frame["churn_probability"] * np.where(called, 1 - TAKEN_AWAY, 1.0)
    rows = [f"{customer},2026-02-0{1 + i % 9},50" for i, customer in enumerate(frame["customer_id"])]
    rows += [f"{customer},2026-03-15,50" for customer in frame["customer_id"][~leaves]]
    (folder / "orders.csv").write_text("\n".join(["customer_id,ordered_at,amount", *rows]))
    (folder / "retinue.toml").write_text(PROJECT)


def logged(frame: pd.DataFrame, made: Plan) -> pd.DataFrame:
    """The log as it was kept by hand: all who were called, two days later, and all controls of the lot."""
    controls = frame["customer_id"][is_campaign_control(frame["customer_id"], "retinue", CAMPAIGN, 0.4)]
    arms = [("treated", made.items["customer_id"], 10.0), ("control", controls, None)]
    at = PLANNED.replace(tzinfo=None) + timedelta(days=2)
    parts = [
        pd.DataFrame({"customer_id": ids, "arm": arm, "cost": cost}).assign(
            at=at, known_at=at, action="call", campaign=CAMPAIGN, propensity=0.6
        )
        for arm, ids, cost in arms
    ]
    return pd.concat(parts, ignore_index=True)[list(COLUMNS)]


def kept(folder: Path, made: Plan) -> list[Chosen]:
    """Whom the plan chose, through the store."""
    store = open_store(folder / STORE_FILE)
    store_plan(store, "p1", "2026-03-01T00:00:00Z", b"{}", [], chosen_rows(made, "p1", PLANNED))
    with reading(store) as connection:
        found = chosen_in(connection, CAMPAIGN)
    store.close()
    return found


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[CampaignReport, CampaignReport, float, Text]:
    """The report from the log as it is, the one as planned, the true effect on staying among the called, what is said."""
    folder, chance = tmp_path_factory.mktemp("campaign"), np.random.default_rng(7)
    frame = base(chance)
    made = plan_of(frame)
    write_orders(folder, frame, made, chance)
    log = logged(frame, made)
    compared = as_planned(log, kept(folder, made), CAMPAIGN)
    risk = frame.set_index("customer_id")["churn_probability"][made.items["customer_id"]]
    with open_facts(load_project(folder)) as facts:
        reports = [campaign_report(follow(facts, one, CAMPAIGN, SEEN)) for one in (log, compared.log)]
    assert compared.said is not None
    return reports[0], reports[1], float(risk.mean() * TAKEN_AWAY), compared.said


def test_controls_whom_nobody_would_have_called_hide_what_the_call_does(
    both: tuple[CampaignReport, CampaignReport, float, Text],
) -> None:
    naive, _, truth, _ = both
    effect = naive.effects["retention"]
    assert truth > 0.1
    assert effect.high < truth
    assert not effect.is_proven


def test_controls_whom_the_plan_would_have_chosen_tell_what_the_call_does(
    both: tuple[CampaignReport, CampaignReport, float, Text],
) -> None:
    _, fair, truth, said = both
    effect = fair.effects["retention"]
    assert effect.low < truth < effect.high
    assert effect.value == pytest.approx(truth, abs=3 * effect.standard_error)
    assert effect.low > 0
    assert fair.leaving is not None
    assert fair.leaving.value == pytest.approx(TAKEN_AWAY, abs=0.15)
    assert fair.ratio is not None
    assert fair.ratio.fits
    assert fair.followed.sample.controls < 800
    assert "800 customers whom the plans of this campaign chose" in said.en
    assert "800 位客户" in said.zh


def log_of(*rows: tuple[str, str, str, float | None]) -> pd.DataFrame:
    at = pd.Timestamp("2026-03-03")
    entries = [(c, at, "call", arm, campaign, cost, 0.5, at) for c, arm, campaign, cost in rows]
    return pd.DataFrame(entries, columns=list(COLUMNS))


def chosen(customer: str, arm: str) -> Chosen:
    at = "2026-03-01T00:00:00+00:00"
    return Chosen("p1", CAMPAIGN, at, at, customer, arm, "call", None, 100.0, 0.76)


def test_all_whom_the_plan_chose_take_part_from_the_day_of_the_plan_and_nobody_else() -> None:
    log = log_of(("a", "treated", CAMPAIGN, 15.0), ("x", "control", CAMPAIGN, None), ("b", "treated", "other", 1.0))
    made = as_planned(log, [chosen("a", "treated"), chosen("b", "treated"), chosen("c", "control")], CAMPAIGN)
    mine = made.log[made.log["campaign"] == CAMPAIGN].set_index("customer_id")
    assert mine["arm"].to_dict() == {"a": "treated", "b": "treated", "c": "control"}
    assert mine["cost"].to_dict() == {"a": 15.0, "b": 0.0, "c": 0.0}
    assert set(mine["at"]) == {pd.Timestamp("2026-03-01")}
    assert made.log[made.log["campaign"] == "other"]["customer_id"].tolist() == ["b"]
    assert made.said is not None
    assert "1 of the chosen are logged as treated" in made.said.en
    assert "1 customers in the log whom no plan chose" in made.said.en


@pytest.mark.parametrize(
    "of_plan", [[], [chosen("b", "treated"), chosen("c", "control")], [chosen("a", "treated")]],
)  # fmt: skip
def test_without_a_plan_or_without_anything_done_of_it_the_log_stays_as_it_is(of_plan: list[Chosen]) -> None:
    log = log_of(("a", "treated", CAMPAIGN, 15.0), ("x", "control", CAMPAIGN, None))
    made = as_planned(log, of_plan, CAMPAIGN)
    assert made.said is None
    assert made.log is log
