"""A small shop whose churn model stands in the registry in three versions: a regression and two boosted trees."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from features.project import Project, load_project
from features.text import Text
from serving.batch import score_frame
from serving.decisions.beliefs import beliefs_of
from serving.decisions.playbook import load_playbook
from serving.store import STORE_FILE, Run, open_store, publish
from tests.serving.kept_snapshots import keep_snapshot, written
from tests.training.companies import FEATURES, shop, utc
from tests.training.registered import PASSED, certificate, fitted, present, register, register_segments
from training.dataset import LABEL
from training.models.calibration import Calibrator
from training.models.churn import XGBoostChurn
from training.registry import Signature, challenge_version, settle
from training.replay import Versions, record_scoring
from training.tracking import champion_churn, log_churn_model, serving_segments

AS_OF = utc(2025, 11, 3)
PUBLISHED_AT = datetime(2025, 11, 3, 6, tzinfo=UTC)
BY = Signature("li@office", PUBLISHED_AT - timedelta(hours=1))


def register_trees(project: Project, as_of: datetime, rounds: int) -> str:
    """Register boosted trees that know the facts before an instant."""
    stored, test = fitted(project, as_of)
    churned = test[LABEL].to_numpy(dtype=np.float64)
    trees = XGBoostChurn.fit(test, churned, FEATURES, rounds, 1, chosen={"min_child_weight": 1})
    calibrator = Calibrator.fit(trees.log_odds(test), churned.astype(np.int64), 0, test["customer_id"])
    facts = replace(stored.facts, kind="xgboost", metrics={"xgboost": stored.facts.metrics["logistic"]})
    made = replace(stored, model=trees, calibrator=calibrator, facts=facts)
    parameters = {"model": "xgboost", "seed": 1}
    return log_churn_model(project, made, test, parameters, {}, certificate(as_of))[1]


def publish_scores(project: Project) -> pa.Table:
    """Score everybody as the batch does with the champion, keep the features, publish and put it on the ledger."""
    champion, segments, playbook = champion_churn(project), serving_segments(project), load_playbook(project)
    frame = present(project, AS_OF)
    named = frame.assign(name="Shop & Co", account_manager=None)
    scores = score_frame(named, project, champion, segments.model, playbook, beliefs_of(project, playbook))
    run_id, digest = written(scores, project.workspace / "scores.parquet")
    run = Run(run_id, AS_OF, PUBLISHED_AT, champion.version, {}, Text("no purchase", "没有购买"))
    kept = keep_snapshot(project, run.run_id, frame, scores)
    store = open_store(project.workspace / STORE_FILE)
    publish(store, run, scores)
    store.close()
    record_scoring(
        project, champion, Versions(segments.version), run.run_id, AS_OF, PUBLISHED_AT, len(scores), digest, kept
    )
    return scores


@pytest.fixture(scope="session", autouse=True)
def own_store() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        yield


@pytest.fixture(scope="session")
def three(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Version 1, a regression, serves and has scored; versions 2 and 3 are trees, of which 3 is the challenger."""
    project = shop(tmp_path_factory.mktemp("shop") / "shop", seed=1, customers=160)
    register_segments(project, AS_OF)
    settle(project, register(project, utc(2025, 8, 1)), PASSED, BY)
    publish_scores(project)
    for rounds in (20, 60):
        register_trees(project, utc(2025, 8, 15), rounds)
    challenge_version(project, "3", BY)
    return project


@pytest.fixture
def project(three: Project, tmp_path: Path) -> Project:
    """A copy of the shop, to be changed at will; the files of its models stay where they are."""
    shutil.copytree(three.root, tmp_path / "shop")
    return load_project(tmp_path / "shop")


def rows_of(project: Project, number: int = 40) -> list[dict[str, float | None]]:
    """Features of the shop's customers as they are sent, with what is missing as null."""
    frame = present(project, AS_OF)[list(FEATURES)].head(number)
    return [{name: None if np.isnan(v) else v for name, v in row.items()} for row in frame.to_dict("records")]
