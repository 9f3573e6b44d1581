"""Versions in a registry, made without a whole training: a regression on five features of a small shop."""

from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from features.catalogue import BY_NAME, catalogue_hash
from features.leakage.certificate import Certificate, Checked, Finding, Severity
from features.project import Project
from features.snapshot import snapshot
from features.sources import open_facts
from features.text import Text
from tests.training.companies import FEATURES, utc
from training.comparison import judged_table
from training.dataset import LABEL, labelled_snapshots
from training.evaluation.metrics import evaluate
from training.gate import Difference, JudgedRows, Verdict
from training.models.calibration import Calibrator
from training.models.churn import LogisticChurn
from training.models.rfm import RfmModel, fit_rfm
from training.models.stored import ModelFacts, StoredModel
from training.tracking import log_churn_model, log_segments

TEST = utc(2025, 9, 1)
HORIZON = timedelta(days=30)

PASSED = Verdict(True, (Text("It is better.", "更好。"),), (Difference("money", "champion", 1.0, 0.5),))
REFUSED = Verdict(
    False,
    (Text("Its probabilities are wrong as a whole.", "概率整体偏离。"), Text("It earns less.", "赚得少。")),
    (Difference("money", "champion", -1.0, 0.1),),
)


def fitted(project: Project, as_of: datetime, features: tuple[str, ...] = FEATURES) -> tuple[StoredModel, pd.DataFrame]:
    """A model that knows the facts before an instant, judged on the cut-off TEST; and the rows of that cut-off."""
    with open_facts(project) as facts:
        chosen = tuple(BY_NAME[name] for name in features)
        cutoffs = [as_of - HORIZON * n for n in (2, 1)]
        frame = labelled_snapshots(facts, cutoffs, as_of, chosen)
        test = labelled_snapshots(facts, [TEST], TEST + HORIZON, chosen)
    churned = frame[LABEL].to_numpy(dtype=np.int64)
    model = LogisticChurn.fit(frame, churned.astype(np.float64), features)
    calibrator = Calibrator.fit(model.log_odds(frame), churned, 0, frame["customer_id"])
    said = calibrator.probability(model.log_odds(test))
    truth = test[LABEL].to_numpy(dtype=np.int64)
    metrics = {"logistic": said, "base_rate": np.full(len(test), churned.mean())}
    facts_of_model = ModelFacts(
        kind="logistic",
        features=features,
        catalogue_hash=catalogue_hash(chosen),
        as_of=as_of.isoformat(),
        horizon_days=HORIZON.days,
        active_within_days=project.churn.active_within_days,
        metrics={name: evaluate(truth, probability).as_dict() for name, probability in metrics.items()},
    )
    return StoredModel(facts_of_model, model, calibrator), test


def judged(test: pd.DataFrame) -> JudgedRows:
    return JudgedRows(
        test["customer_id"].to_numpy(dtype=object),
        test["as_of"].dt.tz_localize(None).to_numpy(dtype="datetime64[us]"),
        test[LABEL].to_numpy(dtype=np.int64),
        np.full(len(test), 100.0),
    )


def certificate(as_of: datetime, *, leaks: bool = False) -> Certificate:
    checked = Checked(FEATURES, (as_of,), (), 1, 1, {"orders": 1}, 1)
    severity: Severity = "failed" if leaks else "passed"
    return Certificate(as_of, "hash", checked, (Finding("truncation", "x", severity, Text("w", "词")),), ())


def register(
    project: Project, as_of: datetime, *, features: tuple[str, ...] = FEATURES, leaks: bool = False, keep: bool = True
) -> str:
    """Register a version; with ``keep`` also the rows that it was judged on and the model as it was judged."""
    stored, test = fitted(project, as_of, features)
    rows = judged_table(judged(test), {"logistic": stored.probability(test)}) if keep else None
    parameters = {"model": "logistic", "test_cutoff": TEST.isoformat(), "seed": 0}
    _, version = log_churn_model(
        project, stored, test, parameters, {}, certificate(as_of, leaks=leaks), stored if keep else None, rows
    )
    return version


def present(project: Project, as_of: datetime) -> pd.DataFrame:
    with open_facts(project) as facts:
        return pd.DataFrame(snapshot(facts, [as_of]).to_pandas())


def register_segments(project: Project, as_of: datetime) -> RfmModel:
    segments = fit_rfm(present(project, as_of), as_of, "hash")
    log_segments(project, segments, {"loyal": 1})
    return segments
