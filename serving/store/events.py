"""How far the events of real time have come into the scores that are served: written with these in one transaction."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, delete, insert, select, update

from serving.store.database import Store, writing
from serving.store.dialects import insert_rows, is_one_of
from serving.store.tables import CURRENT, RESCORED, RUNS, SCORES

_KEPT_COLUMNS = [c.name for c in SCORES.c if c.name not in ("run", "body", "rescored_as_of")]


class ServedRun(NamedTuple):
    """The run that is served: its number in the store, its id, and the instant it speaks for."""

    number: int
    run_id: str
    as_of: datetime


class Reached(NamedTuple):
    """How far a run has come: the last event in its scores, and when scores were computed last."""

    sequence: int
    as_of: datetime


def serving_run(connection: Connection) -> ServedRun | None:
    """The run that is served; None while none is."""
    asked = select(RUNS.c.number, RUNS.c.run_id, RUNS.c.as_of).join(CURRENT, CURRENT.c.run == RUNS.c.number)
    row = connection.execute(asked).first()
    return None if row is None else ServedRun(row.number, row.run_id, datetime.fromisoformat(row.as_of))


def reached(connection: Connection, run: int) -> Reached | None:
    """How far the events have come in run number ``run``; None: no scores were computed again."""
    row = connection.execute(select(RESCORED.c.sequence, RESCORED.c.as_of).where(RESCORED.c.run == run)).first()
    return None if row is None else Reached(row.sequence, datetime.fromisoformat(row.as_of))


def kept_run_ids(connection: Connection) -> list[str]:
    """The ids of the runs in the store: the one that is served and the one before."""
    return list(connection.scalars(select(RUNS.c.run_id)))


def bodies_of(connection: Connection, run: int, customers: Sequence[str]) -> dict[str, bytes]:
    """The bodies of those of ``customers`` that are in run number ``run``, by id."""
    mine = is_one_of(connection, SCORES.c.customer_id, customers)
    asked = select(SCORES.c.customer_id, SCORES.c.body).where(SCORES.c.run == run, mine)
    return dict(connection.execute(asked).all())


def bands_of(connection: Connection, run: int, customers: Sequence[str]) -> dict[str, str | None]:
    """The bands of risk of those of ``customers`` that are in run number ``run``, by id."""
    mine = is_one_of(connection, SCORES.c.customer_id, customers)
    asked = select(SCORES.c.customer_id, SCORES.c.churn_band).where(SCORES.c.run == run, mine)
    return dict(connection.execute(asked).all())


def store_rescored(
    store: Store, run: int, before: Reached | None, now: Reached, parts: Iterable[Sequence[Mapping[str, Any]]]
) -> bool:
    """Put scores (rows of SCORES_SCHEMA, so many at a time) in the place of their customers' earlier ones, and how far they have come.

    All in one transaction. False, and nothing is changed, where the run is not served any more or has come elsewhere
    than ``before`` meanwhile. Raises StorageError.
    """
    with writing(store) as connection:
        served = serving_run(connection)
        if served is None or served.number != run or reached(connection, run) != before:
            return False
        as_of = _iso(now.as_of)
        for rows in filter(None, parts):
            mine = is_one_of(connection, SCORES.c.customer_id, [row["customer_id"] for row in rows])
            connection.execute(delete(SCORES).where(SCORES.c.run == run, mine))
            insert_rows(connection, SCORES, [_stored(run, as_of, row) for row in rows])
        state = {"sequence": now.sequence, "as_of": as_of}
        if before is None:
            connection.execute(insert(RESCORED).values(run=run, **state))
        else:
            connection.execute(update(RESCORED).where(RESCORED.c.run == run).values(**state))
    return True


def _stored(run: int, as_of: str, row: Mapping[str, Any]) -> dict[str, Any]:
    body = orjson.dumps(dict(row), option=orjson.OPT_UTC_Z)
    return {"run": run, "rescored_as_of": as_of, "body": body, **{name: row[name] for name in _KEPT_COLUMNS}}


def _iso(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")
