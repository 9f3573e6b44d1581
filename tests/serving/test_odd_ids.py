"""Customers whose ids look like parts of an address: each is reached, and only it, by API, client and pages."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, unquote

import httpx
import pytest
from playwright.sync_api import expect

from serving.client import Retinue
from serving.store import open_store, publish
from tests.serving.conftest import run, score, serving, table, write_project
from tests.serving.test_pages import browser_page

__all__ = ["browser_page"]

ODD_IDS = [
    *(
        "A/recommendations",
        "A/receivables",
        "A",
        "A/reasons",
        "recommendations",
        "/recommendations",
        "A/recommendations/",
    ),
    *(
        "..",
        ".",
        "../A",
        "A/..",
        "a//b",
        "a/",
        "a%2Fb",
        "100%",
        "a?b",
        "a#b",
        "a b",
        " a",
        "a+b",
        "a&b=c",
        "a\\b",
        "//a",
    ),
    *("客户/1", "客户/recommendations"),
]


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of customers whose ids look like parts of an address."""
    folder = tmp_path_factory.mktemp("odd")
    store = open_store(write_project(folder))
    publish(store, run(), table([score(customer_id) for customer_id in ODD_IDS]))
    store.close()
    with serving(folder) as address:
        yield address


def test_an_id_that_looks_like_an_address_is_reached_percent_encoded(odd: str) -> None:
    with Retinue(odd) as client, httpx.Client() as asking:
        for customer_id in ODD_IDS:
            encoded = quote(customer_id, safe="")
            path = f"{odd}/v1/customers/{encoded if customer_id.strip('.') else encoded.replace('.', '%2E')}"
            for query in ("", "?fields=customer_id", "?lang=zh"):
                assert asking.get(path + query).json()["customer_id"] == customer_id, (customer_id, query)
            assert asking.get(f"{path}/recommendations").json()["customer_id"] == customer_id
            assert f"'{customer_id}'" in asking.get(f"{path}/receivables").json()["detail"]  # it owes nothing
            assert client.customer(customer_id)["customer_id"] == customer_id
            assert client.customer(customer_id, fields=["customer_id"]) == {"customer_id": customer_id}
            assert client.recommendations(customer_id)["customer_id"] == customer_id
            if customer_id.strip("."):  # browsers go up by these two, however they are encoded
                page = asking.get(f"{odd}/customers/{encoded}")
                assert page.status_code == 200
                assert f'href="/v1/customers/{encoded}"' in page.text


def test_a_slash_that_is_not_encoded_is_one_of_the_address(odd: str) -> None:
    plain = httpx.get(f"{odd}/v1/customers/A/recommendations").json()
    assert (plain["customer_id"], "alternatives" in plain) == ("A", True)
    assert httpx.get(f"{odd}/v1/customers/A/%72ecommendations").json() == plain
    assert httpx.get(f"{odd}/v1/customers/A/reasons").json()["customer_id"] == "A/reasons"  # no other answer is there


@pytest.mark.slow
def test_pages_link_to_customers_whose_ids_look_like_an_address(odd: str, browser_page: Any) -> None:
    browser_page.goto(odd)
    links = browser_page.locator("a.open").evaluate_all("all => all.map(one => [one.textContent, one.href])")
    assert {text for text, _ in links} == set(ODD_IDS)
    for text, link in links:
        if text.strip("."):
            assert browser_page.request.get(link).ok
            assert unquote(link.removeprefix(f"{odd}/customers/")) == text
    browser_page.get_by_role("link", name="A/recommendations", exact=True).click()
    browser_page.wait_for_url(f"{odd}/customers/A%2Frecommendations")
    browser_page.reload()
    expect(browser_page.locator("#customer h1")).to_have_text("A/recommendations")
