"""Curves that a model of when must beat: everybody alike, everybody at the own rhythm, and the purchase models."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from training.durations import Durations
from training.evaluation.survival import kaplan_meier
from training.models.purchases.history import PurchaseHistory
from training.models.purchases.model import PurchaseModel
from training.models.timing.curves import SurvivalCurves

Floats = NDArray[np.float64]

GAP = "gap_mean_days"
MARGINAL = "marginal"
OWN_RHYTHM = "own_rhythm"


def baseline_curves(
    fit: Durations, frame: pd.DataFrame, edges_days: Floats, purchase_models: Mapping[str, PurchaseModel] | None = None
) -> dict[str, SurvivalCurves]:
    """Curves of the rows of ``frame`` by name: 'marginal', 'own_rhythm' where there are gaps, and the purchase models'.

    ``fit`` are the durations that the model may learn from; ``purchase_models`` are fitted on what was known then.
    """
    baselines = {MARGINAL: marginal_curves(fit, edges_days, len(frame))}
    if GAP in frame:
        baselines[OWN_RHYTHM] = own_rhythm_curves(frame, baselines[MARGINAL])
    for name, model in (purchase_models or {}).items():
        baselines[name] = purchase_curves(model, frame, edges_days)
    return baselines


def marginal_curves(fit: Durations, edges_days: Floats, rows: int) -> SurvivalCurves:
    """The Kaplan–Meier estimate of the fitting rows, the same for everybody."""
    survival = kaplan_meier(fit.days, fit.observed).until(edges_days)
    return SurvivalCurves.from_survival(edges_days, np.broadcast_to(survival, (rows, len(edges_days))))


def own_rhythm_curves(frame: pd.DataFrame, others: SurvivalCurves) -> SurvivalCurves:
    """Exponential times at each customer's own mean gap; who bought fewer than two times has the curve of ``others``."""
    gap = frame[GAP].to_numpy(dtype=np.float64)[:, None]
    own = others.edges_days / np.where(gap > 0, gap, np.nan)
    return SurvivalCurves(others.edges_days, np.where(np.isnan(own), others.cumulative_hazard, own))


def purchase_curves(model: PurchaseModel, frame: pd.DataFrame, edges_days: Floats) -> SurvivalCurves:
    """What a model of repeat purchases says: its probability that nothing is bought until each edge.

    Raises FactsError: a row has no purchase.
    """
    history = PurchaseHistory.from_snapshot(frame)
    survival = np.stack([model.probability_of_no_purchase(history, float(day)) for day in edges_days], axis=1)
    return SurvivalCurves.from_survival(edges_days, survival)
