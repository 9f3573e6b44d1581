"""How a request for scores is answered: single rows in batches as they arrive, all that takes longer in threads."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

import numpy as np
import orjson

from features.own_features import own_features
from features.text import Text
from serving.problems import INVALID_REQUEST, ApiError, Kind
from serving.scoring.asking import Asked, Plain, row_of, rows_of
from serving.scoring.batching import Batcher
from serving.scoring.customers import customer_answer
from serving.scoring.facts import facts_answer
from serving.scoring.ready import Floats, ReadyModel
from serving.scoring.schemas import CustomerAsked, FactsAsked
from serving.scoring.service import Scoring
from serving.store import Store, current_run, reading
from training.models.compiled import ExplainedByRow
from training.models.rfm import RfmModel
from training.reasons import explain
from training.replay import SNAPSHOTS

T = TypeVar("T")

NO_MODEL = Kind("no-model", 503, Text("No model is in service", "没有模型在服务"))
BUSY = Kind("busy", 503, Text("Too much is asked at once", "请求过多"))

THREADS = 2
MOST_WAITING = 32
"""Requests that may wait for a thread; who comes after them is told to come again."""
FEW_ROWS = 64
"""Rows up to which reasons are cheaper without tables, which take as long as so many rows of large trees."""
MOST_SHADOWS = 100
"""Batches that may wait to be scored by a challenger; those beyond are not compared."""


class _Row(NamedTuple):
    """A row as it was sent, for a challenger that reads other features of it, and as its model reads it."""

    given: Any
    values: list[float]
    customer_id: str | None


class Answering:
    """Answers requests for scores; it belongs to one event loop."""

    def __init__(self, scoring: Scoring, store: Store, clock: Callable[[], datetime]) -> None:
        self.scoring = scoring
        self._store, self._clock = store, clock
        self._batcher: Batcher[ReadyModel, _Row, bytes] = Batcher(self._predict)
        self._threads = ThreadPoolExecutor(THREADS, "retinue-score")
        self._shadows = ThreadPoolExecutor(1, "retinue-shadow")
        self._waiting = self._shadowing = 0

    def close(self) -> None:
        """Wait for what is under way."""
        self._threads.shutdown()
        self._shadows.shutdown()

    async def answer(self, asked: Plain | Asked) -> bytes:
        """The answer as JSON (see `schemas.ScoreAnswer`). Raises ApiError."""
        state = self.scoring.state
        if isinstance(asked, Plain):
            model = self._model(asked.customer_id)
            row = _Row(asked.row, row_of(model, asked.row), asked.customer_id)
            return _answered(model, await self._batcher.submit(model, row))
        if isinstance(asked, CustomerAsked):
            model = self._model(asked.customer_id)
            project, store, segments = self.scoring.project, self._store, state.segments
            return await self._in_thread(lambda: customer_answer(project, store, model, segments, asked))
        if isinstance(asked, FactsAsked):
            model = self._model(None)
            return await self._in_thread(lambda: self._of_facts(model, state.segments, asked))
        ids: Sequence[str | None] = asked.customer_ids or [None] * len(asked.features)
        models = [state.answers(customer_id) or self._model(None) for customer_id in ids]
        return await self._in_thread(lambda: self._several(models, asked.features, ids, asked.reasons))

    def _of_facts(self, model: ReadyModel, segments: RfmModel | None, asked: FactsAsked) -> bytes:
        project = self.scoring.project
        if project.churn.kind == "panel":
            raise ApiError(INVALID_REQUEST, _PANEL)
        with reading(self._store) as connection:
            run = current_run(connection)
        kept = project.workspace / SNAPSHOTS / f"{run.run_id}.parquet" if run else None
        return facts_answer(project, model, segments, kept if kept and kept.is_file() else None, asked)

    def _model(self, customer_id: str | None) -> ReadyModel:
        state = self.scoring.state
        model = state.answers(customer_id)
        if model is None:
            refused = state.refused[0].why if state.refused else NONE_SERVES
            raise ApiError(NO_MODEL, refused)
        return model

    def _several(
        self, models: Sequence[ReadyModel], given: Sequence[Any], ids: Sequence[str | None], reasons: bool
    ) -> bytes:
        """The answer to rows each of which has its own model."""
        scores: list[bytes] = [b""] * len(given)
        for model in {id(model): model for model in models}.values():
            own = [place for place, of_row in enumerate(models) if of_row is model]
            rows = rows_of(model, [given[place] for place in own])
            told = self._scores(model, rows, [ids[place] for place in own], reasons)
            for place, score in zip(own, told, strict=True):
                scores[place] = score
            self._compare(model, [given[place] for place in own], rows)
        return _answered(models[0], b",".join(scores))

    def _predict(self, model: ReadyModel, rows: list[_Row]) -> list[bytes]:
        """The risks of rows that arrived together."""
        values = np.array([row.values for row in rows], dtype=np.float64)
        scores = self._scores(model, values, [row.customer_id for row in rows], reasons=False)
        state = self.scoring.state
        if state.shadow and model is state.champion and self._shadowing < MOST_SHADOWS:
            self._shadowing += 1
            future = asyncio.get_running_loop().run_in_executor(
                self._shadows, self._compare, model, [row.given for row in rows], values
            )
            future.add_done_callback(self._compared)
        return scores

    def _compared(self, _future: "asyncio.Future[None]") -> None:
        self._shadowing -= 1

    def _compare(self, model: ReadyModel, given: Sequence[Any], values: Floats) -> None:
        """Let the challenger score rows that the champion answered, only to be compared."""
        state, now = self.scoring.state, self._clock()
        if not state.shadow or state.challenger is None or model is not state.champion:
            return
        try:
            rows = rows_of(state.challenger, given)
        except ApiError:  # a feature that only the champion knows
            return
        self.scoring.compared(model.risks(values, now).probability, state.challenger.risks(rows, now).probability)

    def _scores(self, model: ReadyModel, rows: Floats, ids: Sequence[str | None], reasons: bool) -> list[bytes]:
        """Each row's risk as JSON."""
        probability, low, high, abstained = model.risks(rows, self._clock())
        numbers = zip(probability.tolist(), low.tolist(), high.tolist(), strict=True)
        told = self._reasons(model, rows) if reasons else None
        bands = self.scoring.project.churn.bands
        scores = []
        for place, (p, lower, upper) in enumerate(numbers):
            because = abstained.get(place)
            band = None if p != p else "high" if p >= bands.high else "medium" if p >= bands.medium else "low"
            scores.append(
                orjson.dumps(
                    {
                        "customer_id": ids[place],
                        "churn_probability": p,  # NaN becomes null
                        "churn_probability_low": lower,
                        "churn_probability_high": upper,
                        "churn_band": band,
                        "abstained_because": because._asdict() if because else None,
                        "reasons": told[place] if told and not because else [],
                        "model_version": model.version,
                    }
                )
            )
        return scores

    def _reasons(self, model: ReadyModel, rows: Floats) -> list[Any]:
        project, stored = self.scoring.project, model.champion.stored
        own = own_features(project)
        explained = ExplainedByRow(stored.model) if len(rows) <= FEW_ROWS else stored.model
        said = explain(explained, model.frame(rows), project.project.currency, own, stored.attributes)
        return list(said.to_pylist())

    async def _in_thread(self, work: Callable[[], T]) -> T:
        """The result of longer work, done by one of few threads. Raises ApiError: too much waits already."""
        if self._waiting >= MOST_WAITING + THREADS:
            raise ApiError(BUSY, _BUSY)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1


def _answered(model: ReadyModel, scores: bytes) -> bytes:
    days = model.champion.stored.facts.horizon_days
    return (
        b'{"as_of":null,"churn_horizon_days":%d,"scores":[%b],"before":null,"changed":{},"action_effect":null,"caution":null}'
        % (
            days,
            scores,
        )
    )


NONE_SERVES = Text(
    "No model is in service: none was promoted yet, or it is being loaded. Run 'retinue train', or ask again in a few seconds.",
    "没有模型在服务：尚未启用任何版本，或正在加载。请运行“retinue train”，或几秒后重试。",
)
_PANEL = Text(
    "The project is a ready-made panel, whose rows are no facts. Send its attributes as features.",
    "项目使用现成快照，其行不是事实记录。请以 features 提交各属性。",
)
_BUSY = Text(
    "Too many requests wait for an answer that takes longer. Ask again in a second, or send rows of features.",
    "等待处理的较慢请求过多。请稍后重试，或改为直接提交特征。",
)
