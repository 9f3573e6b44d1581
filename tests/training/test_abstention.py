import numpy as np
import pandas as pd

from training.abstention import LEAST_LOOK_ALIKES, abstain, one_time_buyers
from training.models.churn import LogisticChurn


def customers(*purchases_and_silence: tuple[float, float]) -> pd.DataFrame:
    columns = ["purchase_days_total", "days_since_last_purchase"]
    return pd.DataFrame(purchases_and_silence, columns=columns, dtype=np.float64)


def test_a_one_time_buyer_is_answered_where_training_has_seen_enough_of_them() -> None:
    assert abstain(customers((1, 12.7), (5, 3)), LEAST_LOOK_ALIKES).tolist() == [None, None]


def test_a_model_that_counts_no_purchases_knows_no_one_time_buyers() -> None:
    frame = pd.DataFrame({"customer_id": ["a"], "tenure": [3.0]})
    assert one_time_buyers(frame) is None
    assert abstain(frame, None).tolist() == [None]


def test_a_one_time_buyer_without_look_alikes_is_told_so_with_its_own_days() -> None:
    frame = customers((1, 12.7), (5, 3), (np.nan, np.nan)).set_index(pd.Index(["new", "regular", "prospect"]))
    told = abstain(frame, 7)
    assert told.index.tolist() == ["new", "regular", "prospect"]
    assert told["regular"] is None
    assert told["prospect"] is None
    assert told["new"].en == (
        "Bought once, 12 days ago, and training has seen only 7 customers after their first purchase: too few to tell"
        " how such customers go on. A probability follows with the next purchase, or when training has seen 100 of them."
    )
    assert "仅在 12 天前购买过一次" in told["new"].zh
    assert "只见过 7 位" in told["new"].zh


def test_nobody_at_all_is_fine() -> None:
    assert len(abstain(customers().reindex([]), 0)) == 0


def test_look_alikes_are_customers_and_not_rows() -> None:
    frame = pd.DataFrame({"customer_id": ["a", "a", "b", "c"], "purchase_days_total": [1.0, 1.0, 1.0, 2.0]})
    assert one_time_buyers(frame) == 2


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
