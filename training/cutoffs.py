"""Which past instants a model learns from, and which one it is judged on, so that no label is seen too early."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from features.errors import NotEnoughDataError
from features.text import Text

MOST_CUTOFFS = 24
CUTOFFS_PER_HORIZON = 6
LEAST_STEP_DAYS = 7


@dataclass(frozen=True)
class Schedule:
    """Cut-offs in ascending order.

    The labels of ``labelled`` are complete at ``as_of``: the served model learns from them. Those of ``fit`` are
    complete at ``test``: the model that is judged on ``test`` learns from them.
    """

    as_of: datetime
    labelled: tuple[datetime, ...]
    fit: tuple[datetime, ...]
    test: datetime


def step_of(horizon_days: int) -> timedelta:
    """From one cut-off to the next."""
    return timedelta(days=max(LEAST_STEP_DAYS, horizon_days // CUTOFFS_PER_HORIZON))


def schedule(first_fact: datetime, as_of: datetime, horizon_days: int) -> Schedule:
    """Cut-offs at even steps back from ``as_of`` less the horizon, at least one horizon after the first fact.

    The last one is the test. A purge of one horizon separates it from those that the judged model is fitted on, since
    their labels look that far ahead.
    Raises NotEnoughDataError: the facts span less than three horizons (the last of them rounded up to whole steps).
    """
    horizon = timedelta(days=horizon_days)
    step = step_of(horizon_days)
    last, earliest = as_of - horizon, first_fact + horizon
    cutoffs = sorted(last - i * step for i in range(MOST_CUTOFFS + CUTOFFS_PER_HORIZON) if last - i * step >= earliest)
    fit = tuple(c for c in cutoffs if c + horizon <= last)
    if not fit:
        raise NotEnoughDataError(
            Text(
                "The facts before {as_of:%Y-%m-%d} span {days} days; training with a horizon of {horizon} days needs at"
                " least {need}. Give older facts, or set a shorter [churn] horizon_days.",
                "{as_of:%Y-%m-%d} 之前的数据跨度为 {days} 天；以 {horizon} 天为预测期训练至少需要 {need} 天。"
                "请提供更早的数据，或在 [churn] 中设置更短的 horizon_days。",
            ),
            as_of=as_of,
            days=max((as_of - first_fact).days, 0),
            horizon=horizon_days,
            need=2 * horizon_days + -(-horizon_days // step.days) * step.days,
        )
    return Schedule(as_of, tuple(cutoffs), fit, last)
