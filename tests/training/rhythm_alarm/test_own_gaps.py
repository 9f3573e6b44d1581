import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.rhythm_alarm.own_gaps import SHAPES, OwnGaps, Seen, fit_own_gaps

AT_RANDOM = OwnGaps(2.0, 40.0, np.where(SHAPES == 1.0, 0.0, -700.0))


def seen(*gaps: list[float]) -> Seen:
    return Seen(
        *(np.array([f(np.array(own)) for own in gaps], dtype=float) for f in (len, np.sum, lambda g: np.log(g).sum()))
    )


def test_gaps_at_random_with_a_gamma_rate_are_lomax_distributed() -> None:
    """Closed form: ((b + s) / (b + s + x)) to the power of a + n."""
    told = AT_RANDOM.survival(seen([], [10.0, 30.0]), np.array([40.0, 20.0]))
    assert told == pytest.approx([(40 / 80) ** 2, (80 / 100) ** 4])


def test_the_mean_gap_moves_from_everybodys_to_the_own_one() -> None:
    few, many = AT_RANDOM.mean_days(seen([], [10.0] * 2, [10.0] * 200))[1:]
    assert AT_RANDOM.mean_days(seen([])) == pytest.approx([40.0])
    assert few == pytest.approx(60 / 3)
    assert many == pytest.approx(2040 / 201)


def test_who_is_like_clockwork_is_sooner_unusual_than_who_buys_at_random() -> None:
    model = OwnGaps(2.0, 60.0, np.full(len(SHAPES), -np.log(len(SHAPES))))
    clockwork, random = seen([29.0, 30.0, 31.0] * 4), seen([5.0, 80.0, 5.0] * 4)
    assert model.survival(clockwork, np.array([60.0]))[0] < 0.01 < 0.08 < model.survival(random, np.array([60.0]))[0]


@given(
    st.lists(st.floats(0.5, 300), min_size=0, max_size=20),
    st.floats(0.001, 0.999),
    st.floats(1, 500),
    st.floats(1, 500),
)
def test_survival_falls_with_time_and_is_inverted(own: list[float], probability: float, one: float, two: float) -> None:
    model, known = OwnGaps(2.3, 45.0, np.full(len(SHAPES), -np.log(len(SHAPES)))), seen(own)
    earlier, later = (model.survival(known, np.array([day])) for day in sorted((one, two)))
    assert 0 <= later[0] <= earlier[0] <= 1
    assert model.survival(known, model.days(known, np.array([probability]))) == pytest.approx([probability], abs=1e-6)


def test_the_fit_finds_what_gaps_were_drawn_from() -> None:
    rng = np.random.default_rng(3)
    rates = rng.gamma(4.0, 1 / 90, 1_500)  # one over the mean: spread 4, scale 90 days
    shape = np.where(rng.random(1_500) < 0.5, 1.0, 4.7)
    gaps = rng.gamma(shape[:, None], (1 / rates / shape)[:, None], (1_500, 12))
    model = fit_own_gaps(Seen(np.full(1_500, 12.0), gaps.sum(axis=1), np.log(gaps).sum(axis=1)))
    assert model.a == pytest.approx(4.0, rel=0.15)
    assert model.b / (model.a - 1) == pytest.approx(30.0, rel=0.1)
    assert np.exp(model.log_weights)[(SHAPES >= 0.75) & (SHAPES <= 1.5)].sum() == pytest.approx(0.5, abs=0.12)


def test_nobody_to_learn_from_gives_a_wide_guess() -> None:
    model = fit_own_gaps(seen([10.0]))
    assert model.survival(seen([10.0]), np.array([1.0, 1e5])) == pytest.approx([1, 0], abs=0.1)
