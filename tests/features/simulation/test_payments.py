from dataclasses import replace

import numpy as np
import pytest

from features.simulation.company import Company
from features.simulation.payments import Invoices, draw_invoices, draw_payments
from tests.features.simulation.people import COMPANY, complaints, orders, plain_customers

EXACT = replace(
    COMPANY, late_noise_days=0.0, dispute_share=0.0, unpaid_share=0.0, unpaid_share_in_trouble=0.0, partial_share=0.0
)
NEVER = np.array([np.inf])


def _rng() -> np.random.Generator:
    return np.random.default_rng(1)


def _invoice(due_day: float, amount: float = 100.0) -> Invoices:
    return Invoices(np.array([0]), np.array([due_day - 30]), np.array([due_day]), np.array([amount]), np.array([False]))


def test_an_invoice_sums_a_billing_cycle_net_of_returns() -> None:
    bought = orders((0, 3.5, 100.0, 0.0), (0, 10.5, 50.0, 0.0), (0, 20.0, -30.0, 0.0), (0, 35.5, 80.0, 0.0))
    invoices = draw_invoices(_rng(), EXACT, plain_customers(1), bought, complaints(), 90)
    assert invoices.issued_day.tolist() == [30, 60]
    assert invoices.due_day.tolist() == [60, 90]
    assert invoices.amount.tolist() == [120, 80]


def test_a_cycle_of_returns_alone_and_one_not_yet_over_have_no_invoice() -> None:
    bought = orders((0, 3.5, -100.0, 0.0), (0, 65.5, 50.0, 0.0))
    assert len(draw_invoices(_rng(), EXACT, plain_customers(1), bought, complaints(), 90)) == 0


@pytest.mark.parametrize(("due_day", "paid_day"), [(60, 60), (61, 63), (62, 63), (63, 63)])  # the first is a Friday
def test_a_punctual_customer_pays_on_the_day_or_on_the_next_working_day(due_day: int, paid_day: int) -> None:
    payments = draw_payments(_rng(), EXACT, plain_customers(1), NEVER, _invoice(float(due_day)))
    assert payments.paid_day.tolist() == [paid_day]
    assert payments.amount.tolist() == [100]


def test_a_customer_in_trouble_pays_later_and_later() -> None:
    company = replace(EXACT, trouble_late_at_once_days=7.0, trouble_late_per_day_days=0.5, trouble_late_max_days=30.0)
    people = plain_customers(1, trouble_from=70.0)
    late = [
        draw_payments(_rng(), company, people, NEVER, _invoice(due)).paid_day[0] - due
        for due in (63.0, 70.0, 84.0, 210.0)
    ]
    assert late == [0, 7, 14, 30]


def test_two_parts_make_the_whole_unless_the_second_is_forgotten() -> None:
    company = replace(EXACT, partial_share=1.0)
    sums = set()
    for seed in range(40):
        paid = draw_payments(np.random.default_rng(seed), company, plain_customers(1), NEVER, _invoice(63.0, 99.99))
        sums.add(round(paid.amount.sum(), 2) == 99.99)
        assert paid.amount.sum() <= 99.99 + 1e-9
        assert (np.diff(paid.paid_day) > 0).all()
    assert sums == {True, False}


def test_who_is_in_trouble_and_gone_often_never_pays() -> None:
    people = plain_customers(1, trouble_from=10.0)
    left = np.array([40.0])
    company = replace(Company(), unpaid_share_after_leaving_in_trouble=1.0)
    assert len(draw_payments(_rng(), company, people, left, _invoice(63.0)).amount) == 0
