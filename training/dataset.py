"""Snapshots with their labels, as the frame at the model's border."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa

from features.capabilities import missing
from features.catalogue import Feature
from features.contracts import TABLES
from features.errors import AsOfError, NotEnoughDataError, ProjectError
from features.own_features import all_features
from features.project import ChurnSettings
from features.readers import quoted
from features.snapshot import snapshot, snapshot_batches
from features.sources import Facts
from features.text import Text
from training.kinds import KINDS
from training.kinds.kind import ChurnKind
from training.labels import labels

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

MOST_ROWS = 500_000
"""Rows (customers x cut-offs) that a training learns from; more of them cost time and memory, and gain next to nothing."""

LEAST_CUSTOMERS = 100
LEAST_OF_EACH_CLASS = 30
STALE_AFTER_DAYS = 31


def labelled_snapshots(
    facts: Facts, cutoffs: Sequence[datetime], known_before: datetime, features: Sequence[Feature]
) -> pd.DataFrame:
    """One row per active customer and cut-off: customer_id, as_of, the features (float64), ``churned`` (0 or 1).

    Active are the customers who can be lost by the project's kind of churn: those who bought within [churn]
    active_within_days, or who have a contract. Labels use facts known before ``known_before``.
    """
    return with_labels(facts, active_snapshots(facts, cutoffs, features), cutoffs, known_before)


def active_snapshots(facts: Facts, cutoffs: Sequence[datetime], features: Sequence[Feature]) -> pd.DataFrame:
    """The snapshot of the customers who are active at each cut-off, in order of cut-off and customer.

    Of a company with more customers x cut-offs than `MOST_ROWS`, a part of the customers, drawn by the hash of their ids:
    always the same, and the whole history of each.
    """
    share = MOST_ROWS / max(1, _customers(facts) * len(cutoffs))
    parts = []
    for batch in snapshot_batches(facts, cutoffs, features=features):
        rows = active_rows(drawn(batch, share).to_pandas(), facts.project.churn)
        if len(rows):
            parts.append(rows)
    frame = pd.concat(parts) if parts else snapshot(facts, cutoffs, customers=[], features=features).to_pandas()
    return frame.sort_values(["as_of", "customer_id"], kind="stable", ignore_index=True)


def drawn(batch: pa.RecordBatch, share: float) -> pa.RecordBatch:
    """The rows of about a ``share`` of all customers, by the hash of their ids; of all where it is 1 or more."""
    if share >= 1:
        return batch
    hashes = pd.util.hash_array(batch.column(0).to_numpy(zero_copy_only=False))
    return batch.filter(pa.array(hashes < np.uint64(share * 2.0**64)))


def _customers(facts: Facts) -> int:
    """About how many customers the table has that churn is told by."""
    table = kind_of(facts).needs[0]
    return int(facts.connection.execute(f"SELECT approx_count_distinct(customer_id) FROM {table}").fetchall()[0][0])


def with_labels(facts: Facts, frame: pd.DataFrame, cutoffs: Sequence[datetime], known_before: datetime) -> pd.DataFrame:
    """The frame's rows at these cut-offs, with ``churned`` as it was known before ``known_before``."""
    rows = at_cutoffs(frame, cutoffs)
    return rows.assign(**{LABEL: labels(facts, rows, cutoffs, known_before)})


def at_cutoffs(frame: pd.DataFrame, cutoffs: Sequence[datetime]) -> pd.DataFrame:
    """The rows of some cut-offs, numbered anew."""
    return frame[frame["as_of"].isin(pd.to_datetime(list(cutoffs), utc=True))].reset_index(drop=True)


def active_rows(frame: pd.DataFrame, churn: ChurnSettings) -> pd.DataFrame:
    """The rows of customers who can be lost."""
    return frame[KINDS[churn.kind].at_risk(frame, churn.horizon_days, churn.active_within_days)]


_AND_INVOICES = Text(
    "{fault} Who owes, who pays late and what comes in is told without: 'retinue receivables'.",
    "{fault}谁欠款、谁会逾期、能收回多少，无需这些数据即可查看：“retinue receivables”。",
)


def kind_of(facts: Facts) -> ChurnKind:
    """The project's kind of churn. Raises ProjectError: its tables do not tell who leaves, or it has but a panel."""
    kind = KINDS.get(facts.project.churn.kind)
    if kind is None:
        raise ProjectError(
            Text(
                "[churn] kind = '{kind}' learns from a ready-made panel, which has no past to go back to. Use 'retinue train',"
                " which holds a part of it out, or give dated facts and kind = 'silence', 'decline' or 'contract'.",
                "[churn] kind = '{kind}' 使用现成的快照，无法回到过去的时点。请使用“retinue train”（会留出一部分数据），"
                "或提供带日期的数据并设为 'silence'、'decline' 或 'contract'。",
            ),
            kind=facts.project.churn.kind,
        )
    if lacking := missing(kind.needs, facts.columns):
        tables = ", ".join(sorted(facts.columns))
        text = kind.lacking.format(tables=tables, lacking=", ".join(lacking))
        raise ProjectError(_AND_INVOICES.format(fault=text) if "invoices" in facts.columns else text)
    return kind


def training_features(facts: Facts) -> tuple[Feature, ...]:
    """The features that the project's tables support and a churn model learns from.

    Raises ProjectError: the tables do not tell who leaves.
    """
    kind_of(facts)
    return tuple(feature for feature in all_features(facts) if feature.name not in NOT_LEARNT_FROM)


def span(facts: Facts) -> tuple[datetime, datetime]:
    """When the first fact that churn is told by happened, and the last of all facts, on the project's calendar.

    The last is the last order; where there are none, the last of the other tables' facts or, beyond it, of the contracts'
    ends that lie no further ahead than facts may be old: later ends are agreed rather than come.
    """
    [(first,)] = facts.connection.sql(kind_of(facts).first_fact).fetchall()
    [(last,)] = facts.connection.sql(
        "SELECT max(ordered_at) FROM orders" if "orders" in facts.columns else _last_fact(facts)
    ).fetchall()
    zone = facts.project.timezone
    return first.replace(tzinfo=UTC).astimezone(zone), last.replace(tzinfo=UTC).astimezone(zone)


def _last_fact(facts: Facts) -> str:
    clocks = [(name, TABLES[name].occurred_at) for name in facts.columns]
    dated = [(name, clock) for name, clock in clocks if clock in facts.columns[name]]
    times = " UNION ALL ".join(f"SELECT max({quoted(str(clock))}) AS t FROM {quoted(name)}" for name, clock in dated)
    begun = f"SELECT max(t) FROM ({times})"
    if "subscriptions" not in facts.columns:
        return begun
    ended = f"ended_at <= ({begun}) + INTERVAL {STALE_AFTER_DAYS} DAY"
    return f"SELECT greatest(({begun}), max(ended_at) FILTER ({ended})) FROM subscriptions"


def end_of_facts(facts: Facts) -> datetime:
    """The first midnight after the last fact, on the project's calendar: from then on nothing is known."""
    last = span(facts)[1]
    return last.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


def check_as_of(facts: Facts, as_of: datetime) -> None:
    """Raise AsOfError unless the facts reach to ``as_of`` and begin before it."""
    first, last = span(facts)
    if as_of <= first or (as_of - last).days > STALE_AFTER_DAYS:
        raise AsOfError(
            Text(
                "The date {as_of:%Y-%m-%d} lies outside the data, which run from {first:%Y-%m-%d} to {last:%Y-%m-%d}."
                " Choose a date after the first fact and at most {days} days after the last one, or give newer facts.",
                "日期 {as_of:%Y-%m-%d} 超出数据范围：数据从 {first:%Y-%m-%d} 到 {last:%Y-%m-%d}。"
                "请选择首条数据之后、且不晚于最后一条数据 {days} 天的日期，或提供更新的数据。",
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
                "What happened in the {horizon} days after {cutoff:%Y-%m-%d} is not known yet: the facts end on"
                " {last:%Y-%m-%d}. Choose a cut-off no later than {latest:%Y-%m-%d}.",
                "{cutoff:%Y-%m-%d} 之后 {horizon} 天的结果尚不可知：数据截至 {last:%Y-%m-%d}。"
                "请选择不晚于 {latest:%Y-%m-%d} 的截止时间。",
            ),
            horizon=horizon_days,
            cutoff=cutoff,
            last=last,
            latest=last - timedelta(days=horizon_days - 1),
        )


def check_enough(frame: pd.DataFrame, outcome: Text) -> None:
    """Raise NotEnoughDataError unless there are enough customers who left and who stayed to learn from."""
    customers = frame["customer_id"].nunique()
    left = frame.loc[frame[LABEL] == 1, "customer_id"].nunique()
    stayed = frame.loc[frame[LABEL] == 0, "customer_id"].nunique()
    if customers >= LEAST_CUSTOMERS and min(left, stayed) >= LEAST_OF_EACH_CLASS:
        return
    raise NotEnoughDataError(
        Text(
            "Too little to learn from: {customers} customers who can be lost, of whom {left} were seen to leave ({outcome})"
            " and {stayed} to stay. At least {least} customers and {each} of each kind are needed."
            " Give more facts, or change [churn] horizon_days or active_within_days.",
            "可供学习的数据太少：{customers} 位可能流失的客户，其中 {left} 位曾流失（{outcome}），{stayed} 位留下。"
            "至少需要 {least} 位客户，且两类各不少于 {each} 位。请提供更多数据，或调整 [churn] 的 horizon_days 或 active_within_days。",
        ),
        customers=customers,
        left=left,
        stayed=stayed,
        outcome=outcome,
        least=LEAST_CUSTOMERS,
        each=LEAST_OF_EACH_CLASS,
    )
