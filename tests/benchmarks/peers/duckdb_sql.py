"""The basic features in plain DuckDB SQL, as one would write them at first."""

from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from tests.benchmarks.peers import BASIC, COUNTED_AS_ZERO, WINDOWS_DAYS

SQL = """
WITH lines AS (
  SELECT customer_id, date_diff('day', ordered_at::DATE, DATE '{day}') AS age, amount, margin, discount
  FROM '{data}/orders.parquet' WHERE ordered_at < TIMESTAMP '{day}'
),
spend AS (
  SELECT customer_id, {spend},
         sum(margin) FILTER (age <= 365) AS margin_365d,
         -sum(amount) FILTER (age <= 365 AND amount < 0) AS returned_amount_365d,
         sum(discount) FILTER (age <= 365 AND amount >= 0)
           / nullif(sum(amount + discount) FILTER (age <= 365 AND amount >= 0), 0) AS discount_share_365d
  FROM lines GROUP BY customer_id
),
purchase_days AS (SELECT customer_id, age FROM lines WHERE amount >= 0 GROUP BY customer_id, age),
gaps AS (SELECT customer_id, age, lead(age) OVER (PARTITION BY customer_id ORDER BY age) - age AS gap FROM purchase_days),
rhythm AS (
  SELECT customer_id, min(age) AS days_since_last_purchase, max(age) AS days_since_first_purchase, {visits},
         avg(gap) AS gap_mean_days, max(gap) AS gap_longest_days,
         CASE WHEN count(gap) >= 3 THEN stddev_samp(gap) / avg(gap) END AS gap_variation
  FROM gaps GROUP BY customer_id
),
paid AS (
  SELECT invoice_id, sum(amount) AS paid, max(paid_at::DATE) AS last_day
  FROM '{data}/payments.parquet' WHERE paid_at < TIMESTAMP '{day}' GROUP BY invoice_id
),
bills AS (
  SELECT i.customer_id, date_diff('day', i.issued_at::DATE, DATE '{day}') AS age,
         i.amount - coalesce(p.paid, 0) AS open_amount, coalesce(p.paid, 0) >= i.amount - 0.005 AS is_settled,
         date_diff('day', i.due_at::DATE, DATE '{day}') AS overdue_days,
         date_diff('day', i.due_at::DATE, p.last_day) AS days_late,
         date_diff('day', p.last_day, DATE '{day}') AS settled_age
  FROM '{data}/invoices.parquet' i LEFT JOIN paid p USING (invoice_id)
  WHERE i.issued_at < TIMESTAMP '{day}'
),
payment AS (
  SELECT customer_id, count(*) FILTER (age <= 365) AS invoices_365d,
         avg(days_late) FILTER (is_settled AND settled_age <= 365) AS days_late_mean_365d,
         max(greatest(CASE WHEN is_settled THEN days_late ELSE overdue_days END, 0)) FILTER (age <= 365)
           AS days_late_worst_365d,
         sum(open_amount) FILTER (NOT is_settled) AS open_balance,
         sum(open_amount) FILTER (NOT is_settled AND overdue_days > 0) AS overdue_balance
  FROM bills GROUP BY customer_id
),
people AS (SELECT DISTINCT customer_id FROM '{data}/customers.parquet' WHERE acquired_at < TIMESTAMP '{day}')
SELECT customer_id, {columns}
FROM people LEFT JOIN spend USING (customer_id) LEFT JOIN rhythm USING (customer_id) LEFT JOIN payment USING (customer_id)
"""


def features(data: Path, as_of: datetime) -> pa.Table:
    """The basic features of all customers, with DuckDB on two threads."""
    with duckdb.connect(config={"threads": 2}) as connection:
        return connection.sql(sql(data, as_of)).to_arrow_table()


def sql(data: Path, as_of: datetime) -> str:
    """The whole statement."""
    zero = {name: f"coalesce({name}, 0) AS {name}" for name in COUNTED_AS_ZERO}
    return SQL.format(
        day=f"{as_of:%Y-%m-%d}",
        data=data,
        spend=", ".join(f"sum(amount) FILTER (age <= {days}) AS spend_{days}d" for days in WINDOWS_DAYS),
        visits=", ".join(f"count(*) FILTER (age <= {days}) AS purchase_days_{days}d" for days in WINDOWS_DAYS),
        columns=", ".join(zero.get(name, name) for name in BASIC),
    )
