"""How likely a simulated customer is to fall silent, for one who knows the laws of the simulation but no customer.

The best observer of the truth is told each customer's rhythm, trouble and inclination to leave. Nobody who reads a
company's records is. This one learns them from the records, by Bayes' rule with the laws as prior: the rhythm from the gaps
between orders, trouble from how late invoices are paid, whether the customer is still there from its silence and from when
it last got in touch itself. No model that learns the laws as well can be expected to rank better; what it leaves
aside (payments that stop, calls that go on for a while after a customer has left) is little.

Deliveries, complaints and the mood that they make are taken as they are: they are on record. Draws take the place of
integrals: `DRAWS` customers as this one might be, each weighted by how well it explains the silence.
"""

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import gammaln, log_ndtr, logsumexp

from features.simulation.campaigns import Course
from features.simulation.company import Company
from features.simulation.customers import Customers
from features.simulation.departures import leaving_rate
from features.simulation.observer import left_and_here
from features.simulation.plan import planned
from features.simulation.records import customer_ids
from features.simulation.rhythm import Floats, Ints
from features.simulation.simulate import what_happened
from features.simulation.truth import acquired_before, last_orders, outlook, summed_rate
from features.simulation.write import END, months_before

DRAWS = 250
TROUBLES = 1_500
"""Times of trouble that each customer might have had, of which `DRAWS` are drawn by how well they explain its payments."""
GAPS_DAYS = np.exp(np.linspace(np.log(2.5), np.log(180.0), 90))
ODD_SHARE, ODD_MEAN_DAYS = 0.03, 20.0
"""Invoices that are paid late for a reason of their own, such as a dispute, and how late."""
FROM_THE_CUSTOMER = ("inquiry", "request", "survey")


@dataclass(frozen=True)
class Records:
    """What is on record of the customers of a chunk before the cut-off; days count from the first simulated one.

    ``customer`` (position), ``due`` and ``paid`` (inf: not yet) of each invoice; ``heard`` is the day on which each
    customer last got in touch itself (-inf: never).
    """

    customer: Ints
    due: Floats
    paid: Floats
    heard: Floats


def learnt_silence(facts: Path, seed: int, customers: int, months: int, cut_off: date) -> pd.DataFrame:
    """``customer_id`` and ``learnt``, the probability of no order in the 90 days from ``cut_off``.

    ``facts`` is the folder with the records of that simulated company.
    """
    plan = planned(seed, customers, months_before(END, months), END, Company(), None)
    rng, day = np.random.default_rng(0), (cut_off - plan.first_day).days
    found = []
    for chunk in range(plan.chunks):
        course = what_happened(plan, chunk)
        who = acquired_before(course.customers, day)
        records = records_of(facts, course.customers, plan.first_day, day)
        found.append(
            pd.DataFrame(
                {
                    "customer_id": customer_ids(course.customers, who).to_numpy(zero_copy_only=False),
                    "learnt": _silence(rng, course, records, who, day),
                }
            )
        )
    return pd.concat(found, ignore_index=True)


def _silence(rng: np.random.Generator, course: Course, records: Records, who: Ints, day: int) -> Floats:
    """The mean of what each draw expects, weighted by how likely it made what was seen of the customer."""
    company, people = course.company, course.customers
    begin, end = troubles(rng, company, people, records, day)
    gap_days, regularity = rhythms(rng, course, day)
    leaving = rng.gamma(
        company.leaving_shape, company.leaving_per_year / 365 / company.leaving_shape, (len(people), DRAWS)
    )
    weight, silence = np.empty((DRAWS, len(who))), np.empty((DRAWS, len(who)))
    last, _ = last_orders(people, course.purchases, who, day)
    for draw in range(DRAWS):
        time = replace(people.time, trouble_from=begin[:, draw], trouble_until=end[:, draw])
        this = replace(
            people,
            order_gap_days=gap_days[:, draw],
            regularity=regularity[:, draw],
            leaving_per_day=leaving[:, draw],
            time=time,
        )
        rate = leaving_rate(company, this, course.felt)
        left, here = left_and_here(this, course.purchases, rate, who, day, words_per_day(company), records.heard[who])
        ahead = outlook(company, this, course.purchases, course.complaints, course.felt, day, who)
        seen = np.maximum(left + here, 1e-300)
        silence[draw] = (left + here * ahead.silence(ahead.stays())) / seen
        stayed = summed_rate(rate[who], np.column_stack([np.zeros(len(who)), last]))[:, -1]
        weight[draw] = np.log(seen) - stayed
    weight = np.exp(weight - weight.max(axis=0))
    return np.asarray((weight * silence).sum(axis=0) / weight.sum(axis=0))


def words_per_day(company: Company) -> float:
    """How often a customer gets in touch itself as long as it is there."""
    surveys = 365 / company.survey_every_days * company.survey_answer_share
    return (company.inquiries_per_year + company.requests_per_year + surveys) / 365


def records_of(facts: Path, people: Customers, first_day: date, day: int) -> Records:
    position = pd.Series(people.every, index=customer_ids(people, people.every).to_numpy(zero_copy_only=False))
    begin = pd.Timestamp(first_day)

    def days(times: pd.Series) -> Floats:
        return np.asarray((times - begin).dt.total_seconds() / 86_400)

    invoices = pd.read_parquet(facts / "invoices.parquet")
    payments = pd.read_parquet(facts / "payments.parquet")
    first_paid = payments.groupby("invoice_id")["paid_at"].min()
    invoices = invoices[(days(invoices["issued_at"]) < day) & ~invoices["disputed"].astype(bool)]
    invoices = invoices[invoices["customer_id"].isin(position.index)]
    paid = np.floor(days(invoices["invoice_id"].map(first_paid)))
    contacts = pd.read_parquet(facts / "interactions.parquet")
    contacts = contacts[contacts["kind"].isin(FROM_THE_CUSTOMER) & contacts["customer_id"].isin(position.index)]
    contacts = contacts.assign(day=days(contacts["at"]))
    heard = contacts[contacts["day"] < day].groupby("customer_id")["day"].max().reindex(position.index)
    return Records(
        position[invoices["customer_id"]].to_numpy(),
        np.floor(days(invoices["due_at"])),
        np.where(np.nan_to_num(paid, nan=np.inf) < day, paid, np.inf),
        heard.fillna(-np.inf).to_numpy(),
    )


def rhythms(rng: np.random.Generator, course: Course, day: int) -> tuple[Floats, Ints]:
    """Gaps and regularities as each customer's might be, by its gaps on record, shape (customers, DRAWS)."""
    company, people, orders = course.company, course.customers, course.purchases.orders
    seen = (orders.line == 0) & (orders.amount > 0) & (orders.day >= company.lead_in_days) & (orders.day < day)
    customer, at = orders.customer[seen], people.time.shared.at(orders.day[seen])
    same = customer[1:] == customer[:-1]
    gaps, customer = np.maximum(np.diff(at)[same], 0.02), customer[1:][same]
    count, logs, total = (np.bincount(customer, w, len(people)) for w in (np.ones(len(gaps)), np.log(gaps), gaps))
    gap_days = np.tile(GAPS_DAYS, company.regularity_max)
    regularity = np.repeat(np.arange(1, company.regularity_max + 1), len(GAPS_DAYS))
    spread = (np.log(gap_days) - np.log(company.order_gap_median_days)) / company.order_gap_log_spread
    likelihood = count[:, None] * (regularity * np.log(regularity / gap_days) - gammaln(regularity)) - spread**2 / 2
    likelihood += np.outer(logs, regularity - 1) - np.outer(total, regularity / gap_days)
    drawn = _drawn(rng, likelihood)
    return gap_days[drawn], regularity[drawn]


def troubles(
    rng: np.random.Generator, company: Company, people: Customers, records: Records, day: int
) -> tuple[Floats, Floats]:
    """Beginnings and ends of trouble as each customer's might be, by its payments, shape (customers, DRAWS)."""
    shape = (len(people), TROUBLES)
    begin = np.maximum(people.acquired_day, 0)[:, None] + rng.exponential(365 / company.trouble_per_year, shape)
    end = begin + rng.exponential(company.trouble_mean_days, shape)
    node, weight = np.polynomial.hermite_e.hermegauss(13)
    habits = company.usual_late_mean_days + company.usual_late_spread_days * node
    likelihood = np.zeros(shape)
    order = np.argsort(records.customer, kind="stable")
    edges = np.searchsorted(records.customer[order], np.arange(len(people) + 1))
    for one in np.flatnonzero(np.diff(edges)):
        rows = order[edges[one] : edges[one + 1]]
        of_one = _of_payments(company, records.due[rows], records.paid[rows], begin[one], end[one], habits, day)
        likelihood[one] = logsumexp(of_one + np.log(weight / weight.sum()), axis=1)
    drawn = _drawn(rng, likelihood)
    return np.take_along_axis(begin, drawn, 1), np.take_along_axis(end, drawn, 1)


def _of_payments(
    company: Company, due: Floats, paid: Floats, begin: Floats, end: Floats, habits: Floats, day: int
) -> Floats:
    """Log-likelihood of one customer's payments for each trouble and habit of paying late, shape (troubles, habits)."""
    since = due[:, None] - begin
    trouble = (since >= 0) & (due[:, None] < end)
    growing = company.trouble_late_at_once_days + company.trouble_late_per_day_days * since
    strained = np.where(trouble, np.minimum(growing, company.trouble_late_max_days), 0.0)
    settled = np.isfinite(paid)
    late = (np.where(settled, paid, day) - due)[:, None, None] - strained[:, :, None] - habits
    spread_days = np.hypot(company.late_noise_days, 1.4)  # payments wait for a working day
    usual = np.exp(-(((late - 0.6) / spread_days) ** 2) / 2) / (spread_days * np.sqrt(2 * np.pi))
    odd = np.where(late > 0, np.exp(-np.maximum(late, 0) / ODD_MEAN_DAYS) / ODD_MEAN_DAYS, 1e-4)
    never = np.where(trouble, company.unpaid_share_in_trouble, company.unpaid_share)[:, :, None]
    waiting = never + (1 - never) * np.exp(log_ndtr(-late / spread_days))
    chosen = np.where(settled[:, None, None], (1 - ODD_SHARE) * usual + ODD_SHARE * odd, waiting)
    return np.asarray(np.log(chosen).sum(axis=0))


def _drawn(rng: np.random.Generator, log_likelihood: Floats) -> Ints:
    """Positions in each row, drawn by likelihood in even steps and shuffled, shape (rows, DRAWS)."""
    share = np.exp(log_likelihood - log_likelihood.max(axis=1, keepdims=True)).cumsum(axis=1)
    share /= share[:, -1:]
    row = np.arange(len(share))[:, None]
    at = (np.arange(DRAWS) + rng.random((len(share), 1))) / DRAWS
    flat = np.searchsorted((share + row).ravel(), (at + row).ravel()).reshape(at.shape) - row * share.shape[1]
    drawn: Ints = rng.permuted(np.clip(flat, 0, share.shape[1] - 1), axis=1)
    return drawn
