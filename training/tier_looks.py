"""What tiers are by at each of many looks, in one pass over the orders; and the tiers of today that follow from it.

A snapshot a look would read all orders as many times. Here an order is counted in at the first look that knows of it and
out again at the first that it is too old for; the sums between are what `spend_365d` and `margin_365d` say there.
"""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from features.own_features import all_features
from features.snapshot import snapshot
from features.sources import Facts
from training.dataset import span
from training.tiers import LookedAt, TierHistory, history_of, monthly_looks, tier_scores
from training.value_score.criteria import CUSTOMER_CRITERIA
from training.value_score.industries import industries
from training.value_score.scorecard import fit_scorecard

LOOKS_MONTHS = 36
"""Tiers follow from these monthly looks, whatever else is asked: today's tier must not hang on what it is compared with."""
YEAR = timedelta(days=365)

# Amounts are counted in ten-thousandths, as the features do, so that what was counted in goes out to the last digit.
_LINES = """
CREATE OR REPLACE TEMP TABLE {lines} AS
SELECT customer_id, enters, leaves, sum(minor) AS minor, bool_or(is_purchase) AS is_purchase FROM (
  SELECT customer_id, round(1E4 * {measure}) AS minor, amount >= 0 AS is_purchase, {enters} AS enters, {leaves} AS leaves
  FROM (SELECT *, greatest(known_at, ordered_at) AS known_from FROM orders) WHERE known_from < {end}
) GROUP BY customer_id, enters, leaves
"""
_BUYERS = """
SELECT customer_id, min(enters) AS first_look FROM {lines} WHERE is_purchase GROUP BY customer_id ORDER BY customer_id
"""
_STEPS = """
WITH buyers AS (
  SELECT customer_id, row_number() OVER (ORDER BY customer_id) - 1 AS row FROM {lines} GROUP BY customer_id
  HAVING bool_or(is_purchase)
)
SELECT row, look, sum(minor) AS minor FROM (
  SELECT customer_id, enters AS look, minor FROM {lines} WHERE enters < leaves
  UNION ALL SELECT customer_id, leaves, -minor FROM {lines} WHERE enters < leaves AND leaves < {looks}
) JOIN buyers USING (customer_id) WHERE minor IS NOT NULL GROUP BY row, look
"""
_TABLE = "tier_lines"


def today_tiers(facts: Facts, as_of: datetime) -> pd.DataFrame:
    """Tier and tier_move of everybody who has bought by ``as_of`` (aware), index customer_id, by facts that were known then.

    ``tier_move``: entered, promoted, demoted, promotion_candidate, demotion_candidate or None. Needs orders; empty where
    nobody has bought. Raises ModelError: tiers are by something that the facts do not give.
    """
    rows = tiers_at_looks(facts, as_of, shown=[as_of]).rows
    held: pd.DataFrame = rows.set_index("customer_id")[["tier", "move"]].rename(columns={"move": "tier_move"})
    return held


def tiers_at_looks(facts: Facts, as_of: datetime, shown: Collection[datetime] | None = None) -> TierHistory:
    """Tiers at monthly looks up to ``as_of``, by what the project has them by; rows of those that are ``shown`` only."""
    return history_of(
        scores_at_looks(facts, looks_of(facts, as_of)), facts.project.tiers, facts.project.timezone, shown
    )


def looks_of(facts: Facts, as_of: datetime) -> list[datetime]:
    """The looks that today's tiers follow from; what a year brings is known a year after the first fact."""
    first, _ = span(facts)
    looks = monthly_looks(as_of, LOOKS_MONTHS, facts.project.timezone)
    return [look for look in looks if look == looks[-1] or look - YEAR >= first]


def scores_at_looks(facts: Facts, looks: list[datetime]) -> LookedAt:
    """What tiers are by at each of the rising looks, for everybody who has bought by the last; NaN before a first purchase."""
    by = facts.project.tiers.by
    if by == "value_score":
        return _value_scores(facts, looks)
    measure = "amount" if by == "spend" else "margin"
    if measure not in facts.columns["orders"]:
        tier_scores(pd.DataFrame(columns=["customer_id", "as_of"]), facts.project.tiers)  # says what is missing
    return _money(facts, looks, measure)


def _money(facts: Facts, looks: list[datetime], measure: str) -> LookedAt:
    instants = [f"TIMESTAMP '{look.astimezone(UTC).replace(tzinfo=None).isoformat(' ')}'" for look in looks]
    days = [(look.astimezone(facts.project.timezone) - YEAR).date() for look in looks]
    parts = {
        "lines": _TABLE,
        "measure": measure,
        # a look knows of what was known before it, and counts what is at most 365 days old
        "enters": _counted(f"known_from >= {instant}" for instant in instants[:-1]),
        "leaves": _counted(f"ordered_day >= DATE '{day}'" for day in days),
        "end": instants[-1],
        "looks": len(looks),
    }
    try:
        facts.connection.execute(_LINES.format(**parts))
        buyers = facts.connection.execute(_BUYERS.format(**parts)).fetchnumpy()
        steps = facts.connection.execute(_STEPS.format(**parts)).fetchnumpy()
    finally:
        facts.connection.execute(f"DROP TABLE IF EXISTS {_TABLE}")
    customers, shape = np.asarray(buyers["customer_id"], dtype=object), (len(looks), len(buyers["customer_id"]))
    place = np.asarray(steps["look"], dtype=np.int64) * shape[1] + np.asarray(steps["row"], dtype=np.int64)
    change = np.bincount(place, weights=np.asarray(steps["minor"], dtype=np.float64), minlength=shape[0] * shape[1])
    scores = np.cumsum(change.reshape(shape), axis=0) / 1e4
    first_look = np.asarray(buyers["first_look"], dtype=np.int64)
    scores[np.arange(len(looks))[:, None] < first_look] = np.nan
    return LookedAt(customers, looks, scores)


def _counted(conditions: Iterable[str]) -> str:
    """SQL for how many of the conditions hold, in groups: a sum of all is too deep to parse."""
    terms = [f"CAST({condition} AS INTEGER)" for condition in conditions]
    return " + ".join(["0", *(f"({' + '.join(terms[n : n + 30])})" for n in range(0, len(terms), 30))])


def _value_scores(facts: Facts, looks: list[datetime]) -> LookedAt:
    """Value scores at each look, by the scorecard of the last one."""
    measured = {measure.column for criterion in CUSTOMER_CRITERIA for measure in criterion.measures}
    wanted = [f for f in all_features(facts) if f.name in measured]
    frame = snapshot(facts, looks, features=wanted).to_pandas()
    card = fit_scorecard(frame[frame["as_of"] == looks[-1]].set_index("customer_id"), facts.project.value.score)
    scores = card.score(frame.set_index("customer_id"), industries(facts, looks[-1]))
    scored = frame[["customer_id", "as_of"]].assign(score=scores["value_score"].to_numpy())
    wide = scored.pivot(index="as_of", columns="customer_id", values="score").sort_index()
    return LookedAt(wide.columns.to_numpy(dtype=object), looks, wide.to_numpy(dtype=np.float64))
