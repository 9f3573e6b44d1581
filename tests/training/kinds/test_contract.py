from datetime import datetime
from pathlib import Path

import pytest

from features.errors import ProjectError
from features.project import load_project
from features.sources import open_facts
from tests.training.companies import utc
from tests.training.contracts import PROJECT_TOML, contract_business, subscribers
from training.dataset import end_of_facts, labelled_snapshots, span, training_features
from training.job import evaluate_champion, train
from training.tracking import champion_churn

CUTOFF, LATER = utc(2025, 3, 1), utc(2025, 6, 1)


def left(folder: Path, *contracts: tuple[str, str, str], known_before: datetime = LATER) -> dict[str, int]:
    """Who has left within 30 days of the first of March, of the customers with a contract on that day."""
    project = contract_business(folder, [(*contract, "basic", "10") for contract in contracts])
    with open_facts(project) as facts:
        rows = labelled_snapshots(facts, [CUTOFF], known_before, training_features(facts))
    return dict(zip(rows["customer_id"], rows["churned"], strict=True))


def test_who_has_no_contract_when_the_horizon_ends_has_left(tmp_path: Path) -> None:
    assert left(
        tmp_path,
        ("runs on", "2025-01-01", ""),
        ("ends in the window", "2025-01-01", "2025-03-10"),
        ("ends just before the end of it", "2025-01-01", "2025-03-30 23:59:59"),
        ("ends with it", "2025-01-01", "2025-03-31"),
        ("ends later", "2025-01-01", "2025-05-10"),
    ) == {
        "runs on": 0,
        "ends in the window": 1,
        "ends just before the end of it": 1,
        "ends with it": 0,
        "ends later": 0,
    }


def test_a_renewed_contract_is_no_loss_and_a_second_one_keeps_the_customer(tmp_path: Path) -> None:
    assert left(
        tmp_path,
        ("renewed", "2025-01-01", "2025-03-10"),
        ("renewed", "2025-03-12", ""),
        ("renewed too late", "2025-01-01", "2025-03-10"),
        ("renewed too late", "2025-03-31", ""),
        ("has another", "2025-01-01", "2025-03-10"),
        ("has another", "2025-02-01", ""),
    ) == {"renewed": 0, "renewed too late": 1, "has another": 0}


def test_only_customers_with_a_running_contract_can_be_lost(tmp_path: Path) -> None:
    assert left(
        tmp_path,
        ("has one", "2025-02-28", ""),
        ("begins at the cut-off", "2025-03-01", ""),
        ("ended before", "2024-01-01", "2025-02-01"),
    ) == {"has one": 0}


def test_an_end_that_is_agreed_ahead_is_not_the_end_of_the_facts(tmp_path: Path) -> None:
    contracts = [("A", "2025-01-01", "2027-12-31", "basic", "10"), ("B", "2025-02-01", "2025-02-20", "basic", "10")]
    with open_facts(contract_business(tmp_path, contracts)) as facts:
        assert span(facts) == (utc(2025, 1, 1), utc(2025, 2, 20))
        assert end_of_facts(facts) == utc(2025, 2, 21)


def test_contracts_without_ends_are_refused_with_what_to_add(tmp_path: Path) -> None:
    contract_business(tmp_path, [("A", "2025-01-01", "", "basic", "10")])
    file = tmp_path / "retinue.toml"
    file.write_text(PROJECT_TOML.format(name="Gym", horizon_days=30).replace('ended_at = "ended_at"\n', ""))
    with open_facts(load_project(tmp_path)) as facts, pytest.raises(ProjectError) as refused:
        training_features(facts)
    assert "lacks subscriptions.ended_at" in refused.value.text.en
    assert "缺少 subscriptions.ended_at" in refused.value.text.zh


@pytest.fixture
def own_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.mark.slow
@pytest.mark.usefixtures("own_store")
def test_a_business_with_nothing_but_contracts_learns_who_leaves(tmp_path: Path) -> None:
    project = contract_business(tmp_path, subscribers(seed=3, customers=800), horizon_days=60)
    training = train(project, utc(2025, 10, 1))
    assert training.segment_sizes == {}
    assert list(training.metrics)[-2:] == ["base_rate", "contract_age"]
    assert training.certificate.passed
    assert training.promoted
    chosen = training.metrics[training.chosen]
    assert chosen.auc > training.metrics["contract_age"].auc
    assert champion_churn(project).stored.facts.churn_kind == "contract"
    later = evaluate_champion(project, utc(2025, 10, 15))
    assert later.metrics.auc > 0.6
    assert later.metrics.calibration_error < 0.06
