"""Exact Shapley values of boosted trees for millions of rows: every tree becomes tables that are only looked up.

A tree's contributions depend on a row only through the outcomes of its splits. The splits of a small tree, or of a
small subtree and the path to it, are few, so their outcomes are the bits of a number below 256, and one table per
feature holds the contribution for each of these numbers. The values are the path-dependent ones of Lundberg et al.
2020, as XGBoost's ``pred_contribs`` gives them: a feature that is not known follows both branches by their cover.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd
import xgboost as xgb
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Columns = NDArray[np.float32]
Bits = NDArray[np.uint8]

MOST_BITS = 8
"""Splits that share a table: their outcomes fit into one byte."""
MOST_TABLE_BYTES = 256_000_000
BLOCK_BUNDLES = 64
"""Subtrees whose tables are made at a time."""
MOST_CATEGORIES = 2**24
"""XGBoost's own limit for the code of a category."""
BLOCK_ROWS = 16_384
"""Rows at a time, so that what is read and written again and again stays in the processor's cache."""


@dataclass(frozen=True)
class Split:
    """A row goes left when its value is below ``threshold`` (float32), or is none of ``right_categories``."""

    feature: int
    threshold: np.float32
    missing_goes_left: bool
    right_categories: NDArray[np.int64] | None = None

    def goes_left(self, values: Columns) -> NDArray[np.bool_]:
        """Whether each value goes left, shape (rows,); no comparison with NaN holds."""
        if self.right_categories is not None:
            missing = np.isnan(values)
            codes = np.floor(np.clip(np.where(missing, -1, values), -1, MOST_CATEGORIES)).astype(np.int64)
            return np.where(missing, self.missing_goes_left, ~np.isin(codes, self.right_categories))
        if self.missing_goes_left:
            return ~(values >= self.threshold)
        return np.asarray(values < self.threshold)


@dataclass(frozen=True)
class _Tree:
    """A tree as XGBoost stores it: arrays by node, the root first; a leaf has the left child -1."""

    left: list[int]
    right: list[int]
    splits: dict[int, Split]
    values: list[float]
    cover: list[float]

    def depth(self) -> int:
        """The most splits from the root to a leaf."""
        depth, level = -1, [0]
        while level:
            level = [child for node in level if node in self.splits for child in (self.left[node], self.right[node])]
            depth += 1
        return depth

    def below(self, node: int) -> list[int]:
        """The splits of the subtree below a node, itself included."""
        if node not in self.splits:
            return []
        return [node, *self.below(self.left[node]), *self.below(self.right[node])]

    def paths(self, node: int, before: "_Path") -> Iterator[tuple["_Path", float]]:
        """The way to each leaf of the subtree below a node, and the leaf's value."""
        if node not in self.splits:
            yield before, self.values[node]
            return
        yield from self.paths(self.left[node], (*before, (node, True)))
        yield from self.paths(self.right[node], (*before, (node, False)))

    def share(self, node: int, left: bool) -> float:
        """The part of a split's cover that goes one way."""
        return self.cover[self.left[node] if left else self.right[node]] / self.cover[node]


_Path = tuple[tuple[int, bool], ...]
"""Splits from the root on, and whether the way goes left."""


@dataclass(frozen=True)
class _Bundle:
    """A subtree with the path to it. ``nodes`` are its splits: the outcome of the i-th is bit i."""

    tree: int
    nodes: tuple[int, ...]
    leaves: tuple[tuple[_Path, float], ...]


@dataclass(frozen=True)
class _Lookup:
    """``tables`` (features, patterns): what each of ``features`` adds for each pattern of outcomes of ``nodes``."""

    nodes: tuple[int, ...]
    features: tuple[int, ...]
    tables: Floats

    def patterns(self, outcomes: Mapping[int, Bits]) -> Bits:
        """The pattern of each row, shape (rows,), from the outcome of each node."""
        *lower, highest = self.nodes
        pattern = outcomes[highest].copy()
        for node in reversed(lower):
            pattern += pattern  # a shift by one, several times as fast as shifting
            pattern |= outcomes[node]
        return pattern


@dataclass(frozen=True)
class TreeShap:
    """The tables of a booster: for each tree the splits by node, and the look-ups over their outcomes."""

    trees: tuple[tuple[dict[int, Split], tuple[_Lookup, ...]], ...]

    @classmethod
    def of(cls, booster: xgb.Booster) -> Self | None:
        """The tables of all trees of a booster; None where they are too deep or too many for tables."""
        document = json.loads(booster.save_raw("json"))["learner"]
        if document["gradient_booster"]["name"] != "gbtree" or int(document["learner_model_param"]["num_class"]) > 1:
            return None
        trees = [_tree(stored) for stored in document["gradient_booster"]["model"]["trees"]]
        covered = all(tree.cover[node] > 0 for tree in trees for node in tree.splits)
        if not covered or max(tree.depth() for tree in trees) > MOST_BITS:
            return None
        bundles = [bundle for number, tree in enumerate(trees) for bundle in _bundles(number, tree, 0, ())]
        if sum(len(b.nodes) * 2 ** len(b.nodes) * 8 for b in bundles) > MOST_TABLE_BYTES:
            return None
        lookups: list[list[_Lookup]] = [[] for _ in trees]
        for start in range(0, len(bundles), BLOCK_BUNDLES):
            for number, lookup in _lookups(trees, bundles[start : start + BLOCK_BUNDLES]):
                lookups[number].append(lookup)
        return cls(tuple((tree.splits, tuple(of_tree)) for tree, of_tree in zip(trees, lookups, strict=True)))

    def contributions(self, frame: pd.DataFrame, features: Sequence[str]) -> Floats:
        """What each of the booster's features adds to the margin, shape (rows, features), stored by column."""
        found = np.zeros((len(features), len(frame)))
        for start in range(0, len(frame), BLOCK_ROWS):
            block = slice(start, start + BLOCK_ROWS)
            with np.errstate(over="ignore"):  # beyond float32 lies infinity, on the right side of all thresholds
                values = np.ascontiguousarray(frame.iloc[block][list(features)].to_numpy(dtype=np.float32).T)
            added = np.empty(values.shape[1])
            for splits, lookups in self.trees:
                outcomes = {n: split.goes_left(values[split.feature]).view(np.uint8) for n, split in splits.items()}
                for lookup in lookups:
                    place = lookup.patterns(outcomes).astype(np.intp)
                    for feature, table in zip(lookup.features, lookup.tables, strict=True):
                        table.take(place, out=added, mode="clip")  # "clip": else numpy writes to a copy first
                        found[feature, block] += added
        return found.T


def _tree(stored: dict[str, Any]) -> _Tree:
    left = stored["left_children"]
    categories = _right_categories(stored)
    splits = {
        node: Split(
            stored["split_indices"][node],
            np.float32(stored["split_conditions"][node]),
            bool(stored["default_left"][node]),
            categories.get(node),
        )
        for node, child in enumerate(left)
        if child != -1
    }
    return _Tree(left, stored["right_children"], splits, stored["split_conditions"], stored["sum_hessian"])


def _right_categories(stored: dict[str, Any]) -> dict[int, NDArray[np.int64]]:
    """The categories that go right, by node with a categorical split."""
    begins, sizes = stored["categories_segments"], stored["categories_sizes"]
    return {
        node: np.asarray(stored["categories"][begin : begin + size], dtype=np.int64)
        for node, begin, size in zip(stored["categories_nodes"], begins, sizes, strict=True)
    }


def _bundles(number: int, tree: _Tree, node: int, path: _Path) -> Iterator[_Bundle]:
    """The largest subtrees whose splits, with those on the path to them, share a table; every leaf is in one."""
    nodes = (*(before for before, _ in path), *tree.below(node))
    if len(nodes) <= MOST_BITS or node not in tree.splits:
        if nodes:
            yield _Bundle(number, nodes, tuple(tree.paths(node, path)))
        return
    yield from _bundles(number, tree, tree.left[node], (*path, (node, True)))
    yield from _bundles(number, tree, tree.right[node], (*path, (node, False)))


class _Player(NamedTuple):
    """A feature on the path to a leaf: its splits are the bits ``asked`` of a pattern, and ``wanted`` leads to the leaf.

    ``share`` of the cover goes the leaf's way at these splits; ``row`` is that of the feature in the tables.
    """

    asked: int
    wanted: int
    share: float
    row: int


NOBODY = _Player(0, 0, 1.0, -1)
"""A player that changes nothing: all leaves get as many players as the deepest has."""


def _lookups(trees: Sequence[_Tree], bundles: Sequence[_Bundle]) -> Iterator[tuple[int, _Lookup]]:
    """The look-up of each bundle with the number of its tree."""
    rows_of: list[dict[int, int]] = []
    leaves: list[list[_Player]] = []
    total = 0
    for bundle in bundles:
        bits = {node: 1 << place for place, node in enumerate(bundle.nodes)}
        rows: dict[int, int] = {}
        leaves += [_players(trees[bundle.tree], path, bits, rows, total) for path, _ in bundle.leaves]
        rows_of.append(rows)
        total += len(rows)
    most = max(map(len, leaves))
    padded = np.array([leaf + [NOBODY] * (most - len(leaf)) for leaf in leaves], dtype=np.float64)
    asked, wanted, share, row = padded.transpose(2, 1, 0)[..., np.newaxis]  # each (players, leaves, 1)
    patterns = np.arange(2 ** max(len(bundle.nodes) for bundle in bundles))
    agrees = patterns & asked.astype(np.int64) == wanted.astype(np.int64)
    values = np.array([value for bundle in bundles for _, value in bundle.leaves])
    contributions = values[:, np.newaxis] * shapley_of_product(agrees.astype(np.float64), share)
    order = np.argsort(row.ravel(), kind="stable")[np.count_nonzero(row < 0) :]
    starts = np.searchsorted(row.ravel()[order], np.arange(total))
    tables = np.add.reduceat(contributions.reshape(-1, len(patterns))[order], starts, axis=0)
    for bundle, rows in zip(bundles, rows_of, strict=True):
        its_tables = tables[list(rows.values()), : 2 ** len(bundle.nodes)]
        yield bundle.tree, _Lookup(bundle.nodes, tuple(rows), its_tables)


def _players(tree: _Tree, path: _Path, bits: Mapping[int, int], rows: dict[int, int], total: int) -> list[_Player]:
    """The features on a path. A feature that is new to the bundle gets the next of ``rows``, counted from ``total``."""
    found: dict[int, _Player] = {}
    for node, left in path:
        feature = tree.splits[node].feature
        asked, wanted, share, _ = found.get(feature, NOBODY)
        row = rows.setdefault(feature, total + len(rows))
        way = bits[node] if left else 0
        found[feature] = _Player(asked | bits[node], wanted | way, share * tree.share(node, left), row)
    return list(found.values())


def shapley_of_product(known: Floats, unknown: Floats) -> Floats:
    """Shapley values of the game whose worth is a product over players, shape of ``known`` (players, games).

    A player in the coalition contributes the factor ``known``, another one ``unknown``. Averaging over all orders is
    drawing for each player an instant of [0, 1] to enter, so a value is the integral over instants t of what entering
    at t adds when others are in with probability t: a polynomial, and Gauss-Legendre integrates it exactly.
    """
    players = len(known)
    instants, weights = np.polynomial.legendre.leggauss((players + 1) // 2)
    others = np.zeros_like(known)
    for instant, weight in zip((instants + 1) / 2, weights / 2, strict=True):
        factors = unknown + instant * (known - unknown)
        before = np.full(known.shape[1:], weight)
        after = np.concatenate([np.cumprod(factors[:0:-1], axis=0)[::-1], np.ones_like(factors[:1])])
        for player in range(players):
            others[player] += before * after[player]
            before = before * factors[player]
    return np.asarray((known - unknown) * others)
