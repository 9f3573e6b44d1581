"""How well it is said when customers buy again: against their own rhythm, Kaplan–Meier and the purchase models.

Learnt from cut-offs as known by a day, and judged on the customers who are active at that day by what they bought in the
half year after it: CDNOW (real) as of 1997-12-31, the trading company (simulated) as of 2026-01-01.

Run as ``python -m tests.benchmarks.timing [--only cdnow]``.
"""

import argparse
import tempfile
from datetime import datetime
from pathlib import Path

import pandas as pd

from features.catalogue import BY_NAME
from features.project import load_project
from features.snapshot import snapshot
from features.sources import open_facts
from serving.demo import prepare
from tests.benchmarks.report import Result, at_least, write
from training.cutoffs import schedule
from training.dataset import active_snapshots, at_cutoffs, end_of_facts, span, training_features, with_labels
from training.durations import durations_of
from training.evaluation.survival import mean_and_error
from training.models.fitting import fit_xgboost
from training.models.purchases.bg_nbd import BgNbd
from training.models.purchases.history import AGE_DAYS, FIRST_TO_LAST_DAYS, PURCHASE_DAYS, PurchaseHistory
from training.models.purchases.pareto_nbd import ParetoNbd
from training.models.timing.baselines import baseline_curves
from training.models.timing.fit import agreeing_with_churn, fit_timing
from training.models.timing.judge import judge_timing, row_errors

SEED = 1
TESTS = {"cdnow": "1997-12-31", "trading": "2026-01-01"}
MODEL, AGREEING = "timing", "timing that agrees with the churn model"


def measure(name: str, folder: Path) -> list[Result]:
    """Metrics of the model and of all baselines on one demo."""
    project = load_project(prepare(name, folder))
    day = datetime.fromisoformat(TESTS[name]).replace(tzinfo=project.timezone)
    horizon = project.churn.horizon_days
    with open_facts(project) as facts:
        features = training_features(facts)
        cutoffs = schedule(span(facts)[0], day, horizon).labelled
        rows = active_snapshots(facts, [*cutoffs, day], features)
        fit, test = with_labels(facts, rows, cutoffs, day), at_cutoffs(rows, [day])
        seen, truth = durations_of(facts, fit, day), durations_of(facts, test, end_of_facts(facts))
        columns = [BY_NAME[column] for column in (PURCHASE_DAYS, FIRST_TO_LAST_DAYS, AGE_DAYS)]
        everybody = snapshot(facts, [day], features=columns).to_pandas()
    names = [feature.name for feature in features]
    timing = fit_timing(fit, seen, names, horizon, SEED)
    history = PurchaseHistory.from_snapshot(everybody[everybody[PURCHASE_DAYS] > 0])
    purchase_models = {model.kind: model.fit(history).model for model in (BgNbd, ParetoNbd)}
    baselines = baseline_curves(seen, test, timing.edges_days, purchase_models)
    own = timing.curves(test)
    agreeing = agreeing_with_churn(own, "silence", horizon, fit_xgboost(fit, names, SEED).probability(test))
    curves = {MODEL: own, AGREEING: agreeing, **baselines}
    judged = judge_timing(curves, test, truth)
    errors = pd.DataFrame({which: row_errors(of, truth, judged[which].until_day) for which, of in curves.items()})
    figures = [
        Result(f"{name}: {figure} of {which}", value, "")
        for which, metrics in judged.items()
        for figure, value in metrics.as_dict().items()
    ]
    gains = [
        result
        for which in baselines
        for gain, error in [mean_and_error((errors[which] - errors[MODEL]).to_numpy(), test["customer_id"])]
        for result in (
            at_least(f"{name}: integrated Brier score below that of {which}", gain, "", 0.0),
            Result(f"{name}: standard error of that", error, ""),
        )
    ]
    return [*figures, *gains]


def main() -> None:
    """Run the benchmark on the data sets that are wanted and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=list(TESTS), help="one data set instead of all")
    only = parser.parse_args().only
    results = []
    for name in [only] if only else TESTS:
        with tempfile.TemporaryDirectory(prefix="retinue-timing-") as folder:
            results += measure(name, Path(folder) / name)
    write("timing", results)


if __name__ == "__main__":
    main()
