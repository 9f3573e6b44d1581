import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from features.catalogue import BY_NAME
from training.loyalty import MEASURES, loyalty

NAN = float("nan")
FRAME = pd.DataFrame(
    {
        "days_since_first_purchase": [100.0, 200.0, 300.0, 400.0, NAN],
        "repeat_purchase_share": [0.0, 0.5, 0.5, 1.0, NAN],
        "discount_share_365d": [0.3, 0.2, NAN, 0.0, NAN],
    },
    index=list("abcde"),
)


def test_each_measure_is_placed_among_the_customers_and_the_index_is_their_mean() -> None:
    found = loyalty(FRAME)
    assert found["place_repeat_purchase_share"].tolist()[:4] == [0, 0.5, 0.5, 1]
    # less discount is more loyal; c has none on record
    assert found["place_discount_share_365d"].tolist()[:2] == [0, 0.5]
    assert found["measures"].tolist() == [3, 3, 2, 3, 0]
    assert found["loyalty_index"].round(1).tolist()[:4] == [0.0, 44.4, 58.3, 100.0]
    assert found.index.tolist() == list("abcde")


def test_what_is_not_known_is_left_out_and_who_never_bought_has_no_index() -> None:
    found = loyalty(FRAME)
    assert np.isnan(found.loc["e", "loyalty_index"])  # type: ignore[arg-type]
    alone = loyalty(FRAME[["days_since_first_purchase"]])
    assert alone["measures"].tolist() == [1, 1, 1, 1, 0]
    assert alone["loyalty_index"].isna().all()


def test_one_customer_has_nobody_to_be_placed_among() -> None:
    assert loyalty(FRAME.head(1))["loyalty_index"].isna().all()


def test_measures_are_features_of_the_catalogue() -> None:
    assert {measure.column for measure in MEASURES} <= BY_NAME.keys()


number = st.none() | st.floats(0, 100)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 999), number, number), min_size=2, max_size=20))
def test_the_index_lies_between_0_and_100_and_is_50_in_the_mean_of_a_full_table(
    rows: list[tuple[float, float | None, float | None]],
) -> None:
    frame = pd.DataFrame(rows, columns=["days_since_first_purchase", "repeat_purchase_share", "gap_variation"]).astype(
        float
    )
    found = loyalty(frame)["loyalty_index"].dropna()
    assert found.between(0, 100).all()
    full = frame.dropna()
    if len(full) > 1:
        assert abs(loyalty(full)["loyalty_index"].mean() - 50) < 1e-9
