"""What a purchase day brings: revenue by a spend model, and margin by whichever of two models lies nearer to what came."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from features.errors import NotEnoughDataError
from training.lifetime_value.record import Earned
from training.models.purchases.gamma_gamma import GammaGamma
from training.models.purchases.maximum_likelihood import parameters_from_json
from training.models.purchases.spend_margin import NormalMargin

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class MarginShare:
    """Margin is the same share of what everybody spends; ``share`` may be below 0."""

    share: float

    kind: ClassVar[str] = "margin_share"

    @classmethod
    def fit(cls, earned: Earned) -> Self:
        """All margin over all revenue, 0 where there is no revenue."""
        days = earned.amounts.purchase_days
        revenue = float(days @ earned.amounts.mean_amount)
        return cls(float(days @ earned.margins.mean_margin) / revenue if revenue else 0.0)

    def to_json(self) -> dict[str, Any]:
        """The model as a dict that JSON can hold."""
        return {"kind": self.kind, "share": self.share}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """The model from what `to_json` gave. Raises ModelError: it is another kind, or the share is no number."""
        return cls(**parameters_from_json(stored, cls.kind, ("share",), signed=("share",)))


MarginModel = NormalMargin | MarginShare
MARGIN_KINDS: dict[str, type[NormalMargin] | type[MarginShare]] = {
    MarginShare.kind: MarginShare,
    NormalMargin.kind: NormalMargin,
}


@dataclass(frozen=True)
class Money:
    """``spend`` gives the revenue of a purchase day, ``margin`` what of it we earn. ``size`` is the share of revenue, above
    0, by which margins of customers of different size are compared.
    """

    spend: GammaGamma
    margin: MarginModel
    size: float

    @classmethod
    def fit(cls, earned: Earned, kind: str) -> Self:
        """Models of what these customers earned us until now.

        Raises NotEnoughDataError: all customers spend the same, or margins do not differ where that is asked of them.
        """
        share = MarginShare.fit(earned)
        margin = share if kind == MarginShare.kind else NormalMargin.fit(earned.margins).model
        return cls(GammaGamma.fit(earned.amounts).model, margin, abs(share.share) or 1.0)

    def expected_revenue(self, earned: Earned) -> Floats:
        """Expected revenue of a purchase day in currency, net of returns, shape (customers,)."""
        return self.spend.expected_amount(earned.amounts)

    def expected_margin(self, earned: Earned) -> Floats:
        """Expected margin of a purchase day in currency, shape (customers,); it may be negative."""
        if isinstance(self.margin, MarginShare):
            return np.asarray(self.margin.share * self.expected_revenue(earned))
        return self.margin.expected_amount(earned.margins)

    def to_json(self) -> dict[str, Any]:
        """The models as a dict that JSON can hold."""
        return {"spend": self.spend.to_json(), "margin": self.margin.to_json(), "size": self.size}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """The models from what `to_json` gave. Raises ModelError: a parameter is not sound."""
        kind = MARGIN_KINDS[stored["margin"]["kind"]]
        return cls(GammaGamma.from_json(stored["spend"]), kind.from_json(stored["margin"]), float(stored["size"]))


def nearest_margin(earned: Earned, purchases: Floats, came: Floats) -> str:
    """The kind of margin model that, told how many ``purchases`` each made, is nearest to the margin that ``came``."""
    off = {}
    for kind in MARGIN_KINDS:
        with suppress(NotEnoughDataError):
            off[kind] = float(np.abs(purchases * Money.fit(earned, kind).expected_margin(earned) - came).mean())
    return min(off, key=lambda kind: off[kind]) if off else MarginShare.kind
