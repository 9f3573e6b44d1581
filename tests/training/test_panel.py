from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.errors import NotEnoughDataError, ProjectError
from features.project import Project, load_project
from features.sources import open_facts
from tests.training.companies import utc
from training.panel import best_attribute, end_of_panel, labelled_rows, panel_features, rows_to_score, split

PROJECT_TOML = """
[project]
name = "Telephone"
currency = "USD"
[tables.panel]
path = "panel.csv"
[tables.panel.columns]
customer_id = "id"
label = "left"
{more}
[churn]
kind = "panel"
horizon_days = 30
"""
AS_OF = utc(2025, 6, 1)


def panel(folder: Path, text: str, more: str = "") -> Project:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "panel.csv").write_text(text, encoding="utf-8")
    (folder / "retinue.toml").write_text(PROJECT_TOML.format(more=more), encoding="utf-8")
    return load_project(folder)


SMALL = "id,tenure,plan,paper bill,left\n001,3,basic,yes,1\n002,40,gold,no,0\n003,,basic,no,\n"


def test_the_attributes_are_features_under_their_own_names_and_rows_without_label_are_scored(tmp_path: Path) -> None:
    with open_facts(panel(tmp_path, SMALL)) as facts:
        assert [f.name for f in panel_features(facts)] == ["tenure", "plan", "paper bill"]
        learnt, scored = labelled_rows(facts, AS_OF), rows_to_score(facts, AS_OF)
    assert learnt["customer_id"].tolist() == ["001", "002"]
    assert learnt["churned"].tolist() == [1, 0]
    assert learnt["tenure"].tolist() == [3, 40]
    assert learnt["plan"].tolist() == ["basic", "gold"]
    assert scored["customer_id"].tolist() == ["003"]
    assert np.isnan(scored["tenure"]).all()
    assert scored["as_of"].tolist() == [pd.Timestamp(AS_OF)]


def test_only_listed_attributes_are_learnt_from_where_a_list_is_given(tmp_path: Path) -> None:
    with open_facts(panel(tmp_path, SMALL, 'attributes = ["tenure"]')) as facts:
        assert [f.name for f in panel_features(facts)] == ["tenure"]


def test_a_label_counts_when_its_horizon_is_over(tmp_path: Path) -> None:
    text = "id,day,x,left\nA,2025-04-01,1,1\nA,2025-05-01,2,0\nA,2025-05-15,3,0\nB,2025-05-20,4,\nB,2025-07-01,5,\n"
    with open_facts(panel(tmp_path, text, 'as_of = "day"')) as facts:
        assert labelled_rows(facts, AS_OF)["x"].tolist() == [1, 2]
        assert rows_to_score(facts, AS_OF)["x"].tolist() == [4]
        assert end_of_panel(facts) == utc(2025, 6, 14)


def test_a_panel_without_dates_is_judged_on_other_customers_and_one_with_dates_on_a_later_day(tmp_path: Path) -> None:
    rows = "\n".join(f"C{i % 40:02},{i},{i % 3 == 0:d}" for i in range(80))
    with open_facts(panel(tmp_path / "undated", f"id,x,left\n{rows}\n")) as facts:
        parts = split(facts, AS_OF, seed=1)
        assert end_of_panel(facts) is None
    assert parts.by_customers
    assert len(parts.test) == 20
    assert not set(parts.test["customer_id"]) & set(parts.fit["customer_id"])
    assert len(parts.fit) + len(parts.test) == len(parts.labelled) == 80
    rows = "\n".join(f"C{i % 20:02},2025-0{1 + i // 20}-01,{i},{i % 3 == 0:d}" for i in range(80))
    with open_facts(panel(tmp_path / "dated", f"id,day,x,left\n{rows}\n", 'as_of = "day"')) as facts:
        parts = split(facts, AS_OF, seed=1)
    assert not parts.by_customers
    assert parts.plan.test == utc(2025, 4, 1)
    assert parts.plan.fit == (utc(2025, 1, 1), utc(2025, 2, 1), utc(2025, 3, 1))


def test_the_purge_leaves_out_days_whose_labels_reach_into_the_test(tmp_path: Path) -> None:
    text = "id,day,x,left\nA,2025-04-01,1,1\nA,2025-04-20,2,0\nA,2025-05-02,3,0\n"
    with open_facts(panel(tmp_path, text, 'as_of = "day"')) as facts:
        assert split(facts, AS_OF, seed=1).plan.fit == (utc(2025, 4, 1),)


def test_a_panel_that_cannot_be_used_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with open_facts(panel(tmp_path / "a", "id,left\nA,1\nB,0\n")) as facts, pytest.raises(ProjectError) as refused:
        panel_features(facts)
    assert "no attribute to learn from" in refused.value.text.en
    with open_facts(panel(tmp_path / "b", "id,x,left\nA,1,1\nB,2,0\n")) as facts:
        with pytest.raises(NotEnoughDataError) as nothing:
            rows_to_score(facts, AS_OF)
        assert "with an empty label" in nothing.value.text.en


def test_the_best_single_attribute_is_the_naive_baseline() -> None:
    rows = pd.DataFrame(
        {"churned": [0, 0, 1, 1], "down": [4.0, 3, 2, 1], "noise": [1.0, 2, 1, 2], "text": list("abab")}
    )
    assert best_attribute(rows, ["down", "noise", "text"]) == {"best_attribute": ("down", -1)}
    assert best_attribute(rows, ["text"]) == {}
