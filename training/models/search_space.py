"""Which parameters of a candidate are searched, and what they are when nobody searches."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

from training.models.churn import LOGISTIC_PARAMETERS, XGBOOST_PARAMETERS

if TYPE_CHECKING:  # who fits with parameters need not load what searches them
    import optuna

Kind = Literal["xgboost", "logistic"]
Parameters = dict[str, float | None]
"""Names as XGBoost and scikit-learn have them, and ``half_life_days`` of a row's weight (None: all count the same)."""

HALF_LIVES_DAYS = (None, 720.0, 360.0, 180.0, 90.0)


@dataclass(frozen=True)
class Space:
    """What is searched: ``ranges`` (low, high) drawn in logarithms, ``shares`` drawn evenly, ``depths`` whole numbers."""

    defaults: Parameters
    ranges: Mapping[str, tuple[float, float]]
    shares: Mapping[str, tuple[float, float]]
    depths: Mapping[str, tuple[int, int]]

    def draw(self, trial: "optuna.Trial") -> Parameters:
        """Parameters for a trial, in the order in which they stand here."""
        return {
            **{name: trial.suggest_int(name, *borders) for name, borders in self.depths.items()},
            **{name: trial.suggest_float(name, *borders, log=True) for name, borders in self.ranges.items()},
            **{name: trial.suggest_float(name, *borders) for name, borders in self.shares.items()},
            "half_life_days": cast("float | None", trial.suggest_categorical("half_life_days", HALF_LIVES_DAYS)),
        }


def of_model(parameters: Parameters) -> Parameters:
    """The parameters that the model takes itself; ``half_life_days`` is about its rows."""
    return {name: value for name, value in parameters.items() if name != "half_life_days"}


def _defaults(parameters: Mapping[str, object], *names: str) -> Parameters:
    return {**{name: cast(float, parameters[name]) for name in names}, "half_life_days": None}


SPACES: dict[Kind, Space] = {
    "xgboost": Space(
        _defaults(
            XGBOOST_PARAMETERS, "max_depth", "eta", "min_child_weight", "subsample", "colsample_bytree", "lambda"
        ),
        ranges={"eta": (0.03, 0.15), "min_child_weight": (2.0, 200.0), "lambda": (0.5, 50.0)},
        shares={"subsample": (0.5, 1.0), "colsample_bytree": (0.2, 1.0)},
        depths={"max_depth": (2, 5)},
    ),
    "logistic": Space(_defaults(LOGISTIC_PARAMETERS, "C"), ranges={"C": (0.001, 10.0)}, shares={}, depths={}),
}
