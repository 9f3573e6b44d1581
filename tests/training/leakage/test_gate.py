"""A training lets no model serve whose certificate failed; what passes is kept and serves in `test_job`."""

from collections.abc import Iterator

import mlflow
import pytest

from features.errors import ModelError
from features.project import Project
from tests.features.leakage.planted import plant
from tests.training.leakage.companies import AS_OF, shop
from training import loading
from training.dataset import training_features
from training.job import Training, train
from training.tracking import champion_churn, tracking

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def own_store() -> Iterator[None]:
    """Every project keeps its runs in its own workspace, whatever the environment of the tests says."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        yield


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


def test_a_model_that_saw_the_future_is_recorded_but_does_not_serve(leaking: tuple[Project, Training]) -> None:
    project, training = leaking
    assert training.metrics[training.chosen].auc > 0.95  # it would have beaten every baseline
    assert not training.promoted
    assert {f.subject for f in training.certificate.of("failed")} == {"planted"}
    assert tags(project, training) == ("failed", "failed")
    assert "**FAIL" in stored(project, training, "leakage.md")
    with pytest.raises(ModelError, match="no version with the alias champion"):
        champion_churn(project)
