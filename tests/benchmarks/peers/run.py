"""One peer in a process of its own: CPU seconds and peak memory as JSON, the features into a file when one is named.

Run as ``python -m tests.benchmarks.peers.run polars --data DIR --as-of 2026-01-01 [--out FILE]``.
"""

import argparse
import importlib
import json
import resource
import sys
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq

MODULES = {
    "duckdb": "tests.benchmarks.peers.duckdb_sql",
    "pandas": "tests.benchmarks.peers.pandas_frames",
    "polars": "tests.benchmarks.peers.polars_frames",
    "featuretools": "tests.benchmarks.peers.featuretools_dfs",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peer", choices=list(MODULES))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--as-of", required=True)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    peer = importlib.import_module(MODULES[given.peer])
    before = resource.getrusage(resource.RUSAGE_SELF)
    table = peer.features(given.data, datetime.fromisoformat(given.as_of).replace(tzinfo=UTC))
    after = resource.getrusage(resource.RUSAGE_SELF)
    if given.out:
        pq.write_table(table, given.out)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    peak = after.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
    print(json.dumps({"cpu": cpu, "peak": peak, "rows": table.num_rows}))


if __name__ == "__main__":
    main()
