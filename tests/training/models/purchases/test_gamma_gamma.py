import json
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import FactsError, ModelError, NotEnoughDataError
from tests.training.models.purchases.customers import spenders
from training.models.purchases.gamma_gamma import MEAN_AMOUNT, Amounts, GammaGamma
from training.models.purchases.history import PURCHASE_DAYS

PUBLISHED = GammaGamma(p=6.25, q=3.74, v_amount=15.44)


def test_the_parameters_of_simulated_customers_are_found_within_their_errors() -> None:
    truth, amounts = GammaGamma(4.0, 3.0, 25.0), spenders(8_000, 4.0, 3.0, 25.0, seed=2)
    fit = GammaGamma.fit(amounts)
    assert fit.log_likelihood >= truth.log_likelihood(amounts)
    for name, true in asdict(truth).items():
        assert abs(getattr(fit.model, name) - true) < 3.5 * fit.standard_errors[name]


def test_the_unit_of_money_changes_nothing() -> None:
    amounts = spenders(1_000, 4.0, 3.0, 25.0, seed=4)
    usual, cents = GammaGamma.fit(amounts), GammaGamma.fit(Amounts.of(amounts.purchase_days, 100 * amounts.mean_amount))
    assert [cents.model.p, cents.model.q, cents.model.v_amount / 100] == pytest.approx(
        [usual.model.p, usual.model.q, usual.model.v_amount], rel=1e-6
    )
    assert cents.log_likelihood == pytest.approx(usual.log_likelihood - 1_000 * np.log(100), abs=1e-6)


def test_customers_whose_own_amounts_never_vary_are_fitted_at_the_edge_of_the_model() -> None:
    generator = np.random.default_rng(5)
    fit = GammaGamma.fit(Amounts.of(generator.integers(1, 30, 300), np.exp(generator.normal(3, 0.25, 300))))
    assert fit.model.p > 1_000
    assert np.isnan(fit.standard_errors["p"])
    assert fit.model.expected_amount(Amounts.of([5], [40])) == pytest.approx([40], rel=0.01)


def test_identical_customers_are_grouped_without_changing_the_peak() -> None:
    few = spenders(500, 4.0, 3.0, 25.0, seed=4)
    thrice = Amounts.of(np.tile(few.purchase_days, 3), np.tile(few.mean_amount, 3))
    once, tripled = GammaGamma.fit(few), GammaGamma.fit(thrice)
    assert (tripled.customers, tripled.groups) == (1_500, 500)
    assert asdict(tripled.model) == pytest.approx(asdict(once.model), rel=1e-5)
    assert tripled.standard_errors["p"] == pytest.approx(once.standard_errors["p"] / np.sqrt(3), rel=1e-3)


@settings(deadline=None, max_examples=40)
@given(
    drawn=st.tuples(st.floats(0.05, 50), st.floats(0.05, 50), st.floats(0.01, 1e5)),
    rows=st.lists(st.tuples(st.integers(1, 500), st.floats(0.01, 1e6)), min_size=1, max_size=6),
)
def test_the_gradient_is_that_of_finite_differences(
    drawn: tuple[float, float, float], rows: list[tuple[int, float]]
) -> None:
    model, amounts, step = GammaGamma(*drawn), Amounts.of(*np.array(rows).T), 1e-5
    value, gradient = model.log_likelihood_and_gradient(amounts)
    assert np.isfinite(value)
    for number, (name, parameter) in enumerate(asdict(model).items()):
        up, down = (
            GammaGamma(**{**asdict(model), name: parameter * np.exp(sign * step)}).log_likelihood(amounts)
            for sign in (1, -1)
        )
        # what rounding leaves of the difference of two likelihoods, whose terms are as large as x·p·ln
        rounding = 1e-14 * sum(model.p * x * 40 for x, _ in rows) / step + 1e-9 * abs(value)
        assert gradient[number] == pytest.approx((up - down) / (2 * step), rel=1e-5, abs=rounding)


@settings(deadline=None, max_examples=40)
@given(days=st.integers(1, 500), mean=st.floats(0.01, 1e5))
def test_the_expected_amount_lies_between_the_own_mean_and_that_of_all(days: int, mean: float) -> None:
    of_all, own = PUBLISHED.expected_amount(Amounts.of([0, days], [0, mean]))
    assert of_all == pytest.approx(6.25 * 15.44 / 2.74)
    assert min(mean, of_all) - 1e-9 * mean <= own <= max(mean, of_all) + 1e-9 * mean


def test_a_snapshot_gives_purchase_days_and_mean_amount() -> None:
    frame = pd.DataFrame({PURCHASE_DAYS: [0, 4], MEAN_AMOUNT: [None, 12.5]})
    amounts = Amounts.from_snapshot(frame)
    assert amounts.purchase_days.tolist() == [0, 4]
    assert amounts.mean_amount.tolist() == [0, 12.5]


@pytest.mark.parametrize(("days", "mean"), [(1, 0), (1, -5), (1, np.nan), (1.5, 5), (-1, 5), (np.nan, 5)])
def test_what_cannot_be_an_amount_is_refused(days: float, mean: float) -> None:
    with pytest.raises(FactsError, match="Row 1 of the amounts"):
        Amounts.of([1, days], [10, mean])


def test_columns_of_different_length_are_refused() -> None:
    with pytest.raises(FactsError, match="equal length"):
        Amounts.of([1], [10, 20])


@pytest.mark.parametrize("mean", [[], [20.0], [20.0, 20.0]])
def test_amounts_that_are_all_the_same_teach_nothing(mean: list[float]) -> None:
    with pytest.raises(NotEnoughDataError, match="customers have an amount"):
        GammaGamma.fit(Amounts.of(np.ones(len(mean)), mean))


def test_an_expectation_that_is_infinite_is_refused() -> None:
    with pytest.raises(ModelError, match=r"1 customers with few purchases have no\s+finite expected amount"):
        GammaGamma(p=2.0, q=0.9, v_amount=10).expected_amount(Amounts.of([0, 3], [0, 20]))


def test_json_gives_the_same_model_back() -> None:
    assert GammaGamma.from_json(json.loads(json.dumps(PUBLISHED.to_json()))) == PUBLISHED
    with pytest.raises(ModelError, match="expected kind 'gamma_gamma'"):
        GammaGamma.from_json({**PUBLISHED.to_json(), "p": None})
