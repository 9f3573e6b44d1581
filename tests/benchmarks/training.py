"""What a training costs at scale: a simulated company through `retinue train` and `retinue score`, each as its own process.

1 million customers and twelve months of monthly cut-offs must be learnt from within 30 minutes and 16 GB. The training draws
a part of the customers (`training.dataset.MOST_ROWS`); the scoring covers all of them.

Run as ``python -m tests.benchmarks.training [--customers 1000000 | --quick]``.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from features.contracts import TABLES
from tests.benchmarks.features import Bench
from tests.benchmarks.report import Result, at_most, write

CUSTOMERS = 1_000_000
QUICK_CUSTOMERS = 30_000
AS_OF = "2025-12-31"
MOST_MINUTES = 30.0
MOST_MEGABYTES = 16_000.0

PROJECT = """
[project]
name = "Scale"
currency = "EUR"
[churn]
kind = "silence"
horizon_days = 60
active_within_days = 180
"""

RUN = """
import json, resource, sys
from serving.cli import app
try:
    app()(sys.argv[1:])
except SystemExit as done:
    code = done.code
usage = resource.getrusage(resource.RUSAGE_SELF)
scale = 1e6 if sys.platform == "darwin" else 1e3
print(json.dumps({"cpu": usage.ru_utime + usage.ru_stime, "peak": usage.ru_maxrss / scale}), file=sys.stderr)
sys.exit(code)
"""


def project(folder: Path, data: Path) -> Path:
    """A project over the simulated company's files."""
    import pyarrow.parquet as pq

    tables = []
    for name in ("orders", "invoices", "payments", "interactions", "customers"):
        file = data / f"{name}.parquet"
        wanted = {c.name for c in TABLES[name].columns} | {"known_at"}
        columns = [f'{c} = "{c}"' for c in pq.read_schema(file).names if c in wanted]
        tables.append("\n".join([f"[tables.{name}]", f'path = "{file}"', f"[tables.{name}.columns]", *columns]))
    (folder / "retinue.toml").write_text(PROJECT + "\n".join(tables) + "\n", encoding="utf-8")
    return folder


def measured(what: str, command: list[str]) -> list[Result]:
    """Run one command of the line; its wall and CPU time and its peak memory."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", RUN, *command], check=True, stderr=subprocess.PIPE, text=True, env=_environment()
    )
    minutes = (time.monotonic() - began) / 60
    figures = json.loads(done.stderr.strip().splitlines()[-1])
    return [
        at_most(f"{what}: time by the clock", minutes, "minutes", MOST_MINUTES),
        Result(f"{what}: CPU time", figures["cpu"], "CPU seconds"),
        at_most(f"{what}: peak memory", figures["peak"], "MB", MOST_MEGABYTES),
    ]


def _environment() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if k != "MLFLOW_TRACKING_URI"} | {"OMP_WAIT_POLICY": "PASSIVE"}


def main() -> None:
    """Train and score a company of the wanted size and write what it cost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=CUSTOMERS)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_CUSTOMERS:,} customers")
    parser.add_argument("--data", type=Path, help="a company of that size that was made before")
    given = parser.parse_args()
    customers = QUICK_CUSTOMERS if given.quick else given.customers
    data = Bench(customers, 1, given.data).company(customers)
    with tempfile.TemporaryDirectory(prefix="retinue-scale-") as folder:
        place = str(project(Path(folder), data))
        results = [
            Result("customers simulated", customers, "customers"),
            *measured("training", ["train", "--as-of", AS_OF, "--project", place, "--quiet"]),
            *measured(
                "scoring", ["score", "--as-of", AS_OF, "--project", place, "--out", f"{place}/scores", "--quiet"]
            ),
        ]
    write("training", results)


if __name__ == "__main__":
    main()
