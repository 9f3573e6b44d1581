"""What a challenger says beside the champion, added up: nobody is answered by it, and no row is kept."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from training.ledger import Shadow

Floats = NDArray[np.float64]


@dataclass
class Comparison:
    """Differences between the probabilities of two versions over the rows that both gave one for."""

    began_at: datetime
    rows: int = 0
    total: float = 0.0
    total_absolute: float = 0.0
    largest: float = 0.0

    def add(self, champion: Floats, challenger: Floats) -> None:
        """Count rows; both of shape (rows,), NaN where a version abstained."""
        difference = challenger - champion
        difference = difference[np.isfinite(difference)]
        if len(difference):
            self.rows += len(difference)
            self.total += float(difference.sum())
            self.total_absolute += float(np.abs(difference).sum())
            self.largest = max(self.largest, float(np.abs(difference).max()))

    def record(self, model: str, version: str, champion_version: str, server: str, at: datetime) -> Shadow | None:
        """What the ledger keeps of it; None where no row was compared."""
        if not self.rows:
            return None
        means = self.total / self.rows, self.total_absolute / self.rows
        return Shadow(at, self.began_at, model, version, champion_version, server, self.rows, *means, self.largest)
