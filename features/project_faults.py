"""What is wrong with a project file, said in sentences: one for each mistake, with the nearest right name."""

from collections.abc import Callable, Iterable
from typing import Any

from pydantic_core import ErrorDetails

from features.contracts import KNOWN_AT, STARTING_TABLES, TABLES, Table
from features.errors import nearest
from features.text import Text


class FindingError(ValueError):
    """A finding of our own validators, in both languages."""

    def __init__(self, text: Text) -> None:
        self.text = text
        super().__init__(text.en)


def table_faults(document: dict[str, Any]) -> list[Text]:
    """What is wrong with table names, column names and required columns, against the contracts."""
    tables = document.get("tables")
    if not isinstance(tables, dict) or not tables:
        return [
            Text(
                "no table is given; a project needs at least one of {names}, e.g. [tables.orders].",
                "没有给出任何数据表；项目至少需要 {names} 之一，例如 [tables.orders]。",
            ).format(names=", ".join(STARTING_TABLES))
        ]
    faults: list[Text] = []
    for name, source in tables.items():
        if name not in TABLES:
            faults.append(
                Text(
                    "[tables.{name}]: there is no such table. {hint}", "[tables.{name}]：没有这种数据表。{hint}"
                ).format(name=name, hint=nearest(name, TABLES))
            )
        elif isinstance(source, dict) and isinstance(source.get("columns"), dict):
            faults += _column_faults(name, source["columns"])
    if not any(name in tables for name in STARTING_TABLES):
        faults.append(
            Text(
                "a project needs at least one of the tables {names}; got {got}.",
                "项目至少需要数据表 {names} 之一；现有 {got}。",
            ).format(names=", ".join(STARTING_TABLES), got=", ".join(tables))
        )
    return faults


def _column_faults(name: str, columns: dict[str, Any]) -> list[Text]:
    """What is wrong with the columns of one table: names, what they are mapped to, and required ones that are not."""
    table = TABLES[name]
    known = {c.name for c in (*table.columns, KNOWN_AT)} | ({ATTRIBUTES} if table.any_attribute else set())
    faults: list[Text] = []
    for column, source in columns.items():
        if column not in known:
            unknown = Text(
                "[tables.{name}] columns has no '{got}'. {hint}", "[tables.{name}] 的 columns 没有“{got}”。{hint}"
            )
            faults.append(unknown.format(name=name, got=column, hint=nearest(column, known)))
        elif fault := _source_fault(table, column, source):
            faults.append(_AT_COLUMN.format(name=name, column=column, fault=_ended(fault)))
    faults += [
        Text(
            "[tables.{name}] columns lacks '{column}' ({meaning}), which is required.",
            "[tables.{name}] 的 columns 缺少必需的“{column}”（{meaning}）。",
        ).format(name=name, column=column.name, meaning=column.meaning)
        for column in table.columns
        if column.required and column.name not in columns
    ]
    return faults


ATTRIBUTES = "attributes"
_AT_COLUMN = Text("[tables.{name}] {column}: {fault}", "[tables.{name}] 的 {column}：{fault}")
_SOURCE_FORMS = Text(
    'expected a column\'s name in quotes, {{ sql = "…" }}, {{ column = "…", format = "…" }} for times, or '
    '{{ column = "…", decimal = "," }} for numbers; got {got}',
    '应为带引号的列名、{{ sql = "…" }}、{{ column = "…", format = "…" }}（时间）或 {{ column = "…", decimal = "," }}（数字）；'
    "得到 {got}",
)


def _source_fault(table: Table, column: str, source: Any) -> Text | None:
    """What is wrong with the source of one column, or None. One mistake gives one sentence."""
    if column == ATTRIBUTES:
        if isinstance(source, list) and all(isinstance(name, str) and name for name in source):
            return None
        return Text(
            "expected a list of column names, e.g. {example}; got {got!r}",
            "应为列名的列表，例如 {example}；得到 {got!r}",
        ).format(example='["Region", "Tier"]', got=source)
    if isinstance(source, dict):
        return _described_source_fault(table, column, source)
    if not isinstance(source, str) or not source.strip():
        return _SOURCE_FORMS.format(got=repr(source))
    return None


def _described_source_fault(table: Table, column: str, source: dict[str, Any]) -> Text | None:
    """What is wrong with ``{sql = …}``, ``{column = …, format = …}`` or ``{column = …, decimal = …}``."""
    keys = ("sql", "column", "format", "decimal")
    if unknown := [key for key in source if key not in keys]:
        return Text("unknown key '{key}'. {hint}", "未知的键“{key}”。{hint}").format(
            key=unknown[0], hint=nearest(unknown[0], keys)
        )
    if bad := [key for key, value in source.items() if not isinstance(value, str) or not value.strip()]:
        return Text("{key} must be a text in quotes, got {got!r}", "{key} 必须是带引号的文字，得到 {got!r}").format(
            key=bad[0], got=source[bad[0]]
        )
    if set(source) not in ({"sql"}, {"column", "format"}, {"column", "decimal"}):
        return _SOURCE_FORMS.format(got=", ".join(source) or "{}")
    type_ = next(c for c in (*table.columns, KNOWN_AT) if c.name == column).type
    if "format" in source and type_ != "time":
        return _ONLY_FOR_TIMES
    if "decimal" in source and type_ != "number":
        return _ONLY_FOR_NUMBERS
    if "decimal" in source and source["decimal"] not in DECIMAL_SIGNS:
        return Text('decimal must be "." or ",", got {got!r}', "decimal 只能是“.”或“,”，得到 {got!r}").format(
            got=source["decimal"]
        )
    return None


DECIMAL_SIGNS = (".", ",")
_ONLY_FOR_TIMES = Text(
    "a format is for times, and this is none; name the column in quotes",
    "format 只用于时间列；请直接写带引号的列名",
)
_ONLY_FOR_NUMBERS = Text(
    "a decimal sign is for numbers, and this is none; name the column in quotes",
    "decimal 只用于数字列；请直接写带引号的列名",
)


def said_by_tables(error: ErrorDetails) -> bool:
    """Whether the walk over the tables has found it, and said it better."""
    where = error["loc"]
    return where[0] == "tables" and (where[1:] == () or (where[2:3] == ("columns",) and len(where) > 3))


_EXPECTED: dict[str, Text] = {
    "string_type": Text("expected a text in quotes", "应为带引号的文字"),
    "string_too_short": Text("expected a text that is not empty", "不能为空"),
    "int_type": Text("expected a whole number", "应为整数"),
    "float_type": Text("expected a number", "应为数字"),
    "bool_type": Text("expected true or false", "应为 true 或 false"),
    "dict_type": Text("expected a section, e.g. [{where}]", "应为一个小节，例如 [{where}]"),
    "model_type": Text("expected a section, e.g. [{where}]", "应为一个小节，例如 [{where}]"),
    "greater_than": Text("expected more than {gt}", "应大于 {gt}"),
    "greater_than_equal": Text("expected {ge} or more", "应不小于 {ge}"),
    "less_than": Text("expected less than {lt}", "应小于 {lt}"),
    "less_than_equal": Text("expected {le} or less", "应不大于 {le}"),
    "literal_error": Text("expected one of {expected}", "应为以下之一：{expected}"),
}
_EXPECTED_AT: dict[tuple[str, str], Text] = {
    ("project.currency", "string_pattern_mismatch"): Text(
        "expected a currency code of three capital letters, e.g. EUR or CNY",
        "应为三个大写字母的货币代码，例如 CNY 或 EUR",
    ),
}


def sentence(error: ErrorDetails, keys: Callable[[tuple[str, ...]], Iterable[str]]) -> Text:
    """One finding of the validator as a sentence: where, what was got, what is expected.

    ``keys`` gives the keys that a section of the file may have.
    """
    places = [str(p) for p in error["loc"]]
    where = ".".join(places)
    if error["type"] == "extra_forbidden":
        hint = nearest(places[-1], keys(tuple(places[:-1])))
        return Text("{where}: unknown key. {hint}", "{where}：未知的键。{hint}").format(where=where, hint=hint)
    if error["type"] == "missing":
        return Text("{where}: is required and missing.", "{where}：必填但缺失。").format(where=where)
    if isinstance(error["input"], dict):  # a whole section: what it says need not be repeated
        return Text("{where}: {expected}", "{where}：{expected}").format(
            where=where, expected=_ended(_expected(error, where))
        )
    return Text("{where}: got {got!r}; {expected}", "{where}：得到 {got!r}；{expected}").format(
        where=where, got=error["input"], expected=_ended(_expected(error, where))
    )


def _ended(text: Text) -> Text:
    """A clause as the end of a sentence."""
    return Text(*(t if t.endswith(tuple(".?。？")) else t + stop for t, stop in zip(text, ".。", strict=True)))


def _expected(error: ErrorDetails, where: str) -> Text:
    """What the validator expected."""
    context = error.get("ctx", {})
    if isinstance(own := context.get("error"), FindingError):
        return own.text
    expected = _EXPECTED_AT.get((where, error["type"])) or _EXPECTED.get(error["type"])
    if expected is None:
        return Text(error["msg"], "取值不符合要求（{message}）".format(message=error["msg"]))
    context = {k: Text(str(v), str(v).replace(" or ", " 或 ")) for k, v in context.items()}
    return expected.format(where=where, **context)
