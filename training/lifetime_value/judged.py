"""How good a model of lifetime value was on days that it had not seen: as figures and as sentences."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from features.text import Text
from training.lifetime_value.expectations import MEASURES, Past
from training.lifetime_value.intervals import Intervals
from training.lifetime_value.stored_forecast import title_of
from training.models.purchases.choice import Choice

MAY_BUY = 0.5
"""Of whom fewer purchases are expected, most buy nothing; their intervals hold more often than they promise."""

_BESIDE = Text(
    "How often customers buy is foretold by {model}, chosen on the last {days:.0f} days: there its forecasts were off by"
    " {ours:.2f} purchase days a customer on average, each customer's own rate so far by {own:.2f}, and 'nobody comes back' by"
    " {nobody:.2f}. All purchases together were {said}.",
    "预测购买次数采用{model}，根据最近 {days:.0f} 天选出：其预测平均每位客户偏差 {ours:.2f} 个购买日，"
    "按各客户以往频率推算的偏差为 {own:.2f}，假设无人再来的偏差为 {nobody:.2f}。总购买次数{said}。",
)
_TOO_MANY = Text("said {share:.1%} too high", "高估 {share:.1%}")
_TOO_FEW = Text("said {share:.1%} too low", "低估 {share:.1%}")
_HELD = Text(
    "90 % intervals learnt until {days:.0f} days before, of customers who may well buy, held what came in {purchases:.1%} (purchases),"
    " {revenue:.1%} (revenue) and {value:.1%} (lifetime value) of the cases; of all {customers} customers in {all_purchases:.1%},"
    " {all_revenue:.1%} and {all_value:.1%}, as most of those who have left buy nothing, as foretold.",
    "用 {days:.0f} 天之前的数据得出的 90% 区间，对较可能购买的客户，覆盖实际结果的比例为：购买次数 {purchases:.1%}、收入 {revenue:.1%}、"
    "终身价值 {value:.1%}；对全部 {customers} 位客户分别为 {all_purchases:.1%}、{all_revenue:.1%} 和 {all_value:.1%}，"
    "因为已离开的客户大多如预测那样不再购买。",
)
_NOT_TESTED = Text(
    "The history is too short to say how often intervals hold; they were learnt from one window.",
    "历史太短，无法检验区间的覆盖率；区间仅由一个时间窗得出。",
)
_SHORTER = Text(
    "The intervals were learnt from windows of {window:.0f} days and carried over to {horizon} days, as the history holds no"
    " longer ones; take them as rough.",
    "由于历史长度不足，区间由 {window:.0f} 天的时间窗得出并推广到 {horizon} 天，仅供粗略参考。",
)
_NEGATIVE = Text(
    "Customers who have cost us more than they brought until now: {negative}; their value may come out below 0.",
    "有 {negative} 位客户至今带来的毛利为负，其终身价值可能低于 0。",
)


@dataclass(frozen=True)
class Judged:
    """``errors`` of purchases by candidate and figure, in the last ``judged_days``. ``coverage``: the share of customers
    whose outcome lay in their interval, by measure, and by ``MEASURE_may_buy`` among those of whom half a purchase or more
    was expected, with intervals from before the last ``window_days``; ``money_mae`` in currency beside ``MEASURE_own_rate``;
    ``total_error`` in shares. All three are empty where the history is too short. ``negative`` customers have a
    margin below 0 until now.
    """

    errors: Mapping[str, Mapping[str, float]]
    judged_days: float
    window_days: float
    coverage: Mapping[str, float]
    money_mae: Mapping[str, float]
    total_error: Mapping[str, float]
    customers: int
    negative: int

    def metrics(self) -> dict[str, float]:
        """All figures, as FIGURE_CANDIDATE or FIGURE_MEASURE; what is not a number is left out."""
        found = {f"{figure}_{name}": value for name, of in self.errors.items() for figure, value in of.items()}
        found |= {f"coverage_{name}": value for name, value in self.coverage.items()}
        found |= {f"mae_{name}": value for name, value in self.money_mae.items()}
        found |= {f"total_error_{name}": value for name, value in self.total_error.items()}
        found |= {"customers_with_negative_margin": self.negative}
        return {name: float(value) for name, value in found.items() if np.isfinite(value)}

    def said(self, chosen: str, horizon_days: int) -> list[Text]:
        """The same in sentences."""
        ours, own, nobody = (self.errors[name] for name in (chosen, "own_rate", "nobody_returns"))
        total = ours["total_error"]
        off = (_TOO_MANY if total >= 0 else _TOO_FEW).format(share=abs(total))
        beside = _BESIDE.format(
            model=title_of(chosen),
            days=self.judged_days,
            ours=ours["mae"],
            own=own["mae"],
            nobody=nobody["mae"],
            said=off,
        )
        sentences = [beside, self._held()]
        if self.window_days < horizon_days:
            sentences.append(_SHORTER.format(window=self.window_days, horizon=horizon_days))
        if self.negative:
            sentences.append(_NEGATIVE.format(negative=self.negative))
        return sentences

    def _held(self) -> Text:
        if not self.coverage:
            return _NOT_TESTED
        of_buyers = {m: self.coverage.get(f"{m}_may_buy", self.coverage[m]) for m in MEASURES}
        of_all = {f"all_{m}": self.coverage[m] for m in MEASURES}
        return _HELD.format(days=self.window_days, customers=self.customers, **of_buyers, **of_all)

    def to_json(self) -> dict[str, Any]:
        """The figures as a dict that JSON can hold; what is not a number is None."""
        stored = asdict(self)
        stored["errors"] = {
            name: {figure: value if np.isfinite(value) else None for figure, value in of.items()}
            for name, of in self.errors.items()
        }
        return stored

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """The figures from what `to_json` gave."""
        errors = {
            name: {figure: np.nan if value is None else float(value) for figure, value in of.items()}
            for name, of in stored["errors"].items()
        }
        return cls(**{**stored, "errors": errors})


def judged(
    choice: Choice,
    window_days: float,
    intervals: Mapping[str, Intervals] | None,
    last: Past,
    own_rate: Mapping[str, np.ndarray[tuple[int, ...], np.dtype[np.float64]]],
    negative: int,
) -> Judged:
    """How ``intervals``, learnt before the ``last`` window, and forecasts fitted before it did in it.

    ``own_rate``: what each customer's own rate so far foretells of revenue and value.
    """
    coverage: dict[str, float] = {}
    may_buy = last.expected["purchases"].purchases >= MAY_BUY
    for measure, of in (intervals or {}).items():
        low, high = of.of(last.expected[measure])
        held = (low <= last.came[measure]) & (last.came[measure] <= high)
        coverage[measure] = float(held.mean())
        if may_buy.any():
            coverage[f"{measure}_may_buy"] = float(held[may_buy].mean())
    money_mae, total_error = {}, {}
    for measure, said in own_rate.items():
        came, ours = last.came[measure], last.expected[measure].value
        money_mae[measure] = float(np.abs(ours - came).mean())
        money_mae[f"{measure}_own_rate"] = float(np.abs(said - came).mean())
        total_error[measure] = float(ours.sum() / came.sum() - 1) if came.sum() else 0.0
    return Judged(
        errors={name: errors.as_dict() for name, errors in choice.errors.items()},
        judged_days=choice.judged_days,
        window_days=window_days,
        coverage=coverage,
        money_mae=money_mae,
        total_error=total_error,
        customers=len(may_buy),
        negative=negative,
    )
