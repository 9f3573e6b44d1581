"""The peers compute the same as Retinue: only then does it mean something to compare their cost."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.catalogue import BY_NAME
from features.simulation.write import write_company
from features.snapshot import snapshot
from tests.benchmarks.peers import BASIC, COUNTED_AS_ZERO, duckdb_sql, pandas_frames
from tests.benchmarks.peers.agreement import disagreements
from tests.benchmarks.peers.environment import OTHERS, folder_of
from tests.benchmarks.report import FOLDER
from tests.benchmarks.tools.measure import opened

AS_OF = datetime(2026, 6, 1, tzinfo=UTC)
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_company(tmp_path_factory.mktemp("peers") / "company", 5, 400, 18)


@pytest.fixture(scope="module")
def ours(company: Path) -> pa.Table:
    with opened(company) as facts:
        return snapshot(facts, [AS_OF], features=[BY_NAME[name] for name in BASIC])


def test_there_are_21_basic_features_all_of_the_catalogue() -> None:
    assert len(set(BASIC)) == 21
    assert set(BASIC) <= set(BY_NAME)
    assert set(COUNTED_AS_ZERO) == {name for name in BASIC if BY_NAME[name].empty == 0}


def test_duckdb_and_pandas_agree_with_retinue_in_every_basic_feature(company: Path, ours: pa.Table) -> None:
    peers = {"duckdb": duckdb_sql.features(company, AS_OF), "pandas": pandas_frames.features(company, AS_OF)}
    assert disagreements(ours, peers) == []
    assert all(ours[name].null_count < ours.num_rows / 2 for name in BASIC)


@pytest.mark.slow
@pytest.mark.parametrize("peer", OTHERS)
def test_the_other_peers_agree_as_well(company: Path, ours: pa.Table, tmp_path: Path, peer: str) -> None:
    folder = folder_of(FOLDER)
    if not (folder / "ready").exists():
        pytest.skip("the peers' environment is made by: make bench-features")
    command = [folder / "bin" / "python", "-m", "tests.benchmarks.peers.run", peer]
    arguments = ["--data", company, "--as-of", f"{AS_OF:%Y-%m-%d}", "--out", tmp_path / "peer.parquet"]
    subprocess.run([str(part) for part in (*command, *arguments)], check=True, cwd=ROOT, capture_output=True)
    assert disagreements(ours, {peer: pq.read_table(tmp_path / "peer.parquet")}) == []


def test_what_differs_is_told_with_the_feature_and_how_often(ours: pa.Table) -> None:
    spend = ours["spend_30d"].to_numpy().copy()
    spend[:3] += 0.01
    column = ours.schema.get_field_index("spend_30d")
    changed = ours.set_column(column, "spend_30d", pa.array(spend))
    assert disagreements(ours, {"peer": changed}) == [f"peer differs in spend_30d for 3 of {ours.num_rows} customers"]
    late = np.where(np.arange(ours.num_rows) == 0, None, ours["days_since_last_purchase"].to_numpy())
    column = ours.schema.get_field_index("days_since_last_purchase")
    changed = ours.set_column(column, "days_since_last_purchase", pa.array(late, pa.float64()))
    assert "differs in days_since_last_purchase for 1 of" in disagreements(ours, {"peer": changed})[0]


def test_other_customers_are_told() -> None:
    ids = {"customer_id": ["a", "b"]} | {name: [1.0, 2.0] for name in BASIC}
    assert disagreements(pa.table(ids), {"peer": pa.table(ids).slice(1)}) == ["peer has other customers: 1, not 2"]
