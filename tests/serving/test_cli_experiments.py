"""``retinue experiment`` on a simulated company whose campaigns are known, and on logged actions."""

from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from features.errors import FactsError, NotEnoughDataError
from features.simulation.company import Company
from features.simulation.plan import planned
from features.simulation.project import write_project
from serving.action_schemas import ActionEntry
from serving.cli.experiments import group
from serving.store import STORE_FILE, Entry, log_actions, open_store
from training.experiments.assignment import assigned

CAMPAIGN, AS_OF = "2025-06 visit", "2025-12-31"


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("company") / "project"
    company = Company(with_campaigns=True)
    write_project(folder, planned(3, 4_000, date(2024, 7, 1), date(2025, 12, 31), company, ()))
    return folder


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(group(), list(arguments), catch_exceptions=False)


def test_without_a_name_the_campaigns_are_listed(company: Path) -> None:
    said = run("report", "--as-of", AS_OF, "-p", str(company), "-q").stdout
    assert "2025-12 visit" in said
    assert CAMPAIGN in said


def test_a_report_tells_effects_with_intervals_and_writes_a_page_in_both_languages(company: Path) -> None:
    said = run("report", CAMPAIGN, "--as-of", AS_OF, "-p", str(company), "-q", "--out", "made").stdout
    for words in ("customers kept", "margin less cost, EUR", "95 % interval", "The arms fit the lot"):
        assert words in said
    english, chinese = (Path("made", f"experiment.{language}.html").read_text() for language in ("en", "zh"))
    assert "What it brought" in english
    assert "成效" in chinese
    assert "data:image/png;base64" in english
    assert "http://" not in english.replace("http://www.w3.org", "")


def test_learning_shows_beliefs_before_and_after_and_can_be_taken_back(company: Path) -> None:
    learnt = run("learn", CAMPAIGN, "--as-of", AS_OF, "-p", str(company), "-q").stdout
    assert "Learnt 1 measurement(s)" in learnt
    assert "1 campaigns" in learnt
    assert "learnt before" in run("learn", CAMPAIGN, "--as-of", AS_OF, "-p", str(company), "-q").stdout
    assert "Took back 1" in run("learn", "--undo", "-p", str(company), "-q").stdout
    assert "Nothing was learnt" in run("learn", "--undo", "-p", str(company), "-q").stdout


def test_learning_from_what_is_not_over_yet_is_refused(company: Path) -> None:
    with pytest.raises(NotEnoughDataError, match="Nothing can be learnt"):
        run("learn", "2025-12 visit", "--as-of", AS_OF, "-p", str(company), "-q")


def test_arms_are_drawn_as_the_library_draws_them_and_zeros_in_front_of_ids_stay(company: Path) -> None:
    Path("ids.csv").write_text("customer_id,name\n007,Bond\n8,Eight\n007,Bond again\n")
    said = run("assign", "ids.csv", "--campaign", "spring", "--out", "arms.csv", "-p", str(company)).stdout
    assert "written to arms.csv" in said
    arms = pd.read_csv("arms.csv", dtype={"customer_id": str})
    expected = assigned(["007", "8"], "retinue", "spring", 0.05, 0.2)
    assert arms[["customer_id", "arm"]].values.tolist() == expected[["customer_id", "arm"]].values.tolist()
    assert arms["propensity"].tolist() == pytest.approx([0.76, 0.76])


@pytest.mark.parametrize("text", ["name\nBond\n", "customer_id\n"])
def test_a_file_without_customers_is_an_error_that_says_what_is_expected(company: Path, text: str) -> None:
    Path("ids.csv").write_text(text)
    with pytest.raises(FactsError, match="customer_id"):
        run("assign", "ids.csv", "--campaign", "spring", "--out", "arms.csv", "-p", str(company))


def test_the_exported_log_is_a_table_of_treatments_with_its_clock(company: Path, tmp_path: Path) -> None:
    (tmp_path / "retinue.toml").write_text(
        (company / "retinue.toml").read_text().replace("facts/", f"{company}/facts/")
    )
    store = open_store(tmp_path / ".retinue" / STORE_FILE)
    entries = [
        ActionEntry.model_validate(
            {"customer_id": customer, "at": "2026-04-02T09:15:00+02:00", "action": "visit", "arm": arm, "campaign": "x"}
        )
        for customer, arm in (("a", "treated"), ("b", "control"), ("c", "withheld"))
    ]
    received = datetime(2026, 4, 3, tzinfo=UTC)
    log_actions(store, [Entry(e.id, e.customer_id, e.at, e.campaign, e.body()) for e in entries], received)
    store.close()
    assert "2 actions written" in run("export", "--out", "treatments.parquet").stdout
    rows = duckdb.sql(
        'SELECT customer_id, epoch("at"), action, arm, campaign, cost, propensity, epoch(known_at)'
        " FROM 'treatments.parquet'"
    ).fetchall()
    at = datetime(2026, 4, 2, 7, 15, tzinfo=UTC).timestamp()
    assert rows == [
        ("a", at, "visit", "treated", "x", None, None, received.timestamp()),
        ("b", at, "visit", "control", "x", None, None, received.timestamp()),
    ]
    assert "x" in run("report", "--as-of", AS_OF, "-q").stdout
