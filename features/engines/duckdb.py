"""The embedded engine: everything in this process, spilling to disk where memory does not suffice."""

from collections.abc import Iterator

import pyarrow as pa

from features.compiler import Plan
from features.readers import quoted
from features.sources import Facts

BATCH_ROWS = 65_536


def run(facts: Facts, plan: Plan) -> Iterator[pa.RecordBatch]:
    """See `features.engines.run`."""
    connection = facts.connection
    try:
        for step in plan.steps:
            kind = "TABLE" if step.is_kept else "VIEW"
            connection.execute(f"CREATE OR REPLACE TEMP {kind} {quoted(step.name)} AS {step.sql}")
        for select in plan.selects:
            yield from connection.sql(select).to_arrow_reader(BATCH_ROWS)
    finally:
        for step in reversed(plan.steps):
            kind = "TABLE" if step.is_kept else "VIEW"
            connection.execute(f"DROP {kind} IF EXISTS temp.{quoted(step.name)}")
