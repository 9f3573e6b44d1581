"""Rows of the history of plans, for tests."""

from serving.store import Chosen


def chosen(
    plan_id: str, customer_id: str, as_of: str = "2026-03-31T00:00:00+00:00", **changes: object
) -> dict[str, object]:
    """Somebody whom a plan would have chosen, as `store_plan` takes it."""
    made_at = "2026-03-31T12:00:00+00:00"
    one = Chosen(plan_id, "spring", as_of, made_at, customer_id, "control", "call", None, 80.0, 0.76)
    return one._asdict() | changes
