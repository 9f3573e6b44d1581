"""What is taken back of a choice, so that every limit is kept when branch and bound has no answer."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from features.text import Text
from serving.decisions.allocation import Limit, problem_of, share_at_least
from serving.decisions.allocation.repair import repaired
from tests.serving.decisions.allocation.companies import CONTACT, uses

NAME = Text("Visits", "拜访")


def test_the_clearest_keep_their_action_as_long_as_there_is_room() -> None:
    problem = problem_of(np.ones((4, 1)), [Limit(NAME, CONTACT, np.ones(1), at_most=2.0)], "EUR")

    found = repaired(problem, np.zeros(4, dtype=np.int16), np.array([1.0, 4.0, 2.0, 3.0]))

    assert found.tolist() == [-1, 0, -1, 0]


def test_a_share_that_is_reached_costs_nobody_an_action_and_one_that_is_not_costs_the_others() -> None:
    general = np.array([True, False, False, False])
    problem = problem_of(np.ones((4, 1)), [share_at_least(NAME, CONTACT, 0.5, general, np.ones(1))], "EUR")
    margin = np.array([1.0, 4.0, 2.0, 3.0])

    assert repaired(problem, np.array([0, 0, -1, -1], dtype=np.int16), margin).tolist() == [0, 0, -1, -1]
    assert repaired(problem, np.array([0, 0, 0, 0], dtype=np.int16), margin).tolist() == [0, 0, -1, -1]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_capacity_and_a_share_are_both_kept_though_the_one_can_break_the_other(seed: int) -> None:
    random = np.random.default_rng(seed)
    share = share_at_least(NAME, CONTACT, 0.5, random.random(40) < 0.5, np.ones(2))
    limits = [share, Limit(NAME, CONTACT, random.integers(0, 4, (40, 2)), at_most=float(random.integers(0, 40)))]
    problem = problem_of(np.ones((40, 2)), limits, "EUR")

    found = repaired(problem, random.integers(-1, 2, 40).astype(np.int16), random.random(40))

    who = np.flatnonzero(found >= 0)
    assert (uses(problem)[:, who, found[who]].sum(axis=1) <= problem.bounds + 1e-6).all()
