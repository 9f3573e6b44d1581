"""What boosted trees learn on top of a purchase model: how much more or less customers like these bought than it said."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Self, TypeVar

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from training.models.purchases.followed import Outcome
from training.models.purchases.model import PurchaseModel
from training.models.purchases.purchase_days import Known

Floats = NDArray[np.float64]
M = TypeVar("M", bound=PurchaseModel)

ROUNDS = 100
ROWS_PER_THREAD = 500_000
LEAST_EXPECTED = 1e-9
PARAMETERS: dict[str, object] = {
    "objective": "count:poisson",
    "tree_method": "hist",
    "max_depth": 2,
    "eta": 0.05,
    "min_child_weight": 50,
    "subsample": 0.8,
    "colsample_bytree": 0.7,
}


@dataclass(frozen=True)
class Residual(Generic[M]):
    """``model`` with its expected purchases multiplied by exp of what the trees say."""

    model: M
    booster: xgb.Booster

    kind: ClassVar[str] = "residual"

    @classmethod
    def fit(cls, model: M, past: Sequence[tuple[Known, Outcome]], seed: int) -> Self:
        """Trees of the ratio of what came to what was expected, from earlier days and their outcomes."""
        inputs = np.concatenate([_inputs(known) for known, _ in past])
        expected = np.concatenate([outcome.expected for _, outcome in past])
        came = np.concatenate([outcome.came for _, outcome in past])
        threads = 1 + len(inputs) // ROWS_PER_THREAD
        return cls(
            model, xgb.train({**PARAMETERS, "seed": seed, "nthread": threads}, _data(inputs, expected, came), ROUNDS)
        )

    def expected_purchases(self, known: Known, horizon_days: float) -> Floats:
        """Expected purchases within ``horizon_days`` after the cut-off, shape (customers,).

        Raises ModelError: the horizon is negative or not finite.
        """
        expected = self.model.expected_purchases(known.history, horizon_days)
        margin = self.booster.predict(_data(_inputs(known), expected), output_margin=True).astype(np.float64)
        return np.asarray(np.where(expected > LEAST_EXPECTED, np.exp(margin), expected))

    def probability_alive(self, known: Known) -> Floats:
        """As the model has it, shape (customers,): the trees say how much is bought, not who has left."""
        return self.model.probability_alive(known.history)

    def to_json(self) -> dict[str, Any]:
        """The trees as a dict that JSON can hold; the model beneath is stored on its own."""
        return {"kind": self.kind, "trees": json.loads(self.booster.save_raw("json").decode())}

    @classmethod
    def from_json(cls, stored: dict[str, Any], model: M) -> Self:
        """The residual from what `to_json` gave, on top of the model beneath."""
        return cls(model, xgb.Booster(model_file=bytearray(json.dumps(stored["trees"]).encode())))


def _inputs(known: Known) -> Floats:
    """x, silence, age, silence against the own gap, mean amount, recent purchases; shape (customers, 7)."""
    history = known.history
    x, last, age = history.repeat_purchases, history.first_to_last_days, history.age_days
    gap = np.divide(last, x, out=np.full(len(x), np.nan), where=x > 0)
    return np.column_stack([x, age - last, age, (age - last) / gap, known.mean_amount, known.recent_purchases])


def _data(inputs: Floats, expected: Floats, came: Floats | None = None) -> xgb.DMatrix:
    return xgb.DMatrix(inputs, came, base_margin=np.log(np.maximum(expected, LEAST_EXPECTED)), nthread=1)
