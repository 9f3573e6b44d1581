"""What judging the model of late payment found, in sentences."""

from collections.abc import Mapping

from features.text import Text
from training.late_payment.judge import DUE_DAY, MODEL

_LATE = Text(
    "Of {rows:,.0f} invoices that were not late when looked at, {late:.1%} were paid late; the model ranks them with AUC"
    " {auc:.3f} (Brier {brier:.3f}), the customers' past late share with {share_auc:.3f} ({share_brier:.3f}).",
    "在查看时尚未逾期的 {rows:,.0f} 张发票中，{late:.1%} 最终逾期；模型排序的 AUC 为 {auc:.3f}（Brier {brier:.3f}），"
    "仅用客户过往逾期率为 {share_auc:.3f}（{share_brier:.3f}）。",
)
_DAYS = Text(
    "The expected day of payment is off by {days:.1f} days on average, the customer's own average by {average:.1f}, the due"
    " day by {due:.1f}; the 80 % interval held {inside:.0%} of the payments.",
    "预计付款日平均相差 {days:.1f} 天，按客户自身平均为 {average:.1f} 天，按到期日为 {due:.1f} 天；80% 区间实际覆盖 {inside:.0%} 的付款。",
)
_PASSED = Text(
    "The model may serve: no rule without a model foretells lateness better beyond chance.",
    "模型可以投入使用：没有任何无需模型的规则能明显更好地预测逾期。",
)
_FAILED = Text(
    "The model may not serve: a rule without a model foretells lateness better. Use the customers' past late share, or"
    " give more history.",
    "模型不可投入使用：有无需模型的规则预测逾期更准。请改用客户过往逾期率，或提供更长的历史数据。",
)


def said(judged: Mapping[str, Mapping[str, float]], passed: bool) -> list[Text]:
    """What the figures of `judge.Judged` mean; nothing is said of what could not be judged."""
    model, share, average = judged[MODEL], judged["past_late_share"], judged["mean_days_late"]
    found = []
    if "auc" in model:
        values = {"late": model["late_share"], "auc": model["auc"], "brier": model["brier"]}
        others = {"share_auc": share["auc"], "share_brier": share["brier"]}
        found.append(_LATE.format(rows=model["rows"], **values, **others))
    if "inside_interval" in model:
        days, own, due = (one["days_absolute_error"] for one in (model, average, judged[DUE_DAY]))
        found.append(_DAYS.format(days=days, average=own, due=due, inside=model["inside_interval"]))
    return [*found, _PASSED if passed else _FAILED]
