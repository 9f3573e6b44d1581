"""`retinue receivables` on one file of invoices and on a simulated company, as a person calls it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from features.text import Language
from serving.receivable_report import credit_classes
from serving.receivable_schemas import INVOICES_SCHEMA, CustomerReceivables, InvoiceRisk

PROJECT = """
[project]
name = "Only Invoices"
currency = "EUR"
timezone = "Europe/Berlin"
[tables.invoices]
path = "invoices.csv"
"""
INVOICES = """invoice_id,customer_id,issued_at,due_at,amount,settled_at
R1,A,2026-01-10,2026-02-09,100.00,2026-02-05
R2,A,2026-02-20,2026-03-22,250.00,
R3,B,2025-11-01,2025-12-01,400.00,
R4,B,2026-03-15,2026-04-14,50.00,
R5,C,2026-03-01,2026-04-05,75.00,2026-04-02
"""
COLUMNS = "{ invoice_id = 'invoice_id', customer_id = 'customer_id', issued_at = 'issued_at', due_at = 'due_at', amount = 'amount'"


def retinue(*arguments: str | Path, language: Language = "en") -> subprocess.CompletedProcess[str]:
    """Run the real command."""
    environment = {**os.environ, "RETINUE_LANGUAGE": language, "NO_COLOR": "1"}
    command = [sys.executable, "-c", "from serving.cli import main; main()", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def project(folder: Path, invoices: str = INVOICES, columns: str = f"{COLUMNS}, settled_at = 'settled_at' }}") -> Path:
    """A project of nothing but invoices."""
    folder.mkdir()
    (folder / "invoices.csv").write_text(invoices)
    (folder / "retinue.toml").write_text(f"{PROJECT}columns = {columns}\n")
    return folder


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return project(tmp_path_factory.mktemp("few") / "company")


def test_five_invoices_give_the_books_and_say_what_cannot_be_foretold(few: Path) -> None:
    out = few.parent / "out"
    done = retinue("receivables", "--project", few, "--as-of", "2026-03-31", "--out", out, "--quiet")
    assert done.returncode == 0, done.stderr
    said = " ".join(done.stdout.split())
    assert "Only Invoices: receivables as of 2026-03-31" in said
    assert (
        "3 customers owe EUR 775.00 on 4 invoices, of which 650.00 is overdue, the oldest by 120 days; 0.00 is unapplied;"
        " the balance is 775.00." in said
    )
    assert "Days sales outstanding 323.3 days" in said  # 775 of the 875 invoiced in 365 days
    for row in ("not yet due 125 16.1% █", "1 to 30 days overdue 250 32.3% █", "more than 90 days overdue 400 51.6% █"):
        assert row in said
    assert "There is no forecast without a model of late payment." in said
    assert "Who pays when: not told." in said
    assert "Credit: not told." in said
    assert said.index("B Next dunning step") < said.index("A Next dunning step: Friendly reminder")
    customers = pq.read_table(out / "customers.parquet").to_pylist()
    found = {row["customer_id"]: CustomerReceivables.model_validate(row) for row in customers}
    assert {name: one.balance for name, one in found.items()} == {"A": 250.0, "B": 450.0, "C": 75.0}
    assert (found["B"].open_over_90, found["B"].open_current, found["B"].oldest_overdue_days) == (400.0, 50.0, 120)
    assert (found["A"].dunning_step, found["C"].credit_response) == ("reminder", "none")
    invoices = pq.read_table(out / "invoices.parquet")
    assert invoices.schema == INVOICES_SCHEMA
    assert [InvoiceRisk.model_validate(row).invoice_id for row in invoices.to_pylist()] == ["R2", "R3", "R4", "R5"]
    ageing = pd.read_parquet(out / "ageing.parquet")
    assert ageing["open"].tolist() == [0.0] * 8 + [400.0, 400.0, 500.0, 650.0]  # March is not over on its last day
    files = {file.name for file in out.iterdir()}
    assert files == {
        *("customers.parquet", "invoices.parquet", "ageing.parquet", "receivables.en.html", "receivables.zh.html"),
        *(f"{name}.{language}.png" for name in ("ageing", "ageing_over_time") for language in ("en", "zh")),
    }
    page = (out / "receivables.zh.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == 2
    assert "src=" not in page.replace('src="data:', "")
    assert "没有逾期付款模型，无法预测收款。" in page


def test_who_trains_or_scores_invoices_alone_is_shown_the_way(few: Path) -> None:
    out = few.parent / "scores"
    for command in (("train",), ("score", "--as-of", "2026-03-31", "--out", out)):
        for language, words in (("en", "told"), ("zh", "谁欠款、谁会逾期")):
            done = retinue(*command, "--project", few, "--quiet", language="zh" if language == "zh" else "en")
            assert done.returncode == 2
            assert "retinue receivables" in done.stderr
            assert words in done.stderr
    assert not out.exists()


@pytest.mark.parametrize(
    ("columns", "day", "fault"),
    [
        (f"{COLUMNS} }}", "2026-03-31", "Receivables need invoices and what was paid on them"),
        (f"{COLUMNS}, settled_at = 'settled_at' }}", "2025-11-01", "No invoice is known before 2025-11-01"),
        (f"{COLUMNS}, settled_at = 'settled_at' }}", "soon", "'soon' is not a date"),
    ],
)
def test_what_no_books_can_be_made_of_is_refused_and_nothing_is_written(
    tmp_path: Path, columns: str, day: str, fault: str
) -> None:
    folder, out = project(tmp_path / "company", columns=columns), tmp_path / "out"
    done = retinue("receivables", "--project", folder, "--as-of", day, "--out", out, "--quiet")
    assert done.returncode == 2
    assert fault in " ".join(done.stderr.split())
    assert not out.exists()


def test_a_class_tells_what_is_open_in_it_and_what_came_true_in_it() -> None:
    debtors = pd.DataFrame(
        {
            "credit_class": ["A", "A", "D", None],
            "open": [100.0, 300.0, 50.0, 7.0],
            "overdue": [0.0, 100.0, 50.0, 7.0],
            "expected_loss": [1.0, 2.0, float("nan"), 7.0],
        }
    )
    found = credit_classes(debtors, (40, 0, 0, 8, 0), (0.05, None, None, 0.5, None)).set_index("credit_class")
    assert found.index.tolist() == ["A", "B", "C", "D", "E"]
    assert found["customers"].tolist() == [2, 0, 0, 1, 0]
    assert found["open"].tolist() == [400.0, 0.0, 0.0, 50.0, 0.0]
    assert found["overdue_share"].tolist()[0] == 0.25
    assert found["overdue_share"].tolist()[3] == 1.0
    assert found["overdue_share"].isna().tolist() == [False, True, True, False, True]
    assert found["expected_loss"].tolist()[0] == 3.0
    assert found["judged_rate"].isna().tolist() == [False, True, True, False, True]
    assert found["judged_customers"].tolist() == [40, 0, 0, 8, 0]


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("simulated") / "company"
    made = retinue("simulate", folder, "--customers", "300", "--months", "30", "--seed", "3", "--quiet")
    assert made.returncode == 0, made.stderr
    with (folder / "retinue.toml").open("a", encoding="utf-8") as file:
        file.write("\n[credit]\noverdue_days = 10\n")  # of 300 customers too few are overdue by a month
    return folder


@pytest.mark.slow
def test_a_company_that_never_trained_gets_the_whole_report_and_is_told_that_nothing_was_kept(company: Path) -> None:
    out = company.parent / "out"
    arguments = ("--project", company, "--as-of", "2026-07-01", "--weeks", "6", "--out", out, "--quiet")
    done = retinue("receivables", *arguments, language="zh")
    assert done.returncode == 0, done.stderr
    assert "付款时间：仅为本次查询、用 2026-07-01 之前已知的数据训练；不会保留。" in "".join(done.stdout.split("\n"))
    cash = pd.read_parquet(out / "cash.parquet")
    assert cash["week"].tolist() == [1, 2, 3, 4, 5, 6]
    assert (cash["from_open"] + cash["from_new"]).to_numpy() == pytest.approx(cash["expected"].to_numpy())
    assert cash["low"].lt(cash["high"]).all()
    customers, invoices = (pd.read_parquet(out / f"{name}.parquet") for name in ("customers", "invoices"))
    assert customers["open"].sum() == pytest.approx(invoices["open_amount"].sum())
    owed = invoices.groupby("customer_id")["open_amount"].sum()
    by_customer = customers.set_index("customer_id")["open"]
    assert by_customer[owed.index].to_numpy() == pytest.approx(owed.to_numpy())
    assert invoices["late_probability"].between(0, 1).all()
    assert (invoices.loc[invoices["days_overdue"] > 0, "late_probability"] == 1.0).all()
    first = customers[customers["credit_response"] != "none"].sort_values(
        ["overdue", "open", "customer_id"], ascending=[False, False, True]
    )
    assert f"\n{first['customer_id'].iloc[0]} " in done.stdout
    classes = customers.groupby("credit_class").size()
    assert classes.sum() == len(customers)
    for name, size in classes.items():
        assert re.search(rf"^{name} +{size} ", done.stdout, re.M)
    assert "在 90 天内逾期超过 10 天" in done.stdout
    pages = [(out / f"receivables.{language}.html").read_text(encoding="utf-8") for language in ("en", "zh")]
    assert "Cash to come" in pages[0]
    assert "收款预测" in pages[1]
    assert (out / "cash.zh.png").stat().st_size > 5_000
    assert (out / "credit.en.png").stat().st_size > 5_000
