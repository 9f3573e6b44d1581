"""The basic features in pandas: filters, groupby and joins on whole tables in memory."""

from datetime import datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa

from tests.benchmarks.peers import BASIC, COUNTED_AS_ZERO, WINDOWS_DAYS


def features(data: Path, as_of: datetime) -> pa.Table:
    """The basic features of all customers."""
    day = pd.Timestamp(as_of).tz_localize(None)
    people = pd.read_parquet(data / "customers.parquet", columns=["customer_id", "acquired_at"])
    people = people[people.acquired_at < day][["customer_id"]].drop_duplicates().set_index("customer_id")
    columns = {**_of_orders(data, day), **_of_invoices(data, day)}
    for name in BASIC:
        people[name] = columns[name]
    people = people.fillna(dict.fromkeys(COUNTED_AS_ZERO, 0))
    return pa.Table.from_pandas(people.reset_index(), preserve_index=False)


def _of_orders(data: Path, day: pd.Timestamp) -> dict[str, pd.Series]:
    wanted = ["customer_id", "ordered_at", "amount", "margin", "discount"]
    lines = pd.read_parquet(data / "orders.parquet", columns=wanted)
    lines = lines[lines.ordered_at < day]
    lines["age"] = _days(day, lines.ordered_at)
    year = lines[lines.age <= 365]
    bought, returned = year[year.amount >= 0], year[year.amount < 0]
    discount = bought.groupby("customer_id").discount.sum()
    columns = {
        "margin_365d": year.groupby("customer_id").margin.sum(),
        "returned_amount_365d": -returned.groupby("customer_id").amount.sum(),
        "discount_share_365d": discount / (bought.groupby("customer_id").amount.sum() + discount),
    }
    visits = lines[lines.amount >= 0][["customer_id", "age"]].drop_duplicates().sort_values(["customer_id", "age"])
    visits["gap"] = visits.groupby("customer_id").age.shift(-1) - visits.age
    for days in WINDOWS_DAYS:
        columns[f"spend_{days}d"] = lines[lines.age <= days].groupby("customer_id").amount.sum()
        columns[f"purchase_days_{days}d"] = visits[visits.age <= days].groupby("customer_id").size()
    ages, gaps = visits.groupby("customer_id").age, visits.groupby("customer_id").gap
    return columns | {
        "days_since_last_purchase": ages.min(),
        "days_since_first_purchase": ages.max(),
        "gap_mean_days": gaps.mean(),
        "gap_longest_days": gaps.max(),
        "gap_variation": (gaps.std() / gaps.mean()).where(gaps.count() >= 3),
    }


def _of_invoices(data: Path, day: pd.Timestamp) -> dict[str, pd.Series]:
    payments = pd.read_parquet(data / "payments.parquet", columns=["invoice_id", "paid_at", "amount"])
    payments = (
        payments[payments.paid_at < day].groupby("invoice_id").agg(paid=("amount", "sum"), last=("paid_at", "max"))
    )
    wanted = ["invoice_id", "customer_id", "issued_at", "due_at", "amount"]
    bills = pd.read_parquet(data / "invoices.parquet", columns=wanted)
    bills = bills[bills.issued_at < day].join(payments, on="invoice_id")
    bills["age"] = _days(day, bills.issued_at)
    bills["overdue"] = _days(day, bills.due_at)
    bills["open"] = bills.amount - bills.paid.fillna(0)
    settled = bills[bills.open <= 0.005].copy()
    is_open = bills[bills.open > 0.005]
    settled["late"] = (settled["last"].dt.normalize() - settled.due_at.dt.normalize()).dt.days
    lately = settled[_days(day, settled["last"]) <= 365]
    late = pd.concat([settled.late, is_open.overdue]).clip(lower=0)
    year = bills[bills.age <= 365].assign(worst=late)
    return {
        "invoices_365d": year.groupby("customer_id").size(),
        "days_late_mean_365d": lately.groupby("customer_id").late.mean(),
        "days_late_worst_365d": year.groupby("customer_id").worst.max(),
        "open_balance": is_open.groupby("customer_id").open.sum(),
        "overdue_balance": is_open[is_open.overdue > 0].groupby("customer_id").open.sum(),
    }


def _days(day: pd.Timestamp, times: "pd.Series[pd.Timestamp]") -> "pd.Series[int]":
    return (day - times.dt.normalize()).dt.days
