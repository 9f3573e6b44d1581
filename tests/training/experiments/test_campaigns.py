"""A campaign followed up: a company of seven customers, every outcome spelled out."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.errors import NotEnoughDataError
from features.project import load_project
from features.sources import Facts, open_facts
from training.experiments.campaigns import Followed, campaigns_of, follow, log_of
from training.experiments.figures import campaign_pictures
from training.experiments.report import campaign_report

PROJECT = """
[project]
name = "Seven"
currency = "EUR"
timezone = "UTC"
[value]
margin_share = 0.25
[churn]
horizon_days = 30
"""
ORDERS = """customer_id,ordered_at,amount,margin
a,2026-01-10 00:00:00,100,40
a,2026-02-20 12:00:00,60,
a,2026-03-01 00:00:00,10,5
a,2026-03-30 23:59:00,20,8
a,2026-03-31 00:00:00,999,999
b,2025-02-27 00:00:00,999,999
b,2026-03-05 00:00:00,-30,-12
c,2026-03-07 00:00:00,80,30
d,2026-03-02 00:00:00,50,20
"""
TREATMENTS = """customer_id,at,action,arm,campaign,cost,propensity
a,2026-03-01 00:00:00,call,treated,spring,15,0.5
b,2026-03-01 00:00:00,call,treated,spring,15,0.5
c,2026-03-01 00:00:00,call,control,spring,,0.5
d,2026-03-01 00:00:00,call,control,spring,,0.5
d,2026-03-08 00:00:00,call,treated,spring,15,0.5
e,2026-03-01 00:00:00,call,withheld,spring,,0.5
f,2026-04-20 00:00:00,visit,treated,spring,180,0.5
g,2026-03-01 00:00:00,call,treated,,15,
"""
ORDER_COLUMNS = ("customer_id", "ordered_at", "amount", "margin")
TREATMENT_COLUMNS = ("customer_id", "at", "action", "arm", "campaign", "cost", "propensity")
AS_OF = datetime(2026, 5, 1, tzinfo=UTC)


def write_company(folder: Path, with_orders: bool = True, treatments: str = TREATMENTS) -> Path:
    parts = [PROJECT]
    tables = {"treatments": (treatments, TREATMENT_COLUMNS)} | (
        {"orders": (ORDERS, ORDER_COLUMNS)}
        if with_orders
        else {"panel": ("customer_id,as_of,label,size\na,2026-01-01,0,3\n", ("customer_id", "as_of", "label"))}
    )
    for name, (text, columns) in tables.items():
        (folder / f"{name}.csv").write_text(text)
        mapped = "\n".join(f'{column} = "{column}"' for column in columns)
        parts.append(f'[tables.{name}]\npath = "{name}.csv"\n[tables.{name}.columns]\n{mapped}\n')
    (folder / "retinue.toml").write_text("\n".join(parts))
    return folder


@pytest.fixture
def facts(tmp_path: Path) -> Iterator[Facts]:
    with open_facts(load_project(write_company(tmp_path))) as opened:
        yield opened


def followed(facts: Facts, as_of: datetime = AS_OF, action: str | None = None) -> Followed:
    return follow(facts, log_of(facts), "spring", as_of, action)


def test_outcomes_are_counted_from_the_action_until_the_horizon_and_facts_from_before_apart(facts: Facts) -> None:
    rows = followed(facts).rows.set_index("customer_id")
    expected = pd.DataFrame(
        {
            "arm": ["treated", "treated", "control", "control"],
            "cost": [15.0, 15.0, 0.0, 0.0],
            "kept": [1.0, 0.0, 1.0, 1.0],  # a return is no purchase
            "revenue": [30.0, -30.0, 80.0, 50.0],
            "margin": [13.0, -12.0, 30.0, 20.0],
            "margin_365d_before": [55.0, 0.0, 0.0, 0.0],  # 40 + a quarter of 60
            "margin_horizon_before": [15.0, 0.0, 0.0, 0.0],
            "purchase_days_before": [2, 0, 0, 0],
            "days_since_purchase_before": [8.5, 366.0, 366.0, 366.0],
        },
        index=pd.Index(list("abcd"), name="customer_id"),
    )
    pd.testing.assert_frame_equal(rows[list(expected)], expected, check_dtype=False)


def test_who_is_left_out_is_told(facts: Facts) -> None:
    found = followed(facts)
    assert (found.waiting, found.withheld, found.twice, found.lot_is_known) == (1, 1, 1, True)
    said = " ".join(text.en for text in campaign_report(found).told)
    assert "1 customers are left out: their 30 days are not over yet" in said
    assert "1 entries are left out" in said
    assert "1 customers are logged in both arms" in said
    assert "Too few customers: 2 treated and 2 controls" in said


def test_nothing_that_is_not_known_yet_counts(facts: Facts) -> None:
    assert followed(facts, datetime(2026, 3, 30, tzinfo=UTC)).rows.empty
    assert len(followed(facts, datetime(2026, 3, 31, tzinfo=UTC)).rows) == 4
    report = campaign_report(followed(facts, datetime(2026, 3, 30, tzinfo=UTC)))
    assert report.effects == {}
    assert report.verdict.en == "Nothing can be said yet."


def test_one_action_of_a_campaign_can_be_asked_for(facts: Facts) -> None:
    late = datetime(2026, 7, 1, tzinfo=UTC)
    assert followed(facts, late, "visit").rows["customer_id"].tolist() == ["f"]


def test_the_campaigns_are_listed_with_their_arms(facts: Facts) -> None:
    [row] = campaigns_of(log_of(facts)).to_dict("records")
    assert (row["campaign"], row["actions"]) == ("spring", "call, visit")
    assert (row["treated"], row["controls"], row["withheld"]) == (4, 2, 1)


def test_a_log_that_is_a_source_as_well_counts_once(facts: Facts) -> None:
    log = log_of(facts)
    assert len(log_of(facts, log)) == len(log) == 7


def test_an_unknown_campaign_is_an_error_that_says_how_to_find_the_others(facts: Facts) -> None:
    with pytest.raises(NotEnoughDataError, match="lists the campaigns"):
        follow(facts, log_of(facts), "winter", AS_OF)


def test_logged_outcomes_stand_in_where_a_project_has_no_purchases(tmp_path: Path) -> None:
    outcomes = pd.DataFrame(
        {
            "customer_id": ["a", "a", "b", "c", "d"],
            "at": pd.to_datetime(["2026-03-05", "2026-03-06", "2026-03-05", "2026-03-05", "2026-04-05"]),
            "known_at": pd.to_datetime(["2026-04-10"] * 5),
            "kind": ["purchase", "left", "retained", "purchase", "purchase"],
            "amount": [100.0, None, None, 40.0, 40.0],
        }
    )
    with open_facts(load_project(write_company(tmp_path, with_orders=False))) as facts:
        rows = follow(facts, log_of(facts), "spring", AS_OF, None, outcomes).rows
        with pytest.raises(NotEnoughDataError, match="no outcomes were logged"):
            follow(facts, log_of(facts), "spring", AS_OF)
    assert dict(zip(rows["customer_id"], rows["kept"], strict=True)) == {"a": 0.0, "b": 1.0, "c": 1.0, "d": 0.0}
    assert dict(zip(rows["customer_id"], rows["margin"], strict=True)) == {"a": 25.0, "b": 0.0, "c": 10.0, "d": 0.0}


def test_without_propensities_the_lot_cannot_be_checked_and_that_is_said(tmp_path: Path) -> None:
    unknown = TREATMENTS.replace(",0.5", ",")
    with open_facts(load_project(write_company(tmp_path, treatments=unknown))) as facts:
        report = campaign_report(followed(facts))
    assert report.ratio is None
    assert any("lacks propensities" in text.en for text in report.told)


def test_a_rolling_campaign_is_looked_at_as_its_customers_come_in() -> None:
    rng = np.random.default_rng(5)
    n = 1_200
    rows = pd.DataFrame(
        {
            "customer_id": [f"c{i}" for i in range(n)],
            "at": pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(n) // 10, "h"),
            "arm": np.where(rng.random(n) < 0.5, "treated", "control"),
            "cost": 1.0,
            "propensity": 0.5,
            "margin_365d_before": rng.gamma(2, 50, n),
            "margin_horizon_before": rng.gamma(2, 10, n),
            "purchase_days_before": rng.poisson(5, n),
            "days_since_purchase_before": rng.uniform(0, 90, n),
        }
    )
    treated = rows["arm"] == "treated"
    rows = rows.assign(kept=(rng.random(n) < np.where(treated, 0.9, 0.6)) * 1.0).assign(
        revenue=lambda r: r["kept"] * 100, margin=lambda r: r["kept"] * 25
    )
    made = campaign_report(Followed("roll", rows, AS_OF, 30, 400, 0, 0, True, True), None, 8)
    assert made.planned == 1_600
    assert [look.share for look in made.looks["return"]] == pytest.approx([i / 8 for i in range(1, 7)], abs=0.01)
    assert all(look.low < look.naive_low and look.naive_high < look.high for look in made.looks["return"][:-1])
    assert made.effects["return"].value == pytest.approx(made.effects["margin"].value - 1.0)
    assert made.effects["retention"].low > 0.2
    assert "It can be used" in made.verdict.en
    assert set(campaign_pictures(made.looks, "EUR"))
