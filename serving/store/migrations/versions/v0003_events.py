"""Scores that events changed: as of when each was computed again, and how far a run has come."""

import sqlalchemy as sa
from alembic import op

from serving.store.tables import NAME, NUMBER

revision, down_revision = "0003", "0002"


def upgrade() -> None:
    """Add the column and the table."""
    op.add_column("scores", sa.Column("rescored_as_of", NAME))
    op.create_table(
        "rescored",
        sa.Column("run", NUMBER, sa.ForeignKey("runs.number"), primary_key=True),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("as_of", NAME, nullable=False),
    )
