"""The leaves that rows reach in boosted trees, for rows that are asked again and again with a few columns changed.

Each tree has a mask of its leaves. A value of a column rules out all leaves that lie on the other side of the splits on
it, and what is left of the masks of all columns is the leaf that the row reaches. The columns that stay are looked up
once for a row, the others again at each change; Lucchese et al. 2015 (QuickScorer). The same leaves as XGBoost's.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

Masks = NDArray[np.uint16]
Values = NDArray[np.float32]

MOST_LEAVES = 16
_ALL = (1 << MOST_LEAVES) - 1
_DE_BRUIJN = 0x09AF
"""Times a single bit, the highest four bits of the product tell which bit it was, of sixteen."""
_HIGHEST = 12


@dataclass(frozen=True)
class _Splits:
    """Of one column: its thresholds, ascending, and the leaves left by a value below the first, …, above the last, missing.

    ``masks``: shape (thresholds + 2, trees).
    """

    thresholds: Values
    masks: Masks

    def masks_of(self, values: Values) -> Masks:
        """Shape (rows, trees), or (1, trees) where all rows have the same."""
        # a value on a threshold goes to the right, as in XGBoost
        place = np.searchsorted(self.thresholds, values, "right") + np.isnan(values)
        if (place == place[0]).all():
            place = place[:1]
        return self.masks.take(place, axis=0)


@dataclass(frozen=True)
class Leaves:
    """The splits of boosted trees by the position of their column, and the leaves' values, shape (trees * MOST_LEAVES,).

    ``whole``: the mask of all leaves of each tree, shape (trees,).
    """

    splits: Mapping[int, _Splits]
    values: Values
    whole: Masks

    @classmethod
    def of(cls, booster: xgb.Booster) -> Self:
        """Read the trees of a booster, each of at most `MOST_LEAVES` leaves."""
        document = json.loads(bytes(booster.save_raw("json")))
        trees = document["learner"]["gradient_booster"]["model"]["trees"]
        values, whole = np.zeros((len(trees), MOST_LEAVES), dtype=np.float32), np.zeros(len(trees), dtype=np.uint16)
        found: dict[int, list[tuple[int, float, bool, int, int]]] = {}
        for number, tree in enumerate(trees):
            own = _leaves_below(tree)
            whole[number] = own[0]
            for node, (left, right) in enumerate(zip(tree["left_children"], tree["right_children"], strict=True)):
                if left < 0:
                    values[number, _slot(own[node])] = tree["split_conditions"][node]
                else:
                    split = (
                        number,
                        tree["split_conditions"][node],
                        bool(tree["default_left"][node]),
                        own[left],
                        own[right],
                    )
                    found.setdefault(tree["split_indices"][node], []).append(split)
        splits = {column: _splits(own, len(trees)) for column, own in sorted(found.items())}
        return cls(splits, values.ravel(), whole)

    def reached(self, columns: Sequence[int], values: Values, before: Masks | None = None) -> Masks:
        """The leaves that rows can reach with these ``values`` of some columns, shape (rows, columns) and (rows, trees).

        ``before``: what the other columns left.
        """
        masks = np.tile(self.whole, (len(values), 1)) if before is None else before.copy()
        for place, column in enumerate(columns):
            if column in self.splits:
                masks &= self.splits[column].masks_of(values[:, place])
        return masks

    def sums(self, reached: Masks) -> Values:
        """The sum of the values of the leaves that rows reach, one in each tree, shape (rows,)."""
        place = (reached * np.uint16(_DE_BRUIJN)) >> np.uint16(_HIGHEST)
        place += (np.arange(len(self.whole)) * MOST_LEAVES).astype(np.uint16)
        # as a product with ones it would be given to BLAS, whose threads wait for each other
        return np.asarray(self.values.take(place).sum(axis=1), dtype=np.float32)


def _leaves_below(tree: Mapping[str, Any]) -> list[int]:
    """The mask of the leaves at or below each node; children have higher numbers than their parents."""
    own = [0] * len(tree["left_children"])
    leaf = 1
    for node in range(len(own) - 1, -1, -1):
        left, right = tree["left_children"][node], tree["right_children"][node]
        own[node] = leaf if left < 0 else own[left] | own[right]
        leaf <<= left < 0
    return own


def _slot(leaf: int) -> int:
    """Where the value of a leaf stands among those of its tree."""
    return (leaf * _DE_BRUIJN & _ALL) >> _HIGHEST


def _splits(splits: Sequence[tuple[int, float, bool, int, int]], trees: int) -> _Splits:
    """Splits of one column: number of the tree, threshold, whether missing goes left, and the leaves on both sides."""
    thresholds = np.unique(np.array([threshold for _, threshold, *_ in splits], dtype=np.float32))
    masks = np.full((len(thresholds) + 2, trees), _ALL, dtype=np.uint16)
    for tree, threshold, missing_left, left, right in splits:
        bound = int(np.searchsorted(thresholds, np.float32(threshold))) + 1
        masks[:bound, tree] &= _ALL ^ right
        masks[bound:-1, tree] &= _ALL ^ left
        masks[-1, tree] &= _ALL ^ (right if missing_left else left)
    return _Splits(thresholds, masks)
