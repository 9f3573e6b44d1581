"""What the facts' own clocks say: when things occurred, when they became known, and where that cannot be right."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from features.contracts import KNOWN_AT, TABLES
from features.leakage.certificate import Finding
from features.readers import quoted
from features.sources import Facts
from features.text import Text

LATE_DAYS = 30
"""A fact that becomes known this long after it occurred is late."""

BURST_SHARE = 0.05
BURST_ROWS = 100
"""So many late facts of a table that become known on one day are a burst."""

FAR_AHEAD = timedelta(days=366)
"""Where nobody says what day it is: a fact this long after nearly all others (99.9 %) is dated wrongly."""

UNDATED = ("region", "industry", "size", "ownership", "account_manager", "credit_limit", "status", "tier")
"""What the customers table says of a customer without saying since when, unless it has ``valid_from``."""


@dataclass(frozen=True)
class _Clock:
    """Counts over one table: rows known before and after they occurred, the first and last instant of knowing."""

    table: str
    rows: int
    early: int
    early_example: str
    late: int
    first_known: datetime | None
    last_known: datetime | None
    nearly_all: float | None

    @property
    def all_at_once(self) -> bool:
        return self.rows > 1 and self.late > 0 and self.first_known == self.last_known

    @property
    def tells_nothing(self) -> bool:
        """Whether every fact is known when it occurs, as far as the table says."""
        return self.early == 0 and self.late == 0


def check_clocks(facts: Facts, now: datetime | None = None) -> tuple[list[Finding], list[Text]]:
    """Look at the clocks of every table; what was found, and what cannot be checked for want of a clock.

    ``now`` is the instant after which nothing can have happened yet, if it is known.
    """
    findings: list[Finding] = []
    clocks = [_clock(facts, name) for name in facts.columns if _occurred(facts, name)]
    for clock in clocks:
        found = [*_early(facts, clock), *_at_once(clock), *_bursts(facts, clock), *_after_the_end(facts, clock, now)]
        findings += found or [_sound(clock)]
    return findings, [*_without_arrival(clocks), *_undated(facts)]


def _occurred(facts: Facts, table: str) -> str | None:
    """The column, quoted, that says when a fact of the table occurred; None where the project maps none."""
    column = TABLES[table].occurred_at
    return quoted(column) if column in facts.columns[table] else None


def _clock(facts: Facts, table: str) -> _Clock:
    occurred, who = _occurred(facts, table), TABLES[table].entity
    row = facts.connection.execute(
        f"SELECT count(*), count(*) FILTER (known_at < {occurred}),"
        f" min({who}) FILTER (known_at < {occurred}), count(*) FILTER (known_at > {occurred}),"
        f" min(known_at), max(known_at), approx_quantile(epoch({occurred}), 0.999) FROM {quoted(table)}"
    ).fetchall()[0]
    return _Clock(table, *row)


def _early(facts: Facts, clock: _Clock) -> Iterator[Finding]:
    if not clock.early:
        return
    yield Finding(
        check="clocks",
        subject=f"{clock.table}.{KNOWN_AT.name}",
        severity="warning",
        what=Text(
            "{early:,} of {rows:,} facts were known before they occurred, e.g. of '{example}'.",
            "{rows:,} 条事实中有 {early:,} 条在发生之前就已获知，例如“{example}”。",
        ).format(early=clock.early, rows=clock.rows, example=clock.early_example),
        next_step=Text(
            "Check whether known_at and {occurred} are swapped, or read in different time zones.",
            "请检查 known_at 与 {occurred} 是否颠倒，或所用时区不同。",
        ).format(occurred=TABLES[clock.table].occurred_at),
        count=clock.early,
        unit="rows",
        example=str(clock.early_example),
    )


def _at_once(clock: _Clock) -> Iterator[Finding]:
    if not clock.all_at_once:
        return
    yield Finding(
        check="clocks",
        subject=f"{clock.table}.{KNOWN_AT.name}",
        severity="warning",
        what=Text(
            "All {rows:,} facts became known at one instant, {known:%Y-%m-%d %H:%M} UTC: a bulk load. Before it none of"
            " them counts.",
            "全部 {rows:,} 条事实在同一时刻（{known:%Y-%m-%d %H:%M} UTC）获知，是批量导入。此前它们都不计入。",
        ).format(rows=clock.rows, known=clock.first_known),
        next_step=Text(
            "Map the time at which each fact was entered, or leave known_at out; then facts count from when they occurred.",
            "请映射每条事实的录入时间，或去掉 known_at；去掉后事实自发生时起计入。",
        ),
        count=clock.rows,
        unit="rows",
    )


def _bursts(facts: Facts, clock: _Clock) -> Iterator[Finding]:
    if not clock.late or clock.all_at_once:
        return
    who, occurred = TABLES[clock.table].entity, _occurred(facts, clock.table)
    least = max(BURST_ROWS, BURST_SHARE * clock.rows)
    bursts = facts.connection.execute(
        f"SELECT CAST(known_at AS DATE), count(*), min({who}) FROM {quoted(clock.table)}"
        f" WHERE known_at > {occurred} + INTERVAL {LATE_DAYS} DAY"
        f" GROUP BY 1 HAVING count(*) >= {least} ORDER BY 2 DESC, 1 LIMIT 3"
    ).fetchall()
    for day, rows, example in bursts:
        yield Finding(
            check="clocks",
            subject=f"{clock.table}.{KNOWN_AT.name}",
            severity="warning",
            what=Text(
                "{rows:,} facts that were more than {days} days old became known on {day}, e.g. of '{example}': a bulk"
                " load, or filled in afterwards.",
                "{rows:,} 条早于 {days} 天的事实在 {day} 获知，例如“{example}”：批量导入或事后补录。",
            ).format(rows=rows, days=LATE_DAYS, day=day, example=example),
            next_step=Text(
                "They count from that day on only. If they had been known before, map the time at which they were entered.",
                "它们只从那天起计入。如果此前已获知，请映射其录入时间。",
            ),
            count=rows,
            unit="rows",
            example=str(example),
        )


def _after_the_end(facts: Facts, clock: _Clock, now: datetime | None) -> Iterator[Finding]:
    if now is None and clock.nearly_all is None:
        return
    end = now.astimezone(UTC) if now else datetime.fromtimestamp(clock.nearly_all or 0, UTC) + FAR_AHEAD
    occurred, who = _occurred(facts, clock.table), TABLES[clock.table].entity
    rows, example, last = facts.connection.execute(
        f"SELECT count(*), min({who}), max(greatest({occurred}, known_at)) FROM {quoted(clock.table)}"
        f" WHERE {occurred} >= $end OR known_at >= $end",
        {"end": end.replace(tzinfo=None)},
    ).fetchall()[0]
    if rows:
        yield Finding(
            check="clocks",
            subject=clock.table,
            severity="warning",
            what=Text(
                "{rows:,} facts lie after {end:%Y-%m-%d}, the last on {last:%Y-%m-%d}, e.g. of '{example}'.",
                "{rows:,} 条事实晚于 {end:%Y-%m-%d}，最晚为 {last:%Y-%m-%d}，例如“{example}”。",
            ).format(rows=rows, end=end, last=last, example=example),
            next_step=Text(
                "Check the format of the dates: day and month, or the century, may be swapped or misread.",
                "请检查日期格式：日与月可能颠倒，或世纪读错。",
            ),
            count=rows,
            unit="rows",
            example=str(example),
        )


def _sound(clock: _Clock) -> Finding:
    return Finding(
        check="clocks",
        subject=clock.table,
        severity="passed",
        what=Text("The clocks of {rows:,} facts are in order.", "{rows:,} 条事实的时钟正常。").format(rows=clock.rows),
        count=clock.rows,
        unit="rows",
    )


def _without_arrival(clocks: list[_Clock]) -> Iterator[Text]:
    tables = [clock.table for clock in clocks if clock.tells_nothing]
    if tables:
        yield Text(
            "No arrival clock in {tables}: known_at is not mapped, or equals the time of the fact. A fact that was entered"
            " late counts from the day that it bears, and no check can prove that it was known by then. Map known_at if"
            " your system keeps it.",
            "{tables} 没有获知时钟：未映射 known_at，或它与事实时间相同。补录的事实从所记日期起计入，任何检查都无法证明当时已获知。"
            "如果系统保存了录入时间，请映射 known_at。",
        ).format(tables=", ".join(tables))


def _undated(facts: Facts) -> Iterator[Text]:
    given = facts.columns.get("customers", frozenset())
    reading = facts.readings.get("customers")
    names = [c for c in UNDATED if c in given] + list(reading.attributes if reading else ())
    if names and "valid_from" not in given:
        yield Text(
            "What the customers table says ({names}) bears no date: it is as of the day of the export. A feature on it may"
            " know the future; only its predictive power can betray it. Map valid_from and valid_to if you keep history.",
            "customers 表中的 {names} 没有日期，是导出当天的状态。以其为依据的特征可能知道未来，只能从预测力看出。"
            "如果保存了历史，请映射 valid_from 和 valid_to。",
        ).format(names=", ".join(names))
