"""What the pictures of a purchase model show, done by hand, and that they are drawn."""

import numpy as np
import pytest

from features.text import Text
from training.evaluation.figures import LATIN_FONT, Brush
from training.evaluation.purchase_plots import (
    BY_REPEATS,
    REPEATS,
    after_figure,
    by_repeats,
    by_silence,
    frequencies,
    pictures,
    tracking,
)
from training.models.purchases.bg_nbd import BgNbd
from training.models.purchases.history import PurchaseHistory
from training.models.purchases.pareto_nbd import ParetoNbd
from training.models.purchases.purchase_days import PurchaseDays

MODEL = BgNbd(0.6, 40, 0.8, 2.5)
# from day 0: customer 0 on days 0, 3, 9 and 20; customer 1 on day 7 and 30; customer 2 comes after the cut-off
DAYS = PurchaseDays.of([0, 0, 0, 0, 1, 1, 2], [0, 3, 9, 20, 7, 30, 18], [1] * 7)


def test_tracking_counts_repeats_of_those_known_at_the_cutoff_week_by_week() -> None:
    told = tracking(MODEL, DAYS, last_day=13, horizon_days=21)
    assert told.weeks.tolist() == [1, 2, 3, 4]
    assert told.came.tolist() == [1, 2, 3, 3]  # until days 6, 13, 20 and 27
    assert told.cutoff_week == 2
    new = PurchaseHistory.of([0], [0], [0])
    ages = ([6], [13, 6], [20, 13], [27, 20])
    by_hand = [sum(MODEL.expected_purchases(new, float(age))[0] for age in week) for week in ages]
    assert told.expected == pytest.approx(by_hand)


@pytest.mark.parametrize("model", [MODEL, ParetoNbd(0.6, 40, 0.8, 250)], ids=lambda m: m.kind)
def test_frequencies_count_every_customer_once(model: BgNbd | ParetoNbd) -> None:
    history = PurchaseHistory.of([0, 0, 3, 9, 1], [0, 0, 50, 90, 20], [100, 100, 60, 120, 0.0 + 25])
    told = frequencies(model, history)
    assert told.labels == ("0", "1", "2", "3", "4", "5", "6", "7+")
    assert told.came.tolist() == [2, 1, 0, 1, 0, 0, 0, 1]
    assert told.expected.sum() == pytest.approx(5)
    new = PurchaseHistory.of([0], [0], [0])
    none = [model.probability_of_no_purchase(new, age)[0] for age in (100, 100, 60, 120, 25)]
    assert told.expected[0] == pytest.approx(sum(none), abs=1e-5)


def test_groups_after_the_cutoff_hold_means() -> None:
    history = PurchaseHistory.of([0, 0, 8, 30], [0, 0, 90, 95], [10, 100, 100, 100])
    expected, came = np.array([1.0, 2.0, 3.0, 5.0]), np.array([0.0, 1.0, 4.0, 8.0])
    told = by_repeats(history, expected, came)
    assert (told.labels, told.customers.tolist()) == (("0", "7+"), [2, 2])
    assert (told.expected.tolist(), told.came.tolist()) == ([1.5, 4], [0.5, 6])
    silent = by_silence(history, expected, came)
    assert (silent.labels, silent.customers.tolist()) == (("0–13", "91–139"), [3, 1])
    assert silent.came.tolist() == [4, 1]


def test_axes_say_what_is_counted_and_for_how_long() -> None:
    history = PurchaseHistory.of([0, 2], [0, 9], [10, 100])
    told = by_repeats(history, np.array([1.0, 2.0]), np.array([1.0, 3.0]))
    figure = after_figure(told, 90.0, BY_REPEATS, REPEATS, Brush("en", None))
    above, below = figure.axes
    assert above.get_ylabel() == "mean purchases within 90 days"
    assert [label.get_text() for label in below.get_xticklabels()] == ["0", "2"]
    assert LATIN_FONT in Brush("en", None).font["family"]
    assert isinstance(BY_REPEATS, Text)


def test_four_pictures_are_drawn_the_same_each_time() -> None:
    first, again = (pictures(MODEL, DAYS, 13, 21) for _ in range(2))
    assert {name for name, _ in first} == {
        "purchases_tracking",
        "purchases_frequencies",
        "purchases_after_by_repeats",
        "purchases_after_by_silence",
    }
    assert all(picture.startswith(b"\x89PNG") for picture in first.values())
    assert first == again
