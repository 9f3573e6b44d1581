"""Orders as they were known: lines, categories bought, and each customer's own rhythm of purchase days."""

from datetime import date

from features.catalogue.relations.relation import Relation, flag, windows

SALES = Relation(
    "sales",
    "orders",
    "once",
    f"""
SELECT customer_id, greatest(known_at, ordered_at) AS known_from, ordered_at, ordered_day, category,
       round(1E4 * amount) AS amount_minor, round(1E4 * greatest(amount, 0)) AS bought_minor,
       round(1E4 * greatest(-amount, 0)) AS returned_minor, round(1E4 * margin) AS margin_minor,
       CASE WHEN amount >= 0 THEN round(1E4 * coalesce(discount, 0)) ELSE 0 END AS discount_minor,
       {flag("amount < 0")} AS is_return, {flag("amount >= 0 AND coalesce(discount, 0) > 0")} AS is_discounted,
       delivered_at, promised_day, date_diff('day', promised_day, delivered_day) AS late_days
FROM {{orders}} WHERE greatest(known_at, ordered_at) < {{end}}""",
    is_projection=True,
)

# That a delivery is late is learnt with the delivery; until then an order can only be known to wait.
ORDER_LINES = Relation(
    "order_lines",
    "orders",
    "rows",
    f"""
SELECT *, is_delivered * {flag("late_days > 0")} AS is_late, {flag("age_days < 360")} AS in_360d,
       (1 - is_delivered) * {flag("promised_day < {as_of_day}")} AS waits_late, {windows(30, 90, 180, 365)}
FROM (
  SELECT customer_id, date_diff('day', ordered_day, {{as_of_day}}) AS age_days, amount_minor, bought_minor,
         returned_minor, margin_minor, discount_minor, is_return, is_discounted, promised_day, late_days,
         coalesce({flag("delivered_at < {as_of} AND promised_day IS NOT NULL")}, 0) AS is_delivered
  FROM sales WHERE known_from < {{as_of}}
) AS aged""",
    uses=("sales",),
)

ASSORTMENT = Relation(
    "assortment",
    "orders",
    "rows",
    """
SELECT customer_id, category, date_diff('day', max(ordered_day), {as_of_day}) AS age_days,
       sum(CASE WHEN ordered_day >= {as_of_day} - 365 THEN bought_minor ELSE 0 END) AS bought_minor_365d
FROM sales
WHERE known_from < {as_of} AND is_return = 0 AND category IS NOT NULL AND ordered_day >= {as_of_day} - 730
GROUP BY customer_id, category""",
    uses=("sales",),
)


# A purchase day is a number here: its days times 10,000, plus the number of the first cut-off that knows of it, so that
# sorting one list of numbers sorts by both. Of several orders on a day the one known first counts. Days are counted from
# 1799, before all facts, since dividing a negative number rounds up; in the lists they are days since 1970 again.
_BEFORE_1970 = (date(1970, 1, 1) - date(1799, 1, 1)).days


def _as_lists(moments: str) -> str:
    return f"""
SELECT customer_id, first_step, after_step, days, steps, list_transform(days[2:], lambda d, i: d - days[i]) AS gaps
FROM (
  SELECT customer_id, first_step, after_step, list_transform(moments, lambda m: m // 10000 - {_BEFORE_1970}) AS days,
         list_transform(moments, lambda m: m % 10000) AS steps
  FROM (
    SELECT customer_id, first_step, after_step,
           list_filter(moments, lambda m, i: i = 1 OR m // 10000 <> moments[i - 1] // 10000) AS moments
    FROM (
      SELECT customer_id, first_step, after_step, list_sort(list(CAST(moment AS INTEGER))) AS moments
      FROM ({moments}) AS purchases GROUP BY customer_id, first_step, after_step
    ) AS sorted
  ) AS distinct_days
) AS dated"""


_MOMENT = "10000 * date_diff('day', DATE '1799-01-01', ordered_day)"

# Whose orders became known in the order in which they were made has, at every cut-off, a beginning of the same list.
# The others have a list for every cut-off.
PURCHASE_DAYS = Relation(
    "purchase_days",
    "orders",
    "once",
    _as_lists(
        f"""
SELECT customer_id, 0 AS first_step, {{steps}} AS after_step, {_MOMENT} + {{passed[known_from]}} AS moment
FROM sales WHERE is_return = 0"""
    ),
    uses=("sales",),
    sql_out_of_order=_as_lists(
        f"""
SELECT customer_id, 0 AS first_step, {{steps}} AS after_step, {_MOMENT} + {{passed[known_from]}} AS moment
FROM sales WHERE is_return = 0 AND customer_id NOT IN (SELECT customer_id FROM learnt_later)
UNION ALL
SELECT s.customer_id, c.step AS first_step, c.step + 1 AS after_step, {_MOMENT} + {{passed[known_from]}} AS moment
FROM sales s JOIN (VALUES {{each_step}}) AS c(step) ON {{passed[known_from]}} <= c.step
WHERE s.is_return = 0 AND s.customer_id IN (SELECT customer_id FROM learnt_later)"""
    ).replace(
        "\nSELECT",
        "\nWITH learnt_later AS (SELECT DISTINCT customer_id FROM sales WHERE {passed[known_from]} > {passed[ordered_at]})"
        "\nSELECT",
        1,
    ),
)

# Gaps are the days between one purchase day and the next; the silence since the last one is a gap still open.
RHYTHM = Relation(
    "rhythm",
    "orders",
    "customer",
    """
SELECT customer_id, visits, days, ages, gaps, list_sort(gaps) AS sorted_gaps,
       list_transform(gaps, lambda g: ln(1 + g)) AS log_gaps, visits - 1 AS gap_count,
       ages[visits] AS silent_days, ages[1] AS known_days, {day_of_year} AS day_of_year
FROM (
  SELECT customer_id, visits, days[1:visits] AS days, gaps[1:visits - 1] AS gaps,
         list_transform(days[1:visits], lambda d: {day} - d) AS ages
  FROM (
    SELECT *, len(list_filter(steps, lambda s: s <= {step})) AS visits
    FROM purchase_days WHERE first_step <= {step} AND {step} < after_step
  ) AS counted WHERE visits > 0
) AS cut""",
    uses=("purchase_days",),
)
