import json
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.catalogue import BY_NAME
from features.errors import ModelError, NotEnoughDataError
from features.project import SegmentSettings
from training.models.rfm import GRID, SEGMENTS, RfmModel, fit_rfm


def base(
    days: list[float | None], often: list[float], spend: list[float], ever: list[float] | None = None
) -> pd.DataFrame:
    columns: dict[str, list[Any]] = {
        "days_since_last_purchase": list(days),
        "purchase_days_365d": list(often),
        "spend_365d": list(spend),
    }
    return pd.DataFrame({**columns, **({"purchase_days_total": ever} if ever else {})})


TEN = base(
    days=[5, 10, 20, 30, 40, 50, 100, 200, 300, 400],
    often=[20, 18, 12, 10, 8, 6, 5, 4, 2, 1],
    spend=[2000, 1800, 1200, 1000, 800, 600, 500, 400, 200, 100],
)


def test_without_ties_each_score_takes_a_fifth() -> None:
    model = fit_rfm(TEN)
    assert model.recency_cuts == (10, 30, 50, 200)
    assert model.frequency_cuts == (2, 5, 8, 12)
    assert model.monetary_cuts == (200, 500, 800, 1200)
    scores = model.assign(TEN)
    assert scores["recency_score"].tolist() == [5, 5, 4, 4, 3, 3, 2, 2, 1, 1]
    assert scores["frequency_score"].tolist() == [5, 5, 4, 4, 3, 3, 2, 2, 1, 1]
    assert scores["monetary_score"].tolist() == [5, 5, 4, 4, 3, 3, 2, 2, 1, 1]
    assert scores["segment"].tolist() == [
        "champions",
        "champions",
        "loyal",
        "loyal",
        "need_attention",
        "need_attention",
        "about_to_sleep",
        "about_to_sleep",
        "lost",
        "lost",
    ]


def test_the_best_customers_who_fell_silent_cannot_be_lost() -> None:
    silent = base(days=[390], often=[19], spend=[1900])
    assert fit_rfm(TEN).assign(silent)["segment"].tolist() == ["cannot_lose"]


def test_when_most_bought_once_they_share_the_lowest_score_and_the_others_spread_above() -> None:
    often = [1.0] * 16 + [2.0, 3.0, 4.0, 5.0]
    frame = base(days=list(range(1, 21)), often=often, spend=list(range(1, 21)))
    model = fit_rfm(frame)
    assert model.frequency_cuts == (1, 2, 3, 4)
    assert model.assign(frame)["frequency_score"].tolist() == [1] * 16 + [2, 3, 4, 5]


def test_with_two_different_values_only_two_scores_are_given() -> None:
    frame = base(days=[1, 2, 3, 4], often=[1, 1, 1, 2], spend=[9, 9, 9, 9])
    scores = fit_rfm(frame).assign(frame)
    assert scores["frequency_score"].tolist() == [1, 1, 1, 2]
    assert scores["monetary_score"].tolist() == [1, 1, 1, 1]


def test_when_all_bought_on_one_day_all_are_most_recent() -> None:
    frame = base(days=[7, 7, 7], often=[3, 3, 3], spend=[5, 6, 7])
    assert fit_rfm(frame).assign(frame)["recency_score"].tolist() == [5, 5, 5]


def test_a_single_customer_can_be_segmented() -> None:
    frame = base(days=[7], often=[1], spend=[5])
    assert fit_rfm(frame).assign(frame)["segment"].tolist() == ["new"]


def test_who_bought_for_the_first_time_lately_is_new_whatever_was_spent() -> None:
    later = base(days=[1, 20, 40, 350], often=[1, 1, 1, 1], spend=[9999, 1, 9999, 1], ever=[1, 1, 1, 1])
    assert fit_rfm(TEN).assign(later)["segment"].tolist() == ["new", "new", "need_attention", "lost"]


def test_an_old_customer_with_one_recent_purchase_is_not_new() -> None:
    returned = base(days=[1], often=[1], spend=[50], ever=[12])
    assert fit_rfm(TEN).assign(returned)["segment"].tolist() == ["promising"]


def test_who_never_bought_has_no_segment() -> None:
    frame = pd.concat([TEN, base(days=[None], often=[0], spend=[0])], ignore_index=True)
    assert fit_rfm(frame) == fit_rfm(TEN)
    (prospect,) = fit_rfm(frame).assign(frame).tail(1).to_dict("records")
    assert prospect["segment"] is None
    assert all(pd.isna(prospect[f"{score}_score"]) for score in ("recency", "frequency", "monetary"))


def test_without_any_purchase_there_is_nothing_to_fit() -> None:
    with pytest.raises(NotEnoughDataError, match="None of the 2 customers has a purchase"):
        fit_rfm(base(days=[None, None], often=[0, 0], spend=[0, 0]))


def test_a_missing_column_is_named() -> None:
    with pytest.raises(ModelError, match="need the column 'spend_365d'; got days_since_last_purchase"):
        fit_rfm(TEN.drop(columns="spend_365d"))


def test_the_frames_index_and_order_are_kept() -> None:
    shuffled = TEN.set_axis(list("abcdefghij")).sample(frac=1, random_state=1)
    segments = fit_rfm(TEN).assign(shuffled)["segment"]
    assert segments.index.tolist() == shuffled.index.tolist()
    assert segments["a"] == "champions"
    assert segments["j"] == "lost"


def test_the_model_survives_json_and_says_what_it_was_fitted_on() -> None:
    model = fit_rfm(TEN, as_of=datetime(2024, 7, 1, tzinfo=UTC), catalogue_hash="abc123")
    stored = json.loads(model.to_json())
    assert stored == {
        "as_of": "2024-07-01T00:00:00+00:00",
        "catalogue_hash": "abc123",
        "recency_column": "days_since_last_purchase",
        "frequency_column": "purchase_days_365d",
        "monetary_column": "spend_365d",
        "recency_cuts": [10, 30, 50, 200],
        "frequency_cuts": [2, 5, 8, 12],
        "monetary_cuts": [200, 500, 800, 1200],
        "levels": 5,
    }
    assert RfmModel.from_json(model.to_json()) == model
    assert RfmModel.from_json(model.to_json()).to_json() == model.to_json()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"recency_cuts": [1], "frequency_cuts": [1]}',
        '{"recency_cuts": [2, 1], "frequency_cuts": [1], "monetary_cuts": [1]}',
        '{"recency_cuts": [1], "frequency_cuts": [1], "monetary_cuts": [1, 2, 3, 4, 5]}',
        '{"recency_cuts": [1], "frequency_cuts": [1], "monetary_cuts": [1], "more": 1}',
    ],
)
def test_anything_else_than_a_stored_model_is_refused(text: str) -> None:
    with pytest.raises(ModelError, match="This is not a stored RFM model"):
        RfmModel.from_json(text)


def test_a_model_that_was_stored_before_levels_could_be_chosen_has_five() -> None:
    stored = json.loads(fit_rfm(TEN).to_json())
    del stored["levels"]
    assert RfmModel.from_json(json.dumps(stored)) == fit_rfm(TEN)


def test_fixed_cuts_do_not_look_at_the_customers() -> None:
    fixed = SegmentSettings(
        cuts="fixed", recency_days=(30, 90, 180, 365), purchase_days=(1, 3, 6, 12), spend=(100, 500, 1000, 5000)
    )
    model = fit_rfm(TEN, settings=fixed)
    assert model == fit_rfm(TEN.head(2), settings=fixed)
    # a value that equals a cut is still on its nearer side
    edge = base(days=[30, 31, 365, 366], often=[12, 13, 1, 1], spend=[5000, 5001, 100, 0])
    found = model.assign(edge)
    assert found["recency_score"].tolist() == [5, 4, 2, 1]
    assert found["frequency_score"].tolist() == [4, 5, 1, 1]
    assert found["monetary_score"].tolist() == [4, 5, 1, 1]
    assert found["segment"].tolist() == ["champions", "champions", "hibernating", "lost"]


@pytest.mark.parametrize(
    ("levels", "rows_of_the_grid"),
    [(2, [1, 5]), (3, [1, 3, 5]), (4, [1, 2, 4, 5]), (5, [1, 2, 3, 4, 5]), (9, [1, 2, 2, 3, 3, 4, 4, 5, 5])],
)
def test_other_numbers_of_levels_are_spread_over_the_grid(levels: int, rows_of_the_grid: list[int]) -> None:
    days = [float(day) for day in range(1, 10 * levels + 1)]
    frame = base(days=[*days], often=days[::-1], spend=days[::-1], ever=[99] * len(days))
    found = fit_rfm(frame, settings=SegmentSettings(levels=levels)).assign(frame)
    assert found["recency_score"].value_counts().tolist() == [10] * levels
    diagonal = found.groupby("recency_score")["segment"].first()
    assert diagonal.tolist() == [GRID[row][row - 1] for row in rows_of_the_grid]
    stored = fit_rfm(frame, settings=SegmentSettings(levels=levels))
    assert RfmModel.from_json(stored.to_json()) == stored


def test_every_segment_can_be_reached_and_no_other() -> None:
    assert {segment for row in GRID.values() for segment in row} | {"new"} == set(SEGMENTS)
    assert sorted(GRID) == [1, 2, 3, 4, 5]


def test_the_columns_are_features_of_the_catalogue() -> None:
    model = fit_rfm(TEN)
    used = {model.recency_column, model.frequency_column, model.monetary_column, "purchase_days_total"}
    assert used <= BY_NAME.keys()


# ---- properties ------------------------------------------------------------------------------------------------

customer = st.tuples(st.none() | st.floats(0, 4000), st.integers(0, 200), st.floats(-1e4, 1e7), st.integers(1, 400))
bases = st.lists(customer, min_size=1, max_size=30)


def frame_of(rows: list[tuple[float | None, int, float, int]]) -> pd.DataFrame:
    days, often, spend, ever = zip(*rows, strict=True)
    return base(list(days), list(often), list(spend), list(ever))


@settings(max_examples=60, deadline=None)
@given(bases.filter(lambda rows: any(r[0] is not None for r in rows)), bases)
def test_every_buyer_gets_scores_from_one_to_five_and_one_segment(
    known: list[tuple[float | None, int, float, int]], others: list[tuple[float | None, int, float, int]]
) -> None:
    frame = frame_of(others)
    found = fit_rfm(frame_of(known)).assign(frame)
    bought = frame["days_since_last_purchase"].notna()
    for score in ("recency_score", "frequency_score", "monetary_score"):
        assert found.loc[bought, score].between(1, 5).all()
        assert found.loc[~bought, score].isna().all()
    assert found.loc[bought, "segment"].isin(list(SEGMENTS)).all()
    assert found.loc[~bought, "segment"].isna().all()


@settings(max_examples=60, deadline=None)
@given(bases.filter(lambda rows: any(r[0] is not None for r in rows)))
def test_better_never_gets_a_worse_score_and_equal_gets_the_same(
    rows: list[tuple[float | None, int, float, int]],
) -> None:
    frame = frame_of(rows).dropna()
    found = fit_rfm(frame).assign(frame)
    for column, score, better in (
        ("days_since_last_purchase", "recency_score", -1),
        ("purchase_days_365d", "frequency_score", 1),
        ("spend_365d", "monetary_score", 1),
    ):
        by_value = found[score].groupby(better * frame[column])
        assert (by_value.nunique() == 1).all()
        assert by_value.first().is_monotonic_increasing


@settings(max_examples=30, deadline=None)
@given(bases.filter(lambda rows: any(r[0] is not None for r in rows)), st.randoms())
def test_the_order_of_the_customers_does_not_matter(
    rows: list[tuple[float | None, int, float, int]], chance: Any
) -> None:
    shuffled = list(rows)
    chance.shuffle(shuffled)
    assert fit_rfm(frame_of(rows)) == fit_rfm(frame_of(shuffled))
