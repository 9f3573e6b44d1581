"""What the company will bill, and the money of the weeks to come."""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from features.sources import open_facts
from tests.training.late_payment.companies import day, ledger
from training.late_payment.billing import Rhythm, billed_ahead, by_week, choose_rhythm
from training.late_payment.bills import bills
from training.late_payment.cash import CashSpread, actual_weeks, billing_at, from_new, from_open
from training.late_payment.curves import PaymentCurves
from training.late_payment.grid import EDGES

MONDAY = date(2024, 1, 1)


def test_a_company_that_bills_on_the_first_of_the_month_is_found_out() -> None:
    days = [MONDAY + timedelta(days=n) for n in range(400)]
    billed = np.array([1000.0 if one.day == 1 else 0.0 for one in days])
    rhythm = choose_rhythm(billed, MONDAY)
    ahead = billed_ahead(billed, MONDAY, 56, rhythm)
    came = [1000.0 if (MONDAY + timedelta(days=400 + n)).day == 1 else 0.0 for n in range(56)]
    assert rhythm.period_days == 0
    assert ahead.tolist() == came


def test_a_rhythm_of_thirty_days_repeats_itself() -> None:
    billed = np.tile(np.arange(30.0), 10)
    assert choose_rhythm(billed, MONDAY).period_days == 30
    assert billed_ahead(billed, MONDAY, 35, Rhythm(30, False)).tolist() == [*range(30), 0, 1, 2, 3, 4]


def test_weeks_are_sums_of_seven_days() -> None:
    assert by_week(np.arange(14.0)).tolist() == [21.0, 70.0]


def test_what_is_billed_comes_in_as_late_as_it_used_to(tmp_path: Path) -> None:
    """One bill of 100 a week, paid after ten days: in balance, 100 a week, and nothing of new bills before day ten."""
    rows = []
    for number in range(60):
        issued = MONDAY + timedelta(days=7 * number)
        paid = issued + timedelta(days=10)
        settled = f"{paid}" if paid < date(2025, 2, 24) else ""
        rows.append((f"I{number}", "A", f"{issued}", f"{issued + timedelta(days=14)}", 100.0, settled, "no"))
    as_of = day("2025-02-24")  # the 61st Monday
    with open_facts(ledger(tmp_path, rows)) as facts, bills(facts, as_of):
        new = from_new(billing_at(facts, as_of), 6)
        actual = actual_weeks(facts, [day("2024-06-03"), day("2025-02-17")], 2, as_of)
    assert new == pytest.approx([0, 100, 100, 100, 100, 100], abs=6)
    assert actual[0].tolist() == [100.0, 100.0]
    assert actual[1, 0] == 100.0
    assert np.isnan(actual[1, 1])  # that week is not over


def test_open_invoices_bring_in_what_their_curves_say() -> None:
    unpaid = np.clip((14 - EDGES) / 14, 0.2, 1)  # even over two weeks from the due day on; a fifth never pays
    curves = PaymentCurves(np.zeros(2), np.tile(-np.log(unpaid), (2, 1)))
    found = from_open(curves, np.array([100.0, 300.0]), 4)
    assert found[0] == pytest.approx(200, rel=0.02)
    assert found.sum() == pytest.approx(320)


def test_the_spread_of_weeks_is_that_of_past_forecasts() -> None:
    generator = np.random.default_rng(1)
    shared = generator.normal(0, 0.1, (40, 1))  # whole forecasts go wrong together
    forecast = np.full((40, 8), 1000.0)
    actual = forecast * np.exp(0.05 + shared + generator.normal(0, 0.1, (40, 8)))
    spread = CashSpread.fit(forecast, actual)
    assert np.mean(spread.spread) == pytest.approx(np.hypot(0.1, 0.1), rel=0.2)
    low, high = spread.interval(np.full(8, 1000.0))
    later = 1000 * np.exp(0.05 + generator.normal(0, 0.1, (4000, 1)) + generator.normal(0, 0.1, (4000, 8)))
    assert ((later >= low) & (later <= high)).mean() == pytest.approx(0.82, abs=0.06)


def test_without_back_tests_nothing_is_certain() -> None:
    low, high = CashSpread.fit(np.zeros((0, 8)), np.zeros((0, 8))).interval(np.full(8, 100.0))
    assert (high / low > 10).all()
