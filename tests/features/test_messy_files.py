"""Files as companies export them, from ``retinue init`` to the facts: each oddity is read right, or its line set aside."""

import csv
import gzip
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from features.check import check
from features.errors import FactsError
from features.project import FormattedColumn, Project, load_project
from features.proposal import propose
from features.rejects_files import SetAside, keep_set_aside, rejects_folder, write_rejects
from features.sources import open_facts, rejected
from tests.features.companies import ORDERS, orders_csv, project, table
from tests.serving.test_cli_facts import retinue

QUERY = "SELECT customer_id, ordered_day, amount FROM orders"


def proposed(folder: Path, content: str | bytes, name: str = "orders.csv", timezone: str = "UTC") -> Project:
    """The project that ``retinue init`` proposes for a file, as the user saves it (with the time zone set)."""
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    text = propose(folder).toml("en").replace('timezone = "UTC"', f'timezone = "{timezone}"')
    (folder / "retinue.toml").write_text(text, encoding="utf-8")
    return load_project(folder)


def rows(opened: Project, query: str = QUERY) -> list[Any]:
    with open_facts(opened) as facts:
        return facts.connection.execute(query).fetchall()


def amounts(opened: Project) -> list[float]:
    return [amount for (amount,) in rows(opened, "SELECT amount FROM orders")]


def set_aside(opened: Project, name: str = "orders") -> list[tuple[int, str, str]]:
    with open_facts(opened) as facts:
        return [(r.line, r.value, r.reason.en) for r in rejected(facts, name)]


def refusal(opened: Project) -> str:
    with pytest.raises(FactsError) as error, open_facts(opened):
        pass
    assert error.value.text.zh
    return str(error.value)


def with_amounts(*values: str, sign: str = ";") -> str:
    lines = "".join(f"K{n}{sign}2024-01-31{sign}{value}\n" for n, value in enumerate(values))
    return sign.join(("customer_id", "order_date", "amount")) + "\n" + lines


# marks, signs and languages


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    opened = proposed(tmp_path, "\ufeffcustomer_id,order_date,amount\n007,2024-01-31,5\n")
    assert opened.tables["orders"].columns["customer_id"] == "customer_id"
    assert rows(opened) == [("007", date(2024, 1, 31), 5.0)]


def test_a_german_export_is_read_as_it_is_meant(tmp_path: Path) -> None:
    text = (
        "\ufeffKundennummer;Bestelldatum;Betrag;Artikelnummer\r\n"
        "00042;31.01.2024;1.234,56;A1\r\n"
        "00043;01.02.2024;950;A2\r\n"
        "00042;02.02.2024;12,5;A1\r\n"
        "00044;03.02.2024;n. v.;A1\r\n"
        "00042;04.02.2024;-1.000;A1\r\n"
    )
    opened = proposed(tmp_path, text, "Bestellungen.csv")
    assert opened.tables["orders"].columns["ordered_at"] == FormattedColumn(column="Bestelldatum", format="%d.%m.%Y")
    assert rows(opened) == [
        ("00042", date(2024, 1, 31), 1234.56),
        ("00043", date(2024, 2, 1), 950.0),
        ("00042", date(2024, 2, 2), 12.5),
        ("00042", date(2024, 2, 4), -1000.0),
    ]
    assert set_aside(opened) == [(5, "n. v.", "amount cannot be read as a number with the decimal sign ,")]


def test_a_proposal_says_the_decimal_sign_that_the_values_show(tmp_path: Path) -> None:
    opened = proposed(tmp_path, with_amounts("1.234,50", "3,00"))
    assert opened.tables["orders"].columns["amount"] == FormattedColumn(column="amount", decimal=",")
    assert amounts(opened) == [1234.5, 3.0]


def test_chinese_headers_and_semicolons_are_proposed_and_read(tmp_path: Path) -> None:
    text = "客户编号;下单日期;金额;订单号\n甲01;2024年1月5日;￥1,200.50;A1\n乙02;2024年12月6日;￥20;A2\n"
    opened = proposed(tmp_path, text, "销售.csv")
    assert (opened.project.currency, opened.project.timezone) == ("CNY", "Asia/Shanghai")
    assert rows(opened) == [("甲01", date(2024, 1, 5), 1200.5), ("乙02", date(2024, 12, 6), 20.0)]


# numbers


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (["1.234,56", "-0,5", "7"], [1234.56, -0.5, 7.0]),
        (["1,234.56", "-0.5", "1,234"], [1234.56, -0.5, 1234.0]),
        (["1 234,56", "12 345", "0,5"], [1234.56, 12345.0, 0.5]),
        (["1\u00a0234,56", "1\u202f000,5"], [1234.56, 1000.5]),
        (["1'234.56", "12’000"], [1234.56, 12000.0]),
        (["12,34,567.50", "1,00,000"], [1234567.5, 100000.0]),
        (["￥1,234.56", "¥ 12", "30元", "-¥5", "¥-5"], [1234.56, 12.0, 30.0, -5.0, -5.0]),
        (["€ 12,50", "1.234,00 €", "-€3,5", "EUR 7"], [12.5, 1234.0, -3.5, 7.0]),
        (["$1,234", "$1,234.50", "US$3", "($2.00)"], [1234.0, 1234.5, 3.0, -2.0]),
        (["(12.50)", "12.50-", "- 3.25", "−4.5", "(1,000.00)"], [-12.5, -12.5, -3.25, -4.5, -1000.0]),
        (["１，２３４．５", "－２．０"], [1234.5, -2.0]),
        (["1.234.567", "1.234"], [1234567.0, 1234.0]),
        (["1e3", "2.5", "+4"], [1000.0, 2.5, 4.0]),
    ],
)
def test_numbers_are_read_as_people_write_them(tmp_path: Path, written: list[str], meant: list[float]) -> None:
    positive = ["100000.5" if any("." in w[-3:] for w in written) else "100000"]  # so that not all are returns
    opened = proposed(tmp_path, with_amounts(*positive, *written))
    assert amounts(opened)[1:] == meant
    assert set_aside(opened) == []


@pytest.mark.parametrize("sign", [",", ";", "\t"])
@pytest.mark.parametrize(("thousands", "one"), [(",", "1,234"), (".", "1.234")])
def test_a_number_that_can_be_read_in_two_ways_is_refused_until_the_project_says_how(
    tmp_path: Path, thousands: str, one: str, sign: str
) -> None:
    opened = proposed(tmp_path, with_amounts(f'"{one}"', "950", sign=sign))
    assert opened.tables["orders"].columns["amount"] == "amount"
    assert f"AMBIGUOUS: '{one}' can be read in two ways" in (tmp_path / "retinue.toml").read_text()
    message = refusal(opened)
    assert f"[tables.orders] amount: '{one}' in the source's column 'amount' can be read in two ways" in message
    assert 'amount = { column = "amount", decimal = "," }' in message

    for decimal, meant in ((thousands, 1.234), ("." if thousands == "," else ",", 1234.0)):
        said = f'customer_id = "customer_id", ordered_at = "order_date", amount = {{ column = "amount", decimal = "{decimal}" }}'
        assert amounts(project(tmp_path, table('path = "orders.csv"', said))) == [meant, 950.0]
        whole_table = f'path = "orders.csv"\ndecimal = "{decimal}"'
        columns = 'customer_id = "customer_id", ordered_at = "order_date", amount = "amount"'
        assert amounts(project(tmp_path, table(whole_table, columns))) == [meant, 950.0]


def test_one_slip_of_the_pen_does_not_decide_about_many(tmp_path: Path) -> None:
    message = refusal(proposed(tmp_path, with_amounts(*["1,234"] * 30, "12,50")))
    assert "'1,234' in the source's column 'amount' can be read in two ways" in message


def test_a_column_with_both_decimal_signs_is_refused_until_the_project_says_which(tmp_path: Path) -> None:
    text = with_amounts("12,50", "12.75", "1,5")
    message = refusal(proposed(tmp_path, text))
    assert "writes both '12.75' and '1,5'" in message
    columns = 'customer_id = "customer_id", ordered_at = "order_date", amount = { column = "amount", decimal = "," }'
    opened = orders_csv(tmp_path, text, columns=columns)
    assert amounts(opened) == [12.5, 1.5]
    assert set_aside(opened) == [(3, "12.75", "amount cannot be read as a number with the decimal sign ,")]


def test_a_few_values_with_the_other_decimal_sign_are_set_aside(tmp_path: Path) -> None:
    opened = proposed(tmp_path, with_amounts(*["12,50"] * 19, "12.75"))
    assert amounts(opened) == [12.5] * 19
    assert set_aside(opened) == [(21, "12.75", "amount cannot be read as a number with the decimal sign ,")]


def test_plain_numbers_with_three_decimals_are_plain_where_others_show_it(tmp_path: Path) -> None:
    assert amounts(proposed(tmp_path, with_amounts("1.234", "0.500", "3"))) == [1.234, 0.5, 3.0]
    assert amounts(proposed(tmp_path, with_amounts("1.234", "2.5", sign=","))) == [1.234, 2.5]


def test_amounts_in_another_currency_are_set_aside(tmp_path: Path) -> None:
    opened = proposed(tmp_path, with_amounts("€ 12,50", "$ 12,50", "€ 3,00", "4,00"))
    assert opened.project.currency == "EUR"
    assert amounts(opened) == [12.5, 3.0, 4.0]
    assert set_aside(opened) == [(3, "$ 12,50", "amount is not in EUR like the rest")]


def test_the_companys_own_currency_comes_before_the_commonest(tmp_path: Path) -> None:
    opened = orders_csv(
        tmp_path, "customer,day,amount\n1,2024-01-01,$5\n1,2024-01-01,$6\n1,2024-01-01,€7\n2,2024-01-01,€8\n"
    )
    assert amounts(opened) == [7.0, 8.0]
    assert [reason for _, _, reason in set_aside(opened)] == ["amount is not in EUR like the rest"] * 2


def test_a_column_wholly_in_another_currency_is_read_and_pointed_out(tmp_path: Path) -> None:
    opened = orders_csv(tmp_path, "customer,day,amount\n1,2024-01-01,$5\n1,2024-09-30,$6\n")
    with open_facts(opened) as facts:
        warnings = [w.en for w in check(facts, datetime(2025, 1, 1, tzinfo=UTC)).warnings]
    assert warnings[0] == (
        "orders: amount is written in USD, but the project's currency is EUR. Is one of the two wrong?"
    )


def test_what_is_no_number_is_set_aside_not_made_into_one(tmp_path: Path) -> None:
    junk = ["1,23,4", "12..5", "1.2.3,4", "--5", "(-5)", "-5-", "5%", "abc", "12 34,5", "€", "0,1234.5", "1,2345.6"]
    opened = proposed(tmp_path, with_amounts(*["1.234,56"] * 20, *junk))
    assert amounts(opened) == [1234.56] * 20
    assert [value for _, value, _ in set_aside(opened)] == junk


def test_expressions_see_numbers_with_a_decimal_comma(tmp_path: Path) -> None:
    text = (
        "Kundennummer;Datum;Menge;Einzelpreis\n1;2024-01-31;2;1.234,50\n2;2024-01-31;3;€ 0,50\n3;2024-01-31;3;gratis\n"
    )
    opened = proposed(tmp_path, text + "1;2024-01-31;1;9,90\n" * 9)
    assert rows(opened, "SELECT customer_id, amount FROM orders LIMIT 2") == [("1", 2469.0), ("2", 1.5)]
    assert set_aside(opened) == [(4, "Menge = 3, Einzelpreis = gratis", "amount cannot be computed")]


def test_an_expression_over_numbers_that_can_be_read_in_two_ways_is_refused(tmp_path: Path) -> None:
    columns = 'customer_id = "customer", ordered_at = "day", amount = { sql = "qty * price" }'
    text = 'customer,day,qty,price\n1,2024-01-31,2,"1,234"\n'
    message = refusal(orders_csv(tmp_path, text, columns=columns))
    assert "[tables.orders] amount: '1,234' in the source's column 'price' can be read in two ways" in message
    assert 'decimal = "," or decimal = "." for all columns of the table' in message
    assert amounts(orders_csv(tmp_path, text, 'decimal = ","', columns)) == [2.468]
    assert amounts(orders_csv(tmp_path, text, 'decimal = "."', columns)) == [2468.0]
    rewritten = columns.replace("qty * price", "replace(price, ',', '')")
    assert amounts(orders_csv(tmp_path, text, columns=rewritten)) == [1234.0]


def test_a_filter_sees_numbers_with_a_decimal_comma(tmp_path: Path) -> None:
    text = "customer;day;amount\n1;2024-01-31;1.234,50\n2;2024-01-31;0,50\n"
    assert amounts(orders_csv(tmp_path, text, 'where = "amount > 1"')) == [1234.5]


def test_attributes_of_a_panel_are_numbers_also_with_a_decimal_comma(tmp_path: Path) -> None:
    text = "customerID;Churn;fee;phone;code\n1;Yes;1.029,85;030 123 456;007\n2;No;5,5;030 123 457;008\n"
    opened = proposed(tmp_path, text, "telco.csv")
    assert rows(opened, "SELECT fee, phone, code FROM panel") == [
        (1029.85, "030 123 456", "007"),
        (5.5, "030 123 457", "008"),
    ]


def test_texts_in_parquet_are_read_as_in_csv(tmp_path: Path) -> None:
    with duckdb.connect() as connection:
        values = "('1', DATE '2024-01-31', '1.234,50 €'), ('2', DATE '2024-01-31', '0,5')"
        connection.execute(
            f"COPY (FROM (VALUES {values}) t(customer, day, amount)) TO '{tmp_path}/o.parquet' (FORMAT parquet)"
        )
    assert amounts(project(tmp_path, table('path = "o.parquet"', ORDERS))) == [1234.5, 0.5]


# dates and time zones


@pytest.mark.parametrize("dates", [["13/01/2024", "01/02/2024"], ["01/13/2024", "02/01/2024"]])
def test_dates_with_slashes_are_read_in_the_order_that_they_show(tmp_path: Path, dates: list[str]) -> None:
    text = "customer_id,order_date,amount\n" + "".join(f"1,{d},5.5\n" for d in dates)
    assert [day for _, day, _ in rows(proposed(tmp_path, text))] == [date(2024, 1, 13), date(2024, 2, 1)]


def test_dates_that_can_be_read_in_two_orders_are_refused_until_the_project_says_which(tmp_path: Path) -> None:
    text = "customer_id,order_date,amount\n1,01/02/2024,5.5\n1,03/04/2024,6.5\n"
    message = refusal(proposed(tmp_path, text))
    assert "2 of 2 rows of orders.csv cannot be used" in message
    assert "Day or month may stand first, as no day is above 12. Say which: ordered_at" in message
    columns = 'customer_id = "customer_id", ordered_at = {{ column = "order_date", format = "{}" }}, amount = "amount"'
    for format_, month in (("%d/%m/%Y", 2), ("%m/%d/%Y", 1)):
        opened = orders_csv(tmp_path, text, columns=columns.format(format_))
        assert rows(opened, "SELECT month(ordered_day) FROM orders")[0] == (month,)


def test_an_error_about_dates_names_the_format_that_fits_them(tmp_path: Path) -> None:
    text = "customer,day,amount\n1,31-Jan-2024,5.5\n1,01-Feb-2024,6.5\n"
    assert 'ordered_at = { column = "day", format = "%d-%b-%Y" }' in refusal(orders_csv(tmp_path, text))


def test_times_of_several_zones_stand_in_one_column(tmp_path: Path) -> None:
    times = [
        "2025-03-01T10:00:00+08:00",
        "2025-03-01T10:00:00Z",
        "2025-03-01T10:00:00",
        "2025-03-01 10:00:00.5 -0530",
        "2025-07-01 10:00",
        "2025-03-01",
        "2025-03-01 10:00:00 Mars/Base",
    ]
    text = "customer_id,order_date,amount\n" + "".join(f"1,{t},{n}.5\n" for n, t in enumerate(times))
    opened = proposed(tmp_path, text + "1,2025-03-02,9.5\n", timezone="Europe/Berlin")
    assert rows(opened, "SELECT ordered_at, ordered_day FROM orders")[:6] == [
        (datetime(2025, 3, 1, 2), date(2025, 3, 1)),
        (datetime(2025, 3, 1, 10), date(2025, 3, 1)),
        (datetime(2025, 3, 1, 9), date(2025, 3, 1)),
        (datetime(2025, 3, 1, 15, 30, 0, 500_000), date(2025, 3, 1)),
        (datetime(2025, 7, 1, 8), date(2025, 7, 1)),
        (datetime(2025, 2, 28, 23), date(2025, 3, 1)),
    ]
    assert set_aside(opened) == [(8, "2025-03-01 10:00:00 Mars/Base", "ordered_at cannot be read as a time")]


# lines and ids


def test_line_ends_in_quotes_belong_to_the_value_and_lines_are_counted_on(tmp_path: Path) -> None:
    text = (
        "customer_id;order_date;amount;category\n"
        '1;2024-01-31;5,5;"two\nlines"\n'
        '2;soon;6,5;"a;""b"""\n'
        '3;2024-02-01;7,5;"\n"\n'
        "4;2024-02-30;7,5;x\n"
    )
    opened = proposed(tmp_path, text)
    assert rows(opened, "SELECT customer_id, amount, category FROM orders") == [
        ("1", 5.5, "two\nlines"),
        ("3", 7.5, "\n"),
    ]
    assert set_aside(opened) == [
        (4, "soon", "ordered_at cannot be read as a time"),
        (7, "2024-02-30", "ordered_at cannot be read as a time"),
    ]


def test_ids_with_leading_zeros_stay_as_they_are(tmp_path: Path) -> None:
    text = (
        "customer_id,order_date,amount,order_id\n007,2024-01-31,5.5,00012\n7,2024-01-31,6.5,12\n000,2024-01-31,7.5,0\n"
    )
    found = rows(proposed(tmp_path, text), "SELECT customer_id, order_id FROM orders")
    assert found == [("007", "00012"), ("7", "12"), ("000", "0")]


def test_the_second_row_of_a_customer_or_invoice_is_set_aside(tmp_path: Path) -> None:
    (tmp_path / "invoices.csv").write_text(
        "invoice_no,customer_id,issue_date,due_date,amount\n"
        "F1,007,2024-01-01,2024-02-01,5.5\n"
        "F2,007,2024-01-02,2024-02-01,6.5\n"
        "F1,008,2024-01-03,2024-02-01,7.5\n"
    )
    text = "customer_id,name,region\n007,First,N\n008,Other,S\n007,Second,N\n9,X,S\n"
    opened = proposed(tmp_path, text, "customers.csv")
    assert set_aside(opened, "invoices") == [(4, "F1", "duplicate invoice_id")]
    assert set_aside(opened, "customers") == [(4, "007", "duplicate customer_id")]
    assert rows(opened, "SELECT customer_id, name FROM customers") == [("007", "First"), ("008", "Other"), ("9", "X")]


# encodings

GERMAN = "Kunde;Datum;Betrag\nMüller;2024-01-31;5,50\nJäger;2024-01-31;6,50\n"
CHINESE = (
    "客户编号;下单日期;金额;渠道\n"
    "甲公司;2024-01-31;1.234,50;网店\n"
    "乙公司;二月;6,50;门店\n"
    '"丙""三""公司";2024-02-01;7,50;"两\n行"\n'
    "丁公司;2024-02-30;8,50;门店\n"
    "𠮷野;2024-02-03;9,50;门店\n"
    "镕基;2024-02-04;9,50;门店\n"
)
CHINESE_ROWS = [
    ("甲公司", 1234.5, "网店"),
    ('丙"三"公司', 7.5, "两\n行"),
    ("𠮷野", 9.5, "门店"),
    ("镕基", 9.5, "门店"),
]
CHINESE_COLUMNS = 'customer_id = "客户编号", ordered_at = "下单日期", amount = "金额", channel = "渠道"'


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["gb18030", "utf-16", "utf-8-sig"])
def test_chinese_text_is_read_in_every_usual_encoding_with_the_right_lines(
    tmp_path: Path, encoding: str, end: str
) -> None:
    content = CHINESE.replace("\n", end).encode(encoding)
    (tmp_path / "orders.csv").write_bytes(content)
    opened = project(tmp_path, table('path = "orders.csv"', CHINESE_COLUMNS))
    found = rows(
        opened,
        "SELECT customer_id, amount, replace(replace(channel, chr(13), chr(10)), chr(10) || chr(10), chr(10)) FROM orders",
    )
    assert found == CHINESE_ROWS
    assert set_aside(opened) == [
        (3, "二月", "ordered_at cannot be read as a time"),
        (6, "2024-02-30", "ordered_at cannot be read as a time"),
    ]


@pytest.mark.parametrize(
    ("name", "encoding"), [("订单.csv", "gb18030"), ("订单.csv.gz", "gb18030"), ("订单.csv", "utf-16")]
)
def test_a_proposal_is_made_for_other_encodings_too(tmp_path: Path, name: str, encoding: str) -> None:
    content = CHINESE.replace("二月", "2024-02-02").replace("2024-02-30", "2024-02-28").encode(encoding)
    opened = proposed(tmp_path, gzip.compress(content) if name.endswith("gz") else content, name)
    assert opened.tables["orders"].columns["amount"] == FormattedColumn(column="金额", decimal=",")
    assert len(amounts(opened)) == 6
    assert set_aside(opened) == []


def test_chinese_text_far_below_a_plain_header_is_found(tmp_path: Path) -> None:
    plain = "customer_id,order_date,amount,channel\n" + "K1,2024-01-31,5.5,web\n" * 5_000
    opened = proposed(tmp_path, (plain + "甲,2024-01-31,6.5,网店\n乙,soon,1.5,x\n").encode("gb18030"))
    assert rows(opened, "SELECT customer_id FROM orders WHERE amount = 6.5") == [("甲",)]
    assert set_aside(opened) == [(5_003, "soon", "ordered_at cannot be read as a time")]


def test_a_few_lines_in_another_encoding_are_set_aside_from_a_utf8_file(tmp_path: Path) -> None:
    good = "customer,day,amount\n" + "客户甲,2024-01-31,5.5\n" * 9
    content = good.encode() + "客户乙,2024-01-31,6.5\n".encode("gb18030") + "客户丙,2024-01-31,7.5\n".encode()
    (tmp_path / "orders.csv").write_bytes(content)
    opened = project(tmp_path, table('path = "orders.csv"', ORDERS))
    assert {customer for customer, *_ in rows(opened)} == {"客户甲", "客户丙"}
    assert [(line, reason) for line, _, reason in set_aside(opened)] == [(11, "the line is not UTF-8 text")]


@pytest.mark.parametrize("encoding", ["cp1252", "mac_roman", "cp850"])
def test_western_letters_are_not_taken_for_chinese(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "orders.csv").write_bytes(GERMAN.encode(encoding))
    opened = project(
        tmp_path, table('path = "orders.csv"', 'customer_id = "Kunde", ordered_at = "Datum", amount = "Betrag"')
    )
    message = refusal(opened)
    assert "2 of 2 rows of orders.csv cannot be used" in message
    assert "the line is not UTF-8 text" in message
    assert "iconv" in message
    (tmp_path / "orders.csv").write_bytes(GERMAN.replace("Kunde", "Käufer").encode(encoding))
    assert "is not UTF-8 text, nor GB18030" in refusal(opened)


# what was set aside, on disk


def test_everything_set_aside_is_written_with_line_value_and_reason_in_both_languages(tmp_path: Path) -> None:
    text = 'customer,day,amount\n1,2024-01-31,5\n,2024-01-31,6\n2,2024-01-31,7,8\n3,2024-01-31,9\n4,soon,"1\n"\n5,2024-01-31,1\n'
    opened = orders_csv(tmp_path, text)
    with open_facts(opened) as facts:
        files = write_rejects(facts, rejects_folder(opened))
    assert files == {"orders": opened.workspace / "rejects" / "orders.csv"}
    with files["orders"].open(encoding="utf-8-sig", newline="") as file:
        assert list(csv.reader(file)) == [
            ["table", "file", "line", "column", "value", "reason", "原因"],
            ["orders", "orders.csv", "3", "customer_id", "", "customer_id is missing", "缺少 customer_id"],
            [
                "orders",
                "orders.csv",
                "4",
                "",
                "2,2024-01-31,7,8",
                "the line has more fields than the header",
                "该行的字段多于表头",
            ],
            [
                "orders",
                "orders.csv",
                "6",
                "ordered_at",
                "soon",
                "ordered_at cannot be read as a time",
                "ordered_at 无法读作时间",
            ],
        ]


def test_the_rejects_of_a_table_that_is_sound_again_are_removed(tmp_path: Path) -> None:
    file = tmp_path / ".retinue" / "rejects" / "orders.csv"
    for day, is_there in (("soon", True), ("2024-01-31", False)):
        opened = orders_csv(tmp_path, f"customer,day,amount\n1,2024-01-31,5\n2,{day},5\n")
        with open_facts(opened) as facts:
            write_rejects(facts, rejects_folder(opened))
        assert file.exists() == is_there


def test_what_is_kept_of_the_rows_set_aside_says_how_many_and_where(tmp_path: Path) -> None:
    folder = tmp_path / ".retinue" / "rejects"
    opened = orders_csv(tmp_path, "customer,day,amount\n1,2024-01-31,5\n2,soon,5\n,2024-01-31,5\n3,2024-01-31,5\n")
    with open_facts(opened) as facts:
        assert keep_set_aside(facts) == SetAside(2, folder, is_written=True)
    assert len((folder / "orders.csv").read_text(encoding="utf-8-sig").splitlines()) == 3
    sound = orders_csv(tmp_path, "customer,day,amount\n1,2024-01-31,5\n")
    with open_facts(sound) as facts:
        assert keep_set_aside(facts) is None
    assert not (folder / "orders.csv").exists()


def test_rows_that_cannot_be_kept_are_counted_all_the_same(tmp_path: Path) -> None:
    (tmp_path / ".retinue").write_text("a file, where a folder is needed")
    opened = orders_csv(tmp_path, "customer,day,amount\n1,2024-01-31,5\n2,soon,5\n")
    with open_facts(opened) as facts:
        assert keep_set_aside(facts) == SetAside(1, tmp_path / ".retinue" / "rejects", is_written=False)


@pytest.mark.slow
def test_init_and_check_lead_through_a_messy_folder(tmp_path: Path) -> None:
    (tmp_path / "销售.csv").write_bytes(
        CHINESE.replace("二月", "2024-02-02").encode("gb18030") + b"\xc4\xb3;soon;1,00;\n"
    )
    made = retinue("init", tmp_path, "--language", "zh", language="zh")
    assert made.returncode == 0, made.stderr
    text = (tmp_path / "retinue.toml").read_text(encoding="utf-8")
    assert 'amount = { column = "金额", decimal = "," }' in text

    checked = retinue("check", "--project", tmp_path)
    assert checked.returncode == 0, checked.stderr
    rejects = tmp_path / ".retinue" / "rejects" / "orders.csv"
    assert f"All 2 rows that were set aside are in {rejects}" in checked.stdout.replace("\n", "")
    with rejects.open(encoding="utf-8-sig", newline="") as file:
        assert [(r["file"], r["line"], r["value"]) for r in csv.DictReader(file)] == [
            ("销售.csv", "6", "2024-02-30"),
            ("销售.csv", "9", "soon"),
        ]


@pytest.mark.slow
def test_a_report_is_given_also_where_no_rejects_file_can_be_written(tmp_path: Path) -> None:
    orders_csv(tmp_path, "customer,day,amount\n1,2024-01-31,5\n2,soon,5\n")
    (tmp_path / ".retinue").write_text("a file, where a folder is needed")
    checked = retinue("check", "--project", tmp_path)
    assert checked.returncode == 0
    assert "cannot be written" in checked.stderr
    assert "orders.csv:3" in checked.stdout
