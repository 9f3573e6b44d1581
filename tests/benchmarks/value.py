"""How well purchases are forecast: CDNOW's sample of 2,357 customers, 39 weeks after the 39 weeks that are known.

The protocol of Fader, Hardie & Lee (2005): customers who bought first in the first twelve weeks of 1997, known until
1997-09-30, judged on the purchase days from then to 1998-06-30. Beside the published models, fitted on the sample, stands
ours: `training.models.purchases.choice` fits on the purchases of all 23,570 customers until 1997-09-30, is told whose
forecasts count, and looks at nothing later. The 21,213 other customers are forecast in the same way, as a check that what
is gained on the sample is no accident.

Shown as well: what was tried and not chosen, and what trees reach that were taught the hold-out itself on the other
customers. The latter may not be used; it says how much there is to be had. And how many customers lie in their 90 %
intervals of purchases and spend, as models fitted on the sample give them.

The files are found through RETINUE_TEST_DATA. Run as ``python -m tests.benchmarks.value``.
"""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import xgboost as xgb
from numpy.typing import NDArray
from sklearn.linear_model import PoissonRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.benchmarks.report import Result, at_least, at_most, write
from training.models.purchases.bg_nbd import BgNbd
from training.models.purchases.choice import CANDIDATES, Errors, Fits, choose, errors_of
from training.models.purchases.gamma_gamma import Amounts, GammaGamma
from training.models.purchases.model import PurchaseModel
from training.models.purchases.naive import NobodyReturns, OwnRate
from training.models.purchases.outlook import outlook
from training.models.purchases.pareto_nbd import ParetoNbd
from training.models.purchases.purchase_days import Known, PurchaseDays
from training.models.purchases.residual import PARAMETERS, ROUNDS

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

BEGIN, LAST_DAY, HORIZON_DAYS = pd.Timestamp("1997-01-01"), 272.0, 273.0
"""Days from the beginning: the last known one is 1997-09-30, the last of the horizon 1998-06-30."""
MOST_TOTAL_ERROR = 0.05
PARETO_NBD = {"correlation": 0.630, "auc": 0.779, "rmse": 1.603}
"""What Pareto/NBD does on the sample to the third digit, to be met at once with a total that is right within 5 %."""
STRETCH = {"correlation": 0.640, "auc": 0.79, "rmse": 1.59}
UNITS = {
    "total_error": "share",
    "mae": "purchases",
    "rmse": "purchases",
    "correlation": "",
    "auc": "AUC",
    "deviance": "",
}
REGRESSED_AT = (0.45, 0.5, 0.55, 0.6, 0.65, 0.7)


def cdnow(folder: Path) -> tuple[PurchaseDays, Indices]:
    """Purchase days of all customers, and the numbers of those in the sample."""
    rows = pd.read_csv(folder / "cdnow_master.csv.gz", dtype={"customer_id": str}, parse_dates=["date"])
    sample = pd.read_csv(folder / "cdnow_sample.csv.gz", dtype={"customer_id": str})["customer_id"]
    number, ids = pd.factorize(rows["customer_id"], sort=True)
    days = PurchaseDays.of(number, (rows["date"] - BEGIN).dt.days, rows["amount"])
    return days, np.flatnonzero(np.isin(ids, sample.unique()))


def published(days: PurchaseDays, among: Indices) -> dict[str, Floats]:
    """Forecasts by models fitted on these customers alone, and by none."""
    history = days.known(LAST_DAY).history.take(among)
    models: dict[str, PurchaseModel] = {
        "pareto_nbd": ParetoNbd.fit(history).model,
        "bg_nbd": BgNbd.fit(history).model,
        "own rate": OwnRate(),
        "zero": NobodyReturns(),
    }
    return {name: model.expected_purchases(history, HORIZON_DAYS) for name, model in models.items()}


def attempts(fits: Fits) -> dict[str, Floats]:
    """What was tried, each learnt from all customers until the last known day and asked of all."""
    known = fits.days.known(LAST_DAY)
    said = {
        name: CANDIDATES[name](fits, LAST_DAY, 0).expected_purchases(known, HORIZON_DAYS)
        for name in ("pareto_nbd_followed", "pareto_nbd_residual")
    }
    said["pareto_nbd with a Poisson regression"] = regression(fits)
    said["mean of followed, residual and regression"] = np.exp(np.mean([np.log(p) for p in said.values()], axis=0))
    return said


def regression(fits: Fits) -> Floats:
    """Purchases a day by Pareto/NBD's, silence, repeats, age and amount, learnt from earlier days; of all customers."""
    until = [np.floor(share * LAST_DAY) for share in REGRESSED_AT]
    days = fits.days
    parts = [(*_inputs(fits, day, LAST_DAY - day), LAST_DAY - day) for day in until]
    came = np.concatenate(
        [days.purchases(day, LAST_DAY)[known.customers] for (_, known, _), day in zip(parts, until, strict=True)]
    )
    horizon = np.concatenate([np.full(len(known), ahead) for _, known, ahead in parts])
    model = make_pipeline(StandardScaler(), PoissonRegressor(alpha=1e-4, max_iter=1000))
    model.fit(np.concatenate([x for x, _, _ in parts]), came / horizon, poissonregressor__sample_weight=horizon)
    return np.asarray(model.predict(_inputs(fits, LAST_DAY, HORIZON_DAYS)[0]) * HORIZON_DAYS)


def taught_the_hold_out(fits: Fits, among: Indices) -> Floats:
    """What trees on Pareto/NBD say of these customers who know the hold-out of all others: a bound, no forecast."""
    inputs, known = _inputs(fits, LAST_DAY, HORIZON_DAYS)
    expected = inputs[:, 0] + np.log(HORIZON_DAYS)
    inputs = np.column_stack([inputs, known.recent_purchases])
    others = np.setdiff1d(np.arange(len(known)), among)
    came = fits.days.purchases(LAST_DAY, LAST_DAY + HORIZON_DAYS)[known.customers]
    data = xgb.DMatrix(inputs[others], came[others], base_margin=expected[others], nthread=1)
    trees = xgb.train({**PARAMETERS, "seed": 0, "nthread": 1}, data, ROUNDS)
    return np.asarray(trees.predict(xgb.DMatrix(inputs[among], base_margin=expected[among], nthread=1)))


def intervals(days: PurchaseDays, among: Indices) -> list[Result]:
    """How many of these customers came to lie in their 90 % intervals of purchases and of spend.

    Left out are those who never paid anything, of whom Gamma-Gamma knows nothing.
    """
    known = days.known(LAST_DAY)
    among = among[known.mean_amount[among] > 0]
    history = known.history.take(among)
    amounts = Amounts.of(history.repeat_purchases + 1, known.mean_amount[among])
    after = days.day > LAST_DAY
    spent = np.bincount(days.customer[after], weights=days.amount[after], minlength=days.customers)[among]
    came, spend = days.purchases(LAST_DAY, LAST_DAY + HORIZON_DAYS)[among], GammaGamma.fit(amounts).model
    results = []
    for kind in (BgNbd, ParetoNbd):
        told = outlook(kind.fit(history).model, spend, history, amounts, HORIZON_DAYS)
        for what, low, high, truth in (
            ("purchases", told.purchases_low, told.purchases_high, came),
            ("spend", told.value_low, told.value_high, spent),
        ):
            held = float(((low <= truth) & (truth <= high)).mean())
            name = f"cdnow sample: customers within their 90 % interval of {what} by {kind.kind}"
            results.append(Result(name, held, "share"))
        results.append(
            Result(f"cdnow sample: total error of spend by {kind.kind}", told.value.sum() / spent.sum() - 1, "share")
        )
    return results


def _inputs(fits: Fits, day: float, ahead: float) -> tuple[Floats, Known]:
    known = fits.days.known(day)
    history = known.history
    per_day = fits.model(ParetoNbd, day).expected_purchases(history, ahead) / ahead
    x, last, age = history.repeat_purchases, history.first_to_last_days, history.age_days
    return np.column_stack(
        [np.log(per_day), np.log1p(age - last), np.log1p(x), np.log1p(age), np.log1p(np.maximum(known.mean_amount, 0))]
    ), known


def measure(folder: Path) -> list[Result]:
    """All figures, those that are held to something first."""
    days, sample = cdnow(folder)
    if not (days.known(LAST_DAY).customers == np.arange(days.customers)).all():
        raise RuntimeError("all customers should have bought by the last known day")
    came = days.purchases(LAST_DAY, LAST_DAY + HORIZON_DAYS)
    fits = Fits(days)
    results, tried = [], attempts(fits)
    for name, among in (("sample", sample), ("others", np.setdiff1d(np.arange(days.customers), sample))):
        choice = choose(fits, LAST_DAY, HORIZON_DAYS, among)
        ours = choice.forecast.expected_purchases(days.known(LAST_DAY), HORIZON_DAYS)[among]
        truth = came[among]
        what = f"cdnow {name}: {{}} of ours, chosen"
        print(f"cdnow {name}: chosen: {choice.chosen}")
        results += [Result(f"cdnow {name}: purchases in the hold-out", truth.sum(), "purchases")]
        results += held(what, errors_of(ours, truth)) if name == "sample" else figures(what, errors_of(ours, truth))
        beside = {**published(days, among), **{attempt: said[among] for attempt, said in tried.items()}}
        if name == "sample":
            beside["trees that know the others' hold-out (not to be used)"] = taught_the_hold_out(fits, among)
        for other, said in beside.items():
            results += figures(f"cdnow {name}: {{}} of {other}", errors_of(said, truth))
    return [*results, *intervals(days, sample)]


def figures(what: str, errors: Errors) -> list[Result]:
    """All figures that are numbers."""
    return [
        Result(what.format(figure), value, UNITS[figure])
        for figure, value in errors.as_dict().items()
        if np.isfinite(value)
    ]


def held(what: str, errors: Errors) -> list[Result]:
    """The figures against their targets."""
    total = abs(errors.total_error)
    return [
        at_most(what.format("total error"), total, "share", MOST_TOTAL_ERROR),
        at_most(what.format("rmse"), errors.rmse, "purchases", PARETO_NBD["rmse"]),
        at_least(what.format("correlation"), errors.correlation, "", PARETO_NBD["correlation"]),
        at_least(what.format("auc"), errors.auc, "AUC", PARETO_NBD["auc"]),
        Result(what.format("mae"), errors.mae, "purchases"),
        Result(what.format("deviance"), errors.deviance, ""),
        at_most(what.format("rmse against the stretch"), errors.rmse, "purchases", STRETCH["rmse"]),
        at_least(what.format("correlation against the stretch"), errors.correlation, "", STRETCH["correlation"]),
        at_least(what.format("auc against the stretch"), errors.auc, "AUC", STRETCH["auc"]),
    ]


def main() -> None:
    """Run the benchmark and write what was found."""
    folder = os.environ.get("RETINUE_TEST_DATA")
    if folder is None:
        print("value is left out: RETINUE_TEST_DATA names no folder with CDNOW's files.")
        return
    write("value", measure(Path(folder)))


if __name__ == "__main__":
    main()
