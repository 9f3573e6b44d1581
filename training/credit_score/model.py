"""A fitted credit score: probability of growing overdue, points from 0 to 100 with their shares by C, class A to E."""

import json
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xgboost as xgb
from numpy.typing import NDArray

from features.errors import ModelError
from features.text import Text
from training.credit_score.five_cs import BY_FEATURE, FIVE_CS
from training.models.binned import BinnedLogisticChurn
from training.models.calibration import Calibrator
from training.models.churn import ChurnModel, XGBoostChurn

Floats = NDArray[np.float64]

CLASSES = ("A", "B", "C", "D", "E")
MIDDLE_POINTS = 50.0
POINTS_TO_HALVE_THE_ODDS = 10.0
GOLDEN_ROWS = 10
GOLDEN_TOLERANCE = 1e-6

BASES: dict[str, Text] = {
    "history": Text("by how it has paid so far", "依据其以往付款记录"),
    "look_alikes": Text("no invoice of its own yet: by customers like it", "尚无自身发票记录：依据同类客户"),
}


@dataclass(frozen=True)
class CreditScore:
    """A model of who grows overdue, and how its probabilities are told.

    ``base_rate`` is the share of customers with something to pay who grew overdue; ``bounds`` are the probabilities at
    which the classes B, C, D and E begin; ``class_rates`` the share that came true in each class out of time, with how many
    customers were in it (``class_sizes``). ``loss_share``: of what was sold on credit more than a year ago, the share that
    never came in. ``metrics`` by name of the model, on the test. ``missing`` are the Cs that no
    fact speaks for.
    """

    model: ChurnModel
    calibrator: Calibrator
    base_rate: float
    bounds: tuple[float, float, float, float]
    horizon_days: int
    overdue_days: int
    as_of: str
    metrics: dict[str, dict[str, float]]
    class_rates: tuple[float | None, ...] = (None,) * 5
    class_sizes: tuple[int, ...] = (0,) * 5
    loss_share: float = 0.0

    @property
    def missing(self) -> tuple[str, ...]:
        """The Cs that none of the facts speaks for."""
        known = {BY_FEATURE[name].c for name in self.model.features}
        return tuple(c for c in FIVE_CS if c not in known)

    def rate(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The credit of each customer of a snapshot, under its index.

        Columns: credit_probability (of an invoice more than ``overdue_days`` overdue within ``horizon_days``, if there is
        one to pay) with _low and _high (95 %), credit_score (0 to 100; 10 more halve the odds), credit_class (A to E),
        points_C for each C that facts speak for (above or below the average customer), credit_loss_share (of what it buys
        from now on; the share of all, more or less by its risk), and credit_basis (`BASES`).
        """
        log_odds = self.model.log_odds(frame)
        probability = self.calibrator.probability(log_odds)
        low, high = self.calibrator.interval(log_odds)
        points = self._points(frame)
        told = pd.DataFrame(
            {
                "credit_probability": probability,
                "credit_probability_low": low,
                "credit_probability_high": high,
                "credit_score": points_of(probability, self.base_rate),
                "credit_class": np.array(CLASSES, dtype=object)[np.searchsorted(self.bounds, probability, "right")],
            },
            index=frame.index,
        )
        return told.assign(
            **{f"points_{c}": values for c, values in points.items()},
            credit_loss_share=np.minimum(self.loss_share * probability / self.base_rate, 1.0),
            credit_basis=np.where(_has_history(frame), "history", "look_alikes"),
        )

    def _points(self, frame: pd.DataFrame) -> dict[str, Floats]:
        """Points that each C adds to those of the average customer, before calibration; they add up over the Cs."""
        given = -self.model.contributions(frame) * POINTS_TO_HALVE_THE_ODDS / np.log(2)
        owners = np.array([BY_FEATURE[name].c for name in self.model.features])
        return {c: given[:, owners == c].sum(axis=1) for c in FIVE_CS if (owners == c).any()}

    def parameters(self) -> dict[str, Any]:
        """What a run should record of the model."""
        return {
            "model": self.model.kind,
            "as_of": self.as_of,
            "horizon_days": self.horizon_days,
            "overdue_days": self.overdue_days,
            "features": len(self.model.features),
            "base_rate": round(self.base_rate, 6),
            "missing": ", ".join(self.missing),
        }

    def flat_metrics(self) -> dict[str, float]:
        """How good it and the naive ones were on the test, and what came true in each class, by name."""
        of_classes = {
            f"class_{name}_rate": rate for name, rate in zip(CLASSES, self.class_rates, strict=True) if rate is not None
        }
        return {f"{name}.{m}": v for name, values in self.metrics.items() for m, v in values.items()} | of_classes

    def to_json(self, golden: pd.DataFrame) -> str:
        """The model as plain JSON, with a few rows that must come out the same when it is read."""
        rows = golden[list(self.model.features)].head(GOLDEN_ROWS)
        document = {
            "kind": self.model.kind,
            "features": self.model.features,
            "parameters": _parameters(self.model),
            "calibrator": asdict(self.calibrator),
            **{name: getattr(self, name) for name in _PLAIN},
            "golden": {
                "rows": [[None if np.isnan(v) else float(v) for v in row] for row in rows.to_numpy(dtype=np.float64)],
                "log_odds": self.model.log_odds(rows).tolist(),
            },
        }
        return json.dumps(document, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> "CreditScore":
        """Read what `to_json` gave. Raises ModelError: it is damaged, or predicts something else than it did."""
        try:
            document = json.loads(text)
            features = tuple(document["features"])
            model = _read(document["kind"], document["parameters"], features)
            calibrator = Calibrator(**_tupled(document["calibrator"]))
            plain = _tupled({name: document[name] for name in _PLAIN})
            golden = pd.DataFrame(document["golden"]["rows"], columns=list(features), dtype="float64")
            expected = np.asarray(document["golden"]["log_odds"], dtype=np.float64)
        except (KeyError, TypeError, ValueError, xgb.core.XGBoostError) as fault:
            raise ModelError(
                Text(
                    "The credit score cannot be read: {fault}. Train again.",
                    "无法读取信用评分模型：{fault}。请重新训练。",
                ),
                fault=fault,
            ) from fault
        if not np.allclose(model.log_odds(golden), expected, rtol=0, atol=GOLDEN_TOLERANCE):
            raise ModelError(
                Text(
                    "The credit score gives other numbers than when it was stored. Train again.",
                    "信用评分模型的结果与保存时不同。请重新训练。",
                )
            )
        return cls(model=model, calibrator=calibrator, **plain)


_PLAIN = (
    *("base_rate", "bounds", "horizon_days", "overdue_days", "as_of", "metrics"),
    *("class_rates", "class_sizes", "loss_share"),
)


def _tupled(stored: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in stored.items()}


def points_of(probability: Floats, base_rate: float) -> Floats:
    """Points from 0 to 100: 50 at the base rate, 10 more for half the odds."""
    odds = np.log(probability / (1 - probability)) - np.log(base_rate / (1 - base_rate))
    return np.asarray(np.clip(MIDDLE_POINTS - POINTS_TO_HALVE_THE_ODDS * odds / np.log(2), 0, 100))


def _has_history(frame: pd.DataFrame) -> NDArray[np.bool_]:
    return np.asarray(frame["invoices_365d"].fillna(0) > 0) if "invoices_365d" in frame else np.zeros(len(frame), bool)


def _parameters(model: ChurnModel) -> Any:
    """What a model is made of, as plain values."""
    if isinstance(model, XGBoostChurn):
        return json.loads(model.booster.save_raw("json"))
    with tempfile.TemporaryDirectory(prefix="retinue-") as folder:
        model.save(Path(folder))
        [file] = Path(folder).iterdir()
        return json.loads(file.read_text(encoding="utf-8"))


def _read(kind: str, parameters: Any, features: tuple[str, ...]) -> ChurnModel:
    if kind == XGBoostChurn.kind:
        booster = xgb.Booster()
        booster.load_model(bytearray(json.dumps(parameters), "utf-8"))
        return XGBoostChurn(booster, features)
    if kind == BinnedLogisticChurn.kind:
        return BinnedLogisticChurn(features, parameters)
    raise ValueError(f"unknown kind {kind}")
