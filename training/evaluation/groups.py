"""The same metrics group by group: segments, tenure bands, attributes, cut-offs; and whether a model is fair to them.

Fairness is shown, not decided: that groups of different base rates cannot at once have equal calibration and equal
error rates is arithmetic (Chouldechova 2017), and which of them matters is the company's decision. A figure that rests
on too few customers is not given at all.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import ModelError, nearest
from features.leakage.report import day
from features.text import Text
from training.evaluation.bootstrap import Estimate, bootstrap
from training.evaluation.judged import Judged
from training.evaluation.weighted import TOP_SHARE, Measure, auc, brier, calibration_gap, log_loss, mean_of, share_of
from training.models.rfm import SEGMENTS

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Marks = NDArray[np.bool_]

LEAST_CUSTOMERS = 50
LEAST_OF_EACH_OUTCOME = 10
MOST_GROUPS = 20
"""Smaller groups beyond this many are shown together as the rest."""

TOO_FEW = Text("too few to say", "样本过少，无法判断")
UNKNOWN = Text("unknown", "未知")
REST = Text("all others", "其他")

TENURE_DAYS: tuple[int, ...] = (90, 365, 730, 1825)
TENURE_BANDS: tuple[Text, ...] = (
    Text("under 3 months", "不足 3 个月"),
    Text("3 to 12 months", "3 至 12 个月"),
    Text("1 to 2 years", "1 至 2 年"),
    Text("2 to 5 years", "2 至 5 年"),
    Text("5 years and more", "5 年及以上"),
)
NAMED: dict[str, Text] = {band.en: band for band in TENURE_BANDS} | {n: s.name for n, s in SEGMENTS.items()}
"""Values that have a title in both languages; all others are shown as they are."""


@dataclass(frozen=True)
class Part:
    """The rows of one group: outcomes, probabilities, and who is flagged as at high risk; each of shape (rows,)."""

    churned: Integers
    probability: Floats
    flagged: Marks


FIGURES: dict[str, Callable[[Part], Measure]] = {
    "churn_rate": lambda part: mean_of(part.churned.astype(np.float64)),
    "mean_probability": lambda part: mean_of(part.probability),
    "calibration_gap": lambda part: calibration_gap(part.churned, part.probability),
    "auc": lambda part: auc(part.churned, part.probability),
    "brier": lambda part: brier(part.churned, part.probability),
    "log_loss": lambda part: log_loss(part.churned, part.probability),
    "flagged_share": lambda part: mean_of(part.flagged.astype(np.float64)),
    "true_positive_rate": lambda part: share_of(part.flagged, part.churned == 1),
    "false_positive_rate": lambda part: share_of(part.flagged, part.churned == 0),
}
"""What is given of each group."""

NEEDS: dict[str, tuple[int, ...]] = {"auc": (0, 1), "true_positive_rate": (1,), "false_positive_rate": (0,)}
"""The outcomes of which a figure needs at least ``LEAST_OF_EACH_OUTCOME`` customers."""


@dataclass(frozen=True)
class Group:
    """One group. ``figures`` has no entry for what cannot be said of so few; ``title`` is for people."""

    title: Text
    rows: int
    customers: int
    churners: int
    figures: Mapping[str, Estimate]

    @property
    def enough(self) -> bool:
        """Whether there are enough customers to say anything."""
        return bool(self.figures)


def by_group(
    judged: Judged, column: str, seed: int, flagged: Marks | None = None, model: str | None = None
) -> list[Group]:
    """The figures of each value of a column, largest group first (cut-offs and bands: in their own order).

    ``flagged`` marks who is treated as being at high risk (default: the tenth with the highest probability).
    Raises ModelError: there is no such column.
    """
    if column not in judged.rows.columns:
        raise ModelError(
            Text(
                "There is no column '{column}' to group by. {nearest}",
                "没有可用于分组的列“{column}”。{nearest}",
            ),
            column=column,
            nearest=nearest(column, judged.attributes),
        )
    probability = judged.probabilities[model or judged.chosen]
    marks = highest(probability) if flagged is None else flagged
    return [
        _group(title, Part(judged.churned[rows], probability[rows], marks[rows]), judged.customers[rows], seed)
        for title, rows in _members(judged.rows[column])
    ]


def over_time(judged: Judged, seed: int, flagged: Marks | None = None, model: str | None = None) -> list[Group]:
    """The figures at each cut-off, earliest first."""
    return by_group(judged, "as_of", seed, flagged, model)


def tenure_bands(days: Floats) -> pd.Series:
    """How long customers have been with the company, as an ordered category; NaN days give no band."""
    bands = [band.en for band in TENURE_BANDS]
    named = pd.Series(bands)[np.searchsorted(TENURE_DAYS, days, side="right")].reset_index(drop=True)
    return named.where(np.isfinite(days)).astype(pd.CategoricalDtype(bands, ordered=True))


def highest(probability: Floats, share: float = TOP_SHARE) -> Marks:
    """Marks about that share of the rows with the highest probability; all or none of equal ones, none if all are equal."""
    border = np.quantile(probability, 1 - share, method="higher")
    return probability >= border if probability.min() < border else probability > border


def fairness_frame(groups: Sequence[Group]) -> pd.DataFrame:
    """Groups as a table: title_en, title_zh, rows, customers, churners, enough, each figure with its _low and _high."""
    return pd.DataFrame(
        [
            {
                "title_en": group.title.en,
                "title_zh": group.title.zh,
                "rows": group.rows,
                "customers": group.customers,
                "churners": group.churners,
                "enough": group.enough,
            }
            | {
                f"{name}{end}": getattr(group.figures[name], field) if name in group.figures else np.nan
                for name in FIGURES
                for end, field in (("", "value"), ("_low", "low"), ("_high", "high"))
            }
            for group in groups
        ]
    )


def _group(title: Text, part: Part, customers: Integers, seed: int) -> Group:
    left = part.churned == 1
    of_outcome = {outcome: len(np.unique(customers[left == bool(outcome)])) for outcome in (0, 1)}
    everybody = len(np.unique(customers))
    sayable = {
        name: make(part)
        for name, make in FIGURES.items()
        if everybody >= LEAST_CUSTOMERS and all(of_outcome[o] >= LEAST_OF_EACH_OUTCOME for o in NEEDS.get(name, ()))
    }
    return Group(title, len(customers), everybody, int(left.sum()), bootstrap(customers, sayable, seed))


def _members(values: pd.Series) -> list[tuple[Text, Integers]]:
    """The rows of each value, with the value's title; unknown ones last."""
    ordered = isinstance(values.dtype, pd.CategoricalDtype) or pd.api.types.is_datetime64_any_dtype(values)
    codes, distinct = pd.factorize(values, sort=ordered)
    sizes = np.bincount(codes[codes >= 0], minlength=len(distinct))
    sequence = np.arange(len(distinct)) if ordered else np.argsort(-sizes, kind="stable")
    shown = sequence if ordered else sequence[:MOST_GROUPS]
    members = [(_title(distinct[code]), np.flatnonzero(codes == code)) for code in shown]
    others = np.flatnonzero(np.isin(codes, sequence[len(shown) :]))
    unknown = np.flatnonzero(codes < 0)
    return members + [(title, rows) for title, rows in ((REST, others), (UNKNOWN, unknown)) if len(rows)]


def _title(value: object) -> Text:
    if isinstance(value, pd.Timestamp):
        said = day(value)
        return Text(*(said, said))
    return NAMED.get(str(value), Text(*(str(value), str(value))))
