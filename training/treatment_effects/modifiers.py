"""What an action's effect may hinge on: a few plain facts about the customer, on a common scale."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MOST_SPREADS = 3.0
"""No customer counts as further from the middle than so many standard deviations."""
MOST_LEVELS = 12
LEAST_SHARE = 0.02
"""An attribute counts when its texts are few, and a text when at least this share of the customers has it."""


def _log(values: Floats) -> Floats:
    return np.asarray(np.log1p(np.maximum(values, 0)))


def _recent(values: Floats) -> Floats:
    """One today, half in two months, nothing when it never happened."""
    return np.asarray(np.nan_to_num(np.exp2(-values / 60)))


def _days(values: Floats) -> Floats:
    return np.clip(values, -20, 60)


NUMBERS: Mapping[str, tuple[str, Callable[[Floats], Floats]]] = {
    "gap": ("gap_mean_days", _log),
    "complaint": ("days_since_last_complaint", _recent),
    "complaints": ("complaints_90d", _log),
    "late_deliveries": ("late_delivery_days_mean_180d", _log),
    "pays_later": ("days_late_change", _days),
    "pays_late": ("days_late_mean_90d", _days),
    "overdue": ("oldest_overdue_days", _log),
    "years": ("days_since_acquired", _log),
    "margin": ("margin_365d", _log),
    "discount": ("discount_share_365d", lambda values: np.clip(values, 0, 0.3)),
}
"""Modifier, the feature it comes from, and how: what research and practice say effects differ by (rhythm, grievance, trouble
with money, length and size of the relationship, price)."""

RISKS = ("risk_gone", "risk_leaving")


@dataclass(frozen=True)
class Modifiers:
    """The scale of each modifier, as learnt: numbers by their middle and spread, texts by the share that has them."""

    numbers: dict[str, tuple[float, float]]
    """Middle and standard deviation."""
    levels: dict[str, dict[str, float]]
    """Of each attribute the texts and their shares."""

    @classmethod
    def learn(cls, frame: pd.DataFrame, gone: Floats, leaves: Floats) -> Self:
        """From all rows: the snapshot's columns with any attributes, and both risks."""
        numbers = {}
        for name, values in _numbers(frame, gone, leaves).items():
            known = values[np.isfinite(values)]
            if len(known) and np.std(known) > 0:
                numbers[name] = (float(np.median(known)), float(np.std(known)))
        texts = [column for column in frame.columns if _is_text(frame[column]) and column not in NOT_ATTRIBUTES]
        shares = {column: frame[column].value_counts(normalize=True, dropna=False) for column in texts}
        levels = {
            column: {str(text): float(share) for text, share in found.items() if share >= LEAST_SHARE}
            for column, found in shares.items()
            if 2 <= len(found) <= MOST_LEVELS
        }
        return cls(numbers, levels)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns of `values`; the first is one for everybody."""
        texts = [f"{column} = {text}" for column, known in self.levels.items() for text in known]
        return ("all", *self.numbers, *texts)

    def values(self, frame: pd.DataFrame, gone: Floats, leaves: Floats) -> Floats:
        """One column per name, shape (rows, names); what is missing counts as usual."""
        found = _numbers(frame, gone, leaves)
        unknown = np.full(len(frame), np.nan)
        columns = [np.ones(len(frame))]
        for name, (middle, spread) in self.numbers.items():
            scaled = (found.get(name, unknown) - middle) / spread
            columns.append(np.nan_to_num(np.clip(scaled, -MOST_SPREADS, MOST_SPREADS)))
        for column, known in self.levels.items():
            said = frame[column].astype(str).to_numpy() if column in frame else None
            columns += [np.zeros(len(frame)) if said is None else (said == t) - share for t, share in known.items()]
        return np.column_stack(columns)

    def as_json(self) -> dict[str, Any]:
        """Plain lists, dicts and numbers."""
        return {"numbers": {name: list(pair) for name, pair in self.numbers.items()}, "levels": self.levels}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Read what `as_json` gave."""
        numbers = {name: (float(pair[0]), float(pair[1])) for name, pair in document["numbers"].items()}
        return cls(numbers, {name: dict(known) for name, known in document["levels"].items()})


NOT_ATTRIBUTES = ("customer_id", "as_of", "action", "name")


def _numbers(frame: pd.DataFrame, gone: Floats, leaves: Floats) -> dict[str, Floats]:
    found = {
        name: scale(frame[column].to_numpy(dtype=np.float64))
        for name, (column, scale) in NUMBERS.items()
        if column in frame
    }
    return found | {name: np.log(p / (1 - p)) for name, p in zip(RISKS, (gone, leaves), strict=True)}


def _is_text(column: "pd.Series[Any]") -> bool:
    return pd.api.types.is_string_dtype(column) or column.dtype == object
