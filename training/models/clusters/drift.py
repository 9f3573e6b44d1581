"""Whether the groups still fit: their shares of the customers, and where their members lie, against the training."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import chi2

from features.text import Text
from training.models.clusters.behaviour import BY_COLUMN, has_behaviour
from training.models.clusters.model import ClusterModel

Floats = NDArray[np.float64]

MODERATE, LARGE = 0.1, 0.25
"""Population stability index from which shares have changed somewhat, and much (Siddiqi 2006)."""
CHANCE = 0.05
SHIFTED = 0.5
"""A centre has shifted from that distance on, in standard deviations of all customers per trait."""
LEAST_MEMBERS = 30
LEAST_SHARE = 1e-4

_STEADY = Text("The groups are as they were.", "各群组与训练时一致。")
_MODERATE = Text("somewhat", "有所")
_LARGE = Text("much", "明显")
_SHARES = Text(
    "The shares of the groups have changed {much} (population stability index {psi:.2f}); most of all “{name}”: from"
    " {then:.0%} of the customers to {now:.0%}.",
    "各群组的占比{much}变化（群体稳定性指数 {psi:.2f}）；变化最大的是“{name}”：由 {then:.0%} 变为 {now:.0%}。",
)
_CENTRE = Text(
    "The customers of “{name}” are no longer what they were: they now lean towards “{trait}” ({distance:.1f} standard"
    " deviations).",
    "“{name}”的客户已与训练时不同：现更偏向“{trait}”（{distance:.1f} 个标准差）。",
)
AGAIN = Text("Train again to find the groups of today.", "请重新训练，以得到当前的群组。")
"""What to do about groups that have drifted."""


@dataclass(frozen=True)
class ClusterDrift:
    """How far customers of today are from those of the training; tuples stand in the order of the model's groups.

    ``psi``: population stability index of the shares; ``psi_by_chance``: what it exceeds with 5 % when nothing has
    changed. ``shifts``: distance of each group's centre from where it was, root mean square per trait in standard
    deviations; NaN for fewer than 30 members.
    """

    psi: float
    psi_by_chance: float
    shares_then: tuple[float, ...]
    shares_now: tuple[float, ...]
    shifts: tuple[float, ...]
    sentences: tuple[Text, ...]

    @property
    def has_drifted(self) -> bool:
        """Whether the shares or a centre have changed beyond chance, and enough to matter."""
        return (self.psi >= MODERATE and self.psi > self.psi_by_chance) or any(s >= SHIFTED for s in self.shifts)


def population_stability(then: Floats, now: Floats) -> float:
    """Population stability index of two distributions over the same groups; 0: the same.

    >>> round(population_stability(np.array([0.5, 0.5]), np.array([0.6, 0.4])), 4)
    0.0405
    """
    before, after = np.maximum(then, LEAST_SHARE), np.maximum(now, LEAST_SHARE)
    return float(((after - before) * np.log(after / before)).sum())


def cluster_drift(model: ClusterModel, frame: pd.DataFrame) -> ClusterDrift:
    """What has become of the groups among the customers of ``frame``. Raises ModelError: a column is missing."""
    everybody = frame[has_behaviour(frame)]
    labels, traits = model.labels(everybody), model.behaviour.traits(everybody)
    count = len(model.groups)
    sizes = np.bincount(labels, minlength=count)
    then, now = np.array([group.share for group in model.groups]), sizes / max(len(everybody), 1)
    # under the null the index is a chi-squared variable of count - 1 degrees of freedom (Yurdakul 2018)
    noise = float(chi2.ppf(1 - CHANCE, count - 1) * (1 / model.customers + 1 / max(len(everybody), 1)))
    moved = [
        traits[labels == label].mean(axis=0) - np.asarray(group.centre)
        if sizes[label] >= LEAST_MEMBERS
        else np.full(traits.shape[1], np.nan)
        for label, group in enumerate(model.groups)
    ]
    shifts = tuple(float(np.sqrt((move**2).mean())) for move in moved)
    psi = population_stability(then, now)
    sentences = _share_sentences(model, psi, noise, then, now) + [
        _centre_sentence(model, place, moved[place]) for place, shift in enumerate(shifts) if shift >= SHIFTED
    ]
    return ClusterDrift(
        psi,
        noise,
        tuple(then.tolist()),
        tuple(now.tolist()),
        shifts,
        tuple(sentences) or (_STEADY,),
    )


def _share_sentences(model: ClusterModel, psi: float, noise: float, then: Floats, now: Floats) -> list[Text]:
    if psi < MODERATE or psi <= noise:
        return []
    place = int(np.abs(now - then).argmax())
    much = _LARGE if psi >= LARGE else _MODERATE
    name = model.groups[place].name
    return [_SHARES.format(much=much, psi=psi, name=name, then=then[place], now=now[place])]


def _centre_sentence(model: ClusterModel, place: int, move: Floats) -> Text:
    most = int(np.abs(move).argmax())
    trait = BY_COLUMN[model.behaviour.columns[most]]
    word = trait.high if move[most] > 0 else trait.low
    return _CENTRE.format(name=model.groups[place].name, trait=word, distance=abs(move[most]))
