import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from training.trajectory.change_points import COURSES, EFFECT, EXPECTED_NOISE, LEAST_EACH_SIDE, courses

Floats = NDArray[np.float64]
MONTHS = 24
T = np.arange(MONTHS, dtype=np.float64)


def simulated(rows: int, seed: int) -> tuple[Floats, list[str], list[str]]:
    """Series drawn from what the model holds possible, with the name of each course and where it goes in the end."""
    generator = np.random.default_rng(seed)
    names = generator.choice(list(COURSES), rows, p=[c.probability for c in COURSES.values()])
    series, ends = [], []
    for name in names:
        course = COURSES[name]
        change = int(generator.integers(LEAST_EACH_SIDE, MONTHS - LEAST_EACH_SIDE + 1))
        effects = [generator.normal(0, EFFECT) for _ in course.columns(T, change)]
        signal = sum((c * e for c, e in zip(course.columns(T, change), effects, strict=True)), np.zeros(MONTHS))
        series.append(10 + signal + generator.normal(size=MONTHS))
        ends.append("flat" if not effects else "up" if effects[-1] > 0 else "down")
    return np.array(series), names.tolist(), ends


def test_the_courses_are_all_that_can_be_and_each_has_its_part() -> None:
    assert sum(course.probability for course in COURSES.values()) == pytest.approx(1)
    found = courses(simulated(50, 1)[0])
    total = found.flat + found.upward.sum(axis=1) + found.downward.sum(axis=1)
    assert total == pytest.approx(np.ones(50))


def test_the_probability_of_a_step_is_that_of_integrating_over_level_noise_and_effect() -> None:
    series = np.array([5.0, 7, 6, 4, 3, 4])
    found = courses(series[None])
    contrast, column = series - series.mean(), (np.arange(6) >= 3) - 0.5
    # over the size of the noise and the step in its units; the level is known to nothing and leaves the squares around the mean
    noise = np.geomspace(1e-3, 5000, 1501)
    prior = stats.invgamma.pdf(noise, 0.5, scale=0.5 * (EXPECTED_NOISE * series.mean()) ** 2)
    steps = np.linspace(-30, 30, 1501)
    squares = ((contrast - steps[:, None, None] * np.sqrt(noise[:, None]) * column) ** 2).sum(axis=2)
    likelihood = noise**-2.5 * np.exp(-squares / 2 / noise) * prior
    over_steps = np.trapezoid(likelihood * stats.norm.pdf(steps, 0, EFFECT)[:, None], steps, axis=0)
    with_step = np.trapezoid(over_steps, noise)
    without = np.trapezoid(likelihood[750], noise)
    place = found.names.index("step")
    odds = (found.upward[0, place] + found.downward[0, place]) / found.flat[0]
    assert odds == pytest.approx(0.12 / 0.4 * with_step / without, rel=1e-3)


def test_what_is_said_with_a_probability_comes_true_as_often() -> None:
    series, _, ends = simulated(4000, 7)
    found = courses(series)
    said = np.column_stack([found.flat, found.upward.sum(axis=1), found.downward.sum(axis=1)])
    true = np.array([["flat", "up", "down"].index(end) for end in ends])
    best, probability = said.argmax(axis=1), said.max(axis=1)
    for low, high in [(0.4, 0.7), (0.7, 0.8), (0.8, 0.97), (0.97, 1.01)]:
        among = (probability >= low) & (probability < high)
        assert among.sum() > 200
        noise = 3 * np.sqrt(0.25 / among.sum())
        assert (best == true)[among].mean() == pytest.approx(probability[among].mean(), abs=noise)


@pytest.mark.parametrize("change", [6, 12, 18])
def test_the_month_of_a_large_step_is_found(change: int) -> None:
    noise = np.random.default_rng(change).normal(size=(200, MONTHS))
    found = courses(20 - 5 * (change <= T) + noise)
    by_month = (found.upward + found.downward) @ (found.changes[:, None] == np.arange(MONTHS))
    assert (np.abs(by_month.argmax(axis=1) - change) <= 1).mean() > 0.95
    assert (found.downward.sum(axis=1) > 0.9).mean() > 0.95


def test_only_the_form_of_a_series_counts_not_its_unit() -> None:
    series = simulated(20, 3)[0]
    euros, cents = courses(series), courses(10 * series)
    assert cents.upward == pytest.approx(euros.upward)
    assert cents.flat == pytest.approx(euros.flat)


def test_a_series_without_any_noise_has_an_answer() -> None:
    found = courses(np.array([[100.0] * 24, [0.0] * 24, [50.0] * 12 + [100.0] * 12]))
    assert np.isfinite(found.upward).all()
    assert found.flat[:2] == pytest.approx([found.flat[0]] * 2)
    assert found.flat[0] > 0.7
    assert found.upward[2].sum() > 0.99


def test_too_few_months_are_refused() -> None:
    with pytest.raises(ValueError, match="5 months"):
        courses(np.ones((1, 5)))
