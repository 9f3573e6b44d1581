"""Features that see the future, each in its own way, to be planted into the catalogue for a test.

This is the only place that knows how a relation is written. A sound one counts, at the cut-off ``{as_of}``, what
occurred and was known strictly before it.
"""

import pytest

from features.catalogue import RELATIONS, Feature, Relation
from features.text import Text

KNOWN = "known_at < {as_of}"
SELECTS: dict[str, tuple[str, str, str]] = {
    "a sound count": ("orders", f"ordered_at < {{as_of}} AND {KNOWN}", "count(*)"),
    "an order at the cut-off": ("orders", "ordered_at <= {as_of} AND known_at <= {as_of}", "count(*)"),
    "an order known at the cut-off": ("orders", "ordered_at < {as_of} AND known_at <= {as_of}", "count(*)"),
    "the date of delivery": (
        "orders",
        f"ordered_at < {{as_of}} AND {KNOWN}",
        "count(*) FILTER (WHERE delivered_at > promised_at)",
    ),
    "the last day in the file": (
        "orders",
        f"ordered_at < {{as_of}} AND {KNOWN}",
        "(SELECT max(ordered_at) FROM orders) - max(ordered_at) > INTERVAL 1 DAY",
    ),
    "the settlement": ("invoices", f"issued_at < {{as_of}} AND {KNOWN}", "count(settled_at)"),
    "the dispute": ("invoices", f"issued_at < {{as_of}} AND {KNOWN}", "count(*) FILTER (WHERE disputed)"),
    "a complaint entered later": ("interactions", '"at" < {as_of}', "count(*) FILTER (WHERE kind = 'complaint')"),
    "the status of today": ("customers", "TRUE", "max((status = 'left')::INTEGER)"),
    "the number of cut-offs": ("orders", f"ordered_at < {{as_of}} AND {KNOWN}", "count(*) * max(steps)"),
    "up to the last cut-off": ("orders", "ordered_at < {end} AND known_at < {end}", "count(*)"),
}
"""The table, which of its rows are read, and what is made of them."""


def plant(patch: pytest.MonkeyPatch, leak: str) -> Feature:
    """A feature called ``planted`` that leaks in one of the ways of ``SELECTS``."""
    table, where, sql = SELECTS[leak]
    patch.setitem(
        RELATIONS,
        "planted",
        Relation("planted", table, "rows", f"SELECT *, {{steps}} AS steps FROM {table} WHERE {where}"),
    )
    return Feature("planted", "own", "planted", sql, "", Text("planted", "人为设置"))
