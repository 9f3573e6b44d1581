"""Small JSON models in MLflow: registered, at once the ones that serve, and read back as they were."""

from pathlib import Path

import pytest

from features.errors import StorageError
from features.project import Project
from tests.training.companies import company
from training.mlflow_store import tracking
from training.plain_models import PlainModel, log_plain_model, serving_plain_model

FILES: dict[str, str | bytes] = {"groups.csv": "group,customers\n1,30\n", "map.png": b"\x89PNG\r\n\x1a\n\x00"}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return company(tmp_path / "project", [("A", "2025-01-01", "10")])


def test_nothing_serves_before_anything_was_registered_and_asking_makes_no_store(project: Project) -> None:
    assert serving_plain_model(project, "clusters") is None
    assert not (project.workspace / "mlflow.db").exists()


def test_the_model_registered_last_serves_as_it_was_written(project: Project) -> None:
    first = log_plain_model(project, "clusters", '{"名": "甲", "x": 1}', {}, {})
    assert (first, serving_plain_model(project, "clusters")) == ("1", PlainModel('{"名": "甲", "x": 1}', "1"))
    assert log_plain_model(project, "clusters", '{"x": 2}', {}, {}) == "2"
    assert serving_plain_model(project, "clusters") == PlainModel('{"x": 2}', "2")
    assert serving_plain_model(project, "value") is None


def test_parameters_metrics_and_files_stand_in_the_run_of_the_purpose(project: Project) -> None:
    log_plain_model(project, "clusters", "{}", {"kind": "kmeans", "note": None}, {"stability": 0.9}, FILES)
    with tracking(project) as client:
        made = client.get_model_version("tiny-clusters", "1")
        run = client.get_run(str(made.run_id))
        experiment = client.get_experiment_by_name("Tiny: clusters")
        kept = {one.path for one in client.list_artifacts(str(made.run_id), "clusters")}
        folder = Path(client.download_artifacts(str(made.run_id), "clusters"))
        picture = (folder / "map.png").read_bytes()
    assert experiment is not None
    assert run.info.experiment_id == experiment.experiment_id
    assert (run.data.params, run.data.metrics) == ({"kind": "kmeans"}, {"stability": 0.9})
    assert kept == {"clusters/groups.csv", "clusters/map.png", "clusters/model.json"}
    assert picture == FILES["map.png"]


def test_a_full_or_broken_place_is_told_and_what_served_goes_on_serving(project: Project) -> None:
    log_plain_model(project, "value", '{"x": 1}', {}, {})
    with pytest.raises(StorageError):
        log_plain_model(project, "value", '{"x": 2}', {}, {}, {"no/such/folder": "x"})
    assert serving_plain_model(project, "value") == PlainModel('{"x": 1}', "1")
