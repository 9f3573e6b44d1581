"""The features of a few customers now: their facts out of the index, their events out of the log, the catalogue's SQL.

The statement is prepared once: it reads the cut-off from a table, and the other tables that it reads hold only the facts
of the customers that are asked for.
"""

from collections.abc import Sequence
from datetime import datetime

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from features.catalogue import Feature
from features.compiler import CUTOFF, PEER_GROUP, compile_statement, cutoff_at
from features.contracts import TABLES
from features.customer_names import names_query
from features.event_facts import event_columns, event_rows
from features.event_log import EventLog, Received
from features.events import accepted_tables
from features.fact_index import FactIndex
from features.fields import contract_columns
from features.prepared import Given, executed
from features.project import Project
from features.readers import DUCKDB_TYPES, day_name, quoted
from features.snapshot import stand_in_tables
from features.sources import Facts


class LiveFacts:
    """Facts of a few customers at a time, over the index of a run and the log of events.

    ``facts`` is open for reading what was last `load`-ed.
    """

    def __init__(self, project: Project, index: FactIndex, log: EventLog, features: Sequence[Feature]) -> None:
        self.index, self.log = index, log
        connection = duckdb.connect()
        connection.execute("SET threads = 1")  # a handful of rows; the other cores answer look-ups
        connection.execute("SET TimeZone = 'UTC'")
        # measured: a dozen customers are computed faster by the plan as it is written
        connection.execute("PRAGMA disable_optimizer")
        self.facts = Facts(connection, project, dict(index.columns))
        self._accepted = {name: c for name, c in accepted_tables(project).items() if name in index.columns}
        self._features = tuple(features)
        self._filled: set[str] = set()
        self._given: dict[tuple[str, str], Given] = {}
        for name in index.columns:
            connection.execute(f"CREATE TABLE {quoted(name)} ({', '.join(_columns(name, index.schema(name)))})")
            self._prepare_inserts(name)
        stand_in_tables(self.facts)
        connection.execute(f"CREATE TABLE {CUTOFF} AS SELECT {cutoff_at(index.as_of, project.timezone)}")
        select = compile_statement(self._features, self.facts.columns, project.timezone)
        wanted = ", ".join(quoted(name) for name in ("customer_id", PEER_GROUP, *(f.name for f in self._features)))
        connection.execute(f"PREPARE snapshot AS SELECT {wanted} FROM ({select})")
        if "customers" in index.columns:
            connection.execute(f"PREPARE names AS {names_query(f'(SELECT as_of FROM {CUTOFF})')}")
        self._as_of = index.as_of

    def close(self) -> None:
        """Close the database in memory."""
        self.facts.connection.close()

    def touched(self, events: Sequence[Received]) -> list[str]:
        """The customers whose scores events change: their own, and of money on an invoice the one that owes it."""
        invoices = {e.invoice_id for e in events if e.invoice_id is not None}
        owners = {self.index.owner_of(invoice) for invoice in invoices} - {None}
        billed = {e.customer_id for e in self.log.of([], sorted(invoices), 0, 2**62) if e.table == "invoices"}
        return sorted({e.customer_id for e in events} | billed | {str(owner) for owner in owners})

    def load(self, customers: Sequence[str], upto: int, as_of: datetime) -> None:
        """Hold the facts of ``customers``, with their events up to the sequence ``upto``, to be read as of ``as_of``."""
        connection, self._as_of = self.facts.connection, as_of
        connection.execute(f"TRUNCATE {CUTOFF}")
        connection.execute(f"INSERT INTO {CUTOFF} SELECT {cutoff_at(as_of, self.facts.project.timezone)}")
        rows = {name: self.index.rows_of(name, customers) for name in self.index.columns}
        events = self._events(customers, rows, upto)
        for name, table in rows.items():
            if name in self._filled:
                connection.execute(f"TRUNCATE {quoted(name)}")
                self._filled.discard(name)
            if table.num_rows:
                self._insert(name, "files", table)
            if mine := [event for event in events if event.table == name]:
                sequences, received, bodies = zip(*((e.sequence, e.received_us, e.body) for e in mine), strict=True)
                told = event_columns(self._accepted[name], sequences, received, bodies)
                self._insert(name, "events", told)

    def snapshot(self, customers: Sequence[str]) -> pd.DataFrame:
        """The features of those of ``customers`` of whom a fact is held, by id: customer_id, as_of (UTC), one float64 a feature.

        Places among peers are those among the peers of the run.
        """
        asked = set(customers)  # payments on an invoice may stand with somebody else's
        known = {row[0]: row[1:] for row in executed(self.facts.connection, "snapshot") if row[0] in asked}
        ids = sorted(known)
        groups = [known[customer][0] for customer in ids]
        values = np.array([known[customer][1:] for customer in ids], dtype=np.float64)
        values = values.reshape(len(ids), len(self._features))
        for place, feature in enumerate(self._features):
            if feature.source == "peers":
                values[:, place] = self.index.peers.place(feature.name, groups, values[:, place])
        # among names kept by Arrow, to look one up or to add one costs more than scoring a few rows
        frame = pd.DataFrame(values, columns=pd.Index([feature.name for feature in self._features], dtype="object"))
        frame.insert(0, "customer_id", pd.Series(ids, dtype="object"))
        frame.insert(1, "as_of", pd.Series([self._as_of] * len(ids), dtype="datetime64[us, UTC]"))
        return frame

    def names(self, customers: Sequence[str]) -> pd.DataFrame:
        """Name and account_manager of ``customers``, in their order; None where none is known."""
        told: dict[str, tuple[str | None, str | None]] = {}
        if "customers" in self.index.columns:
            told = {customer: (name, manager) for customer, name, manager in executed(self.facts.connection, "names")}
        rows = [told.get(customer, (None, None)) for customer in customers]
        return pd.DataFrame(rows, columns=["name", "account_manager"], dtype="object")

    def _events(self, customers: Sequence[str], rows: dict[str, pa.Table], upto: int) -> list[Received]:
        """The events of customers and on their invoices that the index does not hold."""
        found = self.log.of(customers, [], self.index.events_until, upto)
        invoices = {e.invoice_id for e in found if e.table == "invoices" and e.invoice_id is not None}
        if "invoices" in rows:
            invoices |= set(rows["invoices"]["invoice_id"].to_pylist())
        if invoices:
            found = self.log.of(customers, sorted(invoices), self.index.events_until, upto)
        # an invoice that the files hold for another customer came first
        return [e for e in found if e.table != "invoices" or self.index.owner_of(str(e.invoice_id)) is None]

    def _prepare_inserts(self, name: str) -> None:
        """Make a table ready to be filled from the index's rows and from events, without planning it anew each time."""
        columns = self._accepted.get(name, {})  # a table that the project has dropped since takes no events
        schemas = {"files": self.index.schema(name)}
        if columns:
            schemas["events"] = event_columns(columns, [], [], []).schema
        for source, schema in schemas.items():
            place = quoted(f"{source} of {name}")
            self._given[name, source] = given = Given(schema.remove_metadata())
            self.facts.connection.register(f"{source} of {name}", given)
            selected = f"SELECT * FROM {place}"
            if source == "events":
                table, zone = TABLES[name].mapped(columns), self.facts.project.project.timezone
                selected = event_rows(place, quoted(name), table, columns, zone)
            statement = quoted(f"insert {source} of {name}")
            self.facts.connection.execute(f"PREPARE {statement} AS INSERT INTO {quoted(name)} BY NAME {selected}")

    def _insert(self, name: str, source: str, rows: pa.Table) -> None:
        self._filled.add(name)
        given = self._given[name, source]
        given.put(rows.combine_chunks().replace_schema_metadata())  # a part for each customer is read one by one
        self.facts.connection.execute(f"EXECUTE {quoted(f'insert {source} of {name}')}")
        given.clear()


def _columns(name: str, kept: pa.Schema) -> list[str]:
    """SQL: the columns of a contract table's view, and the attributes that are kept of it."""
    typed = {}
    for column in contract_columns(TABLES[name]):
        typed[column.name] = DUCKDB_TYPES[column.type]
        if column.type == "time":
            typed[day_name(column.name)] = "DATE"
    attributes = {field.name: _type(field.type) for field in kept if field.name not in typed}
    return [f"{quoted(column)} {type_}" for column, type_ in (typed | attributes).items()]


def _type(type_: pa.DataType) -> str:
    if pa.types.is_floating(type_):
        return "DOUBLE"
    if pa.types.is_timestamp(type_):
        return "TIMESTAMP"
    return "BOOLEAN" if pa.types.is_boolean(type_) else "VARCHAR"
