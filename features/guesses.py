"""Which contract table a source is, and which of its columns is what; each guess with its reason."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from features.contracts import TABLES, Column, Table
from features.profiling import ColumnProfile, SourceProfile
from features.readers import quoted
from features.synonyms import FILE_NAMES, SYNONYMS, UNIT_PRICE, rank
from features.text import Text
from features.time_formats import day_first, is_ambiguous, month_first

IDENTIFIER = re.compile(r"[A-Za-z_]\w*", re.ASCII)
NAMED_SCORE = 4
"""A telling file name weighs as much as this many columns."""


@dataclass(frozen=True)
class Guess:
    """One contract column: the source's columns for it, what the project file says right of the equals sign, and why."""

    column: str
    names: tuple[str, ...]
    toml: str
    why: Text


@dataclass(frozen=True)
class TableGuess:
    """One table: its source, its columns, why it is taken for this, the filter, and the source's columns left over."""

    table: Table
    source: SourceProfile
    guesses: tuple[Guess, ...]
    why: Text
    where: str | None
    where_why: Text | None
    unused: tuple[str, ...]
    score: float


def best_tables(sources: Sequence[SourceProfile]) -> dict[str, TableGuess]:
    """For each table the source that fits best; a source is one table only, the one that it fits best."""
    guesses = [g for source in sources for name in SYNONYMS if (g := _guess_table(TABLES[name], source))]
    chosen: dict[str, TableGuess] = {}
    taken: set[str] = set()
    for guess in sorted(guesses, key=lambda g: -g.score):
        if guess.table.name not in chosen and guess.source.path not in taken:
            chosen[guess.table.name] = guess
            taken.add(guess.source.path)
    return chosen


def _guess_table(table: Table, source: SourceProfile) -> TableGuess | None:
    """The source read as this table, or None if something required is not there."""
    named = any(word in source.path.lower() for word in FILE_NAMES[table.name].split())
    guesses = _guess_columns(table, source, named)
    if any(required not in guesses for required in table.required) or not _is_plausible(table, source, guesses, named):
        return None
    where, where_why = _filter(table, source, guesses)
    used = {name for guess in guesses.values() for name in guess.names}
    why = _WHY_NAMED if named else _WHY_COLUMNS
    return TableGuess(
        table,
        source,
        tuple(guesses[c.name] for c in table.columns if c.name in guesses),
        why.format(path=source.path, table=table.name, row=table.row, rows=f"{source.rows:,}"),
        where,
        where_why,
        tuple(c.name for c in source.columns if c.name not in used),
        score=len(guesses) + (NAMED_SCORE if named else 0),
    )


def _is_plausible(table: Table, source: SourceProfile, guesses: Mapping[str, Guess], named: bool) -> bool:
    """Tables that ask for little are recognised by more: unique customers, a label, a telling file name."""
    if table.name in ("customers", "panel"):
        customer = source.column(guesses["customer_id"].names[0])
        is_unique = customer.distinct == source.rows
        if table.name == "panel":
            return is_unique and "label" in guesses
        if named:  # a few ids may come twice by mistake; many do where rows follow each other
            is_unique = customer.distinct * 2 > source.rows or "valid_from" in guesses
        return is_unique and (named or len(guesses) >= 3) and not _has_label(source)
    return named or table.name not in ("payments", "supplies", "treatments") or _is_particular(table, guesses)


def _has_label(source: SourceProfile) -> bool:
    return any(rank(c.name, SYNONYMS["panel"]["label"]) is not None and c.is_flag for c in source.columns)


def _is_particular(table: Table, guesses: Mapping[str, Guess]) -> bool:
    """Whether the time has a name that only this kind of table uses."""
    names = SYNONYMS[table.name][str(table.occurred_at)]
    place = rank(guesses[str(table.occurred_at)].names[0], names)
    return place is not None and place < names.split().index("date")


# --- columns


def _guess_columns(table: Table, source: SourceProfile, named: bool) -> dict[str, Guess]:
    guesses: dict[str, Guess] = {}
    free = {c.name: c for c in source.columns}
    for column in sorted(table.columns, key=lambda c: not c.required):
        found = _by_name(table, column, list(free.values())) or None
        if found is None:
            continue
        guesses[column.name] = _guess(column, found, _NAMED)
        del free[found.name]
    if "amount" in {c.name for c in table.columns} and "amount" not in guesses:
        guesses |= _computed_amount(source)
    if table.name == "orders" and (named or len(guesses) > 1):
        guesses |= _by_content(table, guesses, list(free.values()))
    return guesses


def _by_name(table: Table, column: Column, free: Sequence[ColumnProfile]) -> ColumnProfile | None:
    """The column whose name stands first among the synonyms and that holds what is wanted."""
    synonyms = SYNONYMS[table.name].get(column.name, "")
    ranked = [(r, c) for c in free if (r := rank(c.name, synonyms)) is not None and _holds(c, column)]
    if column.name == "amount" and any(rank(c.name, SYNONYMS["orders"]["quantity"]) is not None for c in free):
        ranked = [(r, c) for r, c in ranked if rank(c.name, UNIT_PRICE) is None]
    return min(ranked, key=lambda pair: pair[0])[1] if ranked else None


def _holds(profile: ColumnProfile, column: Column) -> bool:
    if column.type == "time":
        return profile.is_time
    if column.type == "number":
        return profile.is_number
    if column.type == "flag":
        return profile.is_flag
    return profile.filled > 0


def _computed_amount(source: SourceProfile) -> dict[str, Guess]:
    """Quantity times unit price, where both are there and no amount is."""
    factors = []
    for synonyms in (SYNONYMS["orders"]["quantity"], UNIT_PRICE):
        match = [c for c in source.columns if c.is_number and rank(c.name, synonyms) is not None]
        if not match:
            return {}
        factors.append(min(match, key=lambda c: rank(c.name, synonyms) or 0).name)
    sql = " * ".join(_sql_name(name) for name in factors)
    return {"amount": Guess("amount", tuple(factors), f"{{ sql = {in_quotes(sql)} }}", _COMPUTED)}


def _by_content(table: Table, guesses: Mapping[str, Guess], free: Sequence[ColumnProfile]) -> dict[str, Guess]:
    """What is required and not named as usual, where only one column can be it."""
    tests: dict[str, Callable[[ColumnProfile], bool]] = {
        "ordered_at": lambda c: c.is_time,
        "amount": lambda c: c.is_number and not c.is_whole and not c.is_time,
        "customer_id": lambda c: (
            not c.is_time and (c.is_whole or not c.is_number) and c.distinct * 2 <= c.filled and c.distinct > 2
        ),
    }
    found: dict[str, Guess] = {}
    for name, test in tests.items():
        fitting = [c for c in free if test(c)]
        column = table.column(name)
        if name not in guesses and len(fitting) == 1 and column:
            found[name] = _guess(column, fitting[0], _CONTENT[name])
    return found


def _guess(column: Column, profile: ColumnProfile, why: Text) -> Guess:
    name = in_quotes(profile.name)
    how, why_how = _as_written(column, profile)
    return Guess(
        column.name,
        (profile.name,),
        f"{{ column = {name}, {how} }}" if how else name,
        Text(*(f"{w}{sep}{h}" for w, sep, h in zip(why, ("; ", "；"), why_how, strict=True))) if why_how else why,
    )


def _as_written(column: Column, profile: ColumnProfile) -> tuple[str, Text | None]:
    """What the project file has to say about how the column's values are written, and why."""
    if column.type == "time" and "" not in profile.formats:
        if is_ambiguous(profile.formats):
            return "", _ANY_ORDER.format(day=day_first(profile.formats), month=month_first(profile.formats))
        return f"format = {in_quotes(profile.formats[0])}", _why_format(profile.formats)
    finding = profile.finding
    if column.type == "number" and finding.doubtful:
        return "", _ANY_DECIMAL.format(example=finding.doubtful[0])
    if column.type == "number" and finding.notation and finding.shows_decimal:
        sign = finding.notation.decimal
        return f"decimal = {in_quotes(sign)}", (_POINT if sign == "." else _COMMA)
    return "", None


def _why_format(formats: Sequence[str]) -> Text:
    if day_first(formats) or month_first(formats):
        return (_DAY_FIRST if day_first(formats) else _MONTH_FIRST).format(format=formats[0])
    return _FORMAT.format(format=formats[0])


def _filter(table: Table, source: SourceProfile, guesses: Mapping[str, Guess]) -> tuple[str | None, Text | None]:
    """Leave out purchases without a customer, where there are some."""
    if table.name != "orders":
        return None, None
    customer = source.column(guesses["customer_id"].names[0])
    if customer.filled == source.rows:
        return None, None
    why = _NO_CUSTOMER.format(
        rows=f"{source.rows - customer.filled:,}", share=f"{1 - customer.filled / source.rows:.0%}"
    )
    return f"{_sql_name(customer.name)} IS NOT NULL", why


def in_quotes(text: str) -> str:
    """A text as TOML writes it."""
    return json.dumps(text, ensure_ascii=False)


def _sql_name(name: str) -> str:
    return name if IDENTIFIER.fullmatch(name) else quoted(name)


_WHY_NAMED = Text(
    "{path} ({rows} rows) is taken for {table}, by its name and columns: one row is {row}",
    "根据文件名和列，将 {path}（{rows} 行）视为 {table}：每行是{row}",
)
_WHY_COLUMNS = Text(
    "{path} ({rows} rows) is taken for {table}, by its columns: one row is {row}",
    "根据列，将 {path}（{rows} 行）视为 {table}：每行是{row}",
)
_NAMED = Text("by its name", "根据列名")
_COMPUTED = Text("no amount is given, so quantity times unit price", "没有金额列，用数量乘以单价")
_CONTENT = {
    "ordered_at": Text("the only column with times", "唯一的时间列"),
    "amount": Text("the only column with broken numbers", "唯一含小数的数字列"),
    "customer_id": Text("the only column with ids that come back", "唯一会重复出现的编号列"),
}
_FORMAT = Text("written as {format}", "写作 {format}")
_DAY_FIRST = Text(
    "day first, as some first numbers of its dates or of the others are above 12, or no other reading fits",
    "日在前：该列或其他日期列的首个数字有大于 12 的，或其他读法不成立",
)
_MONTH_FIRST = Text(
    "month first, as some second numbers of its dates or of the others are above 12, or no other reading fits",
    "月在前：该列或其他日期列的第二个数字有大于 12 的，或其他读法不成立",
)
_ANY_ORDER = Text(
    'AMBIGUOUS: no day above 12, so day or month may stand first. Please decide and write {{ column = "…", format = "{day}" }} '
    'or format = "{month}"; until then its rows cannot be read',
    '有歧义：没有大于 12 的日，无法判断日在前还是月在前。请确认后写 {{ column = "…", format = "{day}" }} 或 format = "{month}"；'
    "在此之前无法读取",
)
_ANY_DECIMAL = Text(
    'AMBIGUOUS: \'{example}\' can be read in two ways. Please decide and write {{ column = "…", decimal = "," }} or '
    'decimal = "."; until then it cannot be read',
    '有歧义：“{example}”有两种读法。请确认后写 {{ column = "…", decimal = "," }} 或 decimal = "."；在此之前无法读取',
)
_COMMA = Text("with a decimal comma, as its values show", "小数点写作逗号，由其值可知")
_POINT = Text(
    "with a decimal point and thousands separators, as its values show", "小数点写作句点并带千位分隔符，由其值可知"
)
_NO_CUSTOMER = Text("{rows} rows ({share}) name no customer and are left out", "{rows} 行（{share}）没有客户，已排除")
