"""The grid around the due day, curves on it, and how they are held against what came true."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.late_payment.calibration import GROUPS, SHARES, LateCalibrators, Levels, groups_of
from training.late_payment.curves import PaymentCurves
from training.late_payment.grid import EDGES, Outcomes, periods_of


def outcome(entry: float, paid: float, followed: float) -> Outcomes:
    return Outcomes(np.array([entry]), np.array([paid]), np.array([followed]))


def even_curves(entry: float, last: float, rows: int) -> PaymentCurves:
    """Payments fall evenly between two edges of the grid."""
    unpaid = np.clip((last - EDGES) / (last - entry), 1e-9, 1)
    return PaymentCurves(np.full(rows, entry), np.tile(-np.log(unpaid), (rows, 1)))


def test_an_invoice_is_seen_in_each_interval_until_it_is_paid() -> None:
    periods = periods_of(outcome(entry=-2, paid=1, followed=30))
    assert EDGES[periods.interval].tolist() == [-2, -1, 0, 1]
    assert periods.paid.tolist() == [0, 0, 0, 1]


def test_an_invoice_that_is_open_at_the_end_was_seen_in_whole_intervals_only() -> None:
    periods = periods_of(outcome(entry=-1, paid=np.inf, followed=11))
    assert EDGES[periods.interval].tolist() == [-1, 0, 1, 2, 3, 4, 5, 6, 8]  # 10 to 12 is half seen
    assert not periods.paid.any()


def test_a_payment_in_a_half_seen_interval_does_not_count_either() -> None:
    periods = periods_of(outcome(entry=-1, paid=10, followed=11))
    assert EDGES[periods.interval].max() == 8
    assert not periods.paid.any()


def test_an_invoice_enters_in_the_middle_of_an_interval() -> None:
    periods = periods_of(outcome(entry=13, paid=15, followed=60))
    assert EDGES[periods.interval].tolist() == [12, 14]


def test_lateness_is_known_once_the_due_day_is_over() -> None:
    rows = Outcomes(np.array([-5.0, -5, -5, 3]), np.array([-2.0, 0, np.inf, np.inf]), np.array([0.0, 1, 40, 40]))
    is_late, known = rows.later_than(1)
    assert is_late.tolist() == [0, 0, 1, 1]
    assert known.tolist() == [False, True, True, False]  # paid early, but others like it are not over; late already


def test_curves_give_back_what_they_were_made_of() -> None:
    curves = even_curves(entry=-10, last=10, rows=1)
    assert curves.unpaid(-10)[0] == pytest.approx(1)
    assert curves.unpaid(0)[0] == pytest.approx(0.5)
    assert curves.days_until(0.5)[0] == pytest.approx(0)
    assert curves.days_until(0.25)[0] == pytest.approx(-5)


def test_what_may_never_be_paid_has_no_day() -> None:
    unpaid = np.where(EDGES <= 0, 1.0, 0.6)
    curves = PaymentCurves(np.array([-5.0]), -np.log(unpaid)[None])
    assert np.isnan(curves.days_until(0.5))[0]
    assert curves.unpaid(1000)[0] == pytest.approx(0.6)


@given(st.integers(-300, 300), st.floats(0.01, 0.95), st.integers(0, 10_000))
def test_days_and_probabilities_are_inverse_to_each_other(entry: int, share: float, seed: int) -> None:
    rise = np.random.default_rng(seed).gamma(1, 0.2, len(EDGES)) * (entry < EDGES)
    curves = PaymentCurves(np.array([entry], dtype=float), np.cumsum(rise)[None])
    day = curves.days_until(share)
    if np.isfinite(day[0]):
        assert day[0] >= entry
        assert curves.unpaid(day)[0] == pytest.approx(1 - share, abs=1e-6)
    else:
        assert curves.unpaid(EDGES[-1])[0] > 1 - share


def settled_rows(rows: int) -> pd.DataFrame:
    return pd.DataFrame(
        {"past_due_days": -10, "age_days": 20, "settled_count": 5, "customer_id": np.arange(rows).astype(str)},
        index=range(rows),
    )


def test_an_interval_that_was_too_wide_is_narrowed_until_it_holds_four_in_five() -> None:
    generator = np.random.default_rng(1)
    curves = even_curves(entry=-25, last=26, rows=4_000)
    paid = np.floor(generator.uniform(-12, 13, 4_000))  # the curves say -25 to 26
    outcomes = Outcomes(curves.entry, paid, np.full(4_000, 60.0))
    groups = groups_of(settled_rows(4_000))
    levels = Levels.fit(curves, outcomes, groups)
    early, middle, late = levels.days(curves, groups)
    assert ((paid >= early) & (paid <= late)).mean() == pytest.approx(0.8, abs=0.04)
    assert middle[0] == pytest.approx(0, abs=1)
    assert late[0] - early[0] < 0.8 * 51 / 2 + 1


def test_invoices_that_are_still_open_move_the_levels_as_if_they_had_been_paid_later() -> None:
    generator = np.random.default_rng(2)
    hazard = 0.05 * np.maximum(EDGES + 25, 0)
    curves = PaymentCurves(np.full(6_000, -25.0), np.tile(hazard, (6_000, 1)))
    paid = np.floor(curves.days_until(generator.random(6_000)))
    followed = generator.uniform(-5, 90, 6_000).round()
    cut = Outcomes(curves.entry, np.where(paid < followed, paid, np.inf), followed)
    levels = Levels.fit(curves, cut, groups_of(settled_rows(6_000)))
    assert levels.of["open"] == pytest.approx(SHARES, abs=0.03)


def test_without_payments_enough_curves_are_taken_at_their_word() -> None:
    curves = even_curves(entry=-25, last=26, rows=20)
    outcomes = Outcomes(curves.entry, np.zeros(20), np.full(20, 60.0))
    levels = Levels.fit(curves, outcomes, groups_of(settled_rows(20)))
    assert levels.of == dict.fromkeys(GROUPS, SHARES)


def test_late_probabilities_are_calibrated_and_what_is_late_is_late() -> None:
    generator = np.random.default_rng(3)
    curves = even_curves(entry=-25, last=26, rows=3_000)  # half late, as they say
    paid = np.where(generator.random(3_000) < 0.2, 10.0, -10.0)  # but a fifth is
    rows = settled_rows(3_000)
    groups = groups_of(rows)
    calibrators = LateCalibrators.fit(curves, Outcomes(curves.entry, paid, np.full(3_000, 60.0)), rows, groups, seed=1)
    late, late_30 = calibrators.probabilities(curves, groups)
    assert late.mean() == pytest.approx(0.2, abs=0.02)
    assert (late_30 <= late).all()
    overdue = PaymentCurves(np.array([5.0]), curves.cumulative_hazard[:1] * 0)
    assert calibrators.probabilities(overdue, np.array([2]))[0].tolist() == [1.0]
