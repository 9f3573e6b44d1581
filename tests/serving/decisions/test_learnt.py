"""Effects that were learnt decide what is recommended and planned; without them everything stays as it was."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pytest

from features.project import Project, load_project
from features.simulation.company import Company
from features.simulation.plan import planned
from features.simulation.project import write_project
from features.sources import open_facts
from features.text import Text
from serving.batch import Scoring, score
from serving.decisions.expected_profit import Belief, written_beliefs
from serving.decisions.learnt import (
    STILL_HERE,
    LearntBeliefs,
    churn_beliefs,
    kept_beliefs,
    kept_beliefs_of,
    with_learnt,
)
from serving.decisions.playbook import BUILT_IN, load_playbook, read_playbook
from serving.planning import plan
from serving.scoring.customers import customer_answer
from serving.scoring.ready import make_ready
from serving.scoring.schemas import CustomerAsked
from serving.store import open_project_store
from tests.serving.kept_snapshots import keep_snapshot
from tests.training import registered
from training.beside import Beside, log_beside, serving_effects
from training.ledger import Scoring as OnLedger
from training.ledger import ledger_file, read_ledger
from training.registry import Signature, settle
from training.replay import kept_features
from training.tracking import champion_churn
from training.treatment_effects.learn import learn_effects, with_attributes

# pyarrow reads a frame's times with time zone in a way that pandas is about to change.
pytestmark = pytest.mark.filterwarnings("ignore:Series.values returning an ndarray that drops timezone")

PLAYBOOK = read_playbook(BUILT_IN["trade"])
BASIS = Text("learnt from 12 contacts", "根据 12 次联系学习")
LEARNT = LearntBeliefs(
    np.array([1.0, 0.5]),
    {"personal_call": (np.array([0.3, -0.1]), np.array([0.2, -0.2]), np.array([0.4, 0.05]))},
    {"personal_call": BASIS},
)


def test_what_was_learnt_takes_the_place_of_the_belief_and_assumptions_count_for_those_who_are_here() -> None:
    written = written_beliefs(PLAYBOOK)
    found = with_learnt(written, PLAYBOOK, LEARNT)
    call, visit = found["personal_call"], found["visit"]
    assert (np.asarray(call.mean).tolist(), call.source) == ([0.3, -0.1], BASIS)
    assert np.asarray(visit.mean).tolist() == [written["visit"].mean, 0.5 * float(written["visit"].mean)]
    assert visit.source == STILL_HERE.format(source=written["visit"].source)
    assert found["payment_reminder"] is written["payment_reminder"]  # about money, not about leaving


def test_what_campaigns_measured_stays_as_it_was_measured() -> None:
    measured = Belief(0.12, 0.1, 0.14, Text("measured by campaigns", "由活动实测"))
    found = with_learnt({**written_beliefs(PLAYBOOK), "visit": measured}, PLAYBOOK, LEARNT)
    assert found["visit"] is measured


def test_without_anything_learnt_the_beliefs_are_the_very_same() -> None:
    written = written_beliefs(PLAYBOOK)
    assert with_learnt(written, PLAYBOOK, None) is written


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "retinue.toml").write_text(
        '[project]\nname = "Shop"\ncurrency = "EUR"\ntimezone = "UTC"\n[tables.orders]\npath = "orders.csv"\n'
        '[tables.orders.columns]\ncustomer_id = "c"\nordered_at = "t"\namount = "a"\n'
    )
    return load_project(tmp_path)


def test_a_plan_reads_what_the_scoring_kept(project: Project) -> None:
    frame = pd.DataFrame({"customer_id": ["A", "B"], "orders_90d": [1.0, 2.0]})
    served = {f"churn_probability{end}": pa.array([0.1, 0.2]) for end in ("", "_low", "_high")}
    scores = pa.table({"customer_id": ["A", "B"], **served, "abstained_because": pa.nulls(2)})
    keep_snapshot(project, "learnt", frame.assign(**LEARNT.columns()), scores, notes=LEARNT.notes())
    keep_snapshot(project, "plain", frame, scores)
    kept, plain = kept_features(project, "learnt"), kept_features(project, "plain")
    assert kept is not None
    assert plain is not None
    read = kept_beliefs(kept)
    assert read is not None
    assert read.sources == {"personal_call": BASIS}
    assert read.here.tolist() == [1.0, 0.5]
    np.testing.assert_array_equal(read.shares["personal_call"], LEARNT.shares["personal_call"])
    later = kept_beliefs_of(project, "learnt", ["B", "new"])
    assert later is not None
    np.testing.assert_array_equal(later.here, [0.5, np.nan])
    found = with_learnt(written_beliefs(PLAYBOOK), PLAYBOOK, later)
    assert np.asarray(found["personal_call"].mean).tolist() == [-0.1, 0.08]  # of the new one, what is believed
    assert kept_beliefs_of(project, "plain", ["B"]) is None
    assert kept_beliefs_of(project, "removed", ["B"]) is None
    assert kept_beliefs(plain) is None
    assert not plain.schema.metadata


CALLS_ALONE = """
[[actions]]
id = "personal_call"
name = { en = "Personal call", zh = "客户经理致电" }
description = { en = "Somebody calls.", zh = "致电。" }
channel = "phone"
cost = 1.0
eligible = "churn_probability < 0.95"
effect = { kind = "churn", mean = 0.08, low = 0.02, high = 0.16, source = { en = "assumption", zh = "假设" } }
"""
AS_OF = datetime(2025, 12, 31, 23, tzinfo=UTC)
COMPANY = Company(
    with_campaigns=True,
    leaving_per_year=0.5,
    leaving_shape=4.0,
    trouble_per_year=0.2,
    further_line_share=0.0,
    order_gap_median_days=20.0,
    order_gap_max_days=80.0,
)


@dataclass(frozen=True)
class Scored:
    """A company that was scored before and after effects were learnt from its log."""

    project: Project
    before: Scoring
    after: Scoring
    again: Scoring
    """After the table of treatments was taken out of the project."""


def scored(project: Project, out: str) -> Scoring:
    return score(project, AS_OF, project.root / out, lambda: datetime(2026, 1, 1, 6, tzinfo=UTC))


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scored]:
    folder = tmp_path_factory.mktemp("learnt") / "company"
    write_project(folder, planned(4, 900, date(2023, 10, 1), date(2026, 1, 1), COMPANY, []))
    (folder / "playbook.toml").write_text(CALLS_ALONE, encoding="utf-8")
    with (folder / "retinue.toml").open("a", encoding="utf-8") as file:
        file.write('\n[playbook]\npath = "playbook.toml"\n')
    project = load_project(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.setattr(registered, "HORIZON", timedelta(days=project.churn.horizon_days))
        version = registered.register(project, datetime(2025, 12, 31, tzinfo=UTC), keep=False)
        settle(project, version, registered.PASSED, Signature("li@office", AS_OF))
        registered.register_segments(project, AS_OF)
        before = scored(project, "before")
        with open_facts(project) as facts:
            effects = learn_effects(facts, AS_OF, churn_beliefs(load_playbook(project)), 1)
        log_beside(project, Beside(None, None, None, effects=effects))
        after = scored(project, "after")
        without = project.model_copy(
            update={"tables": {name: table for name, table in project.tables.items() if name != "treatments"}}
        )
        yield Scored(project, before, after, scored(without, "again"))


@pytest.mark.slow
def test_learnt_effects_decide_for_each_customer_and_say_so(company: Scored) -> None:
    serving = serving_effects(company.project)
    assert serving is not None
    called = company.after.scores.to_pandas().query("recommended_action == 'personal_call'")
    assert called["assumed_effect"].nunique() == len(called) > 50  # each has its own
    assert (called["assumed_effect_low"] < called["assumed_effect"]).all()
    said = serving.model.evidence["personal_call"]
    for sentence in called["assumption"]:
        assert (
            f"from {said.treated:,} contacts on record beside {said.controls:,} customers held back" in sentence["en"]
        )
        assert "逐客户学习" in sentence["zh"]
    before = company.before.scores.to_pandas().query("recommended_action == 'personal_call'")
    assert set(before["assumed_effect"]) == {0.08}  # the playbook's belief, the same for all
    [*_, first, second, third] = [
        e.record for e in read_ledger(ledger_file(company.project)) if isinstance(e.record, OnLedger)
    ]
    assert [one.effects_version for one in (first, second, third)] == [None, serving.version, None]


@pytest.mark.slow
def test_the_effect_is_that_of_the_log_on_those_who_are_still_here(company: Scored) -> None:
    serving = serving_effects(company.project)
    assert serving is not None
    called = company.after.scores.to_pandas().query("recommended_action == 'personal_call'")
    kept = kept_features(company.project, company.after.published.run_id)
    assert kept is not None
    with open_facts(company.project) as facts:
        frame = with_attributes(facts, kept.to_pandas(), AS_OF)
    expected = serving.model.expected(frame)
    k = expected.actions.index("personal_call")
    by_hand = expected.reduction[:, k] * expected.leaves / (expected.gone + expected.leaves)
    np.testing.assert_allclose(called["assumed_effect"], by_hand[called.index], rtol=1e-9)


@pytest.mark.slow
def test_a_plan_reckons_as_the_scores_do(company: Scored, tmp_path: Path) -> None:
    scored(company.project, "later")
    made = plan(company.project, company.after.file, tmp_path, lambda: datetime(2026, 1, 1, 7, tzinfo=UTC))
    assert "contacts on record" in made.beliefs["personal_call"].source.en
    scores = company.after.scores.to_pandas().set_index("customer_id")
    items = made.plan.items.query("action == 'personal_call' and accompanying_action.isna()").set_index("customer_id")
    same = scores.loc[items.index].query("recommended_action == 'personal_call' and accompanying_action.isna()")
    assert len(same) > 50
    np.testing.assert_allclose(items.loc[same.index, "expected_profit"], same["expected_profit"], rtol=1e-6)


@pytest.mark.slow
def test_a_customer_who_is_scored_on_request_comes_out_as_in_the_batch(company: Scored) -> None:
    batch = scored(company.project, "later")
    of_batch = batch.scores.to_pandas().query("recommended_action == 'personal_call'").iloc[0]
    asked = CustomerAsked(customer_id=of_batch["customer_id"], change={"days_since_last_purchase": 10.0})
    with closing(open_project_store(company.project)) as store:
        model = make_ready(company.project, champion_churn(company.project))
        answer = orjson.loads(customer_answer(company.project, store, model, None, asked))
    same = ("recommended_action", "assumed_effect", "expected_profit", "assumption")
    assert {name: answer["before"][name] for name in same} == {name: of_batch[name] for name in same}


@pytest.mark.slow
def test_without_a_log_nothing_changes_bit_for_bit(company: Scored) -> None:
    assert company.again.scores.drop_columns(["model_version"]).equals(
        company.before.scores.drop_columns(["model_version"])
    )
    assert not company.after.scores.equals(company.before.scores)
