import json
import time
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest

from tests.training.companies import learnable
from training.abstention import LEAST_LOOK_ALIKES, LookAlikes, abstain, why_not_learnt
from training.models.churn import LogisticChurn

MANY, NONE = LookAlikes(LEAST_LOOK_ALIKES), LookAlikes(0)


def customers(*purchases_and_silence: tuple[float, float]) -> pd.DataFrame:
    columns = ["purchase_days_total", "days_since_last_purchase"]
    return pd.DataFrame(purchases_and_silence, columns=columns, dtype=np.float64)


def intervals(*ends: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    low, high = np.array(ends, dtype=np.float64).T
    return low, high


def test_a_one_time_buyer_is_answered_where_training_has_seen_enough_of_them() -> None:
    assert abstain(customers((1, 12.7), (5, 3)), MANY, intervals((0.3, 0.5), (0.1, 0.2))).tolist() == [None, None]


def test_a_one_time_buyer_without_look_alikes_is_told_so_with_its_own_days() -> None:
    told, regular = abstain(customers((1, 12.7), (5, 3)), LookAlikes(7), intervals((0.3, 0.5), (0.1, 0.2)))
    assert regular is None
    assert told.en == (
        "Bought once, 12 days ago, and training has seen only 7 customers after their first purchase: too few to tell"
        " how such customers go on. A probability follows with the next purchase, or when training has seen 100 of them."
    )
    assert "仅在 12 天前购买过一次" in told.zh
    assert "只见过 7 位" in told.zh


def test_an_interval_that_says_nothing_is_not_given() -> None:
    told, sure = abstain(customers((4, 9), (4, 9)), MANY, intervals((0.204, 0.816), (0.25, 0.75)))
    assert sure is None
    assert told.en.startswith("The probability may lie anywhere from 20% to 82%: too uncertain to say.")
    assert told.zh.startswith("概率可能在 20% 到 82% 之间的任何位置")


def test_who_has_no_probability_anyway_is_not_spoken_of() -> None:
    nothing = intervals((np.nan, np.nan), (np.nan, np.nan))
    assert abstain(customers((np.nan, np.nan), (1, 400)), NONE, nothing).tolist() == [None, None]


def test_the_reasons_keep_the_index_of_the_rows() -> None:
    frame = customers((4, 9), (1, 9)).set_index(pd.Index(["late", "new"]))
    found = abstain(frame, NONE, intervals((0.1, 0.2), (0.1, 0.2)))
    assert found.index.tolist() == ["late", "new"]
    assert found["late"] is None
    assert found["new"] is not None


def test_nobody_at_all_is_fine() -> None:
    assert len(abstain(customers().reindex([]), NONE, (np.empty(0), np.empty(0)))) == 0


def test_look_alikes_are_customers_and_not_rows() -> None:
    frame = pd.DataFrame({"customer_id": ["a", "a", "b", "c"], "purchase_days_total": [1.0, 1.0, 1.0, 2.0]})
    seen = LookAlikes.seen(frame)
    assert seen == LookAlikes(2)
    assert LookAlikes(**json.loads(json.dumps(asdict(seen)))) == seen


def test_a_company_with_too_few_customers_is_told_in_whole_sentences() -> None:
    frame = learnable(400)
    assert why_not_learnt(frame, 30) is None
    refusal = why_not_learnt(frame[frame["customer_id"] < "C0040"], 30)
    assert refusal is not None
    assert "40 active customers" in refusal.en
    assert "40 位活跃客户" in refusal.zh


def test_a_model_that_never_saw_a_one_time_buyer_is_wrong_about_them_and_only_about_them() -> None:
    """Why the rule is there: one-time buyers go on otherwise than the line through the others says."""
    generator = np.random.default_rng(0)
    purchases = generator.geometric(0.25, 8_000).astype(np.float64)
    truth = np.where(purchases == 1, 0.2, 0.85 * 0.8**purchases)
    frame = pd.DataFrame({"purchase_days_total": purchases})
    churned = (generator.random(8_000) < truth).astype(np.float64)
    is_new = purchases == 1
    unaware = LogisticChurn.fit(frame[~is_new], churned[~is_new], ["purchase_days_total"])
    gap = np.abs(1 / (1 + np.exp(-unaware.log_odds(frame))) - truth)
    assert gap[is_new].mean() > 0.3
    assert gap[~is_new].mean() < 0.05


@pytest.mark.parametrize("rows", [100_000])
def test_many_customers_are_told_in_little_time(rows: int) -> None:
    generator = np.random.default_rng(0)
    frame = (
        customers()
        .reindex(range(rows))
        .assign(
            purchase_days_total=generator.integers(1, 4, rows).astype(float),
            days_since_last_purchase=generator.uniform(0, 180, rows),
        )
    )
    low = generator.uniform(0, 0.5, rows)
    started = time.process_time()
    found = abstain(frame, NONE, (low, low + generator.uniform(0, 0.5, rows)))
    assert found.notna().sum() == (frame["purchase_days_total"] == 1).sum()
    assert time.process_time() - started < 2
