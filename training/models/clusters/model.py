"""The groups as they are stored: found once, then assigned to any customer, at once and without pickle."""

import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from features.errors import ModelError, NotEnoughDataError, nearest
from features.text import Text
from training.models.clusters.behaviour import Behaviour, fit_behaviour, has_behaviour
from training.models.clusters.choice import (
    BOOTSTRAP_ROUNDS,
    Candidate,
    candidates,
    chosen_of,
    contingency,
    jaccard,
)
from training.models.clusters.groups import Group, groups_of
from training.models.clusters.partitions import KINDS, Partition

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

MOST_FITTED = 20_000
"""Customers that the groups are fitted to; of more a sample is drawn by the hash of their ids."""
MOST_JUDGED = 2_000
"""Customers on whom kinds and numbers of groups are compared."""
LEAST_CUSTOMERS = 50


@dataclass(frozen=True)
class ClusterModel:
    """Groups of behaviour. ``groups`` stand in the order of the partition's labels.

    ``candidates`` are all divisions that were compared, ``chosen`` is the one that was taken. ``customers`` is the number
    that the shares are of; ``next_number`` is the first that no group of this or an earlier training has had. ``as_of`` (ISO 8601) and ``catalogue_hash`` say what it was fitted on.
    """

    behaviour: Behaviour
    partition: Partition
    groups: tuple[Group, ...]
    chosen: Candidate
    candidates: tuple[Candidate, ...]
    customers: int
    seed: int
    next_number: int
    as_of: str | None = None
    catalogue_hash: str | None = None

    def labels(self, frame: pd.DataFrame) -> Labels:
        """The label of each row in the order of ``groups``, also of customers without behaviour. Raises ModelError."""
        if missing := [column for column in self.behaviour.columns if column not in frame]:
            raise ModelError(
                Text(
                    "The groups of behaviour need the column '{column}'. {hint} Or train again on these facts.",
                    "行为分群需要列“{column}”。{hint} 或用现有数据重新训练。",
                ),
                column=missing[0],
                hint=nearest(missing[0], map(str, frame.columns)),
            )
        return self.partition.labels(self.behaviour.points(self.behaviour.traits(frame)))

    def assign(self, frame: pd.DataFrame) -> pd.Series:
        """The number of each customer's group (Int64, missing: nothing bought in a year and no contract), under the frame's index.

        A customer gets the same group alone and among others, at training and later. Raises ModelError: a column is
        missing.
        """
        numbers = np.array([group.number for group in self.groups], dtype=np.int64)[self.labels(frame)]
        return pd.Series(numbers, index=frame.index, name="cluster").astype("Int64").where(has_behaviour(frame))

    def name(self, number: int) -> Text:
        """The name of the group with that number. Raises KeyError: there is none."""
        return {group.number: group.name for group in self.groups}[number]

    def parameters(self) -> dict[str, Any]:
        """What a run should record of the model."""
        return {
            "kind": self.chosen.kind,
            "groups": self.chosen.groups,
            "dimensions": len(self.behaviour.components),
            "columns": ", ".join(self.behaviour.columns),
            "seed": self.seed,
            **{k: v for k, v in (("as_of", self.as_of), ("catalogue_hash", self.catalogue_hash)) if v is not None},
        }

    def metrics(self) -> dict[str, float]:
        """Stability, silhouette and the size of each group, by name, as a run records them."""
        found = {
            f"{name}.{one.kind}.{one.groups}": value
            for one in self.candidates
            for name, value in (("bootstrap_rand", one.stability), ("silhouette", one.silhouette))
        }
        return {
            "bootstrap_rand": self.chosen.stability,
            "silhouette": self.chosen.silhouette,
            **{f"share.{group.number}": group.share for group in self.groups},
            **found,
        }

    def to_json(self) -> str:
        """The model as plain JSON, the same text for the same model."""
        return json.dumps(asdict(self), indent=1, sort_keys=True, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> "ClusterModel":
        """The model that `to_json` wrote. Raises ModelError when the text is something else."""
        try:
            stored: dict[str, Any] = json.loads(text, parse_constant=_refuse)
            return _checked(
                cls(
                    **{
                        **stored,
                        "behaviour": Behaviour(**_tuples(stored["behaviour"])),
                        "partition": Partition(**_tuples(stored["partition"])),
                        "groups": tuple(Group(**_tuples(group)) for group in stored["groups"]),
                        "chosen": Candidate(**_tuples(stored["chosen"])),
                        "candidates": tuple(Candidate(**_tuples(one)) for one in stored["candidates"]),
                    }
                )
            )
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as fault:
            raise ModelError(
                Text(
                    "These are no stored groups of behaviour: {fault}. Train again to write new ones.",
                    "这不是已保存的行为分群：{fault}。请重新训练。",
                ),
                fault=fault,
            ) from None


def fit_clusters(
    frame: pd.DataFrame,
    seed: int,
    as_of: datetime | None = None,
    catalogue_hash: str | None = None,
    rounds: int = BOOTSTRAP_ROUNDS,
    before: ClusterModel | None = None,
) -> ClusterModel:
    """Groups of behaviour from one row per customer (customer_id and features), whatever the order of the rows.

    Who has not bought in a year and has no contract takes no part. Kind and number of groups are chosen on at most 2,000 customers, by silhouette, BIC and
    stability over ``rounds`` bootstrap samples; the groups are then fitted to at most 20,000 and ordered by size. What
    was chosen ``before`` is kept while it is stable; `training.models.clusters.matching.fit_again` keeps the names too.
    Raises NotEnoughDataError: fewer than 50 customers, or customers who hardly differ.
    """
    everybody = frame[has_behaviour(frame)]
    if len(everybody) < LEAST_CUSTOMERS:
        raise NotEnoughDataError(
            Text(
                "Groups of behaviour need {least} customers who have bought in the last year or have a contract; there are {count}."
                " Use the RFM segments until then.",
                "行为分群至少需要 {least} 位最近一年有购买或有合同的客户；现有 {count} 位。在此之前请使用 RFM 细分。",
            ),
            least=LEAST_CUSTOMERS,
            count=len(everybody),
        )
    hashed = pd.util.hash_array(everybody["customer_id"].astype("str").to_numpy(dtype=object))
    ordered = everybody.iloc[np.argsort(hashed, kind="stable")]
    fitted = ordered.head(MOST_FITTED)
    behaviour = fit_behaviour(fitted)
    points = behaviour.points(behaviour.traits(fitted))
    found = candidates(points[:MOST_JUDGED], seed, rounds)
    chosen = chosen_of(found, before.chosen if before else None)
    start = _centres_of(before, chosen, fitted, points) if before else None
    partition = _by_size(KINDS[chosen.kind](points, chosen.groups, seed, start), points)
    traits = behaviour.traits(ordered)
    labels = partition.labels(behaviour.points(traits))
    return ClusterModel(
        behaviour=behaviour,
        partition=partition,
        groups=groups_of(traits, labels, behaviour.columns, _recovered(partition, chosen, points[:MOST_JUDGED], seed)),
        chosen=chosen,
        candidates=found,
        customers=len(ordered),
        seed=seed,
        next_number=chosen.groups + 1,
        as_of=as_of.isoformat() if as_of else None,
        catalogue_hash=catalogue_hash,
    )


def _centres_of(before: ClusterModel, chosen: Candidate, frame: pd.DataFrame, points: Floats) -> Floats | None:
    """Where the members of the groups before lie among the points; None where those are other groups, or empty by now."""
    if len(before.groups) != chosen.groups or not set(before.behaviour.columns) <= set(frame.columns):
        return None
    labels = before.labels(frame)
    sizes = np.bincount(labels, minlength=chosen.groups)
    if sizes.min() == 0:
        return None
    sums = [np.bincount(labels, weights=points[:, d], minlength=chosen.groups) for d in range(points.shape[1])]
    return np.asarray(np.stack(sums, axis=1) / sizes[:, None])


def _by_size(partition: Partition, points: Floats) -> Partition:
    """The same groups, the largest first."""
    sizes = np.bincount(partition.labels(points), minlength=len(partition.centres))
    order = np.argsort(-sizes, kind="stable").tolist()
    factors = partition.factors
    return replace(
        partition,
        centres=tuple(partition.centres[i] for i in order),
        offsets=tuple(partition.offsets[i] for i in order),
        factors=None if factors is None else tuple(factors[i] for i in order),
    )


def _recovered(partition: Partition, chosen: Candidate, judged: Floats, seed: int) -> list[float]:
    """How well each group of the partition came again, by its counterpart among the groups that were judged."""
    first = KINDS[chosen.kind](judged, chosen.groups, seed).labels(judged)
    similarity = jaccard(contingency(partition.labels(judged), first, chosen.groups, chosen.groups))
    _, counterparts = linear_sum_assignment(-similarity)
    return [chosen.recovered[i] for i in counterparts]


def _checked(model: ClusterModel) -> ClusterModel:
    count, dimensions, columns = len(model.groups), len(model.behaviour.components), len(model.behaviour.columns)
    factors = model.partition.factors
    whole = (
        count == len(model.partition.centres) == len(model.partition.offsets) > 0
        and (factors is None or len(factors) == count)
        and all(len(centre) == dimensions for centre in model.partition.centres)
        and all(len(weights) == columns for weights in model.behaviour.components)
        and len({group.number for group in model.groups}) == count
    )
    if not whole:
        raise ValueError(f"{count} groups in {dimensions} dimensions of {columns} columns do not fit together")
    return model


def _tuples(stored: dict[str, Any]) -> dict[str, Any]:
    return {name: _tupled(value) for name, value in stored.items()}


def _tupled(value: Any) -> Any:
    return tuple(_tupled(one) for one in value) if isinstance(value, list) else value


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no number")
