"""Instants as the facts' SQL and the project's calendar know them."""

from datetime import UTC, date, datetime, timedelta

from features.sources import Facts


def utc_literal(instant: datetime) -> str:
    """An aware instant as a SQL literal; the facts hold naive UTC."""
    return f"TIMESTAMP '{instant.astimezone(UTC).replace(tzinfo=None).isoformat(' ')}'"


def day_of(facts: Facts, instant: datetime) -> date:
    """The day of an instant on the project's calendar."""
    return instant.astimezone(facts.project.timezone).date()


def weekly(first: datetime, last: datetime) -> list[datetime]:
    """Every seventh day back from ``last``, none before ``first``; ascending."""
    return [last - timedelta(days=7 * week) for week in range((last - first).days // 7, -1, -1)]
