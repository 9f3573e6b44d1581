import numpy as np
import pytest

from tests.training.models.calibration.simulated import drawn, simulated
from training.models.calibration.choice import MOST_VALUES, Sample, admissible, choose


def kinds(customers: int, churners: int, rows_of_each: int = 1) -> list[str]:
    owner = np.repeat(np.arange(customers), rows_of_each)
    churned = (owner < churners).astype(np.int64)
    return [kind.name for kind in admissible(Sample(np.zeros(len(owner)), churned, owner))]


def test_more_customers_carry_more_pliable_curves() -> None:
    assert kinds(100, 40) == ["offset", "platt"]
    assert kinds(1_000, 200) == ["offset", "platt", "beta"]
    assert kinds(5_000, 1_000) == ["offset", "platt", "beta", "isotonic"]


def test_what_counts_is_customers_and_the_rarer_outcome_and_not_rows() -> None:
    assert kinds(100, 40, rows_of_each=50) == ["offset", "platt"]
    assert kinds(9_000, 199) == ["offset", "platt"]
    assert kinds(9_000, 8_801) == ["offset", "platt"]
    assert kinds(9_000, 999) == ["offset", "platt", "beta"]


def test_a_model_that_is_right_but_for_its_level_only_has_its_level_moved() -> None:
    chosen = [
        choose(Sample.of(*simulated(3_000, 1.0, 0.4, seed), None), np.random.default_rng(seed)).kind.name
        for seed in range(10)
    ]
    assert chosen.count("offset") >= 7
    assert chosen.count("isotonic") <= 1


def test_a_model_that_is_too_sure_gets_a_line() -> None:
    choice = choose(Sample.of(*simulated(3_000, 0.5, 0.0), None), np.random.default_rng(0))
    assert choice.kind.name == "platt"
    assert "offset" not in [kind.name for kind in choice.plausible]
    assert choice.kind in choice.plausible


def test_a_bend_is_seen_where_there_are_enough_customers() -> None:
    log_odds = np.random.default_rng(0).normal(0, 2, 20_000)
    bent = -0.3 * np.logaddexp(0, -log_odds) + 1.5 * np.logaddexp(0, log_odds)
    sample = Sample.of(log_odds, drawn(log_odds, bent, 0), None)
    assert choose(sample, np.random.default_rng(0)).kind.name == "beta"


def test_the_rows_of_a_customer_never_stand_on_both_sides() -> None:
    """A curve that has seen a customer's other rows would look better than it is: copies must not make isotonic win."""
    log_odds, churned = simulated(3_000, 1.0, 0.0)
    rows = np.repeat(np.arange(3_000), 8)
    noise = np.random.default_rng(3).normal(0, 0.001, len(rows))
    copied = Sample.of(log_odds[rows] + noise, churned[rows], rows)
    assert choose(copied, np.random.default_rng(0)).kind.name in ("offset", "platt")


def test_values_are_counted_and_bins_keep_the_totals() -> None:
    few = Sample.of(np.array([1.0, -1.0, 1.0, 1.0]), np.array([1, 0, 0, 1]), None).counts()
    assert few.log_odds.tolist() == [-1.0, 1.0]
    assert few.rows.tolist() == [1.0, 3.0]
    assert few.churned.tolist() == [0.0, 2.0]
    log_odds, churned = simulated(5_000, 1.0, 0.0)
    many = Sample.of(log_odds, churned, None).counts()
    assert len(many.rows) == MOST_VALUES
    assert (many.rows.sum(), many.churned.sum()) == (5_000, churned.sum())
    assert many.rows @ many.log_odds == pytest.approx(log_odds.sum())
