"""A sample of a company's customers with all their facts, in a database of its own, in which futures can be tried out."""

import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

import duckdb
import pyarrow as pa

from features.contracts import TABLES
from features.leakage.futures import FUTURES, Cutoff, Shape, shape_of
from features.project import Project
from features.readers import literal, quoted
from features.sources import Facts

MEMORY_LIMIT = "1GB"
LEAST_CUSTOMERS = 100
BATCH_ROWS = 100_000


@dataclass(frozen=True)
class Sample:
    """The facts of some customers. ``facts`` reads them as they were laid out last; ``rows`` counts them by table."""

    facts: Facts
    shapes: dict[str, Shape]
    customers: int
    of_customers: int
    rows: dict[str, int]

    def turn(self, future: str, cutoff: datetime, pieces: dict[str, Collection[str]] | None = None) -> None:
        """Lay out another future as of a cut-off; ``pieces`` limits what turns out otherwise, by table."""
        at = Cutoff.of(cutoff, self.facts.project.timezone, self.shapes.get("payments"))
        for name, shape in self.shapes.items():
            chosen = shape.pieces if pieces is None else pieces.get(name, ())
            if chosen:
                select = FUTURES[future](shape, at, chosen)
                self.facts.connection.execute(f"CREATE OR REPLACE TABLE altered.{quoted(name)} AS {select}")
            self._show(name, "altered" if chosen else "base")

    def restore(self) -> None:
        """Lay out the facts as they are."""
        for name in self.shapes:
            self._show(name, "base")

    def _show(self, name: str, schema: str) -> None:
        self.facts.connection.execute(f"CREATE OR REPLACE VIEW main.{quoted(name)} AS FROM {schema}.{quoted(name)}")

    def unknown(self, cutoff: datetime) -> int:
        """How many facts had not happened or were not known at a cut-off, and how many later outcomes of the others."""
        at = Cutoff.of(cutoff, self.facts.project.timezone, self.shapes.get("payments"))
        parts = [f"SELECT {_unknown(shape, at)} AS n FROM base.{quoted(name)}" for name, shape in self.shapes.items()]
        return int(self.facts.connection.execute(f"SELECT sum(n) FROM ({' UNION ALL '.join(parts)})").fetchall()[0][0])


def _unknown(shape: Shape, at: Cutoff) -> str:
    known = at.is_known(shape)
    outcomes = [f"count(*) FILTER (({known}) AND {quoted(c)} >= {at.at})" for c in shape.later]
    return " + ".join([f"count(*) FILTER (NOT ({known}))", *outcomes])


@contextmanager
def sampled(facts: Facts, most_customers: int, most_rows: int | None = None) -> Iterator[Sample]:
    """Copy the facts of some customers, chosen by the hash of their ids, so that each try costs the same and little.

    Parameters: at most ``most_customers`` are taken, and so few that their facts come to about ``most_rows`` (but not
    fewer than 100 customers). One thread computes, so that every run of the checks says the same.
    """
    with tempfile.TemporaryDirectory(prefix="retinue-") as folder, duckdb.connect() as connection:
        settings = ("threads = 1", f"memory_limit = '{MEMORY_LIMIT}'", f"temp_directory = {literal(folder)}")
        for setting in (*settings, "TimeZone = 'UTC'"):
            connection.execute(f"SET {setting}")
        for schema in ("base", "altered"):
            connection.execute(f"CREATE SCHEMA {schema}")
        everybody, chosen = _choose(facts, most_customers, most_rows)
        rows = _copy(facts, chosen, connection)
        sample = Sample(
            replace(facts, connection=connection, project=_on_duckdb(facts.project)),
            {name: _shape(connection, name, facts) for name in facts.columns},
            len(chosen),
            everybody,
            rows,
        )
        sample.restore()
        yield sample


def _on_duckdb(project: Project) -> Project:
    """The project as it is, but computed in this process: another engine takes seconds to begin each of many tries."""
    return project.model_copy(update={"project": project.project.model_copy(update={"engine": "duckdb"})})


def _shape(connection: duckdb.DuckDBPyConnection, name: str, facts: Facts) -> Shape:
    columns = [row[0] for row in connection.execute(f"DESCRIBE base.{quoted(name)}").fetchall()]
    return shape_of(TABLES[name], columns, facts.columns[name])


def _choose(facts: Facts, most_customers: int, most_rows: int | None) -> tuple[int, list[str]]:
    """How many customers there are, and the ids of those whose hashes are the smallest."""
    tables = [name for name in facts.columns if TABLES[name].entity == "customer_id"]
    everybody = " UNION ".join(f"SELECT DISTINCT customer_id FROM {quoted(name)}" for name in tables)
    smallest = f"arg_min(customer_id, hash(customer_id), {max(most_customers, 1)})"
    total, chosen = facts.connection.execute(f"SELECT count(*), {smallest} FROM ({everybody})").fetchall()[0]
    if most_rows is not None:
        rows = sum(_rows(facts, name) for name in tables)
        chosen = (chosen or [])[: max(LEAST_CUSTOMERS, int(most_rows * total / max(rows, 1)))]
    return int(total), list(chosen or [])


def _rows(facts: Facts, table: str) -> int:
    if table in facts.readings:
        return facts.readings[table].accepted
    return int(facts.connection.execute(f"SELECT count(*) FROM {quoted(table)}").fetchall()[0][0])


def _copy(facts: Facts, customers: list[str], to: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Copy the customers' facts batch by batch, and those that belong to nobody; how many rows each table has."""
    rows = {}
    wanted = pa.table({"customer_id": pa.array(customers, pa.string())})
    facts.connection.register("leakage_sample", wanted)
    try:
        for name in facts.columns:
            relation = facts.connection.sql(f"SELECT * FROM {quoted(name)} {_of_the_sample(facts, name)}")
            to.register("given", relation.to_arrow_reader(BATCH_ROWS))
            to.execute(f"CREATE TABLE base.{quoted(name)} AS FROM given")
            to.unregister("given")
            rows[name] = int(to.execute(f"SELECT count(*) FROM base.{quoted(name)}").fetchall()[0][0])
    finally:
        facts.connection.unregister("leakage_sample")
    return rows


def _of_the_sample(facts: Facts, table: str) -> str:
    """SQL filter; what is paid on the sample's invoices counts whoever paid it."""
    if TABLES[table].entity != "customer_id":
        return ""
    theirs = "customer_id IN (FROM leakage_sample)"
    if table == "payments" and "invoices" in facts.columns:
        return f"WHERE {theirs} OR invoice_id IN (SELECT invoice_id FROM invoices WHERE {theirs})"
    return f"WHERE {theirs}"
