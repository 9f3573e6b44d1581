"""MLflow, used as its users expect: runs with data sets, parameters, metrics, plots and registered models.

The default store is a SQLite file in the project's workspace; ``MLFLOW_TRACKING_URI`` names another. The alias
``champion`` of a registered model says which version serves; it is set last, so that an interrupted training promotes
nothing.
"""

import logging
import os
import re
import sqlite3
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from features.errors import ModelError, StorageError
from features.leakage.certificate import Certificate
from features.leakage.report import markdown
from features.project import Project
from features.text import LANGUAGES, Text
from features.writing import full_disk
from training.models.rfm import RfmModel
from training.models.stored import StoredModel, load_model, save_model

if TYPE_CHECKING:
    from mlflow import MlflowClient

CHAMPION = "champion"
RUNTIME_PACKAGES = ("retinue", "xgboost-cpu", "scikit-learn", "numpy", "pandas")
SEGMENTS_FILE = "segments.json"
LEAKAGE = "leakage"
"""Tag of a run and of a registered version: the verdict of its leakage certificate."""


@dataclass(frozen=True)
class Champion:
    """The model that serves, and its version in the registry."""

    stored: StoredModel
    version: str


def model_name(project: Project, purpose: str) -> str:
    """The registered model's name, e.g. ``acme-trading-churn``."""
    slug = re.sub(r"[\W_]+", "-", project.project.name.lower()).strip("-") or "project"
    return f"{slug}-{purpose}"


@contextmanager
def tracking(project: Project) -> Iterator["MlflowClient"]:
    """MLflow set up for a project, and back as it was afterwards; its storage faults come out as StorageError.

    MLflow writes the store that is set into ``MLFLOW_TRACKING_URI``: left there, it would be taken for the wish of the
    user and the next project of this process would land in the store of the last.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow's own deprecations are not the reader's concern
        import mlflow
        from mlflow.exceptions import MlflowException

        for noisy in ("mlflow", "alembic"):
            logging.getLogger(noisy).setLevel(logging.ERROR)
        wished = os.environ.get("MLFLOW_TRACKING_URI")
        try:
            mlflow.set_tracking_uri(wished or _default_store(project))
            yield mlflow.MlflowClient()
        except (MlflowException, sqlite3.Error, OSError) as fault:
            if "is full" in str(fault) or "No space left" in str(fault):
                raise full_disk(project.workspace) from fault
            raise StorageError(
                Text(
                    "MLflow could not store or find something: {fault}. Check MLFLOW_TRACKING_URI and the workspace"
                    " {workspace}.",
                    "MLflow 无法存储或找到某项内容：{fault}。请检查 MLFLOW_TRACKING_URI 和工作区 {workspace}。",
                ),
                fault=str(fault).splitlines()[0],
                workspace=project.workspace,
            ) from fault
        finally:
            mlflow.set_tracking_uri(wished)  # type: ignore[arg-type]  # None puts MLflow back to its default


def _default_store(project: Project) -> str:
    """The workspace's SQLite store; it is made under another name first, so that no half-made store is ever found."""
    from mlflow import MlflowClient

    final = project.workspace / "mlflow.db"
    if not final.exists():
        project.workspace.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".mlflow-", dir=project.workspace) as folder:
            fresh = Path(folder) / "mlflow.db"
            MlflowClient(f"sqlite:///{fresh}").search_experiments(max_results=1)
            fresh.replace(final)
    return _own_store(project)


def _own_store(project: Project) -> str:
    return f"sqlite:///{project.workspace / 'mlflow.db'}"


def _experiment(project: Project, client: "MlflowClient", purpose: str) -> str:
    """The id of the project's experiment for a purpose; made when it is missing."""
    name = f"{project.project.name}: {purpose}"
    found = client.get_experiment_by_name(name)
    if found:
        return str(found.experiment_id)
    local = client.tracking_uri == _own_store(project)
    place = (project.workspace / "mlflow-artifacts" / model_name(project, purpose)).as_uri() if local else None
    return str(client.create_experiment(name, artifact_location=place))


def log_churn_model(
    project: Project,
    stored: StoredModel,
    frame: pd.DataFrame,
    parameters: dict[str, Any],
    plots: dict[str, Path],
    certificate: Certificate,
) -> tuple[str, str]:
    """Record a training with its data set, parameters, metrics, plots, leakage certificate and model; register the model.

    Returns the run's id and the registered version. Nothing serves yet: see `promote`.
    """
    with tracking(project) as client, tempfile.TemporaryDirectory(prefix="retinue-") as folder:
        import mlflow
        from mlflow.data.pandas_dataset import from_pandas
        from mlflow.models import infer_signature

        features = frame[list(stored.facts.features)].astype("float64")
        files = Path(folder) / "churn"
        files.mkdir()
        save_model(stored, features, files)
        with mlflow.start_run(experiment_id=_experiment(project, client, "churn")) as run:
            mlflow.set_tags({"catalogue_hash": stored.facts.catalogue_hash, "as_of": stored.facts.as_of})
            mlflow.log_params(parameters)
            mlflow.log_input(from_pandas(frame.head(1000), name="labelled snapshots (first 1,000 rows)"), "training")
            for name, metrics in stored.facts.metrics.items():
                mlflow.log_metrics({f"{name}.{metric}": value for metric, value in metrics.items()})
            for path in plots.values():
                mlflow.log_artifact(str(path), "plots")
            _log_certificate(certificate)
            example = features.head(3)
            info = mlflow.pyfunc.log_model(
                name="churn",
                python_model=str(Path(__file__).parent / "models" / "mlflow_model.py"),
                artifacts={"churn": str(files)},
                signature=infer_signature(example, pd.DataFrame({"churn_probability": stored.probability(example)})),
                input_example=example,
                pip_requirements=[f"{name}=={version(name)}" for name in RUNTIME_PACKAGES],
            )
        if info.signature is None:
            raise ModelError(Text("MLflow dropped the model's signature.", "MLflow 丢失了模型签名。"))
        name = model_name(project, "churn")
        registered = _register(client, name, info.model_uri, run.info.run_id)
        client.set_model_version_tag(name, registered, LEAKAGE, certificate.verdict)
        return run.info.run_id, registered


def _log_certificate(certificate: Certificate) -> None:
    """Keep a leakage certificate with the run that is open: its verdict as a tag, all of it as files."""
    import mlflow

    mlflow.set_tag(LEAKAGE, certificate.verdict)
    mlflow.log_dict(certificate.as_json(), "leakage.json")
    for language in LANGUAGES:
        mlflow.log_text(markdown(certificate, language), "leakage.md" if language == "en" else f"leakage.{language}.md")


def log_segments(project: Project, segments: RfmModel, sizes: dict[str, int]) -> str:
    """Record the segments' cut points and sizes and register them; they serve at once. Returns the version."""
    with tracking(project) as client, tempfile.TemporaryDirectory(prefix="retinue-") as folder:
        import mlflow

        name = model_name(project, "segments")
        file = Path(folder) / SEGMENTS_FILE
        file.write_text(segments.to_json(), encoding="utf-8")
        with mlflow.start_run(experiment_id=_experiment(project, client, "segments")) as run:
            mlflow.log_params({k: v for k, v in asdict(segments).items() if v is not None})
            mlflow.log_metrics({f"customers.{segment}": size for segment, size in sizes.items()})
            mlflow.log_artifact(str(file), "segments")
        registered = _register(client, name, f"{run.info.artifact_uri}/segments", run.info.run_id)
        client.set_registered_model_alias(name, CHAMPION, registered)
        return registered


def _register(client: "MlflowClient", name: str, source: str, run_id: str) -> str:
    """A new version of a registered model, which is made when it is missing."""
    if not client.search_registered_models(f"name='{name}'"):
        client.create_registered_model(name)
    return str(client.create_model_version(name, source, run_id).version)


def promote(project: Project, registered_version: str) -> None:
    """Let a registered churn model serve."""
    with tracking(project) as client:
        client.set_registered_model_alias(model_name(project, "churn"), CHAMPION, registered_version)


def champion_churn(project: Project) -> Champion:
    """The churn model that serves. Raises ModelError: there is none, or its files do not hold."""
    directory, registered = _champion_files(project, "churn")
    return Champion(load_model(directory / "artifacts" / "churn"), registered)


def champion_segments(project: Project) -> RfmModel:
    """The segments that serve. Raises ModelError: there are none."""
    directory, _ = _champion_files(project, "segments")
    return RfmModel.from_json((directory / SEGMENTS_FILE).read_text(encoding="utf-8"))


def _champion_files(project: Project, purpose: str) -> tuple[Path, str]:
    name = model_name(project, purpose)
    if not os.environ.get("MLFLOW_TRACKING_URI") and not (project.workspace / "mlflow.db").exists():
        raise _no_champion(name)
    with tracking(project) as client:
        import mlflow

        found = client.search_registered_models(f"name='{name}'")
        registered = found[0].aliases.get(CHAMPION) if found else None
        if registered is None:
            raise _no_champion(name)
        made = client.get_model_version(name, str(registered))
        return Path(mlflow.artifacts.download_artifacts(artifact_uri=made.source)), str(registered)


def _no_champion(name: str) -> ModelError:
    return ModelError(
        Text(
            "No model serves yet: '{name}' has no version with the alias champion. Run 'retinue train' first; if you did,"
            " no version has beaten the baselines yet, and more facts or another [churn] horizon_days may help, or a leak was"
            " found, which 'retinue leakage' tells.",
            "尚无可用模型：“{name}”没有带 champion 别名的版本。请先运行“retinue train”；若已运行，则尚无版本优于基线，"
            "可尝试提供更多数据或调整 [churn] 的 horizon_days；或发现了泄漏，可用“retinue leakage”查看。",
        ),
        name=name,
    )
