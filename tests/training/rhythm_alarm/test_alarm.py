from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.errors import FactsError
from features.project import load_project
from features.sources import open_facts
from features.text import Text
from training.rhythm_alarm.alarm import LEAST_GAPS, alarm_days, day_of, learn_rhythm, rhythms
from training.rhythm_alarm.history import gaps_of
from training.rhythm_alarm.visits import Visits, day_number, visits_before

END = 1_100


def renewals(customers: int, seed: int, shape: float = 3.0, stops: bool = False) -> Visits:
    """Customers with gamma gaps of an own mean of about 20 days, 12 at least; with ``stops`` each falls silent from day 900 on."""
    rng = np.random.default_rng(seed)
    mean = np.maximum(1 / rng.gamma(4.0, 1 / 60, customers), 12)
    gaps = rng.gamma(shape, (mean / shape)[:, None], (customers, 1 + int(END / mean.min() * 3)))
    days = np.floor(np.cumsum(gaps, axis=1)).astype(np.int64)
    kept = days < (900 if stops else END)
    customer = np.broadcast_to(np.arange(customers)[:, None], days.shape)[kept]
    pairs = np.unique(np.column_stack([customer, days[kept]]), axis=0)
    return Visits(np.array([f"C{n:04d}" for n in range(customers)], dtype=object), pairs[:, 0], pairs[:, 1], END)


@pytest.mark.parametrize(("rate", "shape"), [(0.05, 2.0), (0.2, 1.0)])
def test_customers_who_never_change_have_as_many_alarms_in_a_year_as_stated(rate: float, shape: float) -> None:
    visits = renewals(3_000, 5, shape)
    rhythm = learn_rhythm(visits.before(END - 365))
    gaps = gaps_of(visits, rhythm.clock)
    days = alarm_days(gaps, rhythm, rate)
    in_year = (days >= END - 365) & (days < END)
    bought = np.bincount(visits.before(END - 365).customer, minlength=3_000) > LEAST_GAPS
    alarmed = np.isin(np.arange(3_000), gaps.customer[in_year])
    assert alarmed[bought].mean() == pytest.approx(rate, rel=0.2)


def test_who_falls_silent_is_found_and_the_sooner_the_shorter_its_gaps() -> None:
    rhythm = learn_rhythm(renewals(1_000, 5))
    state = rhythms(renewals(1_000, 6, stops=True), rhythm)
    judged = state[state["abstained"].isna()]
    assert judged["alarm_since"].notna().mean() > 0.97
    often, seldom = (judged[keep] for keep in (judged["usual_gap_days"] < 15, judged["usual_gap_days"] > 30))
    assert often["alarm_since"].median() < seldom["alarm_since"].median()
    assert (judged["alarm_since"].dropna() <= pd.Timestamp(day_of(END))).all()


def test_an_alarm_rings_on_the_first_morning_on_which_the_state_shows_it() -> None:
    rhythm = learn_rhythm(renewals(400, 5))
    visits = renewals(60, 6, stops=True)
    state = rhythms(visits, rhythm, 0.05)
    known = state["alarm_since"].notna()
    assert (state["rhythm_false_alarms"][known] <= 0.05).all()
    assert (state["rhythm_false_alarms"][~known].dropna() > 0.05).all()
    for place in np.flatnonzero(known)[:10]:
        name, day = visits.customers[place], day_number(state["alarm_since"].iloc[place].date())
        assert rhythms(visits.before(day), rhythm).loc[name, "rhythm_false_alarms"] <= 0.05 + 1e-9
        assert rhythms(visits.before(day - 1), rhythm).loc[name, "rhythm_false_alarms"] > 0.05


def test_several_long_gaps_ring_where_one_of_them_would_not() -> None:
    steady = list(range(0, 600, 10))
    rhythm = learn_rhythm(renewals(1_000, 5))

    def rate(*gaps: int) -> float:
        days = np.concatenate([steady, 590 + np.cumsum(gaps)])
        one = Visits(np.array(["A"], dtype=object), np.zeros(len(days), dtype=np.int64), days, int(days[-1]) + 15)
        return float(rhythms(one, rhythm)["rhythm_false_alarms"].iloc[0])

    assert rate(10, 10) > rate(10, 16) > rate(16, 16)


def test_too_few_purchases_are_not_judged_and_it_is_said_why() -> None:
    few = Visits(np.array(["A"], dtype=object), np.zeros(3, dtype=np.int64), np.array([0, 10, 20]), 400)
    [row] = rhythms(few, learn_rhythm(renewals(100, 5))).to_dict("records")
    assert row["abstained"] == Text(
        "Bought on 3 days so far; a rhythm is judged from 4 on.", "目前仅有 3 个购买日；满 4 个才能判断节奏。"
    )
    assert np.isnan(row["rhythm_false_alarms"])
    assert pd.isna(row["alarm_since"])
    assert row["silent_days"] == 380


PROJECT = """
[project]
name = "Acme"
currency = "EUR"
timezone = "Asia/Shanghai"
[tables.orders]
path = "orders.csv"
columns = { customer_id = "c", ordered_at = "t", amount = "a" KNOWN }
"""


def test_a_visit_is_a_day_with_a_purchase_that_was_known_on_the_projects_calendar(tmp_path: Path) -> None:
    (tmp_path / "retinue.toml").write_text(PROJECT.replace("KNOWN", ', known_at = "k"'))
    (tmp_path / "orders.csv").write_text(
        "c,t,a,k\n"
        "A,2026-01-05T01:00,10,2026-01-05T01:00\n"
        "A,2026-01-05T23:00,10,2026-01-05T23:00\n"  # the same day
        "A,2026-01-09T01:00,-10,2026-01-09T01:00\n"  # a return
        "A,2026-01-10T01:00,10,2026-03-01T00:00\n"  # learnt later
        "B,2026-01-31T23:00,10,2026-01-31T23:00\n"
        "B,2026-02-01T00:00,10,2026-02-01T00:00\n"  # not before
    )
    with open_facts(load_project(tmp_path)) as facts:
        found = visits_before(facts, datetime(2026, 1, 31, 16, tzinfo=UTC))  # midnight in Shanghai
    assert found.customers.tolist() == ["A", "B"]
    assert [(int(c), day_of(int(d)).isoformat()) for c, d in zip(found.customer, found.day, strict=True)] == [
        (0, "2026-01-05"),
        (1, "2026-01-31"),
    ]
    assert day_of(found.until).isoformat() == "2026-02-01"


def test_without_orders_there_is_no_rhythm(tmp_path: Path) -> None:
    (tmp_path / "retinue.toml").write_text(
        '[project]\nname = "Acme"\ncurrency = "EUR"\n[churn]\nkind = "contract"\n[tables.subscriptions]\npath = "s.csv"\n'
        'columns = { customer_id = "c", started_at = "s", ended_at = "e" }\n'
    )
    (tmp_path / "s.csv").write_text("c,s,e\nA,2026-01-01,\n")
    with (
        open_facts(load_project(tmp_path)) as facts,
        pytest.raises(FactsError, match="A rhythm of buying is read from orders"),
    ):
        visits_before(facts, datetime(2026, 1, 31, tzinfo=UTC))
