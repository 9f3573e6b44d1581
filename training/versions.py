"""The registered versions of a project's churn model, read from MLflow: what each is, and how good it was."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from features.errors import NotFoundError
from features.project import Project
from features.text import Text
from training.gate import Verdict
from training.mlflow_store import files_of, has_store, model_name, tracking
from training.tracking import LEAKAGE, Champion, champion_of

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import FileInfo
    from mlflow.entities.model_registry import ModelVersion

GATE = "gate"
"""Tag of a registered version and of its run: the verdict of the gate."""
GATE_FILE = "gate.json"
LEDGER = "ledger"
"""Tag of a registered version that has served: number and digest of its last entry in the ledger."""

Judgement = Literal["passed", "refused", "unjudged"]


@dataclass(frozen=True)
class Version:
    """A registered version. ``metrics`` are by name of model, the baselines beside ``kind``, on the test cut-off.

    ``leakage`` is passed, failed or, where no certificate was made, None.
    """

    number: str
    aliases: tuple[str, ...]
    kind: str
    as_of: datetime | None
    test_cutoff: datetime | None
    leakage: str | None
    gate: Judgement
    registered_at: datetime
    run_id: str
    metrics: Mapping[str, Mapping[str, float]]
    parameters: Mapping[str, str]
    tags: Mapping[str, str]

    def metric(self, name: str) -> float:
        """A metric of the model itself; NaN where the run has none of that name."""
        return self.metrics.get(self.kind, {}).get(name, float("nan"))


def versions(project: Project) -> list[Version]:
    """All registered versions of the churn model, the newest first; none where nothing was trained."""
    if not has_store(project):
        return []
    name = model_name(project, "churn")
    with tracking(project) as client:
        made = list(client.search_model_versions(f"name='{name}'"))
        aliases = _aliases(client, name)
        found = [_version(client, version, aliases) for version in made]
    return sorted(found, key=lambda version: -int(version.number))


def find_version(project: Project, number: str) -> Version:
    """One registered version. Raises NotFoundError: there is no such version."""
    known = versions(project)
    for version in known:
        if version.number == number:
            return version
    raise unknown_version(model_name(project, "churn"), number, [version.number for version in reversed(known)])


def load_version(project: Project, name: str, number: str) -> Champion:
    """The model of a registered version, whatever its aliases say.

    Raises NotFoundError: there is no such version; ModelError: its files do not hold.
    """
    with tracking(project) as client:
        made = {str(v.version): v for v in client.search_model_versions(f"name='{name}'")}
        if number not in made:
            raise unknown_version(name, number, sorted(made, key=int))
        with files_of(made[number]) as files:
            return champion_of(made[number], files)


def files_of_version(project: Project, version: Version) -> dict[str, int]:
    """The files of a version's run and of its model by path, with their size in bytes."""
    with tracking(project) as client:
        made = client.get_model_version(model_name(project, "churn"), version.number)
        model_id = str(made.source).removeprefix("models:/")
        found = _files(lambda folder: client.list_artifacts(version.run_id, folder))
        of_model = _files(lambda folder: client.list_logged_model_artifacts(model_id, folder))
    return found | {f"model/{path}": size for path, size in of_model.items()}


def place_of_run(project: Project, version: Version) -> str:
    """Where MLflow keeps the files of a version's run, as an address."""
    with tracking(project) as client:
        return str(client.get_run(version.run_id).info.artifact_uri)


def verdict_of(project: Project, version: Version) -> Verdict | None:
    """What the gate said of a version; None where it never looked at it."""
    if version.gate == "unjudged":
        return None
    with tracking(project):
        import mlflow

        return Verdict.from_json(mlflow.artifacts.load_dict(f"runs:/{version.run_id}/{GATE_FILE}"))


def unknown_version(name: str, number: str, known: list[str]) -> NotFoundError:
    """The error for a version that is not registered."""
    if not known:
        return NotFoundError(
            Text(
                "'{name}' has no version yet. Run 'retinue train' first.",
                "“{name}”还没有任何版本。请先运行“retinue train”。",
            ),
            name=name,
        )
    return NotFoundError(
        Text(
            "'{name}' has no version {number}; there are: {known}. 'retinue models list' tells them apart.",
            "“{name}”没有版本 {number}；现有：{known}。可用“retinue models list”查看。",
        ),
        name=name,
        number=number,
        known=", ".join(known),
    )


def _aliases(client: "MlflowClient", name: str) -> dict[str, tuple[str, ...]]:
    """Aliases by version."""
    found = client.search_registered_models(f"name='{name}'")
    pairs = sorted(found[0].aliases.items()) if found else []
    return {str(number): tuple(a for a, n in pairs if str(n) == str(number)) for _, number in pairs}


def _version(client: "MlflowClient", made: "ModelVersion", aliases: Mapping[str, tuple[str, ...]]) -> Version:
    data = client.get_run(str(made.run_id)).data
    metrics: dict[str, dict[str, float]] = {}
    for name, value in data.metrics.items():
        model, dot, metric = name.partition(".")
        if dot and "/" not in model:  # system/… are MLflow's own
            metrics.setdefault(model, {})[metric] = value
    tags: dict[str, str] = {**data.tags, **made.tags}
    return Version(
        number=str(made.version),
        aliases=aliases.get(str(made.version), ()),
        kind=tags.get("kind") or data.params.get("model", ""),
        as_of=_instant(tags.get("as_of")),
        test_cutoff=_instant(data.params.get("test_cutoff")),
        leakage=tags.get(LEAKAGE),
        gate=_judgement(tags.get(GATE)),
        registered_at=datetime.fromtimestamp(made.creation_timestamp / 1000, UTC),
        run_id=str(made.run_id),
        metrics=metrics,
        parameters=data.params,
        tags={name: value for name, value in tags.items() if not name.startswith("mlflow.")},
    )


def _judgement(tag: str | None) -> Judgement:
    return "passed" if tag == "passed" else "refused" if tag == "refused" else "unjudged"


def _instant(told: str | None) -> datetime | None:
    return datetime.fromisoformat(told) if told else None


def _files(listed: Callable[[str | None], "list[FileInfo]"], folder: str | None = None) -> dict[str, int]:
    """Every file below a folder with its size in bytes."""
    found: dict[str, int] = {}
    for file in listed(folder):
        found |= _files(listed, file.path) if file.is_dir else {file.path: int(file.file_size or 0)}
    return found
