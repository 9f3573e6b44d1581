"""Counts and sums over the customers of a run: of all, when it is published, or of one account manager's."""

from collections import Counter
from collections.abc import Iterable
from math import fsum
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, select

from serving.schemas import PublishedRun
from serving.store.tables import CURRENT, SCORES

NO_ACTION = "no_action"
"""The recommended action of a customer for whom no action pays."""

_NAMES = ("segment", "churn_band", "tier", "lifecycle_stage", "trajectory", "recommended_action")


def totals(connection: Connection, mine: ColumnElement[bool]) -> dict[str, Any]:
    """Those fields of a RunSummary that are counted or summed over the scores ``mine``.

    A sum of which no part is known is None.
    """
    groups = connection.execute(_grouped(mine)).all()  # one pass over the rows, a few thousand groups at most
    counted = {name: _counts((getattr(group, name), group.rows) for group in groups) for name in _NAMES}
    worth = [group.lifetime_value for group in groups if group.lifetime_value is not None]
    return {
        "customers": sum(group.rows for group in groups),
        "abstained": sum(group.abstained for group in groups),
        "by_segment": counted["segment"],
        "by_churn_band": counted["churn_band"],
        "by_tier": counted["tier"],
        "by_lifecycle_stage": counted["lifecycle_stage"],
        "by_trajectory": counted["trajectory"],
        "by_action": counted["recommended_action"],
        "lifetime_value": fsum(worth) if worth else None,
        "high_risk_value_at_stake": fsum(g.stake for g in groups if g.churn_band == "high")
        if any(group.valued for group in groups)
        else None,
        "expected_profit": fsum(g.profit for g in groups if g.recommended_action not in (None, NO_ACTION))
        if counted["recommended_action"]
        else None,
    }


def run_of_manager(connection: Connection, run: PublishedRun, account_manager: str) -> PublishedRun:
    """The run that is served as far as one account manager sees it: counts and sums over the own customers."""
    served = select(CURRENT.c.run).scalar_subquery()
    own = totals(connection, (SCORES.c.run == served) & (SCORES.c.account_manager == account_manager))
    summary = run.summary.model_copy(update=own)
    return run.model_copy(update={"rows": own["customers"], "summary": summary})


def _grouped(mine: ColumnElement[bool]) -> Select[Any]:
    names = [SCORES.c[name] for name in _NAMES]
    return (
        select(
            *names,
            func.count().label("rows"),
            func.count().filter(SCORES.c.churn_probability.is_(None)).label("abstained"),
            func.count(SCORES.c.value_at_stake).label("valued"),
            func.coalesce(func.sum(SCORES.c.value_at_stake), 0.0).label("stake"),
            func.coalesce(func.sum(SCORES.c.expected_profit), 0.0).label("profit"),
            func.sum(SCORES.c.lifetime_value).label("lifetime_value"),
        )
        .where(mine)
        .group_by(*names)
    )


def _counts(groups: Iterable[tuple[str | None, int]]) -> dict[str, int]:
    """How many have each name, the most frequent first."""
    found: Counter[str] = Counter()
    for name, rows in groups:
        if name is not None:
            found[name] += rows
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))
