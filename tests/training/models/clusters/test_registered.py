"""Groups of behaviour over trainings: kept in MLflow, under the same numbers and names, told when they change."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.project import Project
from features.snapshot import snapshot
from features.sources import open_facts
from tests.training.companies import company, utc
from tests.training.models.clusters.planted import planted
from training.mlflow_store import tracking
from training.models.clusters.registered import serving_clusters, train_clusters
from training.plain_models import log_plain_model

DAY = utc(2025, 12, 1)
WEEK = timedelta(days=7)
KINDS = ((4.0, 40.0), (12.0, 5000.0), (4.0, 5000.0))
"""Days between two orders, and what one brings."""


def orders_of_three_kinds(customers: int) -> list[tuple[str, str, str]]:
    generator = np.random.default_rng(5)
    rows = []
    for number in range(customers):
        gap, amount = KINDS[number % 3]
        day = float(generator.uniform(0, gap))
        while day < 365 + 334 + 7:
            at = utc(2024, 1, 1) + timedelta(days=day)
            rows.append((f"C{number:03}", f"{at:%Y-%m-%d %H:%M:%S}", f"{amount * generator.gamma(20, 1 / 20):.2f}"))
            day += float(generator.gamma(40, gap / 40))
    return rows


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return company(tmp_path / "project", orders_of_three_kinds(150), name="Wholesale")


def at(project: Project, day: datetime, customers: list[str] | None = None) -> pd.DataFrame:
    with open_facts(project) as facts:
        return pd.DataFrame(snapshot(facts, [day], customers).to_pandas())


@pytest.mark.slow
def test_a_week_later_the_same_customers_have_the_same_groups_under_the_same_names(project: Project) -> None:
    first = train_clusters(project, at(project, DAY), 0, DAY, "abc")
    assert first.served is not None
    assert first.drift is None
    frame = at(project, DAY + WEEK)
    second = train_clusters(project, frame, 1, DAY + WEEK, "abc")
    assert second.served is not None
    assert (first.served.version, second.served.version) == ("1", "2")
    assert serving_clusters(project) == second.served
    numbers = second.served.model.assign(frame)
    assert numbers.groupby(np.arange(150) % 3).nunique().tolist() == [1, 1, 1]  # the three kinds were found
    assert (numbers.to_numpy() == first.served.model.assign(at(project, DAY)).to_numpy()).all()
    assert {g.number: g.name for g in first.served.model.groups} == {
        g.number: g.name for g in second.served.model.groups
    }
    assert second.drift is not None
    assert second.drift.psi < 0.01
    alone = [second.served.model.assign(at(project, DAY + WEEK, [c])).iloc[0] for c in ("C000", "C001")]
    assert alone == numbers.iloc[:2].tolist()


def test_the_run_holds_stability_profiles_and_drift(project: Project) -> None:
    frame, truth = planted(300, 1)
    train_clusters(project, frame, 0, DAY, "abc")
    fewer = frame[(truth != 0) | (np.arange(300) % 5 == 0)]
    again = train_clusters(project, fewer, 0, DAY + WEEK, "abc")
    with tracking(project) as client:
        run = client.get_run(str(client.get_model_version("wholesale-clusters", "2").run_id))
        folder = Path(client.download_artifacts(run.info.run_id, "clusters"))
    profiles = pd.read_csv(folder / "profiles.csv")
    drift = json.loads((folder / "drift.json").read_text(encoding="utf-8"))
    assert (run.data.params["groups"], run.data.params["catalogue_hash"]) == ("4", "abc")
    assert run.data.metrics["bootstrap_rand"] > 0.9
    assert run.data.metrics["drift_psi"] > 0.25
    assert sum(run.data.metrics[f"customers.{number}"] for number in (1, 2, 3, 4)) == len(fewer)
    assert profiles["name_zh"].tolist()[-1] == "全部客户"
    assert profiles["customers"].tolist()[-1] == len(fewer)
    assert again.drift is not None
    assert drift["sentences"][0]["zh"] == again.drift.sentences[0].zh
    assert "明显变化" in drift["sentences"][0]["zh"]


def test_too_few_customers_have_no_groups_and_what_served_goes_on_serving(project: Project) -> None:
    frame, _ = planted(300, 1)
    served = train_clusters(project, frame, 0, DAY, "abc").served
    found = train_clusters(project, frame.head(20), 0, DAY + WEEK, "abc")
    assert found.served is None
    assert found.why_not is not None
    assert found.why_not.en.startswith("Groups of behaviour need 50 customers")
    assert "现有 20 位" in found.why_not.zh
    assert serving_clusters(project) == served


def test_groups_that_cannot_be_read_are_found_anew(project: Project) -> None:
    log_plain_model(project, "clusters", "{}", {}, {})
    made = train_clusters(project, planted(300, 1)[0], 0, DAY, "abc")
    assert made.drift is None
    assert made.served is not None
    assert made.served.version == "2"
    assert serving_clusters(project) == made.served


def test_a_project_without_a_training_has_no_groups(project: Project) -> None:
    assert serving_clusters(project) is None
