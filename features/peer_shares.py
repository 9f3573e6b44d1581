"""Where a customer stands among its peers, told without them: each group's levels with the share of peers below.

The shares of one instant stand in for the peers until the next.
"""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from features import engines
from features.catalogue import Feature
from features.compiler import PEER_GROUP, compile_features, shares_of
from features.sources import Facts

Floats = NDArray[np.float64]

SHARES = pa.schema(
    [
        ("feature", pa.string()),
        (PEER_GROUP, pa.string()),
        ("level", pa.float64()),
        ("share", pa.float64()),
        ("upto", pa.float64()),
    ]
)
"""Of a group's level: the share of peers below, equals counted by half, and the share at or below."""


def peer_shares(facts: Facts, as_of: datetime, features: Sequence[Feature]) -> pa.Table:
    """The shares (SHARES) of all customers as of ``as_of``, of those of ``features`` that are places among peers."""
    placed = [f for f in features if f.source == "peers"]
    if not placed:
        return SHARES.empty_table()
    plan = compile_features(placed, facts.columns, [as_of], facts.project.timezone, levels=True)
    facts.connection.register("levels", pa.Table.from_batches(list(engines.run(facts, plan))))
    try:
        return facts.connection.sql(shares_of(placed, "levels")).to_arrow_table().cast(SHARES)
    finally:
        facts.connection.unregister("levels")


class PeerShares:
    """Shares to look places up in."""

    def __init__(self, shares: pa.Table) -> None:
        ordered = shares.sort_by([(name, "ascending") for name in SHARES.names[:3]])
        features, groups = (ordered[name].to_numpy(zero_copy_only=False) for name in SHARES.names[:2])
        columns = [ordered[name].to_numpy() for name in SHARES.names[2:]]
        changes = np.flatnonzero((features[1:] != features[:-1]) | (groups[1:] != groups[:-1])) + 1
        starts = [0, *changes.tolist()] if len(ordered) else []
        ends = [*starts[1:], len(ordered)]
        self._steps = {
            (features[start], groups[start]): tuple(column[start:end] for column in columns)
            for start, end in zip(starts, ends, strict=bool(starts))
        }

    def place(self, feature: str, groups: Sequence[str], levels: Floats) -> Floats:
        """The place of each level (NaN: missing) among the peers of its group, 0 to 1.

        A level that nobody had stands above all who were below it. NaN where the group was not known.
        """
        return np.array([self._one(feature, group, level) for group, level in zip(groups, levels, strict=True)])

    def _one(self, feature: str, group: str, level: float) -> float:
        if np.isnan(level) or (feature, group) not in self._steps:
            return np.nan
        steps, share, upto = self._steps[feature, group]
        place = int(np.searchsorted(steps, level, side="right")) - 1
        if place < 0:
            return 0.0
        return float(share[place] if steps[place] == level else upto[place])
