"""Courses that a series can take, with at most one change, and how probable each is: exact, without sampling.

A series of n months is a level plus a course plus noise of one size. Courses are lines with a kink or a step; each has
effects that are normal around zero, in units of the noise, whose size is inverse gamma. So the probability of the series
under each course and each month of change has a closed form (normal-inverse-gamma regression; Bernardo & Smith 1994), and
Bayes' rule over all of them gives what is known of the course and of the month together (Smith 1975).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

LEAST_EACH_SIDE = 3
"""A change needs so many months before and after it."""
EFFECT = 3.0
"""Standard deviation of a step, or of a slope in a year, in units of the noise."""
EXPECTED_NOISE = 0.1
"""What is expected of the noise before the series is seen, as a share of its mean size; it counts as one month."""


@dataclass(frozen=True)
class Course:
    """A shape: its prior probability, its columns by month and month of change, and whether it has such a month.

    The last column is the one whose sign says where it goes.
    """

    probability: float
    columns: Callable[[Floats, int], tuple[Floats, ...]]
    changes: bool = True


COURSES: dict[str, Course] = {
    "flat": Course(0.4, lambda _t, _change: (), changes=False),
    "trend": Course(0.12, lambda t, _change: (t / 12,), changes=False),
    "step": Course(0.12, lambda t, change: ((t >= change).astype(np.float64),)),
    "onset": Course(0.12, lambda t, change: (np.maximum(t - change, 0) / 12,)),
    "plateau": Course(0.12, lambda t, change: (np.minimum(t, change) / 12,)),
    "bend": Course(0.12, lambda t, change: (np.minimum(t, change) / 12, np.maximum(t - change, 0) / 12)),
}
"""Level; a slope throughout; one level and then another; level and then slope; slope and then level; two slopes."""


@dataclass(frozen=True)
class Courses:
    """Posterior probabilities, each of shape (rows, hypotheses), adding up to one in a row.

    ``upward`` and ``downward`` by the sign of what happens last (a flat course is in neither, but in ``flat``, shape (rows,)).
    ``names`` and ``changes`` (the first month after the change; 0: none) describe the hypotheses other than flat.
    """

    names: tuple[str, ...]
    changes: Integers
    upward: Floats
    downward: Floats
    flat: Floats


def courses(series: Floats) -> Courses:
    """What is known of the course of each row of ``series``, shape (rows, months), all of the same length.

    It holds some eighty numbers a row for two years of months: give many rows in parts.
    Raises ValueError: there are too few months for a change within them.
    """
    months = series.shape[1]
    hypotheses = [(name, change) for name, course in COURSES.items() for change in _changes(course, months)]
    if months < 2 * LEAST_EACH_SIDE:
        raise ValueError(f"{months} months; a change needs {LEAST_EACH_SIDE} before and after it")
    logs, upward = _posterior(series, hypotheses)
    probability = np.exp(logs - logs.max(axis=1, keepdims=True, initial=-np.inf))
    probability /= probability.sum(axis=1, keepdims=True)
    return Courses(
        tuple(name for name, _ in hypotheses[1:]),
        np.array([change for _, change in hypotheses[1:]], dtype=np.int64),
        probability[:, 1:] * upward[:, 1:],
        probability[:, 1:] * (1 - upward[:, 1:]),
        probability[:, 0],
    )


def _changes(course: Course, months: int) -> range:
    return range(LEAST_EACH_SIDE, months - LEAST_EACH_SIDE + 1) if course.changes else range(1)


def _posterior(series: Floats, hypotheses: list[tuple[str, int]]) -> tuple[Floats, Floats]:
    """Log of prior times likelihood, up to a constant of the row, and P(the last effect is upward); (rows, hypotheses)."""
    months = series.shape[1]
    centred = series - series.mean(axis=1, keepdims=True)
    squares = (centred**2).sum(axis=1)
    weight = 0.5 + (months - 1) / 2
    noise = 0.5 * (EXPECTED_NOISE * np.abs(series).mean(axis=1)) ** 2
    noise = np.maximum(noise, np.finfo(np.float64).tiny)
    logs, upward = np.empty((2, len(series), len(hypotheses)))
    for place, (name, change) in enumerate(hypotheses):
        course = COURSES[name]
        columns = np.array(course.columns(np.arange(months, dtype=np.float64), change)).reshape(-1, months)
        columns = columns - columns.mean(axis=1, keepdims=True)
        precision = columns @ columns.T + np.eye(len(columns)) / EFFECT**2
        inverse = np.linalg.inv(precision)
        along = centred @ columns.T
        effects = along @ inverse
        rest = noise + np.maximum(squares - (effects * along).sum(axis=1), 0) / 2
        size = -len(columns) * np.log(EFFECT) - np.linalg.slogdet(precision)[1] / 2
        prior = np.log(course.probability / len(_changes(course, months)))
        logs[:, place] = prior + size - weight * np.log(rest)
        if len(columns):
            scale = np.sqrt(rest / weight * inverse[-1, -1])
            upward[:, place] = stdtr(2 * weight, effects[:, -1] / scale)
        else:
            upward[:, place] = 0
    return logs, upward
