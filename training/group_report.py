"""Who belongs to which group, put together: RFM segment, behavioural group, tier, stage of life, and who moved since."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from features.errors import NotEnoughDataError
from features.own_features import all_features
from features.progress import Progress, silent
from features.snapshot import snapshot
from features.sources import Facts
from features.text import Text
from training.attribute_cuts import COLUMNS as CUT_COLUMNS
from training.attribute_cuts import attributes_of, cut_by
from training.dataset import span
from training.expected_value import is_by_contracts
from training.life_cycle import MEASURED as STAGE_COLUMNS
from training.life_cycle import life_cycle, stage_reasons
from training.loyalty import MEASURES as LOYALTY
from training.loyalty import loyalty
from training.migration import SCALES, Alarm, Migration, alarming, migrations
from training.models.clusters.behaviour import TRAITS
from training.models.clusters.drift import AGAIN
from training.models.clusters.groups import profile
from training.models.clusters.model import ClusterModel, fit_clusters
from training.models.clusters.registered import ServingClusters, drift_of
from training.models.rfm import EVER, FREQUENCY, MONETARY, RECENCY, fit_rfm
from training.tier_looks import YEAR, looks_of, tiers_at_looks
from training.tiers import TierHistory, move_reason

SEED = 0
CUSTOMER = "customer_id"
MOVED_BY = {RECENCY, FREQUENCY, MONETARY, EVER, *STAGE_COLUMNS}
"""Features that tell at an earlier date who stood where."""
NEEDED = MOVED_BY | {*CUT_COLUMNS, *(trait.column for trait in TRAITS), *(measure.column for measure in LOYALTY)}
"""Features that the groups of today are made of; the catalogue has many more, which cost time."""


WITHOUT_ORDERS = Text(
    "Segments, tiers and loyalty are told from orders, and the project has none; contracts tell stages of life, groups that"
    " act alike, and cuts by attribute.",
    "细分、等级和忠诚度需要 orders 表，而项目中没有；合同可用于判断生命周期阶段、行为群组和按属性划分。",
)
_NO_CANDIDATES = pd.DataFrame({name: [] for name in ("customer_id", "reason_en", "reason_zh")}, dtype="str")


@dataclass(frozen=True)
class GroupReport:
    """The groups of all customers as of an instant, and how they moved since an earlier one.

    ``customers``: one row each by customer_id: segment with its three scores, cluster (number of the group that acts alike), tier,
    tier_move, lifecycle_stage with stage_reason_en and stage_reason_zh, loyalty_index (0 to 100). ``candidates``: customers whose score asks for another tier, each
    with the reason in both languages. ``clusters`` and ``profiles`` are None where too few customers are active;
    ``clusters_version`` is that of the registry, None where they were found for this report alone, and ``clusters_told``
    says what has changed since they were found. ``moves`` since the earlier instant, and ``alarms`` (falls beyond those of
    the period before), by the name of the scale: they are missing where the facts do not reach back a year before the
    period. ``spend``: spend_365d of each customer by its id, NaN without orders. ``cuts``: the base by each attribute asked
    for. A project with contracts alone has no segments, tiers, candidates and loyalty; ``told`` says so.
    """

    customers: pd.DataFrame
    candidates: pd.DataFrame
    clusters: ClusterModel | None
    profiles: pd.DataFrame | None
    moves: dict[str, Migration]
    alarms: dict[str, list[Alarm]]
    spend: "pd.Series[float]"
    clusters_version: str | None = None
    clusters_told: tuple[Text, ...] = ()
    cuts: dict[str, pd.DataFrame] = field(default_factory=dict)
    told: tuple[Text, ...] = ()


def group_report(
    facts: Facts,
    as_of: datetime,
    earlier: datetime,
    progress: Progress = silent,
    registered: ServingClusters | None = None,
    by: Sequence[str] = (),
) -> GroupReport:
    """The groups of everybody on file at ``as_of`` (aware), and the moves since ``earlier``, by facts known at each.

    Segments of both instants are cut where those of ``as_of`` are, so that a move is the customer's own. Groups that act
    alike are the ``registered`` ones, unless those know facts of after ``as_of`` or need a column that is missing. ``by``
    names attributes to cut the base by: see `training.attribute_cuts`.
    Raises FactsError: the project gives neither orders nor contracts that end. NotEnoughDataError: nobody bought.
    ModelError: no such attribute.
    """
    by_contracts = is_by_contracts(facts)
    project = facts.project
    progress(Text("computing features", "计算特征"), 0.1)
    first, _ = span(facts)
    instants = [i for i in (earlier - (as_of - earlier), earlier, as_of) if i == as_of or i - YEAR >= first]
    now = _features(facts, [as_of], NEEDED | set(by))[0]
    frames = [*_features(facts, instants[:-1], MOVED_BY), now]
    progress(Text("looking for groups that act alike", "寻找行为相近的群组"), 0.4)
    clusters, version, told = _clusters(now, as_of, registered)
    behaviour = clusters.assign(now.reset_index()) if clusters else None
    progress(Text("cutting segments and following the tiers", "划分细分并推算客户等级"), 0.7)
    bought = _Bought(now[[]], {}, _NO_CANDIDATES) if by_contracts else _bought(facts, frames, instants)
    stages = life_cycle(now, project.churn)
    customers = bought.customers.assign(
        cluster=None if behaviour is None else behaviour.to_numpy(),
        lifecycle_stage=stages["stage"],
        **{f"stage_reason_{language}": said for language, said in stage_reasons(stages).items()},
    )
    dated = bought.dated | {"stage": [life_cycle(frame, project.churn)["stage"] for frame in frames]}
    moves = {name: migrations(SCALES[name], labels) for name, labels in dated.items()}
    profiles = (
        profile(now.reset_index(), behaviour, clusters.groups, clusters.behaviour.columns)
        if clusters is not None and behaviour is not None
        else None
    )
    return GroupReport(
        customers.reset_index(),
        bought.candidates,
        clusters,
        profiles,
        {name: found[-1] for name, found in moves.items() if found},
        {name: alarming(found[1], found[0]) for name, found in moves.items() if len(found) == 2},
        now[MONETARY] if MONETARY in now else pd.Series(np.nan, now.index),
        version,
        told,
        _cuts(facts, as_of, now, customers, by),
        (WITHOUT_ORDERS,) if by_contracts else (),
    )


@dataclass(frozen=True)
class _Bought:
    """What orders tell: columns of customers by customer_id, labels at each instant by scale, candidates for another tier."""

    customers: pd.DataFrame
    dated: dict[str, list["pd.Series[Any]"]]
    candidates: pd.DataFrame


def _bought(facts: Facts, frames: Sequence[pd.DataFrame], instants: Sequence[datetime]) -> _Bought:
    """Segments, tiers and loyalty at the last of the instants, of which ``frames`` are the features, and labels at each."""
    now, as_of = frames[-1], instants[-1]
    rfm = fit_rfm(now.reset_index(), as_of, settings=facts.project.segments)
    looks = looks_of(facts, as_of)
    seen = [max((look for look in looks if look <= i), default=None) for i in instants]
    history = tiers_at_looks(facts, as_of, [look for look in seen if look is not None])
    tiers = _tiers_at(history, looks[-1])
    customers = rfm.assign(now).assign(
        tier=tiers["tier"].reindex(now.index),
        tier_move=tiers["move"].reindex(now.index),
        loyalty_index=loyalty(now)["loyalty_index"],
    )
    dated = {
        "segment": [rfm.assign(frame)["segment"] for frame in frames],
        "tier": [_tiers_at(history, look)["tier"] for look in seen if look is not None],
    }
    return _Bought(customers, dated, _candidates(history, facts))


def _features(facts: Facts, instants: Sequence[datetime], names: set[str]) -> list[pd.DataFrame]:
    """The features of those names at each instant, one row a customer by customer_id."""
    if not instants:
        return []
    wanted = [feature for feature in all_features(facts) if feature.name in names]
    table = snapshot(facts, instants, features=wanted).to_pandas()
    return [table[table["as_of"] == instant].set_index(CUSTOMER).sort_index() for instant in instants]


def _clusters(
    frame: pd.DataFrame, as_of: datetime, registered: ServingClusters | None
) -> tuple[ClusterModel | None, str | None, tuple[Text, ...]]:
    """The groups, their version in the registry, and what has changed since they were found."""
    if registered is not None and not _knows_after(registered.model, as_of):
        drift = drift_of(registered.model, frame.reset_index())
        if drift is not None:
            return registered.model, registered.version, (*drift.sentences, *([AGAIN] if drift.has_drifted else ()))
    try:
        return fit_clusters(frame.reset_index(), SEED), None, ()
    except NotEnoughDataError as fault:
        return None, None, (fault.text,)


def _knows_after(model: ClusterModel, as_of: datetime) -> bool:
    return model.as_of is None or datetime.fromisoformat(model.as_of) > as_of


def _cuts(
    facts: Facts, as_of: datetime, now: pd.DataFrame, customers: pd.DataFrame, by: Sequence[str]
) -> dict[str, pd.DataFrame]:
    if not by:
        return {}
    frame = now.join(attributes_of(facts, as_of).reindex(now.index).drop(columns=list(now.columns), errors="ignore"))
    told = customers.drop(columns=[column for column in customers if column in now])
    frame = frame.drop(columns=[column for column in told if column in frame]).join(told)
    return {attribute: cut_by(frame, attribute) for attribute in by}


def _tiers_at(history: TierHistory, instant: datetime) -> pd.DataFrame:
    """Tiers as of the last look at or before an instant, by customer."""
    looks = history.rows["as_of"]
    last = looks[looks <= instant].max()
    held: pd.DataFrame = history.rows[looks == last].set_index(CUSTOMER)[["tier", "move"]]
    return held


def _candidates(history: TierHistory, facts: Facts) -> pd.DataFrame:
    found = history.candidates()
    reasons = [
        move_reason(row, facts.project.tiers, facts.project.timezone) for row in found.to_dict("records")
    ]  # few are candidates
    told: pd.DataFrame = found.assign(
        reason_en=pd.Series([r.en for r in reasons], dtype="str"),
        reason_zh=pd.Series([r.zh for r in reasons], dtype="str"),
    )
    return told
