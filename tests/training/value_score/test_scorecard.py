import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.catalogue import BY_NAME
from features.errors import ModelError, NotEnoughDataError
from features.score_settings import Judgement, SupplierScoreSettings, ValueScoreSettings
from training.value_score.criteria import CUSTOMER_CRITERIA, SUPPLIER_CRITERIA
from training.value_score.entropy import entropy_weights, spread_out
from training.value_score.places import MOST_POINTS, fit_places
from training.value_score.scorecard import Scorecard, fit_scorecard
from training.value_score.sensitivity import rank_correlation, sensitivity, top_kept

NAN = float("nan")
FIVE = pd.DataFrame(
    {
        "spend_365d": [100.0, 200.0, 300.0, 400.0, 500.0],
        "days_late_mean_365d": [0.0, 10.0, NAN, 10.0, 30.0],
        "gap_variation": [NAN, NAN, NAN, NAN, NAN],
    },
    index=["a", "b", "c", "d", "e"],
)
TWO_TO_ONE = ValueScoreSettings(criteria={"volume": 2, "payment": 1, "stability": 1})


def test_every_criterion_that_the_project_file_knows_is_in_the_registry_and_no_other() -> None:
    assert tuple(c.id for c in CUSTOMER_CRITERIA) == ValueScoreSettings.KNOWN
    assert tuple(c.id for c in SUPPLIER_CRITERIA) == SupplierScoreSettings.KNOWN


def test_customers_are_measured_by_features_of_the_catalogue() -> None:
    columns = {m.column for c in CUSTOMER_CRITERIA for m in c.measures} - {"strategic_weight"}
    assert columns <= set(BY_NAME)


def test_places_run_from_nought_to_one_and_those_alike_share_theirs() -> None:
    places = fit_places(np.array([5.0, 1, NAN, 3, 3, 9]))
    assert places.of(np.array([1.0, 3, 5, 9, NAN])) == pytest.approx([0, 0.375, 0.75, 1, NAN], nan_ok=True)
    assert places.of(np.array([0.0, 2, 100])) == pytest.approx([0, 0.1875, 1])


def test_all_alike_stand_in_the_middle() -> None:
    assert fit_places(np.full(7, 3.0)).of(np.array([3.0])) == [0.5]


@given(st.lists(st.integers(-50, 50).map(float), min_size=2, max_size=60))
def test_the_mean_place_is_a_half_whatever_the_ties(values: list[float]) -> None:
    given = np.array(values)
    assert fit_places(given).of(given).mean() == pytest.approx(0.5)


def test_of_very_many_values_the_places_are_kept_to_a_thousandth() -> None:
    values = np.random.default_rng(1).lognormal(size=20_000)
    places = fit_places(values)
    assert len(places.values) == MOST_POINTS
    exact = values.argsort().argsort() / (len(values) - 1)
    assert np.abs(places.of(values) - exact).max() < 0.001


def test_the_points_of_a_score_are_places_times_weights_and_missing_weights_go_to_the_others() -> None:
    card = fit_scorecard(FIVE, TWO_TO_ONE)
    assert dict(card.weights) == pytest.approx({"volume": 2 / 3, "payment": 1 / 3})
    assert card.left_out == ("stability",)
    scores = card.score(FIVE)
    # payment: of 0, 10, 10, 30 days late the places are 0, 1/2, 1/2, 1; less is better
    assert scores["points_payment"].tolist() == pytest.approx([100 / 3, 50 / 3, NAN, 50 / 3, 0], nan_ok=True)
    assert scores["points_volume"].tolist() == pytest.approx([0, 50 / 3, 50, 50, 200 / 3])
    assert scores["value_score"].tolist() == pytest.approx([100 / 3, 100 / 3, 50, 200 / 3, 200 / 3])
    assert scores["known_weight"].tolist() == pytest.approx([1, 1, 2 / 3, 1, 1])
    assert card.said().en == (
        "Weights: volume 67%, payment reliability 33%. Left out, as the facts say nothing of it: predictability of demand."
    )
    assert card.said().zh == "权重：采购规模 67%、付款可靠性 33%。因数据中没有相应信息而未计入：需求稳定性。"


def test_an_industry_has_weights_of_its_own() -> None:
    settings = TWO_TO_ONE.model_copy(update={"industries": {"steel": {"payment": 1.0}}})
    card = fit_scorecard(FIVE, settings)
    industries = pd.Series({"a": "steel", "b": "food", "c": "steel", "e": None})
    scores = card.score(FIVE, industries)
    assert scores["value_score"].tolist() == pytest.approx([100, 100 / 3, NAN, 200 / 3, 200 / 3], nan_ok=True)
    assert scores["known_weight"].tolist() == pytest.approx([1, 1, 0, 1, 1])


def test_without_weights_half_of_a_customers_score_is_money() -> None:
    weights = {c.id: c.weight for c in CUSTOMER_CRITERIA}
    assert weights["volume"] + weights["margin"] == sum(weights.values()) / 2
    assert {c.weight for c in SUPPLIER_CRITERIA} == {1}


def test_the_weights_of_what_cannot_be_measured_go_to_the_others() -> None:
    card = fit_scorecard(FIVE, ValueScoreSettings())
    assert dict(card.weights) == {"volume": 0.8, "payment": 0.2}
    assert card.left_out == ("margin", "growth", "loyalty", "stability", "service", "strategic")


def test_entropy_gives_weight_to_what_tells_apart() -> None:
    # shares 1/4 each: entropy ln 4, difference 0; one has all: 1; two have half each: 1 - ln 2 / ln 4 = 1/2
    ratings = np.array([[0.3, 1, 1], [0.3, 0, 1], [0.3, 0, 0], [0.3, 0, 0]])
    assert entropy_weights(ratings) == pytest.approx([0, 2 / 3, 1 / 3])


def test_where_nothing_tells_apart_all_weigh_alike() -> None:
    assert entropy_weights(np.full((5, 4), 0.7)) == pytest.approx([0.25] * 4)


def test_one_giant_does_not_set_the_scale() -> None:
    values = np.append(np.arange(999.0), 1e9)
    assert spread_out(values)[500] == pytest.approx(0.5, abs=0.01)
    assert spread_out(values, more_is_better=False)[500] == pytest.approx(0.5, abs=0.01)


def test_weights_by_entropy_and_by_judgements_serve_the_same_scorecard() -> None:
    by_entropy = fit_scorecard(FIVE, ValueScoreSettings(weights="entropy"))
    assert sum(by_entropy.weights.values()) == pytest.approx(1)
    assert set(by_entropy.weights) == {"volume", "payment"}
    assert "growth" in by_entropy.left_out
    judged = ValueScoreSettings(weights="ahp", judgements=(Judgement(more="payment", than="volume", by=4),))
    assert dict(fit_scorecard(FIVE, judged).weights) == pytest.approx({"volume": 0.2, "payment": 0.8})


def test_when_nothing_can_be_measured_the_error_says_what_to_add() -> None:
    with pytest.raises(NotEnoughDataError, match=r"predictability of demand.*Add tables"):
        fit_scorecard(FIVE[["gap_variation"]], ValueScoreSettings(criteria={"stability": 1}))


def test_a_scorecard_comes_back_from_its_json_and_scores_one_customer_the_same() -> None:
    card = fit_scorecard(FIVE, TWO_TO_ONE)
    again = Scorecard.from_json(card.to_json())
    assert again == card
    assert again.score(FIVE.loc[["d"]]).equals(card.score(FIVE).loc[["d"]])


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"places": {}}'])
def test_what_is_no_scorecard_is_refused(text: str) -> None:
    with pytest.raises(ModelError, match="not a stored scorecard"):
        Scorecard.from_json(text)
    whole = json.loads(fit_scorecard(FIVE, TWO_TO_ONE).to_json())
    whole["places"]["spend_365d"]["values"].reverse()
    with pytest.raises(ModelError):
        Scorecard.from_json(json.dumps(whole))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.integers(2, 60))
def test_scores_lie_between_0_and_100_and_their_points_add_up(seed: int, rows: int) -> None:
    generator = np.random.default_rng(seed)
    columns = [m.column for c in CUSTOMER_CRITERIA for m in c.measures]
    values = generator.normal(size=(rows, len(columns)))
    values[generator.random(values.shape) < 0.4] = NAN
    frame = pd.DataFrame(values, columns=columns)
    weights = dict(zip(ValueScoreSettings.KNOWN, generator.uniform(0.1, 5, 8), strict=True))
    scores = fit_scorecard(frame, ValueScoreSettings(criteria=weights)).score(frame)
    known = scores["value_score"].notna()
    assert scores.loc[known, "value_score"].between(0, 100).all()
    points = scores.filter(like="points_").sum(axis=1)
    assert points[known].to_numpy() == pytest.approx(scores.loc[known, "value_score"].to_numpy())
    assert (scores["known_weight"] > 0).tolist() == known.tolist()


def test_when_one_criterion_decides_everything_no_weight_matters() -> None:
    card = fit_scorecard(FIVE, ValueScoreSettings(criteria={"volume": 1}))
    for entry in sensitivity(card, FIVE):
        assert [entry.top_kept, entry.rank_correlation, entry.most_points] == pytest.approx([1, 1, 0])


def test_two_criteria_that_disagree_make_the_ranks_hang_on_the_weights() -> None:
    against = pd.DataFrame({"spend_365d": [1.0, 2, 3, 4], "days_late_mean_365d": [1.0, 2, 3, 4]})
    card = fit_scorecard(against, ValueScoreSettings(criteria={"volume": 1, "payment": 0.9}))
    worst = sensitivity(card, against)[0]
    # payment at 1.08 turns the order round
    assert [worst.rank_correlation, worst.top_kept] == pytest.approx([-1, 0])
    assert {(e.criterion, e.move) for e in sensitivity(card, against)} == {
        (c, m) for c in ("volume", "payment") for m in (-0.2, 0.2)
    }


def test_the_best_tenth_is_followed_with_its_ties() -> None:
    before = np.arange(20.0)
    after = before.copy()
    after[[18, 0]] = after[[0, 18]]
    assert top_kept(before, after) == 0.5
    assert top_kept(np.ones(10), np.ones(10)) == 1
    assert rank_correlation(np.array([1.0, 2, 3]), np.array([10.0, 30, 20])) == pytest.approx(0.5)
    assert np.isnan(rank_correlation(np.ones(3), before[:3]))
