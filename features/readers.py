"""How one value of a source is read as one value of a contract: small pieces of DuckDB SQL, nothing executed here.

A reader gives the value in the contract's type, or NULL where there is nothing to read or it cannot be read;
``is_present`` tells those two apart.
"""

import re

from features.contracts import ColumnType

DUCKDB_TYPES: dict[ColumnType, str] = {
    "id": "VARCHAR",
    "text": "VARCHAR",
    "time": "TIMESTAMP",
    "number": "DOUBLE",
    "flag": "BOOLEAN",
}

MISSING_WORDS = ("", "null", "nan", "none", "nat", "na", "n/a", "#n/a", "\\n", "-")
"""Texts that mean "nothing here" in ids, times, numbers and flags. In free text only the empty text does."""

TRUE_WORDS = ("true", "t", "yes", "y", "1", "1.0", "是")
FALSE_WORDS = ("false", "f", "no", "n", "0", "0.0", "否")

EARLIEST = "TIMESTAMP '1800-01-01'"
"""Years before this are misread dates (two-digit years, a wrong format), not facts."""

_INTEGERS = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"}
_INTEGERS |= {"HUGEINT", "UHUGEINT"}
_FLOATS = {"FLOAT", "DOUBLE"}
_NAIVE_TIMES = {"DATE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"}
_ZONED_TIMES = {"TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ", "TIMESTAMP_NS WITH TIME ZONE"}

_ISO = r"\d{4}[-/]\d{1,2}[-/]\d{1,2}[T ]+\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?"
_OFFSET = r" ?(Z|z|UTC|[+-]\d{2}(:?\d{2})?)"


def quoted(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: str) -> str:
    """A text as an SQL literal."""
    return "'" + value.replace("'", "''") + "'"


def is_number(source_type: str) -> bool:
    """Whether a DuckDB type is numeric."""
    return source_type in _INTEGERS | _FLOATS or source_type.startswith("DECIMAL")


def is_time(source_type: str) -> bool:
    """Whether a DuckDB type is a date or a timestamp."""
    return source_type in _NAIVE_TIMES | _ZONED_TIMES


def prepared(value: str, source_type: str, type_: ColumnType | None = None) -> str:
    """SQL: the form of a source's value that ``read`` and ``is_present`` want; computed once, as they use it often.

    Numbers keep the blanks around them, which do not hinder a cast.
    """
    if source_type in _FLOATS:
        return f"CASE WHEN NOT isnan({value}) THEN {value} END"
    if source_type in _INTEGERS | _NAIVE_TIMES | _ZONED_TIMES or source_type == "BOOLEAN":
        return value
    text = value if source_type == "VARCHAR" else f"CAST({value} AS VARCHAR)"
    return text if type_ == "number" else _trimmed(text)


def _trimmed(text: str) -> str:
    """SQL: a text without blanks around it; asking first whether there are any costs less than trimming."""
    is_bare = f"strlen({text}) = length({text}) AND NOT prefix({text}, ' ') AND NOT suffix({text}, ' ')"
    return f"CASE WHEN {is_bare} THEN {text} ELSE trim({text}) END"


def is_present(value: str, source_type: str, type_: ColumnType) -> str:
    """SQL: whether a prepared value holds something to read."""
    if _is_native(source_type):
        return f"({value} IS NOT NULL)"
    words = MISSING_WORDS[:1] if type_ == "text" else MISSING_WORDS
    text = f"trim({value})" if type_ == "number" else value
    return f"(lower({text}) NOT IN {_words(words)})"


def read(value: str, source_type: str, type_: ColumnType, zone: str, format_: str | None = None) -> str:
    """SQL: a prepared value in the contract's type; times naive in UTC, those without offset read in ``zone``.

    ``checked`` has still to be applied to what it gives.
    """
    if type_ == "time":
        return _read_time(value, source_type, zone, format_)
    return {"id": _read_id, "text": _read_text, "number": _read_number, "flag": _read_flag}[type_](value, source_type)


def checked(value: str, type_: ColumnType) -> str:
    """SQL: what ``read`` gave, NULL where it is no possible value: infinite numbers, years that are misread."""
    if type_ == "number":
        return f"CASE WHEN isfinite({value}) THEN {value} END"
    return f"CASE WHEN {value} >= {EARLIEST} THEN {value} END" if type_ == "time" else value


def is_text(source_type: str) -> bool:
    """Whether values of a DuckDB type are read from how they are written."""
    return not (_is_native(source_type) or is_number(source_type))


def _is_native(source_type: str) -> bool:
    return source_type in _INTEGERS | _FLOATS | _NAIVE_TIMES | _ZONED_TIMES | {"BOOLEAN"}


def _read_id(value: str, source_type: str) -> str:
    """Whole floats lose their '.0', also those that a program wrote as text; leading zeros stay."""
    if source_type in _FLOATS:
        whole = f"CAST(TRY_CAST({value} AS HUGEINT) AS VARCHAR)"
        return (
            f"CASE WHEN {value} = floor({value}) AND abs({value}) < 1e18 THEN {whole} ELSE CAST({value} AS VARCHAR) END"
        )
    if _is_native(source_type):
        return f"CAST({value} AS VARCHAR)"
    return (
        f"CASE WHEN length({value}) <= 4 AND lower({value}) IN {_words(MISSING_WORDS)} THEN NULL "
        f"WHEN suffix({value}, '.0') OR suffix({value}, '.00') THEN regexp_replace({value}, '^(-?[0-9]+)\\.0+$', '\\1') "
        f"ELSE {value} END"
    )


def _read_text(value: str, source_type: str) -> str:
    return f"CAST({value} AS VARCHAR)" if _is_native(source_type) else f"nullif({value}, '')"


def _read_number(value: str, source_type: str) -> str:
    return f"CAST({value} AS DOUBLE)" if is_number(source_type) and _is_native(source_type) else _tried(value, "DOUBLE")


def _read_flag(value: str, source_type: str) -> str:
    if source_type == "BOOLEAN":
        return value
    word = f"lower(CAST({value} AS VARCHAR))"
    return f"CASE WHEN {word} IN {_words(TRUE_WORDS)} THEN true WHEN {word} IN {_words(FALSE_WORDS)} THEN false END"


def _read_time(value: str, source_type: str, zone: str, format_: str | None) -> str:
    """Without a format: ISO, YYYY/M/D, YYYYMMDD and YYYYMMDDHHMMSS, the last two also as numbers."""
    if source_type in _ZONED_TIMES:
        return f"timezone('UTC', CAST({value} AS TIMESTAMPTZ))"
    if source_type in _NAIVE_TIMES:
        return to_utc(f"CAST({value} AS TIMESTAMP)", zone)
    if source_type in _FLOATS:
        value = f"CASE WHEN {value} = floor({value}) THEN {_tried(value, 'BIGINT')} END"
    text = f"CAST({value} AS VARCHAR)" if _is_native(source_type) else value
    return _formatted(text, zone, format_) if format_ else _unformatted(text, zone)


def _tried(value: str, type_: str) -> str:
    return f"TRY_CAST({value} AS {type_})"


def to_utc(naive: str, zone: str) -> str:
    """SQL: a timestamp on the clocks of ``zone`` as a naive timestamp in UTC."""
    return naive if zone == "UTC" else f"make_timestamp(epoch_us(timezone({literal(zone)}, {naive})))"


def day(instant: str, zone: str) -> str:
    """SQL: the calendar day in ``zone`` of a naive UTC timestamp."""
    local = instant if zone == "UTC" else f"timezone({literal(zone)}, make_timestamptz(epoch_us({instant})))"
    return f"CAST({local} AS DATE)"


def day_name(column: str) -> str:
    """Name of the column that holds a time column's calendar day: ordered_at → ordered_day, as_of → as_of_day."""
    return column.removesuffix("_at") + "_day"


def _formatted(text: str, zone: str, format_: str) -> str:
    parsed = f"try_strptime({text}, {literal(format_)})"
    return f"timezone('UTC', {parsed})" if re.search("%[zZ]", format_) else to_utc(parsed, zone)


def _unformatted(text: str, zone: str) -> str:
    """The two commonest shapes are told by the position of a sign or two; only the rest pays for patterns."""
    naive = f"""CASE
        WHEN length({text}) <= 10 AND substr({text}, 5, 1) IN ('-', '/') AND {text} < ':' THEN {_tried(text, "TIMESTAMP")}
        WHEN length({text}) = 19 AND substr({text}, 5, 1) = '-' AND substr({text}, 17, 1) = ':'
            THEN {_tried(text, "TIMESTAMP")}
        WHEN regexp_full_match({text}, '[0-9]{{8}}') THEN try_strptime({text}, '%Y%m%d')
        WHEN regexp_full_match({text}, '[0-9]{{14}}') THEN try_strptime({text}, '%Y%m%d%H%M%S')
        WHEN regexp_full_match({text}, '{_ISO}') THEN {_tried(text, "TIMESTAMP")}
    END"""
    joined = f"replace(replace({text}, ' +', '+'), ' -', '-')"  # the cast wants no blank before an offset
    with_offset = f"timezone('UTC', {_tried(joined, 'TIMESTAMPTZ')})"
    pattern = f"length({text}) > 16 AND regexp_full_match({text}, '{_ISO}{_OFFSET}')"
    return f"coalesce({to_utc(naive, zone)}, CASE WHEN {pattern} THEN {with_offset} END)"


def _words(words: tuple[str, ...]) -> str:
    return "(" + ", ".join(literal(w) for w in words) + ")"
