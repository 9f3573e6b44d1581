"""Pictures of how good a model is, in each language that this machine has letters for."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from features.text import LANGUAGES, Language, Text
from training.evaluation.metrics import reliability

Floats = NDArray[np.float64]

CHINESE_FONTS = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "Microsoft YaHei",
    "PingFang SC",
    "SimHei",
    "WenQuanYi Zen Hei",
)

RELIABILITY = Text("Reliability on the last cut-off", "最后一个截止时间的可靠性")
GAINS = Text("Churners found among those ranked first", "按风险排序可找到的流失客户")
PREDICTED = Text("predicted probability of leaving", "预测流失概率")
OBSERVED = Text("observed share that left", "实际流失比例")
CONTACTED = Text("share of customers, by falling risk", "按风险从高到低的客户占比")
FOUND = Text("share of churners found", "找到的流失客户占比")
PERFECT = Text("perfect", "理想")
CHANCE = Text("by chance", "随机")


def plot_churn(churned: NDArray[np.int64], probabilities: Mapping[str, Floats], directory: Path) -> dict[str, Path]:
    """Write a reliability plot and a gains plot as PNG. ``probabilities`` by model name. Returns paths by file name."""
    made = {}
    for language, font in fonts().items():
        with_font = {"family": font} if font else {}
        figure = Figure(figsize=(11, 4.6), layout="constrained")
        left, right = figure.subplots(1, 2)
        _reliability(left, churned, probabilities, language, with_font)
        _gains(right, churned, probabilities, language, with_font)
        path = directory / f"churn.{language}.png"
        figure.savefig(path, dpi=110)
        made[path.name] = path
    return made


def fonts() -> dict[Language, str | None]:
    """The languages that can be drawn here, with the font that each needs (None: the default one)."""
    present = set(font_manager.get_font_names())
    chinese = next((f for f in CHINESE_FONTS if f in present), None)
    return {language: chinese if language == "zh" else None for language in LANGUAGES if language != "zh" or chinese}


def _reliability(
    axes: Axes,
    churned: NDArray[np.int64],
    probabilities: Mapping[str, Floats],
    language: Language,
    font: dict[str, Any],
) -> None:
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1, label=PERFECT.of(language))
    for name, probability in probabilities.items():
        parts = reliability(churned, probability)
        axes.plot([p[0] for p in parts], [p[1] for p in parts], marker="o", markersize=4, label=name)
    _finish(axes, RELIABILITY, PREDICTED, OBSERVED, language, font)


def _gains(
    axes: Axes,
    churned: NDArray[np.int64],
    probabilities: Mapping[str, Floats],
    language: Language,
    font: dict[str, Any],
) -> None:
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1, label=CHANCE.of(language))
    share = np.arange(len(churned) + 1) / len(churned)
    for name, probability in probabilities.items():
        found = np.cumsum(churned[np.argsort(-probability, kind="stable")]) / churned.sum()
        axes.plot(share, np.concatenate([[0.0], found]), label=name)
    _finish(axes, GAINS, CONTACTED, FOUND, language, font)


def _finish(axes: Axes, title: Text, x: Text, y: Text, language: Language, font: dict[str, Any]) -> None:
    axes.set_title(title.of(language), **font)
    axes.set_xlabel(x.of(language), **font)
    axes.set_ylabel(y.of(language), **font)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.legend(frameon=False, prop=font or None)
