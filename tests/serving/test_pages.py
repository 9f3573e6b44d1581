"""The pages: what they say in both languages, and how they behave in a real browser."""

import hashlib
import os
import re
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import httpx
import pytest
from playwright.sync_api import expect, sync_playwright

from features.text import Text
from serving.pages import formats, texts
from serving.pages.alert_texts import ALERTS
from serving.pages.plan_texts import PLAN
from serving.pages.sign_in_texts import SIGN_IN
from serving.security.access import ANYBODY_HERE, WHO
from serving.store import open_store, publish
from tests.serving.conftest import AS_OF, ODD_ID, run, score, serving, table, write_project
from training.models.rfm import SEGMENTS

PAGES = Path(texts.__file__).parent
CHROMIUM = next((p for p in ("/usr/bin/chromium", "/usr/bin/chromium-browser") if os.access(p, os.X_OK)), None)

# What the pages say


def test_the_list_names_company_age_model_and_totals(server: str) -> None:
    page = httpx.get(server).text
    for words in (
        "Who to contact today",
        "Acme Trading",
        "Scores as of 31 March 2026 02:00",
        "Model version 3",
        "AUC 0.780",
        "1 without a score",
        "25% of those scored; leaving within 90 days",
        "margin over 365 days of those at high risk",
        "expected profit of 3 actions",
    ):
        assert words in page


def test_the_list_is_in_chinese_for_who_prefers_it_and_the_choice_is_remembered(server: str) -> None:
    assert "今天该联系谁" in httpx.get(server, headers={"Accept-Language": "zh-CN"}).text
    with httpx.Client() as browser:
        assert "今天该联系谁" in browser.get(f"{server}/?lang=zh").text
        assert "今天该联系谁" in browser.get(server).text
        assert "个人" not in browser.get(server).text
        assert "电话回访" in browser.get(f"{server}/customers/C-1").text
        assert "Who to contact today" in browser.get(f"{server}/?lang=en").text
        assert "Who to contact today" in browser.get(server, headers={"Accept-Language": "zh"}).text


def test_a_page_in_chinese_has_no_english_left_of_our_own(server: str) -> None:
    for path in ("/", "/customers/C-1", "/customers/C-5", "/?search=nobody-at-all"):
        page = httpx.get(server + path, headers={"Accept-Language": "zh"}).text
        body = re.sub(r"<[^>]*>", " ", page.split("<main>")[1])
        left = set(re.findall(r"[A-Za-z]{3,}", body)) - {"Acme", "Zed", "Sons", "EUR", "AUC", "JSON", "OpenAPI", "API"}
        assert left <= {"script", "alert", "amp", "quot", "gt", "retinue", "score", "train", "lt"}


def test_what_facts_contain_is_shown_and_not_run(server: str) -> None:
    page = httpx.get(server).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_an_odd_id_has_a_page_of_its_own_that_the_list_leads_to(server: str) -> None:
    page = httpx.get(server).text
    [link] = re.findall(r'href="(/customers/A%2F1[^"]*)"', page)
    customer = httpx.get(server + link)
    assert customer.status_code == 200
    assert "Zed &amp; Sons" in customer.text
    [raw] = re.findall(r'href="(/v1/customers/A%2F1[^"]*)"', customer.text)
    assert httpx.get(server + raw).json()["customer_id"] == ODD_ID


def test_a_customer_page_tells_risk_reasons_action_and_assumption(server: str) -> None:
    page = httpx.get(f"{server}/customers/C-1").text
    for words in (
        "Of 100 such customers, about 90 leave within 90 days (95% interval: 40 to 60).",
        "The last order was 12 days ago.",
        "raises the risk",
        "Personal call",
        "75 EUR",
        "−5 to 90",
        "Assumes 10 of 100 are kept.",
        SEGMENTS["at_risk"].meaning.en,
        "12 days ago",
    ):
        assert words in page


def test_a_customer_page_tells_what_the_customer_is_worth_and_where_it_stands(server: str) -> None:
    page = httpx.get(f"{server}/customers/C-1").text
    for words in (
        "Expected margin of 365 days, discounted",
        "281 EUR",
        "90%: −12 to 520",
        "Expected to buy on about 7.4 days within 365 days (90%: 2 to 13) and to spend 981 EUR.",
        "72 / 100",
        "58 / 100",
        "40%",
        "House account",
        "Maturity",
        "declining since 2025-12-01",
        "(83%)",
        "Buy often",
    ):
        assert words in page
    chinese = httpx.get(f"{server}/customers/C-1", headers={"Accept-Language": "zh"}).text
    for words in ("大客户", "成熟期", "下降（自 2025-12-01 起）", "购买频繁", "预计 365 天内约有 7.4 天购买"):
        assert words in chinese
    assert "Expected margin" not in httpx.get(f"{server}/customers/C-2").text


def test_a_customer_page_tells_what_is_owed_and_how_to_answer(server: str) -> None:
    page = httpx.get(f"{server}/customers/C-1").text
    section = page.split('<section class="receivables">')[1].split("</section>")[0]
    told = " ".join(re.sub(r"<[^>]*>", " ", section).split())
    assert told == (
        "Receivables Balance 300 EUR Overdue 100 EUR , the oldest by 9 days What is open, by age not yet due 200 EUR"
        " 1 to 30 days overdue 100 EUR Credit class D (31 / 100) Likely to be paid late, by amount 70%"
        " Next dunning step : Friendly reminder Not clear whether it cannot or will not Goes on buying as before."
    )
    assert re.findall(r'class="(age-\d)" x="([\d.]+)%" width="([\d.]+)%"', section) == [
        ("age-0", "0.00", "66.67"),
        ("age-1", "66.67", "33.33"),
    ]
    assert '<dd class="band-high">100 EUR' in section
    assert "style=" not in section
    chinese = httpx.get(f"{server}/customers/C-1", headers={"Accept-Language": "zh"}).text
    for words in ("应收账款", "逾期 1 至 30 天", "最长逾期 9 天", "</strong>：友好提醒</p>", "仍照常购买。"):
        assert words in chinese


def test_who_has_money_with_us_owes_nothing_that_is_red_and_who_never_owed_has_no_section(server: str) -> None:
    odd = httpx.get(f"{server}/customers/{quote(ODD_ID, safe='')}").text
    section = odd.split('<section class="receivables">')[1].split("</section>")[0]
    assert "<dd>−5 EUR</dd>" in section
    assert "band-high" not in section
    assert "ageing-bar" not in section
    assert 'class="receivables"' not in httpx.get(f"{server}/customers/C-2").text


def test_the_list_is_filtered_by_tier_and_stage(server: str) -> None:
    for query, rows in (("tier=key", 1), ("stage=maturity", 1), ("tier=general", 0), ("tier=nonsense", 5)):
        assert httpx.get(f"{server}/?{query}").text.count('class="open"') == rows


def test_the_pages_say_what_leaving_means(server: str) -> None:
    for path in ("/", "/customers/C-1"):
        assert "Leaving means: no purchase for 90 days." in httpx.get(server + path).text
        assert "流失指：90 天内没有购买。" in httpx.get(server + path, headers={"Accept-Language": "zh"}).text


def test_a_customer_without_a_score_says_why(server: str) -> None:
    page = httpx.get(f"{server}/customers/C-5").text
    assert "No score for this customer" in page
    assert "Only one purchase is known." in page
    assert "What to do" not in page


def test_an_unknown_customer_is_a_page_for_a_browser(server: str) -> None:
    answer = httpx.get(f"{server}/customers/nobody", headers={"Accept": "text/html", "Accept-Language": "zh"})
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert "未找到客户" in answer.text


@pytest.mark.parametrize(
    "query", ["?sort=name&band=purple", "?segment=%00", "?search=%25", "?lang=fr", "?segment=" + "x" * 300]
)
def test_an_address_that_somebody_edited_still_gives_a_page(server: str, query: str) -> None:
    assert httpx.get(f"{server}/{query}").status_code == 200


def test_an_old_or_wrong_cursor_begins_the_list_again(server: str) -> None:
    plain = httpx.get(f"{server}/?band=high&cursor=AAAA")
    assert (plain.status_code, plain.headers["location"]) == (303, "/?band=high")
    scripted = httpx.get(f"{server}/?cursor=AAAA", headers={"HX-Request": "true"})
    assert scripted.headers["hx-refresh"] == "true"


def test_before_the_first_scores_the_page_says_what_to_run(tmp_path: Path) -> None:
    write_project(tmp_path)
    with serving(tmp_path) as address:
        assert "retinue score" in httpx.get(address).text
        assert "尚无评分" in httpx.get(address, headers={"Accept-Language": "zh"}).text


# What the pages are made of


def test_every_text_is_there_in_both_languages_with_the_same_placeholders() -> None:
    for registry in (texts.PAGE, texts.BANDS, texts.SORTS, texts.METRICS):
        for name, text in registry.items():
            assert text.en, name
            assert text.zh, name
            assert sorted(re.findall(r"{(\w+)", text.en)) == sorted(re.findall(r"{(\w+)", text.zh)), name


def test_the_templates_use_every_text_and_no_other() -> None:
    templates = "".join(path.read_text() for path in (PAGES / "templates").glob("*.html"))
    used = set(re.findall(r'say\([\'"](\w+)[\'"]', templates)) | {"raises", "lowers"}
    by_formats = {"today", "days_old_one", "days_old", "years_old"}
    assert used | by_formats == set(texts.PAGE) | set(ALERTS) | set(PLAN) | set(SIGN_IN)
    assert len(used | by_formats) == len(texts.PAGE) + len(ALERTS) + len(PLAN) + len(SIGN_IN)


def test_vendored_files_are_the_ones_that_were_published() -> None:
    static = PAGES / "static"
    listed = tomllib.loads((static / "vendored.toml").read_text())["file"]
    assert [entry["name"] for entry in listed] == ["htmx.org"]
    for entry in listed:
        assert hashlib.sha256((static / entry["path"]).read_bytes()).hexdigest() == entry["sha256"]
        assert (static / entry["licence_file"]).exists()


def test_nothing_is_loaded_from_elsewhere_and_nothing_is_inline() -> None:
    for path in (PAGES / "templates").glob("*.html"):
        source = path.read_text()
        assert not re.search(r"(src|href)=\"(https?:)?//", source), path
        assert not re.search(r"<style|<script(?! src)|\sstyle=|\son\w+=|javascript:|hx-on", source), path
    assert "http" not in (PAGES / "static" / "retinue.css").read_text()


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (formats.number(1234567.5), "1,234,568"),
        (formats.number(-0.5), "−1"),
        (formats.number(None), "–"),
        (formats.money(0.0), "0"),
        (formats.money(-12.345), "−12.35"),
        (formats.money(99.999), "100.00"),
        (formats.money(250.5), "251"),
        (formats.percent(0.0), "0%"),
        (formats.percent(0.001), "<1%"),
        (formats.percent(0.999), ">99%"),
        (formats.percent(1.0), "100%"),
        (formats.interval(0.001, 0.62), "<1%–62%"),
        (formats.interval(0.0, 0.999), "0–>99%"),
        (formats.day(AS_OF, ZoneInfo("UTC"), "en"), "31 March 2026"),
        (formats.day(AS_OF, ZoneInfo("Asia/Shanghai"), "zh"), "2026年3月31日 08:00"),
        (str(formats.bar_width(1, 5000)), "1"),
        (str(formats.bar_width(0, 0)), "0"),
    ],
)
def test_numbers_and_dates_are_written_for_people(written: str, expected: str) -> None:
    assert written == expected


@pytest.mark.parametrize(
    ("days", "words", "old"),
    [
        (0.5, Text("today", "今天"), False),
        (1.5, Text("1 day old", "1 天前"), False),
        (7, Text("7 days old", "7 天前"), False),
        (8, Text("8 days old", "8 天前"), True),
        (1461, Text("4.0 years old", "4.0 年前"), True),
        (-3, Text("today", "今天"), False),
    ],
)
def test_scores_older_than_a_week_are_marked_as_old(days: float, words: Text, old: bool) -> None:
    assert formats.age(AS_OF, AS_OF + timedelta(days=days)) == (words, old)


# In a browser


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with 120 customers, enough for three pages of the list."""
    folder = tmp_path_factory.mktemp("many")
    store = open_store(write_project(folder))
    rows = [
        score(f"K-{i:03}", customer_name=f"Customer {i:03}", expected_profit=float(i), segment=("loyal", "lost")[i % 2])
        for i in range(120)
    ]
    publish(store, run(), table(rows))
    store.close()
    with serving(folder) as address:
        yield address


@pytest.fixture
def browser_page() -> Iterator[Any]:
    """A page in a real browser that fails the test on any error that the browser reports."""
    if CHROMIUM is None:
        pytest.skip("no Chromium at /usr/bin/chromium; install Debian's package 'chromium' to run this test")
    faults: list[str] = []
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        page = browser.new_context(locale="en-GB").new_page()
        page.set_default_timeout(5000)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
        yield page
        browser.close()
    assert faults == []


@pytest.mark.slow
def test_a_person_opens_customers_closes_them_and_goes_back(many: str, browser_page: Any) -> None:
    page = browser_page
    page.goto(many)
    assert page.locator("#rows .open").first.inner_text() == "Customer 119"
    page.click("#rows .open >> nth=1")
    page.wait_for_selector("#panel #customer")
    assert page.inner_text("#panel h1") == "Customer 118"
    assert page.url == f"{many}/customers/K-118"
    assert page.evaluate("document.activeElement.id") == "customer"
    page.click("#rows .open >> nth=2")
    expect(page.locator("#panel h1").first).to_have_text("Customer 117")
    page.go_back()
    expect(page.locator("#panel h1").first).to_have_text("Customer 118")
    page.go_back()
    page.wait_for_selector("#panel #customer", state="detached")
    assert page.url == f"{many}/"
    page.focus("#rows .open >> nth=0")
    page.keyboard.press("Enter")
    page.wait_for_selector("#panel #customer")
    page.keyboard.press("Escape")
    page.wait_for_selector("#panel #customer", state="detached")
    assert page.url == f"{many}/"
    assert page.evaluate("document.activeElement.innerText") == "Customer 119"


@pytest.mark.slow
def test_a_person_filters_searches_and_loads_more(many: str, browser_page: Any) -> None:
    page = browser_page
    page.goto(many)
    for loaded in (50, 100, 120):
        expect(page.locator("#rows .open")).to_have_count(loaded)
        if loaded < 120:
            page.click(".more a")
    names = page.locator("#rows .open").all_inner_texts()
    assert names == [f"Customer {i:03}" for i in range(119, -1, -1)]
    page.click("#segments a:has-text('Lost')")
    expect(page.locator(".count").first).to_have_text("60 customers")
    assert page.url == f"{many}/?segment=lost"
    page.fill("#search", "k-00")
    expect(page.locator(".count").first).to_have_text("5 customers")
    assert page.locator("#rows .open").first.inner_text() == "Customer 009"
    assert page.evaluate("document.activeElement.id") == "search"
    page.select_option("select[name=sort]", "customer_id")
    expect(page.locator("#rows .open").first).to_have_text("Customer 001")
    page.fill("#search", "nobody")
    page.wait_for_selector(".nobody")


@pytest.mark.slow
def test_a_person_switches_to_chinese_and_it_stays(many: str, browser_page: Any) -> None:
    page = browser_page
    page.goto(f"{many}/?segment=lost")
    page.click("nav.languages >> text=简体中文")
    page.wait_for_selector("h1:has-text('今天该联系谁')")
    assert "segment=lost" in page.url
    assert page.get_attribute("html", "lang") == "zh-Hans"
    page.click("#rows .open >> nth=0")
    page.wait_for_selector("#panel h2:has-text('建议行动')")
    page.goto(f"{many}/customers/K-001")
    assert page.inner_text("article h2 >> nth=0") == "流失风险"


@pytest.mark.slow
def test_the_page_fits_a_phone_without_scrolling_sideways(many: str, browser_page: Any) -> None:
    page = browser_page
    page.set_viewport_size({"width": 360, "height": 740})
    for path in ("/", "/customers/K-001", "/?lang=zh"):
        page.goto(many + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.mark.slow
def test_the_list_works_without_scripts(many: str, browser_page: Any) -> None:
    context = browser_page.context.browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(many)
    page.select_option("select[name=segment]", "lost")
    page.click("button[type=submit]")
    assert page.inner_text(".count") == "60 customers"
    page.click(".more a")
    assert page.locator("#rows .open").count() == 10
    page.click("#rows .open >> nth=0")
    assert page.inner_text("h1").startswith("Customer")


def test_the_clock_of_the_pages_is_set_from_outside(tmp_path: Path) -> None:
    from starlette.requests import Request

    from serving.app import create_app
    from serving.routes.pages import get_list
    from serving.routes.state import ServeSettings

    path = write_project(tmp_path)
    store = open_store(path)
    publish(store, run(), table([score("C-1")]))
    app = create_app(ServeSettings(path, clock=lambda: datetime(2026, 4, 3, 1, tzinfo=UTC)))
    scope = {
        "type": "http",
        "app": app,
        "headers": [],
        "query_string": b"",
        "path": "/",
        "server": ("localhost", 80),
    } | {WHO: ANYBODY_HERE}
    page = bytes(get_list(Request(scope)).body).decode()
    app.state.service.held.close()
    app.state.service.store.close()
    store.close()
    assert "3 days old" in page
