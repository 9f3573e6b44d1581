"""The search for parameters as one part of a training: both candidates, each trial on record in MLflow."""

from dataclasses import replace
from datetime import timedelta
from functools import partial

from features.progress import Progress
from features.project import Project
from features.text import Text
from training.loading import TrainingData
from training.models.fitting import Settings
from training.models.search_space import Kind, Parameters
from training.tracking import log_trial
from training.tuning import tune

STUDIES = "tuning.db"
"""File in the workspace that holds the searches."""
SHARES: dict[Kind, float] = {"xgboost": 0.8, "logistic": 0.2}
"""How the time is divided: trees have more parameters, and take longer to fit."""
FIRST, LAST = 0.2, 0.35
"""Where the search lies in the progress of the whole training."""


def tuned_settings(
    project: Project, data: TrainingData, settings: Settings, seed: int, budget: timedelta, progress: Progress
) -> Settings:
    """The settings with what the search has found, where it is better beyond chance; the test has no part in it."""
    found: dict[str, Parameters] = {}
    done = 0.0
    for kind, share in SHARES.items():

        def within(step: Text, part: float, done: float = done, share: float = share) -> None:
            progress(step, FIRST + (LAST - FIRST) * (done + share * part))

        on_trial = partial(_record, project, kind)
        storage = project.workspace / STUDIES
        tuned = tune(kind, data.fit, data.names, seed, share * budget, storage, within, on_trial, data.categories)
        if tuned.better:
            found[kind] = tuned.parameters
        done += share
    return replace(settings, tuned=found)


def _record(project: Project, kind: str, number: int, parameters: Parameters, loss: float | None, _: float) -> None:
    log_trial(project, kind, number, parameters, loss)
