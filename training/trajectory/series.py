"""What each customer spent (or earned us) in each month before an instant, as it was known then."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from features.errors import FactsError
from features.sources import Facts
from features.text import Text

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

MONTH_DAYS = 30
"""Months are periods of 30 days back from the cut-off, so that none is shorter than another or still running."""
MOST_MONTHS = 24

# Amounts are summed in ten-thousandths, as features are: whole numbers give one sum in any order.
_MONTHLY = f"""
WITH known AS (
  SELECT customer_id, amount, {{measure}} AS value, greatest(date_diff('day', ordered_day, $as_of_day::DATE) - 1, 0) AS age_days
  FROM orders WHERE ordered_at < $as_of AND known_at < $as_of
), customers AS (
  SELECT customer_id, row_number() OVER (ORDER BY customer_id) - 1 AS row, first_days FROM (
    SELECT customer_id, max(age_days) FILTER (amount >= 0) AS first_days FROM known GROUP BY customer_id
  )
)
SELECT row, age_days // {MONTH_DAYS} AS month_back, sum(round(1E4 * value)) / 1E4 AS value, FALSE AS is_customer
FROM known JOIN customers USING (customer_id)
WHERE age_days < {MONTH_DAYS * MOST_MONTHS} AND value IS NOT NULL GROUP BY row, month_back
UNION ALL
SELECT row, first_days // {MONTH_DAYS}, 0, TRUE FROM customers
"""
_CUSTOMERS = (
    "SELECT DISTINCT customer_id FROM orders WHERE ordered_at < $as_of AND known_at < $as_of ORDER BY customer_id"
)


@dataclass(frozen=True)
class MonthlySeries:
    """Money per month, oldest first.

    ``customers``: ids, shape (rows,). ``values``: currency, shape (rows, `MOST_MONTHS`), the last column is the month
    before ``until``. ``months``: how many of the last columns lie wholly after the month of the first purchase.
    """

    customers: NDArray[np.object_]
    values: Floats
    months: Integers
    until: date


def monthly_series(facts: Facts, as_of: datetime, measure: Literal["amount", "margin"] = "amount") -> MonthlySeries:
    """Spend or margin, net of returns, of everybody who ever bought, in the months before ``as_of`` (aware).

    Raises FactsError: the project gives no orders, or no margin where it is asked for.
    """
    if measure not in facts.columns.get("orders", frozenset()):
        raise FactsError(
            Text(
                "A customer's course is read from orders.{measure}, and the project does not give it. Add it to"
                " [tables.orders].",
                "客户价值走势需要 orders.{measure}，而项目未提供。请在 [tables.orders] 中添加。",
            ),
            measure=measure,
        )
    day = as_of.astimezone(facts.project.timezone).date()
    instant = as_of.astimezone(UTC).replace(tzinfo=None)
    customers = facts.connection.execute(_CUSTOMERS, {"as_of": instant}).df()["customer_id"].to_numpy(dtype=object)
    rows = facts.connection.execute(_MONTHLY.format(measure=measure), {"as_of": instant, "as_of_day": day}).fetchnumpy()
    row, back, first = (np.asarray(rows[name]) for name in ("row", "month_back", "is_customer"))
    values = np.zeros((len(customers), MOST_MONTHS))
    values[row[~first], MOST_MONTHS - 1 - back[~first]] = np.asarray(rows["value"])[~first]
    months = np.zeros(len(customers), dtype=np.int64)
    # a customer without a purchase has returns alone: no month of its own
    months[row[first]] = np.minimum(np.ma.filled(np.ma.asarray(rows["month_back"])[first], 0), MOST_MONTHS)
    return MonthlySeries(customers, values, months, day)
