"""What a group is like: its centre, its distinguishing traits and the name made of them, and its profile in numbers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.text import Text
from training.models.clusters.behaviour import BY_COLUMN

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

TELLING = 0.5
"""From how many standard deviations off the mean of all customers a trait distinguishes a group."""
HARDLY_TELLING = 0.2
"""Weaker traits are named only where there is no other, or to tell two groups apart."""
MOST_TRAITS = 3
SPEND = "spend_365d"

AVERAGE = Text("about average", "接近平均水平")


@dataclass(frozen=True)
class Group:
    """A group as it was found. ``number`` stays with it over trainings; ``share`` is of the customers, 0 to 1.

    ``centre`` is the mean of its members' standardised traits, ``spread`` the root mean square of their distance from it
    per trait. ``recovered`` is its mean Jaccard similarity, 0 to 1, with the most similar group of a bootstrap sample; below
    0.6 it is hardly a group of its own, from 0.75 on it is (Hennig 2007). ``traits`` are what it is named after: a column,
    and whether it is high.
    """

    number: int
    share: float
    centre: tuple[float, ...]
    spread: float
    recovered: float
    traits: tuple[tuple[str, bool], ...]

    @property
    def name(self) -> Text:
        """Its distinguishing traits in words, the strongest first."""
        words = [BY_COLUMN[c].high if is_high else BY_COLUMN[c].low for c, is_high in self.traits] or [AVERAGE]
        en = ", ".join(word.en for word in words)
        return Text(*(en[0].upper() + en[1:], "、".join(word.zh for word in words)))


def groups_of(traits: Floats, labels: Labels, columns: Sequence[str], recovered: Sequence[float]) -> tuple[Group, ...]:
    """The groups of labels from 0 on with their names, as many as ``recovered``; ``traits`` has shape (rows, columns).

    Each group must have a member. They are numbered from 1 in the order of the labels.
    """
    found = []
    for label, similarity in enumerate(recovered):
        members = traits[labels == label]
        centre = members.mean(axis=0)
        found.append(
            Group(
                number=label + 1,
                share=len(members) / len(traits),
                centre=tuple(float(value) for value in centre),
                spread=float(np.sqrt(((members - centre) ** 2).mean())),
                recovered=similarity,
                traits=telling_traits(centre, columns, TELLING)[:MOST_TRAITS]
                or telling_traits(centre, columns, HARDLY_TELLING)[:1],
            )
        )
    return told_apart(found, columns)


def telling_traits(
    centre: Sequence[float] | Floats, columns: Sequence[str], least: float
) -> tuple[tuple[str, bool], ...]:
    """The traits by which a centre is at least that far off the mean of all, the strongest first."""
    values = np.asarray(centre)
    order = np.argsort(-np.abs(values), kind="stable")
    return tuple((columns[i], bool(values[i] > 0)) for i in order if abs(values[i]) >= least)


def told_apart(found: Sequence[Group], columns: Sequence[str]) -> tuple[Group, ...]:
    """The groups, those that would have the same name with as many further traits in it as tell them apart."""
    groups = tuple(found)
    for count in range(MOST_TRAITS, len(columns) + 1):
        names = [frozenset(group.traits) for group in groups]
        groups = tuple(
            replace(group, traits=telling_traits(group.centre, columns, HARDLY_TELLING)[:count])
            if names.count(frozenset(group.traits)) > 1
            else group
            for group in groups
        )
    return groups


def profile(frame: pd.DataFrame, numbers: pd.Series, groups: Sequence[Group], columns: Sequence[str]) -> pd.DataFrame:
    """One row a group and a last one for all customers with a group: what they are like in numbers.

    ``numbers`` is the group of each row of ``frame`` (missing: none). Columns: group (missing: all), name_en, name_zh,
    customers, share, recovered, spend and spend_share where spend is known, and the median of each trait.
    """
    known = numbers.notna()
    inside, of_group = frame[known], numbers[known].astype("int64")
    medians = inside[list(columns)].groupby(of_group).median()
    medians.loc[-1] = inside[list(columns)].median()
    customers = of_group.value_counts()
    table = pd.DataFrame(
        {
            "group": pd.array([*(group.number for group in groups), None], dtype="Int64"),
            "name_en": [*(group.name.en for group in groups), "all customers"],
            "name_zh": [*(group.name.zh for group in groups), "全部客户"],
            "customers": [*(int(customers.get(group.number, 0)) for group in groups), len(inside)],
        }
    )
    table["share"] = table["customers"] / max(len(inside), 1)
    table["recovered"] = [*(group.recovered for group in groups), np.nan]
    keys = [*(group.number for group in groups), -1]
    if SPEND in frame:
        spend = inside[SPEND].groupby(of_group).sum().reindex(keys[:-1], fill_value=0.0)
        total = float(inside[SPEND].sum())
        table["spend"] = [*spend, total]
        table["spend_share"] = table["spend"] / total if total > 0 else np.nan
    return table.join(medians.reindex(keys).reset_index(drop=True))
