"""Whose facts have changed: the customers of whom something happened, or became known, within a span of time."""

from datetime import UTC, datetime

import pyarrow as pa

from features.contracts import KNOWN_AT, TABLES
from features.readers import quoted
from features.sources import Facts


def customers_with_news(facts: Facts, since: datetime, until: datetime) -> pa.StringArray:
    """The ids, in order, of customers with a row that was known before ``until`` and has an instant from ``since`` to before it.

    Instants are all that a row has: when it became known, happened, was due, delivered, closed, ended. Of money on an
    invoice it is also the customer that owes the invoice. ``since`` and ``until`` are aware. A row that was corrected
    without any of its instants being so is no news.
    """
    found = ["SELECT NULL::VARCHAR AS customer_id"]
    start, end = (f"TIMESTAMP '{_naive(instant).isoformat(' ')}'" for instant in (since, until))
    for name, mapped in facts.columns.items():
        columns = [c.name for c in (*TABLES[name].columns, KNOWN_AT) if c.type == "time" and c.name in mapped]
        if "customer_id" not in mapped or not columns:
            continue
        within = " OR ".join(f"(t.{quoted(c)} >= {start} AND t.{quoted(c)} < {end})" for c in columns)
        news = f"FROM {quoted(name)} AS t WHERE ({within}) AND coalesce(t.known_at < {end}, TRUE)"
        found.append(f"SELECT t.customer_id {news}")
        if "invoice_id" in mapped and name != "invoices" and "invoices" in facts.columns:
            found.append(
                f"SELECT i.customer_id FROM invoices AS i SEMI JOIN (SELECT t.invoice_id {news}) USING (invoice_id)"
            )
    everybody = f"SELECT DISTINCT customer_id FROM ({' UNION ALL '.join(found)}) WHERE customer_id IS NOT NULL"
    ids: pa.ChunkedArray = facts.connection.sql(f"{everybody} ORDER BY customer_id").to_arrow_table()["customer_id"]
    return ids.cast(pa.string()).combine_chunks()


def _naive(instant: datetime) -> datetime:
    return instant.astimezone(UTC).replace(tzinfo=None)
