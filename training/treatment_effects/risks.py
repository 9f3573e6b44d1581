"""Who is gone already, and who is here and will leave: the two risks, of which actions can change but the second.

Silence confounds them: most of those who are silent in a horizon have left before it. So the outcomes are made with later sight.
Whoever was never seen again is gone; whoever was seen, but last within the horizon, left in it, as far as its silence
since then tells: the label is the probability that the customer is gone by now.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
import xgboost as xgb
from joblib import Parallel, delayed
from numpy.typing import NDArray

from features.progress import Progress, silent
from features.text import Text

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

FOLDS = 3
ROUNDS = 300
PARAMETERS: dict[str, Any] = {
    "objective": "binary:logistic",
    "tree_method": "hist",
    "max_depth": 3,
    "eta": 0.05,
    "min_child_weight": 30,
    "subsample": 0.8,
    "colsample_bytree": 0.5,
    "reg_lambda": 5,
    "nthread": 1,
}
LEAST, MOST = 1e-5, 1 - 1e-4
"""Probabilities are kept within, so that hazards stay finite."""


@dataclass(frozen=True)
class CrossFitted:
    """A probability from as many boosters as there are folds; each customer is scored by the one that never saw it.

    Without that, a booster knows its own customers by heart, and what it says of them is no expectation (Chernozhukov et
    al. 2018, "Double/debiased machine learning").
    """

    boosters: tuple[xgb.Booster, ...]
    features: tuple[str, ...]

    @classmethod
    def fit(cls, frame: pd.DataFrame, outcome: Floats, features: Sequence[str], rows: Flags, seed: int) -> Self:
        """Learn from the marked rows; an outcome may be a probability."""
        names, values = tuple(features), frame[list(features)].to_numpy(dtype=np.float32)
        fold = fold_of(frame)
        parameters = {**PARAMETERS, "seed": seed}

        def one(number: int) -> xgb.Booster:
            used = rows & (fold != number)
            return xgb.train(parameters, xgb.DMatrix(values[used], outcome[used]), ROUNDS)

        return cls(tuple(Parallel(n_jobs=-1, prefer="threads")(delayed(one)(k) for k in range(FOLDS))), names)

    def probability(self, frame: pd.DataFrame) -> Floats:
        """Of each row, shape (rows,); ``frame`` holds customer_id and the features."""
        values, fold = frame[list(self.features)].to_numpy(dtype=np.float32), fold_of(frame)
        found = np.empty(len(frame))
        for number, booster in enumerate(self.boosters):
            here = fold == number
            if here.any():
                found[here] = booster.inplace_predict(values[here])
        return np.clip(found, LEAST, MOST)

    def as_json(self) -> dict[str, Any]:
        """The boosters in XGBoost's own JSON."""
        return {
            "features": list(self.features),
            "boosters": [json.loads(bytes(one.save_raw("json"))) for one in self.boosters],
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Read what `as_json` gave."""
        return cls(tuple(_booster(one) for one in document["boosters"]), tuple(document["features"]))


def _booster(document: Any) -> xgb.Booster:
    booster = xgb.Booster({"nthread": 1})
    booster.load_model(bytearray(json.dumps(document).encode()))
    return booster


def fold_of(frame: pd.DataFrame) -> NDArray[np.int64]:
    """The fold of each row's customer, by the hash of its id: the same in training and later."""
    hashes = pd.util.hash_array(frame["customer_id"].to_numpy(dtype=object))
    return np.asarray(hashes % np.uint64(FOLDS), dtype=np.int64)


@dataclass(frozen=True)
class Risks:
    """Probabilities that customers are gone already, and that they are here and leave within the horizon."""

    gone: CrossFitted
    leaves: CrossFitted


@dataclass(frozen=True)
class Sight:
    """What later sight tells of rows (customer x cut-off).

    ``seen_days`` is when the customer was last seen (days from the cut-off, negative: before it; -inf: never), ``later_days``
    how long it could have been; ``is_treated`` marks rows that show what happens with an action.
    """

    seen_days: Floats
    later_days: Floats
    is_treated: Flags
    is_now: Flags
    """Rows at the end of what is known, of which only the features count."""


def fit_risks(
    frame: pd.DataFrame,
    sight: Sight,
    features: Sequence[str],
    horizon_days: int,
    seed: int,
    progress: Progress = silent,
) -> tuple[Risks, Floats]:
    """Both risks, learnt from rows without action; and of every row the label of having left in the horizon.

    That is NaN where the horizon is not over. Whoever is not among the rows of now was silent for too long: it is gone.
    """
    progress(Text("who is gone already", "哪些客户已经流失"), 0.0)
    untreated = ~sight.is_treated & ~sight.is_now
    seen_long = untreated & (sight.later_days >= horizon_days)
    gone = CrossFitted.fit(frame, (sight.seen_days < 0).astype(np.float64), features, seen_long, seed)
    now = frame[sight.is_now]
    gone_now = pd.Series(gone.probability(now), index=now["customer_id"].to_numpy())
    sure = gone_now.reindex(frame["customer_id"].to_numpy()).fillna(1.0).to_numpy(dtype=np.float64)
    last_seen_in_it = (sight.seen_days >= 0) & (sight.seen_days < horizon_days)
    is_over = ~sight.is_now & (sight.later_days >= horizon_days)
    left = np.where(is_over, last_seen_in_it * sure, np.nan)
    progress(Text("who is here and will leave", "哪些在册客户即将流失"), 0.5)
    return Risks(gone, CrossFitted.fit(frame, left, features, untreated & is_over, seed)), left
