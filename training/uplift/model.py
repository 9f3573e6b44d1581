"""What was learnt of a company's actions, as it serves: scores to choose customers by, and effects to reckon with."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.text import Text
from training.uplift.learners import LEARNERS, Effect
from training.uplift.race import Race
from training.uplift.rankings import LOT, RESPONSE, RISK, VALUE, Scorers

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ActionUplift:
    """One action: how its race ended, and the model that the winner ranks by (None for a lot and for value)."""

    race: Race
    model: Effect | None

    @classmethod
    def of(cls, race: Race, scorers: Scorers) -> "ActionUplift":
        """Of all that was fitted, what the winner needs."""
        models = {RISK: scorers.control, RESPONSE: scorers.anybody}
        if race.picked in models:
            return cls(race, Effect((models[race.picked],), (1.0,)))
        return cls(race, scorers.effects.get(race.picked))

    @property
    def action(self) -> str:
        """Its name, as in the treatments."""
        return self.race.action

    @property
    def tells_effects_apart(self) -> bool:
        """Whether a ranking by effect won, so that customers have effects of their own."""
        return self.race.picked in LEARNERS


@dataclass(frozen=True)
class LearntUplift:
    """All actions that could be learnt; ``unlearnt`` says why others could not.

    ``is_wanted`` says whether the outcome is wished for; leaving is not. ``value_feature`` is what value is ranked by.
    ``without_propensity`` are the actions whose lot was not told: the share treated stands for it.
    """

    features: tuple[str, ...]
    value_feature: str | None
    actions: tuple[ActionUplift, ...]
    unlearnt: Mapping[str, Text]
    is_wanted: bool
    horizon_days: int
    as_of: str
    without_propensity: tuple[str, ...] = ()

    def effects(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Change of the outcome's probability that each action makes of each customer, a column for each action.

        ``frame`` holds the features; its index is kept. Where a ranking by effect won, the customer's own effect; elsewhere the
        action's mean effect for everybody, since whom it changes more than others could not be told.
        """
        values = frame[list(self.features)].to_numpy(dtype=np.float64)
        return pd.DataFrame({one.action: self._effect(one, values) for one in self.actions}, index=frame.index)

    def scores(self, frame: pd.DataFrame) -> pd.DataFrame:
        """What customers are chosen by for each action, highest first, a column for each action; equal where a lot won."""
        values = frame[list(self.features)].to_numpy(dtype=np.float64)
        return pd.DataFrame({one.action: self._score(one, values, frame) for one in self.actions}, index=frame.index)

    def _effect(self, one: ActionUplift, values: Floats) -> Floats:
        if one.tells_effects_apart and one.model is not None:
            return one.model.of(values)
        average = one.race.average.value
        return np.full(len(values), average if self.is_wanted else -average)

    def _score(self, one: ActionUplift, values: Floats, frame: pd.DataFrame) -> Floats:
        if one.race.picked == VALUE and self.value_feature is not None:
            value: Floats = np.nan_to_num(frame[self.value_feature].to_numpy(dtype=np.float64), nan=-np.inf)
            return value
        if one.race.picked == LOT or one.model is None:
            return np.zeros(len(values))
        score = one.model.of(values)
        return -score if one.tells_effects_apart and not self.is_wanted else score

    def said(self) -> list[Text]:
        """What was found, in sentences: each action's ranking with its reason and its worth, and what could not be learnt."""
        told = [sentence for one in self.actions for sentence in (one.race.why(), one.race.worth())]
        without = [_WITHOUT.format(action=action) for action in self.without_propensity]
        return [*told, *without, *self.unlearnt.values()]

    def parameters(self) -> dict[str, object]:
        """What a run should record of it."""
        picked = {f"ranking.{one.action}": one.race.picked for one in self.actions}
        return {
            "as_of": self.as_of,
            "horizon_days": self.horizon_days,
            "features": len(self.features),
            "actions": len(self.actions),
            "actions_unlearnt": len(self.unlearnt),
            **picked,
        }

    def metrics(self) -> dict[str, float]:
        """The figures of all races, by action, ranking and name; those that cannot be told are left out."""
        found: dict[str, float] = {}
        for one in self.actions:
            found |= {
                f"{one.action}.rows": float(one.race.rows),
                f"{one.action}.average_effect": one.race.average.value,
            }
            for runner in one.race.runners:
                name = f"{one.action}.{runner.ranking}"
                found |= {
                    f"{name}.qini": runner.qini.value,
                    f"{name}.qini_error": runner.qini.standard_error,
                    f"{name}.auuc": runner.auuc,
                    f"{name}.extra_per_1000": runner.extra_per_1000.value,
                }
        return {name: value for name, value in found.items() if np.isfinite(value)}


_WITHOUT = Text(
    "'{action}': its treatments do not all tell the probability of being treated; the share that was treated stands for it,"
    " which is right only if the lot treated everybody alike.",
    "“{action}”：并非所有记录都给出被处理的概率，因此以实际处理比例代替；只有当随机分配对所有人一视同仁时才正确。",
)
