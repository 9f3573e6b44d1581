"""The only way features are made: for training over many cut-offs, for the nightly batch and for one customer."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

import pyarrow as pa

from features import engines
from features.catalogue import Feature
from features.compiler import WANTED, compile_features
from features.contracts import TABLES, ColumnType
from features.errors import AsOfError, FactsError
from features.own_features import all_features
from features.sources import Facts
from features.text import Text

_SQL_TYPES: dict[ColumnType, str] = {
    "id": "VARCHAR",
    "text": "VARCHAR",
    "time": "TIMESTAMP",
    "number": "DOUBLE",
    "flag": "BOOLEAN",
}

_NO_FEATURES = Text(
    "The project's tables support no feature (it gives {tables}). Add orders, invoices or interactions.",
    "项目的数据表不支持任何特征（现有 {tables}）。请添加 orders、invoices 或 interactions。",
)


def snapshot(
    facts: Facts,
    as_of: Sequence[datetime],
    customers: Sequence[str] | None = None,
    features: Sequence[Feature] | None = None,
    made: Mapping[str, str] | None = None,
) -> pa.Table:
    """One row per customer and cut-off, computed only from facts that were known before the cut-off.

    Parameters: ``as_of`` are aware instants, each used as the open end of what is known; ``customers`` limits the rows;
    ``features`` defaults to all that the given tables support; ``made`` names temporary tables in which relations of the
    catalogue stand already, known at least until the last cut-off, so that they need not be computed again.
    Returns: customer_id (string), as_of (timestamp, UTC), one float64 per feature (null: missing, see the catalogue);
    ordered by as_of and customer_id.
    Raises AsOfError: no instant, or one without a time zone; FactsError: the given tables support no feature.
    """
    chosen = _chosen(facts, features)
    batches = list(snapshot_batches(facts, as_of, customers, chosen, made))
    table = pa.Table.from_batches(batches, _schema(chosen))
    return table.sort_by([("as_of", "ascending"), ("customer_id", "ascending")])


def snapshot_batches(
    facts: Facts,
    as_of: Sequence[datetime],
    customers: Sequence[str] | None = None,
    features: Sequence[Feature] | None = None,
    made: Mapping[str, str] | None = None,
) -> Iterator[pa.RecordBatch]:
    """The same rows a batch at a time, so that they need not fit into memory together.

    In order of the cut-offs, customers in no order. Until the last batch nothing else may use ``facts.connection``.
    """
    instants = sorted({_aware(a) for a in as_of})
    if not instants:
        raise AsOfError(Text("No cut-off was given; name at least one.", "没有给出截止时间；请至少给出一个。"))
    chosen = _chosen(facts, features)
    stand_in_tables(facts)
    if customers is not None:
        facts.connection.register(WANTED, pa.table({"customer_id": pa.array(customers, pa.string())}))
    plan = compile_features(chosen, facts.columns, instants, facts.project.timezone, customers is not None, made)
    schema = _schema(chosen)
    for batch in engines.run(facts, plan):
        yield pa.RecordBatch.from_arrays(
            [batch.column(0), batch.column(1).cast(schema.field(1).type), *batch.columns[2:]], schema=schema
        )


def _chosen(facts: Facts, features: Sequence[Feature] | None) -> tuple[Feature, ...]:
    chosen = tuple(features) if features is not None else all_features(facts)
    if not chosen:
        raise FactsError(_NO_FEATURES, tables=", ".join(sorted(facts.columns)))
    return chosen


def _schema(features: Sequence[Feature]) -> pa.Schema:
    keys = [("customer_id", pa.string()), ("as_of", pa.timestamp("us", "UTC"))]
    return pa.schema([*keys, *((f.name, pa.float64()) for f in features)])


def _aware(as_of: datetime) -> datetime:
    if as_of.tzinfo is None:
        raise AsOfError(
            Text("The cut-off {as_of} has no time zone; give one.", "截止时间 {as_of} 没有时区；请给出时区。"),
            as_of=as_of,
        )
    return as_of.astimezone(UTC)


def stand_in_tables(facts: Facts) -> None:
    """Stand an empty table in for an optional one that the project does not give (payments to invoices)."""
    if "payments" not in facts.columns:
        columns = ", ".join(f"NULL::{_SQL_TYPES[c.type]} AS {c.name}" for c in (*TABLES["payments"].columns,))
        facts.connection.execute(
            f"CREATE TEMP VIEW IF NOT EXISTS payments AS SELECT {columns}, NULL::DATE AS paid_day,"
            " NULL::TIMESTAMP AS known_at WHERE FALSE"
        )
