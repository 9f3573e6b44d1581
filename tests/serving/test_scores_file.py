"""Scores that are written as they come, and the run that they make."""

from pathlib import Path

import pyarrow as pa
import pytest

from serving.score_schema import SCORES_SCHEMA
from serving.scores_file import PassingRows, ScoresFile, batches_of, run_id_of
from tests.serving.conftest import AS_OF, COMPANY, table

SCORES = table(COMPANY)


def run_of(file: Path, *parts: pa.Table) -> tuple[str, str]:
    writer = ScoresFile(file, AS_OF)
    for part in parts:
        writer.add(part)
    assert writer.rows == sum(map(len, parts))
    return writer.finish()


def test_the_file_holds_the_scores_and_names_their_run(tmp_path: Path) -> None:
    file = tmp_path / "scores.parquet"
    run_id, digest = run_of(file, SCORES.slice(0, 2), SCORES.slice(2))
    assert run_id == f"{AS_OF:%Y%m%dT%H%M}-{digest[:12]}"
    assert run_id_of(file) == run_id
    assert pa.Table.from_batches(batches_of(file, 3)).cast(SCORES_SCHEMA).equals(SCORES)


def test_the_same_scores_make_the_same_run_and_others_another(tmp_path: Path) -> None:
    again = [run_of(tmp_path / name, SCORES) for name in ("a", "b")]
    assert again[0] == again[1]
    last = [*COMPANY[:-1], {**COMPANY[-1], "catalogue_hash": "another"}]  # the last value of the last row
    assert run_of(tmp_path / "c", table(last)) != again[0]


def test_rows_wait_on_disk_until_all_are_there(tmp_path: Path) -> None:
    rows = PassingRows(tmp_path, pa.schema([("n", pa.int64())]))
    for start in (0, 2):
        rows.add(pa.table({"n": [start, start + 1]}))
    assert list(tmp_path.iterdir()) == []
    assert [n for batch in rows.batches() for n in batch["n"].to_pylist()] == [0, 1, 2, 3]
    rows.close()
    with pytest.raises(ValueError, match="closed"):
        next(rows.batches())
