"""A candidate fitted with any parameters in the folds of training, and what it says of the customers held out."""

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
import optuna
import pandas as pd
import xgboost as xgb
from joblib import Parallel, delayed
from numpy.typing import NDArray

from training.dataset import LABEL
from training.models.churn import LogisticChurn, boost_until_flat, matrix
from training.models.fitting import folds_of
from training.models.row_weights import recency_weights
from training.models.search_space import SPACES, Kind, Parameters, of_model

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class FoldRun:
    """A model of one fold: its mean log-loss on the held-out rows after each round, and their log-odds after some."""

    by_round: Floats
    log_odds: Callable[[int], Floats]


class FoldTask:
    """A candidate on one frame: fits the folds with any parameters."""

    def __init__(
        self, kind: Kind, frame: pd.DataFrame, features: list[str], seed: int, categories: Collection[str] = ()
    ) -> None:
        self.categories = categories
        self.kind, self.space, self.seed = kind, SPACES[kind], seed
        self.features = features
        self.frame = frame
        self.churned = frame[LABEL].to_numpy(dtype=np.float64)
        self.folds = folds_of(frame)
        self.held_out = np.concatenate([out for _, out in self.folds])

    def fingerprint(self) -> str:
        """The same for the same data, features, seed and space, so that no other search is taken up."""
        rows = pd.util.hash_pandas_object(self.frame[["customer_id", "as_of", LABEL, *self.features]], index=False)
        said = repr((self.kind, self.space, self.features, self.seed, optuna.__version__, xgb.__version__))
        return hashlib.sha256(rows.to_numpy().tobytes() + said.encode()).hexdigest()[:16]

    def run(self, fold: int, parameters: Parameters) -> FoldRun:
        """Fit on the rows of a fold and look at those it holds out."""
        fit, out = self.folds[fold]
        chosen = of_model(parameters)
        every_weight = recency_weights(self.frame, parameters["half_life_days"])
        weight = None if every_weight is None else every_weight[fit]
        if self.kind == "logistic":
            model = LogisticChurn.fit(
                self.frame.iloc[fit], self.churned[fit], self.features, self.categories, chosen, weight
            )
            margin = model.log_odds(self.frame.iloc[out])
            return FoldRun(np.array([log_losses(margin, self.churned[out]).mean()]), lambda _: margin)
        values = self.frame[self.features]
        held_out = values.iloc[out]
        booster, by_round = boost_until_flat(
            values.iloc[fit], self.churned[fit], held_out, self.churned[out], self.seed, self.categories, chosen, weight
        )
        names, categories = self.features, self.categories
        return FoldRun(by_round, lambda rounds: _margin(booster, matrix(held_out, names, categories), rounds))

    def run_all(self, folds: Sequence[int], parameters: Parameters) -> list[FoldRun]:
        """The runs of several folds, side by side."""
        runs: list[FoldRun] = Parallel(n_jobs=-1, prefer="threads")(delayed(self.run)(f, parameters) for f in folds)
        return runs

    def losses(self, runs: Sequence[FoldRun]) -> Floats:
        """The log-loss of each held-out row, at the number of rounds that is best over all folds."""
        shortest = min(len(run.by_round) for run in runs)
        rounds = int(np.argmin(np.mean([run.by_round[:shortest] for run in runs], axis=0))) + 1
        return log_losses(np.concatenate([run.log_odds(rounds) for run in runs]), self.churned[self.held_out])


def _margin(booster: xgb.Booster, data: xgb.DMatrix, rounds: int) -> Floats:
    margin = booster.predict(data, output_margin=True, iteration_range=(0, rounds))
    return np.asarray(margin, dtype=np.float64)


def log_losses(log_odds: Floats, churned: Floats) -> Floats:
    """The log-loss of each row in nats, shape (rows,)."""
    return np.asarray(np.logaddexp(0, np.where(churned == 1, -log_odds, log_odds)))
