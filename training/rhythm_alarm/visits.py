"""When each customer bought: its purchase days as they were known before an instant."""

from dataclasses import dataclass
from datetime import UTC, date, datetime

import numpy as np
from numpy.typing import NDArray

from features.errors import FactsError
from features.sources import Facts
from features.text import Text

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

EPOCH = date(1970, 1, 1)

_VISITS = """
SELECT dense_rank() OVER (ORDER BY customer_id) - 1 AS customer, date_diff('day', DATE '1970-01-01', ordered_day) AS day
FROM (
  SELECT DISTINCT customer_id, ordered_day FROM orders WHERE amount >= 0 AND ordered_at < $as_of AND known_at < $as_of
) ORDER BY customer, day
"""
_CUSTOMERS = """
SELECT DISTINCT customer_id FROM orders WHERE amount >= 0 AND ordered_at < $as_of AND known_at < $as_of ORDER BY customer_id
"""


@dataclass(frozen=True)
class Visits:
    """Purchase days of everybody who bought before ``until``, by customer and day.

    ``customers``: ids, shape (customers,). ``customer``: place in it of each visit, shape (visits,). ``day``: days since 1970
    on the project's calendar, each day of a customer once. ``until``: the day of the instant, which is not seen any more.
    """

    customers: NDArray[np.object_]
    customer: Integers
    day: Integers
    until: int

    def before(self, day: int) -> "Visits":
        """What of it lies before ``day``; the customers stay who they are."""
        kept = self.day < day
        return Visits(self.customers, self.customer[kept], self.day[kept], min(day, self.until))


def day_number(day: date) -> int:
    """Days since 1970."""
    return (day - EPOCH).days


def visits_before(facts: Facts, as_of: datetime) -> Visits:
    """Purchase days (no returns) that were known before ``as_of`` (aware).

    Raises FactsError: the project gives no orders.
    """
    if "orders" not in facts.columns:
        raise FactsError(
            Text(
                "A rhythm of buying is read from orders, and the project gives none. Add [tables.orders].",
                "购买节奏取自订单，而项目未提供订单。请添加 [tables.orders]。",
            )
        )
    instant = {"as_of": as_of.astimezone(UTC).replace(tzinfo=None)}
    found = facts.connection.execute(_VISITS, instant).fetchnumpy()
    ids = facts.connection.execute(_CUSTOMERS, instant).df()["customer_id"].to_numpy(dtype=object)
    customer, day = (np.asarray(found[name], dtype=np.int64) for name in ("customer", "day"))
    return Visits(ids, customer, day, day_number(as_of.astimezone(facts.project.timezone).date()))
