"""MLflow, used as its users expect: runs with data sets, parameters, metrics, plots and registered models.

The alias ``champion`` of a registered model says which version serves; it is set last, so that an interrupted training
promotes nothing. ``challenger`` is the version that somebody named to run beside it, ``previous`` the one that served before.
"""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from features.errors import ModelError
from features.leakage.certificate import Certificate
from features.leakage.report import markdown
from features.project import Project
from features.text import LANGUAGES, Text
from training.mlflow_store import CHAMPION, champion_files, model_name, register, run_of, tracking
from training.models.rfm import RfmModel
from training.models.stored import StoredModel, load_model, save_model
from training.plain_models import read_text
from training.run_marks import PROCESS

if TYPE_CHECKING:
    from mlflow import ActiveRun
    from mlflow.entities.model_registry import ModelVersion

CHALLENGER = "challenger"
"""Alias of the version that somebody named to run beside the champion."""
RUNTIME_PACKAGES = ("retinue", "xgboost-cpu", "scikit-learn", "numpy", "pandas")
SEGMENTS_FILE = "segments.json"
LEAKAGE = "leakage"
"""Tag of a run and of a registered version: the verdict of its leakage certificate."""
CHURN_FILES = "churn"
JUDGED_FILES = "judged"
"""Folder of a registered version with the model as it was judged, which learnt from the purged cut-offs only."""
JUDGED_ROWS = "judged/rows.parquet"
"""File of a run: the rows that it was judged on, with what every model said of them."""


@dataclass(frozen=True)
class Champion:
    """A registered churn model: its name, its version, and MLflow's run that trained it.

    ``signature`` are the names of the inputs that MLflow has on file for it.
    """

    stored: StoredModel
    version: str
    name: str
    run_id: str
    signature: tuple[str, ...] = ()


@dataclass(frozen=True)
class ChampionSegments:
    """The segments that serve, and their version in the registry."""

    model: RfmModel
    version: str


@contextmanager
def recording(project: Project) -> Iterator[str]:
    """A run of MLflow for a churn training, open while the block works, with processor and memory sampled. Gives its id.

    `log_churn_model` inside the block writes into it. It ends as finished, or as failed when the block raises; that of a
    process that was killed is ended by the next command.
    """
    with tracking(project) as client, run_of(project, client, "churn") as run:
        yield run.info.run_id


def _open_run() -> "ActiveRun | None":
    """The run that `recording` has opened; None where there is none, or the open one is the reader's own."""
    import mlflow

    active = mlflow.active_run()
    return active if active and PROCESS in active.data.tags else None


def log_churn_model(
    project: Project,
    stored: StoredModel,
    frame: pd.DataFrame,
    parameters: dict[str, Any],
    plots: dict[str, Path],
    certificate: Certificate,
    as_judged: StoredModel | None = None,
    judged_rows: pa.Table | None = None,
) -> tuple[str, str]:
    """Record a training with its data set, parameters, metrics, plots, leakage certificate and model; register the model.

    ``as_judged`` is the model that was judged, fitted on the purged cut-offs only: a later training compares itself with
    it. ``judged_rows`` are the rows it was judged on, see `training.comparison.judged_table`.
    Returns the run's id and the registered version. Nothing serves yet: see `training.registry`.
    """
    with tracking(project) as client, tempfile.TemporaryDirectory(prefix="retinue-") as folder:
        import mlflow
        from mlflow.data.pandas_dataset import from_pandas
        from mlflow.models import infer_signature

        facts = stored.facts
        features = frame[list(facts.features)].astype("float64")
        artifacts = {CHURN_FILES: _written(stored, features, Path(folder) / CHURN_FILES)}
        if as_judged is not None:
            artifacts[JUDGED_FILES] = _written(as_judged, features, Path(folder) / JUDGED_FILES)
        open_run = _open_run()
        with nullcontext(open_run) if open_run else run_of(project, client, "churn") as run:
            mlflow.set_tags(
                {name: getattr(facts, name) for name in ("catalogue_hash", "as_of", "horizon_days", "kind")}
            )
            mlflow.log_params(parameters)
            mlflow.log_input(from_pandas(frame.head(1000), name="labelled snapshots (first 1,000 rows)"), "training")
            for name, metrics in facts.metrics.items():
                mlflow.log_metrics({f"{name}.{metric}": value for metric, value in metrics.items()})
            for path in plots.values():
                mlflow.log_artifact(str(path), "plots")
            if judged_rows is not None:
                _log_rows(judged_rows, Path(folder))
            _log_certificate(certificate)
            example = features.head(3)
            info = mlflow.pyfunc.log_model(
                name="churn",
                python_model=str(Path(__file__).parent / "models" / "mlflow_model.py"),
                artifacts=artifacts,
                signature=infer_signature(example, pd.DataFrame({"churn_probability": stored.probability(example)})),
                input_example=example,
                pip_requirements=[f"{name}=={version(name)}" for name in RUNTIME_PACKAGES],
            )
        if info.signature is None:
            raise ModelError(Text("MLflow dropped the model's signature.", "MLflow 丢失了模型签名。"))
        name = model_name(project, "churn")
        registered = register(client, name, info.model_uri, run.info.run_id, info.model_id)
        client.set_model_version_tag(name, registered, LEAKAGE, certificate.verdict)
        return run.info.run_id, registered


def _written(stored: StoredModel, features: pd.DataFrame, folder: Path) -> str:
    folder.mkdir()
    save_model(stored, features, folder)
    return str(folder)


def _log_rows(rows: pa.Table, folder: Path) -> None:
    import mlflow

    place, _, file = JUDGED_ROWS.rpartition("/")
    pq.write_table(rows, folder / file, compression="zstd")
    mlflow.log_artifact(str(folder / file), place)


def _log_certificate(certificate: Certificate) -> None:
    """Keep a leakage certificate with the run that is open: its verdict as a tag, all of it as files."""
    import mlflow

    mlflow.set_tag(LEAKAGE, certificate.verdict)
    mlflow.log_dict(certificate.as_json(), "leakage.json")
    for language in LANGUAGES:
        mlflow.log_text(markdown(certificate, language), "leakage.md" if language == "en" else f"leakage.{language}.md")


def log_trial(project: Project, kind: str, number: int, parameters: Mapping[str, object], loss: float | None) -> None:
    """Record a trial of a search as a run inside the one that is open; one that was stopped early has no log-loss."""
    with tracking(project) as client, run_of(project, client, "churn", f"{kind} trial {number}"):
        import mlflow

        mlflow.log_params({"model": kind, **{name: value for name, value in parameters.items() if value is not None}})
        if loss is not None:
            mlflow.log_metric("held_out_log_loss", loss)


def log_files(project: Project, run_id: str, files: Mapping[str, str | bytes], folder: str) -> None:
    """Keep files, given by name, in a folder of a run."""
    with tracking(project) as client, tempfile.TemporaryDirectory(prefix="retinue-") as place:
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            (Path(place) / name).write_bytes(data)
        client.log_artifacts(run_id, place, folder)


def log_segments(project: Project, segments: RfmModel, sizes: dict[str, int]) -> str:
    """Record the segments' cut points and sizes and register them; they serve at once. Returns the version."""
    with tracking(project) as client, tempfile.TemporaryDirectory(prefix="retinue-") as folder:
        import mlflow

        name = model_name(project, "segments")
        file = Path(folder) / SEGMENTS_FILE
        file.write_text(segments.to_json(), encoding="utf-8")
        with run_of(project, client, "segments") as run:
            mlflow.log_params({k: v for k, v in asdict(segments).items() if v is not None})
            mlflow.log_metrics({f"customers.{segment}": size for segment, size in sizes.items()})
            mlflow.log_artifact(str(file), "segments")
        registered = register(client, name, f"{run.info.artifact_uri}/segments", run.info.run_id)
        client.set_registered_model_alias(name, CHAMPION, registered)
        return registered


def promote(project: Project, registered_version: str) -> None:
    """Let a registered churn model serve, without a word in the ledger; see `training.registry`."""
    with tracking(project) as client:
        client.set_registered_model_alias(model_name(project, "churn"), CHAMPION, registered_version)


def champion_churn(project: Project) -> Champion:
    """The churn model that serves. Raises ModelError: there is none, or its files do not hold."""
    with _champion_files(project, "churn") as (made, files):
        return champion_of(made, files)


def champion_of(made: "ModelVersion", files: Path) -> Champion:
    """A registered version with its model, from its files: data alone is read, MLflow's way to a model runs no code here.

    Raises ModelError: its files do not hold.
    """
    stored = load_model(files / "artifacts" / CHURN_FILES)
    return Champion(stored, str(made.version), made.name, str(made.run_id), _signature(files))


def _signature(files: Path) -> tuple[str, ...]:
    """The names of the inputs in MLflow's own description of a model; none where it has none."""
    from mlflow.models import Model

    try:
        signature = Model.load(str(files)).signature
    except Exception as fault:  # of the file, of YAML, of MLflow
        raise ModelError(
            Text(
                "MLflow's description of the model, MLmodel, cannot be read: {fault}. Train again with 'retinue train'.",
                "无法读取 MLflow 的模型说明文件 MLmodel：{fault}。请用“retinue train”重新训练。",
            ),
            fault=str(fault).splitlines()[0] if str(fault) else type(fault).__name__,
        ) from fault
    return tuple(signature.inputs.input_names()) if signature else ()


def champion_as_judged(project: Project) -> StoredModel | None:
    """The champion as it was judged, knowing no outcome of later cut-offs; None where none serves or none was kept."""
    with champion_files(project, "churn") as found:
        if found is None:
            return None
        folder = found[1] / "artifacts" / JUDGED_FILES
        return load_model(folder) if folder.exists() else None


def champion_segments(project: Project) -> RfmModel:
    """The segments that serve. Raises ModelError: there are none."""
    return serving_segments(project).model


def serving_segments(project: Project) -> ChampionSegments:
    """The segments that serve, with their version. Raises ModelError: there are none."""
    with _champion_files(project, "segments") as (made, files):
        model = RfmModel.from_json(read_text(files / SEGMENTS_FILE))
        return ChampionSegments(model, str(made.version))


@contextmanager
def _champion_files(project: Project, purpose: str) -> Iterator[tuple["ModelVersion", Path]]:
    with champion_files(project, purpose) as found:
        if found is None:
            raise _no_champion(model_name(project, purpose))
        yield found


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
