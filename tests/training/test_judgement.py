"""Whom the gate compares a new model with: a champion that was asked the same, of the same columns, and knows no more."""

from dataclasses import replace

import numpy as np
import pytest

from features.catalogue import BY_NAME
from features.project import Project
from tests.training.companies import FEATURES, shop, utc
from tests.training.registered import HORIZON, TEST, certificate, fitted
from training.cutoffs import Schedule
from training.judgement import _said_by
from training.loading import TrainingData
from training.models.stored import StoredModel


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return shop(tmp_path_factory.mktemp("shop"), seed=1, customers=240)


def test_only_a_champion_that_was_asked_the_same_and_does_not_know_the_test_is_compared_with(project: Project) -> None:
    champion, test = fitted(project, TEST)
    plan = Schedule(TEST + HORIZON, (TEST,), (TEST,), TEST)
    features = tuple(BY_NAME[name] for name in FEATURES)
    data = TrainingData(plan, features, test, test, test, {}, None, certificate(TEST), None)

    def said(model: StoredModel, of: TrainingData = data) -> np.ndarray | None:
        return _said_by(model, of, project.churn)

    assert (said(champion) == champion.probability(test)).all()
    facts = champion.facts
    for other in (
        replace(facts, as_of=utc(2025, 9, 2).isoformat()),
        replace(facts, horizon_days=60),
        replace(facts, churn_kind="decline"),
        replace(facts, catalogue_hash="another"),
    ):
        assert said(replace(champion, facts=other)) is None
    assert said(champion, replace(data, by_customers=True)) is None
    assert said(champion, replace(data, features=features[1:])) is None
