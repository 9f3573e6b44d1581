"""Pictures of a plan: what comes of contacts in the order of money, and what each action is expected to bring."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from features.text import Language, Text
from training.evaluation.figures import BLUE, LIGHT, Brush, brushes, png

IN_ORDER = Text("Expected profit of the contacts, the best first", "按收益排列的联系名单：累计预期利润")
CONTACTS = Text("contacts made", "已联系的客户数")
PROFIT = Text("expected profit, {currency}", "预期利润（{currency}）")
BELIEVED = Text("between the low and the high ends of the beliefs", "假设的下限与上限之间")
EXPECTED = Text("expected", "预期")
BY_ACTION = Text("Expected profit by action", "各行动的预期利润")
BAR_LABEL = Text("{amount:,.0f}  ({contacts:,} contacts)", "{amount:,.0f}（{contacts:,} 位）")
NOTHING = Text(*("", ""))


def in_order_figure(items: pd.DataFrame, currency: str, brush: Brush) -> Figure:
    """The profit that is expected in all once so many contacts were made; ``items`` as `Plan` has them."""
    figure = Figure(figsize=(7.6, 3.6), layout="constrained")
    axes = figure.subplots()
    made = np.arange(len(items) + 1)
    middle, low, high = (
        np.concatenate([[0.0], items[name].cumsum()])
        for name in ("expected_profit", "expected_profit_low", "expected_profit_high")
    )
    axes.fill_between(made, low, high, color=LIGHT, label=brush.say(BELIEVED))
    axes.plot(made, middle, color=BLUE, label=brush.say(EXPECTED))
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set_xlim(0, max(len(items), 1))
    brush.finish(axes, IN_ORDER, CONTACTS, PROFIT.format(currency=currency))
    return figure


def by_action_figure(items: pd.DataFrame, names: Mapping[str, Text], currency: str, brush: Brush) -> Figure:
    """A bar for what each action is expected to bring (of two together, the first), with its contacts."""
    sums = items.groupby("action")["expected_profit"].agg(["sum", "size"]).sort_values("sum")
    figure = Figure(figsize=(7.6, 1.2 + 0.42 * max(len(sums), 1)), layout="constrained")
    axes = figure.subplots()
    places = np.arange(len(sums))
    axes.barh(places, sums["sum"], color=BLUE, height=0.7)
    for place, (amount, contacts) in enumerate(sums.itertuples(index=False)):
        label = brush.say(BAR_LABEL.format(amount=amount, contacts=contacts))
        axes.annotate(
            label, (amount, place), (5, 0), textcoords="offset points", va="center", fontsize=8.5, **brush.font
        )
    axes.set_yticks(places, [brush.say(names[action]) for action in sums.index], **brush.font)
    axes.set_xlim(0, max(float(sums["sum"].max()) if len(sums) else 1.0, 1.0) * 1.35)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    brush.finish(axes, BY_ACTION, PROFIT.format(currency=currency), NOTHING, legend=False)
    return figure


def plan_pictures(items: pd.DataFrame, names: Mapping[str, Text], currency: str) -> dict[tuple[str, Language], bytes]:
    """PNG files by name and language; none for a plan without contacts."""
    if items.empty:
        return {}
    return {
        (name, language): png(draw)
        for language, brush in brushes().items()
        for name, draw in (
            ("in_order", in_order_figure(items, currency, brush)),
            ("by_action", by_action_figure(items, names, currency, brush)),
        )
    }
