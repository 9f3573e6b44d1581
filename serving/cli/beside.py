"""What 'retinue train' says of the models beside churn."""

from typing import TYPE_CHECKING

from features.text import Text
from serving.cli.output import heading, here, say, table

if TYPE_CHECKING:  # the libraries behind it load slowly; --help must not wait for them
    from training.beside import Beside
    from training.credit_score.model import CreditScore


def print_beside(learnt: "Beside") -> None:
    """How good the models are, or why there is none."""
    if learnt.lifetime_value is not None:
        heading(Text("What customers will bring", "客户未来的贡献"))
        told = learnt.lifetime_value
        for sentence in [told] if isinstance(told, Text) else told.said():
            say(sentence)
    if learnt.late_payment is not None:
        heading(Text("Who pays when", "付款时间"))
        late = learnt.late_payment
        for sentence in [late] if isinstance(late, Text) else late.said():
            say(sentence)
    if learnt.credit is not None:
        heading(Text("Credit", "信用"))
        if isinstance(learnt.credit, Text):
            say(learnt.credit)
        else:
            _print_credit(learnt.credit)
    of_actions = (
        (Text("Whom actions change", "行动能改变谁"), learnt.uplift),
        (Text("What actions do", "行动的效果"), learnt.effects),
    )
    for title, effects in of_actions:
        if effects is not None:
            heading(title)
            for sentence in [effects] if isinstance(effects, Text) else effects.said():
                say(sentence)


def _print_credit(score: "CreditScore") -> None:
    from training.credit_score.five_cs import FIVE_CS
    from training.credit_score.model import CLASSES

    measured, base = score.metrics[score.model.kind], score.metrics["base_rate"]
    say(
        _CREDIT.format(
            model=_MODELS[score.model.kind],
            days=score.overdue_days,
            horizon=score.horizon_days,
            auc=measured["auc"],
            loss=measured["log_loss"],
            base=base["log_loss"],
            customers=int(measured["rows"]),
        )
    )
    rows = [
        (name, f"{size:,}", "–" if rate is None else f"{rate:.1%}")
        for name, size, rate in zip(CLASSES, score.class_sizes, score.class_rates, strict=True)
    ]
    table((Text("class", "等级"), Text("customers", "客户数"), Text("grew overdue", "逾期占比")), rows, right=(1, 2))
    if score.missing:
        names = [FIVE_CS[c].name for c in score.missing]  # type: ignore[index]
        say(_MISSING.format(names=here(Text(", ".join(n.en for n in names), "、".join(n.zh for n in names)))))


_MODELS = {"binned": Text("a scorecard", "评分卡"), "xgboost": Text("boosted trees", "提升树")}
_CREDIT = Text(
    "Who grows more than {days} days overdue within {horizon} days is told by {model}: AUC {auc:.3f}, log-loss {loss:.4f}"
    " ({base:.4f} by the base rate) for {customers:,} customers of a later day; what came true in each class there:",
    "由{model}判断谁会在 {horizon} 天内逾期超过 {days} 天：在较晚一日的 {customers:,} 位客户上 AUC 为 {auc:.3f}，对数损失"
    " {loss:.4f}（按总体比例为 {base:.4f}）；各等级的实际结果：",
)
_MISSING = Text("No fact speaks for: {names}.", "没有数据可说明：{names}。")
