"""Whether the arms fit the lot."""

import numpy as np
import pytest
from scipy import stats

from training.experiments.sample_ratio import sample_ratio


def arms(treated: int, customers: int) -> np.ndarray:
    return np.arange(customers) < treated


def test_one_probability_for_all_is_tested_exactly() -> None:
    found = sample_ratio(arms(60, 100), np.full(100, 0.5))
    assert found.p_value == pytest.approx(0.05688793)  # two-sided binomial, a textbook value
    assert (found.treated, found.customers, found.expected, found.fits) == (60, 100, 50.0, True)
    assert "60 of 100" in found.said().en


def test_a_mismatch_says_what_to_do() -> None:
    found = sample_ratio(arms(5_300, 10_000), np.full(10_000, 0.5))
    assert not found.fits
    assert "Do not trust" in found.said().en
    assert "请勿采信" in found.said().zh


def test_probabilities_that_differ_are_taken_one_by_one() -> None:
    lot = np.repeat([0.2, 0.8], 500)
    assert sample_ratio(arms(500, 1000), lot).p_value == 1.0
    gap = 2 * stats.norm.sf((540 - 500 - 0.5) / np.sqrt(1000 * 0.16))
    assert sample_ratio(arms(540, 1000), lot).p_value == pytest.approx(gap)
    assert not sample_ratio(arms(545, 1000), lot).fits


def test_a_lot_without_chance_must_be_met_exactly() -> None:
    lot = np.repeat([0.0, 1.0], 2)
    assert sample_ratio(np.array([False, False, True, True]), lot).fits
    assert not sample_ratio(np.array([True, False, True, True]), lot).fits


def test_true_lots_are_refused_once_in_a_thousand_times_at_most() -> None:
    rng = np.random.default_rng(3)
    lot = rng.uniform(0.3, 0.7, 800)
    refused = sum(not sample_ratio(rng.random(800) < lot, lot).fits for _ in range(2_000))
    assert refused <= 8
