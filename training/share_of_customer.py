"""Share of customer, 客户份额: how much of what a customer spends it spends with us, and what else it could buy here.

Where the project estimates what a customer spends in all, the share is a quotient. Elsewhere the breadth of what it buys,
against what customers alike usually buy, stands for it; which of the two holds is said for each customer.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

import pandas as pd

from features.errors import FactsError, ProjectError, nearest
from features.readers import quoted
from features.sources import Facts
from features.text import Text

USUAL_SHARE = 0.3
"""A category is usual among look-alikes when at least this share of them buys it."""
LEAST_LOOK_ALIKES = 10
"""Fewer buyers than this are no measure: the wider group is asked."""
MOST_CANDIDATES = 5

BASES: dict[str, Text] = {
    "estimate": Text(
        "spend of the last 365 days over the estimate of all that the customer spends",
        "最近 365 天消费额与该客户估计总采购额之比",
    ),
    "breadth": Text(
        "a proxy: share of the categories usual among customers alike that this one buys",
        "替代指标：同类客户常购品类中该客户已购买的占比",
    ),
}
LOOK_ALIKES: dict[str, Text] = {
    "industry_and_size": Text("customers of the same industry and size", "同行业、同规模的客户"),
    "industry": Text("customers of the same industry", "同行业的客户"),
    "everybody": Text("all customers", "全部客户"),
}
"""Whom a customer is compared with, the closest first."""


@dataclass(frozen=True)
class ShareOfCustomer:
    """What is known of every customer's share, and what it could buy besides.

    ``customers`` (index customer_id): share_of_customer (0 to 1; NaN: not known), basis (`BASES`), spend_365d, estimated_spend
    (currency a year), exceeds_estimate (the share was cut to 1: the estimate is too low), breadth_share, usual_categories,
    look_alikes (how many buyers), look_alikes_by (`LOOK_ALIKES`).
    ``candidates``: customer_id, rank (from 1), category, look_alike_share (share of look-alikes who buy it).
    ``unreadable`` estimates are no numbers above 0.
    """

    customers: pd.DataFrame
    candidates: pd.DataFrame
    unreadable: int

    def said(self) -> Text:
        """For how many customers the share is known, and by what."""
        counts = self.customers["basis"].value_counts()
        return _SAID.format(
            estimate=int(counts.get("estimate", 0)),
            breadth=int(counts.get("breadth", 0)),
            neither=int(self.customers["basis"].isna().sum()),
            exceeds=int(self.customers["exceeds_estimate"].sum()),
            unreadable=self.unreadable,
        )


def share_of_customer(
    facts: Facts, as_of: datetime, *, usual_share: float = USUAL_SHARE, most_candidates: int = MOST_CANDIDATES
) -> ShareOfCustomer:
    """Every customer on file at ``as_of`` (aware), from the 365 days before it, by facts that were known then.

    Raises FactsError: the project gives no orders. ProjectError: [value] total_spend names no attribute of customers.
    """
    if "orders" not in facts.columns:
        raise FactsError(
            Text(
                "Share of customer is counted from orders, and the project has none (it gives {tables}). Add"
                " [tables.orders].",
                "客户份额需要 orders 表，而项目中没有（现有 {tables}）。请添加 [tables.orders]。",
            ),
            tables=", ".join(sorted(facts.columns)),
        )
    parameters: dict[str, object] = {
        "as_of": as_of.astimezone(UTC).replace(tzinfo=None),
        "as_of_day": as_of.astimezone(facts.project.timezone).date(),
        "least": LEAST_LOOK_ALIKES,
    }
    connection = facts.connection
    tables = {_PEOPLE: _people(facts), _BOUGHT: _PURCHASES, _PAIRS: _PAIRED}
    try:
        for name, query in tables.items():
            used = {word: value for word, value in parameters.items() if re.search(rf"\${word}\b", query)}
            connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {query}", used)
        customers: pd.DataFrame = connection.execute(_CUSTOMERS, {"usual": usual_share}).df()
        candidates: pd.DataFrame = connection.execute(_CANDIDATES, {"usual": usual_share, "most": most_candidates}).df()
    finally:
        for name in tables:
            connection.execute(f"DROP TABLE IF EXISTS {name}")
    return ShareOfCustomer(
        customers.drop(columns="is_unreadable").set_index("customer_id"),
        candidates,
        int(customers["is_unreadable"].sum()),
    )


def _people(facts: Facts) -> str:
    """SQL for everybody on file with industry, size, and the estimate as it was written."""
    bought = "SELECT DISTINCT customer_id FROM orders WHERE ordered_at < $as_of AND known_at < $as_of"
    attribute = facts.project.value.total_spend
    if attribute is not None:
        check_attribute(facts, attribute, "[value] total_spend")
    if "customers" not in facts.columns:
        return f"SELECT customer_id, NULL::VARCHAR AS industry, NULL::VARCHAR AS size, NULL::VARCHAR AS written FROM ({bought})"
    written = f"CAST({quoted(attribute)} AS VARCHAR)" if attribute else "NULL::VARCHAR"
    return f"""
WITH profiles AS (
  SELECT customer_id, industry, size, {written} AS written FROM customers
  WHERE coalesce(known_at < $as_of, TRUE) AND coalesce(acquired_at < $as_of, TRUE) AND coalesce(valid_from < $as_of, TRUE)
    AND NOT coalesce(valid_to < $as_of, FALSE)
  QUALIFY row_number() OVER (PARTITION BY customer_id ORDER BY valid_from DESC NULLS LAST, written, industry, size) = 1
)
SELECT customer_id, p.industry, p.size, p.written
FROM (SELECT customer_id FROM profiles UNION {bought}) LEFT JOIN profiles AS p USING (customer_id)"""


def check_attribute(facts: Facts, attribute: str, setting: str) -> None:
    """Raise ProjectError unless the customers have the attribute that a setting names."""
    attributes = facts.readings["customers"].attributes if "customers" in facts.readings else ()
    if attribute not in attributes:
        raise ProjectError(
            Text(
                "{setting} = '{attribute}': the table customers has no such attribute. {hint} List it in"
                " [tables.customers] columns: attributes = [...].",
                "{setting} = '{attribute}'：customers 表没有这一属性。{hint} 请在 [tables.customers] 的 columns 中列出："
                "attributes = [...]。",
            ),
            setting=setting,
            attribute=attribute,
            hint=nearest(attribute, attributes),
        )


_PEOPLE, _BOUGHT, _PAIRS = "share_people", "share_bought", "share_pairs"

_PURCHASES = """
SELECT customer_id, category, sum(round(1E4 * amount)) / 1E4 AS spend, bool_or(amount > 0) AS is_bought
FROM orders WHERE ordered_at < $as_of AND known_at < $as_of AND ordered_day >= $as_of_day::DATE - 365
GROUP BY customer_id, category"""

# Each customer beside each category that its look-alikes buy. It is itself none of its look-alikes.
_PAIRED = f"""
WITH bought AS (
  SELECT customer_id, category FROM {_BOUGHT} WHERE is_bought AND category IS NOT NULL
), buyers AS (
  SELECT DISTINCT customer_id FROM bought
), belongs AS (
  SELECT customer_id, 1 AS level, industry || chr(31) || size AS key FROM {_PEOPLE} WHERE industry || size IS NOT NULL
  UNION ALL SELECT customer_id, 2, industry FROM {_PEOPLE} WHERE industry IS NOT NULL
  UNION ALL SELECT customer_id, 3, '' FROM {_PEOPLE}
), sizes AS (
  SELECT level, key, count(*) AS size FROM belongs SEMI JOIN buyers USING (customer_id) GROUP BY level, key
), chosen AS (
  SELECT customer_id, level, key, s.size - (b.customer_id IS NOT NULL)::INTEGER AS look_alikes
  FROM belongs JOIN sizes AS s USING (level, key) LEFT JOIN buyers AS b USING (customer_id)
  WHERE s.size - (b.customer_id IS NOT NULL)::INTEGER >= $least
  QUALIFY row_number() OVER (PARTITION BY customer_id ORDER BY level) = 1
), popular AS (
  SELECT level, key, category, count(*) AS buyers
  FROM belongs JOIN bought USING (customer_id) SEMI JOIN (SELECT DISTINCT level, key FROM chosen) USING (level, key)
  GROUP BY level, key, category
)
SELECT customer_id, category, level, look_alikes, own.customer_id IS NOT NULL AS is_own,
       (buyers - (own.customer_id IS NOT NULL)::INTEGER) / look_alikes AS share
FROM chosen JOIN popular USING (level, key) LEFT JOIN bought AS own USING (customer_id, category)"""

_CUSTOMERS = f"""
WITH breadth AS (
  SELECT customer_id, any_value(look_alikes) AS look_alikes, any_value(level) AS level,
         count(*) FILTER (share >= $usual) AS usual_categories,
         count(*) FILTER (share >= $usual AND is_own) / nullif(count(*) FILTER (share >= $usual), 0) AS breadth_share
  FROM {_PAIRS} GROUP BY customer_id
), spend AS (
  SELECT customer_id, sum(spend) AS spend_365d FROM {_BOUGHT} GROUP BY customer_id
), estimated AS (
  SELECT customer_id, coalesce(spend_365d, 0) AS spend_365d, written, TRY_CAST(written AS DOUBLE) AS number,
         CASE WHEN isfinite(number) AND number > 0 THEN number END AS estimated_spend
  FROM {_PEOPLE} LEFT JOIN spend USING (customer_id)
)
SELECT customer_id,
       CASE WHEN estimated_spend IS NULL THEN breadth_share
            ELSE greatest(0, least(1, spend_365d / estimated_spend)) END AS share_of_customer,
       CASE WHEN estimated_spend IS NOT NULL THEN 'estimate' WHEN breadth_share IS NOT NULL THEN 'breadth' END AS basis,
       spend_365d, estimated_spend, coalesce(spend_365d > estimated_spend, FALSE) AS exceeds_estimate, breadth_share,
       coalesce(usual_categories, 0) AS usual_categories, coalesce(look_alikes, 0) AS look_alikes,
       CASE level {" ".join(f"WHEN {n} THEN '{name}'" for n, name in enumerate(LOOK_ALIKES, start=1))} END AS look_alikes_by,
       coalesce(trim(written), '') <> '' AND estimated_spend IS NULL AS is_unreadable
FROM estimated LEFT JOIN breadth USING (customer_id) ORDER BY customer_id"""

_CANDIDATES = f"""
SELECT customer_id, row_number() OVER (PARTITION BY customer_id ORDER BY share DESC, category) AS rank, category,
       share AS look_alike_share
FROM {_PAIRS} WHERE NOT is_own AND share >= $usual
QUALIFY rank <= $most ORDER BY customer_id, rank"""

_SAID = Text(
    "Share of customer: by an estimate of their total spend for {estimate} customers ({exceeds} of them spend more with us"
    " than was estimated), by the breadth of what they buy for {breadth}, unknown for {neither}. Estimates that are no"
    " number above 0: {unreadable}.",
    "客户份额：{estimate} 位客户按估计总采购额计算（其中 {exceeds} 位在我方的消费已超过估计值），{breadth} 位按购买品类广度替代，{neither} 位未知。"
    "不是正数的估计值：{unreadable} 个。",
)
