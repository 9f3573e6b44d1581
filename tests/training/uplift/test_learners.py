"""The meta-learners find effects that are known, with lots that preferred some, missing values and several actions."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from tests.training.uplift.logs import (
    by_a,
    constant,
    expected,
    features,
    half,
    likelier_where_needed,
    log_of,
    three_armed,
)
from training.uplift.bases import BASES
from training.uplift.learners import LEARNERS, doubly_robust, folds_by_cluster

NEW = features(2_000, 99)
ROWS = 12_000


@pytest.mark.parametrize("name", LEARNERS)
@pytest.mark.parametrize("propensity", [half, likelier_where_needed])
def test_each_learner_ranks_new_customers_by_their_true_effect(name: str, propensity: object) -> None:
    log = log_of(ROWS, by_a, 1, propensity)  # type: ignore[arg-type]
    effects = LEARNERS[name].fit(log, 0).effects(NEW)
    assert effects.shape == (2_000, 1)
    assert spearmanr(effects[:, 0], by_a(NEW)).statistic > 0.7


@pytest.mark.parametrize("name", LEARNERS)
def test_each_learner_gets_the_mean_effect_right_although_the_lot_preferred_some(name: str) -> None:
    log = log_of(ROWS, constant, 2, likelier_where_needed)
    assert LEARNERS[name].fit(log, 0).effects(NEW).mean() == pytest.approx(0.1, abs=0.03)


def test_effects_of_several_actions_stand_in_columns_of_their_own() -> None:
    log = three_armed(12_000, 4)
    model = LEARNERS["dr_logistic"].fit(log, 0)
    effects, truth = model.effects(NEW), expected(NEW)
    assert model.actions == ("call", "visit")
    for place in (0, 1):
        assert spearmanr(effects[:, place], truth[:, place + 1] - truth[:, 0]).statistic > 0.8
    assert effects.mean(axis=0) == pytest.approx([0.0, 0.2], abs=0.04)


@pytest.mark.parametrize("base", BASES)
def test_the_pseudo_outcome_has_the_effect_as_its_mean(base: str) -> None:
    log = log_of(20_000, by_a, 5, likelier_where_needed)
    pseudo, effect = doubly_robust(log, BASES[base], 0), by_a(log.features)
    above = log.features["a"].to_numpy() > 0
    for of in (above, ~above):
        error = pseudo[of].std() / np.sqrt(of.sum())
        assert abs(pseudo[of].mean() - effect[of].mean()) < 4 * error


def test_the_same_log_and_seed_give_the_same_effects() -> None:
    log = log_of(1_000, by_a, 6)
    for learner in LEARNERS.values():
        np.testing.assert_array_equal(learner.fit(log, 3).effects(NEW), learner.fit(log, 3).effects(NEW))


def test_an_arm_in_which_only_one_outcome_occurs_gives_finite_effects() -> None:
    log = log_of(400, by_a, 7)
    never = np.where(log.treated, log.outcome, 0.0)
    for name in ("t_logistic", "dr_logistic", "t_boosted"):
        effects = LEARNERS[name].fit(type(log)(**{**vars(log), "outcome": never}), 0).effects(NEW)
        assert np.isfinite(effects).all()
        assert effects.mean() > 0.2


def test_all_rows_of_a_customer_are_in_one_fold() -> None:
    log = log_of(300, by_a, 8)
    twice = type(log)(**{**vars(log), "cluster": np.arange(300) // 3})
    fold = folds_by_cluster(twice, 4, 0)
    assert (fold.reshape(-1, 3) == fold[::3, None]).all()
    assert np.bincount(fold).tolist() == [75, 75, 75, 75]
