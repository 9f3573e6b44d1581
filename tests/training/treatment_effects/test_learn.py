"""Learning from the log of a simulated company that loses many customers, so that few of them tell much."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from features.errors import ModelError, NotEnoughDataError, ProjectError
from features.project import load_project
from features.simulation.company import Company
from features.simulation.counterfactuals import Counterfactuals, counterfactuals
from features.simulation.plan import planned
from features.simulation.project import FACTS, write_project
from features.sources import Facts, open_facts
from training.dataset import active_snapshots, training_features
from training.treatment_effects.learn import learn_effects, with_attributes
from training.treatment_effects.learnt import Expected, LearntEffects, from_json, to_json

START, END = date(2023, 7, 1), date(2026, 1, 1)
LOSING = Company(
    with_campaigns=True,
    leaving_per_year=0.5,
    leaving_shape=4.0,
    trouble_per_year=0.2,
    further_line_share=0.0,
    order_gap_median_days=20.0,
    order_gap_max_days=80.0,
)
PLAN = planned(4, 2_500, START, END, LOSING, [])
DAY = date(2025, 9, 29)
AS_OF = datetime(2025, 9, 29, tzinfo=ZoneInfo("Europe/Berlin"))
BELIEFS = {"personal_call": (0.08, 0.02, 0.16), "visit": (0.15, 0.05, 0.28), "letter": (0.05, 0.01, 0.1)}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_project(tmp_path_factory.mktemp("effects") / "company", PLAN).parent


@pytest.fixture(scope="module")
def facts(folder: Path) -> Iterator[Facts]:
    with open_facts(load_project(folder)) as opened:
        yield opened


@pytest.fixture(scope="module")
def learnt(facts: Facts) -> LearntEffects:
    return learn_effects(facts, AS_OF, BELIEFS, 1)


@pytest.fixture(scope="module")
def truth() -> Counterfactuals:
    return counterfactuals(PLAN, 0, DAY)


@pytest.fixture(scope="module")
def frame(facts: Facts, truth: Counterfactuals) -> pd.DataFrame:
    rows = with_attributes(facts, active_snapshots(facts, [AS_OF], training_features(facts)), AS_OF)
    return rows.set_index("customer_id").loc[truth.customer_id].reset_index()


@pytest.fixture(scope="module")
def expected(learnt: LearntEffects, frame: pd.DataFrame) -> Expected:
    return learnt.expected(frame)


def test_the_two_risks_are_those_of_the_truth(expected: Expected, truth: Counterfactuals) -> None:
    gone, here = truth.has_left, ~truth.has_left
    assert expected.gone[gone].mean() > 0.6 > 0.2 > expected.gone[here].mean()
    leaves = np.where(here, truth.leave_if_nothing, 0)
    assert expected.leaves.mean() == pytest.approx(leaves.mean(), rel=0.35)
    assert expected.leaves[gone].mean() < expected.leaves[here].mean()


def test_mean_effects_lie_within_their_intervals(learnt: LearntEffects, truth: Counterfactuals) -> None:
    here = ~truth.has_left
    left = truth.leave_if_nothing[here].sum()
    for k, action in enumerate(("personal_call", "visit", "small_voucher", "flexible_terms")):
        true = 1 - truth.leave[here, k].sum() / left
        mean, low, high = learnt.evidence[action].reduction
        wider = 0.5 * (high - low)  # the interval is one of 90 %, and the truth is that of another day
        assert low < mean < high
        assert low - wider < true < high + wider, action


def test_a_call_keeps_better_who_buys_often_than_who_seldom_does(expected: Expected, truth: Counterfactuals) -> None:
    call = expected.actions.index("personal_call")
    wakes = truth.log_factor[:, 0] > 0
    assert wakes.sum() > 50
    assert expected.reduction[~wakes, call].mean() > expected.reduction[wakes, call].mean()
    assert (expected.reduction_low < expected.reduction).all()
    assert (expected.reduction < expected.reduction_high).all()


def test_the_evidence_counts_the_log(learnt: LearntEffects, folder: Path) -> None:
    log = pd.read_parquet(folder / FACTS / "treatments.parquet")
    over = log[log["at"] < pd.Timestamp(AS_OF - timedelta(days=90)).tz_localize(None)]
    for action in ("visit", "flexible_terms"):
        rows, said = over[over["action"] == action], learnt.evidence[action]
        assert said.treated == (rows["arm"] == "treated").sum()
        assert said.controls == (rows["arm"] == "control").sum()
        assert 0 < said.left_treated < said.treated
        assert said.share_from_log > 0.5
    assert learnt.evidence["visit"].belief == (0.15, 0.05, 0.28)
    assert learnt.evidence["flexible_terms"].belief == (0, 0, 0)


def test_an_action_that_nobody_tried_stands_on_its_belief_alone(learnt: LearntEffects, expected: Expected) -> None:
    said = learnt.evidence["letter"]
    assert said.abstains is not None
    assert "'letter'" in said.abstains.en
    assert "“letter”" in said.abstains.zh
    assert (said.treated, said.share_from_log) == (0, 0.0)
    letter = expected.actions.index("letter")
    bounds = (expected.reduction, expected.reduction_low, expected.reduction_high)
    assert [np.unique(one[:, letter]).tolist() for one in bounds] == [[0.05], [0.01], [0.1]]
    assert said.reduction == said.belief == (0.05, 0.01, 0.1)


def test_what_was_written_reads_and_expects_the_same(
    learnt: LearntEffects, frame: pd.DataFrame, expected: Expected
) -> None:
    text = to_json(learnt)
    again = from_json(text)
    assert to_json(again) == text
    found = again.expected(frame)
    for name in ("gone", "leaves", "reduction", "reduction_low", "reduction_high"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    assert again.evidence == learnt.evidence


def test_what_is_no_such_document_is_refused() -> None:
    for text in ("", "{}", '{"version": 99}', "[]"):
        with pytest.raises(ModelError, match="learnt effects"):
            from_json(text)


def test_what_became_known_later_changes_nothing(learnt: LearntEffects, folder: Path, tmp_path: Path) -> None:
    """The same company whose records end at the cut-off."""
    other = tmp_path / "cut"
    (other / FACTS).mkdir(parents=True)
    (other / "retinue.toml").write_text((folder / "retinue.toml").read_text(encoding="utf-8"), encoding="utf-8")
    end = pd.Timestamp(AS_OF).tz_localize(None)
    times = {
        "orders": "ordered_at",
        "invoices": "issued_at",
        "payments": "paid_at",
        "interactions": "at",
        "treatments": "at",
    }
    for file in (folder / FACTS).glob("*.parquet"):
        rows = pd.read_parquet(file)
        column = times.get(file.stem)
        kept = rows if column is None else rows[rows[column] < end]
        kept.to_parquet(other / FACTS / file.name, index=False)
    with open_facts(load_project(other)) as facts:
        again = learn_effects(facts, AS_OF, BELIEFS, 1)
    assert to_json(again) == to_json(learnt)


def test_too_short_a_log_is_said_to_be_too_short(facts: Facts) -> None:
    with pytest.raises(NotEnoughDataError, match=r"No treatment is known before 2023-08-01"):
        learn_effects(facts, datetime(2023, 8, 1, tzinfo=UTC), BELIEFS, 1)
    with pytest.raises(NotEnoughDataError, match=r"at least 20 are needed"):
        learn_effects(facts, datetime(2024, 1, 15, tzinfo=UTC), BELIEFS, 1)


def test_where_customers_do_not_leave_by_silence_nothing_is_learnt(facts: Facts) -> None:
    churn = facts.project.churn.model_copy(update={"kind": "decline"})
    other = replace(facts, project=facts.project.model_copy(update={"churn": churn}))
    with pytest.raises(ProjectError, match="kind is 'decline'"):
        learn_effects(other, AS_OF, BELIEFS, 1)
