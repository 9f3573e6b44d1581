"""What a training learns of a company's own treatments: for each action, whom to choose first, and what it changes."""

from collections.abc import Mapping
from datetime import datetime

import numpy as np

from features.errors import NotEnoughDataError
from features.progress import Progress, part_of, silent
from features.sources import Facts
from features.text import Text
from training.dataset import training_features
from training.uplift.from_facts import VALUE, logs_from_facts
from training.uplift.log import TreatmentLog
from training.uplift.model import ActionUplift, LearntUplift
from training.uplift.race import race
from training.uplift.rankings import fit_scorers

LEAST_CUSTOMERS = 100
"""In each arm."""
LEAST_OF_EACH_OUTCOME = 30
MOST_ROWS = 50_000
"""Rows that an action is learnt from, by a part of its customers; more of them cost time and gain next to nothing."""
FOLDS, REPEATS = 3, 2
"""Of the race within a training, which has other work beside it."""


def learn_uplift(facts: Facts, as_of: datetime, seed: int, progress: Progress = silent) -> LearntUplift:
    """For each action of the treatments known before ``as_of`` (aware): the ranking that won, and its effect on leaving.

    An action with too little to learn from is left out, with the reason.
    Raises NotEnoughDataError: no action has enough; ProjectError: the tables do not tell who leaves.
    """
    features = training_features(facts)
    progress(_READING, 0.0)
    found = logs_from_facts(facts, as_of, features)
    lacking = {action: too_little(log, action) for action, log in found.logs.items()}
    enough = [action for action, why in lacking.items() if why is None]
    if not enough:
        raise NotEnoughDataError(_NONE, why=_joined(lacking))
    learnt = []
    for place, action in enumerate(enough):
        part = part_of(progress, 0.1 + 0.9 * place / len(enough), 0.1 + 0.9 * (place + 1) / len(enough))
        learnt.append(learn_action(_drawn(found.logs[action], seed), seed, part))
    names = tuple(feature.name for feature in features)
    return LearntUplift(
        features=names,
        value_feature=VALUE if VALUE in names else None,
        actions=tuple(learnt),
        unlearnt={action: why for action, why in lacking.items() if why is not None},
        is_wanted=False,
        horizon_days=facts.project.churn.horizon_days,
        as_of=as_of.isoformat(),
        without_propensity=tuple(action for action in found.constant if action in enough),
    )


def learn_action(
    log: TreatmentLog, seed: int, progress: Progress = silent, repeats: int = REPEATS, folds: int = FOLDS
) -> ActionUplift:
    """Race the rankings of one action's log, and fit the winner on all of it."""
    found = race(log, seed, progress, repeats, folds)
    return ActionUplift.of(found, fit_scorers(log, seed))


def too_little(log: TreatmentLog, action: str) -> Text | None:
    """Why nothing can be learnt of an action from its log; None if it can."""
    customers = [len(np.unique(log.cluster[of])) for of in (log.treated, ~log.treated)]
    left = int(log.outcome.sum())
    if min(customers) >= LEAST_CUSTOMERS and min(left, len(log) - left) >= LEAST_OF_EACH_OUTCOME:
        return None
    return _TOO_LITTLE.format(
        action=action,
        treated=customers[0],
        controls=customers[1],
        left=left,
        stayed=len(log) - left,
        least=LEAST_CUSTOMERS,
        each=LEAST_OF_EACH_OUTCOME,
    )


def _drawn(log: TreatmentLog, seed: int) -> TreatmentLog:
    """The log of a part of the customers, where it has more rows than are learnt from."""
    if len(log) <= MOST_ROWS:
        return log
    clusters, owner = np.unique(log.cluster, return_inverse=True)
    kept = np.random.default_rng(seed).random(len(clusters)) < MOST_ROWS / len(log)
    return log.take(np.asarray(kept[owner], dtype=np.bool_))


def _joined(reasons: Mapping[str, Text | None]) -> Text:
    told = [why for why in reasons.values() if why is not None]
    if not told:
        return _NOTHING
    return Text(" ".join(why.en for why in told), "".join(why.zh for why in told))


_READING = Text("treatments and what came of them", "行动及其结果")
_NONE = Text(
    "No effect of actions can be learnt. {why} Log more treatments with a control group drawn by lot.",
    "无法学习行动的效果。{why}请记录更多带随机对照组的行动。",
)
_NOTHING = Text(
    "No treatment of a customer who could be lost has a horizon that has ended.",
    "可能流失的客户中，还没有任何一次行动的预测期已经结束。",
)
_TOO_LITTLE = Text(
    "'{action}': {treated} customers treated and {controls} controls, {left} outcomes of leaving and {stayed} of staying; at"
    " least {least} customers in each arm and {each} of each outcome are needed.",
    "“{action}”：处理组 {treated} 位、对照组 {controls} 位客户，流失 {left} 次、留下 {stayed} 次；"
    "每组至少需要 {least} 位客户，每种结果至少 {each} 次。",
)
