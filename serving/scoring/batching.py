"""Requests that arrive together are predicted together; nobody waits for company.

The first request of a turn of the event loop asks for a prediction at the end of that turn. Whoever arrived within the
turn goes along; while it is predicted the next requests gather in their sockets and make up the next turn's batch.
"""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

Model = TypeVar("Model")
Row = TypeVar("Row")
Answer = TypeVar("Answer")


class Batcher(Generic[Model, Row, Answer]):
    """A queue of single rows, each with the model that its request began with. It belongs to one event loop."""

    def __init__(self, predict: Callable[[Model, list[Row]], list[Answer]]) -> None:
        """``predict`` gives the answers to the rows of one model, in their order."""
        self._predict = predict
        self._waiting: dict[int, tuple[Model, list[Row], list[asyncio.Future[Answer]]]] = {}

    def submit(self, model: Model, row: Row) -> "asyncio.Future[Answer]":
        """The answer to a row, which comes in this turn of the loop."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._drain)
        _, rows, futures = self._waiting.setdefault(id(model), (model, [], []))
        rows.append(row)
        futures.append(future)
        return future

    def _drain(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for model, rows, futures in waiting.values():
            try:
                answers = self._predict(model, rows)
            except Exception as fault:  # each request tells it on its own
                for future in futures:
                    if not future.done():
                        future.set_exception(fault)
                continue
            for future, answer in zip(futures, answers, strict=True):
                if not future.done():  # the client has gone
                    future.set_result(answer)
