"""Revenue of the year before the last: the feature `spend_365d` as it stood 365 days ago, since no feature looks that far back."""

from datetime import UTC, datetime, timedelta

import pandas as pd

from features.errors import FactsError
from features.own_features import all_features
from features.project import Project
from features.snapshot import snapshot
from features.sources import Facts, open_facts

ORDERS, SPEND = "orders", "spend_365d"
YEAR = timedelta(days=365)


def year_before(project: Project, as_of: datetime) -> "pd.Series[float] | None":
    """Spend net of returns in the 365 days that end 365 days before ``as_of``, currency, by customer_id.

    Known as of then; who was not known yet is missing. None: there are no orders, they do not reach back 730 days, or they can
    no longer be read.
    """
    if ORDERS not in project.tables:
        return None
    then = as_of.astimezone(project.timezone) - YEAR  # a day of the project's calendar begins at midnight before, too
    try:
        with open_facts(project.model_copy(update={"tables": {ORDERS: project.tables[ORDERS]}})) as facts:
            if _first_order(facts) > then - YEAR:
                return None
            wanted = [feature for feature in all_features(facts) if feature.name == SPEND]
            spend: pd.Series[float] = (
                snapshot(facts, [then], features=wanted).to_pandas().set_index("customer_id")[SPEND]
            )
            return spend
    except FactsError:  # a plan is made from scores; it does not fail for want of the facts behind them
        return None


def _first_order(facts: Facts) -> datetime:
    [(first,)] = facts.connection.sql("SELECT min(ordered_at) FROM orders").fetchall()
    moment: datetime = first.replace(tzinfo=UTC)
    return moment
