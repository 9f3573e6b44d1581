"""Which version answers: the champion by its alias, changed in one step, refused when it does not hold."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from features.errors import StorageError
from features.project import Project, ServeSection
from serving.app import create_app
from serving.scoring.ready import make_ready
from serving.scoring.service import MOST_KEPT, Refused, Scoring
from serving.server import settings_of
from tests.serving.scoring.conftest import AS_OF, BY
from tests.training.companies import FEATURES
from tests.training.payloads import in_its_place
from tests.training.registered import REFUSED, present
from training.ledger import Service, Shadow, ledger_file, read_ledger, verify
from training.mlflow_store import CHAMPION, model_name, tracking
from training.models.drift import LevelShift
from training.registry import promote_version, record_verdict, roll_back
from training.versions import load_version

# pyarrow reads a frame's times with time zone in a way that pandas is about to change.
pytestmark = pytest.mark.filterwarnings("ignore:Series.values returning an ndarray that drops timezone")

NOW = datetime(2025, 11, 4, tzinfo=UTC)


def scoring_of(project: Project, **serve: object) -> Scoring:
    settings = ServeSection.model_validate(serve)
    return Scoring(project.model_copy(update={"serve": settings}), lambda: NOW)


def served(project: Project) -> list[tuple[str, str, str | None]]:
    """What servers told the ledger: version, role, why refused."""
    found = [entry.record for entry in read_ledger(ledger_file(project)) if isinstance(entry.record, Service)]
    return [(record.version, record.role, record.refused.en if record.refused else None) for record in found]


def artifact(project: Project, version: str) -> Path:
    """The file with a version's facts and golden rows, where MLflow keeps it."""
    with tracking(project) as client:
        source = client.get_model_version(model_name(project, "churn"), version).source
        place = client.get_logged_model(source.removeprefix("models:/")).artifact_location
    return Path(place.removeprefix("file://")) / "artifacts" / "churn" / "model.json"


def test_the_champion_serves_and_gives_the_probabilities_of_the_batch(project: Project) -> None:
    scoring = scoring_of(project)
    scoring.look()
    model = scoring.state.champion
    assert model is not None
    assert (model.version, scoring.state.challenger, scoring.state.refused) == ("1", None, ())
    frame = present(project, AS_OF)
    risks = model.risks(frame[list(model.columns)].to_numpy(dtype=np.float64), AS_OF)
    active = (frame["days_since_last_purchase"] <= project.churn.active_within_days).to_numpy()
    assert 10 < active.sum() < len(frame) - 10
    stored = model.champion.stored
    assert risks.probability[active] == pytest.approx(stored.probability(frame[active]), abs=1e-6)
    low, high = stored.calibrator.interval(stored.model.log_odds(frame[active]))
    assert risks.low[active] == pytest.approx(low, abs=1e-6)
    assert risks.high[active] == pytest.approx(high, abs=1e-6)
    assert np.isnan(risks.probability[~active]).all()
    assert sorted(risks.abstained) == np.flatnonzero(~active).tolist()
    days = int(frame["days_since_last_purchase"][~active].iloc[0])
    assert f"Has not bought for {days} days" in risks.abstained[int(np.flatnonzero(~active)[0])].en


def test_a_promotion_changes_what_serves_and_going_back_needs_no_loading(project: Project) -> None:
    scoring = scoring_of(project)
    scoring.look()
    first = scoring.state
    scoring.look()
    assert scoring.state is first
    promote_version(project, "2", BY)
    scoring.look()
    assert scoring.state.champion is not None
    assert (scoring.state.champion.version, scoring.state.generation) == ("2", first.generation + 1)
    roll_back(project, BY)
    scoring.look()
    assert scoring.state.champion is first.champion
    assert served(project) == [("1", "champion", None), ("2", "champion", None), ("1", "champion", None)]
    assert verify(ledger_file(project)) is None


def test_only_a_few_versions_are_held_ready(project: Project) -> None:
    scoring = scoring_of(project)
    for version in ("1", "2", "3", "1", "2"):
        with tracking(project) as client:
            client.set_registered_model_alias(model_name(project, "churn"), CHAMPION, version)
        scoring.look()
        assert scoring.state.champion is not None
        assert scoring.state.champion.version == version
    assert len(scoring._ready) == MOST_KEPT == 3


def test_a_version_whose_golden_rows_differ_is_refused_and_the_old_one_goes_on(project: Project) -> None:
    scoring = scoring_of(project)
    scoring.look()
    before = scoring.state.champion
    file = artifact(project, "2")
    kept = file.read_text()
    document = json.loads(kept)
    document["golden"]["probabilities"][0] += 1e-4
    file.write_text(json.dumps(document))
    try:
        promote_version(project, "2", BY)
        scoring.look()
    finally:
        file.write_text(kept)
    assert scoring.state.champion is before
    [(version, role, because, why)] = scoring.state.refused
    assert (version, role, because) == ("2", "champion", "damaged")
    assert "no longer gives its own golden predictions" in why.en
    assert served(project)[-1] == ("2", "champion", why.en)
    scoring.look()  # it is told once
    assert len(served(project)) == 2
    roll_back(project, BY)
    scoring.look()
    assert scoring.state.refused == ()


def test_a_version_with_another_catalogue_signature_or_kind_is_refused_by_name(project: Project) -> None:
    champion = load_version(project, model_name(project, "churn"), "2")
    facts = champion.stored.facts
    for other, words in (
        (replace(champion, signature=FEATURES[1:]), "another signature"),
        (
            replace(champion, stored=replace(champion.stored, facts=replace(facts, catalogue_hash="x"))),
            "definitions have",
        ),
        (replace(champion, stored=replace(champion.stored, facts=replace(facts, churn_kind="contract"))), "'contract'"),
    ):
        with pytest.raises(Exception, match=words) as refused:
            make_ready(project, other)
        assert "Version 2 " in str(refused.value)
    assert make_ready(project, champion).version == "2"


def test_a_store_that_does_not_answer_stops_nothing_and_is_asked_again(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    scoring = scoring_of(project)
    scoring.look()
    before = scoring.state
    promote_version(project, "2", BY)
    database = project.workspace / "mlflow.db"
    away = database.rename(project.workspace / "away.db")
    with pytest.raises(StorageError, match="is gone; version 1 goes on answering"):
        scoring.look()
    assert scoring.state is before
    away.rename(database)
    scoring.look()
    assert scoring.state.champion is not None
    assert scoring.state.champion.version == "2"


def test_a_challenger_answers_its_share_of_the_customers_and_no_other(project: Project) -> None:
    scoring = scoring_of(project, canary_share=0.25)
    scoring.look()
    state = scoring.state
    assert state.challenger is not None
    assert state.challenger.version == "3"
    answering = [state.answers(f"C{n}") for n in range(4000)]
    assert 0.22 < sum(model is state.challenger for model in answering) / 4000 < 0.28
    assert answering == [state.answers(f"C{n}") for n in range(4000)]
    assert state.answers(None) is state.champion
    assert served(project) == [("1", "champion", None), ("3", "challenger", None)]


def test_a_challenger_that_the_gate_refused_answers_nobody(project: Project) -> None:
    record_verdict(project, "3", REFUSED)
    scoring = scoring_of(project, canary_share=1.0, shadow=True)
    scoring.look()
    assert scoring.state.shadow
    assert scoring.state.canary_share == 0
    assert scoring.state.answers("C1") is scoring.state.champion


def test_without_a_wish_no_challenger_is_loaded(project: Project) -> None:
    scoring = scoring_of(project)
    scoring.look()
    assert scoring.state.challenger is None


def test_what_a_challenger_said_beside_the_champion_stands_on_the_ledger_when_it_ends(project: Project) -> None:
    scoring = scoring_of(project, shadow=True)
    scoring.look()
    scoring.compared(np.array([0.5, 0.25, np.nan]), np.array([0.25, 0.375, 0.5]))
    promote_version(project, "3", BY)
    scoring.look()
    [shadow] = [entry.record for entry in read_ledger(ledger_file(project)) if isinstance(entry.record, Shadow)]
    assert (shadow.version, shadow.champion_version, shadow.rows) == ("3", "1", 2)
    assert (shadow.mean_difference, shadow.mean_absolute_difference, shadow.largest_difference) == (
        -0.0625,
        0.1875,
        0.25,
    )
    scoring.stop()
    assert scoring.state.challenger is None


def test_a_level_that_the_batch_moved_is_moved_here_too(project: Project) -> None:
    scoring = scoring_of(project)
    scoring.look()
    model = scoring.state.champion
    assert model is not None
    shifted = model.moved_by(LevelShift(0.4, 0.1, 100))
    rows = present(project, AS_OF)[list(model.columns)].to_numpy(dtype=np.float64)
    expected = shifted.as_served().stored.probability(model.frame(rows))
    there = np.isfinite(shifted.risks(rows, AS_OF).probability)
    assert shifted.risks(rows, AS_OF).probability[there] == pytest.approx(expected[there], abs=1e-6)
    assert (shifted.risks(rows, AS_OF).probability[there] > model.risks(rows, AS_OF).probability[there]).all()
    assert model.moved_by(None) is model


# What is told of it


class Asked:
    """An application whose models are looked at by hand alone, without the thread that would look beside us."""

    def __init__(self, project: Project) -> None:
        self.app = create_app(settings_of(project))
        self.scoring: Scoring = self.app.state.service.scoring

    def get(self, path: str) -> httpx.Response:
        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
                return await client.get(path)

        return asyncio.run(asked())


@contextmanager
def watched(project: Project) -> Iterator[tuple[Scoring, Asked]]:
    """The models in service of an application, and somebody who asks it."""
    asked = Asked(project)
    try:
        yield asked.scoring, asked
    finally:
        asked.app.state.service.close()


def samples(client: Asked) -> dict[tuple[str, ...], float]:
    """What /metrics says of models: the metric's name and its labels' values, sorted by the labels' names."""
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(client.get("/metrics").text)
        for sample in family.samples
        if sample.name.startswith("retinue_model_") and sample.name != "retinue_model_quality"
    }


def test_readiness_and_metrics_tell_which_versions_serve_and_which_were_refused(project: Project) -> None:
    with watched(project) as (scoring, client):
        scoring.look()
        assert client.get("/readyz").json()["models"] == {"champion": "1", "challenger": None, "refused": []}
        assert samples(client) == {("retinue_model_in_service", "champion", "1"): 1}
        with in_its_place(artifact(project, "2"), b"{}"):
            promote_version(project, "2", BY)
            scoring.look()
        told = client.get("/readyz")
        assert told.status_code == 200
        [refused] = told.json()["models"]["refused"]
        assert (refused["version"], refused["role"], refused["because"]) == ("2", "champion", "damaged")
        assert refused["reason"]["en"].startswith("The files of version 2 cannot be read")
        assert "版本 2 的文件无法读取" in refused["reason"]["zh"]
        assert "/" not in told.text  # no place on the disk is told to whom no key was asked of
        assert samples(client) == {
            ("retinue_model_in_service", "champion", "1"): 1,
            ("retinue_model_refused", "damaged", "champion", "2"): 1,
        }
        roll_back(project, BY)
        scoring.look()
        assert client.get("/readyz").json()["models"]["refused"] == []


def test_a_version_that_does_not_fit_the_project_or_is_gone_is_told_as_that(project: Project) -> None:
    settings = project.churn.model_copy(update={"kind": "decline"})
    scoring = scoring_of(project.model_copy(update={"churn": settings}))
    scoring.look()
    assert [(one.version, one.because) for one in scoring.state.refused] == [("1", "unfit")]
    refused: list[Refused] = []
    assert scoring._take("99", "challenger", refused) is None
    assert [(one.version, one.role, one.because) for one in refused] == [("99", "challenger", "missing")]


def test_metrics_tell_how_far_the_level_has_drifted(project: Project) -> None:
    with watched(project) as (scoring, client):
        scoring.look()
        assert scoring.state.champion is not None
        shifted = scoring.state.champion.moved_by(LevelShift(0.25, 0.1, 80))
        scoring.state = replace(scoring.state, champion=shifted)
        told = samples(client)
        assert told["retinue_model_level_shift_log_odds", "1"] == 0.25
        assert told["retinue_model_level_shift_standard_error_log_odds", "1"] == 0.1
