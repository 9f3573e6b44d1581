"""What the books call things, in both languages: ageing buckets, kinds of money, measures and why one is missing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from features.text import Text

MINOR_PER_CURRENCY = 100
"""Amounts in the books are whole numbers of hundredths of the currency, so that every sum comes out to the cent."""

Kind = Literal["payment", "credit_note", "write_off"]

KINDS: dict[Kind, Text] = {
    "payment": Text("payment", "付款"),
    "credit_note": Text("credit note", "贷项"),
    "write_off": Text("write-off", "坏账核销"),
}
"""What lowers a debt. A refund is a payment that goes the other way."""


@dataclass(frozen=True)
class Bucket:
    """An ageing bucket: open items that are overdue by ``low`` to ``high`` days (None: without end)."""

    name: str
    low: int | None
    high: int | None
    meaning: Text


BUCKETS = (
    Bucket("current", None, 0, Text("not yet due", "未到期")),
    Bucket("1_30", 1, 30, Text("1 to 30 days overdue", "逾期 1 至 30 天")),
    Bucket("31_60", 31, 60, Text("31 to 60 days overdue", "逾期 31 至 60 天")),
    Bucket("61_90", 61, 90, Text("61 to 90 days overdue", "逾期 61 至 90 天")),
    Bucket("over_90", 91, None, Text("more than 90 days overdue", "逾期超过 90 天")),
)


@dataclass(frozen=True)
class Measure:
    """A measure of how receivables are collected. ``missing`` says why there may be none."""

    name: str
    unit: str
    meaning: Text
    missing: Text


_NO_SALES = Text("nothing was invoiced in the period", "该期间内没有开票")
_NONE_JUDGED = Text("no invoice of the period has been settled or fallen due", "该期间的发票均未结清，也均未到期")

MEASURES = (
    Measure("dso_days", "days", Text("Days sales outstanding", "应收账款周转天数（DSO）"), _NO_SALES),
    Measure(
        "dso_count_back_days",
        "days",
        Text("Days sales outstanding by count-back", "应收账款周转天数（倒推法）"),
        Text("more is owed than was ever invoiced by the facts", "欠款超过事实中全部开票金额"),
    ),
    Measure(
        "best_possible_dso_days",
        "days",
        Text("Best possible days sales outstanding", "最佳可能应收账款周转天数"),
        _NO_SALES,
    ),
    Measure("average_days_delinquent", "days", Text("Average days delinquent", "平均拖欠天数"), _NO_SALES),
    Measure(
        "turnover_per_year",
        "times per year",
        Text("Receivables turnover", "应收账款周转率"),
        Text("nothing was owed at the start or the end of the period", "期初和期末均无欠款"),
    ),
    Measure(
        "collection_effectiveness",
        "share",
        Text("Collection effectiveness index", "收款有效性指数（CEI）"),
        Text("nothing was there to be collected in the period", "该期间没有可收的款项"),
    ),
    Measure("late_share", "share", Text("Share of invoices paid late or overdue", "逾期发票的数量占比"), _NONE_JUDGED),
    Measure(
        "late_amount_share",
        "share",
        Text("Share of the invoiced amount paid late or overdue", "逾期发票的金额占比"),
        _NONE_JUDGED,
    ),
)


def reasons(measured: Mapping[str, object]) -> dict[str, Text]:
    """Why measures are missing, by name; ``measured`` is a row of measures."""
    return {m.name: m.missing for m in MEASURES if measured[m.name] is None}
