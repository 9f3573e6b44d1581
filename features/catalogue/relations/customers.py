"""Contacts, contracts, actions, accounts and the customers themselves, as they were known."""

from features.catalogue.relations.relation import Relation, flag, windows

# Kinds that begin with the customer; calls and visits mostly begin with the company, and go on after a customer has left.
BY_CUSTOMER = "('inquiry', 'enquiry', 'request', 'complaint', 'complaints', 'survey', '咨询', '询价', '请求', '需求', '投诉', '调查')"

CONVERSATIONS = Relation(
    "conversations",
    "interactions",
    "once",
    f"""
SELECT *, {flag("kind IN ('complaint', 'complaints', '投诉')")} AS is_complaint,
       {flag("kind IN ('inquiry', 'enquiry', '咨询', '询价')")} AS is_inquiry, {flag("kind IN ('visit', '拜访')")} AS is_visit,
       {flag(f"kind IN {BY_CUSTOMER}")} AS is_by_customer
FROM (
  SELECT customer_id, greatest(known_at, "at") AS known_from, "at" AS contacted_at, at_day, lower(kind) AS kind, score,
         severity, closed_at, date_diff('day', at_day, closed_day) AS closing_days
  FROM {{interactions}} WHERE greatest(known_at, "at") < {{end}}
) AS lowered""",
    is_projection=True,
)

CONTACTS = Relation(
    "contacts",
    "interactions",
    "rows",
    f"""
SELECT *, is_complaint * (1 - is_closed) AS is_open, 1 - is_complaint AS is_contact, {windows(90, 180, 365)}
FROM (
  SELECT customer_id, is_complaint, is_inquiry, is_visit, is_by_customer, contacted_at,
         date_diff('day', at_day, {{as_of_day}}) AS age_days, score, severity, closing_days,
         coalesce({flag("closed_at < {as_of}")}, 0) AS is_closed
  FROM conversations WHERE known_from < {{as_of}}
) AS aged""",
    uses=("conversations",),
)

# The end of a contract counts once it has come: one that is agreed for a later day may still be prolonged.
CONTRACTS = Relation(
    "contracts",
    "subscriptions",
    "rows",
    """
SELECT customer_id, started_at, age_days, ended_days, round(1E4 * amount) AS amount_minor, plan,
       ended_days IS NULL AS is_running
FROM (
  SELECT customer_id, started_at, amount, plan, date_diff('day', started_day, {as_of_day}) AS age_days,
         CASE WHEN ended_at < {as_of} THEN date_diff('day', ended_day, {as_of_day}) END AS ended_days
  FROM {subscriptions} WHERE greatest(known_at, started_at) < {as_of}
) AS aged""",
)

ACTIONS = Relation(
    "actions",
    "treatments",
    "rows",
    """
SELECT customer_id, action, date_diff('day', at_day, {as_of_day}) AS age_days
FROM {treatments}
WHERE greatest(known_at, "at") < {as_of} AND lower(arm) NOT IN ('control', '对照组', '对照')""",
)

ACCOUNTS = Relation(
    "accounts",
    "financials",
    "rows",
    """
SELECT *, rank() OVER (PARTITION BY customer_id ORDER BY as_of_day DESC, known_at DESC) AS number_back
FROM {financials} WHERE greatest(known_at, as_of) < {as_of}""",
)

_ON_FILE = "coalesce(known_at < {as_of}, TRUE) AND coalesce(acquired_at < {as_of}, TRUE) AND coalesce(valid_from < {as_of}, TRUE)"
_BEGINS = "coalesce(valid_from, TIMESTAMP '0001-01-01 00:00:00')"
_BEGINS_DAY = "coalesce(valid_from_day, acquired_day)"
_HELD_365D_AGO = (
    f"coalesce({_BEGINS_DAY} <= {{as_of_day}} - 365, TRUE) AND NOT coalesce(valid_to_day <= {{as_of_day}} - 365, FALSE)"
)

# The customers' rows with the group of peers that each stands in: the same at every cut-off.
PEOPLE = Relation(
    "people",
    "customers",
    "once",
    """
SELECT customer_id, known_at, acquired_at, acquired_day, valid_from, valid_from_day, valid_to, valid_to_day, credit_limit,
       tier, concat_ws(' / ', industry, size) AS peer_group
FROM {customers}""",
    is_projection=True,
)

# Everybody who is on file, so that prospects get an answer as well. A row holds from its beginning, which is that of the
# relationship where it names none, and its end is not known before it has come. Of several rows that hold, as those of
# a history without ends do, the one that began last counts.
PROFILES = Relation(
    "profiles",
    "customers",
    "rows",
    f"""
SELECT customer_id, date_diff('day', acquired_day, {{as_of_day}}) AS age_days, credit_limit, peer_group,
       {_BEGINS} AS valid_from, NOT coalesce(valid_to < {{as_of}}, FALSE) AS holds, {_HELD_365D_AGO} AS held_365d_ago
FROM people WHERE {_ON_FILE}""",
    uses=("people",),
)

# A row for each tier of a customer: whether the customer came into it within 365 days, and since when it held 365 days
# ago. Grouped by tier, so that of the tiers that held then only the one that began last need be counted.
TIERS = Relation(
    "tiers",
    "customers",
    "rows",
    f"""
SELECT customer_id, tier, max(CASE WHEN date_diff('day', {_BEGINS_DAY}, {{as_of_day}}) <= 365 THEN 1 ELSE 0 END) AS is_new,
       max(CASE WHEN {_HELD_365D_AGO} THEN {_BEGINS} END) AS held_from
FROM people WHERE tier IS NOT NULL AND {_ON_FILE}
GROUP BY customer_id, tier""",
    uses=("people",),
)
