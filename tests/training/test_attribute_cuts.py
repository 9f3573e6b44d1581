from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.catalogue import BY_NAME
from features.errors import ModelError
from features.project import load_project
from features.sources import open_facts
from tests.training.companies import PROJECT_TOML, utc
from training.attribute_cuts import BANDED, MOST_GROUPS, attributes_of, cut_by, title_of

FRAME = pd.DataFrame(
    {
        "industry": ["steel", "retail", "steel", None, "steel"],
        "days_since_acquired": [100.0, np.nan, 800.0, 2000.0, np.nan],
        "days_since_first_purchase": [50.0, 400.0, 700.0, 1900.0, np.nan],
        "spend_365d": [100.0, 300.0, 500.0, 50.0, 50.0],
        "churn_probability": [0.1, 0.5, 0.3, 0.9, np.nan],
        "overdue_balance": [10.0, 0.0, 40.0, 0.0, 0.0],
        "open_balance": [20.0, 0.0, 80.0, 10.0, 0.0],
    }
)


def test_each_group_shows_customers_revenue_risk_and_overdue_money() -> None:
    table = cut_by(FRAME, "industry")
    assert table["title_en"].tolist() == ["steel", "retail", "unknown", "all customers"]
    assert table["title_zh"].tolist() == ["steel", "retail", "未知", "全部客户"]
    assert table["customers"].tolist() == [3, 1, 1, 5]
    assert table["share"].tolist() == [0.6, 0.2, 0.2, 1.0]
    assert table["revenue"].tolist() == [650, 300, 50, 1000]
    assert table["revenue_share"].tolist() == [0.65, 0.3, 0.05, 1.0]
    # of the steel customers two have a probability
    assert table["churn_risk"].tolist() == pytest.approx([0.2, 0.5, 0.9, 0.45])
    assert table["expected_leavers"].tolist() == pytest.approx([0.4, 0.5, 0.9, 1.8])
    assert table["overdue_share"].tolist()[0] == 0.5
    assert np.isnan(table["overdue_share"].tolist()[1])
    assert table["overdue_share"].tolist()[3] == pytest.approx(50 / 110)


def test_what_the_facts_do_not_tell_is_not_zero() -> None:
    table = cut_by(FRAME[["industry", "spend_365d"]], "industry")
    assert table[["churn_risk", "expected_leavers", "overdue", "overdue_share"]].isna().all().all()


def test_years_of_relationship_come_from_the_first_record_that_knows_them() -> None:
    table = cut_by(FRAME, "relationship_years")
    assert table["title_en"].tolist() == [
        *("under 1", "1 to under 2", "2 to under 3", "3 to under 5", "5 to under 10", "10 and more"),
        *("unknown", "all customers"),
    ]
    assert table["customers"].tolist() == [1, 1, 1, 0, 1, 0, 1, 5]


def test_the_edges_of_bands_can_be_given_and_belong_above() -> None:
    table = cut_by(FRAME, "spend_365d", edges=[100, 500])
    assert table["title_zh"].tolist() == ["不足 100", "100 至不足 500", "500 及以上", "全部客户"]
    assert table["customers"].tolist() == [2, 2, 1, 5]
    assert cut_by(FRAME, "churn_risk")["customers"].tolist() == [1, 2, 1, 1, 5]
    with pytest.raises(ValueError, match="no rising edges"):
        cut_by(FRAME, "spend_365d", edges=[5, 5])


def test_a_number_of_many_values_is_cut_into_equal_parts() -> None:
    frame = pd.DataFrame({"employees": np.arange(100.0), "spend_365d": 1.0})
    assert cut_by(frame, "employees")["customers"].tolist() == [20, 20, 20, 20, 20, 100]
    few = frame.assign(employees=frame["employees"] % 3)
    assert cut_by(few, "employees")["customers"].tolist() == [34, 33, 33, 100]
    assert cut_by(few, "employees")["title_en"].tolist()[:3] == ["0", "1", "2"]
    mostly_none = frame.assign(employees=np.where(frame["employees"] < 90, 0, frame["employees"]))
    assert cut_by(mostly_none, "employees")["title_en"].tolist() == ["under 90", "90 and more", "all customers"]


def test_segments_tiers_stages_and_risks_are_called_by_their_names() -> None:
    frame = pd.DataFrame({"label": ["champions", "key", "growth", "high"]})
    assert cut_by(frame, "label")["title_zh"].tolist() == ["重要价值客户", "重点客户", "成长期", "高", "全部客户"]


def test_many_small_groups_are_shown_together() -> None:
    frame = pd.DataFrame({"city": [f"c{n}" for n in range(30)] + ["c5"] * 4 + [None], "spend_365d": 1.0})
    table = cut_by(frame, "city")
    assert table["title_en"].tolist()[0] == "c5"
    assert table["customers"].tolist() == [5, *[1] * (MOST_GROUPS - 1), 10, 1, 35]
    assert table["title_en"].tolist()[-3:] == ["all others", "unknown", "all customers"]


def test_an_attribute_that_is_not_there_is_refused_with_the_nearest() -> None:
    with pytest.raises(ModelError, match=r"no attribute 'industri'\. Did you mean 'industry'"):
        cut_by(FRAME, "industri")


def test_the_usual_bands_rest_on_features_and_have_titles() -> None:
    for name, cut in BANDED.items():
        assert {c for c in cut.columns if c != "churn_probability"} <= BY_NAME.keys()
        assert title_of(name) == cut.title
    assert title_of("my own").zh == "my own"


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["a", "b", None, "c"]), st.floats(-1e6, 1e6)), min_size=1, max_size=30))
def test_groups_add_up_to_all(rows: list[tuple[str | None, float]]) -> None:
    frame = pd.DataFrame(rows, columns=["region", "spend_365d"])
    for attribute in ("region", "spend_365d"):
        table = cut_by(frame, attribute)
        parts, everybody = table.iloc[:-1], table.iloc[-1]
        assert parts["customers"].sum() == everybody["customers"] == len(frame)
        assert np.nansum(parts["revenue"]) == pytest.approx(everybody["revenue"], abs=1e-3)


def test_attributes_are_those_that_hold_at_the_instant(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text("customer_id,ordered_at,amount\nA,2025-01-05,10\nC,2025-02-05,10\n")
    (tmp_path / "customers.csv").write_text(
        "customer_id,industry,grade,valid_from,valid_to\n"
        "A,steel,1,2024-01-01,2025-06-01\nA,retail,2,2025-06-01,\nB,trade,3,2025-09-01,\n"
    )
    text = PROJECT_TOML.format(name="X", timezone="UTC", horizon_days=30, active_within_days=60, known_at="")
    columns = "".join(f'{c} = "{c}"\n' for c in ("customer_id", "industry", "valid_from", "valid_to"))
    table = f'[tables.customers]\npath = "customers.csv"\n[tables.customers.columns]\n{columns}attributes = ["grade"]\n'
    (tmp_path / "retinue.toml").write_text(text + table)
    with open_facts(load_project(tmp_path)) as facts:
        early, late = attributes_of(facts, utc(2025, 3, 1)), attributes_of(facts, utc(2025, 12, 1))
    assert early["industry"].to_dict() == {"A": "steel"}
    assert late["industry"].to_dict() == {"A": "retail", "B": "trade"}
    assert late["grade"].to_dict() == {"A": 2, "B": 3}
