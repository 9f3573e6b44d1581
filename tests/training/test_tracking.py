import os
import sqlite3
from pathlib import Path

import pytest

from features.errors import ModelError, StorageError
from features.project import Project
from tests.training.companies import company
from training.tracking import champion_churn, champion_segments, model_name, tracking

STORE = "MLFLOW_TRACKING_URI"
ORDERS = [("A", "2025-01-01", "10")]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.delenv(STORE, raising=False)
    return company(tmp_path / "project", ORDERS)


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Acme Trading", "acme-trading-churn"),
        ("  Müller & Söhne / B2B  ", "müller-söhne-b2b-churn"),
        ("贸易公司 1", "贸易公司-1-churn"),
        ("!!!", "project-churn"),
    ],
)
def test_a_registered_model_is_called_after_its_project(tmp_path: Path, name: str, slug: str) -> None:
    assert model_name(company(tmp_path, ORDERS, name=name), "churn") == slug


def test_without_a_wish_the_store_lies_in_the_workspace_and_nothing_stays_set(project: Project) -> None:
    with tracking(project) as client:
        assert client.tracking_uri == f"sqlite:///{project.workspace / 'mlflow.db'}"
    assert not {STORE, "MLFLOW_REGISTRY_URI"} & set(os.environ)
    assert [file.name for file in project.workspace.iterdir()] == ["mlflow.db"]


def test_the_store_that_the_user_wishes_is_used_and_stays_set(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wished = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    monkeypatch.setenv(STORE, wished)
    with tracking(project) as client:
        assert client.tracking_uri == wished
    assert os.environ[STORE] == wished
    assert not project.workspace.exists()


@pytest.mark.parametrize(
    ("fault", "en", "zh"),
    [
        (
            sqlite3.OperationalError("database is locked"),
            "something: database is locked.",
            "某项内容：database is locked。",
        ),
        (OSError(28, "No space left on device"), "is full; nothing was changed.", "所在磁盘已满；未做任何更改。"),
        (sqlite3.OperationalError("database or disk is full"), "is full; nothing was changed.", "所在磁盘已满"),
    ],
)
def test_faults_of_the_store_are_told_in_both_languages_and_nothing_stays_set(
    project: Project, fault: Exception, en: str, zh: str
) -> None:
    with pytest.raises(StorageError) as refused, tracking(project):
        raise fault
    assert en in refused.value.text.en
    assert zh in refused.value.text.zh
    assert STORE not in os.environ


def test_where_nothing_was_trained_there_is_no_champion_and_no_store_is_made(project: Project) -> None:
    for ask in (champion_churn, champion_segments):
        with pytest.raises(ModelError, match="Run 'retinue train' first"):
            ask(project)
    assert not project.workspace.exists()


def test_a_store_without_models_has_no_champion(project: Project) -> None:
    with tracking(project):
        pass
    with pytest.raises(ModelError, match="'tiny-churn' has no version with the alias champion"):
        champion_churn(project)
