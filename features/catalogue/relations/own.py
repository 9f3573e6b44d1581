"""Tables as they were known, for a project's own features: what was learnt of a fact later is empty until then.

Beside the contract's columns (and a customer's further attributes) there are ``age_days``, whole days since the fact, and
``today``, the day of the cut-off.
"""

from features.catalogue.relations.relation import Relation
from features.contracts import TABLES, Table
from features.readers import day_name, quoted

OPEN_TO_OWN = (
    "orders",
    "customers",
    "invoices",
    "payments",
    "interactions",
    "subscriptions",
    "treatments",
    "financials",
)


def _as_known(table: Table) -> str:
    occurred = table.occurred_at or "known_at"
    later = {c: f"{quoted(c)} < {{as_of}}" for c in table.learnt_later}
    learnt = {name: known for c, known in later.items() for name in (c, day_name(c))}
    if table.name == "invoices":  # a dispute has no clock of its own
        learnt["disputed"] = later["settled_at"]
    hidden = ", ".join(quoted(c) for c in learnt)
    shown = "".join(f", CASE WHEN {known} THEN {quoted(c)} END AS {quoted(c)}" for c, known in learnt.items())
    begins = (quoted(occurred), *(quoted(c) for c in ("valid_from",) if table.column(c)), "known_at")
    return (
        f"SELECT * {f'EXCLUDE ({hidden})' if hidden else ''}{shown},"
        f" date_diff('day', {quoted(day_name(occurred))}, {{as_of_day}}) AS age_days, {{as_of_day}} AS today"
        f" FROM {{{table.name}}} WHERE "
        + " AND ".join(f"coalesce({b} < {{as_of}}, {table.name == 'customers'})" for b in begins)
    )


RELATIONS = tuple(Relation(f"own_{name}", name, "rows", _as_known(TABLES[name])) for name in OPEN_TO_OWN)
