"""The race: which ranking wins where the truth is known, by which rule, and what is said of it."""

import numpy as np
import pytest

from tests.training.uplift.logs import by_a, by_risk, constant, likelier_where_needed, log_of
from training.uplift.curves import qini, uplift_at
from training.uplift.learners import LEARNERS
from training.uplift.race import PLAIN, PLAIN_TO_ELABORATE, Race, choose, held_out_scores, race
from training.uplift.rankings import LOT, NAMES, RESPONSE, RISK, VALUE
from training.uplift.resampled import Draws, resampled

NOISE = np.linalg.qr(np.random.default_rng(0).normal(size=(200, len(NAMES))))[0]


def draws(qinis: dict[str, float]) -> dict[str, Draws]:
    """Resamples of rankings with a standard error of .01 each, of about .014 between two; a lot has none."""
    ranked = [name for name in qinis if name != LOT]
    noise = {name: NOISE[:, place] - NOISE[:, place].mean() for place, name in enumerate(ranked)}
    errors = {name: 0.01 * own / own.std(ddof=1) for name, own in noise.items()} | {LOT: np.zeros(200)}
    return {name: Draws(value + errors[name], np.zeros(200)) for name, value in qinis.items()}


def test_every_ranking_has_a_place_in_the_order() -> None:
    assert sorted(PLAIN_TO_ELABORATE) == sorted(NAMES)
    assert set(PLAIN_TO_ELABORATE) == {LOT, *PLAIN, *LEARNERS}


@pytest.mark.parametrize(
    ("qinis", "picked"),
    [
        # an effect is the best by far; nothing plainer comes near
        ({LOT: 0.0, RISK: 0.02, "t_logistic": 0.06}, "t_logistic"),
        # risk is within 1.645 standard errors (.023) of the best
        ({LOT: 0.0, RISK: 0.04, "t_logistic": 0.06}, RISK),
        # nothing is ahead of the lot by one standard error (.01)
        ({LOT: 0.0, RISK: 0.005, "t_logistic": 0.009}, LOT),
        # an effect has to be ahead of the lot by 1.645 of them
        ({LOT: 0.0, RISK: 0.005, "t_logistic": 0.015}, LOT),
        # of two learners within the error, the plainer one
        ({LOT: 0.0, "t_logistic": 0.05, "x_boosted": 0.06}, "t_logistic"),
        # risk is ahead of the lot, and the best not clearly ahead of risk
        ({LOT: 0.0, RISK: 0.012, "t_logistic": 0.03}, RISK),
        # risk is not ahead of the lot: it does not serve, though the best is not clearly ahead of it
        ({LOT: 0.0, RISK: 0.005, "t_logistic": 0.02}, "t_logistic"),
        # value is the best, and nothing near it
        ({LOT: 0.0, RISK: 0.02, VALUE: 0.06}, VALUE),
        # all are worse than a lot
        ({LOT: 0.0, RISK: -0.02, VALUE: -0.01}, LOT),
    ],
)
def test_the_plainest_ranking_that_the_best_is_not_clearly_ahead_of_is_picked(
    qinis: dict[str, float], picked: str
) -> None:
    assert choose(qinis, draws(qinis)) == picked


def test_an_effect_that_has_nothing_to_do_with_risk_is_ranked_by_effect() -> None:
    found = race(log_of(8_000, by_a, 1, likelier_where_needed), 0, repeats=1)
    assert found.picked in LEARNERS
    assert found.winner.top.value == pytest.approx(0.14, abs=0.04)
    assert found.winner.top.low < 0.14 < found.winner.top.high + 0.02
    assert found.average.value == pytest.approx(0.0, abs=0.03)
    assert found.winner.extra_per_1000.value == pytest.approx(1000 * found.winner.top.value)
    assert found.winner.policy.value > found.of(LOT).policy.value


def test_an_effect_that_goes_with_risk_is_ranked_by_a_plain_ranking() -> None:
    found = race(log_of(8_000, by_risk, 2), 0, repeats=1)
    assert found.picked in (RESPONSE, RISK)
    assert "does not pay" in found.why().en
    assert "不划算" in found.why().zh or "并不划算" in found.why().zh


def test_a_dreaded_outcome_is_ranked_by_how_much_the_action_prevents() -> None:
    found = race(log_of(8_000, by_a, 3, is_wanted=False), 0, repeats=1)
    assert found.picked in LEARNERS
    assert found.winner.top.value == pytest.approx(0.14, abs=0.04)


@pytest.fixture(scope="module")
def alike() -> Race:
    return race(log_of(2_000, constant, 10), 0, repeats=1)


def test_where_everybody_is_moved_alike_the_lot_wins_and_says_so(alike: Race) -> None:
    assert alike.abstains
    assert alike.average.low < 0.1 < alike.average.high
    assert "no ranking is clearly better than chance" in alike.why().en
    assert "随机" in alike.why().zh


def test_the_figures_are_those_of_the_held_out_scores() -> None:
    log = log_of(2_000, by_a, 4)
    found, scores = race(log, 5, repeats=2), held_out_scores(log, 5, repeats=2)
    assert set(scores) == set(NAMES)
    for name in ("t_logistic", VALUE, LOT):
        expected = np.mean([qini(one, log.good, log.treated) for one in scores[name]])
        assert found.of(name).qini.value == pytest.approx(expected)
    assert found.of(LOT).qini.value == 0.0


def test_held_out_scores_know_nothing_of_their_own_customers() -> None:
    # pure noise: models that had seen their rows would rank them far better than a lot
    log = log_of(1_500, constant, 6)
    for name, own in held_out_scores(log, 0, repeats=1).items():
        assert abs(qini(own[0], log.good, log.treated)) < 0.12, name


def test_without_value_there_is_no_ranking_by_it(alike: Race) -> None:
    log = log_of(400, by_a, 1)
    without = type(log)(**{**vars(log), "value": None})
    assert VALUE not in held_out_scores(without, 0, repeats=1)
    assert VALUE in [runner.ranking for runner in alike.runners]


def test_resamples_give_the_error_that_figures_have_over_fresh_logs() -> None:
    score = [log_of(3_000, by_a, seed) for seed in range(60)]
    tops = [uplift_at(0.3, one.features["a"].to_numpy(), one.good, one.treated) for one in score]
    qinis = [qini(one.features["a"].to_numpy(), one.good, one.treated) for one in score]
    drawn = resampled(score[0], {"a": [score[0].features["a"].to_numpy()]}, 0.3, 0)["a"]
    assert drawn.qini.std(ddof=1) == pytest.approx(np.std(qinis, ddof=1), rel=0.35)
    assert drawn.top.std(ddof=1) == pytest.approx(np.std(tops, ddof=1), rel=0.35)
    assert drawn.qini.mean() == pytest.approx(qinis[0], abs=0.01)


def test_both_sentences_speak_both_languages_with_numbers(alike: Race) -> None:
    for text in (alike.why(), alike.worth()):
        assert "{" not in text.en + text.zh
        assert any(digit in text.zh for digit in "0123456789")
