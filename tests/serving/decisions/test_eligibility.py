import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from features.errors import ProjectError
from serving.decisions.eligibility import columns_of, condition_faults, eligible

SOUND = [
    "churn_probability >= 0.3 AND days_since_last_purchase > 20",
    "segment IN ('at_risk', 'cannot_lose') OR churn_band = 'high'",
    "coalesce(complaints_open, 0) = 0",
    "CASE WHEN spend_365d > 100 THEN true ELSE churn_probability BETWEEN 0.1 AND 0.2 END",
    "NOT (Spend_90d IS NULL) -- a comment",
    "abs(days_late_change) > 3 AND spend_90d / nullif(spend_365d, 0) < 0.1",
    "true",
]

FAULTY = [
    ("spend_365 > 1", "there is no column 'spend_365'. Did you mean 'spend_365d'?"),
    ("segment = 'at_risc'", "segment is never 'at_risc'. Did you mean 'at_risk'?"),
    ("churn_band IN ('low', 'hi')", "churn_band is never 'hi'."),
    ("spend_365d >", "it is not an SQL condition"),
    ("true; SELECT 1", "it is not an SQL condition"),
    ("spend_365d", "it must be true or false, got DOUBLE."),
    ("spend_365d > 'x'", "it cannot be computed"),
    ("spend_365d > (SELECT 1)", "sub-queries"),
    ("row_number() OVER () > 1", "windows"),
    ("spend_365d > ?", "parameters"),
    ("spend_365d > 1) FROM read_csv('x') WHERE (true", "without FROM"),
    ("true), (true", "it must be one condition"),
    ("avg(spend_365d) > 1", "'avg' cannot be used"),
    ("random() > 0.5", "'random' cannot be used"),
    ("now() > '2020-01-01'", "'now' cannot be used"),
    ("getenv('HOME') = 'x'", "'getenv' cannot be used"),
    ("current_date > '2020-01-01'", "there is no column 'current_date'."),
]


@pytest.mark.parametrize("condition", SOUND)
def test_a_condition_over_the_customers_own_columns_is_accepted(condition: str) -> None:
    assert condition_faults(condition) == ()


@pytest.mark.parametrize(("condition", "says"), FAULTY)
def test_what_is_wrong_with_a_condition_is_said_in_both_languages(condition: str, says: str) -> None:
    faults = condition_faults(condition)
    assert says in " ".join(f.en for f in faults)
    assert all(any("一" <= letter <= "鿿" for letter in f.zh) for f in faults)


def test_a_condition_may_use_the_projects_own_features() -> None:
    own = frozenset({"parcels_90d", "row"})
    assert condition_faults("parcels_90d > 2 AND row < 1 AND spend_365d > 1", own) == ()
    (unknown,) = condition_faults("parcels_30d > 2", own)
    assert unknown.en == "there is no column 'parcels_30d'. Did you mean 'parcels_90d'?"
    assert unknown.zh == "没有“parcels_30d”这一列。您是否想写“parcels_90d”？"
    assert condition_faults("parcels_90d > 2")  # another project has no such feature
    assert "it must be true or false, got DOUBLE" in condition_faults("parcels_90d", own)[0].en


def test_own_features_are_answered_like_any_other_column() -> None:
    table = pa.table({"parcels_90d": [3.0, 1.0, None, float("nan")], "row": [9, 8, 7, 6]})
    answer = eligible(table, {"many": "parcels_90d > 2", "late": "row < 8", "unknown": "parcels_90d IS NULL"})
    assert {id_: found.tolist() for id_, found in answer.items()} == {
        "many": [True, False, False, False],
        "late": [False, False, True, True],
        "unknown": [False, False, True, True],
    }


def test_all_faults_of_a_condition_are_said_at_once() -> None:
    faults = condition_faults("spend_365 > now() AND segment = 'at_risc'")
    assert len(faults) == 3


def test_the_columns_of_a_condition_are_found_wherever_they_stand() -> None:
    assert columns_of("CASE WHEN a > 1 THEN B ELSE coalesce(c, abs(d)) IN (e, 1) END") == {"a", "b", "c", "d", "e"}


def test_conditions_are_answered_row_by_row_in_the_tables_order() -> None:
    table = pa.table(
        {
            "churn_probability": [0.1, 0.5, None, float("nan"), 0.9],
            "Segment": ["new", "lost", "lost", None, "new"],
            "overdue_balance": pa.nulls(5),
        }
    )
    answer = eligible(
        table,
        {
            "risky": "churn_probability >= 0.5",
            "unknown": "churn_probability IS NULL",
            "lost": "segment = 'lost'",
            "owing": "overdue_balance > 0",
            "complaining": "complaints_open > 0 OR churn_probability > 0",
            "everybody": "true",
        },
    )
    assert {id_: found.tolist() for id_, found in answer.items()} == {
        "risky": [False, True, False, False, True],
        "unknown": [False, False, True, True, False],
        "lost": [False, True, True, False, False],
        "owing": [False] * 5,
        "complaining": [False] * 5,  # the table has no complaints_open: the condition holds for nobody
        "everybody": [True] * 5,
    }


def test_a_table_without_rows_has_no_answers() -> None:
    assert eligible(pa.table({"spend_365d": pa.array([], pa.float64())}), {"a": "spend_365d > 1"})["a"].tolist() == []


def test_order_is_kept_over_many_rows() -> None:
    spend = np.arange(300_000, dtype=float)
    found = eligible(pa.table({"spend_365d": spend}), {"even": "spend_365d % 2 = 0"})["even"]
    assert np.array_equal(found, spend % 2 == 0)


def test_a_condition_that_fails_on_a_value_is_an_error_that_says_so() -> None:
    table = pa.Table.from_pandas(pd.DataFrame({"segment": ["new"]}))
    with pytest.raises(ProjectError, match="fails on the customers' values"):
        eligible(table, {"a": "segment::DOUBLE > 1"})
