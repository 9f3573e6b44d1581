"""A registered version held ready: it answers rows of features at once, as the batch would."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property, partial
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.catalogue import BY_NAME, catalogue_hash
from features.errors import ModelError
from features.own_features import own_features
from features.project import Project
from features.text import Text
from serving.batch import abstentions
from training.abstention import LEAST_LOOK_ALIKES, PURCHASES, SILENCE, abstain
from training.following import moved
from training.kinds import KINDS
from training.models.attributes import Levels, texts_of
from training.models.compiled import CompiledModel
from training.models.drift import LevelShift
from training.tracking import Champion

Floats = NDArray[np.float64]


class Risks(NamedTuple):
    """Probabilities of leaving with their 95 % interval, each of shape (rows,); NaN where ``abstained`` says why not."""

    probability: Floats
    low: Floats
    high: Floats
    abstained: Mapping[int, Text]


@dataclass(frozen=True)
class ReadyModel:
    """A version made ready. Rows are float64 (rows, columns), one column for each of ``columns``, NaN where missing.

    ``shift`` is what the batch that is served moved the model's level by.
    """

    champion: Champion
    compiled: CompiledModel
    known: frozenset[str]
    """Every name of a feature that may be given; what the model does not ask for changes nothing."""
    shift: LevelShift | None = None

    @property
    def version(self) -> str:
        """The number of the version in the registry."""
        return self.champion.version

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """What is read of a row: the model's features, and what says whether there is a risk to tell."""
        facts = self.champion.stored.facts
        kind = KINDS.get(facts.churn_kind)
        further = (
            (*kind.population, *((PURCHASES, SILENCE) if facts.one_time_buyers is not None else ())) if kind else ()
        )
        return tuple(dict.fromkeys((*facts.features, *further)))

    @cached_property
    def places(self) -> dict[str, int]:
        """The column of each name."""
        return {name: place for place, name in enumerate(self.columns)}

    @cached_property
    def texts(self) -> Mapping[str, Callable[[object], float]]:
        """What turns a text of a panel into its code, by the name of the attribute."""
        attributes = self.champion.stored.attributes
        return {name: partial(_code, levels) for name, levels in attributes.levels.items()} if attributes else {}

    def moved_by(self, shift: LevelShift | None) -> "ReadyModel":
        """The same version with its level moved as the batch moved it."""
        if shift == self.shift:
            return self
        calibrator = moved(self.champion.stored, shift).calibrator
        return replace(self, compiled=replace(self.compiled, calibrator=calibrator), shift=shift)

    def as_served(self) -> Champion:
        """The version as the batch uses it, its level moved."""
        return replace(self.champion, stored=moved(self.champion.stored, self.shift))

    def risks(self, rows: Floats, now: datetime) -> Risks:
        """The risk of each row, as the batch tells it; who never bought is told so as of ``now``."""
        abstained = self._abstained(rows, now)
        log_odds = self.compiled.log_odds(rows[:, : len(self.compiled.features)])
        probability, low, high = self.compiled.calibrator.with_interval(log_odds)
        for row in abstained:
            probability[row] = low[row] = high[row] = np.nan
        return Risks(probability, low, high, abstained)

    def frame(self, rows: Floats) -> pd.DataFrame:
        """The rows as a frame of their columns."""
        return pd.DataFrame(rows, columns=list(self.columns))

    def _abstained(self, rows: Floats, now: datetime) -> dict[int, Text]:
        """Why single rows get no probability."""
        facts = self.champion.stored.facts
        kind = KINDS.get(facts.churn_kind)
        if kind is None:
            return {}
        asked = {name: rows[:, self.places[name]] for name in kind.population}  # a frame costs more than the trees
        at_risk = kind.at_risk(asked, facts.horizon_days, facts.active_within_days)
        few = facts.one_time_buyers is not None and facts.one_time_buyers < LEAST_LOOK_ALIKES
        new = rows[:, self.places[PURCHASES]] == 1 if few else np.zeros(len(rows), dtype=np.bool_)
        doubtful = np.flatnonzero(~at_risk | new)
        if not len(doubtful):
            return {}
        told = self.frame(rows[doubtful]).assign(as_of=now)
        withheld = abstain(told, facts.one_time_buyers)
        because = abstentions(told, at_risk[doubtful], self.champion.stored)
        return {
            int(row): Text(**of_all) if of_all is not None else own
            for row, of_all, own in zip(doubtful, because, withheld, strict=True)
            if of_all is not None or own is not None
        }


def _code(levels: Levels, value: object) -> float:
    return float(levels.codes(texts_of(pd.Series([value], dtype=object)))[0])


def make_ready(project: Project, champion: Champion) -> ReadyModel:
    """Make a loaded version ready, once it fits the project and gives its golden predictions.

    Raises ModelError: the kind of churn, the features, the signature or the golden rows do not match.
    """
    facts, attributes = champion.stored.facts, champion.stored.attributes
    if facts.churn_kind != project.churn.kind:
        raise ModelError(_OTHER_KIND, version=champion.version, was=facts.churn_kind, now=project.churn.kind)
    if champion.signature != facts.features:
        raise ModelError(_OTHER_SIGNATURE, version=champion.version)
    if attributes is None:
        active = BY_NAME | {feature.name: feature for feature in own_features(project)}
        missing = [name for name in facts.features if name not in active]
        if missing or catalogue_hash(tuple(active[name] for name in facts.features)) != facts.catalogue_hash:
            names = ", ".join(missing) or _REDEFINED
            raise ModelError(_OTHER_FEATURES, version=champion.version, missing=names)
        known = frozenset(active)
    else:
        known = frozenset(attributes.names)
    return ReadyModel(champion, CompiledModel.of(champion.stored), known)


_OTHER_KIND = Text(
    "Version {version} was trained for [churn] kind = '{was}', and the project now says '{now}'. Set it back, or train again with"
    " 'retinue train'.",
    "版本 {version} 按 [churn] kind = '{was}' 训练，而项目现在是 '{now}'。请改回，或用“retinue train”重新训练。",
)
_OTHER_SIGNATURE = Text(
    "Version {version} has another signature in MLflow than the features that it was trained on. Train again with"
    " 'retinue train'.",
    "版本 {version} 在 MLflow 中的签名与其训练特征不符。请用“retinue train”重新训练。",
)
_OTHER_FEATURES = Text(
    "Version {version} was trained on other features than this release and project compute (missing: {missing}). Train again"
    " with 'retinue train'.",
    "版本 {version} 训练所用的特征与当前版本及项目不同（缺少：{missing}）。请用“retinue train”重新训练。",
)
_REDEFINED = Text("none, but their definitions have changed", "无，但定义已改变")
