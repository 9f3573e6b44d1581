"""A small company with orders, invoices, payments and contacts that takes events, and a cheap model that scores it."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from features.event_log import EVENTS_FILE, EventLog, Logged
from features.events import accepted_tables, read_event
from features.project import Project, load_project
from serving.batch import score
from serving.store import find_customer, open_project_store, reading
from tests.training.companies import FEATURES, shop_orders, utc
from tests.training.registered import register, register_segments
from training.tracking import promote

AS_OF = utc(2025, 10, 1)
NOW = datetime(2025, 10, 3, 9, 30, tzinfo=UTC)

PROJECT = """
[project]
name = "Real Time"
currency = "EUR"
timezone = "Europe/Berlin"
[tables.orders]
path = "orders.csv"
columns = { customer_id = "customer_id", ordered_at = "ordered_at", amount = "amount", category = "category" }
[tables.customers]
path = "customers.csv"
columns = { customer_id = "customer_id", name = "name", acquired_at = "since", industry = "industry" }
[tables.invoices]
path = "invoices.csv"
columns = { invoice_id = "invoice_id", customer_id = "customer_id", issued_at = "issued", due_at = "due", amount = "amount" }
[tables.payments]
path = "payments.csv"
columns = { customer_id = "customer_id", paid_at = "paid", amount = "amount", invoice_id = "invoice_id" }
[tables.interactions]
path = "contacts.csv"
columns = { customer_id = "customer_id", at = "at", kind = "kind" }
[churn]
horizon_days = 30
active_within_days = 60
[features.large_orders]
table = "orders"
sql = "count(*) FILTER (WHERE amount > 80)"
unit = "orders"
meaning = "Orders above 80"
empty = 0
[events]
in_files = {in_files}
"""


def write_company(folder: Path, *, in_files: bool = False, customers: int = 60) -> Project:
    """The company in a new folder; nothing is trained yet."""
    folder.mkdir(parents=True)
    orders = [row for row in shop_orders(3, customers) if row[1] < "2025-10-01"]
    kinds = ("tea", "coffee", "cups")
    lines = [f"{c},{at},{amount},{kinds[n % 3]}" for n, (c, at, amount) in enumerate(orders)]
    _write(folder / "orders.csv", "customer_id,ordered_at,amount,category", lines)
    names = sorted({c for c, _, _ in orders})
    trades = ("retail", "crafts")
    people = [f"{c},Firm {c},2024-12-01,{trades[n % 2]}" for n, c in enumerate(names)]
    _write(folder / "customers.csv", "customer_id,name,since,industry", people)
    bills = [f"R-{c},{c},2025-08-01 09:00:00,2025-08-31 00:00:00,100" for c in names]
    bills += [f"S-{c},{c},2025-09-10 09:00:00,2025-09-24 00:00:00,50" for c in names[::2]]
    _write(folder / "invoices.csv", "invoice_id,customer_id,issued,due,amount", bills)
    paid = [f"{c},2025-08-{10 + n % 20} 10:00:00,100,R-{c}" for n, c in enumerate(names[::2])]
    _write(folder / "payments.csv", "customer_id,paid,amount,invoice_id", paid)
    _write(folder / "contacts.csv", "customer_id,at,kind", [f"{c},2025-09-01 10:00:00,complaint" for c in names[::3]])
    text = PROJECT.replace("{in_files}", "true" if in_files else "false")
    (folder / "retinue.toml").write_text(text, encoding="utf-8")
    return load_project(folder)


def _write(file: Path, header: str, lines: list[str]) -> None:
    file.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")


def train(project: Project) -> None:
    """Let a regression on five features serve, with segments beside it."""
    promote(project, register(project, AS_OF, features=FEATURES))
    register_segments(project, AS_OF)


def publish(project: Project, as_of: datetime = AS_OF) -> str:
    """Score everybody as of an instant; gives the run's id."""
    return score(project, as_of, project.root / "scores", lambda: as_of).published.run_id


def tell(project: Project, now: datetime, *events: dict[str, Any]) -> list[Logged]:
    """Events received at ``now``."""
    accepted = accepted_tables(project)
    log = EventLog(project.workspace / EVENTS_FILE)
    try:
        return log.append([read_event(orjson.dumps(event), accepted, now) for event in events], now)
    finally:
        log.close()


def looked_up(project: Project, customer: str) -> dict[str, Any]:
    """What a look-up of a customer gives."""
    store = open_project_store(project)
    try:
        with reading(store) as connection:
            found = find_customer(connection, customer)
    finally:
        store.close()
    assert found is not None, customer
    return dict(orjson.loads(found.body))
