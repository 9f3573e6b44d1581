from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from features.errors import FactsError
from features.sources import open_facts
from tests.features.builders import instant, write_by_hand
from training.trajectory.advice import ADVICE, BY_STATE, advise
from training.trajectory.series import MOST_MONTHS, MonthlySeries, monthly_series
from training.trajectory.states import STATES, said, trajectories

UNTIL = date(2026, 1, 1)


def series_of(values: Any, months: int = MOST_MONTHS) -> MonthlySeries:
    table = np.atleast_2d(np.array(values, dtype=np.float64))
    names = np.array([f"C{n}" for n in range(len(table))], dtype=object)
    return MonthlySeries(names, table, np.full(len(table), months), UNTIL)


def wobbling(*levels: float) -> np.ndarray[Any, Any]:
    """A series of 24 months around levels, alternately a little above and below."""
    parts = np.repeat(levels, MOST_MONTHS // len(levels))
    return parts * (1 + 0.1 * np.where(np.arange(MOST_MONTHS) % 2, 1, -1))


def test_each_state_is_recognised_where_it_is_plain() -> None:
    rise = wobbling(1) * np.linspace(100, 900, MOST_MONTHS)
    cases = {"rising": rise, "peak": wobbling(100, 400), "stable": wobbling(300), "declining": rise[::-1]}
    found = trajectories(series_of(list(cases.values())))
    assert found["trajectory"].tolist() == list(cases)
    assert (found["trajectory_probability"] > [0.7, 0.9, 0.7, 0.9]).all()
    columns = found[[f"p_{name}" for name in STATES]].to_numpy()
    assert columns.sum(axis=1) == pytest.approx(np.ones(4))


def test_a_step_up_of_late_is_a_rise_and_an_old_one_a_peak() -> None:
    late, old = np.full(24, 100.0), np.full(24, 100.0)
    late[-4:], old[-14:] = 400, 400
    assert trajectories(series_of([late, old]))["trajectory"].tolist() == ["rising", "peak"]


def test_the_day_of_the_change_is_that_of_the_month_in_which_the_new_level_begins() -> None:
    found = trajectories(series_of([wobbling(400, 100), wobbling(300)]))
    change = found.iloc[0]
    assert change["change_at"].date() == UNTIL - timedelta(days=12 * 30)
    assert change["change_from"] <= change["change_at"] <= change["change_until"]
    # nothing else than the month itself
    assert change["change_until"].date() == UNTIL - timedelta(days=11 * 30 + 1)
    assert found.loc["C1", ["change_at", "change_from", "change_until"]].isna().all()
    assert found["change_probability"].tolist()[0] > 0.9


def test_the_day_of_a_planted_change_lies_in_its_interval_as_often_as_it_says() -> None:
    generator = np.random.default_rng(11)
    begins = generator.integers(5, 20, 600)
    level = np.where(np.arange(24) >= begins[:, None], 45, 100) * 1.0
    found = trajectories(series_of(generator.gamma(6, level / 6)))
    told = found["change_at"].notna().to_numpy()
    assert told.mean() > 0.5
    true = pd.to_datetime([UNTIL - timedelta(days=30 * (24 - int(b))) for b in begins])
    inside = (found["change_from"] <= true) & (true <= found["change_until"])
    assert inside[told].mean() > 0.8
    assert np.median(np.abs((found["change_at"] - true)[told].dt.days)) <= 60


def test_no_change_is_dated_of_what_is_stable() -> None:
    values = np.random.default_rng(3).gamma(3, 30, (2000, 24))
    found = trajectories(series_of(values))
    is_stable = found["trajectory"] == "stable"
    assert (found["change_probability"][is_stable] > 0.5).any()
    assert found.loc[is_stable, "change_at"].isna().all()


def test_steady_customers_are_seldom_called_anything_else() -> None:
    generator = np.random.default_rng(4)
    orders = generator.poisson(3, (1500, 24))
    spend = np.where(orders, generator.gamma(np.maximum(orders, 1) * 4, 25), 0)
    found = trajectories(series_of(spend))
    assert (found["trajectory"] == "stable").mean() > 0.88
    alarmed = (found["trajectory"] != "stable") & (found["trajectory_probability"] > 0.8)
    assert alarmed.mean() < 0.02


def test_of_short_or_sparse_series_nothing_is_said_but_why() -> None:
    sparse = np.zeros(24)
    sparse[[2, 9, 15]] = 100
    values = np.array([wobbling(300), sparse, wobbling(300)])
    names = np.array(["young", "sparse", "old"], dtype=object)
    found = trajectories(MonthlySeries(names, values, np.array([8, 24, 9]), UNTIL))
    assert found["trajectory"].isna().tolist() == [True, True, False]
    assert found["p_rising"].isna().tolist() == [True, True, False]
    young, sparsely, old = found["reason"].tolist()
    assert young.en.startswith("Known for 8 whole months")
    assert sparsely.en.startswith("Bought in 3 of the last 24 months")
    assert old is None
    assert found["months"].tolist() == [8, 24, 9]


def test_in_a_large_base_everybody_gets_what_it_gets_alone() -> None:
    values = np.random.default_rng(5).gamma(4, 25, (5000, 24))
    months = np.tile([24, 12], 2500)
    names = np.arange(5000).astype(str).astype(object)
    whole = trajectories(MonthlySeries(names, values, months, UNTIL))
    alone = trajectories(MonthlySeries(names[[7, 4998]], values[[7, 4998]], months[[7, 4998]], UNTIL))
    pd.testing.assert_frame_equal(whole.loc[["7", "4998"]], alone)


def test_a_company_of_newcomers_gets_a_table_of_reasons() -> None:
    found = trajectories(series_of([np.zeros(24)], months=2))
    assert found["trajectory"].tolist() == [None]
    assert found["change_at"].isna().all()
    assert list(found.columns) == list(trajectories(series_of([wobbling(3)])).columns)


def test_a_course_is_said_in_a_sentence() -> None:
    found = trajectories(series_of([wobbling(400, 100), wobbling(300), np.zeros(24)]))
    sentences = [said(row).en for _, row in found.iterrows()]
    assert sentences[0].startswith("Value declining (probability 99%)")
    assert "its course changed about 2025-01-06 (between" in sentences[0]
    assert sentences[1].startswith("Value stable (probability ")
    assert sentences[2].startswith("Bought in 0 of the last 24 months")


ORDERS = """
customer_id | ordered_at | amount | margin | known_at
A           | 2025-05-31 | 5      | 1      | 2025-05-31
A           | 2025-05-02 | 10     | 2      | 2025-05-02
A           | 2025-05-01 | 20     | 4      | 2025-05-01
A           | 2025-04-02 | -7     | -3     | 2025-04-02
A           | 2025-04-01 | 40     |        | 2025-04-01
A           | 2025-03-01 | 80     | 9      | 2025-06-01
B           | 2020-01-01 | 99     | 9      | 2020-01-01
B           | 2025-06-01 | 99     | 9      | 2025-06-01
C           | 2025-04-20 | -5     | -1     | 2025-04-20
"""


def test_months_are_thirty_days_each_back_from_the_cutoff(tmp_path: Path) -> None:
    project = write_by_hand(tmp_path, orders=ORDERS)
    with open_facts(project) as facts:
        spend = monthly_series(facts, instant("2025-06-01", project))
        margin = monthly_series(facts, instant("2025-06-01", project), "margin")
    assert spend.customers.tolist() == ["A", "B", "C"]
    # of A: the thirty days from 2 May, those from 2 April, and those before; what was learnt in June is not there yet
    assert spend.values[0, -4:].tolist() == [0, 40, 13, 15]
    assert margin.values[0, -4:].tolist() == [0, 0, 1, 3]
    # A's first purchase lies in the third month back, so two are whole; C has only a return
    assert spend.months.tolist() == [2, 24, 0]
    assert not spend.values[1].any()
    assert spend.until == date(2025, 6, 1)


def test_without_margin_the_error_says_what_to_add(tmp_path: Path) -> None:
    project = write_by_hand(tmp_path, orders="customer_id | ordered_at | amount\nA | 2025-01-01 | 5")
    with open_facts(project) as facts, pytest.raises(FactsError, match=r"orders\.margin.*Add it"):
        monthly_series(facts, instant("2025-06-01", project), "margin")


def test_advice_follows_from_state_risk_and_worth() -> None:
    states = ["rising", "peak", "stable", "declining", None]
    safe, threatened = np.zeros(5, dtype=bool), np.ones(5, dtype=bool)
    assert advise(states, safe, threatened).tolist() == ["develop", "maintain", "maintain", "analyse", None]
    assert advise(states, threatened, threatened).tolist() == ["analyse"] * 4 + [None]
    assert advise(states, threatened, safe).tolist() == ["analyse"] * 3 + ["let_go", None]
    assert set(BY_STATE) == set(STATES)
    assert set(BY_STATE.values()) | {"let_go"} == set(ADVICE)
