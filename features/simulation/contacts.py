"""Complaints that follow from deliveries, and the visits, calls, inquiries, requests and surveys around them."""

from dataclasses import dataclass, fields

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from features.simulation.company import Company
from features.simulation.customers import Customers
from features.simulation.purchases import Orders
from features.simulation.rhythm import Floats, Ints


@dataclass(frozen=True)
class Complaints:
    """Complaints of one chunk. ``order`` is the position of the first line of the order complained about."""

    order: Ints
    customer: Ints
    opened_day: Floats
    closed_day: Floats
    severity: Ints

    def where(self, kept: NDArray[np.bool_]) -> "Complaints":
        """The chosen ones, in order."""
        return Complaints(*(getattr(self, field.name)[kept] for field in fields(self)))


def draw_complaints(rng: Generator, company: Company, customers: Customers, orders: Orders) -> Complaints:
    """Complaints about deliveries: now and then about any, often about late ones."""
    late = np.nan_to_num(orders.days_late)
    share = np.where(late > 2, company.complaint_share_when_late, company.complaint_share)
    share = np.where(np.isnan(orders.delivered_day) | (orders.line > 0), 0.0, share)
    order = np.flatnonzero(rng.random(len(orders)) < share)
    customer = orders.customer[order]
    workday = customers.time.shared.workday
    opened = workday(orders.delivered_day[order] + rng.integers(1, 6, len(order)))
    usual = company.complaint_close_median_days * customers.complaint_close_factor[customer]
    open_days = np.ceil(usual * np.exp(rng.normal(0, company.complaint_close_log_spread, len(order))))
    severity = np.clip(1 + rng.poisson(0.6 + 0.15 * late[order]), 1, 5)
    return Complaints(order, customer, opened, workday(opened + open_days), severity)


@dataclass(frozen=True)
class Contacts:
    """All contacts of one chunk; ``nan`` where a kind has no score, severity or end."""

    customer: Ints
    day: Floats
    kind: NDArray[np.object_]
    score: Floats
    severity: Floats
    closed_day: Floats

    def where(self, kept: NDArray[np.bool_] | Ints) -> "Contacts":
        """The chosen ones, in order."""
        return Contacts(*(getattr(self, field.name)[kept] for field in fields(self)))


def draw_contacts(
    rng: Generator,
    company: Company,
    customers: Customers,
    left_day: Floats,
    complaints: Complaints,
    satisfaction: Floats,
    days: int,
) -> Contacts:
    """Every contact until ``days``, by customer and day.

    Parameters: ``left_day`` of each customer; ``complaints`` that were really made; ``satisfaction`` in points, by
    customer and week, from which survey scores follow.
    """
    known_until = left_day + company.contact_after_leaving_days
    parts = [
        _of_complaints(complaints),
        _now_and_then(rng, customers, "visit", company.visits_per_year, known_until, days),
        _now_and_then(rng, customers, "call", company.calls_per_year, known_until, days),
        _now_and_then(rng, customers, "inquiry", company.inquiries_per_year, left_day, days),
        _now_and_then(rng, customers, "request", company.requests_per_year, left_day, days),
        _surveys(rng, company, customers, left_day, satisfaction, days),
    ]
    everything = Contacts(*(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Contacts)))
    everything = everything.where(everything.day < days)
    return everything.where(np.lexsort((everything.day, everything.customer)))


def _of_complaints(complaints: Complaints) -> Contacts:
    plain = _plain(complaints.customer, complaints.opened_day, "complaint")
    return Contacts(
        plain.customer, plain.day, plain.kind, plain.score, complaints.severity.astype(float), complaints.closed_day
    )


def _plain(customer: Ints, day: Floats, kind: str) -> Contacts:
    nothing = np.full(len(customer), np.nan)
    return Contacts(customer, day, np.full(len(customer), kind, dtype=object), nothing, nothing, nothing)


def _now_and_then(
    rng: Generator, customers: Customers, kind: str, per_year: float, until: Floats, days: int
) -> Contacts:
    """Contacts at random working times from the beginning of the relationship to ``until``."""
    calendar = customers.time.shared
    begin = calendar.at(np.maximum(customers.acquired_day, 0))
    span = np.maximum(calendar.at(np.minimum(until, days)) - begin, 0)
    customer = np.repeat(customers.every, rng.poisson(per_year / 365 * span))
    passed = begin[customer] + rng.random(len(customer)) * span[customer]
    return _plain(customer, calendar.day(passed), kind)


def _surveys(
    rng: Generator, company: Company, customers: Customers, left_day: Floats, satisfaction: Floats, days: int
) -> Contacts:
    """Answers to a survey that each customer gets in its own turn; scores from 0 to 10."""
    rounds = days // company.survey_every_days + 1
    turn = rng.integers(0, company.survey_every_days, len(customers))
    day = (turn[:, None] + np.arange(rounds)[None, :] * company.survey_every_days).ravel().astype(float)
    customer = np.repeat(customers.every, rounds)
    taste = rng.normal(0, 0.8, len(customers))
    answered = rng.random(len(day)) < company.survey_answer_share
    answered &= (day >= customers.acquired_day[customer]) & (day < np.minimum(left_day[customer], days))
    customer, day = customer[answered], day[answered]
    felt = satisfaction[customer, (day / 7).astype(np.int64) - (day >= 7)]
    score = np.clip(np.rint(felt + taste[customer] + rng.normal(0, 0.9, len(day))), 0, 10)
    plain = _plain(customer, day, "survey")
    return Contacts(customer, day, plain.kind, score, plain.severity, plain.closed_day)
