"""The tables as they were when revisions began. A store that an earlier Retinue made gets what it lacks."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.schema import CreateColumn

from serving.store.tables import NAME

revision = "0001"
down_revision = None

TABLES = sa.MetaData()


def _numbered(name: str, *columns: sa.schema.SchemaItem) -> sa.Table:
    number = sa.Column("number", sa.Integer, primary_key=True, autoincrement=True)
    return sa.Table(name, TABLES, number, *columns, sqlite_autoincrement=True)


_numbered(
    "runs",
    sa.Column("run_id", NAME, nullable=False, unique=True),
    sa.Column("as_of", NAME, nullable=False),
    sa.Column("published_at", NAME, nullable=False),
    sa.Column("model_version", NAME),
    sa.Column("model_metrics", sa.Text, nullable=False),
    sa.Column("summary", sa.Text, nullable=False),
    sa.Column("rows", sa.Integer, nullable=False),
)

SCORES = sa.Table(
    "scores",
    TABLES,
    sa.Column("run", sa.ForeignKey("runs.number"), nullable=False),
    sa.Column("customer_id", NAME, nullable=False),
    sa.Column("customer_name", NAME),
    sa.Column("churn_probability", sa.Float),
    sa.Column("segment", NAME),
    sa.Column("churn_band", NAME),
    sa.Column("recommended_action", NAME),
    sa.Column("expected_profit", sa.Float),
    sa.Column("value_at_stake", sa.Float),
    sa.Column("lifetime_value", sa.Float),
    sa.Column("value_score", sa.Float),
    sa.Column("tier", NAME),
    sa.Column("lifecycle_stage", NAME),
    sa.Column("trajectory", NAME),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.UniqueConstraint("run", "customer_id"),
)
for _name in ("expected_profit", "churn_probability", "value_at_stake", "lifetime_value", "value_score"):
    sa.Index(
        f"scores_by_{_name}",
        *(SCORES.c[n] for n in ("run", _name, "customer_id", "segment", "churn_band", "recommended_action")),
    )

sa.Table(
    "debtors",
    TABLES,
    sa.Column("run", sa.ForeignKey("runs.number"), primary_key=True),
    sa.Column("customer_id", NAME, primary_key=True),
    sa.Column("body", sa.LargeBinary, nullable=False),
)
sa.Table(
    "invoices",
    TABLES,
    sa.Column("run", sa.ForeignKey("runs.number"), primary_key=True),
    sa.Column("invoice_id", NAME, primary_key=True),
    sa.Column("customer_id", NAME, nullable=False),
    sa.Column("late_amount", sa.Float, nullable=False),
    sa.Column("late_band", NAME),
    sa.Column("days_overdue", sa.Integer, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Index("invoices_by_customer", "run", "customer_id", "invoice_id"),
    sa.Index("invoices_by_late_amount", "run", "late_amount", "invoice_id", "late_band", "days_overdue"),
)
sa.Table(
    "current",
    TABLES,
    sa.Column("only", sa.Integer, sa.CheckConstraint('"only" = 1'), primary_key=True, autoincrement=False),
    sa.Column("run", sa.ForeignKey("runs.number"), nullable=False),
    sa.Column("previous_run", sa.ForeignKey("runs.number")),
)

for _name, _key in (("actions", "action_id"), ("outcomes", "outcome_id")):
    _numbered(
        _name,
        sa.Column(_key, NAME, nullable=False, unique=True),
        sa.Column("customer_id", NAME, nullable=False),
        sa.Column("campaign", NAME),
        sa.Column("at", NAME, nullable=False),
        sa.Column("received_at", NAME, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Index(f"{_name}_by_customer", "customer_id", "number"),
        sa.Index(f"{_name}_by_campaign", "campaign", "number"),
    )
_numbered(
    "evidence",
    sa.Column("learnt_at", NAME, nullable=False),
    sa.Column("campaign", NAME, nullable=False),
    sa.Column("action", NAME, nullable=False),
    sa.Column("kind", NAME, nullable=False),
    sa.Column("value", sa.Float, nullable=False),
    sa.Column("standard_error", sa.Float, nullable=False),
    sa.Column("treated", sa.Integer, nullable=False),
    sa.Column("controls", sa.Integer, nullable=False),
    sa.Column("takes_back", sa.Integer),
)

_numbered(
    "plans",
    sa.Column("plan_id", NAME, nullable=False, unique=True),
    sa.Column("as_of", NAME, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
)
sa.Table(
    "plan_items",
    TABLES,
    sa.Column("plan", sa.ForeignKey("plans.number"), primary_key=True),
    sa.Column("place", sa.Integer, primary_key=True),
    sa.Column("customer_id", NAME, nullable=False),
    sa.Column("account_manager", NAME),
    sa.Column("action", NAME, nullable=False),
    sa.Column("team", NAME),
    sa.Column("channel", NAME, nullable=False),
    sa.Column("expected_profit", sa.Float, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Index("plan_items_by_customer", "plan", "customer_id"),
)

ALERTS = _numbered(
    "alerts",
    sa.Column("alert_id", NAME, nullable=False, unique=True),
    sa.Column("customer_id", NAME, nullable=False),
    sa.Column("kind", NAME, nullable=False),
    sa.Column("rank", sa.Integer, nullable=False),
    sa.Column("status", NAME, nullable=False),
    sa.Column("owner", NAME),
    sa.Column("level", sa.Integer, nullable=False),
    sa.Column("judged", sa.Integer, nullable=False),
    sa.Column("value", sa.Float),
    sa.Column("trend", NAME, nullable=False),
    sa.Column("opened_at", NAME, nullable=False),
    sa.Column("as_of", NAME, nullable=False),
    sa.Column("red_since", NAME),
    sa.Column("calm_since", NAME),
    sa.Column("resolved_as_of", NAME),
    sa.Column("closed_at", NAME),
    sa.Column("trend_since", NAME, nullable=False),
    sa.Column("said", sa.Text, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Index("alerts_by_rank", "rank", "number"),
    sa.Index("alerts_of_customer", "customer_id", "kind"),
)
sa.Index(
    "alerts_one_live_case",
    ALERTS.c.customer_id,
    ALERTS.c.kind,
    unique=True,
    sqlite_where=ALERTS.c.closed_at.is_(None),
    postgresql_where=ALERTS.c.closed_at.is_(None),
)
_numbered(
    "alert_events",
    sa.Column("event_id", NAME, nullable=False, unique=True),
    sa.Column("alert", sa.ForeignKey("alerts.number"), nullable=False),
    sa.Column("at", NAME, nullable=False),
    sa.Column("made_by", NAME, nullable=False),
    sa.Column("what", NAME, nullable=False),
    sa.Column("status", NAME, nullable=False),
    sa.Column("rank", sa.Integer, nullable=False),
    sa.Column("level", sa.Integer, nullable=False),
    sa.Column("owner", NAME),
    sa.Column("value", sa.Float),
    sa.Column("note", sa.Text),
    sa.Index("alert_events_of_alert", "alert", "number"),
)
sa.Table(
    "alert_runs",
    TABLES,
    sa.Column("run_id", NAME, primary_key=True),
    sa.Column("as_of", NAME, nullable=False),
    sa.Column("counts", sa.Text, nullable=False),
)

_GUARDS = (
    ("alert_events_no_update", "UPDATE", "alert_events", "the history of alerts is append-only"),
    ("alert_events_no_delete", "DELETE", "alert_events", "the history of alerts is append-only"),
    ("alerts_no_delete", "DELETE", "alerts", "cases are closed, never removed"),
)


def upgrade() -> None:
    """Make all tables, or those that are missing, with columns, indexes and guards that are missing."""
    connection = op.get_bind()
    TABLES.create_all(connection)
    _add_columns_of_scores(connection)
    for index in SCORES.indexes:
        index.create(connection, checkfirst=True)
    for name, action, table, words in _GUARDS:
        for statement in _guard(connection.dialect.name, name, action, table, words):
            op.execute(statement)


def _add_columns_of_scores(connection: sa.Connection) -> None:
    known = {column["name"] for column in sa.inspect(connection).get_columns(SCORES.name)}
    for column in SCORES.c:
        if column.name not in known:
            described = CreateColumn(column).compile(dialect=connection.dialect)
            op.execute(f"ALTER TABLE {SCORES.name} ADD COLUMN {described}")


def _guard(dialect: str, name: str, action: str, table: str, words: str) -> tuple[str, ...]:
    """A trigger that refuses an action on a table's rows."""
    if dialect == "sqlite":
        return (
            f"CREATE TRIGGER IF NOT EXISTS {name} BEFORE {action} ON {table} BEGIN SELECT RAISE(ABORT, '{words}'); END",
        )
    return (
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{words}' USING ERRCODE = 'integrity_constraint_violation'; END $$",
        f"CREATE TRIGGER {name} BEFORE {action} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()",
    )
