"""Experiments between the store and the statistics: logs as tables, and what a campaign measured of each action."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson
import pandas as pd
import pyarrow as pa
from sqlalchemy import Connection, Table

from features.errors import NotEnoughDataError
from features.sources import Facts
from features.text import Text
from serving.store import ACTIONS, OUTCOMES, Chosen, Measured, logged_bodies
from training.experiments.assignment import TREATED
from training.experiments.campaigns import COLUMNS, follow
from training.experiments.effect import relative_reduction, too_few
from training.experiments.sample_ratio import sample_ratio

TREATMENTS_SCHEMA = pa.schema(
    [
        pa.field("customer_id", pa.string(), nullable=False),
        pa.field("at", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("action", pa.string(), nullable=False),
        pa.field("arm", pa.string(), nullable=False),
        pa.field("campaign", pa.string()),
        pa.field("cost", pa.float64()),
        pa.field("propensity", pa.float64()),
        pa.field("known_at", pa.timestamp("us", tz="UTC"), nullable=False),
    ]
)
"""The table ``treatments`` as `treatments_table` writes it; every column is one of the contract's."""


def logged_actions(connection: Connection) -> pd.DataFrame:
    """All logged actions, as `training.experiments.campaigns.COLUMNS`; those outside campaigns included."""
    return _frame(connection, ACTIONS, COLUMNS)


def logged_outcomes(connection: Connection) -> pd.DataFrame:
    """All logged outcomes: customer_id, at, kind, amount, known_at."""
    return _frame(connection, OUTCOMES, ("customer_id", "at", "kind", "amount", "known_at"))


def treatments_table(actions: pd.DataFrame) -> pa.Table:
    """Logged actions as the table ``treatments``: what was withheld without a lot is no treatment, and is left out."""
    kept = actions[actions["arm"].isin(["treated", "control"])]
    rows = pa.Table.from_pandas(kept[list(COLUMNS)], preserve_index=False)
    return rows.select(TREATMENTS_SCHEMA.names).cast(TREATMENTS_SCHEMA)  # times without a zone are UTC


@dataclass(frozen=True)
class Compared:
    """The ``log`` that a campaign is followed up from, and what is to be said of it; None: it is the log as it is."""

    log: pd.DataFrame
    said: Text | None


def as_planned(log: pd.DataFrame, chosen: Sequence[Chosen], campaign: str) -> Compared:
    """The log with like beside like: whom the campaign's plans chose beside the controls whom they would have chosen.

    All whom a plan chose count as treated, from the instant that the plan speaks for and with what was logged as their cost,
    whether or not they were reached: whom one could reach differs from whom one could not, and no lot decided on that. Entries
    of others in the campaign are left out. Where no plan chose for the campaign, or nothing of its plans was logged as done,
    the log stays as it is.
    """
    mine = log["campaign"] == campaign
    done = log[mine & (log["arm"] == TREATED)]
    planned = pd.DataFrame(chosen, columns=Chosen._fields)
    is_treated = planned["arm"] == TREATED
    reached = planned["customer_id"][is_treated].isin(done["customer_id"])
    if not reached.any() or is_treated.all():
        return Compared(log, None)
    cost = done.groupby("customer_id")["cost"].sum()
    rows = planned.assign(
        at=_instants(planned["as_of"]),
        known_at=_instants(planned["made_at"]),
        cost=planned["customer_id"].map(cost).fillna(0.0).where(is_treated, 0.0),
    )
    others = ~log.loc[mine, "customer_id"].drop_duplicates().isin(planned["customer_id"])
    said = _AS_PLANNED.format(
        treated=planned["customer_id"][is_treated].nunique(),
        controls=planned["customer_id"][~is_treated].nunique(),
        done=planned["customer_id"][is_treated][reached].nunique(),
        others=int(others.sum()),
    )
    return Compared(pd.concat([log[~mine], rows[list(COLUMNS)]], ignore_index=True), said)


_AS_PLANNED = Text(
    "The comparison is of like with like: {treated:,} customers whom the plans of this campaign chose, and {controls:,} controls"
    " whom they would have chosen, each from the day of its plan. {done:,} of the chosen are logged as treated; the others count"
    " with them, as no lot decided who was reached. {others:,} customers in the log whom no plan chose are left out.",
    "此处为同类比较：该活动的计划选中的 {treated:,} 位客户，与若非对照组本会被选中的 {controls:,} 位对照客户，均自计划时点起观察。"
    "选中的客户中有 {done:,} 位记录为已处理；其余一并计入，因为是否联系到并非由抽签决定。记录中未被计划选中的 {others:,} 位客户未计入。",
)


def measured_actions(
    facts: Facts, log: pd.DataFrame, campaign: str, as_of: datetime, outcomes: pd.DataFrame | None
) -> list[Measured]:
    """What a campaign measured of each of its actions: the share of the probability of leaving that it took away.

    Actions of which too little is known are left out, and so are those whose arms do not fit the lot.
    Raises NotEnoughDataError: there is no such campaign by ``as_of``.
    """
    actions = sorted(set(log.loc[log["campaign"] == campaign, "action"]))
    if not actions:
        follow(facts, log, campaign, as_of, None, outcomes)  # says what is wrong
    found = []
    for action in actions:
        followed = follow(facts, log, campaign, as_of, action, outcomes)
        sample, left = followed.sample, 1 - followed.rows["kept"].to_numpy(dtype="float64")
        if too_few(sample, left) is not None:
            continue
        if not followed.lot_is_known or sample_ratio(sample.is_treated, sample.propensity).fits:
            effect = relative_reduction(left, sample)
            numbers = (effect.value, effect.standard_error, effect.treated, effect.controls)
            found.append(Measured(campaign, action, "churn", *numbers))
    return found


def _frame(connection: Connection, log: Table, columns: tuple[str, ...]) -> pd.DataFrame:
    parts = []
    for bodies, received in logged_bodies(connection, log):
        rows = orjson.loads(b"[%b]" % b",".join(bodies))
        parts.append(pd.DataFrame(rows).assign(known_at=received))
    if not parts:
        empty = {
            name: pd.Series(dtype="datetime64[us]" if name in ("at", "known_at") else "object") for name in columns
        }
        return pd.DataFrame(empty)
    frame = pd.concat(parts, ignore_index=True)
    times = {name: _instants(frame[name]) for name in ("at", "known_at")}
    numbers = {name: frame[name].astype("float64") for name in ("cost", "propensity", "amount") if name in frame}
    return frame.assign(**times, **numbers)[list(columns)]


def _instants(said: "pd.Series[str]") -> "pd.Series[pd.Timestamp]":
    """Instants in UTC without a zone, as a log has them."""
    return pd.to_datetime(said, utc=True, format="ISO8601").dt.tz_localize(None).astype("datetime64[us]")


def require_evidence(found: list[Measured], campaign: str) -> list[Measured]:
    """The measurements; raises NotEnoughDataError where there are none."""
    if not found:
        raise NotEnoughDataError(
            Text(
                "Nothing can be learnt from '{campaign}' yet: too few customers, or arms that do not fit the lot. 'retinue experiment"
                " report {campaign}' says which.",
                "目前还无法从“{campaign}”学到东西：客户太少，或分组与抽签不符。“retinue experiment report {campaign}”会说明原因。",
            ),
            campaign=campaign,
        )
    return found
