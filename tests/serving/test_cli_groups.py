"""`retinue value` and `retinue segments` on a simulated company, as a person calls them."""

import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pandas as pd
import pytest

from features.project import load_project
from features.snapshot import snapshot
from features.sources import open_facts
from features.text import Language
from tests.training.contracts import contract_business, subscribers
from training.models.clusters.registered import train_clusters

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
    points = [column for column in map(str, values) if column.startswith("points_")]
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
    rising = values[(values["trajectory"] == "rising") & (values["advice"] != "analyse")]
    assert set(rising["advice"]) == {"develop"}
    assert values.loc[values["trajectory"].isna(), "advice"].isna().all()
    cohorts = pd.read_parquet(out / "retention.parquet")["cohort"].drop_duplicates()
    assert len(cohorts) == 10  # thirty months are too short for yearly cohorts
    page = (out / "value.html").read_text(encoding="utf-8")
    assert f"<td>{best}</td>" in page
    assert page.count("data:image/png;base64,") == 6  # two of retention, four of the purchase model
    assert "src=" not in page.replace('src="data:', "")
    assert "最有价值的客户" in (out / "value.zh.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_segments_put_every_customer_into_groups_and_say_who_moved(company: Path) -> None:
    out = company.parent / "segments"
    by = ("--by", "industry", "--by", "relationship_years")
    arguments = ("segments", "--project", company, "--as-of", "2026-07-01", *by, "--out", out, "--quiet")
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
    assert groups["stage_reason_zh"].str.len().gt(4).all()
    assert groups.loc[groups["lifecycle_stage"] == "prospect", "stage_reason_en"].str.contains("never bought").all()
    industries, years = (pd.read_parquet(out / f"by_{name}.parquet") for name in ("industry", "relationship_years"))
    for cut in (industries, years):
        assert cut["customers"].iloc[-1] == 300
        assert cut["customers"][:-1].sum() == 300
        assert cut["revenue"][:-1].sum() == pytest.approx(cut["revenue"].iloc[-1])
    assert "machinery" in industries["title_en"].tolist()
    assert "合作年限" in done.stdout
    page = (out / "segments.zh.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == 8  # two maps; a matrix and a flow of each of three scales
    assert "machinery" in page
    assert "等级变动候选" in page


@pytest.mark.slow
def test_the_groups_of_the_last_training_are_used_and_what_changed_is_told(company: Path) -> None:
    project = load_project(company)
    early, late = (datetime(2026, month, 1, tzinfo=project.timezone) for month in (4, 7))
    with open_facts(project) as facts:
        frame, now = (snapshot(facts, [day]).to_pandas() for day in (early, late))
    served = train_clusters(project, frame, 0, early, "abc").served
    assert served is not None
    out = company.parent / "registered"
    done = retinue("segments", "--project", company, "--as-of", "2026-07-01", "--out", out, "--quiet")
    assert done.returncode == 0, done.stderr
    said = " ".join(done.stdout.split())
    assert "those of the last training (version 1, 2026-04-01), under the same numbers and names" in said
    assert "The groups are as they were." in said or "Train again to find the groups of today." in said
    found = pd.read_parquet(out / "segments.parquet").set_index("customer_id")["cluster"]
    expected = pd.Series(served.model.assign(now).to_numpy(), now["customer_id"])
    assert found.astype("Int64").equals(expected.reindex(found.index).astype("Int64").rename("cluster"))
    before = retinue("segments", "--project", company, "--as-of", "2026-03-01", "--out", out, "--quiet")
    assert "They were found for this answer alone" in before.stdout  # the registered ones know what came later


@pytest.mark.slow
def test_an_attribute_that_nobody_has_is_refused_with_the_nearest_one(company: Path) -> None:
    out = company.parent / "unknown"
    done = retinue("segments", "--project", company, "--as-of", "2026-07-01", "--by", "industri", "--out", out, "-q")
    assert done.returncode == 2
    assert "Customers have no attribute 'industri'. Did you mean 'industry'?" in " ".join(done.stderr.split())
    assert not out.exists()


def test_where_the_project_gives_supplies_the_suppliers_are_rated_too(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text(
        "customer_id,ordered_at,amount\n" + "".join(f"C{n % 7},2025-{n % 12 + 1:02}-05,{100 + n}\n" for n in range(60))
    )
    (tmp_path / "supplies.csv").write_text(
        "supplier_id,ordered_at,amount,quantity,rejected_quantity,product_id\n"
        + "".join(
            f"good,2025-{m:02}-03,100,10,0,P{m % 3}\nbad,2025-{m:02}-09,130,10,4,P{m % 3}\n" for m in range(2, 12)
        )
    )
    tables = "".join(
        f'[tables.{name}]\npath = "{name}.csv"\n[tables.{name}.columns]\n'
        + "".join(f'{column} = "{column}"\n' for column in columns)
        for name, columns in {
            "orders": ("customer_id", "ordered_at", "amount"),
            "supplies": ("supplier_id", "ordered_at", "amount", "quantity", "rejected_quantity", "product_id"),
        }.items()
    )
    (tmp_path / "retinue.toml").write_text(PROJECT + tables)
    out = tmp_path / "out"
    done = retinue("value", "--project", tmp_path, "--as-of", "2026-01-01", "--out", out, "--quiet")
    assert done.returncode == 0, done.stderr
    suppliers = pd.read_parquet(out / "suppliers.parquet")
    assert suppliers["supplier_id"].tolist() == ["good", "bad"]
    assert suppliers["purchases_365d"].tolist() == [1000, 1300]
    assert "\ngood " in done.stdout
    assert "<td>good</td>" in (out / "value.html").read_text(encoding="utf-8")


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
def test_a_project_without_orders_or_contracts_that_end_is_told_what_is_missing(tmp_path: Path, command: str) -> None:
    (tmp_path / "contracts.csv").write_text("customer_id,started_at\nC1,2025-01-01\n")
    columns = '[tables.subscriptions.columns]\ncustomer_id = "customer_id"\nstarted_at = "started_at"\n'
    (tmp_path / "retinue.toml").write_text(f'{PROJECT}[tables.subscriptions]\npath = "contracts.csv"\n{columns}')
    done = retinue(command, "--project", tmp_path, "--as-of", "2026-01-01", "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "Add [tables.orders], or [tables.subscriptions] with ended_at." in " ".join(done.stderr.split())
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_contracts_alone_tell_stages_of_life_groups_that_act_alike_cuts_and_who_moved(tmp_path: Path) -> None:
    contracts = subscribers(seed=1, customers=200)
    contract_business(tmp_path, contracts)
    people = sorted({who for who, *_ in contracts})
    tables = {
        "customers": ["customer_id,industry", *(f"{who},{('metal', 'food')[n % 2]}" for n, who in enumerate(people))],
        "interactions": [
            "customer_id,at,kind",
            *(f"{who},2025-{n % 12 + 1:02}-03,call" for n, who in enumerate(people + people[::2] * 3)),
        ],
    }
    with (tmp_path / "retinue.toml").open("a", encoding="utf-8") as project:
        for name, rows in tables.items():
            (tmp_path / f"{name}.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
            columns = "".join(f'{column} = "{column}"\n' for column in rows[0].split(","))
            project.write(f'[tables.{name}]\npath = "{name}.csv"\n[tables.{name}.columns]\n{columns}')
    out = tmp_path / "out"
    day = ("--as-of", "2026-01-01", "--since", "2025-07-01")
    done = retinue("segments", "--project", tmp_path, *day, "--by", "industry", "--out", out, "--quiet")
    assert done.returncode == 0, done.stderr
    said = " ".join(done.stdout.split())
    assert "Segments, tiers and loyalty are told from orders, and the project has none" in said
    groups = pd.read_parquet(out / "segments.parquet")
    assert groups["lifecycle_stage"].notna().all()
    assert not {"segment", "tier", "loyalty_index"} & set(groups)
    with_contract = [who for who, _, ended, *_ in contracts if not ended]
    stages = groups.set_index("customer_id")["lifecycle_stage"]
    assert "termination" not in stages[with_contract].tolist()
    assert groups["cluster"].notna().sum() == len(set(with_contract))  # of the others nothing can be compared
    assert set(pd.read_parquet(out / "moves.parquet")["scale"]) == {"stage"}
    industries = pd.read_parquet(out / "by_industry.parquet")
    assert industries["customers"].tolist() == [100, 100, 200]
    assert industries["revenue"].isna().all()
    page = (out / "segments.zh.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == 2  # matrix and flow of the stages
    assert "等级变动候选" not in page
    assert not (out / "tier_candidates.parquet").exists()


@pytest.mark.parametrize("command", ["value", "segments"])
def test_help_has_an_example(command: str) -> None:
    assert f"Example: retinue {command} --as-of" in " ".join(retinue(command, "--help").stdout.split())
