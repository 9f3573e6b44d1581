from pathlib import Path

import pytest

from serving.decisions.playbook import built_in_alerts
from tests.serving.decisions.test_playbook import CALL, fault_of, playbook_of

ALERTS = """
[alerts]
escalate_after_days = 2
expire_after_days = 10
reopen_within_days = 30
check_after_days = 5
[alerts.thresholds]
churn_risk = { other = [0.4, 0.6, 0.8], key = [0.2, 0.3, 0.4] }
falling_satisfaction = { other = [-1, -2.5, -3] }
"""


def test_thresholds_are_those_of_the_tier_or_else_of_the_others(tmp_path: Path) -> None:
    policy = playbook_of(tmp_path, CALL + ALERTS).warnings
    assert policy.escalate_after_days == 2
    assert list(policy.thresholds.given()) == ["churn_risk", "falling_satisfaction"]
    risk = policy.thresholds.given()["churn_risk"]
    assert risk.of("key") == (0.2, 0.3, 0.4)
    assert risk.of("general") == risk.of(None) == (0.4, 0.6, 0.8)
    assert policy.thresholds.given()["falling_satisfaction"].other == (-1.0, -2.5, -3.0)


def test_a_playbook_that_says_nothing_of_warnings_warns_as_the_built_in_one(tmp_path: Path) -> None:
    assert playbook_of(tmp_path, CALL).warnings == built_in_alerts()


@pytest.mark.parametrize(
    ("right", "wrong", "says", "sagt"),
    [
        ("[0.4, 0.6, 0.8]", "[0.4, 0.4, 0.8]", "the thresholds of churn_risk must rise from yellow to red; other has [0.4, 0.4, 0.8]", "须从黄色到红色递增"),
        ("[-1, -2.5, -3]", "[-3, -2, -1]", "the thresholds of falling_satisfaction must fall from yellow to red", "须从黄色到红色递减"),
        ("churn_risk =", "churn_risks =", "alerts.thresholds.churn_risks: unknown key. Did you mean 'churn_risk'?", "未知的键"),
        ("key = [", "keys = [", "alerts.thresholds.churn_risk.keys: unknown key. Did you mean 'key'?", "未知的键"),
        ("check_after_days = 5", "", "alerts.check_after_days: is required and missing", "必填但缺失"),
        ("escalate_after_days = 2", "escalate_after_days = 0", "alerts.escalate_after_days: it must be at least 1, got 0", "不得小于 1"),
        ("[0.4, 0.6, 0.8]", "[0.4, 0.6]", "three thresholds are needed, yellow, orange and red", "需要三个阈值"),
        ("[0.4, 0.6, 0.8]", '"high"', "three thresholds are needed, yellow, orange and red", "需要三个阈值"),
        ("[0.4, 0.6, 0.8]", '["a", 0.6, 0.8]', "it must be a number, got 'a'", "应为数字"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_both_languages(
    tmp_path: Path, right: str, wrong: str, says: str, sagt: str
) -> None:
    fault = fault_of(tmp_path, CALL + ALERTS.replace(right, wrong, 1))
    assert says in fault.en
    assert sagt in fault.zh
