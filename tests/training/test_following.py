"""An old model follows the level of what came true since its training, and of nothing else."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from features.project import Project
from features.sources import open_facts
from tests.training.companies import company, shop, shop_orders, utc
from tests.training.registered import fitted
from training.dataset import labelled_snapshots
from training.following import Followed, followed, moved
from training.loading import model_features
from training.models.drift import level_shift
from training.models.stored import StoredModel

TRAINED = utc(2025, 7, 1)
HORIZON = timedelta(days=30)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return shop(tmp_path_factory.mktemp("shop"), seed=1, customers=240)


@pytest.fixture(scope="module")
def stored(project: Project) -> StoredModel:
    return fitted(project, TRAINED)[0]


def at(project: Project, stored: StoredModel, as_of: datetime) -> Followed:
    with open_facts(project) as facts:
        return followed(facts, stored, as_of)


def test_a_model_younger_than_its_horizon_stays_as_it_is(project: Project, stored: StoredModel) -> None:
    assert at(project, stored, TRAINED + HORIZON - timedelta(days=1)) == Followed(stored, None)


def test_half_of_what_the_level_was_off_at_the_latest_complete_cutoff_is_followed(
    project: Project, stored: StoredModel
) -> None:
    as_of = TRAINED + 2 * HORIZON
    found = at(project, stored, as_of)
    with open_facts(project) as facts:
        rows = labelled_snapshots(facts, [as_of - HORIZON], as_of, model_features(stored, facts))
    off = level_shift(stored.calibrator, stored.model.log_odds(rows), rows["churned"].to_numpy(dtype=np.int64))
    assert found.shift == off
    assert found.model.calibrator.offset == pytest.approx(stored.calibrator.offset + off.log_odds / 2)
    mean = stored.probability(rows).mean()
    toward = np.sign(rows["churned"].mean() - mean)
    assert toward * (found.model.probability(rows).mean() - mean) > 0
    assert moved(stored, off) == found.model
    assert moved(stored, None) is stored


def test_what_comes_after_the_day_changes_nothing(project: Project, stored: StoredModel, tmp_path: Path) -> None:
    as_of = TRAINED + 2 * HORIZON
    known = [order for order in shop_orders(1, 240) if order[1] < f"{as_of:%Y-%m-%d}"]
    moved_later = [*known, ("C001", "2025-12-31", "1")]
    other = company(tmp_path, moved_later, name="Shop", horizon_days=30, active_within_days=90)
    assert at(other, stored, as_of).shift == at(project, stored, as_of).shift


def test_too_few_outcomes_are_not_followed(project: Project, stored: StoredModel, tmp_path: Path) -> None:
    few = [order for order in shop_orders(1, 240) if order[0] < "C040"]
    small = company(tmp_path, few, name="Shop", horizon_days=30, active_within_days=90)
    assert at(small, stored, TRAINED + 2 * HORIZON).shift is None


def test_a_panel_has_no_cutoff_to_follow(project: Project, stored: StoredModel) -> None:
    of_panel = replace(stored, facts=replace(stored.facts, churn_kind="panel"))
    assert at(project, of_panel, TRAINED + 2 * HORIZON) == Followed(of_panel, None)
