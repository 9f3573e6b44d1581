"""What a forecast of purchases and models of money expect of customers: purchases, revenue and discounted margin."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.lifetime_value.intervals import Forecasts
from training.lifetime_value.money import Money
from training.lifetime_value.record import Earned
from training.models.purchases.choice import Forecast
from training.models.purchases.outlook import force_per_day, worth_now
from training.models.purchases.purchase_days import Known

Floats = NDArray[np.float64]

MEASURES = ("purchases", "revenue", "value")
"""What is expected of each customer: purchase days, revenue, and discounted margin, each within the horizon."""


@dataclass(frozen=True)
class Past:
    """What was once expected of customers within ``days`` days, by measure, and what ``came``."""

    expected: dict[str, Forecasts]
    came: dict[str, Floats]
    days: float

    def together(self, *others: "Past") -> "Past":
        """All of them as one."""
        parts = (self, *others)
        return Past(
            {measure: Forecasts.joined([part.expected[measure] for part in parts]) for measure in MEASURES},
            {measure: np.concatenate([part.came[measure] for part in parts]) for measure in MEASURES},
            self.days,
        )


def expectations(
    forecast: Forecast, money: Money, known: Known, earned: Earned, horizon_days: float, discount_per_year: float
) -> dict[str, Forecasts]:
    """What is expected of each customer within the horizon, by the names of `MEASURES`."""
    purchases = forecast.expected_purchases(known, horizon_days)
    alive = forecast.probability_alive(known)

    def until(days: float) -> Floats:
        return forecast.expected_purchases(known, days)

    worth = worth_now(until, purchases, horizon_days, force_per_day(discount_per_year))
    revenue, margin = money.expected_revenue(earned), money.expected_margin(earned)
    return {
        "purchases": Forecasts(purchases, alive, purchases, np.ones(len(purchases))),
        "revenue": Forecasts(purchases, alive, purchases * revenue, revenue),
        "value": Forecasts(purchases, alive, purchases * margin * worth, money.size * revenue * worth),
    }
