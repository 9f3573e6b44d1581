"""Pictures of receivables: what is open by age, now and over the months, the cash to come, and the credit classes."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from features.ledger.ledger import bucket_columns
from features.ledger.names import BUCKETS
from features.text import Language, Text
from training.evaluation.figures import BLUE, LIGHT, ORANGE, Brush, brushes, png

Floats = NDArray[np.float64]

AGES = (BLUE, "#f2c879", "#eb9a4b", "#d9632f", "#9c2a1f")
"""A colour for each bucket, from what is not yet due to what has been overdue longest."""

AGEING = Text("Open amounts by age", "未结金额的账龄分布")
AGEING_OVER_TIME = Text("Open amounts by age at the ends of the months", "各月末未结金额的账龄分布")
CASH = Text("Cash expected by week", "每周预计收款")
CREDIT_OPEN = Text("Open amounts by credit class", "各信用等级的未结金额")
CREDIT_TRUE = Text("What came true when it was judged", "评估时的实际结果")
AMOUNT = Text("amount, {currency}", "金额（{currency}）")
MONTH_END = Text("month", "月份")
WEEK = Text("week from", "周（起始日）")
CLASS = Text("credit class", "信用等级")
NOT_DUE, OVERDUE = Text("not overdue", "未逾期"), Text("overdue", "已逾期")
FROM_OPEN = Text("from invoices that are open now", "来自现有未结发票")
FROM_NEW = Text("from invoices still to be written", "来自尚未开具的发票")
INTERVAL = Text("80 % interval", "80% 区间")
GREW_OVERDUE = Text("share of customers that grew overdue", "之后逾期的客户占比")
BAR_LABEL = Text("{amount:,.0f}  ({share:.0%})", "{amount:,.0f}（{share:.0%}）")
RATE_LABEL = Text("{rate:.1%}\nof {customers:,}", "{rate:.1%}\n共 {customers:,} 位")
NOTHING = Text(*("", ""))


def ageing_figure(amounts: Sequence[float], currency: str, brush: Brush) -> Figure:
    """A bar for the open amount of each of `features.ledger.names.BUCKETS`, in their order, with its share."""
    figure = Figure(figsize=(7.6, 3.1), layout="constrained")
    axes = figure.subplots()
    values = np.asarray(amounts, dtype=np.float64)
    places, total = np.arange(len(values)), float(values.sum())
    axes.barh(places, values, color=AGES, height=0.7)
    for place, value in zip(places, values, strict=True):
        label = brush.say(BAR_LABEL.format(amount=value, share=value / total if total else 0.0))
        axes.annotate(
            label, (value, place), (5, 0), textcoords="offset points", va="center", fontsize=8.5, **brush.font
        )
    axes.set_yticks(places, [brush.say(bucket.meaning) for bucket in BUCKETS], **brush.font)
    axes.set_ylim(len(values) - 0.4, -0.6)
    axes.set_xlim(0, max(float(values.max()), 1.0) * 1.22)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    brush.finish(axes, AGEING, AMOUNT.format(currency=currency), NOTHING, legend=False)
    return figure


def ageing_over_time_figure(ageing: pd.DataFrame, currency: str, brush: Brush) -> Figure:
    """Stacked bars of the open amounts by age at each month end; ``ageing`` as `Receivables` has it."""
    figure = Figure(figsize=(9.4, 4.2), layout="constrained")
    axes = figure.subplots()
    places, floor = np.arange(len(ageing)), np.zeros(len(ageing))
    for bucket, column, color in zip(BUCKETS, bucket_columns(), AGES, strict=True):
        values = ageing[column.removesuffix("_minor")].to_numpy(dtype=np.float64)
        axes.bar(places, values, bottom=floor, color=color, width=0.75, label=brush.say(bucket.meaning))
        floor = floor + values
    months = [f"{pd.Timestamp(day):%Y-%m}" for day in ageing["month_end"]]
    axes.set_xticks(places, months, rotation=30, ha="right", fontsize=8.5)
    axes.yaxis.set_major_formatter("{x:,.0f}")
    brush.finish(axes, AGEING_OVER_TIME, MONTH_END, AMOUNT.format(currency=currency), legend=False)
    _legend(figure, brush)
    return figure


def cash_figure(cash: pd.DataFrame, currency: str, brush: Brush) -> Figure:
    """The money expected in each week, by where it comes from, with its interval; ``cash`` as `cash_forecast` gives it."""
    figure = Figure(figsize=(8.4, 4.0), layout="constrained")
    axes = figure.subplots()
    places = np.arange(len(cash))
    open_part, new_part, low, high = (
        cash[name].to_numpy(dtype=np.float64) for name in ("from_open", "from_new", "low", "high")
    )
    axes.bar(places, open_part, color=BLUE, width=0.7, label=brush.say(FROM_OPEN))
    axes.bar(places, new_part, bottom=open_part, color=LIGHT, width=0.7, label=brush.say(FROM_NEW))
    axes.vlines(places, low, high, color=ORANGE, linewidth=2, label=brush.say(INTERVAL))
    axes.scatter(np.tile(places, 2), np.concatenate([low, high]), color=ORANGE, marker="_", s=90, zorder=3)
    axes.set_xticks(places, [f"{day:%m-%d}" for day in cash["begins_at"]], fontsize=8.5)
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter("{x:,.0f}")
    brush.finish(axes, CASH, WEEK, AMOUNT.format(currency=currency), legend=False)
    _legend(figure, brush)
    return figure


def credit_figure(classes: pd.DataFrame, currency: str, brush: Brush) -> Figure:
    """What is open in each class, and the share that grew overdue in it out of time.

    ``classes`` has one row a class: credit_class, open, overdue, judged_customers, judged_rate (NaN: none was judged).
    """
    figure = Figure(figsize=(9.6, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    places, names = np.arange(len(classes)), classes["credit_class"].tolist()
    overdue, rate = (classes[name].to_numpy(dtype=np.float64) for name in ("overdue", "judged_rate"))
    rest = classes["open"].to_numpy(dtype=np.float64) - overdue
    left.bar(places, rest, color=BLUE, width=0.7, label=brush.say(NOT_DUE))
    left.bar(places, overdue, bottom=rest, color=ORANGE, width=0.7, label=brush.say(OVERDUE))
    left.yaxis.set_major_formatter("{x:,.0f}")
    right.bar(places, np.nan_to_num(rate), color=BLUE, width=0.7)
    _rates(right, rate, classes["judged_customers"].to_numpy(dtype=np.int64), brush)
    right.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    for axes in (left, right):
        axes.set_xticks(places, names)
    brush.finish(left, CREDIT_OPEN, CLASS, AMOUNT.format(currency=currency))
    brush.finish(right, CREDIT_TRUE, CLASS, GREW_OVERDUE, legend=False)
    return figure


def receivable_pictures(
    amounts: Sequence[float],
    ageing: pd.DataFrame,
    cash: pd.DataFrame | None,
    classes: pd.DataFrame | None,
    currency: str,
) -> dict[tuple[str, Language], bytes]:
    """Every picture as PNG, by name (ageing, ageing_over_time, cash, credit) and each language that can be drawn here.

    What no model tells (``cash`` or ``classes`` is None) is left out.
    """
    drawn: Mapping[str, Callable[[Brush], Figure] | None] = {
        "ageing": lambda brush: ageing_figure(amounts, currency, brush),
        "ageing_over_time": lambda brush: ageing_over_time_figure(ageing, currency, brush),
        "cash": None if cash is None else lambda brush: cash_figure(cash, currency, brush),
        "credit": None if classes is None else lambda brush: credit_figure(classes, currency, brush),
    }
    return {
        (name, language): png(draw(brush))
        for language, brush in brushes().items()
        for name, draw in drawn.items()
        if draw is not None
    }


def _rates(axes: Axes, rates: Floats, customers: NDArray[np.int64], brush: Brush) -> None:
    for place in np.flatnonzero(np.isfinite(rates)):
        label = brush.say(RATE_LABEL.format(rate=rates[place], customers=int(customers[place])))
        axes.annotate(
            label,
            (place, rates[place]),
            (0, 3),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=8,
            **brush.font,
        )
    most = np.nanmax(rates) if np.isfinite(rates).any() else 0.0
    axes.set_ylim(0, max(float(most), 0.01) * 1.25)


def _legend(figure: Figure, brush: Brush) -> None:
    figure.legend(loc="outside lower center", ncols=5, frameon=False, prop={**brush.font, "size": 8.5})
