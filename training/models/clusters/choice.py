"""How many groups there are, of which kind, and whether they would come again from other customers.

Silhouette (Rousseeuw 1987) and the Bayesian information criterion say how well a division fits; stability says whether it
is there at all: it is fitted again to bootstrap samples, and its groups of all customers are compared with the first ones
by the adjusted Rand index (Ben-Hur et al. 2002) and, group by group, by the Jaccard similarity (Hennig 2007).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import silhouette_score

from features.errors import NotEnoughDataError
from features.text import Text
from training.models.clusters.partitions import KINDS, Partition, can_carry

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

FEWEST_GROUPS, MOST_GROUPS = 2, 8
BOOTSTRAP_ROUNDS = 20
SMALLEST_SHARE = 0.02
STABLE = 0.8
"""Mean adjusted Rand index from which a division comes again often enough to be used."""
HARDLY_LESS = 0.1
"""Differences of a mean adjusted Rand index that another month may bring."""
SEPARATE = 0.51
"""Silhouette from which groups are separate rather than cut out of a whole."""

STRUCTURES: tuple[tuple[float, Text], ...] = (
    (0.71, Text("clearly separate groups", "群组界限清晰")),
    (SEPARATE, Text("reasonably separate groups", "群组较为清晰")),
    (0.26, Text("groups that flow into each other", "群组之间相互过渡")),
    (-1.0, Text("cut out of a whole without gaps", "由连续的整体划分而成")),
)
"""What a silhouette means, from which value on (Kaufman and Rousseeuw 1990)."""

_VERDICT = Text(
    "{groups} groups: {structure} (silhouette {silhouette:.2f}). Drawn anew from the same customers they come again with a"
    " mean adjusted Rand index of {stability:.2f}: {trust}.",
    "共 {groups} 个群组：{structure}（轮廓系数 {silhouette:.2f}）。对同一批客户重复抽样，平均调整兰德指数为"
    " {stability:.2f}：{trust}。",
)
_TRUSTED = Text("they can be relied on", "可以信赖")
_CUT_OUT = Text(
    "the borders are drawn in the same places again, but customers on both sides of one are much alike",
    "分界可以重现，但分界两侧的客户差别不大",
)
_DOUBTED = Text(
    "another sample would give other groups; use them to describe, not to decide",
    "换一批样本会得到不同的群组；宜用于描述，不宜作为决策依据",
)


@dataclass(frozen=True)
class Candidate:
    """One number of groups of one kind: how well it fits, and how stable it is.

    ``stability``: mean adjusted Rand index over the bootstrap, at most 1. ``recovered``: for each group the mean Jaccard
    similarity with the most similar group of a bootstrap sample, 0 to 1.
    """

    kind: str
    groups: int
    silhouette: float
    bic: float | None
    stability: float
    recovered: tuple[float, ...]
    smallest_share: float

    @property
    def is_stable(self) -> bool:
        """Whether its groups come again often enough to be used."""
        return self.stability >= STABLE

    @property
    def is_separate(self) -> bool:
        """Whether the groups lie apart, and are not merely cut out of a whole."""
        return self.silhouette >= SEPARATE

    def verdict(self) -> Text:
        """What there is to say of the division, in one or two sentences."""
        structure = next(text for least, text in STRUCTURES if self.silhouette >= least)
        return _VERDICT.format(
            groups=self.groups,
            structure=structure,
            silhouette=self.silhouette,
            stability=self.stability,
            trust=_DOUBTED if not self.is_stable else _TRUSTED if self.is_separate else _CUT_OUT,
        )


def candidates(points: Floats, seed: int, rounds: int = BOOTSTRAP_ROUNDS) -> tuple[Candidate, ...]:
    """Every number of groups and kind that the points can carry, judged on them.

    Raises NotEnoughDataError: there are too few points, or too few that differ, for two groups.
    """
    sizes = range(FEWEST_GROUPS, MOST_GROUPS + 1)
    judged = [
        _judged(kind, points, groups, seed, rounds)
        for kind in KINDS
        for groups in sizes
        if can_carry(kind, points, groups)
    ]
    found = tuple(candidate for candidate in judged if candidate is not None)
    if not found:
        raise NotEnoughDataError(
            Text(
                "{rows} customers are too few, or too much alike, to be divided into groups by their behaviour.",
                "{rows} 位客户过少或过于相似，无法按行为划分群组。",
            ),
            rows=len(points),
        )
    return found


def chosen_of(found: tuple[Candidate, ...], before: Candidate | None = None) -> Candidate:
    """The division to use: of the stable ones the best, where none is stable the one that comes nearest to it.

    Groups below 2 % of the customers are avoided. K-means: the best silhouette if it shows separate groups; if not, the
    most groups that come again, for such groups are a convenience, and the finer the more they tell (Dolnicar and Leisch
    2010). Mixture: the lowest BIC. Of the two kinds the one with the better silhouette.

    Kind and number that were taken ``before`` stay until they are clearly less stable than is asked (or, where nothing is
    stable, than another division is), unless separate groups appear.
    """
    large = [one for one in found if one.smallest_share >= SMALLEST_SHARE] or list(found)
    stable = [one for one in large if one.is_stable]
    least = min(STABLE, max(one.stability for one in large)) - HARDLY_LESS
    if before and not any(one.is_separate for one in stable):
        for one in large:
            if (one.kind, one.groups) == (before.kind, before.groups) and one.stability > least:
                return one
    if not stable:
        return max(large, key=lambda one: one.stability)
    around = [one for one in stable if one.bic is None]
    mixed = [one for one in stable if one.bic is not None]
    best = [max(around, key=lambda one: (one.silhouette if one.is_separate else 0.0, one.groups))] if around else []
    best += [min(mixed, key=lambda one: one.bic or 0.0)] if mixed else []
    return max(best, key=lambda one: one.silhouette)


def _judged(kind: str, points: Floats, groups: int, seed: int, rounds: int) -> Candidate | None:
    """None where the fit uses fewer groups than it was given."""
    partition = KINDS[kind](points, groups, seed)
    labels = partition.labels(points)
    sizes = np.bincount(labels, minlength=groups)
    if sizes.min() == 0:
        return None
    stability, recovered = _stability(kind, points, labels, groups, seed, rounds)
    return Candidate(
        kind=kind,
        groups=groups,
        silhouette=float(silhouette_score(points, labels)),
        bic=partition.bic,
        stability=stability,
        recovered=recovered,
        smallest_share=float(sizes.min() / len(points)),
    )


def _stability(
    kind: str, points: Floats, labels: Labels, groups: int, seed: int, rounds: int
) -> tuple[float, tuple[float, ...]]:
    """Mean adjusted Rand index, and each group's mean Jaccard similarity, over bootstrap samples."""
    generator = np.random.default_rng([seed, groups])
    indices, similarities = [], []
    for round_ in range(rounds):
        drawn = points[generator.integers(0, len(points), len(points))]
        again: Partition = KINDS[kind](drawn, groups, seed + 1 + round_)
        together = contingency(labels, again.labels(points), groups, groups)
        indices.append(adjusted_rand(together))
        similarities.append(jaccard(together).max(axis=1))
    return float(np.mean(indices)), tuple(float(value) for value in np.mean(similarities, axis=0))


def contingency(one: Labels, other: Labels, groups: int, other_groups: int) -> Labels:
    """How many points have which two labels, shape (groups, other groups)."""
    counts = np.bincount(one * other_groups + other, minlength=groups * other_groups)
    return counts.reshape(groups, other_groups)


def jaccard(together: Labels) -> Floats:
    """Points in both groups over points in either, for each pair of groups; 0 for two empty ones."""
    union = together.sum(axis=1)[:, None] + together.sum(axis=0)[None, :] - together
    return np.asarray(together / np.maximum(union, 1), dtype=np.float64)


def adjusted_rand(together: Labels) -> float:
    """Adjusted Rand index of two divisions from their contingency table (Hubert and Arabie 1985); 1: the same.

    >>> adjusted_rand(np.array([[3, 0], [0, 2]]))
    1.0
    >>> round(adjusted_rand(np.array([[1, 1, 0], [1, 2, 1], [0, 0, 4]])), 4)
    0.3126
    """
    pairs = [(counts * (counts - 1) / 2).sum() for counts in (together, together.sum(axis=1), together.sum(axis=0))]
    total = together.sum() * (together.sum() - 1) / 2
    by_chance = pairs[1] * pairs[2] / max(total, 1)
    most = (pairs[1] + pairs[2]) / 2
    return 1.0 if most == by_chance else float((pairs[0] - by_chance) / (most - by_chance))
