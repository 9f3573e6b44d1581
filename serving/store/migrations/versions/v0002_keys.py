"""Access keys, the audit log, and whose customer a score is."""

import sqlalchemy as sa
from alembic import op

from serving.store.tables import NAME

revision = "0002"
down_revision = "0001"

TABLES = sa.MetaData()

sa.Table(
    "api_keys",
    TABLES,
    sa.Column("key_id", NAME, primary_key=True),
    sa.Column("secret_hash", NAME, nullable=False),
    sa.Column("name", NAME, nullable=False),
    sa.Column("scopes", NAME, nullable=False),
    sa.Column("account_manager", NAME),
    sa.Column("made_by", NAME, nullable=False),
    sa.Column("created_at", NAME, nullable=False),
    sa.Column("expires_at", NAME, nullable=False),
    sa.Column("revoked_at", NAME),
    sa.Column("last_used_at", NAME),
)
sa.Table(
    "audit",
    TABLES,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("at", NAME, nullable=False),
    sa.Column("who", NAME, nullable=False),
    sa.Column("method", NAME, nullable=False),
    sa.Column("route", NAME, nullable=False),
    sa.Column("status", sa.Integer, nullable=False),
    sa.Column("request_id", NAME, nullable=False),
    sa.Column("customers", sa.Integer, nullable=False),
    sa.Column("customers_hash", NAME),
    sqlite_autoincrement=True,
)


def upgrade() -> None:
    """Make the tables, let the audit log only be added to, and give scores their account manager (empty until the next run)."""
    connection = op.get_bind()
    TABLES.create_all(connection)
    op.add_column("scores", sa.Column("account_manager", NAME))
    op.create_index("scores_by_account_manager", "scores", ["run", "account_manager", "customer_id"])
    for action in ("UPDATE", "DELETE"):
        for statement in _guard(connection.dialect.name, f"audit_no_{action.lower()}", action):
            op.execute(statement)


def _guard(dialect: str, name: str, action: str) -> tuple[str, ...]:
    """A trigger that refuses an action on the audit log."""
    words = "the audit log is append-only"
    if dialect == "sqlite":
        return (f"CREATE TRIGGER {name} BEFORE {action} ON audit BEGIN SELECT RAISE(ABORT, '{words}'); END",)
    return (
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{words}' USING ERRCODE = 'integrity_constraint_violation'; END $$",
        f"CREATE TRIGGER {name} BEFORE {action} ON audit FOR EACH ROW EXECUTE FUNCTION {name}()",
    )
