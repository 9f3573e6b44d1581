import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from html.parser import HTMLParser
from typing import Literal

import numpy as np
import pytest

from features.leakage.certificate import Certificate, Checked, Finding
from features.project import ChurnSettings
from features.text import LANGUAGES, Text
from tests.training.evaluation.judgements import by_hand, drawn
from training.card.card import model_card
from training.card.facts import CardFacts, Occasion, measured
from training.card.limits import limits
from training.card.sections import SECTIONS
from training.card.summary import against_baselines, level
from training.evaluation.judged import Judged
from training.evaluation.profit import DecisionCosts

START = datetime(2025, 1, 1, tzinfo=UTC)

FACTS = CardFacts(
    project="Müller & Söhne <Handel>",
    model_kind="model",
    version="7",
    run_id="a1b2c3",
    trained_as_of=datetime(2026, 6, 1, tzinfo=UTC),
    churn=ChurnSettings(horizon_days=90, active_within_days=180),
    currency="EUR",
    rows=8000,
    customers=2500,
    history=[Occasion(START + timedelta(days=30 * i), 1000 + i, 0.2 + i / 100) for i in range(3)],
    features=62,
    promoted=True,
    attributions={"days_since_last_purchase": 0.6, "a|b": 0.25, "purchase_days_total": 0.15},
    meanings={"days_since_last_purchase": Text("Days since the last purchase.", "距上次购买的天数。")},
    parameters={"eta": 0.05},
    versions={"xgboost-cpu": "3.0"},
    groups={"segment": Text("segment", "客户细分")},
    costs=DecisionCosts(contact=20, effect=0.25),
)

CERTIFICATE = Certificate(
    as_of=START,
    catalogue_hash="c0ffee",
    checked=Checked(("a",), (START,), (), 100, 1000, {"orders": 12345}, 500),
    findings=(
        Finding("predictive", "status", "warning", Text("AUC of <0.97> alone.", "单独 AUC <0.97>。"), count=12),
        Finding("truncation", "", "passed", Text("Nothing changed.", "没有变化。")),
    ),
    limits=(Text("Only a sample was looked at.", "只检查了样本。"),),
)

JUDGED = drawn(900)


@cache
def card() -> dict[str, str | bytes]:
    return model_card(FACTS, JUDGED, CERTIFICATE)


class Page(HTMLParser):
    """The tags, addresses and texts of a page; fails on tags that are not closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "action")]
        if tag not in ("meta", "img", "link", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data.strip())


def text_file(name: str) -> str:
    data = card()[name]
    assert isinstance(data, str)
    return data


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_needs_nothing_else_and_shows_every_picture(language: str) -> None:
    page = Page(text_file(f"card.{language}.html"))
    assert page.tags.count("img") == 5
    assert all(address.startswith("data:image/png;base64,") for address in page.addresses)
    assert "script" not in page.tags
    assert "link" not in page.tags
    assert not re.search(r"url\(|@import|https?://", text_file(f"card.{language}.html"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_both_forms_have_every_section_in_the_readers_language(language: str) -> None:
    page, lines = Page(text_file(f"card.{language}.html")), text_file(f"card.{language}.md").splitlines()
    for title, _ in SECTIONS:
        said = title.zh if language == "zh" else title.en
        assert said in page.texts
        assert f"## {said}" in lines


def test_what_others_wrote_is_shown_and_not_run() -> None:
    page = Page(text_file("card.en.html"))
    assert "Who is about to leave: model card of Müller & Söhne <Handel>" in page.texts
    assert "AUC of <0.97> alone." in page.texts
    lines = text_file("card.en.md").splitlines()
    assert lines[0] == "# Who is about to leave: model card of Müller & Söhne \\<Handel\\>"
    assert "| a\\|b | – | 25.0% |" in lines


def test_the_files_that_the_markdown_shows_are_there() -> None:
    for language in LANGUAGES:
        shown = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text_file(f"card.{language}.md"))
        assert len(shown) == 5
        assert set(shown) <= set(card())


def test_every_row_of_a_table_has_as_many_cells_as_its_head() -> None:
    for block in text_file("card.en.md").split("\n\n"):
        cells = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines() if line.startswith("|")}
        assert len(cells) <= 1, block


def test_the_first_screen_says_what_the_numbers_are() -> None:
    texts = Page(text_file("card.en.html")).texts
    top = texts[: texts.index("How good it is")]
    rate = f"{JUDGED.churned.mean():.0%}"
    ranked = JUDGED.churned[np.argsort(-JUDGED.probability)][:90]
    assert f"{ranked.mean():.0%}" in top
    assert f"of all customers: {rate}" in top
    assert f"{JUDGED.probability.mean():.0%} → {rate}" in top
    assert any(text.startswith("For customers who bought within the last 180 days") for text in top)
    assert "This version serves." in top
    assert "Leakage check: PASS: no leak was found (warnings: 1)." in top


@pytest.mark.parametrize(
    ("kind", "who", "what", "may"),
    [
        ("silence", "customers who bought within the last 180 days", "no purchase for 90 days", "fall silent"),
        ("decline", "customers who bought within the last 180 days, and for the first time at least 90 days ago",
         "90 days of spend below 40% of the own habit", "buy less"),
        ("contract", "customers with a running contract", "no running contract 90 days later", "end their contract"),
        ("panel", "customers such as those of the panel", "what the panel's label marks, within 90 days", "leave"),
    ],
)  # fmt: skip
def test_the_card_speaks_of_the_projects_own_meaning_of_leaving(
    kind: Literal["silence", "decline", "contract", "panel"], who: str, what: str, may: str
) -> None:
    churn = ChurnSettings(kind=kind, horizon_days=90, active_within_days=180, decline_share=0.4)
    page = model_card(replace(FACTS, churn=churn, by_customers=kind == "panel"), JUDGED, CERTIFICATE)["card.en.html"]
    assert isinstance(page, str)
    texts = " ".join(Page(page).texts)
    assert f"For {who}, the model gives the probability of leaving; here that means: {what}." in texts
    assert f"Population: {who}. Left means: {what}." in texts
    assert f"it says who may {may}, not who can or will pay" in texts
    assert ("Over time" in texts) == (kind != "panel")
    assert ("It was judged on customers held out, not on a later day" in texts) == (kind == "panel")
    if kind in ("contract", "panel"):
        assert not re.search("bought|purchase for|silent", texts)


def test_the_same_facts_and_seed_give_the_same_card() -> None:
    assert model_card(FACTS, JUDGED, CERTIFICATE) == card()


def test_a_card_is_made_of_the_least_that_can_be_known() -> None:
    judged = by_hand([1, 0] * 20, [0.7, 0.2] * 20, value=[float("nan")] * 40)
    bare = replace(FACTS, history=(), attributions={}, groups={}, costs=None, parameters={}, promoted=False)
    page = model_card(bare, judged, CERTIFICATE)["card.en.html"]
    assert isinstance(page, str)
    texts = Page(page).texts
    assert "What it is worth in money" not in texts
    assert "What it looks at" not in texts
    assert "This version is on record only: it does not serve." in texts
    assert "It was compared with no simple rule: how much it adds is not known." in texts


@pytest.mark.parametrize(
    ("stretch", "shift", "said"),
    [
        (1, 0, "On the whole, its probabilities came true."),
        (1, 1, "Its probabilities were too high: fewer left than foretold."),
        (1, -1, "Its probabilities were too low: more left than foretold."),
    ],
)
def test_the_level_is_said_in_words(stretch: float, shift: float, said: str) -> None:
    true = drawn(3000)
    log_odds = np.log(true.probability / (1 - true.probability))
    probability = 1 / (1 + np.exp(-(stretch * log_odds + shift)))
    judged = Judged(true.rows, {"model": probability}, "model")
    assert level(measured(FACTS, judged, 0)).en == said


def test_a_model_that_is_no_better_than_a_simple_rule_is_called_so() -> None:
    blunt = Judged(JUDGED.rows, {"recency": JUDGED.probability, "model": JUDGED.probabilities["blunt"]}, "model")
    assert against_baselines(FACTS, measured(FACTS, blunt, 0)).en == (
        "It is not surely better than this simple rule: days since the last purchase alone."
    )
    better = Judged(JUDGED.rows, {"model": JUDGED.probability, "recency": JUDGED.probabilities["blunt"]}, "model")
    assert against_baselines(FACTS, measured(FACTS, better, 0)).en == (
        "It is better than every simple rule, beyond chance; the best of them is: days since the last purchase alone."
    )


def test_the_limits_follow_from_the_data() -> None:
    drawn_rows = drawn(200, cutoffs=1)
    segments = ["New"] * 10 + ["Loyal"] * 190
    judged = Judged(drawn_rows.rows.assign(segment=segments), {"model": drawn_rows.probability}, "model")
    said = " ".join(text.en for text in limits(FACTS, judged, measured(FACTS, judged, 0)))
    unknown = int(np.isnan(judged.value).sum())
    assert "judged on 1 cut-off(s) only" in said
    assert "spans less than a year (60 days of cut-offs)" in said
    assert f"the rarer outcome occurs {judged.churned.sum()} times only" in said
    assert f"{unknown} of 200 judged rows have no known value" in said
    assert "Groups with too few customers to say anything: segment 1." in said
    years = [Occasion(START, 1000, 0.2), Occasion(START + timedelta(days=800), 1000, 0.2)]
    plenty = drawn(3000, cutoffs=4).where(np.isfinite(drawn(3000, cutoffs=4).value))
    sound = replace(FACTS, history=years, groups={}, limits=[Text("Own limit.", "自有局限。")])
    assert [text.en for text in limits(sound, plenty, measured(sound, plenty, 0))] == ["Own limit."]
