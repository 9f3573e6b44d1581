"""What reasons cost: exact contributions beside XGBoost's own exact and approximate ones, and whole sentences.

Boosters of three shapes are trained on random customers with 100 features, a fifth of the values missing. Each method
explains so many of them that it runs for seconds, on one thread; the figure is rows per second of CPU time, and how far
the values are from those of ``pred_contribs``. Then a million customers: the contributions, and all of ``explain``, the
sentences included, measured on a part and multiplied.

Run as ``python -m tests.benchmarks.reasons [--quick] [--woodelf PYTHON]``; the latter is a Python that has
``woodelf_explainer`` and XGBoost, to measure it as well.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import xgboost as xgb
from numpy.typing import NDArray

from features.catalogue import FEATURES
from tests.benchmarks.report import Result, at_least, at_most, write
from training.models.churn import XGBoostChurn
from training.models.tree_shap import TreeShap
from training.reasons import explain

Floats = NDArray[np.float64]

SHAPES = ((300, 3), (300, 4), (500, 6))
"""Trees and their depth; the first is what training makes."""
NAMES = tuple(feature.name for feature in FEATURES)[:100]
TRAINING_ROWS = 20_000
ROWS = 200_000
WOODELF_ROWS = 20_000
XGBOOST_ROWS = {(300, 3): 4_000, (300, 4): 2_000, (500, 6): 400}
CUSTOMERS = 1_000_000
MOST_SECONDS = 50.0
"""CPU seconds for the contributions of a million customers: what their features cost."""
LEAST_TIMES = 5.0

WOODELF = """
import json, sys, time
import pandas as pd, xgboost as xgb
from woodelf import WoodelfExplainer
booster, rows = xgb.Booster(), pd.read_parquet(sys.argv[2])
booster.load_model(sys.argv[1])
explainer = WoodelfExplainer(booster)
start = time.process_time()
explainer.shap_values(rows)
print(json.dumps(len(rows) / (time.process_time() - start)))
"""


def customers(rows: int, seed: int) -> pd.DataFrame:
    """Random customers with features of the catalogue's names: skewed, a fifth of the values missing."""
    generator = np.random.default_rng(seed)
    values = generator.gamma(2, 20, (rows, len(NAMES))).astype(np.float32).astype(np.float64)
    values[generator.random(values.shape) < 0.2] = np.nan
    return pd.DataFrame(values, columns=list(NAMES))


def trained(rounds: int, depth: int) -> XGBoostChurn:
    """A booster of full trees, each of whose splits draws among a few of the features."""
    frame = customers(TRAINING_ROWS, seed=1)
    known = np.nan_to_num(frame.to_numpy(), nan=40.0)
    log_odds = (known[:, :20] - 40) @ np.random.default_rng(2).normal(0, 0.02, 20) + (known[:, 20] > known[:, 21])
    churned = np.random.default_rng(3).random(len(frame)) < 1 / (1 + np.exp(-log_odds))
    parameters = {"max_depth": depth, "eta": 0.05, "subsample": 0.8, "colsample_bytree": 0.6, "lambda": 5, "nthread": 1}
    data = xgb.DMatrix(frame, label=churned)
    return XGBoostChurn(xgb.train({**parameters, "objective": "binary:logistic", "seed": 1}, data, rounds), NAMES)


def cpu_seconds(work: Callable[[], object]) -> float:
    """CPU time of all threads of this process while it works."""
    start = time.process_time()
    work()
    return time.process_time() - start


def contributions(shape: tuple[int, int], rows: int, woodelf: str | None) -> list[Result]:
    """Rows a CPU second of each method at one shape, and how far the values lie apart."""
    model, frame = trained(*shape), customers(rows, seed=4)
    few = frame.head(XGBOOST_ROWS[shape])
    data = xgb.DMatrix(few, nthread=1)
    exact = model.booster.predict(data, pred_contribs=True)[:, :-1]
    approximate = model.booster.predict(data, pred_contribs=True, approx_contribs=True)[:, :-1]
    tables = TreeShap.of(model.booster)
    assert tables is not None
    building = cpu_seconds(lambda: TreeShap.of(model.booster))
    by_xgboost = len(few) / cpu_seconds(lambda: model.booster.predict(data, pred_contribs=True))
    by_approximation = len(few) / cpu_seconds(
        lambda: model.booster.predict(data, pred_contribs=True, approx_contribs=True)
    )
    by_tables = rows / cpu_seconds(lambda: tables.contributions(frame, NAMES))
    name = "{} trees of depth {}".format(*shape)
    found = [
        Result(f"{name}: pred_contribs", by_xgboost, "rows a CPU second"),
        Result(f"{name}: approx_contribs", by_approximation, "rows a CPU second"),
        Result(f"{name}: tables", by_tables, "rows a CPU second"),
        Result(f"{name}: making the tables", building, "CPU seconds"),
        at_least(f"{name}: tables / pred_contribs", by_tables / by_xgboost, "times", LEAST_TIMES),
        at_most(f"{name}: tables − pred_contribs", _apart(tables.contributions(few, NAMES), exact), "log-odds", 1e-5),
        Result(f"{name}: approx_contribs − pred_contribs", _apart(approximate, exact), "log-odds"),
    ]
    if woodelf:
        found += [
            Result(
                f"{name}: woodelf-explainer", _woodelf(woodelf, model, frame.head(WOODELF_ROWS)), "rows a CPU second"
            )
        ]
    return found


def _apart(some: Floats, others: Floats) -> float:
    return float(np.abs(some - others).max())


def _woodelf(python: str, model: XGBoostChurn, frame: pd.DataFrame) -> float:
    with tempfile.TemporaryDirectory() as folder:
        booster, rows = Path(folder) / "booster.ubj", Path(folder) / "rows.parquet"
        model.booster.save_model(booster)
        frame.to_parquet(rows)
        command = [python, "-c", WOODELF, str(booster), str(rows)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return float(json.loads(done.stdout.splitlines()[-1]))


def million(rows: int) -> list[Result]:
    """The contributions of a million customers at the shape of our models, and all of their reasons."""
    model, frame = trained(*SHAPES[0]), customers(rows, seed=5)
    model.contributions(frame.head(1))  # makes the tables
    times = CUSTOMERS / rows
    split = times * cpu_seconds(lambda: model.contributions(frame))
    told = times * cpu_seconds(lambda: explain(model, frame, "EUR"))
    return [
        at_most("contributions of 1,000,000 customers", split, "CPU seconds", MOST_SECONDS),
        at_most("reasons of 1,000,000 customers in two languages", told, "CPU seconds", MOST_SECONDS),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write ``reasons.json``; 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows")
    parser.add_argument("--woodelf", metavar="PYTHON", help="measure woodelf-explainer with this Python")
    chosen = parser.parse_args(arguments)
    rows = ROWS // 10 if chosen.quick else ROWS
    found = [result for shape in SHAPES for result in contributions(shape, rows, chosen.woodelf)]
    found += million(rows)
    write("reasons", found)
    return int(any(result.holds is False for result in found))


if __name__ == "__main__":
    sys.exit(main())
