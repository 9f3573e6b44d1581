"""What would have come of each customer with and without an action: the truth that no company can know."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from features.simulation.company import Company
from features.simulation.purchases import Orders, Purchases, place
from features.simulation.rhythm import Floats, Ints
from features.simulation.truth import HORIZON_DAYS


@dataclass(frozen=True)
class Potential:
    """Both outcomes of the 90 days from a campaign, one entry per customer in it.

    Silence (no order) is a true probability. Whether one leaves (1 or 0) and how much margin comes in is what happened or
    would have happened, with chance running the same in both; ``nan`` when the records end before the 90 days do.
    """

    silence_if_control: Floats
    silence_if_treated: Floats
    leaves_if_control: Floats
    leaves_if_treated: Floats
    margin_if_control: Floats
    margin_if_treated: Floats


class OrderBook:
    """All order lines of one chunk, as if nobody left, for sums over each customer's days and for vouchers."""

    def __init__(self, company: Company, purchases: Purchases) -> None:
        """Of these purchases, which lie by customer and day."""
        self._company = company
        self._purchases = purchases
        orders = purchases.orders
        self._places = place(orders.customer, orders.day)
        self._margin = _running(orders.margin)
        self._voucher = _running(np.round(np.maximum(orders.amount, 0) * company.voucher_share, 2))

    def margin(self, customer: Ints, begin: float, left_day: Floats, has_voucher: NDArray[np.bool_]) -> Floats:
        """Margin of the customers' lines in the 90 days from ``begin`` for those who leave on ``left_day``."""
        end = np.clip(left_day, begin, begin + HORIZON_DAYS)
        first = np.searchsorted(self._places, place(customer, np.full(len(customer), begin)))
        after = np.searchsorted(self._places, place(customer, end))
        margin: Floats = self._margin[after] - self._margin[first]
        found, line, line_after = self._voucher_orders(customer[has_voucher], begin, left_day[has_voucher])
        margin[np.flatnonzero(has_voucher)[found]] -= self._voucher[line_after] - self._voucher[line]
        rounded: Floats = np.round(margin, 2)
        return rounded

    def with_vouchers(self, used: list[tuple[Ints, float]], left_day: Floats) -> Orders:
        """All order lines with the vouchers of these customers and days taken off their next order."""
        o = self._purchases.orders
        steps = np.zeros(len(o) + 1, dtype=np.int64)
        for customer, begin in used:
            _, line, after = self._voucher_orders(customer, begin, left_day[customer])
            np.add.at(steps, line, 1)
            np.add.at(steps, after, -1)
        off = np.where(np.cumsum(steps)[:-1] > 0, np.diff(self._voucher), 0.0)
        return replace(
            o,
            amount=np.round(o.amount - off, 2),
            discount=np.round(o.discount + off, 2),
            margin=np.round(o.margin - off, 2),
        )

    def _voucher_orders(self, customer: Ints, begin: float, left_day: Floats) -> tuple[Ints, Ints, Ints]:
        """The next order of each while the voucher is valid: who has one, its first line, and the line after its last."""
        line = self._purchases.next_from(customer, np.full(len(customer), begin))
        end = np.minimum(left_day, begin + self._company.voucher_days)
        found = np.flatnonzero((line >= 0) & (self._purchases.orders.day[line] < end))
        line = line[found]
        return found, line, np.searchsorted(self._places, self._places[line], side="right")


def _running(values: Floats) -> Floats:
    """Sums of all values before each place, and of all."""
    return np.concatenate([[0.0], np.cumsum(values)])
