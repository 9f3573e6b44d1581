"""Who cannot pay now, and who does not want to: two kinds of debtor that look alike on the ageing table.

Each sign is a rule that a credit manager would give, with the customer's own numbers in its sentence. The side with more
signs is told; where neither has the better of it, nothing is claimed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.text import Text

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Of = Mapping[str, Floats]
Kind = Literal["cannot_pay", "will_not_pay", "unclear"]

PAYERS: dict[Kind, Text] = {
    "cannot_pay": Text("Cannot pay now", "暂时无力支付"),
    "will_not_pay": Text("Does not want to pay", "不愿支付"),
    "unclear": Text("Not clear whether it cannot or will not", "无力还是不愿支付，尚不明确"),
}

LATER_DAYS = 7
"""From so many days more than before on a customer pays later than it used to."""


@dataclass(frozen=True)
class Sign:
    """A rule on one customer's features; a feature that is missing or not given makes it silent."""

    speaks_for: Literal["cannot_pay", "will_not_pay"]
    features: tuple[str, ...]
    shows: Callable[[Of], Flags]
    sentence: Text


SIGNS: tuple[Sign, ...] = (
    Sign(
        "cannot_pay",
        ("days_late_change",),
        lambda of: of["days_late_change"] >= LATER_DAYS,
        Text("Pays {days_late_change:.0f} days later than in the nine months before.", "付款比此前九个月晚 {days_late_change:.0f} 天。"),
    ),
    Sign(
        "cannot_pay",
        ("late_share_365d", "invoices_365d"),
        lambda of: (of["late_share_365d"] <= 0.3) & (of["invoices_365d"] >= 6),
        Text(
            "Used to be reliable: {late_share_365d:.0%} of the {invoices_365d:.0f} invoices of the last year were late.",
            "一向守信：近一年 {invoices_365d:.0f} 张发票中仅 {late_share_365d:.0%} 逾期。",
        ),
    ),
    Sign(
        "cannot_pay",
        ("spend_change_90d",),
        lambda of: of["spend_change_90d"] <= -0.3,
        Text("Buys much less than in the 90 days before.", "近 90 天的购买额较此前 90 天大幅下降。"),
    ),
    Sign(
        "cannot_pay",
        ("quick_ratio",),
        lambda of: of["quick_ratio"] < 0.8,
        Text("Its quick ratio is {quick_ratio:.2f} by its last accounts.", "据最近财务报表，速动比率为 {quick_ratio:.2f}。"),
    ),
    Sign(
        "cannot_pay",
        ("net_income_share",),
        lambda of: of["net_income_share"] < 0,
        Text("Made a loss by its last accounts.", "据最近财务报表，处于亏损。"),
    ),
    Sign(
        "will_not_pay",
        ("late_share_365d", "days_late_change", "invoices_365d"),
        lambda of: (of["late_share_365d"] >= 0.6) & (of["days_late_change"] < LATER_DAYS) & (of["invoices_365d"] >= 6),
        Text(
            "Pays late as a habit: {late_share_365d:.0%} of the invoices of the last year, no later than ever.",
            "习惯性拖欠：近一年 {late_share_365d:.0%} 的发票逾期，且并未较以往更晚。",
        ),
    ),
    Sign(
        "will_not_pay",
        ("spend_change_90d",),
        lambda of: of["spend_change_90d"] >= -0.1,
        Text("Goes on buying as before.", "仍照常购买。"),
    ),
    Sign(
        "will_not_pay",
        ("disputed_share_365d", "complaints_365d"),
        lambda of: (of["disputed_share_365d"] >= 0.2) & (of["complaints_365d"] == 0),
        Text(
            "Disputed {disputed_share_365d:.0%} of its invoices without one complaint about what was delivered.",
            "对 {disputed_share_365d:.0%} 的发票提出异议，却从未对货物提出投诉。",
        ),
    ),
    Sign(
        "will_not_pay",
        ("quick_ratio",),
        lambda of: of["quick_ratio"] >= 1.2,
        Text("Could pay: its quick ratio is {quick_ratio:.2f} by its last accounts.", "有支付能力：据最近财务报表，速动比率为 {quick_ratio:.2f}。"),
    ),
)  # fmt: skip


def payers(frame: pd.DataFrame) -> pd.DataFrame:
    """What each debtor is like, under the frame's index; ``frame`` is a snapshot of the customers with overdue money.

    Columns: payer (`PAYERS`), cannot_signs and will_not_signs (how many), evidence_en and evidence_zh (the sentences of
    the side that is told; of both where it is unclear).
    """
    of = {name: _column(frame, name) for sign in SIGNS for name in sign.features}
    shown = [_shown(sign, of) for sign in SIGNS]
    cannot = _count(shown, "cannot_pay", len(frame))
    will_not = _count(shown, "will_not_pay", len(frame))
    payer = np.select([cannot > will_not, will_not > cannot], ["cannot_pay", "will_not_pay"], "unclear")
    told = [
        marks & ((payer == sign.speaks_for) | (payer == "unclear")) for sign, marks in zip(SIGNS, shown, strict=True)
    ]
    return pd.DataFrame(
        {
            "payer": payer,
            "cannot_signs": cannot,
            "will_not_signs": will_not,
            "evidence_en": _sentences(told, of, "en", len(frame)),
            "evidence_zh": _sentences(told, of, "zh", len(frame)),
        },
        index=frame.index,
    )


def _column(frame: pd.DataFrame, name: str) -> Floats:
    return frame[name].to_numpy(dtype=np.float64) if name in frame else np.full(len(frame), np.nan)


def _shown(sign: Sign, of: Of) -> Flags:
    known = np.logical_and.reduce([np.isfinite(of[name]) for name in sign.features])
    with np.errstate(invalid="ignore"):
        return np.asarray(known & sign.shows(of))


def _count(shown: list[Flags], side: str, rows: int) -> NDArray[np.int64]:
    mine = [marks for sign, marks in zip(SIGNS, shown, strict=True) if sign.speaks_for == side]
    return np.sum(mine, axis=0, dtype=np.int64) if mine else np.zeros(rows, dtype=np.int64)


def _sentences(told: list[Flags], of: Of, language: Literal["en", "zh"], rows: int) -> NDArray[np.object_]:
    """Each debtor's sentences, one after the other; debtors are few beside customers."""
    parts = np.full(rows, "", dtype=object)
    space = " " if language == "en" else ""
    for sign, marks in zip(SIGNS, told, strict=True):
        template = sign.sentence.of(language)
        for row in np.flatnonzero(marks):
            sentence = template.format(**{name: of[name][row] for name in sign.features})
            parts[row] = f"{parts[row]}{space}{sentence}" if parts[row] else sentence
    return parts
