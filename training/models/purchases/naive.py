"""Predictions that a purchase model must beat: everybody goes on at its own rate, or nobody comes back."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.models.purchases.history import PurchaseHistory, checked_horizon

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class OwnRate:
    """Nobody leaves, and everybody buys on at the own rate: repeat purchases over age."""

    def probability_alive(self, history: PurchaseHistory) -> Floats:
        """1 for everybody, shape (customers,)."""
        return np.ones(len(history))

    def expected_purchases(self, history: PurchaseHistory, horizon_days: float) -> Floats:
        """Own rate x / T times the horizon, shape (customers,); 0 for who bought first at the cut-off itself.

        Raises ModelError: the horizon is negative or not finite.

        >>> OwnRate().expected_purchases(PurchaseHistory.of([2], [200], [300]), horizon_days=90)
        array([0.6])
        """
        known = np.where(history.age_days > 0, history.age_days, np.inf)
        return np.asarray(history.repeat_purchases / known * checked_horizon(horizon_days))

    def probability_of_no_purchase(self, history: PurchaseHistory, horizon_days: float) -> Floats:
        """Poisson purchases at the own rate: exp(-x / T · horizon), shape (customers,).

        Raises ModelError: the horizon is negative or not finite.
        """
        return np.asarray(np.exp(-self.expected_purchases(history, horizon_days)))


@dataclass(frozen=True)
class NobodyReturns:
    """No customer ever buys again."""

    def probability_alive(self, history: PurchaseHistory) -> Floats:
        """0 for everybody, shape (customers,)."""
        return np.zeros(len(history))

    def expected_purchases(self, history: PurchaseHistory, horizon_days: float) -> Floats:
        """0 for everybody, shape (customers,). Raises ModelError: the horizon is negative or not finite."""
        checked_horizon(horizon_days)
        return np.zeros(len(history))

    def probability_of_no_purchase(self, history: PurchaseHistory, horizon_days: float) -> Floats:
        """1 for everybody, shape (customers,). Raises ModelError: the horizon is negative or not finite."""
        checked_horizon(horizon_days)
        return np.ones(len(history))
