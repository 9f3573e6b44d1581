"""A shop of 240 customers with invoices, contacts and a status, whose facts can be made to know the future."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

from features.project import Project, load_project
from tests.training.companies import shop_orders, utc

AS_OF = utc(2025, 10, 1)
TEST = AS_OF - timedelta(days=30)
"""The cut-off that a training as of ``AS_OF`` is judged on."""

CUSTOMERS = 240
TABLES: dict[str, tuple[str, ...]] = {
    "orders": ("customer_id", "ordered_at", "amount"),
    "customers": ("customer_id", "status"),
    "invoices": ("invoice_id", "customer_id", "issued_at", "due_at", "amount", "settled_at"),
    "interactions": ("customer_id", "at", "kind"),
}
HEAD = """
[project]
name = "Shop"
currency = "EUR"
[churn]
horizon_days = 30
active_within_days = 90
"""

Order = tuple[str, datetime, str]
Row = tuple[object, ...]


def shop(folder: Path, *, complaints: str = "none", status: bool = False) -> Project:
    """The shop. ``complaints`` are entered after customers have left: "none", "late" or, with known_at, "known"."""
    orders = [(c, datetime.fromisoformat(at), amount) for c, at, amount in shop_orders(1, CUSTOMERS)]
    orders.sort(key=lambda order: order[1])
    tables = dict(TABLES)
    rows: dict[str, Iterable[Row]] = {"orders": orders, "invoices": _invoices(orders), "interactions": _calls(orders)}
    if status:
        gone = _gone(orders)
        rows["customers"] = [(c, "left" if c in gone else "there") for c in sorted({o[0] for o in orders})]
    if complaints == "late":
        rows["interactions"] = [*_calls(orders), *_of_those_who_left(orders)]
    if complaints == "known":
        tables["interactions"] = (*TABLES["interactions"], "known_at")
        late = [(c, at, kind, at + timedelta(days=40)) for c, at, kind in _of_those_who_left(orders)]
        known: list[Row] = [*((c, at, kind, at) for c, at, kind in _calls(orders)), *late]
        rows["interactions"] = sorted(known, key=lambda row: str(row[3]))
    return _written(folder, {name: tables[name] for name in rows}, rows)


def _written(folder: Path, tables: dict[str, tuple[str, ...]], rows: dict[str, Iterable[Row]]) -> Project:
    text = HEAD
    for name, columns in tables.items():
        lines = [",".join(map(str, row)) for row in (columns, *rows[name])]
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        mapped = ", ".join(f'{column} = "{column}"' for column in columns)
        text += f'[tables.{name}]\npath = "{name}.csv"\ncolumns = {{ {mapped} }}\n'
    (folder / "retinue.toml").write_text(text, encoding="utf-8")
    return load_project(folder)


def _invoices(orders: list[Order]) -> list[Row]:
    """Each order is billed at once and settled twenty days later."""
    days = timedelta(days=1)
    return [(f"I{n:05}", c, at, at + 14 * days, amount, at + 20 * days) for n, (c, at, amount) in enumerate(orders)]


def _calls(orders: list[Order]) -> list[tuple[str, datetime, str]]:
    """Every order has a contact on the same day; one in seven is a complaint."""
    return [(c, at, "complaint" if n % 7 == 0 else "call") for n, (c, at, _) in enumerate(orders)]


def _gone(orders: list[Order]) -> set[str]:
    """Who bought nothing in the thirty days after the test cut-off."""
    test, end = TEST.replace(tzinfo=None), AS_OF.replace(tzinfo=None)
    return {c for c, _, _ in orders} - {c for c, at, _ in orders if test <= at < end}


def _of_those_who_left(orders: list[Order]) -> list[tuple[str, datetime, str]]:
    """A complaint of each customer who was gone after the test cut-off, dated five days after the last order before it."""
    test = TEST.replace(tzinfo=None)
    last = {c: at for c, at, _ in orders if at < test - timedelta(days=6)}
    return [(c, last[c] + timedelta(days=5), "complaint") for c in sorted(_gone(orders)) if c in last]
