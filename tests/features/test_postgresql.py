"""Facts from a real PostgreSQL server: every type that a table is likely to hold, refusals, and the same features."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from features.errors import FactsError
from features.project import Project
from features.snapshot import snapshot
from features.sources import open_facts, rejected
from tests.features.companies import ORDERS, project, table
from tests.features.postgresql import PASSWORD, run, running_server

SALES = """
    CREATE SCHEMA sales;
    CREATE TABLE sales.orders (
        customer text, day timestamptz, amount numeric(12, 2), "Order No" uuid, quantity int, channel text, due date);
    INSERT INTO sales.orders VALUES
        ('007', '2024-07-01 12:00:00.25+02', 1234.50, '6f1de4ac-0000-4000-8000-000000000001', 2, '网店', '2024-07-31'),
        ('0008', '2024-07-02 00:00:00+00', 0.10, '6f1de4ac-0000-4000-8000-000000000002', NULL, NULL, NULL),
        ('A "9"', '2024-01-31 23:30:00+08', -3, '6f1de4ac-0000-4000-8000-000000000003', 1, E'a;b,"c"\\n第二行', '2024-02-01'),
        (NULL, '2024-01-31 00:00:00+00', 5, '6f1de4ac-0000-4000-8000-000000000004', 1, '', NULL),
        ('10', 'infinity', 5, NULL, 1, 'x', NULL);
    CREATE TABLE bills (no int, customer text, issued date, due timestamp, amount double precision, disputed bool);
    INSERT INTO bills VALUES (1, '007', '2024-01-01', '2024-02-01 08:30', 0.1, true), (2, '0008', '2024-01-02', '2024-03-01',
        1e-3, false), (3, '0008', '2024-01-03', '2024-03-01', 'NaN', NULL), (4, '10', '2024-01-04', '2024-03-01', 7, NULL);
"""
SALES_COLUMNS = ORDERS + ', order_id = "Order No", quantity = "quantity", channel = "channel", delivered_at = "due"'
BILLS_COLUMNS = (
    'invoice_id = "no", customer_id = "customer", issued_at = "issued", due_at = "due", amount = "amount", '
    'disputed = "disputed"'
)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with running_server() as address:
        run(address, SALES)
        yield address


def on(server: str, what: str, folder: Path, columns: str = ORDERS, name: str = "orders", **settings: str) -> Project:
    return project(folder, table(f'database = "{server}"\n{what}', columns, name), **settings)


def rows(opened: Project, query: str) -> list[Any]:
    with open_facts(opened) as facts:
        return facts.connection.execute(query).fetchall()


def refusal(opened: Project) -> str:
    with pytest.raises(FactsError) as error, open_facts(opened):
        pass
    assert PASSWORD not in str(error.value)
    return str(error.value)


def test_a_table_of_a_schema_is_read_with_all_its_types(server: str, tmp_path: Path) -> None:
    opened = on(server, 'table = "sales.orders"', tmp_path, SALES_COLUMNS, timezone="Europe/Berlin")
    query = (
        "SELECT customer_id, ordered_at, amount, order_id, quantity, channel, delivered_at FROM orders ORDER BY amount"
    )
    number = "6f1de4ac-0000-4000-8000-00000000000"
    assert rows(opened, query) == [
        ('A "9"', datetime(2024, 1, 31, 15, 30), -3.0, f"{number}3", 1.0, 'a;b,"c"\n第二行', datetime(2024, 1, 31, 23)),
        ("0008", datetime(2024, 7, 2), 0.1, f"{number}2", None, None, None),
        ("007", datetime(2024, 7, 1, 10, 0, 0, 250_000), 1234.5, f"{number}1", 2.0, "网店", datetime(2024, 7, 30, 22)),
    ]


def test_what_cannot_be_read_is_set_aside_with_its_row(server: str, tmp_path: Path) -> None:
    with open_facts(on(server, 'table = "sales.orders"', tmp_path, SALES_COLUMNS)) as facts:
        found = [(r.file, r.line, r.column, r.value, r.reason.en) for r in rejected(facts, "orders")]
    place = server.replace(PASSWORD, "***")
    assert found == [
        (place, 4, "customer_id", "", "customer_id is missing"),
        (place, 5, "ordered_at", "infinity", "ordered_at cannot be read as a time"),
    ]


def test_dates_booleans_and_floats_keep_their_values(server: str, tmp_path: Path) -> None:
    opened = on(server, 'table = "bills"', tmp_path, BILLS_COLUMNS, "invoices", timezone="Asia/Shanghai")
    assert rows(opened, "SELECT invoice_id, issued_day, due_at, amount, disputed FROM invoices ORDER BY 1") == [
        ("1", date(2024, 1, 1), datetime(2024, 2, 1, 0, 30), 0.1, True),
        ("2", date(2024, 1, 2), datetime(2024, 2, 29, 16), 0.001, False),
        ("4", date(2024, 1, 4), datetime(2024, 2, 29, 16), 7.0, None),
    ]


def test_a_query_may_join_count_and_hold_colons_and_comments(server: str, tmp_path: Path) -> None:
    query = (
        "SELECT customer, min(day) AS day, sum(amount)::text AS amount, 'a:b %' AS note "
        "FROM sales.orders WHERE customer <> '10' GROUP BY customer; "
    )
    opened = on(server, f'query = "{query}"', tmp_path, ORDERS + ', channel = "note"')
    assert rows(opened, "SELECT customer_id, amount, channel FROM orders ORDER BY amount DESC LIMIT 1") == [
        ("007", 1234.5, "a:b %")
    ]
    commented = "SELECT customer, day, amount FROM sales.orders WHERE customer = '007' -- only one"
    assert rows(on(server, f'query = "{commented}"', tmp_path), "SELECT count(*) FROM orders") == [(1,)]


def test_an_expression_and_a_filter_work_on_what_the_server_gives(server: str, tmp_path: Path) -> None:
    columns = 'customer_id = "customer", ordered_at = "day", amount = { sql = "amount * quantity" }'
    opened = on(server, 'table = "sales.orders"\nwhere = "quantity > 1"', tmp_path, columns)
    assert rows(opened, "SELECT customer_id, amount FROM orders") == [("007", 2469.0)]


def test_columns_of_one_name_are_told_apart(server: str, tmp_path: Path) -> None:
    query = "SELECT o.customer, o.day, o.amount, b.amount FROM sales.orders o JOIN bills b ON b.customer = o.customer WHERE b.no = 1"
    opened = on(server, f'query = "{query}"', tmp_path, ORDERS + ', discount = "amount_1"')
    assert rows(opened, "SELECT amount, discount FROM orders") == [(1234.5, 0.1)]


def test_a_query_cannot_change_the_database(server: str, tmp_path: Path) -> None:
    message = refusal(on(server, 'query = "DELETE FROM bills RETURNING *"', tmp_path))
    assert "cannot execute DELETE in a read-only transaction" in message
    opened = on(server, 'table = "bills"', tmp_path, BILLS_COLUMNS, "invoices")
    assert rows(opened, "SELECT count(*) FROM invoices") == [(3,)]


def test_how_the_server_likes_to_write_dates_does_not_matter(server: str, tmp_path: Path) -> None:
    run(server, "ALTER DATABASE postgres SET datestyle = 'German'")
    try:
        opened = on(
            server, "query = \"SELECT customer, day, amount FROM sales.orders WHERE customer = '007'\"", tmp_path
        )
        assert rows(opened, "SELECT ordered_at FROM orders") == [(datetime(2024, 7, 1, 10, 0, 0, 250_000),)]
    finally:
        run(server, "ALTER DATABASE postgres RESET datestyle")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ('table = "sales.order"', "Did you mean 'sales.orders'?"),
        ('table = "Bills"', "Did you mean 'bills'?"),
        ('table = "sale.orders"', "Did you mean 'sales.orders'?"),
        ('query = "SELECT * FROM bill"', "Did you mean 'bills'?"),
        ('table = "stock"', "It can be one of: bills, sales.orders."),
        ('query = "SELECT customers FROM bills"', 'column "customers" does not exist'),
        ('query = "SELECT FROM WHERE"', "syntax error"),
    ],
)
def test_a_table_that_is_not_there_gets_the_nearest_name(server: str, tmp_path: Path, asked: str, said: str) -> None:
    assert said in refusal(on(server, asked, tmp_path))


def test_wrong_passwords_databases_and_hosts_are_told_apart(server: str, tmp_path: Path) -> None:
    orders = 'table = "sales.orders"'
    assert "password authentication failed" in refusal(on(server.replace(PASSWORD, "wrong"), orders, tmp_path))
    assert 'database "shop" does not exist' in refusal(on(server.replace("/postgres", "/shop"), orders, tmp_path))
    nowhere = server.rpartition(":")[0] + ":1/postgres"
    assert "onnection refused" in refusal(on(nowhere, orders, tmp_path))
    unknown = refusal(on("postgresql://me@no-such-host.invalid/shop", orders, tmp_path))
    assert "The database postgresql://me@no-such-host.invalid/shop cannot be opened" in unknown


# the same facts from everywhere

ORDER_ROWS = """
    SELECT 'K' || lpad(((n * 7) % 23)::text, 3, '0') AS customer,
        CAST(timestamp '2023-01-01 00:00:00.123456' + (n * 37 % 480) * interval '1 day' + (n % 24) * interval '1 hour' AS {instant})
            AS day,
        CAST((n * 7919 % 100003) / 100.0 - 20 AS numeric(12, 2)) AS amount, CASE WHEN n % 5 > 0 THEN n % 9 END AS quantity,
        CASE n % 3 WHEN 0 THEN '门店' WHEN 1 THEN 'web' END AS channel
    FROM generate_series(1, 400) AS s(n) ORDER BY n"""
BILL_ROWS = """
    SELECT n AS no, 'K' || lpad((n % 23)::text, 3, '0') AS customer, date '2023-01-01' + CAST(n * 3 AS int) AS issued,
        date '2023-02-01' + CAST(n * 3 AS int) AS due, CAST(n AS double precision) / 3 AS amount, n % 7 = 0 AS disputed,
        CASE WHEN n % 4 > 0 THEN date '2023-01-25' + CAST(n * 3 + n % 40 AS int) END AS settled
    FROM generate_series(1, 150) AS s(n) ORDER BY n"""
COLUMNS = {
    "orders": ORDERS + ', quantity = "quantity", channel = "channel"',
    "invoices": BILLS_COLUMNS + ', settled_at = "settled"',
}


@pytest.fixture(scope="module")
def company(server: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the same two tables as CSV, Parquet, SQLite and DuckDB; the server has them in its schema ``same``."""
    folder = tmp_path_factory.mktemp("same")
    orders = ORDER_ROWS.format(instant="timestamptz")
    run(
        server,
        "CREATE SCHEMA same",
        f"CREATE TABLE same.orders AS {orders}",
        f"CREATE TABLE same.invoices AS {BILL_ROWS}",
    )
    with duckdb.connect(folder / "company.duckdb") as database:
        database.execute("SET TimeZone = 'UTC'")
        database.execute(f"CREATE TABLE orders AS {orders}")
        database.execute(f"CREATE TABLE invoices AS {BILL_ROWS}")
        for name in COLUMNS:
            database.execute(f"COPY {name} TO '{folder / name}.csv' (HEADER)")
            database.execute(f"COPY {name} TO '{folder / name}.parquet' (FORMAT parquet)")
        written = {name: database.sql(f"FROM {name}").to_arrow_table() for name in COLUMNS}
    with sqlite3.connect(folder / "company.db") as database:
        for name, found in written.items():
            database.execute(f"CREATE TABLE {name} ({', '.join(found.column_names)})")
            values = [tuple(_for_sqlite(v) for v in row.values()) for row in found.to_pylist()]
            database.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * found.num_columns)})", values)
    database.close()
    return folder


def _for_sqlite(value: Any) -> Any:
    if isinstance(value, date):  # a datetime is one, too
        return value.isoformat()
    return value if isinstance(value, int | float | str | None) else float(value)


def made_from(company: Path, place: str) -> pa.Table:
    tables = [table(place.format(name=name), columns, name) for name, columns in COLUMNS.items()]
    with open_facts(project(company, *tables, timezone="Asia/Shanghai")) as facts:
        assert [r.set_aside for r in facts.readings.values()] == [0, 0]
        made = snapshot(facts, [datetime(2023, 9, 1, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC)])
        return made.sort_by([("as_of", "ascending"), ("customer_id", "ascending")])


@pytest.mark.parametrize(
    "place",
    [
        'path = "{name}.csv"',
        'path = "{name}.parquet"',
        'database = "sqlite:///company.db"\ntable = "{name}"',
        'database = "duckdb:///company.duckdb"\ntable = "{name}"',
    ],
    ids=["CSV", "Parquet", "SQLite", "DuckDB"],
)
def test_the_features_are_the_same_bit_for_bit(server: str, company: Path, place: str) -> None:
    from_server = made_from(company, f'database = "{server}"\ntable = "same.{{name}}"')
    elsewhere = made_from(company, place)
    assert from_server.num_rows == 46
    assert from_server.equals(elsewhere)
