from datetime import UTC, datetime
from math import isnan, nan
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.text import Text
from serving.decisions.expected_profit import Belief, written_beliefs
from serving.decisions.next_best_action import recommend
from serving.decisions.plan_policy import LetGo
from serving.decisions.playbook import Action, Effect, Playbook

SOURCE = Text("Assumption of the playbook, not measured here.", "行动手册的假设，未在此实测。")


def action(
    id_: str,
    effect: tuple[float, float, float],
    cost: float,
    eligible: str = "true",
    share: float = 0.0,
    kind: str = "churn",
    name: Text | None = None,
) -> Action:
    low, mean, high = effect
    return Action(
        id=id_,
        name=name or Text(f"{id_} (en)", f"{id_}（中）"),
        description=Text("what is done", "具体做法"),
        channel="phone",
        cost=cost,
        cost_share_of_spend=share,
        eligible=eligible,
        effect=Effect.model_validate({"kind": kind, "low": low, "mean": mean, "high": high, "source": SOURCE}),
    )


CALL = action("call", (0.05, 0.1, 0.2), 15, "churn_probability >= 0.3", name=Text("Call", "致电"))
VOUCHER = action("voucher", (0.1, 0.2, 0.3), 1, "purchase_days_365d >= 2", share=0.02)
REMINDER = action("reminder", (0.01, 0.05, 0.1), 2, "overdue_balance > 0", kind="overdue")
PLAYBOOK = Playbook(actions=(CALL, VOUCHER, REMINDER))


def advise(playbook: Playbook = PLAYBOOK, margin_share: float = 0.25, **columns: list[Any]) -> pd.DataFrame:
    return recommend(pd.DataFrame(columns), playbook, "EUR", 365, 90, margin_share)


def only(frame: pd.DataFrame) -> dict[str, Any]:
    (row,) = frame.to_dict("records")
    return {str(k): v for k, v in row.items()}


def test_a_call_earns_what_it_saves_less_what_it_costs() -> None:
    advice = only(advise(churn_probability=[0.5], value_at_stake=[1000.0]))
    assert advice["recommended_action"] == "call"
    assert advice["recommended_action_name"] == {"en": "Call", "zh": "致电"}
    assert advice["action_cost"] == 15
    assert (advice["assumed_effect_low"], advice["assumed_effect"], advice["assumed_effect_high"]) == (0.05, 0.1, 0.2)
    assert advice["expected_profit"] == pytest.approx(35)  # 0.5 × 0.1 × 1000 − 15
    assert advice["expected_profit_low"] == pytest.approx(10)  # 0.5 × 0.05 × 1000 − 15
    assert advice["expected_profit_high"] == pytest.approx(85)  # 0.5 × 0.2 × 1000 − 15


def test_the_interval_of_the_churn_probability_widens_that_of_the_profit() -> None:
    advice = only(
        advise(
            churn_probability=[0.5], churn_probability_low=[0.4], churn_probability_high=[0.7], value_at_stake=[1000.0]
        )
    )
    assert advice["expected_profit"] == pytest.approx(35)
    assert advice["expected_profit_low"] == pytest.approx(5)  # 0.4 × 0.05 × 1000 − 15
    assert advice["expected_profit_high"] == pytest.approx(125)  # 0.7 × 0.2 × 1000 − 15


def test_a_discount_is_also_paid_for_those_who_would_have_stayed() -> None:
    advice = only(advise(churn_probability=[0.8], value_at_stake=[100.0], purchase_days_365d=[5.0]))
    # stays with probability 1 − 0.8 × (1 − 0.2) = 0.36 and then spends 100 / 0.25 = 400
    assert advice["recommended_action"] == "voucher"
    assert advice["action_cost"] == pytest.approx(1 + 0.02 * 0.36 * 400)
    assert advice["action_cost"] == pytest.approx(3.88)
    assert advice["expected_profit"] == pytest.approx(0.8 * 0.2 * 100 - 3.88)
    # belief 0.1: stays 0.28, costs 1 + 0.02 × 0.28 × 400 = 3.24; belief 0.3: stays 0.44, costs 4.52
    assert advice["expected_profit_low"] == pytest.approx(8 - 3.24)
    assert advice["expected_profit_high"] == pytest.approx(24 - 4.52)


def test_a_discount_loses_money_on_those_who_stay_anyway() -> None:
    advice = only(advise(churn_probability=[0.05], value_at_stake=[100.0], purchase_days_365d=[5.0]))
    # 0.05 × 0.2 × 100 − 1 − 0.02 × 0.96 × 400 < 0
    assert advice["recommended_action"] == "no_action"


def test_a_discount_above_the_margin_still_has_low_below_high() -> None:
    generous = Playbook(actions=(action("gift", (0.0, 0.9, 1.0), 0, share=0.5),))
    advice = only(advise(generous, margin_share=0.4, churn_probability=[0.99], value_at_stake=[100.0]))
    # each customer kept costs more than it brings, so nothing is recommended although risk is high
    assert advice["recommended_action"] == "no_action"


def test_an_overdue_action_earns_the_share_recovered() -> None:
    advice = only(advise(churn_probability=[0.1], value_at_stake=[100.0], overdue_balance=[5000.0]))
    assert advice["recommended_action"] == "reminder"
    assert advice["expected_profit"] == pytest.approx(248)  # 0.05 × 5000 − 2
    assert advice["expected_profit_low"] == pytest.approx(48)  # 0.01 × 5000 − 2
    assert advice["expected_profit_high"] == pytest.approx(498)  # 0.1 × 5000 − 2


def test_the_effect_decides_and_not_the_risk() -> None:
    advice = advise(churn_probability=[0.95, 0.4], value_at_stake=[100.0, 2000.0])
    assert advice["recommended_action"].tolist() == ["no_action", "call"]  # 9.5 − 15 < 0 < 80 − 15


def test_an_action_may_ask_for_a_feature_of_the_projects_own() -> None:
    asked = action("parcel_call", (0.05, 0.1, 0.2), 15).model_copy(update={"eligible": "parcels_90d > 2"})
    advice = advise(
        Playbook(actions=(asked,)),
        churn_probability=[0.5, 0.5, 0.5],
        value_at_stake=[1000.0] * 3,
        parcels_90d=[3.0, 2.0, nan],
    )
    assert advice["recommended_action"].tolist() == ["parcel_call", "no_action", "no_action"]


def test_no_action_costs_and_earns_nothing_and_says_why() -> None:
    advice = only(advise(churn_probability=[0.1], value_at_stake=[100.0]))
    assert advice["recommended_action"] == "no_action"
    assert advice["recommended_action_name"] == {"en": "No action", "zh": "无需行动"}
    numbers = ["action_cost", "assumed_effect", "assumed_effect_low", "assumed_effect_high"]
    numbers += ["expected_profit", "expected_profit_low", "expected_profit_high"]
    assert [advice[n] for n in numbers] == [0.0] * 7
    assert advice["assumption"] == {
        "en": "At the playbook's assumptions, no action that fits this customer is expected to earn more"
        " than it costs.",
        "zh": "按行动手册的假设，适用于该客户的行动预期收益均不高于其成本。",
    }


def test_without_a_churn_probability_only_overdue_actions_are_considered() -> None:
    advice = advise(
        churn_probability=[None, None, None],
        value_at_stake=[1e6, 1e6, 1e6],
        purchase_days_365d=[9.0, 9.0, 9.0],
        overdue_balance=[1000.0, 0.0, None],
    )
    assert advice["recommended_action"].tolist() == ["reminder", None, None]
    assert advice["expected_profit"].tolist()[0] == pytest.approx(48)
    assert advice["assumption"].tolist()[1:] == [None, None]
    assert (
        advice.iloc[1:][["action_cost", "assumed_effect", "expected_profit", "expected_profit_low"]]
        .isna()
        .all(axis=None)
    )


@pytest.mark.parametrize("unknown", [None, nan, float("inf")])
def test_a_value_at_stake_that_is_unknown_recommends_nothing(unknown: float | None) -> None:
    assert advise(churn_probability=[0.9], value_at_stake=[unknown])["recommended_action"].tolist() == [None]


def test_a_frame_without_any_known_column_recommends_nothing() -> None:
    frame = recommend(pd.DataFrame({"customer_id": ["a", "b"]}), PLAYBOOK, "EUR", 365, 90, 0.25)
    assert frame["recommended_action"].tolist() == [None, None]


def test_ties_go_to_the_earlier_action() -> None:
    twins = Playbook(actions=(action("first", (0, 0.1, 0.2), 5), action("second", (0, 0.1, 0.2), 5)))
    assert advise(twins, churn_probability=[0.5], value_at_stake=[1000.0])["recommended_action"].tolist() == ["first"]


def test_the_assumption_states_its_numbers_in_both_languages() -> None:
    advice = only(advise(churn_probability=[0.62], value_at_stake=[1240.0]))
    assert advice["assumption"] == {
        "en": "Assumes that “Call” lowers the probability of leaving within 90 days by 10 % (5–20 %) of 62 %; EUR 1,240"
        " margin at stake over 365 days; costs EUR 15. Basis: Assumption of the playbook, not measured here.",
        "zh": "假设“致电”能将 90 天内的流失概率（62%）相对降低 10%（5–20%）；365 天内面临风险的毛利为 EUR 1,240；"
        "成本 EUR 15。依据：行动手册的假设，未在此实测。",
    }


def test_the_assumption_of_a_discount_says_what_the_discount_costs() -> None:
    advice = only(advise(churn_probability=[0.8], value_at_stake=[100.0], purchase_days_365d=[5.0]))
    assert "; costs EUR 3.88 (EUR 1 and 2 % of the expected spend)." in advice["assumption"]["en"]
    assert "；成本 EUR 3.88（EUR 1 加预期消费的 2%）。" in advice["assumption"]["zh"]


def test_the_assumption_of_an_overdue_action_says_that_capital_is_not_counted() -> None:
    advice = only(advise(overdue_balance=[1234567.0]))
    assert advice["assumption"]["en"] == (
        "Assumes that “reminder (en)” brings in, within 90 days, 5 % (1–10 %) of EUR 1,234,567 overdue that would not"
        " have come in otherwise; costs EUR 2; cost of capital not counted. Basis: Assumption of the playbook,"
        " not measured here."
    )
    assert "未计资金成本" in advice["assumption"]["zh"]


def test_braces_in_a_name_stay_as_they_are() -> None:
    odd = Playbook(actions=(action("odd", (0.1, 0.2, 0.3), 1, name=Text("Call {0} {x}", "致电 {0}")),))
    advice = only(advise(odd, churn_probability=[0.5], value_at_stake=[1000.0]))
    assert "“Call {0} {x}”" in advice["assumption"]["en"]
    assert advice["recommended_action_name"]["zh"] == "致电 {0}"


def test_arrow_and_pandas_give_the_same_and_pandas_keeps_its_index() -> None:
    frame = pd.DataFrame({"churn_probability": [0.5, 0.1, nan], "value_at_stake": [1000.0, 10.0, 5.0]}, index=[7, 3, 5])
    from_pandas = recommend(frame, PLAYBOOK, "EUR", 365, 90, 0.25)
    from_arrow = recommend(pa.Table.from_pandas(frame, preserve_index=False), PLAYBOOK, "EUR", 365, 90, 0.25)
    assert from_pandas.index.tolist() == [7, 3, 5]
    assert from_arrow.index.tolist() == [0, 1, 2]
    pd.testing.assert_frame_equal(from_pandas.reset_index(drop=True), from_arrow)


def test_no_customers_no_rows_but_all_columns() -> None:
    empty = advise(churn_probability=[], value_at_stake=[])
    assert list(empty.columns) == list(advise(churn_probability=[0.5], value_at_stake=[1.0]).columns)
    assert len(empty) == 0


def test_one_answer_does_not_depend_on_the_other_customers() -> None:
    columns = {
        "churn_probability": [0.5, 0.9, None, 0.05] * 3000,
        "value_at_stake": [1000.0, 50.0, 10.0, 10.0] * 3000,
        "overdue_balance": [0.0, 10.0, 900.0, None] * 3000,
    }
    everybody = advise(**columns)
    for i in (0, 1, 2, 3, 7001, 11998):
        alone = advise(**{name: [values[i]] for name, values in columns.items()})
        assert str(only(alone)) == str(only(everybody.iloc[[i]]))


def test_a_call_and_a_reminder_go_together_and_the_one_that_earns_more_comes_first() -> None:
    advice = advise(churn_probability=[0.5, 0.5], value_at_stake=[1000.0, 1000.0], overdue_balance=[5000.0, 100.0])
    assert advice["recommended_action"].tolist() == ["reminder", "call"]  # 248 and 3 beside 35
    assert advice["accompanying_action"].tolist() == ["call", "reminder"]
    assert advice["expected_profit"].tolist() == [pytest.approx(283), pytest.approx(38)]
    assert advice["expected_profit_low"].tolist() == [pytest.approx(58), pytest.approx(9)]  # 48 + 10, −1 + 10
    assert advice["action_cost"].tolist() == [17.0, 17.0]
    assert advice["assumption"][0]["en"].count("Assumes that") == 2
    assert " Together with it: " in advice["assumption"][0]["en"]
    assert "同时：" in advice["assumption"][0]["zh"]


def collection(side: float) -> Action:
    firm = action("collection", (0.1, 0.2, 0.3), 10, "overdue_balance > 0", kind="overdue").model_dump()
    beside = {"kind": "churn", "low": side, "mean": side, "high": side, "source": SOURCE}
    return Action.model_validate({**firm, "side_effect": beside})


def test_a_collection_that_drives_away_is_not_sent_to_whom_that_costs_more() -> None:
    firm = Playbook(actions=(collection(-0.5),))
    advice = advise(firm, churn_probability=[0.2, 0.2], value_at_stake=[1000.0, 5000.0], overdue_balance=[1000.0] * 2)
    assert advice["recommended_action"].tolist() == ["collection", "no_action"]  # 200 − 10 − 0.2 × 0.5 × 1000 or 5000
    assert advice["expected_profit"].tolist() == [pytest.approx(90), 0.0]
    assert "changes the probability of leaving by +50 % of itself" in advice["assumption"][0]["en"]


def test_a_side_effect_counts_for_nothing_where_the_risk_is_not_known() -> None:
    advice = only(advise(Playbook(actions=(collection(-0.5),)), churn_probability=[None], overdue_balance=[1000.0]))
    assert (advice["recommended_action"], advice["expected_profit"]) == ("collection", pytest.approx(190))


def test_two_actions_work_on_what_the_other_leaves() -> None:
    both = Playbook(actions=(action("call", (0.1, 0.5, 0.6), 0), collection(0.5)))
    advice = only(advise(both, churn_probability=[0.8], value_at_stake=[1000.0], overdue_balance=[1.0]))
    # 0.8 × (1 − 0.5 × 0.5) × 1000 + 0.2 × 1 − 10
    assert advice["expected_profit"] == pytest.approx(590.2)
    assert (advice["recommended_action"], advice["accompanying_action"]) == ("call", "collection")


def test_more_spend_is_only_earned_with_who_stays() -> None:
    cross_sell = Playbook(actions=(action("offer", (0.05, 0.1, 0.2), 5, kind="spend"),))
    advice = only(advise(cross_sell, churn_probability=[0.4], value_at_stake=[1000.0]))
    assert advice["expected_profit"] == pytest.approx(55)  # 0.6 × 0.1 × 1000 − 5
    assert (advice["expected_profit_low"], advice["expected_profit_high"]) == (pytest.approx(25), pytest.approx(115))
    assert advice["assumption"]["en"].startswith("Assumes that “offer (en)” makes who stays buy 10 % (5–20 %) more")


def test_a_lost_customer_is_called_where_what_it_would_bring_is_worth_it() -> None:
    win_back = action("return_call", (0.0, 0.02, 0.05), 15, kind="win_back", name=Text("Win back", "召回"))
    advice = advise(
        Playbook(actions=(CALL, win_back)),
        churn_probability=[nan, nan, 0.5],
        value_at_stake=[100.0, 100.0, 1000.0],
        lost_value=[1000.0, 500.0, nan],
    )
    assert advice["recommended_action"].tolist() == ["return_call", None, "call"]  # 0.02 × 1000 − 15, 0.02 × 500 − 15
    assert advice["expected_profit"].tolist()[0] == pytest.approx(5)
    assert (advice["expected_profit_low"][0], advice["expected_profit_high"][0]) == (-15, pytest.approx(35))
    assert "brings back 2 % (0–5 %) of lost customers" in advice["assumption"][0]["en"]
    assert "EUR 1,000 margin in 365 days" in advice["assumption"][0]["en"]


def test_who_is_let_go_gets_nothing_and_is_told_when_to_be_looked_at_again() -> None:
    rule = PLAYBOOK.model_copy(update={"let_go": LetGo(when="value_at_stake < 1", review_after_days=120)})
    advice = advise(rule, churn_probability=[0.9, 0.9], value_at_stake=[0.0, 1000.0], overdue_balance=[900.0, 0.0])
    assert advice["recommended_action"].tolist() == ["let_go", "call"]
    assert advice["recommended_action_name"][0] == {"en": "Let go", "zh": "不再投入"}
    assert advice["expected_profit"].tolist() == [0.0, pytest.approx(75)]
    assert advice["assumption"][0]["en"].endswith("EUR 0 margin at stake over 365 days. Look again in 120 days.")
    assert advice["alternatives"].tolist()[0] == []
    one = pd.DataFrame({"churn_probability": [0.9], "value_at_stake": [0.5]})
    dated = recommend(one, rule, "EUR", 365, 90, 0.25, as_of=datetime(2026, 3, 31, tzinfo=UTC))
    assert dated["assumption"][0]["en"].endswith(
        "EUR 0.50 margin at stake over 365 days. Look again in 120 days, on 2026-07-29."
    )
    assert dated["assumption"][0]["zh"].endswith("120 天后（即 2026-07-29）再评估。")


def test_the_excluded_are_never_chosen_and_whom_that_cannot_be_told_of_may_be() -> None:
    asked = CALL.model_copy(update={"excluded": "complaints_open > 0"})
    columns = {"churn_probability": [0.5] * 3, "value_at_stake": [1000.0] * 3, "complaints_open": [1.0, 0.0, nan]}
    advice = advise(Playbook(actions=(asked,)), **columns)
    assert advice["recommended_action"].tolist() == ["no_action", "call", "call"]


def test_alternatives_are_the_other_actions_that_fit_with_the_best_first() -> None:
    advice = only(
        advise(churn_probability=[0.5], value_at_stake=[1000.0], purchase_days_365d=[4.0], overdue_balance=[0.0])
    )
    assert advice["recommended_action"] == "voucher"  # 0.5 × 0.2 × 1000 − 1 − 0.02 × 0.6 × 4000 = 51
    assert [(a["action"], a["name"]) for a in advice["alternatives"]] == [("call", {"en": "Call", "zh": "致电"})]
    assert advice["alternatives"][0]["expected_profit"] == pytest.approx(35)


def test_what_was_learnt_takes_the_place_of_what_the_playbook_says() -> None:
    learnt = {
        **written_beliefs(PLAYBOOK),
        "call": Belief(
            np.array([0.3, 0.0]), np.array([0.2, 0.0]), np.array([0.4, 0.0]), Text("4 campaigns", "4 次活动")
        ),
    }
    frame = pd.DataFrame({"churn_probability": [0.5, 0.5], "value_at_stake": [1000.0, 1000.0]})
    advice = recommend(frame, PLAYBOOK, "EUR", 365, 90, 0.25, learnt)
    assert advice["recommended_action"].tolist() == ["call", "no_action"]
    assert advice["expected_profit"].tolist() == [pytest.approx(135), 0.0]
    assert "by 30 % (20–40 %)" in advice["assumption"][0]["en"]
    assert "Basis: 4 campaigns." in advice["assumption"][0]["en"]


# ---- properties ------------------------------------------------------------------------------------------------

probability = st.floats(0, 1)
money = st.floats(0, 1e6).map(lambda x: round(x, 2))
belief = st.lists(st.floats(0, 1), min_size=3, max_size=3).map(lambda x: (min(x), sorted(x)[1], max(x)))
KINDS = ("churn", "overdue")
ELIGIBLE = ("true", "churn_probability >= 0.5", "overdue_balance > 100", "purchase_days_365d = 1", "spend_90d > 0")


@st.composite
def playbooks(draw: st.DrawFn) -> Playbook:
    """One to four actions of either kind; no condition compares with an amount other than zero."""
    kinds = draw(st.lists(st.sampled_from(["churn", "overdue"]), min_size=1, max_size=4))
    return Playbook(
        actions=tuple(
            action(
                f"a{i}",
                draw(belief),
                draw(st.floats(0, 500)),
                draw(st.sampled_from(ELIGIBLE)),
                draw(st.sampled_from([0.0, 0.01, 0.3])) if kind == "churn" else 0.0,
                kind,
            )
            for i, kind in enumerate(kinds)
        )
    )


@st.composite
def customers(draw: st.DrawFn) -> pd.DataFrame:
    def column(values: st.SearchStrategy[float]) -> pd.Series:
        return pd.Series(draw(st.lists(st.none() | values, min_size=size, max_size=size)), dtype="float64")

    size = draw(st.integers(1, 6))
    low, mean, high = (column(probability) for _ in range(3))
    return pd.DataFrame(
        {
            "churn_probability": mean,
            "churn_probability_low": np.fmin(low, mean),
            "churn_probability_high": np.fmax(high, mean),
            "value_at_stake": column(money),
            "overdue_balance": column(money),
            "purchase_days_365d": column(st.sampled_from([0.0, 1.0, 2.0])),
        }
    )


def profit_by_hand(act: Action, row: "pd.Series[float]", margin_share: float) -> float:
    if act.effect.kind == "overdue":
        return act.effect.mean * row["overdue_balance"] - act.cost
    p, r, stake = row["churn_probability"], act.effect.mean, row["value_at_stake"]
    return p * r * stake - act.cost - act.cost_share_of_spend * (1 - p + p * r) * stake / margin_share


def fits_by_hand(act: Action, row: "pd.Series[float]") -> bool:
    return {
        "true": True,
        "churn_probability >= 0.5": row["churn_probability"] >= 0.5,
        "overdue_balance > 100": row["overdue_balance"] > 100,
        "purchase_days_365d = 1": row["purchase_days_365d"] == 1,
        "spend_90d > 0": False,  # the frame has no such column
    }[act.eligible]


@settings(max_examples=40, deadline=None)
@given(playbooks(), customers())
def test_the_best_eligible_action_is_recommended_and_never_another(playbook: Playbook, frame: pd.DataFrame) -> None:
    advice = recommend(frame, playbook, "EUR", 365, 90, 0.3)
    for (_, row), (_, said) in zip(frame.iterrows(), advice.iterrows(), strict=True):
        profits = {a.id: profit_by_hand(a, row, 0.3) for a in playbook.actions if fits_by_hand(a, row)}
        profits = {id_: profit for id_, profit in profits.items() if not isnan(profit)}
        judged = not isnan(row["churn_probability"]) and not isnan(row["value_at_stake"])
        by_kind = {
            kind: [profits[a.id] for a in playbook.actions if a.id in profits and a.effect.kind == kind]
            for kind in KINDS
        }
        best = sum(max(of_kind, default=0.0) for of_kind in by_kind.values() if max(of_kind, default=0.0) > 0)
        chosen = said["recommended_action"]
        tolerance = 1e-9 * max(1.0, abs(best))
        if chosen in profits:
            both = [profits[id_] for id_ in (chosen, said["accompanying_action"]) if id_ is not None]
            assert said["expected_profit"] == pytest.approx(sum(both), rel=1e-9, abs=1e-6)
            assert both[0] == max(both)
            assert said["expected_profit"] > 0
            assert said["expected_profit"] >= best - tolerance
        else:
            assert chosen == ("no_action" if judged else None)
            assert best <= tolerance
            assert said["expected_profit"] == 0 if judged else isnan(said["expected_profit"])


@settings(max_examples=25, deadline=None)
@given(playbooks(), customers())
def test_low_is_below_mean_is_below_high(playbook: Playbook, frame: pd.DataFrame) -> None:
    said = recommend(frame, playbook, "EUR", 365, 90, 0.3).dropna(subset=["recommended_action"])
    assert (said["expected_profit_low"] <= said["expected_profit"]).all()
    assert (said["expected_profit"] <= said["expected_profit_high"]).all()
    assert (said["assumed_effect_low"] <= said["assumed_effect"]).all()
    assert (said["assumed_effect"] <= said["assumed_effect_high"]).all()


@settings(max_examples=20, deadline=None)
@given(customers(), belief, st.floats(0, 500), st.sampled_from([0.25, 2.0, 1024.0]))
def test_money_in_another_unit_gives_the_same_action_and_the_same_profit_in_that_unit(
    frame: pd.DataFrame, effect: tuple[float, float, float], cost: float, unit: float
) -> None:
    def playbook(unit: float) -> Playbook:
        return Playbook(
            actions=(
                action("mail", effect, cost * unit, share=0.01),
                action("reminder", effect, cost * unit, "overdue_balance > 0", kind="overdue"),
            )
        )

    money_columns = ["value_at_stake", "overdue_balance"]
    here = recommend(frame, playbook(1.0), "EUR", 365, 90, 0.3)
    there = recommend(frame.assign(**{c: frame[c] * unit for c in money_columns}), playbook(unit), "EUR", 365, 90, 0.3)
    assert here["recommended_action"].tolist() == there["recommended_action"].tolist()
    for name in ("action_cost", "expected_profit", "expected_profit_low", "expected_profit_high"):
        np.testing.assert_allclose(there[name], here[name] * unit, rtol=1e-12, atol=1e-9)
