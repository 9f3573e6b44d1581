"""The groups of behaviour in MLflow: found again at each training under the numbers and names that people know."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime

import pandas as pd

from features.errors import ModelError, NotEnoughDataError
from features.project import Project
from features.text import Text
from training.models.clusters.drift import ClusterDrift, cluster_drift
from training.models.clusters.groups import profile
from training.models.clusters.matching import fit_again
from training.models.clusters.model import ClusterModel, fit_clusters
from training.plain_models import log_plain_model, serving_plain_model

PURPOSE = "clusters"
PROFILES_FILE = "profiles.csv"
DRIFT_FILE = "drift.json"


@dataclass(frozen=True)
class ServingClusters:
    """The groups that serve, and their version in the registry."""

    model: ClusterModel
    version: str


@dataclass(frozen=True)
class Grouping:
    """What a training did about the groups of behaviour.

    ``served`` is what serves from now on; None: the customers make no groups, and ``why_not`` says why. ``profiles`` has
    one row a group and one for all, see `profile`; ``drift`` is how far today's customers are from the groups that
    served before, None where there were none or they could not be assigned.
    """

    served: ServingClusters | None
    profiles: pd.DataFrame | None = None
    drift: ClusterDrift | None = None
    why_not: Text | None = None


def serving_clusters(project: Project) -> ServingClusters | None:
    """The groups that serve; None where none were registered. Raises ModelError: they cannot be read; StorageError."""
    found = serving_plain_model(project, PURPOSE)
    return None if found is None else ServingClusters(ClusterModel.from_json(found.text), found.version)


def train_clusters(project: Project, frame: pd.DataFrame, seed: int, as_of: datetime, catalogue_hash: str) -> Grouping:
    """Find the groups of the customers of ``frame`` (one row each, as of ``as_of``) again, record and register them.

    Numbers and names are those of the groups that serve wherever they share their customers. Too few customers leave
    what serves as it is. Raises StorageError.
    """
    previous = _previous(project)
    try:
        if previous is None:
            model = fit_clusters(frame, seed, as_of, catalogue_hash)
        else:
            model = fit_again(frame, previous, seed, as_of, catalogue_hash)
    except NotEnoughDataError as fault:
        return Grouping(None, why_not=fault.text)
    drift = drift_of(previous, frame)
    profiles = profile(frame, model.assign(frame), model.groups, model.behaviour.columns)
    files = {PROFILES_FILE: profiles.to_csv(index=False)}
    measured = {**model.metrics(), **{f"customers.{g.number}": g.share * model.customers for g in model.groups}}
    if drift is not None:
        files[DRIFT_FILE] = _as_json(drift)
        measured["drift_psi"] = drift.psi
    version = log_plain_model(project, PURPOSE, model.to_json(), model.parameters(), measured, files)
    return Grouping(ServingClusters(model, version), profiles, drift)


def drift_of(previous: ClusterModel | None, frame: pd.DataFrame) -> ClusterDrift | None:
    """How far customers are from the groups that were found before; None where there are none or a column is missing."""
    if previous is None or not set(previous.behaviour.columns) <= set(frame.columns):
        return None
    return cluster_drift(previous, frame)


def _previous(project: Project) -> ClusterModel | None:
    """The groups that serve; None also where they cannot be read, for training again is what mends that."""
    try:
        found = serving_clusters(project)
    except ModelError:
        return None
    return found.model if found else None


def _as_json(drift: ClusterDrift) -> str:
    said = [{"en": sentence.en, "zh": sentence.zh} for sentence in drift.sentences]
    told = {**asdict(drift), "shifts": [None if s != s else s for s in drift.shifts], "sentences": said}
    return json.dumps(told, indent=1, ensure_ascii=False, allow_nan=False)
