"""The further meanings of leaving, from a folder of files to the page in a browser: panel, contract, decline."""

import csv
import gzip
import os
import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyarrow.parquet as pq
import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.serving.conftest import serving
from tests.training.contracts import contract_business, subscribers
from tests.whole.company import PROJECT, orders, retinue, write_company

pytestmark = pytest.mark.slow

CHROMIUM = next((p for p in ("/usr/bin/chromium", "/usr/bin/chromium-browser") if os.access(p, os.X_OK)), None)
TELEPHONE = Path(os.environ.get("RETINUE_TEST_DATA", "/nowhere")) / "ibm_telco_churn.csv.gz"
NO_TEXT = re.compile(r"\b(None|nan|NaN|null|undefined)\b")
"""What a program says of nothing, and people do not."""

TERMS = ("按月", "一年", "两年")
PANEL_NAMES = ("客户编号", "合同类型", "月费", "客服 来电", "是否流失")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("needs Chromium")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])


def done(*arguments: str | Path, language: str = "en") -> str:
    """What a command printed that must succeed, on one line a paragraph."""
    ended = retinue(*arguments, language=language)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert not NO_TEXT.search(ended.stdout), ended.stdout
    return " ".join(ended.stdout.split())


def refused(*arguments: str | Path, language: str = "en") -> str:
    """What a command said that must be refused, without a traceback."""
    ended = retinue(*arguments, language=language)
    assert ended.returncode == 2, ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
    return " ".join(ended.stderr.split())


def write_rows(file: Path, names: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([names, *rows])


def scores_of(folder: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(folder / "scores" / "scores.parquet").to_pylist()
    return rows


def riskiest(folder: Path) -> dict[str, Any]:
    return max(scores_of(folder), key=lambda row: row["churn_probability"] or 0.0)


def shown(browser: Browser, address: str, language: str) -> str:
    """All text of a page as a reader sees it, once every part of it has been looked at."""
    context = browser.new_context(
        locale={"en": "en-US", "zh": "zh-CN"}[language], viewport={"width": 1280, "height": 800}
    )
    try:
        page = context.new_page()
        faults: list[str] = []
        page.on("pageerror", lambda fault: faults.append(str(fault)))
        page.goto(address)
        for part in page.locator("section, .tile, nav.card").all():
            lines = [line for line in part.inner_text().split("\n") if line.strip()]
            assert len(lines) != 1 or not part.locator("h2").count(), f"a heading with nothing below it: {lines}"
        text = page.inner_text("body")
        assert faults == []
        assert not NO_TEXT.search(text), text
        return text
    finally:
        context.close()


# A ready-made panel, in Chinese


def telecom_panel(customers: int, unknown: int) -> list[tuple[object, ...]]:
    """Customers who leave by their contract, fee and calls; the last ones are to be scored."""
    chance = random.Random(5)
    rows: list[tuple[object, ...]] = []
    for number in range(customers):
        term, fee, calls = chance.choice(TERMS), round(chance.uniform(20, 120), 2), chance.randrange(6)
        odds = {"按月": 0.45, "一年": 0.15, "两年": 0.03}[term] + 0.05 * calls
        leaves = "是" if chance.random() < odds else "否"
        rows.append((f"客户{number:04}", term, fee, calls, "" if number >= customers - unknown else leaves))
    return rows


@pytest.fixture(scope="module")
def panel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A panel of 1,200 customers, of whom 60 are to be scored, proposed by init, trained and scored by commands."""
    folder = tmp_path_factory.mktemp("whole") / "电信"
    write_rows(folder / "客户快照.csv", PANEL_NAMES, telecom_panel(1_200, unknown=60))
    proposal = done("init", folder, "--language", "zh", language="zh")
    assert "是否流失" in proposal
    written = (folder / "retinue.toml").read_text(encoding="utf-8")
    assert 'kind = "panel"' in written
    assert "其余各列均作为学习用的属性" in written
    assert "未使用的列" not in written
    return folder


@pytest.fixture(scope="module")
def scored_panel(panel: Path) -> Path:
    checked = done("check", "--project", panel, language="zh")
    assert "1,200" in checked
    told = done("train", "--project", panel, "--quiet")
    assert "Held out:" in told
    assert "what the panel's label marks, within 90 days" in told
    assert "no contact pays" in told
    assert "EUR" not in told
    done("score", "--project", panel, "--as-of", "2026-01-01", "--out", panel / "scores", "--quiet")
    return panel


def test_a_panel_is_scored_with_sentences_that_say_the_customers_own_words(scored_panel: Path) -> None:
    rows = scores_of(scored_panel)
    given = {
        customer: dict(zip(PANEL_NAMES, (customer, *values), strict=True))
        for customer, *values in telecom_panel(1_200, 60)
    }

    assert {row["customer_id"] for row in rows} == {f"客户{number:04}" for number in range(1_140, 1_200)}
    assert {reason["feature"] for row in rows for reason in row["reasons"]} == {"合同类型", "月费", "客服 来电"}
    for row in rows:
        for reason in row["reasons"]:
            value = given[row["customer_id"]][reason["feature"]]
            said = f"{value:,.2f}".removesuffix(".00") if isinstance(value, float) else str(value)
            assert (reason["en"], reason["zh"]) == (f"{reason['feature']}: {said}.", f"{reason['feature']}：{said}。")
        assert row["abstained_because"] is None
        money = ("value_at_stake", "recommended_action", "expected_profit", "segment", "expected", "spend_365d")
        assert [row[name] for name in money] == [None] * len(money)


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ("60 customers scored", "no action is recommended", "Highest risk")),
        ("zh", ("已评分 60 位客户", "因此不推荐行动", "风险最高")),
    ],
)
def test_the_summary_of_a_panel_ranks_by_risk_and_claims_no_money(
    scored_panel: Path, tmp_path: Path, language: str, words: tuple[str, ...]
) -> None:
    told = done(
        "score", "--project", scored_panel, "--as-of", "2026-01-01", "--out", tmp_path, "--quiet", language=language
    )

    assert [word for word in words if word not in told] == []
    assert riskiest(scored_panel)["customer_id"] in told
    assert "CNY" not in told
    assert "hindsight" not in told
    assert "without a probability" not in told


def test_what_was_said_of_a_customer_of_a_panel_can_be_explained_again(scored_panel: Path) -> None:
    row = riskiest(scored_panel)

    told = done("explain", row["customer_id"], "--project", scored_panel)

    assert row["reasons"][0]["en"] in told
    assert "the same, bit for bit" in told


def test_the_versions_of_a_panels_model_are_listed_and_shown(scored_panel: Path) -> None:
    assert "champion" in done("models", "list", "--project", scored_panel)
    assert "baseline: best single attribute" in done("models", "show", "1", "--project", scored_panel)


@pytest.mark.parametrize(("language", "words"), [("en", "carry no dates"), ("zh", "快照的行没有日期")])
def test_a_panel_without_dates_cannot_be_evaluated_later_and_says_why(
    scored_panel: Path, language: str, words: str
) -> None:
    for day in ("2020-01-01", "2030-01-01"):
        assert words in refused("evaluate", "--project", scored_panel, "--as-of", day, language=language)


def test_the_leakage_check_of_a_panel_says_what_it_cannot_prove(scored_panel: Path) -> None:
    told = done("leakage", "--project", scored_panel, "--quiet")

    assert "PASS" in told
    assert "3 features by themselves, without cut-offs" in told
    assert "does not say when each attribute became known" in told
    assert "leave out --cutoff" in refused("leakage", "--project", scored_panel, "--cutoff", "2026-01-01")


def test_an_attribute_written_after_the_fact_is_found_in_a_panel(tmp_path: Path) -> None:
    rows = telecom_panel(600, unknown=0)
    betrayed = [(*row[:3], "已销户" if row[4] == "是" else "正常", row[4]) for row in rows]
    write_rows(tmp_path / "panel.csv", ("客户编号", "合同类型", "月费", "账户状态", "是否流失"), betrayed)
    done("init", tmp_path)

    ended = retinue("leakage", "--project", tmp_path, "--quiet")

    assert ended.returncode == 1
    assert "账户状态" in ended.stdout


def test_the_pages_of_a_panel_leave_out_what_is_not_known(scored_panel: Path, browser: Browser) -> None:
    row = riskiest(scored_panel)
    first = row["reasons"][0]
    with serving(scored_panel) as address:
        answer = httpx.get(f"{address}/v1/customers/{row['customer_id']}").json()
        run = httpx.get(f"{address}/v1/runs/current").json()["summary"]
        pages = {
            language: (
                shown(browser, address, language),
                shown(browser, f"{address}/customers/{row['customer_id']}", language),
            )
            for language in ("en", "zh")
        }

    assert answer["reasons"][0]["en"] == first["en"]
    assert run["leaving"] == {
        "en": "what the panel's label marks, within 90 days",
        "zh": "90 天内出现快照标签所标记的结果",
    }
    assert (run["high_risk_value_at_stake"], run["expected_profit"]) == (None, None)
    risks = {row["customer_id"]: row["churn_probability"] for row in scores_of(scored_panel)}
    for language, listed in (("en", "ranked by their risk"), ("zh", "按流失风险排序")):
        the_list, customer = pages[language]
        assert listed in the_list
        shown_risks = [risks[customer] for customer in re.findall(r"客户\d{4}", the_list)]
        assert shown_risks == sorted(risks.values(), reverse=True)[:50]
        assert first[language] in customer
        assert not re.search("Segment|Expected profit|Money at stake|CNY|EUR|客户细分|预期利润|面临流失", the_list)
        assert not re.search("Key facts|What to do|CNY|EUR|关键事实|建议行动|Last purchase", customer)


# A panel whose rows carry dates


DATED = """
[project]
name = "Monthly"
currency = "EUR"
[tables.panel]
path = "months.csv"
columns = { customer_id = "id", as_of = "month", label = "left" }
[churn]
kind = "panel"
horizon_days = 31
"""


@pytest.fixture(scope="module")
def months(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Each of 250 customers on the first day of eight months; use falls in the month before somebody leaves."""
    folder, chance = tmp_path_factory.mktemp("months"), random.Random(2)
    rows = []
    for month in range(1, 9):
        for number in range(250):
            use = chance.gauss(50, 15)
            leaves = int(chance.random() < 1 / (1 + np.exp((use - 38) / 6)))
            rows.append(
                (f"{number:03}", f"2025-{month:02}-01", f"{use:.1f}", "" if month == 8 and number < 5 else leaves)
            )
    write_rows(folder / "months.csv", ("id", "month", "use", "left"), rows)
    (folder / "retinue.toml").write_text(DATED)
    return folder


def test_a_panel_with_dates_is_judged_on_its_last_day_and_evaluated_on_a_later_one(months: Path) -> None:
    told = done("train", "--project", months, "--as-of", "2025-07-03", "--quiet")

    assert "Cut-off 2025-06-01: 250 customers of the panel" in told
    assert "Learnt from 5 earlier cut-offs" in told
    later = done("evaluate", "--project", months, "--as-of", "2025-08-01", "--quiet")
    assert "on the cut-off 2025-08-01: 245 customers of the panel" in later
    assert "look ahead" in refused("evaluate", "--project", months, "--as-of", "2025-07-01")
    missed = refused("evaluate", "--project", months, "--as-of", "2025-08-15")
    assert "no labelled row of 2025-08-15" in missed
    assert "2025-07-01, 2025-08-01" in missed
    nobody = refused("score", "--project", months, "--as-of", "2025-06-15", "--out", months / "scores")
    assert "no row to score" in nobody
    told = done("score", "--project", months, "--as-of", "2025-08-02", "--out", months / "scores", "--quiet")
    assert "5 customers scored" in told
    assert "hindsight" not in told


# Telephone customers (IBM)


@pytest.mark.skipif(not TELEPHONE.exists(), reason="needs ibm_telco_churn.csv.gz in $RETINUE_TEST_DATA")
def test_the_telephone_panel_goes_from_file_to_page(tmp_path: Path, browser: Browser) -> None:
    with gzip.open(TELEPHONE, "rt", encoding="utf-8") as stream:
        names, *rows = csv.reader(stream)
    names[names.index("MonthlyCharges")] = "Monthly charges"
    to_score = set(random.Random(1).sample(range(len(rows)), 200))
    label = names.index("Churn")
    write_rows(
        tmp_path / "telephone.csv",
        names,
        [[*row[:label], "" if n in to_score else row[label], *row[label + 1 :]] for n, row in enumerate(rows)],
    )
    given = {row[0]: dict(zip(names, row, strict=True)) for row in rows}
    done("init", tmp_path)
    assert 'kind = "panel"' in (tmp_path / "retinue.toml").read_text(encoding="utf-8")

    trained = done("train", "--project", tmp_path, "--quiet")
    done("score", "--project", tmp_path, "--as-of", "2026-01-01", "--out", tmp_path / "scores", "--quiet")

    assert "Version 1" in trained
    assert "serves from now on" in trained
    scored = scores_of(tmp_path)
    assert {row["customer_id"] for row in scored} == {rows[n][0] for n in to_score}
    reasons = [(row["customer_id"], reason) for row in scored for reason in row["reasons"]]
    for customer, reason in reasons:
        assert reason["en"].startswith(f"{reason['feature']}: ")
        assert reason["zh"].startswith(f"{reason['feature']}：")
        if reason["feature"] in ("Contract", "InternetService", "PaymentMethod", "TechSupport"):
            assert reason["en"] == f"{reason['feature']}: {given[customer][reason['feature']]}."
    assert "Contract: Month-to-month." in {reason["en"] for _, reason in reasons}
    assert "Monthly charges" in {reason["feature"] for _, reason in reasons}
    left = np.array([given[row["customer_id"]]["Churn"] == "Yes" for row in scored])
    risks = np.array([row["churn_probability"] for row in scored])
    assert risks[left].mean() > 2 * risks[~left].mean()
    row = riskiest(tmp_path)
    with serving(tmp_path) as address:
        for language in ("en", "zh"):
            page = shown(browser, f"{address}/customers/{row['customer_id']}", language)
            assert row["reasons"][0][language] in page


# Contracts


@pytest.fixture(scope="module")
def gym(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1,200 subscribers with contracts of very different length, trained and scored by commands."""
    folder = tmp_path_factory.mktemp("gym")
    contract_business(folder, subscribers(1, 1_200), name="Gym", horizon_days=90)
    (folder / "retinue.toml").write_text((folder / "retinue.toml").read_text() + "[value]\nmargin_share = 1.0\n")
    told = done("train", "--project", folder, "--as-of", "2026-01-01", "--quiet")
    assert "customers with a running contract, of whom" in told
    assert "no running contract 90 days later" in told
    assert "When contracts end" in told
    done("score", "--project", folder, "--as-of", "2026-01-01", "--out", folder / "scores", "--quiet")
    return folder


def test_contracts_give_risk_time_and_value_and_the_rest_is_said_to_be_lost_already(gym: Path) -> None:
    rows = scores_of(gym)
    running = [row for row in rows if row["churn_probability"] is not None]
    over = [row for row in rows if row["churn_probability"] is None]

    prices = {customer: float(price) for customer, _, end, _, price in subscribers(1, 1_200) if not end}
    assert {row["customer_id"] for row in running} == set(prices)
    for row in running:
        assert row["value_at_stake"] == pytest.approx(prices[row["customer_id"]] * 365 / 30)
        assert re.search("end the contract|end of the contract", row["expected"]["en"])
        assert re.search("终止合同|合同终止", row["expected"]["zh"])
        assert row["spend_365d"] is None
    assert any(row["expected"]["en"].startswith("Expected to end the contract in about") for row in running)
    assert {row["abstained_because"]["en"] for row in over} == {"No contract runs, so there is none to be lost."}
    families = {reason["family"] for row in running for reason in row["reasons"]}
    assert families == {"contract"}


def test_a_contract_project_is_certified_evaluated_and_backtested(gym: Path) -> None:
    told = done("leakage", "--project", gym, "--as-of", "2026-01-01", "--quiet")
    assert "PASS" in told
    assert "label windows end before the judgement begins" in told
    assert "Choose a cut-off no later than" in refused("evaluate", "--project", gym, "--as-of", "2026-01-01")
    assert "Leaving: no running contract 90 days later." in done(
        "backtest", "--project", gym, "--as-of", "2026-01-01", "--tests", "1", "--quiet"
    )


def test_the_pages_of_contracts_speak_of_contracts_and_not_of_purchases(gym: Path, browser: Browser) -> None:
    row = riskiest(gym)
    gone = next(row for row in scores_of(gym) if row["churn_probability"] is None)
    with serving(gym) as address:
        for language, means in (("en", "no running contract 90 days later"), ("zh", "90 天后没有生效的合同")):
            the_list = shown(browser, address, language)
            customer = shown(browser, f"{address}/customers/{row['customer_id']}", language)
            lost = shown(browser, f"{address}/customers/{gone['customer_id']}", language)
            assert means in the_list
            assert means in customer
            assert row["expected"][language] in customer
            assert gone["abstained_because"][language] in lost
            assert not re.search("urchase|ought|消费|购买|Segment|客户细分", the_list + customer + lost)


# Decline


def test_a_project_of_decline_goes_from_orders_to_page(tmp_path: Path, browser: Browser) -> None:
    shop = write_company(tmp_path / "shop", orders(), PROJECT.replace('"silence"', '"decline"'))

    told = done("train", "--project", shop, "--as-of", "2026-01-01", "--quiet")
    done("score", "--project", shop, "--as-of", "2026-01-01", "--out", shop / "scores", "--quiet")

    assert "customers with a habit of buying, of whom" in told
    assert "60 days of spend below 50% of the own habit" in told
    scored = scores_of(shop)
    assert {row["expected"] is None for row in scored} == {True}
    assert {row["abstained_because"] is None for row in scored} == {True, False}
    assert all(row["segment"] for row in scored)
    row = riskiest(shop)
    with serving(shop) as address:
        assert "Leaving means: 60 days of spend below 50% of the own habit." in shown(browser, address, "en")
        page = shown(browser, f"{address}/customers/{row['customer_id']}", "zh")
    assert "流失指：60 天的消费低于自身习惯的 50%。" in page
    assert row["reasons"][0]["zh"] in page
