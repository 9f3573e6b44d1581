"""A company of five customers, and the real server over its store."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from features.text import Text
from serving.alerts.cases import raise_alerts
from serving.receivable_schemas import DEBTORS_SCHEMA, INVOICES_SCHEMA, CustomerReceivables
from serving.score_schema import SCORES_SCHEMA
from serving.store import STORE_FILE, Debts, Run, Store, open_store, publish
from tests.features.postgresql import running_server
from tests.serving.alerts.cases import POLICY, findings
from tests.serving.store.places import copied, empty, opened, require_server, schema

AS_OF = datetime(2026, 3, 31, tzinfo=UTC)
PUBLISHED_AT = datetime(2026, 3, 31, 2, 30, tzinfo=UTC)

ODD_ID = "A/1 %2F?ü#客户\\"
ABSTAINED: dict[str, Any] = dict.fromkeys(
    (
        "churn_probability",
        "churn_probability_low",
        "churn_probability_high",
        "churn_band",
        "recommended_action",
        "recommended_action_name",
        "action_cost",
        "assumed_effect",
        "assumed_effect_low",
        "assumed_effect_high",
        "expected_profit",
        "expected_profit_low",
        "expected_profit_high",
        "assumption",
    )
) | {
    "accompanying_action": None,
    "accompanying_action_name": None,
    "alternatives": [],
    "reasons": [],
    "why": {"en": "Only one purchase is known.", "zh": "只有一次购买记录。"},
    "abstained_because": {"en": "Only one purchase is known.", "zh": "只有一次购买记录。"},
}


NO_STANDING: dict[str, Any] = dict.fromkeys(
    (
        "expected_purchases",
        "expected_purchases_low",
        "expected_purchases_high",
        "expected_revenue",
        "expected_revenue_low",
        "expected_revenue_high",
        "lifetime_value",
        "lifetime_value_low",
        "lifetime_value_high",
        "value_score",
        "share_of_customer",
        "tier",
        "tier_name",
        "lifecycle_stage",
        "trajectory",
        "trajectory_probability",
        "trajectory_since",
        "loyalty_index",
        "cluster",
        "cluster_name",
        "credit_class",
        "credit_score",
        "credit_probability",
        "late_probability",
        "credit_response",
        "credit_response_name",
        "lifetime_value_net",
    )
)
"""Nothing is known of what the customer is worth and where it belongs."""
STANDING: dict[str, Any] = {
    "expected_purchases": 7.42,
    "expected_purchases_low": 2.0,
    "expected_purchases_high": 13.0,
    "expected_revenue": 980.5,
    "expected_revenue_low": 240.0,
    "expected_revenue_high": 1810.0,
    "lifetime_value": 281.25,
    "lifetime_value_low": -12.0,
    "lifetime_value_high": 520.0,
    "value_score": 71.5,
    "share_of_customer": 0.4,
    "tier": "key",
    "tier_name": {"en": "House account", "zh": "大客户"},
    "lifecycle_stage": "maturity",
    "trajectory": "declining",
    "trajectory_probability": 0.83,
    "trajectory_since": date(2025, 12, 1),
    "loyalty_index": 58.0,
    "cluster": 2,
    "cluster_name": {"en": "Buy often", "zh": "购买频繁"},
    "credit_class": "D",
    "credit_score": 31.0,
    "credit_probability": 0.22,
    "late_probability": 0.7,
    "credit_response": "dun",
    "credit_response_name": {"en": "Next dunning step", "zh": "进入下一催收步骤"},
    "lifetime_value_net": 250.5,
}


def score(customer_id: str, **changes: Any) -> dict[str, Any]:
    """One hand-written row of scores."""
    row = {
        "customer_id": customer_id,
        "customer_name": None,
        "account_manager": None,
        "as_of": AS_OF,
        "churn_probability": 0.5,
        "churn_probability_low": 0.4,
        "churn_probability_high": 0.6,
        "churn_horizon_days": 90,
        "expected_days": None,
        "expected_days_low": None,
        "expected_days_high": None,
        "expected": None,
        "churn_band": "medium",
        "segment": "loyal",
        "days_since_last_purchase": 12.0,
        "purchase_days_365d": 8.0,
        "spend_365d": 1000.1,
        "overdue_balance": None,
        "value_at_stake": 300.0,
        "value_horizon_days": 365,
        **NO_STANDING,
        "currency": "EUR",
        "recommended_action": "call",
        "recommended_action_name": {"en": "Personal call", "zh": "电话回访"},
        "why": {"en": "The last order was 12 days ago.", "zh": "上次下单在 12 天前。"},
        "action_cost": 25.0,
        "assumed_effect": 0.1,
        "assumed_effect_low": 0.05,
        "assumed_effect_high": 0.2,
        "expected_profit": 40.25,
        "expected_profit_low": -5.0,
        "expected_profit_high": 90.0,
        "assumption": {"en": "Assumes 10 of 100 are kept.", "zh": "假设每 100 位留住 10 位。"},
        "accompanying_action": None,
        "accompanying_action_name": None,
        "alternatives": [],
        "reasons": [
            {
                "feature": "days_since_last_order",
                "family": "recency",
                "direction": "raises",
                "weight": 0.5,
                "en": "The last order was 12 days ago.",
                "zh": "上次下单在 12 天前。",
            }
        ],
        "abstained_because": None,
        "model_version": "3",
        "catalogue_hash": "9f2c61d0",
    }
    return row | changes


COMPANY = [
    score(
        "C-1",
        customer_name="Acme",
        churn_probability=0.9,
        churn_band="high",
        segment="at_risk",
        expected_profit=75.0,
        **STANDING,
    ),
    score("C-2", churn_probability=0.1, churn_band="low", recommended_action="no_action", expected_profit=0.0),
    score("C-3", customer_name="<script>alert(1)</script>", value_at_stake=-20.0),
    score(ODD_ID, customer_name="Zed & Sons", segment="lost"),
    score("C-5", segment=None, **ABSTAINED),
]


def table(rows: list[dict[str, Any]]) -> pa.Table:
    """Rows as the Arrow table that ``publish`` takes."""
    return pa.Table.from_pylist(rows, SCORES_SCHEMA)


def debts(debtors: list[dict[str, Any]], invoices: list[dict[str, Any]]) -> Debts:
    """Rows as what ``publish`` takes of debts."""
    return Debts(pa.Table.from_pylist(debtors, DEBTORS_SCHEMA), pa.Table.from_pylist(invoices, INVOICES_SCHEMA))


def debtor(customer_id: str, **changes: Any) -> dict[str, Any]:
    """One hand-written row of debts."""
    row: dict[str, Any] = dict.fromkeys(CustomerReceivables.model_fields) | {
        "customer_id": customer_id,
        "as_of": AS_OF,
        "currency": "EUR",
        "balance": 300.0,
        "open": 300.0,
        "overdue": 100.0,
        "open_current": 200.0,
        "open_1_30": 100.0,
        "open_31_60": 0.0,
        "open_61_90": 0.0,
        "open_over_90": 0.0,
        "disputed_open": 0.0,
        "unapplied": 0.0,
        "open_items": 2,
        "oldest_overdue_days": 9,
        "has_overdue_risk": False,
    }
    return row | changes


def invoice(invoice_id: str, customer_id: str, **changes: Any) -> dict[str, Any]:
    """One hand-written open invoice."""
    row = {
        "invoice_id": invoice_id,
        "customer_id": customer_id,
        "as_of": AS_OF,
        "issued_at": datetime(2026, 2, 20, tzinfo=UTC),
        "due_at": date(2026, 3, 22),
        "amount": 120.0,
        "open_amount": 100.0,
        "days_overdue": 9,
        "bucket": "1_30",
        "disputed": False,
        "late_probability": 1.0,
        "late_30_probability": 0.25,
        "late_band": "high",
        "expected_paid_at": date(2026, 4, 9),
        "expected_paid_low": date(2026, 4, 2),
        "expected_paid_high": None,
        "unpaid_probability": 0.01,
        "basis": "history",
        "currency": "EUR",
        "model_version": "2",
    }
    return row | changes


DEBTORS = [
    debtor(
        "C-1",
        credit_class="D",
        credit_score=31.0,
        late_probability=0.7,
        payer="unclear",
        evidence={"en": "Goes on buying as before.", "zh": "仍照常购买。"},
        credit_response="dun",
        credit_response_name={"en": "Next dunning step", "zh": "进入下一催收步骤"},
        dunning_step="reminder",
        dunning_step_name={"en": "Friendly reminder", "zh": "友好提醒"},
    ),
    debtor(ODD_ID, balance=-5.0, open=0.0, open_current=0.0, open_1_30=0.0, overdue=0.0),
]
INVOICES = [
    invoice("R-1", "C-1"),
    invoice(
        *("R-2", "C-1"), days_overdue=0, bucket="current", open_amount=200.0, late_probability=0.4, late_band="medium"
    ),
    invoice("R/3 ü", ODD_ID, late_probability=None, late_band=None, days_overdue=3),
]


def run(run_id: str = "run-1") -> Run:
    """A run at AS_OF by model version 3."""
    metrics = {"auc": 0.78, "top_decile_lift": float("nan")}
    return Run(run_id, AS_OF, PUBLISHED_AT, "3", metrics, Text("no purchase for 90 days", "90 天内没有购买"))


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The address of a PostgreSQL server, one for all tests of this process."""
    require_server()
    with running_server() as address:
        yield address


@pytest.fixture(scope="session")
def made_in_postgresql(postgresql: str) -> Iterator[Store]:
    """A store in PostgreSQL that tests use one after the other."""
    with opened(schema(postgresql, "retinue")) as made:
        yield made


@pytest.fixture(scope="session")
def made_in_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of an empty store, to be copied."""
    path = tmp_path_factory.mktemp("made") / STORE_FILE
    open_store(path).close()
    return path


@pytest.fixture
def file_store(tmp_path: Path, made_in_sqlite: Path) -> Iterator[Store]:
    """An empty store in a SQLite file."""
    with opened(copied(made_in_sqlite, tmp_path / "workspace" / STORE_FILE)) as store:
        yield store


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest) -> Store:
    """An empty store, in SQLite and in PostgreSQL."""
    if request.param == "sqlite":
        made: Store = request.getfixturevalue("file_store")
        return made
    made = request.getfixturevalue("made_in_postgresql")
    empty(made)
    return made


def write_project(folder: Path) -> Path:
    """A project folder with its file; gives the path of its store."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "retinue.toml").write_text(
        '[project]\nname = "Acme Trading"\ncurrency = "EUR"\ntimezone = "Europe/Berlin"\n[tables.orders]\n'
        'path = "orders.csv"\ncolumns = { customer_id = "c", ordered_at = "t", amount = "a" }\n',
        encoding="utf-8",
    )
    return folder / ".retinue" / STORE_FILE


@contextmanager
def serving(folder: Path, *before: str) -> Iterator[str]:
    """The address of a real server, in a process of its own, over the project in ``folder``."""
    with process_serving(folder, *before) as (address, _):
        yield address


@contextmanager
def process_serving(folder: Path, *before: str) -> Iterator[tuple[str, int]]:
    """The address of a real server over the project in ``folder``, and its process; ``before`` begins the command."""
    code = f"from pathlib import Path; from serving.cli.serve import serve; serve(Path({str(folder)!r}), port=0)"
    environment = {**os.environ, "RETINUE_LANGUAGE": "en"}
    process = subprocess.Popen(
        [*before, sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment
    )
    assert process.stdout is not None
    try:
        told = (re.search(r"http://[\d.]+:\d+", line) for line in process.stdout)
        yield next(found.group() for found in told if found), process.pid
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real server that serves the company of five."""
    folder = tmp_path_factory.mktemp("project")
    filled = open_store(write_project(folder))
    publish(filled, run(), table(COMPANY), debts(DEBTORS, INVOICES))
    raise_alerts(
        filled, findings(0, {("C-1", "open_complaint"): 3, ("C-1", "churn_risk"): 1, ("C-2", "churn_risk"): 2}), POLICY
    )
    filled.close()
    with serving(folder) as address:
        yield address
