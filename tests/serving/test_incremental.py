"""Only customers with new facts are scored again: the right ones, as a scoring of everybody would, and nobody else changes."""

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pyarrow.parquet as pq
import pytest

from features.errors import AsOfError, ModelError, NotFoundError, ProjectError, StorageError
from features.news import customers_with_news
from features.project import Project, load_project
from features.sources import open_facts
from serving import incremental
from serving.batch import score
from serving.incremental import score_again
from serving.realtime.kept import KEPT
from serving.store import bodies_of, open_project_store, reading, serving_run
from tests.features.companies import ORDERS, project, table
from tests.serving.realtime.company import AS_OF, train, write_company
from tests.training.registered import register
from tests.whole.company import retinue
from training.tracking import promote

pytestmark = pytest.mark.filterwarnings("ignore:Series.values returning an ndarray that drops timezone")

LATER = AS_OF + timedelta(days=7)
MOMENT = timedelta(microseconds=1)
DERIVED = {"expected_profit", "expected_profit_low", "expected_profit_high", "alternatives", "assumption"}
"""What also depends on what stays: a playbook may ask for the tier or the value."""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A company without events whose scores are served."""
    folder = tmp_path_factory.mktemp("news") / "company"
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        write_company(folder)
        settings = folder / "retinue.toml"
        settings.write_text(settings.read_text().partition("[events]")[0])
        train(load_project(folder))
        score(load_project(folder), AS_OF, folder / "scores", lambda: AS_OF)
    return folder


@pytest.fixture
def company(trained: Path, tmp_path: Path) -> Project:
    shutil.copytree(trained, tmp_path / "company")
    return load_project(tmp_path / "company")


def add(company: Project, file: str, *lines: str) -> None:
    with (company.root / file).open("a") as opened:
        opened.writelines(f"{line}\n" for line in lines)


def bodies(company: Project) -> dict[str, dict[str, Any]]:
    store = open_project_store(company)
    with reading(store) as connection:
        run = serving_run(connection)
        assert run is not None
        everybody = [*(f"C{n:03}" for n in range(60)), "NEW"]
        found = {
            customer: orjson.loads(body) for customer, body in bodies_of(connection, run.number, everybody).items()
        }
    store.close()
    return found


def change_facts(company: Project) -> set[str]:
    """Add facts of the week after the scores, and of other times; whose were of that week."""
    add(
        company,
        "orders.csv",
        "C001,2025-10-01 00:00:00,55,tea",  # the first instant
        f"C002,{(LATER - MOMENT).replace(tzinfo=None)},60,tea",  # the last
        "C003,2025-10-08 00:00:00,70,tea",  # too late
        "C005,2025-09-30 23:59:59,80,tea",  # before, so no news
        "NEW,2025-10-03 12:00:00,90,coffee",
    )
    add(company, "payments.csv", "PAYER,2025-10-05 10:00:00,100,R-C007")
    add(company, "contacts.csv", "C009,2025-10-06 10:00:00,complaint")
    add(company, "invoices.csv", "T-1,C011,2025-09-01 09:00:00,2025-10-04 00:00:00,20")  # due that week
    return {"C001", "C002", "NEW", "PAYER", "C007", "C009", "C011"}


def utc_company(company: Project) -> Project:
    """The same with clocks at Greenwich, so that the instants above are what they say."""
    settings = company.root / "retinue.toml"
    settings.write_text(settings.read_text().replace('timezone = "Europe/Berlin"', 'timezone = "UTC"'))
    return load_project(company.root)


def test_news_are_rows_with_an_instant_within_the_span(company: Project) -> None:
    company = utc_company(company)
    expected = change_facts(company)
    with open_facts(company) as facts:
        assert set(customers_with_news(facts, AS_OF, LATER).to_pylist()) == expected
        assert set(customers_with_news(facts, LATER, LATER + MOMENT).to_pylist()) == {"C003"}


def test_a_row_that_became_known_later_is_news_then(tmp_path: Path) -> None:
    told = "customer,day,amount,known\nA,2025-01-05,7,2025-03-02\nB,2025-03-01,1,2025-03-09\nC,2025-03-01,3,\nD,2025-01-01,3,\n"
    (tmp_path / "orders.csv").write_text(told)
    columns = f'{ORDERS}, known_at = "known"'
    with open_facts(project(tmp_path, table('path = "orders.csv"', columns))) as facts:
        found = customers_with_news(facts, AS_OF.replace(year=2025, month=3), AS_OF.replace(year=2025, month=3, day=5))
    assert found.to_pylist() == ["A", "C"]


def test_those_with_news_are_scored_as_everybody_would_be_and_nobody_else_changes(
    company: Project, tmp_path: Path
) -> None:
    company = utc_company(company)
    score(company, AS_OF, tmp_path / "out", lambda: AS_OF)
    before = bodies(company)
    expected = change_facts(company) - {"PAYER"}  # who is on file by a payment alone is no customer of theirs
    shutil.copytree(company.root, tmp_path / "other")

    result = score_again(company, LATER, tmp_path / "out")

    after = bodies(company)
    changed = {customer for customer in after if after[customer] != before.get(customer)}
    assert changed == expected
    assert (result.customers, result.since, result.as_of, result.moves["new"]) == (len(expected), AS_OF, LATER, 1)
    other = load_project(tmp_path / "other")
    score(other, LATER, tmp_path / "other-out", lambda: LATER)
    whole = bodies(other)
    for customer in expected:
        for name, value in after[customer].items():
            if name in KEPT:
                assert value == before.get(customer, {}).get(name), (customer, name)
            elif name not in DERIVED:
                assert value == whole[customer][name], (customer, name)
        assert after[customer]["as_of"] == "2025-10-08T00:00:00Z"
    assert result.file is not None
    assert set(pq.read_table(result.file)["customer_id"].to_pylist()) == expected
    again = score_again(company, LATER + MOMENT, tmp_path / "out")  # C003 bought at that very instant
    assert (again.since, again.customers) == (LATER, 1)
    score(company, LATER, tmp_path / "out", lambda: LATER)
    assert not result.file.exists()  # it was of the run before


def test_without_news_nothing_changes(company: Project, tmp_path: Path) -> None:
    before = bodies(company)
    told = retinue(
        "score", "--project", company.root, "--as-of", "2025-10-02", "--incremental", "--out", tmp_path / "out"
    )
    assert told.returncode == 0, told.stderr
    assert "has a fact from 2025-10-01 02:00" in told.stdout
    assert bodies(company) == before
    assert not (tmp_path / "out").exists()


def test_the_command_tells_who_moved(company: Project, tmp_path: Path) -> None:
    change_facts(company)
    told = retinue(
        "score", "--project", company.root, "--as-of", "2025-10-08", "--incremental", "--out", tmp_path / "out"
    )
    assert told.returncode == 0, told.stderr
    assert "customers with facts from 2025-10-01 02:00 to before 2025-10-08 00:00" in told.stdout
    assert "  1 new" in told.stdout
    assert (tmp_path / "out" / "rescored.parquet").exists()


def test_what_cannot_stand_beside_the_scores_that_are_served_is_refused(company: Project, tmp_path: Path) -> None:
    def refused(by: type[Exception], match: str, of: Project = company, as_of: Any = LATER) -> None:
        before = bodies(company)
        with pytest.raises(by, match=match):
            score_again(of, as_of, tmp_path / "out")
        assert bodies(company) == before
        assert not (tmp_path / "out").exists()

    refused(AsOfError, "is not later than", as_of=AS_OF)
    settings = company.root / "retinue.toml"
    written = settings.read_text()
    settings.write_text(f"{written}\n[events]\nin_files = false\n")
    refused(ProjectError, "takes events", load_project(company.root))
    settings.write_text(f"{written}\n[churn.bands]\nhigh = 0.7\nmedium = 0.3\n")
    refused(ModelError, "another project file", load_project(company.root))
    settings.write_text(written)
    promote(company, register(company, AS_OF, features=["days_since_last_purchase"]))
    refused(ModelError, "serve by now")


def test_before_anything_is_served_there_is_nothing_to_bring_up_to_date(tmp_path: Path) -> None:
    made = write_company(tmp_path / "company")
    settings = made.root / "retinue.toml"
    settings.write_text(settings.read_text().partition("[events]")[0])
    with pytest.raises(NotFoundError, match="No scores are served yet"):
        score_again(load_project(made.root), LATER, tmp_path / "out")


def test_scores_that_were_published_meanwhile_stay(
    company: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_facts(company)
    snapshot = incremental.FeatureRows

    def overtaken(*of: Any) -> Any:
        monkeypatch.setattr(incremental, "FeatureRows", snapshot)
        score_again(company, LATER - timedelta(days=1), tmp_path / "first")
        return snapshot(*of)

    monkeypatch.setattr(incremental, "FeatureRows", overtaken)
    with pytest.raises(StorageError, match="published meanwhile"):
        score_again(company, LATER, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
