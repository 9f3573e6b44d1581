"""Fitting the model of late payment: candidates chosen, calibrated and judged on later and later rows, then fitted on all.

Time is cut in three: the judged copy learns from what was known before the first cut; rows of the next part choose the
candidate and its rounds and calibrate it; rows of the last part judge it. The served model learns from everything, and is
calibrated on both later parts by what the copy said of them.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from features.catalogue import catalogue_hash
from features.errors import NotEnoughDataError
from features.progress import Progress, silent
from features.sources import Facts
from features.text import Text
from training.late_payment.bills import BILLS, bills
from training.late_payment.calibration import LateCalibrators, Levels
from training.late_payment.cash import CashSpread, actual_weeks, billing_at, from_new, from_open
from training.late_payment.curves import PaymentCurves
from training.late_payment.grid import Floats, Outcomes, Periods, periods_of
from training.late_payment.hazards import (
    BlendHazard,
    BoostedHazard,
    HazardModel,
    LogisticHazard,
    cumulative_hazard,
    row_losses,
)
from training.late_payment.instants import weekly
from training.late_payment.judge import Judged, judge
from training.late_payment.model import LatePayment, Learnt
from training.late_payment.rows import customer_features, feature_names, open_rows, outcomes_of, with_known_habits
from training.models.timing.fit import choose

MOST_INVOICES = 60_000
"""Of a company with more of them, a part of the customers is learnt from, with all of theirs."""
MOST_PERIODS = 400_000
MOST_CUTOFFS = 104
LATER_SHARE = 0.4
MOST_LATER_DAYS = 210
LEAST_INVOICES = 200
LEAST_WEEKS = 26
LEAST_LATE = 30
BACKTEST_WEEKS = 12


@dataclass(frozen=True)
class _Part:
    """Rows with habits, and what became of them as known at the end of their part."""

    rows: pd.DataFrame
    outcomes: Outcomes


@dataclass(frozen=True)
class _Habits:
    """Days late of everybody, and how the invoices of one customer differ among themselves (standard deviation)."""

    usual_days: float
    spread_days: float

    @classmethod
    def of(cls, rows: pd.DataFrame, outcomes: Outcomes) -> "_Habits":
        paid = rows.assign(late=outcomes.paid)[outcomes.observed].drop_duplicates("invoice_id")
        within = paid["late"] - paid.groupby("customer_id")["late"].transform("mean")
        freedom = max(len(paid) - paid["customer_id"].nunique(), 1)
        return cls(float(paid["late"].mean()), max(float(np.sqrt((within**2).sum() / freedom)), 1.0))


def fit_late_payment(facts: Facts, as_of: datetime, seed: int, progress: Progress = silent) -> LatePayment:
    """Learn from everything that was known before ``as_of``.

    Raises NotEnoughDataError: too few invoices, weeks or late ones; ProjectError: the tables do not tell who paid.
    """
    progress(Text("reading the invoices", "读取发票"), 0.0)
    with bills(facts, as_of, _share(facts)):
        cutoffs = _cutoffs(facts, as_of)
        rows = open_rows(facts, cutoffs, as_of)
        first_cut, second_cut = _cuts(cutoffs[0], as_of)
        progress(Text("learning when invoices are paid", "学习发票的付款时间"), 0.3)
        names = feature_names(facts)
        at = rows["as_of"]
        early, middle, last = at < first_cut, (at >= first_cut) & (at < second_cut), at >= second_cut
        fit = _part(facts, rows[early], first_cut)
        habits = _Habits.of(fit.rows, fit.outcomes)
        fit = _with_habits(fit, habits)
        choosing = _with_habits(_part(facts, rows[middle], second_cut), habits)
        _check_late(fit, choosing)
        copy, losses, rounds = _chosen(fit, choosing, names, seed)
        progress(Text("judging on later invoices", "用较晚的发票评估"), 0.6)
        judged = _judged(copy, fit, choosing, _with_habits(_part(facts, rows[last], as_of), habits), seed)
        later = _with_habits(_part(facts, rows[middle | last], as_of), habits)
        levels, calibrators, curves = _calibrated(copy, later, seed)
        cash = _cash_spread(facts, later, curves, as_of)
        progress(Text("learning from everything", "用全部数据训练"), 0.8)
        whole = _part(facts, rows, as_of)
        habits = _Habits.of(whole.rows, whole.outcomes)
        whole = _with_habits(whole, habits)
        model = _fitted(copy.kind, whole, names, rounds, seed)
    return LatePayment(
        model=model,
        features=names,
        usual_days=habits.usual_days,
        spread_days=habits.spread_days,
        levels=levels,
        calibrators=calibrators,
        cash=cash,
        learnt=Learnt(
            as_of=as_of.isoformat(),
            seed=seed,
            rows=len(rows),
            invoices=rows["invoice_id"].nunique(),
            rounds=rounds,
            catalogue_hash=catalogue_hash(customer_features(facts)),
        ),
        held_out_loss=losses,
        judged=judged.figures,
        passed=judged.passed,
    )


def _share(facts: Facts) -> float:
    if "invoices" not in facts.columns:
        return 1.0
    [(invoices,)] = facts.connection.execute("SELECT count(*) FROM invoices").fetchall()
    return min(1.0, MOST_INVOICES / max(invoices, 1))


def _cutoffs(facts: Facts, as_of: datetime) -> list[datetime]:
    """Weekly cut-offs before ``as_of``, from the first invoice on. Raises NotEnoughDataError: hardly any invoice or week."""
    [(first, invoices)] = facts.connection.execute(f"SELECT min(known_from), count(*) FROM {BILLS}").fetchall()
    weeks = (as_of - first.replace(tzinfo=as_of.tzinfo)).days // 7 if first else 0
    if invoices < LEAST_INVOICES or weeks < LEAST_WEEKS:
        raise NotEnoughDataError(
            _TOO_FEW, invoices=invoices, weeks=weeks, as_of=as_of, least=LEAST_INVOICES, least_weeks=LEAST_WEEKS
        )
    last = as_of - timedelta(days=7)
    return weekly(last - timedelta(days=7 * (min(weeks, MOST_CUTOFFS) - 1)), last)


def _cuts(first: datetime, as_of: datetime) -> tuple[datetime, datetime]:
    later = min(int((as_of - first).days * LATER_SHARE), MOST_LATER_DAYS)
    return as_of - timedelta(days=later), as_of - timedelta(days=later // 2)


def _part(facts: Facts, rows: pd.DataFrame, known_before: datetime) -> _Part:
    rows = rows.reset_index(drop=True)
    return _Part(rows, outcomes_of(facts, rows, known_before))


def _with_habits(part: _Part, habits: _Habits) -> _Part:
    return _Part(with_known_habits(part.rows, habits.usual_days, habits.spread_days), part.outcomes)


def _check_late(*parts: _Part) -> None:
    """Raise NotEnoughDataError unless each part shows enough late and enough timely invoices."""
    for part in parts:
        is_late, known = part.outcomes.later_than(1.0)
        invoices = part.rows["invoice_id"].to_numpy(dtype=object)
        late, timely = (len(np.unique(invoices[known & (is_late == one)].astype(str))) for one in (1, 0))
        if min(late, timely) < LEAST_LATE:
            raise NotEnoughDataError(_ONE_SIDED, late=late, timely=timely, least=LEAST_LATE)


def _drawn(part: _Part, seed: int) -> Periods:
    """The part's invoice-periods; of too many those of some rows, drawn by lot."""
    periods = periods_of(part.outcomes)
    if len(periods.row) <= MOST_PERIODS:
        return periods
    drawn = np.random.default_rng(seed).random(len(part.rows)) < MOST_PERIODS / len(periods.row)
    return periods.of_rows(drawn)


def _chosen(
    fit: _Part, choosing: _Part, names: tuple[str, ...], seed: int
) -> tuple[HazardModel, dict[str, float], int]:
    """The candidate that later rows speak for, each candidate's loss on them in nats a row, and the trees' rounds."""
    train, held_out = _drawn(fit, seed), _drawn(choosing, seed)
    together = pd.concat([fit.rows, choosing.rows], ignore_index=True)
    moved = Periods(held_out.row + len(fit.rows), held_out.interval, held_out.paid)
    trees = BoostedHazard.fit_until_flat(together, train, moved, names, seed)
    regression = LogisticHazard.fit(fit.rows, train, names)
    candidates: dict[str, HazardModel] = {
        "blend": BlendHazard(trees, regression),
        "trees": trees,
        "regression": regression,
    }
    losses = {kind: row_losses(model, choosing.rows, held_out) for kind, model in candidates.items()}
    customers = choosing.rows["customer_id"].to_numpy(dtype=object)[np.unique(held_out.row)].astype(str)
    kind = choose(losses, customers)
    return candidates[kind], {name: float(own.mean()) for name, own in losses.items()}, trees.rounds


def _fitted(kind: str, part: _Part, names: tuple[str, ...], rounds: int, seed: int) -> HazardModel:
    periods = _drawn(part, seed)
    if kind == LogisticHazard.kind:
        return LogisticHazard.fit(part.rows, periods, names)
    trees = BoostedHazard.fit(part.rows, periods, names, rounds, seed)
    return trees if kind == BoostedHazard.kind else BlendHazard(trees, LogisticHazard.fit(part.rows, periods, names))


def _curves(model: HazardModel, part: _Part) -> PaymentCurves:
    return PaymentCurves(part.outcomes.entry, cumulative_hazard(model, part.rows))


def _calibrated(model: HazardModel, part: _Part, seed: int) -> tuple[Levels, LateCalibrators, PaymentCurves]:
    curves = _curves(model, part)
    levels = Levels.fit(curves, part.outcomes, _is_known(part))
    return levels, LateCalibrators.fit(curves, part.outcomes, part.rows, seed), curves


def _judged(model: HazardModel, fit: _Part, choosing: _Part, last: _Part, seed: int) -> Judged:
    levels, calibrators, _ = _calibrated(model, choosing, seed)
    curves = _curves(model, last)
    late, _ = calibrators.probabilities(curves)
    return judge(fit.rows, fit.outcomes, last.rows, last.outcomes, late, levels.days(curves, _is_known(last)))


def _is_known(part: _Part) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    return np.asarray(part.rows["settled_count"] > 0)


def _cash_spread(facts: Facts, part: _Part, curves: PaymentCurves, as_of: datetime) -> CashSpread:
    """How far the copy's weekly forecasts lay from the truth at the cut-offs of the later parts."""
    is_open = ~part.rows["is_new"].to_numpy(dtype=np.bool_)
    at = part.rows["as_of"].to_numpy()
    origins = [pd.Timestamp(one).to_pydatetime() for one in sorted(part.rows.loc[is_open, "as_of"].unique())]
    forecasts: list[Floats] = []
    amounts = part.rows["open_amount"].to_numpy(dtype=np.float64)
    for origin in origins:
        there = np.flatnonzero(is_open & np.asarray(at == pd.Timestamp(origin)))
        old = from_open(curves.take(there), amounts[there], BACKTEST_WEEKS)
        forecasts.append(old + from_new(billing_at(facts, origin), BACKTEST_WEEKS))
    return CashSpread.fit(np.array(forecasts), actual_weeks(facts, origins, BACKTEST_WEEKS, as_of))


_TOO_FEW = Text(
    "Before {as_of:%Y-%m-%d} there are {invoices} invoices over {weeks} weeks; to learn who pays late it takes at least"
    " {least} over {least_weeks}. Give older invoices, or ask as of a later date.",
    "{as_of:%Y-%m-%d} 之前只有 {weeks} 周内的 {invoices} 张发票；学习逾期规律至少需要 {least_weeks} 周、{least} 张。"
    "请提供更早的发票，或选择更晚的日期。",
)
_ONE_SIDED = Text(
    "Of the invoices to learn from, {late} were paid late and {timely} in time; it takes at least {least} of each. Give"
    " older invoices, or ask as of a later date.",
    "可供学习的发票中有 {late} 张逾期、{timely} 张按时；两者都至少需要 {least} 张。请提供更早的发票，或选择更晚的日期。",
)
