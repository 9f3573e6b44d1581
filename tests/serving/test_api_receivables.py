"""Receivables over HTTP: one customer's debts, and the open invoices by what is expected to come late."""

from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from serving.receivable_schemas import INVOICES_SCHEMA, InvoicePage, InvoiceRisk, ReceivablesAnswer
from serving.store import open_store, publish, roll_back
from tests.serving.conftest import COMPANY, DEBTORS, INVOICES, ODD_ID, debts, run, serving, table, write_project


def test_the_columns_of_the_file_are_the_fields_of_an_invoice_in_the_same_order() -> None:
    assert INVOICES_SCHEMA.names == list(InvoiceRisk.model_fields) == list(INVOICES[0])


@pytest.mark.parametrize(("customer", "owed"), [("C-1", ["R-1", "R-2"]), (ODD_ID, ["R/3 ü"])])
def test_a_debtor_is_answered_with_its_open_invoices_the_oldest_first(
    server: str, customer: str, owed: list[str]
) -> None:
    answer = httpx.get(f"{server}/v1/customers/{quote(customer, safe='')}/receivables")
    assert answer.status_code == 200
    assert int(answer.headers["age"]) > 0
    found = ReceivablesAnswer.model_validate_json(answer.content)
    [expected] = [row for row in DEBTORS if row["customer_id"] == customer]
    assert found.customer.model_dump() == expected
    assert [i.invoice_id for i in found.invoices] == owed
    assert found.invoices[0].model_dump() == next(i for i in INVOICES if i["invoice_id"] == owed[0])


def test_a_customer_without_invoices_is_a_404_in_the_language_of_the_reader(server: str) -> None:
    answer = httpx.get(f"{server}/v1/customers/C-2/receivables", headers={"Accept-Language": "zh"})
    assert answer.status_code == 404
    assert "没有客户“C-2”的发票或付款" in answer.json()["detail"]
    assert httpx.get(f"{server}/v1/customers/C-2").status_code == 200


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, ["R/3 ü", "R-1", "R-2"]),  # of 100, 100 and 200 are expected to come late: 100, 100 and 80
        ({"risk": "high"}, ["R-1"]),
        ({"risk": "medium"}, ["R-2"]),
        ({"overdue": "false"}, ["R-2"]),
        ({"overdue": "true"}, ["R/3 ü", "R-1"]),
        ({"customer": "C-1", "limit": "1"}, ["R-1"]),
        ({"customer": "nobody"}, []),
    ],
)
def test_invoices_are_listed_by_the_money_that_is_expected_late(
    server: str, asked: dict[str, str], expected: list[str]
) -> None:
    page = InvoicePage.model_validate_json(httpx.get(f"{server}/v1/invoices", params=asked).content)
    assert page.run_id == "run-1"
    assert [i.invoice_id for i in page.invoices] == expected


def test_cursors_lead_through_the_invoices_once(server: str) -> None:
    found, asked = [], {"limit": "1"}
    for _ in range(3):
        page = httpx.get(f"{server}/v1/invoices", params=asked).json()
        found += [i["invoice_id"] for i in page["invoices"]]
        asked["cursor"] = page["next_cursor"]
    assert found == ["R/3 ü", "R-1", "R-2"]
    assert asked["cursor"] is None
    of_customers = httpx.get(f"{server}/v1/customers", params={"limit": "1"}).json()["next_cursor"]
    assert httpx.get(f"{server}/v1/invoices", params={"cursor": of_customers}).status_code == 400


@pytest.mark.parametrize("asked", [{"risk": "purple"}, {"overdue": "maybe"}, {"limit": "0"}, {"customer": ""}])
def test_parameters_that_mean_nothing_are_named(server: str, asked: dict[str, str]) -> None:
    answer = httpx.get(f"{server}/v1/invoices", params=asked)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["where"] == f"query.{next(iter(asked))}"


def test_debts_are_published_and_rolled_back_with_their_run(tmp_path: Path) -> None:
    store = open_store(write_project(tmp_path))
    publish(store, run("first"), table(COMPANY), debts(DEBTORS, INVOICES))
    publish(store, run("second"), table(COMPANY))
    with serving(tmp_path) as address:
        assert httpx.get(f"{address}/v1/customers/C-1/receivables").status_code == 404
        assert httpx.get(f"{address}/v1/invoices").json()["invoices"] == []
        roll_back(store)
        assert httpx.get(f"{address}/v1/customers/C-1/receivables").status_code == 200
        publish(store, run("third"), table(COMPANY))
        publish(store, run("fourth"), table(COMPANY))
        assert httpx.get(f"{address}/v1/invoices").json()["invoices"] == []
    with store.reader.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM invoices").scalar() == 0
        assert connection.exec_driver_sql("SELECT count(*) FROM debtors").scalar() == 0
    store.close()
