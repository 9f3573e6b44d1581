"""A training learns what actions change when a project has treatments, registers it, and it serves as it was learnt."""

from datetime import date, datetime
from pathlib import Path

import numpy as np
import pytest

from features.project import load_project
from features.simulation.company import Company
from features.simulation.plan import planned
from features.simulation.project import write_project
from features.snapshot import snapshot
from features.sources import open_facts
from training.beside import Beside, log_beside, serving_uplift
from training.dataset import training_features
from training.uplift.learn import learn_uplift
from training.uplift.model import LearntUplift
from training.uplift.stored import to_json


@pytest.mark.slow
def test_what_a_company_did_is_learnt_registered_and_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    plan = planned(3, 500, date(2024, 10, 1), date(2026, 7, 1), Company(with_campaigns=True), [])
    write_project(tmp_path / "company", plan)
    project = load_project(tmp_path / "company")
    as_of = datetime(2026, 7, 1, tzinfo=project.timezone)
    assert serving_uplift(project) is None
    with open_facts(project) as facts:
        learnt = learn_uplift(facts, as_of, 0)
        frame = snapshot(facts, [as_of], features=training_features(facts)).to_pandas()
    assert isinstance(learnt, LearntUplift)
    assert {one.action for one in learnt.actions} | set(learnt.unlearnt) == {
        "personal_call",
        "visit",
        "small_voucher",
        "flexible_terms",
    }
    for one in learnt.actions:
        assert one.race.average.low < one.race.average.value < one.race.average.high
        assert abs(one.race.average.value) < 0.3
    log_beside(project, Beside(None, None, None, uplift=learnt, uplift_json=to_json(learnt, frame)))
    serving = serving_uplift(project)
    assert serving is not None
    assert serving.version == "1"
    np.testing.assert_allclose(serving.model.effects(frame), learnt.effects(frame), atol=1e-9)
    assert serving.model.said() == learnt.said()
