from datetime import date

import numpy as np
import pytest

from features.errors import FactsError
from features.simulation.company import Company
from features.simulation.plan import Plan, month_starts, planned, quarter_starts
from features.simulation.simulate import simulate


def _plan(customers: int, **company: bool) -> Plan:
    return planned(3, customers, date(2025, 1, 1), date(2026, 1, 1), Company(customers_per_chunk=40, **company), ())


def test_month_starts_lie_after_the_start_up_to_the_end() -> None:
    assert month_starts(date(2025, 11, 1), date(2026, 2, 1)) == [date(2025, 12, 1), date(2026, 1, 1), date(2026, 2, 1)]
    assert month_starts(date(2025, 11, 15), date(2025, 12, 15)) == [date(2025, 12, 1)]


def test_quarter_starts_lie_after_the_start_up_to_the_end() -> None:
    assert quarter_starts(date(2025, 1, 1), date(2026, 1, 1)) == [
        date(2025, 4, 1),
        date(2025, 7, 1),
        date(2025, 10, 1),
        date(2026, 1, 1),
    ]


def test_chunks_share_out_all_customers() -> None:
    plan = _plan(100)
    numbers = [plan.numbers(chunk) for chunk in range(plan.chunks)]
    assert [len(part) for part in numbers] == [40, 40, 20]
    assert np.concatenate(numbers).tolist() == list(range(1, 101))


def test_campaigns_and_credit_bring_their_own_tables() -> None:
    plain, both = _plan(10).tables, _plan(10, with_campaigns=True, with_credit=True).tables
    assert set(both) - set(plain) == {"treatments", "truth/effects", "financials"}


def test_the_chance_of_chunks_and_of_their_parts_is_independent() -> None:
    draws = {rng.random() for chunk in range(3) for rng in _plan(100).generators(chunk)}
    assert len(draws) == 9


@pytest.mark.parametrize(("customers", "end"), [(0, date(2026, 1, 1)), (10, date(2025, 1, 1))])
def test_a_company_without_customers_or_time_is_refused(customers: int, end: date) -> None:
    with pytest.raises(FactsError, match=f"got {customers} customers from 2025-01-01") as refusal:
        simulate(1, customers, date(2025, 1, 1), end)
    assert str(customers) in refusal.value.text.zh


def test_a_seed_below_zero_is_refused() -> None:
    with pytest.raises(FactsError, match="0 or more; got -1"):
        simulate(-1, 10, date(2025, 1, 1), date(2026, 1, 1))
