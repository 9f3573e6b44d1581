"""A purchase model that follows what came of its own forecasts, and that customers who buy for more come back more often.

What a customer spends tells most of those who have bought once or twice; of the others their own purchases tell more. So the
logarithm of the mean amount counts the less, the more purchases it is the mean of.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from training.models.purchases.followed import LEAST_PER_DAY, STEP, Outcome, poisson_regression
from training.models.purchases.history import checked_horizon
from training.models.purchases.maximum_likelihood import parameters_from_json
from training.models.purchases.model import PurchaseModel
from training.models.purchases.purchase_days import Known

Floats = NDArray[np.float64]
M = TypeVar("M", bound=PurchaseModel)

LEAST_AMOUNT_SHARE = 0.02
"""Amounts below this share of the mean are taken to be of that size, as gifts and oddments tell nothing."""
NAMES = ("level", "slope", "amount", "mean_amount", "mean_log_amount")
SIGNED = ("level", "slope", "amount", "mean_log_amount")


@dataclass(frozen=True)
class AmountFollowed(Generic[M]):
    """``model`` with its expected purchases per day e turned into exp(``level`` + ``amount``·a)·e^``slope``.

    a is ln(mean amount of the customer) less ``mean_log_amount``, divided by the root of its purchase days.
    ``mean_amount`` of all customers in currency.
    """

    model: M
    level: float
    slope: float
    amount: float
    mean_amount: float
    mean_log_amount: float

    kind: ClassVar[str] = "amount_followed"

    @classmethod
    def fit(cls, model: M, past: Sequence[tuple[Known, Outcome]], known: Known, step: float = STEP) -> Self:
        """``model``, moved by ``step`` of what a Poisson regression finds in the outcomes of its earlier forecasts.

        ``known`` gives the amounts that are usual. The model stays as it is without outcomes, or where amounts do not differ.
        """
        mean_amount = float(np.maximum(known.mean_amount, 0).mean()) or 1.0
        mean_log = float(_log_amount(known, mean_amount).mean())
        inputs = [_amounts(earlier, mean_amount, mean_log) for earlier, _ in past]
        outcomes = [outcome for _, outcome in past]
        level, slope, amount = poisson_regression(outcomes, inputs)
        return cls(model, step * level, 1 + step * (slope - 1), step * amount, mean_amount, mean_log)

    def expected_purchases(self, known: Known, horizon_days: float) -> Floats:
        """Expected purchases within ``horizon_days`` after the cut-off, shape (customers,).

        Raises ModelError: the horizon is negative or not finite.
        """
        horizon = checked_horizon(horizon_days)
        expected = self.model.expected_purchases(known.history, horizon)
        per_day = np.maximum(expected / max(horizon, LEAST_PER_DAY), LEAST_PER_DAY)
        change = self.level + (self.slope - 1) * np.log(per_day)
        return np.asarray(
            expected * np.exp(change + self.amount * _amounts(known, self.mean_amount, self.mean_log_amount))
        )

    def probability_alive(self, known: Known) -> Floats:
        """As the model has it, shape (customers,): outcomes do not tell who has left."""
        return self.model.probability_alive(known.history)

    def to_json(self) -> dict[str, Any]:
        """The numbers as a dict that JSON can hold; the model beneath is stored on its own."""
        return {"kind": self.kind, **{name: getattr(self, name) for name in NAMES}}

    @classmethod
    def from_json(cls, stored: dict[str, Any], model: M) -> Self:
        """What `to_json` gave, on top of the model beneath. Raises ModelError: it is another kind, or no number."""
        return cls(model, **parameters_from_json(stored, cls.kind, NAMES, signed=SIGNED))


def _log_amount(known: Known, mean_amount: float) -> Floats:
    return np.asarray(np.log(np.maximum(known.mean_amount, LEAST_AMOUNT_SHARE * mean_amount)))


def _amounts(known: Known, mean_amount: float, mean_log: float) -> Floats:
    """How far the amounts lie from the usual, in logs, the less the more purchases there were; shape (customers,)."""
    return np.asarray((_log_amount(known, mean_amount) - mean_log) / np.sqrt(1 + known.history.repeat_purchases))
