"""The card of the races: a row for each ranking, in both languages, one of them marked."""

import pytest

from features.text import Text
from tests.training.uplift.logs import by_a, log_of
from training.uplift.learn import learn_action
from training.uplift.model import LearntUplift
from training.uplift.rankings import NAMES
from training.uplift.report import race_report


@pytest.fixture(scope="module")
def model() -> LearntUplift:
    log = log_of(1_500, by_a, 1, is_wanted=False)
    return LearntUplift(
        features=tuple(log.features.columns),
        value_feature=None,
        actions=(learn_action(log, 0, repeats=1),),
        unlearnt={"visit": Text("'visit': too few.", "“visit”：太少。")},
        is_wanted=False,
        horizon_days=90,
        as_of="2026-01-01T00:00:00+00:00",
        without_propensity=("call",),
    )


def test_a_card_has_a_row_for_each_ranking_and_marks_the_one_that_serves(model: LearntUplift) -> None:
    cards = race_report(model)
    assert sorted(cards) == ["race.en.md", "race.zh.md"]
    for language, mark in (("en", "| yes |"), ("zh", "| 是 |")):
        card = cards[f"race.{language}.md"]
        rows = [line for line in card.splitlines() if line.startswith("| ")]
        assert len(rows) == 2 + len(NAMES)
        [chosen] = [row for row in rows if row.endswith(mark)]
        assert chosen.startswith(f"| {NAMES[model.actions[0].race.picked].of(language)} |")  # type: ignore[arg-type]
    assert "2026-01-01" in cards["race.en.md"]
    assert "too few" in cards["race.en.md"]


def test_a_run_records_the_figures_of_each_ranking_and_which_serves(model: LearntUplift) -> None:
    race, metrics = model.actions[0].race, model.metrics()
    assert model.parameters()["ranking.call"] == race.picked
    assert model.parameters()["actions_unlearnt"] == 1
    for name in NAMES:
        assert metrics[f"call.{name}.qini"] == race.of(name).qini.value
    assert metrics["call.rows"] == 1_500
    assert metrics["call.average_effect"] == pytest.approx(race.average.value)


def test_what_is_said_names_lots_that_were_not_told_and_actions_that_were_not_learnt(model: LearntUplift) -> None:
    said = model.said()
    assert any("do not all tell the probability" in text.en for text in said)
    assert said[-1].zh == "“visit”：太少。"
