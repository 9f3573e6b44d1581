"""A company's facts sorted by customer, so that those of a few customers are found at once among a hundred million.

A folder holds, for each table of customers, its rows in an uncompressed Arrow file that is mapped into memory, and
beside it the customers in order with the place of their first row: a customer's facts are a slice. What is paid on an
invoice stands with the customer that owes it. Written by the batch, for the run that it publishes.
"""

import bisect
import json
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from features.compiler import compile_statement
from features.errors import StorageError
from features.events import accepted_tables
from features.own_features import all_features
from features.peer_shares import PeerShares, peer_shares
from features.readers import literal, quoted
from features.sources import Facts
from features.text import Text
from features.writing import atomic_file, storage_errors

FOLDER = "facts"
"""Where indexes lie inside a project's workspace, one folder a run."""
FORMAT = 1
ROWS_SORTED_AT_ONCE = 4_000_000
"""How many rows of a table are sorted in memory; more are first laid apart by ranges of customers."""
_MANIFEST = "index.json"
_NOTES = "notes.json"
_PEERS = "peers.arrow"
_OWNERS = "invoice_owners.arrow"
_OWNER, _RANGE = "owner_of_row", "range_of_owners"
_ROWS_AT_ONCE = 65_536
_BETWEEN_SIGNPOSTS = 256


def index_folder(workspace: Path, run_id: str) -> Path:
    """Where the index of a run lies."""
    return workspace / FOLDER / run_id


def write_fact_index(facts: Facts, as_of: datetime, folder: Path) -> None:
    """Write the facts of all customers as they stand into ``folder``, unless they lie there already; `keep_index` takes them.

    Raises StorageError.
    """
    if (folder / _MANIFEST).exists():  # it comes last
        return
    tables = [name for name in accepted_tables(facts.project) if name in facts.columns]
    shutil.rmtree(folder, ignore_errors=True)
    with storage_errors(folder):
        folder.mkdir(parents=True)
        read = _columns_read(facts)
        for name in tables:
            _write_table(facts, name, as_of, read, folder)
        if "invoices" in tables:
            owners = (
                f"SELECT invoice_id AS key, min(customer_id) AS customer_id FROM invoices AS t{_early(facts, as_of)}"
            )
            _write(facts, [f"{owners} GROUP BY key ORDER BY key"], folder / _OWNERS)
        _write_arrow(peer_shares(facts, as_of, all_features(facts)), folder / _PEERS)
        manifest = {
            "format": FORMAT,
            "as_of": as_of.astimezone(UTC).isoformat(),
            "events_until": facts.events_until,
            "tables": {name: sorted(facts.columns[name]) for name in tables},
        }
        with atomic_file(folder / _MANIFEST) as file:
            file.write_text(json.dumps(manifest, indent=1), encoding="utf-8")


def keep_index(folder: Path, workspace: Path, run_id: str, notes: dict[str, Any]) -> Path:
    """Give what `write_fact_index` wrote to the run ``run_id``, in the place of an earlier one; ``notes`` (JSON) go with it."""
    target = index_folder(workspace, run_id)
    with storage_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        (folder / _NOTES).write_text(json.dumps(notes, indent=1), encoding="utf-8")
        shutil.rmtree(target, ignore_errors=True)
        return folder.rename(target)


def forget_indexes(workspace: Path, kept: Sequence[str]) -> None:
    """Remove the indexes of all runs but ``kept``. Whoever has one open goes on reading it."""
    for folder in (workspace / FOLDER).glob("*"):
        if folder.name not in kept and not folder.name.startswith("."):
            shutil.rmtree(folder, ignore_errors=True)


def _write_table(facts: Facts, name: str, as_of: datetime, read: frozenset[str], folder: Path) -> None:
    """Write a table's rows by the customer that they are kept for, with the columns that features ``read``."""
    described = facts.connection.execute(f"DESCRIBE {quoted(name)}").fetchall()
    columns = ", ".join(f"t.{quoted(c)}" for c, *_ in described if c in read or name == "customers")
    source, owner = f"{quoted(name)} AS t", "t.customer_id"
    if name == "payments" and "invoice_id" in facts.columns[name] and "invoices" in facts.columns:
        bills = "(SELECT invoice_id, min(customer_id) AS owner FROM invoices GROUP BY invoice_id) AS i"
        source, owner = f"{source} LEFT JOIN {bills} USING (invoice_id)", "coalesce(i.owner, t.customer_id)"
    early = _early(facts, as_of)
    counted = f"SELECT {owner} AS key, count(*) AS rows FROM {source}{early} GROUP BY key"
    places = f"SELECT key, CAST(sum(rows) OVER (ORDER BY key) AS BIGINT) AS ends FROM ({counted}) ORDER BY key"
    customers = folder / f"{name}.customers.arrow"
    _write(facts, [places], customers)
    rows = f"SELECT {columns}, {owner} AS {quoted(_OWNER)} FROM {source}{early}"
    with tempfile.TemporaryDirectory(dir=folder) as parts:
        sorted_rows = _sorted_by_owner(facts, rows, _first_of_ranges(SortedRows(customers)), Path(parts))
        _write(facts, sorted_rows, folder / f"{name}.arrow")


def _sorted_by_owner(facts: Facts, rows: str, firsts: Sequence[str], parts: Path) -> Iterator[str]:
    """SQL, one statement a range of customers: the rows in the order of their owners, without the owner.

    The database sorts more than fits into its memory too, but has then run out of it among a hundred million rows. So
    rows are first laid apart by range in one pass, each range is sorted by itself, and its rows are removed again.
    """
    only = f"SELECT * EXCLUDE ({quoted(_OWNER)}) FROM"
    if not firsts:
        yield f"{only} ({rows}) ORDER BY {quoted(_OWNER)}"
        return
    part = " ".join(f"WHEN {quoted(_OWNER)} < {literal(first)} THEN {n}" for n, first in enumerate(firsts))
    apart = f"SELECT *, CASE {part} ELSE {len(firsts)} END AS {quoted(_RANGE)} FROM ({rows})"
    layout = f"FORMAT parquet, COMPRESSION uncompressed, PARTITION_BY ({quoted(_RANGE)})"
    facts.connection.execute(f"COPY ({apart}) TO {literal(str(parts))} ({layout})")
    for n in range(len(firsts) + 1):
        place = parts / f"{_RANGE}={n}"
        files = ", ".join(literal(str(file)) for file in place.iterdir())
        yield f"{only} read_parquet([{files}], hive_partitioning = false) ORDER BY {quoted(_OWNER)}"
        shutil.rmtree(place)


def _first_of_ranges(customers: "SortedRows") -> list[str]:
    """The customers with whom a range begins, but the first of all; a range has about `ROWS_SORTED_AT_ONCE` rows."""
    ends = np.concatenate([[0], *(batch.column("ends").to_numpy() for batch in customers.batches)])
    ranges = ends[:-1] // ROWS_SORTED_AT_ONCE
    begins = np.flatnonzero(np.diff(ranges)) + 1
    return [customers.value("key", row) for row in begins.tolist()]


def _columns_read(facts: Facts) -> frozenset[str]:
    """The words of the statement that computes all features, and the columns that tell rows apart."""
    statement = compile_statement(all_features(facts), facts.columns, facts.project.timezone)
    return frozenset(re.findall(r"\w+", statement)) | {"customer_id", "invoice_id", "known_at"}


def _early(facts: Facts, as_of: datetime) -> str:
    """SQL: the condition for rows that come from files alone; what files tell of later may have come as an event, too."""
    if facts.project.events is None or not facts.project.events.in_files:
        return ""
    return (
        f" WHERE coalesce(t.known_at < TIMESTAMP '{as_of.astimezone(UTC).replace(tzinfo=None).isoformat(' ')}', TRUE)"
    )


def _write(facts: Facts, queries: Iterable[str], file: Path) -> None:
    """Write the rows of all queries, which have the same columns, one after the other."""
    with pa.OSFile(str(file), "wb") as sink, ExitStack() as closing:
        writer = None
        for query in queries:
            reader = facts.connection.sql(query).to_arrow_reader(_ROWS_AT_ONCE)
            writer = writer or closing.enter_context(pa.ipc.new_file(sink, reader.schema))
            for batch in reader:
                writer.write_batch(batch)


def _write_arrow(table: pa.Table, file: Path) -> None:
    with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table, _ROWS_AT_ONCE)


# --- reading


class SortedRows:
    """An Arrow file, mapped into memory; rows are found by their number."""

    def __init__(self, file: Path) -> None:
        self._source = pa.memory_map(str(file), "r")
        reader = pa.ipc.open_file(self._source)
        self.schema: pa.Schema = reader.schema
        self.batches = [reader.get_batch(n) for n in range(reader.num_record_batches)]
        self.starts = np.cumsum([0, *(batch.num_rows for batch in self.batches)])
        self._signposts = self._every(_BETWEEN_SIGNPOSTS) if "key" in self.schema.names else []

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return int(self.starts[-1])

    def slice(self, start: int, end: int) -> list[pa.RecordBatch]:
        """The rows from ``start`` to before ``end``, uncopied."""
        found = []
        place = int(np.searchsorted(self.starts, start, side="right")) - 1
        while start < end:
            upto = min(end, int(self.starts[place + 1]))
            found.append(self.batches[place].slice(start - int(self.starts[place]), upto - start))
            start, place = upto, place + 1
        return found

    def value(self, column: str, row: int) -> Any:
        """One value."""
        place = int(np.searchsorted(self.starts, row, side="right")) - 1
        return self.batches[place].column(column)[row - int(self.starts[place])].as_py()

    def find(self, key: str) -> int | None:
        """The row whose ``key`` it is; rows are in the order of their keys' bytes, which is that of code points."""
        before = bisect.bisect_right(self._signposts, key) - 1
        if before < 0:
            return None
        start = before * _BETWEEN_SIGNPOSTS
        near = self.slice(start, min(start + _BETWEEN_SIGNPOSTS, self.rows))
        keys = [name for batch in near for name in batch.column("key").to_pylist()]
        place = bisect.bisect_left(keys, key)
        return start + place if place < len(keys) and keys[place] == key else None

    def _every(self, rows: int) -> list[str]:
        """The key of each so many-th row: among these, which stay in memory, the search begins."""
        found: list[str] = []
        for batch, start in zip(self.batches, self.starts, strict=False):
            found += batch.column("key").take(pa.array(range(-int(start) % rows, batch.num_rows, rows))).to_pylist()
        return found


class FactIndex:
    """An open index. ``notes`` are those that were kept with it.

    Raises StorageError: it is not there, or was written by another version.
    """

    def __init__(self, folder: Path) -> None:
        with _readable(folder):
            manifest = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
            if manifest["format"] != FORMAT:
                raise OSError(f"format {manifest['format']}")
            self.as_of = datetime.fromisoformat(manifest["as_of"])
            self.events_until: int = manifest["events_until"]
            self.columns = {name: frozenset(columns) for name, columns in manifest["tables"].items()}
            self.notes: dict[str, Any] = json.loads((folder / _NOTES).read_text(encoding="utf-8"))
            self.peers = PeerShares(pa.ipc.open_file(pa.OSFile(str(folder / _PEERS))).read_all())
            self._rows = {name: SortedRows(folder / f"{name}.arrow") for name in self.columns}
            self._customers = {name: SortedRows(folder / f"{name}.customers.arrow") for name in self.columns}
            self._owners = SortedRows(folder / _OWNERS) if "invoices" in self.columns else None

    def schema(self, table: str) -> pa.Schema:
        """The columns of a table's rows."""
        return self._rows[table].schema

    def rows_of(self, table: str, customers: Sequence[str]) -> pa.Table:
        """The rows of a table of ``customers``, of payments also those on their invoices; columns uncopied."""
        found: list[pa.RecordBatch] = []
        places = self._customers[table]
        for customer in customers:
            place = places.find(customer)
            if place is not None:
                start = places.value("ends", place - 1) if place else 0
                found += self._rows[table].slice(start, places.value("ends", place))
        return pa.Table.from_batches(found, self._rows[table].schema)

    def owner_of(self, invoice_id: str) -> str | None:
        """The customer that owes an invoice; None: no such invoice is on file."""
        place = self._owners.find(invoice_id) if self._owners else None
        return None if place is None or self._owners is None else str(self._owners.value("customer_id", place))


@contextmanager
def _readable(folder: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, KeyError, pa.ArrowInvalid) as fault:
        raise StorageError(_UNREADABLE, folder=folder, fault=fault) from fault


_UNREADABLE = Text(
    "The facts kept for real time in {folder} cannot be read ({fault}). 'retinue score' writes them anew.",
    "无法读取为实时评分保存的数据 {folder}（{fault}）。运行“retinue score”会重新写入。",
)
