"""What every purchase model must satisfy, whatever its parameters."""

import doctest
import importlib
import json
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from features.errors import ModelError, NotEnoughDataError
from tests.training.models.purchases.customers import HAND_PICKED, leave_at_any_time, leave_by_purchase
from training.models.purchases.bg_nbd import BgNbd
from training.models.purchases.history import GroupedHistory, PurchaseHistory
from training.models.purchases.mbg_nbd import MbgNbd
from training.models.purchases.model import PurchaseModel
from training.models.purchases.naive import NobodyReturns, OwnRate
from training.models.purchases.pareto_nbd import ParetoNbd

Floats = NDArray[np.float64]
Model = BgNbd | MbgNbd | ParetoNbd
KINDS: list[type[Model]] = [BgNbd, MbgNbd, ParetoNbd]
ROUNDING = 1e-9

parameters = st.tuples(
    st.floats(0.05, 50), st.floats(0.5, 5_000), st.floats(0.05, 50), st.floats(0.05, 50), st.floats(0.5, 5_000)
)


def made(kind: type[Model], drawn: tuple[float, ...]) -> Model:
    r, alpha_days, a, b, beta_days = drawn
    if kind is ParetoNbd:
        return ParetoNbd(r=r, alpha_days=alpha_days, s=a, beta_days=beta_days)
    return kind(r, alpha_days, a, b)


@st.composite
def histories(draw: st.DrawFn) -> PurchaseHistory:
    """Up to eight customers with up to 500 repeat purchases in up to ten years."""
    rows = []
    for _ in range(draw(st.integers(1, 8))):
        age = draw(st.floats(1, 3650))
        x = draw(st.one_of(st.just(0), st.integers(1, 500)))
        rows.append((x, age * draw(st.floats(0.01, 1)) if x else 0.0, age))
    return PurchaseHistory.of(*np.array(rows).T)


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None, max_examples=40)
@given(drawn=parameters, history=histories(), horizon=st.floats(0, 3650))
def test_probabilities_are_probabilities_and_purchases_finite(
    kind: type[Model], drawn: tuple[float, ...], history: PurchaseHistory, horizon: float
) -> None:
    model = made(kind, drawn)
    alive, none = model.probability_alive(history), model.probability_of_no_purchase(history, horizon)
    expected = model.expected_purchases(history, horizon)
    assert alive.shape == none.shape == expected.shape == (len(history),)
    assert ((alive >= 0) & (alive <= 1)).all()
    assert ((none >= 0) & (none <= 1)).all()
    assert (none >= 1 - alive - ROUNDING).all()
    assert np.isfinite(expected).all()
    assert (expected >= 1 - none - ROUNDING * (1 + expected)).all()  # who buys, buys at least once
    value, gradient = model.log_likelihood_and_gradient(history.grouped())
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None, max_examples=40)
@given(drawn=parameters, history=histories())
def test_a_longer_horizon_never_makes_silence_likelier(
    kind: type[Model], drawn: tuple[float, ...], history: PurchaseHistory
) -> None:
    model, horizons = made(kind, drawn), [0, 0.1, 1, 7, 30, 90, 365, 3650]
    none = np.array([model.probability_of_no_purchase(history, h) for h in horizons])
    expected = np.array([model.expected_purchases(history, h) for h in horizons])
    assert (np.diff(none, axis=0) <= ROUNDING).all()
    assert (np.diff(expected, axis=0) >= -ROUNDING * (1 + expected[1:])).all()
    assert none[0] == pytest.approx(np.ones(len(history)))
    assert expected[0] == pytest.approx(np.zeros(len(history)))


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None, max_examples=40)
@given(drawn=parameters, history=histories())
def test_longer_silence_never_makes_life_likelier(
    kind: type[Model], drawn: tuple[float, ...], history: PurchaseHistory
) -> None:
    model = made(kind, drawn)
    x, last = history.repeat_purchases, history.first_to_last_days
    alive = np.array(
        [model.probability_alive(PurchaseHistory.of(x, last, last + days)) for days in (0, 1, 30, 365, 3650)]
    )
    assert (np.diff(alive, axis=0) <= ROUNDING).all()


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None, max_examples=40)
@given(drawn=parameters, history=histories(), days_per_unit=st.sampled_from([1 / 24, 7.0, 365.25]))
def test_the_unit_of_time_changes_no_answer(
    kind: type[Model], drawn: tuple[float, ...], history: PurchaseHistory, days_per_unit: float
) -> None:
    model, scaled = made(kind, drawn), history.scaled(days_per_unit)
    values = {name: v / days_per_unit if "days" in name else v for name, v in asdict(model).items()}
    other = kind(**values)
    np.testing.assert_allclose(other.probability_alive(scaled), model.probability_alive(history), rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(
        other.expected_purchases(scaled, 90 / days_per_unit),
        model.expected_purchases(history, 90),
        rtol=1e-6,
        atol=1e-12,
    )
    repeats = history.repeat_purchases.sum() * np.log(days_per_unit)
    assert other.log_likelihood(scaled) == pytest.approx(model.log_likelihood(history) + repeats, rel=1e-9, abs=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None, max_examples=40)
@given(drawn=parameters, history=histories())
def test_the_gradient_is_that_of_finite_differences(
    kind: type[Model], drawn: tuple[float, ...], history: PurchaseHistory
) -> None:
    model, grouped, step = made(kind, drawn), history.grouped(), 1e-5
    value, gradient = model.log_likelihood_and_gradient(grouped)
    for number, (name, parameter) in enumerate(asdict(model).items()):
        up, down = (
            kind(**{**asdict(model), name: parameter * np.exp(sign * step)}).log_likelihood_and_gradient(grouped)[0]
            for sign in (1, -1)
        )
        # what rounding leaves of the difference of two sums, whose Gamma functions may be much larger than themselves
        rounding = 1e-14 * (200 + 100 * history.repeat_purchases.sum() + abs(value)) / step
        assert gradient[number] == pytest.approx((up - down) / (2 * step), rel=1e-5, abs=rounding)


@pytest.mark.parametrize("kind", KINDS)
def test_five_hundred_purchases_in_ten_years_overflow_nowhere(kind: type[Model]) -> None:
    busy = PurchaseHistory.of([500, 500, 500], [3650, 3000, 1], [3650, 3650, 3650])
    for days_per_unit in (1 / 86_400, 1.0, 365.25):
        times = [1, 1 / days_per_unit, 1, 1 / days_per_unit] if kind is ParetoNbd else [1, 1 / days_per_unit, 1, 1]
        model = kind(*(np.array([0.5, 10, 0.8, 20]) * times).tolist())
        alive = model.probability_alive(busy.scaled(days_per_unit))
        assert alive[0] > 0.99
        assert alive[2] < 1e-12
        expected = model.expected_purchases(busy.scaled(days_per_unit), 365 / days_per_unit)
        assert 5 < expected[0] <= 51  # at most the own rate, about 50 a year


def simulated(kind: type[Model], customers: int, seed: int) -> tuple[Model, PurchaseHistory]:
    if kind is ParetoNbd:
        return ParetoNbd(0.8, 60, 0.7, 150), leave_at_any_time(customers, 0.8, 60, 0.7, 150, seed)
    truth = kind(0.8, 60, 0.9, 3.0)
    return truth, leave_by_purchase(customers, 0.8, 60, 0.9, 3.0, kind is MbgNbd, seed)


@pytest.mark.parametrize("kind", KINDS)
def test_the_parameters_of_simulated_customers_are_found_within_their_errors(kind: type[Model]) -> None:
    truth, history = simulated(kind, 8_000, seed=7)
    fit = kind.fit(history)
    assert fit.customers == 8_000
    # twice the difference follows chi-squared with 4 degrees of freedom, which is above 18.5 once in a thousand
    assert 0 <= 2 * (fit.log_likelihood - truth.log_likelihood(history)) < 18.5
    for name, true in asdict(truth).items():
        error = fit.standard_errors[name]
        assert 0 < error < true
        assert abs(getattr(fit.model, name) - true) < 3.5 * error


@pytest.mark.parametrize("kind", KINDS)
def test_grouping_and_the_order_of_customers_do_not_change_the_fit(kind: type[Model]) -> None:
    _, history = simulated(kind, 1_500, seed=5)
    whole_days = PurchaseHistory.of(
        history.repeat_purchases, np.ceil(history.first_to_last_days), np.ceil(history.age_days / 30) * 30
    )
    grouped = whole_days.grouped()
    assert len(grouped.distinct) < 1_200
    everybody = np.arange(len(whole_days))
    alone = GroupedHistory(whole_days, np.ones(len(whole_days)), everybody)
    fit, shuffled = kind.fit(whole_days), kind.fit(whole_days.take(everybody[::-1]))
    assert asdict(shuffled.model) == pytest.approx(asdict(fit.model), rel=1e-6)
    value, gradient = fit.model.log_likelihood_and_gradient(alone)
    assert value == pytest.approx(fit.log_likelihood, rel=1e-12)
    assert gradient / len(whole_days) == pytest.approx(np.zeros(4), abs=1e-6)  # the peak of the ungrouped likelihood


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None, max_examples=12)
@given(history=histories())
def test_a_handful_of_customers_is_fitted_or_refused(kind: type[Model], history: PurchaseHistory) -> None:
    try:
        fit = kind.fit(history)
    except NotEnoughDataError:
        return
    assert all(0 < value < np.inf for value in asdict(fit.model).values())
    assert np.isfinite(fit.model.expected_purchases(history, 365)).all()
    assert all(np.isnan(error) or error > 0 for error in fit.standard_errors.values())


def test_customers_who_never_leave_give_a_dropout_near_zero() -> None:
    generator = np.random.default_rng(1)
    age = np.full(2_000, 300.0)
    x = generator.poisson(generator.gamma(2.0, 1 / 20, 2_000) * age).astype(np.float64)
    last = np.where(x > 0, age * generator.random(2_000) ** (1 / np.maximum(x, 1)), 0.0)
    history = PurchaseHistory.of(x, last, age)
    fit = BgNbd.fit(history)
    assert fit.model.a / (fit.model.a + fit.model.b) < 0.003
    assert fit.model.expected_purchases(history, 30).mean() == pytest.approx(x.mean() / 10, rel=0.03)


@pytest.mark.parametrize("kind", KINDS)
def test_many_groups_are_searched_from_the_peak_of_a_sample(kind: type[Model], monkeypatch: pytest.MonkeyPatch) -> None:
    _, history = simulated(kind, 3_000, seed=6)
    usual = kind.fit(history)
    for module in ("beta_geometric", "pareto_nbd"):
        monkeypatch.setattr(f"training.models.purchases.{module}.ROUGH_GROUPS", 300)
    sampled = kind.fit(history)
    assert asdict(sampled.model) == pytest.approx(asdict(usual.model), rel=1e-4)
    assert sampled.log_likelihood == pytest.approx(usual.log_likelihood, abs=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_json_gives_the_same_model_back(kind: type[Model]) -> None:
    model = kind(0.1 + 0.2, 60, 0.9, 3)
    stored = json.loads(json.dumps(model.to_json()))
    assert kind.from_json(stored) == model


@pytest.mark.parametrize(
    "stored",
    [
        {"kind": "mbg_nbd", "r": 1, "alpha_days": 1, "a": 1, "b": 1},
        {"kind": "bg_nbd", "r": 1, "alpha_days": 1, "a": 1},
        {"kind": "bg_nbd", "r": 1, "alpha_days": 1, "a": 1, "b": -1},
        {"kind": "bg_nbd", "r": 1, "alpha_days": 1, "a": 1, "b": "1"},
    ],
)
def test_a_stored_model_that_is_not_sound_is_refused(stored: dict[str, object]) -> None:
    with pytest.raises(ModelError, match="expected kind 'bg_nbd' and positive numbers for r, alpha_days, a, b"):
        BgNbd.from_json(stored)


@pytest.mark.parametrize("kind", KINDS)
def test_customers_of_whom_none_came_back_teach_nothing(kind: type[Model]) -> None:
    with pytest.raises(NotEnoughDataError, match="None of 2 customers bought a second time"):
        kind.fit(PurchaseHistory.of([0, 0], [0, 0], [10, 20]))


@pytest.mark.parametrize("module", ["history", "bg_nbd", "mbg_nbd", "pareto_nbd", "gamma_gamma", "naive"])
def test_the_examples_of_the_docstrings_run(module: str) -> None:
    found = doctest.testmod(importlib.import_module(f"training.models.purchases.{module}"))
    assert found.attempted
    assert not found.failed


def test_bg_nbd_holds_who_never_came_back_for_alive_and_mbg_nbd_does_not() -> None:
    once = PurchaseHistory.of([0], [0], [900])
    assert BgNbd(0.5, 30, 0.9, 2).probability_alive(once).tolist() == [1]
    assert MbgNbd(0.5, 30, 0.9, 2).probability_alive(once)[0] < 0.5


MODELS: list[PurchaseModel] = [
    OwnRate(),
    NobodyReturns(),
    BgNbd(0.6, 40, 0.8, 2.5),
    MbgNbd(0.6, 40, 0.8, 2.5),
    ParetoNbd(0.6, 40, 0.8, 250),
]


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_every_model_answers_in_the_same_shape_and_refuses_what_is_no_horizon(model: PurchaseModel) -> None:
    customers = (len(HAND_PICKED),)
    assert model.probability_alive(HAND_PICKED).shape == customers
    assert model.expected_purchases(HAND_PICKED, 30).shape == customers
    assert model.probability_of_no_purchase(HAND_PICKED, 30).shape == customers
    for answer in (model.expected_purchases, model.probability_of_no_purchase):
        with pytest.raises(ModelError, match="horizon"):
            answer(HAND_PICKED, -1)
    nobody = HAND_PICKED.take(np.array([], dtype=np.int64))
    assert model.probability_alive(nobody).shape == model.expected_purchases(nobody, 30).shape == (0,)
    assert model.probability_of_no_purchase(nobody, 30).shape == (0,)


def test_the_own_rate_is_repeats_over_age_and_nobody_returns_to_the_other() -> None:
    history = PurchaseHistory.of([0, 3, 0], [0, 100, 0], [50, 150, 0])
    assert OwnRate().expected_purchases(history, 100) == pytest.approx([0, 2, 0])
    assert OwnRate().probability_of_no_purchase(history, 100) == pytest.approx([1, np.exp(-2), 1])
    assert OwnRate().probability_alive(history).tolist() == [1, 1, 1]
    assert NobodyReturns().expected_purchases(history, 100).tolist() == [0, 0, 0]
    assert NobodyReturns().probability_of_no_purchase(history, 100).tolist() == [1, 1, 1]
    assert NobodyReturns().probability_alive(history).tolist() == [0, 0, 0]
