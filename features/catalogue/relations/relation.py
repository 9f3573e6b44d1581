"""What a relation is: facts as they were known at a cut-off, shaped so that features are short to say."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["once", "rows", "customer"]


@dataclass(frozen=True)
class Relation:
    """A named SELECT over contract tables and the relations it ``uses``; it exists when ``table`` is given.

    ``once``: the same for all cut-offs, computed once. ``rows``: at one cut-off, with any number of rows a customer, for
    features that are aggregates. ``customer``: at one cut-off, with one row a customer, for features that are
    expressions. ``optional`` tables may be empty. ``is_projection``: reading it again costs no more than keeping it.
    ``sql_out_of_order`` stands in for ``sql`` where facts may become known in another order than they happened, and
    several cut-offs see them so.
    """

    name: str
    table: str
    kind: Kind
    sql: str
    uses: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    is_projection: bool = False
    sql_out_of_order: str | None = None


def flag(condition: str) -> str:
    """A condition as a number: 1, 0, or missing."""
    return f"CAST(CAST({condition} AS INTEGER) AS DOUBLE)"


def windows(*days: int, age: str = "age_days") -> str:
    """Columns ``in_90d`` …: 1 where the age is at most so many days, else 0."""
    return ", ".join(f"{flag(f'{age} <= {d}')} AS in_{d}d" for d in days)
