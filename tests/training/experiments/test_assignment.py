"""Who is a control is decided by a hash: stable, independent between campaigns, growing with the share."""

from hashlib import sha256

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import NotEnoughDataError
from training.experiments.assignment import (
    assigned,
    is_campaign_control,
    is_permanent_control,
    treated_share,
    uniforms,
)

IDS = [f"C-{i}" for i in range(20_000)]


def test_the_number_is_the_first_52_bits_of_a_sha_256_that_anybody_can_compute() -> None:
    ids = ["C-1", "客户", "001", "a/b c"]
    expected = [int(sha256(f"salt\x1fspring\x1f{i}".encode()).hexdigest()[:13], 16) / 16**13 for i in ids]
    assert uniforms(ids, "salt", "spring").tolist() == expected


@settings(deadline=None, max_examples=10)
@given(st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=4))
def test_a_customer_keeps_its_number_whoever_else_is_asked_and_in_which_order(ids: list[str]) -> None:
    alone = [uniforms([i], "s", "p")[0] for i in ids]
    assert uniforms(ids, "s", "p").tolist() == alone
    assert uniforms(ids[::-1], "s", "p").tolist() == alone[::-1]


def test_columns_of_pandas_and_arrow_give_what_a_list_gives() -> None:
    wanted = uniforms(IDS[:50], "s", "p")
    for column in (pd.Series(IDS[:50]), pa.array(IDS[:50]), pa.chunked_array([IDS[:20], IDS[20:50]])):
        assert (uniforms(column, "s", "p") == wanted).all()


def test_a_larger_share_keeps_those_who_were_in_a_smaller_one() -> None:
    small, large = (is_permanent_control(IDS, "s", share) for share in (0.05, 0.12))
    assert not (small & ~large).any()
    assert abs(small.mean() - 0.05) < 0.006
    assert abs(large.mean() - 0.12) < 0.01


def test_controls_of_campaigns_and_permanent_ones_are_independent_of_each_other() -> None:
    drawn = [
        is_permanent_control(IDS, "s", 0.3),
        *(is_campaign_control(IDS, "s", name, 0.3) for name in ("spring", "autumn", "permanent control")),
        is_permanent_control(IDS, "another salt", 0.3),
    ]
    correlation = np.corrcoef(np.array(drawn, dtype=float))
    assert np.abs(correlation - np.eye(len(drawn))).max() < 4 / np.sqrt(len(IDS))


def test_permanent_controls_are_treated_in_no_campaign_and_the_propensity_is_that_of_the_lot() -> None:
    arms = assigned(IDS, "s", "spring", 0.1, 0.2)
    assert set(arms.loc[arms["permanent"], "arm"]) == {"control"}
    assert arms["propensity"].unique().tolist() == [treated_share(0.1, 0.2)] == [pytest.approx(0.72)]
    assert abs((arms["arm"] == "treated").mean() - 0.72) < 0.012


def test_a_missing_id_is_refused() -> None:
    with pytest.raises(NotEnoughDataError, match="1 rows have no customer_id"):
        uniforms(pa.array(["a", None]), "s", "p")
