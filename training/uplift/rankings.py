"""What customers may be ranked by for an action: a lot, response, risk, value, or an effect that was learnt."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.text import Text
from training.uplift.bases import BASES, Model
from training.uplift.learners import KINDS, LEARNERS, Effect, fit_effects, fit_nuisance
from training.uplift.log import TreatmentLog

Floats = NDArray[np.float64]

LOT, VALUE, RISK, RESPONSE = "lot", "value", "risk", "response"
PLAIN_BASE = "logistic"

_LEARNER_KINDS = {
    "t": Text("T-learner", "T 学习器"),
    "x": Text("X-learner", "X 学习器"),
    "dr": Text("DR-learner", "DR 学习器"),
    "class": Text("class transformation", "类别变换"),
}
_BASES = {"logistic": Text("regression", "回归"), "boosted": Text("boosted trees", "提升树")}
_BY_EFFECT = Text("effect, {kind} with {base}", "效果（{kind}，{base}）")

NAMES: Mapping[str, Text] = {
    LOT: Text("chance", "随机"),
    RESPONSE: Text("outcome whatever is done", "不论是否行动的结果概率"),
    RISK: Text("outcome without the action", "不采取行动时的结果概率"),
    VALUE: Text("value", "价值"),
    **{name: _BY_EFFECT.format(kind=_LEARNER_KINDS[one.kind], base=_BASES[one.base]) for name, one in LEARNERS.items()},
}
"""All rankings as people read them, the plainer ones first."""


@dataclass(frozen=True)
class Scorers:
    """What scores customers for one action. ``share`` of control and of all rows is the probability of the outcome."""

    control: Model
    anybody: Model
    effects: Mapping[str, Effect]
    is_wanted: bool

    def score(self, ranking: str, values: Floats, value: Floats | None) -> Floats:
        """The ranking's score of each row, highest first, shape (rows,); ``values`` are features, ``value`` currency.

        Effects are counted towards what we wish for. A missing value counts as the least.
        """
        if ranking == LOT:
            return np.zeros(len(values))
        if ranking == VALUE:
            return np.zeros(len(values)) if value is None else np.nan_to_num(value, nan=-np.inf)
        if ranking in (RISK, RESPONSE):
            return (self.control if ranking == RISK else self.anybody).predict(values)
        effect = self.effects[ranking].of(values)
        return effect if self.is_wanted else -effect


def fit_scorers(pair: TreatmentLog, seed: int) -> Scorers:
    """All that the rankings of one action need, learnt from its log; the models of the outcome are shared."""
    effects: dict[str, Effect] = {}
    plain = fit_nuisance(pair, BASES[PLAIN_BASE], seed)
    for base in BASES:
        nuisance = plain if base == PLAIN_BASE else None
        found = fit_effects(pair, base, tuple(KINDS), seed, nuisance)
        effects |= {f"{kind}_{base}": effect for kind, effect in found.items()}
    values = pair.features.to_numpy(dtype=np.float64)
    anybody = BASES[PLAIN_BASE].share(values, pair.outcome, pair.weight, seed)
    return Scorers(plain.control, anybody, effects, pair.is_wanted)


def rankings_of(log: TreatmentLog) -> tuple[str, ...]:
    """The rankings that race on a log; value only where it is told."""
    return tuple(name for name in NAMES if name != VALUE or log.value is not None)
