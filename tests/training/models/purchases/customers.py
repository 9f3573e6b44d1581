"""Customers for the tests of purchase models: the CDNOW sample, simulated ones, and hand-picked ones."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from training.models.purchases.gamma_gamma import Amounts
from training.models.purchases.history import PurchaseHistory

Floats = NDArray[np.float64]

DATA = os.environ.get("RETINUE_TEST_DATA")
WEEK = 7.0
END_OF_CALIBRATION = pd.Timestamp("1997-09-30")

needs_cdnow = pytest.mark.skipif(DATA is None, reason="RETINUE_TEST_DATA names no folder with real files")

HAND_PICKED = PurchaseHistory.of(
    # x, t_x and T in days: never came back; just met; a regular; regular and silent; one early repeat; very frequent
    [0, 0, 6, 6, 1, 30],
    [0, 0, 250, 80, 3, 290],
    [270, 1, 265, 265, 200, 300],
)


def cdnow_days() -> pd.DataFrame:
    """One row a customer and day up to the end of the calibration period, with the amount of that day."""
    file = Path(str(DATA)) / "cdnow_sample.csv.gz"
    rows = pd.read_csv(file, dtype={"customer_id": str}, parse_dates=["date"])
    known = rows[rows["date"] <= END_OF_CALIBRATION]
    return known.groupby(["customer_id", "date"])["amount"].sum().reset_index()


def cdnow_history() -> PurchaseHistory:
    days = cdnow_days().groupby("customer_id")["date"].agg(["size", "min", "max"])
    age = (END_OF_CALIBRATION - days["min"]).dt.days
    return PurchaseHistory.of(days["size"] - 1, (days["max"] - days["min"]).dt.days, age)


def cdnow_amounts() -> Amounts:
    """Number and mean amount of repeat purchases, as the published estimates take them."""
    days = cdnow_days()
    repeats = days[days["date"] > days.groupby("customer_id")["date"].transform("min")]
    amounts = repeats.groupby("customer_id")["amount"].agg(["size", "mean"])
    return Amounts.of(amounts["size"], amounts["mean"])


def ages(customers: int, generator: np.random.Generator) -> Floats:
    return generator.uniform(50, 700, customers)


def leave_by_purchase(
    customers: int, r: float, alpha_days: float, a: float, b: float, first_purchase_counts: bool, seed: int
) -> PurchaseHistory:
    """Customers who may leave after each repeat purchase (BG/NBD), or after the first one too (MBG/NBD)."""
    generator = np.random.default_rng(seed)
    age = ages(customers, generator)
    rate, dropout = generator.gamma(r, 1 / alpha_days, customers), generator.beta(a, b, customers)
    x, last, now = np.zeros(customers), np.zeros(customers), np.zeros(customers)
    alive = np.arange(customers)
    if first_purchase_counts:
        alive = alive[generator.random(customers) >= dropout]
    while len(alive):
        now[alive] += generator.exponential(1 / rate[alive])
        alive = alive[now[alive] <= age[alive]]
        x[alive] += 1
        last[alive] = now[alive]
        alive = alive[generator.random(len(alive)) >= dropout[alive]]
    return PurchaseHistory.of(x, last, age)


def leave_at_any_time(
    customers: int, r: float, alpha_days: float, s: float, beta_days: float, seed: int
) -> PurchaseHistory:
    """Customers of the Pareto/NBD model; given their number, purchases lie evenly over the time alive."""
    generator = np.random.default_rng(seed)
    age = ages(customers, generator)
    rate, leaving = generator.gamma(r, 1 / alpha_days, customers), generator.gamma(s, 1 / beta_days, customers)
    lived = np.minimum(generator.exponential(1 / leaving), age)
    x = generator.poisson(rate * lived).astype(np.float64)
    last = np.where(x > 0, lived * generator.random(customers) ** (1 / np.maximum(x, 1)), 0.0)
    return PurchaseHistory.of(x, last, age)


def spenders(customers: int, p: float, q: float, v: float, seed: int) -> Amounts:
    generator = np.random.default_rng(seed)
    days = generator.integers(1, 12, customers)
    rate = generator.gamma(q, 1 / v, customers)
    return Amounts.of(days, generator.gamma(p * days, 1 / rate) / days)
