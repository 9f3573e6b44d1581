import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.training.late_payment.companies import collector
from tests.training.leakage.companies import shop

FEW = ("--features", "days_since_last_purchase,complaints_90d", "--cutoff", "2025-09-01", "--as-of", "2025-10-01")


def retinue(*arguments: str | Path, language: str = "en") -> subprocess.CompletedProcess[str]:
    """Run the real command."""
    environment = {**os.environ, "RETINUE_LANGUAGE": language, "COLUMNS": "200", "NO_COLOR": "1"}
    command = [sys.executable, "-c", "from serving.cli import main; main()", "leakage", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


@pytest.mark.slow
def test_facts_without_leaks_pass_with_status_zero_and_the_findings_are_written(tmp_path: Path) -> None:
    shop(tmp_path)
    done = retinue("--project", tmp_path, "--json", tmp_path / "leakage.json", "--sample", "50", *FEW)
    assert done.returncode == 0, done.stderr
    assert "PASS: no leak was found (warnings: 0)." in done.stdout
    assert "2 features at 1 cut-offs (2025-09-01 to 2025-09-01" in done.stdout
    assert "on 50 of 233 customers" in done.stdout
    assert "✓ truncation: the future is deleted (1)" in done.stdout
    assert "What this does not prove" in done.stdout
    document = json.loads((tmp_path / "leakage.json").read_text(encoding="utf-8"))
    assert document["verdict"] == "passed"
    assert document["checked"]["features"] == ["days_since_last_purchase", "complaints_90d"]


@pytest.mark.slow
def test_a_leak_gives_status_one_and_says_what_to_do_in_both_languages(tmp_path: Path) -> None:
    shop(tmp_path, complaints="late")
    english = retinue("--project", tmp_path, *FEW)
    assert english.returncode == 1, english.stderr
    assert "FAIL: 1 (warnings: 0)." in english.stdout
    assert "✗ interactions · 2025-09-01 · facts entered later than they are dated" in english.stdout
    assert "→ Map known_at of the table" in english.stdout
    chinese = retinue("--project", tmp_path, *FEW, language="zh")
    assert chinese.returncode == 1
    assert "未通过：1 项不合格" in chinese.stdout
    assert "→ 请将该表的 known_at 映射为录入时间" in chinese.stdout


def test_an_unknown_feature_gets_the_nearest_name(tmp_path: Path) -> None:
    shop(tmp_path)
    done = retinue("--project", tmp_path, "--features", "days_since_last_purchas")
    assert done.returncode == 2
    assert "Did you mean 'days_since_last_purchase'?" in done.stderr
    assert "Traceback" not in done.stderr


def test_help_has_an_example() -> None:
    assert "Example: retinue leakage --as-of" in retinue("--help").stdout


@pytest.mark.slow
@pytest.mark.parametrize(("disputed", "warnings"), [("late", 1), ("by chance", 0)])
def test_a_mark_that_late_invoices_get_is_told_with_what_to_do(tmp_path: Path, disputed: str, warnings: int) -> None:
    collector(tmp_path, disputed)
    done = retinue("--project", tmp_path, "--features", "invoices_365d", "--as-of", "2025-01-06")
    assert done.returncode == 0, done.stderr
    assert f"PASS: no leak was found (warnings: {warnings})." in done.stdout
    assert ("! invoices.disputed" in done.stdout) == (warnings == 1)
    assert ("uses it before the invoice is settled" in done.stdout) == (warnings == 1)
    if warnings:
        chinese = retinue("--project", tmp_path, "--features", "invoices_365d", "--as-of", "2025-01-06", language="zh")
        assert "在发票结清之前都不使用它" in chinese.stdout
