"""A company whose facts lie thickly: ties, gaps, repetitions and late news, of every kind that features read."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.features.builders import Row
from tests.features.random_companies import Company, companies

START = datetime(2022, 11, 1)
DAYS = 1_000
KINDS = ("complaint", "投诉", "inquiry", "询价", "visit", "Survey", "call")
REGULARS = tuple(f"r{n}" for n in range(14))
ONE_TIME = tuple(f"o{n}" for n in range(4))


def thick_facts() -> Company:
    """Random companies side by side, customers with a long history, customers with one purchase, repeated rows."""
    rows: Company = {name: [] for name in _HISTORIES}
    for number, company in enumerate(_random_companies()):
        for table, drawn in company.items():
            rows[table] += [_renamed(row, number) for row in drawn]
    random = Random(5)
    for customer in REGULARS:
        for table, history in _HISTORIES.items():
            rows[table] += history(random, customer)
    rows["orders"] += [_order(random, customer) for customer in ONE_TIME]
    for table in ("orders", "interactions", "payments"):
        rows[table] += random.sample(rows[table], 5)
    return rows


def _random_companies() -> list[Company]:
    drawn: list[Company] = []

    @seed(3)
    @settings(max_examples=5, phases=[Phase.generate], database=None, suppress_health_check=list(HealthCheck))
    @given(companies)
    def draw(company: Company) -> None:
        drawn.append(company)

    draw()
    return drawn


def _renamed(row: Row, number: int) -> Row:
    return {k: f"{number}-{v}" if v and k in ("customer_id", "invoice_id") else v for k, v in row.items()}


def _moment(random: Random, first: int = 0, last: int = DAYS) -> datetime:
    """On one of few hours of the day, so that many coincide, near midnight in some time zone."""
    return START + timedelta(days=random.randint(first, last), hours=random.choice((0, 4, 5, 12, 16, 17, 23)))


def _perhaps(random: Random, value: Any, share: float = 0.7) -> Any:
    return value if random.random() < share else None


def _later(random: Random, moment: datetime, most_days: int = 60) -> datetime:
    return moment + timedelta(days=random.randint(0, most_days), minutes=random.choice((0, 1, 59)))


def _order(random: Random, customer: str) -> Row:
    at = _moment(random)
    return {
        "customer_id": customer,
        "ordered_at": at,
        "amount": random.choice((-19.99, 0.0, 0.1, 10.07, 10.07, 333.33, random.randint(1, 99_999) / 100)),
        "margin": _perhaps(random, random.randint(-500, 3_000) / 100),
        "category": _perhaps(random, random.choice(("steel", "tools", "钢材")), 0.9),
        "product_id": random.choice("pqrstu"),
        "channel": random.choice(("web", "shop", None)),
        "quantity": _perhaps(random, random.randint(1, 9)),
        "discount": _perhaps(random, random.choice((0.0, 0.5, 3.33))),
        "promised_at": _perhaps(random, promised := _later(random, at, 20)),
        "delivered_at": _perhaps(random, _later(random, promised, 9) - timedelta(days=4)),
        "known_at": _perhaps(random, _later(random, at), 0.2),
    }


def _orders(random: Random, customer: str) -> Iterator[Row]:
    return (_order(random, customer) for _ in range(random.randint(2, 30)))


def _invoices(random: Random, customer: str) -> Iterator[Row]:
    for number in range(random.randint(1, 14)):
        at = _moment(random, 200)
        due = _later(random, at)
        yield {
            "invoice_id": f"{customer}-{number}",
            "customer_id": customer,
            "issued_at": at,
            "due_at": due,
            "amount": random.choice((100.0, 0.0, -5.0, random.randint(1, 90_000) / 100)),
            "disputed": random.choice((None, True, False)),
            "settled_at": _perhaps(random, _later(random, due) - timedelta(days=20), 0.5),
            "known_at": _perhaps(random, _later(random, at, 9), 0.2),
        }


def _payments(random: Random, customer: str) -> Iterator[Row]:
    for _ in range(random.randint(1, 20)):
        at = _moment(random, 220)
        yield {
            "customer_id": customer,
            "paid_at": at,
            "amount": random.choice((100.0, 50.0, 33.33, 800.0)),
            "invoice_id": _perhaps(random, f"{customer}-{random.randint(0, 15)}", 0.9),
            "known_at": _perhaps(random, _later(random, at, 9), 0.3),
        }


def _interactions(random: Random, customer: str) -> Iterator[Row]:
    for _ in range(random.randint(0, 16)):
        at = _moment(random, 500)
        yield {
            "customer_id": customer,
            "at": at,
            "kind": random.choice(KINDS),
            "score": _perhaps(random, random.randint(0, 10)),
            "severity": _perhaps(random, random.randint(1, 5)),
            "closed_at": _perhaps(random, _later(random, at)),
            "known_at": _perhaps(random, _later(random, at, 9), 0.2),
        }


def _customers(random: Random, customer: str) -> Iterator[Row]:
    acquired, start = _perhaps(random, _moment(random, 0, 300)), _perhaps(random, _moment(random, 0, 400))
    group = {"industry": random.choice(("trade", "build", None)), "size": random.choice("SL")}
    for number in range(random.randint(1, 4)):
        end = _later(random, start or START, 300)
        is_last = random.random() < 0.3
        yield {
            "customer_id": customer,
            "acquired_at": acquired,
            "credit_limit": random.choice((None, 1_000.0, 2_500.0, 5_000.0)),
            "tier": random.choice("ABC"),
            "valid_from": start,
            "valid_to": None if is_last else end,
            "known_at": _perhaps(random, START + timedelta(days=number), 0.2),
            **group,
        }
        if is_last:
            return
        start = end


def _subscriptions(random: Random, customer: str) -> Iterator[Row]:
    for _ in range(random.randint(0, 4)):
        at = _moment(random)
        yield {
            "customer_id": customer,
            "started_at": at,
            "ended_at": _perhaps(random, _later(random, at, 500), 0.5),
            "plan": random.choice(("basic", "plus", None)),
            "amount": random.choice((9.99, 20.0, None)),
        }


def _treatments(random: Random, customer: str) -> Iterator[Row]:
    for _ in range(random.randint(0, 5)):
        arm = random.choice(("treated", "control", "对照"))
        yield {
            "customer_id": customer,
            "at": _moment(random, 600),
            "action": random.choice(("call", "gift")),
            "arm": arm,
        }


def _financials(random: Random, customer: str) -> Iterator[Row]:
    numbers = (
        *("current_assets", "current_liabilities", "total_debt", "tangible_net_worth", "revenue", "net_income"),
        *("cost_of_sales", "receivables", "total_assets"),
    )
    for _ in range(random.randint(0, 3)):
        values = {name: random.choice((None, 0.0, -3.5, 100.0, random.randint(1, 999) / 7)) for name in numbers}
        yield {"customer_id": customer, "as_of": _moment(random), "inventory": _perhaps(random, 12.5), **values}


_HISTORIES = {
    "orders": _orders,
    "invoices": _invoices,
    "payments": _payments,
    "interactions": _interactions,
    "customers": _customers,
    "subscriptions": _subscriptions,
    "treatments": _treatments,
    "financials": _financials,
}
