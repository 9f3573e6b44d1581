"""The list tells when the customers of a run are no longer those that its model was learnt among."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any, NamedTuple
from uuid import uuid4

import httpx
import pytest

from serving.schemas import FeatureDrift, PopulationDrift
from serving.store import Store, open_store, publish
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


class Shop(NamedTuple):
    """A server, and the store that it serves."""

    address: str
    store: Store

    def shows(self, drift: PopulationDrift | None, language: str = "en") -> str:
        """The list of a run that moved so far since the training."""
        publish(self.store, replace(run(uuid4().hex), drift=drift), table([score("C-1")]))
        return httpx.get(f"{self.address}/?lang={language}").text


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("shop")
    with closing(open_store(write_project(folder))) as store, serving(folder) as address:
        yield Shop(address, store)


def test_customers_like_those_at_training_are_told_in_passing(shop: Shop) -> None:
    english, chinese = shop.shows(CALM), shop.shows(CALM, "zh")
    assert "Customers are like those the model learnt from (stability index 0.03)" in english
    assert "客户群体与模型训练时相近（PSI 0.03）" in chinese
    assert 'class="card drift"' not in english


def test_of_a_model_that_kept_no_population_it_is_told_that_nothing_is_known(shop: Shop) -> None:
    english, chinese = shop.shows(None), shop.shows(None, "zh")
    assert "is not known: it kept no record of them. &#39;retinue train&#39; does." in english
    assert "该模型未保存训练时的客户分布" in chinese
    assert "Customers are like those" not in english
    assert 'class="card drift"' not in english


def test_what_chance_explains_in_few_customers_is_no_alarm(shop: Shop) -> None:
    few = CALM.model_copy(update={"churn_probability": 0.6, "churn_probability_limit": 0.77})
    assert not few.is_large
    assert few.model_copy(update={"churn_probability": 0.78}).is_large
    page = shop.shows(few)
    assert "(stability index 0.60)" in page
    assert 'class="card drift"' not in page


def boxes(page: Any, part: str) -> list[dict[str, float]]:
    """Where a part of each row lies: of its bar, or its name."""
    found = page.locator("section.drift dt" if part == "name" else f"section.drift .{part}").all()
    return [one.bounding_box() for one in found]


def colour(page: Any, part: str, what: str) -> list[int]:
    """Red, green and blue of a part of the bars as it is painted, 0 to 255."""
    told = page.eval_on_selector(f".drift .{part}", f"one => getComputedStyle(one).{what}")
    return [int(value) for value in told.removeprefix("rgb(").removesuffix(")").split(",")]


def contrast(one: list[int], other: list[int]) -> float:
    """How two colours differ as WCAG 2 measures it: from 1 to 21; 3 is enough for a picture."""

    def luminance(colour: list[int]) -> float:
        linear = [
            c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (value / 255 for value in colour)
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.slow
def test_customers_who_have_changed_are_shown_with_what_moved(shop: Shop, browser_page: Any) -> None:
    page = browser_page
    shop.shows(LARGE)
    for width, scheme in ((1280, "light"), (390, "dark"), (360, "light")):
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=scheme)
        page.goto(shop.address)
        words = page.inner_text("section.drift")
        assert "The customers have changed since the model learnt" in words
        assert "2,950 customers at risk are no longer like the 4,000" in words
        assert "Features above it: 4." in words
        assert page.locator("section.drift dt").all_inner_texts() == [
            "Churn probability",
            "Days since the last purchase",
            "Spend net of returns in the last 365 days",
            "own_feature",
        ]
        told = page.locator("section.drift dd:not([aria-hidden])").all_inner_texts()
        assert [one.split(";")[0].strip() for one in told] == ["0.31", "1.20", "0.40", "0.26"]
        assert all("mark at 0.25" in one for one in told)  # for who hears the page instead of seeing it
        scale, lengths, marks = (boxes(page, part) for part in ("scale", "length", "mark"))
        shown = [length["width"] / scale[0]["width"] for length in lengths]
        assert shown == pytest.approx([0.31 / 1.2, 1.0, 0.4 / 1.2, 0.26 / 1.2], abs=0.01)
        assert [mark["x"] - scale[0]["x"] for mark in marks] == pytest.approx(
            [scale[0]["width"] * 0.25 / 1.2] * 4, abs=2
        )
        names = [box["width"] for box in boxes(page, "name")]
        assert min(names) > 140  # a name is not squeezed by its bar
        assert contrast(colour(page, "mark", "fill"), colour(page, "mark", "stroke")) > 3  # its outline, on any ground
        assert contrast(colour(page, "length", "fill"), colour(page, "scale", "fill")) > 3
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.goto(f"{shop.address}/?lang=zh")
    assert "客户群体自模型训练以来已发生变化" in page.inner_text("section.drift")
