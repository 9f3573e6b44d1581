"""From files to answers, through the command line and the HTTP port, as a user goes."""

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import httpx
import pyarrow.parquet as pq
import pytest

from features.project import load_project
from features.sources import open_facts
from serving.score_schema import SCORES_SCHEMA
from tests.whole.company import command, environment, files_below, retinue
from training.payment_models import payment_models

AS_OF = "2026-07-01"


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trading company of 300 customers: simulated, checked, trained and scored by commands, which said what is in ``told``."""
    folder = tmp_path_factory.mktemp("whole") / "company"
    told = folder.parent / "told"
    told.mkdir()
    for name, arguments in {
        "simulate": (folder, "--customers", "300", "--months", "30", "--seed", "3"),
        "check": ("--project", folder),
        "train": ("--project", folder),
        "score": ("--project", folder, "--as-of", AS_OF, "--out", folder / "scores"),
    }.items():
        ended = retinue(name, *arguments)
        assert ended.returncode == 0, ended.stderr
        (told / f"{name}.txt").write_text(ended.stdout)
        if name == "simulate":
            with (folder / "retinue.toml").open("a", encoding="utf-8") as file:
                file.write("\n[credit]\noverdue_days = 10\n")  # of 300 customers too few are overdue by a month
    return folder


@pytest.fixture(scope="module")
def server(company: Path) -> Iterator[str]:
    """The address of `retinue serve`, running in a process of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        command("serve", "--project", company, "--port", str(port)), env=environment(), stdout=subprocess.DEVNULL
    )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(200):
            try:
                httpx.get(f"{address}/healthz", timeout=1)
                break
            except httpx.TransportError:
                time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=20)


def as_json(value: Any) -> Any:
    """A value of the Parquet file as JSON writes it."""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    return value.isoformat() if isinstance(value, date) else value


def rows(company: Path) -> list[dict[str, Any]]:
    return [
        {name: as_json(value) for name, value in row.items()}
        for row in pq.read_table(company / "scores" / "scores.parquet").to_pylist()
    ]


def test_a_simulated_company_is_trained_at_once_as_of_its_end_and_its_truth_lies_beside_it(company: Path) -> None:
    made, trained = ((company.parent / "told" / f"{name}.txt").read_text() for name in ("simulate", "train"))
    assert "300 simulated customers from 2024-01-01 to 2026-07-01" in made
    assert f"retinue train --project {company}" in made
    assert f"as of {AS_OF}" in trained
    truth = pq.read_table(company.parent / "company-truth" / "effects.parquet")
    treatments = pq.read_table(company / "facts" / "treatments.parquet")
    assert truth.select(["customer_id", "at"]).equals(treatments.select(["customer_id", "at"]))


def test_every_customer_of_the_facts_is_in_the_scores(company: Path) -> None:
    scores = pq.read_table(company / "scores" / "scores.parquet")
    customers = pq.read_table(company / "facts" / "customers.parquet")

    assert scores.schema.equals(SCORES_SCHEMA)
    assert scores.num_rows == 300
    assert set(scores["customer_id"].to_pylist()) == set(customers["customer_id"].to_pylist())


def test_the_api_answers_every_customer_exactly_as_the_file_has_it(company: Path, server: str) -> None:
    with httpx.Client(base_url=server) as client:
        for row in rows(company):
            answer = client.get(f"/v1/customers/{row['customer_id']}")
            assert answer.status_code == 200
            assert answer.json() == row
            assert list(answer.json()) == SCORES_SCHEMA.names


def test_scores_raise_warnings_that_are_served(company: Path, server: str) -> None:
    told = " ".join((company.parent / "told" / "score.txt").read_text().split())
    counts = {
        colour: int(n) for n, colour in re.findall(r"(\d+) (red|orange|yellow)\b", told.split("Warnings that stand")[1])
    }
    assert set(counts) == {"red", "orange", "yellow"}
    assert sum(counts.values()) > 0
    for colour, expected in counts.items():
        answer = httpx.get(f"{server}/v1/alerts", params={"colour": colour, "limit": 200}).json()
        assert len(answer["alerts"]) == min(expected, 200)


def test_a_plan_is_made_of_the_scores_served_and_the_same_when_it_is_made_again(
    company: Path, server: str, tmp_path: Path
) -> None:
    asked = (
        "plan",
        "--project",
        company,
        "--scores",
        company / "scores" / "scores.parquet",
        "--out",
        tmp_path / "plan",
    )
    assert httpx.get(f"{server}/v1/plan").status_code == 404
    ended = retinue(*asked)
    assert ended.returncode == 0, ended.stderr
    assert "hour of sales" in ended.stdout

    pages = [tmp_path / "plan" / f"plan.{language}.html" for language in ("en", "zh")]
    assert all("data:image/png;base64," in page.read_text(encoding="utf-8") for page in pages)
    assert all("Stefan Maurer" in page.read_text(encoding="utf-8") for page in pages)
    items = pq.read_table(tmp_path / "plan" / "plan.parquet").to_pylist()
    held = pq.read_table(tmp_path / "plan" / "portfolios.parquet").to_pylist()
    assert sum(row["customers"] for row in held) == len(rows(company))
    assert sum(row["contacts_planned"] for row in held) == len(items)
    assert all(row["development_low"] < row["development"] < row["development_high"] for row in held)
    lines = (tmp_path / "plan" / "contacts.zh.csv").read_text(encoding="utf-8-sig").splitlines()
    assert lines[0].startswith("序号,客户经理,客户编号")
    assert len(lines) == len(items) + 1
    with ZipFile(tmp_path / "plan" / "contacts.zh.xlsx") as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert sheet.count("<row ") == len(lines)
    assert "<t>客户编号</t>" in sheet
    first = httpx.get(f"{server}/v1/plan", params={"limit": 200}).json()
    assert first["contacts"] == items[:200]
    assert [row["place"] for row in items] == list(range(1, len(items) + 1))
    profits = [row["expected_profit"] for row in items]
    assert profits == sorted(profits, reverse=True)
    assert sum(row["minutes"] for row in items if row["team"] == "sales" and not row["accompanying_action"]) <= 40 * 60

    assert retinue(*asked, language="zh").returncode == 0
    again = httpx.get(f"{server}/v1/plan", params={"limit": 200}).json()
    assert (again["plan"]["plan_id"], again["contacts"]) == (first["plan"]["plan_id"], items[:200])

    tight = retinue(*asked, "--budget", "100", "--campaign", "july-2026")
    assert tight.returncode == 0, tight.stderr
    assert "would have been in the plan" in " ".join(tight.stdout.split())
    assert sum(row["action_cost"] for row in pq.read_table(tmp_path / "plan" / "plan.parquet").to_pylist()) <= 100.0001
    undone = retinue("plan", "--undo", "--project", company)
    assert undone.returncode == 0, undone.stderr
    assert httpx.get(f"{server}/v1/plan").json()["plan"]["plan_id"] == first["plan"]["plan_id"]

    missing = retinue("plan", "--project", company, "--scores", tmp_path / "nothing.parquet")
    assert missing.returncode == 2
    assert "retinue score" in missing.stderr


def test_a_batch_look_up_and_the_list_give_the_same_rows(company: Path, server: str) -> None:
    expected = {row["customer_id"]: row for row in rows(company)}
    with httpx.Client(base_url=server) as client:
        looked_up = client.post("/v1/customers:lookup", json={"customer_ids": [*[*expected][:400], "nobody"]}).json()
        assert looked_up["not_found"] == ["nobody"]
        assert looked_up["customers"] == list(expected.values())[:400]

        listed: list[dict[str, Any]] = []
        cursor: str | None = None
        while cursor is not None or not listed:
            page = client.get(
                "/v1/customers",
                params={"sort": "-expected_profit", "limit": 90, "cursor": cursor or ""} if cursor else {"limit": 90},
            ).json()
            listed += page["customers"]
            cursor = page["next_cursor"]
    assert {row["customer_id"]: row for row in listed} == expected
    profits = [row["expected_profit"] for row in listed if row["expected_profit"] is not None]
    assert profits == sorted(profits, reverse=True)


def test_payment_and_service_are_among_the_reasons(company: Path) -> None:
    families = {reason["family"] for row in rows(company) for reason in row["reasons"]}

    assert {"payment", "service", "habit"} <= families


def test_risk_is_a_probability_with_its_interval_or_a_reason_why_not(company: Path) -> None:
    for row in rows(company):
        if row["churn_probability"] is None:
            assert row["abstained_because"]["en"]
            assert row["abstained_because"]["zh"]
            assert row["reasons"] == []
        else:
            assert 0 <= row["churn_probability_low"] <= row["churn_probability"] <= row["churn_probability_high"] <= 1
            assert row["abstained_because"] is None


def test_scores_tell_what_customers_will_bring_and_where_they_stand(company: Path) -> None:
    scores = pq.read_table(company / "scores" / "scores.parquet").to_pandas()
    bought = scores["lifetime_value"].notna()
    assert bought.mean() > 0.9
    for name in ("expected_purchases", "expected_revenue", "lifetime_value"):
        of = scores[bought]
        assert (of[f"{name}_low"] <= of[f"{name}_high"]).all()
    assert (scores.loc[bought, "lifetime_value_net"] <= scores.loc[bought, "lifetime_value"] + 1e-9).all()
    assert scores["value_score"].between(0, 100).all()
    assert set(scores["tier"].dropna()) == {"strategic", "key", "general", "potential"}
    assert scores["lifecycle_stage"].notna().all()
    assert (scores["trajectory"].isna() == scores["trajectory_probability"].isna()).all()
    assert (scores["cluster"].isna() == scores["cluster_name"].isna()).all()
    assert set(scores["value_horizon_days"]) == {365}


def test_open_invoices_are_in_a_file_of_their_own_and_on_the_api(company: Path, server: str) -> None:
    invoices = pq.read_table(company / "scores" / "invoices.parquet").to_pandas()
    assert invoices["invoice_id"].is_unique
    assert (invoices["open_amount"] > 0).all()
    assert invoices["late_probability"].between(0, 1).all()
    overdue = invoices["days_overdue"] > 0
    assert (invoices.loc[overdue, "late_probability"] == 1).all()
    listed = httpx.get(f"{server}/v1/invoices", params={"limit": 500}).json()["invoices"]
    assert {row["invoice_id"] for row in listed} <= set(invoices["invoice_id"])
    weight = [row["open_amount"] * row["late_probability"] for row in listed]
    assert weight == sorted(weight, reverse=True)
    debtor = invoices["customer_id"].iloc[0]
    told = httpx.get(f"{server}/v1/customers/{debtor}/receivables").json()
    mine = invoices[invoices["customer_id"] == debtor]
    assert {row["invoice_id"] for row in told["invoices"]} == set(mine["invoice_id"])
    assert told["customer"]["open"] == pytest.approx(mine["open_amount"].sum())
    assert told["customer"]["credit_class"] in "ABCDE"
    assert told["customer"]["balance"] == pytest.approx(told["customer"]["open"] - told["customer"]["unapplied"])


def test_the_model_that_serves_speaks_only_for_instants_that_it_did_not_look_beyond(company: Path) -> None:
    settings = load_project(company)
    trained, short = (datetime(*day, tzinfo=settings.timezone) for day in ((2026, 7, 1), (2024, 3, 1)))
    with open_facts(settings) as facts:
        now, past = payment_models(facts, trained), payment_models(facts, short)
    assert now.late is not None
    assert now.late_version == "1"
    assert "version 1 of the last training, which knows facts before 2026-07-01" in now.told[0].en
    assert (past.late, past.late_version) == (None, None)
    assert past.told[0].en.startswith("Who pays when: not told.")


def test_scoring_again_changes_nothing(company: Path) -> None:
    before = files_below(company / "scores")

    again = retinue("score", "--project", company, "--as-of", AS_OF, "--out", company / "scores")

    assert again.returncode == 0, again.stderr
    assert files_below(company / "scores") == before


def test_features_of_several_dates_go_into_one_file(company: Path, tmp_path: Path) -> None:
    out = tmp_path / "features.parquet"

    ended = retinue("features", "--project", company, "--as-of", "2026-01-01", "--as-of", "2026-04-01", "--out", out)

    assert ended.returncode == 0, ended.stderr
    table = pq.read_table(out)
    assert {f"{t:%Y-%m-%d %H:%M}" for t in table["as_of"].to_pylist()} == {"2025-12-31 23:00", "2026-03-31 22:00"}
    assert f"{table.num_rows:,} rows of {table.num_columns - 2} features" in ended.stdout


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", ("Segment sizes", "Contact first", "expected profit")), ("zh", ("细分规模", "优先联系", "预期利润"))],
)
def test_the_summary_speaks_the_readers_language(
    company: Path, tmp_path: Path, language: str, words: tuple[str, ...]
) -> None:
    ended = retinue("score", "--project", company, "--as-of", AS_OF, "--out", tmp_path, language=language)

    assert ended.returncode == 0, ended.stderr
    assert [word for word in words if word not in ended.stdout] == []


def test_scores_of_a_day_that_the_model_already_knows_are_marked_as_hindsight(company: Path, tmp_path: Path) -> None:
    shutil.copytree(company, tmp_path / "company")
    project = ("--project", tmp_path / "company", "--out", tmp_path / "out")

    then, now = retinue("score", "--as-of", "2026-06-01", *project), retinue("score", "--as-of", AS_OF, *project)

    assert "the model knows facts up to 2026-07-01" in then.stdout
    assert "hindsight" not in now.stdout


def test_an_evaluation_that_would_look_ahead_is_refused(company: Path) -> None:
    ended = retinue("evaluate", "--project", company, "--as-of", "2026-04-01")

    assert ended.returncode == 2
    assert "look ahead" in ended.stderr
