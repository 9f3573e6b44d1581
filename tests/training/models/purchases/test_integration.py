"""Likelihood and predictions against an independent computation: SciPy integrates over the mixing densities.

Nothing here uses the models' closed forms: what one customer with given rates does is written down from the story of
the model, and averaged over the distribution of the rates.
"""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import integrate, stats

from tests.training.models.purchases.customers import HAND_PICKED
from training.models.purchases.bg_nbd import BgNbd
from training.models.purchases.gamma_gamma import Amounts, GammaGamma
from training.models.purchases.history import PurchaseHistory
from training.models.purchases.mbg_nbd import MbgNbd
from training.models.purchases.pareto_nbd import ParetoNbd

Floats = NDArray[np.float64]
Model = BgNbd | MbgNbd | ParetoNbd
Story = Callable[[Floats, Floats, Floats], tuple[Floats, Floats, Floats, Floats]]
"""For given rates: likelihood of the history while alive at T and when gone by then, expected purchases within the
horizon of who is alive at T, and its probability to buy nothing."""

HORIZON = 100.0
CUSTOMERS = [np.array(c) for c in zip(*(vars(HAND_PICKED)[name] for name in vars(HAND_PICKED)), strict=True)]


def may_leave_after_purchases(first_counts: int) -> Story:
    def story(rate: Floats, dropout: Floats, customer: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        x, last, age = customer
        stays = x + first_counts
        alive = rate**x * (1 - dropout) ** stays * np.exp(-rate * age)
        gone = rate**x * dropout * (1 - dropout) ** max(stays - 1, 0) * np.exp(-rate * last) * (stays > 0)
        return alive, gone, -np.expm1(-rate * dropout * HORIZON) / dropout, np.exp(-rate * HORIZON)

    return story


def may_leave_at_any_time(rate: Floats, leaving: Floats, customer: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    x, last, age = customer
    either = rate + leaving
    alive = rate**x * np.exp(-either * age)
    gone = rate**x * leaving / either * np.exp(-either * last) * -np.expm1(-either * (age - last))
    expected = rate * -np.expm1(-leaving * HORIZON) / leaving
    return alive, gone, expected, np.exp(-either * HORIZON) - leaving / either * np.expm1(-either * HORIZON)


def log_gamma_density(log_rate: Floats, shape: float, days: float) -> Floats:
    return np.asarray(stats.loggamma.pdf(log_rate + np.log(days), shape))


def log_odds_density(log_odds: Floats, a: float, b: float) -> Floats:
    p = 1 / (1 + np.exp(-log_odds))
    return np.asarray(stats.beta.pdf(p, a, b) * p / (1 + np.exp(log_odds)))


def averaged(model: Model, customer: Floats) -> tuple[float, float, float, float]:
    """Log-likelihood, P(alive), expected purchases and P(no purchase) of one customer by integration."""

    def integrand(at: Floats) -> Floats:
        rate, weight = np.exp(at[:, 0]), log_gamma_density(at[:, 0], model.r, model.alpha_days)
        if isinstance(model, ParetoNbd):
            second = np.exp(at[:, 1])
            weight = weight * log_gamma_density(at[:, 1], model.s, model.beta_days)
            told = may_leave_at_any_time(rate, second, customer)
        else:
            second = 1 / (1 + np.exp(-at[:, 1]))
            weight = weight * log_odds_density(at[:, 1], model.a, model.b)
            told = may_leave_after_purchases(model.first_purchase_counts)(rate, second, customer)
        alive, gone, expected, none = told
        return np.stack([alive, gone, alive * expected, alive * none], axis=1) * weight[:, None]

    low, high = ([-50, -50], [3, 3]) if isinstance(model, ParetoNbd) else ([-50, -40], [3, 25])
    found = integrate.cubature(integrand, low, high, rtol=1e-8, atol=0, max_subdivisions=5000)
    assert found.status == "converged"
    alive, gone, expected, none = found.estimate
    total = alive + gone
    return float(np.log(total)), float(alive / total), float(expected / total), float((gone + none) / total)


MODELS: list[Model] = [
    BgNbd(r=0.6, alpha_days=40, a=0.8, b=2.5),
    BgNbd(r=2.0, alpha_days=30, a=1.0, b=4.0),  # a = 1, where the paper's closed form divides by 0
    MbgNbd(r=0.6, alpha_days=45, a=0.9, b=1.6),
    MbgNbd(r=5.0, alpha_days=90, a=3.0, b=20.0),
    ParetoNbd(r=0.6, alpha_days=70, s=0.7, beta_days=80),
    ParetoNbd(r=3.0, alpha_days=60, s=1.0, beta_days=400),  # s = 1, where the closed form divides by 0
]


@pytest.mark.parametrize("model", MODELS, ids=str)
@pytest.mark.parametrize("customer", CUSTOMERS, ids=str)
def test_every_answer_is_the_mean_over_the_mixing_densities(model: Model, customer: Floats) -> None:
    history = PurchaseHistory.of(customer[:1], customer[1:2], customer[2:])
    log_likelihood, alive, expected, none = averaged(model, customer)
    assert model.log_likelihood(history) == pytest.approx(log_likelihood, abs=1e-7)
    assert model.probability_alive(history) == pytest.approx([alive], abs=1e-7)
    assert model.expected_purchases(history, HORIZON) == pytest.approx([expected], rel=1e-6)
    assert model.probability_of_no_purchase(history, HORIZON) == pytest.approx([none], abs=1e-7)


@pytest.mark.parametrize(("days", "mean"), [(1, 20.0), (1, 300.0), (7, 35.0), (40, 12.5)])
def test_spend_is_the_mean_over_the_customers_rates(days: int, mean: float) -> None:
    model = GammaGamma(p=6.25, q=3.74, v_amount=15.44)

    def weighted(log_rate: float, of: Callable[[float], float]) -> float:
        rate = float(np.exp(log_rate))
        mean_density = stats.gamma.pdf(mean, model.p * days, scale=1 / (rate * days))
        return float(mean_density * stats.loggamma.pdf(log_rate + np.log(model.v_amount), model.q) * of(rate))

    def integral(of: Callable[[float], float]) -> float:
        return float(integrate.quad(weighted, -12, 6, args=(of,), epsabs=0, epsrel=1e-10, limit=500)[0])

    amounts, likelihood = Amounts.of([days], [mean]), integral(lambda rate: 1.0)
    assert model.log_likelihood(amounts) == pytest.approx(np.log(likelihood), abs=1e-8)
    expected = integral(lambda rate: model.p / rate) / likelihood
    assert model.expected_amount(amounts) == pytest.approx([expected], rel=1e-8)
