"""Two registered versions side by side: their metrics, what they learn from, and how they did on the same rows."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from features.project import Project
from training.evaluation.metrics import auc_gain, log_loss_gain
from training.gate import JudgedRows
from training.mlflow_store import model_name, tracking
from training.tracking import JUDGED_ROWS
from training.versions import Version, find_version, load_version

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Paired:
    """How much better the second version is than the first on the same rows: gain and its standard error."""

    rows: int
    auc_gain: float
    auc_error: float
    log_loss_gain: float
    log_loss_error: float


@dataclass(frozen=True)
class Compared:
    """Two versions; the features that only one of them learns from; ``paired`` where both kept the rows of one cut-off."""

    first: Version
    second: Version
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]
    paired: Paired | None


def judged_table(judged: JudgedRows, probabilities: Mapping[str, Floats]) -> pa.Table:
    """The rows that models were judged on, with a column for what each model said of them."""
    rows = {
        "customer_id": pa.array(judged.customers, pa.string()),
        "as_of": pa.array(judged.cutoffs.astype("datetime64[us]"), pa.timestamp("us", "UTC")),
        "churned": pa.array(judged.churned),
        "value": pa.array(judged.value),
    }
    return pa.table(rows | {f"said_by_{name}": pa.array(said) for name, said in probabilities.items()})


def compare(project: Project, first: str, second: str) -> Compared:
    """Two registered versions side by side. Raises NotFoundError: one of them is not there."""
    versions = find_version(project, first), find_version(project, second)
    name = model_name(project, "churn")
    features = [load_version(project, name, version.number).stored.facts.features for version in versions]
    return Compared(
        *versions,
        only_first=tuple(f for f in features[0] if f not in features[1]),
        only_second=tuple(f for f in features[1] if f not in features[0]),
        paired=_paired(project, *versions),
    )


def _paired(project: Project, first: Version, second: Version) -> Paired | None:
    if first.test_cutoff is None or first.test_cutoff != second.test_cutoff:
        return None
    tables = [_rows(project, version) for version in (first, second)]
    if tables[0] is None or tables[1] is None:
        return None
    joined = tables[0].merge(tables[1], on=["customer_id", "as_of", "churned"], suffixes=("_first", "_second"))
    churned = joined["churned"].to_numpy(dtype=np.int64)
    if not 0 < churned.sum() < len(churned):
        return None
    said = [joined[f"said_{place}"].to_numpy() for place in ("first", "second")]
    return Paired(len(joined), *auc_gain(churned, said[1], said[0]), *log_loss_gain(churned, said[1], said[0]))


def _rows(project: Project, version: Version) -> pd.DataFrame | None:
    """customer_id, as_of, churned and what the version itself said; None where it kept none."""
    import mlflow

    column = f"said_by_{version.kind}"
    with tracking(project) as client:
        folder, _, _ = JUDGED_ROWS.rpartition("/")
        if JUDGED_ROWS not in {file.path for file in client.list_artifacts(version.run_id, folder)}:
            return None
        with tempfile.TemporaryDirectory(prefix="retinue-") as place:
            file = mlflow.artifacts.download_artifacts(
                artifact_uri=f"runs:/{version.run_id}/{JUDGED_ROWS}", dst_path=place
            )
            table = pq.read_table(file, columns=["customer_id", "as_of", "churned", column])
    rows: pd.DataFrame = table.rename_columns(["customer_id", "as_of", "churned", "said"]).to_pandas()
    return rows
