import warnings
from collections.abc import Iterator

import numpy as np
import pytest
from matplotlib.figure import Figure

from features.text import Text
from tests.training.evaluation.judgements import by_hand, drawn
from training.evaluation.figures import (
    Brush,
    brushes,
    cutoffs_figure,
    gains_figure,
    group_picture,
    groups_figure,
    pictures,
    png,
    profit_figure,
    reliability_figure,
)
from training.evaluation.groups import by_group, over_time
from training.evaluation.plots import fonts
from training.evaluation.profit import DecisionCosts

JUDGED = drawn(1200)
COSTS = DecisionCosts(contact=20, effect=0.25)
SEGMENT = Text("segment", "客户细分")


def figures(brush: Brush) -> Iterator[Figure]:
    yield reliability_figure(JUDGED, brush)
    yield gains_figure(JUDGED, brush)
    yield profit_figure(JUDGED, COSTS, "$", brush)
    yield cutoffs_figure(over_time(JUDGED, 0), brush)
    drawn_groups = groups_figure(by_group(JUDGED, "segment", 0), SEGMENT, brush)
    assert drawn_groups is not None
    yield drawn_groups


@pytest.mark.parametrize("language", sorted(fonts()))
def test_every_axis_says_what_it_shows_and_no_letter_is_missing(language: str) -> None:
    [brush] = [b for name, b in brushes().items() if name == language]
    for figure in figures(brush):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            figure.canvas.draw()
        for axes in figure.axes:
            assert axes.get_ylabel() or axes.get_yticklabels()[0].get_text()
        assert any(axes.get_title(loc="left") for axes in figure.axes)


def test_the_curves_show_what_was_measured() -> None:
    judged = by_hand([1, 0, 1, 0], [0.9, 0.6, 0.6, 0.1], value=[400, 400, 400, 400])
    brush = brushes()["en"]
    gains, lift = gains_figure(judged, brush).axes
    # the two in the middle are tied: one of them left
    assert gains.lines[1].get_ydata() == pytest.approx([0, 0.5, 0.75, 1, 1])
    assert lift.lines[1].get_ydata() == pytest.approx([2, 1.5, 4 / 3, 1])
    money = profit_figure(judged, COSTS, "EUR", brush).axes[0]
    served = money.lines[3]
    # contacting brings 80 or costs 20; the model contacts all but the last
    assert np.asarray(served.get_xydata()).tolist() == [[0.75, (80 - 20 + 80) / 4 * 1000]]
    assert money.get_ylabel() == "profit per 1,000 customers, EUR"


def test_the_same_judgement_gives_the_same_bytes() -> None:
    brush = brushes()["en"]
    assert png(reliability_figure(JUDGED, brush)) == png(reliability_figure(JUDGED, brush))


def test_what_cannot_be_drawn_is_left_out() -> None:
    judged = by_hand([1, 0] * 15, [0.6, 0.2] * 15, value=[float("nan")] * 30, region=["n", "s"] * 15)
    groups = by_group(judged, "region", 0)
    made = pictures(judged, over_time(judged, 0), {"region": (SEGMENT, groups)}, COSTS, "EUR")
    assert {name for name, _ in made} == {"reliability", "gains"}
    everything = pictures(
        JUDGED, over_time(JUDGED, 0), {"segment": (SEGMENT, by_group(JUDGED, "segment", 0))}, COSTS, "EUR"
    )
    assert {name for name, language in everything if language == "en"} == {
        *("reliability", "gains", "profit", "cutoffs", "group_segment")
    }
    assert all(data.startswith(b"\x89PNG") for data in everything.values())


def test_a_groups_name_with_signs_of_its_own_is_drawn_as_it_is() -> None:
    names = ["$10 and $20", "<b>&", "⠓⠑⠇"]
    judged = by_hand([1, 0] * 90, list(np.tile([0.6, 0.2], 90)), shop=names * 60)
    figure = groups_figure(by_group(judged, "shop", 0), SEGMENT, brushes()["en"])
    assert figure is not None
    assert png(figure)
    assert group_picture("my/shop: name") == "group_my_shop_name"
