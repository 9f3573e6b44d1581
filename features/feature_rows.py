"""The features of the whole base as of one instant, on disk: models look at them a block of customers at a time."""

import tempfile
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from features.snapshot import snapshot_batches
from features.sources import Facts
from features.writing import storage_errors

Floats = NDArray[np.float64]

KEYS = ("customer_id", "as_of")
_GATHERED_ROWS = 65_536


class Rows(Protocol):
    """One row a customer, in the order of their ids: customer_id, as_of (UTC) and what is known of each."""

    customer_ids: pa.StringArray
    names: tuple[str, ...]

    def block(self, start: int, stop: int) -> pd.DataFrame:
        """The rows from ``start`` to before ``stop`` with all columns, under a fresh index."""

    def columns(self, wanted: Iterable[str]) -> pd.DataFrame:
        """All rows, with those of the ``wanted`` columns that there are."""

    def close(self) -> None:
        """Free what the rows occupy."""


class FeatureRows:
    """All features of all customers (float64; NaN: missing) in a file without a name, which ends with this object or its process.

    Raises AsOfError, FactsError, StorageError.
    """

    def __init__(self, facts: Facts, as_of: datetime, folder: Path) -> None:
        self._as_of = as_of.astimezone(UTC)
        self.names: tuple[str, ...] = ()
        ids: list[pa.Array] = []
        with storage_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - `close` closes it
            for batch in snapshot_batches(facts, [as_of]):
                self.names = tuple(batch.schema.names[len(KEYS) :])
                ids.append(batch.column(0))
                values = [column.to_numpy(zero_copy_only=False) for column in batch.columns[len(KEYS) :]]
                self._file.write(np.column_stack(values).astype(np.float64, copy=False).data)
            self._file.flush()
        unordered = pa.concat_arrays([pa.array([], pa.string()), *ids])
        order = pc.sort_indices(unordered)
        self.customer_ids: pa.StringArray = unordered.take(order)
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

    def close(self) -> None:
        """See `Rows.close`."""
        self._file.close()

    def _rows(self, places: NDArray[np.uint64]) -> Floats:
        """The rows at these places of the file, which is mapped into memory no longer than that takes."""
        shape = (len(self.customer_ids), len(self.names))
        if not min(shape):
            return np.empty((0, len(self.names)))  # no map of nothing
        return np.asarray(np.memmap(self._file, np.float64, "r", shape=shape)[places])

    def _frame(self, ids: pa.Array, values: Floats, names: Sequence[str]) -> pd.DataFrame:
        instants = pa.repeat(pa.scalar(self._as_of, pa.timestamp("us", "UTC")), len(ids)).to_pandas()
        keys = pd.DataFrame({"customer_id": ids.to_pandas(), "as_of": instants})
        return pd.concat([keys, pd.DataFrame(values, columns=list(names), copy=False)], axis=1)


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

    def close(self) -> None:
        """See `Rows.close`."""
