"""Forecasts that follow amounts: who buys for more comes back more often, most of all those of whom little else is known."""

import json

import numpy as np
import pytest

from features.errors import ModelError
from training.models.purchases.amount_followed import AmountFollowed
from training.models.purchases.followed import Followed, Outcome
from training.models.purchases.history import PurchaseHistory
from training.models.purchases.naive import OwnRate
from training.models.purchases.pareto_nbd import ParetoNbd
from training.models.purchases.purchase_days import Known

MODEL = ParetoNbd(r=0.55, alpha_days=70, s=0.6, beta_days=80)


def known(amounts: list[float]) -> Known:
    """Customers with 0, 3, 0 and 8 repeat purchases."""
    history = PurchaseHistory.of([0, 3, 0, 8], [0, 100, 0, 190], [200, 200, 150, 200])
    return Known(np.arange(4), history, np.array(amounts), np.zeros((4, 2)))


def test_all_of_what_amounts_tell_is_found_and_half_of_it_is_made_good() -> None:
    # e² and 1 against a mean of their logs of 1: one more and one less, divided by the root of 1, 4, 1 and 9 purchase days
    now = known([np.exp(2), np.exp(2), 1.0, 1.0])
    tells = np.array([1, 1 / 2, -1, -1 / 3])
    expected = MODEL.expected_purchases(now.history, 90)
    outcome = Outcome(expected, expected * np.exp(0.4 * tells), 90.0)
    whole = AmountFollowed.fit(MODEL, [(now, outcome)], now, step=1.0)
    assert (whole.level, whole.slope, whole.amount) == pytest.approx((0, 1, 0.4), abs=1e-8)
    assert whole.expected_purchases(now, 90) == pytest.approx(outcome.came)
    half = AmountFollowed.fit(MODEL, [(now, outcome)], now)
    assert half.expected_purchases(now, 90) == pytest.approx(expected * np.exp(0.2 * tells))


def test_without_differing_amounts_or_outcomes_the_model_stays_as_it_is() -> None:
    alike, came = known([5.0, 5.0, 5.0, 5.0]), np.array([1.0, 2.0, 0.0, 4.0])
    expected = MODEL.expected_purchases(alike.history, 90)
    for past in ([], [(alike, Outcome(expected, came, 90.0))]):
        still = AmountFollowed.fit(MODEL, past, alike)
        assert still.expected_purchases(alike, 90) == pytest.approx(expected)
        assert still.probability_alive(alike).tolist() == MODEL.probability_alive(alike.history).tolist()


def test_amounts_count_in_any_currency_and_gifts_do_not_break_it() -> None:
    came = np.array([1.0, 2.0, 0.0, 4.0])

    def foretold(unit: float) -> list[float]:
        now = known([40 * unit, 25 * unit, 0.0, 10 * unit])
        past = [(now, Outcome(MODEL.expected_purchases(now.history, 90), came, 90.0))]
        expected: list[float] = AmountFollowed.fit(MODEL, past, now).expected_purchases(now, 90).tolist()
        return expected

    assert np.isfinite(foretold(1.0)).all()
    assert foretold(100.0) == pytest.approx(foretold(1.0))


def test_where_amounts_tell_nothing_it_is_what_follows_alone() -> None:
    """Each history once with a large and once with a small amount, and the same came of both."""
    both = PurchaseHistory.of([0, 2, 5, 0, 2, 5], [0, 90, 150, 0, 90, 150], [180] * 6)
    now = Known(np.arange(6), both, np.repeat([60.0, 6.0], 3), np.zeros((6, 2)))
    expected = MODEL.expected_purchases(both, 60)
    outcome = Outcome(expected, np.tile([0.0, 1.0, 3.0], 2), 60.0)
    ours, plain = AmountFollowed.fit(MODEL, [(now, outcome)], now), Followed.fit(MODEL, [outcome])
    assert (ours.level, ours.slope, ours.amount) == pytest.approx((plain.level, plain.slope, 0), abs=1e-8)
    assert ours.expected_purchases(now, 60) == pytest.approx(plain.expected_purchases(both, 60))


def test_it_survives_json() -> None:
    model = OwnRate()
    followed = AmountFollowed(model, -0.1, 0.9, 0.2, 35.0, 3.1)
    stored = json.loads(json.dumps(followed.to_json()))
    assert AmountFollowed.from_json(stored, model) == followed
    with pytest.raises(ModelError, match="kind 'amount_followed'"):
        AmountFollowed.from_json({**stored, "mean_amount": -1}, model)
