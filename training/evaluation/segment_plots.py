"""Pictures of groups of customers: how they move (matrix and flow), and what they bring (map of shares and value)."""

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path as Outline
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from features.text import Language, Text
from training.evaluation.figures import BLUE, ORANGE, Brush, brushes, png
from training.migration import ARRIVED, ENDS, GONE, Alarm, Migration

Floats = NDArray[np.float64]

BEFORE = Text("before", "之前")
AFTER = Text("after", "之后")
SHARE_MOVED = Text("share of the row's customers", "占本行客户的比例")
CELL = Text("{customers:,}\n{share:.0%}", "{customers:,}\n{share:.0%}")
ALARMING = Text("framed: more frequent than usual", "带框：比通常更频繁")
FALLING = Text("falls", "下降")
OTHERS = Text("stays, rises and arrivals", "保持、上升与新增")
FLOW_LABEL = Text("{title}  {customers:,}", "{title}  {customers:,}")
CUSTOMERS = Text("share of the customers", "客户占比")
VALUE = Text("share of the spend", "消费额占比")
SHARES = Text("share of all, and how many times the mean a customer brings", "占总体的比例；括号内为人均消费与平均之比")
MAP_LABEL = Text("{title} ({ratio:.1f}×)", "{title}（{ratio:.1f} 倍）")

BAR_WIDTH = 0.035
GAP = 0.02
"""Between two bars of the flow, of its height."""
DARK_FROM = 0.55
"""Share from which a cell is so dark that its text is white."""
LEAST_LABEL_DISTANCE = 0.05


def matrix_figure(
    moves: Migration,
    title: Text,
    brush: Brush,
    alarms: Sequence[Alarm] = (),
    names: Mapping[str, Text] | None = None,
) -> Figure:
    """Where the customers of each row went, in customers and as a share of the row; alarming falls are framed."""
    titles, (rows, columns) = _titles(moves, names), _shown(moves)
    origins, targets = (*moves.labels, ARRIVED), (*moves.labels, GONE)
    counts = moves.counts[np.ix_(rows, columns)]
    share = counts / np.maximum(moves.counts.sum(axis=1)[rows], 1)[:, None]
    figure = Figure(figsize=(2.6 + 0.95 * len(columns), 1.6 + 0.62 * len(rows)), layout="constrained")
    axes = figure.subplots()
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    framed = {(alarm.origin, alarm.target) for alarm in alarms}
    for (i, j), count in np.ndenumerate(counts):
        if count:
            text = brush.say(CELL.format(customers=int(count), share=share[i, j]))
            axes.text(j, i, text, ha="center", va="center", fontsize=8, color=_ink(share[i, j]), **brush.font)
        if (origins[rows[i]], targets[columns[j]]) in framed:
            axes.add_patch(Rectangle((j - 0.47, i - 0.46), 0.94, 0.92, fill=False, edgecolor=ORANGE, linewidth=2.2))
    axes.set_xticks(
        range(len(columns)),
        [brush.say(titles[targets[c]]) for c in columns],
        rotation=30,
        ha="right",
        fontsize=8.5,
        **brush.font,
    )
    axes.set_yticks(range(len(rows)), [brush.say(titles[origins[r]]) for r in rows], fontsize=8.5, **brush.font)
    brush.finish(axes, title, AFTER, BEFORE, legend=False)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    note = Text(*(f"{a}; {b}" for a, b in zip(SHARE_MOVED, ALARMING, strict=True))) if framed else SHARE_MOVED
    figure.supxlabel(brush.say(note), fontsize=8, color="0.4", x=0.99, ha="right", **brush.font)
    return figure


def flow_figure(moves: Migration, title: Text, brush: Brush, names: Mapping[str, Text] | None = None) -> Figure:
    """Bands from each label before to each label after, as wide as there are customers; falls stand out."""
    titles = _titles(moves, names)
    rows, columns = (np.flatnonzero(moves.counts.sum(axis=axis)).tolist() for axis in (1, 0))
    counts = moves.counts[np.ix_(rows, columns)].astype(np.float64)
    falls = moves.falls()[np.ix_(rows, columns)]
    figure = Figure(figsize=(8.4, 1.4 + 0.62 * max(len(rows), len(columns))), layout="constrained")
    axes = figure.subplots()
    total = max(counts.sum(), 1.0)
    left, right = _stacked(counts.sum(axis=1) / total), _stacked(counts.sum(axis=0) / total)
    used_left, used_right = left[:, 0].copy(), right[:, 0].copy()
    for (i, j), count in np.ndenumerate(counts):
        width = count / total
        if width > 0:
            axes.add_patch(
                _band(
                    float(used_left[i]), float(used_right[j]), width, ORANGE if falls[i, j] else BLUE, bool(falls[i, j])
                )
            )
        used_left[i] += width
        used_right[j] += width
    origins = [titles[(*moves.labels, ARRIVED)[r]] for r in rows]
    targets = [titles[(*moves.labels, GONE)[c]] for c in columns]
    _bars(axes, left, counts.sum(axis=1), origins, 0.0, "right", brush)
    _bars(axes, right, counts.sum(axis=0), targets, 1.0, "left", brush)
    axes.set_xlim(-0.42, 1.42)
    axes.set_ylim(max(left.max(), right.max()) + 0.02, -0.08)
    axes.axis("off")
    axes.set_title(brush.say(title), fontsize=11, loc="left", **brush.font)
    for x, side in ((0.0, BEFORE), (1.0, AFTER)):
        axes.text(x, -0.04, brush.say(side), ha="center", color="0.4", **brush.font)
    keys = [Rectangle((0, 0), 1, 1, color=color, alpha=0.5, linewidth=0) for color in (ORANGE, BLUE)]
    labels = [brush.say(FALLING), brush.say(OTHERS)]
    figure.legend(keys, labels, loc="outside lower center", ncols=2, frameon=False, prop={**brush.font, "size": 8.5})
    return figure


def map_figure(titles: Sequence[Text], share: Floats, value_share: Floats, title: Text, brush: Brush) -> Figure:
    """What share of the customers and of the spend each group has, the group that brings most for its size first.

    ``titles``, ``share`` and ``value_share`` have one entry a group; groups without customers are left out.
    """
    some = np.flatnonzero(share > 0)
    ratio = value_share[some] / share[some]
    order = some[np.argsort(-ratio, kind="stable")]
    figure = Figure(figsize=(7.6, 1.6 + 0.4 * len(order)), layout="constrained")
    axes = figure.subplots()
    rows = np.arange(len(order))
    more = value_share[order] >= share[order]
    axes.hlines(rows, share[order], value_share[order], color=np.where(more, BLUE, ORANGE), linewidth=3, alpha=0.45)
    axes.scatter(share[order], rows, s=42, color="0.55", zorder=3, label=brush.say(CUSTOMERS))
    axes.scatter(value_share[order], rows, s=58, color=BLUE, zorder=4, label=brush.say(VALUE))
    axes.set_yticks(
        rows,
        [brush.say(MAP_LABEL.format(title=titles[i], ratio=value_share[i] / share[i])) for i in order],
        fontsize=8.5,
        **brush.font,
    )
    axes.set_ylim(len(order) - 0.5, -0.5)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    brush.finish(axes, title, SHARES, Text(*("", "")), legend=False)
    figure.legend(loc="outside lower right", ncols=2, frameon=False, prop={**brush.font, "size": 8.5})
    return figure


def migration_pictures(
    moves: Migration, title: Text, alarms: Sequence[Alarm] = (), names: Mapping[str, Text] | None = None
) -> dict[tuple[str, Language], bytes]:
    """The matrix and the flow as PNG, by name (matrix, flow) and each language that can be drawn here."""
    made = {}
    for language, brush in brushes().items():
        made["matrix", language] = png(matrix_figure(moves, title, brush, alarms, names))
        made["flow", language] = png(flow_figure(moves, title, brush, names))
    return made


def _titles(moves: Migration, names: Mapping[str, Text] | None) -> Mapping[str, Text]:
    return {**moves.scale.titles, **ENDS, **(names or {})}


def _shown(moves: Migration) -> tuple[list[int], list[int]]:
    """Rows and columns that anybody stands in; a label with customers on either side stands on both."""
    rows, columns = moves.counts.sum(axis=1) > 0, moves.counts.sum(axis=0) > 0
    labels = [i for i in range(len(moves.labels)) if rows[i] or columns[i]]
    last = len(moves.labels)
    return labels + [last] * bool(rows[last]), labels + [last] * bool(columns[last])


def _ink(share: float) -> str:
    return "white" if share >= DARK_FROM else "0.15"


def _stacked(heights: Floats) -> Floats:
    """Where bars of these heights begin and end, one below the other, shape (bars, 2)."""
    begins = np.concatenate([[0.0], np.cumsum(heights + GAP)[:-1]])
    return np.stack([begins, begins + heights], axis=1)


def _band(left: float, right: float, width: float, color: str, is_fall: bool) -> PathPatch:
    x0, x1, middle = BAR_WIDTH, 1 - BAR_WIDTH, 0.5
    points = [
        *((x0, left), (middle, left), (middle, right), (x1, right)),
        *((x1, right + width), (middle, right + width), (middle, left + width), (x0, left + width), (x0, left)),
    ]
    curve = Outline.CURVE4
    codes = [Outline.MOVETO, curve, curve, curve, Outline.LINETO, curve, curve, curve, Outline.CLOSEPOLY]
    return PathPatch(Outline(points, codes), facecolor=color, alpha=0.6 if is_fall else 0.22, linewidth=0)


def _bars(
    axes: Axes, ends: Floats, customers: Floats, titles: Collection[Text], x: float, side: str, brush: Brush
) -> None:
    middles = _spread((ends[:, 0] + ends[:, 1]) / 2, LEAST_LABEL_DISTANCE)
    for (begin, end), count, name, middle in zip(ends, customers, titles, middles, strict=True):
        axes.add_patch(Rectangle((x - BAR_WIDTH, begin), 2 * BAR_WIDTH, end - begin, color="0.35", linewidth=0))
        axes.text(
            x + (-1 if side == "right" else 1) * (BAR_WIDTH + 0.015),
            middle,
            brush.say(FLOW_LABEL.format(title=name, customers=int(count))),
            ha=side,
            va="center",
            fontsize=8.5,
            **brush.font,
        )


def _spread(places: Floats, least: float) -> Floats:
    """Places of labels, those too near to each other moved up in their order."""
    order = np.argsort(places, kind="stable")
    spread = places.astype(np.float64).copy()
    for before, here in pairwise(order):
        spread[here] = max(spread[here], spread[before] + least)
    return spread
