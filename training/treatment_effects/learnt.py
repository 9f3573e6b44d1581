"""Learnt effects: what is expected of customers, without and with each action, and how much of it comes from the log."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
import xgboost as xgb
from numpy.typing import NDArray

from features.errors import ModelError
from features.text import Text
from training.treatment_effects.beliefs import NINETY, NOTHING_BELIEVED, Belief
from training.treatment_effects.hazard import LogFactor, expected_reduction, reduction
from training.treatment_effects.modifiers import Modifiers
from training.treatment_effects.risks import CrossFitted, Risks

Floats = NDArray[np.float64]

VERSION = 1
_SAID = Text(
    "'{action}' takes {mean:.3g} % ({low:.3g} to {high:.3g} %) of the probability of leaving within {days} days away from those"
    " treated so far who were still there: {treated:,} treated, {controls:,} held back; believed were {believed:.3g} %; {share:.0f} % of"
    " what is known comes from the log. How much it takes away differs from customer to customer.",
    "“{action}”使此前已处理且尚未流失的客户在 {days} 天内的流失概率相对降低 {mean:.3g}%（{low:.3g}% 至 {high:.3g}%）："
    "已处理 {treated:,} 位，对照 {controls:,} 位；原假设为 {believed:.3g}%；所知的 {share:.0f}% 来自记录。各客户的效果有所不同。",
)


@dataclass(frozen=True)
class Evidence:
    """What the log says of one action, beside what the playbook believes."""

    treated: int
    """Customers treated, each as often as it was, whose horizon is over."""
    controls: int
    """Customers held back from this action by lot."""
    left_treated: float
    """How many of them left within the horizon; expected, since nobody says that it leaves."""
    left_controls: float
    belief: Belief
    reduction: Belief
    """Mean, low and high relative reduction of the probability of leaving, over the customers treated so far; 90 %."""
    share_from_log: float
    """Of what is known about the mean effect, the share that comes from the log (0: belief alone)."""
    abstains: Text | None = None
    """Why the log is not heard; the effect is then what is believed, the same for everybody."""

    def said(self, action: str, horizon_days: int) -> Text:
        """What the log says of the action, beside the belief."""
        mean, low, high = (100 * share for share in self.reduction)
        return _SAID.format(
            action=action,
            mean=mean,
            low=low,
            high=high,
            days=horizon_days,
            treated=self.treated,
            controls=self.controls,
            believed=100 * self.belief[0],
            share=100 * self.share_from_log,
        )


@dataclass(frozen=True)
class Expected:
    """What is expected of each row of a snapshot over the horizon; actions in the columns, in order of ``actions``.

    Reductions are shares of ``leaves``: an action that takes ``r`` away leaves ``leaves * (1 - r)``. Low and high hold 90 %.
    """

    actions: tuple[str, ...]
    gone: Floats
    """Probability that the customer has left already, which nothing changes."""
    leaves: Floats
    """Probability that it is still there and leaves within the horizon if nothing is done."""
    reduction: Floats
    reduction_low: Floats
    reduction_high: Floats


@dataclass(frozen=True)
class LearntEffects:
    """What each action does to whom, as of an instant (ISO 8601)."""

    as_of: str
    horizon_days: int
    features: tuple[str, ...]
    risks: Risks
    modifiers: Modifiers
    factors: dict[str, LogFactor]
    evidence: dict[str, Evidence]

    @property
    def actions(self) -> tuple[str, ...]:
        """Their ids, in order."""
        return tuple(self.factors)

    def said(self) -> list[Text]:
        """What was found of each action, in sentences."""
        return [one.abstains or one.said(action, self.horizon_days) for action, one in self.evidence.items()]

    def parameters(self) -> dict[str, object]:
        """What a run should record of it."""
        heard = sum(one.abstains is None for one in self.evidence.values())
        return {
            "as_of": self.as_of,
            "horizon_days": self.horizon_days,
            "features": len(self.features),
            "modifiers": len(self.modifiers.names),
            "actions": len(self.actions),
            "actions_learnt": heard,
        }

    def metrics(self) -> dict[str, float]:
        """Of each action whose log is heard: the figures of its evidence, by action and name."""
        return {
            f"{action}.{name}": float(value)
            for action, one in self.evidence.items()
            if one.abstains is None
            for name, value in (
                ("treated", one.treated),
                ("controls", one.controls),
                ("left_treated", one.left_treated),
                *zip(("reduction", "reduction_low", "reduction_high"), one.reduction, strict=True),
                ("share_from_log", one.share_from_log),
            )
        }

    def expected(self, frame: pd.DataFrame) -> Expected:
        """Of a snapshot (customer_id and the features; attributes of the customers, where they are beside them)."""
        gone, leaves = self.risks.gone.probability(frame), self.risks.leaves.probability(frame)
        values = self.modifiers.values(frame, gone, leaves)
        hazard = -np.log1p(-leaves)
        found = [self._effect(action, values, hazard) for action in self.factors]
        mean, low, high = (np.column_stack([one[k] for one in found]) for k in range(3))
        return Expected(self.actions, gone, leaves, mean, low, high)

    def _effect(self, action: str, values: Floats, hazard: Floats) -> tuple[Floats, Floats, Floats]:
        """Mean, low and high relative reduction for each row; as believed where the log is not heard."""
        said = self.evidence[action]
        if said.abstains and said.belief != NOTHING_BELIEVED:
            mean, low, high = (np.full(len(hazard), share) for share in said.belief)
            return mean, low, high
        return effect_on(self.factors[action], values, hazard)


def effect_on(factor: LogFactor, values: Floats, hazard: Floats) -> tuple[Floats, Floats, Floats]:
    """Mean, low and high relative reduction for each row."""
    middle, spread = factor.of(values)
    low, high = (reduction(hazard, middle + side * NINETY * spread) for side in (1, -1))
    return expected_reduction(hazard, middle, spread), low, high


def to_json(learnt: LearntEffects) -> str:
    """The whole model as text, without pickle; the same model gives the same text."""
    document = {
        "version": VERSION,
        "as_of": learnt.as_of,
        "horizon_days": learnt.horizon_days,
        "features": list(learnt.features),
        "gone": learnt.risks.gone.as_json(),
        "leaves": learnt.risks.leaves.as_json(),
        "modifiers": learnt.modifiers.as_json(),
        "factors": {action: factor.as_json() for action, factor in learnt.factors.items()},
        "evidence": {action: asdict(one) for action, one in learnt.evidence.items()},
    }
    return json.dumps(document, allow_nan=False)


def from_json(text: str) -> LearntEffects:
    """Read what `to_json` gave. Raises ModelError: it is no such document."""
    try:
        document: dict[str, Any] = json.loads(text)
        if document["version"] != VERSION:
            raise ValueError(f"version {document['version']}")
        return LearntEffects(
            as_of=str(document["as_of"]),
            horizon_days=int(document["horizon_days"]),
            features=tuple(document["features"]),
            risks=Risks(CrossFitted.from_json(document["gone"]), CrossFitted.from_json(document["leaves"])),
            modifiers=Modifiers.from_json(document["modifiers"]),
            factors={action: LogFactor.from_json(one) for action, one in document["factors"].items()},
            evidence={action: _evidence(one) for action, one in document["evidence"].items()},
        )
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, xgb.core.XGBoostError) as fault:
        raise ModelError(_UNREADABLE, fault=fault) from fault


def _evidence(document: Mapping[str, Any]) -> Evidence:
    said = document["abstains"]
    belief, found = (tuple(document[name]) for name in ("belief", "reduction"))
    return Evidence(**{**document, "belief": belief, "reduction": found, "abstains": Text(*said) if said else None})


_UNREADABLE = Text(
    "The learnt effects of actions cannot be read: {fault}. Learn them again from the log of treatments.",
    "无法读取已学习的行动效果：{fault}。请根据营销行动记录重新学习。",
)
