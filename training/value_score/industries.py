"""Which industry each customer was in at an instant, for weights that hold in single industries."""

from datetime import UTC, datetime

import pandas as pd

from features.sources import Facts

_INDUSTRIES = """
SELECT customer_id, industry FROM customers
WHERE coalesce(known_at < $as_of, TRUE) AND coalesce(acquired_at < $as_of, TRUE) AND coalesce(valid_from < $as_of, TRUE)
  AND NOT coalesce(valid_to < $as_of, FALSE)
QUALIFY row_number() OVER (PARTITION BY customer_id ORDER BY valid_from DESC NULLS LAST, industry) = 1
ORDER BY customer_id
"""


def industries(facts: Facts, as_of: datetime) -> "pd.Series[str] | None":
    """The industry of each customer on file at ``as_of`` (aware), index customer_id; None where the project gives none."""
    if "industry" not in facts.columns.get("customers", frozenset()):
        return None
    rows = facts.connection.execute(_INDUSTRIES, {"as_of": as_of.astimezone(UTC).replace(tzinfo=None)}).df()
    return pd.Series(rows["industry"].to_numpy(dtype=object), index=pd.Index(rows["customer_id"]), name="industry")
