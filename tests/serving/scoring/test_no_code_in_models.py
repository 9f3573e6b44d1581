"""Models are data: whatever stands in the place of a registered model's file, reading it runs nothing of it."""

import ast
import pickle
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import yaml

from features.errors import ModelError, RetinueError
from features.project import Project
from serving.scoring.ready import make_ready
from tests.serving.scoring.conftest import AS_OF
from tests.serving.scoring.test_service import artifact, scoring_of
from tests.test_house import MODULES, ROOT
from tests.training.payloads import in_its_place, payloads, pickled
from tests.training.registered import present
from training.beside import (
    serving_credit,
    serving_effects,
    serving_late_payment,
    serving_lifetime_value,
    serving_uplift,
)
from training.mlflow_store import champion_files, model_name, tracking
from training.models.clusters.registered import serving_clusters
from training.plain_models import MODEL_FILE, log_plain_model
from training.tracking import SEGMENTS_FILE, serving_segments
from training.versions import load_version

# pyarrow reads a frame's times with time zone in a way that pandas is about to change.
pytestmark = pytest.mark.filterwarnings("ignore:Series.values returning an ndarray that drops timezone")

READ = {"MLmodel", "artifacts/churn/model.json", "artifacts/churn/booster.ubj"}
"""The files of a version that are read; the others are there for MLflow's own tools."""
PLAIN: dict[str, Callable[[Project], object]] = {
    "clusters": serving_clusters,
    "value": serving_lifetime_value,
    "credit": serving_credit,
    "late_payment": serving_late_payment,
    "uplift": serving_uplift,
    "effects": serving_effects,
}

_seen: list[str] | None = None


def _note(event: str, arguments: tuple[object, ...]) -> None:
    if _seen is not None and event == "pickle.find_class":
        _seen.append(f"{event} {arguments}")


sys.addaudithook(_note)  # it stays; it notes nothing unless it is asked to


@contextmanager
def unpickled() -> Iterator[list[str]]:
    """Every class or function that any code of this process looks up to unpickle something, while the block runs."""
    global _seen
    _seen = seen = []
    try:
        yield seen
    finally:
        _seen = None


def files_of_version(project: Project, version: str) -> dict[str, Path]:
    """The files of a registered version where MLflow keeps them, by their names."""
    folder = artifact(project, version).parents[2]
    return {file.relative_to(folder).as_posix(): file for file in folder.rglob("*") if file.is_file()}


def test_the_payloads_do_run_where_they_are_read_as_what_they_are(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    made = payloads(marker)
    readers: dict[str, Callable[[bytes], object]] = {
        "pickle": pickle.loads,
        "pickle in ASCII": pickle.loads,
        "Python": exec,
        "YAML": yaml.unsafe_load,
    }
    assert made.keys() == readers.keys()
    for name, read in readers.items():
        with unpickled() as seen:
            opened = read(made[name])
        if opened is not None:
            opened.close()  # type: ignore[attr-defined]
        assert bool(seen) == name.startswith("pickle")
        assert marker.exists(), name
        marker.unlink()


def test_nothing_in_the_place_of_a_file_of_a_version_is_run(project: Project, tmp_path: Path) -> None:
    marker, name = tmp_path / "ran", model_name(project, "churn")
    kept = files_of_version(project, "3")
    assert kept.keys() > READ
    refused: dict[str, ModelError] = {}
    with unpickled() as seen:
        for file, place in kept.items():
            suited = {".py": "Python", ".yaml": "YAML", "": "YAML"}.get(place.suffix, "pickle in ASCII")
            for kind in ("pickle", suited):
                with in_its_place(place, payloads(marker)[kind]):
                    try:
                        load_version(project, name, "3")
                    except ModelError as fault:
                        refused[file] = fault
                assert not marker.exists(), (file, kind)
    assert refused.keys() == READ
    assert all("retinue train" in fault.text.en and "retinue train" in fault.text.zh for fault in refused.values())
    assert seen == []


def test_a_service_goes_on_when_a_version_with_code_in_it_is_to_serve(project: Project, tmp_path: Path) -> None:
    scoring = scoring_of(project)
    scoring.look()
    with tracking(project) as client:
        client.set_registered_model_alias(model_name(project, "churn"), "champion", "3")
    with in_its_place(files_of_version(project, "3")["artifacts/churn/booster.ubj"], pickled(tmp_path / "ran")):
        scoring.look()
    assert scoring.state.champion is not None
    assert scoring.state.champion.version == "1"
    assert [(one.version, one.because) for one in scoring.state.refused] == [("3", "damaged")]
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("kind", ["pickle", "pickle in ASCII", "YAML"])
@pytest.mark.parametrize("purpose", PLAIN)
def test_nothing_in_the_place_of_a_plain_model_is_run(
    project: Project, tmp_path: Path, purpose: str, kind: str
) -> None:
    marker = tmp_path / "ran"
    log_plain_model(project, purpose, payloads(marker)[kind].decode("latin-1"), {}, {})
    with tracking(project) as client:
        source = client.get_model_version(model_name(project, purpose), "1").source
    (Path(source.removeprefix("file://")) / MODEL_FILE).write_bytes(payloads(marker)[kind])
    with champion_files(project, purpose) as found:
        assert found is not None
        assert (found[1] / MODEL_FILE).read_bytes() == payloads(marker)[kind]
    with unpickled() as seen, pytest.raises(RetinueError, match=r"cannot be read|no stored groups"):
        PLAIN[purpose](project)
    assert seen == []
    assert not marker.exists()


def test_nothing_in_the_place_of_the_segments_is_run(project: Project, tmp_path: Path) -> None:
    with tracking(project) as client:
        source = client.get_model_version(model_name(project, "segments"), "1").source
    place = Path(source.removeprefix("file://")) / SEGMENTS_FILE
    for content in payloads(tmp_path / "ran").values():
        with in_its_place(place, content), pytest.raises(ModelError):
            serving_segments(project)
        assert not (tmp_path / "ran").exists()
    serving_segments(project)


def test_loading_and_scoring_unpickle_nothing(project: Project) -> None:
    frame = present(project, AS_OF)
    with unpickled() as seen:
        for version in ("1", "3"):
            ready = make_ready(project, load_version(project, model_name(project, "churn"), version))
            ready.risks(frame[list(ready.columns)].to_numpy(dtype=np.float64), AS_OF)
        serving_segments(project)
    assert seen == []


def names_used(module: Path) -> set[str]:
    """Every dotted name that a module imports or reaches through one."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Attribute):
            found.add(ast.unparse(node))
    return found


def test_no_module_reads_what_could_be_code() -> None:
    forbidden = ("pickle", "cloudpickle", "dill", "marshal", "shelve", "skops", "joblib.load", "torch")
    loaders = (
        "pyfunc.load_model",
        "sklearn.load_model",
        "xgboost.load_model",
        "read_pickle",
        "allow_pickle",
        "yaml.load",
    )
    used = {module: names_used(module) for module in MODULES}
    assert not {
        f"{module.relative_to(ROOT)}: {name}"
        for module, names in used.items()
        for name in names
        if name.partition(".")[0] in forbidden or name in forbidden or name.endswith(loaders)
    }
    assert {"mlflow", "json"} <= set().union(*used.values())  # it does see what is used
