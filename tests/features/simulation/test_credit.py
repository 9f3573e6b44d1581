"""Credit quality and what the company makes of it, on hand-made customers and on a whole company."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from features.contracts import TABLES as CONTRACTS
from features.simulation.company import Company
from features.simulation.credit import review_days, standings, with_credit_quality
from features.simulation.payments import Invoices, Payments
from features.simulation.simulate import simulate
from tests.features.simulation.people import COMPANY, MONDAY, orders, plain_customers

START, END = date(2024, 7, 1), date(2026, 1, 1)
Tables = dict[str, pa.Table]


@pytest.fixture(scope="module")
def lending() -> Tables:
    return simulate(8, 4_000, START, END, Company(with_credit=True, further_line_share=0.0), cut_offs=())


@pytest.fixture(scope="module")
def truth(lending: Tables) -> pd.DataFrame:
    rows = lending["truth/customers"].to_pandas()
    rows["fifth"] = pd.qcut(rows.credit_quality, 5, labels=False)
    return rows


def test_customers_of_low_quality_get_into_trouble_sooner_and_pay_later() -> None:
    people = plain_customers(2_000, trouble_from=100.0)
    changed = with_credit_quality(np.random.default_rng(1), COMPANY, people)
    order = np.argsort(changed.credit_quality)
    begins = changed.time.trouble_from[order]
    assert (np.diff(begins) >= 0).all()
    assert (np.diff(changed.usual_late_days[order]) <= 0).all()
    assert (np.diff(changed.unpaid_factor[order]) <= 0).all()
    assert np.mean(100 / begins) == pytest.approx(1, abs=0.1)  # the mean rate of trouble stays
    assert changed.unpaid_factor.mean() == pytest.approx(1, abs=0.1)


def test_trouble_lasts_as_long_whatever_the_quality() -> None:
    people = plain_customers(50, trouble_from=100.0)
    people = replace(people, time=replace(people.time, trouble_until=np.full(50, 160.0)))
    changed = with_credit_quality(np.random.default_rng(1), COMPANY, people)
    np.testing.assert_allclose(changed.time.trouble_until - changed.time.trouble_from, 60)


def test_reviews_are_on_the_first_of_january_and_july_within_the_records() -> None:
    days = review_days(date(2025, 6, 1), 10, 579)
    assert days == [(day - date(2025, 6, 1)).days for day in (date(2025, 7, 1), date(2026, 1, 1), date(2026, 7, 1))]
    assert review_days(date(2025, 7, 1), 0, 184) == []  # neither the first day nor the end


def _standings(amount: float, paid_late_days: float) -> list[tuple[float, float, str, float]]:
    """What one customer has who buys for ``amount`` on day 100 and pays so late; the company begins on 5 January."""
    people = plain_customers(1, days=400)
    people = replace(
        people, order_value=np.array([300.0]), order_gap_days=np.array([25.0]), credit_limit=np.array([5e3])
    )
    bought = orders((0, 100.0, amount, 0.0))
    invoices = Invoices(np.array([0]), np.array([105.0]), np.array([120.0]), np.array([amount]), np.array([False]))
    payments = Payments(np.array([0]), np.array([120.0 + paid_late_days]), np.array([amount]))
    company = replace(COMPANY, further_line_share=0.0)
    held = standings(company, people, bought, invoices, payments, MONDAY, 300)
    return list(zip(held.from_day, held.until_day, held.tier, held.credit_limit, strict=True))


def test_a_review_raises_tier_and_limit_of_who_buys_more_and_pays_on_time() -> None:
    # 40,000 in 177 days are 82,486 a year, too little over the edge for strategic; 2,000 + 3 * 82,486 / 365 * (30 + 30)
    assert _standings(40_000, 0.0) == [(-100.0, 177.0, "general", 5_000.0), (177.0, np.inf, "key", 43_000.0)]


def test_a_review_cuts_the_limit_of_who_pays_late() -> None:
    [_, second] = _standings(40_000, 30.0)
    assert second[2:] == ("key", 17_500.0)
    [_, second] = _standings(40_000, 10.0)
    assert second[2:] == ("key", 32_500.0)


def test_a_review_that_would_change_little_changes_nothing() -> None:
    assert _standings(2_900, 0.0) == [(-100.0, np.inf, "general", 5_000.0)]


def test_the_customers_of_a_company_hold_one_tier_and_limit_at_any_time(lending: Tables) -> None:
    rows = lending["customers"].to_pandas()
    assert set(rows.tier) == {"potential", "general", "key", "strategic"}
    assert not rows.duplicated(["customer_id", "valid_from"]).any()
    following = rows.groupby("customer_id")
    last = following.cumcount(ascending=False) == 0
    assert rows.valid_to[last].isna().all()
    assert (rows.valid_to[~last] == rows.groupby("customer_id").valid_from.shift(-1)[~last]).all()
    assert (following.valid_from.first() == following.acquired_at.first().dt.normalize()).all()
    changes = rows[following.cumcount() > 0]
    assert set(changes.valid_from) <= {pd.Timestamp(day) for day in ("2025-01-01", "2025-07-01")}
    assert 0.2 < len(changes) / rows.customer_id.nunique() < 1.5
    assert set(lending["customers"].column_names) <= {column.name for column in CONTRACTS["customers"].columns}


def test_low_quality_shows_in_trouble_and_unpaid_invoices(lending: Tables, truth: pd.DataFrame) -> None:
    assert truth.credit_quality.mean() == pytest.approx(0, abs=0.06)
    trouble = truth.groupby("fifth").trouble_from.apply(lambda days: days.notna().mean())
    assert trouble.is_monotonic_decreasing
    assert trouble[0] > 2 * trouble[4]
    due = lending["invoices"].to_pandas().query("due_at < '2025-09-01'").merge(truth, on="customer_id")
    unpaid = (~due.invoice_id.isin(lending["payments"].to_pandas().invoice_id)).groupby(due.fifth).mean()
    assert unpaid[0] > 5 * unpaid[4]


def test_limits_fall_for_low_quality_though_the_company_cannot_see_it(lending: Tables, truth: pd.DataFrame) -> None:
    rows = lending["customers"].to_pandas().sort_values("valid_from").groupby("customer_id").credit_limit
    change = np.log(rows.last() / rows.first())
    by_fifth = change.groupby(truth.set_index("customer_id").fifth).mean()
    assert by_fifth[0] < by_fifth[4] - 0.05


def test_without_credit_everything_is_as_it_was() -> None:
    tables = simulate(8, 50, START, END, cut_offs=())
    assert "financials" not in tables
    assert {"tier", "valid_from", "valid_to"}.isdisjoint(tables["customers"].column_names)
    assert "credit_quality" not in tables["truth/customers"].column_names
    assert tables["customers"]["customer_id"].to_pandas().is_unique
