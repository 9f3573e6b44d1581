from pathlib import Path

import duckdb
import pytest

from features.errors import FactsError, ProjectError
from features.project import FormattedColumn, Project, SqlColumn, load_project
from features.proposal import Proposal, propose
from features.sources import open_facts
from features.text import Language


def loaded(folder: Path, language: Language = "en") -> tuple[Project, dict[str, tuple[int, int]]]:
    """The proposal written down, loaded and opened: the project, and rows accepted and set aside of each table."""
    (folder / "retinue.toml").write_text(propose(folder).toml(language), encoding="utf-8")
    project = load_project(folder)
    with open_facts(project) as facts:
        return project, {name: (r.accepted, r.set_aside) for name, r in facts.readings.items()}


def lines(rows: int, text: str) -> str:
    """Rows in which {n} is counted from 0, {day} runs from 1 to 28 and {customer} comes back."""
    return "".join(text.format(n=n, day=n % 28 + 1, customer=n % 5 + 100) + "\n" for n in range(rows))


def explained(proposal: Proposal, start: str) -> str:
    return next(e.en for e in proposal.explanations if e.en.startswith(start))


def test_an_online_shops_export_is_recognised(tmp_path: Path) -> None:
    head = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
    body = lines(30, "53{n},85123A,x,6,12/{day}/2010 8:26,2.55,{customer},UK")
    (tmp_path / "online_retail.csv").write_text(head + body + "539999,POST,x,1,12/1/2010 8:26,3,,UK\n")
    project, read = loaded(tmp_path)
    orders = project.tables["orders"]
    assert orders.columns == {
        "customer_id": "CustomerID",
        "ordered_at": FormattedColumn(column="InvoiceDate", format="%m/%d/%Y %H:%M"),
        "amount": SqlColumn(sql="Quantity * UnitPrice"),
        "order_id": "InvoiceNo",
        "product_id": "StockCode",
        "quantity": "Quantity",
    }
    assert orders.where == "CustomerID IS NOT NULL"
    assert read == {"orders": (30, 0)}
    proposal = propose(tmp_path)
    assert "month first" in explained(proposal, "orders.ordered_at")
    assert "quantity times unit price" in explained(proposal, "orders.amount")
    assert explained(proposal, "1 rows (3%) name no customer")


@pytest.mark.parametrize(
    ("dates", "format_", "why"),
    [
        (["13/01/2024", "01/02/2024"], "%d/%m/%Y", "day first"),
        (["01/13/2024", "01/02/2024"], "%m/%d/%Y", "month first"),
        (["31.01.2024 08:30", "01.02.2024 23:59"], "%d.%m.%Y %H:%M", "written as"),
        (["2024年1月31日", "2024年2月1日"], "%Y年%m月%d日", "written as"),
        (["13/01/24", "01/02/24"], "%d/%m/%y", "day first"),
        (["2024-01-31", "2024-02-01 10:00"], None, "by its name"),
        (["20240131", "20240201"], None, "by its name"),
    ],
)
def test_the_format_of_dates_is_found(tmp_path: Path, dates: list[str], format_: str | None, why: str) -> None:
    rows = "".join(f"1,{d},5.5\n" for d in dates)
    (tmp_path / "orders.csv").write_text("customer_id,order_date,amount\n" + rows, encoding="utf-8")
    project, read = loaded(tmp_path)
    source = project.tables["orders"].columns["ordered_at"]
    assert source == ("order_date" if format_ is None else FormattedColumn(column="order_date", format=format_))
    assert why in explained(propose(tmp_path), "orders.ordered_at")
    assert read == {"orders": (2, 0)}


def test_dates_that_may_begin_with_day_or_month_are_left_to_the_reader_and_refused_until_then(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text("customer_id,order_date,amount\n1,01/02/2024,5.5\n1,03/04/2024,5.5\n")
    said = explained(propose(tmp_path), "orders.ordered_at")
    assert said.startswith('orders.ordered_at = "order_date": by its name; AMBIGUOUS: no day above 12')
    assert 'format = "%d/%m/%Y" } or format = "%m/%d/%Y"' in said
    with pytest.raises(FactsError, match=r'Say which: ordered_at = .* format = "%d/%m/%Y" } or format = "%m/%d/%Y"'):
        loaded(tmp_path)


def test_other_dates_of_the_file_tell_whether_the_day_stands_first(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text(
        "customer_id,order_date,amount,delivery_date\n1,01/02/2024,5.5,13/02/2024\n1,03/04/2024,5.5,05/04/2024\n"
    )
    project, read = loaded(tmp_path)
    assert project.tables["orders"].columns["ordered_at"] == FormattedColumn(column="order_date", format="%d/%m/%Y")
    assert read == {"orders": (2, 0)}


def test_chinese_headers_are_recognised_and_chinese_comments_load(tmp_path: Path) -> None:
    (tmp_path / "销售.csv").write_text(
        "\ufeff客户编号,下单日期,金额,订单号\n001,2024/1/5,10.5,A1\n002,2024/2/6,20,A2\n", encoding="utf-8"
    )
    (tmp_path / "客户.csv").write_text("客户编号,客户名称,客户经理\n001,甲,王\n002,乙,李\n", encoding="utf-8")
    project, read = loaded(tmp_path, "zh")
    assert (project.project.currency, project.project.timezone) == ("CNY", "Asia/Shanghai")
    assert project.tables["orders"].columns["amount"] == "金额"
    assert project.tables["customers"].columns["account_manager"] == "客户经理"
    assert read == {"orders": (2, 0), "customers": (2, 0)}
    assert "根据列名" in propose(tmp_path).toml("zh")


def test_each_file_becomes_the_table_that_it_fits_best(tmp_path: Path) -> None:
    (tmp_path / "export").mkdir()
    (tmp_path / "orders.csv").write_text("cust_no,order_date,amount\n" + lines(9, "{customer},2024-01-{day},5.5"))
    (tmp_path / "export" / "invoices.csv").write_text(
        "invoice_no;cust_no;issue_date;due_date;invoice_amount;paid_date\n"
        + lines(9, "F{n};{customer};2024-01-{day};2024-02-{day};9;")
        + "F99;100;2024-01-01;2024-02-01;9;2024-02-05\n"
    )
    (tmp_path / "export" / "payments.csv").write_text(
        "cust_no,payment_date,amount,invoice_no\n" + lines(9, "{customer},2024-02-{day},9,F{n}")
    )
    (tmp_path / "complaints.csv").write_text(
        "cust_no,complaint_date,type\n" + lines(9, "{customer},2024-01-{day},complaint")
    )
    (tmp_path / "crm.csv").write_text("cust_no,company,region,industry\n" + lines(5, "{customer},C{n},North,Steel"))
    (tmp_path / "notes.csv").write_text("a,b\n1,2\n")
    project, read = loaded(tmp_path)
    assert {name: source.path for name, source in project.tables.items()} == {
        "orders": "orders.csv",
        "customers": "crm.csv",
        "invoices": "export/invoices.csv",
        "payments": "export/payments.csv",
        "interactions": "complaints.csv",
    }
    assert project.tables["invoices"].columns["settled_at"] == "paid_date"
    assert {aside for _, aside in read.values()} == {0}
    assert explained(propose(tmp_path), "notes.csv is not used; its columns are a, b")


def test_files_of_one_shape_are_one_table(tmp_path: Path) -> None:
    (tmp_path / "sales").mkdir()
    for year in (2022, 2023, 2024):
        (tmp_path / "sales" / f"sales_{year}.csv").write_text(f"customer_id,date,amount\n1,{year}-01-31,5.5\n")
    project, read = loaded(tmp_path)
    assert project.tables["orders"].path == "sales/sales_*.csv"
    assert read == {"orders": (3, 0)}


def test_columns_with_unusual_names_are_recognised_by_what_they_hold(tmp_path: Path) -> None:
    (tmp_path / "sales.csv").write_text(
        "Who,When it was,What came in\n" + lines(20, "K{customer},2024-01-{day:02},{n}.25")
    )
    project, read = loaded(tmp_path)
    assert project.tables["orders"].columns == {
        "customer_id": "Who",
        "ordered_at": "When it was",
        "amount": "What came in",
    }
    assert read == {"orders": (20, 0)}
    assert "the only column with times" in explained(propose(tmp_path), "orders.ordered_at")


def test_a_labelled_table_of_customers_is_a_panel(tmp_path: Path) -> None:
    (tmp_path / "telco.csv").write_text("customerID,tenure,MonthlyCharges,Churn\n" + lines(6, "C{n},{n},{n}.5,Yes"))
    project, read = loaded(tmp_path)
    assert project.tables["panel"].columns == {"customer_id": "customerID", "label": "Churn"}
    assert read == {"panel": (6, 0)}


def test_parquet_and_names_that_need_quotes_are_proposed(tmp_path: Path) -> None:
    with duckdb.connect() as connection:
        connection.execute(
            'COPY (SELECT 7 AS "Customer ID", DATE \'2024-01-01\' AS "Order Date", 2 AS "Qty", 1.5 AS "Unit Price") '
            f"TO '{tmp_path / 'orders [old].parquet'}' (FORMAT parquet)"
        )
    project, read = loaded(tmp_path)
    assert project.tables["orders"].columns["amount"] == SqlColumn(sql='Qty * "Unit Price"')
    assert read == {"orders": (1, 0)}


def test_a_file_that_cannot_be_read_is_named_and_does_not_stop_the_others(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text("customer_id,order_date,amount\n1,2024-01-01,5\n")
    (tmp_path / "old.csv").write_bytes("Käufer\n".encode("cp1252"))
    (tmp_path / "broken.parquet").write_bytes(b"no parquet")
    proposal = propose(tmp_path)
    assert "is not UTF-8 text" in explained(proposal, "old.csv is not used")
    assert explained(proposal, "broken.parquet is not used")
    assert loaded(tmp_path)[1] == {"orders": (1, 0)}


def test_a_folder_without_orders_says_what_was_seen(tmp_path: Path) -> None:
    (tmp_path / "notes.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ProjectError, match="looks like orders") as error:
        propose(tmp_path)
    assert "notes.csv: a, b" in str(error.value)


def test_an_empty_or_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="holds no CSV or Parquet files"):
        propose(tmp_path)
    with pytest.raises(ProjectError, match="There is no folder"):
        propose(tmp_path / "none")
