"""Learning what each action does to whom, from the log of treatments and what was seen of customers afterwards."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import NotEnoughDataError, ProjectError
from features.progress import Progress, part_of, silent
from features.sources import Facts
from features.text import Text
from training.attribute_cuts import attributes_of
from training.dataset import active_snapshots, training_features
from training.treatment_effects.beliefs import DOUBT, NOTHING_BELIEVED, Belief, Beliefs, checked, log_belief
from training.treatment_effects.hazard import LogFactor, Treated, believed, fit_log_factor
from training.treatment_effects.learnt import Evidence, LearntEffects, effect_on
from training.treatment_effects.modifiers import Modifiers
from training.treatment_effects.risks import Risks, Sight, fit_risks
from training.treatment_effects.treatment_log import cutoffs_of, days_until, last_signs, treatments_before, with_log

Floats = NDArray[np.float64]

LEAST_LEFT = 20
"""Customers who must have left within a horizon without action, before a risk of leaving is learnt."""
LEAST_TREATED_LEFT = 10
"""Treated customers who must have left, before the log is heard about an action."""

_SILENCE_ONLY = Text(
    "Effects on leaving are learnt where customers leave by falling silent; [churn] kind is '{kind}'. Use the playbook's beliefs.",
    "仅当客户以沉默方式流失时才能学习行动对流失的影响；当前 [churn] kind 为 '{kind}'。请使用 playbook 中的假设。",
)
_THIN = Text(
    "Of the customers treated with '{action}', {left:.1f} are known to have left within {days} days ({treated:,} treated); at least"
    " {least} are needed to learn from. The playbook's belief stands.",
    "接受“{action}”的客户中，已知有 {left:.1f} 位在 {days} 天内流失（共处理 {treated:,} 次）；至少需要 {least} 位才能学习。沿用 playbook 的假设。",
)
_TOO_FEW = Text(
    "Of the customers who were not treated, {left:.1f} are known to have left within {days} days of a campaign; at least {least} are"
    " needed to tell who leaves without action. Wait until more campaigns are {days} days old.",
    "未接受处理的客户中，已知有 {left:.1f} 位在营销活动后 {days} 天内流失；至少需要 {least} 位才能判断无行动时谁会流失。"
    "请等待更多营销活动满 {days} 天。",
)


@dataclass(frozen=True)
class Prepared:
    """All that is learnt before beliefs are heard: risks, modifiers, and the rows of the log.

    Rows are snapshots at the cut-offs: modifiers, hazard without action, label (NaN: not over), and what was done next.
    """

    as_of: datetime
    horizon_days: int
    features: tuple[str, ...]
    risks: Risks
    modifiers: Modifiers
    values: Floats
    hazard: Floats
    left: Floats
    action: NDArray[np.object_]
    is_treated: NDArray[np.bool_]

    def of(self, action: str, arm: bool) -> NDArray[np.bool_]:
        """Marks the rows of an action's treated (True) or controls whose horizon is over."""
        marked: NDArray[np.bool_] = (self.action == action) & (self.is_treated == arm) & np.isfinite(self.left)
        return marked


def learn_effects(
    facts: Facts, as_of: datetime, beliefs: Beliefs, seed: int, progress: Progress = silent
) -> LearntEffects:
    """What each action does to whom, from facts known before ``as_of`` (aware), shrunk to the beliefs.

    Lots are assumed to have been drawn, if not evenly, then by what the features say (unconfounded given them; Imbens and
    Rubin 2015, chapter 12): the hazard without action is learnt from those who were not treated, the effect from how the
    treated differ from it. Actions that are only in the log are believed to do nothing until it says otherwise.
    Raises NotEnoughDataError: no treatment, or too few who left; ProjectError: customers do not leave by silence, or a
    belief is out of order.
    """
    checked(beliefs)
    return learn_from(prepare(facts, as_of, seed, progress), beliefs)


def prepare(facts: Facts, as_of: datetime, seed: int, progress: Progress = silent) -> Prepared:
    """Learn what needs no belief. Raises as `learn_effects` does."""
    kind, horizon = facts.project.churn.kind, facts.project.churn.horizon_days
    if kind != "silence":
        raise ProjectError(_SILENCE_ONLY, kind=kind)
    features = training_features(facts)
    names = tuple(feature.name for feature in features)
    progress(Text("who was treated, and what was known", "谁被处理及当时已知的情况"), 0.0)
    log = treatments_before(facts, as_of)
    cutoffs = cutoffs_of(facts, log, as_of)
    frame = with_log(active_snapshots(facts, [*cutoffs, as_of], features), log, cutoffs, as_of)
    frame = with_attributes(facts, frame, as_of)
    sight = _sight(facts, frame, as_of)
    _check(sight, horizon)
    risks, left = fit_risks(frame, sight, names, horizon, seed, part_of(progress, 0.3, 0.9))
    gone, leaves = risks.gone.probability(frame), risks.leaves.probability(frame)
    modifiers = Modifiers.learn(frame, gone, leaves)
    progress(Text("what the actions did", "各行动的效果"), 0.9)
    return Prepared(
        as_of=as_of,
        horizon_days=horizon,
        features=names,
        risks=risks,
        modifiers=modifiers,
        values=modifiers.values(frame, gone, leaves),
        hazard=-np.log1p(-leaves),
        left=left,
        action=frame["action"].to_numpy(dtype=object),
        is_treated=frame["is_treated"].to_numpy(dtype=bool),
    )


def learn_from(rows: Prepared, beliefs: Beliefs) -> LearntEffects:
    """The effects with these beliefs. Raises ProjectError: a belief is out of order."""
    checked(beliefs)
    actions = sorted({*beliefs, *rows.action} - {""})
    heard = [action for action in actions if rows.left[rows.of(action, True)].sum() >= LEAST_TREATED_LEFT]
    of_log = {action: fit_log_factor(*_treated(rows, action, beliefs.get(action))) for action in heard}
    factors = {action: of_log.get(action) or _believed(rows, beliefs.get(action)) for action in actions}
    return LearntEffects(
        as_of=rows.as_of.isoformat(),
        horizon_days=rows.horizon_days,
        features=rows.features,
        risks=rows.risks,
        modifiers=rows.modifiers,
        factors=factors,
        evidence={
            action: _evidence(rows, action, beliefs.get(action), factor, action in of_log)
            for action, factor in factors.items()
        },
    )


def with_attributes(facts: Facts, frame: pd.DataFrame, as_of: datetime) -> pd.DataFrame:
    """The snapshot with what the table of customers says of each, known before ``as_of``; columns of one name stay."""
    attributes = attributes_of(facts, as_of)
    new = [column for column in attributes.columns if column not in frame.columns]
    return frame.join(attributes[new], on="customer_id")


def _sight(facts: Facts, frame: pd.DataFrame, as_of: datetime) -> Sight:
    signs = last_signs(facts, as_of).reindex(frame["customer_id"].to_numpy())
    end = pd.Series(pd.Timestamp(as_of).tz_convert("UTC"), index=frame.index)
    later = days_until(end, frame["as_of"])
    return Sight(
        seen_days=np.nan_to_num(days_until(signs, frame["as_of"]), nan=-np.inf),
        later_days=later,
        is_treated=frame["is_treated"].to_numpy(dtype=bool),
        is_now=later <= 0,
    )


def _check(sight: Sight, horizon_days: int) -> None:
    is_over = ~sight.is_treated & ~sight.is_now & (sight.later_days >= 2 * horizon_days)
    left = float(np.sum(is_over & (sight.seen_days >= 0) & (sight.seen_days < horizon_days)))
    if left < LEAST_LEFT:
        raise NotEnoughDataError(_TOO_FEW, left=left, days=horizon_days, least=LEAST_LEFT)


def _treated(rows: Prepared, action: str, belief: Belief | None) -> tuple[Treated, float, float]:
    """An action's treated rows, and mean and spread of the belief as it meets a log."""
    treated = rows.of(action, True)
    mean, spread = log_belief(belief or NOTHING_BELIEVED)
    return Treated(rows.values[treated], rows.left[treated], rows.hazard[treated]), mean, max(spread, DOUBT)


def _believed(rows: Prepared, belief: Belief | None) -> LogFactor:
    mean, spread = log_belief(belief or NOTHING_BELIEVED)
    return believed(mean, spread if belief else DOUBT, rows.values.shape[1])


def _evidence(rows: Prepared, action: str, belief: Belief | None, factor: LogFactor, is_heard: bool) -> Evidence:
    treated, controls = rows.of(action, True), rows.of(action, False)
    left, count = float(rows.left[treated].sum()), int(treated.sum())
    thin = {"action": action, "left": left, "days": rows.horizon_days, "treated": count, "least": LEAST_TREATED_LEFT}
    reference, hazard = _reference(rows, treated)
    _, known = factor.of(reference)
    mean, low, high = (float(one[0]) for one in effect_on(factor, reference, hazard))
    doubted = max(log_belief(belief or NOTHING_BELIEVED)[1], DOUBT)
    return Evidence(
        treated=count,
        controls=int(controls.sum()),
        left_treated=left,
        left_controls=float(rows.left[controls].sum()),
        belief=belief or NOTHING_BELIEVED,
        reduction=(mean, low, high) if is_heard or belief is None else belief,
        share_from_log=float(np.clip(1 - (known[0] / doubted) ** 2, 0, 1)) if is_heard else 0.0,
        abstains=None if is_heard else _THIN.format(**thin),
    )


def _reference(rows: Prepared, treated: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """The modifiers of the treated, each weighted by its hazard, and their mean hazard; of all rows if none is treated."""
    used = treated if treated.any() else np.ones(len(treated), dtype=bool)
    hazard = rows.hazard[used]
    mean = (rows.values[used] * hazard[:, None]).sum(axis=0, keepdims=True) / hazard.sum()
    return mean, np.array([hazard.mean()])
