"""The log and the signs of life, on tables written by hand."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from features.errors import NotEnoughDataError
from features.project import load_project
from features.sources import Facts, open_facts
from tests.training.companies import utc
from training.treatment_effects import treatment_log
from training.treatment_effects.treatment_log import cutoffs_of, last_signs, treatments_before, with_log

TOML = """
[project]
name = "Log"
currency = "EUR"
timezone = "Europe/Berlin"
[tables.orders]
path = "orders.csv"
[tables.orders.columns]
customer_id = "customer_id"
ordered_at = "ordered_at"
amount = "amount"
known_at = "known_at"
[tables.interactions]
path = "interactions.csv"
[tables.interactions.columns]
customer_id = "customer_id"
at = "at"
kind = "kind"
[tables.treatments]
path = "treatments.csv"
[tables.treatments.columns]
customer_id = "customer_id"
at = "at"
action = "action"
arm = "arm"
known_at = "known_at"
[churn]
kind = "silence"
horizon_days = 30
"""
ORDERS = """customer_id,ordered_at,amount,known_at
a,2026-01-05 10:00,10,2026-01-05 10:00
a,2026-03-01 10:00,-10,2026-03-01 10:00
b,2026-01-06 10:00,10,2026-04-20 10:00
c,2026-01-07 10:00,10,2026-01-07 10:00
"""
INTERACTIONS = """customer_id,at,kind
a,2026-02-02 10:00,Inquiry
c,2026-02-02 10:00,call
"""
TREATMENTS = """customer_id,at,action,arm,known_at
a,2026-02-01 09:00,call,treated,2026-02-01 09:00
b,2026-02-01 10:00,call,Control,2026-02-01 10:00
a,2026-02-03 09:00,visit,treated,2026-02-03 09:00
c,2026-03-01 00:30,visit,对照组,2026-03-01 00:30
b,2026-02-10 09:00,visit,treated,2026-05-01 09:00
"""


@pytest.fixture
def facts(tmp_path: Path) -> Iterator[Facts]:
    for name, text in (("orders", ORDERS), ("interactions", INTERACTIONS), ("treatments", TREATMENTS)):
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
    (tmp_path / "retinue.toml").write_text(TOML, encoding="utf-8")
    with open_facts(load_project(tmp_path)) as opened:
        yield opened


def test_the_log_has_what_was_known_and_tells_the_treated_from_the_controls(facts: Facts) -> None:
    rows = treatments_before(facts, utc(2026, 4, 1))
    assert list(zip(rows["customer_id"], rows["action"], rows["is_treated"], strict=True)) == [
        ("a", "call", True),
        ("b", "call", False),
        ("a", "visit", True),
        ("c", "visit", False),
    ]
    assert len(treatments_before(facts, utc(2026, 5, 2))) == 5


def test_a_log_that_is_not_known_yet_is_said_to_be_missing(facts: Facts) -> None:
    with pytest.raises(NotEnoughDataError, match="No treatment is known before 2026-01-31"):
        treatments_before(facts, utc(2026, 1, 31))


def test_a_sign_of_life_is_a_purchase_or_a_word_by_the_customer_that_was_known(facts: Facts) -> None:
    signs = last_signs(facts, utc(2026, 4, 1))
    assert signs.to_dict() == {
        "a": pd.Timestamp("2026-02-02 09:00", tz="UTC"),  # not the return, a month later
        "c": pd.Timestamp("2026-01-07 09:00", tz="UTC"),  # not our own call
    }
    assert last_signs(facts, utc(2026, 5, 1))["b"] == pd.Timestamp("2026-01-06 09:00", tz="UTC")


def test_cut_offs_lie_before_the_days_of_the_log_on_the_companys_calendar(facts: Facts) -> None:
    zone = ZoneInfo("Europe/Berlin")
    found = cutoffs_of(facts, treatments_before(facts, utc(2026, 4, 1)), utc(2026, 4, 1))
    assert found == [datetime(2026, *day, tzinfo=zone) for day in ((2, 1), (2, 3), (3, 1))]


def test_a_log_of_very_many_days_is_cut_into_even_steps(facts: Facts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(treatment_log, "MOST_CUTOFFS", 2)
    found = cutoffs_of(facts, treatments_before(facts, utc(2026, 4, 1)), utc(2026, 3, 31, 23))
    assert found == [utc(2026, 1, 31, 23), utc(2026, 3, 2, 11)]


def test_before_the_log_there_is_a_cut_off_each_horizon_as_far_back_as_orders_tell(facts: Facts) -> None:
    log = treatments_before(facts, utc(2026, 5, 1)).assign(at=pd.Timestamp("2026-04-20 09:00", tz="UTC"))
    zone = ZoneInfo("Europe/Berlin")
    found = cutoffs_of(facts, log, utc(2026, 5, 1))
    assert found == [datetime(2026, *day, tzinfo=zone) for day in ((3, 21), (4, 20))]


def test_the_first_treatment_from_a_cut_off_to_the_next_counts(facts: Facts) -> None:
    log = treatments_before(facts, utc(2026, 4, 1))
    cutoffs = [utc(2026, 2, 1), utc(2026, 2, 20)]
    keys = [(customer, cutoff) for cutoff in cutoffs for customer in "abc"]
    frame = pd.DataFrame(keys, columns=["customer_id", "as_of"])
    rows = with_log(frame, log, cutoffs, utc(2026, 4, 1))
    assert rows["action"].tolist() == ["call", "call", "", "", "", "visit"]
    assert rows["is_treated"].tolist() == [True, False, False, False, False, False]
    assert rows["is_treated"].dtype == np.bool_
