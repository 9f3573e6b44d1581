"""How customers move between segments, tiers or stages from one date to the next, and which moves are alarming.

A table of moves has a row for each label before, one for customers who are new, and a column for those who are gone.
Shares are of the row, with Wilson's interval. A fall is alarming when it is more frequent than in the period before (or than
a share that is given) beyond chance, many moves being looked at, and by enough customers to matter.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binom, false_discovery_control, hypergeom, norm

from features.errors import ModelError
from features.text import Text
from training.life_cycle import STAGES
from training.models.rfm import SEGMENTS
from training.tiers import TIERS

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

ARRIVED, GONE = "(arrived)", "(gone)"
ENDS: dict[str, Text] = {ARRIVED: Text("not there before", "此前没有"), GONE: Text("no longer there", "已不在")}


@dataclass(frozen=True)
class Scale:
    """Labels of one kind in the order that tables show, with their titles, and how good it is to be where.

    A move to less standing is a fall, and so is to be gone; labels of the same standing are equal.
    """

    titles: Mapping[str, Text]
    standing: Mapping[str, int]


SCALES: dict[str, Scale] = {
    "segment": Scale(
        {name: segment.name for name, segment in SEGMENTS.items()},
        {
            **dict.fromkeys(("champions",), 4),
            **dict.fromkeys(("loyal",), 3),
            **dict.fromkeys(("potential_loyalists", "new", "promising", "need_attention"), 2),
            **dict.fromkeys(("about_to_sleep", "at_risk", "cannot_lose"), 1),
            **dict.fromkeys(("hibernating", "lost"), 0),
        },
    ),
    "tier": Scale(
        {name: tier.name for name, tier in TIERS.items()}, {"strategic": 3, "key": 2, "general": 1, "potential": 0}
    ),
    "stage": Scale(
        {name: stage.name for name, stage in STAGES.items()},
        {"growth": 2, "maturity": 2, "development": 2, "prospect": 1, "termination": 0},
    ),
}
"""What customers move on. Groups of behaviour have no standing of their own: see `scale_of`."""


def scale_of(titles: Mapping[str, Text]) -> Scale:
    """Labels among which no move is a fall, such as groups of behaviour."""
    return Scale(titles, dict.fromkeys(titles, 0))


LEVEL = 0.95
FALSE_ALARMS = 0.05
"""Share of the alarms that may be false (Benjamini and Hochberg 1995)."""
LEAST_EXTRA = 3
LEAST_RATIO = 1.25
"""A fall matters from so many customers more than usual, and so many times as often."""

_ALARM = Text(
    "{customers} of {before} customers in “{origin}” went to “{target}” ({share:.0%}; 95 % interval {low:.0%} to {high:.0%});"
    " {usual:.0%} is usual, so these are about {extra:.0f} more than that.",
    "“{origin}”的 {before} 位客户中有 {customers} 位转入“{target}”（{share:.0%}；95% 区间 {low:.0%} 至 {high:.0%}）；"
    "通常为 {usual:.0%}，约多出 {extra:.0f} 位。",
)


@dataclass(frozen=True)
class Migration:
    """Moves of customers between the labels of a scale. ``counts`` has shape (labels + 1, labels + 1).

    Its last row are the customers without a label before, its last column those without one after.
    """

    scale: Scale
    counts: Counts

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels in the order of the rows and columns."""
        return tuple(self.scale.titles)

    def table(self) -> pd.DataFrame:
        """Every move: origin, target, customers, of (customers at the origin), share of them, share_low and share_high."""
        origins, targets = (*self.labels, ARRIVED), (*self.labels, GONE)
        rows, columns = np.indices(self.counts.shape).reshape(2, -1)
        of = np.broadcast_to(self.counts.sum(axis=1)[:, None], self.counts.shape).ravel()
        low, high = wilson(self.counts.ravel(), of)
        moves = pd.DataFrame(
            {
                "origin": np.array(origins, dtype=object)[rows],
                "target": np.array(targets, dtype=object)[columns],
                "customers": self.counts.ravel(),
                "of": of,
                "share": self.counts.ravel() / np.where(of > 0, of, np.nan),
                "share_low": low,
                "share_high": high,
            }
        )
        return moves.iloc[:-1]  # nobody is counted who was there neither before nor after

    def falls(self) -> NDArray[np.bool_]:
        """Marks the moves to a lower standing, and those out of the table, shape as ``counts``."""
        standing = np.array([self.scale.standing[label] for label in self.labels])
        to = np.append(standing, -1)  # to be gone is to fall from anywhere
        origin = np.append(standing, -1)
        return np.asarray(to[None, :] < origin[:, None])


@dataclass(frozen=True)
class Alarm:
    """A fall that is more frequent than usual. ``p_value``: one-sided; ``usual`` share of the origin's customers."""

    origin: str
    target: str
    customers: int
    of: int
    usual: float
    p_value: float
    sentence: Text

    @property
    def extra(self) -> float:
        """How many customers more than usual."""
        return self.customers - self.usual * self.of


def migration(scale: Scale, before: pd.Series, after: pd.Series) -> Migration:
    """Moves of customers between two dates; both series give a label (missing: none) by customer_id, each once.

    Raises ModelError: a label is not on the scale; ValueError: a customer stands twice.
    """
    labels = tuple(scale.titles)
    if not (before.index.is_unique and after.index.is_unique):
        raise ValueError("a customer has more than one label at one date")
    _check_labels(scale, before)
    _check_labels(scale, after)
    customers = before.index.union(after.index)
    codes = [
        pd.Categorical(series.reindex(customers).astype("object"), categories=list(labels)).codes.astype(np.int64)
        for series in (before, after)
    ]
    origin, target = (np.where(code < 0, len(labels), code) for code in codes)
    size = len(labels) + 1
    counts = np.bincount(origin * size + target, minlength=size * size).reshape(size, size)
    counts[-1, -1] = 0  # without a label at either date
    return Migration(scale, counts)


def _check_labels(scale: Scale, given: pd.Series) -> None:
    if unknown := sorted({str(label) for label in given.dropna().unique()} - scale.titles.keys()):
        raise ModelError(
            Text(
                "'{label}' is none of the labels that customers move between: {known}.",
                "“{label}”不是可迁移的标签；可选：{known}。",
            ),
            label=unknown[0],
            known=", ".join(scale.titles),
        )


def wilson(successes: Counts | Floats, trials: Counts | Floats, level: float = LEVEL) -> tuple[Floats, Floats]:
    """Ends of Wilson's (1927) interval for each share, 0 and 1 where there are no trials.

    >>> low, high = wilson(np.array([8]), np.array([10]))
    >>> round(float(low[0]), 4), round(float(high[0]), 4)
    (0.4902, 0.9433)
    """
    n, z = np.maximum(trials, 1).astype(np.float64), float(norm.ppf((1 + level) / 2))
    share = successes / n
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    arm = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    none = np.asarray(trials) == 0
    return np.where(none, 0.0, np.maximum(middle - arm, 0)), np.where(none, 1.0, np.minimum(middle + arm, 1))


def alarming(
    now: Migration, earlier: Migration | None, usual_share: float = 0.05, names: Mapping[str, Text] | None = None
) -> list[Alarm]:
    """The falls that are more frequent than usual, those with the most customers beyond it first.

    Against ``earlier``, the period before of the same length, by Fisher's exact test, for both periods are samples; without
    one against ``usual_share`` of the origin's customers, by the exact binomial test. Of many moves that are looked at, at
    most 5 % of the alarms are to be false. ``names`` are the project's own words for labels.
    """
    rows, columns = np.nonzero(now.falls() & (now.counts.sum(axis=1) > 0)[:, None])
    if not len(rows):
        return []
    moved, of = now.counts[rows, columns], now.counts.sum(axis=1)[rows]
    if earlier is None:
        usual = np.full(len(rows), usual_share)
        p = binom.sf(moved - 1, of, usual_share)
    else:
        moved_then, of_then = earlier.counts[rows, columns], earlier.counts.sum(axis=1)[rows]
        usual = moved_then / np.maximum(of_then, 1)
        p = hypergeom.sf(moved - 1, of + of_then, moved + moved_then, of)
    matters = (moved - usual * of >= LEAST_EXTRA) & (moved / of >= LEAST_RATIO * usual)
    chosen = np.flatnonzero((false_discovery_control(np.clip(p, 0, 1)) <= FALSE_ALARMS) & matters)
    low, high = wilson(moved, of)
    titles = {**now.scale.titles, **ENDS, **(names or {})}
    targets = (*now.labels, GONE)
    found = [
        Alarm(
            origin=now.labels[rows[i]],
            target=targets[columns[i]],
            customers=int(moved[i]),
            of=int(of[i]),
            usual=float(usual[i]),
            p_value=float(p[i]),
            sentence=_ALARM.format(
                customers=int(moved[i]),
                before=int(of[i]),
                origin=titles[now.labels[rows[i]]],
                target=titles[targets[columns[i]]],
                share=moved[i] / of[i],
                low=low[i],
                high=high[i],
                usual=usual[i],
                extra=moved[i] - usual[i] * of[i],
            ),
        )
        for i in chosen
    ]
    return sorted(found, key=lambda alarm: -alarm.extra)


def migrations(scale: Scale, dated: Iterable[pd.Series]) -> list[Migration]:
    """The moves between each date and the next, of labels by customer_id at rising dates."""
    return [migration(scale, before, after) for before, after in pairwise(dated)]
