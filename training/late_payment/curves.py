"""When invoices are paid, as curves on the grid around their due days, and what can be read from them."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from training.late_payment.grid import EDGES, Floats

Bools = NDArray[np.bool_]
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class PaymentCurves:
    """Of each invoice when it is paid, given that it was open on the day ``entry``; days count from the due day.

    ``cumulative_hazard``: shape (rows, edges of the grid), never falling, 0 until ``entry``. Within an interval the hazard
    is constant; what is unpaid at the last edge may never be.
    """

    entry: Floats
    cumulative_hazard: Floats

    def __len__(self) -> int:
        return len(self.entry)

    def take(self, rows: Indices | Bools) -> Self:
        """The curves of some rows, given by position or mark."""
        return type(self)(self.entry[rows], self.cumulative_hazard[rows])

    def unpaid(self, day: ArrayLike) -> Floats:
        """Probability that nothing was paid before ``day``, shape (rows,); 1 until entry, beyond the grid as at its end."""
        days = np.broadcast_to(np.asarray(day, dtype=np.float64), (len(self),))
        right = np.clip(np.searchsorted(EDGES, days, "left"), 1, len(EDGES) - 1)
        rows = np.arange(len(self))
        before, after = self.cumulative_hazard[rows, right - 1], self.cumulative_hazard[rows, right]
        begin, end = np.maximum(EDGES[right - 1], self.entry), EDGES[right]
        part = np.clip((days - begin) / np.maximum(end - begin, 1e-9), 0, 1)
        return np.asarray(np.exp(-(before + (after - before) * part)))

    def days_until(self, share: ArrayLike) -> Floats:
        """Day before which it is paid with probability ``share``, shape (rows,); NaN where beyond the grid."""
        target = np.broadcast_to(-np.log1p(-np.asarray(share, dtype=np.float64)), (len(self),))
        below = (self.cumulative_hazard < target[:, None]).sum(axis=1)
        is_seen = below < len(EDGES)
        right = np.clip(below, 1, len(EDGES) - 1)
        rows = np.arange(len(self))
        before, after = self.cumulative_hazard[rows, right - 1], self.cumulative_hazard[rows, right]
        rise = np.where(is_seen, np.maximum(after - before, 1e-12), 1.0)
        begin, end = np.maximum(EDGES[right - 1], self.entry), EDGES[right]
        return np.where(is_seen, begin + (end - begin) * np.clip((target - before) / rise, 0, 1), np.nan)
