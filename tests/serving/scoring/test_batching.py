"""Requests that arrive together are predicted together, each by the model that it began with."""

import asyncio
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.scoring.batching import Batcher
from serving.scoring.canary import is_canary


@dataclass(frozen=True, eq=False)
class Times:
    factor: int


class Recorder:
    """Multiplies, and remembers which rows came together."""

    def __init__(self) -> None:
        self.batches: list[tuple[int, list[int]]] = []

    def __call__(self, model: Times, rows: list[int]) -> list[int]:
        self.batches.append((model.factor, rows))
        if 13 in rows:
            raise ValueError("thirteen")
        return [model.factor * row for row in rows]


@given(st.lists(st.tuples(st.sampled_from([2, 3]), st.integers(20, 99)), max_size=30))
def test_everybody_gets_the_answer_of_the_own_model_and_one_batch_serves_each(asked: list[tuple[int, int]]) -> None:
    models, recorder = {2: Times(2), 3: Times(3)}, Recorder()

    async def all_at_once() -> list[int]:
        batcher = Batcher(recorder)
        return await asyncio.gather(*(batcher.submit(models[factor], row) for factor, row in asked))

    assert asyncio.run(all_at_once()) == [factor * row for factor, row in asked]
    assert sorted(factor for factor, _ in recorder.batches) == sorted({factor for factor, _ in asked})


def test_a_request_alone_is_answered_within_the_same_turn_of_the_loop() -> None:
    recorder = Recorder()

    async def alone() -> int:
        future = Batcher(recorder).submit(Times(2), 21)
        await asyncio.sleep(0)
        assert future.done()
        return future.result()

    assert asyncio.run(alone()) == 42


def test_who_comes_while_others_are_answered_makes_up_the_next_batch() -> None:
    recorder, model = Recorder(), Times(2)

    async def two_turns() -> list[int]:
        batcher = Batcher(recorder)
        first = [batcher.submit(model, row) for row in (1, 2)]
        await first[0]
        return await asyncio.gather(*first, *(batcher.submit(model, row) for row in (3, 4, 5)))

    assert asyncio.run(two_turns()) == [2, 4, 6, 8, 10]
    assert recorder.batches == [(2, [1, 2]), (2, [3, 4, 5])]


def test_a_fault_is_told_to_those_of_the_batch_and_to_nobody_else() -> None:
    recorder = Recorder()

    async def with_thirteen() -> list[int | BaseException]:
        batcher = Batcher(recorder)
        asked = ((Times(2), 1), (Times(3), 13), (Times(2), 2))
        futures = [batcher.submit(model, row) for model, row in asked]
        futures[2].cancel()  # a client that has gone
        return await asyncio.gather(*futures, return_exceptions=True)

    first, second, third = asyncio.run(with_thirteen())
    assert first == 2
    assert isinstance(second, ValueError)
    assert isinstance(third, asyncio.CancelledError)


@given(st.text(), st.text(), st.floats(0, 1), st.floats(0, 1))
def test_who_is_in_a_share_is_in_every_larger_one(customer: str, seed: str, share: float, other: float) -> None:
    low, high = sorted((share, other))
    assert is_canary(customer, seed, low) <= is_canary(customer, seed, high)
    assert is_canary(customer, seed, 1.0)
    assert not is_canary(customer, seed, 0.0)


def test_the_draw_is_that_of_every_other_process_and_another_seed_draws_anew() -> None:
    ids = [f"C-{n}" for n in range(1000)]
    first = [is_canary(customer, "acme-churn 4", 0.5) for customer in ids]
    assert [is_canary(customer, "acme-churn 4", 0.5) for customer in ids[:8]] == first[:8]
    second = [is_canary(customer, "acme-churn 5", 0.5) for customer in ids]
    assert sum(first) == pytest.approx(500, abs=60)
    assert sum(a == b for a, b in zip(first, second, strict=True)) == pytest.approx(500, abs=60)
