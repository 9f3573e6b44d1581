"""Whom plans chose among treated and controls, and which plans were withdrawn: both are only ever added to."""

import sqlalchemy as sa
from alembic import op

from serving.store.tables import NAME, NUMBER

revision, down_revision = "0004", "0003"

_APPEND_ONLY = "the history of plans is append-only"


def upgrade() -> None:
    """Make both tables, and let nobody change what stands in them."""
    op.create_table(
        "plan_chosen",
        sa.Column("number", NUMBER, primary_key=True, autoincrement=True),
        sa.Column("plan_id", NAME, nullable=False),
        sa.Column("campaign", NAME),
        sa.Column("as_of", NAME, nullable=False),
        sa.Column("made_at", NAME, nullable=False),
        sa.Column("customer_id", NAME, nullable=False),
        sa.Column("arm", NAME, nullable=False),
        sa.Column("action", NAME, nullable=False),
        sa.Column("accompanying_action", NAME),
        sa.Column("expected_profit", sa.Float, nullable=False),
        sa.Column("propensity", sa.Float, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("plan_chosen_by_plan", "plan_chosen", ["plan_id"])
    op.create_index("plan_chosen_by_campaign", "plan_chosen", ["campaign", "number"])
    op.create_index("plan_chosen_by_as_of", "plan_chosen", ["as_of"])
    op.create_table(
        "plan_withdrawals",
        sa.Column("number", NUMBER, primary_key=True, autoincrement=True),
        sa.Column("plan_id", NAME, nullable=False),
        sa.Column("as_of", NAME, nullable=False),
        sa.Column("withdrawn_at", NAME, nullable=False),
        sa.Column("made_by", NAME, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sqlite_autoincrement=True,
    )
    for table in ("plan_chosen", "plan_withdrawals"):
        for action in ("UPDATE", "DELETE"):
            for statement in _guard(op.get_bind().dialect.name, f"{table}_no_{action.lower()}", action, table):
                op.execute(statement)


def _guard(dialect: str, name: str, action: str, table: str) -> tuple[str, ...]:
    """A trigger that refuses an action on a table's rows."""
    if dialect == "sqlite":
        return (f"CREATE TRIGGER {name} BEFORE {action} ON {table} BEGIN SELECT RAISE(ABORT, '{_APPEND_ONLY}'); END",)
    return (
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{_APPEND_ONLY}' USING ERRCODE = 'integrity_constraint_violation'; END $$",
        f"CREATE TRIGGER {name} BEFORE {action} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()",
    )
