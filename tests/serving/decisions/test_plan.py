"""Plans: what earns most within the limits, and nobody who is to be left alone."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.text import Text
from serving.decisions.expected_profit import written_beliefs
from serving.decisions.experiment_policy import ExperimentPolicy
from serving.decisions.plan import Plan, make_plan
from serving.decisions.plan_policy import LeastShare, LetGo, PlanPolicy, Team
from serving.decisions.playbook import Action, Effect, Playbook
from training.experiments.assignment import is_permanent_control

AS_OF = datetime(2026, 7, 1, tzinfo=UTC)
SOURCE = Text("assumption", "假设")
NAME = Text("name", "名称")


def action(id_: str, mean: float, cost: float, channel: str, minutes: float, **more: Any) -> Action:
    effect = {"kind": more.pop("kind", "churn"), "low": mean / 2, "mean": mean, "high": mean * 2, "source": SOURCE}
    return Action.model_validate(
        {
            "id": id_,
            "name": Text(id_, f"{id_}（中）"),
            "description": NAME,
            "channel": channel,
            "cost": cost,
            "eligible": more.pop("eligible", "true"),
            "team": "sales" if minutes else None,
            "minutes": minutes,
            "effect": Effect.model_validate(effect),
            **more,
        }
    )


CALL = action("call", 0.1, 10.0, "phone", 20.0)
VISIT = action("visit", 0.3, 100.0, "visit", 120.0, rest_days=60)
REMINDER = action("reminder", 0.05, 1.0, "email", 0.0, kind="overdue", eligible="overdue_balance > 0")


NO_LIMITS = PlanPolicy()


def playbook(
    policy: PlanPolicy = NO_LIMITS, hours: float | None = None, controls: float = 0.0, **more: Any
) -> Playbook:
    return Playbook(
        actions=(CALL, VISIT, REMINDER),
        plan=policy,
        experiments=ExperimentPolicy(permanent_control_share=controls),
        teams=(Team(id="sales", name=Text("sales", "销售"), hours=hours),),
        **more,
    )


def customers(stakes: list[float], **columns: Any) -> pd.DataFrame:
    """With a churn probability of one half, and nothing overdue."""
    frame = pd.DataFrame({"customer_id": [f"C{i}" for i in range(len(stakes))], "value_at_stake": stakes})
    return frame.assign(churn_probability=0.5, overdue_balance=0.0).assign(**columns)


def plan(frame: pd.DataFrame, book: Playbook, days_since: dict[str, Any] | None = None) -> Plan:
    return make_plan(frame, book, written_beliefs(book), AS_OF, "EUR", 0.25, days_since or {})


def told(made: Plan) -> list[tuple[Any, ...]]:
    return list(made.items[["customer_id", "action", "accompanying_action"]].itertuples(index=False, name=None))


def test_without_limits_everybody_gets_what_earns_most_in_the_order_of_money() -> None:
    made = plan(customers([100.0, 400.0, 2000.0]), playbook())
    # call: 0.5 × 0.1 × stake − 10; visit: 0.5 × 0.3 × stake − 100
    assert told(made) == [("C2", "visit", None), ("C1", "call", None)]
    assert made.items["expected_profit"].tolist() == [pytest.approx(200), pytest.approx(10)]
    assert made.expected_profit == pytest.approx(210)
    assert made.items["minutes"].tolist() == [120, 20]


def test_a_call_and_a_reminder_are_one_contact_each_of_the_same_customer() -> None:
    made = plan(customers([400.0, 400.0], overdue_balance=[1000.0, 30.0]), playbook())
    assert told(made) == [("C0", "reminder", "call"), ("C1", "call", "reminder")]  # 49 + 10, 10 + 0.5
    assert made.items["accompanying_channel"].tolist() == ["phone", "email"]


def test_hours_go_where_they_earn_most_and_one_more_has_a_price() -> None:
    made = plan(customers([2000.0, 2000.0, 2000.0]), playbook(hours=1.0))
    # an hour of visits earns 100, an hour of calls 270; three calls take the hour
    assert told(made) == [("C0", "call", None), ("C1", "call", None), ("C2", "call", None)]
    [hours] = made.allocation.limits
    assert hours.used == pytest.approx(1.0)
    assert 0 < hours.shadow_price < 270.1


def test_a_budget_is_kept() -> None:
    made = plan(customers([2000.0] * 5), playbook(PlanPolicy(budget=125.0)))
    assert made.items["action_cost"].sum() <= 125
    assert sorted(made.items["action"]) == ["call"] * 5 or sorted(made.items["action"]) == ["call", "call", "visit"]


def test_channels_have_a_most_of_contacts() -> None:
    made = plan(customers([2000.0, 3000.0]), playbook(PlanPolicy(most_contacts={"visit": 1})))
    assert told(made) == [("C1", "visit", None), ("C0", "call", None)]


def test_a_least_share_of_contacts_goes_to_whom_it_names() -> None:
    share = LeastShare(name=Text("small ones", "小客户"), who="value_at_stake < 1000", share=0.5)
    frame = customers([500.0, 2000.0, 2000.0, 2000.0])
    free = plan(frame, playbook())
    bound = plan(frame, playbook(PlanPolicy(least_shares=(share,))))
    assert len(free.items) == 4
    assert sorted(bound.items["customer_id"].isin(["C0"])) == [False, True]


def test_who_was_contacted_lately_rests_and_who_had_this_action_may_get_another() -> None:
    frame = customers([2000.0, 2000.0, 2000.0])
    made = plan(frame, playbook(), {"visit": np.array([20.0, 5.0, 80.0])})
    # 14 days of rest after any action, 60 after a visit
    assert told(made) == [("C2", "visit", None), ("C0", "call", None)]
    assert made.resting == 1


def test_only_what_is_sure_to_pay_is_done_when_that_is_asked_for() -> None:
    frame = customers([300.0, 500.0])
    assert len(plan(frame, playbook()).items) == 2
    sure = plan(frame, playbook(PlanPolicy(only_if_sure=True)))
    assert told(sure) == [("C1", "call", None)]  # at the low end 0.5 × 0.05 × 300 − 10 < 0 < 2.5


def test_controls_are_never_treated_and_are_always_the_same() -> None:
    frame = customers([2000.0] * 400)
    made = plan(frame, playbook(controls=0.2))
    controls = set(frame["customer_id"][is_permanent_control(frame["customer_id"], "retinue", 0.2)])
    assert made.controls == len(controls) > 40
    assert set(made.items["customer_id"]) == set(frame["customer_id"]) - controls


def test_who_is_let_go_is_not_in_the_plan() -> None:
    frame = customers([2000.0, 2000.0], overdue_balance=[500.0, 500.0], lifetime_value_net=[-5.0, 5.0])
    made = plan(frame, playbook(let_go=LetGo(when="lifetime_value_net < 0", review_after_days=90)))
    assert made.items["customer_id"].tolist() == ["C1"]


def test_a_plan_for_nobody_has_no_contacts() -> None:
    made = plan(customers([1.0]), playbook(hours=8.0))
    assert made.items.empty
    assert made.expected_profit == 0


# ---- no plan ever breaks a limit, contacts an excluded customer, or treats a control ---------------------------------


@st.composite
def situations(draw: st.DrawFn) -> tuple[pd.DataFrame, Playbook, dict[str, Any]]:
    size = draw(st.integers(1, 30))

    def column(values: st.SearchStrategy[float]) -> list[float]:
        return draw(st.lists(values, min_size=size, max_size=size))

    gaps = st.sampled_from([float("nan")])
    frame = customers(
        column(st.floats(-100, 5000) | gaps),
        churn_probability=column(st.floats(0, 1) | gaps),
        overdue_balance=column(st.floats(0, 3000) | gaps),
        complaints_open=column(st.sampled_from([0.0, 1.0])),
    )
    policy = PlanPolicy(
        budget=draw(st.none() | st.floats(0, 500)),
        rest_days=draw(st.integers(0, 20)),
        only_if_sure=draw(st.booleans()),
        most_contacts=draw(st.dictionaries(st.sampled_from(["phone", "visit", "email"]), st.integers(0, 5))),
    )
    spared = VISIT.model_copy(update={"excluded": "complaints_open > 0"})
    controls = draw(st.sampled_from([0.0, 0.3, 0.5]))
    book = playbook(policy, draw(st.none() | st.floats(0, 10)), controls).model_copy(
        update={"actions": (CALL, spared, REMINDER)}
    )
    days = st.floats(0, 100) | st.just(float("inf"))
    return frame, book, {"visit": np.array(column(days))}


@settings(max_examples=60, deadline=None)
@given(situations())
def test_no_plan_breaks_a_limit_contacts_an_excluded_customer_or_treats_a_control(
    situation: tuple[pd.DataFrame, Playbook, dict[str, Any]],
) -> None:
    frame, book, days_since = situation
    made = plan(frame, book, days_since)
    items, policy = made.items, book.plan
    assert items["customer_id"].is_unique
    tolerance = 1 + 1e-6
    if policy.budget is not None:
        assert items["action_cost"].sum() <= policy.budget * tolerance + 1e-6
    if book.teams[0].hours is not None:
        assert items["minutes"].sum() / 60 <= book.teams[0].hours * tolerance + 1e-6
    channels = pd.concat([items["channel"], items["accompanying_channel"]])
    for channel, most in policy.most_contacts.items():
        assert (channels == channel).sum() <= most
    controls = frame["customer_id"][
        is_permanent_control(frame["customer_id"], "retinue", book.experiments.permanent_control_share)
    ]
    assert not items["customer_id"].isin(controls).any()
    known = frame.assign(days=days_since["visit"]).set_index("customer_id").loc[items["customer_id"]].reset_index()
    assert (known["days"] >= policy.rest_days).all()
    visited = (items[["action", "accompanying_action"]] == "visit").any(axis=1)
    assert (known.loc[visited, "days"] >= 60).all()
    assert (known.loc[visited, "complaints_open"] == 0).all()
    reminded = (items[["action", "accompanying_action"]] == "reminder").any(axis=1)
    assert (known.loc[reminded, "overdue_balance"] > 0).all()
    assert (items["expected_profit_low" if policy.only_if_sure else "expected_profit"] > -1e-6).all()
