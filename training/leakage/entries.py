"""Were facts entered because customers had left? Late entries, and whether being late foretells leaving."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd

from features.leakage.certificate import Finding
from features.leakage.entry_order import TOLERATED_DAYS, LateEntries
from features.text import Text
from training.dataset import LABEL

NOTEWORTHY_SHARE = 0.001
"""Fewer late rows than this are slips of the pen."""

LEAST_CUSTOMERS = 10
FAILED_STANDARD_ERRORS = 4.0
FAILED_DIFFERENCE = 0.2
"""Lateness foretells leaving if the shares who left differ by so much, and by so many of its standard errors."""


@dataclass(frozen=True)
class _Split:
    """Active customers at a cut-off with a late entry, and with one in time, and the shares of them who left."""

    cutoff: datetime
    kind: str
    late: int
    late_left: float
    in_time: int
    in_time_left: float

    @property
    def standard_errors(self) -> float:
        if min(self.late, self.in_time) < LEAST_CUSTOMERS:
            return 0.0
        together = (self.late * self.late_left + self.in_time * self.in_time_left) / (self.late + self.in_time)
        error = np.sqrt(together * (1 - together) * (1 / self.late + 1 / self.in_time))
        return float(abs(self.late_left - self.in_time_left) / error) if error > 0 else 0.0

    @property
    def fails(self) -> bool:
        apart = abs(self.late_left - self.in_time_left) >= FAILED_DIFFERENCE
        return apart and self.standard_errors >= FAILED_STANDARD_ERRORS


def check_entries(late: LateEntries, cutoffs: Sequence[datetime], labelled: pd.DataFrame | None) -> Finding:
    """What the late entries of a table do: nothing, count before they were known, or know who had left.

    ``labelled`` has customer_id, as_of and ``churned`` of the active customers; without it the last is not asked.
    """
    entries = _in_utc(late.entries.to_pandas())
    visible = [(cutoff, _visible(entries, cutoff)) for cutoff in cutoffs]
    cutoff, rows = max(visible, key=lambda found: len(found[1]))
    splits = [] if labelled is None else [s for c, r in visible for s in _splits(entries, c, r, labelled)]
    guilty = max((s for s in splits if s.fails), key=lambda s: s.standard_errors, default=None)
    if guilty:
        return _knows_who_left(late, guilty, str(rows["customer_id"].iloc[0]))
    if len(rows) <= NOTEWORTHY_SHARE * late.rows:
        what = Text(
            "{late:,} of {rows:,} rows were entered late ({order}), at most {across:,} of them across a cut-off.",
            "{rows:,} 行中有 {late:,} 行录入较晚（{order}），其中跨越某个截止时间的最多 {across:,} 行。",
        ).format(late=late.late_rows, rows=late.rows, order=late.order, across=len(rows))
        return Finding("entry_order", late.table, "passed", what, count=late.rows, unit="rows")
    return _counts_too_early(late, cutoff, rows)


def _in_utc(entries: pd.DataFrame) -> pd.DataFrame:
    times = {c: pd.to_datetime(entries[c], utc=True) for c in ("dated", "entered_after")}
    return entries.assign(**times)


def _visible(entries: pd.DataFrame, cutoff: datetime) -> pd.DataFrame:
    """The rows that are dated before a cut-off and were entered after it."""
    return entries[(entries["dated"] < cutoff) & (entries["entered_after"] >= cutoff)]


def _splits(entries: pd.DataFrame, cutoff: datetime, visible: pd.DataFrame, labelled: pd.DataFrame) -> Iterator[_Split]:
    """By kind: customers with a late entry against those with one of the same age that was entered in time."""
    here = labelled.loc[labelled["as_of"] == cutoff].set_index("customer_id")[LABEL]
    for kind, rows in visible.groupby("kind"):
        same = entries[(entries["kind"] == kind) & entries["entered_after"].isna()]
        same = same[(same["dated"] < cutoff) & (same["dated"] >= rows["dated"].min())]
        late = here[here.index.isin(rows["customer_id"])]
        others = here[here.index.isin(same["customer_id"]) & ~here.index.isin(rows["customer_id"])]
        if len(late) and len(others):
            yield _Split(cutoff, str(kind), len(late), float(late.mean()), len(others), float(others.mean()))


_NEXT = Text(
    "Map known_at of the table to the time at which a row was entered; if no such time is kept, leave out what comes from"
    " these rows.",
    "请将该表的 known_at 映射为录入时间；若未保存该时间，请不要使用来自这些行的内容。",
)


def _knows_who_left(late: LateEntries, split: _Split, example: str) -> Finding:
    return Finding(
        check="entry_order",
        subject=late.table,
        severity="failed",
        what=Text(
            "Rows{kind} that were entered late ({order}) know who had left: {late_left:.0%} of {late:,} customers with such"
            " a row leave, but {in_time_left:.0%} of {in_time:,} with one that was entered in time.",
            "录入较晚的行{kind}（{order}）知道谁已流失：有此类行的 {late:,} 位客户中 {late_left:.0%} 流失，而及时录入的"
            " {in_time:,} 位客户中为 {in_time_left:.0%}。",
        ).format(kind=_of_kind(split.kind), order=late.order, **_shares(split)),
        next_step=_NEXT,
        cutoff=split.cutoff,
        count=split.late,
        example=example,
    )


def _shares(split: _Split) -> dict[str, float]:
    return {
        "late": split.late,
        "late_left": split.late_left,
        "in_time": split.in_time,
        "in_time_left": split.in_time_left,
    }


def _of_kind(kind: str) -> Text | str:
    return Text(" of the kind '{kind}'", "（类型“{kind}”）").format(kind=kind) if kind else ""


def _counts_too_early(late: LateEntries, cutoff: datetime, rows: pd.DataFrame) -> Finding:
    days = int((rows["entered_after"] - rows["dated"]).dt.days.max())
    return Finding(
        check="entry_order",
        subject=late.table,
        severity="warning",
        what=Text(
            "{rows:,} rows that are dated before the cut-off stand ({order}) behind rows dated after it, up to {days} days"
            " and at least {least}: they were probably entered after it, and count all the same.",
            "有 {rows:,} 行所记日期早于截止时间，却排在（{order}）晚于它的行之后（相差 {least} 至 {days} 天）："
            "很可能在其后才录入，却仍被计入。",
        ).format(rows=len(rows), order=late.order, days=days, least=TOLERATED_DAYS),
        next_step=_NEXT,
        cutoff=cutoff,
        count=len(rows),
        unit="rows",
        example=str(rows["customer_id"].iloc[0]),
    )
