"""The rules of the ledger for one customer after the other in plain Python, to compare the SQL with."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.features.builders import Row, Rows

ORDER = ("credit_note", "payment", "write_off")
REFUNDS = ("refund", "退款")
KINDS = {
    None: "payment",
    "payment": "payment",
    "write_off": "write_off",
    "credit_note": "credit_note",
    "贷项": "credit_note",
}


def cents(row: Row) -> int:
    value: int = round(100 * row["amount"])
    return -abs(value) if row.get("kind") in REFUNDS else value


@dataclass
class Item:
    """An invoice and what fills it, in cents."""

    customer: str
    issued_at: datetime
    due_at: datetime
    amount: int
    recorded_at: datetime | None
    filled: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ORDER, 0))
    recorded: int = 0
    pieces: list[tuple[datetime, datetime, int]] = field(default_factory=list)
    covered_at: datetime | None = None

    @property
    def open(self) -> int:
        return self.amount - sum(self.filled.values()) - self.recorded


@dataclass
class PlainBooks:
    items: dict[str, Item]
    unapplied: dict[str, int]
    unbacked: dict[str, int]


def plain_books(rows: Rows, as_of: datetime) -> PlainBooks:
    """The books at a naive UTC instant."""
    invoices = [r for r in rows.get("invoices", ()) if known_from(r, "issued_at") < as_of]
    money = [r for r in rows.get("payments", ()) if known_from(r, "paid_at") < as_of]
    items = {r["invoice_id"]: item_of(r, as_of) for r in invoices if cents(r) > 0}
    free: dict[str, list[tuple[datetime, str, int]]] = {}
    sums: dict[str, dict[str, int]] = {i: dict.fromkeys(ORDER, 0) for i in items}
    for row in money:
        kind = KINDS.get(row.get("kind"), "payment")
        if row.get("invoice_id") in items:
            sums[row["invoice_id"]][kind] += cents(row)
            items[row["invoice_id"]].pieces.append((row["paid_at"], known_from(row, "paid_at"), cents(row)))
        else:
            free.setdefault(row["customer_id"], []).append((row["paid_at"], kind, cents(row)))
    for row in invoices:
        if cents(row) < 0:
            free.setdefault(row["customer_id"], []).append((row["issued_at"], "credit_note", -cents(row)))
    claims: dict[str, int] = {}
    for name, item in items.items():
        for kind in ORDER:
            item.filled[kind] = max(0, min(item.open, sums[name][kind]))
            if excess := sums[name][kind] - item.filled[kind]:
                free.setdefault(item.customer, []).append((max(p[0] for p in item.pieces), kind, excess))
        if item.recorded_at:
            item.recorded = item.open
            claims[item.customer] = claims.get(item.customer, 0) + item.recorded
    unapplied, unbacked = {}, {}
    for customer in free.keys() | claims.keys():
        own = [i for _, i in sorted(items.items()) if i.customer == customer]
        net, claimed = sum(m for *_, m in free.get(customer, ())), claims.get(customer, 0)
        drained = max(0, min(net, claimed))
        unbacked[customer] = claimed - drained
        unapplied[customer] = spread(own, net - drained)
    return PlainBooks(items, unapplied, unbacked)


def spread(own: list[Item], money: int) -> int:
    """Put a customer's free money on its items, or take it back; gives what is left."""
    for item in sorted(own, key=lambda i: (i.due_at.date(), i.issued_at)):
        if money > 0 and item.open > 0:
            money -= (part := min(money, item.open))
            item.filled["payment"] += part
    if money < 0:
        for item in sorted((i for i in own if not i.recorded_at and i.pieces), key=last_paid, reverse=True):
            money += (part := min(-money, item.filled["payment"]))
            item.filled["payment"] -= part
    return money


def last_paid(item: Item) -> Any:
    return max(p[0] for p in item.pieces), item.due_at.date()


def item_of(row: Row, as_of: datetime) -> Item:
    recorded_at = row.get("settled_at")
    is_known = recorded_at is not None and recorded_at < as_of
    return Item(row["customer_id"], row["issued_at"], row["due_at"], cents(row), recorded_at if is_known else None)


def known_from(row: Row, occurred: str) -> datetime:
    happened: datetime = row[occurred]
    return max(row.get("known_at") or happened, happened)
