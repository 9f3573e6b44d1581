"""Pictures of a purchase model: tracking over time, how many buy how often, and what came against what was said.

The four are those by which the literature judges such models (Fader, Hardie & Lee 2005, Marketing Science 24(2)).
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from features.text import Language, Text
from training.evaluation.figures import BLUE, ORANGE, Brush, brushes, png
from training.models.purchases.history import PurchaseHistory
from training.models.purchases.model import CountModel
from training.models.purchases.purchase_days import PurchaseDays

Floats = NDArray[np.float64]

WEEK_DAYS = 7
CURVED_DAYS = 70
"""So long after a first purchase the expected purchases are asked for every day."""
MOST_SHOWN = 7
"""Customers with so many repeat purchases or more are shown as one."""
SILENCE_EDGES_DAYS = (0, 14, 28, 56, 91, 140, 196, 273, 365)

TRACKING = Text("Repeat purchases over time", "重复购买随时间的变化")
WEEKLY = Text("Repeat purchases each week", "每周重复购买")
WEEK = Text("week", "周")
CUMULATIVE = Text("repeat purchases so far", "累计重复购买次数")
IN_WEEK = Text("repeat purchases in the week", "当周重复购买次数")
CUTOFF = Text("known until here", "已知数据截止")
HISTOGRAM = Text("How many customers came back how often", "不同重复购买次数的客户数")
REPEATS = Text("repeat purchases until the cut-off", "截止前的重复购买次数")
CUSTOMERS = Text("customers", "客户数")
BY_REPEATS = Text("Purchases after the cut-off, by those before", "按截止前购买次数：截止后的购买")
BY_SILENCE = Text("Purchases after the cut-off, by silence before", "按截止前沉默时间：截止后的购买")
MEAN_PURCHASES = Text("mean purchases within {days:.0f} days", "{days:.0f} 天内的平均购买次数")
SILENCE = Text("days since the last purchase", "距上次购买的天数")
CAME = Text("came", "实际")
SAID = Text("model", "模型")


@dataclass(frozen=True)
class Tracking:
    """Repeat purchases until the end of each of ``weeks``, counted from the first day: what ``came``, and the model's
    mean; the cut-off lies at ``cutoff_week``.
    """

    weeks: Floats
    came: Floats
    expected: Floats
    cutoff_week: float


@dataclass(frozen=True)
class ByGroup:
    """Groups of customers, each of shape (groups,): how many, and mean purchases that ``came`` and were ``expected``."""

    labels: tuple[str, ...]
    customers: Floats
    came: Floats
    expected: Floats


def tracking(model: CountModel, days: PurchaseDays, last_day: float, horizon_days: float) -> Tracking:
    """What a model that was fitted at the end of ``last_day`` says of all weeks, of those who had bought by then.

    Before the cut-off as after it, what is expected of a customer is that of somebody who has just bought first; so a
    model is shown that knows when customers came, and nothing of what they did since.
    """
    known = days.known(last_day)
    begin, end = float(days.day.min()), last_day + horizon_days
    weeks = np.arange(1, int((end - begin) // WEEK_DAYS) + 1, dtype=np.float64)
    first = last_day - known.history.age_days
    mine = np.isin(days.customer, known.customers)
    bought = np.sort(days.day[mine])
    until = begin + WEEK_DAYS * weeks - 1
    came = np.searchsorted(bought, until, side="right") - np.searchsorted(np.sort(first), until, side="right")
    starts, customers = np.unique(first, return_counts=True)
    new = PurchaseHistory.of([0], [0], [0])
    longest = int(end - begin)
    # later on it grows almost in a straight line from week to week
    asked = np.unique([*range(min(CURVED_DAYS, longest)), *range(CURVED_DAYS, longest, WEEK_DAYS), longest])
    said = [model.expected_purchases(new, float(age))[0] for age in asked]
    by_age = np.interp(np.arange(longest + 1), asked, said)
    ages = np.clip(until[:, None] - starts, 0, longest).astype(np.int64)
    return Tracking(weeks, came.astype(np.float64), by_age[ages] @ customers, (last_day + 1 - begin) / WEEK_DAYS)


def frequencies(model: CountModel, history: PurchaseHistory) -> ByGroup:
    """How many customers made 0, 1, 2, … repeat purchases until the cut-off, and how many the model has of each."""
    ages, customers = np.unique(history.age_days, return_counts=True)
    new = PurchaseHistory.of([0], [0], [0])
    counts = np.arange(1, MOST_SHOWN + 1, dtype=np.float64)
    at_least = np.array([[model.probability_of_at_least(new, np.array([n]), age)[0] for n in counts] for age in ages])
    above = np.concatenate([[customers.sum()], customers @ at_least, [0.0]])
    came = np.bincount(np.minimum(history.repeat_purchases, MOST_SHOWN).astype(np.int64), minlength=MOST_SHOWN + 1)
    return ByGroup(_counted(), came.astype(np.float64), came.astype(np.float64), -np.diff(above))


def by_repeats(history: PurchaseHistory, expected: Floats, came: Floats) -> ByGroup:
    """Mean purchases after the cut-off of customers with 0, 1, 2, … repeat purchases before it."""
    return _grouped(np.minimum(history.repeat_purchases, MOST_SHOWN).astype(np.int64), _counted(), expected, came)


def by_silence(history: PurchaseHistory, expected: Floats, came: Floats) -> ByGroup:
    """Mean purchases after the cut-off by the days since the last purchase before it."""
    silence = history.age_days - history.first_to_last_days
    edges = np.array(SILENCE_EDGES_DAYS, dtype=np.float64)
    labels = [f"{low:.0f}–{high - 1:.0f}" for low, high in itertools.pairwise(edges)]
    group = np.searchsorted(edges, silence, side="right") - 1
    return _grouped(group.astype(np.int64), (*labels, f"{edges[-1]:.0f}+"), expected, came)


def tracking_figure(told: Tracking, brush: Brush) -> Figure:
    """Cumulative and weekly repeat purchases, model against truth, with the cut-off between them."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for axes, change in ((left, False), (right, True)):
        for what, label, color, style in ((told.came, CAME, ORANGE, "-"), (told.expected, SAID, BLUE, "--")):
            shown = np.diff(what, prepend=0.0) if change else what
            axes.plot(told.weeks, shown, color=color, linestyle=style, linewidth=1.8, label=brush.say(label))
        axes.axvline(told.cutoff_week, color="0.5", linewidth=1, linestyle=":", label=brush.say(CUTOFF))
        axes.set_xlim(0, told.weeks[-1])
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_formatter("{x:,.0f}")
    brush.finish(left, TRACKING, WEEK, CUMULATIVE)
    brush.finish(right, WEEKLY, WEEK, IN_WEEK)
    return figure


def frequency_figure(told: ByGroup, brush: Brush) -> Figure:
    """Customers by number of repeat purchases, model beside truth."""
    figure = Figure(figsize=(6.4, 4), layout="constrained")
    axes = figure.subplots()
    _bars(axes, told, brush)
    axes.yaxis.set_major_formatter("{x:,.0f}")
    brush.finish(axes, HISTOGRAM, REPEATS, CUSTOMERS)
    return figure


def after_figure(told: ByGroup, horizon_days: float, title: Text, of: Text, brush: Brush) -> Figure:
    """Mean purchases after the cut-off by group, model against truth, and below it how many customers each group has."""
    figure = Figure(figsize=(6.4, 5), layout="constrained")
    axes, below = figure.subplots(2, 1, height_ratios=[4, 1], sharex=True)
    places = np.arange(len(told.labels))
    for what, label, color, style in ((told.came, CAME, ORANGE, "o-"), (told.expected, SAID, BLUE, "D--")):
        axes.plot(places, what, style, color=color, linewidth=1.8, markersize=5, label=brush.say(label))
    axes.set_ylim(bottom=0)
    below.bar(places, told.customers, color="0.75")
    below.set_xticks(places, list(told.labels))
    below.yaxis.set_major_locator(MaxNLocator(2, integer=True))
    below.yaxis.set_major_formatter("{x:,.0f}")
    brush.finish(axes, title, Text(*("", "")), MEAN_PURCHASES.format(days=horizon_days))
    brush.finish(below, Text(*("", "")), of, CUSTOMERS, legend=False)
    return figure


def pictures(
    model: CountModel, days: PurchaseDays, last_day: float, horizon_days: float
) -> dict[tuple[str, Language], bytes]:
    """The four pictures of a model fitted at the end of ``last_day`` as PNG, by name and language."""
    known = days.known(last_day)
    came = days.purchases(last_day, last_day + horizon_days)[known.customers]
    expected = model.expected_purchases(known.history, horizon_days)
    tracked, often = tracking(model, days, last_day, horizon_days), frequencies(model, known.history)
    repeats, silence = (of(known.history, expected, came) for of in (by_repeats, by_silence))
    drawn: dict[str, Callable[[Brush], Figure]] = {
        "purchases_tracking": lambda brush: tracking_figure(tracked, brush),
        "purchases_frequencies": lambda brush: frequency_figure(often, brush),
        "purchases_after_by_repeats": lambda brush: after_figure(repeats, horizon_days, BY_REPEATS, REPEATS, brush),
        "purchases_after_by_silence": lambda brush: after_figure(silence, horizon_days, BY_SILENCE, SILENCE, brush),
    }
    return {(name, lang): png(draw(brush)) for lang, brush in brushes().items() for name, draw in drawn.items()}


def _counted() -> tuple[str, ...]:
    return (*(str(n) for n in range(MOST_SHOWN)), f"{MOST_SHOWN}+")


def _grouped(group: NDArray[np.int64], labels: tuple[str, ...], expected: Floats, came: Floats) -> ByGroup:
    """Means of the groups that have a customer."""
    customers = np.bincount(group, minlength=len(labels)).astype(np.float64)
    some = np.flatnonzero(customers)
    means = [np.bincount(group, weights=of, minlength=len(labels))[some] / customers[some] for of in (came, expected)]
    return ByGroup(tuple(labels[i] for i in some), customers[some], *means)


def _bars(axes: Axes, told: ByGroup, brush: Brush) -> None:
    places, width = np.arange(len(told.labels)), 0.4
    for what, label, color, shift in ((told.came, CAME, ORANGE, -width / 2), (told.expected, SAID, BLUE, width / 2)):
        axes.bar(places + shift, what, width, color=color, label=brush.say(label))
    axes.set_xticks(places, list(told.labels))
