"""What each action would bring with each customer, for one who knows the laws of the simulation but no customer.

The all-knowing oracle is told who has left, who is in trouble, and who looks at prices; nobody who reads a company's records is.
This observer knows the laws, those of the actions too, and learns the customers from the records by Bayes' rule, as
`trading_learner` does for silence. No plan made from the records can be expected to do better, so this is what ours is
held to. It is told three things besides that no record says (each customer's usual lateness, what earlier campaigns did to
it, and the mood as it was), so it stands rather too high than too low.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from features.simulation.actions import ACTIONS, price_senses, situation
from features.simulation.campaigns import Standing, factor_of, fading
from features.simulation.counterfactuals import Counterfactuals
from features.simulation.departures import leaving_rate
from features.simulation.observer import left_and_here
from features.simulation.plan import Plan
from features.simulation.rhythm import Floats
from features.simulation.simulate import what_happened
from features.simulation.truth import last_orders, outlook, summed_rate
from tests.benchmarks.trading_learner import records_of, rhythms, troubles, words_per_day

DRAWS = 30


@dataclass(frozen=True)
class Observed:
    """Of each customer: the probability that it is there and leaves within the 90 days, without and with each action."""

    leaves_if_nothing: Floats
    leaves: Floats
    """Shape (customers, actions)."""
    here: Floats
    """Probability that the customer has not left yet."""


def observed(facts: Path, plan: Plan, chunk: int, now: Standing, truth: Counterfactuals, seed: int = 0) -> Observed:
    """What the observer expects of the customers of ``truth`` on the day on which things stand like ``now``.

    ``facts`` is the folder with the records of that simulated company.
    """
    rng, day, who = np.random.default_rng(seed), int(now.day), truth.position
    course, company = what_happened(plan, chunk), plan.company
    people = course.customers
    records = records_of(facts, people, plan.first_day, day)
    begin, end = troubles(rng, company, people, records, day)
    gap_days, regularity = rhythms(rng, course, day)
    shape = (len(people), DRAWS)
    leaving = rng.gamma(company.leaving_shape, company.leaving_per_year / 365 / company.leaving_shape, shape)
    last, _ = last_orders(people, course.purchases, who, day)
    weeks = course.rate.shape[1]
    done = factor_of(company, now.done, len(people), 0, weeks + 60)
    weight, nothing, present = (np.empty((DRAWS, len(who))) for _ in range(3))
    acted = np.empty((DRAWS, len(who), len(ACTIONS)))
    for draw in range(DRAWS):
        time = replace(people.time, trouble_from=begin[:, draw], trouble_until=end[:, draw])
        this = replace(
            people,
            order_gap_days=gap_days[:, draw],
            regularity=regularity[:, draw],
            leaving_per_day=leaving[:, draw],
            time=time,
        )
        rate = leaving_rate(company, this, course.felt) * done[:, :weeks]
        left, here = left_and_here(this, course.purchases, rate, who, day, words_per_day(company), records.heard[who])
        ahead = outlook(company, this, course.purchases, course.complaints, course.felt, day, who)
        seen = np.maximum(left + here, 1e-300)
        stayed = summed_rate(rate[who], np.column_stack([np.zeros(len(who)), last]))[:, -1]
        weight[draw] = np.log(seen) - stayed
        window = slice(ahead.first_week, ahead.first_week + ahead.rate.shape[1])
        before = done[who, window]
        present[draw] = here / seen
        nothing[draw] = here / seen * (1 - ahead.stays(before)[:, -1])
        at = situation(this, course.felt, price_senses(rng, this), day).where(who)
        faded = fading(company, day, ahead.first_week, ahead.rate.shape[1])
        for k, action in enumerate(ACTIONS):
            factor = np.exp(company.campaign_effect_scale * action.effect(at)[:, None] * faded)
            acted[draw, :, k] = here / seen * (1 - ahead.stays(before * factor)[:, -1])
    weight = np.exp(weight - weight.max(axis=0))
    weight /= weight.sum(axis=0)
    return Observed(
        (weight * nothing).sum(axis=0), np.einsum("dc,dca->ca", weight, acted), (weight * present).sum(axis=0)
    )
