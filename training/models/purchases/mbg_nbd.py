"""MBG/NBD: as BG/NBD, but customers may leave right after their first purchase, too."""

from dataclasses import dataclass
from typing import ClassVar

from training.models.purchases.beta_geometric import BetaGeometricNbd


@dataclass(frozen=True)
class MbgNbd(BetaGeometricNbd):
    """Batislam, Denizel & Filiztekin (2007), Int. J. of Research in Marketing 24(3); Hoppe & Wagner (2007), CBG/NBD.

    >>> from training.models.purchases.history import PurchaseHistory
    >>> model = MbgNbd(r=0.525, alpha_days=7 * 6.183, a=0.891, b=1.614)
    >>> model.probability_alive(PurchaseHistory.of([0], [0], [39], days_per_unit=7)).round(2)
    array([0.39])
    """

    kind: ClassVar[str] = "mbg_nbd"
    first_purchase_counts: ClassVar[int] = 1
