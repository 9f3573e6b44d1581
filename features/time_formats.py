"""The ways in which files write dates and times, and which of them fit the values of a column."""

from collections.abc import Sequence

import duckdb

from features.readers import EARLIEST, read

_SLASHED = ("%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%d/%m/%y", "%m/%d/%y", "%d.%m.%y")
_WORDED = ("%Y年%m月%d日", "%d-%b-%Y", "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%d-%b-%y", "%Y.%m.%d")
_TIMES = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
TIME_FORMATS = tuple(day + time for time in _TIMES for day in (*_SLASHED, *_WORDED))

FIRST_VALUES = 20
LIKELY_SHARE = 0.5
"""A format that does not fit this share of the first and of all values is not how a column writes its times."""


def fitting_formats(connection: duckdb.DuckDBPyConnection, texts: str) -> tuple[str, ...]:
    """The formats that read the most values, and at least half of them; '' : none is needed.

    ``texts`` is a relation with each different text ``v`` and its number of rows ``n``.
    """
    first = f"(SELECT * FROM {texts} LIMIT {FIRST_VALUES})"
    read_of_first = _read(connection, first, ("", *TIME_FORMATS))
    read_of_all = _read(connection, texts, tuple(read_of_first))
    most = max(read_of_all.values(), default=0)
    return tuple(f for f, rows in read_of_all.items() if rows == most)


def _read(connection: duckdb.DuckDBPyConnection, texts: str, formats: Sequence[str]) -> dict[str, int]:
    """How many rows each format reads, for those that read enough."""
    counted = [f"sum(n) FILTER ({read('v', 'VARCHAR', 'time', 'UTC', f or None)} >= {EARLIEST})" for f in formats]
    query = f"SELECT {', '.join(['sum(n)', *counted])} FROM {texts}"
    rows, *found = (int(n or 0) for n in connection.execute(query).fetchall()[0])
    return {f: n for f, n in zip(formats, found, strict=True) if n >= LIKELY_SHARE * rows > 0}


def day_first(formats: Sequence[str]) -> str | None:
    """The first format in which the day stands before a month written in figures, where another could be meant."""
    return next((f for f in formats if f.startswith(("%d/", "%d-%m"))), None)


def month_first(formats: Sequence[str]) -> str | None:
    """The first format in which the month, written in figures, stands before the day."""
    return next((f for f in formats if f.startswith(("%m/", "%m-"))), None)


def is_ambiguous(formats: Sequence[str]) -> bool:
    """Whether the first two numbers of the dates can be day and month or month and day."""
    return day_first(formats) is not None and month_first(formats) is not None
