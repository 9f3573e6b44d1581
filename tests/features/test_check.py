import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from features.check import CheckReport, check
from features.project import Project
from features.sources import open_facts
from tests.features.companies import ORDERS, orders_csv, project, table

TEXT = (
    "customer,day,amount,channel\n"
    "1,2023-01-01,5,web\n"
    "1,2023-01-01,5,web\n"
    "2,2024-03-01,7,\n"
    "3,2024-01-01,-2,shop\n"
    ",2024-01-01,1,web\n"
)


def report(opened: Project, now: datetime | None = None) -> CheckReport:
    with open_facts(opened) as facts:
        return check(facts, now)


def warnings(opened: Project, now: datetime | None = None) -> list[str]:
    return [w.en for w in report(opened, now).warnings]


def test_a_table_is_counted_row_by_row(tmp_path: Path) -> None:
    opened = orders_csv(tmp_path, TEXT, columns=ORDERS + ', channel = "channel"', timezone="Europe/Berlin")
    (orders,) = report(opened).tables
    assert (orders.read, orders.accepted, orders.set_aside, orders.left_out) == (5, 4, 1, 0)
    assert (orders.customers, orders.duplicates) == (3, 1)
    assert orders.first == datetime(2022, 12, 31, 23, tzinfo=UTC)
    assert str(orders.first) == "2023-01-01 00:00:00+01:00"
    assert str(orders.last) == "2024-03-01 00:00:00+01:00"
    assert orders.missing == {"customer_id": 0, "ordered_at": 0, "amount": 0, "channel": 0.25}
    assert [(r.line, r.column, r.reason.en) for r in orders.rejections] == [
        (6, "customer_id", "customer_id is missing")
    ]


def test_only_the_first_examples_are_shown(tmp_path: Path) -> None:
    text = "customer,day,amount\n" + "1,2024-01-01,1\n" * 9 + ",2024-01-01,1\n" * 9
    (orders,) = report(orders_csv(tmp_path, text)).tables
    assert orders.set_aside == 9
    assert [r.line for r in orders.rejections] == [11, 12, 13, 14, 15]


def test_sound_facts_give_no_warning(tmp_path: Path) -> None:
    text = "customer,day,amount\n1,2023-01-01,5\n2,2023-09-28,6\n"  # 270 days: three horizons of 90
    assert warnings(orders_csv(tmp_path, text)) == []


@pytest.mark.parametrize(
    ("lines", "warning"),
    [
        (["1,2023-01-01,5,2022-12-31", "2,2024-01-01,6,2024-01-01"], "orders: 1 rows were known before they occurred"),
        (["1,2023-01-01,5,", "2,2024-01-01,5,"], "orders: every amount is 5."),
        (["1,2023-01-01,5,", "2,2023-09-27,6,"], "orders span 269 days; training needs at least 270"),
        (["1,2023-01-01,5,", "2,2025-01-01,6,"], "orders: 1 rows occurred after 2024-06-01 (the last on 2025-01-01)."),
        (["1,2023-01-01,5,"] * 2 + ["2,2024-01-01,6,"], "orders: 1 rows (33%) repeat another row"),
    ],
)
def test_what_is_odd_is_said(tmp_path: Path, lines: list[str], warning: str) -> None:
    opened = orders_csv(
        tmp_path, "\n".join(["customer,day,amount,booked", *lines]), columns=ORDERS + ', known_at = "booked"'
    )
    found = warnings(opened, datetime(2024, 6, 1, tzinfo=UTC))
    assert any(w.startswith(warning) for w in found), found


def test_a_column_that_is_always_empty_is_said_but_a_gap_in_known_at_is_none(tmp_path: Path) -> None:
    opened = orders_csv(
        tmp_path,
        "customer,day,amount,booked,off\n1,2023-01-01,5,,\n2,2024-01-01,6,,",
        columns=ORDERS + ', known_at = "booked", discount = "off"',
    )
    empty = [w for w in warnings(opened, datetime(2024, 6, 1, tzinfo=UTC)) if "empty in every row" in w]
    assert empty == ["orders: discount is empty in every row. Map another column, or leave it out."]


def test_ids_written_differently_in_two_tables_are_noticed(tmp_path: Path) -> None:
    (tmp_path / "customers.csv").write_text("id\n0001\n0002\n")
    (tmp_path / "orders.csv").write_text("customer,day,amount\n1,2023-01-01,5\n2,2024-01-01,6\n")
    customers = table('path = "customers.csv"', 'customer_id = "id"', "customers")
    opened = project(tmp_path, table('path = "orders.csv"', ORDERS), customers)
    assert warnings(opened) == [
        "orders: 2 of its 2 customers are not in the table customers (e.g. '1', there e.g. '0001'). "
        "Are the ids written differently?"
    ]


def test_capabilities_follow_the_given_tables_and_say_what_is_lacking(tmp_path: Path) -> None:
    lacking = {c.id: needs for c, needs in report(orders_csv(tmp_path, TEXT)).capabilities}
    assert lacking["churn_risk"] == lacking["segments"] == ()
    assert lacking["margin"] == ("orders.margin",)
    assert lacking["payment"] == ("invoices.settled_at",)
    assert lacking["complaints"] == ("interactions",)


@pytest.mark.parametrize("with_payments", [True, False])
def test_payment_behaviour_needs_invoices_with_settlement_or_payments(tmp_path: Path, with_payments: bool) -> None:
    (tmp_path / "i.csv").write_text("no,customer,issued,due,amount\nF1,1,2024-01-01,2024-02-01,5\n")
    (tmp_path / "p.csv").write_text("customer,paid,amount,no\n1,2024-01-15,5,F1\n")
    columns = 'invoice_id = "no", customer_id = "customer", issued_at = "issued", due_at = "due", amount = "amount"'
    tables = [table('path = "i.csv"', columns, "invoices")]
    if with_payments:
        paid = 'customer_id = "customer", paid_at = "paid", amount = "amount", invoice_id = "no"'
        tables.append(table('path = "p.csv"', paid, "payments"))
    lacking = {c.id: needs for c, needs in report(project(tmp_path, *tables)).capabilities}
    assert lacking["payment"] == (() if with_payments else ("invoices.settled_at",))
    assert lacking["churn_risk"] == ("orders",)


def test_the_report_can_be_written_as_json(tmp_path: Path) -> None:
    answer = json.loads(json.dumps(report(orders_csv(tmp_path, TEXT)).as_json()))
    assert answer["tables"][0]["first"] == "2023-01-01T00:00:00+00:00"
    assert answer["tables"][0]["rejections"] == [
        {
            "table": "orders",
            "file": "orders.csv",
            "line": 6,
            "column": "customer_id",
            "value": "",
            "reason": {"en": "customer_id is missing", "zh": "缺少 customer_id"},
        }
    ]
    assert answer["capabilities"][0] == {
        "id": "churn_risk",
        "name": {"en": "churn risk with reasons", "zh": "流失风险及原因"},
        "on": True,
        "lacks": [],
    }
