"""A purchase model that follows what came of its own forecasts: its level and slope, moved by half of what they were off.

A model that is fitted on the first year of customers may be off in the second, since customers leave sooner or later than
it took from what it saw. What the same model would have said earlier, and what came, tells by how much.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from training.models.purchases.history import PurchaseHistory, checked_horizon
from training.models.purchases.maximum_likelihood import parameters_from_json
from training.models.purchases.model import PurchaseModel

Floats = NDArray[np.float64]
M = TypeVar("M", bound=PurchaseModel)

STEP = 0.5
"""How much of what was off is made good: the past tells the direction, and about half of the size."""
LEAST_PER_DAY = 1e-12
NAMES = ("level", "slope")
NEWTON_STEPS = 50
ARRIVED = 1e-10


@dataclass(frozen=True)
class Outcome:
    """What a model once ``expected`` of customers within ``horizon_days``, and what ``came``, of shape (customers,)."""

    expected: Floats
    came: Floats
    horizon_days: float


@dataclass(frozen=True)
class Followed(Generic[M]):
    """``model`` with its expected purchases per day e turned into exp(``level``)·e^``slope``; 0 and 1 change nothing."""

    model: M
    level: float
    slope: float

    kind: ClassVar[str] = "followed"

    @classmethod
    def fit(cls, model: M, outcomes: Sequence[Outcome], step: float = STEP) -> Self:
        """``model``, moved by ``step`` of what a Poisson regression finds in the outcomes of its earlier forecasts.

        The model stays as it is without outcomes, where nothing came, or where its forecasts do not differ.
        """
        level, slope = poisson_regression(outcomes)
        return cls(model, step * level, 1 + step * (slope - 1))

    def probability_alive(self, history: PurchaseHistory) -> Floats:
        """As the model has it: outcomes do not tell who has left."""
        return self.model.probability_alive(history)

    def expected_purchases(self, history: PurchaseHistory, horizon_days: float) -> Floats:
        """Expected purchases within ``horizon_days`` after the cut-off, shape (customers,).

        Raises ModelError: the horizon is negative or not finite.
        """
        horizon = checked_horizon(horizon_days)
        expected = self.model.expected_purchases(history, horizon)
        return expected * _change(expected, horizon, self.level, self.slope)

    def probability_of_no_purchase(self, history: PurchaseHistory, horizon_days: float) -> Floats:
        """Probability that nothing is bought, shape (customers,): who is alive buys so much more or less often.

        Raises ModelError: the horizon is negative or not finite.
        """
        horizon = checked_horizon(horizon_days)
        alive, none = self.probability_alive(history), self.model.probability_of_no_purchase(history, horizon)
        change = _change(self.model.expected_purchases(history, horizon), horizon, self.level, self.slope)
        return bought_so_much_more(none, alive, change)

    def to_json(self) -> dict[str, Any]:
        """Level and slope as a dict that JSON can hold; the model beneath is stored on its own."""
        return {"kind": self.kind, "level": self.level, "slope": self.slope}

    @classmethod
    def from_json(cls, stored: dict[str, Any], model: M) -> Self:
        """What `to_json` gave, on top of the model beneath. Raises ModelError: it is another kind, or no number."""
        return cls(model, **parameters_from_json(stored, cls.kind, NAMES, signed=NAMES))


def bought_so_much_more(none: Floats, alive: Floats, change: Floats) -> Floats:
    """The probability ``none`` of no purchase, when customers who are ``alive`` buy ``change`` times as often."""
    none_if_alive = 1 - np.divide(1 - none, alive, out=np.zeros_like(none), where=alive > 0)
    return np.asarray(1 - alive * (1 - np.clip(none_if_alive, 0, 1) ** change))


def _change(expected: Floats, horizon: float, level: float, slope: float) -> Floats:
    per_day = np.maximum(expected / max(horizon, LEAST_PER_DAY), LEAST_PER_DAY)
    return np.asarray(np.exp(level + (slope - 1) * np.log(per_day)))


def poisson_regression(outcomes: Sequence[Outcome], inputs: Sequence[Floats] | None = None) -> tuple[float, ...]:
    """Level, slope and weights of the logarithm of what came per day on that of what was expected, by Newton's method.

    ``inputs``: for each outcome one more number for each customer, shape (customers,), whose weight is the third that is
    given. Without outcomes, where nothing came, or where something does not differ: 0, 1 and 0.
    """
    nothing = (0.0, 1.0) if inputs is None else (0.0, 1.0, 0.0)
    if not outcomes:
        return nothing
    expected, came, days = (
        np.concatenate(column)
        for column in zip(*((o.expected, o.came, np.full(len(o.came), o.horizon_days)) for o in outcomes), strict=True)
    )
    at = np.log(np.maximum(expected / days, LEAST_PER_DAY))
    centre = float(at @ expected / expected.sum()) if expected.any() else 0.0
    columns = [at - centre, *([] if inputs is None else [np.concatenate(inputs)])]
    if not came.any() or any(np.ptp(column) == 0 for column in columns):
        return nothing
    design = np.stack([np.ones(len(at)), *columns], axis=1)
    found = np.array([centre, *nothing[1:]])
    for _ in range(NEWTON_STEPS):
        mean = days * np.exp(design @ found)
        step = np.linalg.solve((design * mean[:, None]).T @ design, design.T @ (came - mean))
        found = found + np.clip(step, -1, 1)
        if np.abs(step).max() < ARRIVED:
            break
    return float(found[0] - found[1] * centre), *(float(weight) for weight in found[1:])
