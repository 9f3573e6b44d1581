"""Pictures of a judgement for a report: calibration, gains and lift, money, cut-offs, groups; one figure each."""

import io
import re
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from features.text import Language, Text
from training.evaluation.calibration import reliability_bins
from training.evaluation.groups import Group
from training.evaluation.judged import Judged
from training.evaluation.plots import CHANCE, CONTACTED, FOUND, OBSERVED, PERFECT, PREDICTED, fonts
from training.evaluation.profit import DecisionCosts, profit_curve, profit_of_contact, worth_contacting
from training.evaluation.titles import model_title

Floats = NDArray[np.float64]

DOTS_PER_INCH = 120
LATIN_FONT = "DejaVu Sans"
BLUE, ORANGE, LIGHT = "#1f5fa8", "#d9730d", "#c9d7ea"
CURVES = (BLUE, ORANGE, "#3a8f5c", "#8a5fb0", "#b5485d", "#4b5563")
"""A colour for each model that is drawn; further ones are not."""
MOST_GROUPS = 12

RELIABILITY = Text("Does the probability come true?", "预测概率是否应验？")
HISTOGRAM = Text("customers", "客户数")
INTERVAL = Text("95 % interval", "95% 区间")
GAINS = Text("Churners found", "找到的流失客户")
LIFT = Text("Times better than chance", "相对随机的倍数")
LIFT_AXIS = Text("churn rate of those contacted / of all", "所联系客户的流失率 / 总体流失率")
MONEY = Text("Profit by share contacted", "不同联系比例下的利润")
MONEY_AXIS = Text("profit per 1,000 customers, {currency}", "每千位客户的利润（{currency}）")
BY_PROFIT = Text("ranked by expected profit", "按预期利润排序")
BY_RISK = Text("ranked by risk", "按流失风险排序")
SERVED = Text("what the model would do", "模型的选择")
FORESEEN = Text("knowing who leaves", "预知谁会流失")
SHARE = Text("share of customers contacted", "所联系的客户占比")
OVER_TIME = Text("Ranking at each cut-off", "各截止时间的排序能力")
LEVEL_OVER_TIME = Text("Level at each cut-off", "各截止时间的概率水平")
AUC_AXIS = Text("AUC (0.5: chance, 1: perfect)", "AUC（0.5：随机，1：完美）")
RATE_AXIS = Text("share of customers", "客户占比")
LEFT = Text("left", "实际流失")
FORETOLD = Text("foretold", "预测流失")
GROUPS = Text("Foretold and real churn by {attribute}", "按{attribute}：预测与实际流失率")
ROWS = Text("{title}  ({rows:,} rows)", "{title}（{rows:,} 行）")


class Brush:
    """A language with the fonts that it needs, and the way our axes look.

    Names of groups and models may be in any language: each brush falls back on the other one's letters.
    """

    def __init__(self, language: Language, chinese: str | None) -> None:
        self.language = language
        families = [LATIN_FONT, *([chinese] if chinese else [])]
        self.font: dict[str, Any] = {"family": families if language == "en" else families[::-1]}

    def finish(self, axes: Axes, title: Text, x: Text, y: Text, legend: bool = True) -> None:
        """Title, labels with units, a light grid, and a legend that hides nothing."""
        axes.set_title(self.say(title), fontsize=11, loc="left", **self.font)
        axes.set_xlabel(self.say(x), **self.font)
        axes.set_ylabel(self.say(y), **self.font)
        axes.grid(color="0.92", linewidth=0.8)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        if legend:
            axes.legend(frameon=False, prop={**self.font, "size": 8.5})

    def say(self, text: Text) -> str:
        """The text in this brush's language; a dollar sign is one, and begins no formula."""
        return text.of(self.language).replace("$", "\\$")


def brushes() -> dict[Language, Brush]:
    """A brush for each language that this machine has letters for."""
    drawable = fonts()
    return {language: Brush(language, drawable.get("zh")) for language in drawable}


def png(figure: Figure) -> bytes:
    """The figure as a PNG file; the same figure gives the same bytes."""
    file = io.BytesIO()
    with warnings.catch_warnings():
        # a group's name may have letters that no font here has: they are drawn as boxes
        warnings.filterwarnings("ignore", message="Glyph")
        figure.savefig(file, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
    return file.getvalue()


def reliability_figure(judged: Judged, brush: Brush) -> Figure:
    """Observed against foretold share with interval, and below it how many customers have which probability."""
    figure = Figure(figsize=(5.6, 5.2), layout="constrained")
    axes, below = figure.subplots(2, 1, height_ratios=[4, 1], sharex=True)
    bins = reliability_bins(judged.churned, judged.probability, judged.customers)
    x = [part.probability for part in bins]
    end = max(judged.probability.max(), *(part.observed.high for part in bins)) * 1.05
    end = 1.0 if end > 0.9 else end
    axes.plot([0, end], [0, end], color="0.6", linewidth=1, linestyle="--", label=brush.say(PERFECT))
    axes.fill_between(
        x,
        [p.observed.low for p in bins],
        [p.observed.high for p in bins],
        color=LIGHT,
        linewidth=0,
        label=brush.say(INTERVAL),
    )
    axes.plot(
        x,
        [p.observed.value for p in bins],
        color=BLUE,
        marker="o",
        markersize=4,
        label=brush.say(model_title(judged.chosen)),
    )
    axes.set(xlim=(0, end), ylim=(0, end))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    brush.finish(axes, RELIABILITY, Text(*("", "")), OBSERVED)
    below.hist(judged.probability, bins=np.linspace(0, end, 41).tolist(), color=BLUE)
    below.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    below.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    brush.finish(below, Text(*("", "")), PREDICTED, HISTOGRAM, legend=False)
    return figure


def gains_figure(judged: Judged, brush: Brush) -> Figure:
    """Churners found and lift by share of customers, of the chosen model and the others."""
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot([0, 1], [0, 1], color="0.6", linewidth=1, linestyle="--", label=brush.say(CHANCE))
    right.axhline(1, color="0.6", linewidth=1, linestyle="--", label=brush.say(CHANCE))
    share = np.arange(len(judged.churned) + 1) / len(judged.churned)
    # the lift of the first few customers is noise
    least = min(0.1, max(0.01, 20 / len(judged.churned)))
    for name, color in zip(_curves(judged), CURVES, strict=False):
        found = _gains(judged.churned, judged.probabilities[name])
        width, above = (2.2, 3) if name == judged.chosen else (1.2, 2)
        left.plot(share, found, color=color, linewidth=width, zorder=above, label=brush.say(model_title(name)))
        shown = share >= least
        right.plot(
            share[shown],
            found[shown] / share[shown],
            color=color,
            linewidth=width,
            zorder=above,
            label=brush.say(model_title(name)),
        )
    left.set(xlim=(0, 1), ylim=(0, 1))
    right.set_xlim(0, 1)
    right.set_ylim(bottom=0)
    for axes in (left, right):
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    left.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    brush.finish(left, GAINS, CONTACTED, FOUND)
    brush.finish(right, LIFT, CONTACTED, LIFT_AXIS)
    return figure


def profit_figure(judged: Judged, costs: DecisionCosts, currency: str, brush: Brush) -> Figure:
    """Profit when the first so many are contacted, ranked by expected profit, by risk, and with foresight."""
    figure = Figure(figsize=(7, 4.4), layout="constrained")
    axes = figure.subplots()
    expected = profit_of_contact(judged.probability, judged.value, costs)
    realised = profit_of_contact(judged.churned, judged.value, costs)
    for ranking, title, color, style in (
        (realised, FORESEEN, "0.6", "--"),
        (expected, BY_PROFIT, BLUE, "-"),
        (judged.probability, BY_RISK, ORANGE, "-"),
    ):
        share, profit = profit_curve(judged, ranking, costs)
        axes.plot(share, profit, color=color, linestyle=style, linewidth=1.8, label=brush.say(title))
    known = np.isfinite(judged.value)
    contacted = worth_contacting(judged.probability, judged.value, costs)[known]
    axes.plot(
        [contacted.mean()],
        [(realised[known] * contacted).mean() * 1000],
        color=BLUE,
        marker="o",
        markersize=8,
        linestyle="none",
        label=brush.say(SERVED),
    )
    axes.axhline(0, color="0.3", linewidth=0.8)
    axes.set_xlim(0, 1)
    # contacting everybody may cost far more than any choice can bring: what matters lies above
    best, worst = profit_curve(judged, realised, costs)[1].max(), profit_curve(judged, expected, costs)[1].min()
    axes.set_ylim(max(worst, -best) - 0.08 * best if best > 0 else None, best * 1.08 if best > 0 else None)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.yaxis.set_major_formatter("{x:,.0f}")
    brush.finish(axes, MONEY, SHARE, MONEY_AXIS.format(currency=currency))
    return figure


def cutoffs_figure(groups: Sequence[Group], brush: Brush) -> Figure:
    """AUC, and foretold against real churn, at each cut-off with their intervals."""
    figure = Figure(figsize=(10, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    _series(left, groups, "auc", BLUE, "AUC")
    left.axhline(0.5, color="0.6", linewidth=1, linestyle="--", label=brush.say(CHANCE))
    left.set_ylim(min([0.45, *(g.figures["auc"].low - 0.02 for g in groups if "auc" in g.figures)]), 1)
    _series(right, groups, "churn_rate", ORANGE, brush.say(LEFT))
    _series(right, groups, "mean_probability", BLUE, brush.say(FORETOLD))
    right.set_ylim(0, None)
    right.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    places = _thinned(len(groups))
    for axes in (left, right):
        axes.set_xlim(-0.5, len(groups) - 0.5)
        axes.set_xticks(
            places, [brush.say(groups[i].title) for i in places], rotation=30, ha="right", fontsize=8, **brush.font
        )
    brush.finish(left, OVER_TIME, Text(*("", "")), AUC_AXIS)
    brush.finish(right, LEVEL_OVER_TIME, Text(*("", "")), RATE_AXIS)
    return figure


def groups_figure(groups: Sequence[Group], attribute: Text, brush: Brush) -> Figure | None:
    """Foretold and real churn of each group with interval; None where no group is large enough."""
    shown = [group for group in groups if group.enough][:MOST_GROUPS]
    if not shown:
        return None
    figure = Figure(figsize=(7, 1.5 + 0.42 * len(shown)), layout="constrained")
    axes = figure.subplots()
    places = np.arange(len(shown))
    for name, title, color, marker, shift in (
        ("churn_rate", LEFT, ORANGE, "o", -0.12),
        ("mean_probability", FORETOLD, BLUE, "D", 0.12),
    ):
        values = [group.figures[name] for group in shown]
        axes.errorbar(
            [v.value for v in values],
            places + shift,
            xerr=_arms([(v.value, v.low, v.high) for v in values]),
            fmt=marker,
            markersize=5,
            capsize=3,
            linewidth=1.4,
            color=color,
            label=brush.say(title),
        )
    labels = [brush.say(ROWS.format(title=group.title, rows=group.rows)) for group in shown]
    axes.set_yticks(places, labels, **brush.font)
    axes.set_ylim(len(shown) - 0.5, -0.5)
    axes.set_xlim(left=max(0.0, axes.get_xlim()[0]))
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    brush.finish(axes, GROUPS.format(attribute=attribute), RATE_AXIS, Text(*("", "")), legend=False)
    figure.legend(loc="outside lower right", ncols=2, frameon=False, prop={**brush.font, "size": 8.5})
    return figure


def group_picture(column: str) -> str:
    """The name of the picture of one attribute, fit for a file."""
    return "group_" + re.sub(r"\W+", "_", column)


def pictures(
    judged: Judged,
    cutoffs: Sequence[Group],
    groups: dict[str, tuple[Text, Sequence[Group]]],
    costs: DecisionCosts | None,
    currency: str,
) -> dict[tuple[str, Language], bytes]:
    """Every picture as PNG, by name and language; what cannot be drawn (no values, one cut-off) is left out."""
    money = costs if np.isfinite(judged.value).any() else None
    drawn: dict[str, Callable[[Brush], Figure | None]] = {
        "reliability": lambda brush: reliability_figure(judged, brush),
        "gains": lambda brush: gains_figure(judged, brush),
        "profit": lambda brush: profit_figure(judged, money, currency, brush) if money else None,
        "cutoffs": lambda brush: cutoffs_figure(cutoffs, brush) if len(cutoffs) > 1 else None,
    }
    for column, (title, of_column) in groups.items():
        drawn[group_picture(column)] = lambda brush, t=title, g=of_column: groups_figure(g, t, brush)  # type: ignore[misc]
    made = {(name, lang): draw(brush) for lang, brush in brushes().items() for name, draw in drawn.items()}
    return {key: png(figure) for key, figure in made.items() if figure is not None}


def _curves(judged: Judged) -> list[str]:
    # a constant ranks nobody: it is the line of chance
    others = [n for n, p in judged.probabilities.items() if n != judged.chosen and np.ptp(p) > 0]
    return [judged.chosen, *others]


def _gains(churned: NDArray[np.int64], probability: Floats) -> Floats:
    """Share of churners among the first so many, equal probabilities with their mean rate; shape (rows + 1,)."""
    order = np.argsort(-probability, kind="stable")
    _, tie = np.unique(-probability[order], return_inverse=True)
    within = (np.bincount(tie, weights=churned[order]) / np.bincount(tie))[tie]
    return np.asarray(np.concatenate([[0.0], np.cumsum(within)]) / max(churned.sum(), 1), dtype=np.float64)


def _series(axes: Axes, groups: Sequence[Group], name: str, color: str, label: str) -> None:
    known = [(i, g.figures[name]) for i, g in enumerate(groups) if name in g.figures]
    axes.errorbar(
        [i for i, _ in known],
        [e.value for _, e in known],
        yerr=_arms([(e.value, e.low, e.high) for _, e in known]),
        color=color,
        marker="o",
        markersize=4,
        capsize=2,
        linewidth=1.4,
        label=label,
    )


def _arms(ends: Sequence[tuple[float, float, float]]) -> Floats:
    """Lengths of the error bars to both sides, shape (2, points)."""
    if not ends:
        return np.zeros((2, 0))
    values = np.array(ends)
    arms = np.array([values[:, 0] - values[:, 1], values[:, 2] - values[:, 0]])
    return np.asarray(np.maximum(0, np.nan_to_num(arms)), dtype=np.float64)


def _thinned(count: int, most: int = 10) -> list[int]:
    return sorted({round(place) for place in np.linspace(0, count - 1, min(count, most))})
