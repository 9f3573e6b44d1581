import numpy as np
import pytest

from features.simulation.actions import (
    ACTIONS,
    Situation,
    call_effect,
    price_senses,
    terms_effect,
    visit_effect,
    voucher_effect,
)
from tests.features.simulation.people import plain_customers


def _at(**changes: object) -> Situation:
    """A medium customer with nothing on its mind who buys every ten days; with changes."""
    plain = {
        "grudge": 0.0,
        "late_weeks": 0.0,
        "in_trouble": False,
        "trouble_days": 0.0,
        "order_gap_days": 10.0,
        "size": "medium",
        "years": 4.0,
        "usual_late_days": 0.0,
        "price_sense": 0.2,
    }
    values = {**plain, **changes}
    columns = {k: np.array([v], dtype=object if isinstance(v, str) else None) for k, v in values.items()}
    return Situation(**columns)  # type: ignore[arg-type]


def test_a_call_keeps_who_has_a_grievance_more_than_who_has_none() -> None:
    assert call_effect(_at()).tolist() == [-0.6]
    assert call_effect(_at(grudge=1.0))[0] == pytest.approx(-1.8)
    assert call_effect(_at(late_weeks=1.5))[0] == pytest.approx(-1.2)


def test_a_call_wakes_sleeping_dogs_and_does_little_in_trouble() -> None:
    assert call_effect(_at(order_gap_days=60.0)).tolist() == [0.8]
    assert call_effect(_at(order_gap_days=60.0, grudge=1.0))[0] < 0
    assert call_effect(_at(in_trouble=True))[0] == pytest.approx(-0.06)


def test_a_visit_moves_large_customers_of_long_standing_most_and_annoys_small_ones() -> None:
    assert visit_effect(_at(size="large")).tolist() == [-1.4]
    assert visit_effect(_at(size="large", years=0.0))[0] == pytest.approx(-0.98)
    assert visit_effect(_at()).tolist() == [-0.7]
    assert visit_effect(_at(size="small")).tolist() == [0.3]


def test_a_voucher_moves_who_looks_at_prices_and_insults_who_waits_for_an_answer() -> None:
    assert voucher_effect(_at(price_sense=0.5)).tolist() == [-0.9]
    assert voucher_effect(_at(price_sense=0.0, grudge=1.5)).tolist() == [1.0]


def test_terms_rescue_who_is_newly_in_trouble_and_hardly_who_has_been_for_long() -> None:
    assert terms_effect(_at(in_trouble=True, trouble_days=30.0)).tolist() == [-2.0]
    assert terms_effect(_at(in_trouble=True, trouble_days=200.0)).tolist() == [-0.4]
    assert terms_effect(_at(usual_late_days=5.0)).tolist() == [-0.5]
    assert terms_effect(_at()).tolist() == [0.2]


def test_small_customers_and_cheap_trades_look_more_at_prices() -> None:
    people = plain_customers(4_000)
    sense = price_senses(np.random.default_rng(1), people)
    cheap = np.isin(people.industry.astype(str), ["building trade", "furniture"])
    small = people.size == "small"
    assert ((sense >= 0) & (sense <= 1)).all()
    assert sense[cheap & small].mean() == pytest.approx(sense[~cheap & ~small].mean() + 0.4, abs=0.04)


def test_actions_have_the_names_of_the_default_playbook() -> None:
    assert [action.name for action in ACTIONS] == ["personal_call", "visit", "small_voucher", "flexible_terms"]
    assert all(0 < share < 1 for action in ACTIONS for share in action.treated_share)
