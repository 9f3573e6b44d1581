"""Purchase models with covariates: against the plain ones, simulated customers, and the mean over the mixing densities."""

import doctest
import json
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import integrate, stats

from features.errors import FactsError, ModelError, NotEnoughDataError
from tests.training.models.purchases.customers import HAND_PICKED, cdnow_days, cdnow_history, needs_cdnow
from tests.training.models.purchases.test_integration import may_leave_after_purchases, may_leave_at_any_time
from training.models.purchases import covariate_history
from training.models.purchases.covariate_history import CovariateHistory
from training.models.purchases.covariates import (
    BgNbdCovariates,
    Covariate,
    CovariateModel,
    MbgNbdCovariates,
    ParetoNbdCovariates,
)
from training.models.purchases.gamma_gamma import Amounts, GammaGamma
from training.models.purchases.history import PurchaseHistory
from training.models.purchases.outlook import outlook

Floats = NDArray[np.float64]

HORIZON = 100.0
BETA = {"r": 0.6, "alpha_days": 40.0, "a": 0.8, "b": 2.5}
PARETO = {"r": 0.6, "alpha_days": 70.0, "s": 0.7, "beta_days": 80.0}
SIZE = Covariate("size", 2.0, 0.5, {"alpha_days": 0.4, "a": -0.3, "b": 0.2})
YOUTH = Covariate("youth", -1.0, 3.0, {"alpha_days": -0.2, "a": 0.1, "b": 0.5})
MODELS: list[CovariateModel] = [
    BgNbdCovariates(BETA, (SIZE, YOUTH)),
    MbgNbdCovariates(BETA, (SIZE, YOUTH)),
    ParetoNbdCovariates(
        PARETO,
        (
            replace(SIZE, coefficients={"alpha_days": 0.4, "beta_days": -0.3}),
            replace(YOUTH, coefficients={"alpha_days": -0.2, "beta_days": 0.6}),
        ),
    ),
]
HISTORY = CovariateHistory.with_covariates(
    HAND_PICKED, [[2.0, -1.0], [3.0, -1.0], [1.5, 2.0], [2.5, -4.0], [2.0, 0.0], [1.0, 1.0]]
)
KINDS: list[type[CovariateModel]] = [BgNbdCovariates, MbgNbdCovariates, ParetoNbdCovariates]


def without_effect(model: CovariateModel) -> CovariateModel:
    return replace(
        model,
        covariates=tuple(replace(c, coefficients=dict.fromkeys(c.coefficients, 0.0)) for c in model.covariates),
    )


def drawn(model: CovariateModel, customers: int, seed: int) -> CovariateHistory:
    """Customers of the model with a binary and a continuous covariate, half a year to two years after their first."""
    generator = np.random.default_rng(seed)
    covariates = np.column_stack([generator.integers(0, 2, customers), generator.normal(size=customers)])
    z = (covariates - [c.mean for c in model.covariates]) / [c.standard_deviation for c in model.covariates]
    own = {
        name: value
        * np.exp(
            model.form.signs.get(name, 0.0) * (z @ np.array([c.coefficients.get(name, 0.0) for c in model.covariates]))
        )
        for name, value in model.parameters.items()
    }
    age = generator.uniform(180, 730, customers)
    rate = generator.gamma(own["r"], 1 / own["alpha_days"])
    x, last = np.zeros(customers), np.zeros(customers)
    if isinstance(model, ParetoNbdCovariates):
        lived = np.minimum(generator.exponential(1 / generator.gamma(own["s"], 1 / own["beta_days"])), age)
        x += generator.poisson(rate * lived)
        last += np.where(x > 0, lived * generator.random(customers) ** (1 / np.maximum(x, 1)), 0.0)
    else:
        dropout, now = generator.beta(own["a"], own["b"]), np.zeros(customers)
        rows = np.arange(customers)
        if isinstance(model, MbgNbdCovariates):
            rows = rows[generator.random(customers) >= dropout]
        while len(rows):
            now[rows] += generator.exponential(1 / rate[rows])
            rows = rows[now[rows] <= age[rows]]
            x[rows] += 1
            last[rows] = now[rows]
            rows = rows[generator.random(len(rows)) >= dropout[rows]]
    return CovariateHistory.with_covariates(PurchaseHistory.of(x, last, age), covariates)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.kind)
def test_without_effects_it_is_the_plain_model(model: CovariateModel) -> None:
    ours, plain = without_effect(model), model.form.plain(**model.parameters)
    purchases = np.array([1.0, 2, 3, 10, 1, 40])
    assert ours.log_likelihood(HISTORY) == pytest.approx(plain.log_likelihood(HAND_PICKED), rel=1e-12)
    for said, known in (
        (ours.probability_alive(HISTORY), plain.probability_alive(HAND_PICKED)),
        (ours.expected_purchases(HISTORY, HORIZON), plain.expected_purchases(HAND_PICKED, HORIZON)),
        (ours.probability_of_no_purchase(HISTORY, HORIZON), plain.probability_of_no_purchase(HAND_PICKED, HORIZON)),
        (
            ours.probability_of_at_least(HISTORY, purchases, HORIZON),
            plain.probability_of_at_least(HAND_PICKED, purchases, HORIZON),
        ),
    ):
        assert said == pytest.approx(known, abs=1e-10, rel=1e-10)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.kind)
def test_each_customer_is_answered_as_by_the_plain_model_with_its_parameters(model: CovariateModel) -> None:
    """Customer 1 has a size of 3, two standard deviations above the mean, and the mean youth."""
    signs = model.form.signs
    own = {
        name: value * np.exp(signs.get(name, 0.0) * 2 * model.covariates[0].coefficients.get(name, 0.0))
        for name, value in model.parameters.items()
    }
    assert own["alpha_days"] == pytest.approx(model.parameters["alpha_days"] * np.exp(-0.8))
    one, customer = model.form.plain(**own), HAND_PICKED.take(np.array([1]))
    assert model.probability_alive(HISTORY)[1] == pytest.approx(one.probability_alive(customer)[0], abs=1e-12)
    assert model.expected_purchases(HISTORY, HORIZON)[1] == pytest.approx(
        one.expected_purchases(customer, HORIZON)[0], rel=1e-12
    )


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.kind)
def test_one_customer_is_the_mean_over_the_mixing_densities_of_its_own(model: CovariateModel) -> None:
    """The third customer: six repeats, a size one deviation below the mean, a youth one above."""
    change = {
        name: -model.covariates[0].coefficients[name] + model.covariates[1].coefficients[name]
        for name in model.form.signs
    }
    base, customer = model.parameters, np.array([6.0, 250.0, 265.0])
    alpha = base["alpha_days"] * np.exp(-change["alpha_days"])

    def integrand(at: Floats) -> Floats:
        rate = np.exp(at[:, 0])
        weight = stats.loggamma.pdf(at[:, 0] + np.log(alpha), base["r"])
        if isinstance(model, ParetoNbdCovariates):
            beta = base["beta_days"] * np.exp(-change["beta_days"])
            weight = weight * stats.loggamma.pdf(at[:, 1] + np.log(beta), base["s"])
            told = may_leave_at_any_time(rate, np.exp(at[:, 1]), customer)
        else:
            p = 1 / (1 + np.exp(-at[:, 1]))
            a, b = base["a"] * np.exp(change["a"]), base["b"] * np.exp(change["b"])
            weight = weight * stats.beta.pdf(p, a, b) * p * (1 - p)
            told = may_leave_after_purchases(int(isinstance(model, MbgNbdCovariates)))(rate, p, customer)
        alive, gone, expected, none = told
        return np.asarray(np.stack([alive, gone, alive * expected, alive * none], axis=1) * weight[:, None])

    low, high = ([-50, -50], [3, 3]) if isinstance(model, ParetoNbdCovariates) else ([-50, -40], [3, 25])
    found = integrate.cubature(integrand, low, high, rtol=1e-8, atol=0, max_subdivisions=5000)
    assert found.status == "converged"
    alive, gone, expected, none = found.estimate
    third = HISTORY.take(np.array([2]))
    assert model.log_likelihood(third) == pytest.approx(np.log(alive + gone), abs=1e-7)
    assert model.probability_alive(third) == pytest.approx([alive / (alive + gone)], abs=1e-7)
    assert model.expected_purchases(third, HORIZON) == pytest.approx([expected / (alive + gone)], rel=1e-6)
    assert model.probability_of_no_purchase(third, HORIZON) == pytest.approx([(gone + none) / (alive + gone)], abs=1e-7)
    assert model.probability_of_at_least(third, np.ones(1), HORIZON) == pytest.approx(
        [1 - (gone + none) / (alive + gone)], abs=1e-5
    )


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.kind)
def test_the_gradient_is_that_of_the_likelihood(model: CovariateModel) -> None:
    step, moved = 1e-5, tuple(model.form.signs)

    def at(change: Floats) -> float:
        base = {name: value * np.exp(c) for (name, value), c in zip(model.parameters.items(), change, strict=False)}
        gammas = change[len(base) :].reshape(len(moved), len(model.covariates))
        covariates = tuple(
            replace(
                c, coefficients={name: c.coefficients[name] + gammas[row, column] for row, name in enumerate(moved)}
            )
            for column, c in enumerate(model.covariates)
        )
        return replace(model, parameters=base, covariates=covariates).log_likelihood(HISTORY)

    _, gradient = model.log_likelihood_and_gradient(HISTORY)
    found = [(at(change) - at(-change)) / (2 * step) for change in step * np.eye(4 + 2 * len(moved))]
    assert gradient == pytest.approx(found, rel=1e-6, abs=1e-6)


TRUTHS: list[CovariateModel] = [
    BgNbdCovariates(
        {"r": 1.2, "alpha_days": 45.0, "a": 1.0, "b": 5.0},
        (
            Covariate("member", 0.0, 1.0, {"alpha_days": 0.6, "a": -0.5, "b": 0.3}),
            Covariate("amount", 0.0, 1.0, {"alpha_days": 0.2, "a": 0.1, "b": 0.0}),
        ),
    ),
    ParetoNbdCovariates(
        {"r": 1.2, "alpha_days": 45.0, "s": 0.8, "beta_days": 200.0},
        (
            Covariate("member", 0.0, 1.0, {"alpha_days": 0.6, "beta_days": -0.5}),
            Covariate("amount", 0.0, 1.0, {"alpha_days": 0.2, "beta_days": 0.3}),
        ),
    ),
]
TRUTHS.append(MbgNbdCovariates(TRUTHS[0].parameters, TRUTHS[0].covariates))


@pytest.mark.parametrize("truth", TRUTHS, ids=lambda model: model.kind)
def test_the_coefficients_of_simulated_customers_are_found_again(truth: CovariateModel) -> None:
    history = drawn(truth, 12_000, seed=5)
    fit = type(truth).fit(history, ("member", "amount"))
    for found, true in zip(fit.model.covariates, truth.covariates, strict=True):
        for parameter, coefficient in true.coefficients.items():
            per_unit = found.coefficients[parameter] / found.standard_deviation
            error = fit.standard_errors[f"{parameter}:{found.name}"] / found.standard_deviation
            assert 0 < error < 0.25
            assert abs(per_unit - coefficient) < 3 * error
    assert fit.log_likelihood == pytest.approx(fit.model.log_likelihood(history))
    assert fit.log_likelihood > truth.log_likelihood(history)
    assert np.abs(fit.model.log_likelihood_and_gradient(history)[1]).max() < 1e-4 * len(history)
    assert fit.against_plain.statistic > 100
    assert fit.against_plain.p_value < 1e-10


@pytest.mark.parametrize("kind", KINDS)
def test_a_covariate_that_says_nothing_gains_what_chance_gains(kind: type[CovariateModel]) -> None:
    truth = without_effect(next(model for model in TRUTHS if type(model) is kind))
    history = drawn(truth, 3_000, seed=8)
    fit = kind.fit(history, ("member", "amount"))
    plain = kind.form.plain.fit(history.plain())
    ratio = fit.against_plain
    assert ratio.degrees_of_freedom == 2 * len(kind.form.signs)
    assert ratio.statistic == pytest.approx(2 * (fit.log_likelihood - plain.log_likelihood))
    assert 0 <= ratio.statistic < stats.chi2.ppf(0.999, ratio.degrees_of_freedom)
    assert ratio.p_value == pytest.approx(stats.chi2.sf(ratio.statistic, ratio.degrees_of_freedom))


def test_the_unit_of_a_covariate_and_of_time_changes_no_answer() -> None:
    history = drawn(TRUTHS[1], 1_000, seed=3)
    other = CovariateHistory.with_covariates(history.plain(), 1_000 * history.covariates + 50)
    fits = [ParetoNbdCovariates.fit(h, ("member", "amount")) for h in (history, other, history.scaled(7))]
    said = [fits[0].model.expected_purchases(history, 70), fits[1].model.expected_purchases(other, 70)]
    said.append(fits[2].model.expected_purchases(history.scaled(7), 10))
    assert said[1] == pytest.approx(said[0], rel=1e-4)
    assert said[2] == pytest.approx(said[0], rel=1e-4)
    assert fits[1].log_likelihood == pytest.approx(fits[0].log_likelihood, rel=1e-9)


def test_customers_alike_in_history_and_covariates_are_counted_together() -> None:
    once = drawn(TRUTHS[0], 300, seed=2)
    twice = once.take(np.repeat(np.arange(300), 2))
    one, two = (BgNbdCovariates.fit(h, ("member", "amount")) for h in (once, twice))
    assert one.groups == two.groups <= 300
    assert two.customers == 600
    assert two.log_likelihood == pytest.approx(2 * one.log_likelihood)
    for name, error in one.standard_errors.items():
        assert two.standard_errors[name] == pytest.approx(error / np.sqrt(2), rel=1e-2)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.kind)
def test_it_survives_json(model: CovariateModel) -> None:
    assert type(model).from_json(json.loads(json.dumps(model.to_json()))) == model


def test_what_is_no_such_model_and_no_covariate_is_refused() -> None:
    stored = MODELS[0].to_json()
    with pytest.raises(ModelError, match="kind 'mbg_nbd_covariates'"):
        MbgNbdCovariates.from_json(stored)
    with pytest.raises(ModelError, match="standard_deviation"):
        BgNbdCovariates.from_json({**stored, "covariates": [{**stored["covariates"][0], "standard_deviation": 0}]})
    with pytest.raises(ModelError, match="kind 'covariate'"):
        BgNbdCovariates.from_json({**stored, "covariates": [{"name": "size", "mean": 1, "standard_deviation": 2}]})
    with pytest.raises(FactsError, match="1 missing"):
        CovariateHistory.with_covariates(HAND_PICKED, [1, 2, 3, np.nan, 5, 6])
    with pytest.raises(FactsError, match="shape"):
        CovariateHistory.with_covariates(HAND_PICKED, [1, 2, 3])
    with pytest.raises(ModelError, match="size, youth"):
        MODELS[0].expected_purchases(HAND_PICKED, 30)
    with pytest.raises(ModelError, match="has 1 of them"):
        MODELS[0].probability_alive(CovariateHistory.with_covariates(HAND_PICKED, np.arange(6)))
    with pytest.raises(ModelError, match="horizon"):
        MODELS[0].expected_purchases(HISTORY, -1)
    with pytest.raises(ModelError, match="2 covariates"):
        BgNbdCovariates.fit(HISTORY, ("size",))
    same = CovariateHistory.with_covariates(HAND_PICKED, [[1, 2], [1, 3], [1, 4], [1, 5], [1, 6], [1, 7]])
    with pytest.raises(NotEnoughDataError, match="only 1"):
        BgNbdCovariates.fit(same, ("one", "size"))
    nobody = HISTORY.take(np.array([0, 1]))
    with pytest.raises(NotEnoughDataError, match="second time"):
        BgNbdCovariates.fit(nobody, ("size", "youth"))


def test_an_outlook_knows_customers_by_their_covariates() -> None:
    """Two customers of the same history, of whom one is larger: more is expected of it, with its interval."""
    twins = PurchaseHistory.of([3, 3], [100, 100], [120, 120])
    larger = CovariateHistory.with_covariates(twins, [[2.0, -1.0], [4.0, -1.0]])
    told = outlook(MODELS[0], GammaGamma(6.25, 3.74, 15.44), larger, Amounts.of([4, 4], [30.0, 30.0]), 365)
    assert told.purchases == pytest.approx(MODELS[0].expected_purchases(larger, 365))
    assert told.purchases[1] > 2 * told.purchases[0]
    assert told.purchases_high[1] > told.purchases_high[0]
    assert told.value[1] / told.value[0] == pytest.approx(told.purchases[1] / told.purchases[0])


@needs_cdnow
def test_who_first_bought_for_more_comes_back_more_often() -> None:
    """The sample of CDNOW: a first purchase dearer by a standard deviation of its logarithm, a quarter more purchases."""
    first = cdnow_days().sort_values("date").groupby("customer_id")["amount"].first()
    history = CovariateHistory.with_covariates(cdnow_history(), np.log(np.maximum(first, 0.65)))
    fit = ParetoNbdCovariates.fit(history, ("first amount",))
    assert fit.against_plain.statistic == pytest.approx(45.7, abs=0.2)
    assert fit.against_plain.p_value < 1e-9
    assert fit.model.covariates[0].coefficients["alpha_days"] == pytest.approx(0.257, abs=0.003)
    assert fit.standard_errors["alpha_days:first amount"] == pytest.approx(0.044, abs=0.002)


def test_nobody_is_answered_with_nothing() -> None:
    nobody = HISTORY.take(np.array([], dtype=np.int64))
    for model in MODELS:
        assert model.expected_purchases(nobody, 30).shape == model.probability_alive(nobody).shape == (0,)
        assert model.probability_of_at_least(nobody, np.zeros(0), 30).shape == (0,)


def test_the_example_of_the_docstring_runs() -> None:
    assert not doctest.testmod(covariate_history).failed
