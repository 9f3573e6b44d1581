"""Groups keep their numbers and names over trainings: a new one takes those of the old one that it shares customers with."""

from dataclasses import replace
from datetime import datetime

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from training.models.clusters.behaviour import has_behaviour
from training.models.clusters.choice import contingency, jaccard
from training.models.clusters.groups import Group, told_apart
from training.models.clusters.model import ClusterModel, fit_clusters

LEAST_OVERLAP = 0.3
"""Jaccard similarity from which a new group is taken for an old one."""
STILL_TELLING = 0.25
"""A name is kept as long as the group is that far off the mean of all in each trait of it, in standard deviations."""


def fit_again(
    frame: pd.DataFrame,
    previous: ClusterModel,
    seed: int,
    as_of: datetime | None = None,
    catalogue_hash: str | None = None,
) -> ClusterModel:
    """The groups of today under the numbers and names of the previous ones, as many as before while that holds.

    Raises NotEnoughDataError as `fit_clusters` does.
    """
    return matched(fit_clusters(frame, seed, as_of, catalogue_hash, before=previous), previous, frame)


def matched(model: ClusterModel, previous: ClusterModel, frame: pd.DataFrame) -> ClusterModel:
    """The model with the numbers, and where they still hold the names, of the previous model's groups.

    Both models assign the same customers of ``frame`` at the same time, so that who moved is not taken for a change of the
    groups. Pairs are those with the greatest sum of Jaccard similarities (Kuhn 1955), from 0.3 on; a group without a
    counterpart gets a number that was never used. Where the previous model cannot assign these customers, all do.
    """
    everybody = frame[has_behaviour(frame)]
    if not set(previous.behaviour.columns) <= set(everybody.columns):
        return _renumbered(model, previous, {})
    together = contingency(model.labels(everybody), previous.labels(everybody), len(model.groups), len(previous.groups))
    similarity = jaccard(together)
    pairs = zip(*linear_sum_assignment(-similarity), strict=True)
    return _renumbered(model, previous, {int(n): int(o) for n, o in pairs if similarity[n, o] >= LEAST_OVERLAP})


def _renumbered(model: ClusterModel, previous: ClusterModel, pairs: dict[int, int]) -> ClusterModel:
    unused = previous.next_number
    groups = []
    for place, group in enumerate(model.groups):
        if place in pairs:
            groups.append(_with_name_of(group, previous.groups[pairs[place]], model))
        else:
            groups.append(replace(group, number=unused))
            unused += 1
    return replace(model, groups=told_apart(groups, model.behaviour.columns), next_number=unused)


def _with_name_of(group: Group, old: Group, model: ClusterModel) -> Group:
    centre = dict(zip(model.behaviour.columns, group.centre, strict=True))
    holds = all(
        column in centre and (1 if is_high else -1) * centre[column] >= STILL_TELLING for column, is_high in old.traits
    )
    traits = old.traits if holds and (old.traits or np.abs(group.centre).max() < 2 * STILL_TELLING) else group.traits
    return replace(group, number=old.number, traits=traits)
