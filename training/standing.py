"""Where each customer stands as of an instant: its worth, its tier, its stage of life, the course of its spend, its group.

What every customer of a batch is told beside its risk; `value_report` and `group_report` tell the same with the reasons.
"""

from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from features.errors import NotEnoughDataError
from features.sources import Facts
from features.text import Text
from training.life_cycle import MEASURED, life_cycle
from training.lifetime_value.lifetime_value import LifetimeValue
from training.loyalty import MEASURES, loyalty
from training.models.clusters.behaviour import BEHAVING
from training.models.clusters.model import ClusterModel
from training.share_of_customer import share_of_customer
from training.tier_looks import today_tiers
from training.tiers import tier_names
from training.trajectory.series import monthly_series
from training.trajectory.states import trajectories
from training.value_score.criteria import CUSTOMER_CRITERIA
from training.value_score.industries import industries
from training.value_score.scorecard import fit_scorecard

CUSTOMER = "customer_id"


def standing_features(clusters: ClusterModel | None = None) -> frozenset[str]:
    """The features that `standing` reads, of those that a snapshot may have."""
    scored = {measure.column for criterion in CUSTOMER_CRITERIA for measure in criterion.measures}
    grouped = {*clusters.behaviour.columns, *BEHAVING} if clusters else set()
    return frozenset({*MEASURED, *(measure.column for measure in MEASURES), *scored, *grouped})


def standing(
    facts: Facts,
    frame: pd.DataFrame,
    as_of: datetime,
    lifetime: LifetimeValue | None = None,
    clusters: ClusterModel | None = None,
) -> pd.DataFrame:
    """The standing of the customers of a snapshot, under its index and in its order.

    Parameters: ``frame`` is a snapshot of the whole base at ``as_of`` (aware), with `standing_features`; ``lifetime`` and ``clusters`` are the models
    that serve, where there are any.

    Columns, each only where the facts tell: expected_purchases, expected_revenue and lifetime_value with ``_low`` and
    ``_high`` (90 %; see `LifetimeValue.outlooks`), value_score (0 to 100), share_of_customer (0 to 1), tier and tier_name,
    lifecycle_stage, trajectory with trajectory_probability and trajectory_since, loyalty_index (0 to 100), cluster and
    cluster_name. A project without orders has a stage of life, and a value score where its facts carry one.
    """
    people = frame.set_index(CUSTOMER)
    parts = [
        people[[]].assign(lifecycle_stage=life_cycle(people, facts.project.churn)["stage"]),
        _value_scores(facts, people, as_of),
    ]
    if "orders" in facts.columns:
        parts += [
            loyalty(people)[["loyalty_index"]],
            share_of_customer(facts, as_of).customers[["share_of_customer"]],
            _courses(facts, as_of),
            _tiers(facts, as_of),
        ]
    if lifetime is not None:
        parts.append(lifetime.outlooks(facts, as_of).set_index(CUSTOMER))
    if clusters is not None:
        parts.append(_groups(clusters, frame))
    found = pd.concat([part.reindex(people.index) for part in parts], axis=1)
    return found.set_index(frame.index)


def _value_scores(facts: Facts, people: pd.DataFrame, as_of: datetime) -> pd.DataFrame:
    try:
        card = fit_scorecard(people, facts.project.value.score)
    except NotEnoughDataError:
        return people[[]]
    return card.score(people, industries(facts, as_of))[["value_score"]]


def _courses(facts: Facts, as_of: datetime) -> pd.DataFrame:
    courses = trajectories(monthly_series(facts, as_of))
    named = courses.rename(columns={"change_at": "trajectory_since"})
    return named[["trajectory", "trajectory_probability", "trajectory_since"]]


def _tiers(facts: Facts, as_of: datetime) -> pd.DataFrame:
    held = today_tiers(facts, as_of)[["tier"]]
    return held.assign(tier_name=_named(held["tier"], tier_names(facts.project.tiers)))


def _groups(clusters: ClusterModel, frame: pd.DataFrame) -> pd.DataFrame:
    """The group of each customer that acts like one; numbers begin at 1."""
    numbers = clusters.assign(frame).set_axis(frame[CUSTOMER])
    names = {number: clusters.name(number) for number in numbers.dropna().astype(int).unique()}
    return pd.DataFrame({"cluster": numbers, "cluster_name": _named(numbers, names)})


def _named(codes: "pd.Series[Any]", names: dict[Any, Text]) -> "pd.Series[Any]":
    """What each code is called, in both languages; None for none."""
    places, distinct = pd.factorize(codes)
    texts = np.array([*(names[code]._asdict() for code in distinct), None], dtype=object)
    return pd.Series(texts[places], codes.index, dtype=object)
