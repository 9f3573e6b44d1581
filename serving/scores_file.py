"""``scores.parquet``, written a block of customers at a time; the scores in it name their run."""

import hashlib
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from serving.score_schema import SCORES_SCHEMA

SCORES_FILE = "scores.parquet"
RESCORED_FILE = "rescored.parquet"
"""The scores of those who were scored again in a run, since; a new run removes it."""
RUN_ID = "run_id"
"""Under which ``scores.parquet`` says, in its metadata, which run it is."""


class ScoresFile:
    """A file of scores that is being written to ``path``. The same scores make the same run, so that publishing them twice
    changes nothing.
    """

    def __init__(self, path: Path, as_of: datetime) -> None:
        self.path = path
        self._as_of, self._sink = as_of, _Hashing(path)
        self._writer = pq.ParquetWriter(pa.PythonFile(self._sink, "w"), SCORES_SCHEMA)
        self.rows = 0

    def add(self, scores: pa.Table) -> None:
        """Write scores (SCORES_SCHEMA)."""
        self._writer.write_table(scores, row_group_size=max(1, len(scores)))
        self.rows += len(scores)

    def finish(self) -> tuple[str, str]:
        """End the file; the run's id, and the SHA-256 of the scores in hex."""
        digest = self._sink.hash.hexdigest()
        run_id = f"{self._as_of.astimezone(UTC):%Y%m%dT%H%M}-{digest[:12]}"
        self._writer.add_key_value_metadata({RUN_ID: run_id})
        self.close()
        return run_id, digest

    def close(self) -> None:
        """Let go of the file."""
        try:
            if self._writer.is_open:
                self._writer.close()
        finally:  # a full disk lets nothing end well
            self._sink.close()


class _Hashing:
    """A file that is hashed as it is written."""

    def __init__(self, path: Path) -> None:
        self._file: BinaryIO = path.open("wb")
        self.hash = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.hash.update(data)
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()

    def tell(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        self._file.close()

    @property
    def closed(self) -> bool:
        return self._file.closed


def run_id_of(file: Path) -> str | None:
    """The run that a file of scores says it is."""
    found: dict[bytes, bytes] = pq.read_metadata(file).metadata or {}
    return found[RUN_ID.encode()].decode() if RUN_ID.encode() in found else None


def batches_of(file: Path, rows: int) -> Iterator[pa.RecordBatch]:
    """The rows of a Parquet file, so many at a time."""
    with pq.ParquetFile(file) as opened:
        yield from opened.iter_batches(rows)


class PassingRows:
    """Rows that wait on disk, in a file without a name in ``folder``, until they are all there."""

    def __init__(self, folder: Path, schema: pa.Schema) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - `close` closes it
        self._writer = pa.ipc.new_stream(pa.PythonFile(self._file, "w"), schema)

    def add(self, rows: pa.Table) -> None:
        """Put more rows behind the others."""
        self._writer.write_table(rows)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """All rows; after this none can be added."""
        self._writer.close()
        self._file.seek(0)
        yield from pa.ipc.open_stream(pa.PythonFile(self._file, "r"))

    def close(self) -> None:
        """Forget the rows."""
        self._file.close()
