"""The basic features in polars: one lazy query over the files, run by its streaming engine."""

from datetime import date, datetime
from pathlib import Path

import polars as pl
import pyarrow as pa

from tests.benchmarks.peers import BASIC, COUNTED_AS_ZERO, WINDOWS_DAYS


def features(data: Path, as_of: datetime) -> pa.Table:
    """The basic features of all customers."""
    moment = pl.lit(as_of.replace(tzinfo=None))
    people = pl.scan_parquet(data / "customers.parquet").filter(pl.col("acquired_at") < moment)
    people = people.select("customer_id").unique()
    lines = pl.scan_parquet(data / "orders.parquet").filter(pl.col("ordered_at") < moment)
    lines = lines.with_columns(age=_days(as_of.date(), "ordered_at"))
    for part in (_spend(lines), _rhythm(lines), _payment(data, as_of)):
        people = people.join(part, on="customer_id", how="left")
    zero = [pl.col(name).fill_null(0) for name in COUNTED_AS_ZERO]
    return people.with_columns(zero).select("customer_id", *BASIC).collect(engine="streaming").to_arrow()


def _spend(lines: pl.LazyFrame) -> pl.LazyFrame:
    age, amount = pl.col("age"), pl.col("amount")
    year, bought = age <= 365, (age <= 365) & (amount >= 0)
    discount = pl.col("discount").filter(bought).sum()
    listed = amount.filter(bought).sum() + discount
    return lines.group_by("customer_id").agg(
        *(amount.filter(age <= days).sum().alias(f"spend_{days}d") for days in WINDOWS_DAYS),
        pl.col("margin").filter(year).sum().alias("margin_365d"),
        (-amount.filter(year & (amount < 0)).sum()).alias("returned_amount_365d"),
        pl.when(listed > 0).then(discount / listed).alias("discount_share_365d"),
    )


def _rhythm(lines: pl.LazyFrame) -> pl.LazyFrame:
    age, gaps = pl.col("age"), pl.col("age").sort().diff().drop_nulls()
    visits = lines.filter(pl.col("amount") >= 0).select("customer_id", "age").unique()
    return visits.group_by("customer_id").agg(
        age.min().alias("days_since_last_purchase"),
        age.max().alias("days_since_first_purchase"),
        *((age <= days).sum().alias(f"purchase_days_{days}d") for days in WINDOWS_DAYS),
        gaps.mean().alias("gap_mean_days"),
        gaps.max().alias("gap_longest_days"),
        pl.when(age.len() >= 4).then(gaps.std() / gaps.mean()).alias("gap_variation"),
    )


def _payment(data: Path, as_of: datetime) -> pl.LazyFrame:
    day, moment = as_of.date(), pl.lit(as_of.replace(tzinfo=None))
    paid = pl.scan_parquet(data / "payments.parquet").filter(pl.col("paid_at") < moment)
    paid = paid.group_by("invoice_id").agg(paid=pl.col("amount").sum(), last=pl.col("paid_at").max())
    bills = pl.scan_parquet(data / "invoices.parquet").filter(pl.col("issued_at") < moment)
    bills = bills.join(paid, on="invoice_id", how="left").select(
        "customer_id",
        age=_days(day, "issued_at"),
        overdue=_days(day, "due_at"),
        settled_age=_days(day, "last"),
        late=(pl.col("last").dt.date() - pl.col("due_at").dt.date()).dt.total_days(),
        open=pl.col("amount") - pl.col("paid").fill_null(0),
    )
    is_settled, year = pl.col("open") <= 0.005, pl.col("age") <= 365
    worst = pl.when(is_settled).then(pl.col("late")).otherwise(pl.col("overdue")).clip(lower_bound=0)
    return bills.group_by("customer_id").agg(
        year.sum().alias("invoices_365d"),
        pl.col("late").filter(is_settled & (pl.col("settled_age") <= 365)).mean().alias("days_late_mean_365d"),
        worst.filter(year).max().alias("days_late_worst_365d"),
        pl.col("open").filter(~is_settled).sum().alias("open_balance"),
        pl.col("open").filter(~is_settled & (pl.col("overdue") > 0)).sum().alias("overdue_balance"),
    )


def _days(day: date, column: str) -> pl.Expr:
    return (pl.lit(day) - pl.col(column).dt.date()).dt.total_days()
