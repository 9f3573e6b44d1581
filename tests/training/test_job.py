"""Whole trainings of a shop of 240 customers: from a file of orders to the model that serves."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.errors import AsOfError, ModelError, NotEnoughDataError
from features.project import Project, load_project
from features.rejects_files import SetAside
from features.snapshot import snapshot
from features.sources import open_facts
from features.text import Text
from tests.training.companies import company, shop, shop_orders, turned_round, utc
from training.abstention import abstain
from training.dataset import LEAST_CUSTOMERS
from training.job import Training, evaluate_champion, train
from training.leakage.certify import BESIDE_TRAINING
from training.loading import model_features
from training.mlflow_store import tracking
from training.models.clusters.registered import serving_clusters
from training.models.population import PROBABILITY
from training.tracking import champion_churn, champion_segments

AS_OF = utc(2025, 10, 1)
CUSTOMERS = 240


@pytest.fixture(scope="module", autouse=True)
def own_store() -> Iterator[None]:
    """Every project keeps its runs in its own workspace, whatever the environment of the tests says."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        yield


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return shop(tmp_path_factory.mktemp("shop"), seed=1, customers=CUSTOMERS)


@pytest.fixture(scope="module")
def steps() -> list[tuple[Text, float]]:
    return []


@pytest.fixture(scope="module")
def training(project: Project, steps: list[tuple[Text, float]]) -> Training:
    return train(project, AS_OF, lambda text, share: steps.append((text, share)))


@pytest.fixture(scope="module")
def again(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, Training]:
    """Another project with the same orders under another name, and with an order that cannot be read."""
    other = shop(tmp_path_factory.mktemp("again"), seed=1, customers=CUSTOMERS, name="Another shop")
    with (other.root / "orders.csv").open("a", encoding="utf-8") as orders:
        orders.write("C000,some day,10\n")
    return other, train(other, AS_OF)


@pytest.fixture(scope="module")
def misled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, Training]:
    """A shop where all that was learnt before the test cut-off is wrong after it."""
    orders = turned_round(shop_orders(1, CUSTOMERS), AS_OF - timedelta(days=30))
    folder = tmp_path_factory.mktemp("misled")
    project = company(folder, orders, name="Misled", horizon_days=30, active_within_days=90)
    return project, train(project, AS_OF)


def features_at(project: Project, as_of: datetime) -> pd.DataFrame:
    with open_facts(project) as facts:
        chosen = model_features(champion_churn(project).stored, facts)
        return pd.DataFrame(snapshot(facts, [as_of], features=chosen).to_pandas())


def tell(project: Project, sql: str) -> list[tuple[object, ...]]:
    """What the project's MLflow store holds, asked behind MLflow's back."""
    with sqlite3.connect(f"file:{project.workspace / 'mlflow.db'}?mode=ro", uri=True) as connection:
        return connection.execute(sql).fetchall()


def test_a_training_says_what_it_learnt_from_and_how_good_every_model_is(training: Training) -> None:
    plan = training.schedule
    assert plan.test == AS_OF - timedelta(days=30)
    assert training.rows > 10 * LEAST_CUSTOMERS
    assert 100 < training.customers <= CUSTOMERS
    candidates, baselines = (
        ["xgboost", "logistic", "purchases", "blend"],
        ["recency", "number_of_purchases", "own_rhythm"],
    )
    assert list(training.metrics) == [*candidates, "base_rate", *baselines]
    assert training.chosen in candidates
    assert len({metrics.rows for metrics in training.metrics.values()}) == 1
    assert sum(training.segment_sizes.values()) <= CUSTOMERS


def test_a_model_that_learnt_something_beats_the_baselines_and_serves(project: Project, training: Training) -> None:
    chosen, metrics = training.metrics[training.chosen], training.metrics
    assert chosen.auc > 0.7
    assert chosen.log_loss < metrics["recency"].log_loss
    assert chosen.log_loss < metrics["base_rate"].log_loss
    assert training.promoted
    champion = champion_churn(project)
    assert champion.version == training.version == "1"
    facts = champion.stored.facts
    assert (facts.kind, facts.horizon_days, facts.active_within_days) == (training.chosen, 30, 90)
    assert datetime.fromisoformat(facts.as_of) == AS_OF
    assert facts.metrics[training.chosen]["auc"] == chosen.auc


def test_a_training_learns_when_customers_order_again(project: Project, training: Training) -> None:
    assert training.when is not None
    judged = training.when.metrics
    assert list(judged) == ["timing", "marginal", "own_rhythm", "bg_nbd"]
    assert judged["timing"].integrated_brier < judged["marginal"].integrated_brier
    served = champion_churn(project).stored.timing
    assert served is not None
    frame = features_at(project, AS_OF)
    ours, theirs = training.when.timing.curves(frame), served.curves(frame)
    assert (ours.median_days() == theirs.median_days())[np.isfinite(ours.median_days())].all()


def test_a_model_keeps_whom_it_was_learnt_among(project: Project, training: Training) -> None:
    stored = champion_churn(project).stored
    population = stored.population
    assert population is not None
    today = features_at(project, AS_OF)
    known = stored.can_be_lost(today) & abstain(today, stored.facts.one_time_buyers).isna().to_numpy()
    rows = today[known].assign(churn_probability=stored.probability(today[known]))
    found = population.drift(population.counted(rows))
    assert found is not None
    assert found.customers_then == found.customers_now == len(rows) > 20
    assert found.index == dict.fromkeys([PROBABILITY, *stored.facts.features], pytest.approx(0.0, abs=1e-9))
    silent = population.drift(population.counted(rows.assign(days_since_last_purchase=500.0)))
    assert silent is not None
    assert silent.moved == ["days_since_last_purchase"]


def test_progress_rises_from_nothing_to_all(training: Training, steps: list[tuple[Text, float]]) -> None:
    shares = [share for _, share in steps]
    assert shares[0] == 0
    assert shares[-1] == 1
    assert shares == sorted(shares)
    assert all(text.en and text.zh for text, _ in steps)


def test_mlflow_has_the_run_with_parameters_metrics_data_set_and_plots(project: Project, training: Training) -> None:
    with tracking(project) as client:
        run = client.get_run(training.run_id)
        plots = [file.path for file in client.list_artifacts(training.run_id, "plots")]
        experiment = client.get_experiment(run.info.experiment_id)
    assert run.info.status == "FINISHED"
    assert experiment.name == "Shop: churn"
    parameters = run.data.params
    assert parameters["model"] == training.chosen
    assert parameters["rows"] == str(training.rows)
    assert parameters["horizon_days"] == "30"
    assert datetime.fromisoformat(parameters["as_of"]) == AS_OF
    assert parameters.keys() >= {"seed", "cutoffs", "test_cutoff", "calibration_slope", "active_within_days"}
    assert ("rounds" in parameters) == (training.chosen in ("xgboost", "blend"))
    assert ("logistic_C" in parameters) == (training.chosen in ("logistic", "blend"))
    for name, metrics in training.metrics.items():
        assert {metric: run.data.metrics[f"{name}.{metric}"] for metric in metrics.as_dict()} == metrics.as_dict()
    assert run.inputs is not None
    [data_set] = run.inputs.dataset_inputs
    assert "churned" in str(data_set.dataset.schema)
    assert "plots/churn.en.png" in plots
    assert run.data.tags["catalogue_hash"] == champion_churn(project).stored.facts.catalogue_hash


def test_the_registered_version_has_a_signature_of_numbers_and_the_alias(project: Project, training: Training) -> None:
    with tracking(project) as client:
        import mlflow

        version = client.get_model_version_by_alias("shop-churn", "champion")
        signature = mlflow.models.get_model_info(str(version.source)).signature
    assert str(version.version) == training.version
    assert version.run_id == training.run_id
    assert [column.name for column in signature.inputs] == list(champion_churn(project).stored.facts.features)
    assert {column.type.name for column in signature.inputs} == {"double"}
    assert [column.name for column in signature.outputs] == ["churn_probability"]


def test_the_model_that_mlflow_loads_says_what_ours_says(project: Project, training: Training) -> None:
    frame = features_at(project, AS_OF)
    stored = champion_churn(project).stored
    names = list(stored.facts.features)
    with tracking(project):
        import mlflow

        loaded = mlflow.pyfunc.load_model("models:/shop-churn@champion")
        said = loaded.predict(frame[names].astype("float64"))
    assert len(said) > 100
    assert said.to_numpy() == pytest.approx(stored.probability(frame), abs=0)


def test_nothing_that_was_recorded_is_a_pickle(project: Project, training: Training) -> None:
    kept = [file for file in project.workspace.rglob("*") if file.is_file()]
    assert any(file.name == "model.json" for file in kept)
    assert not [file for file in kept if file.suffix in (".pkl", ".pickle", ".joblib", ".cloudpickle")]
    assert not [file for file in kept if file.read_bytes()[:2] in (b"\x80\x04", b"\x80\x05")]


def test_segments_serve_with_the_run_that_made_them(project: Project, training: Training) -> None:
    segments = champion_segments(project)
    assert segments.as_of is not None
    assert datetime.fromisoformat(segments.as_of) == AS_OF
    sizes = segments.assign(features_at(project, AS_OF))["segment"].value_counts()
    assert {str(name): int(size) for name, size in sizes.items()} == training.segment_sizes


def test_the_groups_of_the_training_serve_and_assign_one_customer_as_all(project: Project, training: Training) -> None:
    assert training.clusters is not None
    assert training.clusters.profiles is not None
    served = serving_clusters(project)
    assert served == training.clusters.served
    assert served is not None
    with open_facts(project) as facts:
        everybody, alone = (snapshot(facts, [AS_OF], who).to_pandas() for who in (None, ["C007"]))
    numbers = served.model.assign(everybody)
    assert numbers.value_counts().sort_index().tolist() == training.clusters.profiles["customers"].tolist()[:-1]
    assert served.model.assign(alone).iloc[0] == numbers[everybody["customer_id"] == "C007"].iloc[0]


def test_the_same_seed_and_facts_give_the_same_probabilities(
    project: Project, training: Training, again: tuple[Project, Training]
) -> None:
    other, repeated = again
    frame = features_at(project, AS_OF)
    ours, theirs = (champion_churn(p).stored.probability(frame) for p in (project, other))
    assert (ours == theirs).all()
    assert len(np.unique(ours)) > 50
    assert repeated.metrics == training.metrics


def test_rows_that_were_set_aside_are_told_and_kept(training: Training, again: tuple[Project, Training]) -> None:
    other, repeated = again
    folder = other.workspace / "rejects"
    assert training.set_aside is None
    assert repeated.set_aside == SetAside(1, folder, is_written=True)
    assert evaluate_champion(other, AS_OF).set_aside == repeated.set_aside
    assert "some day" in (folder / "orders.csv").read_text(encoding="utf-8-sig")


def test_two_projects_share_nothing(project: Project, training: Training, again: tuple[Project, Training]) -> None:
    other, repeated = again
    assert repeated.version == training.version == "1"
    assert repeated.run_id != training.run_id
    purposes = ("churn", "segments", "clusters", "value")  # nothing of payment: there are no invoices
    for one, slug in ((project, "shop"), (other, "another-shop")):
        names = {name for (name,) in tell(one, "SELECT name FROM registered_models")}
        assert names == {f"{slug}-{purpose}" for purpose in purposes}
    for one in (project, other):
        places = [str(place) for (place,) in tell(one, "SELECT artifact_uri FROM runs")]
        assert len(places) == len(purposes)
        assert all(place.startswith(one.workspace.as_uri()) for place in places)


def test_the_environment_is_as_it_was_before_the_training(training: Training) -> None:
    assert "MLFLOW_TRACKING_URI" not in os.environ


def test_a_model_without_leaks_keeps_its_certificate_with_the_run_and_the_version(
    project: Project, training: Training
) -> None:
    assert training.certificate.verdict == "passed"
    with tracking(project) as client:
        import mlflow

        run, version = client.get_run(training.run_id), client.get_model_version("shop-churn", training.version)
        kept, english, chinese = (
            str(mlflow.artifacts.load_text(f"runs:/{training.run_id}/{file}"))
            for file in ("leakage.json", "leakage.md", "leakage.zh.md")
        )
    assert run.data.tags["leakage"] == version.tags["leakage"] == "passed"
    document = json.loads(kept)
    assert document == json.loads(json.dumps(training.certificate.as_json()))
    assert document["catalogue_hash"] == champion_churn(project).stored.facts.catalogue_hash
    assert english.startswith("# Leakage certificate\n\n**PASS")
    assert chinese.startswith("# 泄漏证书\n\n**通过")


def test_the_certificate_of_a_training_is_about_its_own_cut_offs_and_labels(training: Training) -> None:
    checked = training.certificate.checked
    assert checked.cutoffs[-1] == training.schedule.test
    assert len(checked.cutoffs) == BESIDE_TRAINING.cutoffs
    assert len(checked.features) == training.features
    windows = [found for found in training.certificate.of("passed") if found.check == "windows"]
    assert sorted(found.count for found in windows) == sorted(
        (len(training.schedule.fit), len(training.schedule.labelled))
    )


def test_a_model_that_is_no_better_than_a_baseline_is_recorded_but_does_not_serve(
    misled: tuple[Project, Training],
) -> None:
    project, training = misled
    assert training.metrics[training.chosen].log_loss > training.metrics["base_rate"].log_loss
    assert not training.promoted
    assert tell(project, "SELECT name, version FROM model_versions WHERE name = 'misled-churn'") == [
        ("misled-churn", 1)
    ]
    aliases = tell(project, "SELECT alias FROM registered_model_aliases WHERE name = 'misled-churn'")
    assert aliases == []
    with pytest.raises(ModelError) as refused:
        champion_churn(project)
    assert "no version with the alias champion" in refused.value.text.en
    assert "没有带 champion 别名的版本" in refused.value.text.zh


def test_the_champion_is_judged_on_what_came_after_its_knowledge(project: Project, training: Training) -> None:
    result = evaluate_champion(project, AS_OF)
    assert result.version == training.version
    assert result.knows_until == AS_OF
    assert result.metrics.rows > 100
    assert result.metrics.auc > 0.7
    assert list(result.ranking_auc) == ["recency", "number_of_purchases", "own_rhythm"]
    assert result.metrics.auc > result.ranking_auc["recency"]


def test_a_cutoff_that_the_model_already_knows_is_refused(project: Project, training: Training) -> None:
    with pytest.raises(AsOfError) as refused:
        evaluate_champion(project, AS_OF - timedelta(days=1))
    assert "The model knows facts up to 2025-10-01; judging it on 2025-09-30 would let it look ahead." in str(
        refused.value
    )
    assert "在 2025-09-30 评估会造成数据泄漏" in refused.value.text.zh


def test_a_cutoff_whose_outcome_is_not_known_yet_is_refused(project: Project, training: Training) -> None:
    with pytest.raises(AsOfError, match="is not known yet: the facts end on 2025-12-31"):
        evaluate_champion(project, utc(2025, 12, 10))


def test_evaluating_before_anything_was_trained_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="Run 'retinue train' first"):
        evaluate_champion(company(tmp_path, [("A", "2025-01-01", "10")]), AS_OF)
    assert not (tmp_path / ".retinue").exists()


@pytest.mark.parametrize(
    ("customers", "as_of", "error"),
    [
        (1, AS_OF, NotEnoughDataError),
        (90, AS_OF, NotEnoughDataError),
        (240, utc(2025, 3, 1), NotEnoughDataError),
        (240, utc(2026, 3, 1), AsOfError),
        (240, utc(2024, 12, 1), AsOfError),
    ],
)
def test_a_training_that_cannot_be_is_refused_and_leaves_nothing(
    tmp_path: Path, customers: int, as_of: datetime, error: type[Exception]
) -> None:
    project = shop(tmp_path, seed=2, customers=customers)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(error):
        train(project, as_of)
    assert sorted(tmp_path.rglob("*")) == before


def test_customers_who_all_left_are_refused(tmp_path: Path) -> None:
    """Everybody buys each ten days until March and never again, but for one late order."""
    orders = [
        (f"C{number}", f"2025-{month:02}-{day:02}", "10")
        for number in range(150)
        for month in (1, 2, 3)
        for day in (1, 11, 21)
    ]
    project = company(tmp_path, [*orders, ("C0", "2025-07-01", "10")])
    with pytest.raises(NotEnoughDataError) as refused:
        train(project, utc(2025, 7, 1))
    assert "Too little to learn from" in refused.value.text.en
    assert "可供学习的数据太少" in refused.value.text.zh


def wait_for(process: "subprocess.Popen[str]", line: str) -> None:
    assert process.stdout is not None
    for said in process.stdout:
        if said.strip() == line:
            return
    raise AssertionError(f"the training never said {line!r}")


@pytest.mark.slow
def test_a_training_that_is_killed_leaves_the_champion_as_it_was(
    project: Project, training: Training, tmp_path: Path
) -> None:
    """Killed while it writes to MLflow; and its files as they lay when it began to, which is all that a kill leaves."""
    probability = champion_churn(project).stored.probability(features_at(project, AS_OF))
    code = (
        "from datetime import UTC, datetime; from pathlib import Path; import sys;"
        " from features.project import load_project; from training.job import train;"
        " train(load_project(Path(sys.argv[1])), datetime(2025, 11, 1, tzinfo=UTC),"
        " lambda text, _: print(text.en, flush=True))"
    )
    command = [sys.executable, "-c", code, str(project.root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        wait_for(process, "recording the run in MLflow")
        process.send_signal(signal.SIGSTOP)
        begun = load_project(shutil.copytree(project.root, tmp_path / "begun"))
        process.send_signal(signal.SIGCONT)
        time.sleep(2.5)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    for left in (begun, project):
        after = champion_churn(left)
        assert after.version == training.version
        assert (after.stored.probability(features_at(left, AS_OF)) == probability).all()
        assert evaluate_champion(left, AS_OF).version == training.version
