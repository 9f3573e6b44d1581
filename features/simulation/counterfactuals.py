"""What would come of each active customer with each action on the day of a campaign: the truth that plans are judged by."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from features.errors import AsOfError
from features.simulation.actions import ACTIONS, VOUCHER
from features.simulation.campaigns import (
    Course,
    Standing,
    campaign_days,
    each_campaign,
    is_active,
    outcomes,
    standing_of,
)
from features.simulation.plan import Plan
from features.simulation.records import customer_ids
from features.simulation.rhythm import Floats, Ints
from features.simulation.simulate import course_if_all_stay
from features.simulation.truth import HORIZON_DAYS
from features.text import Text

DAYS_PER_YEAR = 365
LEAST_DAYS = 60
"""A yearly margin is not extrapolated from fewer days than this."""

_NO_CAMPAIGN = Text(
    "There is no campaign on {day}. The company's campaigns are on {days}.",
    "{day} 没有营销活动。该公司的营销活动日为：{days}。",
)


@dataclass(frozen=True)
class Counterfactuals:
    """One entry per customer on record as active on the day of a campaign; one column per action, in order of ACTIONS.

    Leaving is meant within the 90 days; one for those who have left already. ``leave`` are true probabilities, ``leaves``
    (1 or 0) is what happened or would have, with chance running the same for all actions; so is ``margin``, of the 90 days
    in currency. ``leaves`` and ``margin`` are ``nan`` when the records end before the 90 days do. Those who got another
    action on the day are as if they had got none.
    """

    position: Ints
    """Of the customer in its chunk."""
    customer_id: NDArray[np.object_]
    has_left: NDArray[np.bool_]
    log_factor: Floats
    """Logarithm of what the action makes of the rate of leaving at first, shape (customers, actions)."""
    leave_if_nothing: Floats
    leave: Floats
    leaves_if_nothing: Floats
    leaves: Floats
    margin_if_nothing: Floats
    margin: Floats
    voucher_amount: Floats
    """What a voucher takes off the next order if the customer stays, in currency; 0 where none comes in time."""
    margin_per_year: Floats
    """Margin of a year in currency as long as the customer stays: the mean over all simulated days, those to come too."""


def counterfactuals(plan: Plan, chunk: int, day: date) -> Counterfactuals:
    """What would come of the active customers of a chunk with each action, and with none, on the day of a campaign.

    Raises AsOfError: no campaign is held on that day.
    """
    course, now = stand_on(plan, chunk, day)
    who = np.flatnonzero(is_active(course, now))
    at = standing_of(course, now, who)
    log_factor = course.company.campaign_effect_scale * np.column_stack([action.effect(at) for action in ACTIONS])
    found = [
        outcomes(course, now, who, np.full(len(who), action.name == VOUCHER), log_factor[:, k])
        for k, action in enumerate(ACTIONS)
    ]
    (without, _), first = found[0]
    gone = now.left_day[who] < now.day
    return Counterfactuals(
        position=who,
        customer_id=customer_ids(course.customers, who).to_numpy(zero_copy_only=False),
        has_left=gone,
        log_factor=log_factor,
        leave_if_nothing=without,
        leave=np.column_stack([treated for (_, treated), _ in found]),
        leaves_if_nothing=first.leaves_if_control,
        leaves=np.column_stack([potential.leaves_if_treated for _, potential in found]),
        margin_if_nothing=first.margin_if_control,
        margin=np.column_stack([potential.margin_if_treated for _, potential in found]),
        voucher_amount=_voucher_amount(course, now, who, gone),
        margin_per_year=_margin_per_year(course, who),
    )


def stand_on(plan: Plan, chunk: int, day: date) -> tuple[Course, Standing]:
    """How things go for the customers of a chunk if nobody leaves, and how they stand on the day of a campaign.

    Raises AsOfError: no campaign is held on that day.
    """
    rng, campaign_rng, credit_rng = plan.generators(chunk)
    course = course_if_all_stay(rng, credit_rng, plan, chunk)
    for now, _ in each_campaign(campaign_rng, course, course.rate.copy()):
        if now.day == (day - plan.first_day).days:
            return course, now
    held = ", ".join(f"{one:%Y-%m-%d}" for one in days_of_campaigns(plan, course))
    raise AsOfError(_NO_CAMPAIGN, day=f"{day:%Y-%m-%d}", days=held or "–")


def days_of_campaigns(plan: Plan, course: Course) -> list[date]:
    """The days on which campaigns are held."""
    days = campaign_days(plan.company, course.customers, plan.days) if plan.company.with_campaigns else []
    return [plan.first_day + timedelta(days=int(day)) for day in days]


def last_whole_campaign(plan: Plan) -> date:
    """The day of the last campaign whose 90 days lie within the records. Raises AsOfError: there is none."""
    rng, _, credit_rng = plan.generators(0)
    days = days_of_campaigns(plan, course_if_all_stay(rng, credit_rng, plan, 0))
    whole = [day for day in days if day + timedelta(days=HORIZON_DAYS) <= plan.end]
    if not whole:
        raise AsOfError(_NO_CAMPAIGN, day=f"{plan.end - timedelta(days=HORIZON_DAYS):%Y-%m-%d}", days="–")
    return whole[-1]


def _voucher_amount(course: Course, now: Standing, who: Ints, gone: NDArray[np.bool_]) -> Floats:
    """Off the next order of those who are still there, as if they stayed until then."""
    never = np.where(gone, now.day, np.inf)
    has = np.ones(len(who), dtype=np.bool_)
    without, off = (course.book.margin(who, now.day, never, given) for given in (~has, has))
    return without - off


def _margin_per_year(course: Course, who: Ints) -> Floats:
    begin = np.maximum(course.customers.acquired_day, course.company.lead_in_days)
    orders = course.purchases.orders
    counted = orders.day >= begin[orders.customer]
    total = np.bincount(orders.customer, orders.margin * counted, len(course.customers))
    margin: Floats = (total / np.maximum(course.days - begin, LEAST_DAYS) * DAYS_PER_YEAR)[who]
    return margin
