"""The steps from known facts to matched books: by reference first, and oldest first only where money is left for it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count

import duckdb

from features.errors import FactsError
from features.ledger.by_reference import FILLS, booked_sql, joined_sql, named_sql, retimed_sql
from features.ledger.kinds import kinds_in
from features.ledger.known import CutOffs, invoices_sql, money_sql
from features.ledger.oldest_first import covered_sql, free_sql, pools_sql, reopened_sql, unapplied_sql
from features.sources import Facts
from features.text import Text

_NO_INVOICES = Text(
    "A receivables ledger needs invoices, but the project gives {tables}. Map [tables.invoices].",
    "应收账款台账需要发票，但项目只有 {tables}。请映射 [tables.invoices]。",
)
_NOTHING_PAID = Text(
    "Nothing tells when invoices are paid, so every one would stay open for ever. Map [tables.payments], or settled_at in "
    "[tables.invoices].",
    "没有任何数据说明发票何时付款，所有发票都会一直显示为未结清。请映射 [tables.payments]，或在 [tables.invoices] 中映射 settled_at。",
)

WORKING_VIEWS = ("named", "money", "known_invoices", "booked")
WORKING_TABLES = ("pools", "free_money")
KEPT_TABLES = ("joined", "changes", "retimed", "unapplied")

_NUMBERS = count(1)

IsPlain = Callable[[duckdb.DuckDBPyConnection, CutOffs, Sequence[str]], bool]


@dataclass(frozen=True)
class Books:
    """Matched books in the facts' connection: names of the kept tables begin with ``name``.

    ``kinds`` of money are there; ``has_records``: settlements may be recorded without money. ``is_plain``: every piece of
    money found its invoice by reference, so that nothing was left to be changed; ``is_retimed``: some invoices saw more
    money than they needed.
    """

    name: str
    at: CutOffs
    kinds: tuple[str, ...]
    has_records: bool
    is_plain: bool = True
    is_retimed: bool = False

    def table(self, kept: str) -> str:
        """The name of a kept table."""
        return f"{self.name}_{kept}"

    def booked_sql(self, joined: str | None = None) -> str:
        """SQL for the invoices with what fills them by reference or record."""
        return booked_sql(joined or self.table("joined"), self.kinds, self.has_records)


def match(facts: Facts, at: CutOffs, is_plain: IsPlain | None = None) -> Books:
    """Match all money that was known at the cut-offs to the invoices that were.

    ``is_plain`` says whether matching by reference suffices; what is left out by that must make no difference.
    Raises FactsError: there are no invoices, nothing tells of payment, or of a kind of payment nobody knows.
    """
    refuse_unpaid(facts)
    connection = facts.connection
    invoices, payments = facts.columns["invoices"], facts.columns.get("payments")
    meant = kinds_in(connection) if payments is not None and "kind" in payments else {}
    kinds = tuple(kind for kind, _ in FILLS if kind in {"payment", *meant.values()})
    books = Books(f"ledger_{next(_NUMBERS)}", at, kinds, "settled_at" in invoices)
    try:
        _view(connection, "known_invoices", invoices_sql(at, invoices))
        _view(connection, "money", money_sql(at, payments, meant))
        _view(connection, "named", named_sql(at, kinds, books.has_records))
        _table(connection, "joined", joined_sql(at, kinds, books.has_records))
        _view(connection, "booked", books.booked_sql("joined"))
        plain = (is_plain or suffices)(connection, at, kinds)
        _table(connection, "retimed", retimed_sql(at))
        if plain:
            _no_free_money(connection, at)
        else:
            _table(connection, "free_money", free_sql(at, kinds, _all_found(connection)))
            _table(connection, "pools", pools_sql(at))
            _table(connection, "changes", f"{covered_sql(at)} UNION ALL {reopened_sql(at)}")
            _table(connection, "unapplied", unapplied_sql(at))
        retimed = connection.execute("SELECT 1 FROM retimed LIMIT 1").fetchall() != []
        for kept in KEPT_TABLES:
            connection.execute(f"ALTER TABLE temp.{kept} RENAME TO {books.table(kept)}")
    finally:
        for view in WORKING_VIEWS:
            connection.execute(f"DROP VIEW IF EXISTS temp.{view}")
        for table in (*WORKING_TABLES, *KEPT_TABLES):
            connection.execute(f"DROP TABLE IF EXISTS temp.{table}")
    return replace(books, is_plain=plain, is_retimed=retimed)


def refuse_unpaid(facts: Facts) -> None:
    """Raise FactsError where the project's tables cannot make books."""
    if "invoices" not in facts.columns:
        raise FactsError(_NO_INVOICES, tables=", ".join(sorted(facts.columns)))
    if "payments" not in facts.columns and "settled_at" not in facts.columns["invoices"]:
        raise FactsError(_NOTHING_PAID)


def suffices(connection: duckdb.DuckDBPyConnection, at: CutOffs, kinds: Sequence[str]) -> bool:
    """Whether all known money went by reference and nothing is left over: then nothing is to be done oldest first."""
    left_over = " OR ".join(["recorded > 0", *(f"excess_{kind} <> 0" for kind in kinds)])
    [(pieces, left)] = connection.execute(f"SELECT sum(pieces), bool_or({left_over}) FROM booked").fetchall()
    if left:
        return False
    if connection.execute("SELECT count(*) FROM money").fetchall() != [(pieces or 0,)]:
        return False
    return not connection.execute("SELECT 1 FROM known_invoices WHERE amount_minor < 0 LIMIT 1").fetchall()


def _all_found(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether all money that names an invoice found it."""
    [(named,)] = connection.execute("SELECT count(invoice_id) FROM money").fetchall()
    return connection.execute("SELECT coalesce(sum(pieces), 0) FROM joined").fetchall() == [(named,)]


def forget(connection: duckdb.DuckDBPyConnection, books: Books) -> None:
    """Drop the kept tables."""
    for kept in KEPT_TABLES:
        connection.execute(f"DROP TABLE IF EXISTS temp.{books.table(kept)}")


def _no_free_money(connection: duckdb.DuckDBPyConnection, at: CutOffs) -> None:
    number = "0 AS cut_off, " if at.key else ""
    nothing = "0::BIGINT AS credited, 0::BIGINT AS paid, 0::BIGINT AS written_off, 0::BIGINT AS rest"
    who = f"{number}NULL::VARCHAR AS customer_id"
    _table(
        connection,
        "changes",
        f"SELECT {who}, NULL::VARCHAR AS invoice_id, {nothing}, NULL::TIMESTAMP AS closed_at WHERE FALSE",
    )
    _table(connection, "unapplied", f"SELECT {who}, 0::BIGINT AS unapplied, 0::BIGINT AS unbacked WHERE FALSE")


def _view(connection: duckdb.DuckDBPyConnection, name: str, sql: str) -> None:
    connection.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS {sql}")


def _table(connection: duckdb.DuckDBPyConnection, name: str, sql: str) -> None:
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {sql}")
