"""The tables of the store: runs, their scores, and which run is served."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

METADATA = MetaData()

NAME = String().with_variant(String(collation="C"), "postgresql")
"""Text that is compared or sorted: by its code points, as SQLite does, so that lists and cursors are alike everywhere."""

NUMBER = Integer().with_variant(BigInteger(), "postgresql")
"""A number that a cursor may carry: 64 bits everywhere, since whoever asks may have written any number into it."""

RUNS = Table(
    "runs",
    METADATA,
    # A number never used before, so that an index entry takes a few bytes instead of a whole run id.
    Column("number", NUMBER, primary_key=True, autoincrement=True),
    Column("run_id", NAME, nullable=False, unique=True),
    Column("as_of", NAME, nullable=False),  # ISO 8601, UTC
    Column("published_at", NAME, nullable=False),  # ISO 8601, UTC
    Column("model_version", NAME),
    Column("model_metrics", Text, nullable=False),  # JSON
    Column("summary", Text, nullable=False),  # JSON, see schemas.RunSummary
    Column("rows", Integer, nullable=False),
    sqlite_autoincrement=True,
)

# Small columns first: SQLite reads a row from its start, and the body may lie on pages of its own.
SCORES = Table(
    "scores",
    METADATA,
    Column("run", ForeignKey("runs.number"), nullable=False),
    Column("customer_id", NAME, nullable=False),
    Column("customer_name", NAME),
    Column("churn_probability", Float),
    Column("segment", NAME),
    Column("churn_band", NAME),
    Column("recommended_action", NAME),
    Column("expected_profit", Float),
    Column("value_at_stake", Float),
    Column("lifetime_value", Float),
    Column("value_score", Float),
    Column("tier", NAME),
    Column("lifecycle_stage", NAME),
    Column("trajectory", NAME),
    Column("account_manager", NAME),
    Column("rescored_as_of", NAME),  # ISO 8601, UTC; NULL: the run's own
    Column("body", LargeBinary, nullable=False),  # the Score as finished JSON
    UniqueConstraint("run", "customer_id"),
)

SORT_COLUMNS = (
    "expected_profit",
    "churn_probability",
    "value_at_stake",
    "lifetime_value",
    "value_score",
    "customer_id",
)
"""What a list can be sorted by."""

# A sort walks its index in order; the filter columns in it spare a visit to the row for customers that do not match.
for _column in SORT_COLUMNS[:-1]:
    Index(
        f"scores_by_{_column}",
        SCORES.c.run,
        SCORES.c[_column],
        SCORES.c.customer_id,
        SCORES.c.segment,
        SCORES.c.churn_band,
        SCORES.c.recommended_action,
    )

Index("scores_by_account_manager", SCORES.c.run, SCORES.c.account_manager, SCORES.c.customer_id)

DEBTORS = Table(
    "debtors",
    METADATA,
    Column("run", ForeignKey("runs.number"), primary_key=True),
    Column("customer_id", NAME, primary_key=True),
    Column("body", LargeBinary, nullable=False),  # the CustomerReceivables as finished JSON
)

INVOICES = Table(
    "invoices",
    METADATA,
    Column("run", ForeignKey("runs.number"), primary_key=True),
    Column("invoice_id", NAME, primary_key=True),
    Column("customer_id", NAME, nullable=False),
    Column("late_amount", Float, nullable=False),
    Column("late_band", NAME),
    Column("days_overdue", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),  # the InvoiceRisk as finished JSON
)
"""Open invoices; ``late_amount`` is what is expected of each to come late, currency."""

Index("invoices_by_customer", INVOICES.c.run, INVOICES.c.customer_id, INVOICES.c.invoice_id)
Index(
    "invoices_by_late_amount",
    INVOICES.c.run,
    INVOICES.c.late_amount,
    INVOICES.c.invoice_id,
    INVOICES.c.late_band,
    INVOICES.c.days_overdue,
)

CURRENT = Table(
    "current",
    METADATA,
    Column("only", Integer, CheckConstraint('"only" = 1'), primary_key=True, autoincrement=False),
    Column("run", ForeignKey("runs.number"), nullable=False),
    Column("previous_run", ForeignKey("runs.number")),
)

RESCORED = Table(
    "rescored",
    METADATA,
    Column("run", ForeignKey("runs.number"), primary_key=True),
    Column("sequence", Integer, nullable=False),  # the last event that is in the run's scores
    Column("as_of", NAME, nullable=False),  # ISO 8601, UTC: of the last time that scores were computed again
)
"""One row a run that events have changed."""
