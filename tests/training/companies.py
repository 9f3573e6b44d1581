"""Small companies to train on: tables written by hand, and shops drawn from a seed."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from features.project import Project, load_project

PROJECT_TOML = """
[project]
name = "{name}"
currency = "EUR"
timezone = "{timezone}"
[tables.orders]
path = "orders.csv"
[tables.orders.columns]
customer_id = "customer_id"
ordered_at = "ordered_at"
amount = "amount"
{known_at}
[churn]
horizon_days = {horizon_days}
active_within_days = {active_within_days}
"""


def utc(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)


def company(
    folder: Path,
    orders: Sequence[tuple[str, ...]],
    *,
    name: str = "Tiny",
    timezone: str = "UTC",
    horizon_days: int = 30,
    active_within_days: int = 60,
) -> Project:
    """A project over orders given as (customer_id, ordered_at, amount) or, with a fourth entry, when it was known."""
    folder.mkdir(parents=True, exist_ok=True)
    with_known = len(orders[0]) == 4
    header = "customer_id,ordered_at,amount" + (",known_at" if with_known else "")
    (folder / "orders.csv").write_text("\n".join([header, *(",".join(row) for row in orders)]) + "\n")
    text = PROJECT_TOML.format(
        name=name,
        timezone=timezone,
        horizon_days=horizon_days,
        active_within_days=active_within_days,
        known_at='known_at = "known_at"' if with_known else "",
    )
    (folder / "retinue.toml").write_text(text, encoding="utf-8")
    return load_project(folder)


def shop_orders(seed: int, customers: int) -> list[tuple[str, str, str]]:
    """A year of orders of customers who have their own rhythm and stop for good one day; the last is of 2025-12-31."""
    generator = np.random.default_rng(seed)
    rows = []
    for number in range(customers):
        gap = generator.gamma(4, 5) + 4
        end = min(generator.exponential(300), 365.0)
        day = generator.uniform(0, gap)
        while day < end:
            ordered = utc(2025, 1, 1) + timedelta(days=float(day))
            rows.append((f"C{number:03}", f"{ordered:%Y-%m-%d %H:%M:%S}", f"{generator.gamma(3, 20):.2f}"))
            day += generator.gamma(4, gap / 4)
    return [*rows, ("C000", "2025-12-31 12:00:00", "10.00")]


def turned_round(orders: Sequence[tuple[str, str, str]], day: datetime) -> list[tuple[str, str, str]]:
    """The same orders until a day on which the world turns: who bought lately stops, and who was silent comes back."""
    before = [order for order in orders if order[1] < f"{day:%Y-%m-%d}"]
    last = {customer: ordered for customer, ordered, _ in before}
    lately = f"{day - timedelta(days=20):%Y-%m-%d}"
    back = [(customer, f"{day + timedelta(days=5):%Y-%m-%d}", "50") for customer, at in last.items() if at < lately]
    return [*before, *back, orders[-1]]


def shop(folder: Path, seed: int, customers: int, *, name: str = "Shop") -> Project:
    """A project over `shop_orders`: churn is 30 days of silence among those who bought in the last 90."""
    return company(folder, shop_orders(seed, customers), name=name, horizon_days=30, active_within_days=90)


def learnable(rows: int, seed: int = 0) -> pd.DataFrame:
    """Rows with features of the catalogue's names, some missing, and an outcome that depends on them."""
    generator = np.random.default_rng(seed)
    silence = generator.gamma(2, 20, rows)
    frame = pd.DataFrame(
        {
            "customer_id": [f"C{i % (rows // 4):04}" for i in range(rows)],
            "as_of": pd.to_datetime(
                np.repeat(["2025-01-01", "2025-02-01", "2025-03-01", "2025-04-01"], rows // 4), utc=True
            ),
            "days_since_last_purchase": silence,
            "purchase_days_total": generator.poisson(5, rows) + 1.0,
            "gap_mean_days": np.where(generator.random(rows) < 0.3, np.nan, generator.gamma(3, 10, rows)),
            "spend_365d": generator.gamma(2, 300, rows),
            "spend_change_90d": generator.uniform(-1, 1, rows),
        }
    )
    log_odds = 0.05 * (silence - 40) - 0.15 * (frame["purchase_days_total"] - 6) + 0.4 * frame["gap_mean_days"].isna()
    return frame.assign(churned=(generator.random(rows) < 1 / (1 + np.exp(-log_odds))).astype(int))


FEATURES = ("days_since_last_purchase", "purchase_days_total", "gap_mean_days", "spend_365d", "spend_change_90d")
"""The feature columns of `learnable`."""
