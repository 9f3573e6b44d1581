"""The basic features by deep feature synthesis: featuretools aggregates, pandas does the arithmetic between aggregates."""

import warnings
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import featuretools as ft
import pandas as pd
import pyarrow as pa
from featuretools.primitives import AggregationPrimitive, Count, Max, Mean, Min, Sum
from woodwork.column_schema import ColumnSchema

from tests.benchmarks.peers import BASIC, COUNTED_AS_ZERO, WINDOWS_DAYS

Columns = dict[str, pd.Series]
NUMBERS = ColumnSchema(semantic_tags={"numeric"})


class Different(AggregationPrimitive):
    """How many different numbers there are."""

    name = "different"
    input_types = (NUMBERS,)
    return_type = NUMBERS

    def get_function(self) -> Callable[[pd.Series], float]:
        return lambda days: days.nunique()


class LongestGap(AggregationPrimitive):
    """Longest step between the different numbers in order."""

    name = "longest_gap"
    input_types = (NUMBERS,)
    return_type = NUMBERS

    def get_function(self) -> Callable[[pd.Series], float]:
        return lambda days: days.drop_duplicates().sort_values().diff().max()


class GapVariation(AggregationPrimitive):
    """Standard deviation of the steps between the different numbers over their mean, from three steps on."""

    name = "gap_variation"
    input_types = (NUMBERS,)
    return_type = NUMBERS

    def get_function(self) -> Callable[[pd.Series], float]:
        def variation(days: pd.Series) -> float:
            gaps = days.drop_duplicates().sort_values().diff().dropna()
            return gaps.std() / gaps.mean() if len(gaps) >= 3 else float("nan")

        return variation


def features(data: Path, as_of: datetime) -> pa.Table:
    """The basic features of all customers."""
    warnings.simplefilter("ignore")
    day = pd.Timestamp(as_of).tz_localize(None)
    people = pd.read_parquet(data / "customers.parquet", columns=["customer_id", "acquired_at"])
    people = people[people.acquired_at < day][["customer_id"]].drop_duplicates()
    columns = {**_of_orders(people, data, day), **_of_invoices(people, data, day)}
    found = people.set_index("customer_id").assign(**{name: columns[name] for name in BASIC})
    found = found.fillna(dict.fromkeys(COUNTED_AS_ZERO, 0))
    return pa.Table.from_pandas(found.reset_index(), preserve_index=False)


def _of_orders(people: pd.DataFrame, data: Path, day: pd.Timestamp) -> Columns:
    wanted = ["customer_id", "ordered_at", "amount", "margin", "discount"]
    lines = pd.read_parquet(data / "orders.parquet", columns=wanted)
    is_bought = lines.amount >= 0
    lines["returned"] = (-lines.amount).clip(lower=0)
    lines["listed"] = (lines.amount + lines.discount).where(is_bought)
    lines["discount"] = lines.discount.where(is_bought)
    visits = lines[is_bought][["customer_id", "ordered_at"]].copy()
    visits["day"] = _number(visits.ordered_at)
    columns: Columns = {}
    for window in WINDOWS_DAYS:
        spend = _aggregated(people, "customer_id", lines, "ordered_at", day, [Sum], window)
        columns[f"spend_{window}d"] = spend["SUM(rows.amount)"]
        recent = _aggregated(people, "customer_id", visits, "ordered_at", day, [Different], window)
        columns[f"purchase_days_{window}d"] = recent["DIFFERENT(rows.day)"]
    columns["margin_365d"] = spend["SUM(rows.margin)"]
    columns["returned_amount_365d"] = spend["SUM(rows.returned)"]
    columns["discount_share_365d"] = spend["SUM(rows.discount)"] / spend["SUM(rows.listed)"]
    wanted_of_days = [Min, Max, Different, LongestGap, GapVariation]
    ever = _aggregated(people, "customer_id", visits, "ordered_at", day, wanted_of_days)
    first, last, different = ever["MIN(rows.day)"], ever["MAX(rows.day)"], ever["DIFFERENT(rows.day)"]
    today = _number(pd.Series([day]))[0]
    return columns | {
        "days_since_last_purchase": today - last,
        "days_since_first_purchase": today - first,
        "gap_mean_days": ((last - first) / (different - 1)).where(different > 1),
        "gap_longest_days": ever["LONGEST_GAP(rows.day)"],
        "gap_variation": ever["GAP_VARIATION(rows.day)"],
    }


def _of_invoices(people: pd.DataFrame, data: Path, day: pd.Timestamp) -> Columns:
    wanted = ["invoice_id", "customer_id", "issued_at", "due_at", "amount"]
    bills = pd.read_parquet(data / "invoices.parquet", columns=wanted)
    payments = pd.read_parquet(data / "payments.parquet", columns=["invoice_id", "paid_at", "amount"])
    payments["day"] = _number(payments.paid_at)
    paid = _aggregated(bills[["invoice_id"]], "invoice_id", payments, "paid_at", day, [Sum, Max])
    bills = bills.join(paid[["SUM(rows.amount)", "MAX(rows.day)"]], on="invoice_id")
    today = _number(pd.Series([day]))[0]
    left = bills.amount - bills["SUM(rows.amount)"].fillna(0)
    is_settled = left <= 0.005
    overdue = today - _number(bills.due_at)
    bills["late"] = (bills["MAX(rows.day)"] - _number(bills.due_at)).where(is_settled)
    bills["worst"] = bills.late.where(is_settled, overdue).clip(lower=0)
    bills["open"] = left.where(~is_settled)
    bills["overdue"] = bills.open.where(overdue > 0)
    bills["settled_at"] = pd.to_datetime(bills["MAX(rows.day)"].where(is_settled), unit="D")
    bills = bills[["customer_id", "issued_at", "settled_at", "late", "worst", "open", "overdue"]]
    issued = bills.drop(columns="settled_at")
    settled = bills[is_settled][["customer_id", "settled_at", "late"]]
    ever = _aggregated(people, "customer_id", issued, "issued_at", day, [Sum])
    year = _aggregated(people, "customer_id", issued, "issued_at", day, [Count, Max], 365)
    lately = _aggregated(people, "customer_id", settled, "settled_at", day, [Mean], 365)
    return {
        "invoices_365d": year["COUNT(rows)"],
        "days_late_mean_365d": lately["MEAN(rows.late)"],
        "days_late_worst_365d": year["MAX(rows.worst)"],
        "open_balance": ever["SUM(rows.open)"],
        "overdue_balance": ever["SUM(rows.overdue)"],
    }


def _aggregated(
    parents: pd.DataFrame,
    key: str,
    rows: pd.DataFrame,
    time: str,
    day: pd.Timestamp,
    primitives: list[type[AggregationPrimitive]],
    window_days: int | None = None,
) -> pd.DataFrame:
    """Aggregates of all numbers in ``rows`` before ``day``, or only in the days before it, by ``key``."""
    entities = ft.EntitySet("company")
    entities.add_dataframe(dataframe_name="parents", dataframe=parents.copy(), index=key)
    entities.add_dataframe(
        dataframe_name="rows", dataframe=rows.assign(number=range(len(rows))), index="number", time_index=time
    )
    entities.add_relationship("parents", key, "rows", key)
    matrix, _ = ft.dfs(
        entityset=entities,
        target_dataframe_name="parents",
        agg_primitives=primitives,
        trans_primitives=[],
        cutoff_time=day,
        include_cutoff_time=False,
        training_window=f"{window_days} days" if window_days else None,
        max_depth=1,
    )
    return matrix


def _number(times: pd.Series) -> pd.Series:
    """Days since 1970."""
    return (times.dt.normalize() - pd.Timestamp(0)).dt.days.astype(float)
