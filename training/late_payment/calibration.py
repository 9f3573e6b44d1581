"""Curves and probabilities held against what came true at cut-offs that the model had not seen."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
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


@dataclass(frozen=True)
class Levels:
    """Which shares of a curve stand for `SHARES` of payments, for customers with a history and for those without."""

    known: tuple[float, float, float]
    unknown: tuple[float, float, float]

    @classmethod
    def fit(cls, curves: PaymentCurves, outcomes: Outcomes, is_known: Bools) -> Self:
        """Where payments fell in their curves, open invoices counted as such (Kaplan and Meier 1958).

        A curve that is right makes the places of payments even between 0 and 1; if they are not, the shares at which
        it is read are moved until so many payments lie below each as should. Too few payments: as the curve says.
        """
        known = _levels(curves, outcomes, is_known, SHARES)
        return cls(known, _levels(curves, outcomes, ~is_known, known))

    def days(self, curves: PaymentCurves, is_known: Bools) -> tuple[Floats, Floats, Floats]:
        """Whole days of the early end, the expected payment and the late end, each (rows,); NaN: beyond the grid."""
        early, middle, late = (
            np.maximum(np.round(curves.days_until(np.where(is_known, known, unknown)) - HALF_A_DAY), curves.entry)
            for known, unknown in zip(self.known, self.unknown, strict=True)
        )
        return early, middle, late


def _levels(
    curves: PaymentCurves, outcomes: Outcomes, rows: Bools, otherwise: tuple[float, float, float]
) -> tuple[float, float, float]:
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
    """Calibrators of the probability to be paid late, and more than 30 days late; None: as the curve says."""

    late: Calibrator | None
    late_30: Calibrator | None

    @classmethod
    def fit(cls, curves: PaymentCurves, outcomes: Outcomes, rows: pd.DataFrame, seed: int) -> Self:
        """Fit on rows that were not late (not 30 days late) when looked at, and of which it is known by now."""
        late, late_30 = (_calibrator(curves, outcomes, rows, day, seed) for day in (LATE_DAY, LATE_30_DAY))
        return cls(late, late_30)

    def probabilities(self, curves: PaymentCurves) -> tuple[Floats, Floats]:
        """Of being paid late, and more than 30 days late, each (rows,); 1 where it is already."""
        late = _calibrated(curves, LATE_DAY, self.late)
        return late, np.minimum(late, _calibrated(curves, LATE_30_DAY, self.late_30))

    def as_json(self) -> dict[str, Any]:
        """What `from_json` reads."""
        return {name: own and own.to_document() for name, own in (("late", self.late), ("late_30", self.late_30))}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Read what `as_json` gave."""
        late, late_30 = (own and Calibrator.from_document(own) for own in (document["late"], document["late_30"]))
        return cls(late, late_30)


def _calibrator(
    curves: PaymentCurves, outcomes: Outcomes, rows: pd.DataFrame, day: float, seed: int
) -> Calibrator | None:
    is_late, known = outcomes.later_than(day)
    is_late = is_late[known]
    if min(is_late.sum(), len(is_late) - is_late.sum()) < LEAST_OF_EACH_CLASS:
        return None
    log_odds = _log_odds(curves.take(known).unpaid(day))
    return Calibrator.fit(log_odds, is_late, seed, rows["customer_id"].to_numpy(dtype=object).astype(str)[known])


def _calibrated(curves: PaymentCurves, day: float, calibrator: Calibrator | None) -> Floats:
    raw = curves.unpaid(day)
    said = calibrator.probability(_log_odds(raw)) if calibrator else raw
    return np.where(curves.entry >= day, 1.0, said)


def _log_odds(probability: Floats) -> Floats:
    held = np.clip(probability, LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
    return np.asarray(np.log(held) - np.log1p(-held))


def levels_json(levels: Levels) -> dict[str, Any]:
    """What `levels_of` reads."""
    return asdict(levels)


def levels_of(document: Mapping[str, Any]) -> Levels:
    """Read what `levels_json` gave."""
    known, unknown = (tuple(map(float, document[name])) for name in ("known", "unknown"))
    return Levels((known[0], known[1], known[2]), (unknown[0], unknown[1], unknown[2]))
