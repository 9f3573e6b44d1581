import json
import os
from datetime import datetime
from pathlib import Path
from string import ascii_letters

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import FactsError, NotEnoughDataError
from features.text import Text
from training.models.attributes import (
    A_DATE,
    ALWAYS_THE_SAME,
    LEAST_OF_LEVEL,
    MOST_LEVELS,
    NAMES_CUSTOMERS,
    NOTHING_KNOWN,
    OTHER,
    TOO_MANY_TEXTS,
    UNKNOWN,
    Attributes,
    Levels,
)

DATA = os.environ.get("RETINUE_TEST_DATA")


def shop() -> pd.DataFrame:
    """A panel with one column of each kind."""
    return pd.DataFrame(
        {
            "monthly_fee": [20.5, 30.0, np.nan, 45.25] * 25,
            "contract": ["Two year", "Month-to-month", None, "One year"] * 25,
            "card": ["Visa"] * 50 + ["Master"] * 46 + ["Amex", "JCB", "Diners", "JCB"],
            "paperless": [True, False] * 50,
        }
    )


def test_texts_become_the_place_of_their_level_in_the_alphabet_and_numbers_stay_what_they_are() -> None:
    attributes = Attributes.learn(shop())
    assert attributes.names == ("monthly_fee", "contract", "card", "paperless")
    assert attributes.categories == ("contract", "card", "paperless")
    assert attributes.levels["contract"] == Levels(("Month-to-month", "One year", "Two year"), has_other=False)
    encoded = attributes.encode(shop().head(4))
    assert encoded["monthly_fee"].tolist() == pytest.approx([20.5, 30.0, np.nan, 45.25], nan_ok=True)
    assert encoded["contract"].tolist() == pytest.approx([2, 0, np.nan, 1], nan_ok=True)
    assert encoded["paperless"].tolist() == [1, 0, 1, 0]
    assert set(encoded.dtypes) == {np.dtype("float64")}


def test_rare_texts_share_one_code_with_those_never_seen() -> None:
    attributes = Attributes.learn(shop())
    assert attributes.levels["card"] == Levels(("Master", "Visa"), has_other=True)
    cards = pd.DataFrame({"card": ["Visa", "Amex", "UnionPay", None, "  Visa ", ""]})
    encoded = attributes.encode(shop().drop(columns="card").head(6).join(cards))
    assert encoded["card"].tolist() == pytest.approx([1, 2, 2, np.nan, 1, np.nan], nan_ok=True)


def test_a_text_never_seen_is_missing_where_all_texts_were_frequent() -> None:
    encoded = Attributes.learn(shop()).encode(shop().head(4).assign(contract="Three year"))
    assert encoded["contract"].isna().all()


@pytest.mark.parametrize(
    ("name", "values", "why"),
    [
        ("nobody", [None] * 100, NOTHING_KNOWN),
        ("nobody", [np.nan] * 100, NOTHING_KNOWN),
        ("blank", ["", "  "] * 50, NOTHING_KNOWN),
        ("country", ["CN"] * 99 + [None], ALWAYS_THE_SAME),
        ("fee", [3.0] * 99 + [np.nan], ALWAYS_THE_SAME),
        ("account", [f"A-{n}" for n in range(100)], NAMES_CUSTOMERS),
        ("phone", [f"{n:04}" for n in range(100)], NAMES_CUSTOMERS),
        ("RowNumber", list(range(1, 101)), NAMES_CUSTOMERS),
        ("CustomerId", [15_000_000 + 7 * n for n in range(100)], NAMES_CUSTOMERS),
        ("客户编号", [15_000_000 + 7 * n for n in range(100)], NAMES_CUSTOMERS),
        ("remark", [f"remark {n // 2}" for n in range(100)], TOO_MANY_TEXTS),
        ("joined", [datetime(2025, 1, 1 + n % 28) for n in range(100)], A_DATE),
    ],
)
def test_what_no_model_should_learn_from_is_left_out_with_the_reason(
    name: str, values: list[object], why: Text
) -> None:
    attributes = Attributes.learn(shop().assign(**{name: pd.Series(values)}))
    assert attributes.names == ("monthly_fee", "contract", "card", "paperless")
    assert attributes.left_out == {name: why}


@pytest.mark.parametrize(
    "values",
    [
        [15_000_000 + 7 * n for n in range(100)],  # whole and different, as incomes in a small panel may be
        [n + 0.5 for n in range(100)],
        [n // 2 for n in range(100)],
        ["CN"] * 50 + [None] * 50,  # who tells the country and who does not
    ],
)
def test_what_may_tell_customers_apart_is_learnt_from(values: list[object]) -> None:
    assert "income" in Attributes.learn(shop().assign(income=pd.Series(values))).names


def test_numbers_written_as_texts_are_numbers_and_codes_with_leading_zeros_are_not() -> None:
    frame = shop().assign(
        total=[" 29.85", "1889.5", "1e3", " "] * 25, unknown=["12", "N/A", "-", "7"] * 25, postcode=["007", "1200"] * 50
    )
    attributes = Attributes.learn(frame)
    assert set(attributes.categories) == {"contract", "card", "paperless", "postcode"}
    encoded = attributes.encode(frame.head(4).assign(unknown=[3.0, np.inf, np.nan, 7]))
    assert encoded["total"].tolist() == pytest.approx([29.85, 1889.5, 1000, np.nan], nan_ok=True)
    assert encoded["unknown"].tolist() == pytest.approx([3, np.nan, np.nan, 7], nan_ok=True)
    assert attributes.encode(frame.head(2).assign(postcode=["007", 1200.0]))["postcode"].tolist() == [0, 1]


def test_only_the_most_frequent_levels_are_kept() -> None:
    cities = [letter for letter in ascii_letters[: MOST_LEVELS + 2] for _ in range(LEAST_OF_LEVEL)] + ["a", "b"]
    levels = Attributes.learn(pd.DataFrame({"city": cities})).levels["city"]
    assert len(levels.texts) == MOST_LEVELS
    assert levels.has_other
    assert {"a", "b"} <= set(levels.texts)
    assert list(levels.texts) == sorted(levels.texts)


def test_a_panel_without_anything_to_learn_from_is_refused_with_the_first_reason() -> None:
    with pytest.raises(
        NotEnoughDataError, match=r"None of the 2 attributes .*'country': it is the same for all"
    ) as caught:
        Attributes.learn(pd.DataFrame({"country": ["CN"] * 50, "nobody": [None] * 50}))
    assert "“country”：所有客户取值相同" in caught.value.text.zh


def test_a_missing_column_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(FactsError, match=r"no column 'monthly_fee'.*Did you mean 'monthly_fees'\?"):
        Attributes.learn(shop()).encode(shop().rename(columns={"monthly_fee": "monthly_fees"}))


def test_codes_and_numbers_are_said_in_words() -> None:
    attributes = Attributes.learn(shop())
    assert attributes.label("contract", 1.0) == Text("One year", "One year")
    assert attributes.label("card", 2.0) == OTHER == Text("another value", "其他取值")
    assert attributes.label("card", np.nan) == UNKNOWN
    said = {value: attributes.label("monthly_fee", value).en for value in (1234567.0, 45.25, -0.5, 0.01234, 0.0)}
    assert said == {1234567.0: "1,234,567", 45.25: "45.25", -0.5: "-0.50", 0.01234: "0.012", 0.0: "0"}
    with pytest.raises(KeyError, match="nothing"):
        attributes.label("nothing", 1.0)


def test_what_was_learnt_survives_json() -> None:
    attributes = Attributes.learn(shop().assign(account=[f"A-{n}" for n in range(100)]))
    assert Attributes.from_dict(json.loads(json.dumps(attributes.as_dict()))) == attributes


WORDS = st.sampled_from(["yes", "no", "maybe", "是", "none", " x ", ""])
COLUMN = st.one_of(
    st.lists(st.one_of(st.none(), WORDS), min_size=60, max_size=60),
    st.lists(st.one_of(st.none(), st.floats(), st.integers(-5, 5)), min_size=60, max_size=60),
    st.lists(st.one_of(st.none(), st.text(max_size=3), st.booleans(), st.integers()), min_size=60, max_size=60),
    st.lists(st.floats(-9, 9).map(str), min_size=60, max_size=60),
)


@settings(deadline=None, max_examples=40)
@given(COLUMN, st.permutations(range(60)))
def test_any_column_is_learnt_the_same_in_any_order_and_encoded_row_by_row(
    values: list[object], order: list[int]
) -> None:
    frame = pd.DataFrame({"always_there": [1.5, 2.5, 3.5] * 20, "any": pd.Series(values, dtype=object)})
    attributes, turned = Attributes.learn(frame), Attributes.learn(frame.iloc[order])
    assert turned == attributes
    encoded = attributes.encode(frame)
    assert not np.isinf(encoded.to_numpy()).any()
    pd.testing.assert_frame_equal(attributes.encode(frame.iloc[order]), encoded.iloc[order])
    pd.testing.assert_frame_equal(Attributes.from_dict(attributes.as_dict()).encode(frame), encoded)
    for name in attributes.categories:
        codes = encoded[name].dropna()
        assert set(codes) == set(map(float, range(len(attributes.levels[name].labels()))))


@settings(deadline=None, max_examples=40)
@given(COLUMN, COLUMN)
def test_later_rows_never_get_a_code_that_was_not_learnt(values: list[object], later: list[object]) -> None:
    frame = pd.DataFrame({"always_there": [1.5, 2.5, 3.5] * 20, "any": pd.Series(values, dtype=object)})
    attributes = Attributes.learn(frame)
    encoded = attributes.encode(frame.assign(any=pd.Series(later, dtype=object)))
    for name in attributes.categories:
        assert set(encoded[name].dropna()) <= set(map(float, range(len(attributes.levels[name].labels()))))


@pytest.mark.skipif(DATA is None, reason="RETINUE_TEST_DATA names no folder with real files")
def test_the_telephone_customers_are_read_as_what_they_are() -> None:
    frame = pd.read_csv(Path(str(DATA)) / "ibm_telco_churn.csv.gz")
    attributes = Attributes.learn(frame.drop(columns="Churn"))
    assert attributes.left_out == {"customerID": NAMES_CUSTOMERS}
    assert set(attributes.names) - set(attributes.categories) == {
        "SeniorCitizen",
        "tenure",
        "MonthlyCharges",
        "TotalCharges",
    }
    assert attributes.levels["MultipleLines"].texts == ("No", "No phone service", "Yes")
    assert attributes.encode(frame)["TotalCharges"].isna().sum() == 11
