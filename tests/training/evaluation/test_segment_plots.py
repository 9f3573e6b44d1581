import warnings

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Rectangle

from features.text import Text
from training.evaluation.figures import BLUE, ORANGE, Brush, brushes, png
from training.evaluation.plots import fonts
from training.evaluation.segment_plots import flow_figure, map_figure, matrix_figure, migration_pictures
from training.migration import SCALES, Migration, alarming, migration

TITLE = Text("Tiers, a year on", "等级，一年后")


def tiers(*moved: tuple[str | None, str | None, int]) -> Migration:
    pairs = [(a, b) for a, b, count in moved for _ in range(count)]
    before, after = (pd.Series([pair[side] for pair in pairs], dtype="object") for side in (0, 1))
    return migration(SCALES["tier"], before, after)


MOVES = tiers(
    ("key", "key", 30), ("key", "general", 10), ("general", "key", 5), (None, "general", 5), ("general", None, 2)
)


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


@pytest.mark.parametrize("language", sorted(fonts()))
def test_no_letter_is_missing_in_any_language(language: str) -> None:
    [brush] = [b for name, b in brushes().items() if name == language]
    shares = np.array([0.2, 0.8])
    for figure in (
        matrix_figure(MOVES, TITLE, brush, alarming(MOVES, None)),
        flow_figure(MOVES, TITLE, brush),
        map_figure([TITLE, TITLE], shares, shares[::-1], TITLE, brush),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            figure.canvas.draw()
        assert figure.axes[0].get_title(loc="left") == brush.say(TITLE)


def test_the_matrix_shows_customers_and_shares_of_the_row_and_frames_alarms() -> None:
    alarms = alarming(MOVES, None)
    assert [(alarm.origin, alarm.target) for alarm in alarms] == [("key", "general")]
    axes = matrix_figure(MOVES, TITLE, english(), alarms).axes[0]
    assert texts(axes.figure) == ["30\n75%", "10\n25%", "5\n71%", "2\n29%", "5\n100%"]  # type: ignore[arg-type]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["Key", "General", "not there before"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["Key", "General", "no longer there"]
    [frame] = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
    # first row, second column
    assert (round(frame.get_x() + 0.47), round(frame.get_y() + 0.46)) == (1, 0)
    assert not matrix_figure(MOVES, TITLE, english()).axes[0].patches


def test_each_move_is_one_band_as_wide_as_its_customers_and_falls_stand_out() -> None:
    axes = flow_figure(MOVES, TITLE, english()).axes[0]
    bands = [patch for patch in axes.patches if isinstance(patch, PathPatch)]
    widths = [float(np.ptp(np.asarray(band.get_path().vertices)[[0, 7], 1])) * 52 for band in bands]
    assert widths == pytest.approx([30, 10, 5, 2, 5])
    from matplotlib.colors import to_hex

    colors = [to_hex(band.get_facecolor()) for band in bands]
    assert colors == [BLUE, ORANGE, BLUE, ORANGE, BLUE]
    assert {"Key  40", "General  7", "not there before  5", "Key  35", "no longer there  2"} <= set(texts(axes.figure))  # type: ignore[arg-type]


def test_the_map_lists_who_brings_most_for_its_size_first_and_leaves_empty_groups_out() -> None:
    names = [Text("small", "小"), Text("large", "大"), Text("nobody", "无")]
    axes = map_figure(names, np.array([0.75, 0.25, 0.0]), np.array([0.25, 0.75, 0.0]), TITLE, english()).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["large (3.0×)", "small (0.3×)"]


def test_the_projects_own_names_are_drawn() -> None:
    own = {"key": Text("A", "A 级")}
    assert "A  40" in texts(flow_figure(MOVES, TITLE, english(), own))


def test_pictures_are_the_same_bytes_for_the_same_moves() -> None:
    made = migration_pictures(MOVES, TITLE)
    assert {name for name, language in made if language == "en"} == {"matrix", "flow"}
    assert made["matrix", "en"] == png(matrix_figure(MOVES, TITLE, english()))
    assert all(data.startswith(b"\x89PNG") for data in made.values())


def english() -> Brush:
    return brushes()["en"]
