from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from features.contracts import TABLES as CONTRACTS
from features.simulation.company import ACCOUNTS_SHARE, Company
from features.simulation.simulate import simulate

START, END = date(2024, 7, 1), date(2026, 7, 1)


@pytest.fixture(scope="module")
def tables() -> dict[str, pa.Table]:
    return simulate(8, 3_000, START, END, Company(with_credit=True), cut_offs=())


@pytest.fixture(scope="module")
def accounts(tables: dict[str, pa.Table]) -> pd.DataFrame:
    """All accounts with the customer's size and true quality, and their ratios."""
    rows = tables["financials"].to_pandas()
    sizes = tables["customers"].to_pandas().drop_duplicates("customer_id")[["customer_id", "size"]]
    rows = rows.merge(sizes, on="customer_id").merge(tables["truth/customers"].to_pandas(), on="customer_id")
    rows["current_ratio"] = rows.current_assets / rows.current_liabilities
    rows["debt_ratio"] = rows.total_debt / rows.total_assets
    rows["net_margin"] = rows.net_income / rows.revenue
    return rows


def test_accounts_have_columns_of_their_contract_and_come_in_months_after_they_were_drawn_up(
    tables: dict[str, pa.Table], accounts: pd.DataFrame
) -> None:
    known = {column.name for column in CONTRACTS["financials"].columns} | {"known_at"}
    assert set(tables["financials"].column_names) == known
    after = (accounts.known_at - accounts.as_of).dt.days
    assert after.between(100, 280).all()
    assert (accounts.known_at >= pd.Timestamp(START)).all()
    assert (accounts.known_at < pd.Timestamp(END)).all()
    assert set(accounts.as_of) == {pd.Timestamp(year, 12, 31) for year in (2023, 2024, 2025)}
    assert not accounts.duplicated(["customer_id", "as_of"]).any()


def test_large_customers_publish_more_often(accounts: pd.DataFrame, tables: dict[str, pa.Table]) -> None:
    old = tables["customers"].to_pandas().drop_duplicates("customer_id").query("acquired_at < '2024-07-01'")
    share = old.customer_id.isin(accounts.customer_id).groupby(old["size"]).mean()
    for size, expected in ACCOUNTS_SHARE:
        assert share[size] == pytest.approx(expected, abs=0.06)


def test_what_is_part_of_a_whole_is_no_more_than_it(accounts: pd.DataFrame) -> None:
    for part, whole in (
        ("inventory", "current_assets"),
        ("receivables", "current_assets"),
        ("current_assets", "total_assets"),
        ("current_liabilities", "total_debt"),
        ("total_debt", "total_assets"),
        ("cost_of_sales", "revenue"),
    ):
        assert (accounts[part] <= accounts[whole]).all()
    assert (accounts.tangible_net_worth <= accounts.total_assets - accounts.total_debt + 100).all()
    assert (accounts[["inventory", "receivables", "current_liabilities", "revenue"]] > 0).all(axis=None)


def test_ratios_go_with_true_quality(accounts: pd.DataFrame) -> None:
    sound = accounts[accounts.trouble_from.isna()]
    by = sound[["current_ratio", "debt_ratio", "net_margin", "credit_quality"]].corr("spearman").credit_quality
    assert by["current_ratio"] > 0.6
    assert by["debt_ratio"] < -0.6
    assert by["net_margin"] > 0.6


def test_trouble_shows_in_the_accounts_while_it_lasts(accounts: pd.DataFrame) -> None:
    since = (accounts.as_of - accounts.trouble_from).dt.days
    deep = accounts[(since > 120) & ~(accounts.trouble_until <= accounts.as_of)]
    expected = np.polyfit(accounts.credit_quality, accounts.net_margin, 1)
    assert len(deep) > 50
    assert (deep.net_margin - np.polyval(expected, deep.credit_quality)).mean() < -0.02
