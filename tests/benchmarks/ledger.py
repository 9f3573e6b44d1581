"""What the receivables ledger costs: beside a bare scan of orders, invoices and payments, as in `features.py`.

The company is made with DuckDB alone: for each customer 12 invoices, 11 payments that name theirs (one in ten in two
parts; with ``--unnamed`` one in ten names none), paid by the customer's own habit, and 22 orders for the floor. Each figure is the CPU time and the peak
memory of a fresh process with two threads, the median of interleaved rounds. The ledger is matched, aged and summed up
by customer and portfolio; opening the facts, which everything that reads them needs, is told apart.

Run as ``python -m tests.benchmarks.ledger [--invoices 1000000] [--rounds 3] [--unnamed]``.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import duckdb

from tests.benchmarks.report import FOLDER, Result, at_most, write
from tests.benchmarks.tools.measure import Figures, cpu_seconds, floor, opened, peak_megabytes

AS_OF = datetime(2026, 1, 1, tzinfo=UTC)
MOST_OF_FLOOR = 2.5
MOST_MEGABYTES = 4_000.0
MEMORY_LIMIT = "3GB"
PER_CUSTOMER = {"orders": 22, "invoices": 12, "payments": 11}
ROOT = Path(__file__).resolve().parents[2]

_CUSTOMER = "'C' || lpad(CAST(n // {each} AS VARCHAR), 7, '0')"
_INVOICE = "'R' || lpad(CAST(n // {each} AS VARCHAR), 7, '0') || '-' || lpad(CAST(n % {each} AS VARCHAR), 4, '0')"
_ISSUED = "TIMESTAMP '2024-01-01 06:00:00' + to_days(CAST((n % {each}) * 60 + hash(n // {each}) % 60 AS INTEGER))"
_CENTS = "CAST(1000 + hash(n + 7) % 900000 AS DOUBLE) / 100"

TABLES: dict[str, str] = {
    "invoices": f"""
        SELECT {_INVOICE} AS invoice_id, {_CUSTOMER} AS customer_id, {_ISSUED} AS issued_at,
               {_ISSUED} + INTERVAL 30 DAY AS due_at, {_CENTS} AS amount, hash(n) % 50 = 0 AS disputed
        FROM range({{rows}}) AS t(n)""",
    "payments": f"""
        SELECT {_CUSTOMER} AS customer_id, paid_at + to_days(CAST(20 * part AS INTEGER)) AS paid_at,
               CASE WHEN NOT in_parts THEN amount WHEN part = 0 THEN least(amount, 5) ELSE amount - least(amount, 5) END AS amount,
               CASE WHEN NOT (unnamed AND hash(n + 3) % 10 = 0) THEN invoice_id END AS invoice_id
        FROM (
          SELECT n, {_INVOICE} AS invoice_id, {_CENTS} AS amount, hash(n + 1) % 10 = 0 AS in_parts, {{unnamed}} AS unnamed,
                 {_ISSUED} + to_days(CAST(15 + hash(n // {{each}} + 2) % 45 + hash(n + 2) % 16 AS INTEGER)) AS paid_at
          FROM range({{rows}}) AS t(n) WHERE n % {{each}} <> 11
        ) JOIN (VALUES (0), (1)) AS parts(part) ON part = 0 OR in_parts""",
    "orders": f"""
        SELECT 'O' || CAST(n AS VARCHAR) AS order_id, {_CUSTOMER} AS customer_id,
               TIMESTAMP '2024-01-01 09:00:00' + to_days(CAST(hash(n) % 730 AS INTEGER)) AS ordered_at, {_CENTS} AS amount,
               {_CENTS} * 0.3 AS margin, 0E0 AS discount, 'category ' || CAST(hash(n) % 5 AS VARCHAR) AS category,
               ordered_at + INTERVAL 5 DAY AS promised_at, ordered_at + INTERVAL 6 DAY AS delivered_at
        FROM range({{rows}}) AS t(n)""",
    "interactions": f"""
        SELECT {_CUSTOMER} AS customer_id, TIMESTAMP '2024-06-01' AS "at", 'call' AS kind FROM range(12) AS t(n)""",
    "customers": f"""
        SELECT {_CUSTOMER} AS customer_id, TIMESTAMP '2023-12-01' AS acquired_at, 50000E0 AS credit_limit
        FROM range(0, {{rows}}, 12) AS t(n)""",
}


def make(data: Path, invoices: int, unnamed: bool) -> None:
    """Write the company's Parquet files."""
    data.mkdir(parents=True)
    with duckdb.connect(config={"threads": 2, "preserve_insertion_order": False}) as connection:
        for table, select in TABLES.items():
            each = PER_CUSTOMER["orders"] if table == "orders" else PER_CUSTOMER["invoices"]
            rows = invoices * each // PER_CUSTOMER["invoices"]
            sql = select.format(each=each, rows=rows, unnamed=unnamed)
            connection.execute(f"COPY ({sql}) TO '{data / table}.parquet' (FORMAT parquet)")


def ledger(data: Path) -> Figures:
    """Open the facts, match, age, and sum up by customer and portfolio."""
    from features.ledger import open_ledger

    first = cpu_seconds()
    with opened(data) as facts:
        before = cpu_seconds()
        facts.connection.execute(f"SET memory_limit = '{MEMORY_LIMIT}'")
        facts.connection.execute("SET preserve_insertion_order = false")
        books = open_ledger(facts, AS_OF)
        matched = cpu_seconds() - before
        rows = books.customers().num_rows
        portfolio = books.portfolio()
        cpu = cpu_seconds() - before
        return {"open": before - first, "cpu": cpu, "matched": matched, "rows": rows, **portfolio}


MEASUREMENTS: dict[str, Callable[[Path], Figures]] = {"floor": floor, "ledger": ledger}


def measured(what: str, data: Path) -> Figures:
    """One measurement in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.ledger", "--measure", what, "--data", str(data.absolute())]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    figures: Figures = json.loads(done.stdout)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--invoices", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--unnamed", action="store_true", help="one payment in ten names no invoice")
    parser.add_argument("--measure", choices=list(MEASUREMENTS), help="print one measurement of a company as JSON")
    parser.add_argument("--data", type=Path, help="a company that was made before")
    given = parser.parse_args()
    if given.measure:
        print(json.dumps({**MEASUREMENTS[given.measure](given.data), "peak": peak_megabytes()}))
        return
    data = given.data or FOLDER / "data" / f"{given.invoices}-invoices{'-unnamed' * given.unnamed}"
    if not data.exists():
        make(data, given.invoices, given.unnamed)
    found: dict[str, list[Figures]] = {what: [] for what in MEASUREMENTS}
    for _ in range(given.rounds):
        for what, figures in found.items():
            figures.append(measured(what, data))
            print(f"  {what}: {figures[-1]['cpu']:.1f} s, {figures[-1]['peak']:,.0f} MB", flush=True)
    cpu = {what: median(each["cpu"] for each in figures) for what, figures in found.items()}
    opening, matched = (median(each[name] for each in found["ledger"]) for name in ("open", "matched"))
    peak = max(each["peak"] for each in found["ledger"])
    results = [
        Result("invoices", given.invoices, "invoices"),
        Result("scan floor", cpu["floor"], "CPU seconds"),
        Result("opening the facts", opening, "CPU seconds"),
        Result("matching", matched, "CPU seconds"),
        Result("matching, ageing, sums by customer and portfolio", cpu["ledger"], "CPU seconds"),
        Result("opening and ledger / scan floor", (opening + cpu["ledger"]) / cpu["floor"], "times"),
        at_most("ledger / scan floor", cpu["ledger"] / cpu["floor"], "times", MOST_OF_FLOOR),
        at_most("ledger, peak memory", peak, "MB", MOST_MEGABYTES),
    ]
    write("ledger", results)


if __name__ == "__main__":
    main()
