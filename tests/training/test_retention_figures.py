import warnings
from datetime import datetime, timedelta
from functools import cache

import numpy as np
import pandas as pd
import pytest

from tests.features.builders import facts_of
from tests.training.companies import utc
from training.evaluation.figures import brushes
from training.evaluation.plots import fonts
from training.retention_curves import RetentionCurves, Unit, retention_curves
from training.retention_figures import SHOWN, cohort_title, retention_figure, retention_pictures


@cache
def company(cohort: Unit, step: Unit) -> RetentionCurves:
    """Six years of customers who leave with a constant rate and buy about every month until then."""
    generator = np.random.default_rng(8)
    rows = []
    for number in range(250):
        day, end = generator.uniform(0, 2000), generator.exponential(700)
        first = day
        while day < first + end and day < 2190:
            at = datetime(2019, 1, 1) + timedelta(days=float(day))
            amount = float(generator.gamma(3, 30))
            rows.append({"customer_id": f"C{number}", "ordered_at": at, "amount": amount, "margin": 0.25 * amount})
            day += generator.gamma(3, 12)
    with facts_of({"orders": rows}) as facts:
        return retention_curves(facts, utc(2025, 1, 1), cohort, step)


@pytest.mark.parametrize("language", sorted(fonts()))
@pytest.mark.parametrize("name", sorted(SHOWN))
def test_every_axis_says_what_it_shows_and_no_letter_is_missing(language: str, name: str) -> None:
    [brush] = [b for key, b in brushes().items() if key == language]
    figure = retention_figure(company("year", "year"), SHOWN[name], "CNY", brush)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.canvas.draw()
    for axes in figure.axes:
        assert axes.get_xlabel()
        assert axes.get_ylabel()
        assert axes.get_title(loc="left")


def test_the_picture_shows_the_cells_and_leaves_blank_what_was_not_seen() -> None:
    curves = company("year", "year")
    left, right = retention_figure(curves, SHOWN["retention"], "EUR", brushes()["en"]).axes
    shown = right.images[0].get_array()
    assert shown is not None
    assert np.ma.filled(shown, np.nan) == pytest.approx(curves.table().to_numpy(), nan_ok=True)
    pooled = left.lines[-1]
    assert np.asarray(pooled.get_ydata()) == pytest.approx(curves.pooled["retention"].to_numpy())
    assert len(right.patches) == (curves.cells["seen"] != "whole").sum()
    assert len(right.texts) == curves.cells["retention"].notna().sum()
    assert [label.get_text() for label in right.get_yticklabels()] == ["2019", "2020", "2021", "2022", "2023", "2024"]


def test_many_cohorts_are_drawn_without_figures_in_the_cells() -> None:
    figure = retention_figure(company("month", "month"), SHOWN["cohort_profit"], "EUR", brushes()["en"])
    figure.canvas.draw()
    left, right = figure.axes
    assert len(right.get_yticklabels()) == 24
    assert not right.texts
    assert len(left.lines) == 6


def test_every_picture_is_made_for_every_language_that_can_be_drawn() -> None:
    made = retention_pictures(company("year", "year"), "EUR")
    assert set(made) == {(name, language) for name in SHOWN for language in fonts()}
    assert all(picture.startswith(b"\x89PNG") for picture in made.values())


def test_cohorts_are_written_as_people_write_them() -> None:
    day = pd.Timestamp(2024, 7, 1)
    assert [cohort_title(day, unit) for unit in ("year", "quarter", "month")] == ["2024", "2024 Q3", "2024-07"]
