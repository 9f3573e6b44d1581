"""Requests as the service answers them: by whom, compared with whom, and what is too much."""

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pytest

from features.project import Project, ServeSection
from serving.problems import ApiError
from serving.scoring import answering as module
from serving.scoring.answering import Answering
from serving.scoring.asking import read, row_of
from serving.scoring.ready import ReadyModel
from serving.scoring.service import Scoring
from serving.store import STORE_FILE, Store, open_store
from tests.serving.scoring.conftest import rows_of
from training.models.attributes import Attributes
from training.models.compiled import CompiledModel

# pyarrow reads a frame's times with time zone in a way that pandas is about to change.
pytestmark = pytest.mark.filterwarnings("ignore:Series.values returning an ndarray that drops timezone")

NOW = datetime(2025, 11, 4, tzinfo=UTC)


@pytest.fixture
def store(project: Project) -> Iterator[Store]:
    opened = open_store(project.workspace / STORE_FILE)
    yield opened
    opened.close()


def answering_of(project: Project, store: Store, **serve: object) -> Answering:
    settings = ServeSection.model_validate(serve)
    scoring = Scoring(project.model_copy(update={"serve": settings}), lambda: NOW)
    scoring.look()
    return Answering(scoring, store, lambda: NOW)


def answers(service: Answering, *bodies: dict[str, Any]) -> list[dict[str, Any]]:
    """What several requests at once are answered."""

    async def all_at_once() -> list[bytes]:
        return await asyncio.gather(*(service.answer(read(orjson.dumps(body))) for body in bodies))

    told = [orjson.loads(answer) for answer in asyncio.run(all_at_once())]
    service.close()
    return told


def test_the_challenger_answers_its_customers_alone_and_in_lists(project: Project, store: Store) -> None:
    row = rows_of(project, 1)[0]
    ids = [f"C{n}" for n in range(60)]
    alone = [{"features": row, "customer_ids": [customer]} for customer in ids]
    service = answering_of(project, store, canary_share=0.3)
    together, *single = answers(service, {"features": [row] * 60, "customer_ids": ids}, *alone)
    expected = ["3" if service.scoring.state.answers(c) is service.scoring.state.challenger else "1" for c in ids]
    assert {"1", "3"} == set(expected)
    assert [score["model_version"] for score in together["scores"]] == expected
    assert [answer["scores"][0] for answer in single] == together["scores"]
    assert len({score["churn_probability"] for score in together["scores"]}) == 2


def test_a_shadow_is_compared_and_never_answers(project: Project, store: Store) -> None:
    rows = rows_of(project)
    service = answering_of(project, store, shadow=True)
    told = answers(service, *({"features": row} for row in rows), {"features": rows})
    scores = [score for answer in told for score in answer["scores"]]
    assert {score["model_version"] for score in scores} == {"1"}
    compared = service.scoring._comparison
    given = [score["churn_probability"] is not None for score in scores]
    assert compared.rows == sum(given) > 20
    challenger = service.scoring.state.challenger
    assert challenger is not None
    values = pd.DataFrame(rows, columns=list(challenger.columns), dtype=np.float64).to_numpy()
    said = challenger.risks(values, NOW).probability
    first = np.array([score["churn_probability"] for score in scores[: len(rows)]], dtype=np.float64)
    assert compared.largest == pytest.approx(np.nanmax(np.abs(said - first)), abs=1e-12)


def test_more_long_work_than_can_wait_is_refused(
    project: Project, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 1)
    service, row = answering_of(project, store), rows_of(project, 1)[0]
    go_on, began = threading.Event(), threading.Semaphore(0)
    rest = service._several

    def slow(*arguments: Any) -> bytes:
        began.release()
        go_on.wait(20)
        return rest(*arguments)

    monkeypatch.setattr(service, "_several", slow)
    long = read(orjson.dumps({"features": [row, row]}))

    async def four() -> list[Any]:
        waiting = [asyncio.ensure_future(service.answer(long)) for _ in range(module.THREADS + 1)]
        await asyncio.sleep(0)
        with pytest.raises(ApiError, match="Too many requests wait") as busy:
            await service.answer(long)
        assert busy.value.kind.status == 503
        assert orjson.loads(await service.answer(read(orjson.dumps({"features": row}))))["scores"]  # a row goes through
        go_on.set()
        return await asyncio.gather(*waiting)

    assert len(asyncio.run(four())) == module.THREADS + 1
    service.close()


def test_texts_of_a_panel_are_read_as_the_model_learnt_them(project: Project, store: Store) -> None:
    frame = pd.DataFrame({"plan": ["basic", "gold"] * 40, "age": np.arange(80.0) % 7})
    attributes = Attributes.learn(frame)
    service = answering_of(project, store)
    champion = service.scoring.state.champion
    assert champion is not None
    stored = champion.champion.stored
    facts = replace(stored.facts, features=("plan", "age"), churn_kind="panel")
    panel = replace(champion.champion, stored=replace(stored, facts=facts, attributes=attributes))
    compiled = CompiledModel(("plan", "age"), stored.calibrator, champion.compiled.predictor)
    model = ReadyModel(panel, compiled, frozenset(attributes.names))
    encoded = attributes.encode(frame.head(2)).to_numpy()
    assert row_of(model, {"plan": "basic", "age": 0}) == encoded[0].tolist()
    assert row_of(model, {"age": 1, "plan": " gold "}) == encoded[1].tolist()
    assert np.isnan(row_of(model, {"plan": "", "age": 1})[0])
    with pytest.raises(ApiError) as refused:
        row_of(model, {"age": "young", "colour": "red"})
    assert [where for where, _ in refused.value.findings] == ["body.features.age", "body.features.colour"]
    service.close()
