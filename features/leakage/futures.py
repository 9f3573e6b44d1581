"""Other futures of the same company: what had not happened, or was not known, at a cut-off turns out otherwise.

Each future is a SELECT over the facts of one table as they are (``base.NAME``). What was known at the cut-off stays as
it is; a sound feature therefore stays the same in every future, bit for bit.
"""

from collections.abc import Callable, Collection, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from features.contracts import KNOWN_AT, Table
from features.readers import day_name, quoted

BEGINS: dict[str, tuple[str, ...]] = {"customers": ("valid_from",)}
"""Times, beside ``occurred_at`` and ``known_at``, before which a row does not hold yet."""

AGREED: dict[str, tuple[str, ...]] = {
    "orders": ("promised_at",),
    "invoices": ("due_at",),
    "supplies": ("promised_at",),
}
"""Times that lie in the future and are known from the day of the fact."""

DISPUTED = "disputed"
"""A flag without a clock of its own: it counts once the invoice is settled."""

SHIFT_DAYS = 37
"""How far the future moves: no whole number of weeks, and another day of the month."""


@dataclass(frozen=True)
class Shape:
    """A table's columns, and its time columns by what they say."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    begins: tuple[str, ...]
    later: tuple[str, ...]
    agreed: tuple[str, ...]
    has_disputes: bool = False
    has_customers: bool = True

    @property
    def pieces(self) -> tuple[str, ...]:
        """What can be altered of the table: its clocks, and the flag that has none."""
        return (*self.begins, *self.later, *((DISPUTED,) if self.has_disputes else ()))


def shape_of(table: Table, columns: Sequence[str], mapped: Set[str]) -> Shape:
    """The shape of a table that has these ``columns``, of which the project maps ``mapped``."""
    given = {c for c in columns if c in mapped or c == KNOWN_AT.name}

    def those(*names: str | None) -> tuple[str, ...]:
        return tuple(n for n in dict.fromkeys(names) if n is not None and n in given)

    return Shape(
        name=table.name,
        columns=tuple(columns),
        key=table.key,
        begins=those(table.occurred_at, *BEGINS.get(table.name, ()), KNOWN_AT.name),
        later=those(*table.learnt_later),
        agreed=those(*AGREED.get(table.name, ())),
        has_disputes=bool(those(DISPUTED)) and table.name == "invoices",
        has_customers="customer_id" in columns,
    )


@dataclass(frozen=True)
class Cutoff:
    """A cut-off as SQL, with the tables around it."""

    at: str
    day: str
    payments: Shape | None

    @classmethod
    def of(cls, instant: datetime, timezone: ZoneInfo, payments: Shape | None) -> "Cutoff":
        """The cut-off on the facts' own clock (UTC) and its day on the project's calendar."""
        utc = instant.astimezone(UTC).replace(tzinfo=None)
        return cls(f"TIMESTAMP '{utc.isoformat(' ')}'", f"DATE '{instant.astimezone(timezone).date()}'", payments)

    def is_known(self, shape: Shape, begins: Collection[str] | None = None) -> str:
        """SQL: whether a row had happened and was known; a time that is not given does not hinder."""
        clocks = shape.begins if begins is None else [c for c in shape.begins if c in begins]
        return " AND ".join(f"coalesce({quoted(c)} < {self.at}, TRUE)" for c in clocks) or "TRUE"

    def is_settled(self, shape: Shape) -> str:
        """SQL: whether an invoice was known to be settled, or a payment on it was known."""
        known = [f"settled_at < {self.at}"] if "settled_at" in shape.later else []
        if self.payments is not None and "invoice_id" in self.payments.columns:
            paid = f"SELECT invoice_id FROM base.payments WHERE {self.is_known(self.payments)}"
            known.append(f"invoice_id IN ({paid} AND invoice_id IS NOT NULL)")
        return f"coalesce({' OR '.join(known) or 'FALSE'}, FALSE)"

    def is_hidden(self, column: str) -> str:
        """SQL: whether what is learnt later was not known yet."""
        return f"({quoted(column)} IS NULL OR {quoted(column)} >= {self.at})"


Future = Callable[[Shape, Cutoff, Collection[str]], str]
"""Gives the SELECT of a table in which the given pieces have turned out otherwise."""


def truncation(shape: Shape, cutoff: Cutoff, pieces: Collection[str]) -> str:
    """Facts that had not happened or were not known are gone, and what was learnt later of the others is empty."""
    hidden = {
        x: f"CASE WHEN {quoted(c)} < {cutoff.at} THEN {quoted(x)} END"
        for c, x in _with_days(shape, shape.later, pieces)
    }
    if DISPUTED in pieces and shape.has_disputes:
        hidden[DISPUTED] = f"CASE WHEN {cutoff.is_settled(shape)} THEN {DISPUTED} END"
    return _select(shape, hidden, f"WHERE {cutoff.is_known(shape, pieces)}")


def shift(shape: Shape, cutoff: Cutoff, pieces: Collection[str]) -> str:
    """Every time of the future lies some days later; what was agreed of unknown facts moves with them."""
    moved = {
        x: f"CASE WHEN {quoted(c)} >= {cutoff.at} THEN {_plus(x, x != c)} ELSE {quoted(x)} END"
        for c, x in _with_days(shape, (*shape.begins, *shape.later), pieces)
    }
    moved |= {
        x: f"CASE WHEN NOT ({cutoff.is_known(shape, pieces)}) THEN {_plus(x, x != c)} ELSE {quoted(x)} END"
        for c, x in _with_days(shape, shape.agreed, shape.agreed)
    }
    return _select(shape, moved)


def _plus(column: str, is_day: bool) -> str:
    return f"{quoted(column)} + {SHIFT_DAYS}" if is_day else f"{quoted(column)} + INTERVAL {SHIFT_DAYS} DAY"


def onto_the_edge(shape: Shape, cutoff: Cutoff, pieces: Collection[str]) -> str:
    """Everything of the future falls on the very cut-off: what is open is settled then, what is to come happens then."""
    begins = {
        x: f"CASE WHEN {quoted(c)} >= {cutoff.at} THEN {cutoff.at if x == c else cutoff.day} ELSE {quoted(x)} END"
        for c, x in _with_days(shape, shape.begins, pieces)
    }
    later = {
        x: f"CASE WHEN {cutoff.is_hidden(c)} THEN {cutoff.at if x == c else cutoff.day} ELSE {quoted(x)} END"
        for c, x in _with_days(shape, shape.later, pieces)
    }
    return _select(shape, begins | later)


def shuffle(shape: Shape, cutoff: Cutoff, pieces: Collection[str]) -> str:
    """Facts that are not known change their customers and their values among each other.

    Customers and the other values are drawn apart, and so is what is learnt later of facts that are known. Lots are
    drawn by what the rows hold, not by where they lie, so that each run draws the same.
    """
    groups = _groups(shape, cutoff, pieces)
    flags = "".join(f", {condition} AS g{n}" for n, (_, condition) in enumerate(groups))
    draws = [
        f"d{n} AS (SELECT position, row_number() OVER (ORDER BY content) AS place,"
        f" row_number() OVER (ORDER BY hash(content, {n})) AS draw, {', '.join(map(quoted, columns))}"
        f" FROM numbered WHERE g{n})"
        for n, (columns, _) in enumerate(groups)
    ]
    joins = [
        f"LEFT JOIN (SELECT own.position AS at_{n}, other.* FROM d{n} own JOIN d{n} other ON own.place = other.draw) o{n}"
        f" ON numbered.position = o{n}.at_{n}"
        for n in range(len(groups))
    ]
    drawn = {
        c: f"CASE WHEN g{n} THEN o{n}.{quoted(c)} ELSE numbered.{quoted(c)} END"
        for n, (cs, _) in enumerate(groups)
        for c in cs
    }
    values = ", ".join(f"{drawn.get(c, f'numbered.{quoted(c)}')} AS {quoted(c)}" for c in shape.columns)
    numbered = (
        f"numbered AS (SELECT rowid AS position, hash(t) AS content, *{flags} FROM base.{quoted(shape.name)} AS t)"
    )
    return f"WITH {', '.join([numbered, *draws])} SELECT {values} FROM numbered {' '.join(joins)} ORDER BY numbered.position"


def _groups(shape: Shape, cutoff: Cutoff, pieces: Collection[str]) -> list[tuple[list[str], str]]:
    """The columns that are drawn together, and the rows among which."""
    known = cutoff.is_known(shape, pieces)
    groups = [(["customer_id"], f"NOT ({known})")] if shape.has_customers else []
    values = _values(shape)
    groups += [(values, f"NOT ({known})")] if values else []
    groups += [
        ([x for _, x in _with_days(shape, (c,), (c,))], f"({known}) AND {cutoff.is_hidden(c)}")
        for c in shape.later
        if c in pieces
    ]
    if shape.has_disputes and DISPUTED in pieces:
        groups.append(([DISPUTED], f"NOT (({known}) AND {cutoff.is_settled(shape)})"))
    return groups


def _values(shape: Shape) -> list[str]:
    """The columns that are neither time, key nor customer."""
    times = {x for _, x in _with_days(shape, (*shape.begins, *shape.later, *shape.agreed), None)}
    fixed = times | set(shape.key) | {"customer_id", DISPUTED if shape.has_disputes else ""}
    return [c for c in shape.columns if c not in fixed]


def _with_days(shape: Shape, clocks: Sequence[str], pieces: Collection[str] | None) -> list[tuple[str, str]]:
    """Each chosen clock with itself and with the column of its calendar day."""
    chosen = [c for c in clocks if pieces is None or c in pieces]
    return [(c, x) for c in chosen for x in (c, day_name(c)) if x in shape.columns]


def _select(shape: Shape, replaced: dict[str, str], where: str = "") -> str:
    values = ", ".join(f"{replaced.get(c, quoted(c))} AS {quoted(c)}" for c in shape.columns)
    return f"SELECT {values} FROM base.{quoted(shape.name)} {where}".rstrip()


FUTURES: dict[str, Future] = {"truncation": truncation, "shift": shift, "shuffle": shuffle, "edge": onto_the_edge}
"""The futures by the id of their check."""
