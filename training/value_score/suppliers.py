"""What the deliveries of the last year say of each supplier, as it was known at an instant."""

from datetime import UTC, datetime

import pandas as pd

from features.errors import FactsError
from features.sources import Facts
from features.text import Text

LEAST_BATCHES = 3
"""A product delivered less often says nothing of how batches vary."""

# What is rejected is learnt with the delivery: where deliveries have a date, those to come say nothing of quality yet.
_SUPPLIERS = f"""
WITH known AS (
  SELECT supplier_id, amount, quantity, rejected_quantity, product_id, ordered_day, promised_day, delivered_day,
         coalesce(unit_price, amount / nullif(quantity, 0)) AS price, delivered_at < $as_of AS is_delivered
  FROM supplies
  WHERE ordered_at < $as_of AND known_at < $as_of AND ordered_day >= $as_of_day::DATE - 365
), medians AS (
  SELECT product_id, median(price) AS price FROM known WHERE price > 0 AND product_id IS NOT NULL
  GROUP BY product_id HAVING count(DISTINCT supplier_id) >= 2
), priced AS (
  SELECT supplier_id, sum(k.price / m.price * k.amount) / nullif(sum(k.amount), 0) AS ratio
  FROM known AS k JOIN medians AS m USING (product_id) WHERE k.price > 0 AND k.amount > 0 GROUP BY supplier_id
), batches AS (
  SELECT supplier_id, avg(share) AS share FROM (
    SELECT supplier_id, min(quantity) / max(quantity) AS share FROM known WHERE quantity > 0
    GROUP BY supplier_id, product_id HAVING count(*) >= {LEAST_BATCHES}
  ) GROUP BY supplier_id
)
SELECT supplier_id,
       count(*) AS deliveries_365d,
       sum(amount) AS purchases_365d,
       sum(rejected_quantity) FILTER (seen) / nullif(sum(quantity) FILTER (seen), 0) AS rejected_share_365d,
       any_value(p.ratio) AS price_ratio_365d,
       avg((delivered_day > promised_day)::INTEGER) FILTER (is_delivered AND promised_day IS NOT NULL) AS late_share_365d,
       avg(date_diff('day', ordered_day, delivered_day)) FILTER (is_delivered) AS lead_time_mean_days_365d,
       any_value(b.share) AS smallest_batch_share_365d,
       nullif(count(DISTINCT product_id), 0) AS products_365d
FROM (
  SELECT *, rejected_quantity IS NOT NULL AND quantity > 0 AND coalesce(is_delivered, NOT $dated) AS seen FROM known
) AS k LEFT JOIN priced AS p USING (supplier_id) LEFT JOIN batches AS b USING (supplier_id)
GROUP BY supplier_id ORDER BY supplier_id
"""


def supplier_frame(facts: Facts, as_of: datetime) -> pd.DataFrame:
    """One row a supplier with a delivery ordered in the 365 days before ``as_of`` (aware), known by then.

    Index: supplier_id. Columns: deliveries_365d, purchases_365d (currency), rejected_share_365d (of the quantity),
    price_ratio_365d (to the median of each product that several suppliers deliver, by amount), late_share_365d,
    lead_time_mean_days_365d, smallest_batch_share_365d (smallest over largest batch, mean of products delivered at least
    three times), products_365d; NaN where nothing is known.
    Raises FactsError: the project gives no supplies.
    """
    if "supplies" not in facts.columns:
        raise FactsError(
            Text(
                "Suppliers are rated by their deliveries, and the project has no table 'supplies' (it gives {tables})."
                " Add [tables.supplies].",
                "供应商评分需要 supplies 表，而项目中没有（现有 {tables}）。请添加 [tables.supplies]。",
            ),
            tables=", ".join(sorted(facts.columns)),
        )
    parameters = {
        "as_of": as_of.astimezone(UTC).replace(tzinfo=None),
        "as_of_day": as_of.astimezone(facts.project.timezone).date(),
        "dated": "delivered_at" in facts.columns["supplies"],
    }
    found: pd.DataFrame = facts.connection.execute(_SUPPLIERS, parameters).df().set_index("supplier_id")
    return found.astype("float64")
