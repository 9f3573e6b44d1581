"""How good probabilities are: ranking, calibration and lift, each against what came true."""

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

Floats = NDArray[np.float64]

CALIBRATION_BINS = 10
BOOTSTRAP_ROUNDS = 200
LEAST_PROBABILITY = 1e-12


@dataclass(frozen=True)
class Metrics:
    """Metrics of one model on one cut-off. All but the lift lie in [0, 1]; ``auc_low``/``_high`` bound 95 %."""

    rows: int
    churn_rate: float
    auc: float
    auc_low: float
    auc_high: float
    pr_auc: float
    brier: float
    log_loss: float
    calibration_error: float
    top_decile_lift: float

    def as_dict(self) -> dict[str, float]:
        """The metrics by name, as MLflow takes them."""
        return {name: float(value) for name, value in asdict(self).items()}


def evaluate(churned: NDArray[np.int64], probability: Floats, seed: int = 0) -> Metrics:
    """All metrics of probabilities against outcomes (both of shape (rows,); both outcomes must occur)."""
    low, high = auc_interval(churned, probability, seed)
    return Metrics(
        rows=len(churned),
        churn_rate=float(np.mean(churned)),
        auc=float(roc_auc_score(churned, probability)),
        auc_low=low,
        auc_high=high,
        pr_auc=float(average_precision_score(churned, probability)),
        brier=float(brier_score_loss(churned, probability)),
        log_loss=float(log_losses(churned, probability).mean()),
        calibration_error=calibration_error(churned, probability),
        top_decile_lift=top_decile_lift(churned, probability),
    )


def reliability(
    churned: NDArray[np.int64], probability: Floats, bins: int = CALIBRATION_BINS
) -> list[tuple[float, float, int]]:
    """Mean probability, observed rate and size of each of ``bins`` bins of equal mass, by rising probability.

    Equal probabilities are never torn apart by the order of the rows: outcomes are averaged within ties first.
    """
    order = np.argsort(probability, kind="stable")
    _, tie = np.unique(probability[order], return_inverse=True)
    within = np.bincount(tie, weights=churned[order]) / np.bincount(tie)
    observed, ordered = within[tie], probability[order]
    parts = [part for part in np.array_split(np.arange(len(order)), bins) if len(part)]
    return [(float(ordered[p].mean()), float(observed[p].mean()), len(p)) for p in parts]


def calibration_error(churned: NDArray[np.int64], probability: Floats, bins: int = CALIBRATION_BINS) -> float:
    """Expected calibration error over bins of equal mass: the mean gap between probability and observed rate."""
    parts = reliability(churned, probability, bins)
    return sum(abs(mean - rate) * size for mean, rate, size in parts) / len(churned)


def top_decile_lift(churned: NDArray[np.int64], probability: Floats) -> float:
    """Churn rate among the tenth with the highest probability, over the overall rate (1: no better than chance).

    Where ties straddle the border, they count with their mean rate.
    """
    size = max(1, round(len(churned) / 10))
    border = np.partition(probability, -size)[-size]
    above, tied = probability > border, probability == border
    churners = churned[above].sum() + (size - above.sum()) * churned[tied].mean()
    return float(churners / size / churned.mean())


def auc_interval(churned: NDArray[np.int64], probability: Floats, seed: int) -> tuple[float, float]:
    """95 % interval of the AUC by bootstrap over customers (percentiles of 200 resamples)."""
    generator = np.random.default_rng(seed)
    distinct, place = np.unique(probability, return_inverse=True)
    values = []
    for _ in range(BOOTSTRAP_ROUNDS):
        rows = generator.integers(0, len(churned), len(churned))
        left = np.bincount(place[rows], weights=churned[rows], minlength=len(distinct))
        stayed = np.bincount(place[rows], weights=1 - churned[rows], minlength=len(distinct))
        if left.any() and stayed.any():
            values.append(_auc(left, stayed))
    return float(np.quantile(values, 0.025)), float(np.quantile(values, 0.975))


def _auc(left: NDArray[np.number], stayed: NDArray[np.number]) -> float:
    """AUC from the numbers who left and who stayed at each distinct probability, by rising probability."""
    return float(left @ (np.cumsum(stayed) - stayed / 2) / (left.sum() * stayed.sum()))


def auc_gain(churned: NDArray[np.int64], probability: Floats, baseline: Floats | None = None) -> tuple[float, float]:
    """How much higher the AUC is than the baseline's (without one: than 0), and the standard error over customers.

    Both rank the same customers, which the error takes into account; DeLong, DeLong and Clarke-Pearson 1988.
    """
    left, stayed = _placements(churned, probability)
    if baseline is not None:
        left_before, stayed_before = _placements(churned, baseline)
        left, stayed = left - left_before, stayed - stayed_before
    return float(left.mean()), float(np.sqrt(left.var(ddof=1) / len(left) + stayed.var(ddof=1) / len(stayed)))


def _placements(churned: NDArray[np.int64], probability: Floats) -> tuple[Floats, Floats]:
    """For each who left, the share of those who stayed with a lower probability, ties by half; and the reverse."""
    left, stayed = probability[churned == 1], probability[churned == 0]
    return _share_below(stayed, left), 1 - _share_below(left, stayed)


def _share_below(values: Floats, borders: Floats) -> Floats:
    """For each border the share of values below it, equal ones by half."""
    ordered = np.sort(values)
    places = ordered.searchsorted(borders, "left") + ordered.searchsorted(borders, "right")
    return np.asarray(places / (2 * len(values)), dtype=np.float64)


def log_loss_gain(churned: NDArray[np.int64], probability: Floats, baseline: Floats) -> tuple[float, float]:
    """How much lower the log-loss is than the baseline's, in nats a row, and the standard error of that difference."""
    gains = log_losses(churned, baseline) - log_losses(churned, probability)
    return float(gains.mean()), float(gains.std(ddof=1) / np.sqrt(len(gains)))


def log_losses(churned: NDArray[np.int64], probability: Floats) -> Floats:
    """Negative log of the probability given to what came true, in nats, shape (rows,)."""
    truth = np.where(churned == 1, probability, 1 - probability)
    return np.asarray(-np.log(np.maximum(truth, LEAST_PROBABILITY)))
