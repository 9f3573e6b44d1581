"""Who an action is meant for: SQL conditions over score and feature columns, checked when read, applied in one pass.

A condition may compare, combine and compute with columns of one customer. It may not look at other rows, other tables,
the clock or chance, so that the same customer at the same instant always gets the same answer.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, lru_cache
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from features.catalogue import BY_NAME
from features.errors import ProjectError, nearest
from features.prepared import FEW_ROWS, Prepared
from features.text import Text
from training.life_cycle import STAGES
from training.models.rfm import SEGMENTS
from training.tiers import TIERS
from training.trajectory.states import STATES

SCORE_COLUMNS: dict[str, str] = {
    "churn_probability": "DOUBLE",
    "churn_probability_low": "DOUBLE",
    "churn_probability_high": "DOUBLE",
    "churn_band": "VARCHAR",
    "segment": "VARCHAR",
    "value_at_stake": "DOUBLE",
    "expected_purchases": "DOUBLE",
    "expected_revenue": "DOUBLE",
    "lifetime_value": "DOUBLE",
    "lifetime_value_low": "DOUBLE",
    "lifetime_value_high": "DOUBLE",
    "value_score": "DOUBLE",
    "share_of_customer": "DOUBLE",
    "loyalty_index": "DOUBLE",
    "tier": "VARCHAR",
    "lifecycle_stage": "VARCHAR",
    "trajectory": "VARCHAR",
    "lifetime_value_net": "DOUBLE",
    "credit_class": "VARCHAR",
    "credit_score": "DOUBLE",
    "credit_probability": "DOUBLE",
    "late_probability": "DOUBLE",
}
"""Columns of a score that a condition may use, beside every feature of the catalogue and the project's own."""

WORDS: dict[str, tuple[str, ...]] = {
    "churn_band": ("low", "medium", "high"),
    "segment": tuple(SEGMENTS),
    "tier": tuple(TIERS),
    "lifecycle_stage": tuple(STAGES),
    "trajectory": tuple(STATES),
    "credit_class": tuple("ABCDE"),
}
"""What a text column can say; anything else in a condition is a slip."""

ROW = "#row"
"""The number of a row, beside its columns; no feature can have this name."""

_ALLOWED = {
    "COLUMN_REF", "CONSTANT", "COMPARISON", "CONJUNCTION", "OPERATOR", "BETWEEN", "CASE", "CAST", "TYPE", "FUNCTION"
}  # fmt: skip


def condition_columns(own: Iterable[str] = ()) -> dict[str, str]:
    """Every column that a condition may use → its DuckDB type; ``own`` are the names of the project's own features."""
    return {name: _type(name) for name in (*BY_NAME, *own, *SCORE_COLUMNS)}


def _type(column: str) -> str:
    return SCORE_COLUMNS.get(column, "DOUBLE")  # every feature is a number


@lru_cache(maxsize=256)
def columns_of(condition: str) -> frozenset[str]:
    """The columns that a (correct) condition reads, in lower case."""
    return frozenset(_column(n) for n in _nodes(_syntax(condition)) if n["class"] == "COLUMN_REF")


@lru_cache(maxsize=256)
def condition_faults(condition: str, own: frozenset[str] = frozenset()) -> tuple[Text, ...]:
    """What is wrong with a condition, in sentences; empty when it can be used where the project has these ``own`` features."""
    tree = _syntax(condition)
    if tree["error"]:
        return (
            Text("it is not an SQL condition: {fault}.", "不是有效的 SQL 条件：{fault}。").format(
                fault=tree["error_message"]
            ),
        )
    nodes = list(_nodes(tree))
    faults = [*_foreign_parts(tree, nodes), *_unknown_columns(nodes, own), *_unknown_words(nodes)]
    return tuple(faults or _type_faults(condition))


def eligible(table: pa.Table, conditions: Mapping[str, str]) -> dict[str, NDArray[np.bool_]]:
    """For each condition, which rows of ``table`` fulfil it: one Boolean per row, in the table's order.

    A condition that reads a column which the table does not have holds for nobody. Missing and not-a-number values are
    NULL, and a condition that is NULL does not hold. All conditions are evaluated in one query.
    Raises ProjectError: a condition fails on a value (e.g. a text that it casts to a number).
    """
    present = {name.lower(): name for name in table.column_names}
    usable = {id_: text for id_, text in conditions.items() if columns_of(text) <= present.keys()}
    answer = {id_: np.zeros(table.num_rows, dtype=np.bool_) for id_ in conditions}
    if not usable or not table.num_rows:
        return answer
    found = _evaluate(table, present, list(usable.values()))
    return {**answer, **dict(zip(usable, found, strict=True))}


def _evaluate(table: pa.Table, present: Mapping[str, str], conditions: list[str]) -> list[NDArray[np.bool_]]:
    read = sorted(frozenset().union(*map(columns_of, conditions)))
    rows = pa.table({ROW: np.arange(table.num_rows), **{name: table.column(present[name]) for name in read}})
    casts = ", ".join([f'"{ROW}"', *(_cast(name, _type(name)) for name in read)])  # the order of the rows is kept
    answers = ", ".join(f"coalesce(({condition}\n), false) AS a{i}" for i, condition in enumerate(conditions))
    query = f"SELECT {answers} FROM (SELECT {casts} FROM given)"
    try:
        if table.num_rows <= FEW_ROWS:
            return list(np.array(_prepared(query, rows.schema).ask(given=rows), dtype=np.bool_).T)
        with _engine().cursor() as connection:
            connection.register("given", rows)
            return [column.to_numpy() for column in connection.sql(query).to_arrow_table().columns]
    except duckdb.Error as fault:
        raise ProjectError(
            Text(
                "An 'eligible' condition of the playbook fails on the customers' values: {fault}",
                "行动手册中的 eligible 条件无法用于客户数据：{fault}",
            ),
            fault=fault,
        ) from None


@lru_cache(maxsize=16)
def _prepared(query: str, schema: pa.Schema) -> Prepared:
    return Prepared(query, {"given": schema})


@cache
def _engine() -> duckdb.DuckDBPyConnection:
    """An in-memory DuckDB without access to files or network; each use takes a cursor of its own."""
    return duckdb.connect(config={"enable_external_access": "false", "threads": "1"})


def _cast(name: str, type_: str) -> str:
    if type_ == "DOUBLE":
        return f"CASE WHEN isfinite({name}::DOUBLE) THEN {name}::DOUBLE END AS {name}"
    return f"{name}::{type_} AS {name}"


@lru_cache(maxsize=256)
def _syntax(condition: str) -> dict[str, Any]:
    with _engine().cursor() as connection:
        row = connection.execute("SELECT json_serialize_sql(?)", [f"SELECT ({condition}\n)"]).fetchone()
    return dict(json.loads(row[0])) if row else {}


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Every expression of a syntax tree, parents first."""
    if isinstance(tree, dict):
        if "class" in tree:
            yield tree
        for part in tree.values():
            yield from _nodes(part)
    elif isinstance(tree, list):
        for part in tree:
            yield from _nodes(part)


def _column(node: dict[str, Any]) -> str:
    return ".".join(node["column_names"]).lower()


def _constant(node: dict[str, Any]) -> str:
    """What a constant says; DuckDB 1 and 2 write it differently."""
    return str(node["literal"]["text"] if "literal" in node else node["value"].get("value"))


def _foreign_parts(tree: dict[str, Any], nodes: list[dict[str, Any]]) -> Iterator[Text]:
    """Whatever reaches beyond the one customer: other tables, aggregates, windows, the clock, chance."""
    select = [statement["node"] for statement in tree["statements"]]
    if len(select) != 1 or select[0]["from_table"]["type"] != "EMPTY" or len(select[0]["select_list"]) != 1:
        yield Text("it must be one condition, without FROM.", "只能是一个条件，不能包含 FROM。")
    elif any(n["class"] not in _ALLOWED for n in nodes):
        yield Text(
            "it may only compare and compute with columns; sub-queries, windows and parameters are not possible.",
            "只能对各列进行比较和计算，不能使用子查询、窗口函数或参数。",
        )
    for name in sorted({n["function_name"] for n in nodes if n["class"] == "FUNCTION"} - _steady_functions()):
        yield Text(
            "'{name}' cannot be used: only functions of the customer's own columns, not totals, the clock or chance.",
            "不能使用“{name}”：只能使用针对客户自身各列的函数，不能使用汇总、当前时间或随机数。",
        ).format(name=name)


@cache
def _steady_functions() -> frozenset[str]:
    """DuckDB's functions of one row that always give the same answer."""
    with _engine().cursor() as connection:
        rows = connection.execute(
            "SELECT function_name FROM duckdb_functions() GROUP BY 1"
            " HAVING bool_and(function_type = 'scalar' AND stability = 'CONSISTENT')"
        ).fetchall()
    return frozenset({*(name for (name,) in rows), "if", "ifnull", "nullif"})


def _unknown_columns(nodes: list[dict[str, Any]], own: frozenset[str]) -> Iterator[Text]:
    known = condition_columns(own)
    for name in sorted({_column(n) for n in nodes if n["class"] == "COLUMN_REF"} - known.keys()):
        yield Text("there is no column '{name}'. {hint}", "没有“{name}”这一列。{hint}").format(
            name=name, hint=nearest(name, known)
        )


def _unknown_words(nodes: list[dict[str, Any]]) -> Iterator[Text]:
    """Texts compared with a column of words that it never says."""
    for node in (n for n in nodes if n["type"].startswith("COMPARE_")):
        parts = [p for p in [*node.get("children", []), node.get("left"), node.get("right")] if p]
        for column in [_column(p) for p in parts if p["class"] == "COLUMN_REF"]:
            for word in [_constant(p) for p in parts if p["class"] == "CONSTANT"]:
                if column in WORDS and word not in WORDS[column]:
                    yield Text("{column} is never '{word}'. {hint}", "{column} 不会是“{word}”。{hint}").format(
                        column=column, word=word, hint=nearest(word, WORDS[column])
                    )


def _type_faults(condition: str) -> Iterator[Text]:
    """A condition that does not fit the columns' types, or whose answer is not true or false."""
    examples = (
        f"'{WORDS[name][0]}' AS {name}" if name in WORDS else f"1::{_type(name)} AS {name}"
        for name in sorted(columns_of(condition))
    )
    columns = ", ".join([f'1 AS "{ROW}"', *examples])
    with _engine().cursor() as connection:
        try:
            result = connection.execute(f"SELECT ({condition}\n) AS answer FROM (SELECT {columns})")
            got = str(result.description[0][1])
            result.fetchone()
        except duckdb.Error as fault:
            yield Text("it cannot be computed: {fault}", "无法计算：{fault}").format(fault=str(fault).splitlines()[0])
            return
        if got != "BOOLEAN":
            yield Text("it must be true or false, got {got}.", "结果应为真或假，得到 {got}。").format(got=got)
