"""Customers who buy as the purchase models assume, simulated purchase by purchase."""

import numpy as np
import pandas as pd

HORIZON_DAYS = 90


def shoppers(customers: int, seed: int, ages: tuple[int, int] = (100, 400), leave: float = 0.25) -> pd.DataFrame:
    """One row per customer: the inputs of the purchase models, some noise, and ``churned`` over 90 days.

    Rates are Gamma(0.8) with a mean of one purchase in 60 days; after each purchase but the first, a customer leaves with
    probability ``leave``.
    """
    generator = np.random.default_rng(seed)
    age = generator.integers(*ages, customers).astype(float)
    rate = generator.gamma(0.8, 1 / 48, customers)
    gaps = np.ceil(generator.exponential(1 / np.maximum(rate, 1e-6)[:, None], (customers, 120)))
    stays = np.cumsum(generator.random((customers, 120)) < leave, axis=1) == 0
    follows = np.concatenate([np.ones((customers, 1), dtype=bool), stays[:, :-1]], axis=1)
    days = np.concatenate([np.zeros((customers, 1)), np.where(follows, np.cumsum(gaps, axis=1), np.inf)], axis=1)
    before = days < age[:, None]
    ago = np.where(before, age[:, None] - days, np.inf)
    last = ago.min(axis=1)
    bought = ((days >= age[:, None]) & (days < age[:, None] + HORIZON_DAYS)).any(axis=1)
    return pd.DataFrame(
        {
            "customer_id": [f"C{i:05}" for i in range(customers)],
            "as_of": pd.to_datetime("2025-01-01", utc=True),
            "days_since_last_purchase": last,
            "days_since_first_purchase": age,
            "purchase_days_total": before.sum(axis=1).astype(float),
            **{f"purchase_days_{w}d": (ago <= w).sum(axis=1).astype(float) for w in (30, 90, 180, 365)},
            "noise": generator.normal(size=customers),
            "churned": (~bought).astype(int),
        }
    )
