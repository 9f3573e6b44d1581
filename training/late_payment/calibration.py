"""Curves and probabilities held against what came true at cut-offs that the model had not seen."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from training.late_payment.curves import PaymentCurves
from training.late_payment.grid import LATE_30_DAY, LATE_DAY, Floats, Outcomes
from training.models.calibration import Calibrator

Bools = NDArray[np.bool_]

SHARES = (0.1, 0.5, 0.9)
"""Of payments that shall come before the early end of the interval, the expected day and the late end."""

LEAST_PAYMENTS = 100
LEAST_OF_EACH_CLASS = 30
HALF_A_DAY = 0.5
"""A payment on a day is held against the curve at its noon."""
LEAST_PROBABILITY = 1e-6
FRESH_DAYS = 6


GROUPS = ("fresh", "open", "past_due", "look_alikes")
"""Invoices just written, others not yet due, those past due, and those of customers of whom no payment is known."""

Level = tuple[float, float, float]


def groups_of(rows: pd.DataFrame) -> NDArray[np.int64]:
    """The position in `GROUPS` of each row, shape (rows,)."""
    past_due, fresh = rows["past_due_days"] > 0, rows["age_days"] <= FRESH_DAYS
    standing = np.where(past_due, 2, np.where(fresh, 0, 1))
    return np.where(rows["settled_count"] > 0, standing, 3)


@dataclass(frozen=True)
class Levels:
    """Which shares of a curve stand for `SHARES` of payments, by group."""

    of: dict[str, Level]

    @classmethod
    def fit(cls, curves: PaymentCurves, outcomes: Outcomes, groups: NDArray[np.int64]) -> Self:
        """Where payments fell in their curves, open invoices counted as such (Kaplan and Meier 1958).

        A curve that is right makes the places of payments even between 0 and 1; if they are not, the shares at which
        it is read are moved until so many payments lie below each as should. Groups with too few payments have the
        shares of all; without payments enough in all they are what the curve says.
        """
        whole = _levels(curves, outcomes, np.ones(len(groups), dtype=np.bool_), SHARES)
        return cls({name: _levels(curves, outcomes, groups == n, whole) for n, name in enumerate(GROUPS)})

    def days(self, curves: PaymentCurves, groups: NDArray[np.int64]) -> tuple[Floats, Floats, Floats]:
        """Whole days of the early end, the expected payment and the late end, each (rows,); NaN: beyond the grid."""
        shares = np.array([self.of[name] for name in GROUPS])[groups]
        early, middle, late = (curves.days_until(column) - HALF_A_DAY for column in shares.T)
        whole = (np.ceil(early), np.round(middle), np.floor(late))  # a day counts by its middle, as in `fit`
        first, expected, last = (np.maximum(day, curves.entry) for day in whole)
        return np.minimum(first, expected), expected, np.maximum(last, expected)


def _levels(curves: PaymentCurves, outcomes: Outcomes, rows: Bools, otherwise: Level) -> Level:
    chosen, seen = curves.take(rows), outcomes.take(rows)
    paid = seen.observed
    if paid.sum() < LEAST_PAYMENTS:
        return otherwise
    place = 1 - chosen.unpaid(np.where(paid, seen.paid + HALF_A_DAY, seen.followed))
    levels, below = _kaplan_meier(place, paid)
    low, middle, high = (float(np.interp(share, below, levels)) for share in SHARES)
    return low, middle, high


def _kaplan_meier(place: Floats, observed: Bools) -> tuple[Floats, Floats]:
    """Places of payments, ascending, and the share of payments up to each."""
    order = np.lexsort((~observed, place))
    left = np.arange(len(place), 0, -1)
    stays = np.cumprod(1 - observed[order] / left)
    return np.concatenate([[0.0], place[order], [1.0]]), np.concatenate([[0.0], 1 - stays, [1.0]])


@dataclass(frozen=True)
class LateCalibrators:
    """Calibrators of the probability to be paid late, and more than 30 days late, by group; None: as the curve says."""

    late: dict[str, Calibrator | None]
    late_30: dict[str, Calibrator | None]

    @classmethod
    def fit(
        cls, curves: PaymentCurves, outcomes: Outcomes, rows: pd.DataFrame, groups: NDArray[np.int64], seed: int
    ) -> Self:
        """Fit on rows that were not late (not 30 days late) when looked at, and of which it is known by now."""
        customers = rows["customer_id"].to_numpy(dtype=object).astype(str)
        late, late_30 = (
            _calibrators(curves, outcomes, customers, groups, day, seed) for day in (LATE_DAY, LATE_30_DAY)
        )
        return cls(late, late_30)

    def probabilities(self, curves: PaymentCurves, groups: NDArray[np.int64]) -> tuple[Floats, Floats]:
        """Of being paid late, and more than 30 days late, each (rows,); 1 where it is already."""
        late = _calibrated(curves, groups, LATE_DAY, self.late)
        return late, np.minimum(late, _calibrated(curves, groups, LATE_30_DAY, self.late_30))

    def as_json(self) -> dict[str, Any]:
        """What `from_json` reads."""
        parts = {"late": self.late, "late_30": self.late_30}
        return {day: {name: own and own.to_document() for name, own in part.items()} for day, part in parts.items()}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Read what `as_json` gave."""
        late, late_30 = (
            {name: own and Calibrator.from_document(own) for name, own in document[day].items()}
            for day in ("late", "late_30")
        )
        return cls(late, late_30)


def _calibrators(
    curves: PaymentCurves,
    outcomes: Outcomes,
    customers: NDArray[np.str_],
    groups: NDArray[np.int64],
    day: float,
    seed: int,
) -> dict[str, Calibrator | None]:
    is_late, known = outcomes.later_than(day)
    log_odds = _log_odds(curves.unpaid(day))

    def fitted(rows: Bools, otherwise: Calibrator | None) -> Calibrator | None:
        late = is_late[rows]
        if min(late.sum(), len(late) - late.sum()) < LEAST_OF_EACH_CLASS:
            return otherwise
        return Calibrator.fit(log_odds[rows], late, seed, customers[rows])

    whole = fitted(known, None)
    return {name: fitted(known & (groups == n), whole) for n, name in enumerate(GROUPS)}


def _calibrated(
    curves: PaymentCurves, groups: NDArray[np.int64], day: float, calibrators: Mapping[str, Calibrator | None]
) -> Floats:
    said = curves.unpaid(day)
    log_odds = _log_odds(said)
    for number, name in enumerate(GROUPS):
        own, rows = calibrators[name], groups == number
        if own is not None and rows.any():
            said[rows] = own.probability(log_odds[rows])
    return np.where(curves.entry >= day, 1.0, said)


def _log_odds(probability: Floats) -> Floats:
    held = np.clip(probability, LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
    return np.asarray(np.log(held) - np.log1p(-held))
