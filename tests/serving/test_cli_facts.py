import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ORDERS = "customer_id,order_date,amount\n1,2023-01-31,5\n2,2024-02-29,6\n,2024-01-01,7\n"


def retinue(*arguments: str | Path, language: str = "en") -> subprocess.CompletedProcess[str]:
    """Run the real command."""
    environment = {**os.environ, "RETINUE_LANGUAGE": language, "COLUMNS": "200", "NO_COLOR": "1"}
    command = [sys.executable, "-c", "from serving.cli import main; main()", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "orders.csv").write_text(ORDERS)
    return tmp_path


def test_init_then_check_leads_from_a_folder_to_a_report(shop: Path) -> None:
    proposed = retinue("init", shop)
    assert proposed.returncode == 0, proposed.stderr
    assert "orders.customer_id" in proposed.stdout
    assert f"retinue check --project {shop}" in proposed.stdout
    file = shop / "retinue.toml"
    file.write_text(file.read_text().replace('where = "customer_id IS NOT NULL"', ""))
    checked = retinue("check", "--project", shop, "--rejects", shop / "rejects.csv")
    assert checked.returncode == 0, checked.stderr
    assert "2023-01-31" in checked.stdout
    assert "orders.csv:4" in checked.stdout
    assert "customer_id is missing" in checked.stdout
    assert "✓ churn risk" in checked.stdout
    with (shop / "rejects.csv").open(encoding="utf-8-sig") as rejects:
        assert list(csv.reader(rejects)) == [
            ["table", "file", "line", "column", "value", "reason", "原因"],
            ["orders", "orders.csv", "4", "customer_id", "", "customer_id is missing", "缺少 customer_id"],
        ]


def test_init_does_not_touch_an_existing_file_unless_forced(shop: Path) -> None:
    file = shop / "retinue.toml"
    file.write_text("mine")
    refused = retinue("init", shop)
    assert refused.returncode == 2
    assert "exists and was not touched" in refused.stderr
    assert file.read_text() == "mine"
    assert retinue("init", shop, "--force", "--language", "zh").returncode == 0
    assert "假设，请核对" in file.read_text(encoding="utf-8")


def test_check_prints_json_that_a_program_can_read(shop: Path) -> None:
    assert retinue("init", shop).returncode == 0
    answer = json.loads(retinue("check", "--project", shop, "--json").stdout)
    assert answer["tables"][0]["table"] == "orders"
    assert (answer["tables"][0]["read"], answer["tables"][0]["left_out"]) == (3, 1)


def test_check_speaks_chinese(shop: Path) -> None:
    assert retinue("init", shop).returncode == 0
    assert "这些数据可以实现" in retinue("check", "--project", shop, language="zh").stdout


def test_errors_are_told_without_a_traceback(shop: Path) -> None:
    failed = retinue("check", "--project", shop)
    assert failed.returncode == 2
    assert "There is no project file" in failed.stderr
    assert "Traceback" not in failed.stderr


@pytest.mark.parametrize("command", ["init", "check"])
def test_help_has_an_example(command: str) -> None:
    assert f"Example: retinue {command}" in retinue(command, "--help").stdout
