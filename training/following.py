"""A model that was trained a horizon ago or more follows the level of what has come true since, as far as that is known."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from features.errors import NotEnoughDataError
from features.sources import Facts
from training.dataset import LABEL, check_enough, labelled_snapshots
from training.kinds import KINDS
from training.kinds.words import outcome_of
from training.loading import model_features
from training.models.drift import LevelShift, following, level_shift
from training.models.stored import StoredModel


@dataclass(frozen=True)
class Followed:
    """A model with its level as of ``as_of``; ``shift`` is what it was moved by, None where nothing was known or enough."""

    model: StoredModel
    shift: LevelShift | None


def followed(facts: Facts, stored: StoredModel, as_of: datetime) -> Followed:
    """The model with its level moved by half of what it was off at the latest cut-off whose outcome is known.

    Nothing but facts known before ``as_of`` is used, and no cut-off that the model has learnt from: one that is younger
    than its horizon stays as it is, as does that of a panel.
    """
    cutoff = as_of - timedelta(days=stored.facts.horizon_days)
    if stored.facts.churn_kind not in KINDS or cutoff < datetime.fromisoformat(stored.facts.as_of):
        return Followed(stored, None)
    rows = labelled_snapshots(facts, [cutoff], as_of, model_features(stored, facts))
    try:
        check_enough(rows, outcome_of(facts.project.churn))
    except NotEnoughDataError:
        return Followed(stored, None)
    shift = level_shift(stored.calibrator, stored.model.log_odds(rows), rows[LABEL].to_numpy(dtype=np.int64))
    return Followed(moved(stored, shift), shift)


def moved(stored: StoredModel, shift: LevelShift | None) -> StoredModel:
    """The model with its level moved; the model itself without a shift."""
    if shift is None:
        return stored
    return replace(stored, calibrator=following(stored.calibrator, shift))
