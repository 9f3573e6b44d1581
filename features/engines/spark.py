"""The distributed engine: the same statements on Spark, over the same contract tables.

DuckDB writes what the statements read of each table as Parquet into a temporary folder, from where Spark reads it. What
later statements read several times is kept there, too. A cluster must see that folder: ``TMPDIR`` names a place that it
does.
"""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from features.compiler import Plan
from features.engines.spark_session import first_line, quiet, spark_session
from features.errors import EngineError
from features.readers import literal, quoted
from features.sources import Facts
from features.text import Text

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_NOT_COMPUTED = Text(
    'Spark cannot compute the features: {fault}. With engine = "duckdb" the same features are computed without Spark.',
    'Spark 无法计算特征：{fault}。将 engine 设为 "duckdb" 可不使用 Spark 计算相同的特征。',
)
_OTHER_TIMES = Text(
    "Spark reads the times of '{table}' as {type} instead of without time zone; features would change. Use Spark 4 or newer.",
    "Spark 将“{table}”中的时间读作 {type}，而不是不带时区的时间，这会改变特征值。请使用 Spark 4 或更新版本。",
)


@dataclass(frozen=True)
class _Made:
    """A statement in Spark's dialect, and the name of the view that it makes; what is kept is computed once."""

    name: str
    sql: str
    is_kept: bool


@dataclass(frozen=True)
class _Script:
    """A plan in Spark's dialect, and what it reads: tables, and names of columns in lower case."""

    steps: tuple[_Made, ...]
    selects: tuple[tuple[tuple[_Made, ...], str], ...]
    tables: tuple[str, ...]
    names: frozenset[str]


def run(facts: Facts, plan: Plan) -> Iterator[pa.RecordBatch]:
    """See `features.engines.run`."""
    session = spark_session()
    with tempfile.TemporaryDirectory(prefix="retinue-spark-") as folder:
        with _told():
            script = _translated(plan)
            hand_over(facts.connection, script, Path(folder))
        with _tables(session, script.tables, Path(folder)), _made(session, script.steps, Path(folder)):
            for parts, select in script.selects:
                yield from _rows(session, parts, select, folder).to_batches()


def _rows(session: "SparkSession", parts: tuple[_Made, ...], select: str, folder: str) -> pa.Table:
    with tempfile.TemporaryDirectory(dir=folder) as place, _made(session, parts, Path(place)), _told():
        return session.sql(select).toArrow()


@contextmanager
def _told() -> Iterator[None]:
    """Let Spark work quietly, and tell its faults as ours."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException
    from sqlglot.errors import SqlglotError

    with quiet():
        try:
            yield
        except (PySparkException, Py4JError, ConnectionError, SqlglotError) as fault:
            raise EngineError(_NOT_COMPUTED, fault=first_line(fault)) from fault


def _translated(plan: Plan) -> _Script:
    from features.engines.spark_sql import names_in, parsed, spark_sql, split, tables_read

    steps = [parsed(step.sql) for step in plan.steps]
    selects = [parsed(select) for select in plan.selects]
    read = set[str]().union(*map(tables_read, (*steps, *selects))) - {step.name for step in plan.steps}
    parted = [split(select) for select in selects]
    return _Script(
        tuple(_Made(s.name, spark_sql(tree), s.is_kept) for s, tree in zip(plan.steps, steps, strict=True)),
        tuple((tuple(_Made(n, spark_sql(part), True) for n, part in parts), spark_sql(rest)) for parts, rest in parted),
        tuple(sorted(read)),
        frozenset().union(*map(names_in, (*steps, *selects))),
    )


def hand_over(connection: duckdb.DuckDBPyConnection, script: _Script, folder: Path) -> None:
    """Write each table that is read as ``folder/TABLE.parquet``, with those columns whose names occur."""
    for table in script.tables:
        columns = connection.sql(f"SELECT * FROM {quoted(table)}").columns
        read = [c for c in columns if c.lower() in script.names] or columns[:1]
        rows = f"SELECT {', '.join(map(quoted, read))} FROM {quoted(table)}"
        connection.execute(f"COPY ({rows}) TO {literal(str(folder / f'{table}.parquet'))} (FORMAT parquet)")


@contextmanager
def _tables(session: "SparkSession", tables: tuple[str, ...], folder: Path) -> Iterator[None]:
    """The handed-over tables as views of their names."""
    try:
        with _told():
            for table in tables:
                _read(session, table, folder / f"{table}.parquet").createOrReplaceTempView(table)
        yield
    finally:
        _drop(session, tables)


@contextmanager
def _made(session: "SparkSession", steps: tuple[_Made, ...], folder: Path) -> Iterator[None]:
    """What the statements make as views of their names."""
    try:
        with _told():
            for step in steps:
                frame = session.sql(step.sql)
                frame = _kept(session, frame, folder / step.name) if step.is_kept else frame
                frame.createOrReplaceTempView(step.name)
        yield
    finally:
        _drop(session, [step.name for step in steps])


def _drop(session: "SparkSession", views: Iterable[str]) -> None:
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    with suppress(
        PySparkException, Py4JError, ConnectionError
    ):  # a Spark that is gone has no views, and its end is told already
        for name in views:
            session.catalog.dropTempView(name)


def _read(session: "SparkSession", table: str, place: Path) -> "DataFrame":
    frame = session.read.parquet(place.as_uri())
    zoned = [type_ for _, type_ in frame.dtypes if type_ in ("timestamp", "timestamp_ltz")]
    if zoned:
        raise EngineError(_OTHER_TIMES, table=table, type=zoned[0])
    return frame


def _kept(session: "SparkSession", frame: "DataFrame", place: Path) -> "DataFrame":
    """What a step makes, computed once: in files, so that its plan is not planned again and memory may be short."""
    frame.write.parquet(place.as_uri())
    return session.read.schema(frame.schema).parquet(place.as_uri())
