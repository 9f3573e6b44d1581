"""The catalogue's SQL, written in DuckDB's dialect, said in Spark's; nothing is executed here.

sqlglot translates; what would then mean something else in Spark, or nothing, is rewritten first. Two readings are ours:
a number with a decimal point is a double (Spark would count in decimals of few digits), and ``len`` is the length of a
list while ``length`` is that of a text.
"""

from collections import Counter
from collections.abc import Mapping

import sqlglot
from sqlglot import ErrorLevel, exp
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.errors import UnsupportedError
from sqlglot.parsers.duckdb import DuckDBParser

_TYPES: dict[object, str] = {
    exp.DataType.Type.INT128: "DECIMAL(38, 0)",
    exp.DataType.Type.UTINYINT: "INT",
    exp.DataType.Type.USMALLINT: "INT",
    exp.DataType.Type.UINT: "BIGINT",
    exp.DataType.Type.UBIGINT: "DECIMAL(20, 0)",
}


class _Parser(DuckDBParser):
    FUNCTIONS = {**DuckDBParser.FUNCTIONS, "LEN": exp.ArraySize.from_arg_list}  # noqa: RUF012


class _Written(DuckDB):
    """DuckDB's dialect as it is written: lists count from 1."""

    INDEX_OFFSET = 0  # sqlglot would shift some indices, and leave others
    Parser = _Parser


def parsed(sql: str) -> exp.Expr:
    """The tree of a statement. Raises sqlglot.errors.ParseError: it is no SQL."""
    return sqlglot.parse_one(sql, read=_Written)


def tables_read(tree: exp.Expr) -> set[str]:
    """The tables and views that a statement reads, besides those that it defines itself."""
    defined = {cte.alias for cte in tree.find_all(exp.CTE)}
    return {table.name for table in tree.find_all(exp.Table) if table.name} - defined


def names_in(tree: exp.Expr) -> set[str]:
    """Every name in a statement, in lower case: no other column can matter to it."""
    return {name.name.lower() for name in tree.find_all(exp.Identifier)}


def split(tree: exp.Expr) -> tuple[list[tuple[str, exp.Expr]], exp.Expr]:
    """What a statement defines and reads several times, as statements of their own, and what remains of it.

    Spark would compute such a definition anew wherever it is read.
    """
    defined = {cte.alias: cte for cte in tree.find_all(exp.CTE) if cte.parent and cte.parent.parent is tree}
    read = Counter(table.name for table in tree.find_all(exp.Table))
    shared = [name for name, cte in defined.items() if read[name] > 1 and not cte.args["alias"].columns]
    private = {name: cte for name, cte in defined.items() if name not in shared}
    body = tree.copy()
    body.set("with_", None)
    return [(name, _completed(defined[name].this, private)) for name in shared], _completed(body, private)


def _completed(query: exp.Expr, definitions: Mapping[str, exp.Expr]) -> exp.Expr:
    """A query with those definitions before it that it reads, at once or by way of others."""
    needed, found = set[str](), {table.name for table in query.find_all(exp.Table)} & definitions.keys()
    while found:
        needed |= found
        reads = {table.name for name in found for table in definitions[name].find_all(exp.Table)}
        found = reads & definitions.keys() - needed
    completed = query.copy()
    if needed:
        completed.set("with_", exp.With(expressions=[definitions[n].copy() for n in definitions if n in needed]))
    return completed


def spark_sql(tree: exp.Expr) -> str:
    """The statement in Spark's dialect. Raises sqlglot.errors.UnsupportedError: it cannot be said there."""
    holder = exp.Subquery(this=tree.copy())  # a parent for every node that is replaced
    for node in reversed(list(holder.this.bfs())):  # what a node holds before the node itself
        meant = _meant(node)
        if meant is not node:
            node.replace(meant)
    return str(holder.this.sql("spark", identify=True, unsupported_level=ErrorLevel.RAISE))


def _meant(node: exp.Expr) -> exp.Expr:
    """A node that means in Spark what the given one means in DuckDB."""
    match node:
        case exp.Literal() if not node.is_string and "." in node.name and "e" not in node.name.lower():
            return exp.Literal.number(f"{node.name}E0")
        case exp.PercentileCont() if node.expression:
            return exp.func("percentile", node.this.copy(), node.expression.copy())
        case exp.DayOfWeekIso():
            return exp.paren(exp.func("weekday", node.this.copy()) + 1)
        case exp.Window() if node.alias:  # Spark reads "OVER name - x" as the name of a window
            return exp.paren(node.copy())
        case exp.DataType() if node.this in _TYPES:
            return exp.DataType.build(_TYPES[node.this], dialect="spark")
        case exp.Anonymous():
            return _function(node)
        case exp.Bracket() if len(node.expressions) == 1:
            return _element(node.this, node.expressions[0])
        case exp.Lambda() if len(node.expressions) == 2:
            _count_from_one(node)
        case exp.ArrayAgg() if isinstance(node.this, exp.Order):
            raise UnsupportedError("list(… ORDER BY …): Spark keeps no order; write list_sort(list(…))")
        case exp.CTE():
            node.set("materialized", None)
    return node


def _function(node: exp.Anonymous) -> exp.Expr:
    """A function that sqlglot does not know."""
    match node.name.lower():
        case "row":
            return exp.func("struct", *(e.copy() for e in node.expressions))
        case "list_sum":  # missing items do not count, and nothing sums up to nothing
            total = "aggregate(items, CAST(NULL AS DOUBLE), (a, b) -> coalesce(a + b, a, b))"
            return _with(total, items=node.expressions[0])
    return node


def _element(items: exp.Expr, index: exp.Expr) -> exp.Expr:
    """``items[i]``, missing where there is none, or ``items[from:to]``."""
    if not isinstance(index, exp.Slice):
        return _numbered(items, index)
    first = index.this or exp.Literal.number(1)
    last = index.expression or exp.ArraySize(this=items.copy())
    return _with("slice(items, first, greatest((last) - (first) + 1, 0))", items=items, first=first, last=last)


def _numbered(items: exp.Expr, index: exp.Expr) -> exp.Expr:
    if index.is_string:
        return exp.Dot(this=items.copy(), expression=exp.to_identifier(index.name))
    if isinstance(index, exp.Neg):  # from the end
        return _with("try_element_at(items, i)", items=items, i=index)
    return _with("get(items, (i) - 1)", items=items, i=index)


def _count_from_one(node: exp.Lambda) -> None:
    """Spark gives a lambda's second name the item's index from 0, DuckDB from 1."""
    index = node.expressions[1].name
    for name in list(node.this.find_all(exp.Identifier)):
        if name.name == index:
            name.replace(exp.paren(exp.Add(this=name.copy(), expression=exp.Literal.number(1))))


def _with(template: str, **parts: exp.Expr) -> exp.Expr:
    """An expression in Spark's dialect, with parts in the place of its names."""
    tree = sqlglot.parse_one(template, read="spark")
    for column in list(tree.find_all(exp.Column)):
        if column.name in parts:
            column.replace(parts[column.name].copy())
    return tree
