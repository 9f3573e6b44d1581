"""Counts and sums over the customers of a run: of all, when it is published, or of one account manager's."""

from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select

from serving.schemas import PublishedRun
from serving.store.tables import CURRENT, SCORES

NO_ACTION = "no_action"
"""The recommended action of a customer for whom no action pays."""


def totals(connection: Connection, mine: ColumnElement[bool]) -> dict[str, Any]:
    """Those fields of a RunSummary that are counted or summed over the scores ``mine``.

    A sum of which no part is known is None.
    """
    acts = SCORES.c.recommended_action != NO_ACTION
    rows, abstained, valued, stake, profit, lifetime_value = connection.execute(
        select(
            func.count(),
            func.count().filter(SCORES.c.churn_probability.is_(None)),
            func.count(SCORES.c.value_at_stake),
            func.coalesce(func.sum(SCORES.c.value_at_stake).filter(SCORES.c.churn_band == "high"), 0.0),
            func.coalesce(func.sum(SCORES.c.expected_profit).filter(acts), 0.0),
            func.sum(SCORES.c.lifetime_value),
        ).where(mine)
    ).one()
    by_action = _counts(connection, mine, "recommended_action")
    return {
        "customers": rows,
        "abstained": abstained,
        "by_segment": _counts(connection, mine, "segment"),
        "by_churn_band": _counts(connection, mine, "churn_band"),
        "by_tier": _counts(connection, mine, "tier"),
        "by_lifecycle_stage": _counts(connection, mine, "lifecycle_stage"),
        "by_trajectory": _counts(connection, mine, "trajectory"),
        "lifetime_value": lifetime_value,
        "by_action": by_action,
        "high_risk_value_at_stake": stake if valued else None,
        "expected_profit": profit if by_action else None,
    }


def run_of_manager(connection: Connection, run: PublishedRun, account_manager: str) -> PublishedRun:
    """The run that is served as far as one account manager sees it: counts and sums over the own customers."""
    served = select(CURRENT.c.run).scalar_subquery()
    own = totals(connection, (SCORES.c.run == served) & (SCORES.c.account_manager == account_manager))
    summary = run.summary.model_copy(update=own)
    return run.model_copy(update={"rows": own["customers"], "summary": summary})


def _counts(connection: Connection, mine: ColumnElement[bool], name: str) -> dict[str, int]:
    column = SCORES.c[name]
    counted = (
        select(column, func.count())
        .where(mine, column.is_not(None))
        .group_by(column)
        .order_by(func.count().desc(), column)
    )
    return dict(connection.execute(counted).all())
