import gzip
import sqlite3
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from features.contracts import TABLES
from features.errors import FactsError, ProjectError
from features.project import Project
from features.sources import open_facts, rejected
from tests.features.companies import ORDERS, orders_csv, project, table


def rows(opened: Project, query: str) -> list[Any]:
    with open_facts(opened) as facts:
        return facts.connection.execute(query).fetchall()


def set_aside(opened: Project, name: str = "orders") -> list[tuple[str, int, str, str, str]]:
    with open_facts(opened) as facts:
        found = rejected(facts, name)
        assert len(found) == facts.readings[name].set_aside
        return [(r.file, r.line, r.column, r.value, r.reason.en) for r in found]


def refusal(opened: Project) -> str:
    with pytest.raises(FactsError) as error, open_facts(opened):
        pass
    return str(error.value)


def test_a_table_has_all_its_contract_columns_typed_and_the_unmapped_ones_empty(tmp_path: Path) -> None:
    opened = orders_csv(tmp_path, "customer,day,amount\n007,2024-01-31,5.5\n")
    with open_facts(opened) as facts:
        described = {r[0]: r[1] for r in facts.connection.execute("DESCRIBE orders").fetchall()}
        assert facts.connection.execute("SELECT * FROM orders").fetchall()[0].count(None) == len(described) - 6
        assert facts.columns == {"orders": frozenset({"customer_id", "ordered_at", "amount"})}
    types = {"id": "VARCHAR", "text": "VARCHAR", "time": "TIMESTAMP", "number": "DOUBLE", "flag": "BOOLEAN"}
    expected = {c.name: types[c.type] for c in TABLES["orders"].columns} | {"known_at": "TIMESTAMP"}
    expected |= dict.fromkeys(("ordered_day", "promised_day", "delivered_day", "known_day"), "DATE")
    assert described == expected


def test_ids_keep_their_leading_zeros_and_lose_a_float_tail(tmp_path: Path) -> None:
    opened = orders_csv(tmp_path, "customer,day,amount\n007,2024-01-01,1\n 17850.0 ,2024-01-01,1\nA-1,2024-01-01,1\n")
    assert rows(opened, "SELECT customer_id FROM orders") == [("007",), ("17850",), ("A-1",)]


def test_naive_times_are_read_on_the_projects_clocks_and_held_in_utc(tmp_path: Path) -> None:
    text = "customer,day,amount\n1,2024-07-01,1\n1,2024-01-01 00:30,1\n1,2024-07-01T12:00:00Z,1\n1,2024-07-01 23:30:00+00:00,1\n"
    assert rows(orders_csv(tmp_path, text, timezone="Europe/Berlin"), "SELECT ordered_at, ordered_day FROM orders") == [
        (datetime(2024, 6, 30, 22), date(2024, 7, 1)),
        (datetime(2023, 12, 31, 23, 30), date(2024, 1, 1)),
        (datetime(2024, 7, 1, 12), date(2024, 7, 1)),
        (datetime(2024, 7, 1, 23, 30), date(2024, 7, 2)),
    ]


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2024-07-01", datetime(2024, 7, 1)),
        ("2024/7/1", datetime(2024, 7, 1)),
        ("20240701", datetime(2024, 7, 1)),
        ("20240701083000", datetime(2024, 7, 1, 8, 30)),
        ("2024-07-01 08:30", datetime(2024, 7, 1, 8, 30)),
        ("2024-07-01T08:30:00.25", datetime(2024, 7, 1, 8, 30, 0, 250_000)),
        ("2024-07-01 08:30+02", datetime(2024, 7, 1, 6, 30)),
        ("2024-07-01T08:30:00+0530", datetime(2024, 7, 1, 3)),
        ("2024-07-01 08:30:00 UTC", datetime(2024, 7, 1, 8, 30)),
        ("01/07/2024", None),
        ("01-07-24", None),
        ("12-3-01", None),
        ("0001-01-01", None),
        ("2024-13-01", None),
        ("20241301", None),
        ("2024-07-01 08:30 Europe/Berlin", None),
        ("infinity", None),
        ("epoch", None),
        ("45000", None),
    ],
)
def test_only_unmistakable_times_are_read_without_a_format(tmp_path: Path, text: str, instant: datetime | None) -> None:
    opened = orders_csv(tmp_path, f"customer,day,amount\n1,2024-01-01,1\n1,{text},1\n")
    found = [] if instant is None else [(instant,)]
    assert rows(opened, "SELECT ordered_at FROM orders")[1:] == found


def test_a_format_reads_other_times_and_sets_aside_what_does_not_fit(tmp_path: Path) -> None:
    columns = 'customer_id = "customer", ordered_at = { column = "day", format = "%m/%d/%Y" }, amount = "amount"'
    opened = orders_csv(
        tmp_path,
        "customer,day,amount\n1,12/31/2013,1\n1,31/12/2013,1\n1,1/2/13,1\n1,1/2/2013,1\n1,3/2/2013,1\n",
        columns=columns,
    )
    assert rows(opened, "SELECT ordered_day FROM orders") == [
        (date(2013, 12, 31),),
        (date(2013, 1, 2),),
        (date(2013, 3, 2),),
    ]
    assert set_aside(opened) == [
        ("orders.csv", 3, "ordered_at", "31/12/2013", "ordered_at does not fit the format %m/%d/%Y"),
        ("orders.csv", 4, "ordered_at", "1/2/13", "ordered_at does not fit the format %m/%d/%Y"),
    ]


def test_a_format_with_an_offset_gives_utc(tmp_path: Path) -> None:
    columns = (
        'customer_id = "customer", ordered_at = { column = "day", format = "%d.%m.%Y %H:%M %z" }, amount = "amount"'
    )
    opened = orders_csv(
        tmp_path, "customer,day,amount\n1,01.07.2024 08:00 +0200,1\n", columns=columns, timezone="Asia/Tokyo"
    )
    assert rows(opened, "SELECT ordered_at FROM orders") == [(datetime(2024, 7, 1, 6),)]


def test_bad_values_are_set_aside_with_their_line_and_reason(tmp_path: Path) -> None:
    columns = ORDERS + ', quantity = "quantity", delivered_at = "delivered"'
    text = (
        "customer,day,amount,quantity,delivered\n"
        "1,2024-01-01,1,,\n"
        ",2024-01-01,1,1,\n"
        "2,2024-02-30,1,1,\n"
        "2,2024-01-01,1.5.6,1,\n"
        "2,2024-01-01,inf,1,\n"
        "2,2024-01-01,,1,\n"
        "2,2024-01-01,1,few,\n"
        "2,2024-01-01,1,1,soon\n" + "3,2024-01-01,1,n/a,NULL\n" * 8
    )
    opened = orders_csv(tmp_path, text, columns=columns)
    assert set_aside(opened) == [
        ("orders.csv", 3, "customer_id", "", "customer_id is missing"),
        ("orders.csv", 4, "ordered_at", "2024-02-30", "ordered_at cannot be read as a time"),
        ("orders.csv", 5, "amount", "1.5.6", "amount cannot be read as a number"),
        ("orders.csv", 6, "amount", "inf", "amount cannot be read as a number"),
        ("orders.csv", 7, "amount", "", "amount is missing"),
        ("orders.csv", 8, "quantity", "few", "quantity cannot be read as a number"),
        ("orders.csv", 9, "delivered_at", "soon", "delivered_at cannot be read as a time"),
    ]
    assert rows(opened, "SELECT count(*), count(quantity), count(delivered_at) FROM orders") == [(9, 0, 0)]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_lines_are_exact_after_quoted_newlines_empty_lines_and_malformed_ones(tmp_path: Path, end: str) -> None:
    lines = [
        "\ufeffcustomer,note,day,amount",  # 1
        '1,"two',
        'lines",2024-01-01,1',
        "",
        "1,x,bad,1",  # 5
        "1,x,2024-01-01,1,1",
        "1,x",
        '1,"x"y,2024-01-01,1',
        '1,5" pipe,worse,1',
        '1,"a ""quoted"" word',  # 10
        "",
        '",worst,1',
        *["1,x,2024-01-01,1"] * 6,
        "1,x,last,1",  # 19
    ]
    opened = orders_csv(tmp_path, end.join(lines))
    assert [(line, value, reason) for _, line, _, value, reason in set_aside(opened)] == [
        (5, "bad", "ordered_at cannot be read as a time"),
        (6, "1,x,2024-01-01,1,1", "the line has more fields than the header"),
        (7, "1,x", "the line has fewer fields than the header"),
        (8, '1,"x"y,2024-01-01,1', "a quote is opened or closed in the wrong place"),
        (9, "worse", "ordered_at cannot be read as a time"),
        (10, "worst", "ordered_at cannot be read as a time"),
        (19, "last", "ordered_at cannot be read as a time"),
    ]
    with open_facts(opened) as facts:
        assert [r.line for r in rejected(facts, "orders", 2)] == [5, 6]


def test_a_quote_that_never_closes_spoils_one_record_and_not_the_file(tmp_path: Path) -> None:
    text = 'customer,day,amount\n1,2024-01-01,1\n1,2024-01-02,1\n"1,2024-01-03,1\n1,2024-01-04,1\n'
    assert set_aside(orders_csv(tmp_path, text)) == [
        ("orders.csv", 4, "", '"1,2024-01-03,1', "a quote is opened or closed in the wrong place")
    ]


@pytest.mark.parametrize("ends", [("\r\n", "\n"), ("\r", "\r")])
def test_files_with_mixed_or_old_line_ends_are_read(tmp_path: Path, ends: tuple[str, str]) -> None:
    text = f"customer,day,amount{ends[0]}1,2024-01-01,1{ends[0]}1,bad,1{ends[0]}2,2024-01-01,1{ends[1]}3,2024-01-01,1{ends[0]}"
    opened = orders_csv(tmp_path, text)
    assert rows(opened, "SELECT customer_id FROM orders") == [("1",), ("2",), ("3",)]
    assert set_aside(opened) == [("orders.csv", 3, "ordered_at", "bad", "ordered_at cannot be read as a time")]


def test_lines_in_an_unknown_encoding_are_set_aside_and_a_header_in_one_is_refused(tmp_path: Path) -> None:
    good = b"customer,day,amount\n1,2024-01-01,1\n" + "Müller,2024-01-01,1\n".encode("cp1252") + b"2,2024-01-01,1\n"
    (tmp_path / "orders.csv").write_bytes(good)
    opened = project(tmp_path, table('path = "orders.csv"', ORDERS))
    assert [(line, reason) for _, line, _, _, reason in set_aside(opened)] == [(3, "the line is not UTF-8 text")]
    (tmp_path / "orders.csv").write_bytes("Käufer,day,amount\n1,2024-01-01,1\n".encode("cp1252"))
    assert "is not UTF-8 text, nor GB18030 (GBK, GB2312) or UTF-16. Save it as 'CSV UTF-8'" in refusal(opened)


def test_chinese_headers_and_semicolons_are_read(tmp_path: Path) -> None:
    columns = 'customer_id = "客户编号", ordered_at = "下单日期", amount = { sql = "数量 * 单价" }'
    opened = orders_csv(tmp_path, "\ufeff客户编号;下单日期;数量;单价\n甲;20240131;2;1.5\n", columns=columns)
    assert rows(opened, "SELECT customer_id, amount FROM orders") == [("甲", 3.0)]


def test_several_files_plain_and_gzipped_with_columns_in_any_order_are_one_table(tmp_path: Path) -> None:
    (tmp_path / "2023").mkdir()
    (tmp_path / "2024").mkdir()
    (tmp_path / "2023" / "o.csv").write_text("customer,day,amount\n1,2023-01-01,1\n2,bad,1\n")
    (tmp_path / "2024" / "o.csv.gz").write_bytes(
        gzip.compress(b"amount;customer;day\n3;3;2024-01-01\n4;4;2024-01-02\n5;5;worse\n")
    )
    opened = project(tmp_path, table('path = "20*/o.csv*"', ORDERS))
    assert rows(opened, "SELECT customer_id, amount FROM orders") == [("1", 1.0), ("3", 3.0), ("4", 4.0)]
    assert set_aside(opened) == [
        ("o.csv", 3, "ordered_at", "bad", "ordered_at cannot be read as a time"),
        ("o.csv.gz", 4, "ordered_at", "worse", "ordered_at cannot be read as a time"),
    ]


def test_a_file_name_with_brackets_is_read(tmp_path: Path) -> None:
    (tmp_path / "orders [1].csv").write_text("customer,day,amount\n1,2023-01-01,1\n")
    opened = project(tmp_path, table('path = "orders [[]1].csv"', ORDERS))
    assert rows(opened, "SELECT customer_id FROM orders") == [("1",)]


# expressions and filters

COMPUTED = 'customer_id = "customer", ordered_at = "day", amount = { sql = "Quantity * UnitPrice" }'


def test_expressions_see_numbers_and_a_bad_one_costs_its_row_only(tmp_path: Path) -> None:
    text = (
        "customer,day,Quantity,UnitPrice\n" + "1,2024-01-01,2,1.5\n" * 20 + "1,2024-01-01,two,1.5\n1,2024-01-01,,1.5\n"
    )
    opened = orders_csv(tmp_path, text, columns=COMPUTED)
    assert rows(opened, "SELECT count(*), sum(amount) FROM orders") == [(20, 60.0)]
    assert set_aside(opened) == [
        ("orders.csv", 22, "amount", "Quantity = two, UnitPrice = 1.5", "amount cannot be computed"),
        ("orders.csv", 23, "amount", "Quantity = , UnitPrice = 1.5", "amount cannot be computed"),
    ]


def test_an_error_in_one_row_of_an_expression_costs_that_row(tmp_path: Path) -> None:
    columns = 'customer_id = "customer", ordered_at = "day", amount = { sql = "CAST(substr(code, 2) AS INTEGER)" }'
    opened = orders_csv(tmp_path, "customer,day,code\n1,2024-01-01,A5\n1,2024-01-01,Ax\n", columns=columns)
    assert rows(opened, "SELECT amount FROM orders") == [(5.0,)]
    assert [line for _, line, *_ in set_aside(opened)] == [3]


def test_where_leaves_rows_out_without_calling_them_bad_and_ids_keep_their_zeros(tmp_path: Path) -> None:
    text = "customer,day,amount\n007,2024-01-01,1\n,2024-01-01,1\n008,2024-01-01,-1\n"
    opened = orders_csv(tmp_path, text, 'where = "customer IS NOT NULL AND amount > 0"')
    with open_facts(opened) as facts:
        reading = facts.readings["orders"]
        assert facts.connection.execute("SELECT customer_id FROM orders").fetchall() == [("007",)]
        assert (reading.read, reading.accepted, reading.set_aside, reading.left_out) == (3, 1, 0, 2)


def test_codes_with_letters_or_all_numbers_can_be_compared_with_text(tmp_path: Path) -> None:
    text = "customer,day,amount,code\n1,2024-01-01,1,10\n2,2024-01-01,1,11\n"
    opened = orders_csv(tmp_path, text, "where = \"code NOT LIKE 'C%' AND code <> 'POST'\"")
    assert rows(opened, "SELECT count(*) FROM orders") == [(2,)]


def test_a_row_whose_filter_cannot_be_computed_is_set_aside_not_left_out(tmp_path: Path) -> None:
    text = "customer,day,amount\n" + "1,2024-01-01,5\n" * 20 + "1,2024-01-01,five\n"
    opened = orders_csv(tmp_path, text, 'where = "amount + 1 > 2"')
    assert set_aside(opened) == [
        ("orders.csv", 22, "amount", "five", "amount cannot be read as a number"),
    ]


def test_an_expression_with_a_zone_gives_utc_and_text_without_one_is_read_on_the_projects_clocks(
    tmp_path: Path,
) -> None:
    columns = 'customer_id = "customer", ordered_at = {{ sql = "{sql}" }}, amount = "amount"'
    text = "customer,day,amount\n1,2024-07-01 12:00:00,1\n"
    for sql, hour in (("day AT TIME ZONE 'UTC'", 12), ("CAST(day AS TIMESTAMPTZ)", 10), ("day + INTERVAL 1 HOUR", 11)):
        opened = orders_csv(tmp_path, text, columns=columns.format(sql=sql), timezone="Europe/Berlin")
        assert rows(opened, "SELECT ordered_at FROM orders") == [(datetime(2024, 7, 1, hour),)]


def test_flags_are_read_in_both_languages(tmp_path: Path) -> None:
    words = ["Yes", "是", "TRUE", "1", "n", "否", "false", "0", "", "maybe"]
    body = "".join(f"F{n},1,2024-01-01,2024-02-01,5,{word}\n" for n, word in enumerate(words))
    (tmp_path / "bills.csv").write_text("no,customer,issued,due,amount,disputed\n" + body)
    columns = (
        'invoice_id = "no", customer_id = "customer", issued_at = "issued", due_at = "due", amount = "amount", '
        'disputed = "disputed"'
    )
    opened = project(tmp_path, table('path = "bills.csv"', columns, "invoices"))
    assert [r[0] for r in rows(opened, "SELECT disputed FROM invoices ORDER BY invoice_id")] == [
        *[True] * 4,
        *[False] * 4,
        None,
    ]
    assert set_aside(opened, "invoices")[0][1:3] == (11, "disputed")


def test_later_rows_with_the_same_key_are_set_aside(tmp_path: Path) -> None:
    (tmp_path / "customers.csv").write_text(
        "id,who,shade,since\n1,bad,A,x\n1,first,A,2020\n1,second,B,2021\n2,other,B,\n3,x,C,1\n"
    )
    (tmp_path / "orders.csv").write_text("customer,day,amount\n1,2024-01-01,1\n")
    opened = project(
        tmp_path,
        table('path = "orders.csv"', ORDERS),
        table(
            'path = "customers.csv"',
            'customer_id = "id", name = "who", credit_limit = "since", attributes = ["shade"]',
            "customers",
        ),
    )
    assert rows(opened, "SELECT customer_id, name, shade FROM customers") == [
        ("1", "first", "A"),
        ("2", "other", "B"),
        ("3", "x", "C"),
    ]
    assert set_aside(opened, "customers") == [
        ("customers.csv", 2, "credit_limit", "x", "credit_limit cannot be read as a number"),
        ("customers.csv", 4, "customer_id", "1", "duplicate customer_id"),
    ]


def test_a_panel_keeps_all_other_columns_in_the_type_of_their_values(tmp_path: Path) -> None:
    (tmp_path / "panel.csv").write_text(
        "id,left,spend,code,tier,vip\n1,Yes,5,007,A,true\n2,No,6.5,008,,false\n3,,7,009,B,true\n"
    )
    opened = project(tmp_path, table('path = "panel.csv"', 'customer_id = "id", label = "left"', "panel"))
    with open_facts(opened) as facts:
        assert facts.readings["panel"].attributes == ("spend", "code", "tier", "vip")
        found = facts.connection.execute("SELECT label, spend, code, tier, vip FROM panel").fetchall()
    assert found == [(True, 5.0, "007", "A", True), (False, 6.5, "008", None, False), (None, 7.0, "009", "B", True)]


def test_an_attribute_may_not_take_a_contract_columns_name(tmp_path: Path) -> None:
    (tmp_path / "panel.csv").write_text("id,left,as_of\n1,Yes,2024-01-01\n")
    opened = project(tmp_path, table('path = "panel.csv"', 'customer_id = "id", label = "left"', "panel"))
    with pytest.raises(ProjectError, match="'as_of' would become a further attribute"), open_facts(opened):
        pass


def test_known_at_is_the_mapped_column_or_when_the_row_occurred(tmp_path: Path) -> None:
    text = "customer,day,amount,booked\n1,2024-01-01,1,2024-01-05\n"
    query = "SELECT known_at, known_day FROM orders"
    assert rows(orders_csv(tmp_path, text), query) == [(datetime(2024, 1, 1), date(2024, 1, 1))]
    opened = orders_csv(tmp_path, text, columns=ORDERS + ', known_at = "booked"')
    assert rows(opened, query) == [(datetime(2024, 1, 5), date(2024, 1, 5))]


def test_a_row_with_an_empty_known_at_was_known_when_it_occurred(tmp_path: Path) -> None:
    text = "customer,day,amount,booked\n1,2024-01-01,1,2024-01-05\n1,2024-01-02,1,\n"
    opened = orders_csv(tmp_path, text, columns=ORDERS + ', known_at = "booked"')
    assert rows(opened, "SELECT known_at, known_day FROM orders ORDER BY ordered_at") == [
        (datetime(2024, 1, 5), date(2024, 1, 5)),
        (datetime(2024, 1, 2), date(2024, 1, 2)),
    ]


# Parquet and databases


def write_parquet(folder: Path, select: str, name: str = "orders.parquet") -> None:
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({select}) TO '{folder / name}' (FORMAT parquet)")


def test_parquet_is_read_where_it_lies_with_row_numbers_for_what_is_set_aside(tmp_path: Path) -> None:
    values = "(7.0, TIMESTAMP '2024-01-01 12:00', 1.5), (NULL, TIMESTAMP '2024-01-02', 2), (8.0, NULL, 3), (9.5, TIMESTAMP '2024-01-03', 4), (1.0, TIMESTAMP '2024-01-03', 'nan'::DOUBLE), (1.0, TIMESTAMP '2024-01-03', 4)"
    write_parquet(
        tmp_path,
        f"SELECT customer::DOUBLE AS customer, day, amount::DOUBLE AS amount FROM (VALUES {values}) t(customer, day, amount)",
    )
    opened = project(tmp_path, table('path = "orders.parquet"', ORDERS))
    assert rows(opened, "SELECT customer_id, ordered_at, amount FROM orders") == [
        ("7", datetime(2024, 1, 1, 12), 1.5),
        ("9.5", datetime(2024, 1, 3), 4.0),
        ("1", datetime(2024, 1, 3), 4.0),
    ]
    assert set_aside(opened) == [
        ("orders.parquet", 2, "customer_id", "", "customer_id is missing"),
        ("orders.parquet", 3, "ordered_at", "", "ordered_at is missing"),
        ("orders.parquet", 5, "amount", "nan", "amount is missing"),
    ]
    with open_facts(opened) as facts:
        kinds = dict(
            facts.connection.execute(
                "SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = 'source'"
            ).fetchall()
        )
    assert kinds["orders"] == "VIEW"


@pytest.mark.parametrize(
    ("day", "instant"),
    [
        ("DATE '2024-07-01'", datetime(2024, 6, 30, 22)),
        ("TIMESTAMPTZ '2024-07-01 12:00:00+00'", datetime(2024, 7, 1, 12)),
        ("20240701", datetime(2024, 6, 30, 22)),
        ("20240701.0::DOUBLE", datetime(2024, 6, 30, 22)),
        ("'2024-07-01'", datetime(2024, 6, 30, 22)),
        ("TIMESTAMP_NS '2024-07-01 12:00:00'", datetime(2024, 7, 1, 10)),
    ],
)
def test_every_kind_of_time_in_parquet_becomes_utc(tmp_path: Path, day: str, instant: datetime) -> None:
    write_parquet(tmp_path, f"SELECT '1' AS customer, {day} AS day, 1 AS amount")
    opened = project(tmp_path, table('path = "orders.parquet"', ORDERS), timezone="Europe/Berlin")
    assert rows(opened, "SELECT ordered_at FROM orders") == [(instant,)]


def test_parquet_files_with_different_columns_are_joined_by_name(tmp_path: Path) -> None:
    write_parquet(tmp_path, "SELECT '1' AS customer, DATE '2024-01-01' AS day, 1 AS amount", "a.parquet")
    write_parquet(
        tmp_path, "SELECT 2.5 AS amount, DATE '2024-01-01' AS day, '2' AS customer, 'web' AS channel", "b.parquet"
    )
    opened = project(tmp_path, table('path = "?.parquet"', ORDERS + ', channel = "channel"'))
    assert rows(opened, "SELECT customer_id, amount, channel FROM orders ORDER BY 1") == [
        ("1", 1.0, None),
        ("2", 2.5, "web"),
    ]


def test_duplicate_keys_in_parquet_are_set_aside(tmp_path: Path) -> None:
    write_parquet(tmp_path, "SELECT '1' AS customer, DATE '2024-01-01' AS day, 1 AS amount")
    write_parquet(tmp_path, "FROM (VALUES ('1', 'a'), ('1', 'b'), ('2', 'c')) t(id, who)", "customers.parquet")
    customers = table('path = "customers.parquet"', 'customer_id = "id", name = "who"', "customers")
    opened = project(tmp_path, table('path = "orders.parquet"', ORDERS), customers)
    assert rows(opened, "SELECT customer_id, name FROM customers") == [("1", "a"), ("2", "c")]
    assert set_aside(opened, "customers")[0][1:] == (2, "customer_id", "1", "duplicate customer_id")


def sqlite_orders(folder: Path) -> None:
    with sqlite3.connect(folder / "shop.db") as database:
        database.execute('CREATE TABLE "the orders" (customer TEXT, day TEXT, qty INTEGER, price REAL)')
        database.executemany(
            'INSERT INTO "the orders" VALUES (?, ?, ?, ?)',
            [
                ("007", "2024-01-01", 2, 1.5),
                ("008", "2024-01-02 10:00:00", 1, 9.0),
                ("009", "soon", 1, 1.0),
                (None, "2024-01-01", 1, 1),
            ],
        )
    database.close()


SQLITE = 'customer_id = "customer", ordered_at = "day", amount = { sql = "qty * price" }'


def test_sqlite_is_read_by_table_with_an_expression_and_a_filter(tmp_path: Path) -> None:
    sqlite_orders(tmp_path)
    source = 'database = "sqlite:///shop.db"\ntable = "the orders"\nwhere = "customer IS NOT NULL"'
    opened = project(tmp_path, table(source, SQLITE))
    assert rows(opened, "SELECT customer_id, ordered_at, amount FROM orders") == [
        ("007", datetime(2024, 1, 1), 3.0),
        ("008", datetime(2024, 1, 2, 10), 9.0),
    ]
    assert set_aside(opened) == [("sqlite:///shop.db", 3, "ordered_at", "soon", "ordered_at cannot be read as a time")]


def test_sqlite_is_read_by_query_that_may_hold_colons(tmp_path: Path) -> None:
    sqlite_orders(tmp_path)
    source = f'database = "sqlite:///{tmp_path}/shop.db"\nquery = "SELECT *, \'a:b\' AS x FROM \\"the orders\\" WHERE customer = \'007\'; "'
    opened = project(tmp_path, table(source, SQLITE + ', channel = "x"'))
    assert rows(opened, "SELECT customer_id, channel FROM orders") == [("007", "a:b")]


def test_duckdb_is_read_by_table_and_by_query_and_left_as_it_was(tmp_path: Path) -> None:
    with duckdb.connect(tmp_path / "shop.duckdb") as database:
        database.execute("CREATE SCHEMA sales")
        database.execute("CREATE TABLE sales.orders AS SELECT 7 AS customer, DATE '2024-01-01' AS day, 2.5 AS amount")
    for source in ('table = "sales.orders"', 'query = "SELECT * FROM sales.orders;"'):
        opened = project(tmp_path, table(f'database = "duckdb:///shop.duckdb"\n{source}', ORDERS))
        assert rows(opened, "SELECT customer_id, ordered_at, amount FROM orders") == [("7", datetime(2024, 1, 1), 2.5)]
    with duckdb.connect(tmp_path / "shop.duckdb") as database:
        assert database.execute("SELECT count(*) FROM sales.orders").fetchall() == [(1,)]


# refusals


def test_a_missing_file_names_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "sales.csv").write_text("x\n")
    opened = project(tmp_path, table('path = "orders*.csv"', ORDERS))
    assert "[tables.orders] path = 'orders*.csv' matches no file" in refusal(opened)
    assert "sales.csv" in refusal(opened)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "orders").mkdir()
    assert "Name the files in it, e.g. 'orders/*.csv'" in refusal(project(tmp_path, table('path = "orders"', ORDERS)))


def test_other_kinds_of_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "orders.xlsx").write_bytes(b"x")
    opened = project(tmp_path, table('path = "orders.xlsx"', ORDERS))
    with pytest.raises(ProjectError, match=r"must name CSV files .* or Parquet files"), open_facts(opened):
        pass


def test_a_wrong_column_name_gets_the_nearest_one_suggested(tmp_path: Path) -> None:
    opened = orders_csv(tmp_path, "custmer,day,amount\n1,2024-01-01,1\n")
    assert refusal(opened) == "[tables.orders]: orders.csv has no column 'customer'. Did you mean 'custmer'?"


@pytest.mark.parametrize("text", ["customer,day,amount\n", "", "\n\n"])
def test_a_file_without_rows_is_refused(tmp_path: Path, text: str) -> None:
    message = refusal(orders_csv(tmp_path, text))
    assert "has no rows below its header" in message or "is empty" in message


def test_an_expression_that_does_not_bind_shows_the_fault_and_the_columns(tmp_path: Path) -> None:
    columns = 'customer_id = "customer", ordered_at = "day", amount = { sql = "Qty * price" }'
    message = refusal(orders_csv(tmp_path, "customer,day,price\n1,2024-01-01,1\n", columns=columns))
    assert "[tables.orders] amount: the expression 'Qty * price' cannot be computed" in message
    assert 'Referenced column "Qty" not found' in message
    assert "The source has the columns customer, day, price." in message
    message = refusal(orders_csv(tmp_path, "customer,day,amount\n1,2024-01-01,1\n", 'where = "amount >"'))
    assert "[tables.orders] where: the expression 'amount >' cannot be computed" in message


def test_dates_that_cannot_be_read_are_shown_and_a_format_is_suggested(tmp_path: Path) -> None:
    text = "customer,day,amount\n1,31/01/2024,1\n2,28/02/2024,1\n3,01/03/2024,1\n4,02/03/2024,1\n"
    message = refusal(orders_csv(tmp_path, text))
    assert "4 of 4 rows of orders.csv cannot be used" in message
    assert "line 2 of orders.csv: ordered_at cannot be read as a time (got '31/01/2024')" in message
    assert "line 4" in message
    assert "line 5" not in message
    assert 'ordered_at = { column = "day", format = "%d/%m/%Y" }' in message


def test_more_than_half_set_aside_is_refused_and_half_is_not(tmp_path: Path) -> None:
    half = "customer,day,amount\n1,2024-01-01,1\n2,2024-01-01,x\n"
    assert len(set_aside(orders_csv(tmp_path, half))) == 1
    message = refusal(orders_csv(tmp_path, half + "3,2024-01-01,y\n"))
    assert "2 of 3 rows" in message
    assert 'amount = { column = "amount", decimal = "," }' in message


@pytest.mark.parametrize(("amounts", "sign"), [("-1 -2", "negative"), ("-1 0", "negative or zero")])
def test_orders_without_a_purchase_are_refused(tmp_path: Path, amounts: str, sign: str) -> None:
    text = "customer,day,amount\n" + "".join(f"1,2024-01-01,{a}\n" for a in amounts.split())
    message = refusal(orders_csv(tmp_path, text))
    assert f"every amount in orders.csv is {sign}" in message
    assert 'amount = { sql = "-amount" }' in message


def test_a_filter_that_leaves_nothing_is_refused(tmp_path: Path) -> None:
    message = refusal(orders_csv(tmp_path, "customer,day,amount\n1,2024-01-01,1\n", 'where = "amount > 5"'))
    assert "leaves out all 1 rows" in message


@pytest.mark.parametrize(
    ("database", "message"),
    [
        ("sqlite:///none.db", "There is no database file"),
        ("duckdb:///none.duckdb", "There is no database file"),
        ("sqlite:///junk.db", "file is not a database"),
        ("duckdb:///junk.db", "cannot be opened"),
    ],
)
def test_a_database_that_cannot_be_opened_is_told(tmp_path: Path, database: str, message: str) -> None:
    (tmp_path / "junk.db").write_bytes(b"this is no database at all, but some text" * 100)
    assert message in refusal(project(tmp_path, table(f'database = "{database}"\ntable = "orders"', ORDERS)))


def test_a_table_that_is_not_in_the_database_is_told(tmp_path: Path) -> None:
    sqlite_orders(tmp_path)
    message = refusal(project(tmp_path, table('database = "sqlite:///shop.db"\ntable = "order"', ORDERS)))
    assert "refuses to give order: no such table: order" in message


def test_an_unknown_kind_of_database_is_refused_without_showing_its_password(tmp_path: Path) -> None:
    opened = project(tmp_path, table('database = "mysql://me:secret@host/shop"\ntable = "orders"', ORDERS))
    with pytest.raises(ProjectError, match="only sqlite:///FILE") as error, open_facts(opened):
        pass
    assert "secret" not in str(error.value)


def test_a_postgresql_server_that_is_not_there_or_has_no_driver_is_told_without_the_password(tmp_path: Path) -> None:
    opened = project(tmp_path, table('database = "postgresql://me:secret@127.0.0.1:1/shop"\ntable = "orders"', ORDERS))
    message = refusal(opened)
    assert "retinue[postgres]" in message or "cannot be opened" in message
    assert "secret" not in message


def test_asking_for_rejections_of_another_table_is_refused(tmp_path: Path) -> None:
    opened = orders_csv(tmp_path, "customer,day,amount\n1,2024-01-01,1\n")
    with open_facts(opened) as facts, pytest.raises(FactsError, match=r"no table 'order'\. Did you mean 'orders'"):
        rejected(facts, "order")


def test_the_temporary_folder_is_gone_afterwards(tmp_path: Path) -> None:
    with open_facts(orders_csv(tmp_path, "customer,day,amount\n1,2024-01-01,1\n")) as facts:
        folder = Path(facts.connection.execute("SELECT current_setting('temp_directory')").fetchall()[0][0])
        assert folder.is_dir()
    assert not folder.exists()
