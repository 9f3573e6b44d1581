"""What features cost: the snapshot against the floor, which reads the same columns and does next to nothing with them.

Each figure is the CPU time of a fresh process, the median of interleaved rounds, with DuckDB on two threads. The company
is simulated. Run as ``python -m tests.benchmarks.features [--customers 30000]``.
"""

import argparse
import hashlib
import json
import resource
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from statistics import median

from tests.benchmarks.report import FOLDER, Result, at_most, write

SEED = 3
MONTHS = 24
END = date(2026, 1, 1)
CUT_OFFS = [datetime(2025, month, 1, tzinfo=UTC) for month in range(1, 13)]
ROUNDS = 3
THREADS = 2
SIMULATION = Path(__file__).resolve().parents[2] / "features" / "simulation"

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

Figures = dict[str, float]


# --- one measurement, in a process of its own


def make(data: Path, customers: int) -> Figures:
    """Write the simulated company."""
    from features.simulation.write import write_company

    write_company(data, SEED, customers, MONTHS, end=END, cut_offs=())
    return {}


def floor(data: Path) -> Figures:
    """Read the columns that features use of orders, invoices and payments; count, max and sum by customer."""
    import duckdb

    with duckdb.connect(config={"threads": THREADS}) as connection:
        before = cpu_seconds()
        for statement in FLOOR.format(**{t: data / f"{t}.parquet" for t in FLOOR_TABLES}).split(";")[:-1]:
            connection.sql(statement).to_arrow_table()
        return {"cpu": cpu_seconds() - before}


def features(data: Path, cut_offs: list[datetime]) -> Figures:
    """Open the facts, and compute the whole catalogue at the cut-offs."""
    import pyarrow.parquet as pq

    from features.project import Project
    from features.snapshot import snapshot
    from features.sources import open_facts

    columns = {t: pq.read_schema(data / f"{t}.parquet").names for t in TABLES}
    tables = {t: {"path": f"{t}.parquet", "columns": {c: c for c in names}} for t, names in columns.items()}
    settings = {"name": "Benchmark", "currency": "EUR", "timezone": "UTC"}
    project = Project.model_validate({"root": data, "project": settings, "tables": tables})
    before = cpu_seconds()
    with open_facts(project) as facts:
        facts.connection.execute(f"SET threads = {THREADS}")
        opened = cpu_seconds()
        table = snapshot(facts, cut_offs)
        return {"open": opened - before, "cpu": cpu_seconds() - opened, "rows": table.num_rows}


def cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def peak_megabytes() -> float:
    """The most memory that this process ever had; the kernel counts kilobytes, on macOS bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


MEASUREMENTS: dict[str, Callable[[Path], Figures]] = {
    "floor": floor,
    "one": lambda data: features(data, CUT_OFFS[-1:]),
    "twelve": lambda data: features(data, CUT_OFFS),
}


# --- all of them, and the report


def in_a_process(what: str, data: Path, customers: int) -> Figures:
    command = [
        sys.executable,
        "-m",
        __spec__.name,
        "--measure",
        what,
        "--data",
        str(data),
        "--customers",
        str(customers),
    ]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    figures: Figures = json.loads(done.stdout)
    return figures


def company(customers: int) -> Path:
    """The simulated company's folder, made unless it is there; another version of the simulation has another folder."""
    sources = b"".join(file.read_bytes() for file in sorted(SIMULATION.glob("*.py")))
    version = hashlib.sha256(sources).hexdigest()[:8]
    data = FOLDER / "data" / f"{customers}-customers-{MONTHS}-months-{version}"
    if not data.exists():
        print(f"Simulating {customers:,} customers over {MONTHS} months …", flush=True)
        in_a_process("make", data, customers)
    return data


def results(customers: int) -> list[Result]:
    data = company(customers)
    rounds = [{what: in_a_process(what, data, customers) for what in MEASUREMENTS} for _ in range(ROUNDS)]

    def middle(what: str, figure: str) -> float:
        return median(figures[what][figure] for figures in rounds)

    floor_cpu, one, twelve = (middle(what, "cpu") for what in MEASUREMENTS)
    opening = middle("one", "open")
    return [
        Result("customers simulated", customers, "customers"),
        Result("rows of twelve snapshots", middle("twelve", "rows"), "rows"),
        Result("scan floor", floor_cpu, "CPU seconds"),
        Result("opening the facts", opening, "CPU seconds"),
        Result("snapshot at one cut-off", one, "CPU seconds"),
        Result("snapshot at twelve cut-offs", twelve, "CPU seconds"),
        Result("snapshot at one cut-off, peak memory", middle("one", "peak"), "MB"),
        Result("snapshot at twelve cut-offs, peak memory", middle("twelve", "peak"), "MB"),
        Result("opening and snapshot / scan floor", (opening + one) / floor_cpu, "times"),
        at_most("snapshot / scan floor", one / floor_cpu, "times", 5.0),
        at_most("twelve cut-offs / one", twelve / one, "times", 4.0),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=30_000)
    parser.add_argument("--measure", choices=["make", *MEASUREMENTS], help=argparse.SUPPRESS)
    parser.add_argument("--data", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure is None:
        write("features", results(given.customers))
    elif given.measure == "make":
        print(json.dumps(make(given.data, given.customers)))
    else:
        figures = MEASUREMENTS[given.measure](given.data)
        print(json.dumps({**figures, "peak": peak_megabytes()}))


if __name__ == "__main__":
    main()
