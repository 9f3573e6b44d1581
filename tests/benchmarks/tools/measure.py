"""One measurement of the cost of features, in a process of its own: CPU seconds and peak memory as JSON.

Run as ``python -m tests.benchmarks.tools.measure twelve --data DIR``.
"""

import argparse
import json
import resource
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.benchmarks.peers import BASIC

if TYPE_CHECKING:
    from features.sources import Facts

SEED = 3
MONTHS = 24
END = date(2026, 1, 1)
CUT_OFFS = [datetime(2025, month, 1, tzinfo=UTC) for month in range(1, 13)]
THREADS = 2
LIMIT = "1GB"

TABLES = ("orders", "invoices", "payments", "interactions", "customers")
FLOOR_TABLES = ("orders", "invoices", "payments")
FLOOR = """
SELECT customer_id, count(*), max(ordered_at), sum(amount), sum(margin), sum(discount), max(promised_at),
       max(delivered_at), max(category)
FROM '{orders}' GROUP BY customer_id;
SELECT customer_id, count(*), max(issued_at), sum(amount), max(due_at), max(disputed), max(invoice_id)
FROM '{invoices}' GROUP BY customer_id;
SELECT customer_id, count(*), max(paid_at), sum(amount), max(invoice_id) FROM '{payments}' GROUP BY customer_id;
"""

Figures = dict[str, Any]


def make(data: Path, customers: int) -> Figures:
    """Write the simulated company."""
    from features.simulation.company import Company
    from features.simulation.write import write_company

    company = Company(further_line_share=0.0)
    write_company(data, SEED, customers, MONTHS, end=END, company=company, cut_offs=())
    return {}


def floor(data: Path) -> Figures:
    """Read the columns that features use of orders, invoices and payments; count, max and sum by customer."""
    import duckdb

    with duckdb.connect(config={"threads": THREADS}) as connection:
        before = cpu_seconds()
        for statement in FLOOR.format(**{t: data / f"{t}.parquet" for t in FLOOR_TABLES}).split(";")[:-1]:
            connection.sql(statement).to_arrow_table()
        return {"cpu": cpu_seconds() - before}


def together(data: Path, cut_offs: Sequence[datetime]) -> Figures:
    """Open the facts, and compute the whole catalogue at the cut-offs in one call."""
    from features.snapshot import snapshot_batches

    before = cpu_seconds()
    with opened(data) as facts:
        after = cpu_seconds()
        rows, columns = 0, 0
        for batch in snapshot_batches(facts, cut_offs):
            rows, columns = rows + batch.num_rows, batch.num_columns
        return {"open": after - before, "cpu": cpu_seconds() - after, "rows": rows, "features": columns - 2}


def loop(data: Path) -> Figures:
    """Compute the whole catalogue at each cut-off, one after the other."""
    from features.snapshot import snapshot_batches

    with opened(data) as facts:
        before = cpu_seconds()
        rows = sum(batch.num_rows for cut_off in CUT_OFFS for batch in snapshot_batches(facts, [cut_off]))
        return {"cpu": cpu_seconds() - before, "rows": rows}


def basic(data: Path, out: Path | None = None) -> Figures:
    """Compute the basic features alone, from opening the files on, as the peers do."""
    import pyarrow.parquet as pq

    from features.catalogue import BY_NAME
    from features.snapshot import snapshot

    before = cpu_seconds()
    with opened(data) as facts:
        table = snapshot(facts, CUT_OFFS[-1:], features=[BY_NAME[name] for name in BASIC])
        figures = {"cpu": cpu_seconds() - before, "rows": table.num_rows}
    if out:
        pq.write_table(table, out)
    return figures


def fingerprinted(data: Path, memory_limit: str | None) -> Figures:
    """Compute the whole catalogue at one cut-off, within ``memory_limit``, and the fingerprint of its rows."""
    from features.snapshot import snapshot_batches
    from tests.benchmarks.tools.fingerprint import fingerprint

    with opened(data) as facts:
        if memory_limit:
            facts.connection.execute(f"SET memory_limit = '{memory_limit}'")
        before = cpu_seconds()
        print_of_rows = fingerprint(snapshot_batches(facts, CUT_OFFS[-1:]))
        return {"cpu": cpu_seconds() - before, "fingerprint": print_of_rows}


@contextmanager
def opened(data: Path) -> "Iterator[Facts]":
    """The company's facts."""
    import pyarrow.parquet as pq

    from features.project import Project
    from features.sources import open_facts

    columns = {t: pq.read_schema(data / f"{t}.parquet").names for t in TABLES}
    tables = {t: {"path": f"{t}.parquet", "columns": {c: c for c in names}} for t, names in columns.items()}
    settings = {"name": "Benchmark", "currency": "EUR", "timezone": "UTC"}
    project = Project.model_validate({"root": data, "project": settings, "tables": tables})
    with open_facts(project) as facts:
        facts.connection.execute(f"SET threads = {THREADS}")
        yield facts


def cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def peak_megabytes() -> float:
    """The most memory that this process ever had; the kernel counts kilobytes, on macOS bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


MEASUREMENTS: dict[str, Callable[[Path], Figures]] = {
    "floor": floor,
    "one": lambda data: together(data, CUT_OFFS[-1:]),
    "twelve": lambda data: together(data, CUT_OFFS),
    "loop": loop,
    "basic": basic,
    "unlimited": lambda data: fingerprinted(data, None),
    "limited": lambda data: fingerprinted(data, LIMIT),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["make", *MEASUREMENTS])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--customers", type=int, default=0, help="how many to make")
    parser.add_argument("--out", type=Path, help="where to write the basic features")
    given = parser.parse_args()
    if given.what == "make":
        figures = make(given.data, given.customers)
    elif given.out:
        figures = basic(given.data, given.out)
    else:
        figures = MEASUREMENTS[given.what](given.data)
    print(json.dumps({**figures, "peak": peak_megabytes()}))


if __name__ == "__main__":
    main()
