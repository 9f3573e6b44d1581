"""The store that MLflow keeps a project's runs and models in: a SQLite file in the workspace, or the one that is wished.

``MLFLOW_TRACKING_URI`` names another one, which may be a server.
"""

import logging
import os
import re
import sqlite3
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from features.errors import StorageError
from features.project import Project
from features.text import Text
from features.writing import full_disk
from training.run_marks import PROCESS, code_version, end_dead_runs, this_process

if TYPE_CHECKING:
    from mlflow import ActiveRun, MlflowClient
    from mlflow.entities.model_registry import ModelVersion

PURPOSES = ("churn", "segments", "clusters", "value", "credit", "late_payment", "uplift", "effects")
CHAMPION = "champion"
"""Alias of the version that serves."""
STORES = ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI")
"""Where the reader may say that runs and models are kept."""

HABITS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL": "2",
}
"""How MLflow behaves unless the reader has said otherwise: it keeps to itself, and samples every two seconds."""


def model_name(project: Project, purpose: str) -> str:
    """The registered model's name, e.g. ``acme-trading-churn``."""
    slug = re.sub(r"[\W_]+", "-", project.project.name.lower()).strip("-") or "project"
    return f"{slug}-{purpose}"


@contextmanager
def tracking(project: Project) -> Iterator["MlflowClient"]:
    """MLflow set up for a project, and back as it was afterwards; its storage faults come out as StorageError.

    MLflow writes the store that is set into ``MLFLOW_TRACKING_URI``: left there, it would be taken for the wish of the
    user and the next project of this process would land in the store of the last. Runs that a killed command of this
    machine left open are ended here.
    """
    for habit, value in HABITS.items():
        os.environ.setdefault(habit, value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow's own deprecations are not the reader's concern
        import mlflow
        from mlflow.exceptions import MlflowException

        for noisy in ("mlflow", "alembic"):
            logging.getLogger(noisy).setLevel(logging.ERROR)
        wished, wished_registry = (os.environ.get(name) for name in STORES)
        try:
            store = wished or _default_store(project)
            mlflow.set_tracking_uri(store)
            # Unsaid, MLflow would ask any Spark session of this process, which may have ended long since.
            mlflow.set_registry_uri(wished_registry or store)
            client = mlflow.MlflowClient()
            found = [client.get_experiment_by_name(experiment_name(project, purpose)) for purpose in PURPOSES]
            end_dead_runs(client, [str(experiment.experiment_id) for experiment in found if experiment])
            yield client
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
            mlflow.set_registry_uri(wished_registry)  # type: ignore[arg-type]
            if not wished_registry:
                os.environ.pop("MLFLOW_REGISTRY_URI", None)


def _default_store(project: Project) -> str:
    """The workspace's SQLite store; it is made under another name first, so that no half-made store is ever found."""
    from mlflow import MlflowClient

    final = project.workspace / "mlflow.db"
    if not final.exists():
        project.workspace.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".mlflow-", dir=project.workspace) as folder:
            fresh = Path(folder) / "mlflow.db"
            MlflowClient(f"sqlite:///{fresh}", f"sqlite:///{fresh}").search_experiments(max_results=1)
            fresh.replace(final)
    return _own_store(project)


def _own_store(project: Project) -> str:
    return f"sqlite:///{project.workspace / 'mlflow.db'}"


def experiment_name(project: Project, purpose: str) -> str:
    """The name of the project's experiment for a purpose, e.g. ``Acme Trading: churn``."""
    return f"{project.project.name}: {purpose}"


def experiment(project: Project, client: "MlflowClient", purpose: str) -> str:
    """The id of the project's experiment for a purpose; made when it is missing."""
    name = experiment_name(project, purpose)
    found = client.get_experiment_by_name(name)
    if found:
        return str(found.experiment_id)
    local = client.tracking_uri == _own_store(project)
    place = (project.workspace / "mlflow-artifacts" / model_name(project, purpose)).as_uri() if local else None
    return str(client.create_experiment(name, artifact_location=place))


def has_store(project: Project) -> bool:
    """Whether a store of MLflow is there or named; asking MLflow would make one."""
    return bool(os.environ.get("MLFLOW_TRACKING_URI")) or (project.workspace / "mlflow.db").exists()


def store_mark(project: Project) -> tuple[int, ...] | None:
    """What changes whenever the workspace's own store does; None where the store is another one, which must be asked."""
    if any(os.environ.get(name) for name in STORES):
        return None
    files = [project.workspace / f"mlflow.db{suffix}" for suffix in ("", "-wal", "-journal")]
    return tuple(part for file in files if file.exists() for part in (file.stat().st_mtime_ns, file.stat().st_size))


def aliases(project: Project, purpose: str) -> dict[str, str]:
    """The version of each alias of a registered model, asked of MLflow's store alone: cheap enough to ask every second.

    Nothing where no store or no such model is there. Raises StorageError: the store does not answer.
    """
    if not has_store(project):
        return {}
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    store, registry = (os.environ.get(name) for name in STORES)
    client = MlflowClient(store or _own_store(project), registry or store or _own_store(project))
    try:
        found = client.search_registered_models(f"name='{model_name(project, purpose)}'")
    except (MlflowException, sqlite3.Error, OSError) as fault:
        raise StorageError(
            Text("MLflow does not answer: {fault}.", "MLflow 没有应答：{fault}。"), fault=str(fault).splitlines()[0]
        ) from fault
    return {alias: str(number) for alias, number in found[0].aliases.items()} if found else {}


@contextmanager
def run_of(project: Project, client: "MlflowClient", purpose: str, name: str | None = None) -> Iterator["ActiveRun"]:
    """A run of our own, marked with the process and the code that make it; inside another one it becomes its child."""
    import mlflow

    with mlflow.start_run(
        experiment_id=experiment(project, client, purpose),
        run_name=name,
        nested=mlflow.active_run() is not None,
        tags={PROCESS: this_process(), "code_version": code_version()},
        log_system_metrics=purpose == "churn" and name is None,
    ) as run:
        yield run


def register(client: "MlflowClient", name: str, source: str, run_id: str, model_id: str | None = None) -> str:
    """A new version of a registered model, which is made when it is missing; servers ask for the id of a logged model."""
    if not client.search_registered_models(f"name='{name}'"):
        client.create_registered_model(name)
    return str(client.create_model_version(name, source, run_id, model_id=model_id).version)


@contextmanager
def champion_files(project: Project, purpose: str) -> Iterator[tuple["ModelVersion", Path] | None]:
    """The version of a purpose that serves and a folder with its files, which goes when the block ends; None: none serves."""
    if not has_store(project):
        yield None
        return
    with tracking(project) as client:
        name = model_name(project, purpose)
        found = client.search_registered_models(f"name='{name}'")
        number = found[0].aliases.get(CHAMPION) if found else None
        if number is None:
            yield None
            return
        made = client.get_model_version(name, str(number))
        with files_of(made) as files:
            yield made, files


@contextmanager
def files_of(made: "ModelVersion") -> Iterator[Path]:
    """The files of a registered version in a folder that goes when the block ends, wherever MLflow keeps them."""
    import mlflow

    with tempfile.TemporaryDirectory(prefix="retinue-") as folder:
        yield Path(mlflow.artifacts.download_artifacts(artifact_uri=made.source, dst_path=folder))
