from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from features.contracts import TABLES as CONTRACTS
from features.simulation.company import Company
from features.simulation.plan import CAMPAIGN_TABLES, CREDIT_TABLES, TABLES
from features.simulation.simulate import simulate
from tests.features.simulation.conftest import END, START

FACTS = [name for name in TABLES if not name.startswith("truth/")]
SMALL = Company(customers_per_chunk=40)


def test_the_same_seed_gives_the_same_company_and_another_seed_another() -> None:
    company = Company(with_campaigns=True, with_credit=True)
    first, again, other = (simulate(seed, 60, date(2025, 1, 1), date(2026, 1, 1), company) for seed in (3, 3, 4))
    assert set(first) == {*TABLES, *CAMPAIGN_TABLES, *CREDIT_TABLES}
    for name in first:
        assert first[name].equals(again[name])
        assert not first[name].equals(other[name])


@pytest.mark.parametrize("company", [SMALL, replace(SMALL, with_campaigns=True, with_credit=True)])
def test_full_chunks_are_the_same_whatever_the_number_of_customers(company: Company) -> None:
    few, many = (simulate(3, customers, date(2025, 1, 1), date(2026, 1, 1), company) for customers in (80, 100))
    for name in few:
        assert few[name].num_rows < many[name].num_rows
        assert many[name].slice(0, few[name].num_rows).equals(few[name])


def test_customers_of_different_chunks_differ() -> None:
    orders = simulate(3, 80, date(2025, 1, 1), date(2026, 1, 1), SMALL)["orders"].to_pandas()
    number = orders.customer_id.str[1:].astype(int)
    assert not set(orders.ordered_at[number <= 40]) & set(orders.ordered_at[number > 40])


def test_the_company_of_a_seed_is_the_same_as_ever(company: dict[str, pa.Table]) -> None:
    """Whoever measured on a simulated company can come back to it; another version of numpy may draw another one."""
    rows = {name: company[name].num_rows for name in FACTS}
    assert rows == {"customers": 1200, "orders": 51563, "invoices": 13617, "payments": 13265, "interactions": 17176}
    sums = [round(pc.sum(company[name]["amount"]).as_py(), 2) for name in ("orders", "payments")]
    assert sums == [49_694_504.44, 46_571_726.34]
    assert company["truth/customers"]["left_at"].null_count == 842


@pytest.mark.parametrize("name", FACTS)
def test_tables_have_columns_of_their_contract(company: dict[str, pa.Table], name: str) -> None:
    contract = CONTRACTS[name]
    assert set(company[name].column_names) <= {column.name for column in contract.columns}
    assert set(company[name].column_names) >= set(contract.required)


@pytest.mark.parametrize("name", FACTS)
def test_nothing_after_the_end_is_on_record(company: dict[str, pa.Table], name: str) -> None:
    for field in company[name].schema:
        if pa.types.is_timestamp(field.type) and field.name not in ("due_at", "promised_at"):
            assert company[name][field.name].drop_null().to_pandas().max() < pd.Timestamp(END)


def test_records_begin_at_the_start_though_customers_may_be_older(company: dict[str, pa.Table]) -> None:
    assert company["orders"]["ordered_at"].to_pandas().min() >= pd.Timestamp(START)
    assert company["invoices"]["issued_at"].to_pandas().min() >= pd.Timestamp(START)
    assert company["interactions"]["at"].to_pandas().min() >= pd.Timestamp(START)
    assert company["customers"]["acquired_at"].to_pandas().min() < pd.Timestamp(START)


def test_nobody_orders_after_leaving(company: dict[str, pa.Table]) -> None:
    orders = company["orders"].to_pandas().merge(company["truth/customers"].to_pandas(), on="customer_id")
    left = orders[orders.left_at.notna()]
    assert len(left) > 1_000
    assert (left.ordered_at < left.left_at).all()


def test_nobody_orders_before_being_acquired_or_at_weekends(company: dict[str, pa.Table]) -> None:
    orders = company["orders"].to_pandas()
    orders = orders[orders.amount > 0].merge(company["customers"].to_pandas(), on="customer_id")
    assert (orders.ordered_at >= orders.acquired_at).all()
    assert (orders.ordered_at.dt.day_of_week < 5).all()


def test_ids_are_unique_and_lines_of_an_order_share_one(company: dict[str, pa.Table]) -> None:
    assert company["customers"]["customer_id"].to_pandas().is_unique
    assert company["invoices"]["invoice_id"].to_pandas().is_unique
    times = company["orders"].to_pandas().groupby("order_id").ordered_at.agg(["nunique", "size"])
    assert (times["nunique"] == 1).all()
    assert 1.5 < times["size"].mean() < 2.5


def test_money_comes_after_the_invoice_and_never_more_than_it(company: dict[str, pa.Table]) -> None:
    payments = company["payments"].to_pandas().merge(company["invoices"].to_pandas(), on="invoice_id")
    assert (payments.customer_id_x == payments.customer_id_y).all()
    assert (payments.paid_at > payments.issued_at).all()
    paid = payments.groupby("invoice_id").agg(
        paid=("amount_x", "sum"), owed=("amount_y", "first"), parts=("paid_at", "size")
    )
    assert (paid.paid <= paid.owed + 0.005).all()
    assert (paid.parts == 2).mean() > 0.02


def test_most_invoices_are_paid_some_late_and_a_few_never(company: dict[str, pa.Table]) -> None:
    old = company["invoices"].to_pandas().query("due_at < '2026-01-01'")
    payments = company["payments"].to_pandas().merge(old, on="invoice_id")
    assert 0.93 < old.invoice_id.isin(payments.invoice_id).mean() < 0.995
    assert 0.15 < (payments.paid_at > payments.due_at + pd.Timedelta(days=3)).mean() < 0.5


def test_payment_gets_slower_in_the_months_before_a_customer_in_trouble_leaves(company: dict[str, pa.Table]) -> None:
    truth = company["truth/customers"].to_pandas()
    truth = truth[truth.left_at.notna() & (truth.left_at > truth.trouble_from) & (truth.left_at < truth.trouble_until)]
    payments = company["payments"].to_pandas().merge(company["invoices"].to_pandas(), on="invoice_id")
    payments = payments.merge(truth, left_on="customer_id_x", right_on="customer_id")
    late = (payments.paid_at - payments.due_at).dt.days
    before = (payments.left_at - payments.paid_at).dt.days
    assert late[(before > 0) & (before <= 60)].mean() > late[before > 300].mean() + 10


def test_surveys_score_and_complaints_close(company: dict[str, pa.Table]) -> None:
    interactions = company["interactions"].to_pandas()
    assert set(interactions.kind) == {"complaint", "visit", "call", "inquiry", "request", "survey"}
    surveys, complaints = (interactions[interactions.kind == kind] for kind in ("survey", "complaint"))
    assert surveys.score.between(0, 10).all()
    assert interactions.score[interactions.kind != "survey"].isna().all()
    assert complaints.severity.between(1, 5).all()
    assert (complaints.closed_at.dropna() > complaints["at"][complaints.closed_at.notna()]).all()
    assert 0 < complaints.closed_at.isna().mean() < 0.2


def test_deliveries_follow_orders_and_some_are_late(company: dict[str, pa.Table]) -> None:
    orders = company["orders"].to_pandas()
    delivered = orders[orders.delivered_at.notna()]
    assert (delivered.delivered_at > delivered.ordered_at).all()
    assert 0.05 < (delivered.delivered_at > delivered.promised_at).mean() < 0.2
    assert orders.delivered_at[orders.amount < 0].isna().all()


def test_one_customer_makes_a_company() -> None:
    tables = simulate(1, 1, date(2025, 1, 1), date(2025, 3, 1))
    assert tables["truth/customers"].num_rows == 1
    assert np.isin(tables["orders"]["customer_id"].to_numpy(), ["C0000001"]).all()
