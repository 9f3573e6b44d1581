"""Courses against the truth of a simulated company: who has left, and when."""

from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import roc_auc_score

from features.project import load_project
from features.simulation.company import Company
from features.simulation.plan import planned, quarter_starts
from features.simulation.project import truth_of, write_project
from features.sources import open_facts
from training.trajectory.series import monthly_series
from training.trajectory.states import trajectories

BEGIN, END = date(2022, 1, 1), date(2026, 1, 1)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """The courses of customers of whom enough is known, with the days since they left (NaN: they are there)."""
    folder: Path = tmp_path_factory.mktemp("simulated") / "company"
    write_project(folder, planned(3, 700, BEGIN, END, Company(), quarter_starts(BEGIN, END)))
    with open_facts(load_project(folder)) as facts:
        found = trajectories(monthly_series(facts, datetime(2026, 1, 1, tzinfo=UTC)))
    truth = pq.read_table(truth_of(folder) / "customers.parquet").to_pandas().set_index("customer_id")
    left_at = pd.to_datetime(truth["left_at"]).reindex(found.index)
    gone_days = (pd.Timestamp(END) - left_at).dt.days
    return found.assign(left_at=left_at, gone_days=gone_days.where(gone_days > 0)).dropna(subset=["trajectory"])


def test_who_has_left_declines_and_who_stays_does_not(told: pd.DataFrame) -> None:
    has_left = told["gone_days"].notna()
    assert has_left.sum() > 50
    assert roc_auc_score(has_left, told["p_declining"]) > 0.93
    alarmed = (told["trajectory"] == "declining") & (told["trajectory_probability"] > 0.8)
    assert alarmed[~has_left].mean() < 0.03


def test_the_day_on_which_a_customer_left_is_found(told: pd.DataFrame) -> None:
    gone = told[told["gone_days"].between(90, 600)]
    dated = gone[(gone["trajectory"] == "declining") & gone["change_at"].notna()]
    assert len(dated) / len(gone) > 0.75
    error_days = (dated["change_at"] - dated["left_at"]).dt.days
    assert abs(np.median(error_days)) < 15
    assert error_days.abs().quantile(0.75) < 35
