"""What the chosen forecast would have said on earlier days, and what came: for intervals, and to judge them."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from features.errors import NotEnoughDataError
from features.text import Text
from training.lifetime_value.expectations import MEASURES, Past, expectations
from training.lifetime_value.intervals import Intervals
from training.lifetime_value.money import Money, nearest_margin
from training.lifetime_value.record import Record
from training.models.purchases.choice import CANDIDATES, Fits
from training.models.purchases.outlook import force_per_day

Floats = NDArray[np.float64]

MOST_WINDOWS = 4
LEAST_FORECASTS = 50
"""So many customers with a known outcome are the least that intervals are learnt from."""


@dataclass(frozen=True)
class Backtest:
    """The candidate ``name`` on the earlier days of a record, each asked once."""

    record: Record
    fits: Fits
    name: str
    horizon_days: float
    discount_per_year: float
    seed: int
    _pasts: dict[tuple[float, float, str], Past] = field(default_factory=dict)

    def window_days(self, last_day: float) -> float:
        """How long the windows are that intervals are learnt from: the horizon, or half of what is known if that is less."""
        return float(np.floor(min(self.horizon_days, (last_day - self.record.day.min() + 1) / 2)))

    def pasts(self, last_day: float, margin: str) -> list[Past]:
        """Outcomes of windows that follow each other back from ``last_day``, the latest first, up to `MOST_WINDOWS`.

        Of each window, at least as much time is known before it. Windows without a forecast are left out.
        """
        days = self.window_days(last_day)
        known_days = last_day - self.record.day.min() + 1
        windows = min(MOST_WINDOWS, int(known_days // max(days, 1.0)) - 1)
        found = []
        for window in range(windows):
            try:
                found.append(self.past(last_day - (window + 1) * days, days, margin))
            except NotEnoughDataError:
                break
        return found

    def past(self, day: float, days: float, margin: str) -> Past:
        """What was expected at the end of ``day`` of the ``days`` days after it, and what came.

        Raises NotEnoughDataError: too little was known then for a model.
        """
        if (day, days, margin) not in self._pasts:
            forecast = CANDIDATES[self.name](self.fits, day, self.seed)
            known, earned = self.fits.days.known(day), self.record.earned(day)
            money = Money.fit(earned, margin)
            expected = expectations(forecast, money, known, earned, days, self.discount_per_year)
            bought = self.fits.days.purchases(day, day + days)
            revenue, value = self.record.came(day, day + days, force_per_day(self.discount_per_year))
            came = {name: sums[known.customers] for name, sums in zip(MEASURES, (bought, revenue, value), strict=True)}
            self._pasts[day, days, margin] = Past(expected, came, days)
        return self._pasts[day, days, margin]

    def intervals(self, last_day: float, margin: str) -> dict[str, Intervals]:
        """Intervals as they can be learnt at the end of ``last_day``, by measure.

        Raises NotEnoughDataError: there were too few customers with a known outcome.
        """
        pasts = self.pasts(last_day, margin)
        forecasts = sum(len(past.came["purchases"]) for past in pasts)
        if forecasts < LEAST_FORECASTS:
            raise NotEnoughDataError(
                Text(
                    "Intervals of lifetime value are learnt from what came of earlier forecasts; there are {forecasts} of "
                    "them, and {least} are needed. Give a longer history or more customers.",
                    "客户终身价值的区间由以往预测的结果得出；目前有 {forecasts} 个，至少需要 {least} 个。请提供更长的历史或更多客户。",
                ),
                forecasts=forecasts,
                least=LEAST_FORECASTS,
            )
        all_past = pasts[0].together(*pasts[1:])
        return {
            measure: Intervals.fit(
                all_past.expected[measure], all_past.came[measure], measure == "purchases", self.seed
            )
            for measure in MEASURES
        }

    def nearest_margin(self, last_day: float) -> str:
        """The kind of margin model that did best in the last window. Raises NotEnoughDataError: there is none."""
        days = self.window_days(last_day)
        day = last_day - days
        rows = self.fits.days.known(day).customers
        bought = self.fits.days.purchases(day, last_day)[rows]
        return nearest_margin(self.record.earned(day), bought, self.record.came(day, last_day)[1][rows])
