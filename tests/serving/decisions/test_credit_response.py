"""How debtors are answered: told apart by signs, and by the policy of the playbook."""

from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.catalogue import BY_NAME
from features.errors import ProjectError
from serving.decisions.credit_policy import CreditPolicy
from serving.decisions.credit_response import RESPONSES, annual_cost, credit_responses
from serving.decisions.payers import PAYERS, SIGNS, payers
from serving.decisions.playbook import read_playbook

BUILT_IN = files("serving.decisions") / "playbooks" / "trade.toml"


@pytest.fixture(scope="module")
def policy() -> CreditPolicy:
    found = read_playbook(BUILT_IN).credit
    assert found is not None
    return found


GOOD_IN_TROUBLE: dict[str, Any] = {
    "days_late_change": 25.0,
    "late_share_365d": 0.2,
    "invoices_365d": 12.0,
    "spend_change_90d": -0.5,
    "complaints_365d": 0.0,
    "disputed_share_365d": 0.0,
}
UNWILLING: dict[str, Any] = {
    "days_late_change": 1.0,
    "late_share_365d": 0.8,
    "invoices_365d": 12.0,
    "spend_change_90d": 0.1,
    "complaints_365d": 0.0,
    "disputed_share_365d": 0.0,
}


def frame(*rows: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), index=[f"c{i}" for i in range(len(rows))])


def test_who_was_reliable_and_pays_ever_later_cannot_and_who_is_always_late_will_not() -> None:
    told = payers(frame(GOOD_IN_TROUBLE, UNWILLING, {"late_share_365d": np.nan}))
    assert told["payer"].tolist() == ["cannot_pay", "will_not_pay", "unclear"]
    assert told["cannot_signs"].tolist() == [3, 0, 0]
    assert told["will_not_signs"].tolist() == [0, 2, 0]
    assert told.loc["c0", "evidence_en"] == (
        "Pays 25 days later than in the nine months before. Used to be reliable: 20% of the 12 invoices of the last year"
        " were late. Buys much less than in the 90 days before."
    )
    assert told.loc["c1", "evidence_zh"] == "习惯性拖欠：近一年 80% 的发票逾期，且并未较以往更晚。仍照常购买。"
    assert told.loc["c2", "evidence_en"] == ""


def test_signs_speak_of_features_that_exist_for_both_kinds_of_payer() -> None:
    assert {name for sign in SIGNS for name in sign.features} <= set(BY_NAME)
    assert {sign.speaks_for for sign in SIGNS} == set(PAYERS) - {"unclear"}


DEBTOR: dict[str, Any] = {
    "credit_class": "B",
    "overdue_balance": 900.0,
    "oldest_overdue_days": 31.0,
    "spend_365d": 3650.0,
    "days_late_mean_365d": 5.0,
    "tier": "key",
    "value_score": 40.0,
}


def responses(policy: CreditPolicy, *rows: dict[str, Any]) -> pd.DataFrame:
    return credit_responses(frame(*(DEBTOR | row for row in rows)), policy)


def test_a_valued_customer_who_cannot_pay_gets_instalments_and_no_letter(policy: CreditPolicy) -> None:
    told = responses(policy, GOOD_IN_TROUBLE, GOOD_IN_TROUBLE | {"tier": "potential"}, UNWILLING, {})
    assert told["credit_response"].tolist() == ["instalments", "dun", "dun", "dun"]
    # 31 days overdue: a letter; who does not want to pay is one step further
    assert told["dunning_step"].fillna("–").tolist() == ["–", "letter", "stop_delivery", "letter"]
    assert told.loc["c0", ["instalments", "instalment_amount"]].tolist() == [3, 300]
    assert set(told["credit_response"]) <= set(RESPONSES)


def test_who_owes_nothing_is_secured_offered_a_discount_or_left_in_peace(policy: CreditPolicy) -> None:
    nothing = {"overdue_balance": 0.0, "oldest_overdue_days": np.nan}
    slow = nothing | {"credit_class": "C", "days_late_mean_365d": 40.0}
    told = responses(policy, nothing, slow, nothing | {"credit_class": "E"}, nothing | {"credit_class": "A"})
    assert told["credit_response"].tolist() == ["none", "early_discount", "secure", "none"]
    # terms of 30 days and 40 late, 10 of which a discount of 1 % buys back: 60 days of capital at 8 % a year
    assert told.loc["c1", "waiting_cost_share"] == pytest.approx(60 / 365 * 0.08)
    assert told.loc["c1", "early_discount_annual_cost"] == pytest.approx(0.01 / 0.99 * 365 / 20)
    assert told["payer"].isna().all()
    assert told["suggested_terms_days"].tolist() == [30, 30, 0, 60]
    assert told["suggested_deposit_share"].tolist() == [0, 0, 0.5, 0]
    assert told["suggested_credit_limit"].tolist() == [600, 450, 0, 900]


def test_dunning_begins_with_its_first_day(policy: CreditPolicy) -> None:
    told = responses(
        policy, *({"oldest_overdue_days": days} for days in (1.0, 2.0, 3.0, 14.0, 15.0, 89.0, 90.0, 4000.0))
    )
    assert told["dunning_step"].fillna("–").tolist() == [
        *("–", "–", "reminder", "reminder"),
        *("call", "stop_delivery", "legal", "legal"),
    ]
    assert told["credit_response"].tolist()[:3] == ["none", "none", "dun"]


def test_a_discount_of_two_per_cent_for_twenty_days_costs_thirty_seven_a_year() -> None:
    assert annual_cost(0.02, 30, 10) == pytest.approx(0.3724, abs=1e-4)
    assert annual_cost(0.02, 10, 10) == np.inf


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "credit_class": st.sampled_from("ABCDE"),
                "overdue_balance": st.floats(0, 1e6),
                "oldest_overdue_days": st.floats(0, 500),
                "days_late_change": st.floats(-50, 50) | st.just(np.nan),
                "late_share_365d": st.floats(0, 1),
                "invoices_365d": st.floats(0, 50),
                "spend_change_90d": st.floats(-1, 1),
                "value_score": st.floats(0, 100),
            }
        ),
        min_size=1,
        max_size=5,
    )
)
def test_nobody_without_overdue_money_is_dunned_and_nobody_gets_a_letter_and_instalments(
    policy: CreditPolicy, rows: list[dict[str, Any]]
) -> None:
    given_ = frame(*(DEBTOR | row for row in rows))
    told = credit_responses(given_, policy)
    owes = given_["overdue_balance"] > 0
    assert not told.loc[~owes, "credit_response"].isin(["dun", "instalments"]).any()
    assert told.loc[~owes, "payer"].isna().all()
    assert (told["dunning_step"].notna() == (told["credit_response"] == "dun")).all()
    assert (told["instalments"].notna() == (told["credit_response"] == "instalments")).all()
    assert told.loc[told["credit_response"] == "instalments", "payer"].eq("cannot_pay").all()


@pytest.mark.parametrize(
    ("right", "wrong", "says"),
    [
        (
            "B = 60.0, C = 45.0",
            "B = 45.0, C = 60.0",
            "credit: limit_days must not rise from A to E; got 90, 45, 60, 30, 0",
        ),
        ("D = 0.3, E = 0.5", "D = 0.6, E = 0.5", "credit: deposit_share must rise from A to E, up to 1"),
        ("from_days_overdue = 15", "from_days_overdue = 3", "credit: dunning needs at least one step, each later"),
        ("tier IN ('strategic', 'key') OR", "tier IN ('gold') OR", "credit.is_worth_holding"),
        ("instalments = 3", "instalment = 3", "credit.instalment: unknown key."),
    ],
)
def test_a_slip_in_the_policy_is_named(tmp_path: Path, right: str, wrong: str, says: str) -> None:
    text = BUILT_IN.read_text("utf-8")
    assert text.count(right) == 1
    file = tmp_path / "playbook.toml"
    file.write_text(text.replace(right, wrong), encoding="utf-8")
    with pytest.raises(ProjectError) as caught:
        read_playbook(file)
    assert says in caught.value.text.en


def test_a_playbook_without_a_policy_answers_debtors_as_the_built_in_one(tmp_path: Path) -> None:
    from features.project import PlaybookSettings
    from serving.decisions.playbook import load_playbook
    from tests.features.builders import project_of

    text = BUILT_IN.read_text("utf-8")
    (tmp_path / "mine.toml").write_text(text[: text.index("[credit]")], encoding="utf-8")
    project = project_of(tmp_path, {"orders": ("customer_id",)}, "csv")
    own = project.model_copy(update={"playbook": PlaybookSettings(path="mine.toml")})
    assert load_playbook(own).credit is None
    assert load_playbook(own).policy == load_playbook(project).policy
