"""BG/NBD: customers buy at random times, and may leave for good after each repeat purchase."""

from dataclasses import dataclass
from typing import ClassVar

from training.models.purchases.beta_geometric import BetaGeometricNbd


@dataclass(frozen=True)
class BgNbd(BetaGeometricNbd):
    """Fader, Hardie & Lee (2005), "Counting your customers" the easy way, Marketing Science 24(2).

    Nobody leaves before the first repeat purchase: who never came back is alive with probability 1.

    >>> from training.models.purchases.history import PurchaseHistory
    >>> model = BgNbd(r=0.243, alpha_days=7 * 4.414, a=0.793, b=2.426)
    >>> customer = PurchaseHistory.of([2], [30.43], [38.86], days_per_unit=7)
    >>> model.expected_purchases(customer, horizon_days=273).round(2)
    array([1.23])
    """

    kind: ClassVar[str] = "bg_nbd"
    first_purchase_counts: ClassVar[int] = 0
