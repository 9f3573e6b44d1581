"""MBG/CNBD-k against what it must become, against simulated customers, and against differences of its own likelihood."""

import doctest
import json
from math import factorial
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from features.errors import ModelError, NotEnoughDataError
from tests.training.models.purchases.customers import HAND_PICKED, leave_by_purchase
from training.models.purchases import mbg_cnbd
from training.models.purchases.history import PurchaseHistory
from training.models.purchases.mbg_cnbd import MbgCnbd2
from training.models.purchases.mbg_nbd import MbgNbd

Floats = NDArray[np.float64]
TRUTH = MbgCnbd2(r=2.0, alpha_days=16.0, a=0.9, b=8.0)


class MbgCnbd1(MbgCnbd2):
    """The same with one step for each purchase."""

    regularity: ClassVar[int] = 1


class MbgCnbd4(MbgCnbd2):
    """The same with four steps for each purchase."""

    regularity: ClassVar[int] = 4


def regular(
    model: MbgCnbd2, customers: int, seed: int, horizon: float
) -> tuple[PurchaseHistory, Floats, NDArray[np.bool_]]:
    """Customers of the model, what they buy in the horizon, and whether they are there at the cut-off."""
    generator = np.random.default_rng(seed)
    age = generator.uniform(100, 500, customers)
    rate = generator.gamma(model.r, 1 / model.alpha_days, customers)
    dropout = generator.beta(model.a, model.b, customers)
    x, last, came, now = (np.zeros(customers) for _ in range(4))
    there, is_there = generator.random(customers) >= dropout, np.zeros(customers, dtype=bool)
    rows = np.flatnonzero(there)
    while len(rows):
        now[rows] += generator.gamma(model.regularity, 1 / rate[rows])
        is_there[rows[now[rows] > age[rows]]] = True
        rows = rows[now[rows] <= age[rows] + horizon]
        known = now[rows] <= age[rows]
        x[rows[known]] += 1
        last[rows[known]] = now[rows[known]]
        came[rows[~known]] += 1
        rows = rows[generator.random(len(rows)) >= dropout[rows]]
    return PurchaseHistory.of(x, last, age), came, is_there


@settings(deadline=None, max_examples=20)
@given(
    drawn=st.tuples(st.floats(0.2, 5), st.floats(5, 200), st.floats(0.3, 5), st.floats(0.3, 20)),
    horizon=st.floats(1, 400),
)
def test_with_one_step_a_purchase_it_is_mbg_nbd(drawn: tuple[float, float, float, float], horizon: float) -> None:
    ours, theirs = MbgCnbd1(*drawn), MbgNbd(*drawn)
    purchases = np.array([1.0, 2, 3, 10, 1, 40])
    assert ours.probability_alive(HAND_PICKED) == pytest.approx(theirs.probability_alive(HAND_PICKED))
    for answer in ("expected_purchases", "probability_of_no_purchase"):
        said, known = (getattr(model, answer)(HAND_PICKED, horizon) for model in (ours, theirs))
        assert said == pytest.approx(known, rel=1e-4, abs=1e-6)
    assert ours.probability_of_at_least(HAND_PICKED, purchases, horizon) == pytest.approx(
        theirs.probability_of_at_least(HAND_PICKED, purchases, horizon), abs=1e-9
    )
    assert ours.log_likelihood(HAND_PICKED) == pytest.approx(theirs.log_likelihood(HAND_PICKED))


@pytest.mark.parametrize("kind", [MbgCnbd2, MbgCnbd4])
def test_the_likelihood_is_the_integral_over_rates_and_leaving(kind: type[MbgCnbd2]) -> None:
    """Gaps of Erlang's density without their product, then silence: left, or there with fewer than k steps."""
    r, alpha, a, b = 3.0, 20.0, 2.0, 6.0
    x, last, age, k = 3, 60.0, 90.0, kind.regularity
    node, weight = np.polynomial.legendre.leggauss(120)
    rate, p = 1.5 * (node + 1) / 2, ((node + 1) / 2)[:, None]
    gaps = (rate**k / factorial(k - 1)) ** x * np.exp(-rate * last)
    silent = stats.gamma.sf(age - last, k, scale=1 / rate)
    prior = stats.gamma.pdf(rate, r, scale=1 / alpha) * stats.beta.pdf(p, a, b)
    integral = weight @ ((1 - p) ** x * gaps * (p + (1 - p) * silent) * prior) @ weight * 1.5 / 4
    found = kind(r, alpha, a, b).log_likelihood(PurchaseHistory.of([x], [last], [age]))
    assert found == pytest.approx(np.log(integral), abs=1e-9)


def test_the_gradient_is_that_of_the_likelihood() -> None:
    grouped = HAND_PICKED.grouped()
    at = np.log([1.3, 30.0, 0.8, 9.0])
    _, gradient = MbgCnbd2(*np.exp(at)).log_likelihood_and_gradient(grouped)
    step = 1e-6 * np.eye(4)
    found = [
        (MbgCnbd2(*np.exp(at + s)).log_likelihood(HAND_PICKED) - MbgCnbd2(*np.exp(at - s)).log_likelihood(HAND_PICKED))
        / 2e-6
        for s in step
    ]
    assert gradient == pytest.approx(found, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("kind", [MbgCnbd2, MbgCnbd4])
def test_simulated_customers_do_as_it_says(kind: type[MbgCnbd2]) -> None:
    model = kind(2.0, 16.0, 0.9, 8.0)
    history, came, there = regular(model, 40_000, seed=1, horizon=120)
    alive, expected = model.probability_alive(history), model.expected_purchases(history, 120)
    for group in (
        history.repeat_purchases == 0,
        history.repeat_purchases.clip(1, 8) == history.repeat_purchases,
        alive < 0.5,
    ):
        assert alive[group].mean() == pytest.approx(there[group].mean(), abs=0.012)
        assert expected[group].mean() == pytest.approx(came[group].mean(), rel=0.03, abs=0.02)
    for purchases in (1, 2, 6):
        said = model.probability_of_at_least(history, np.full(len(history), float(purchases)), 120)
        assert said.mean() == pytest.approx((came >= purchases).mean(), abs=0.008)


def test_the_parameters_of_simulated_customers_are_found_again() -> None:
    history, _, _ = regular(TRUTH, 12_000, seed=2, horizon=1)
    fit = MbgCnbd2.fit(history)
    for name, value in TRUTH.to_json().items():
        if name != "kind":
            assert abs(getattr(fit.model, name) - value) < 4 * fit.standard_errors[name]
    assert fit.log_likelihood == pytest.approx(fit.model.log_likelihood(history))
    assert fit.log_likelihood > TRUTH.log_likelihood(history)


def test_random_customers_are_told_from_regular_ones_by_what_comes_next() -> None:
    """The silence of a regular customer says more: who is silent for three of its gaps is more likely to have left."""
    history = PurchaseHistory.of([10, 10], [200, 200], [205, 260])
    random, steady = MbgNbd(2.0, 40.0, 0.5, 15.0), MbgCnbd4(2.0, 10.0, 0.5, 15.0)
    assert steady.probability_alive(history)[0] > 0.95
    assert steady.probability_alive(history)[1] < 0.5 * random.probability_alive(history)[1]


def test_nothing_overflows_and_nothing_is_lost_in_ten_years() -> None:
    history = PurchaseHistory.of([500, 0, 1], [3640, 0, 1], [3650, 3650, 3650])
    model = MbgCnbd2(0.3, 5.0, 0.2, 30.0)
    expected = model.expected_purchases(history, 3650)
    assert np.isfinite(expected).all()
    assert 50 < expected[0] < 500
    assert model.expected_purchases(history, 0) == pytest.approx(np.zeros(3))
    assert MbgCnbd2.fit(leave_by_purchase(500, 0.6, 20, 0.8, 3, True, seed=3)).model.r > 0


def test_it_survives_json_and_refuses_what_is_none() -> None:
    assert MbgCnbd2.from_json(json.loads(json.dumps(TRUTH.to_json()))) == TRUTH
    with pytest.raises(ModelError, match="kind 'mbg_cnbd_2'"):
        MbgCnbd2.from_json({**TRUTH.to_json(), "kind": "mbg_nbd"})
    with pytest.raises(NotEnoughDataError, match="a second time"):
        MbgCnbd2.fit(PurchaseHistory.of([0, 0], [0, 0], [10, 20]))


def test_the_example_of_the_docstring_runs() -> None:
    assert not doctest.testmod(mbg_cnbd).failed


@pytest.mark.parametrize("model", [TRUTH, MbgCnbd1(0.4, 3.0, 0.5, 2.0), MbgCnbd4(8.0, 40.0, 2.0, 30.0)])
def test_expected_purchases_are_the_sum_of_their_tails(model: MbgCnbd2) -> None:
    # the last two buy so often that the probability of no purchase is below the smallest number
    history = PurchaseHistory.of([0, 3, 40, 900, 20_000], [0, 200, 395, 399, 400], [50, 400, 400, 400, 400])
    tails = [model.probability_of_at_least(history, np.full(5, float(n)), 90.0) for n in range(1, 12_000)]
    assert model.expected_purchases(history, 90.0) == pytest.approx(np.sum(tails, axis=0), rel=1e-8)
