"""Portfolios: what is known of each manager's customers, and how little a few of them tell."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import beta, t

from serving.decisions.portfolios import (
    CHURN,
    DEVELOPMENT,
    OVERDUE,
    REVENUE,
    SHRUNK,
    YEAR_BEFORE,
    Evidence,
    Portfolios,
    portfolios,
    posterior,
    within,
)

NOBODY: "pd.Series[str]" = pd.Series([], dtype="str")


def customers(managers: list[Any], **columns: list[float]) -> pd.DataFrame:
    ids = [f"C{i}" for i in range(len(managers))]
    return pd.DataFrame({"customer_id": ids, "account_manager": pd.array(managers, dtype="str"), **columns})


def told(frame: pd.DataFrame, planned: "pd.Series[str]" = NOBODY) -> Portfolios:
    held = portfolios(frame, planned)
    assert held is not None
    return held


FIVE = customers(
    ["Wu", "Adam", "Adam", None, "Wu"],
    churn_probability=[0.2, 0.1, 0.3, 0.8, np.nan],
    spend_365d=[100.0, 300.0, 50.0, 7.0, 0.0],
    spend_365d_before=[50.0, 350.0, 150.0, np.nan, 150.0],
    overdue_balance=[10.0, 0.0, 90.0, 0.0, 0.0],
    open_balance=[40.0, 100.0, 100.0, 0.0, 0.0],
)


def test_managers_are_in_the_order_of_names_and_who_has_none_comes_last() -> None:
    held = told(FIVE, pd.Series(["C1", "C3"]))
    assert held.table["account_manager"].fillna("nobody").tolist() == ["Adam", "Wu", "nobody"]
    assert held.table["customers"].tolist() == [2, 2, 1]
    assert held.table["contacts_planned"].tolist() == [1, 0, 1]
    assert held.table[REVENUE].tolist() == [350, 100, 7]
    assert held.left_out == {}


def test_what_a_portfolio_says_alone_is_its_mean_its_share_by_amount_and_the_ratio_of_its_sums() -> None:
    table = told(FIVE).table
    assert table["churn_rate_own"].tolist() == [pytest.approx(0.2), 0.2, 0.8]
    assert table["churn_rate_evidence"].tolist() == [2, 1, 1]
    assert table["overdue_share_own"].tolist() == [pytest.approx(0.45), 0.25, pytest.approx(np.nan, nan_ok=True)]
    assert table["overdue_share_evidence"].tolist() == [2, 1, 0]
    assert table["development_own"].tolist()[:2] == [pytest.approx(-0.3), pytest.approx(-0.5)]
    assert np.isnan(table["development_own"][2])  # revenue where there was none is no rate


def test_the_company_is_all_customers_together() -> None:
    company = told(FIVE, pd.Series(["C1"])).company
    assert company == {
        "customers": 5,
        "contacts_planned": 1,
        REVENUE: 457,
        CHURN: pytest.approx(1.4 / 4),
        OVERDUE: pytest.approx(100 / 240),
        DEVELOPMENT: pytest.approx(457 / 700 - 1),
    }


def test_customers_count_by_their_amounts() -> None:
    # Kish: (3 + 1)² / (9 + 1)
    frame = customers(["A", "A"], overdue_balance=[0.0, 1.0], open_balance=[3.0, 1.0])
    row = told(frame).table.iloc[0]
    assert (row["overdue_share_own"], row["overdue_share_evidence"]) == (pytest.approx(0.25), pytest.approx(1.6))
    # shares of both years 0.9 and 0.1 in the mean: 1 / (.81 + .01)
    frame = customers(["A", "A"], spend_365d=[95.0, 5.0], spend_365d_before=[85.0, 15.0])
    row = told(frame).table.iloc[0]
    assert (row["development_own"], row["development_evidence"]) == (pytest.approx(0), pytest.approx(1 / 0.82))


def test_one_manager_alone_is_the_company_and_as_uncertain_as_its_customers_make_it() -> None:
    row = told(customers(["A"] * 3, churn_probability=[0.2, 0.4, 0.6])).table.iloc[0]
    # σ² = .08 / 2, of the mean .04 / 3; a beta as sure as .4 × .6 / (.04 / 3) − 1 = 17 customers, and half of one either way
    expected = beta(0.4 * 17 + 0.5, 0.6 * 17 + 0.5).ppf([0.05, 0.95])
    assert row[["churn_rate", "churn_rate_low", "churn_rate_high"]].tolist() == pytest.approx([0.4, *expected])


def test_development_of_one_manager_alone_has_the_ratio_estimators_interval() -> None:
    now, before = np.array([120.0, 80.0, 110.0]), np.array([100.0, 100.0, 100.0])
    row = told(customers(["A"] * 3, spend_365d=[*now], spend_365d_before=[*before])).table.iloc[0]
    w = (now / 310 + 1 / 3) / 2
    n = 1 / (w**2).sum()
    error = np.sqrt(((now / 310 - 1 / 3) ** 2 / w).sum() / (n - 1))
    low, high = np.log(310 / 300) + error * t(n - 1).ppf([0.05, 0.95])
    assert row["development"] == pytest.approx(310 / 300 - 1)
    assert row[["development_low", "development_high"]].tolist() == pytest.approx([*np.expm1([low, high])])


def test_the_fewer_customers_the_further_a_rate_is_moved_towards_the_companys() -> None:
    managers = ["few"] * 2 + ["many"] * 20 + ["others"] * 30
    risk = [0.4, 0.6] + [0.4, 0.6] * 10 + [0.1, 0.3] * 15
    held = told(customers(managers, churn_probability=risk))
    few, many, others = held.table["churn_rate"]
    assert held.company[CHURN] == pytest.approx(17 / 52)
    assert 17 / 52 < few < many < 0.5
    assert 0.2 < others < 17 / 52
    width = held.table["churn_rate_high"] - held.table["churn_rate_low"]
    assert width[0] > width[1] > width[2]


def test_nothing_overdue_with_one_customer_is_no_certainty() -> None:
    row = told(customers(["A"], overdue_balance=[0.0], open_balance=[9.0])).table.iloc[0]
    assert (row["overdue_share"], row["overdue_share_low"]) == (0, 0)
    assert 0.5 < row["overdue_share_high"] < 1


def test_one_customer_alone_has_a_development_without_interval() -> None:
    row = told(customers(["A"], spend_365d=[90.0], spend_365d_before=[60.0])).table.iloc[0]
    assert row["development"] == pytest.approx(0.5)
    assert np.isnan([row["development_low"], row["development_high"]]).all()


def test_where_every_portfolio_is_one_customer_the_differences_are_taken_for_chance() -> None:
    evidence = Evidence(np.array([0.1, 0.3]), np.array([1.0, 1.0]), np.zeros(2), 0.2)
    assert within(evidence) == pytest.approx(0.02)
    table = told(customers(["A", "B"], churn_probability=[0.1, 0.3])).table
    assert (table["churn_rate_low"] < table["churn_rate"]).all()
    assert (table["churn_rate"] < table["churn_rate_high"]).all()


def test_a_portfolio_that_tells_nothing_has_no_figure_and_moves_nobody_elses() -> None:
    frame = customers(["A", "A", "B", "B", "N"], churn_probability=[0.1, 0.2, 0.5, 0.7, np.nan])
    table = told(frame).table
    assert table.loc[2, ["churn_rate", "churn_rate_own", "churn_rate_low", "churn_rate_high"]].isna().all()
    assert table["churn_rate_evidence"].tolist() == [2, 2, 0]
    pd.testing.assert_frame_equal(table[:2], told(frame[:4]).table)


def test_without_managers_there_are_no_portfolios() -> None:
    assert portfolios(customers([None, None], churn_probability=[0.1, 0.2]), NOBODY) is None
    assert portfolios(customers([]), NOBODY) is None
    assert portfolios(pd.DataFrame({"customer_id": ["C0"]}), NOBODY) is None


def test_a_measure_without_its_columns_is_left_out_and_the_reason_is_told() -> None:
    held = told(customers(["A"], spend_365d=[5.0], overdue_balance=[0.0], open_balance=[0.0]))
    assert held.table.columns.tolist() == ["account_manager", "customers", "contacts_planned", REVENUE]
    assert [*held.left_out] == [CHURN, OVERDUE, DEVELOPMENT]
    assert "two years" in held.left_out[DEVELOPMENT].en
    assert "两年" in held.left_out[DEVELOPMENT].zh
    assert YEAR_BEFORE not in held.table


def test_the_eight_schools_have_their_published_effects() -> None:
    """Gelman et al., Bayesian Data Analysis, table 5.2: effects and errors; table 5.3: medians of the posterior."""
    effect = np.array([28.0, 8, -3, 7, -1, 1, 18, 12])
    error = np.array([15.0, 10, 16, 11, 9, 11, 10, 18])
    scale = 25.0  # of the half-Cauchy, as in Gelman (2006), section 5.2
    schools = Evidence(effect, scale**2 / error**2, np.zeros(8), float(np.average(effect, weights=error**-2.0)))
    value, _ = posterior(schools, scale**2)
    assert value == pytest.approx([10, 8, 7, 8, 5, 6, 10, 8], abs=1.1)


def test_the_average_over_the_unknown_spread_is_the_integral() -> None:
    own, n, company, variance = np.array([0.1, 0.4, 0.3]), np.array([4.0, 9.0, 25.0]), 0.3, 0.2

    def weight(tau: float) -> float:
        spread = variance / n + tau**2
        mean = (own / spread).sum() / (1 / spread).sum()
        likelihood = np.exp(-((own - mean) ** 2 / spread).sum() / 2) / np.sqrt(spread.prod() * (1 / spread).sum())
        return float(likelihood / (1 + tau**2 / variance))

    def moved(tau: float) -> float:
        return float(variance / 4 / (variance / 4 + tau**2))

    whole = quad(weight, 0, np.inf)[0]
    share = quad(lambda tau: weight(tau) * moved(tau), 0, np.inf)[0] / whole
    value, _ = posterior(Evidence(own, n, np.zeros(3), company), variance)
    assert value[0] == pytest.approx(0.1 + share * 0.2, rel=1e-4)


AMOUNT = st.integers(0, 10_000).map(float)
CUSTOMER = st.tuples(
    st.sampled_from(["A", "B", "C", None]),
    st.integers(0, 100).map(lambda p: p / 100),
    AMOUNT,
    AMOUNT,
    AMOUNT,
    st.booleans(),
)


@settings(deadline=None, max_examples=150)
@given(st.lists(CUSTOMER, min_size=1, max_size=25))
def test_a_rate_lies_between_its_own_and_the_companys_inside_its_interval_and_sums_add_up(rows: list[Any]) -> None:
    manager, risk, now, before, balance, late = (list(column) for column in zip(*rows, strict=True))
    overdue = [b if flag else b / 4 for b, flag in zip(balance, late, strict=True)]
    frame = customers(
        manager,
        churn_probability=risk,
        spend_365d=now,
        spend_365d_before=before,
        open_balance=balance,
        overdue_balance=overdue,
    )
    held = portfolios(frame, NOBODY)
    if held is None:
        assert all(name is None for name in manager)
        return
    table = held.table
    assert table["customers"].sum() == len(rows)
    assert table[REVENUE].sum() == sum(now)
    for name in (name for name in SHRUNK if name in table):
        has = table[table[f"{name}_own"].notna()]
        value, own, company = has[name], has[f"{name}_own"], held.company[name]
        assert (value >= np.minimum(own, company) - 1e-9).all()
        assert (value <= np.maximum(own, company) + 1e-9).all()
        known = has[has[f"{name}_low"].notna()]
        assert (known[f"{name}_low"] <= known[name] + 1e-9).all()
        assert (known[name] <= known[f"{name}_high"] + 1e-9).all()
    means = table["churn_rate_own"].fillna(0.0) * table["churn_rate_evidence"]
    assert means.sum() == pytest.approx(held.company[CHURN] * len(rows))


def test_intervals_hold_the_truth_of_simulated_managers_nearly_as_often_as_they_say() -> None:
    chance = np.random.default_rng(7)
    inside: dict[str, list[bool]] = {CHURN: [], OVERDUE: [], DEVELOPMENT: []}
    for _ in range(60):
        n = np.maximum(1, chance.poisson(25 * chance.gamma(1, 1, 15)))
        of = np.repeat(np.arange(15), n)
        rate, growth = 1 / (1 + np.exp(1 - 0.5 * chance.normal(size=15))), 0.15 * chance.normal(size=15)
        balance, before = chance.lognormal(7, 0.8, len(of)), chance.lognormal(8, 0.8, len(of))
        frame = customers(
            [f"M{i:02}" for i in of],
            churn_probability=[*chance.beta(4 * rate[of], 4 * (1 - rate[of]))],
            open_balance=[*balance],
            overdue_balance=[*(balance * (chance.random(len(of)) < rate[of]))],
            spend_365d=[*(before * np.exp(growth[of] + 0.5 * chance.normal(size=len(of)) - 0.125))],
            spend_365d_before=[*before],
        )
        table = told(frame).table
        for name, truth in ((CHURN, rate), (OVERDUE, rate), (DEVELOPMENT, np.expm1(growth))):
            inside[name] += [*((table[f"{name}_low"] <= truth) & (truth <= table[f"{name}_high"]))]
    shares = {name: float(np.mean(held)) for name, held in inside.items()}
    assert all(0.84 <= share <= 0.96 for share in shares.values()), shares
