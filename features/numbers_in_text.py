"""Numbers as people write them: 1.234,56 or 1,234.56, 1 234.5, 1'234, ￥12, (12.50), 12.50-, full-width digits.

A text like '1,234' is two numbers. The other values of its column tell which one is meant; where they do not, nothing is
guessed: the column is refused until the project file says which sign is the decimal sign.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import duckdb

from features.currencies import BY_LENGTH, meant, signs_of
from features.errors import FactsError
from features.readers import MISSING_WORDS, literal
from features.text import Text

DecimalSign = Literal[".", ","]

SAMPLE_ROWS = 1_000
"""So many rows are asked first whether a column of plain numbers shows that its points are decimal points."""

AGREEING_SHARE = 0.9
"""A column's decimal sign is decided by its telling values when so many of them agree; the others are set aside."""

DOUBTFUL_PER_TELLING = 20
"""A column stays undecided when more values than this can be read in two ways for each one that tells."""


@dataclass(frozen=True)
class Notation:
    """How a column writes its numbers: the decimal sign, the currency of its amounts ('' : none), the signs for that."""

    decimal: DecimalSign
    currency: str = ""
    signs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Finding:
    """What a column's values tell about how its numbers are written.

    ``notation`` is None where they are plain (1234.5) or where nothing can be read; ``doubtful`` are values that can be read
    in two ways, given only when nothing decides; ``shows_decimal`` says that some values show which decimal sign is meant;
    ``readable`` counts the values that are numbers.
    """

    notation: Notation | None = None
    doubtful: tuple[str, ...] = ()
    shows_decimal: bool = False
    readable: int | None = None


PLAIN = Finding()


# --- reading one value

_UNIFIED = {
    **dict(zip("０１２３４５６７８９", "0123456789", strict=True)),
    **dict.fromkeys("−–－", "-"),
    **dict.fromkeys("’‘´", "'"),
    **dict.fromkeys("\u00a0\u202f\u2009\u3000", " "),
    **dict(zip("，．＋（）￥＄", ",.+()¥$", strict=True)),
}


def unified(text: str) -> str:
    """SQL: a text with full-width and typographic signs as their plain ones, without blanks around."""
    translated = f"translate({text}, {literal(''.join(_UNIFIED))}, {literal(''.join(_UNIFIED.values()))})"
    return (
        f"trim(CASE WHEN strlen({text}) = length({text}) THEN {text} ELSE {translated} END)"  # ASCII has none of them
    )


def number(text: str, notation: Notation) -> str:
    """SQL: a ``unified`` text as a DOUBLE, NULL where it is no number in this notation; the commonest forms cost least."""
    if notation.decimal == ".":
        grouped = f"TRY_CAST(replace({text}, ',', '') AS DOUBLE)"
        plain = f"TRY_CAST({text} AS DOUBLE)"
    else:
        grouped = f"TRY_CAST(replace(replace({text}, '.', ''), ',', '.') AS DOUBLE)"
        plain = f"CASE WHEN NOT contains({text}, '.') THEN TRY_CAST(replace({text}, ',', '.') AS DOUBLE) END"
    simple = f"CASE WHEN regexp_full_match({text}, {literal(_SIMPLE[notation.decimal])}) THEN {grouped} END"
    return f"coalesce({plain}, {simple}, {_written_number(text, notation)})"


_SIMPLE = {".": r"-?[1-9][0-9]{0,2}(,[0-9]{3})+(\.[0-9]+)?", ",": r"-?[1-9][0-9]{0,2}(\.[0-9]{3})+(,[0-9]+)?"}


def _written_number(text: str, notation: Notation) -> str:
    digits = f"replace(regexp_replace({text}, '[^0-9{notation.decimal}]', '', 'g'), ',', '.')"
    amount = f"TRY_CAST({digits} AS DOUBLE)"
    is_negative = f"contains({text}, '-') OR contains({text}, '(')"
    is_number = _fits(text, notation.decimal, notation.signs)
    return f"CASE WHEN {is_number} THEN CASE WHEN {is_negative} THEN 0 - {amount} ELSE {amount} END END"


def _fits(text: str, decimal: DecimalSign, signs: Sequence[str]) -> str:
    """SQL: whether a unified text is a number with this decimal sign, and perhaps one of the currency signs."""
    return f"regexp_full_match({text}, {literal(_pattern(decimal, signs))})"


def _pattern(decimal: DecimalSign, signs: Sequence[str]) -> str:
    """The numbers of a notation. Groups have three digits and do not begin with zero; 12,34,567 is Indian."""
    group = {".": ",", ",": r"\."}[decimal]
    grouped = rf"[1-9][0-9]{{0,2}}(?:(?:{group}[0-9]{{3}})+|(?: [0-9]{{3}})+|(?:'[0-9]{{3}})+)"
    indian = r"|[1-9][0-9]?(?:,[0-9]{2})+,[0-9]{3}" if decimal == "." else ""
    fraction = rf"\{decimal}"
    body = rf"(?:(?:[0-9]+|{grouped}{indian})(?:{fraction}[0-9]*)?|{fraction}[0-9]+)"
    sign = f"(?:{'|'.join(re.escape(s) for s in signs)})" if signs else "(?:)"
    before, after = f"(?:{sign} ?)?", f"(?: ?{sign})?"
    forms = (
        f"(?:[-+] ?)?{before}{body}{after}",
        f"{sign} ?[-+] ?{body}{after}",
        f"{before}{body} ?-{after}",
        f"{before}{body}{after} ?-",
        rf"\( ?{before}{body}{after} ?\)",
        rf"{sign} ?\( ?{body} ?\)",
        rf"\( ?{body} ?\) ?{sign}",
    )
    return f"(?i)(?:{'|'.join(forms)})"


def in_other_currency(text: str, notation: Notation) -> str:
    """SQL: whether a unified text carries the sign of another currency than its column."""
    others = [sign for sign in BY_LENGTH if sign not in notation.signs]
    unlike = Notation(notation.decimal, signs=tuple(others))
    return f"({_written_number(text, unlike)} IS NOT NULL)"


# --- finding out how a column writes its numbers


def find_notations(
    connection: duckdb.DuckDBPyConnection,
    relation: str,
    texts: Mapping[str, str],
    company: str | None,
    by_program: bool = False,
    decimals: Mapping[str, DecimalSign] | None = None,
) -> dict[str, Finding]:
    """How columns of text write their numbers.

    Parameters: ``texts`` is SQL for each column's text in ``relation``; ``company`` the company's currency, which a sign
    like $ or ¥ then means; ``by_program`` says that a database wrote its numbers as text, so that a plain 1.234 is no doubt
    meant; ``decimals`` are the decimal signs that the project file gives.
    """
    given = decimals or {}
    unread = _unread(connection, relation, texts)
    in_words = {c for c, t in texts.items() if unread[c] and (c in given or _any_in_words(connection, relation, t))}
    untold = {c: t for c, t in texts.items() if not by_program and c not in in_words and c not in given}
    suspect = _with_points(connection, relation, untold)
    found = dict.fromkeys(texts, PLAIN)
    for column, text in texts.items():
        if column in in_words:
            found[column] = _conclude(_groups(connection, relation, text), company, given.get(column))
        elif column in suspect:
            found[column] = _doubt_points(_groups(connection, relation, text))
        elif given.get(column) == ",":
            found[column] = Finding(Notation(","), shows_decimal=True)
    return found


def likely_numbers(
    connection: duckdb.DuckDBPyConnection, relation: str, texts: Mapping[str, str], share: float
) -> list[str]:
    """The columns of which at least this share of the first values are numbers as people write them."""
    rows = f"(SELECT * FROM {relation} LIMIT {SAMPLE_ROWS})"
    numbers = [f"count(*) FILTER ({_is_in_words(t)})" for t in texts.values()]
    fitting = _by_column(connection, rows, texts, numbers)
    filled = _by_column(connection, rows, texts, [f"count(nullif(trim({t}), ''))" for t in texts.values()])
    return [c for c in texts if fitting[c] >= share * filled[c] > 0]


def _unread(connection: duckdb.DuckDBPyConnection, relation: str, texts: Mapping[str, str]) -> dict[str, int]:
    """How many values of each column are given and no plain numbers."""
    missing = ", ".join(literal(word) for word in MISSING_WORDS)
    counts = [
        f"count(CASE WHEN TRY_CAST({t} AS DOUBLE) IS NULL THEN CASE WHEN lower(trim({t})) NOT IN ({missing}) THEN 1 END END)"
        for t in texts.values()
    ]
    return _by_column(connection, relation, texts, counts)


def _with_points(connection: duckdb.DuckDBPyConnection, relation: str, texts: Mapping[str, str]) -> list[str]:
    """The columns that have points, and none among the first rows that can only be a decimal point."""
    told_by = "count(*) FILTER ({0} AND NOT {1})"
    telling = [told_by.format(*(_fits(f"trim({t})", d, ()) for d in _DECIMALS)) for t in texts.values()]
    told = _by_column(connection, f"(SELECT * FROM {relation} LIMIT {SAMPLE_ROWS})", texts, telling)
    untold = {c: t for c, t in texts.items() if not told[c]}
    points = [f"count(*) FILTER (contains({t}, '.'))" for t in untold.values()]
    return [c for c, count in _by_column(connection, relation, untold, points).items() if count]


def _by_column(
    connection: duckdb.DuckDBPyConnection, relation: str, texts: Mapping[str, str], counts: Sequence[str]
) -> dict[str, int]:
    if not texts:
        return {}
    row = connection.execute(f"SELECT {', '.join(counts)} FROM {relation}").fetchall()[0]
    return dict(zip(texts, row, strict=True))


def _any_in_words(connection: duckdb.DuckDBPyConnection, relation: str, text: str) -> bool:
    """Whether a value that is no plain number is one as people write them."""
    unread = f"SELECT {text} AS t FROM {relation} WHERE TRY_CAST({text} AS DOUBLE) IS NULL"
    query = f"SELECT 1 FROM ({unread}) WHERE {_is_in_words('t')} LIMIT 1"
    return bool(connection.execute(query).fetchall())


def _is_in_words(text: str) -> str:
    """SQL: whether a text is a number as people write them."""
    return "(" + " OR ".join(_fits(unified(text), d, BY_LENGTH) for d in _DECIMALS) + ")"


_DECIMALS: tuple[DecimalSign, ...] = (".", ",")


_Kind = Literal["point", "comma", "doubtful", "neutral"]
"""Numbers with a decimal point only, with a decimal comma only, with either and then different ones, with either alike."""


@dataclass(frozen=True)
class _Group:
    """The values of one kind with one currency sign ('' : without)."""

    sign: str
    kind: _Kind
    rows: int
    example: str


def _groups(connection: duckdb.DuckDBPyConnection, relation: str, text: str) -> list[_Group]:
    """The values that are numbers. Those that differ only in digits other than zero are looked at once."""
    signs = "|".join(re.escape(s) for s in BY_LENGTH)
    point, comma = (f"coalesce({_fits('shape', d, BY_LENGTH)}, false)" for d in _DECIMALS)
    shapes = f"""
        SELECT translate(t, '12345678', '99999999') AS shape, count(*) AS n, min(t) AS t
        FROM (SELECT {unified(text)} AS t FROM {relation}) GROUP BY shape"""
    query = f"""
        SELECT lower(regexp_extract(t, {literal(f"(?i){signs}")})) AS sign,
            CASE WHEN NOT comma THEN 'point' WHEN NOT point THEN 'comma' WHEN regexp_matches(t, '[.,]') THEN 'doubtful'
                ELSE 'neutral' END AS kind,
            sum(n), min(t)
        FROM (SELECT t, n, {point} AS point, {comma} AS comma FROM ({shapes}))
        WHERE point OR comma GROUP BY sign, kind ORDER BY sign, kind"""
    return [_Group(sign, kind, int(n), example) for sign, kind, n, example in connection.execute(query).fetchall()]


def _rows(groups: Sequence[_Group], *kinds: _Kind) -> int:
    return sum(group.rows for group in groups if group.kind in kinds)


def _examples(groups: Sequence[_Group], kind: _Kind) -> tuple[str, ...]:
    """One value of a kind, or none."""
    return tuple(group.example for group in groups if group.kind == kind)[:1]


def _conclude(groups: Sequence[_Group], company: str | None, given: DecimalSign | None) -> Finding:
    """The notation of a column of which some values are not plain numbers."""
    currency = _currency(groups, company)
    kept = [group for group in groups if meant(group.sign, company) in ("", currency)]
    decimal = given or _decimal(kept)
    if decimal is None:
        return Finding(doubtful=_contradiction(kept), readable=_rows(kept, "point", "comma", "doubtful", "neutral"))
    return Finding(
        Notation(decimal, currency, signs_of(currency, company) if currency else ()),
        shows_decimal=given is not None or _rows(kept, "point", "comma") > 0,
        readable=_rows(kept, "point" if decimal == "." else "comma", "doubtful", "neutral"),
    )


def _currency(groups: Sequence[_Group], company: str | None) -> str:
    """The company's own currency if a value is in it, else the commonest; '' where no value has a sign."""
    rows: dict[str, int] = {}
    for group in groups:
        code = meant(group.sign, company)
        rows[code] = rows.get(code, 0) + group.rows
    rows.pop("", None)
    return str(company) if company in rows else max(rows, key=lambda code: rows[code], default="")


def _decimal(groups: Sequence[_Group]) -> DecimalSign | None:
    """The decimal sign that the values agree on; None where nothing decides."""
    point, comma, doubtful = _rows(groups, "point"), _rows(groups, "comma"), _rows(groups, "doubtful")
    telling = point + comma
    if telling == 0:
        return None if doubtful else "."
    if max(point, comma) < AGREEING_SHARE * telling or doubtful > DOUBTFUL_PER_TELLING * telling:
        return None
    return "." if point > comma else ","


def _contradiction(groups: Sequence[_Group]) -> tuple[str, ...]:
    """Values that show why nothing decides: two that contradict each other, or one that can be read in two ways."""
    both = _examples(groups, "point") + _examples(groups, "comma")
    return both if len(both) == 2 else _examples(groups, "doubtful")


def _doubt_points(groups: Sequence[_Group]) -> Finding:
    """Plain numbers like 1.234 may be thousands, unless another value shows that the point is a decimal point."""
    return PLAIN if _rows(groups, "point") else Finding(doubtful=_examples(groups, "doubtful"))


# --- what is said about it


def undecided(place: str, source: str, finding: Finding, remedy: Text) -> FactsError:
    """The error for a column whose numbers can be read in two ways; ``remedy`` is what to write in the project file."""
    return FactsError(
        _TWO_WAYS if len(finding.doubtful) == 1 else _CONTRADICTION,
        place=place,
        source=source,
        one=finding.doubtful[0],
        other=finding.doubtful[-1],
        remedy=remedy,
    )


_TWO_WAYS = Text(
    "{place}: '{one}' in the source's column '{source}' can be read in two ways, and no other value tells which. Say which "
    "sign is the decimal sign: {remedy}.",
    "{place}：数据源“{source}”列中的“{one}”有两种读法，其他值也无法判断。请说明哪个符号是小数点：{remedy}。",
)
_CONTRADICTION = Text(
    "{place}: the source's column '{source}' writes both '{one}' and '{other}'. Say which sign is the decimal sign, and rows "
    "with the other one are set aside: {remedy}.",
    "{place}：数据源“{source}”列中既有“{one}”又有“{other}”。请说明哪个符号是小数点（另一种写法的行会被搁置）：{remedy}。",
)
FOR_THE_TABLE = Text(
    'decimal = "," or decimal = "." for all columns of the table', '对整张表写 decimal = "," 或 decimal = "."'
)
FOR_THE_COLUMN = Text(
    '{column} = {{ column = "{source}", decimal = "," }} or decimal = "."',
    '{column} = {{ column = "{source}", decimal = "," }}，或 decimal = "."',
)
