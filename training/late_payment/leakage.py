"""Does a column of the invoices know what happened after they were written? Such columns must not be used at that time.

A column without a clock of its own says what holds when the data were exported. Three signs betray one that is filled
later: it foretells lateness far beyond what the customer's past does; nearly all invoices that it marks are paid later
than their customers' past lets expect; or it marks hardly any of the newest invoices, for which it is yet to be filled.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold

from features.leakage.certificate import Finding
from features.text import Text
from training.evaluation.metrics import auc_gain
from training.models.churn import LogisticChurn

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

PAST = ("late_share_365", "own_mean_late_days")
"""What an honest rule knows of the customer when the invoice is written."""

LEAST_GAIN = 0.01
"""So much AUC at least, beyond chance, on top of the customer's past."""
LEAST_DIFFERENCE = 0.2
LEAST_ERRORS = 4.0
LEAST_MARKED = 30
YOUNG_DAYS, OLD_DAYS = 30, 180
FOLDS = 5
NORMAL_95 = 1.96


def invoice_leakage(
    rows: pd.DataFrame, late: Bools, columns: Sequence[str], known: Bools | None = None
) -> list[Finding]:
    """What was found of each column, one finding a column: failed where it knows what came later, else passed.

    Parameters: ``rows`` are invoices at their issue (`rows.new_rows`) with customer_id, as_of, `PAST` and the columns, a
    flag or a number each, as the data say it now; ``late`` whether each was paid late, and ``known`` for which that is
    known by now (None: for all), each of shape (rows,).
    """
    judged, truth = (rows, late) if known is None else (rows[known], late[known])
    expected = _foretold(judged, truth, [])
    found = {
        column: [*_foretelling(judged, truth, expected, column), *_filled_later(rows, column)] for column in columns
    }
    return [signs[0] if signs else _passed(rows, column) for column, signs in found.items()]


def _foretelling(rows: pd.DataFrame, late: Bools, expected: Floats, column: str) -> Iterator[Finding]:
    if not 0 < late.sum() < len(late):
        return
    marked = _marked(rows[column].to_numpy(dtype=np.float64))
    example = str(rows["customer_id"].iloc[0])
    gain, error = auc_gain(late.astype(np.int64), _foretold(rows, late, [column]), expected)
    if gain - NORMAL_95 * error > LEAST_GAIN:
        what = _GAIN.format(column=column, gain=gain, error=error, invoices=len(rows))
        yield _failed(column, what, len(rows), example)
    if marked.sum() >= LEAST_MARKED:
        share, usual = late[marked].mean(), expected[marked].mean()
        spread = np.sqrt((expected * (1 - expected))[marked].sum()) / marked.sum()
        if share - usual >= LEAST_DIFFERENCE and share - usual >= LEAST_ERRORS * spread:
            what = _LIFT.format(column=column, marked=int(marked.sum()), share=share, usual=usual)
            yield _failed(column, what, int(marked.sum()), str(rows["customer_id"][marked].iloc[0]))


def _filled_later(rows: pd.DataFrame, column: str) -> Iterator[Finding]:
    marked = _marked(rows[column].to_numpy(dtype=np.float64))
    age = (rows["as_of"].max() - rows["as_of"]).dt.days.to_numpy()
    young, old = marked[age < YOUNG_DAYS], marked[(age >= YOUNG_DAYS) & (age < OLD_DAYS)]
    if len(young) and len(old) and old.mean() * len(young) >= LEAST_ERRORS**2:
        missing = (old.mean() * len(young) - young.sum()) / np.sqrt(old.mean() * len(young))
        if young.mean() <= old.mean() / 2 and missing >= LEAST_ERRORS:
            what = _YOUNG.format(column=column, young=young.mean(), old=old.mean(), days=YOUNG_DAYS)
            yield _failed(column, what, len(young), str(rows["customer_id"].iloc[0]))


def _foretold(rows: pd.DataFrame, late: Bools, columns: Sequence[str]) -> Floats:
    """Probability to be late by the customer's past and further columns, each row by a rule that learnt from others."""
    frame = rows[[*PAST, *columns]].astype(np.float64)
    found = np.full(len(rows), late.mean() if len(late) else 0.0)
    groups = rows["customer_id"].to_numpy(dtype=object).astype(str)
    if len(np.unique(groups)) < 2:
        return found
    for fit, out in GroupKFold(min(FOLDS, len(np.unique(groups)))).split(frame, groups=groups):
        if 0 < late[fit].sum() < len(fit):
            rule = LogisticChurn.fit(frame.iloc[fit], late[fit].astype(np.float64), list(frame.columns))
            found[out] = 1 / (1 + np.exp(-rule.log_odds(frame.iloc[out])))
    return found


def _marked(values: Floats) -> Bools:
    """The rows for which a flag is set; nobody where a column holds other values than 0 and 1."""
    is_flag = np.isin(values, (0.0, 1.0)) | np.isnan(values)
    return np.asarray((values == 1) & is_flag.all())


def _failed(column: str, what: Text, count: int, example: str) -> Finding:
    return Finding("predictive", f"invoices.{column}", "failed", what, _NEXT, count=count, unit="rows", example=example)


def _passed(rows: pd.DataFrame, column: str) -> Finding:
    return Finding(
        "predictive", f"invoices.{column}", "passed", _SOUND.format(column=column), count=len(rows), unit="rows"
    )


_GAIN = Text(
    "'{column}' foretells who pays late far better than the customers' past does (AUC higher by {gain:.3f} ± {error:.3f}, over"
    " {invoices:,} invoices), and nothing says when it became known.",
    "“{column}”预测逾期的能力远超客户过往记录（AUC 高出 {gain:.3f} ± {error:.3f}，共 {invoices:,} 张发票），而没有信息表明它何时获知。",
)
_LIFT = Text(
    "Of {marked:,} invoices that '{column}' marks, {share:.0%} are paid late, where their customers' past lets expect"
    " {usual:.0%}; nothing says when it became known.",
    "“{column}”标记的 {marked:,} 张发票中 {share:.0%} 逾期，而按客户过往预计为 {usual:.0%}；没有信息表明它何时获知。",
)
_YOUNG = Text(
    "'{column}' marks {young:.1%} of the invoices of the last {days} days and {old:.1%} of those of the months before: it is filled later.",
    "“{column}”标记了最近 {days} 天发票的 {young:.1%}、此前数月发票的 {old:.1%}：它是事后填写的。",
)
_SOUND = Text(
    "'{column}' tells nothing of lateness that the invoice could not have told when it was written.",
    "“{column}”没有透露开票时不可能知道的逾期信息。",
)
_NEXT = Text(
    "No feature of the service and no forecast uses it before the invoice is settled; keep it out of your own features"
    " until then. If its date is kept, give that instead, as an interaction of the customer for example.",
    "系统的特征和预测在发票结清之前都不使用它；您自定义的特征在结清之前也请勿使用。如果保存了它的日期，请改为提供该日期，"
    "例如作为客户互动记录。",
)
