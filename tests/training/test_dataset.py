from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.catalogue import catalogue_hash
from features.errors import AsOfError, ModelError, NotEnoughDataError, ProjectError
from features.own_features import all_features
from features.project import ChurnSettings, load_project
from features.sources import open_facts
from features.text import Text
from tests.training.companies import company, utc
from training.dataset import (
    LABEL,
    NOT_LEARNT_FROM,
    active_rows,
    active_snapshots,
    check_as_of,
    check_enough,
    check_outcome_known,
    end_of_facts,
    labelled_snapshots,
    span,
    training_features,
    with_labels,
)
from training.loading import model_features
from training.models.calibration import Calibrator
from training.models.churn import LogisticChurn
from training.models.stored import ModelFacts, StoredModel

ORDERS = [
    ("A", "2025-01-01", "10"),
    ("A", "2025-02-20", "10"),
    ("A", "2025-03-10", "10"),
    ("B", "2025-02-01", "10"),
    ("C", "2024-11-01", "10"),
    ("D", "2025-03-02", "10"),
    ("E", "2024-12-31", "10"),
]
CUTOFF = utc(2025, 3, 1)


OUTCOME = Text("no purchase for 90 days", "90 天内没有购买")


def outcomes(customers: int, left: int) -> pd.DataFrame:
    ids = [f"C{i:04}" for i in range(customers)]
    return pd.DataFrame({"customer_id": ids, LABEL: (np.arange(customers) < left).astype(int)})


def test_a_labelled_snapshot_has_one_row_per_active_customer_with_what_came_true(tmp_path: Path) -> None:
    with open_facts(company(tmp_path, ORDERS)) as facts:
        frame = labelled_snapshots(facts, [CUTOFF], utc(2025, 6, 1), training_features(facts))
    # C bought last 120 days ago and is no longer active; D comes after the cut-off; E's last purchase is 60 days ago.
    assert frame["customer_id"].tolist() == ["A", "B", "E"]
    assert frame[LABEL].tolist() == [0, 1, 1]
    assert frame["days_since_last_purchase"].tolist() == [9.0, 28.0, 60.0]
    assert frame["purchase_days_total"].tolist() == [2.0, 1.0, 1.0]
    assert (frame.drop(columns=["customer_id", "as_of", LABEL]).dtypes == np.float64).all()


def test_labels_can_be_told_as_they_were_known_at_an_earlier_time(tmp_path: Path) -> None:
    """What judges a model must not know of purchases that were booked after the test began."""
    orders = [
        ("A", "2025-02-20", "10", "2025-02-20"),
        ("A", "2025-03-10", "10", "2025-05-01"),
        ("B", "2025-02-01", "10", "2025-02-01"),
    ]
    with open_facts(company(tmp_path, orders)) as facts:
        frame = active_snapshots(facts, [CUTOFF], training_features(facts))
        then = with_labels(facts, frame, [CUTOFF], utc(2025, 4, 1))
        now = with_labels(facts, frame, [CUTOFF], utc(2025, 6, 1))
    assert then[["customer_id", LABEL]].to_numpy().tolist() == [["A", 1], ["B", 1]]
    assert now[["customer_id", LABEL]].to_numpy().tolist() == [["A", 0], ["B", 1]]


def test_a_customer_is_active_to_the_last_day_and_never_without_a_purchase() -> None:
    frame = pd.DataFrame({"customer_id": list("ABCD"), "days_since_last_purchase": [0.0, 60.0, 61.0, np.nan]})
    assert active_rows(frame, ChurnSettings(active_within_days=60))["customer_id"].tolist() == ["A", "B"]


def test_enough_means_a_hundred_customers_and_thirty_of_each_kind() -> None:
    check_enough(outcomes(100, 30), OUTCOME)
    check_enough(outcomes(100, 70), OUTCOME)
    for customers, left in ((99, 40), (100, 29), (100, 71), (0, 0)):
        with pytest.raises(NotEnoughDataError):
            check_enough(outcomes(customers, left), OUTCOME)


def test_too_little_is_told_with_its_numbers_in_both_languages() -> None:
    with pytest.raises(NotEnoughDataError) as refused:
        check_enough(outcomes(120, 7), OUTCOME)
    assert (
        "120 customers who can be lost, of whom 7 were seen to leave (no purchase for 90 days) and 113 to stay"
        in refused.value.text.en
    )
    assert "120 位可能流失的客户，其中 7 位曾流失（90 天内没有购买），113 位留下" in refused.value.text.zh


def test_the_same_customer_seen_many_times_counts_once() -> None:
    once = outcomes(60, 30)
    with pytest.raises(NotEnoughDataError, match="60 customers who can be lost"):
        check_enough(pd.concat([once, once, once]), OUTCOME)


def test_the_span_runs_from_the_first_order_to_the_last(tmp_path: Path) -> None:
    with open_facts(company(tmp_path, ORDERS)) as facts:
        assert span(facts) == (utc(2024, 11, 1), utc(2025, 3, 10))


@pytest.mark.parametrize(
    ("as_of", "holds"),
    [
        (utc(2024, 11, 1), False),
        (utc(2024, 11, 2), True),
        (utc(2025, 3, 11), True),
        (utc(2025, 4, 10), True),
        (utc(2025, 4, 11), False),
    ],
)
def test_as_of_must_lie_after_the_first_order_and_at_most_a_month_after_the_last(
    tmp_path: Path, as_of: datetime, holds: bool
) -> None:
    with open_facts(company(tmp_path, ORDERS)) as facts:
        if holds:
            check_as_of(facts, as_of)
            return
        with pytest.raises(AsOfError) as refused:
            check_as_of(facts, as_of)
    assert "the data, which run from 2024-11-01 to 2025-03-10" in refused.value.text.en
    assert "数据从 2024-11-01 到 2025-03-10" in refused.value.text.zh


def test_the_facts_end_at_the_midnight_after_the_last_order_on_the_projects_calendar(tmp_path: Path) -> None:
    orders = [("A", "2025-01-01", "10"), ("A", "2025-06-30T22:30:00Z", "10")]
    with open_facts(company(tmp_path / "utc", orders)) as facts:
        assert end_of_facts(facts) == utc(2025, 7, 1)
    with open_facts(company(tmp_path / "berlin", orders, timezone="Europe/Berlin")) as facts:
        assert end_of_facts(facts) == utc(2025, 7, 1, 22)  # half past midnight on the first of July there


def test_an_outcome_is_known_when_the_facts_reach_to_the_end_of_the_horizon(tmp_path: Path) -> None:
    with open_facts(company(tmp_path, ORDERS)) as facts:
        check_outcome_known(facts, utc(2025, 2, 9), 30)
        with pytest.raises(AsOfError) as refused:
            check_outcome_known(facts, utc(2025, 2, 10), 30)
    assert "Choose a cut-off no later than 2025-02-09." in refused.value.text.en
    assert "请选择不晚于 2025-02-09 的截止时间" in refused.value.text.zh


def test_a_project_without_orders_is_refused(tmp_path: Path) -> None:
    (tmp_path / "panel.csv").write_text("customer_id,label\nA,1\nB,0\n")
    (tmp_path / "retinue.toml").write_text(
        '[project]\nname = "P"\ncurrency = "EUR"\n[tables.panel]\npath = "panel.csv"\n'
        '[tables.panel.columns]\ncustomer_id = "customer_id"\nlabel = "label"\n'
    )
    with open_facts(load_project(tmp_path)) as facts, pytest.raises(ProjectError) as refused:
        training_features(facts)
    assert "learnt from orders, and the project gives none (it gives panel)" in refused.value.text.en
    assert "需要订单数据" in refused.value.text.zh


def test_the_time_of_the_year_and_spend_told_twice_are_known_but_not_learnt_from(tmp_path: Path) -> None:
    with open_facts(company(tmp_path, ORDERS)) as facts:
        learnt = [feature.name for feature in training_features(facts)]
        known = [feature.name for feature in all_features(facts)]
    assert NOT_LEARNT_FROM == ("season_sin", "season_cos", "bought_90d", "bought_180d", "bought_365d", "bought_total")
    assert set(NOT_LEARNT_FROM) <= set(known)
    assert learnt == [name for name in known if name not in NOT_LEARNT_FROM]


def stored_model(features: tuple[str, ...], fingerprint: str) -> StoredModel:
    facts = ModelFacts("logistic", features, fingerprint, "2025-03-01T00:00:00+00:00", 30, 60, {})
    return StoredModel(facts, LogisticChurn(features, {}), Calibrator.line(1.0, 0.0))


def test_a_model_gets_its_own_features_in_its_own_order_or_is_refused(tmp_path: Path) -> None:
    with open_facts(company(tmp_path, ORDERS)) as facts:
        turned = training_features(facts)[::-1]
        model = stored_model(tuple(f.name for f in turned), catalogue_hash(turned))
        assert model_features(model, facts) == turned

        renamed = stored_model((*model.facts.features, "days_late_mean_365d"), "0")
        with pytest.raises(ModelError) as refused:
            model_features(renamed, facts)
        assert "(missing: days_late_mean_365d)" in refused.value.text.en
        assert "（缺少：days_late_mean_365d）" in refused.value.text.zh

        changed = replace(model, facts=replace(model.facts, catalogue_hash="another"))
        with pytest.raises(ModelError, match="train again"):
            model_features(changed, facts)
