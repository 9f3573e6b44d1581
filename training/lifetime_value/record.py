"""Who bought and earned us what on which day, as it was known at an instant, read from a company's facts into arrays."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from features.errors import FactsError, NotEnoughDataError
from features.sources import Facts
from features.text import Text
from training.models.purchases.gamma_gamma import Amounts
from training.models.purchases.history import PurchaseHistory
from training.models.purchases.purchase_days import RECENT_DAYS, Known, PurchaseDays
from training.models.purchases.spend_margin import Margins

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
Booleans = NDArray[np.bool_]

MOST_CUSTOMERS = 50_000
"""So many customers are learnt from, drawn by the hash of their ids; outlooks are given to all."""
BLOCK_ROWS = 200_000
SMALLEST_AMOUNT_SHARE = 1e-6
"""Who returned all it bought counts with this share of the mean amount, as amounts are above 0 in the spend model."""

# Money is added in ten-thousandths, whole numbers, so that the sum is the same in whichever order it is taken.
_BY_DAY = """
WITH lines AS (
  SELECT customer_id, ordered_day AS day, amount >= 0 AS bought, round(1E4 * amount) AS amount,
         round(1E4 * coalesce(margin, amount * $margin_share)) AS margin
  FROM orders WHERE ordered_at < $as_of AND known_at < $as_of
), by_day AS (
  SELECT customer_id, day, bool_or(bought) AS bought, sum(amount) AS amount, sum(margin) AS margin,
         coalesce(sum(amount) FILTER (bought), 0) AS gross
  FROM lines GROUP BY customer_id, day
)"""
_DAYS = f"""{_BY_DAY}, buyers AS (
  SELECT customer_id, row_number() OVER (ORDER BY customer_id) - 1 AS customer FROM (
    SELECT customer_id FROM (SELECT DISTINCT customer_id FROM by_day WHERE bought) AS all_buyers
    ORDER BY md5(customer_id) LIMIT {MOST_CUSTOMERS}
  ) AS drawn
)
SELECT customer, day - DATE '1970-01-01' AS day, bought, amount / 1E4 AS amount, margin / 1E4 AS margin, gross / 1E4 AS gross
FROM by_day JOIN buyers USING (customer_id) ORDER BY customer, day"""
_CUSTOMERS = f"""{_BY_DAY}
SELECT customer_id, count(*) FILTER (bought) AS purchase_days, min(day) FILTER (bought) - DATE '1970-01-01' AS first,
       max(day) FILTER (bought) - DATE '1970-01-01' AS last, sum(gross) / 1E4 AS gross, sum(amount) / 1E4 AS amount,
       sum(margin) / 1E4 AS margin, {{recent}}
FROM by_day GROUP BY customer_id HAVING bool_or(bought) ORDER BY customer_id"""


@dataclass(frozen=True)
class Earned:
    """What customers paid and earned us on the days that they bought, returns taken off, each of shape (customers,)."""

    amounts: Amounts
    margins: Margins

    @classmethod
    def of(cls, purchase_days: Floats, amount: Floats, margin: Floats, squares: Floats, least_amount: float) -> Self:
        """From numbers of purchase days, and sums of money in currency; means are held at ``least_amount`` or above."""
        amounts = Amounts.of(purchase_days, np.maximum(amount / purchase_days, least_amount))
        return cls(amounts, Margins.of(purchase_days, margin / purchase_days, squares))

    def take(self, rows: Indices) -> Self:
        """The customers at these positions."""
        a, m = self.amounts, self.margins
        return type(self)(
            Amounts(a.purchase_days[rows], a.mean_amount[rows]),
            Margins(m.purchase_days[rows], m.mean_margin[rows], m.squares[rows]),
        )


@dataclass(frozen=True)
class Record:
    """One row a customer and day, sorted by both, with a purchase or a return.

    ``customer`` is numbered from 0, ``day`` counts from 1970. ``amount`` and ``margin`` in currency are net of the day's
    returns, ``gross`` is without them. ``last_day`` is the last one of which anything is known.
    """

    customer: Indices
    day: Floats
    bought: Booleans
    amount: Floats
    margin: Floats
    gross: Floats
    last_day: float

    @property
    def days(self) -> PurchaseDays:
        """The days with a purchase, with the amount bought."""
        return PurchaseDays.of(self.customer[self.bought], self.day[self.bought], self.gross[self.bought])

    def earned(self, last_day: float) -> Earned:
        """What those who had bought by the end of a day had earned us by then, in the order of `PurchaseDays.known`.

        A return counts against the purchase day before it; one before the first purchase, against that.
        """
        seen = self.day <= last_day
        customer, bought = self.customer[seen], self.bought[seen]
        first = np.unique(customer[bought], return_index=True)[1]
        who, of_day = customer[bought], np.cumsum(bought) - 1
        buyers = who[first]
        place = np.minimum(np.searchsorted(buyers, customer), len(buyers) - 1)
        known = buyers[place] == customer
        place, of_day = place[known], np.maximum(of_day[known], first[place[known]])
        days = _summed(np.searchsorted(buyers, who), np.ones(len(who)), len(buyers))
        amount = _summed(place, self.amount[seen][known], len(buyers))
        margin = _summed(of_day, self.margin[seen][known], len(who))
        margins = Margins.of_days(np.searchsorted(buyers, who), margin, len(buyers))
        total = margins.mean_margin * days
        return Earned.of(days, amount, total, margins.squares, least_amount(amount, days))

    def came(self, after: float, until: float, force_per_day: float = 0.0) -> tuple[Floats, Floats]:
        """Revenue, and margin discounted to the first day, after one day and until the end of another, by customer."""
        rows = (self.day > after) & (self.day <= until)
        customers = int(self.customer.max(initial=-1)) + 1
        worth = np.exp(-force_per_day * (self.day[rows] - after))
        who, margin = self.customer[rows], self.margin[rows] * worth
        return _summed(who, self.amount[rows], customers), _summed(who, margin, customers)


def least_amount(amount: Floats, purchase_days: Floats) -> float:
    """The least mean amount in currency that a customer counts with, above 0."""
    mean = float(np.maximum(amount, 0).sum() / purchase_days.sum()) if len(amount) else 0.0
    return SMALLEST_AMOUNT_SHARE * (mean or 1.0)


def read_record(facts: Facts, as_of: datetime) -> Record:
    """The purchases and returns of customers who bought before ``as_of`` (aware), by facts that were known then.

    Raises FactsError: the project gives no orders, or they say nothing of money. NotEnoughDataError: nobody had bought.
    """
    _check_orders(facts)
    rows = facts.connection.execute(_DAYS, _bound(facts, as_of)).fetchnumpy()
    if not len(rows["customer"]):
        raise NotEnoughDataError(
            Text(
                "Nobody had bought before {as_of:%Y-%m-%d}, by what was known then; lifetime value needs purchases. "
                "Choose a later day, or give older orders.",
                "按当时已知的数据，{as_of:%Y-%m-%d} 之前没有任何人购买；客户终身价值需要购买记录。请选择更晚的日期，或提供更早的订单。",
            ),
            as_of=as_of,
        )
    day, amount, margin, gross = (
        np.asarray(rows[name], dtype=np.float64) for name in ("day", "amount", "margin", "gross")
    )
    customer, bought = np.asarray(rows["customer"], dtype=np.int64), np.asarray(rows["bought"], dtype=bool)
    return Record(customer, day, bought, amount, margin, gross, last_day_of(facts, as_of))


@dataclass(frozen=True)
class Block:
    """Customers who ever bought, by their ids, and what is known of each."""

    customer_id: NDArray[np.object_]
    known: Known
    amount: Floats
    margin: Floats

    def earned(self, least: float) -> Earned:
        """As `Record.earned` says it; means of amounts are held at ``least`` or above, and squares are left out."""
        days = self.known.history.repeat_purchases + 1
        return Earned.of(days, self.amount, self.margin, np.zeros(len(days)), least)


def read_blocks(facts: Facts, as_of: datetime, rows: int = BLOCK_ROWS) -> Iterator[Block]:
    """All customers who bought before ``as_of`` (aware), by their ids, in blocks of so many rows, each added up in SQL.

    Raises FactsError: the project gives no orders, or they say nothing of money.
    """
    _check_orders(facts)
    last_day = last_day_of(facts, as_of)
    day = date(1970, 1, 1) + timedelta(days=int(last_day))
    recent = ", ".join(
        f"count(*) FILTER (bought AND day > DATE '{day}' - {days}) AS recent_{days}" for days in RECENT_DAYS
    )
    found = facts.connection.sql(_CUSTOMERS.format(recent=recent), params=_bound(facts, as_of))
    for batch in found.to_arrow_reader(rows):
        yield _block(batch, last_day)


def last_day_of(facts: Facts, as_of: datetime) -> float:
    """The last day, in the project's calendar, of which facts before ``as_of`` tell; counted from 1970."""
    day = (as_of - timedelta(microseconds=1)).astimezone(facts.project.timezone).date()
    return float((day - date(1970, 1, 1)).days)


def _block(batch: pa.RecordBatch, last_day: float) -> Block:
    days, first, last, gross, amount, margin, *recent = (
        batch.column(name).to_numpy(zero_copy_only=False).astype(np.float64) for name in batch.schema.names[1:]
    )
    known = Known(
        np.arange(len(days)),
        PurchaseHistory.of(days - 1, last - first, last_day - first),
        gross / days,
        np.stack(recent, axis=1),
    )
    return Block(batch.column("customer_id").to_numpy(zero_copy_only=False), known, amount, margin)


def _summed(who: Indices, weights: Floats, size: int) -> Floats:
    return np.bincount(who, weights=weights, minlength=size).astype(np.float64)


def _bound(facts: Facts, as_of: datetime) -> dict[str, Any]:
    instant = as_of.astimezone(UTC).replace(tzinfo=None)
    return {"as_of": instant, "margin_share": facts.project.value.margin_share}


def _check_orders(facts: Facts) -> None:
    if "amount" not in facts.columns.get("orders", frozenset()):
        raise FactsError(
            Text(
                "Lifetime value is read from orders.amount, and the project does not give it. Add it to [tables.orders].",
                "客户终身价值需要 orders.amount，而项目未提供。请在 [tables.orders] 中添加。",
            )
        )
