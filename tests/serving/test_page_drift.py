"""The list tells when the customers of a run are no longer those that its model was learnt among."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from serving.schemas import FeatureDrift, PopulationDrift
from serving.store import open_store, publish
from tests.serving.conftest import run, score, serving, table, write_project
from tests.serving.test_pages import browser_page

__all__ = ["browser_page"]

CALM = PopulationDrift(customers_then=4000, customers_now=3900, churn_probability=0.03, moved=0, moved_most=[])
LARGE = PopulationDrift(
    customers_then=4000,
    customers_now=2950,
    churn_probability=0.31,
    moved=4,
    moved_most=[
        FeatureDrift(feature="days_since_last_purchase", index=1.2),
        FeatureDrift(feature="spend_365d", index=0.4),
        FeatureDrift(feature="own_feature", index=0.26),
    ],
)


@contextmanager
def list_with(drift: PopulationDrift | None, folder: Path) -> Iterator[str]:
    store = open_store(write_project(folder))
    publish(store, replace(run(), drift=drift), table([score("C-1")]))
    store.close()
    with serving(folder) as address:
        yield address


def test_customers_like_those_at_training_are_told_in_passing(tmp_path: Path) -> None:
    with list_with(CALM, tmp_path) as address:
        english = httpx.get(address).text
        chinese = httpx.get(f"{address}/?lang=zh").text
    assert "Customers are like those the model learnt from" in english
    assert "churn probability: 0.03; no feature moved above 0.25" in english
    assert "客户群体与模型训练时相近" in chinese
    assert 'class="card drift"' not in english


def test_of_a_model_that_kept_no_population_nothing_is_said(tmp_path: Path) -> None:
    with list_with(None, tmp_path) as address:
        page = httpx.get(address).text
    assert "Customers are like those" not in page
    assert 'class="card drift"' not in page


@pytest.mark.slow
def test_customers_who_have_changed_are_shown_with_what_moved(tmp_path: Path, browser_page: Any) -> None:
    page = browser_page
    with list_with(LARGE, tmp_path) as address:
        for width in (1280, 360):
            page.set_viewport_size({"width": width, "height": 800})
            page.goto(address)
            words = page.inner_text("section.drift")
            assert "The customers have changed since the model learnt" in words
            assert "2,950 customers at risk today are from the 4,000" in words
            assert "the mark is at 0.25" in words
            assert page.locator("section.drift dt").all_inner_texts() == [
                "Churn probability",
                "Days since the last purchase",
                "Spend net of returns in the last 365 days",
                "own_feature",
            ]
            assert page.locator("section.drift dd:not([aria-hidden])").all_inner_texts() == [
                "0.31",
                "1.20",
                "0.40",
                "0.26",
            ]
            lengths = [box["width"] for box in (bar.bounding_box() for bar in page.locator(".drift .length").all())]
            assert lengths[1] == max(lengths)  # no bar leaves its scale
            assert lengths[1] == pytest.approx(page.locator(".drift .scale").first.bounding_box()["width"])
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.goto(f"{address}/?lang=zh")
        assert "客户群体自模型训练以来已发生变化" in page.inner_text("section.drift")
