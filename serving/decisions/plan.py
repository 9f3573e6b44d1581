"""The plan of one period: who is contacted, how, by whom, in the order of money, within all limits of the playbook.

Every action, and every two that go together, is weighed for every customer (`expected_profit`); what is chosen earns most in
all within budget, hours, contacts by channel and least shares (`allocation`). Customers who are controls, for good or of
the plan's campaign, who were contacted lately, or whom an action excludes, are out of reach whatever they would bring. Which
controls would have been chosen is told beside (`held_out`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.text import Text
from serving.decisions.allocation import Allocation, Limit, Problem, allocate, problem_of, share_at_least
from serving.decisions.eligibility import eligible
from serving.decisions.expected_profit import Beliefs, Outlook, outlook, packages
from serving.decisions.experiment_policy import ExperimentPolicy
from serving.decisions.fields import CHANNELS
from serving.decisions.held_out import would_be_chosen
from serving.decisions.next_best_action import Options, options, readable
from serving.decisions.plan_policy import LeastShare
from serving.decisions.playbook import Action, Playbook
from training.experiments.assignment import is_campaign_control, is_permanent_control, treated_share

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Package = tuple[Action, ...]

MINUTES_PER_HOUR = 60.0
NONE = -1
NUMBERS = ("action_cost", "expected_profit", "expected_profit_low", "expected_profit_high")

_BUDGET = Text("Budget", "预算")
_HOURS = Text("Hours of {name}", "{name}工时")
_HOUR = Text("hour of {name}", "小时{name}工时")
_CONTACTS = Text("Contacts by {name}", "{name}联系次数")
_CONTACT = Text("contact by {name}", "次{name}联系")
_LEAST_UNIT = Text("contact", "次联系")


@dataclass(frozen=True)
class Plan:
    """What is to be done in the ``period_days`` from ``as_of``.

    ``items`` has one row for each customer who is contacted, the most profitable first: customer_id, customer_name,
    account_manager, tier, churn_probability, value_at_stake, overdue_balance, why, action, action_name {en, zh}, channel, team
    (each also as ``accompanying_…``, None where there is but one), minutes, action_cost, expected_profit(_low/_high).
    ``would_be`` has the same of controls who would have been contacted. ``allocation`` says what the limits cost and how far
    from the best it can be at most. ``customers`` were looked at; ``controls`` of them are left alone by the lot, in which
    each was treated with the probability ``propensity``; ``resting`` were contacted lately.
    """

    as_of: datetime
    period_days: int
    currency: str
    items: pd.DataFrame
    would_be: pd.DataFrame
    allocation: Allocation
    customers: int
    controls: int
    resting: int
    propensity: float
    campaign: str | None

    @property
    def expected_profit(self) -> float:
        """Of all contacts together, in currency."""
        return float(self.items["expected_profit"].sum())


def make_plan(
    frame: pd.DataFrame,
    playbook: Playbook,
    beliefs: Beliefs,
    as_of: datetime,
    currency: str,
    margin_share: float,
    days_since: Mapping[str, Floats],
    campaign: str | None = None,
) -> Plan:
    """The most profitable plan for the customers of ``frame`` (scores beside their features, one row each).

    ``days_since`` has, for each action of the
    playbook that was carried out before, how many days ago that was for each customer (inf: never). A plan of a ``campaign``
    leaves the campaign's controls alone, too.
    Raises AllocationError: no plan keeps all limits. ProjectError: a condition fails on a value.
    """
    can = options(frame, playbook, margin_share, beliefs)
    choices = packages(playbook)
    outlooks = [_of(package, can, playbook, beliefs, margin_share) for package in choices]
    controls, propensity = _lot(frame["customer_id"], playbook.experiments, campaign)
    resting = _lately(days_since, len(frame)) < playbook.plan.rest_days
    may_get = np.column_stack([_may_get(package, can, days_since) & ~resting for package in choices])
    profit, low, cost = (
        np.column_stack([getattr(one, name) for one in outlooks]).astype(np.float32)
        for name in ("profit", "profit_low", "cost")
    )
    limits = limits_of(frame, playbook, choices, cost, currency)
    sure = low if playbook.plan.only_if_sure else None
    problem = problem_of(profit, limits, currency, may_get, sure)
    allocation = allocate(_without(controls, problem))
    held_out = would_be_chosen(problem, allocation, controls)
    items, would_be = (
        _items(frame, playbook, can, outlooks, choice.astype(np.int64)) for choice in (allocation.choice, held_out)
    )
    return Plan(
        as_of,
        playbook.plan.period_days,
        currency,
        items,
        would_be,
        allocation,
        len(frame),
        int(controls.sum()),
        int((resting & ~controls).sum()),
        propensity,
        campaign,
    )


def _lot(ids: "pd.Series[str]", stand_aside: ExperimentPolicy, campaign: str | None) -> tuple[Flags, float]:
    """Who is a control, and with which probability the lot lets a customer be treated."""
    salt, permanent, share = stand_aside.salt, stand_aside.permanent_control_share, stand_aside.campaign_control_share
    for_good = is_permanent_control(ids, salt, permanent)
    if campaign is None:
        return for_good, treated_share(permanent, 0.0)
    return for_good | is_campaign_control(ids, salt, campaign, share), treated_share(permanent, share)


def _without(controls: Flags, problem: Problem) -> Problem:
    assert problem.allowed is not None
    return replace(problem, allowed=problem.allowed & ~controls[:, None])


def limits_of(
    frame: pd.DataFrame, playbook: Playbook, choices: Sequence[Package], cost: NDArray[np.float32], currency: str
) -> list[Limit]:
    """The limits that the playbook sets for one period: budget, hours by team, contacts by channel, least shares."""
    policy = playbook.plan
    limits = []
    if policy.budget is not None:
        limits.append(Limit(_BUDGET, Text(currency, currency), np.nan_to_num(cost), at_most=policy.budget))
    for team in playbook.teams:
        if team.hours is not None:
            hours = [sum(a.minutes for a in package if a.team == team.id) / MINUTES_PER_HOUR for package in choices]
            limits.append(
                Limit(_HOURS.format(name=team.name), _HOUR.format(name=team.name), np.array(hours), at_most=team.hours)
            )
    for channel, most in policy.most_contacts.items():
        contacts = [float(sum(a.channel == channel for a in package)) for package in choices]
        name = CHANNELS[channel]
        limits.append(
            Limit(_CONTACTS.format(name=name), _CONTACT.format(name=name), np.array(contacts), at_most=float(most))
        )
    return limits + [_least(frame, one, choices) for one in policy.least_shares]


def _least(frame: pd.DataFrame, one: LeastShare, choices: Sequence[Package]) -> Limit:
    """At least this share of all contacts goes to those whom it names."""
    whom = eligible(readable(frame, [one.who]), {"who": one.who})["who"]
    contacts = np.array([float(len(package)) for package in choices])
    return share_at_least(one.name, _LEAST_UNIT, one.share, whom, contacts)


def _of(package: Package, can: Options, playbook: Playbook, beliefs: Beliefs, margin_share: float) -> Outlook:
    if len(package) == 1:
        return can.alone[playbook.actions.index(package[0])]
    return outlook(package, can.known, beliefs, margin_share)


def _may_get(package: Package, can: Options, days_since: Mapping[str, Floats]) -> Flags:
    """Whom all actions of the package fit, and who had none of them within its days of rest."""
    fits: Flags = np.logical_and.reduce([can.fits[action.id] for action in package])
    for action in package:
        if action.rest_days and action.id in days_since:
            fits = fits & (days_since[action.id] >= action.rest_days)
    return fits


def _lately(days_since: Mapping[str, Floats], customers: int) -> Floats:
    """Days since the last action of any kind, inf where there was none."""
    return np.asarray(np.minimum.reduce([np.full(customers, np.inf), *days_since.values()]))


_TOLD = (
    "customer_id",
    "customer_name",
    "account_manager",
    "tier",
    "churn_probability",
    "value_at_stake",
    "overdue_balance",
)


def _items(
    frame: pd.DataFrame, playbook: Playbook, can: Options, outlooks: Sequence[Outlook], choice: NDArray[np.int64]
) -> pd.DataFrame:
    """One row for each customer who is contacted, in the order of money; where that is equal, of their ids."""
    rows = np.flatnonzero(choice >= 0)
    package = choice[rows]
    numbers = {
        name: np.column_stack([getattr(one, field) for one in outlooks])[rows, package]
        for name, field in zip(NUMBERS, ("cost", "profit", "profit_low", "profit_high"), strict=True)
    }
    items = frame.iloc[rows].reindex(columns=[*_TOLD, "why"]).reset_index(drop=True)
    items = items.assign(**_actions(playbook, can, rows, package), **numbers)
    return items.sort_values(["expected_profit", "customer_id"], ascending=[False, True], ignore_index=True)


def _actions(playbook: Playbook, can: Options, rows: NDArray[np.int64], package: NDArray[np.int64]) -> dict[str, Any]:
    """What is done, by whom and how long it takes; of two actions, the one that earns more by itself comes first."""
    place = {action.id: i for i, action in enumerate(playbook.actions)}
    places = np.array([[*(place[a.id] for a in of), NONE][:2] for of in packages(playbook)])[package]
    alone = np.column_stack([one.profit for one in can.alone])
    own = np.where(places >= 0, alone[rows[:, None], places], -np.inf)
    ordered = np.take_along_axis(places, np.argsort(-own, axis=1, kind="stable"), axis=1)
    actions: list[Action | None] = [*playbook.actions, None]
    told: dict[str, Any] = {
        f"{which}{name}": _named(actions, part)[ordered[:, i]]
        for i, which in enumerate(("", "accompanying_"))
        for name, part in _PARTS.items()
    }
    minutes = np.array([*(a.minutes for a in playbook.actions), 0.0])
    return told | {"minutes": minutes[ordered].sum(axis=1)}


_PARTS: dict[str, Callable[[Action], Any]] = {
    "action": lambda action: action.id,
    "action_name": lambda action: action.name._asdict(),
    "channel": lambda action: action.channel,
    "team": lambda action: action.team,
}


def _named(actions: Sequence[Action | None], part: Callable[[Action], Any]) -> NDArray[np.object_]:
    array = np.empty(len(actions), dtype=object)
    array[:] = [part(action) if action else None for action in actions]
    return array
