"""A run that is served, made ready to score a few of its customers again as its batch scored them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import pandas as pd
import pyarrow as pa

from features.catalogue import BY_NAME
from features.event_log import EventLog, Received
from features.fact_index import FactIndex, index_folder
from features.live_facts import LiveFacts
from features.own_features import own_features
from features.project import Project
from serving.batch import score_frame
from serving.decisions.beliefs import beliefs_of
from serving.decisions.learnt import keeps_effects, kept_beliefs_of, with_learnt
from serving.decisions.playbook import load_playbook
from serving.realtime.kept import kept_values
from training.following import moved
from training.life_cycle import life_cycle
from training.models.drift import LevelShift
from training.models.rfm import RfmModel
from training.versions import load_version


class RunModels:
    """The models and the playbook of a run, by the ``notes`` that its batch kept (`notes_for`).

    Raises ModelError, NotFoundError: its model is not there.
    """

    def __init__(self, project: Project, run_id: str, notes: Mapping[str, Any]) -> None:
        champion = load_version(project, notes["model"], notes["version"])
        shift = notes["level_shift"] and LevelShift(**notes["level_shift"])
        self._project, self._run_id = project, run_id
        self._champion = replace(champion, stored=moved(champion.stored, shift))
        self._segments = RfmModel.from_json(notes["segments"]) if notes["segments"] else None
        self._playbook = load_playbook(project)
        self._beliefs = beliefs_of(project, self._playbook)
        self._keeps_effects = keeps_effects(project, run_id)
        self._kept: list[str] = notes["kept"]
        self.features = (*(BY_NAME[name] for name in notes["features"]), *own_features(project))

    def scored(self, frame: pd.DataFrame, names: pd.DataFrame, bodies: Mapping[str, bytes]) -> pa.Table:
        """The scores (SCORES_SCHEMA) of a few customers: their ``features``, and name and account_manager in the same order.

        What actions do to whom, and what a batch tells of everybody together, stays as in ``bodies``, their scores so far.
        """
        asked = frame["customer_id"].tolist()
        stage = life_cycle(frame, self._project.churn)["stage"].rename("lifecycle_stage")
        named = pd.concat([frame, names, stage, kept_values(asked, bodies, self._kept)], axis=1)
        learnt = kept_beliefs_of(self._project, self._run_id, asked) if self._keeps_effects else None
        beliefs = with_learnt(self._beliefs, self._playbook, learnt)
        named.columns = named.columns.astype("object")
        return score_frame(named, self._project, self._champion, self._segments, self._playbook, beliefs)


class ServedModels:
    """The models, the playbook and the facts of one run.

    Raises StorageError: the run's index is not there; ModelError, NotFoundError: its model is not.
    """

    def __init__(self, project: Project, run_id: str, log: EventLog) -> None:
        index = FactIndex(index_folder(project.workspace, run_id))
        self.run_id = run_id
        self.as_of, self.events_until = index.as_of, index.events_until
        self._models = RunModels(project, run_id, index.notes)
        self._live = LiveFacts(project, index, log, self._models.features)

    def close(self) -> None:
        """Let go of the facts."""
        self._live.close()

    def touched(self, events: Sequence[Received]) -> list[str]:
        """The customers whose scores events change."""
        return self._live.touched(events)

    def score(self, customers: Sequence[str], upto: int, as_of: datetime, bodies: Mapping[str, bytes]) -> pa.Table:
        """The scores (SCORES_SCHEMA) of ``customers`` as of ``as_of``, knowing the events up to ``upto``.

        ``bodies`` are their scores so far. Those of whom no fact is known before ``as_of`` are left out.
        """
        self._live.load(customers, upto, as_of)
        frame = self._live.snapshot(customers)
        return self._models.scored(frame, self._live.names(frame["customer_id"].tolist()), bodies)
