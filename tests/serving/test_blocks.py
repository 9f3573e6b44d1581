"""A batch that works in blocks says the same as one that sees everybody at once."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import serving.blocks
from features.feature_rows import FrameRows
from features.project import Project
from features.snapshot import snapshot
from features.sources import open_facts
from serving.batch import score
from serving.blocks import Everybody, other_debtors
from serving.decisions.playbook import load_playbook
from serving.gathering import names_at
from serving.population import PopulationCount
from serving.store import find_debtor, open_project_store, reading
from tests.serving.realtime.company import AS_OF, train, write_company
from training.models.population import Population
from training.receivables import owed

pytestmark = pytest.mark.filterwarnings("ignore:Series.values returning an ndarray that drops timezone")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        made = write_company(tmp_path_factory.mktemp("blocks") / "company")
        train(made)
    return made


def debtor_bodies(project: Project, customers: list[str]) -> list[bytes | None]:
    store = open_project_store(project)
    try:
        with reading(store) as connection:
            return [find_debtor(connection, customer) for customer in customers]
    finally:
        store.close()


def test_blocks_change_nothing(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = score(project, AS_OF, tmp_path / "whole", lambda: AS_OF)
    customers = whole.scores["customer_id"].to_pylist()
    debtors = debtor_bodies(project, customers)
    monkeypatch.setattr(serving.blocks, "ROWS", 7)  # the last block has fewer
    small = score(project, AS_OF, tmp_path / "small", lambda: AS_OF)
    assert len(customers) > 50
    assert len(customers) % 7
    assert small.scores.equals(whole.scores)
    assert small.invoices is not None
    assert small.invoices.equals(whole.invoices)
    assert debtor_bodies(project, customers) == debtors
    assert len(list(filter(None, debtors))) > 50


def test_a_model_that_kept_no_population_tells_of_no_drift(project: Project, tmp_path: Path) -> None:
    assert score(project, AS_OF, tmp_path, lambda: AS_OF).published.summary.drift is None


def test_customers_of_whom_nothing_is_as_it_was_are_another_population() -> None:
    then = pd.DataFrame({"gap": range(100), "spend": range(100), "churn_probability": [n / 100 for n in range(100)]})
    counted = PopulationCount(Population.of(then, list(then.columns)))
    scores = pa.table({"churn_probability": [0.9] * 60 + [None] * 10})
    counted.add(pd.DataFrame({"gap": [50.0] * 70, "spend": list(range(70))}), scores)
    drift = counted.drift()
    assert drift is not None
    assert drift.is_large
    assert (drift.customers_then, drift.customers_now) == (100, 60)
    assert drift.churn_probability > 0.25
    assert drift.moved_most[0].feature == "gap"
    assert PopulationCount(None).drift() is None


def test_a_few_customers_who_differ_by_chance_alone_are_no_other_population() -> None:
    draw = np.random.default_rng(3)
    then, now = (pd.DataFrame({"churn_probability": draw.random(60)}) for _ in range(2))
    counted = PopulationCount(Population.of(then, ["churn_probability"]))
    counted.add(now.drop(columns="churn_probability"), pa.Table.from_pandas(now))
    drift = counted.drift()
    assert drift is not None
    assert 0.25 < drift.churn_probability < drift.churn_probability_limit  # 2/60 times 23.2, the 99th percentile
    assert drift.churn_probability_limit == pytest.approx(2 / 60 * 23.209, abs=1e-3)
    assert not drift.is_large


def test_a_batch_tells_who_moved_since_the_one_before(project: Project, tmp_path: Path) -> None:
    first = score(project, AS_OF - timedelta(days=14), tmp_path, lambda: AS_OF)
    assert first.changes is None
    before = {row["customer_id"]: row["churn_band"] for row in first.scores.to_pylist()}
    second = score(project, AS_OF, tmp_path, lambda: AS_OF)
    assert second.changes is not None
    assert second.changes.file == tmp_path / "changes.parquet"
    now = {row["customer_id"]: row["churn_band"] for row in second.scores.to_pylist()}
    told = {row["customer_id"]: row["move"] for row in pq.read_table(second.changes.file).to_pylist()}
    moved = {customer for customer in before.keys() | now.keys() if before.get(customer) != now.get(customer)}
    assert moved
    assert told.keys() >= moved
    assert sum(second.changes.moves.values()) == len(told)
    again = score(project, AS_OF, tmp_path, lambda: AS_OF)
    assert again.changes is None  # the same run
    assert sorted(file.name for file in tmp_path.iterdir()) == ["changes.parquet", "invoices.parquet", "scores.parquet"]


def test_debtors_who_are_not_scored_are_told_all_the_same(project: Project) -> None:
    with open_facts(project) as facts:
        frame = snapshot(facts, [AS_OF]).to_pandas()
        names = names_at(facts, AS_OF).set_index("customer_id")
        found = owed(facts, AS_OF)
    strangers = sorted(found.customers.index)[-3:]
    known = frame[~frame["customer_id"].isin(strangers)]
    everybody = Everybody.of(FrameRows(known), names, pd.DataFrame(index=range(len(known))), None, found)
    playbook = load_playbook(project)
    others = other_debtors(everybody, project, playbook, None)
    assert others is not None
    assert others["customer_id"].to_pylist() == strangers
    assert others["balance"].to_pylist() == found.customers.loc[strangers, "balance"].tolist()
    every = Everybody.of(FrameRows(frame), names, pd.DataFrame(index=range(len(frame))), None, found)
    assert other_debtors(every, project, playbook, None) is None
