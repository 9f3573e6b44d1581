"""The scorecard: each criterion's place among the company's own, weighted, from 0 to 100, with its breakdown."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import ModelError, NotEnoughDataError
from features.score_settings import ScoreSettings, ValueScoreSettings
from features.text import LANGUAGES, Text
from training.value_score.ahp import ahp_weights
from training.value_score.criteria import CUSTOMER_CRITERIA, SUPPLIER_CRITERIA, Criterion
from training.value_score.entropy import entropy_weights, spread_out
from training.value_score.places import Places, fit_places

Floats = NDArray[np.float64]

CRITERIA: dict[str, tuple[Criterion, ...]] = {"customers": CUSTOMER_CRITERIA, "suppliers": SUPPLIER_CRITERIA}
"""Who can be rated, and by what."""


@dataclass(frozen=True)
class Scorecard:
    """A scorecard of ``rated`` (customers or suppliers).

    ``weights`` add up to one over the criteria that could be measured; ``industry_weights`` take their place in single
    industries. ``left_out`` are criteria that should count and could not be measured. ``places`` by column.
    """

    rated: str
    weights: Mapping[str, float]
    industry_weights: Mapping[str, Mapping[str, float]]
    left_out: tuple[str, ...]
    places: Mapping[str, Places]

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        """The criteria that count for anybody, in the order of the registry."""
        used = set(self.weights).union(*self.industry_weights.values())
        return tuple(c for c in CRITERIA[self.rated] if c.id in used)

    def rate(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Each criterion's rating, 0 (worst of all) to 1 (best), NaN: not known; a column a criterion."""
        return pd.DataFrame({c.id: self._rating(c, frame) for c in self.criteria}, index=frame.index)

    def score(self, frame: pd.DataFrame, industries: "pd.Series[str] | None" = None) -> pd.DataFrame:
        """Scores of the rows of ``frame``, under its index.

        Columns: value_score, 0 to 100 (NaN: nothing is known); points_CRITERION, which add up to it (NaN: not known,
        its weight went to the others); known_weight, the share of the weights whose criteria are known, 0 to 1.
        """
        return weighted(self.rate(frame), self.weights_of_rows(frame.index, industries))

    def weights_of_rows(self, index: pd.Index, industries: "pd.Series[str] | None" = None) -> Floats:
        """The weights that hold for each row, shape (rows, criteria)."""
        names = [c.id for c in self.criteria]
        sets = [self.weights, *self.industry_weights.values()]
        table = np.array([[weights.get(name, 0.0) for name in names] for weights in sets])
        if industries is None:
            return table[np.zeros(len(index), dtype=np.int64)]
        codes = pd.Index(list(self.industry_weights), dtype="object").get_indexer_for(
            pd.Index(industries.reindex(index))
        )
        return np.asarray(table[codes + 1])

    def said(self) -> Text:
        """What weighs how much, and what was left out, in a sentence."""
        listed = _listed({c.name: self.weights[c.id] for c in self.criteria if c.id in self.weights})
        names = [c.name for c in CRITERIA[self.rated] if c.id in self.left_out]
        if not names:
            return _WEIGHTS.format(weights=listed)
        left_out = Text(*(", ".join(n.en for n in names), "、".join(n.zh for n in names)))
        return _WEIGHTS_AND_LEFT_OUT.format(weights=listed, left_out=left_out)

    def to_json(self) -> str:
        """The scorecard as plain JSON, the same text for the same scorecard."""
        return json.dumps(asdict(self), indent=1, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "Scorecard":
        """The scorecard that `to_json` wrote. Raises ModelError when the text is something else."""
        try:
            stored: dict[str, Any] = json.loads(text)
            places = {n: Places(tuple(p["values"]), tuple(p["places"])) for n, p in stored.pop("places").items()}
            card = cls(**{**stored, "left_out": tuple(stored["left_out"]), "places": places})
            if card.rated not in CRITERIA or not {m.column for c in card.criteria for m in c.measures} & set(places):
                raise ValueError(f"{card.rated}: {', '.join(places)}")
        except (ValueError, TypeError, KeyError, AttributeError) as fault:
            raise ModelError(
                Text(
                    "This is not a stored scorecard: {fault}. Make it again from the facts.",
                    "这不是已保存的评分卡：{fault}。请根据数据重新生成。",
                ),
                fault=fault,
            ) from None
        return card

    def _rating(self, criterion: Criterion, frame: pd.DataFrame) -> Floats:
        ratings = [np.full(len(frame), np.nan)]
        for measure in criterion.measures:
            if measure.column in self.places and measure.column in frame:
                place = self.places[measure.column].of(_numbers(frame, measure.column))
                ratings.append(place if measure.more_is_better else 1 - place)
        return mean_of_known(ratings)


def fit_scorecard(frame: pd.DataFrame, settings: ScoreSettings) -> Scorecard:
    """The scorecard of the company's own customers or suppliers (by the kind of ``settings``), one a row of ``frame``.

    Criteria without any value in ``frame`` are left out and the other weights count for more; `Scorecard.said` says so.
    Raises NotEnoughDataError: no criterion can be measured. ProjectError: the judgements contradict each other.
    """
    rated = "customers" if isinstance(settings, ValueScoreSettings) else "suppliers"
    criteria = CRITERIA[rated]
    columns = {m.column for c in criteria for m in c.measures}
    places = {name: fit_places(_numbers(frame, name)) for name in sorted(columns & set(frame.columns))}
    places = {name: place for name, place in places.items() if place.values}
    measured = [c for c in criteria if any(m.column in places for m in c.measures)]
    wanted = _wanted(settings, measured, frame)
    weights = _renormalised(wanted, measured)
    if not weights:
        raise NotEnoughDataError(
            _NOTHING_MEASURED,
            criteria=Text(*(", ".join(c.name.of(lang) for c in criteria if c.id in wanted) for lang in LANGUAGES)),
            columns=", ".join(sorted(columns)),
        )
    of_industries = settings.industries if isinstance(settings, ValueScoreSettings) else {}
    industries = {name: _renormalised(given, measured) for name, given in of_industries.items()}
    return Scorecard(
        rated,
        weights,
        {name: weights for name, weights in industries.items() if weights},
        tuple(name for name, weight in wanted.items() if weight > 0 and name not in weights),
        places,
    )


def weighted(ratings: pd.DataFrame, weights: Floats) -> pd.DataFrame:
    """value_score, points_CRITERION and known_weight from ratings and weights of the same shape (rows, criteria)."""
    rated = ratings.to_numpy(dtype=np.float64)
    known = np.isfinite(rated) * weights
    total = known.sum(axis=1, keepdims=True)
    shares = np.divide(known, total, out=np.full(known.shape, np.nan), where=total > 0)
    points = np.where(shares > 0, 100 * shares * rated, np.nan)
    score = np.where(total[:, 0] > 0, np.nansum(points, axis=1), np.nan)
    columns = {f"points_{name}": points[:, place] for place, name in enumerate(ratings.columns)}
    return pd.DataFrame({"value_score": score, **columns, "known_weight": total[:, 0]}, index=ratings.index)


def mean_of_known(columns: list[Floats]) -> Floats:
    """The mean of each row's finite values; NaN where there is none."""
    stacked = np.column_stack(columns)
    known = np.isfinite(stacked)
    count = known.sum(axis=1)
    return np.where(count > 0, np.where(known, stacked, 0).sum(axis=1) / np.maximum(count, 1), np.nan)


def _wanted(settings: ScoreSettings, measured: list[Criterion], frame: pd.DataFrame) -> dict[str, float]:
    """The weights as they would be if everything could be measured."""
    criteria = CRITERIA["customers" if isinstance(settings, ValueScoreSettings) else "suppliers"]
    if settings.weights == "ahp":
        return ahp_weights(settings.judgements, {c.id: c.name for c in criteria})
    if settings.weights == "entropy":
        ratings = [_spread_out(criterion, frame) for criterion in measured]
        weights = entropy_weights(np.column_stack(ratings)).tolist() if ratings else []
        return {c.id: c.weight for c in criteria} | dict(zip([c.id for c in measured], weights, strict=True))
    return settings.criteria or {c.id: c.weight for c in criteria}


def _spread_out(criterion: Criterion, frame: pd.DataFrame) -> Floats:
    return mean_of_known(
        [
            spread_out(_numbers(frame, measure.column), measure.more_is_better)
            for measure in criterion.measures
            if measure.column in frame
        ]
    )


def _renormalised(wanted: Mapping[str, float], measured: list[Criterion]) -> dict[str, float]:
    """The weights of what can be measured, adding up to one; in the order of the registry; none where all are zero."""
    kept = {c.id: wanted[c.id] for c in measured if wanted.get(c.id, 0) > 0}
    total = sum(kept.values())
    return {name: weight / total for name, weight in kept.items()}


def _numbers(frame: pd.DataFrame, name: str) -> Floats:
    values = pd.to_numeric(frame[name]).to_numpy(dtype=np.float64, na_value=np.nan)
    return np.where(np.isfinite(values), values, np.nan)


def _listed(weights: Mapping[Text, float]) -> Text:
    ranked = sorted(weights.items(), key=lambda item: -item[1])
    return Text(
        *(
            mark.join(f"{n.of(lang)} {w:.0%}" for n, w in ranked)
            for mark, lang in zip((", ", "、"), LANGUAGES, strict=True)
        )
    )


_WEIGHTS = Text("Weights: {weights}.", "权重：{weights}。")
_WEIGHTS_AND_LEFT_OUT = Text(
    "Weights: {weights}. Left out, as the facts say nothing of it: {left_out}.",
    "权重：{weights}。因数据中没有相应信息而未计入：{left_out}。",
)
_NOTHING_MEASURED = Text(
    "No criterion of the score can be measured ({criteria}): none of the columns {columns} has a value. Add tables that"
    " give them, or name other criteria.",
    "评分的各项指标（{criteria}）均无法衡量：{columns} 各列都没有取值。请添加相应的数据表，或改用其他指标。",
)
