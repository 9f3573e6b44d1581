"""The tables of what was done, what came of it, and what was learnt; rows are only ever added."""

from sqlalchemy import Column, Float, Index, Integer, LargeBinary, Table

from serving.store.tables import METADATA, NAME


def _log(name: str, key: str) -> Table:
    """A log: ``number`` is the order in which entries came in, ``key`` the id that makes a repeated entry known."""
    made = Table(
        name,
        METADATA,
        Column("number", Integer, primary_key=True, autoincrement=True),
        Column(key, NAME, nullable=False, unique=True),
        Column("customer_id", NAME, nullable=False),
        Column("campaign", NAME),
        Column("at", NAME, nullable=False),  # ISO 8601, UTC
        Column("received_at", NAME, nullable=False),  # ISO 8601, UTC
        Column("body", LargeBinary, nullable=False),  # the entry as finished JSON
        sqlite_autoincrement=True,
    )
    Index(f"{name}_by_customer", made.c.customer_id, made.c.number)
    Index(f"{name}_by_campaign", made.c.campaign, made.c.number)
    return made


ACTIONS = _log("actions", "action_id")
OUTCOMES = _log("outcomes", "outcome_id")

EVIDENCE = Table(
    "evidence",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("learnt_at", NAME, nullable=False),  # ISO 8601, UTC
    Column("campaign", NAME, nullable=False),
    Column("action", NAME, nullable=False),
    Column("kind", NAME, nullable=False),  # as in a playbook's effect
    Column("value", Float, nullable=False),
    Column("standard_error", Float, nullable=False),
    Column("treated", Integer, nullable=False),
    Column("controls", Integer, nullable=False),
    Column("takes_back", Integer),  # the number of the row that this one takes back
    sqlite_autoincrement=True,
)
"""What campaigns measured of the playbook's actions. The latest row of a campaign, action and kind counts."""
