"""A model of late payment as one JSON document: no pickle, the booster in XGBoost's own JSON."""

import json
from dataclasses import asdict
from typing import Any

import xgboost as xgb

from features.errors import ModelError
from features.text import Text
from training.late_payment.calibration import LateCalibrators, Levels
from training.late_payment.cash import CashSpread
from training.late_payment.hazards import KINDS
from training.late_payment.model import LatePayment, Learnt

VERSION = 1


def to_json(model: LatePayment) -> str:
    """The whole model; the same model gives the same text."""
    document = {
        "version": VERSION,
        "kind": model.model.kind,
        "model": model.model.as_json(),
        "features": list(model.features),
        "usual_days": model.usual_days,
        "spread_days": model.spread_days,
        "levels": {name: list(own) for name, own in model.levels.of.items()},
        "calibrators": model.calibrators.as_json(),
        "cash": model.cash.as_json(),
        "learnt": asdict(model.learnt),
        "held_out_loss": model.held_out_loss,
        "judged": model.judged,
        "passed": model.passed,
    }
    return json.dumps(document, allow_nan=False, sort_keys=True)


def from_json(text: str) -> LatePayment:
    """Read what `to_json` gave. Raises ModelError: it is no such document."""
    try:
        document: dict[str, Any] = json.loads(text)
        if document["version"] != VERSION:
            raise ValueError(f"version {document['version']}")
        return LatePayment(
            model=KINDS[document["kind"]].from_json(document["model"]),
            features=tuple(document["features"]),
            usual_days=float(document["usual_days"]),
            spread_days=float(document["spread_days"]),
            levels=Levels({name: (own[0], own[1], own[2]) for name, own in document["levels"].items()}),
            calibrators=LateCalibrators.from_json(document["calibrators"]),
            cash=CashSpread.from_json(document["cash"]),
            learnt=Learnt(**document["learnt"]),
            held_out_loss=dict(document["held_out_loss"]),
            judged=dict(document["judged"]),
            passed=bool(document["passed"]),
        )
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, xgb.core.XGBoostError) as fault:
        raise ModelError(_UNREADABLE, fault=fault) from fault


_UNREADABLE = Text(
    "The model of late payment cannot be read: {fault}. Train again with 'retinue train'.",
    "无法读取逾期付款模型：{fault}。请用“retinue train”重新训练。",
)
