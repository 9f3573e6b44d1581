"""Snapshots with their labels, as the frame at the model's border."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pandas as pd

from features.catalogue import Feature, catalogue_hash
from features.errors import AsOfError, ModelError, NotEnoughDataError, ProjectError
from features.own_features import all_features
from features.snapshot import snapshot
from features.sources import Facts
from features.text import Text
from training.labels import refuse_other_kinds, silence_labels
from training.models.stored import StoredModel

LABEL = "churned"

NOT_LEARNT_FROM = (
    # The same for every customer at one cut-off. Over the year or two that cut-offs span, they say how late a cut-off is
    # rather than what season it has, and a model that follows them carries the drift on into a time it has not seen.
    "season_sin",
    "season_cos",
    # Spend before returns, there for shares to be taken of it. Beside spend net of returns it says hardly anything new,
    # and trees that draw their features at random draw it in the place of others.
    "bought_90d",
    "bought_180d",
    "bought_365d",
    "bought_total",
)
"""Features of the catalogue that the churn model leaves out."""

LEAST_CUSTOMERS = 100
LEAST_OF_EACH_CLASS = 30
STALE_AFTER_DAYS = 31

RECENCY = "days_since_last_purchase"


def labelled_snapshots(
    facts: Facts, cutoffs: Sequence[datetime], known_before: datetime, features: Sequence[Feature]
) -> pd.DataFrame:
    """One row per active customer and cut-off: customer_id, as_of, the features (float64), ``churned`` (0 or 1).

    Active means: bought within [churn] active_within_days. Labels use facts known before ``known_before``.
    """
    return with_labels(facts, active_snapshots(facts, cutoffs, features), cutoffs, known_before)


def active_snapshots(facts: Facts, cutoffs: Sequence[datetime], features: Sequence[Feature]) -> pd.DataFrame:
    """The snapshot of the customers who are active at each cut-off."""
    frame = snapshot(facts, cutoffs, features=features).to_pandas()
    return active_rows(frame, facts.project.churn.active_within_days)


def with_labels(facts: Facts, frame: pd.DataFrame, cutoffs: Sequence[datetime], known_before: datetime) -> pd.DataFrame:
    """The frame's rows at these cut-offs, with ``churned`` as it was known before ``known_before``."""
    rows = at_cutoffs(frame, cutoffs)
    bought = silence_labels(facts, cutoffs, facts.project.churn.horizon_days, known_before)
    keys = pd.MultiIndex.from_arrays([pd.to_datetime(rows["as_of"], utc=True), rows["customer_id"]])
    return rows.assign(**{LABEL: (~keys.isin(bought.index)).astype(int)})


def at_cutoffs(frame: pd.DataFrame, cutoffs: Sequence[datetime]) -> pd.DataFrame:
    """The rows of some cut-offs, numbered anew."""
    return frame[frame["as_of"].isin(pd.to_datetime(list(cutoffs), utc=True))].reset_index(drop=True)


def active_rows(frame: pd.DataFrame, active_within_days: int) -> pd.DataFrame:
    """The rows of customers who can be lost: they bought within the given days."""
    return frame[frame[RECENCY] <= active_within_days]


def training_features(facts: Facts) -> tuple[Feature, ...]:
    """The features that the project's tables support and a churn model learns from.

    Raises ProjectError: there is no table of orders, or the churn kind has no training job.
    """
    refuse_other_kinds(facts.project.churn.kind)
    if "orders" not in facts.columns:
        raise ProjectError(
            Text(
                "Churn as silence is learnt from orders, and the project gives none (it gives {tables}). Add"
                " [tables.orders] to the project file.",
                "“沉默”型流失模型需要订单数据，而项目没有提供（现有 {tables}）。请在项目文件中添加 [tables.orders]。",
            ),
            tables=", ".join(sorted(facts.columns)),
        )
    return tuple(feature for feature in all_features(facts) if feature.name not in NOT_LEARNT_FROM)


def span(facts: Facts) -> tuple[datetime, datetime]:
    """When the first and the last order happened, on the project's calendar."""
    [(first, last)] = facts.connection.sql("SELECT min(ordered_at), max(ordered_at) FROM orders").fetchall()
    zone = facts.project.timezone
    return first.replace(tzinfo=UTC).astimezone(zone), last.replace(tzinfo=UTC).astimezone(zone)


def end_of_facts(facts: Facts) -> datetime:
    """The first midnight after the last order, on the project's calendar: from then on nothing is known."""
    last = span(facts)[1]
    return last.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


def check_as_of(facts: Facts, as_of: datetime) -> None:
    """Raise AsOfError unless the facts reach to ``as_of`` and begin before it."""
    first, last = span(facts)
    if as_of <= first or (as_of - last).days > STALE_AFTER_DAYS:
        raise AsOfError(
            Text(
                "The date {as_of:%Y-%m-%d} lies outside the data: orders run from {first:%Y-%m-%d} to {last:%Y-%m-%d}."
                " Choose a date after the first order and at most {days} days after the last one, or give newer facts.",
                "日期 {as_of:%Y-%m-%d} 超出数据范围：订单从 {first:%Y-%m-%d} 到 {last:%Y-%m-%d}。"
                "请选择首个订单之后、且不晚于最后一个订单 {days} 天的日期，或提供更新的数据。",
            ),
            as_of=as_of,
            first=first,
            last=last,
            days=STALE_AFTER_DAYS,
        )


def check_outcome_known(facts: Facts, cutoff: datetime, horizon_days: int) -> None:
    """Raise AsOfError unless the facts reach to the end of the horizon after ``cutoff``."""
    end, last = cutoff + timedelta(days=horizon_days), span(facts)[1]
    if end > last + timedelta(days=1):
        raise AsOfError(
            Text(
                "What happened in the {horizon} days after {cutoff:%Y-%m-%d} is not known yet: orders end on"
                " {last:%Y-%m-%d}. Choose a cut-off no later than {latest:%Y-%m-%d}.",
                "{cutoff:%Y-%m-%d} 之后 {horizon} 天的结果尚不可知：订单截至 {last:%Y-%m-%d}。"
                "请选择不晚于 {latest:%Y-%m-%d} 的截止时间。",
            ),
            horizon=horizon_days,
            cutoff=cutoff,
            last=last,
            latest=last - timedelta(days=horizon_days - 1),
        )


def model_features(model: StoredModel, facts: Facts) -> tuple[Feature, ...]:
    """The catalogue's features that a model wants, in its order.

    Raises ModelError: the catalogue or the project's tables have changed since the model was trained.
    """
    active = {f.name: f for f in all_features(facts)}
    chosen = tuple(active[name] for name in model.facts.features if name in active)
    if len(chosen) < len(model.facts.features) or catalogue_hash(chosen) != model.facts.catalogue_hash:
        missing = [name for name in model.facts.features if name not in active]
        raise ModelError(
            Text(
                "The model was trained on other features than the project gives now (missing: {missing}). Give the same"
                " tables and columns as in training, or train again with 'retinue train'.",
                "模型训练所用的特征与项目现有的不同（缺少：{missing}）。请提供与训练时相同的表和列，或用“retinue train”重新训练。",
            ),
            missing=", ".join(missing) or Text("none, but their definitions have changed", "无，但定义已改变"),
        )
    return chosen


def check_enough(frame: pd.DataFrame, horizon_days: int) -> None:
    """Raise NotEnoughDataError unless there are enough customers who left and who stayed to learn from."""
    customers = frame["customer_id"].nunique()
    left = frame.loc[frame[LABEL] == 1, "customer_id"].nunique()
    stayed = frame.loc[frame[LABEL] == 0, "customer_id"].nunique()
    if customers >= LEAST_CUSTOMERS and min(left, stayed) >= LEAST_OF_EACH_CLASS:
        return
    raise NotEnoughDataError(
        Text(
            "Too little to learn from: {customers} active customers, of whom {left} were seen to stay silent for"
            " {horizon} days and {stayed} to buy again. At least {least} customers and {each} of each kind are needed."
            " Give more facts, or change [churn] horizon_days or active_within_days.",
            "可供学习的数据太少：{customers} 位活跃客户，其中 {left} 位出现过 {horizon} 天沉默，{stayed} 位再次购买。"
            "至少需要 {least} 位客户，且两类各不少于 {each} 位。请提供更多数据，或调整 [churn] 的 horizon_days 或 active_within_days。",
        ),
        customers=customers,
        left=left,
        stayed=stayed,
        horizon=horizon_days,
        least=LEAST_CUSTOMERS,
        each=LEAST_OF_EACH_CLASS,
    )
