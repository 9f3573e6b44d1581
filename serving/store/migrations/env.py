"""Alembic's way in: runs migrations on the connection that it was handed, in that connection's transaction.

Alembic runs this file by its path; the folder is no package, since importing it alone cannot work.
"""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
with context.begin_transaction():
    context.run_migrations()
