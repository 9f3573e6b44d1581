"""Where the catalogue's SQL runs: one dialect is written (DuckDB's), and each engine gives the same rows.

The reading, mapping and setting aside of a company's files is always DuckDB's; an engine only computes.
"""

from collections.abc import Iterator
from typing import Protocol

import pyarrow as pa

from features.compiler import Plan
from features.engines import duckdb, spark
from features.project import EngineName
from features.sources import Facts


class Engine(Protocol):
    """Takes the steps of a plan over the facts' tables and gives the rows of all its SELECTs."""

    def __call__(self, facts: Facts, plan: Plan) -> Iterator[pa.RecordBatch]:
        """The rows of the SELECTs, one after the other, each in its order."""


ENGINES: dict[EngineName, Engine] = {"duckdb": duckdb.run, "spark": spark.run}


def run(facts: Facts, plan: Plan) -> Iterator[pa.RecordBatch]:
    """The rows of the plan's SELECTs, computed by the engine that the project chose; times are naive and in UTC.

    What the steps make is gone when the last row has been read; until then nothing else may use the facts' connection.
    Raises EngineError: the engine is not installed, cannot start, or cannot compute this.
    """
    return ENGINES[facts.project.project.engine](facts, plan)
