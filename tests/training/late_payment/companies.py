"""Companies that write invoices: ledgers written by hand, and one whose customers each have a habit of paying."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from features.project import Project, load_project

TOML = """
[project]
name = "Ledger"
currency = "EUR"
timezone = "UTC"
[tables.invoices]
path = "invoices.csv"
[tables.invoices.columns]
invoice_id = "invoice_id"
customer_id = "customer_id"
issued_at = "issued_at"
due_at = "due_at"
amount = "amount"
settled_at = "settled_at"
disputed = "disputed"
"""
PAYMENTS_TOML = """
[tables.payments]
path = "payments.csv"
[tables.payments.columns]
customer_id = "customer_id"
paid_at = "paid_at"
amount = "amount"
invoice_id = "invoice_id"
known_at = "known_at"
"""

Invoice = tuple[str, str, str, str, float, str, str]
"""invoice_id, customer_id, issued_at, due_at, amount, settled_at (empty: open), disputed (yes or no)."""
Payment = tuple[str, str, float, str, str]
"""customer_id, paid_at, amount, invoice_id, known_at."""


def day(text: str) -> datetime:
    """Midnight of a day given as 2025-03-31."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def ledger(folder: Path, invoices: Sequence[Invoice], payments: Sequence[Payment] | None = None) -> Project:
    """A project over these invoices, and over these payments if there are any."""
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "invoices.csv", "invoice_id,customer_id,issued_at,due_at,amount,settled_at,disputed", invoices)
    if payments is not None:
        _write(folder / "payments.csv", "customer_id,paid_at,amount,invoice_id,known_at", payments)
    text = TOML + (PAYMENTS_TOML if payments is not None else "")
    (folder / "retinue.toml").write_text(text, encoding="utf-8")
    return load_project(folder)


def unreferenced(
    folder: Path, invoices: Sequence[tuple[object, ...]], payments: Sequence[tuple[object, ...]]
) -> Project:
    """A project whose payments name no invoice, and whose invoices do not say when they were settled.

    ``invoices``: invoice_id, customer_id, issued_at, due_at, amount; ``payments``: customer_id, paid_at, amount, known_at, kind.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "invoices.csv", "invoice_id,customer_id,issued_at,due_at,amount", invoices)
    _write(folder / "payments.csv", "customer_id,paid_at,amount,known_at,kind", payments)
    text = TOML.replace('settled_at = "settled_at"\ndisputed = "disputed"\n', "")
    text += PAYMENTS_TOML.replace('invoice_id = "invoice_id"', 'kind = "kind"')
    (folder / "retinue.toml").write_text(text, encoding="utf-8")
    return load_project(folder)


def _write(file: Path, header: str, rows: Sequence[tuple[object, ...]]) -> None:
    file.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n", encoding="utf-8")


FIRST, END = day("2024-01-01"), day("2025-01-06")


def habits_ledger(folder: Path, seed: int, customers: int = 50) -> Project:
    """The company of `habits`, whose invoices say when they were settled."""
    return ledger(folder, habits(seed, customers))


def habits_unreferenced(folder: Path, seed: int, customers: int = 50) -> Project:
    """The same company, of which only its customers' payments are on file, for no invoice in particular."""
    rows = habits(seed, customers)
    return unreferenced(
        folder, [row[:5] for row in rows], [(row[1], row[5], row[4], row[5], "payment") for row in rows if row[5]]
    )


def habits(seed: int, customers: int) -> list[Invoice]:
    """A year of invoices at 14 or 30 days, of customers who pay each some days before or after the due day, and vary.

    The customers C000 … pay from 12 days early to 20 days late on average, in this order; what falls after the end is open.
    The last five come in the last two weeks only and have paid nothing yet.
    """
    generator = np.random.default_rng(seed)
    rows: list[Invoice] = []
    for number in range(customers):
        habit, terms = -12 + 32 * number / customers, (14, 30)[number % 2]
        is_new = number >= customers - 5
        issued = END - timedelta(days=int(generator.integers(2, 12))) if is_new else FIRST
        issued += timedelta(days=0 if is_new else int(generator.integers(0, 14)))
        while issued < END:
            due = issued + timedelta(days=terms)
            paid = max(issued, due + timedelta(days=round(float(generator.normal(habit, 4)))))
            amount = round(float(generator.gamma(4, 100)) + 1, 2)
            settled = f"{paid:%Y-%m-%d}" if paid < END and not is_new else ""
            disputed = "yes" if settled and paid > due + timedelta(days=12) else "no"
            name = f"I{len(rows):04}"
            rows.append((name, f"C{number:03}", f"{issued:%Y-%m-%d}", f"{due:%Y-%m-%d}", amount, settled, disputed))
            issued += timedelta(days=int(generator.integers(9, 20)))
    return rows


def collector(folder: Path, disputed: str) -> Project:
    """A year and a half of invoices of a hundred customers, a third paid late, each by its own share.

    ``disputed``: "late", three in four of the late ones and few others are marked; "by chance", one invoice in five.
    """
    generator = np.random.default_rng(11)
    rows: list[Invoice] = []
    for customer, share in enumerate(generator.beta(2, 4, 100)):
        for _ in range(25):
            issued = FIRST - timedelta(days=180) + timedelta(days=int(generator.integers(0, 520)))
            due = issued + timedelta(days=30)
            is_late = generator.random() < share
            paid = due + timedelta(days=int(generator.integers(1, 20) if is_late else generator.integers(-20, 1)))
            settled = f"{paid:%Y-%m-%d}" if paid < END else ""
            likely = 0.2 if disputed == "by chance" else 0.75 if is_late and settled else 0.05
            mark = "yes" if generator.random() < likely else "no"
            name = f"I{len(rows):05}"
            rows.append((name, f"C{customer:03}", f"{issued:%Y-%m-%d}", f"{due:%Y-%m-%d}", 100.0, settled, mark))
    return ledger(folder, sorted(rows, key=lambda row: row[2]))
