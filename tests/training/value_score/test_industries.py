from pathlib import Path

import pandas as pd

from features.score_settings import ValueScoreSettings
from features.sources import open_facts
from tests.features.builders import instant, write_by_hand
from training.value_score.industries import industries
from training.value_score.scorecard import fit_scorecard

ORDERS = "customer_id | ordered_at | amount\nA | 2025-01-01 | 10"
CUSTOMERS = """
customer_id | industry | valid_from | valid_to   | known_at
A           | steel    | 2024-01-01 | 2025-03-01 | 2024-01-01
A           | food     | 2025-03-01 |            | 2025-03-01
B           | steel    | 2024-01-01 |            | 2024-01-01
B           | paper    | 2025-01-01 |            | 2025-07-01
C           |          | 2024-01-01 |            | 2024-01-01
"""


def test_the_industry_is_the_one_that_held_and_was_known(tmp_path: Path) -> None:
    project = write_by_hand(tmp_path, orders=ORDERS, customers=CUSTOMERS)
    with open_facts(project) as facts:
        early, late = (industries(facts, instant(day, project)) for day in ("2025-03-01", "2025-06-01"))
    assert early is not None
    assert late is not None
    assert early.loc[["A", "B"]].tolist() == ["steel", "steel"]
    assert late.loc[["A", "B"]].tolist() == ["food", "steel"]
    assert pd.isna(late.loc["C"])
    frame = pd.DataFrame({"spend_365d": [1.0, 2, 3], "gap_variation": [1.0, 2, 3]}, index=["A", "B", "C"])
    settings = ValueScoreSettings(criteria={"volume": 1}, industries={"steel": {"stability": 1}})
    scores = fit_scorecard(frame, settings).score(frame, late)
    assert scores["value_score"].tolist() == [0, 50, 100]
    assert fit_scorecard(frame, settings).score(frame, early)["value_score"].tolist() == [100, 50, 100]


def test_without_industries_there_are_none(tmp_path: Path) -> None:
    project = write_by_hand(tmp_path, orders=ORDERS)
    with open_facts(project) as facts:
        assert industries(facts, instant("2025-03-01", project)) is None
