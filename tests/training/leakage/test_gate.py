"""A training keeps its leakage certificate with the model, and lets no model serve whose certificate failed."""

import json
from collections.abc import Iterator

import mlflow
import pytest

from features.errors import ModelError
from features.project import Project
from tests.features.leakage.planted import plant
from tests.training.leakage.companies import AS_OF, TEST, shop
from training import loading
from training.dataset import training_features
from training.job import Training, train
from training.leakage.certify import BESIDE_TRAINING
from training.tracking import champion_churn, tracking

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def own_store() -> Iterator[None]:
    """Every project keeps its runs in its own workspace, whatever the environment of the tests says."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        yield


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, Training]:
    project = shop(tmp_path_factory.mktemp("sound"))
    return project, train(project, AS_OF)


@pytest.fixture(scope="module")
def leaking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Project, Training]]:
    """A training with one more feature: the status that customers have today."""
    project = shop(tmp_path_factory.mktemp("leaking"), status=True)
    with pytest.MonkeyPatch.context() as patch:
        planted = plant(patch, "the status of today")
        patch.setattr(loading, "training_features", lambda facts: (*training_features(facts), planted))
        yield project, train(project, AS_OF)


def stored(project: Project, training: Training, file: str) -> str:
    with tracking(project):
        return str(mlflow.artifacts.load_text(f"runs:/{training.run_id}/{file}"))


def tags(project: Project, training: Training) -> tuple[str, str]:
    """The verdict on the run, and on the registered version."""
    with tracking(project) as client:
        version = client.get_model_version("shop-churn", training.version)
        return client.get_run(training.run_id).data.tags["leakage"], version.tags["leakage"]


def test_a_model_without_leaks_serves_and_keeps_its_certificate(sound: tuple[Project, Training]) -> None:
    project, training = sound
    assert training.certificate.verdict == "passed"
    assert training.promoted
    assert champion_churn(project).version == training.version
    assert tags(project, training) == ("passed", "passed")
    document = json.loads(stored(project, training, "leakage.json"))
    assert document == json.loads(json.dumps(training.certificate.as_json()))
    assert document["catalogue_hash"] == champion_churn(project).stored.facts.catalogue_hash
    assert stored(project, training, "leakage.md").startswith("# Leakage certificate\n\n**PASS")
    assert stored(project, training, "leakage.zh.md").startswith("# 泄漏证书\n\n**通过")


def test_the_certificate_of_a_training_is_about_its_own_cut_offs_and_labels(sound: tuple[Project, Training]) -> None:
    _, training = sound
    checked = training.certificate.checked
    assert checked.cutoffs[-1] == training.schedule.test == TEST
    assert len(checked.cutoffs) == BESIDE_TRAINING.cutoffs
    assert len(checked.features) == training.features
    windows = [f for f in training.certificate.of("passed") if f.check == "windows"]
    assert sorted(f.count for f in windows) == sorted((len(training.schedule.fit), len(training.schedule.labelled)))


def test_a_model_that_saw_the_future_is_recorded_but_does_not_serve(leaking: tuple[Project, Training]) -> None:
    project, training = leaking
    assert training.metrics[training.chosen].auc > 0.95  # it would have beaten every baseline
    assert not training.promoted
    assert {f.subject for f in training.certificate.of("failed")} == {"planted"}
    assert tags(project, training) == ("failed", "failed")
    assert "**FAIL" in stored(project, training, "leakage.md")
    with pytest.raises(ModelError, match="no version with the alias champion"):
        champion_churn(project)
