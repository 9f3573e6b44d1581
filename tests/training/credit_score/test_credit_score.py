"""Who can be trusted with credit: labels by hand, points and classes, and what a simulated company teaches."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.catalogue import BY_NAME
from features.errors import ModelError, NotEnoughDataError
from features.project import Project, load_project
from features.simulation.company import Company
from features.simulation.plan import planned
from features.simulation.project import write_project
from features.snapshot import snapshot
from features.sources import open_facts
from tests.features.builders import instant, write_by_hand
from training.credit_score.fit import features_of, fit_credit_score
from training.credit_score.five_cs import FACTS, FIVE_CS
from training.credit_score.model import CLASSES, CreditScore, points_of
from training.credit_score.outcomes import labelled_rows
from training.late_payment.bills import bills

INVOICES = """
invoice_id | customer_id | issued_at  | due_at     | amount | settled_at
1          | prompt      | 2025-01-01 | 2025-02-10 | 100    | 2025-02-10
2          | just in     | 2025-01-01 | 2025-02-10 | 100    | 2025-03-12
3          | too late    | 2025-01-01 | 2025-02-10 | 100    | 2025-03-13
4          | never       | 2025-01-01 | 2025-02-10 | 100    |
5          | before      | 2024-10-01 | 2025-01-29 | 100    |
6          | first day   | 2024-10-01 | 2025-01-30 | 100    |
7          | last day    | 2025-01-01 | 2025-04-29 | 100    |
8          | after       | 2025-01-01 | 2025-04-30 | 100    |
9          | both        | 2025-01-01 | 2025-02-10 | 100    | 2025-02-01
10         | both        | 2025-01-01 | 2025-03-10 | 50     |
"""


def test_who_lets_an_invoice_grow_thirty_days_old_within_the_horizon_is_a_bad_debtor(tmp_path: Path) -> None:
    project = write_by_hand(tmp_path, invoices=INVOICES)
    # 90 days from 1 March reach to 29 May, the day on which what fell due on 29 April is 30 days overdue
    cutoff = instant("2025-03-01", project)
    with open_facts(project) as facts, bills(facts, instant("2025-09-01", project)):
        rows = labelled_rows(facts, [cutoff], [BY_NAME["invoices_365d"]], horizon_days=90, overdue_days=30)
    found = {row["customer_id"]: (row["churned"], row["exposed_amount"]) for row in rows.to_dict("records")}
    assert found == {
        "prompt": (0, 100),
        "just in": (0, 100),
        "too late": (1, 100),
        "never": (1, 100),
        "first day": (1, 100),
        "last day": (1, 100),
        "both": (1, 150),
    }


def test_ten_points_more_halve_the_odds_and_the_average_customer_has_fifty() -> None:
    assert points_of(np.array([0.2]), 0.2) == pytest.approx(50)
    assert points_of(np.array([1 / 9]), 0.2) == pytest.approx(60)  # odds of 1 to 8 instead of 1 to 4
    assert points_of(np.array([1e-9, 1 - 1e-9]), 0.2).tolist() == [100, 0]


def test_each_fact_is_a_feature_and_speaks_for_one_of_the_five_cs() -> None:
    assert all(fact.feature in BY_NAME and fact.c in FIVE_CS for fact in FACTS)
    assert len({fact.feature for fact in FACTS}) == len(FACTS)


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("company") / "facts"
    plan = planned(5, 1500, date(2024, 1, 1), date(2026, 7, 1), Company(with_credit=True), ())
    return load_project(write_project(folder, plan))


@pytest.fixture(scope="module")
def told(company: Project) -> Iterator[tuple[CreditScore, pd.DataFrame]]:
    as_of = datetime(2026, 7, 1, tzinfo=company.timezone)
    with open_facts(company) as facts:
        frame = snapshot(facts, [as_of], features=features_of(facts)).to_pandas()
        yield fit_credit_score(facts, as_of, seed=1), frame


def test_classes_come_true_in_their_order_on_a_later_cut_off(told: tuple[CreditScore, pd.DataFrame]) -> None:
    score, _ = told
    seen = zip(score.class_rates, score.class_sizes, strict=True)
    rates = [rate for rate, size in seen if rate is not None and size >= 30]
    assert len(rates) >= 4
    assert rates == sorted(rates)
    served = score.metrics[score.model.kind]
    assert served["auc"] > max(score.metrics[name]["auc"] for name in ("base_rate", "late_share", "overdue_now"))
    assert served["calibration_error"] < 0.04
    assert score.missing == ("collateral",)


def test_points_of_the_cs_add_up_to_what_the_model_says(told: tuple[CreditScore, pd.DataFrame]) -> None:
    score, frame = told
    rated = score.rate(frame)
    points = rated[[c for c in rated.columns if c.startswith("points_")]].sum(axis=1)
    log_odds = score.model.log_odds(frame)
    slope, intercept = np.polyfit(log_odds, points, 1)
    assert slope == pytest.approx(-10 / np.log(2), rel=1e-4)
    assert points.to_numpy() == pytest.approx(slope * log_odds + intercept, abs=1e-3)
    worse = rated.sort_values("credit_probability")
    assert (np.diff(worse["credit_score"]) <= 1e-9).all()
    assert worse["credit_class"].tolist() == sorted(worse["credit_class"])
    assert set(rated["credit_class"]) <= set(CLASSES)
    assert (rated["credit_probability_low"] <= rated["credit_probability"]).all()
    assert (rated["credit_probability"] <= rated["credit_probability_high"]).all()


def test_who_was_never_billed_is_rated_by_look_alikes_and_near_the_middle(
    told: tuple[CreditScore, pd.DataFrame],
) -> None:
    score, frame = told
    stranger = frame.head(1).assign(**dict.fromkeys(score.model.features, np.nan), invoices_365d=0.0)
    [row] = score.rate(stranger).to_dict("records")
    assert row["credit_basis"] == "look_alikes"
    assert 30 <= row["credit_score"] <= 75


def test_it_is_read_as_it_was_written_and_refused_when_it_was_changed(told: tuple[CreditScore, pd.DataFrame]) -> None:
    score, frame = told
    text = score.to_json(frame)
    again = CreditScore.from_json(text)
    pd.testing.assert_frame_equal(again.rate(frame), score.rate(frame))
    assert replace(again, model=score.model, calibrator=score.calibrator) == score
    document = json.loads(text)
    document["golden"]["log_odds"][0] += 0.1
    for damaged in (text[:100], "{}", json.dumps(document)):
        with pytest.raises(ModelError):
            CreditScore.from_json(damaged)


def test_nothing_that_was_learnt_later_changes_it(company: Project) -> None:
    as_of = datetime(2026, 1, 1, tzinfo=company.timezone)
    with open_facts(company) as facts:
        frame = snapshot(facts, [as_of], features=features_of(facts)).to_pandas()
        with_future = fit_credit_score(facts, as_of, seed=1).to_json(frame)
        end = as_of.astimezone(UTC).replace(tzinfo=None)
        for table in ("orders", "invoices", "payments", "interactions"):
            past = f"SELECT * FROM {table} WHERE known_at < TIMESTAMP '{end}'"
            facts.connection.execute(f"CREATE TABLE past_{table} AS {past}")
            facts.connection.execute(f"CREATE OR REPLACE TEMP VIEW {table} AS SELECT * FROM past_{table}")
        without = fit_credit_score(facts, as_of, seed=1).to_json(frame)
    assert with_future == without


def test_too_few_debtors_are_refused_with_their_number(tmp_path: Path) -> None:
    day = date(2023, 1, 1)
    lines = [
        f"{i} | c{i % 40} | {day + timedelta(days=i)} | {day + timedelta(days=i + 30)} | 10 | {day + timedelta(days=i + 20)}"
        for i in range(800)
    ]
    project = write_by_hand(
        tmp_path, invoices="invoice_id | customer_id | issued_at | due_at | amount | settled_at\n" + "\n".join(lines)
    )
    with (
        open_facts(project) as facts,
        pytest.raises(
            NotEnoughDataError, match="Of 40 customers with something to pay 0 times one grew more than 30 days"
        ),
    ):
        fit_credit_score(facts, instant("2025-03-01", project), seed=1)
