"""A snapshot kept in one go, as the batch keeps it block by block."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa

from features.project import Project
from serving.scores_file import ScoresFile
from training.replay import Kept, snapshot_writer


def keep_snapshot(
    project: Project, run_id: str, frame: pd.DataFrame, scores: pa.Table, notes: Mapping[str, str] | None = None
) -> Kept:
    """Keep the features of one run."""
    with snapshot_writer(project, notes=notes) as writer:
        writer.add(frame, scores)
        return writer.keep(project, run_id, {})


def written(scores: pa.Table, file: Path) -> tuple[str, str]:
    """Write scores; the id of their run, and their digest."""
    writer = ScoresFile(file, scores["as_of"][0].as_py())
    writer.add(scores)
    return writer.finish()
