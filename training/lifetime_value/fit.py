"""A model of lifetime value from a company's facts: chosen, calibrated and judged out of time, then fitted on everything."""

from contextlib import suppress
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.errors import NotEnoughDataError
from features.progress import Progress, silent
from features.sources import Facts
from features.text import Text
from training.lifetime_value.backtest import Backtest
from training.lifetime_value.intervals import Intervals
from training.lifetime_value.judged import judged
from training.lifetime_value.lifetime_value import LifetimeValue, Terms, golden_block, golden_rows
from training.lifetime_value.money import Money
from training.lifetime_value.record import Earned, least_amount, read_record
from training.models.purchases.choice import Fits, choose
from training.models.purchases.purchase_days import Known

Floats = NDArray[np.float64]

GOLDEN_ROWS = 20


def fit_lifetime_value(facts: Facts, as_of: datetime, seed: int, progress: Progress = silent) -> LifetimeValue:
    """The lifetime value of the project's customers, learnt from facts that were known before ``as_of`` (aware).

    The forecast of purchases is the one that did best on the last part of the known time; it is then asked what it would
    have said on earlier days, and what came tells the intervals. How these hold is judged on the last window, by
    intervals that were learnt before it. Horizon, discount and share of margin are those of [value].

    Raises FactsError: the project gives no orders. NotEnoughDataError: too few customers came back, or too little time is
    known, for a forecast that can be judged.
    """
    progress(Text("reading purchases", "读取购买记录"), 0.0)
    record, terms = read_record(facts, as_of), Terms.of(facts.project)
    horizon, last_day = float(terms.horizon_days), record.last_day
    fits = Fits(record.days)
    progress(Text("choosing a forecast of purchases", "选择购买预测模型"), 0.1)
    choice = choose(fits, last_day, horizon, seed=seed)
    backtest = Backtest(record, fits, choice.chosen, horizon, terms.discount_per_year, seed)
    margin = backtest.nearest_margin(last_day)
    progress(Text("learning intervals from earlier forecasts", "根据以往预测学习区间"), 0.4)
    intervals = backtest.intervals(last_day, margin)
    window = backtest.window_days(last_day)
    last = backtest.past(last_day - window, window, margin)
    progress(Text("judging the intervals on what came later", "用后来的结果检验区间"), 0.7)
    before: dict[str, Intervals] | None = None
    with suppress(NotEnoughDataError):
        before = backtest.intervals(last_day - window, margin)
    known, earned = fits.days.known(last_day), record.earned(last_day)
    then, earned_then = fits.days.known(last_day - window), record.earned(last_day - window)
    own = _own_rate(then, earned_then, window)
    negative = int((earned.margins.mean_margin < 0).sum())
    stored: dict[str, Any] = {}
    days = earned.amounts.purchase_days
    model = LifetimeValue(
        terms=terms,
        as_of=as_of.isoformat(),
        customers=len(known),
        chosen=choice.chosen,
        forecast=choice.forecast,  # type: ignore[arg-type]  # the candidates of `choose` are these two
        money=Money.fit(earned, margin),
        least_amount=least_amount(days * earned.amounts.mean_amount, days),
        intervals=intervals,
        judged=judged(choice, window, before, last, own, negative),
        golden=stored,
    )
    rows = golden_rows(known, days * earned.amounts.mean_amount, days * earned.margins.mean_margin, GOLDEN_ROWS)
    stored |= {"rows": rows, "said": model.frame_of(golden_block(rows))[model.columns].to_numpy().tolist()}
    return model


def _own_rate(known: Known, earned: Earned, days: float) -> dict[str, Floats]:
    """What each customer's revenue and margin so far amount to in so many days at the same rate."""
    ahead = earned.amounts.purchase_days / np.maximum(known.history.age_days, days) * days
    return {"revenue": ahead * earned.amounts.mean_amount, "value": ahead * earned.margins.mean_margin}
