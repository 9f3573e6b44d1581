"""Batch scoring of debts: the open invoices into ``invoices.parquet``, and debtors with how to answer each."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from features.project import Project
from features.text import Text
from serving.decisions.credit_policy import CreditPolicy
from serving.decisions.credit_response import RESPONSES, credit_responses
from serving.receivable_schemas import DEBTORS_SCHEMA, HIGH, INVOICES_SCHEMA, MEDIUM
from training.credit_score.model import CreditScore
from training.receivables import Owed


def invoice_table(found: Owed, project: Project, version: str | None) -> pa.Table:
    """The open invoices (INVOICES_SCHEMA), by customer and due day."""
    invoices = found.invoices.assign(
        as_of=found.as_of.astimezone(UTC), currency=project.project.currency, model_version=version
    )
    if "late_probability" in invoices:
        late = invoices["late_probability"].to_numpy()
        named = np.select([late >= HIGH, late >= MEDIUM], ["high", "medium"], "low")
        invoices["late_band"] = pd.Series(named, invoices.index, dtype="object").where(late >= 0, None)
    return pa.Table.from_arrays([_array(invoices, field) for field in INVOICES_SCHEMA], schema=INVOICES_SCHEMA)


def _array(frame: pd.DataFrame, field: pa.Field) -> pa.Array:
    if field.name not in frame or frame.empty:  # an empty column tells no type
        return pa.nulls(len(frame), field.type)
    values = frame[field.name]
    if pa.types.is_timestamp(field.type) and values.dt.tz is None:
        values = values.dt.tz_localize("UTC")
    found = pa.Array.from_pandas(values)
    return (found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found).cast(field.type)


def debtor_frame(found: Owed, snapshot: pd.DataFrame, policy: CreditPolicy, credit: CreditScore | None) -> pd.DataFrame:
    """Everybody with an invoice or money on file, by customer_id: the books, the models, and the response of the policy.

    ``snapshot`` has the features and the standing of all customers, by customer_id.
    """
    customers = found.customers if credit is None else found.customers.join(credit.rate(snapshot))
    known = [name for name in snapshot if name not in customers]
    together = customers.join(snapshot[known]).assign(
        overdue_balance=customers["overdue"],
        oldest_overdue_days=customers["oldest_overdue_days"].where(customers["overdue"] > 0),
    )
    if "credit_class" not in together:
        together["credit_class"] = None
    answers = credit_responses(together, policy)
    return customers.join(answers.drop(columns="waiting_cost_share")).assign(
        has_overdue_risk=_early_sight(customers),
        evidence=_both(answers["evidence_en"], answers["evidence_zh"]),
        credit_response_name=answers["credit_response"].map({k: v._asdict() for k, v in RESPONSES.items()}),
    )


def _early_sight(customers: pd.DataFrame) -> "pd.Series[bool]":
    """Nothing is overdue yet, but it is likely that what is open comes late."""
    if "late_probability" not in customers:
        return pd.Series(False, customers.index)
    return (customers["overdue"] == 0) & (customers["late_probability"].fillna(0) >= HIGH)


def _both(english: "pd.Series[Any]", chinese: "pd.Series[Any]") -> "pd.Series[Any]":
    told = [
        Text(en, zh)._asdict() if isinstance(en, str) and en else None for en, zh in zip(english, chinese, strict=True)
    ]
    return pd.Series(told, english.index, dtype="object")


def debtor_table(debtors: pd.DataFrame, as_of: datetime, currency: str) -> pa.Table:
    """The debtors (DEBTORS_SCHEMA), by customer_id."""
    whole = debtors.rename_axis("customer_id").reset_index().assign(as_of=as_of.astimezone(UTC), currency=currency)
    whole = whole.fillna(dict.fromkeys(("open_items", "oldest_overdue_days"), 0))
    return pa.Table.from_arrays([_array(whole, field) for field in DEBTORS_SCHEMA], schema=DEBTORS_SCHEMA)
