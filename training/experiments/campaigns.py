"""A campaign followed up: who took part in which arm, what came of each within the horizon, and what was known before.

Outcomes are counted in [at, at + horizon) of each customer from facts known before ``as_of``; customers whose horizon is not
over by then wait. Covariates are facts of the year before ``at`` that were known by then.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import NotEnoughDataError
from features.readers import quoted
from features.sources import Facts
from features.text import Text
from training.experiments.effect import Sample

Floats = NDArray[np.float64]

COLUMNS = ("customer_id", "at", "action", "arm", "campaign", "cost", "propensity", "known_at")
"""Columns of a log of treatments: times are UTC without a zone, arms are treated, control or withheld."""

_MONEY = {
    "orders": 'SELECT customer_id, ordered_at AS "at", known_at, amount, coalesce(margin, amount * $margin_share) AS margin'
    " FROM orders",
    "invoices": 'SELECT customer_id, issued_at AS "at", known_at, amount, amount * $margin_share AS margin FROM invoices',
    "logged": 'SELECT customer_id, "at", known_at, amount, amount * $margin_share AS margin FROM logged_outcomes'
    " WHERE kind = 'purchase' AND amount IS NOT NULL",
}
"""Where purchases are read from, the first that a project has."""

_FOLLOWED = """
WITH money AS ({money}),
followed AS (
    SELECT t.*, t."at" + to_days($horizon_days::INTEGER) AS until FROM taking_part t
    WHERE t."at" + to_days($horizon_days::INTEGER) <= $as_of
),
seen AS (
    SELECT t.customer_id,
        coalesce(bool_or(m.amount >= 0 AND m."at" >= t."at"), FALSE) AS bought,
        coalesce(sum(m.amount) FILTER (m."at" >= t."at"), 0) AS revenue,
        coalesce(sum(m.margin) FILTER (m."at" >= t."at"), 0) AS margin,
        coalesce(sum(m.margin) FILTER (m."at" < t."at"), 0) AS margin_365d_before,
        coalesce(sum(m.margin) FILTER (m."at" < t."at" AND m."at" >= t."at" - to_days($horizon_days::INTEGER)), 0)
            AS margin_horizon_before,
        count(DISTINCT m."at"::DATE) FILTER (m."at" < t."at") AS purchase_days_before,
        coalesce(date_diff('second', max(m."at") FILTER (m."at" < t."at"), any_value(t."at")) / 86400E0, 366)
            AS days_since_purchase_before
    FROM followed t JOIN money m ON m.customer_id = t.customer_id
        AND m."at" >= t."at" - to_days(365) AND m."at" < t.until
        AND m.known_at < CASE WHEN m."at" < t."at" THEN t."at" ELSE $as_of END
    GROUP BY t.customer_id
),
marks AS ({marks})
SELECT t.customer_id, t."at", t.action, t.arm, t.cost, t.propensity, coalesce({kept}, FALSE) AS kept,
    coalesce(s.revenue, 0) AS revenue, coalesce(s.margin, 0) AS margin,
    coalesce(s.margin_365d_before, 0) AS margin_365d_before,
    coalesce(s.margin_horizon_before, 0) AS margin_horizon_before,
    coalesce(s.purchase_days_before, 0) AS purchase_days_before,
    coalesce(s.days_since_purchase_before, 366) AS days_since_purchase_before
FROM followed t LEFT JOIN seen s USING (customer_id) LEFT JOIN marks k USING (customer_id)
ORDER BY t."at", t.customer_id"""

_NO_MARKS = "SELECT NULL::VARCHAR AS customer_id, NULL::BOOLEAN AS stayed WHERE FALSE"
_RUNNING = """SELECT f.customer_id, TRUE AS stayed FROM followed f JOIN subscriptions s ON s.customer_id = f.customer_id
    AND s.started_at < f.until AND coalesce(s.ended_at >= f.until, TRUE) AND s.known_at < $as_of GROUP BY 1"""
_LOGGED_MARKS = """SELECT f.customer_id, arg_max(o.kind IN ('retained', 'purchase'), o."at") AS stayed
    FROM followed f JOIN logged_outcomes o ON o.customer_id = f.customer_id AND o."at" >= f."at" AND o."at" < f.until
    AND o.known_at < $as_of AND o.kind IN ('retained', 'left', 'purchase') GROUP BY 1"""


@dataclass(frozen=True)
class Followed:
    """The customers of a campaign whose horizon is over, in the order in which they came in.

    ``rows`` has customer_id, at, arm, cost, kept (1: stayed), revenue, margin (currency, within the horizon), and the facts from
    before. ``waiting`` customers' horizon is not over; ``withheld`` and ``twice`` (in both arms; the first counts) are left
    out or told. ``lot_is_known``: the log says with which probability each was treated. ``has_money``: the
    project has purchases or invoices.
    """

    campaign: str
    rows: pd.DataFrame
    as_of: datetime
    horizon_days: int
    waiting: int
    withheld: int
    twice: int
    lot_is_known: bool
    has_money: bool

    @property
    def sample(self) -> Sample:
        """Arms, propensities and covariates of the rows."""
        rows = self.rows
        before = rows[["margin_365d_before", "margin_horizon_before"]].to_numpy(dtype=np.float64)
        days = rows["days_since_purchase_before"].to_numpy(dtype=np.float64)
        count = rows["purchase_days_before"].to_numpy(dtype=np.float64)
        covariates = np.column_stack([before[:, 0], np.log1p(days), np.log1p(count), _log(before), before[:, 1], count])
        propensity = rows["propensity"].to_numpy(dtype=np.float64)
        return Sample((rows["arm"] == "treated").to_numpy(), propensity, covariates)


def log_of(facts: Facts, logged: pd.DataFrame | None = None) -> pd.DataFrame:
    """All treatments that carry a campaign: of the project's table, and ``logged`` ones; columns as `COLUMNS`."""
    parts = [logged[list(COLUMNS)]] if logged is not None and len(logged) else []
    if "treatments" in facts.columns:
        parts.append(
            facts.connection.sql(
                f"SELECT {', '.join(map(quoted, COLUMNS))} FROM treatments WHERE campaign IS NOT NULL"
            ).df()
        )
    if not parts:
        raise NotEnoughDataError(_NO_LOG)
    entries = pd.concat(parts, ignore_index=True)
    what = ["customer_id", "at", "action", "arm", "campaign"]  # an exported log may be a source as well
    return entries.drop_duplicates(what, ignore_index=True)


def campaigns_of(log: pd.DataFrame) -> pd.DataFrame:
    """One row a campaign, the latest first: campaign, actions, begins_at, ends_at, treated, controls, withheld."""
    arms = {
        f"{name}s" if name == "control" else name: log["arm"] == name for name in ("treated", "control", "withheld")
    }
    counted = log.assign(**arms).groupby("campaign", as_index=False)
    table: pd.DataFrame = counted.agg(
        actions=("action", lambda names: ", ".join(sorted(set(names)))),
        begins_at=("at", "min"),
        ends_at=("at", "max"),
        **{name: (name, "sum") for name in arms},
    )
    return table.sort_values(["begins_at", "campaign"], ascending=[False, True], ignore_index=True)


def follow(
    facts: Facts,
    log: pd.DataFrame,
    campaign: str,
    as_of: datetime,
    action: str | None = None,
    outcomes: pd.DataFrame | None = None,
) -> Followed:
    """What came of a campaign, or of one ``action`` in it, by ``as_of``.

    ``outcomes`` are logged ones (customer_id, at, known_at, kind, amount; times UTC without a zone): they stand in where the
    project has neither orders, contracts nor invoices.
    Raises NotEnoughDataError: the project knows of no such campaign, or of nothing that could have come of it.
    """
    now, horizon = as_of.astimezone(UTC).replace(tzinfo=None), facts.project.churn.horizon_days
    mine = log[(log["campaign"] == campaign) & (log["known_at"] < now) & (log["at"] < now)]
    mine = mine if action is None else mine[mine["action"] == action]
    taking, twice = _once(mine[mine["arm"].isin(["treated", "control"])])
    if taking.empty:
        raise NotEnoughDataError(_NO_CAMPAIGN, campaign=campaign, as_of=as_of)
    with_lot = taking["propensity"].notna().all()
    share = float((taking["arm"] == "treated").mean())
    taking = taking.assign(
        propensity=taking["propensity"] if with_lot else min(max(share, 1e-3), 1 - 1e-3),
        cost=taking["cost"].fillna(0.0),
    )
    by_lot = taking["propensity"].between(0, 1, inclusive="neither")
    rows, has_money = _followed(facts, taking[by_lot], now, horizon, outcomes)
    return Followed(
        campaign=campaign,
        rows=rows,
        as_of=as_of,
        horizon_days=horizon,
        waiting=int((taking[by_lot]["at"] + timedelta(days=horizon) > now).sum()),
        withheld=int((mine["arm"] == "withheld").sum() + (~by_lot).sum()),
        twice=twice,
        lot_is_known=bool(with_lot),
        has_money=has_money,
    )


def _once(taking: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Each customer with its first entry; how many were in both arms."""
    ordered = taking.sort_values(["at", "known_at"], kind="stable")
    twice = int((ordered.groupby("customer_id")["arm"].nunique() > 1).sum())
    return ordered.drop_duplicates("customer_id"), twice


def _followed(
    facts: Facts, taking: pd.DataFrame, now: datetime, horizon_days: int, outcomes: pd.DataFrame | None
) -> tuple[pd.DataFrame, bool]:
    by_contract = facts.project.churn.kind == "contract" and "subscriptions" in facts.columns
    logged = outcomes is not None and not outcomes.empty
    source = next((name for name in ("orders", "invoices") if name in facts.columns), "logged" if logged else None)
    if source is None and not by_contract:
        raise NotEnoughDataError(_NO_OUTCOMES)
    if by_contract:
        kept, marks = "k.stayed", _RUNNING
    elif source == "logged":
        kept, marks = "k.stayed", _LOGGED_MARKS
    else:
        kept, marks = "s.bought", _NO_MARKS
    query = _FOLLOWED.format(money=_MONEY[source] if source else _NO_MONEY, kept=kept, marks=marks)
    asked = {"horizon_days": horizon_days, "as_of": now}
    if source in _MONEY and "$margin_share" in _MONEY[source]:
        asked["margin_share"] = facts.project.value.margin_share
    connection = facts.connection.cursor()
    try:
        connection.register("taking_part", taking)
        if logged:
            connection.register("logged_outcomes", outcomes)
        rows = connection.execute(query, asked).df()
    finally:
        connection.close()
    return rows.assign(kept=rows["kept"].astype(np.float64)), source is not None


_NO_MONEY = (
    'SELECT NULL::VARCHAR AS customer_id, NULL::TIMESTAMP AS "at", NULL::TIMESTAMP AS known_at, 0::DOUBLE AS amount,'
    " 0::DOUBLE AS margin WHERE FALSE"
)


def _log(amounts: Floats) -> Floats:
    """Amounts on a logarithmic scale with their sign."""
    scaled: Floats = np.sign(amounts) * np.log1p(np.abs(amounts))
    return scaled


_NO_LOG = Text(
    "Nothing says who was treated: the project has no [tables.treatments], and no actions of a campaign were logged. Log them with"
    " POST /v1/actions, or name the table that has them in the project file.",
    "没有数据说明谁被处理：项目没有 [tables.treatments]，也没有记录任何活动的行动。请通过 POST /v1/actions 记录，"
    "或在项目文件中指明相应的表。",
)
_NO_CAMPAIGN = Text(
    "Before {as_of:%Y-%m-%d} nobody was treated or a control in a campaign '{campaign}'. 'retinue experiment report' without a name"
    " lists the campaigns.",
    "{as_of:%Y-%m-%d} 之前，没有客户作为处理组或对照组参加活动“{campaign}”。不带名称运行“retinue experiment report”可列出全部活动。",
)
_NO_OUTCOMES = Text(
    "Nothing says what came of the campaign: the project has neither orders, contracts nor invoices, and no outcomes were logged."
    " Log them with POST /v1/outcomes.",
    "没有数据说明活动的结果：项目既没有订单、合同或发票，也没有记录结果。请通过 POST /v1/outcomes 记录。",
)
