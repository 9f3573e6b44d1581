"""Named questions "what if", each as the features that it changes; read top to bottom."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from features.text import Text
from serving.problems import INVALID_REQUEST, ApiError

Row = Mapping[str, float]
"""A customer's features by name, NaN where missing."""

CAUTION = Text(
    "This is what the model says of customers with such features, not what the change would bring about: causes are learnt from"
    " experiments.",
    "这是模型对具有此类特征的客户的判断，并非该变化必然带来的结果；因果需通过试验得出。",
)


class WhatIf(NamedTuple):
    """A question: what its number means, between which bounds it lies, and what it changes."""

    meaning: Text
    low: float
    high: float
    change: Callable[[Row, float], dict[str, float]]


def _pays_in_days(row: Row, days: float) -> dict[str, float]:
    """All invoices are paid so many days after their issue: what that is against the terms, and against before."""
    later = days - row.get("days_to_pay_mean_365d", float("nan"))
    moved = {name: row.get(name, float("nan")) + later for name in ("days_late_mean_365d", "days_late_mean_90d")}
    late = moved["days_late_mean_365d"]
    shares = dict.fromkeys(("late_share_365d", "late_amount_share_365d"), float(late > 0))
    return {"days_to_pay_mean_365d": days, **moved, **shares} if late == late else {"days_to_pay_mean_365d": days}


def _discount_share(row: Row, share: float) -> dict[str, float]:
    """All that was bought in the last year had cost so much less."""
    kept = 1 - share
    spend = {name: row.get(name, float("nan")) * kept for name in ("spend_90d", "spend_365d", "purchase_amount_mean")}
    given = {"discount_share_365d": share, "discount_share_90d": share, "discounted_lines_share_365d": 1.0}
    lost = row.get("spend_365d", float("nan")) * share
    return spend | given | {"margin_365d": row.get("margin_365d", float("nan")) - lost}


def _settles_overdue_share(row: Row, share: float) -> dict[str, float]:
    """So much of what is overdue is paid today."""
    overdue = (
        *("overdue_balance", "overdue_balance_1_30d", "overdue_balance_31_60d", "overdue_balance_61_90d"),
        "overdue_balance_over_90d",
    )
    left = {name: row.get(name, float("nan")) * (1 - share) for name in overdue}
    paid = row.get("overdue_balance", float("nan")) * share
    return left | {"open_balance": row.get("open_balance", float("nan")) - paid}


def _buys_today(row: Row, amount: float) -> dict[str, float]:
    """It buys for so much today."""
    more = {f"purchase_days_{span}": 1.0 for span in ("30d", "90d", "180d", "365d", "total")}
    more |= {f"spend_{span}": amount for span in ("30d", "90d", "180d", "365d", "total")}
    added = {name: row.get(name, float("nan")) + one for name, one in more.items()}
    return added | {"days_since_last_purchase": 0.0, "current_gap_ratio": 0.0}


WHAT_IFS: dict[str, WhatIf] = {
    "pays_in_days": WhatIf(Text("Days from issue to payment", "从开票到付款的天数"), 0, 3650, _pays_in_days),
    "discount_share": WhatIf(Text("Share taken off prices", "降价比例"), 0, 1, _discount_share),
    "settles_overdue_share": WhatIf(
        Text("Share of overdue money paid", "结清逾期款的比例"), 0, 1, _settles_overdue_share
    ),
    "buys_today": WhatIf(Text("Amount bought today", "今日购买金额"), 0, 1e12, _buys_today),
}


def changes_of(asked: Mapping[str, float], row: Row) -> dict[str, float]:
    """The features that the questions change, with their new values; only those that the customer has.

    Raises ApiError: there is no such question, or its number is out of bounds.
    """
    findings = []
    for name, value in asked.items():
        known = WHAT_IFS.get(name)
        if known is None:
            findings.append((f"body.what_if.{name}", _UNKNOWN.format(names=", ".join(WHAT_IFS))))
        elif not known.low <= value <= known.high:
            meant = {"meaning": known.meaning, "low": f"{known.low:g}", "high": f"{known.high:g}"}
            findings.append((f"body.what_if.{name}", _OUT_OF_BOUNDS.format(**meant)))
    if findings:
        raise ApiError(INVALID_REQUEST, _FINDINGS, findings=findings, count=len(findings))
    changed: dict[str, float] = {}
    for name, value in asked.items():
        changed |= WHAT_IFS[name].change({**row, **changed}, value)
    return {name: value for name, value in changed.items() if name in row and value == value}


_FINDINGS = Text("{count} thing(s) in the request need a change.", "请求中有 {count} 处需要修改。")
_UNKNOWN = Text("There is no such question; there are {names}.", "没有这个假设；可用的有：{names}。")
_OUT_OF_BOUNDS = Text("{meaning}: it must lie between {low} and {high}.", "{meaning}：须介于 {low} 与 {high} 之间。")
