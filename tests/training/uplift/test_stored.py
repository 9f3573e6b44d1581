"""What was learnt of actions comes back from JSON as it was, and damage is noticed."""

import json

import numpy as np
import pytest

from features.errors import ModelError
from features.text import Text
from tests.training.uplift.logs import by_a, constant, features, log_of
from training.uplift.learn import learn_action
from training.uplift.model import ActionUplift, LearntUplift
from training.uplift.race import race
from training.uplift.rankings import LOT, NAMES, RESPONSE, RISK, VALUE, fit_scorers
from training.uplift.stored import from_json, to_json

FRAME = features(50, 77).assign(often_missing=lambda own: own["often_missing"].fillna(np.nan))


@pytest.fixture(scope="module")
def learnt() -> LearntUplift:
    """One action whose effect was found, one that moves everybody alike, and one that could not be learnt."""
    found = learn_action(log_of(4_000, by_a, 1, is_wanted=False), 0, repeats=1)
    lot = learn_action(log_of(2_000, constant, 10, is_wanted=False), 0, repeats=1)
    named = [
        ActionUplift(type(one.race)(**{**vars(one.race), "action": name}), one.model)
        for name, one in (("call", found), ("visit", lot))
    ]
    return LearntUplift(
        features=tuple(FRAME.columns),
        value_feature="b",
        actions=tuple(named),
        unlearnt={"letter": Text("too few", "太少")},
        is_wanted=False,
        horizon_days=90,
        as_of="2026-01-01T00:00:00+00:00",
    )


def test_a_model_comes_back_as_it_was(learnt: LearntUplift) -> None:
    text = to_json(learnt, FRAME)
    again = from_json(text)
    np.testing.assert_allclose(again.effects(FRAME), learnt.effects(FRAME), atol=1e-12)
    np.testing.assert_allclose(again.scores(FRAME), learnt.scores(FRAME), atol=1e-12)
    assert again.unlearnt == learnt.unlearnt
    assert again.metrics() == learnt.metrics()
    assert again.said() == learnt.said()
    assert to_json(again, FRAME) == text


@pytest.mark.parametrize("ranking", NAMES)
def test_every_ranking_can_be_stored(ranking: str) -> None:
    log = log_of(500, by_a, 2)
    found = race(log, 0, repeats=1)
    picked = type(found)(**{**vars(found), "picked": ranking})
    model = LearntUplift(
        tuple(FRAME.columns), "a", (ActionUplift.of(picked, fit_scorers(log, 0)),), {}, True, 90, "2026-01-01"
    )
    again = from_json(to_json(model, FRAME))
    np.testing.assert_allclose(again.scores(FRAME), model.scores(FRAME), atol=1e-12)
    assert (again.scores(FRAME)["call"].nunique() == 1) == (ranking == LOT)
    assert again.actions[0].tells_effects_apart == (ranking not in (LOT, RISK, RESPONSE, VALUE))


def test_effects_are_the_mean_effect_where_customers_cannot_be_told_apart(learnt: LearntUplift) -> None:
    effects, scores = learnt.effects(FRAME), learnt.scores(FRAME)
    assert effects["visit"].nunique() == 1
    assert effects["visit"].iloc[0] == pytest.approx(-learnt.actions[1].race.average.value)
    assert effects["visit"].iloc[0] == pytest.approx(-0.1, abs=0.05)
    assert scores["visit"].eq(0).all()


def test_who_is_kept_most_by_an_action_comes_first(learnt: LearntUplift) -> None:
    effects, scores = learnt.effects(FRAME)["call"], learnt.scores(FRAME)["call"]
    assert (scores == -effects).all()
    assert effects[scores.idxmax()] < -0.05
    assert FRAME.loc[scores.idxmax(), "a"] > 0.5


def test_a_model_that_gives_other_numbers_is_refused(learnt: LearntUplift) -> None:
    document = json.loads(to_json(learnt, FRAME))
    document["golden"]["effects"][0][0] += 0.01
    with pytest.raises(ModelError, match="other numbers"):
        from_json(json.dumps(document))


@pytest.mark.parametrize("text", ["", "{}", '{"version": 2}', "[1]"])
def test_what_is_no_model_is_refused(text: str) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        from_json(text)
