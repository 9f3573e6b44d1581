from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.project import Project, load_project
from features.sources import open_facts
from tests.training.companies import company, shop_orders, utc
from training.dataset import labelled_snapshots, training_features
from training.job import train
from training.kinds.decline import usual_spend

CUTOFF, LATER = utc(2025, 3, 1), utc(2025, 6, 1)


def of_decline(project: Project) -> Project:
    file = project.root / "retinue.toml"
    file.write_text(file.read_text() + 'kind = "decline"\ndecline_share = 0.5\n')
    return load_project(file)


def left(folder: Path, *orders: tuple[str, str, str]) -> dict[str, int]:
    """Whose spend declined in the 30 days after the first of March."""
    with open_facts(of_decline(company(folder, orders))) as facts:
        rows = labelled_snapshots(facts, [CUTOFF], LATER, training_features(facts))
    return dict(zip(rows["customer_id"], rows["churned"], strict=True))


def yearly(customer: str, amount: str = "100") -> list[tuple[str, str, str]]:
    """100 a month since March 2024: 1,200 in the last 365 days, so 98.6 in 30 days."""
    return [(customer, f"2024-{month:02}-15", amount) for month in range(3, 13)] + [
        (customer, "2025-01-15", amount),
        (customer, "2025-02-15", amount),
    ]


def test_spend_below_half_of_the_own_habit_is_a_decline_and_silence_is_one_too(tmp_path: Path) -> None:
    assert left(
        tmp_path,
        *yearly("as ever"), ("as ever", "2025-03-15", "100"),
        *yearly("a little less"), ("a little less", "2025-03-15", "60"),
        *yearly("far less"), ("far less", "2025-03-15", "40"),
        *yearly("in two parts"), ("in two parts", "2025-03-05", "30"), ("in two parts", "2025-03-25", "30"),
        *yearly("sent back"), ("sent back", "2025-03-05", "100"), ("sent back", "2025-03-25", "-80"),
        *yearly("silent"),
        *yearly("too late"), ("too late", "2025-03-31", "100"),
    ) == {
        "as ever": 0, "a little less": 0, "far less": 1, "in two parts": 0, "sent back": 1, "silent": 1, "too late": 1,
    }  # fmt: skip


def test_who_has_no_habit_yet_is_not_asked(tmp_path: Path) -> None:
    found = left(
        tmp_path,
        *yearly("has one"),
        ("new", "2025-02-10", "100"),
        ("long silent", "2024-11-10", "100"),
        ("sent all back", "2025-01-10", "100"),
        ("sent all back", "2025-01-20", "-100"),
    )
    assert found == {"has one": 1}


def test_the_habit_of_a_new_customer_is_that_of_the_time_that_it_is_known() -> None:
    frame = pd.DataFrame({"spend_365d": [365.0, 365.0, 73.0], "days_since_first_purchase": [1000.0, 73.0, 10.0]})
    assert usual_spend(frame, horizon_days=30) == pytest.approx([30.0, 150.0, 73.0])


@pytest.mark.slow
def test_a_decline_is_learnt_and_told_apart_from_silence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    plain = company(tmp_path, shop_orders(4, 400), name="Shop", horizon_days=30, active_within_days=90)
    project = of_decline(plain)
    training = train(project, utc(2025, 10, 1))
    chosen = training.metrics[training.chosen]
    assert training.promoted
    assert chosen.auc > training.metrics["recency"].auc
    with open_facts(project) as facts:
        cutoff = utc(2025, 9, 1)
        rows = labelled_snapshots(facts, [cutoff], cutoff + timedelta(days=30), training_features(facts))
    assert np.mean(rows["churned"]) > 0.2
