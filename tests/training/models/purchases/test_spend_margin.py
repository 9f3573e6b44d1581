import doctest
import json
from dataclasses import asdict

import numpy as np
import pytest
from scipy import integrate, stats

from features.errors import FactsError, ModelError, NotEnoughDataError
from training.models.purchases import spend_margin
from training.models.purchases.spend_margin import Margins, NormalMargin

TRUTH = NormalMargin(mean_margin=-3.0, between_margin=15.0, within_margin=25.0)


def customers(number: int, seed: int, most_days: int = 12) -> Margins:
    generator = np.random.default_rng(seed)
    days = generator.integers(1, most_days, number)
    customer = np.repeat(np.arange(number), days)
    mean = generator.normal(TRUTH.mean_margin, TRUTH.between_margin, number)
    return Margins.of_days(customer, generator.normal(mean[customer], TRUTH.within_margin), number)


def test_days_become_a_mean_and_squared_deviations_per_customer() -> None:
    margins = Margins.of_days(np.array([0, 0, 0, 2]), np.array([10.0, 20.0, -30.0, 5.0]), 3)
    assert margins.purchase_days.tolist() == [3, 0, 1]
    assert margins.mean_margin.tolist() == [0, 0, 5]
    assert margins.squares.tolist() == [1400, 0, 0]


def test_the_parameters_of_simulated_customers_are_found_within_their_errors() -> None:
    margins = customers(8_000, seed=1)
    fit = NormalMargin.fit(margins)
    assert fit.customers == 8_000
    assert fit.groups == 11  # one for each number of days
    for name, true in asdict(TRUTH).items():
        assert 0 < fit.standard_errors[name] < 1
        assert abs(getattr(fit.model, name) - true) < 3.5 * fit.standard_errors[name]


def test_no_other_deviation_between_customers_is_likelier() -> None:
    margins = customers(400, seed=2)
    fit = NormalMargin.fit(margins)
    assert fit.log_likelihood >= TRUTH.log_likelihood(margins) - 2
    for factor in (0.98, 1.02):
        other = NormalMargin(fit.model.mean_margin, factor * fit.model.between_margin, fit.model.within_margin)
        assert other.log_likelihood(margins) < fit.log_likelihood


def test_the_likelihood_is_that_of_an_integral_over_the_customers_mean() -> None:
    days = np.array([12.0, -40.0, 31.0])
    margins = Margins.of_days(np.zeros(3, dtype=np.int64), days, 1)

    def integrand(mean: float) -> float:
        return float(
            stats.norm.pdf(mean, TRUTH.mean_margin, TRUTH.between_margin)
            * stats.norm.pdf(days, mean, TRUTH.within_margin).prod()
        )

    found = np.log(integrate.quad(integrand, -150, 150, epsabs=0)[0])
    assert TRUTH.log_likelihood(margins) == pytest.approx(found, rel=1e-9)


def test_the_unit_of_money_changes_nothing() -> None:
    usual, margins = NormalMargin.fit(customers(500, seed=3)), customers(500, seed=3)
    cents = NormalMargin.fit(Margins.of(margins.purchase_days, 100 * margins.mean_margin, 1e4 * margins.squares))
    assert [value / 100 for value in asdict(cents.model).values()] == pytest.approx(
        list(asdict(usual.model).values()), rel=1e-6
    )
    assert cents.log_likelihood == pytest.approx(
        usual.log_likelihood - margins.purchase_days.sum() * np.log(100), rel=1e-9
    )


def test_customers_who_send_most_of_it_back_are_foretold_to_cost_money() -> None:
    model = NormalMargin(mean_margin=20, between_margin=10, within_margin=20)
    known = Margins.of([1, 4, 100], [-60, -60, -60], [0, 30, 9000])
    # own days against (20 / 10)² = 4 days' worth of the mean of all: 1/5, 4/8 and 100/104 of the way from 20 to -60
    assert model.expected_amount(known) == pytest.approx([4, -20, 20 - 80 * 100 / 104])


def test_customers_alike_are_taken_for_one_and_the_same() -> None:
    generator = np.random.default_rng(4)
    customer = np.repeat(np.arange(300), 8)
    margins = Margins.of_days(customer, generator.normal(10, 5, len(customer)), 300)
    model = NormalMargin.fit(margins).model
    assert model.between_margin < 0.8
    assert np.ptp(model.expected_amount(margins)) < 0.35 * np.ptp(margins.mean_margin)


@pytest.mark.parametrize(
    ("days", "mean", "squares", "said"),
    [
        ([1, 2], [1], [0, 0], "three columns of equal length"),
        ([1.5], [1], [0], "Row 0 of the margins says 1.5"),
        ([2], [np.nan], [0], "finite mean"),
        ([2], [1], [-1], "squares from 0"),
        ([1], [1], [4], "fewer than two days"),
    ],
)
def test_what_cannot_be_a_margin_is_refused(
    days: list[float], mean: list[float], squares: list[float], said: str
) -> None:
    with pytest.raises(FactsError, match=said):
        Margins.of(days, mean, squares)


@pytest.mark.parametrize(
    "margins",
    [
        Margins.of([], [], []),
        Margins.of([1, 1], [3, 4], [0, 0]),  # no customer has two days
        Margins.of([2, 2], [3, 3], [4, 4]),  # no two customers differ
    ],
)
def test_customers_who_do_not_differ_teach_nothing(margins: Margins) -> None:
    with pytest.raises(NotEnoughDataError, match="customers who differ"):
        NormalMargin.fit(margins)


def test_json_gives_the_same_model_back_and_refuses_another() -> None:
    assert NormalMargin.from_json(json.loads(json.dumps(TRUTH.to_json()))) == TRUTH
    with pytest.raises(ModelError, match="normal_margin"):
        NormalMargin.from_json({**TRUTH.to_json(), "within_margin": -1})


def test_the_examples_of_the_docstrings_run() -> None:
    assert doctest.testmod(spend_margin).attempted
    assert not doctest.testmod(spend_margin).failed
