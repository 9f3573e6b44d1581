"""An event: one row of a contract table, told when it happens. Read strictly and kept as JSON.

    {"event_id": "till-3-99120", "table": "orders", "customer_id": "C-1042", "ordered_at": "2026-07-01T08:30:00Z", "amount": 84.5}

Its columns are those that the project maps, under the contract's names. An instant has its zone. ``known_at`` is when
the event was received, unless it names an earlier instant.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from math import isfinite
from typing import Any

import orjson

from features.contracts import KNOWN_AT, TABLES, Column, ColumnType
from features.errors import FactsError, nearest
from features.event_log import Event
from features.project import Project
from features.text import Text

MAX_EVENT_BYTES = 20_000
MAX_ID = 512
MAX_TEXT = 2_000

_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,6})?([Zz]|[+-]\d\d:\d\d)")
_EARLIEST = datetime(1800, 1, 1, tzinfo=UTC)
_LATEST = datetime(2262, 1, 1, tzinfo=UTC)
_FRAME = ("event_id", "table")

Accepted = Mapping[str, Mapping[str, Column]]
"""The columns that events may have, by table."""


class EventError(FactsError):
    """Something that came in as an event and is none."""


def accepted_tables(project: Project) -> Accepted:
    """The tables and columns of which a project takes events: those of customers that its own tables map."""
    found = {}
    for name, source in project.tables.items():
        table = TABLES[name]
        if table.entity == "customer_id" and name != "panel":
            columns = {c.name: c for c in table.columns if c.name in source.columns}
            found[name] = columns | {KNOWN_AT.name: KNOWN_AT}
    return found


def read_event(line: bytes, accepted: Accepted, now: datetime) -> Event:
    """An event from its JSON. Raises EventError: it says what was got and what was expected."""
    if len(line) > MAX_EVENT_BYTES:
        raise EventError(_TOO_LONG, bytes=len(line), most=MAX_EVENT_BYTES)
    try:
        document = orjson.loads(line)
    except orjson.JSONDecodeError as fault:
        raise EventError(_NO_JSON, fault=fault) from None
    if not isinstance(document, dict):
        raise EventError(_NO_OBJECT, got=_shown(document))
    event_id, name = (_read_id(document, key) for key in _FRAME)
    if name not in accepted:
        raise EventError(_NO_TABLE, table=name, tables=", ".join(accepted), hint=nearest(name, accepted))
    row = _read_row(document, name, accepted[name])
    _check_known(row, now)
    table = TABLES[name]
    occurred = row.get(table.occurred_at or "")
    invoice = row.get("invoice_id")
    body = orjson.dumps({k: _written(v) for k, v in row.items()}, option=orjson.OPT_SORT_KEYS)
    return Event(event_id, name, row["customer_id"], invoice, occurred, body)


def _read_row(document: dict[str, Any], table: str, columns: Mapping[str, Column]) -> dict[str, Any]:
    row = {}
    for name, value in document.items():
        if name in _FRAME:
            continue
        if name not in columns:
            raise EventError(_NO_COLUMN, table=table, name=_shown(name), hint=nearest(name, columns))
        read = None if value is None else _READERS[columns[name].type](name, value)
        if read is not None:
            row[name] = read
    for column in columns.values():
        if column.required and column.name not in row:
            raise EventError(_MISSING, table=table, name=column.name, meaning=column.meaning)
    return row


def _check_known(row: Mapping[str, Any], now: datetime) -> None:
    if KNOWN_AT.name in row and row[KNOWN_AT.name] > now:
        raise EventError(_KNOWN_LATER, got=row[KNOWN_AT.name].isoformat(), now=now.isoformat(timespec="seconds"))


def _read_id(document: Mapping[str, Any], name: str) -> str:
    if document.get(name) is None:
        raise EventError(_NO_FRAME, name=name)
    read: str | None = _id(name, document[name])
    if read is None:
        raise EventError(_NO_FRAME, name=name)
    return read


def _id(name: str, value: Any) -> str | None:
    read = _text(name, value)
    if read is not None and (len(read) > MAX_ID or "\0" in read):
        raise EventError(_BAD_ID, name=name, most=MAX_ID)
    return read


def _text(name: str, value: Any) -> str | None:
    if not isinstance(value, str):
        raise EventError(_NO_TEXT, name=name, got=_shown(value))
    if len(value) > MAX_TEXT:
        raise EventError(_LONG_TEXT, name=name, length=len(value), most=MAX_TEXT)
    return value.strip() or None


def _time(name: str, value: Any) -> datetime:
    if isinstance(value, str) and _INSTANT.fullmatch(value):
        try:
            instant = datetime.fromisoformat(value.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            instant = _LATEST
        if _EARLIEST <= instant < _LATEST:
            return instant
    raise EventError(_NO_INSTANT, name=name, got=_shown(value))


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value) or abs(value) > 1e15:
        raise EventError(_NO_NUMBER, name=name, got=_shown(value))
    return float(value)


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise EventError(_NO_FLAG, name=name, got=_shown(value))
    return value


_READERS: dict[ColumnType, Any] = {"id": _id, "text": _text, "time": _time, "number": _number, "flag": _flag}


def _written(value: Any) -> Any:
    return value.replace(tzinfo=None).isoformat(timespec="microseconds") if isinstance(value, datetime) else value


def _shown(value: object) -> str:
    shown = value if isinstance(value, str) else orjson.dumps(value).decode()
    return shown if len(shown) <= 80 else f"{shown[:80]}…"


_TOO_LONG = Text(
    "The event has {bytes:,} bytes; at most {most:,} can be read.", "该事件有 {bytes:,} 字节，最多可读 {most:,} 字节。"
)
_NO_JSON = Text(
    "The line is not JSON in UTF-8 ({fault}). Write one object a line.",
    "该行不是 UTF-8 编码的 JSON（{fault}）。请每行写一个对象。",
)
_NO_OBJECT = Text(
    'Got {got}, expected an object such as {{"event_id": …, "table": "orders", …}}.',
    '收到 {got}，应为对象，例如 {{"event_id": …, "table": "orders", …}}。',
)
_NO_FRAME = Text(
    "{name}: it is required. Every event has an event_id of its own and names its table.",
    "{name}：必填。每个事件须有自己的 event_id，并写明 table。",
)
_NO_TABLE = Text(
    "table: the project takes no events of '{table}'; it takes those of {tables}. {hint}",
    "table：项目不接收“{table}”事件；可接收：{tables}。{hint}",
)
_NO_COLUMN = Text(
    "{name}: the project maps no such column of {table}. {hint}",
    "{name}：项目的 {table} 没有映射该列。{hint}",
)
_MISSING = Text("{name}: required in {table} ({meaning}).", "{name}：{table} 必填（{meaning}）。")
_KNOWN_LATER = Text(
    "known_at: got {got}, which is after now ({now}). Leave it out, or say since when it was known.",
    "known_at：收到 {got}，晚于当前时间（{now}）。请省略，或填写实际获知时间。",
)
_BAD_ID = Text(
    "{name}: an id has at most {most} characters and no NUL.", "{name}：编号至多 {most} 个字符，且不得含 NUL。"
)
_NO_TEXT = Text(
    "{name}: got {got}, expected text in quotes (an id, too: 007 is not 7).",
    "{name}：收到 {got}，应为带引号的文本（编号也是：007 不等于 7）。",
)
_LONG_TEXT = Text(
    "{name}: {length:,} characters; at most {most:,}.", "{name}：共 {length:,} 个字符，至多 {most:,} 个。"
)
_NO_INSTANT = Text(
    "{name}: got {got}, expected an instant with its zone, such as 2026-07-01T08:30:00Z.",
    "{name}：收到 {got}，应为带时区的时刻，例如 2026-07-01T08:30:00Z。",
)
_NO_NUMBER = Text(
    "{name}: got {got}, expected a number without quotes, such as 84.5.",
    "{name}：收到 {got}，应为不带引号的数字，例如 84.5。",
)
_NO_FLAG = Text("{name}: got {got}, expected true or false.", "{name}：收到 {got}，应为 true 或 false。")
