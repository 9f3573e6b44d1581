"""Small businesses with contracts: tables written by hand, and subscribers drawn from a seed."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import numpy as np

from features.project import Project, load_project
from tests.training.companies import utc

PROJECT_TOML = """
[project]
name = "{name}"
currency = "EUR"
[tables.subscriptions]
path = "contracts.csv"
[tables.subscriptions.columns]
customer_id = "customer_id"
started_at = "started_at"
ended_at = "ended_at"
plan = "plan"
amount = "amount"
[churn]
kind = "contract"
horizon_days = {horizon_days}
"""


def contract_business(
    folder: Path, contracts: Sequence[tuple[str, str, str, str, str]], *, name: str = "Gym", horizon_days: int = 30
) -> Project:
    """A project over contracts given as (customer_id, started_at, ended_at or '', plan, amount)."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = ["customer_id,started_at,ended_at,plan,amount", *(",".join(row) for row in contracts)]
    (folder / "contracts.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (folder / "retinue.toml").write_text(PROJECT_TOML.format(name=name, horizon_days=horizon_days), encoding="utf-8")
    return load_project(folder)


def subscribers(seed: int, customers: int) -> list[tuple[str, str, str, str, str]]:
    """Two years of contracts until the end of 2025: new and cheap ones end soon, long and dear ones last; some are renewed."""
    generator = np.random.default_rng(seed)
    end_of_file = utc(2026, 1, 1)
    rows = []
    for number in range(customers):
        price = generator.choice([10.0, 20.0, 50.0])
        start = utc(2024, 1, 1) + timedelta(days=float(generator.uniform(0, 650)))
        while start < end_of_file:
            days = float(generator.weibull(0.7) * price * 12) + 10
            end = start + timedelta(days=days)
            over = end < end_of_file
            rows.append(
                (
                    f"S{number:04}",
                    f"{start:%Y-%m-%d %H:%M:%S}",
                    f"{end:%Y-%m-%d %H:%M:%S}" if over else "",
                    f"plan {price:.0f}",
                    f"{price:.2f}",
                )
            )
            if not over or generator.random() < 0.7:
                break
            start = end + timedelta(days=float(generator.exponential(5)))
            price = generator.choice([10.0, 20.0, 50.0])
    return rows
