"""A simulated company from a seed: its records, and the truth behind them."""

from collections.abc import Generator as Stream
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pyarrow as pa
from numpy.random import Generator
from numpy.typing import NDArray

from features.simulation import records, truth_records
from features.simulation.accounts import draw_accounts
from features.simulation.actions import VOUCHER
from features.simulation.campaigns import Course, Treatments, factor_of, run_campaigns, with_longer_terms
from features.simulation.company import Company
from features.simulation.contacts import Complaints, draw_complaints, draw_contacts
from features.simulation.credit import standings, with_credit_quality
from features.simulation.customers import draw_customers
from features.simulation.departures import DAYS_PER_WEEK, leaving_days, leaving_rate, leaving_thresholds, mood
from features.simulation.observer import still_here_probability
from features.simulation.payments import draw_invoices, draw_payments
from features.simulation.plan import TRUTH_CUSTOMERS, TRUTH_EFFECTS, TRUTH_SILENCE, Plan, planned
from features.simulation.purchases import Orders, draw_purchases
from features.simulation.rhythm import Floats, working_time
from features.simulation.truth import HORIZON_DAYS, Silence, acquired_before, outlook, true_silence

Tables = dict[str, pa.Table]


def simulate(
    seed: int,
    customers: int,
    start: date,
    end: date,
    company: Company = Company(),  # noqa: B008 - frozen
    cut_offs: Sequence[date] | None = None,
) -> Tables:
    """All records in ``[start, end)`` of a company with so many customers, by table name.

    The same arguments give the same tables. ``truth/customers`` has one row per customer with what drives it;
    ``truth/silence`` has one per customer and cut-off (the first of each month unless ``cut_offs`` are given) with the
    true probability of no order in the 90 days from it, and with that of an observer who cannot know who has left.
    With campaigns, ``truth/effects`` has one row per row of ``treatments`` with what would have come of the customer in
    either arm.
    """
    plan = planned(seed, customers, start, end, company, cut_offs)
    chunks = list(simulate_chunks(plan))
    return {name: pa.concat_tables([chunk[name] for chunk in chunks]) for name in plan.tables}


def simulate_chunks(plan: Plan) -> Stream[Tables, None, None]:
    """The same company in chunks of customers, so that memory stays bounded however many there are."""
    return (simulate_chunk(plan, chunk) for chunk in range(plan.chunks))


def simulate_chunk(plan: Plan, chunk: int) -> Tables:
    """The tables of one chunk of customers.

    Each chunk draws from its own seed: a full chunk is the same whatever the number of customers in all.
    """
    rng, campaign_rng, credit_rng = plan.generators(chunk)
    past = _past(rng, campaign_rng, credit_rng, plan, chunk)
    return {**_recorded(rng, credit_rng, plan, past), **_true(plan, past)}


def what_happened(plan: Plan, chunk: int) -> Course:
    """The customers of a chunk with all that drives them, and what they did until they left."""
    return _past(*plan.generators(chunk), plan, chunk).happened


@dataclass(frozen=True)
class _Past:
    """What happened to the customers of one chunk; days count from the first simulated one."""

    course: Course
    treatments: tuple[Treatments, ...]
    left_day: Floats

    @property
    def orders(self) -> Orders:
        """The order lines that were made, at the prices that were paid."""
        orders = self.course.purchases.orders
        if self.treatments:
            used = [(one.treated(VOUCHER), one.day) for one in self.treatments]
            orders = self.course.book.with_vouchers(used, self.left_day)
        return orders.where(self._is_made)

    @property
    def complaints(self) -> Complaints:
        """The complaints about them."""
        return self.course.complaints.where(self._is_made[self.course.complaints.order])

    @property
    def happened(self) -> Course:
        """The course without what leaving prevented, with the rate of leaving as it is for those who stay.

        Customers who have left differ from the others in nothing but that nothing is ordered any more.
        """
        c, made = self.course, self._is_made
        place = np.cumsum(made) - 1
        purchases = replace(c.purchases, orders=c.purchases.orders.where(made))
        complaints = replace(self.complaints, order=place[self.complaints.order])
        felt = mood(c.company, len(c.customers), c.felt.waiting.shape[1], purchases.orders, complaints)
        rate = leaving_rate(c.company, c.customers, felt)
        if self.treatments:
            rate *= factor_of(c.company, self.treatments, len(c.customers), 0, rate.shape[1])
        return replace(c, purchases=purchases, complaints=complaints, felt=felt, rate=rate)

    @property
    def _is_made(self) -> NDArray[np.bool_]:
        orders = self.course.purchases.orders
        return orders.day < self.left_day[orders.customer]


def _past(rng: Generator, campaign_rng: Generator, credit_rng: Generator, plan: Plan, chunk: int) -> _Past:
    course = course_if_all_stay(rng, credit_rng, plan, chunk)
    treatments, rate = run_campaigns(campaign_rng, course) if plan.company.with_campaigns else ((), course.rate)
    return _Past(course, treatments, leaving_days(course.threshold, rate))


def course_if_all_stay(rng: Generator, credit_rng: Generator, plan: Plan, chunk: int) -> Course:
    """How things go for the customers of a chunk if nobody leaves and nothing is done to keep them."""
    company, days = plan.company, plan.days
    calendar = working_time(company, plan.first_day, days + 2 * HORIZON_DAYS)
    people = draw_customers(rng, company, plan.numbers(chunk), calendar, days)
    if company.with_credit:
        people = with_credit_quality(credit_rng, company, people)
    purchases = draw_purchases(rng, company, people, days)
    complaints = draw_complaints(rng, company, people, purchases.orders)
    felt = mood(company, len(people), days // DAYS_PER_WEEK + 1, purchases.orders, complaints)
    rate = leaving_rate(company, people, felt)
    return Course(company, people, purchases, complaints, felt, rate, leaving_thresholds(rng, len(people)), days)


def _recorded(rng: Generator, credit_rng: Generator, plan: Plan, past: _Past) -> Tables:
    """What the company's systems hold."""
    company, days, first_day = plan.company, plan.days, plan.first_day
    people, felt, orders, complaints = past.course.customers, past.course.felt, past.orders, past.complaints
    satisfaction = 8.6 - 1.8 * felt.grudge - 0.9 * felt.late_weeks
    contacts = draw_contacts(rng, company, people, past.left_day, complaints, satisfaction, days)
    invoices = draw_invoices(rng, company, people, orders, complaints, days)
    invoices = with_longer_terms(company, invoices, past.treatments)
    invoices = invoices.where(invoices.issued_day >= company.lead_in_days)
    payments = draw_payments(rng, company, people, past.left_day, invoices)
    is_recorded, held = people.acquired_day < days, None
    tables: Tables = {}
    if company.with_credit:
        held = standings(company, people, orders, invoices, payments, first_day, days)
        tables["financials"] = records.financials_table(
            people, draw_accounts(credit_rng, company, people, first_day, days), first_day
        )
    return tables | {
        "customers": records.customers_table(people, first_day, is_recorded, held),
        "orders": records.orders_table(people, orders.where(orders.day >= company.lead_in_days), first_day, days),
        "invoices": records.invoices_table(people, invoices, first_day),
        "payments": records.payments_table(people, invoices, payments.where(payments.paid_day < days), first_day),
        "interactions": records.interactions_table(
            people, contacts.where(contacts.day >= company.lead_in_days), first_day, days
        ),
    }


def _true(plan: Plan, past: _Past) -> Tables:
    """What only the simulation knows, and the table of campaigns that goes with it row by row."""
    people, first_day = past.course.customers, plan.first_day
    happened = past.happened
    silences = [(day, _silence(past, happened, (day - first_day).days)) for day in plan.cut_offs]
    tables = {
        TRUTH_CUSTOMERS: truth_records.truth_customers_table(plan.company, people, past.left_day, first_day, plan.days),
        TRUTH_SILENCE: truth_records.truth_silence_table(people, silences),
    }
    if plan.company.with_campaigns:
        recorded = records.treatments_table(people, past.treatments, first_day)
        tables |= {"treatments": recorded, TRUTH_EFFECTS: truth_records.truth_effects_table(past.treatments, recorded)}
    return tables


def _silence(past: _Past, happened: Course, day: int) -> Silence:
    """The true probabilities at one cut-off, with what campaigns before it did."""
    c = happened
    who = acquired_before(c.customers, day)
    ahead = outlook(c.company, c.customers, c.purchases, c.complaints, c.felt, day, who)
    before = [one for one in past.treatments if one.day < day]
    weeks = ahead.rate.shape[1]
    factor = factor_of(c.company, before, len(c.customers), ahead.first_week, weeks)[who] if before else None
    still_here = still_here_probability(c.customers, c.purchases, c.rate, who, day)
    return true_silence(c.customers, ahead, still_here, past.left_day, day, factor)
