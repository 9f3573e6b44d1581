import numpy as np
import pandas as pd
import pytest

from tests.benchmarks.panels import Judged, Panel, Targets, judge, naive, ours, results, savings
from tests.training.companies import FEATURES, learnable

COSTS = pd.DataFrame(
    {
        "treated_left": [30.0, 30, 30, 30],
        "treated_stayed": [10.0, 10, 10, 10],
        "untreated_left": [100.0, 100, 100, 1000],
        "untreated_stayed": [0.0, 0, 0, 0],
    }
)
CHURNED = np.array([1, 0, 0, 1])


def panel(rows: int = 600) -> Panel:
    frame = learnable(rows)
    city = np.where(frame["gap_mean_days"].isna(), "Nowhere", "Somewhere")
    attributes = frame[list(FEATURES)].assign(city=city)
    return Panel(attributes, frame["churned"].to_numpy(dtype=np.int64), pd.DataFrame(index=attributes.index))


def test_savings_are_measured_against_the_better_of_treating_nobody_and_everybody() -> None:
    # Nobody treated: 100 + 1000; everybody: 30 + 10 + 10 + 30 = 80. The right ones treated: 30 + 30 = 60.
    assert savings(CHURNED, np.array([1.0, 0, 0, 1]), COSTS) == pytest.approx(1 - 60 / 80)
    assert savings(CHURNED, np.ones(4), COSTS) == 0
    assert savings(CHURNED, np.zeros(4), COSTS) == pytest.approx(1 - 1100 / 80)


def test_a_customer_is_treated_where_that_is_expected_to_cost_less() -> None:
    # Treating costs 10 + 20 p; leaving alone costs 100 p (1000 p for the last): worth it above 1/8 (about 1/98).
    just_below, just_above = np.array([0.124, 0, 0, 0.0101]), np.array([0.126, 0, 0, 0.0103])
    assert savings(CHURNED, just_above, COSTS) == pytest.approx(1 - 60 / 80)
    assert savings(CHURNED, just_below, COSTS) == pytest.approx(1 - 1100 / 80)


def test_every_model_says_something_of_every_customer_in_each_repeat() -> None:
    judged = {one.name: one for one in judge(panel(), (naive, ours), seeds=(0, 1), folds=2)}
    kinds = ["xgboost", "logistic", "blend", "binned (scorecard)", "chosen"]
    assert list(judged) == ["base rate", "best single attribute", *(f"ours, {kind}" for kind in kinds)]
    assert judged["base rate"].auc == 0.5
    assert judged["ours, chosen"].auc > judged["best single attribute"].auc > 0.6
    assert all(len(one.calibration_errors) == 2 and one.savings == () for one in judged.values())


def test_the_chosen_candidate_alone_is_held_to_the_targets() -> None:
    judged = [Judged("ours, chosen", 0.8, 0.4, (0.01, 0.03), (0.1, 0.3)), Judged("base rate", 0.5, 0.6, (0.0,), (0.0,))]
    found = {r.what: (r.value, r.holds) for r in results("tv", judged, Targets(0.75, 0.02, 0.18))}
    assert found == {
        "tv: AUC of ours, chosen": (0.8, True),
        "tv: log-loss of ours, chosen": (0.4, None),
        "tv: calibration error (worse repeat) of ours, chosen": (0.03, False),
        "tv: savings of ours, chosen": (0.2, True),
        "tv: AUC of base rate": (0.5, None),
        "tv: log-loss of base rate": (0.6, None),
        "tv: calibration error (worse repeat) of base rate": (0.0, None),
        "tv: savings of base rate": (0.0, None),
    }
