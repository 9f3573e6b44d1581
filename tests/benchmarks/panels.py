"""How good the churn models are on panels of ready-made attributes, where others have published figures.

telco: the 7,043 customers of IBM's fictional telephone company, found through RETINUE_TEST_DATA. tv: 9,379 subscribers of
a TV provider with the costs of each (Correa Bahnsen et al. 2015), from the package empulse; that has a licence of its own,
so it lies in an environment of its own, and only its data file is read.

Protocol: five stratified folds, twice, with the seeds 0 and 1 (or so often as --repeats says). What the columns are, the number of boosting rounds, the
calibration and the choice between the candidates come from the other four folds alone. AUC and savings are means over
folds, log-loss and calibration error are those of all rows of a repeat, averaged over the repeats. Our parameters are the
defaults of the service, the same for both panels. One of them was set with a look at the subscribers: trees of depth 4
instead of 3, which changed nothing beyond noise on the other data. The naive models and those of other libraries have their
own defaults.

Savings: a customer is treated where that is expected to cost less (minimum Bayes risk), and the cost of all decisions is
compared with that of the better of treating nobody and treating everybody. They hang on the 449 subscribers who left: one
repeat differs from another by a percentage point or more, which a few repeats do not average out.

Run as ``python -m tests.benchmarks.panels [--only telco] [--repeats 8]``.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xgboost as xgb
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.benchmarks.report import FOLDER, Result, at_least, at_most, write
from training.dataset import LABEL
from training.evaluation.metrics import calibration_error
from training.models.attributes import Attributes
from training.models.fitting import Settings, fit_binned, fit_candidates

Floats = NDArray[np.float64]

REPEATS = 2
FOLDS = 5
TV_PACKAGE = "empulse==0.13.1"
COSTS = {"C_TP": "treated_left", "C_FP": "treated_stayed", "C_FN": "untreated_left", "C_TN": "untreated_stayed"}
"""The names of the costs in the file, and what they are the cost of."""


@dataclass(frozen=True)
class Targets:
    """What the chosen candidate is held to."""

    auc: float
    calibration_error: float
    savings: float | None = None


@dataclass(frozen=True)
class Panel:
    """One row a customer: raw attributes, whether it left, and what each decision would cost (no columns: unknown)."""

    attributes: pd.DataFrame
    churned: NDArray[np.int64]
    costs: pd.DataFrame


@dataclass(frozen=True)
class Judged:
    """One model on one panel. ``calibration_errors`` and ``savings`` have one entry a repeat."""

    name: str
    auc: float
    log_loss: float
    calibration_errors: tuple[float, ...]
    savings: tuple[float, ...]


# --- the panels


def telco() -> Panel | None:
    """The telephone customers; None when their file is not there."""
    file = Path(os.environ.get("RETINUE_TEST_DATA", "")) / "ibm_telco_churn.csv.gz"
    if not file.exists():
        print("telco is left out: RETINUE_TEST_DATA names no folder with ibm_telco_churn.csv.gz.")
        return None
    frame = pd.read_csv(file).drop(columns="customerID")
    left = np.asarray(frame["Churn"] == "Yes", dtype=np.int64)
    return Panel(frame.drop(columns="Churn"), left, pd.DataFrame(index=frame.index))


def tv(folder: Path = FOLDER) -> Panel | None:
    """The TV subscribers; None when the package that has them cannot be installed under ``folder``."""
    package = _installed(folder / f"tv-{TV_PACKAGE.replace('==', '-')}")
    if package is None:
        return None
    frame = pd.read_csv(package / "datasets" / "data" / "churn_tv_subscriptions.csv.gz").drop(columns="id")
    costs = frame[list(COSTS)].rename(columns=COSTS)
    return Panel(frame.drop(columns=["target", *COSTS]), frame["target"].to_numpy(dtype=np.int64), costs)


def _installed(environment: Path) -> Path | None:
    """The folder of the package in an environment of its own, made once; nothing else is installed, nothing imported."""
    python = environment / "bin" / "python"
    if not (environment / "ready").exists():
        print(f"Installing {TV_PACKAGE} into {environment} …", flush=True)
        for command in (
            [sys.executable, "-m", "venv", "--clear", str(environment)],
            [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", TV_PACKAGE],
        ):
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                print(f"tv is left out: {TV_PACKAGE} could not be installed.\n{done.stderr[-500:]}")
                return None
        (environment / "ready").touch()
    where = "import importlib.util as u; print(u.find_spec('empulse').submodule_search_locations[0])"
    return Path(subprocess.run([str(python), "-c", where], capture_output=True, text=True, check=True).stdout.strip())


# --- the models: each is given raw attributes and outcomes to learn from and says probabilities of other customers

Model = Callable[[pd.DataFrame, NDArray[np.int64], pd.DataFrame, int], dict[str, Floats]]
"""From training rows, their outcomes, other rows and a seed to probabilities by the name of the model."""


def ours(train: pd.DataFrame, churned: NDArray[np.int64], test: pd.DataFrame, seed: int) -> dict[str, Floats]:
    """Every candidate, the one that held-out customers of the training rows prefer, and the scorecard."""
    attributes = Attributes.learn(train)
    frame = attributes.encode(train).reset_index(drop=True)
    frame = frame.assign(customer_id=np.arange(len(frame)), as_of=pd.Timestamp("2025-01-01", tz="UTC"))
    frame = frame.assign(**{LABEL: churned})
    candidates = fit_candidates(frame, attributes.names, seed, Settings(attributes.categories))
    chosen = min(candidates, key=lambda kind: candidates[kind].held_out_log_loss)
    card = fit_binned(frame, attributes.names, seed, Settings(attributes.categories))
    rows = attributes.encode(test)
    found = {f"ours, {kind}": fitted.probability(rows) for kind, fitted in candidates.items()}
    return found | {"ours, binned (scorecard)": card.probability(rows), "ours, chosen": found[f"ours, {chosen}"]}


def naive(train: pd.DataFrame, churned: NDArray[np.int64], test: pd.DataFrame, seed: int) -> dict[str, Floats]:
    """The base rate, and the rate in tenths (or levels) of the attribute that alone ranks the training rows best."""
    attributes = Attributes.learn(train)
    known, asked = attributes.encode(train), attributes.encode(test)
    rate = float(churned.mean())
    rates = {name: _rates(known[name], churned, known[name], rate) for name in attributes.names}
    best = max(rates, key=lambda name: roc_auc_score(churned, rates[name]))
    return {
        "base rate": np.full(len(test), rate),
        "best single attribute": _rates(known[best], churned, asked[best], rate),
    }


def _rates(known: pd.Series, churned: NDArray[np.int64], asked: pd.Series, rate: float) -> Floats:
    """The churn rate among training rows of the same tenth, the base rate counted in as one more customer."""
    edges = np.unique(np.nanquantile(known, np.linspace(0.1, 0.9, 9)))
    tenths, asked_tenths = (
        np.where(values.isna(), len(edges) + 1, np.searchsorted(edges, values, side="right"))
        for values in (known, asked)
    )
    rows, left = (np.bincount(tenths, weights=w, minlength=len(edges) + 2) for w in (np.ones(len(known)), churned))
    return np.asarray(((left + rate) / (rows + 1))[asked_tenths])


def others(train: pd.DataFrame, churned: NDArray[np.int64], test: pd.DataFrame, seed: int) -> dict[str, Floats]:
    """What other libraries say with their defaults; levels are given as indicators or as their own categories."""
    attributes = Attributes.learn(train)
    known, asked = attributes.encode(train), attributes.encode(test)
    plain, plain_asked = (_indicators(attributes, rows, known) for rows in (known, asked))
    regression = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    histogram = HistGradientBoostingClassifier(categorical_features=list(attributes.categories), random_state=seed)
    return {
        "LogisticRegression, defaults": regression.fit(plain, churned).predict_proba(plain_asked)[:, 1],
        "XGBoost, defaults": _boosted(plain, churned, plain_asked, seed, 1.0),
        "XGBoost, scale_pos_weight=20": _boosted(plain, churned, plain_asked, seed, 20.0),
        "HistGradientBoosting, defaults": histogram.fit(known, churned).predict_proba(asked)[:, 1],
    }


def _indicators(attributes: Attributes, rows: pd.DataFrame, known: pd.DataFrame) -> Floats:
    """Amounts with the median where missing, and an indicator for each level."""
    parts = [rows[[n for n in attributes.names if n not in attributes.levels]].fillna(known.median()).to_numpy()]
    for name, levels in attributes.levels.items():
        parts.append(rows[name].to_numpy()[:, None] == np.arange(len(levels.labels())))
    return np.column_stack(parts).astype(np.float64)


def _boosted(known: Floats, churned: NDArray[np.int64], asked: Floats, seed: int, weight: float) -> Floats:
    model = xgb.XGBClassifier(random_state=seed, n_jobs=1, scale_pos_weight=weight)
    return np.asarray(model.fit(known, churned).predict_proba(asked)[:, 1], dtype=np.float64)


# --- judging


def savings(churned: NDArray[np.int64], probability: Floats, costs: pd.DataFrame) -> float:
    """What deciding by probability saves of the cost of the better of treating nobody and everybody (1: all of it)."""
    treated = probability * costs["treated_left"] + (1 - probability) * costs["treated_stayed"]
    untreated = probability * costs["untreated_left"] + (1 - probability) * costs["untreated_stayed"]
    left = churned == 1
    if_treated = np.where(left, costs["treated_left"], costs["treated_stayed"])
    if_not = np.where(left, costs["untreated_left"], costs["untreated_stayed"])
    cost = np.where(treated < untreated, if_treated, if_not).sum()
    return float(1 - cost / min(if_treated.sum(), if_not.sum()))


def judge(
    panel: Panel, models: Sequence[Model], seeds: Sequence[int] = range(REPEATS), folds: int = FOLDS
) -> list[Judged]:
    """Every model on every fold of every repeat."""
    aucs: dict[str, list[float]] = {}
    saved: dict[str, list[list[float]]] = {}
    whole: dict[str, list[Floats]] = {}
    for seed in seeds:
        splits = StratifiedKFold(folds, shuffle=True, random_state=seed).split(panel.attributes, panel.churned)
        for number, (fit, out) in enumerate(splits):
            print(f"seed {seed}, fold {number + 1} of {folds}", file=sys.stderr, flush=True)
            train, test = panel.attributes.iloc[fit], panel.attributes.iloc[out]
            said: dict[str, Floats] = {}
            for model in models:
                said |= model(train, panel.churned[fit], test, seed)
            for name, probability in said.items():
                if number == 0:
                    whole.setdefault(name, []).append(np.empty(len(panel.churned)))
                    saved.setdefault(name, []).append([])
                whole[name][-1][out] = probability
                aucs.setdefault(name, []).append(float(roc_auc_score(panel.churned[out], probability)))
                if len(panel.costs.columns):
                    saved[name][-1].append(savings(panel.churned[out], probability, panel.costs.iloc[out]))
    return [
        Judged(
            name,
            float(np.mean(aucs[name])),
            float(np.mean([log_loss(panel.churned, p) for p in probabilities])),
            tuple(calibration_error(panel.churned, p) for p in probabilities),
            tuple(float(np.mean(repeat)) for repeat in saved[name] if repeat),
        )
        for name, probabilities in whole.items()
    ]


def results(name: str, judged: Sequence[Judged], targets: Targets) -> list[Result]:
    """A line a figure; the chosen candidate's are held to the targets and to the better naive model."""
    chosen = next(j for j in judged if j.name == "ours, chosen")
    found: list[Result] = []
    for one in judged:
        worst, label = max(one.calibration_errors), f"{name}: {{}} of {one.name}"
        if one is chosen:
            found += [
                at_least(label.format("AUC"), one.auc, "AUC", targets.auc),
                Result(label.format("log-loss"), one.log_loss, "nats"),
                at_most(label.format("calibration error (worse repeat)"), worst, "share", targets.calibration_error),
            ]
        else:
            found += [
                Result(label.format("AUC"), one.auc, "AUC"),
                Result(label.format("log-loss"), one.log_loss, "nats"),
                Result(label.format("calibration error (worse repeat)"), worst, "share"),
            ]
        if one.savings:
            mean, what = float(np.mean(one.savings)), label.format("savings")
            held = one is chosen and targets.savings is not None
            found.append(at_least(what, mean, "share", targets.savings or 0.0) if held else Result(what, mean, "share"))
    return found


PANELS: dict[str, tuple[Callable[[], Panel | None], Targets]] = {
    "telco": (telco, Targets(auc=0.847, calibration_error=0.02)),
    "tv": (tv, Targets(auc=0.72, calibration_error=0.02, savings=0.18)),
}


def main() -> None:
    """Run the benchmark on the panels that are wanted and there, and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=list(PANELS), help="one panel instead of all")
    parser.add_argument("--repeats", type=int, default=REPEATS, help=f"how often the folds are drawn ({REPEATS})")
    arguments = parser.parse_args()
    found: list[Result] = []
    for name in [arguments.only] if arguments.only else PANELS:
        load, targets = PANELS[name]
        panel = load()
        if panel is not None:
            found += results(name, judge(panel, (naive, others, ours), range(arguments.repeats)), targets)
    write("panels", found)


if __name__ == "__main__":
    main()
