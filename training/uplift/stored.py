"""What was learnt of actions as one JSON document: no pickle, trees in XGBoost's own JSON, golden rows checked at load."""

import json
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
import xgboost as xgb
from numpy.typing import NDArray

from features.errors import ModelError
from features.text import Text
from training.evaluation.bootstrap import Estimate
from training.uplift.learners import Effect
from training.uplift.model import ActionUplift, LearntUplift
from training.uplift.race import Race, Runner

VERSION = 1
GOLDEN_ROWS = 10
GOLDEN_TOLERANCE = 1e-6
_ESTIMATES = ("qini", "behind", "top", "policy")


def to_json(model: LearntUplift, golden: pd.DataFrame) -> str:
    """The whole of it, with a few rows of ``golden`` (its features) that must come out the same when it is read.

    The same model and rows give the same text.
    """
    rows = golden[list(model.features)].head(GOLDEN_ROWS)
    document = {
        "version": VERSION,
        "features": list(model.features),
        "value_feature": model.value_feature,
        "is_wanted": model.is_wanted,
        "horizon_days": model.horizon_days,
        "as_of": model.as_of,
        "without_propensity": list(model.without_propensity),
        "unlearnt": {action: list(why) for action, why in model.unlearnt.items()},
        "actions": [
            {"race": asdict(one.race), "model": None if one.model is None else one.model.as_json()}
            for one in model.actions
        ],
        "golden": {
            "rows": rows.to_numpy(dtype=np.float64).tolist(),
            "effects": model.effects(rows).to_numpy().tolist(),
            "scores": model.scores(rows).to_numpy().tolist(),
        },
    }
    return json.dumps(_without_nan(document), allow_nan=False, sort_keys=True)


def from_json(text: str) -> LearntUplift:
    """Read what `to_json` gave. Raises ModelError: it is no such document, or gives other numbers than it did."""
    try:
        document: dict[str, Any] = json.loads(text)
        if document["version"] != VERSION:
            raise ValueError(f"version {document['version']}")
        model = LearntUplift(
            features=tuple(document["features"]),
            value_feature=document["value_feature"],
            actions=tuple(_action(one) for one in document["actions"]),
            unlearnt={action: Text(*why) for action, why in document["unlearnt"].items()},
            is_wanted=bool(document["is_wanted"]),
            horizon_days=int(document["horizon_days"]),
            as_of=str(document["as_of"]),
            without_propensity=tuple(document["without_propensity"]),
        )
        golden = document["golden"]
        rows = pd.DataFrame(_numbers(golden["rows"]).reshape(-1, len(model.features)), columns=list(model.features))
        same = _same(model.effects(rows), golden["effects"]) and _same(model.scores(rows), golden["scores"])
    except (AttributeError, KeyError, IndexError, TypeError, ValueError, xgb.core.XGBoostError) as fault:
        raise ModelError(_UNREADABLE, fault=fault) from fault
    if not same:
        raise ModelError(_DIFFERENT)
    return model


def _action(document: dict[str, Any]) -> ActionUplift:
    told = dict(document["race"])
    told["average"] = _estimate(told["average"])
    told["runners"] = tuple(_runner(one) for one in told["runners"])
    return ActionUplift(Race(**told), None if document["model"] is None else Effect.from_json(document["model"]))


def _runner(document: dict[str, Any]) -> Runner:
    estimates = {name: _estimate(document[name]) for name in _ESTIMATES}
    return Runner(ranking=str(document["ranking"]), auuc=_number(document["auuc"]), **estimates)


def _estimate(document: dict[str, Any]) -> Estimate:
    return Estimate(**{name: _number(value) for name, value in document.items()})


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)


def _numbers(values: Any) -> NDArray[np.float64]:
    return np.asarray(values, dtype=np.float64)  # None becomes NaN


def _same(found: pd.DataFrame, expected: Any) -> bool:
    wanted = _numbers(expected).reshape(found.shape)
    return bool(np.allclose(_finite(found.to_numpy()), _finite(wanted), rtol=0, atol=GOLDEN_TOLERANCE))


def _finite(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Infinite scores (of a value that is missing) as they come out of JSON, which has no infinity."""
    return np.where(np.isfinite(values), values, 0.0)


def _without_nan(value: Any) -> Any:
    """None for numbers that JSON does not know."""
    if isinstance(value, dict):
        return {name: _without_nan(own) for name, own in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(own) for own in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


_UNREADABLE = Text(
    "The model of what actions change cannot be read: {fault}. Train again with 'retinue train'.",
    "无法读取行动效果模型：{fault}。请用“retinue train”重新训练。",
)
_DIFFERENT = Text(
    "The model of what actions change gives other numbers than when it was stored. Train again with 'retinue train'.",
    "行动效果模型的结果与保存时不同。请用“retinue train”重新训练。",
)
