"""The population stability index against a table worked out by hand, and what chance alone does."""

import math

import numpy as np
import pandas as pd
import pytest

from training.models.population import MOVED, Drift, Population, added

TENS = pd.DataFrame({"gap": np.repeat(np.arange(1.0, 11.0), 10)})
"""Ten customers of each of ten gaps: each is a part of its own."""


def drift(then: pd.DataFrame, now: pd.DataFrame) -> Drift:
    population = Population.of(then, list(then.columns))
    found = population.drift(population.counted(now))
    assert found is not None
    return found


def test_the_index_is_what_the_table_says() -> None:
    now = pd.DataFrame({"gap": np.repeat([1.0, 2.0], 50)})
    # ten parts and one for missing, half a customer added to each: 10.5 of 105.5 then, 50.5 (two parts) and 0.5 (eight) now
    by_hand = 2 * (40 / 105.5) * math.log(50.5 / 10.5) + 8 * (-10 / 105.5) * math.log(0.5 / 10.5)
    assert drift(TENS, now).index["gap"] == pytest.approx(by_hand) == pytest.approx(3.4996, abs=1e-4)


def test_the_same_customers_have_not_moved() -> None:
    found = drift(TENS, TENS)
    assert found.index == {"gap": pytest.approx(0.0)}
    assert (found.customers_then, found.customers_now, found.moved) == (100, 100, [])


def test_values_that_go_missing_are_a_move() -> None:
    now = TENS.assign(gap=TENS["gap"].where(TENS["gap"] > 5))
    found = drift(TENS, now)
    assert found.moved == ["gap"]
    assert Population.of(TENS, ["gap"]).counted(now)["gap"].tolist() == [0] * 5 + [10] * 5 + [50]


def test_what_is_counted_in_blocks_is_what_is_counted_at_once() -> None:
    population = Population.of(TENS, ["gap"])
    together = added(added({}, population.counted(TENS.iloc[:33])), population.counted(TENS.iloc[33:]))
    assert together["gap"].tolist() == population.counted(TENS)["gap"].tolist() == [10] * 10 + [0]


def test_the_column_that_moved_is_named_and_the_furthest_comes_first() -> None:
    draw = np.random.default_rng(1)
    then = pd.DataFrame(draw.normal(size=(5_000, 3)), columns=["still", "moved", "far"])
    now = pd.DataFrame(draw.normal([0.0, 0.8, 2.0], size=(5_000, 3)), columns=["still", "moved", "far"])
    assert drift(then, now).moved == ["far", "moved"]


@pytest.mark.parametrize("customers", [30, 100, 1_000])
def test_by_chance_alone_hardly_anything_moves(customers: int) -> None:
    """The limit is to be passed by chance once in a hundred times or less, however few the customers are."""
    draw = np.random.default_rng(customers)
    names = [f"feature {n}" for n in range(1_000)]
    then, now = (pd.DataFrame(draw.normal(size=(customers, 1_000)), columns=names) for _ in range(2))
    found = drift(then, now)
    assert len(found.moved) <= 20
    if customers == 30:
        assert sum(value > MOVED for value in found.index.values()) > 500, (
            "without the limit of chance most would be told"
        )


def test_nobody_has_not_moved_and_a_column_without_values_neither() -> None:
    population = Population.of(TENS, ["gap"])
    assert population.drift(population.counted(TENS.iloc[:0])) is None
    assert population.drift({}) is None
    nothing = pd.DataFrame({"gap": np.full(50, np.nan)})
    assert drift(nothing, nothing).index["gap"] == pytest.approx(0.0)


def test_what_is_kept_is_read_again() -> None:
    population = Population.of(TENS, ["gap"])
    assert Population.from_document(population.as_document()) == population
