"""Every customer is told the same in a batch as in the reports."""

from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from features.project import Project
from features.snapshot import snapshot
from features.sources import open_facts
from tests.training.companies import shop, utc
from training.group_report import group_report
from training.lifetime_value.fit import fit_lifetime_value
from training.models.clusters.model import fit_clusters
from training.standing import standing
from training.value_report import value_report

AS_OF = utc(2025, 11, 3)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return shop(tmp_path_factory.mktemp("shop"), seed=3, customers=300)


def test_a_batch_says_of_each_customer_what_the_reports_say(project: Project) -> None:
    with open_facts(project) as facts:
        frame = snapshot(facts, [AS_OF]).to_pandas().iloc[::-1]  # in any order
        lifetime = fit_lifetime_value(facts, AS_OF, seed=0)
        clusters = fit_clusters(frame, 0)
        told = standing(facts, frame, AS_OF, lifetime, clusters).set_axis(frame["customer_id"])
        values = value_report(facts, AS_OF).customers.set_index("customer_id")
        groups = group_report(facts, AS_OF, AS_OF - timedelta(days=180)).customers.set_index("customer_id")
        outlooks = lifetime.outlooks(facts, AS_OF).set_index("customer_id")
    assert list(told.index) == list(frame["customer_id"])
    for name in ("value_score", "share_of_customer", "trajectory"):
        pd.testing.assert_series_equal(told[name], values[name].reindex(told.index), check_dtype=False)
    for name in ("tier", "lifecycle_stage", "loyalty_index"):
        pd.testing.assert_series_equal(told[name], groups[name].reindex(told.index), check_dtype=False)
    for name in outlooks:
        pd.testing.assert_series_equal(told[name], outlooks[name].reindex(told.index))
    of_group = told.dropna(subset="cluster").iloc[0]
    assert of_group["cluster_name"] == clusters.name(int(of_group["cluster"]))._asdict()
    of_tier = told.dropna(subset="tier").iloc[0]
    assert set(of_tier["tier_name"]) == {"en", "zh"}


def test_without_models_their_columns_are_missing(project: Project, tmp_path: Path) -> None:
    with open_facts(project) as facts:
        frame = snapshot(facts, [AS_OF]).to_pandas()
        told = standing(facts, frame, AS_OF)
    assert {"lifetime_value", "cluster"}.isdisjoint(told.columns)
    assert told["lifecycle_stage"].notna().all()
