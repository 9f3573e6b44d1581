"""When customers act: the model of times as one part of a training, judged beside its baselines."""

from collections.abc import Mapping
from dataclasses import dataclass

from features.errors import NotEnoughDataError, RetinueError
from training.loading import TrainingData
from training.models.purchases.bg_nbd import BgNbd
from training.models.purchases.history import AGE_DAYS, FIRST_TO_LAST_DAYS, PURCHASE_DAYS, PurchaseHistory
from training.models.timing.baselines import baseline_curves
from training.models.timing.fit import Timing, fit_timing
from training.models.timing.judge import TimingMetrics, judge_timing

MODEL = "timing"
"""The model's name beside those of its baselines."""


@dataclass(frozen=True)
class When:
    """The model of times to serve, and how its judged copy and the baselines did on the test."""

    timing: Timing
    metrics: Mapping[str, TimingMetrics]


def learn_when(data: TrainingData, horizon_days: int, seed: int) -> When | None:
    """Fit and judge the model of times; None where leaving has no instant, or too few events were seen."""
    if data.times is None:
        return None
    try:
        judged = fit_timing(data.fit, data.times.fit, data.names, horizon_days, seed)
        served = fit_timing(data.labelled, data.times.labelled, data.names, horizon_days, seed)
    except NotEnoughDataError:
        return None
    curves = {MODEL: judged.curves(data.test)}
    models = _purchase_models(data)
    curves |= baseline_curves(data.times.fit, data.test, judged.edges_days, models)
    return When(served, judge_timing(curves, data.test, data.times.test, seed))


def _purchase_models(data: TrainingData) -> dict[str, BgNbd]:
    """BG/NBD fitted on the latest cut-off that the judged model may know; nothing without purchases."""
    if not {PURCHASE_DAYS, FIRST_TO_LAST_DAYS, AGE_DAYS} <= set(data.names):
        return {}
    latest = data.fit[data.fit["as_of"] == data.fit["as_of"].max()]
    try:
        return {BgNbd.kind: BgNbd.fit(PurchaseHistory.from_snapshot(latest)).model}
    except RetinueError:  # a baseline that cannot be fitted is no reason to stop a training
        return {}
