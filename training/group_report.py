"""Who belongs to which group, put together: RFM segment, behavioural group, tier, stage of life, and who moved since."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd

from features.errors import FactsError, NotEnoughDataError
from features.own_features import all_features
from features.progress import Progress, silent
from features.snapshot import snapshot
from features.sources import Facts
from features.text import Text
from training.dataset import span
from training.life_cycle import life_cycle
from training.loyalty import loyalty
from training.migration import SCALES, Alarm, Migration, alarming, migrations
from training.models.clusters.groups import profile
from training.models.clusters.model import ClusterModel, fit_clusters
from training.models.rfm import fit_rfm
from training.tiers import MEASURES, TierHistory, monthly_looks, move_reason, tier_history, tier_scores
from training.value_score.industries import industries
from training.value_score.scorecard import fit_scorecard

SEED = 0
LOOKS_MONTHS = 36
"""Tiers follow from these monthly looks, whatever else is asked: today's tier must not hang on what it is compared with."""
YEAR = timedelta(days=365)
CUSTOMER = "customer_id"


@dataclass(frozen=True)
class GroupReport:
    """The groups of all customers as of an instant, and how they moved since an earlier one.

    ``customers``: one row each by customer_id: segment with its three scores, cluster (number of the group that acts alike), tier,
    tier_move, lifecycle_stage, loyalty_index (0 to 100). ``candidates``: customers whose score asks for another tier, each
    with the reason in both languages. ``clusters`` and ``profiles`` are None where too few customers are active.
    ``moves`` since the earlier instant, and ``alarms`` (falls beyond those of the period before), by the name of the scale:
    they are missing where the facts do not reach back a year before the period.
    """

    customers: pd.DataFrame
    candidates: pd.DataFrame
    clusters: ClusterModel | None
    profiles: pd.DataFrame | None
    moves: dict[str, Migration]
    alarms: dict[str, list[Alarm]]


def group_report(facts: Facts, as_of: datetime, earlier: datetime, progress: Progress = silent) -> GroupReport:
    """The groups of everybody on file at ``as_of`` (aware), and the moves since ``earlier``, by facts known at each.

    Segments of both instants are cut where those of ``as_of`` are, so that a move is the customer's own.
    Raises FactsError: the project gives no orders. NotEnoughDataError: nobody bought.
    """
    if "orders" not in facts.columns:
        raise FactsError(
            Text(
                "Groups are made from orders, and the project has none (it gives {tables}). Add [tables.orders].",
                "客户分群需要 orders 表，而项目中没有（现有 {tables}）。请添加 [tables.orders]。",
            ),
            tables=", ".join(sorted(facts.columns)),
        )
    project = facts.project
    progress(Text("computing features", "计算特征"), 0.1)
    first, _ = span(facts)
    instants = [i for i in (earlier - (as_of - earlier), earlier, as_of) if i == as_of or i - YEAR >= first]
    table = snapshot(facts, instants).to_pandas()
    frames = [table[table["as_of"] == instant].set_index(CUSTOMER).sort_index() for instant in instants]
    now = frames[-1]
    progress(Text("cutting segments", "划分细分"), 0.4)
    rfm = fit_rfm(now.reset_index(), as_of, settings=project.segments)
    segments = rfm.assign(now)
    progress(Text("looking for groups that act alike", "寻找行为相近的群组"), 0.5)
    clusters = _clusters(now)
    behaviour = clusters.assign(now.reset_index()) if clusters else None
    progress(Text("following the tiers", "推算客户等级"), 0.75)
    history = _tiers(facts, as_of, first)
    tiers = _tiers_at(history, as_of)
    customers = segments.assign(
        cluster=None if behaviour is None else behaviour.to_numpy(),
        tier=tiers["tier"].reindex(now.index),
        tier_move=tiers["move"].reindex(now.index),
        lifecycle_stage=life_cycle(now, project.churn)["stage"],
        loyalty_index=loyalty(now)["loyalty_index"],
    )
    dated = {
        "segment": [rfm.assign(frame)["segment"] for frame in frames],
        "tier": [_tiers_at(history, instant)["tier"] for instant in instants if _was_looked_at(history, instant)],
        "stage": [life_cycle(frame, project.churn)["stage"] for frame in frames],
    }
    moves = {name: migrations(SCALES[name], labels) for name, labels in dated.items()}
    profiles = (
        profile(now.reset_index(), behaviour, clusters.groups, clusters.behaviour.columns)
        if clusters is not None and behaviour is not None
        else None
    )
    return GroupReport(
        customers.reset_index(),
        _candidates(history, facts),
        clusters,
        profiles,
        {name: found[-1] for name, found in moves.items() if found},
        {name: alarming(found[1], found[0]) for name, found in moves.items() if len(found) == 2},
    )


def _clusters(frame: pd.DataFrame) -> ClusterModel | None:
    try:
        return fit_clusters(frame.reset_index(), SEED)
    except NotEnoughDataError:
        return None


def _tiers(facts: Facts, as_of: datetime, first: datetime) -> TierHistory:
    """Tiers at monthly looks, from what the project has them by; what a year brings is known a year after the ``first`` fact."""
    settings, timezone = facts.project.tiers, facts.project.timezone
    column, _ = MEASURES[settings.by]
    looks = [look for look in monthly_looks(as_of, LOOKS_MONTHS, timezone) if look == as_of or look - YEAR >= first]
    if settings.by == "value_score":
        frame = _with_scores(facts, looks)
    else:
        wanted = [f for f in all_features(facts) if f.name in (column, "days_since_first_purchase")]
        frame = snapshot(facts, looks, features=wanted).to_pandas()
    return tier_history(tier_scores(frame, settings), settings, timezone)


def _with_scores(facts: Facts, looks: Sequence[datetime]) -> pd.DataFrame:
    """Value scores at each look, by the scorecard of the last one."""
    frame = snapshot(facts, list(looks)).to_pandas()
    card = fit_scorecard(frame[frame["as_of"] == looks[-1]].set_index(CUSTOMER), facts.project.value.score)
    scores = card.score(frame.set_index(CUSTOMER), industries(facts, looks[-1]))
    scored: pd.DataFrame = frame.assign(value_score=scores["value_score"].to_numpy())
    return scored


def _was_looked_at(history: TierHistory, instant: datetime) -> bool:
    return bool((history.rows["as_of"] <= instant).any())


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
