"""The features of the whole base as of one instant, on disk: models look at them a block of customers at a time."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from features.catalogue import Feature
from features.snapshot import snapshot_batches
from features.sources import Facts
from features.writing import atomic_file, storage_errors

Floats = NDArray[np.float64]

KEYS = ("customer_id", "as_of")
_VALUES, _CUSTOMERS = "features.f64", "features.arrow"
_NAMES = b"names"
_GATHERED_ROWS = 65_536


class Rows(Protocol):
    """One row a customer, in the order of their ids: customer_id, as_of (UTC) and what is known of each."""

    customer_ids: pa.StringArray
    names: tuple[str, ...]

    def block(self, start: int, stop: int) -> pd.DataFrame:
        """The rows from ``start`` to before ``stop`` with all columns, under a fresh index."""

    def columns(self, wanted: Iterable[str]) -> pd.DataFrame:
        """All rows, with those of the ``wanted`` columns that there are."""


class FeatureRows:
    """Features of all customers (float64; NaN: missing), in files of ``folder``; computed unless they lie there already.

    ``customers`` and ``features`` limit them, see `snapshot`.

    Raises AsOfError, FactsError, StorageError.
    """

    def __init__(
        self,
        facts: Facts,
        as_of: datetime,
        folder: Path,
        customers: Sequence[str] | None = None,
        features: Sequence[Feature] | None = None,
    ) -> None:
        self._as_of = as_of.astimezone(UTC)
        self._values, keys = folder / _VALUES, folder / _CUSTOMERS
        with storage_errors(folder):
            if not keys.exists():  # it comes last
                _write(snapshot_batches(facts, [as_of], customers, features), self._values, keys)
            unordered = pa.ipc.open_file(pa.BufferReader(keys.read_bytes())).read_all()
        self.names: tuple[str, ...] = tuple(json.loads(unordered.schema.metadata[_NAMES]))
        ids = unordered[KEYS[0]].combine_chunks()
        order = pc.sort_indices(ids)
        self.customer_ids: pa.StringArray = ids.take(order)
        self._places = order.to_numpy()

    def block(self, start: int, stop: int) -> pd.DataFrame:
        """See `Rows.block`."""
        # a column's values lie together, as everything that looks at columns wants them
        values = np.asfortranarray(self._rows(self._places[start:stop]))
        return self._frame(self.customer_ids[start:stop], values, self.names)

    def columns(self, wanted: Iterable[str]) -> pd.DataFrame:
        """See `Rows.columns`."""
        asked = set(wanted)
        names = [name for name in self.names if name in asked]
        places = [self.names.index(name) for name in names]
        values = np.empty((len(self.customer_ids), len(names)), order="F")
        for start in range(0, len(values), _GATHERED_ROWS):
            rows = self._places[start : start + _GATHERED_ROWS]
            values[start : start + len(rows)] = self._rows(rows)[:, places]
        return self._frame(self.customer_ids, values, names)

    def _rows(self, places: NDArray[np.uint64]) -> Floats:
        """The rows at these places of the file, which is mapped into memory no longer than that takes."""
        shape = (len(self.customer_ids), len(self.names))
        if not min(shape):
            return np.empty((0, len(self.names)))  # no map of nothing
        return np.asarray(np.memmap(self._values, np.float64, "r", shape=shape)[places])

    def _frame(self, ids: pa.Array, values: Floats, names: Sequence[str]) -> pd.DataFrame:
        instants = pa.repeat(pa.scalar(self._as_of, pa.timestamp("us", "UTC")), len(ids)).to_pandas()
        keys = pd.DataFrame({"customer_id": ids.to_pandas(), "as_of": instants})
        return pd.concat([keys, pd.DataFrame(values, columns=list(names), copy=False)], axis=1)


def _write(batches: Iterable[pa.RecordBatch], values: Path, customers: Path) -> None:
    """Write the features' values to one file, a customer after the other; who that is, and their names, to another."""
    names: list[str] = []
    ids: list[pa.Array] = []
    with atomic_file(values) as temporary, temporary.open("wb") as file:
        for batch in batches:
            names = batch.schema.names[len(KEYS) :]
            ids.append(batch.column(0))
            columns = [column.to_numpy(zero_copy_only=False) for column in batch.columns[len(KEYS) :]]
            file.write(np.column_stack(columns).astype(np.float64, copy=False).data)
    schema = pa.schema([(KEYS[0], pa.string())], {_NAMES: json.dumps(names)})
    with (
        atomic_file(customers) as temporary,
        pa.OSFile(str(temporary), "wb") as sink,
        pa.ipc.new_file(sink, schema) as writer,
    ):
        writer.write_table(pa.table([pa.concat_arrays([pa.array([], pa.string()), *ids])], schema))


class FrameRows:
    """Rows that are in memory already; ``frame`` is in the order of the customers' ids."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self._whole = frame.reset_index(drop=True)
        self.customer_ids: pa.StringArray = pa.array(frame["customer_id"], pa.string())
        self.names = tuple(str(name) for name in frame if name not in KEYS)

    def block(self, start: int, stop: int) -> pd.DataFrame:
        """See `Rows.block`."""
        return self._whole.iloc[start:stop].reset_index(drop=True)

    def columns(self, wanted: Iterable[str]) -> pd.DataFrame:
        """See `Rows.columns`."""
        asked = {*KEYS, *wanted}
        return self._whole[[name for name in self._whole if name in asked]]
