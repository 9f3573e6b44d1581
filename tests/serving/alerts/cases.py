"""Findings written by hand, and what the store holds of them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import orjson
import pandas as pd

from serving.alert_schemas import AlertMove
from serving.alerts.cases import FOUND, Findings
from serving.alerts.grading import Graded
from serving.decisions.alert_policy import AlertPolicy, Kinds
from serving.store import Store, reading
from serving.store.alerts import AlertFilters, find_case, history_of, list_cases

POLICY = AlertPolicy(
    escalate_after_days=3, expire_after_days=14, reopen_within_days=60, check_after_days=7, thresholds=Kinds()
)
KINDS = ("open_complaint", "churn_risk")
CUSTOMERS = ("C-1", "C-2", "C-3")
BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
SAID = {"en": "It waits.", "zh": "仍在等待。"}

Ranks = dict[tuple[str, str], int]


def findings(day: int, ranks: Ranks, run_id: str | None = None, owner: str | None = "Anna") -> Findings:
    """What a run ``day`` days after BEGIN says: ranks by customer and kind; everything else is calm, the value is the rank."""
    table = np.array([[ranks.get((customer, kind), 0) for kind in KINDS] for customer in CUSTOMERS], dtype=np.int8)
    rows = [
        (customer, kind, rank, float(rank), f"Name of {customer}", owner, SAID, SAID)
        for (customer, kind), rank in ranks.items()
        if rank > 0
    ]
    values = np.where(table < 0, np.nan, table.astype(float))
    graded = Graded(pd.Index(CUSTOMERS, name="customer_id"), KINDS, table, values)
    as_of = BEGIN + timedelta(days=day)
    return Findings(run_id or f"run-{day}", as_of, graded, pd.DataFrame(rows, columns=list(FOUND)))


def move(what: Any, event_id: str, **more: Any) -> AlertMove:
    return AlertMove(event_id=event_id, by="Miriam", what=what, **more)


def listed(store: Store, filters: AlertFilters = AlertFilters()) -> list[dict[str, Any]]:  # noqa: B008 - a tuple
    with reading(store) as connection:
        return [orjson.loads(body) for body in list_cases(connection, filters, None, 500).bodies]


def history(store: Store, alert_id: str) -> list[str]:
    """What happened to a case, in order."""
    with reading(store) as connection:
        case = find_case(connection, alert_id)
        assert case is not None
        return [event["what"] for event in history_of(connection, case["number"])]
