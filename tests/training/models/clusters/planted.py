"""Customers of four planted groups, and customers of none."""

import numpy as np
import pandas as pd

from training.models.clusters.partitions import Floats, Labels

PLANTED = (
    # days with a purchase, amount of one, days of silence, categories, complaints, share of invoices paid late
    (48.0, 40.0, 5.0, 3.0, 3.0, 0.2),  # frequent small orders, many complaints
    (10.0, 2500.0, 25.0, 9.0, 0.1, 0.05),  # large orders of many categories
    (3.0, 300.0, 120.0, 2.0, 0.1, 0.2),  # few orders
    (12.0, 300.0, 25.0, 3.0, 0.1, 0.85),  # pay late
)


def planted(rows: int, seed: int, first: int = 0) -> tuple[pd.DataFrame, Labels]:
    """Features of customers of four groups of different sizes, and the group of each."""
    generator = np.random.default_rng(seed)
    group = generator.choice(4, rows, p=[0.4, 0.15, 0.25, 0.2])
    often, amount, silent, categories, complaints, late = np.array(PLANTED)[group].T

    def around(
        middle: Floats,
    ) -> Floats:
        return np.asarray(middle * np.exp(generator.normal(0, 0.25, rows)))

    days = np.round(around(often)).clip(1)
    spent = around(amount)
    frame = pd.DataFrame(
        {
            "customer_id": [f"C{first + number:05}" for number in range(rows)],
            "purchase_days_365d": days,
            "purchase_amount_mean": spent,
            "spend_365d": days * spent,
            "days_since_last_purchase": np.round(around(silent)),
            "days_since_first_purchase": np.round(generator.uniform(400, 2000, rows)),
            "categories_365d": np.round(around(categories)).clip(1),
            "complaints_365d": generator.poisson(complaints).astype(np.float64),
            "late_share_365d": np.where(
                generator.random(rows) < 0.1, np.nan, (late + generator.normal(0, 0.05, rows)).clip(0, 1)
            ),
        }
    )
    return frame, group


def of_one_kind(rows: int, seed: int) -> pd.DataFrame:
    """Customers who differ in everything by chance alone, all around one mean."""
    generator = np.random.default_rng(seed)
    frame = pd.DataFrame(
        np.exp(generator.normal(3, 0.5, (rows, 6))),
        columns=[
            *("purchase_days_365d", "purchase_amount_mean", "days_since_last_purchase"),
            *("days_since_first_purchase", "categories_365d", "contacts_365d"),
        ],
    )
    return frame.assign(customer_id=[f"C{number:05}" for number in range(rows)])
