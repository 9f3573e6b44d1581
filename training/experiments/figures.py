"""Pictures of a campaign: the looks so far with the intervals that hold at all of them."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from features.text import Language, Text
from training.evaluation.figures import BLUE, LIGHT, ORANGE, Brush, brushes, png
from training.experiments.sequential import LookedAt

TITLES = {
    "retention": Text("Customers kept: change by the action", "留存客户：行动带来的变化"),
    "return": Text("Margin less cost: change by the action", "毛利扣除成本：行动带来的变化"),
}
PLAN = Text("share of the plan that is in", "计划完成比例")
PER_TREATED = Text("{currency} per treated customer", "每位被处理客户（{currency}）")
OF_TREATED = Text("share of the treated", "占被处理客户的比例")
HOLDS = Text("95 % interval that holds at all looks", "在每次查看时均成立的 95% 区间")
NAIVE = Text("interval for a single look", "仅供单次查看的区间")
ESTIMATE = Text("estimate", "估计值")


def looks_figure(looks: Mapping[str, Sequence[LookedAt]], currency: str, brush: Brush) -> Figure:
    """The estimate at each look with its interval, one panel an outcome of ``looks``."""
    figure = Figure(figsize=(4.8 * len(looks), 4.0), layout="constrained")
    panels = figure.subplots(1, len(looks), squeeze=False)[0]
    for axes, (name, path) in zip(panels, looks.items(), strict=True):
        share = [look.share for look in path]
        width = 0.5 / max(len(share), 8)
        axes.axhline(0, color="0.5", linewidth=1)
        axes.use_sticky_edges = False  # the ends of a bar are an interval's, and need room
        axes.bar(
            share,
            [look.high - look.low for look in path],
            bottom=[look.low for look in path],
            width=width,
            color=LIGHT,
            label=brush.say(HOLDS),
        )
        axes.vlines(
            share,
            [look.naive_low for look in path],
            [look.naive_high for look in path],
            color=ORANGE,
            linewidth=1.5,
            label=brush.say(NAIVE),
        )
        axes.plot(share, [look.value for look in path], color=BLUE, marker="o", markersize=4, label=brush.say(ESTIMATE))
        axes.set_xlim(0, 1.05)
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        if name == "retention":
            axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=1))
        else:
            axes.yaxis.set_major_formatter("{x:,.0f}")
        unit = OF_TREATED if name == "retention" else PER_TREATED.format(currency=currency)
        brush.finish(axes, TITLES[name], PLAN, unit, legend=False)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, prop={**brush.font, "size": 8.5})
    return figure


def campaign_pictures(looks: Mapping[str, Sequence[LookedAt]], currency: str) -> dict[tuple[str, Language], bytes]:
    """The picture "looks" as PNG in each language that can be drawn here; none where nothing was seen yet."""
    seen = {name: path for name, path in looks.items() if path}
    if not seen:
        return {}
    return {("looks", language): png(looks_figure(seen, currency, brush)) for language, brush in brushes().items()}
