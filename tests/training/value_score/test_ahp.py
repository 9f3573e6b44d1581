import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import ProjectError
from features.score_settings import Judgement
from features.text import Text
from training.value_score.ahp import ahp_weights, on_scale, priorities, worst_judgement

# Relative wealth of nations: USA, USSR, China, France, UK, Japan, West Germany (Saaty 1980)
WEALTH = np.array(
    [
        [1, 4, 9, 6, 6, 5, 5],
        [1 / 4, 1, 7, 5, 5, 3, 4],
        [1 / 9, 1 / 7, 1, 1 / 5, 1 / 5, 1 / 7, 1 / 5],
        [1 / 6, 1 / 5, 5, 1, 1, 1 / 3, 1 / 3],
        [1 / 6, 1 / 5, 5, 1, 1, 1 / 3, 1 / 3],
        [1 / 5, 1 / 3, 7, 3, 3, 1, 2],
        [1 / 5, 1 / 4, 5, 3, 3, 1 / 2, 1],
    ]
)
# Which drink is consumed more in the United States: coffee, wine, tea, beer, sodas, milk, water (Saaty 2008)
DRINKS = np.array(
    [
        [1, 9, 5, 2, 1, 1, 1 / 2],
        [1 / 9, 1, 1 / 3, 1 / 9, 1 / 9, 1 / 9, 1 / 9],
        [1 / 5, 3, 1, 1 / 3, 1 / 4, 1 / 3, 1 / 9],
        [1 / 2, 9, 3, 1, 1 / 2, 1, 1 / 3],
        [1, 9, 4, 2, 1, 2, 1 / 2],
        [1, 9, 3, 1, 1 / 2, 1, 1 / 3],
        [2, 9, 9, 3, 2, 3, 1],
    ]
)
# Satisfaction with school: learning, friends, school life, vocational training, college preparation, music (Saaty 1980)
SCHOOL = np.array(
    [
        [1, 4, 3, 1, 3, 4],
        [1 / 4, 1, 7, 3, 1 / 5, 1],
        [1 / 3, 1 / 7, 1, 1 / 5, 1 / 5, 1 / 6],
        [1, 1 / 3, 5, 1, 1, 1 / 3],
        [1 / 3, 5, 5, 1, 1, 3],
        [1 / 4, 1, 6, 3, 1 / 3, 1],
    ]
)
NAMES = {
    "volume": Text("volume", "采购规模"),
    "margin": Text("margin", "毛利贡献"),
    "growth": Text("growth", "成长性"),
    "loyalty": Text("loyalty", "忠诚度"),
}


def test_the_wealth_of_nations_has_the_published_weights_and_consistency() -> None:
    found = priorities(WEALTH)
    assert found.weights.round(3).tolist() == [0.427, 0.230, 0.021, 0.052, 0.052, 0.123, 0.094]
    assert round(found.largest_eigenvalue, 2) == 7.61
    assert round(found.consistency_ratio, 2) == 0.08


def test_the_drinks_have_the_published_weights_and_consistency() -> None:
    found = priorities(DRINKS)
    assert found.weights.round(3).tolist() == [0.177, 0.019, 0.042, 0.116, 0.190, 0.129, 0.327]
    assert round(found.consistency_ratio, 3) == 0.022


def test_the_choice_of_a_school_has_the_published_weights_and_is_too_inconsistent() -> None:
    found = priorities(SCHOOL)
    # 0.035 for school life is printed as .03
    assert found.weights.round(2).tolist() == pytest.approx([0.32, 0.14, 0.03, 0.13, 0.24, 0.14], abs=0.011)
    assert found.consistency_ratio > 0.2


@given(st.lists(st.floats(0.1, 10), min_size=3, max_size=8))
def test_judgements_that_never_contradict_give_back_the_weights(weights: list[float]) -> None:
    given = np.array(weights)
    found = priorities(given[:, None] / given)
    assert found.weights == pytest.approx(given / given.sum(), rel=1e-6)
    assert found.consistency_ratio == pytest.approx(0, abs=1e-6)


def test_one_spoiled_judgement_is_found_with_the_value_that_fits() -> None:
    consistent = np.array([[1, 2, 4, 8], [1 / 2, 1, 2, 4], [1 / 4, 1 / 2, 1, 2], [1 / 8, 1 / 4, 1 / 2, 1]])
    for row, column in [(0, 3), (1, 2), (0, 1)]:
        spoiled = consistent.copy()
        spoiled[row, column], spoiled[column, row] = 1 / 9, 9
        worst = worst_judgement(spoiled)
        assert (worst.row, worst.column) == (row, column)
        assert worst.given == pytest.approx(1 / 9)
        assert worst.fitting == consistent[row, column]
        assert worst.consistency_ratio == pytest.approx(0, abs=1e-9)


def test_two_criteria_weigh_as_they_were_judged() -> None:
    weights = ahp_weights((Judgement(more="growth", than="volume", by=3),), NAMES)
    assert weights == pytest.approx({"volume": 0.25, "growth": 0.75})


def test_contradicting_judgements_are_refused_with_the_one_to_think_over() -> None:
    judgements = (
        Judgement(more="volume", than="margin", by=2),
        Judgement(more="volume", than="growth", by=4),
        Judgement(more="loyalty", than="volume", by=8),
        Judgement(more="margin", than="growth", by=2),
        Judgement(more="margin", than="loyalty", by=4),
        Judgement(more="growth", than="loyalty", by=2),
    )
    with pytest.raises(ProjectError) as refused:
        ahp_weights(judgements, NAMES)
    assert "loyalty against volume, judged 8; the other judgements would make it 1/8, which leaves 0.00" in str(
        refused.value
    )
    assert "忠诚度与采购规模" in refused.value.text.zh
    repaired = tuple(j if j.more != "loyalty" else j.model_copy(update={"by": 1 / 8}) for j in judgements)
    assert ahp_weights(repaired, NAMES) == pytest.approx(
        {"volume": 8 / 15, "margin": 4 / 15, "growth": 2 / 15, "loyalty": 1 / 15}
    )


@pytest.mark.parametrize(("value", "shown"), [(3.0, "3"), (1 / 7, "1/7"), (1.0, "1"), (2.5, "2.5")])
def test_judgements_are_shown_as_people_write_them(value: float, shown: str) -> None:
    assert on_scale(value) == shown
