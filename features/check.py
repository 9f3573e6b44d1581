"""Are a company's facts fit for use? What was read, what was set aside and why, and what the facts make possible."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from features.capabilities import CAPABILITIES, Capability
from features.contracts import KNOWN_AT, Table
from features.fields import contract_columns
from features.readers import quoted
from features.rejections import Reading, Rejection
from features.sources import Facts, rejected
from features.text import Text

EXAMPLES = 5
DUPLICATES_SHARE = 0.1
"""From this share of exact repetitions on, a file is likely to be given twice."""
STRANGERS_SHARE = 0.5
"""From this share of unknown customers on, the ids of two tables are likely to be written differently."""
FAR_FUTURE = datetime(2100, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class TableReport:
    """How one table was read.

    ``customers`` counts distinct customers (suppliers, indicators) among accepted rows; ``first`` and ``last`` are when
    the first and the last row occurred, on the project's clocks; ``missing`` is the share of accepted rows without a
    value, per mapped column; ``duplicates`` are rows that repeat another in all mapped columns; ``left_out`` are those that the
    project's own filter does not want.
    """

    table: str
    read: int
    accepted: int
    set_aside: int
    left_out: int
    customers: int
    first: datetime | None
    last: datetime | None
    missing: dict[str, float]
    duplicates: int
    rejections: tuple[Rejection, ...]


@dataclass(frozen=True)
class CheckReport:
    """All tables, what to beware of, and each capability with what it lacks (nothing: it is on)."""

    tables: tuple[TableReport, ...]
    warnings: tuple[Text, ...]
    capabilities: tuple[tuple[Capability, tuple[str, ...]], ...]

    def as_json(self) -> dict[str, Any]:
        """The report in plain lists, dicts, numbers and texts; times in ISO form."""
        return {
            "tables": [_table_json(t) for t in self.tables],
            "warnings": [w._asdict() for w in self.warnings],
            "capabilities": [
                {"id": c.id, "name": c.name._asdict(), "on": not lacking, "lacks": list(lacking)}
                for c, lacking in self.capabilities
            ],
        }


def _table_json(report: TableReport) -> dict[str, Any]:
    rejections = [{**vars(r), "reason": r.reason._asdict()} for r in report.rejections]
    times = {name: time and time.isoformat() for name, time in (("first", report.first), ("last", report.last))}
    return {**vars(report), **times, "rejections": rejections}


def check(facts: Facts, now: datetime | None = None) -> CheckReport:
    """Look the opened facts over. ``now`` is the instant after which nothing can have happened yet, if it is known."""
    found = [_check_table(facts, reading, now) for reading in facts.readings.values()]
    warnings = [w for _, of_table in found for w in of_table]
    warnings += _strangers(facts)
    return CheckReport(
        tables=tuple(report for report, _ in found),
        warnings=tuple(warnings),
        capabilities=tuple((c, c.lacking(facts.columns)) for c in CAPABILITIES),
    )


@dataclass(frozen=True)
class _Counts:
    """What one pass over a table's accepted rows gives."""

    rows: int
    customers: int
    first: datetime | None
    last: datetime | None
    filled: dict[str, int]
    distinct: int
    known_too_early: int
    in_future: int
    lowest: float | None
    highest: float | None


def _check_table(facts: Facts, reading: Reading, now: datetime | None) -> tuple[TableReport, list[Text]]:
    horizon = (now or FAR_FUTURE).astimezone(UTC)
    counts = _count(facts, reading, horizon)
    report = TableReport(
        table=reading.table.name,
        read=reading.read,
        accepted=reading.accepted,
        set_aside=reading.set_aside,
        left_out=reading.left_out,
        customers=counts.customers,
        first=counts.first,
        last=counts.last,
        missing={column: 1 - filled / counts.rows for column, filled in counts.filled.items()},
        duplicates=counts.rows - counts.distinct,
        rejections=tuple(rejected(facts, reading.table.name, EXAMPLES)),
    )
    return report, list(_warnings(facts, report, counts, horizon))


def _count(facts: Facts, reading: Reading, horizon: datetime) -> _Counts:
    table, mapped = reading.table, reading.mapped
    occurred = quoted(table.occurred_at) if table.occurred_at in mapped else "CAST(NULL AS TIMESTAMP)"
    amount = "amount" if "amount" in mapped else "CAST(NULL AS DOUBLE)"
    late = f"{occurred} >= TIMESTAMP '{horizon:%Y-%m-%d %H:%M:%S}'"
    kept = ", ".join(quoted(c) for c in (*mapped, *reading.attributes))
    fixed = [
        "count(*)",
        f"count(DISTINCT {quoted(table.entity)})",
        f"min({occurred})",
        f"max({occurred})",
        f"count(DISTINCT hash({kept}))",
        f"count(*) FILTER (known_at < {occurred})",
        f"count(*) FILTER ({late})",
        f"min({amount})",
        f"max({amount})",
    ]
    # a gap in known_at is not missing: such a row was known when it occurred
    counted = [c for c in mapped if c != KNOWN_AT.name]
    values = [*fixed, *(f"count({quoted(c)})" for c in counted)]
    row = facts.connection.execute(f"SELECT {', '.join(values)} FROM {quoted(table.name)}").fetchall()[0]
    rows, customers, first, last, distinct, early, future, lowest, highest = row[: len(fixed)]
    filled = dict(zip(counted, row[len(fixed) :], strict=True))
    local = [time and time.replace(tzinfo=UTC).astimezone(facts.project.timezone) for time in (first, last)]
    return _Counts(rows, customers, local[0], local[1], filled, distinct, early, future, lowest, highest)


def _warnings(facts: Facts, report: TableReport, counts: _Counts, horizon: datetime) -> Iterator[Text]:
    name = report.table
    if counts.known_too_early:
        yield KNOWN_TOO_EARLY.format(
            table=name, rows=counts.known_too_early, known=KNOWN_AT.name, occurred=_occurred(facts, name)
        )
    if counts.in_future:
        yield IN_FUTURE.format(table=name, rows=counts.in_future, horizon=f"{horizon:%Y-%m-%d}", last=_day(counts.last))
    if counts.rows > 1 and counts.lowest is not None and counts.lowest == counts.highest:
        yield SAME_AMOUNT.format(table=name, amount=f"{counts.lowest:g}")
    if report.duplicates >= DUPLICATES_SHARE * counts.rows > 0:
        yield REPEATED.format(table=name, rows=report.duplicates, share=f"{report.duplicates / counts.rows:.0%}")
    for column, share in report.missing.items():
        if share == 1:
            yield ALWAYS_EMPTY.format(table=name, column=column)
    yield from _foreign_amounts(facts, name)
    if name == "orders":
        yield from _short_span(facts, report)


def _foreign_amounts(facts: Facts, table: str) -> Iterator[Text]:
    """Columns of money whose signs are those of another currency than the project's."""
    reading = facts.readings[table]
    for column, currency in reading.currencies.items():
        found = reading.table.column(column)
        if found and found.unit == "currency" and currency != facts.project.project.currency:
            yield FOREIGN.format(table=table, column=column, currency=currency, project=facts.project.project.currency)


def _occurred(facts: Facts, table: str) -> str:
    return str(facts.readings[table].table.occurred_at)


def _day(time: datetime | None) -> str:
    return f"{time:%Y-%m-%d}" if time else "–"


def _short_span(facts: Facts, report: TableReport) -> Iterator[Text]:
    """Training wants one horizon of history, one to learn from, and one to be judged on."""
    horizon = facts.project.churn.horizon_days
    needed = 3 * horizon
    span = (report.last - report.first) if report.first and report.last else timedelta(0)
    if span < timedelta(days=needed):
        yield SHORT_SPAN.format(days=span.days, needed=needed, horizon=horizon)


def _strangers(facts: Facts) -> Iterator[Text]:
    """Tables whose customers are mostly not in the customers table: their ids are likely written differently."""
    if "customers" not in facts.readings:
        return
    for name, reading in facts.readings.items():
        if name == "customers" or not _has_customers(reading.table):
            continue
        query = f"""SELECT count(*), count(*) FILTER (customer_id NOT IN (SELECT customer_id FROM customers)),
            min(customer_id) FILTER (customer_id NOT IN (SELECT customer_id FROM customers)),
            (SELECT min(customer_id) FROM customers) FROM (SELECT DISTINCT customer_id FROM {quoted(name)})"""
        customers, unknown, example, known = facts.connection.execute(query).fetchall()[0]
        if unknown >= STRANGERS_SHARE * customers > 0:
            yield STRANGERS.format(table=name, unknown=unknown, customers=customers, example=example, known=known)


def _has_customers(table: Table) -> bool:
    return any(c.name == "customer_id" for c in contract_columns(table))


KNOWN_TOO_EARLY = Text(
    "{table}: {rows} rows were known before they occurred ({known} before {occurred}). Are the two columns swapped?",
    "{table}：有 {rows} 行在发生之前就已获知（{known} 早于 {occurred}）。两列是否颠倒了？",
)
IN_FUTURE = Text(
    "{table}: {rows} rows occurred after {horizon} (the last on {last}). Are day and month, or the format, right?",
    "{table}：有 {rows} 行发生在 {horizon} 之后（最晚 {last}）。日、月顺序或格式是否正确？",
)
SAME_AMOUNT = Text(
    "{table}: every amount is {amount}. Is the right column mapped to amount?",
    "{table}：所有金额都是 {amount}。amount 是否映射到了正确的列？",
)
REPEATED = Text(
    "{table}: {rows} rows ({share}) repeat another row in all mapped columns. Is a file given twice?",
    "{table}：有 {rows} 行（{share}）与其他行在所有映射列上完全相同。是否重复提供了文件？",
)
FOREIGN = Text(
    "{table}: {column} is written in {currency}, but the project's currency is {project}. Is one of the two wrong?",
    "{table}：{column} 的币种为 {currency}，而项目的货币是 {project}。是否有一个写错了？",
)
ALWAYS_EMPTY = Text(
    "{table}: {column} is empty in every row. Map another column, or leave it out.",
    "{table}：{column} 在所有行中都为空。请映射其他列，或去掉该列。",
)
SHORT_SPAN = Text(
    "orders span {days} days; training needs at least {needed}, three times [churn] horizon_days = {horizon}. Give older "
    "orders, or a shorter horizon.",
    "orders 只跨 {days} 天；训练至少需要 {needed} 天，即 [churn] horizon_days = {horizon} 的三倍。请提供更早的订单，或缩短预测期。",
)
STRANGERS = Text(
    "{table}: {unknown} of its {customers} customers are not in the table customers (e.g. '{example}', there e.g. "
    "'{known}'). Are the ids written differently?",
    "{table}：{customers} 位客户中有 {unknown} 位不在 customers 表中（例如“{example}”，该表中例如“{known}”）。编号写法是否不同？",
)
