"""Orders drawn by how many days they lie back, as of 1 July 2025."""

from collections.abc import Mapping
from datetime import date, timedelta

AS_OF = "2025-07-01"


def day(age: int) -> str:
    """The day that lies ``age`` days back."""
    return (date.fromisoformat(AS_OF) - timedelta(days=age)).isoformat()


def orders_of(**customers: Mapping[int, float]) -> str:
    """A table of orders: customer → age in days → amount."""
    lines = [f"{name} | {day(age)} | {amount}" for name, orders in customers.items() for age, amount in orders.items()]
    return "\n".join(["customer_id | ordered_at | amount", *lines])
