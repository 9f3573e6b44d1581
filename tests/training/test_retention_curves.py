from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import FactsError, NotEnoughDataError
from features.project import Project, ValueSettings
from features.sources import open_facts
from tests.features.builders import facts_of, instant, write_by_hand
from tests.training.companies import utc
from training.retention_curves import RetentionCurves, Unit, retention_curves

NAN = float("nan")
# A buys every year, B in its first alone, C never fills its second year, D has only just come, E has only a return
ORDERS = """
customer_id | ordered_at | amount | margin | known_at
A           | 2022-03-10 | 100    | 30     | 2022-03-10
A           | 2023-03-09 | 10     | 5      | 2023-03-09
A           | 2023-03-10 | 200    | 60     | 2023-03-10
A           | 2024-05-01 | 50     | 20     | 2024-05-01
A           | 2025-02-01 | 50     | 20     | 2025-03-10
B           | 2022-06-01 | 300    | 90     | 2022-06-01
B           | 2022-07-01 | -100   | -30    | 2022-07-01
B           | 2023-07-01 | -20    | -6     | 2023-07-01
C           | 2023-12-31 | 40     | 8      | 2023-12-31
D           | 2025-01-15 | 70     | 7      | 2025-01-15
E           | 2025-01-15 | -70    | -7     | 2025-01-15
"""


def curves(project: Project, as_of: str = "2025-03-10", cohort: Unit = "year", step: Unit = "year") -> RetentionCurves:
    with open_facts(project) as facts:
        return retention_curves(facts, instant(as_of, project), cohort, step)


def test_each_cohort_is_followed_from_anniversary_to_anniversary(tmp_path: Path) -> None:
    found = curves(write_by_hand(tmp_path, orders=ORDERS))
    # of 2022: in the second year A bought and B sent something back; only A's third year is over
    assert found.cells["cohort"].dt.year.tolist() == [2022] * 3 + [2023] * 3 + [2025] * 3
    assert found.cells["followed"].tolist() == [2, 2, 1, 1, 0, 0, 0, 0, 0]
    assert found.table().to_numpy() == pytest.approx(
        np.array([[1, 0.5, 1], [1, NAN, NAN], [NAN, NAN, NAN]]), nan_ok=True
    )
    # 30 + 5 and 90 - 30; then 60 and -6; then 20
    assert found.table("profit").to_numpy()[:2] == pytest.approx(
        np.array([[95 / 2, 54 / 2, 20], [8, NAN, NAN]]), nan_ok=True
    )
    assert found.table("total_profit").iloc[0].tolist() == [47.5, 74.5, 94.5]
    assert found.cells["retention_low"].isna().tolist() == found.cells["retention"].isna().tolist()
    assert found.cells["seen"].tolist() == ["whole", "whole", "part", "whole", *["unseen"] * 5]
    assert found.is_margin


def test_all_cohorts_together_are_counted_by_customers(tmp_path: Path) -> None:
    found = curves(write_by_hand(tmp_path, orders=ORDERS))
    assert found.pooled["followed"].tolist() == [3, 2, 1]
    assert found.pooled["retention"].tolist() == [1, 0.5, 1]
    # Wilson: (1 + 1.96² / 2 ∓ 1.96 √(1/2 + 1.96² / 4)) / (2 + 1.96²)
    assert found.pooled[["retention_low", "retention_high"]].iloc[1].tolist() == pytest.approx(
        [0.0945, 0.9055], abs=1e-4
    )
    assert found.pooled["profit"].tolist() == pytest.approx([103 / 3, 27, 20])
    assert found.said().en == (
        "Of 2 customers 50% bought in their second year too. A customer earned 34 in the first year and 27 in the second,"
        " those who left included."
    )


def test_a_year_that_ends_tomorrow_is_no_year_yet(tmp_path: Path) -> None:
    project = write_by_hand(tmp_path, orders=ORDERS)
    assert curves(project, "2024-12-30").table().loc["2023-01-01"].isna().all()
    assert curves(project, "2024-12-31").table().loc["2023-01-01"].to_numpy()[0] == 1


def test_what_was_learnt_on_the_day_itself_is_not_there_yet(tmp_path: Path) -> None:
    project = write_by_hand(tmp_path, orders=ORDERS)
    assert curves(project, "2025-03-10").table("profit").iloc[0, 2] == 20
    assert curves(project, "2025-03-11").table("profit").iloc[0, 2] == 40


def test_quarters_and_months_count_alike(tmp_path: Path) -> None:
    project = write_by_hand(tmp_path, orders=ORDERS)
    found = curves(project, "2023-03-10", "quarter", "month")
    table = found.table()
    assert [f"{day:%Y-%m}" for day in table.index] == ["2022-01", "2022-04"]
    assert table.shape == (2, 12)
    assert table.iloc[0].tolist() == [1, *[0] * 10, 1]
    # of B nine months are over, and in the second it only sent something back
    assert table.iloc[1].tolist() == pytest.approx([1, *[0] * 8, *[NAN] * 3], nan_ok=True)
    assert found.table("profit").iloc[1, 1] == -30


def test_without_margins_profit_is_the_project_s_share_of_spend(tmp_path: Path) -> None:
    project = write_by_hand(tmp_path, orders="customer_id | ordered_at | amount\nA | 2022-03-10 | 100")
    found = curves(project.model_copy(update={"value": ValueSettings(margin_share=0.2)}))
    assert found.pooled["profit"].tolist() == [20, 0, 0]
    assert not found.is_margin


def test_before_anybody_s_first_period_is_over_the_error_says_so(tmp_path: Path) -> None:
    project = write_by_hand(tmp_path, orders=ORDERS)
    with pytest.raises(NotEnoughDataError, match="No customer's first year is over by 2022-12-01"):
        curves(project, "2022-12-01")
    assert curves(project, "2023-06-30").said().en.startswith("No customer's second year is over yet")


def test_without_orders_the_error_says_what_to_add(tmp_path: Path) -> None:
    invoices = "invoice_id | customer_id | issued_at | due_at | amount\n1 | A | 2025-01-01 | 2025-02-01 | 5"
    with pytest.raises(FactsError, match=r"Add \[tables.orders\]"):
        curves(write_by_hand(tmp_path, invoices=invoices))


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from("ABC"),
            st.datetimes(utc(2022, 1, 1).replace(tzinfo=None), utc(2024, 12, 31).replace(tzinfo=None)),
        ),
        min_size=1,
        max_size=12,
    )
)
def test_months_of_a_relationship_begin_on_its_day_of_the_month(bought: list[tuple[str, pd.Timestamp]]) -> None:
    rows = [{"customer_id": c, "ordered_at": at, "amount": 1.0} for c, at in bought]
    with facts_of({"orders": rows}) as facts:
        found = retention_curves(facts, utc(2025, 3, 1), "year", "month")
    # the same by counting whole months from each first day on, without SQL
    first = {c: min(pd.Timestamp(at).normalize() for d, at in bought if d == c) for c, _ in bought}
    begins = {c: [day + pd.DateOffset(months=n) for n in range(40)] for c, day in first.items()}
    followed = {c: sum(b <= pd.Timestamp(2025, 3, 1) for b in begins[c]) - 1 for c in first}
    months = {(c, sum(b <= pd.Timestamp(at) for b in begins[c]) - 1) for c, at in bought}
    cells = found.pooled.set_index("period")
    for period in cells.index:
        still = [c for c in first if followed[c] > period]
        assert cells.loc[period, "followed"] == len(still)
        share = np.mean([(c, period) in months for c in still]) if still else NAN
        assert cells.loc[period, "retention"] == pytest.approx(share, nan_ok=True)
