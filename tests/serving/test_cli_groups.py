"""`retinue value` and `retinue segments` on a simulated company, as a person calls them."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from features.text import Language

PROJECT = """
[project]
name = "Simulated"
currency = "EUR"
"""


def retinue(*arguments: str | Path, language: Language = "en") -> subprocess.CompletedProcess[str]:
    """Run the real command."""
    environment = {**os.environ, "RETINUE_LANGUAGE": language, "NO_COLOR": "1"}
    command = [sys.executable, "-c", "from serving.cli import main; main()", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("simulated") / "company"
    made = retinue("simulate", folder, "--customers", "300", "--months", "30", "--seed", "3", "--quiet")
    assert made.returncode == 0, made.stderr
    return folder


@pytest.mark.slow
def test_value_gives_a_score_with_its_breakdown_and_the_rest_of_what_a_customer_is_worth(company: Path) -> None:
    out = company.parent / "value"
    done = retinue("value", "--project", company, "--as-of", "2026-07-01", "--out", out, "--quiet")
    assert done.returncode == 0, done.stderr
    assert "Simulated" in done.stdout.splitlines()[1]
    assert "Left out, as the facts say nothing of it: strategic weight." in " ".join(done.stdout.split())
    values = pd.read_parquet(out / "value.parquet")
    points = [column for column in values if column.startswith("points_")]
    scored = values.dropna(subset="value_score")
    assert len(values) == 300
    assert scored["value_score"].between(0, 100).all()
    assert scored[points].sum(axis=1).to_numpy() == pytest.approx(scored["value_score"].to_numpy())
    assert values["share_of_customer"].dropna().between(0, 1).all()
    assert set(values["trajectory"].dropna()) <= {"rising", "peak", "stable", "declining"}
    untold = values[values["trajectory"].isna()]
    assert untold["trajectory_reason_zh"].str.contains("个月|尚无购买").all()
    best = scored.sort_values(["value_score", "customer_id"], ascending=[False, True])["customer_id"].iloc[0]
    assert f"\n{best} " in done.stdout
    sold = pd.read_parquet(out / "cross_sell.parquet")
    assert sold.groupby("customer_id")["rank"].max().max() <= 5
    assert {file.name for file in out.glob("*.png")} >= {"retention.en.png", "cohort_profit.en.png"}


@pytest.mark.slow
def test_segments_put_every_customer_into_groups_and_say_who_moved(company: Path) -> None:
    out = company.parent / "segments"
    arguments = ("segments", "--project", company, "--as-of", "2026-07-01", "--out", out, "--quiet")
    done = retinue(*arguments, language="zh")
    assert done.returncode == 0, done.stderr
    assert "生命周期阶段" in done.stdout
    groups = pd.read_parquet(out / "segments.parquet")
    assert len(groups) == 300
    assert groups["lifecycle_stage"].notna().all()
    bought = groups["segment"].notna()
    assert groups.loc[bought, "tier"].isin(["strategic", "key", "general", "potential"]).all()
    moves = pd.read_parquet(out / "moves.parquet")
    assert set(moves["scale"]) == {"segment", "tier", "stage"}
    now = moves[(moves["scale"] == "segment") & (moves["target"] != "(gone)")].groupby("target")["customers"].sum()
    assert now[now > 0].to_dict() == groups["segment"].value_counts().to_dict()
    assert (out / "tier_flow.en.png").stat().st_size > 5_000
    told = pd.read_parquet(out / "tier_candidates.parquet")
    assert told["reason_en"].str.len().gt(20).all()
    assert told["reason_zh"].str.len().gt(10).all()


@pytest.mark.slow
def test_todays_tiers_do_not_hang_on_what_they_are_compared_with(company: Path) -> None:
    tiers = {}
    for since in ("2025-12-20", "2024-06-01"):  # before the second nothing of a whole year is known
        out = company.parent / f"since-{since}"
        done = retinue("segments", "--project", company, "--as-of", "2026-07-01", "--since", since, "--out", out, "-q")
        assert done.returncode == 0, done.stderr
        tiers[since] = pd.read_parquet(out / "segments.parquet").set_index("customer_id")["tier"]
        assert (out / "moves.parquet").exists() == (since == "2025-12-20")
    assert tiers["2025-12-20"].equals(tiers["2024-06-01"])


def test_tiers_by_a_margin_that_no_order_carries_are_refused(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text("c,d,a\nA,2024-01-05,10\nA,2025-12-20,20\nB,2025-11-01,5\n")
    columns = '[tables.orders.columns]\ncustomer_id = "c"\nordered_at = "d"\namount = "a"\n[tiers]\nby = "margin"\n'
    (tmp_path / "retinue.toml").write_text(f'{PROJECT}[tables.orders]\npath = "orders.csv"\n{columns}')
    done = retinue("segments", "--project", tmp_path, "--as-of", "2026-01-01", "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "[tiers] by = 'margin' needs the column 'margin_365d'" in " ".join(done.stderr.split())
    assert not (tmp_path / "out").exists()


def test_moves_need_an_earlier_date(company: Path) -> None:
    done = retinue("segments", "--project", company, "--as-of", "2026-07-01", "--since", "2026-07-01")
    assert done.returncode == 2
    assert "--since 2026-07-01 does not lie before --as-of 2026-07-01; give an earlier date." in " ".join(
        done.stderr.replace("│", "").split()
    )


@pytest.mark.parametrize("command", ["value", "segments"])
def test_a_project_without_orders_is_told_what_is_missing(tmp_path: Path, command: str) -> None:
    (tmp_path / "contracts.csv").write_text("customer_id,started_at\nC1,2025-01-01\n")
    columns = '[tables.subscriptions.columns]\ncustomer_id = "customer_id"\nstarted_at = "started_at"\n'
    (tmp_path / "retinue.toml").write_text(f'{PROJECT}[tables.subscriptions]\npath = "contracts.csv"\n{columns}')
    done = retinue(command, "--project", tmp_path, "--as-of", "2026-01-01", "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "Add [tables.orders]." in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", ["value", "segments"])
def test_help_has_an_example(command: str) -> None:
    assert f"Example: retinue {command} --as-of" in " ".join(retinue(command, "--help").stdout.split())
