"""A churn model as files: native formats without pickle, and golden rows that must come out the same at load."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import ModelError
from features.text import Text
from training.kinds import KINDS as CHURN_KINDS
from training.models.attributes import Attributes
from training.models.calibration import Calibrator
from training.models.churn import KINDS, ChurnModel
from training.models.population import Population
from training.models.timing.fit import Timing, load_timing, save_timing

Floats = NDArray[np.float64]

TIMING = "timing"
"""Folder of the model of when, beside the files of the churn model."""

GOLDEN_ROWS = 20
GOLDEN_TOLERANCE = 1e-6


@dataclass(frozen=True)
class ModelFacts:
    """What a model is for: it scores only what matches. ``as_of`` is when its knowledge ends (ISO 8601)."""

    kind: str
    features: tuple[str, ...]
    catalogue_hash: str
    as_of: str
    horizon_days: int
    active_within_days: int
    metrics: dict[str, dict[str, float]]
    """Metrics on the last cut-off by model name, the baselines beside the model itself."""
    churn_kind: str = "silence"
    one_time_buyers: int | None = None
    """How many customers it has learnt from after their first purchase; None where purchases are not counted."""


@dataclass(frozen=True)
class Golden:
    """The first rows that a model was kept with, shape (rows, features), and the probabilities that it gave them."""

    rows: Floats
    probabilities: Floats


@dataclass(frozen=True)
class StoredModel:
    """A model, its calibrator and what it is for; where leaving has an instant, a model of when; for a panel, its columns;
    the ``population`` that it was learnt among, where that was kept.

    Frames are snapshots, or the panel's attributes as `encoded` makes them: float64, NaN where missing. ``golden`` is
    there once it was read from files.
    """

    facts: ModelFacts
    model: ChurnModel
    calibrator: Calibrator
    timing: Timing | None = None
    attributes: Attributes | None = None
    population: Population | None = None
    golden: Golden | None = field(default=None, compare=False, repr=False)

    def probability(self, frame: pd.DataFrame) -> Floats:
        """Calibrated probability of leaving, shape (rows,). ``frame`` holds the feature columns."""
        return self.calibrator.probability(self.model.log_odds(frame))

    def encoded(self, frame: pd.DataFrame) -> pd.DataFrame:
        """customer_id, as_of and the numbers of a panel's raw attributes. Raises FactsError: a column is missing."""
        if self.attributes is None:
            return frame
        return pd.concat([frame[["customer_id", "as_of"]], self.attributes.encode(frame)], axis=1)

    def can_be_lost(self, frame: pd.DataFrame) -> NDArray[np.bool_]:
        """Marks the customers of whom the model can tell a risk; of a panel, all."""
        kind = CHURN_KINDS.get(self.facts.churn_kind)
        if kind is None:
            return np.ones(len(frame), dtype=bool)
        return kind.at_risk(frame, self.facts.horizon_days, self.facts.active_within_days)


def save_model(stored: StoredModel, frame: pd.DataFrame, directory: Path) -> None:
    """Write a model into an empty directory, with the first rows of ``frame`` as its golden rows."""
    golden = frame[list(stored.facts.features)].head(GOLDEN_ROWS)
    document = {
        "facts": asdict(stored.facts),
        "calibrator": stored.calibrator.to_document(),
        "golden": {
            "rows": [[None if np.isnan(v) else v for v in row] for row in golden.to_numpy(dtype=np.float64).tolist()],
            "probabilities": stored.probability(golden).tolist(),
        },
    }
    if stored.attributes:
        document["attributes"] = stored.attributes.as_dict()
    if stored.population:
        document["population"] = stored.population.as_document()
    stored.model.save(directory)
    if stored.timing:
        (directory / TIMING).mkdir()
        save_timing(stored.timing, frame, directory / TIMING)
    (directory / "model.json").write_text(json.dumps(document, indent=1, allow_nan=False), encoding="utf-8")


def load_model(directory: Path) -> StoredModel:
    """Read a model and predict its golden rows again.

    Raises ModelError: a file is missing or unreadable, or the golden rows come out differently.
    """
    try:
        document: dict[str, Any] = json.loads((directory / "model.json").read_text(encoding="utf-8"))
        facts = ModelFacts(**{**document["facts"], "features": tuple(document["facts"]["features"])})
        calibrator = Calibrator.from_document(document["calibrator"])
        timing = load_timing(directory / TIMING) if (directory / TIMING).is_dir() else None
        attributes = Attributes.from_dict(document["attributes"]) if "attributes" in document else None
        population = Population.from_document(document["population"]) if "population" in document else None
        model = KINDS[facts.kind].load(directory, facts.features)
        golden = _golden(document["golden"], len(facts.features))
        stored = StoredModel(facts, model, calibrator, timing, attributes, population, golden)
        frame = pd.DataFrame(golden.rows, columns=list(facts.features))
        difference = float(np.max(np.abs(stored.probability(frame) - golden.probabilities)))
    except (OSError, AttributeError, IndexError, KeyError, TypeError, ValueError) as fault:
        raise ModelError(
            Text(
                "The model in {directory} cannot be read: {fault}. Train again with 'retinue train'.",
                "无法读取 {directory} 中的模型：{fault}。请用“retinue train”重新训练。",
            ),
            directory=directory,
            fault=fault,
        ) from fault
    if not difference <= GOLDEN_TOLERANCE:  # also when it is not a number
        raise ModelError(
            Text(
                "The model in {directory} no longer gives its own golden predictions (off by {difference:.2g}); the"
                " libraries or the files have changed. Train again with 'retinue train'.",
                "{directory} 中的模型无法重现其基准预测（相差 {difference:.2g}）；库或文件已改变。请用“retinue train”重新训练。",
            ),
            directory=directory,
            difference=difference,
        )
    return stored


def _golden(document: dict[str, Any], features: int) -> Golden:
    """Golden rows as they are kept. Raises ValueError: there are none, or they do not fit each other."""
    rows, probabilities = (np.asarray(document[name], dtype=np.float64) for name in ("rows", "probabilities"))
    if not 0 < len(rows) == len(probabilities) or rows.shape != (len(rows), features):
        raise ValueError(f"{len(rows)} golden rows for {len(probabilities)} predictions of {features} features")
    return Golden(rows, probabilities)
