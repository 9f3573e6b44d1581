import numpy as np
import pandas as pd
import pytest

from features.errors import ModelError
from tests.training.evaluation.judgements import by_hand
from training.evaluation.judged import Judged


def test_a_judgement_gives_outcomes_values_and_customers_as_arrays() -> None:
    judged = by_hand(
        [1, 0, 1], [0.9, 0.2, 0.4], value=[10, float("nan"), 30], customers=["a", "b", "a"], region=list("nsn")
    )
    assert judged.churned.tolist() == [1, 0, 1]
    assert judged.customers.tolist() == [0, 1, 0]
    assert judged.probability.tolist() == [0.9, 0.2, 0.4]
    assert np.array_equal(judged.value, [10, np.nan, 30], equal_nan=True)
    assert judged.attributes == ("region",)


def test_some_of_the_rows_are_judged_alike() -> None:
    judged = by_hand([1, 0, 1], [0.9, 0.2, 0.4], customers=["a", "b", "c"])
    some = judged.where(np.array([True, False, True]))
    assert some.rows["customer_id"].tolist() == ["a", "c"]
    assert some.probability.tolist() == [0.9, 0.4]


ROWS = pd.DataFrame(
    {"customer_id": ["a"], "as_of": [pd.Timestamp("2026-01-01")], "churned": [1], "value_at_stake": [1.0]}
)


@pytest.mark.parametrize(
    ("rows", "probability", "chosen", "said"),
    [
        (ROWS.drop(columns="value_at_stake"), [0.5], "model", "missing: value_at_stake"),
        (ROWS.iloc[:0], [], "model", "rows: 0"),
        (ROWS.assign(churned=2), [0.5], "model", "got also 2"),
        (ROWS.assign(churned=float("nan")), [0.5], "model", "got also nan"),
        (ROWS, [0.5, 0.5], "model", r"each of the 1 rows; got shape \(2,\)"),
        (ROWS, [1.5], "model", "largest 1.5"),
        (ROWS, [float("nan")], "model", "smallest nan"),
        (ROWS, [0.5], "other", "'other' has no probabilities; there are some of model"),
    ],
)
def test_what_cannot_be_judged_is_refused(rows: pd.DataFrame, probability: list[float], chosen: str, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        Judged(rows, {"model": np.array(probability)}, chosen)
