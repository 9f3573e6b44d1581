from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest

from features.errors import NotEnoughDataError
from features.sources import open_facts
from tests.training.companies import company, shop, utc
from training.backtest import CHOSEN, Backtest, backtest, rolling
from training.dataset import labelled_snapshots, training_features

AS_OF = utc(2025, 12, 1)
HORIZON = timedelta(days=30)


def test_the_tests_lie_half_a_horizon_apart_and_each_is_purged() -> None:
    plans = rolling(utc(2025, 1, 1), AS_OF, 30, tests=3)
    assert plans[-1].test == AS_OF - HORIZON
    for earlier, later in pairwise(plans):
        assert later.test - earlier.test == timedelta(days=21)  # three steps of a week
    for plan in plans:
        assert all(c + HORIZON <= plan.test for c in plan.fit)
        assert plan.fit[0] >= utc(2025, 1, 31)
        assert plan.as_of == plan.test + HORIZON <= AS_OF


def test_only_as_many_tests_are_held_as_the_facts_carry() -> None:
    assert len(rolling(utc(2025, 8, 1), AS_OF, 30, tests=10)) == 2
    with pytest.raises(NotEnoughDataError):
        rolling(utc(2025, 10, 1), AS_OF, 30, tests=1)


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Backtest:
    return backtest(shop(tmp_path_factory.mktemp("shop"), seed=1, customers=240), AS_OF, seed=7, tests=3)


def test_every_test_is_judged_by_models_of_its_own_day_beside_the_baselines(held: Backtest) -> None:
    assert [past.test for past in held.tests] == sorted(past.test for past in held.tests)
    assert len(held.tests) == 3
    for past in held.tests:
        assert {"xgboost", "logistic", "base_rate", "recency", CHOSEN} <= set(past.metrics)
        assert past.metrics[CHOSEN] == past.metrics[past.chosen]
        assert past.metrics[CHOSEN].auc > past.metrics["base_rate"].auc
    assert len(held.rows) == sum(past.metrics[CHOSEN].rows for past in held.tests)
    assert all(len(said) == len(held.rows) for said in held.probabilities.values())


def test_the_outcomes_are_those_that_came(held: Backtest, tmp_path: Path) -> None:
    project = shop(tmp_path, seed=1, customers=240)
    test = held.tests[0].test
    with open_facts(project) as facts:
        rows = labelled_snapshots(facts, [test], AS_OF, training_features(facts))
    ours = held.rows[held.rows["as_of"] == pd.Timestamp(test)]
    assert dict(zip(ours["customer_id"], ours["churned"], strict=True)) == dict(
        zip(rows["customer_id"], rows["churned"], strict=True)
    )


def test_what_happens_after_a_test_changes_nothing_of_what_its_models_say(held: Backtest, tmp_path: Path) -> None:
    lines = (shop(tmp_path / "whole", seed=1, customers=240).root / "orders.csv").read_text().splitlines()[1:]
    first = held.tests[0].test
    orders = [tuple(line.split(",")) for line in lines]
    before = [order for order in orders if order[1] < f"{first:%Y-%m-%d}"]
    after = [order for order in orders if order[1] >= f"{first:%Y-%m-%d}"]
    others = [customer for customer, _, _ in after[7:] + after[:7]]
    swapped = [(customer, day, amount) for customer, (_, day, amount) in zip(others, after, strict=True)]
    moved = company(tmp_path / "moved", [*before, *swapped], name="Shop", horizon_days=30, active_within_days=90)
    again = backtest(moved, first + HORIZON, seed=7, tests=1)
    ours = held.probabilities["xgboost"][(held.rows["as_of"] == pd.Timestamp(first)).to_numpy()]
    assert again.tests[-1].test == first
    assert again.probabilities["xgboost"].tolist() == ours.tolist()


def test_a_day_that_carries_no_test_is_skipped_with_its_reason(tmp_path: Path) -> None:
    project = company(tmp_path, [("A", "2025-01-01", "1"), ("B", "2025-11-30", "1")], horizon_days=30)
    with pytest.raises(NotEnoughDataError) as refused:
        backtest(project, AS_OF, seed=7)
    assert "Too little to learn from" in refused.value.text.en
