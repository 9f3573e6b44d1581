"""What every model of repeat purchases answers."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from training.models.purchases.history import PurchaseHistory

Floats = NDArray[np.float64]


class PurchaseModel(Protocol):
    """Answers of shape (customers,) about the time after the cut-off, which is each customer's age after its first."""

    def probability_alive(self, history: PurchaseHistory) -> Floats:
        """Probability that the customer has not left for good by the cut-off, from 0 to 1."""
        ...

    def expected_purchases(self, history: PurchaseHistory, horizon_days: float) -> Floats:
        """Expected number of purchases within ``horizon_days`` days after the cut-off."""
        ...

    def probability_of_no_purchase(self, history: PurchaseHistory, horizon_days: float) -> Floats:
        """Probability that nothing is bought within ``horizon_days`` days after the cut-off, from 0 to 1."""
        ...


class CountModel(PurchaseModel, Protocol):
    """A purchase model that knows the whole distribution of the number of purchases."""

    def probability_of_at_least(self, history: PurchaseHistory, purchases: Floats, horizon_days: float) -> Floats:
        """Probability of so many purchases or more, each at least 1, within ``horizon_days``."""
        ...
