"""Lifetime value from a company's facts: what it says, that it keeps, and when it says nothing."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.errors import ModelError, NotEnoughDataError
from features.project import Project, load_project
from features.simulation.company import Company
from features.simulation.plan import planned
from features.simulation.project import write_project
from features.sources import Facts, open_facts
from tests.training.companies import company
from training.lifetime_value.fit import fit_lifetime_value
from training.lifetime_value.lifetime_value import LifetimeValue
from training.models.purchases.choice import CANDIDATES

AS_OF = datetime(2025, 7, 1, tzinfo=UTC)
COLUMNS = [
    "customer_id",
    "expected_purchases",
    "expected_purchases_low",
    "expected_purchases_high",
    "expected_revenue",
    "expected_revenue_low",
    "expected_revenue_high",
    "lifetime_value",
    "lifetime_value_low",
    "lifetime_value_high",
]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder: Path = tmp_path_factory.mktemp("value") / "company"
    write_project(folder, planned(5, 500, date(2023, 1, 1), date(2026, 1, 1), Company(), []))
    given = load_project(folder)
    return given.model_copy(update={"value": given.value.model_copy(update={"horizon_days": 180})})


@pytest.fixture(scope="module")
def facts(project: Project) -> Iterator[Facts]:
    with open_facts(project) as opened:
        yield opened


@pytest.fixture(scope="module")
def model(facts: Facts) -> LifetimeValue:
    return fit_lifetime_value(facts, AS_OF, seed=0)


@pytest.fixture(scope="module")
def told(model: LifetimeValue, facts: Facts) -> pd.DataFrame:
    return model.outlooks(facts, AS_OF)


def test_everybody_who_ever_bought_has_one_row_by_id(facts: Facts, told: pd.DataFrame) -> None:
    bought = "SELECT DISTINCT customer_id FROM orders WHERE amount >= 0 AND known_at < $1 ORDER BY customer_id"
    customers = facts.connection.execute(bought, [AS_OF.replace(tzinfo=None)]).df()["customer_id"]
    assert told["customer_id"].tolist() == customers.tolist()
    assert told.columns.tolist() == COLUMNS
    assert np.isfinite(told[COLUMNS[1:]].to_numpy()).all()
    for column in ("expected_purchases", "expected_revenue", "lifetime_value"):
        assert (told[f"{column}_low"] <= told[f"{column}_high"]).all()


def test_intervals_hold_what_came_afterwards(facts: Facts, told: pd.DataFrame) -> None:
    sql = """SELECT customer_id, count(DISTINCT ordered_day) FILTER (amount >= 0) AS purchases, sum(amount) AS revenue
             FROM orders WHERE ordered_day >= '2025-07-01' AND ordered_day < DATE '2025-07-01' + 180 GROUP BY customer_id"""
    came = facts.connection.execute(sql).df().set_index("customer_id").reindex(told["customer_id"]).fillna(0)
    may_buy = (told["expected_purchases"] >= 0.5).to_numpy()
    assert may_buy.sum() > 200
    for measure in ("purchases", "revenue"):
        low, high, truth = (
            column.to_numpy()[may_buy]
            for column in (told[f"expected_{measure}_low"], told[f"expected_{measure}_high"], came[measure])
        )
        assert ((low <= truth) & (truth <= high)).mean() == pytest.approx(0.9, abs=0.05)
    assert told["expected_revenue"].sum() == pytest.approx(came["revenue"].sum(), rel=0.15)


def test_value_is_the_discounted_margin_of_the_revenue(model: LifetimeValue, facts: Facts, told: pd.DataFrame) -> None:
    sums = facts.connection.execute(
        "SELECT sum(margin), sum(amount) FROM orders WHERE known_at < $1", [AS_OF.replace(tzinfo=None)]
    ).fetchall()
    share = told["lifetime_value"].sum() / told["expected_revenue"].sum() / (sums[0][0] / sums[0][1])
    # what comes within 180 days is worth between 1.1^(-180/365) and 1 of itself now
    assert 0.954 < share < 1 or model.parameters()["margin_model_kind"] == "normal_margin"


def test_the_model_is_the_same_after_json(model: LifetimeValue, facts: Facts, told: pd.DataFrame) -> None:
    stored = json.loads(json.dumps(model.to_json(), allow_nan=False))
    again = LifetimeValue.from_json(stored)
    pd.testing.assert_frame_equal(again.outlooks(facts, AS_OF), told)
    assert [text.en for text in again.said()] == [text.en for text in model.said()]
    assert (again.metrics(), again.parameters()) == (model.metrics(), model.parameters())


def test_a_model_that_was_tampered_with_is_refused(model: LifetimeValue) -> None:
    def stored() -> dict[str, dict[str, dict[str, float]]]:
        return json.loads(json.dumps(model.to_json()))  # type: ignore[no-any-return]

    changed = stored()
    changed["money"]["spend"]["v_amount"] *= 1.01
    with pytest.raises(ModelError, match="golden rows"):
        LifetimeValue.from_json(changed)
    without = stored()
    del without["intervals"]
    with pytest.raises(ModelError, match="cannot be read"):
        LifetimeValue.from_json(without)
    with pytest.raises(ModelError, match="cannot be read"):
        LifetimeValue.from_json({"kind": "churn"})


def test_the_same_facts_and_seed_give_the_same_model(model: LifetimeValue, facts: Facts) -> None:
    assert fit_lifetime_value(facts, AS_OF, seed=0).to_json() == model.to_json()


def test_a_project_that_counts_otherwise_is_refused(model: LifetimeValue, project: Project) -> None:
    other = project.model_copy(update={"value": project.value.model_copy(update={"horizon_days": 90})})
    with (
        open_facts(other) as opened,
        pytest.raises(ModelError, match=r"horizon_days = 180, and the project now says 90"),
    ):
        model.outlooks(opened, AS_OF)


def test_figures_stand_beside_those_of_the_naive_forecasts(model: LifetimeValue) -> None:
    metrics = model.metrics()
    assert model.chosen in CANDIDATES
    assert metrics[f"mae_{model.chosen}"] < metrics["mae_own_rate"] < metrics["mae_nobody_returns"]
    assert metrics["mae_revenue"] < metrics["mae_revenue_own_rate"]
    for measure in ("purchases", "revenue", "value"):
        assert metrics[f"coverage_{measure}_may_buy"] == pytest.approx(0.9, abs=0.07)
    said = model.said()
    assert "own rate so far" in said[0].en
    assert "90 %" in said[1].en
    assert all("{" not in text.en + text.zh for text in said)


@pytest.mark.parametrize(
    ("orders", "reason"),
    [
        ([(f"C{n}", f"2025-01-{1 + n:02} 10:00", f"{10 + n}") for n in range(20)], "bought again"),
        (
            [
                (f"C{n}", f"2025-{month:02}-{1 + n:02} 10:00", f"{10 + n + month}")
                for n in range(20)
                for month in range(1, 3 + n % 10)
            ],
            "20 of them, and 50 are needed",
        ),
    ],
)
def test_too_little_says_why_nothing_is_said(tmp_path: Path, orders: list[tuple[str, ...]], reason: str) -> None:
    with open_facts(company(tmp_path, orders)) as opened, pytest.raises(NotEnoughDataError, match=reason):
        fit_lifetime_value(opened, datetime(2025, 12, 1, tzinfo=UTC), seed=0)
