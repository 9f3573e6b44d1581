"""What goes wrong is told in words, in both languages, and leaves nothing half-written."""

import shutil
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.whole.company import AS_OF, PROJECT, changed, files_below, orders, retinue, write_company

SHOP = orders()

Maker = Callable[[Path], Path]


def no_orders(folder: Path) -> Path:
    return write_company(folder, [])


def no_orders_table(folder: Path) -> Path:
    project = """
[project]
name = "Corner Shop"
currency = "EUR"
[tables.invoices]
path = "orders.csv"
columns = { invoice_id = "total", customer_id = "customer", issued_at = "day", due_at = "day", amount = "total" }
"""
    return write_company(folder, SHOP, project)


def wrong_column(folder: Path) -> Path:
    return write_company(folder, SHOP, PROJECT.replace('"total"', '"totals"'))


def unparsable_dates(folder: Path) -> Path:
    write_company(folder, SHOP)
    (folder / "orders.csv").write_text("customer,day,total\n0001,first of May,10\n0002,second of May,12\n")
    return folder


def negative_amounts(folder: Path) -> Path:
    return write_company(folder, changed(SHOP, lambda o: (o[0], o[1], -o[2])))


def one_customer(folder: Path) -> Path:
    return write_company(folder, [("0001", date(2025, 1, 1) + timedelta(days=n), 20.0) for n in range(0, 365, 7)])


def all_churned(folder: Path) -> Path:
    """Everybody bought once, on one day or another, and never again."""
    return write_company(folder, [(f"{n:04d}", date(2025, 1, 1) + timedelta(days=n * 2), 20.0) for n in range(180)])


# what is wrong: how it is made, what the English message must hold, what the Chinese one must hold
UNREADABLE: dict[str, tuple[Maker, tuple[str, ...], str]] = {
    "no orders": (no_orders, ("orders.csv", "no row"), "没有"),
    "wrong column": (wrong_column, ("'totals'", "'total'"), "totals"),
    "unparsable dates": (unparsable_dates, ("first of May", "line 2", "format"), "first of May"),
    "negative-only amounts": (negative_amounts, ("negative", "-total"), "负"),
}
TOO_LITTLE: dict[str, tuple[Maker, tuple[str, ...], str]] = {
    "no orders table": (no_orders_table, ("[tables.orders]",), "请在项目文件中添加"),
    "one customer": (one_customer, ("1 customers who can be lost", "100"), "1 位可能流失的客户"),
    "all customers churned": (all_churned, ("0 to stay",), "0 位留下"),
}


@pytest.mark.parametrize("case", UNREADABLE | TOO_LITTLE)
def test_training_tells_what_is_wrong_and_writes_nothing(tmp_path: Path, case: str) -> None:
    make, english, chinese = (UNREADABLE | TOO_LITTLE)[case]
    folder = make(tmp_path / "shop")
    before = files_below(tmp_path)

    told = retinue("train", "--project", folder, "--as-of", AS_OF)
    told_in_chinese = retinue("train", "--project", folder, "--as-of", AS_OF, language="zh")

    assert told.returncode == told_in_chinese.returncode == 2
    assert "Traceback" not in told.stderr + told_in_chinese.stderr
    assert [word for word in english if word not in told.stderr] == [], told.stderr
    assert chinese in told_in_chinese.stderr
    assert files_below(tmp_path) == before


@pytest.mark.parametrize("as_of", ["2024-12-31", "2027-01-01", "yesterday"])
def test_a_date_outside_the_data_is_refused(tmp_path: Path, as_of: str) -> None:
    folder = write_company(tmp_path / "shop", SHOP)
    before = files_below(tmp_path)

    told = retinue("train", "--project", folder, "--as-of", as_of)

    assert told.returncode == 2
    assert as_of in told.stderr
    assert ("2025-01-01" in told.stderr and "2025-12-31" in told.stderr) or "2026-07-01" in told.stderr
    assert files_below(tmp_path) == before


@pytest.mark.parametrize("case", UNREADABLE)
def test_scoring_tells_what_is_wrong_and_keeps_what_was_published(shop: Path, tmp_path: Path, case: str) -> None:
    make, english, _ = UNREADABLE[case]
    shutil.copytree(shop, tmp_path / "copy")
    bad = make(tmp_path / "bad")
    for file in ("orders.csv", "retinue.toml"):
        shutil.copy(bad / file, tmp_path / "copy" / file)
    before = files_below(tmp_path)

    told = retinue("score", "--project", tmp_path / "copy", "--as-of", AS_OF, "--out", tmp_path / "copy" / "out")

    assert told.returncode == 2
    assert [word for word in english if word not in told.stderr] == [], told.stderr
    assert files_below(tmp_path) == before


def test_scoring_a_date_outside_the_data_keeps_what_was_published(shop: Path) -> None:
    before = files_below(shop)

    told = retinue("score", "--project", shop, "--as-of", "2026-12-31", "--out", shop / "out")

    assert told.returncode == 2
    assert "2026-12-31" in told.stderr
    assert files_below(shop) == before


def test_scoring_before_training_says_to_train_and_writes_nothing(tmp_path: Path) -> None:
    folder = write_company(tmp_path / "shop", SHOP)
    before = files_below(tmp_path)

    told = retinue("score", "--project", folder, "--as-of", AS_OF, "--out", tmp_path / "out")

    assert told.returncode == 2
    assert "retinue train" in told.stderr
    assert files_below(tmp_path) == before


def test_training_without_a_date_takes_the_end_of_the_facts_and_says_so(shop: Path, tmp_path: Path) -> None:
    shutil.copytree(shop, tmp_path / "shop")

    told = retinue("train", "--project", tmp_path / "shop")

    assert told.returncode == 0, told.stderr
    assert "Training as of 2026-01-01, the end of the facts" in told.stdout
    assert "Version 2" in told.stdout


def test_a_misspelled_key_of_the_project_file_gets_the_right_one(tmp_path: Path) -> None:
    folder = write_company(tmp_path / "shop", SHOP, PROJECT.replace("horizon_days", "horizon_day"))

    told = retinue("check", "--project", folder)

    assert told.returncode == 2
    assert "horizon_day" in told.stderr
    assert "Did you mean 'horizon_days'?" in told.stderr
