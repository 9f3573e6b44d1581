"""Fitting the model of late payment: candidates chosen, calibrated and judged on later and later rows, then fitted on all.

Time is cut in three: the first two parts choose the candidate and its rounds, the second by what the first foretold of
it; a copy that learnt from both is judged on the third; the served model learns from everything. Both are calibrated on
later rows by copies that have not seen their customers.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.catalogue import catalogue_hash
from features.errors import NotEnoughDataError
from features.progress import Progress, silent
from features.sources import Facts
from features.text import Text
from training.late_payment.bills import BILLS, bills
from training.late_payment.calibration import LateCalibrators, Levels, groups_of
from training.late_payment.cash import CashSpread, actual_weeks, billing_at, from_new, from_open
from training.late_payment.curves import PaymentCurves
from training.late_payment.grid import EDGES, Floats, Outcomes, Periods, periods_of
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

Bools = NDArray[np.bool_]

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
FOLDS = 3
CALIBRATED_DAYS = 365
WARMING_SHARE = 0.25


@dataclass(frozen=True)
class _Part:
    """Rows with habits, and what became of them as known at the end of their part."""

    rows: pd.DataFrame
    outcomes: Outcomes

    def of(self, chosen: Bools) -> "_Part":
        """Some of the rows, given by mark, numbered anew."""
        return _Part(self.rows[chosen].reset_index(drop=True), self.outcomes.take(chosen))

    @property
    def customers(self) -> "NDArray[np.str_]":
        """Whose row each is, shape (rows,)."""
        return self.rows["customer_id"].to_numpy(dtype=object).astype(str)


@dataclass(frozen=True)
class _Habits:
    """Days late of everybody, and how the invoices of one customer differ among themselves (standard deviation)."""

    usual_days: float
    spread_days: float

    @classmethod
    def of(cls, part: _Part) -> "_Habits":
        paid = part.rows.assign(late=part.outcomes.paid)[part.outcomes.observed].drop_duplicates("invoice_id")
        within = paid["late"] - paid.groupby("customer_id")["late"].transform("mean")
        freedom = max(len(paid) - paid["customer_id"].nunique(), 1)
        return cls(float(paid["late"].mean()), max(float(np.sqrt((within**2).sum() / freedom)), 1.0))


@dataclass(frozen=True)
class _Learnt:
    """A fitted candidate with its calibration, and what copies that knew other customers say of each later row."""

    model: HazardModel
    habits: _Habits
    levels: Levels
    calibrators: LateCalibrators
    fit: _Part
    later: _Part
    held_out: PaymentCurves


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
        names, at = feature_names(facts), rows["as_of"]
        first_cut, second_cut = _cuts(cutoffs[0], as_of)
        earlier = at < second_cut
        fit, choosing = _part(facts, rows[at < first_cut], first_cut), _part(facts, rows[earlier], second_cut)
        fit, choosing = _with_habits(fit, _Habits.of(fit)), _with_habits(choosing, _Habits.of(fit))
        kind, losses, rounds = _chosen(fit, choosing.of((at[earlier] >= first_cut).to_numpy()), names, seed)
        progress(Text("judging on later invoices", "用较晚的发票评估"), 0.5)
        copy = _learnt(_part(facts, rows[earlier], second_cut), second_cut, kind, rounds, names, seed)
        judged = _judged(copy, _part(facts, rows[~earlier], as_of))
        progress(Text("learning from everything", "用全部数据训练"), 0.7)
        served = _learnt(_part(facts, rows, as_of), as_of, kind, rounds, names, seed)
        cash = _cash_spread(facts, served, as_of)
    return LatePayment(
        model=served.model,
        features=names,
        usual_days=served.habits.usual_days,
        spread_days=served.habits.spread_days,
        levels=served.levels,
        calibrators=served.calibrators,
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
    return min(1.0, MOST_INVOICES / max(int(invoices), 1))


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


def _chosen(fit: _Part, later: _Part, names: tuple[str, ...], seed: int) -> tuple[str, dict[str, float], int]:
    """The candidate that later rows speak for, each candidate's loss on them in nats a row, and the trees' rounds.

    Raises NotEnoughDataError: there are too few late or too few timely invoices in one of the parts.
    """
    _check_late(fit, later)
    train, held_out = _drawn(fit, seed), _drawn(later, seed)
    together = pd.concat([fit.rows, later.rows], ignore_index=True)
    moved = Periods(held_out.row + len(fit.rows), held_out.interval, held_out.paid)
    trees = BoostedHazard.fit_until_flat(together, train, moved, names, seed)
    regression = LogisticHazard.fit(fit.rows, train, names)
    candidates: tuple[HazardModel, ...] = (BlendHazard(trees, regression), trees, regression)
    losses = {model.kind: row_losses(model, later.rows, held_out) for model in candidates}
    kind = choose(losses, later.customers[np.unique(held_out.row)])
    return kind, {name: float(own.mean()) for name, own in losses.items()}, trees.rounds


def _learnt(part: _Part, end: datetime, kind: str, rounds: int, names: tuple[str, ...], seed: int) -> _Learnt:
    """A candidate fitted on a part, and calibrated on its last year by copies that have not seen the row's customer.

    A whole year, so that a season or a spell of disputes counts for no more than it should; never the first quarter of
    the part, in which customers have hardly a past.
    """
    habits = _Habits.of(part)
    part = _with_habits(part, habits)
    first = part.rows["as_of"].min()
    begin = max(first + WARMING_SHARE * (end - first), pd.Timestamp(end) - timedelta(days=CALIBRATED_DAYS))
    is_later = (part.rows["as_of"] >= begin).to_numpy()
    later = part.of(is_later)
    hazard = np.zeros((len(later.rows), len(EDGES)))
    customers, owner = np.unique(part.customers, return_inverse=True)
    fold = (np.random.default_rng(seed).permutation(len(customers)) % FOLDS)[owner]
    for number in range(FOLDS):
        out = fold[is_later] == number
        copy = _fitted(kind, part.of(fold != number), names, rounds, seed)
        hazard[out] = cumulative_hazard(copy, later.rows[out])
    held_out, groups = PaymentCurves(later.outcomes.entry, hazard), groups_of(later.rows)
    return _Learnt(
        model=_fitted(kind, part, names, rounds, seed),
        habits=habits,
        levels=Levels.fit(held_out, later.outcomes, groups),
        calibrators=LateCalibrators.fit(held_out, later.outcomes, later.rows, groups, seed),
        fit=part,
        later=later,
        held_out=held_out,
    )


def _fitted(kind: str, part: _Part, names: tuple[str, ...], rounds: int, seed: int) -> HazardModel:
    periods = _drawn(part, seed)
    if kind == LogisticHazard.kind:
        return LogisticHazard.fit(part.rows, periods, names)
    trees = BoostedHazard.fit(part.rows, periods, names, rounds, seed)
    return trees if kind == BoostedHazard.kind else BlendHazard(trees, LogisticHazard.fit(part.rows, periods, names))


def _judged(copy: _Learnt, last: _Part) -> Judged:
    last = _with_habits(last, copy.habits)
    curves, groups = PaymentCurves(last.outcomes.entry, cumulative_hazard(copy.model, last.rows)), groups_of(last.rows)
    late, _ = copy.calibrators.probabilities(curves, groups)
    days = copy.levels.days(curves, groups)
    return judge(copy.fit.rows, copy.fit.outcomes, last.rows, last.outcomes, late, days)


def _cash_spread(facts: Facts, learnt: _Learnt, as_of: datetime) -> CashSpread:
    """How far weekly forecasts lay from the truth at the later cut-offs, by copies that knew other customers."""
    part, curves = learnt.later, learnt.held_out
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
