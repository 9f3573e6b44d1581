"""What campaigns measured of the playbook's actions: only ever added to; what was taken back stays on file."""

from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import Connection, Row, insert, select

from serving.store.database import Store, writing
from serving.store.log_tables import EVIDENCE

_MEASURED = ("campaign", "action", "kind", "value", "standard_error", "treated", "controls")


class Measured(NamedTuple):
    """One campaign's measurement of one action; ``value`` and ``standard_error`` as the playbook's effect of this kind."""

    campaign: str
    action: str
    kind: str
    value: float
    standard_error: float
    treated: int
    controls: int


def current_evidence(connection: Connection) -> list[Measured]:
    """The measurements that count, in the order in which they were learnt: the latest of each campaign, action and kind."""
    return [_measured(row) for row in _standing(connection)]


def add_evidence(store: Store, found: list[Measured], learnt_at: datetime) -> list[Measured]:
    """Add measurements that are not on file already; gives those that were added.

    Raises StorageError: the store cannot be written.
    """
    with writing(store) as connection:
        known = set(current_evidence(connection))
        new = [one for one in found if one not in known]
        if new:
            at = learnt_at.astimezone(UTC).isoformat()
            connection.execute(insert(EVIDENCE), [{"learnt_at": at, **one._asdict()} for one in new])
    return new


def take_back_last(store: Store, at: datetime) -> list[Measured]:
    """Take back what was learnt last, all of that one time; what it had replaced counts again. Gives what was taken back.

    Raises StorageError: the store cannot be written.
    """
    with writing(store) as connection:
        standing = _not_taken_back(connection)
        if not standing:
            return []
        last = max(row.learnt_at for row in standing)
        rows = [row for row in standing if row.learnt_at == last]
        when = at.astimezone(UTC).isoformat()
        connection.execute(
            insert(EVIDENCE),
            [{"learnt_at": when, "takes_back": row.number, **_measured(row)._asdict()} for row in rows],
        )
    return [_measured(row) for row in rows]


def _not_taken_back(connection: Connection) -> list[Row[tuple[object, ...]]]:
    gone = select(EVIDENCE.c.takes_back).where(EVIDENCE.c.takes_back.is_not(None))
    asked = select(EVIDENCE).where(EVIDENCE.c.takes_back.is_(None), EVIDENCE.c.number.not_in(gone))
    return list(connection.execute(asked.order_by(EVIDENCE.c.number)).all())


def _standing(connection: Connection) -> list[Row[tuple[object, ...]]]:
    latest = {(row.campaign, row.action, row.kind): row.number for row in _not_taken_back(connection)}
    asked = select(EVIDENCE).where(EVIDENCE.c.number.in_(latest.values())).order_by(EVIDENCE.c.number)
    return list(connection.execute(asked).all())


def _measured(row: Row[tuple[object, ...]]) -> Measured:
    return Measured(*(getattr(row, name) for name in _MEASURED))
