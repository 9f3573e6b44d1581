"""How good the churn model is: against baselines on real purchases, and against the truth where it is simulated.

Forecasts of purchases on CDNOW's sample: `tests.benchmarks.value`. CDNOW (real): trained on cut-offs whose labels end by 1997-12-31, judged on the cut-off 1998-03-31 with a horizon of 90
days, among the 6,055 customers who bought in the last 180 days, and again among all 23,570. The Complete Journey (real): judged on the last cut-off
of the training. The trading company (simulated): shown beside the true probability of silence; beside an observer who is told
all that drives each customer but not who has left; and held to one who knows the laws of the simulation, but learns its
customers from the records as a model must (`tests.benchmarks.trading_learner`). IBM's telephone customers and the TV subscribers: repeated folds, see `tests.benchmarks.panels`.

At the end one table says how the champion did beside baselines and peers on the same rows, and what was aimed at.

Run as ``python -m tests.benchmarks.quality [--only cdnow]``.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd
from sklearn.metrics import log_loss, roc_auc_score

from features.catalogue import BY_NAME
from features.project import Project, load_project
from features.snapshot import snapshot
from features.sources import open_facts
from features.text import Text
from serving.demo import prepare
from serving.demo.trading import CUSTOMERS, MONTHS, SEED
from tests.benchmarks import credit, lifetime_value, panels, receivables, uplift, value
from tests.benchmarks.report import Result, at_least, at_most, write
from tests.benchmarks.trading_learner import learnt_silence
from training.dataset import LABEL, labelled_snapshots, training_features
from training.evaluation.metrics import evaluate
from training.job import Evaluation, Training, evaluate_champion, train
from training.models.purchases.bg_nbd import BgNbd
from training.models.purchases.history import AGE_DAYS, FIRST_TO_LAST_DAYS, PURCHASE_DAYS, PurchaseHistory
from training.models.purchases.pareto_nbd import ParetoNbd

LEAST_AUC = 0.735
LEAST_AUC_OF_ALL = 0.845
MOST_CALIBRATION_ERROR = 0.025
MOST_BEHIND = 0.02
EVER_DAYS = 3650
TRUTH_FILE = "facts/truth/silence.parquet"


def cdnow(folder: Path) -> list[Result]:
    """The protocol on the CDNOW master data."""
    project = load_project(prepare("cdnow", folder))
    training = train(project, _day(project, "1997-12-31"), _progress("cdnow"))
    result = evaluate_champion(project, _day(project, "1998-03-31"))
    rankings = result.ranking_auc
    return [
        *_last_cutoff("cdnow", training),
        _exactly("cdnow 1998-03-31: customers", result.metrics.rows, "customers", 6055, 0),
        _exactly("cdnow 1998-03-31: share that stays silent", result.metrics.churn_rate, "share", 0.616, 0.0005),
        _exactly("cdnow 1998-03-31: AUC of recency alone", rankings["recency"], "AUC", 0.641, 0.0005),
        _exactly(
            "cdnow 1998-03-31: AUC of number of purchases alone", rankings["number_of_purchases"], "AUC", 0.712, 0.0005
        ),
        *_purchase_models(project, _day(project, "1997-12-31"), _day(project, "1998-03-31"), result, "cdnow"),
        at_least("cdnow 1998-03-31: AUC of the champion", result.metrics.auc, "AUC", LEAST_AUC),
        *_champion("cdnow 1998-03-31", result),
    ]


def cdnow_all(folder: Path) -> list[Result]:
    """The same among all 23,570 who ever bought, most of them long silent."""
    given = load_project(prepare("cdnow", folder))
    everybody = given.churn.model_copy(update={"active_within_days": EVER_DAYS})
    project = given.model_copy(update={"churn": everybody})
    train(project, _day(project, "1997-12-31"), _progress("cdnow, all"))
    result = evaluate_champion(project, _day(project, "1998-03-31"))
    cutoff = "cdnow, all, 1998-03-31"
    return [
        _exactly(f"{cutoff}: customers", result.metrics.rows, "customers", 23570, 0),
        Result(f"{cutoff}: share that stays silent", result.metrics.churn_rate, "share"),
        *(Result(f"{cutoff}: AUC of {name} alone", auc, "AUC") for name, auc in result.ranking_auc.items()),
        *_purchase_models(project, _day(project, "1997-12-31"), _day(project, "1998-03-31"), result, "cdnow, all"),
        at_least(f"{cutoff}: AUC of the champion", result.metrics.auc, "AUC", LEAST_AUC_OF_ALL),
        *_champion(cutoff, result),
    ]


def retail(folder: Path) -> list[Result]:
    """Every model on the last cut-off of The Complete Journey."""
    project = load_project(prepare("retail", folder))
    training = train(project, _day(project, "2018-01-01"), _progress("retail"))
    others = [m.auc for name, m in training.metrics.items() if name in ("recency", "number_of_purchases")]
    chosen = training.metrics[training.chosen]
    return [
        *_last_cutoff("retail", training),
        at_least("retail: AUC of the champion over the better single feature", chosen.auc - max(others), "AUC", 0.0),
        at_most("retail: calibration error of the champion", chosen.calibration_error, "share", MOST_CALIBRATION_ERROR),
    ]


def trading(folder: Path) -> list[Result]:
    """The champion beside the truth of the simulated company, on customers and days it has not seen."""
    project = load_project(prepare("trading", folder))
    cutoff = _day(project, "2026-04-01")
    training = train(project, cutoff, _progress("trading"))
    result = evaluate_champion(project, cutoff)
    known = _truth(project, folder / TRUTH_FILE, cutoff)
    churned, naive = known[LABEL], result.ranking_auc["recency"]
    truth, observer = known["silence_90d_probability"], known["silence_90d_probability_observed"]
    learner = learnt_silence(folder / "facts", SEED, CUSTOMERS, MONTHS, cutoff.date())
    learnt = known[["customer_id"]].merge(learner, on="customer_id", validate="one_to_one")["learnt"]
    of_truth, of_observer, of_learner = (float(roc_auc_score(churned, said)) for said in (truth, observer, learnt))
    return [
        *_last_cutoff("trading", training),
        Result("trading 2026-04-01: customers", result.metrics.rows, "customers"),
        Result("trading 2026-04-01: share that stays silent", result.metrics.churn_rate, "share"),
        Result("trading 2026-04-01: AUC of recency alone", naive, "AUC"),
        Result(
            "trading 2026-04-01: AUC of number of purchases alone", result.ranking_auc["number_of_purchases"], "AUC"
        ),
        at_least(
            "trading 2026-04-01: AUC of the champion", result.metrics.auc, "AUC", round(of_learner - MOST_BEHIND, 4)
        ),
        Result("trading 2026-04-01: AUC of the best observer", of_observer, "AUC"),
        Result("trading 2026-04-01: AUC of the true probability", of_truth, "AUC"),
        Result("trading 2026-04-01: AUC of who knows the laws and learns the customers", of_learner, "AUC"),
        Result(
            "trading 2026-04-01: AUC of the best observer over the champion", of_observer - result.metrics.auc, "AUC"
        ),
        Result(
            "trading 2026-04-01: AUC of the true probability over the champion", of_truth - result.metrics.auc, "AUC"
        ),
        Result("trading 2026-04-01: log-loss of the champion", result.metrics.log_loss, "nats"),
        Result("trading 2026-04-01: log-loss of the best observer", float(log_loss(churned, observer)), "nats"),
        Result("trading 2026-04-01: log-loss of the true probability", float(log_loss(churned, truth)), "nats"),
        Result(
            "trading 2026-04-01: log-loss of who knows the laws and learns the customers",
            float(log_loss(churned, learnt)),
            "nats",
        ),
        Result(
            "trading 2026-04-01: way from recency to the best observer that the champion goes",
            (result.metrics.auc - naive) / (of_observer - naive),
            "share of AUC",
        ),
        *_champion("trading 2026-04-01", result),
    ]


def hillstrom() -> list[Result]:
    """Rankings of Hillstrom's e-mails, raced on training halves; nothing without its file."""
    folder = os.environ.get("RETINUE_TEST_DATA")
    if folder is None:
        print("hillstrom is left out: RETINUE_TEST_DATA names no folder with hillstrom_email.csv.gz.")
        return []
    return uplift.measure(Path(folder))


def cdnow_value() -> list[Result]:
    """Forecasts of purchases on CDNOW's sample; nothing where its files cannot be found."""
    folder = os.environ.get("RETINUE_TEST_DATA")
    if folder is None:
        print("cdnow_value is left out: RETINUE_TEST_DATA names no folder with cdnow_master.csv.gz.")
        return []
    return value.measure(Path(folder))


def panel(name: str) -> list[Result]:
    """A panel of ready-made attributes; nothing where it cannot be had."""
    load, targets = panels.PANELS[name]
    found = load()
    return (
        panels.results(name, panels.judge(found, (panels.naive, panels.others, panels.ours)), targets) if found else []
    )


DATA_SETS: dict[str, Callable[[Path], list[Result]]] = {
    "cdnow": cdnow,
    "cdnow_all": cdnow_all,
    "cdnow_value": lambda _: cdnow_value(),
    "hillstrom": lambda _: hillstrom(),
    "trading": trading,
    "trading_value": lifetime_value.measure,
    "receivables": receivables.measure,
    "cash": receivables.measure_trading,
    "credit": credit.measure,
    "retail": retail,
    "telco": lambda _: panel("telco"),
    "tv": lambda _: panel("tv"),
}


def _last_cutoff(name: str, training: Training) -> list[Result]:
    """What every model did on the last cut-off of the training, the chosen one marked."""
    cutoff = f"{name} {training.schedule.test:%Y-%m-%d}"
    marks = {training.chosen: " (chosen)"}
    return [
        Result(f"{cutoff}: {what} of {model}{marks.get(model, '')}", value, unit)
        for model, metrics in training.metrics.items()
        for what, value, unit in (
            ("AUC", metrics.auc, "AUC"),
            ("log-loss", metrics.log_loss, "nats"),
            ("calibration error", metrics.calibration_error, "share"),
        )
    ]


def _champion(cutoff: str, result: Evaluation) -> list[Result]:
    better = max(result.ranking_auc.values())
    error = result.metrics.calibration_error
    return [
        Result(
            f"{cutoff}: AUC of the champion over the better single feature",
            result.metrics.auc - better,
            "AUC",
            0.0,
            result.metrics.auc > better,
        ),
        Result(
            f"{cutoff}: calibration error of the champion",
            error,
            "share",
            MOST_CALIBRATION_ERROR,
            error < MOST_CALIBRATION_ERROR,
        ),
        Result(f"{cutoff}: lift of the champion in the top tenth", result.metrics.top_decile_lift, "times"),
    ]


def _purchase_models(
    project: Project, fitted: datetime, cutoff: datetime, result: Evaluation, data_set: str
) -> list[Result]:
    """P(no purchase within the horizon) by models of repeat purchases, fitted on everybody as of ``fitted``."""
    horizon = project.churn.horizon_days
    with open_facts(project) as facts:
        columns = [BY_NAME[name] for name in (PURCHASE_DAYS, FIRST_TO_LAST_DAYS, AGE_DAYS)]
        known = PurchaseHistory.from_snapshot(snapshot(facts, [fitted], features=columns).to_pandas())
        frame = labelled_snapshots(facts, [cutoff], cutoff + timedelta(days=horizon), training_features(facts))
    history, churned = PurchaseHistory.from_snapshot(frame), frame[LABEL].to_numpy(dtype="int64")
    found: list[Result] = []
    for model in (BgNbd, ParetoNbd):
        metrics = evaluate(churned, model.fit(known).model.probability_of_no_purchase(history, horizon))
        name = f"{data_set} {cutoff:%Y-%m-%d}: {{}} of P(no purchase) by {model.kind}"
        found += [
            at_most(name.format("AUC"), metrics.auc, "AUC", result.metrics.auc),
            Result(name.format("log-loss"), metrics.log_loss, "nats"),
            Result(name.format("calibration error"), metrics.calibration_error, "share"),
        ]
    return found


def _exactly(what: str, value: float, unit: str, target: float, tolerance: float) -> Result:
    """A figure of the protocol itself: another value means that the protocol was not followed."""
    return Result(what, value, unit, target, abs(value - target) <= tolerance)


def _truth(project: Project, file: Path, cutoff: datetime) -> pd.DataFrame:
    """Active customers with what came true and the true probability of it."""
    with open_facts(project) as facts:
        end = cutoff + timedelta(days=project.churn.horizon_days)
        frame = labelled_snapshots(facts, [cutoff], end, training_features(facts))
    truth = pd.read_parquet(file)
    truth = truth[truth["as_of"] == pd.Timestamp(cutoff.replace(tzinfo=None))]
    joined = frame.merge(truth.drop(columns="as_of"), on="customer_id", validate="one_to_one")
    if len(joined) != len(frame):
        raise RuntimeError(f"the truth knows {len(joined)} of {len(frame)} customers")
    return joined


def _day(project: Project, day: str) -> datetime:
    return datetime.fromisoformat(day).replace(tzinfo=project.timezone)


def _progress(name: str) -> Callable[[Text, float], None]:
    return lambda text, share: print(f"{name} {share:4.0%} {text.en}", file=sys.stderr, flush=True)


SCORES: tuple[tuple[str, str, dict[str, str]], ...] = (
    (
        "cdnow, bought within 180 days",
        "cdnow 1998-03-31: AUC of the champion",
        {
            "recency": "cdnow 1998-03-31: AUC of recency alone",
            "purchases": "cdnow 1998-03-31: AUC of number of purchases alone",
            "BG/NBD": "cdnow 1998-03-31: AUC of P(no purchase) by bg_nbd",
            "Pareto/NBD": "cdnow 1998-03-31: AUC of P(no purchase) by pareto_nbd",
        },
    ),
    (
        "cdnow, bought within 180 days",
        "cdnow 1998-03-31: calibration error of the champion",
        {
            "BG/NBD": "cdnow 1998-03-31: calibration error of P(no purchase) by bg_nbd",
            "Pareto/NBD": "cdnow 1998-03-31: calibration error of P(no purchase) by pareto_nbd",
        },
    ),
    (
        "cdnow, all 23,570",
        "cdnow, all, 1998-03-31: AUC of the champion",
        {
            "recency": "cdnow, all, 1998-03-31: AUC of recency alone",
            "BG/NBD": "cdnow, all 1998-03-31: AUC of P(no purchase) by bg_nbd",
            "Pareto/NBD": "cdnow, all 1998-03-31: AUC of P(no purchase) by pareto_nbd",
        },
    ),
    *(
        (
            "cdnow sample, 39 + 39 weeks",
            f"cdnow sample: {figure} of ours, chosen",
            {
                other: f"cdnow sample: {line} of {model}"
                for other, model in (("Pareto/NBD", "pareto_nbd"), ("BG/NBD", "bg_nbd"), ("own rate", "own rate"))
            },
        )
        for figure, line in (
            ("correlation", "correlation"),
            ("auc", "auc"),
            ("rmse", "rmse"),
            ("total error", "total_error"),
        )
    ),
    (
        "trading",
        "trading 2026-04-01: AUC of the champion",
        {
            "recency": "trading 2026-04-01: AUC of recency alone",
            "who knows the laws": "trading 2026-04-01: AUC of who knows the laws and learns the customers",
            "the best observer": "trading 2026-04-01: AUC of the best observer",
            "the truth": "trading 2026-04-01: AUC of the true probability",
        },
    ),
    ("trading", "trading 2026-04-01: calibration error of the champion", {}),
    ("retail", "retail: calibration error of the champion", {}),
    *(
        (
            name,
            f"{name}: {figure} of ours, chosen",
            {other: f"{name}: {figure.split(' (')[0]} of {other}" for other in others},
        )
        for name, figure, others in (
            ("telco", "AUC", ("best single attribute", "LogisticRegression, defaults", "XGBoost, defaults")),
            ("tv", "AUC", ("best single attribute", "XGBoost, defaults", "HistGradientBoosting, defaults")),
            ("tv", "savings", ("XGBoost, defaults", "XGBoost, scale_pos_weight=20", "HistGradientBoosting, defaults")),
        )
    ),
)
"""What the last table shows: the data set, our figure, and those of others on the same rows, all by their lines."""


def scoreboard(results: list[Result]) -> str:
    """Data set, metric, ours, baselines and peers, target: a row for each score whose data set was run."""
    found = {result.what: result for result in results}
    rows = ["| data set | metric | ours | baselines and peers | target |", "| --- | --- | --- | --- | --- |"]
    for name, line, others in SCORES:
        if line not in found:
            continue
        ours = found[line]
        beside = ", ".join(f"{who} {found[other].value:.4f}" for who, other in others.items() if other in found)
        metric = line.split(": ")[1].split(" of ")[0]
        target = "–" if ours.target is None else f"{ours.target} ({'held' if ours.holds else 'missed'})"
        rows.append(f"| {name} | {metric} | {ours.value:.4f} | {beside or '–'} | {target} |")
    return "\n".join(rows)


def main() -> None:
    """Run the benchmark on the data sets that are wanted and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=list(DATA_SETS), help="one data set instead of all")
    only = parser.parse_args().only
    os.environ.pop("MLFLOW_TRACKING_URI", None)  # a benchmark does not register its models in anybody's MLflow
    results = []
    for name in [only] if only else DATA_SETS:
        with tempfile.TemporaryDirectory(prefix="retinue-quality-") as folder:
            results += DATA_SETS[name](Path(folder) / name)
    write("quality", results)
    print(scoreboard(results))


if __name__ == "__main__":
    main()
