"""Small models that are one plain JSON text, kept in MLflow: a run, a registered version, and the one that serves.

Segments, groups of behaviour and value scores are such models: nobody has to judge them against another before they
serve, so that the version registered last is the champion.
"""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from features.errors import ModelError
from features.project import Project
from features.text import Text
from training.mlflow_store import CHAMPION, champion_files, model_name, register, run_of, tracking

MODEL_FILE = "model.json"


@dataclass(frozen=True)
class PlainModel:
    """A registered model as the text that was logged, and its version in the registry."""

    text: str
    version: str

    def document(self) -> Any:
        """What the text holds. Raises ModelError: it is no JSON."""
        try:
            return json.loads(self.text)
        except ValueError as fault:
            raise _unreadable(MODEL_FILE, fault) from fault


def log_plain_model(
    project: Project,
    purpose: str,
    text: str,
    parameters: Mapping[str, object],
    metrics: Mapping[str, float],
    files: Mapping[str, str | bytes] | None = None,
) -> str:
    """Record a model of JSON ``text`` in the experiment of its ``purpose`` and register it; it serves at once.

    ``files`` are kept beside it, by their names. Parameters that are None are left out.
    Returns the version. Raises StorageError.
    """
    with tracking(project) as client, tempfile.TemporaryDirectory(prefix="retinue-") as folder:
        import mlflow

        for file, content in {**(files or {}), MODEL_FILE: text}.items():
            (Path(folder) / file).write_bytes(content.encode() if isinstance(content, str) else content)
        with run_of(project, client, purpose) as run:
            mlflow.log_params({name: value for name, value in parameters.items() if value is not None})
            mlflow.log_metrics(dict(metrics))
            mlflow.log_artifacts(folder, purpose)
        name = model_name(project, purpose)
        version = register(client, name, f"{run.info.artifact_uri}/{purpose}", run.info.run_id)
        client.set_registered_model_alias(name, CHAMPION, version)
        return version


def serving_plain_model(project: Project, purpose: str) -> PlainModel | None:
    """The model of a purpose that serves; None where none was registered. Raises ModelError, StorageError."""
    with champion_files(project, purpose) as found:
        if found is None:
            return None
        made, files = found
        return PlainModel(read_text(files / MODEL_FILE), str(made.version))


def read_text(file: Path) -> str:
    """The text of a registered model. Raises ModelError: the file is not there, or holds something else."""
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise _unreadable(file.name, fault) from fault


def _unreadable(file: str, fault: Exception) -> ModelError:
    return ModelError(
        Text(
            "The registered model's file {file} cannot be read: {fault}. Train again with 'retinue train'.",
            "无法读取已登记模型的文件 {file}：{fault}。请用“retinue train”重新训练。",
        ),
        file=file,
        fault=fault,
    )
