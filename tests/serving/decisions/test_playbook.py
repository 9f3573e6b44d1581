from pathlib import Path

import pytest

from features.errors import ProjectError
from features.project import load_project
from features.text import Text
from serving.decisions.playbook import BUILT_IN, Action, Playbook, load_playbook, read_playbook

PROJECT = """
[project]
name = "Acme Trading"
currency = "EUR"
[tables.orders]
path = "orders.csv"
columns = { customer_id = "c", ordered_at = "t", amount = "a" }
"""

CALL = """
[[actions]]
id = "call"
name = { en = "Call", zh = "致电" }
description = { en = "Call the customer.", zh = "致电客户。" }
channel = "phone"
cost = 15
eligible = "churn_probability >= 0.3"
[actions.effect]
kind = "churn"
mean = 0.1
low = 0.03
high = 0.2
source = { en = "assumption", zh = "假设" }
"""


def playbook_of(folder: Path, text: str) -> Playbook:
    (folder / "playbook.toml").write_text(text, encoding="utf-8")
    return read_playbook(folder / "playbook.toml")


def fault_of(folder: Path, text: str) -> Text:
    with pytest.raises(ProjectError) as caught:
        playbook_of(folder, text)
    return caught.value.text


def test_an_action_is_read_with_every_field(tmp_path: Path) -> None:
    (action,) = playbook_of(tmp_path, CALL).actions
    assert action.id == "call"
    assert action.name == Text("Call", "致电")
    assert action.description == Text("Call the customer.", "致电客户。")
    assert (action.channel, action.cost, action.cost_share_of_spend) == ("phone", 15.0, 0.0)
    assert action.eligible == "churn_probability >= 0.3"
    assert (action.effect.kind, action.effect.low, action.effect.mean, action.effect.high) == ("churn", 0.03, 0.1, 0.2)
    assert action.effect.source == Text("assumption", "假设")


def test_a_projects_own_playbook_lies_relative_to_the_project_file(tmp_path: Path) -> None:
    (tmp_path / "retinue.toml").write_text(PROJECT + '[playbook]\npath = "ours/playbook.toml"\n', encoding="utf-8")
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "playbook.toml").write_text(CALL, encoding="utf-8")
    assert [a.id for a in load_playbook(load_project(tmp_path)).actions] == ["call"]


OWN_FEATURE = """
[playbook]
path = "playbook.toml"
[features.parcels_90d]
table = "orders"
sql = "count(*) FILTER (WHERE age_days <= 90)"
unit = "parcels"
meaning = { en = "Parcels in 90 days", zh = "90 天内的包裹数" }
"""


def test_a_condition_may_use_a_feature_that_the_project_file_defines(tmp_path: Path) -> None:
    (tmp_path / "retinue.toml").write_text(PROJECT + OWN_FEATURE, encoding="utf-8")
    (tmp_path / "playbook.toml").write_text(CALL.replace("churn_probability >=", "parcels_90d >="), encoding="utf-8")
    (action,) = load_playbook(load_project(tmp_path)).actions
    assert action.eligible == "parcels_90d >= 0.3"


def test_a_misspelled_feature_of_the_project_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    (tmp_path / "retinue.toml").write_text(PROJECT + OWN_FEATURE, encoding="utf-8")
    (tmp_path / "playbook.toml").write_text(CALL.replace("churn_probability >=", "parcels_9d >="), encoding="utf-8")
    with pytest.raises(ProjectError) as caught:
        load_playbook(load_project(tmp_path))
    assert (
        "action 'call'.eligible: there is no column 'parcels_9d'. Did you mean 'parcels_90d'?" in caught.value.text.en
    )
    assert "没有“parcels_9d”这一列" in caught.value.text.zh


def test_a_missing_playbook_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"There is no playbook at .*gone\.toml\. Correct playbook\.path"):
        read_playbook(tmp_path / "gone.toml")


@pytest.mark.parametrize("text", ["actions = [", "\x00"])
def test_a_file_that_is_not_toml_is_refused(tmp_path: Path, text: str) -> None:
    assert "cannot be read as TOML" in fault_of(tmp_path, text).en


@pytest.mark.parametrize("text", ["", "actions = []", "actions = 3"])
def test_a_playbook_needs_an_action(tmp_path: Path, text: str) -> None:
    assert "a playbook needs at least one [[actions]] entry" in fault_of(tmp_path, text).en


@pytest.mark.parametrize(
    ("right", "wrong", "says"),
    [
        ("cost = 15", "costs = 15", "action 'call'.costs: unknown key. Did you mean 'cost'?"),
        ("cost = 15", 'cost = "15"', "action 'call'.cost: it must be a number, got '15'"),
        ("cost = 15", "cost = -1", "action 'call'.cost: it must be at least 0.0, got -1"),
        ("cost = 15", "cost = nan", "action 'call'.cost: it must be a number, got nan"),
        ("cost = 15", "cost = true", "action 'call'.cost: it must be a number, got True"),
        ("cost = 15", "", "action 'call'.cost: is required and missing"),
        (
            "cost = 15",
            "cost = 15\ncost_share_of_spend = 1.0",
            "action 'call'.cost_share_of_spend: it must be below 1.0",
        ),
        ('"phone"', '"fone"', "action 'call'.channel: got 'fone'. Did you mean 'phone'?"),
        ('id = "call"', 'id = "Call us"', "action 'Call us'.id: got 'Call us'; use small letters"),
        ('id = "call"', 'id = "no_action"', "every playbook has this action already"),
        ('id = "call"', "", "actions[1].id: is required and missing"),
        ('{ en = "Call", zh = "致电" }', '"Call"', "action 'call'.name: it must be given in both languages, { en = "),
        ('zh = "致电" }', 'zh = " " }', "action 'call'.name: both languages must be filled in"),
        (', zh = "致电" }', " }", "action 'call'.name.zh: is required and missing"),
        ('zh = "致电" }', 'zh = "致电", zg = "" }', "action 'call'.name.zg: unknown key."),
        ('"churn"', '"chrun"', "action 'call'.effect.kind: got 'chrun'. Did you mean 'churn'?"),
        ("mean = 0.1", "mean = 1.5", "action 'call'.effect.mean: it must be at most 1.0, got 1.5"),
        ("low = 0.03", "low = 0.3", "action 'call'.effect: low, mean and high must rise; they are 0.3, 0.1 and 0.2"),
        ("high = 0.2", "hihg = 0.2", "action 'call'.effect.hihg: unknown key. Did you mean 'high'?"),
        (
            "churn_probability >=",
            "churn_probabilty >=",
            "there is no column 'churn_probabilty'. Did you mean 'churn_pro",
        ),
        ("churn_probability >= 0.3", "", "action 'call'.eligible: it must not be empty"),
        (
            "[[actions]]",
            "stile = 1\n[[actions]]",
            "stile: unknown key. It can be one of: actions, alerts, credit, experiments, let_go, plan, teams.",
        ),
    ],
)
def test_a_slip_is_named_with_what_was_meant(tmp_path: Path, right: str, wrong: str, says: str) -> None:
    assert CALL.count(right) == 1
    fault = fault_of(tmp_path, CALL.replace(right, wrong))
    assert says in fault.en
    assert fault.en.count("\n  - ") == fault.zh.count("\n  - ")
    assert "行动手册" in fault.zh


def test_a_discount_cannot_be_an_action_on_overdue_money(tmp_path: Path) -> None:
    text = CALL.replace('"churn"', '"overdue"').replace("cost = 15", "cost = 15\ncost_share_of_spend = 0.01")
    assert "cost_share_of_spend goes with an effect of kind 'churn'" in fault_of(tmp_path, text).en


def test_two_actions_cannot_share_an_id(tmp_path: Path) -> None:
    assert "actions: each id can be used once; repeated: call" in fault_of(tmp_path, CALL + CALL).en


def test_all_faults_of_all_actions_are_told_at_once(tmp_path: Path) -> None:
    first = CALL.replace("cost = 15", "costs = 15").replace("churn_probability", "churn_probabilty")
    second = CALL.replace('id = "call"', 'id = "mail"').replace('"phone"', '"pigeon"')
    fault = fault_of(tmp_path, first + second)
    assert [line.split(":")[0].strip(" -") for line in fault.en.splitlines()[1:]] == [
        "action 'call'.cost",
        "action 'call'.eligible",
        "action 'call'.costs",
        "action 'mail'.channel",
    ]


def test_a_column_that_only_some_projects_have_is_no_fault(tmp_path: Path) -> None:
    (action,) = playbook_of(tmp_path, CALL.replace("churn_probability >= 0.3", "overdue_balance > 0")).actions
    assert isinstance(action, Action)


def test_control_shares_have_defaults_and_must_leave_somebody_to_treat(tmp_path: Path) -> None:
    policy = read_playbook(BUILT_IN["trade"]).experiments
    assert (policy.permanent_control_share, policy.campaign_control_share, policy.looks) == (0.05, 0.2, 8)
    file = tmp_path / "playbook.toml"
    file.write_text(
        BUILT_IN["trade"].read_text("utf-8").replace("campaign_control_share = 0.2", "campaign_control_share = 1.0")
    )
    with pytest.raises(ProjectError, match=r"experiments.campaign_control_share: it must be below 1"):
        read_playbook(file)
