"""Purchase days as of any day, following, the residual, and the choice between them out of time."""

import doctest
import json

import numpy as np
import pytest
from numpy.typing import NDArray

from features.errors import FactsError, ModelError, NotEnoughDataError
from tests.training.models.purchases.customers import HAND_PICKED
from training.models.purchases import purchase_days
from training.models.purchases.bg_nbd import BgNbd
from training.models.purchases.choice import Fits, choose, errors_of
from training.models.purchases.followed import Followed, Outcome, bought_so_much_more
from training.models.purchases.naive import OwnRate
from training.models.purchases.purchase_days import PurchaseDays
from training.models.purchases.residual import Residual

Floats = NDArray[np.float64]

# customer 0 buys on days 10 (twice), 40 and 130, customer 1 on day 100, customer 2 on day 120
DAYS = PurchaseDays.of([0, 2, 0, 1, 0, 0], [10, 120, 40, 100, 10.6, 130], [5, 50, 20, 30, 7, 8])


def test_purchases_of_one_day_are_one_purchase_day() -> None:
    assert DAYS.customer.tolist() == [0, 0, 0, 1, 2]
    assert DAYS.day.tolist() == [10, 40, 130, 100, 120]
    assert DAYS.amount.tolist() == [12, 20, 8, 30, 50]


def test_nothing_after_a_day_is_known_on_it() -> None:
    known = DAYS.known(110)
    assert known.customers.tolist() == [0, 1]
    assert known.history.repeat_purchases.tolist() == [1, 0]
    assert known.history.first_to_last_days.tolist() == [30, 0]
    assert known.history.age_days.tolist() == [100, 10]
    assert known.mean_amount.tolist() == [16, 30]
    assert known.recent_purchases.tolist() == [[0, 1], [1, 1]]  # days 83 to 110, and 20 to 110
    assert DAYS.purchases(110, 130).tolist() == [1, 0, 1]
    assert DAYS.purchases(110, 129).tolist() == [0, 0, 1]


def test_purchases_with_gaps_and_a_day_before_all_purchases_are_refused() -> None:
    with pytest.raises(FactsError, match="three columns of equal length"):
        PurchaseDays.of([0, 1], [3, np.nan], [1, 1])
    with pytest.raises(FactsError, match="number of the customer"):
        PurchaseDays.of([0, -1], [3, 4], [1, 1])
    with pytest.raises(NotEnoughDataError, match="Nobody had bought by the end of day 9"):
        DAYS.known(9)


def test_half_of_what_a_model_was_off_is_made_good() -> None:
    model, expected = OwnRate(), np.array([0.5, 1.0, 2.0, 4.0])
    doubled = Followed.fit(model, [Outcome(expected, 2 * expected, 100.0)])
    assert (doubled.level, doubled.slope) == pytest.approx((np.log(2) / 2, 1))
    assert doubled.expected_purchases(HAND_PICKED, 50) == pytest.approx(
        np.sqrt(2) * OwnRate().expected_purchases(HAND_PICKED, 50), abs=1e-9
    )
    steeper = Followed.fit(model, [Outcome(expected, expected**1.5, 1.0)], step=1.0)
    assert (steeper.level, steeper.slope) == pytest.approx((0, 1.5))


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome(np.array([1.0, 2.0]), np.zeros(2), 10.0),
        Outcome(np.array([1.0, 1.0]), np.array([3.0, 4.0]), 10.0),
    ],
)
def test_a_model_stays_as_it_is_where_outcomes_tell_no_line(outcome: Outcome) -> None:
    followed = Followed.fit(OwnRate(), [outcome])
    assert (followed.level, followed.slope) == (0, 1)


def test_who_buys_twice_as_often_while_alive_is_silent_with_the_squared_probability() -> None:
    # of 0.8 who are alive half buy nothing: 0.2 + 0.8 · 0.5 = 0.6, and 0.2 + 0.8 · 0.25 = 0.4
    assert bought_so_much_more(np.array([0.6]), np.array([0.8]), np.array([2.0])) == pytest.approx([0.4])
    assert bought_so_much_more(np.array([1.0]), np.array([0.0]), np.array([2.0])) == pytest.approx([1.0])


def test_following_changes_neither_who_is_alive_nor_the_bounds_of_silence() -> None:
    model = BgNbd(0.6, 40, 0.8, 2.5)
    followed = Followed(model, level=0.4, slope=0.9)
    alive = model.probability_alive(HAND_PICKED)
    none = followed.probability_of_no_purchase(HAND_PICKED, 90)
    assert Followed.from_json(json.loads(json.dumps(followed.to_json())), model) == followed
    with pytest.raises(ModelError, match="kind 'followed'"):
        Followed.from_json({"kind": "followed", "level": "much", "slope": 1}, model)
    assert followed.probability_alive(HAND_PICKED).tolist() == alive.tolist()
    assert ((none >= 1 - alive - 1e-12) & (none <= 1)).all()
    assert followed.expected_purchases(HAND_PICKED, 0) == pytest.approx(np.zeros(len(HAND_PICKED)))


def company(customers: int, seed: int, growth: float = 1.0) -> PurchaseDays:
    """Customers who began in the first 60 of 400 days, buy at own rates and leave at own times.

    Each 50 days who spends much buys ``growth`` times as often, and who spends little so much less often.
    """
    generator = np.random.default_rng(seed)
    first = generator.integers(0, 60, customers)
    rate, left = generator.gamma(0.8, 1 / 30, customers), first + generator.exponential(400, customers)
    rich = np.arange(customers) % 2 == 0
    who, when = [np.arange(customers)], [first.astype(np.float64)]
    for begin in range(0, 400, 50):
        factor = np.where(rich, growth, 1 / growth) ** (begin / 50)
        start, stop = np.maximum(first + 1, begin), np.clip(left, None, begin + 50)
        buyer = np.repeat(np.arange(customers), generator.poisson(rate * factor * np.maximum(stop - start, 0)))
        who.append(buyer)
        when.append(start[buyer] + generator.random(len(buyer)) * (stop - start)[buyer])
    buyers = np.concatenate(who)
    return PurchaseDays.of(buyers, np.concatenate(when), np.where(rich[buyers], 90.0, 10.0))


def test_the_choice_looks_at_nothing_after_the_last_day() -> None:
    days = company(300, seed=1)
    until = days.day <= 300
    cut = PurchaseDays(days.customer[until], days.day[until], days.amount[until], days.customers)
    whole, known = choose(Fits(days), 300, 90), choose(Fits(cut), 300, 90)
    assert whole.chosen == known.chosen
    assert whole.errors == known.errors
    now = days.known(300)
    assert whole.forecast.expected_purchases(now, 90).tolist() == known.forecast.expected_purchases(now, 90).tolist()


def test_a_model_that_holds_is_chosen_without_trees_and_beats_the_naive_ones_later() -> None:
    days = company(500, seed=2)
    choice = choose(Fits(days), 300, 90)
    assert choice.judged_days == 90
    assert "residual" not in choice.chosen
    known, came = days.known(300), days.purchases(300, 390)
    ours = errors_of(choice.forecast.expected_purchases(known, 90), came[known.customers])
    own = errors_of(OwnRate().expected_purchases(known.history, 90), came[known.customers])
    assert ours.rmse < own.rmse
    assert ours.deviance < own.deviance
    assert abs(ours.total_error) < abs(own.total_error)
    assert choice.errors["own_rate"].deviance > choice.errors[choice.chosen].deviance


def test_trees_are_taken_where_something_beside_the_history_tells_much() -> None:
    days = company(600, seed=3, growth=1.3)
    choice = choose(Fits(days), 300, 90)
    assert choice.chosen.endswith("_residual")
    base = choice.chosen.removesuffix("_residual")
    assert choice.errors[choice.chosen].deviance < choice.errors[base].deviance
    known = days.known(300)
    trees = choice.forecast
    assert isinstance(trees, Residual)
    came = days.purchases(300, 390)[known.customers]
    later, alone = (
        errors_of(what, came)
        for what in (trees.expected_purchases(known, 90), trees.model.expected_purchases(known.history, 90))
    )
    assert later.rmse < alone.rmse
    again = Residual.from_json(json.loads(json.dumps(trees.to_json())), trees.model)
    assert again.expected_purchases(known, 90).tolist() == trees.expected_purchases(known, 90).tolist()


def test_only_the_customers_asked_for_are_judged() -> None:
    days = company(300, seed=4)
    few = choose(Fits(days), 300, 90, among=np.arange(0, 300, 3))
    some = days.purchases(210, 300)[::3]
    assert few.errors["nobody_returns"].mae == pytest.approx(some.mean())


def test_a_company_where_nobody_bought_lately_cannot_be_judged() -> None:
    with pytest.raises(NotEnoughDataError, match="bought again in the last 30 days"):
        choose(Fits(DAYS), 500, 30)


def test_a_company_whose_customers_came_back_only_lately_gets_a_model_that_follows_nothing() -> None:
    customers = np.arange(60)
    again = [customers[:30], customers[:20]]  # first bought on day 0 to 19, again on day 200, and some on day 280
    days = PurchaseDays.of(
        np.concatenate([customers, *again]),
        np.repeat([0, 200, 280], [60, 30, 20]) + np.r_[customers % 20, [0] * 50],
        [1] * 110,
    )
    choice = choose(Fits(days), 300, 90)
    assert choice.chosen in ("bg_nbd", "mbg_nbd", "pareto_nbd")
    assert not any("residual" in name for name in choice.errors)
    assert choice.errors["bg_nbd_followed"] == choice.errors["bg_nbd"]


def test_errors_of_a_forecast_done_by_hand() -> None:
    errors = errors_of(np.array([0.5, 1.0, 2.5]), np.array([0.0, 2.0, 2.0]))
    assert errors.total_error == 0
    assert errors.mae == pytest.approx(2 / 3)
    assert errors.rmse == pytest.approx(np.sqrt(1.5 / 3))
    assert errors.auc == 1
    assert errors.deviance == pytest.approx(2 * (0.5 + (2 * np.log(2) - 1) + (2 * np.log(0.8) + 0.5)) / 3)


def test_the_examples_of_the_docstrings_run() -> None:
    assert doctest.testmod(purchase_days).attempted
    assert not doctest.testmod(purchase_days).failed
