"""Features on disk are the snapshot, in the order of the customers' ids."""

from pathlib import Path

import pandas as pd

from features.feature_rows import FeatureRows, FrameRows
from features.snapshot import snapshot
from features.sources import open_facts
from tests.features.companies import orders_csv

WRITTEN = "customer,day,amount\nC,2025-01-05,7\nA,2025-01-01,1\nA,2025-02-01,3\nB,2024-03-01,2\n"
AS_OF = pd.Timestamp("2025-03-01", tz="UTC").to_pydatetime()


def test_blocks_and_columns_are_those_of_the_snapshot(tmp_path: Path) -> None:
    with open_facts(orders_csv(tmp_path, WRITTEN)) as facts:
        whole = snapshot(facts, [AS_OF]).to_pandas()
        rows = FeatureRows(facts, AS_OF, tmp_path / "workspace")
        in_memory = FrameRows(whole)
    assert rows.customer_ids.to_pylist() == ["A", "B", "C"]
    assert rows.names == in_memory.names
    for these in (rows, in_memory):
        pd.testing.assert_frame_equal(these.block(0, 10), whole)
        pd.testing.assert_frame_equal(these.block(1, 2), whole.iloc[1:2].reset_index(drop=True))
        assert these.block(3, 9).empty
        some = these.columns(["days_since_last_purchase", "no such feature"])
        pd.testing.assert_frame_equal(some, whole[["customer_id", "as_of", "days_since_last_purchase"]])


def test_features_that_lie_in_the_folder_are_not_computed_again(tmp_path: Path) -> None:
    with open_facts(orders_csv(tmp_path, WRITTEN)) as facts:
        first = FeatureRows(facts, AS_OF, tmp_path / "kept")
        whole = first.block(0, 10)
        facts.connection.execute("DROP VIEW orders")  # nothing could be computed
        again = FeatureRows(facts, AS_OF, tmp_path / "kept")
    pd.testing.assert_frame_equal(again.block(0, 10), whole)
    assert sorted(file.name for file in (tmp_path / "kept").iterdir()) == ["features.arrow", "features.f64"]


def test_nobody_is_no_rows(tmp_path: Path) -> None:
    with open_facts(orders_csv(tmp_path, WRITTEN)) as facts:
        rows = FeatureRows(facts, pd.Timestamp("2020-01-01", tz="UTC").to_pydatetime(), tmp_path)
    assert (len(rows.customer_ids), len(rows.block(0, 5)), len(rows.columns(rows.names))) == (0, 0, 0)
