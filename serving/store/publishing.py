"""Publishing a run of scores: all of it becomes visible in one instant, or nothing changes."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import isfinite
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from features.errors import NotFoundError, StorageError
from features.text import Text
from serving.schemas import PopulationDrift, PublishedRun, RunSummary
from serving.score_schema import MAX_ID_LENGTH, SCORES_SCHEMA, BilingualText
from serving.store.bodies import Rows, json_bodies, small_tables
from serving.store.database import Store, much_written, writing
from serving.store.debts import Debts, insert_debts
from serving.store.dialects import insert_table
from serving.store.queries import current_run
from serving.store.summaries import totals
from serving.store.tables import CURRENT, DEBTORS, INVOICES, RESCORED, RUNS, SCORES

_NAMED = {"recommended_action": "action_names", "tier": "tier_names"}
"""Columns of codes whose names the company chose, and where a run's summary keeps these."""
_FLOATS = [f.name for f in SCORES_SCHEMA if f.type == pa.float64()]
_COLUMNS = [c.name for c in SCORES.c if c.name not in ("run", "body", "rescored_as_of")]


@dataclass(frozen=True)
class Run:
    """What a run of scores is, apart from its scores. ``run_id`` names it for ever; publishing it again replaces it.

    ``leaving`` says what the probabilities are probabilities of; ``drift`` how far the customers moved since training.
    """

    run_id: str
    as_of: datetime
    published_at: datetime
    model_version: str | None = None
    model_metrics: Mapping[str, float | None] = field(default_factory=dict)
    leaving: Text | None = None
    drift: PopulationDrift | None = None


def publish(store: Store, run: Run, scores: Rows, debts: Debts | None = None) -> PublishedRun:
    """Make ``scores`` (columns of SCORES_SCHEMA) the run that is served, in one transaction.

    Readers see the old run or the new one, never a mix. The run served before is kept, so that ``roll_back`` can
    return to it; older ones are removed. The same ``run_id`` again replaces what it held.
    Raises StorageError: scores that break the contract, no scores at all, a full disk, a store in use.
    """
    batches = scores.to_batches() if isinstance(scores, pa.Table) else scores
    with writing(store) as connection, much_written(connection):
        served, kept = _pointers(connection)
        served_id = connection.scalar(select(RUNS.c.run_id).where(RUNS.c.number == served))
        previous = kept if served_id == run.run_id else served
        _forget_all_but(connection, previous if previous is not None else -1, run.run_id)
        number = _insert_run(connection, run)
        facts = _insert_scores(connection, number, run, batches)
        if debts is not None:
            insert_debts(connection, number, debts)
        _summarise(connection, number, facts, run)
        connection.execute(insert(CURRENT).values(only=1, run=number, previous_run=previous))
        published = current_run(connection)
    assert published is not None
    return published


def roll_back(store: Store) -> PublishedRun:
    """Serve the previous run again; doing it twice returns to where it began.

    Raises NotFoundError: there is no previous run.
    """
    with writing(store) as connection:
        served, previous = _pointers(connection)
        if previous is None:
            raise NotFoundError(
                Text(
                    "There is no earlier run to return to; only one was published.",
                    "没有可回退的更早批次；只发布过一个批次。",
                )
            )
        connection.execute(update(CURRENT).values(run=previous, previous_run=served))
        published = current_run(connection)
    assert published is not None
    return published


def _pointers(connection: Connection) -> tuple[int | None, int | None]:
    """The numbers of the run served and of the one before it."""
    row = connection.execute(select(CURRENT.c.run, CURRENT.c.previous_run)).first()
    return (row.run, row.previous_run) if row else (None, None)


def _forget_all_but(connection: Connection, number: int, run_id: str) -> None:
    """Remove every run except ``number``, before the new rows come: they then take the room that this frees."""
    connection.execute(delete(CURRENT))
    keep = select(RUNS.c.number).where(RUNS.c.number == number, RUNS.c.run_id != run_id)
    for table in (SCORES, DEBTORS, INVOICES, RESCORED):
        connection.execute(delete(table).where(table.c.run.not_in(keep)))
    connection.execute(delete(RUNS).where(RUNS.c.number.not_in(keep)))


def _insert_run(connection: Connection, run: Run) -> int:
    metrics = {
        name: value if value is not None and isfinite(value) else None for name, value in run.model_metrics.items()
    }
    result = connection.execute(
        insert(RUNS).values(
            run_id=run.run_id,
            as_of=_iso(run.as_of),
            published_at=_iso(run.published_at),
            model_version=run.model_version,
            model_metrics=orjson.dumps(metrics).decode(),
            summary="{}",
            rows=0,
        )
    )
    key = result.inserted_primary_key
    assert key is not None
    return int(key[0])


def _iso(instant: datetime) -> str:
    if instant.tzinfo is None:
        raise ValueError(f"expected an instant with its time zone, got {instant}")
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _insert_scores(connection: Connection, number: int, run: Run, batches: Iterable[pa.RecordBatch]) -> dict[str, Any]:
    """Insert all rows; give the facts that the store's columns do not hold (currency, horizons, names of actions)."""
    facts: dict[str, Any] = {"action_names": {}, "tier_names": {}}
    try:
        for table in _checked(run, batches):
            insert_table(connection, SCORES, _stored(number, table))
            last = table.num_rows - 1
            facts |= {
                name: table[name][last].as_py() for name in ("currency", "churn_horizon_days", "value_horizon_days")
            }
            for code, names in _NAMED.items():
                facts[names] |= _names_of(table[code], table[f"{code}_name"])
    except IntegrityError as fault:
        raise StorageError(
            Text(
                "The scores hold the same customer more than once ({fault}); nothing was published.",
                "评分中同一客户出现了不止一次（{fault}）；未发布任何内容。",
            ),
            fault=fault.orig,
        ) from fault
    if "currency" not in facts:
        raise StorageError(
            Text(
                "The run {run} holds no customers; nothing was published, and the scores served before stay.",
                "批次 {run} 中没有客户；未发布任何内容，原有评分继续提供服务。",
            ),
            run=run.run_id,
        )
    return facts


def _stored(number: int, scores: pa.Table) -> pa.Table:
    """The store's columns of scores, with each score as finished JSON."""
    stored = scores.select(_COLUMNS).append_column("body", json_bodies(scores))
    return stored.append_column("run", pa.repeat(pa.scalar(number), len(stored)))


def _names_of(codes: pa.ChunkedArray, names: pa.ChunkedArray) -> dict[str, dict[str, str]]:
    """What each code is called, where it has a name."""
    named = codes.filter(names.is_valid())
    told = names.filter(names.is_valid())
    return {code: told[pc.index(named, code).as_py()].as_py() for code in named.unique().to_pylist()}


def _checked(run: Run, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """The batches in small tables of exactly SCORES_SCHEMA, each checked against the contract."""
    for batch in batches:
        table = _in_schema(batch)
        _check_values(run, table)
        yield from small_tables(table)


def _in_schema(batch: pa.RecordBatch) -> pa.Table:
    try:
        return pa.Table.from_batches([batch]).select(SCORES_SCHEMA.names).cast(SCORES_SCHEMA)
    except (KeyError, ValueError, pa.ArrowInvalid) as fault:
        raise _broken(Text("{fault}", "{fault}").format(fault=fault)) from fault


def _check_values(run: Run, table: pa.Table) -> None:
    for field_ in SCORES_SCHEMA:
        if not field_.nullable and table[field_.name].null_count:
            raise _broken(Text("column {name} has gaps", "{name} 列有缺失值").format(name=field_.name))
    for name in _FLOATS:
        if pc.any(pc.invert(pc.is_finite(table[name]))).as_py():
            raise _broken(Text("column {name} holds NaN or infinity", "{name} 列含有 NaN 或无穷值").format(name=name))
    if pc.any(pc.not_equal(table["as_of"], pa.scalar(run.as_of, SCORES_SCHEMA.field("as_of").type))).as_py():
        raise _broken(
            Text("as_of differs from the run's {as_of}", "as_of 与批次的 {as_of} 不一致").format(as_of=run.as_of)
        )
    ids = table["customer_id"]
    length = pc.utf8_length(ids)
    bad = pc.or_(pc.or_(pc.less(length, 1), pc.greater(length, MAX_ID_LENGTH)), pc.match_substring(ids, "\0"))
    if pc.any(bad).as_py():
        raise _broken(
            Text(
                "a customer_id is empty, longer than {most} characters or holds a NUL",
                "有 customer_id 为空、超过 {most} 个字符或含有 NUL",
            ).format(most=MAX_ID_LENGTH)
        )


def _broken(what: Text) -> StorageError:
    return StorageError(
        Text(
            "The scores break their contract: {what}. Nothing was published; the scores served before stay.",
            "评分不符合约定：{what}。未发布任何内容，原有评分继续提供服务。",
        ),
        what=what,
    )


def _summarise(connection: Connection, number: int, facts: dict[str, Any], run: Run) -> None:
    """Count and sum what was inserted, and write it beside the run."""
    counted = totals(connection, SCORES.c.run == number)
    summary = RunSummary(
        leaving=BilingualText(**run.leaving._asdict()) if run.leaving else None,
        drift=run.drift,
        **{name: {k: BilingualText(**v) for k, v in facts.pop(name).items()} for name in _NAMED.values()},
        **counted,
        **facts,
    )
    changed = update(RUNS).where(RUNS.c.number == number)
    connection.execute(changed.values(summary=summary.model_dump_json(), rows=counted["customers"]))
