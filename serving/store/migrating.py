"""Bringing a store's tables to what this program knows: one transaction, one process at a time."""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from features.errors import StorageError
from features.text import Text
from serving.store.places import Place, shown

SCRIPTS = Path(__file__).with_name("migrations")
"""The folder of Alembic's scripts; each migration is a file ``versions/vNNNN_what.py`` of revision NNNN."""

REVISION_TABLE = "alembic_version"


def revisions() -> list[str]:
    """All revisions that this program knows, the oldest first."""
    return sorted(file.name[1:5] for file in (SCRIPTS / "versions").glob("v[0-9]*.py"))


def held_revision(connection: Connection) -> str | None:
    """The revision of a store's tables; None: it is empty, or an earlier Retinue made it, which kept no revision."""
    if not inspect(connection).has_table(REVISION_TABLE):
        return None
    found: str | None = connection.scalar(text(f"SELECT version_num FROM {REVISION_TABLE}"))
    return found


def is_current(connection: Connection, place: Place) -> bool:
    """Whether a store has just the tables that this program knows.

    Raises StorageError: a newer Retinue made them.
    """
    held, known = held_revision(connection), revisions()
    if held is not None and held not in known:
        raise StorageError(_NEWER, place=shown(place), held=held, known=known[-1])
    return held == known[-1]


def migrate(connection: Connection, place: Place) -> None:
    """Bring the tables to the newest revision, in the caller's transaction, which keeps other writers out.

    Raises StorageError: a newer Retinue made them.
    """
    if is_current(connection, place):  # another process was faster
        return
    from alembic import command  # loads slowly, and hardly ever
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    command.upgrade(config, "head")


_NEWER = Text(
    "The store {place} was made by a newer Retinue: its tables have revision {held}, and this program knows up to {known}."
    " Nothing was changed. Update Retinue, or use the one that made it.",
    "存储 {place} 由更新版本的 Retinue 创建：其表结构版本为 {held}，本程序最高支持 {known}。未作任何更改。"
    "请升级 Retinue，或使用创建它的版本。",
)
