"""Pictures of retention curves: the curves themselves, and all cohorts at a glance, with what was not seen yet left blank."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator

from features.text import Language, Text
from training.evaluation.figures import BLUE, CURVES, Brush, brushes, png
from training.retention_curves import SEEN, UNITS, RetentionCurves, Unit

MOST_CURVES = 5
MOST_COHORTS = 24
MOST_PERIODS = 24
LABELLED_CELLS = 150
"""Up to so many cells carry their figure."""


@dataclass(frozen=True)
class Shown:
    """What a picture shows of the cells, with its words and the way its figures are written."""

    column: str
    curves: Text
    axis: Text
    written: Callable[[float], str]


SHOWN: dict[str, Shown] = {
    "retention": Shown(
        "retention",
        Text("Share that still buys", "仍有购买的客户占比"),
        Text("share of the cohort's customers that bought", "该批客户中有购买者占比"),
        lambda value: f"{value:.0%}",
    ),
    "cohort_profit": Shown(
        "profit",
        Text("Profit per customer", "每位客户的利润"),
        Text("profit per customer of the cohort, {currency}", "该批每位客户的利润（{currency}）"),
        lambda value: f"{value:,.0f}" if abs(value) < 1e5 else f"{value:.2g}",
    ),
}
"""The pictures, by name."""

COHORTS = Text("By cohort of the first purchase", "按首次购买批次")
PERIOD = Text("{step} of the relationship (1: from the first purchase on)", "合作的第几{step}（1：自首次购买起）")
COHORT = Text("first purchase in", "首次购买时间")
ALL = Text("all cohorts", "全部批次")


def retention_figure(curves: RetentionCurves, shown: Shown, currency: str, brush: Brush) -> Figure:
    """The latest cohorts' curves beside all of them together, and a map of the cohorts."""
    figure = Figure(figsize=(12.5, 4.8), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.35])
    _curves(left, curves, shown, currency, brush)
    _map(right, curves, shown, brush)
    return figure


def retention_pictures(curves: RetentionCurves, currency: str) -> dict[tuple[str, Language], bytes]:
    """Each picture as PNG, by name (`SHOWN`) and language."""
    return {
        (name, language): png(retention_figure(curves, shown, currency, brush))
        for language, brush in brushes().items()
        for name, shown in SHOWN.items()
    }


def cohort_title(day: pd.Timestamp, unit: Unit) -> str:
    """A cohort as people write it: 2024, 2024 Q3, 2024-07."""
    if unit == "year":
        return f"{day.year}"
    return f"{day.year} Q{day.quarter}" if unit == "quarter" else f"{day:%Y-%m}"


def _curves(axes: Axes, curves: RetentionCurves, shown: Shown, currency: str, brush: Brush) -> None:
    table = curves.table(shown.column).dropna(thresh=2).tail(MOST_CURVES)
    for color, (day, values) in zip(CURVES[1:], table.iloc[::-1].iterrows(), strict=False):
        known = values.dropna()
        title = cohort_title(pd.Timestamp(str(day)), curves.cohort)
        axes.plot(known.index + 1, known, color=color, linewidth=1.2, marker="o", markersize=3, label=title)
    pooled = curves.pooled[curves.pooled["followed"] > 0]
    axes.plot(pooled["period"] + 1, pooled[shown.column], color=BLUE, linewidth=2.4, zorder=3, label=brush.say(ALL))
    axes.set_xlim(left=0.7)
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _place: shown.written(value)))
    if shown.column == "retention":
        axes.set_ylim(0, 1.03)
    brush.finish(axes, shown.curves, PERIOD.format(step=UNITS[curves.step]), shown.axis.format(currency=currency))


def _map(axes: Axes, curves: RetentionCurves, shown: Shown, brush: Brush) -> None:
    values = curves.table(shown.column).tail(MOST_COHORTS).iloc[:, :MOST_PERIODS]
    seen = curves.table("seen").reindex(index=values.index, columns=values.columns)
    numbers = values.to_numpy(dtype=np.float64)
    shades = ListedColormap(np.linspace([0.96, 0.97, 0.99], [0.12, 0.37, 0.66], 256).tolist(), name="shades")
    first = numbers[:, 1:] if shown.column == "retention" and numbers.shape[1] > 1 else numbers
    # the first period is 100 % by definition: it must not flatten the others
    low, high = (0.0, np.nanmax(first)) if np.isfinite(first).any() else (0.0, 1.0)
    low = min(low, np.nanmin(numbers))
    # what was seen makes a stair: the legend lies in the corner below it
    axes.imshow(np.ma.masked_invalid(numbers), cmap=shades, vmin=low, vmax=max(high, low + 1e-9), aspect="auto")
    for row, column in np.argwhere(seen.to_numpy() != "whole"):
        axes.add_patch(_cell(str(seen.iat[row, column]), (column - 0.5, row - 0.5)))
    if numbers.size <= LABELLED_CELLS:
        for row, column in np.argwhere(np.isfinite(numbers)):
            value = numbers[row, column]
            is_dark = value - low > 0.55 * (high - low)
            axes.text(
                column, row, shown.written(value), ha="center", va="center", fontsize=8,
                color="white" if is_dark else "0.15",
            )  # fmt: skip
    axes.set_yticks(
        range(len(values)), [cohort_title(pd.Timestamp(str(d)), curves.cohort) for d in values.index], fontsize=8
    )
    step = max(1, round(values.shape[1] / 12))
    axes.set_xticks(range(0, values.shape[1], step), [str(n + 1) for n in range(0, values.shape[1], step)])
    brush.finish(axes, COHORTS, PERIOD.format(step=UNITS[curves.step]), COHORT, legend=False)
    axes.grid(visible=False)
    axes.legend(
        [_cell("part"), _cell("unseen")],
        [brush.say(SEEN["part"]), brush.say(SEEN["unseen"])],
        loc="lower right",
        frameon=True,
        framealpha=0.9,
        prop={**brush.font, "size": 8},
    )


def _cell(seen: str, corner: tuple[float, float] = (0, 0)) -> Rectangle:
    """A cell that was seen in part (hatched), or not at all (grey)."""
    if seen == "part":
        return Rectangle(corner, 1, 1, fill=False, hatch="////", edgecolor="0.55", linewidth=0)
    return Rectangle(corner, 1, 1, facecolor="0.9", linewidth=0)
