import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.catalogue import BY_NAME
from serving.alerts.grading import grade, ranked
from serving.alerts.kinds import FEATURES, RULES
from serving.decisions.alert_policy import AlertPolicy, Kinds, Thresholds
from serving.decisions.playbook import built_in_alerts
from training.reason_groups import GROUPS

POLICY = AlertPolicy(
    escalate_after_days=3,
    expire_after_days=14,
    reopen_within_days=60,
    check_after_days=7,
    thresholds=Kinds(
        churn_risk=Thresholds(other=(0.4, 0.6, 0.8), key=(0.2, 0.3, 0.4)),
        falling_satisfaction=Thresholds(other=(-1.0, -2.0, -3.0)),
        quality=Thresholds(other=(2.0, 3.0, 5.0)),
    ),
)


def test_a_measure_has_the_colour_of_the_gravest_threshold_that_it_reaches_for_its_tier() -> None:
    measures = pd.DataFrame(
        {
            "churn_probability": [0.39, 0.4, 0.4, np.nan, 0.99],
            "survey_score_change": [-2.5, 0.0, -3.0, np.nan, -1.0],
            "tier": ["general", None, "key", "key", "strategic"],
        },
        index=pd.Index(["A", "B", "C", "D", "E"], name="customer_id"),
    )
    graded = grade(measures, POLICY)
    assert graded.kinds == ("churn_risk", "quality", "falling_satisfaction")
    assert graded.ranks[:, 0].tolist() == [0, 1, 3, -1, 3]
    assert graded.ranks[:, 1].tolist() == [-1] * 5  # the facts do not tell of complaints
    assert graded.ranks[:, 2].tolist() == [2, 0, 3, -1, 1]


@given(st.floats(-10, 10), st.lists(st.floats(-10, 10), min_size=3, max_size=3, unique=True), st.booleans())
def test_colours_follow_the_thresholds(value: float, limits: list[float], falls: bool) -> None:
    ordered = sorted(limits, reverse=falls)
    rank = ranked(np.array([value]), np.array([ordered]), falls)[0]
    assert rank == sum(value <= limit if falls else value >= limit for limit in ordered)
    worse = value - 1 if falls else value + 1
    assert ranked(np.array([worse]), np.array([ordered]), falls)[0] >= rank


def test_every_rule_is_warned_of_by_the_built_in_playbook_in_ascending_gravity() -> None:
    assert set(built_in_alerts().thresholds.given()) == set(RULES)


@pytest.mark.parametrize("kind", RULES)
def test_a_rule_tells_by_groups_that_exist_from_features_that_exist(kind: str) -> None:
    assert set(RULES[kind].told) <= {group.name for group in GROUPS}
    assert set(RULES[kind].features) <= set(BY_NAME)
    assert set(RULES[kind].features) <= set(FEATURES)
