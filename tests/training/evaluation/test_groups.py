import numpy as np
import pytest

from features.errors import ModelError
from tests.training.evaluation.judgements import by_hand, drawn
from training.evaluation.groups import (
    FIGURES,
    LEAST_CUSTOMERS,
    MOST_GROUPS,
    by_group,
    fairness_frame,
    highest,
    over_time,
    tenure_bands,
)


def test_the_figures_of_two_groups_by_hand() -> None:
    # North: 60 customers of whom 20 leave, all at 40 %; South: 100 of whom 50 leave, the leavers at 90 %, others at 20 %
    churned = [1] * 20 + [0] * 40 + [1] * 50 + [0] * 50
    probability = [0.4] * 60 + [0.9] * 50 + [0.2] * 50
    judged = by_hand(churned, probability, region=["North"] * 60 + ["South"] * 100)
    flagged = judged.probability > 0.3
    south, north = by_group(judged, "region", seed=0, flagged=flagged)
    assert (south.title, south.rows, south.customers, south.churners) == (("South", "South"), 100, 100, 50)
    assert {name: round(figure.value, 4) for name, figure in north.figures.items()} == {
        "churn_rate": 0.3333,
        "mean_probability": 0.4,
        "calibration_gap": 0.0667,
        "auc": 0.5,
        "brier": round(20 / 60 * 0.36 + 40 / 60 * 0.16, 4),
        "log_loss": round(-(np.log(0.4) + 2 * np.log(0.6)) / 3, 4),
        "flagged_share": 1.0,
        "true_positive_rate": 1.0,
        "false_positive_rate": 1.0,
    }
    assert south.figures["auc"].value == 1
    assert (south.figures["true_positive_rate"].value, south.figures["false_positive_rate"].value) == (1, 0)
    assert south.figures["churn_rate"].low == pytest.approx(0.5 - 1.96 * 0.05, abs=0.03)


def test_of_too_few_nothing_is_said() -> None:
    few = LEAST_CUSTOMERS - 1
    judged = by_hand(
        [0, 1] * few, [0.3] * (2 * few), customers=[f"C{i // 2}" for i in range(2 * few)], size=["S"] * (2 * few)
    )
    [small] = by_group(judged, "size", seed=0)
    assert (small.rows, small.customers, small.enough, small.figures) == (2 * few, few, False, {})


def test_what_rests_on_an_outcome_needs_enough_of_it() -> None:
    judged = by_hand([1] * 9 + [0] * 51, [0.2] * 60, size=["S"] * 60)
    [rare] = by_group(judged, "size", seed=0)
    assert rare.enough
    assert set(FIGURES) - set(rare.figures) == {"auc", "true_positive_rate"}


def test_a_figure_is_that_of_the_group_judged_alone() -> None:
    judged = drawn(900)
    marks = highest(judged.probability)
    for group in by_group(judged, "segment", seed=5):
        rows = (judged.rows["segment"] == group.title.en).to_numpy()
        [alone] = by_group(judged.where(rows), "segment", seed=5, flagged=marks[rows])
        assert (alone.title, alone.rows, alone.customers) == (group.title, group.rows, group.customers)
        values = {name: figure.value for name, figure in group.figures.items()}
        assert {name: figure.value for name, figure in alone.figures.items()} == pytest.approx(values)


def test_cut_offs_come_in_order_of_time_and_bands_in_order_of_length() -> None:
    judged = drawn(600)
    assert [group.title.en for group in over_time(judged, 0)] == ["2026-01-01", "2026-01-31", "2026-03-02"]
    bands = tenure_bands(np.array([2000.0, 89.9, 90.0, 365.0, np.nan, 800.0]))
    assert bands.astype(object).where(bands.notna(), None).tolist() == [
        "5 years and more",
        "under 3 months",
        "3 to 12 months",
        "1 to 2 years",
        None,
        "2 to 5 years",
    ]
    by_tenure = by_group(by_hand([0] * 6, [0.1] * 6, tenure=bands.array), "tenure", seed=0)
    assert [group.title.zh for group in by_tenure] == [
        "不足 3 个月",
        "3 至 12 个月",
        "1 至 2 年",
        "2 至 5 年",
        "5 年及以上",
        "未知",
    ]


def test_the_smallest_of_many_groups_are_shown_together() -> None:
    names = [f"G{i}" for i in range(MOST_GROUPS + 5)] + ["G0"] * 10
    groups = by_group(by_hand([0] * len(names), [0.1] * len(names), shop=names), "shop", seed=0)
    assert len(groups) == MOST_GROUPS + 1
    assert (groups[0].title.en, groups[0].rows) == ("G0", 11)
    assert (groups[-1].title.en, groups[-1].rows) == ("all others", 5)


def test_a_column_that_is_not_there_gets_the_nearest_one_suggested() -> None:
    judged = by_hand([0, 1], [0.1, 0.2], region=["n", "s"])
    with pytest.raises(ModelError, match=r"no column 'regoin'.*Did you mean 'region'"):
        by_group(judged, "regoin", seed=0)


def test_the_highest_tenth_takes_equal_probabilities_together() -> None:
    assert highest(np.arange(20) / 20).sum() == 2
    assert highest(np.array([0.1] * 15 + [0.9] * 5)).sum() == 5
    assert highest(np.full(20, 0.3)).sum() == 0


def test_the_table_has_a_row_a_group_and_each_figure_with_its_ends() -> None:
    frame = fairness_frame(by_group(drawn(900), "segment", seed=0))
    assert frame["title_en"].tolist() == ["Champions", "At risk", "新客户"]
    assert frame["enough"].tolist() == [True, True, False]
    assert (frame["auc_low"] < frame["auc"]).tolist() == [True, True, False]
    assert frame.loc[2, [f"{name}{end}" for name in FIGURES for end in ("", "_low", "_high")]].isna().all()
