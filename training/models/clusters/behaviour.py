"""From features to points: about a dozen traits of behaviour, made comparable, none counted twice.

Counts and money are taken by their logarithm, what is missing is filled, what is extreme is clipped, and each trait gets
mean 0 and standard deviation 1. Of two traits that are nearly copies the first is kept. The points are the principal
components that hold 95 % of the variance. All sums run over traits, not over customers, so that a customer's point is the
same to the last bit whether it is computed alone or among others.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import NotEnoughDataError
from features.text import Text

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

CLIPPED_SHARE = 0.005
COPIES_CORRELATION = 0.9
KEPT_VARIANCE = 0.95
LEAST_TRAITS = 2
LEAST_SPREAD = 1e-9
MOST_DEVIATIONS = 3.0
LEAST_DIFFERENT = 0.05
"""A trait in which fewer customers differ from all others makes no groups."""


@dataclass(frozen=True)
class Trait:
    """A feature that tells how customers differ: ``empty`` stands for a missing value (None: the median).

    ``high`` and ``low`` are the words for a group that has much or little of it.
    """

    column: str
    is_logarithmic: bool
    empty: float | None
    high: Text
    low: Text


TRAITS: tuple[Trait, ...] = (
    Trait("purchase_days_365d", True, 0, Text("frequent orders", "订单频繁"), Text("few orders", "订单稀少")),
    Trait("purchase_amount_mean", True, None, Text("large orders", "单笔金额大"), Text("small orders", "单笔金额小")),
    Trait("days_since_last_purchase", True, None, Text("long silent", "久未购买"), Text("bought lately", "近期有购买")),
    Trait(
        "days_since_first_purchase",
        True,
        None,
        Text("long relationship", "合作时间长"),
        Text("short relationship", "合作时间短"),
    ),
    Trait("gap_variation", True, None, Text("irregular orders", "订单不规律"), Text("regular orders", "订单规律")),
    Trait("spend_change_90d", False, 0, Text("rising spend", "消费上升"), Text("falling spend", "消费下降")),
    Trait("categories_365d", True, 0, Text("many categories", "购买品类多"), Text("few categories", "购买品类少")),
    Trait(
        "discounted_lines_share_365d",
        False,
        0,
        Text("buy at a discount", "偏好折扣"),
        Text("pay full price", "很少使用折扣"),
    ),
    Trait("returned_share_365d", True, 0, Text("many returns", "退货多"), Text("few returns", "退货少")),
    Trait("complaints_365d", True, 0, Text("many complaints", "投诉多"), Text("few complaints", "投诉少")),
    Trait("late_share_365d", False, None, Text("pay late", "付款拖延"), Text("pay on time", "付款准时")),
    Trait("contacts_365d", True, 0, Text("many contacts", "互动多"), Text("few contacts", "互动少")),
    Trait("contract_amount", True, 0, Text("large contracts", "合同金额大"), Text("small contracts", "合同金额小")),
)
"""The traits, the most telling first."""

BY_COLUMN: dict[str, Trait] = {trait.column: trait for trait in TRAITS}


@dataclass(frozen=True)
class Behaviour:
    """How features become points, fitted once. Tuples hold one entry a column.

    ``empty`` replaces missing values; ``low`` and ``high`` clip what is compared (after the logarithm); ``mean`` and
    ``scale`` standardise it; ``components`` has one tuple of weights for each dimension of the points.
    """

    columns: tuple[str, ...]
    empty: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    components: tuple[tuple[float, ...], ...]

    def traits(self, frame: pd.DataFrame) -> Floats:
        """Standardised traits, shape (rows, columns)."""
        parts = [
            (np.clip(_measured(frame, c, empty), low, high) - mean) / scale
            for c, empty, low, high, mean, scale in zip(
                self.columns, self.empty, self.low, self.high, self.mean, self.scale, strict=True
            )
        ]
        return np.stack(parts, axis=1)

    def points(self, traits: Floats) -> Floats:
        """Points of standardised traits, shape (rows, dimensions)."""
        parts = []
        for weights in self.components:
            total = np.zeros(len(traits))
            for place, weight in enumerate(weights):
                total += traits[:, place] * weight
            parts.append(total)
        return np.stack(parts, axis=1)


BEHAVING = ("purchase_days_365d", "contracts_running")
"""The features that tell who does anything."""


def has_behaviour(frame: pd.DataFrame) -> Flags:
    """Marks who has bought in the last year or has a contract; all, where neither is known.

    The others do nothing that could be compared: they would only make a group of the silent, which RFM names better.
    """
    marks = [frame[column].gt(0).to_numpy() for column in BEHAVING if column in frame]
    return np.logical_or.reduce(marks) if marks else np.ones(len(frame), dtype=bool)


def fit_behaviour(frame: pd.DataFrame) -> Behaviour:
    """What makes the customers of a frame comparable; traits that the frame lacks or that hardly differ are left out.

    Raises NotEnoughDataError: fewer than two traits are left.
    """
    columns: list[str] = []
    numbers: list[tuple[float, ...]] = []
    kept: list[Floats] = []
    for trait in TRAITS:
        if trait.column not in frame:
            continue
        fill = _filling(frame, trait)
        values = _measured(frame, trait.column, fill)
        low, high = _ends(values)
        clipped = np.clip(values, low, high)
        spread = float(clipped.std())
        if _hardly_differs(values) or not spread > LEAST_SPREAD:
            continue
        standard = (clipped - clipped.mean()) / spread
        if any(abs(float(np.mean(standard * other))) >= COPIES_CORRELATION for other in kept):
            continue
        kept.append(standard)
        columns.append(trait.column)
        numbers.append((fill, low, high, float(clipped.mean()), spread))
    if len(columns) < LEAST_TRAITS:
        raise NotEnoughDataError(
            Text(
                "Groups of behaviour need {least} features in which the {rows} customers differ; these have {count}."
                " Add orders, interactions or invoices.",
                "行为分群至少需要 {least} 个能区分 {rows} 位客户的特征；现有 {count} 个。请补充订单、互动或发票数据。",
            ),
            least=LEAST_TRAITS,
            rows=len(frame),
            count=len(columns),
        )
    components = _principal(np.stack(kept, axis=1))
    empty, lows, highs, means, scales = zip(*numbers, strict=True)
    return Behaviour(tuple(columns), empty, lows, highs, means, scales, _as_tuples(components))


def _principal(standard: Floats) -> Floats:
    """Directions that hold 95 % of the variance, shape (dimensions, columns); the largest weight of each is positive."""
    variances, directions = np.linalg.eigh(np.cov(standard, rowvar=False, bias=True))
    falling = np.maximum(variances[::-1], 0)
    count = 1 + int(np.searchsorted(np.cumsum(falling) / falling.sum(), KEPT_VARIANCE - 1e-12))
    chosen = directions[:, ::-1][:, : min(count, len(falling))].T
    largest = chosen[np.arange(len(chosen)), np.abs(chosen).argmax(axis=1)]
    return np.asarray(chosen * np.where(largest < 0, -1.0, 1.0)[:, None])


def _ends(values: Floats) -> tuple[float, float]:
    """Between what a trait is clipped: all but the extreme hundredth, and no farther than 3 deviations from the mean."""
    low, high = np.quantile(values, [CLIPPED_SHARE, 1 - CLIPPED_SHARE])
    inner = np.clip(values, low, high)
    reach = MOST_DEVIATIONS * inner.std()
    return float(max(low, inner.mean() - reach)), float(min(high, inner.mean() + reach))


def _hardly_differs(values: Floats) -> bool:
    _, counts = np.unique(values, return_counts=True)
    return bool(counts.max() > (1 - LEAST_DIFFERENT) * len(values))


def _filling(frame: pd.DataFrame, trait: Trait) -> float:
    if trait.empty is not None:
        return trait.empty
    median = frame[trait.column].median()
    return 0.0 if pd.isna(median) else float(median)


def _measured(frame: pd.DataFrame, column: str, empty: float) -> Floats:
    """A trait as it is compared, filled and in logarithms where it is a count or money."""
    values = pd.to_numeric(frame[column]).to_numpy(dtype=np.float64, na_value=np.nan)
    filled = np.where(np.isfinite(values), values, empty)
    return np.sign(filled) * np.log1p(np.abs(filled)) if BY_COLUMN[column].is_logarithmic else filled


def _as_tuples(rows: Floats | Sequence[Sequence[float]]) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(value) for value in row) for row in rows)
