"""What a model card warns of: what follows from the data at hand, and what no churn model can do."""

from collections.abc import Iterator
from datetime import timedelta

import numpy as np

from features.text import LANGUAGES, Text
from training.card.facts import CardFacts, Measured
from training.evaluation.judged import Judged
from training.kinds.words import WORDS, strangers_of

YEAR = timedelta(days=365)
FEW_CUTOFFS = 3
FEW_CHURNERS = 100

MISUSES: tuple[Text, ...] = (
    Text(
        "To decide on credit, prices, terms of payment or delivery, or to turn customers away: it says who may {may}, not"
        " who can or will pay, and nobody checked it for such use.",
        "不得用于决定授信、价格、付款或交货条件，也不得用于拒绝客户：它只判断谁可能{may}，不判断谁有能力或意愿付款，也未针对此类用途做过检验。",
    ),
    Text(
        "To judge account managers by the risk of their customers: the probability depends on which customers they have.",
        "不得以客户的流失风险考核客户经理：概率取决于其负责的是哪些客户。",
    ),
    Text(
        "As proof that a contact works: it says who leaves if all goes on as before. What a contact changes must be"
        " measured against customers who were left alone.",
        "不得作为“联系有效”的证明：它只说明一切照旧时谁会流失。联系带来的改变必须与未联系的客户对照衡量。",
    ),
    Text(
        "For {strangers}; it has learnt nothing of them.",
        "不得用于{strangers}：模型没有学过这类客户。",
    ),
)
HELD_OUT = Text(
    "It was judged on customers held out, not on a later day: intervals say how the figures vary between customers, and"
    " whether they hold in another season or year is not known.",
    "评估使用留出的客户，而非更晚的时间：区间反映客户之间的差异；其他季节或年份是否依然如此，尚不可知。",
)


def misuses(facts: CardFacts) -> list[Text]:
    """What the model must not be used for."""
    words = {"may": WORDS[facts.churn.kind].may, "strangers": strangers_of(facts.churn)}
    return [text.format(**words) for text in MISUSES]


def limits(facts: CardFacts, judged: Judged, figures: Measured) -> list[Text]:
    """What the figures of this card cannot show."""
    return [*_of_the_data(facts, judged, figures), *facts.limits]


def _of_the_data(facts: CardFacts, judged: Judged, figures: Measured) -> Iterator[Text]:
    yield from (HELD_OUT,) if facts.by_customers else _of_time(facts, figures)
    churners = int(judged.churned.sum())
    rarer = min(churners, len(judged.churned) - churners)
    if rarer < FEW_CHURNERS:
        yield Text(
            "Among the judged rows the rarer outcome occurs {n} times only: all figures are rough.",
            "在评估数据中较少见的结果仅出现 {n} 次：所有指标都很粗略。",
        ).format(n=rarer)
    unknown = int(np.isnan(judged.value).sum())
    if facts.costs and unknown:
        yield Text(
            "{n:,} of {rows:,} judged rows have no known value; money is computed without them.",
            "{rows:,} 行评估数据中有 {n:,} 行价值未知；金额计算不含这些行。",
        ).format(n=unknown, rows=len(judged.churned))
    small = {column: sum(not group.enough for group in groups) for column, groups in figures.groups.items()}
    if any(small.values()):
        yield Text(
            "Groups with too few customers to say anything: {groups}.",
            "因客户过少而无法评价的分组：{groups}。",
        ).format(
            groups=Text(
                *(
                    joint.join(f"{facts.groups[column].of(language)} {n}" for column, n in small.items() if n)
                    for language, joint in zip(LANGUAGES, (", ", "、"), strict=True)
                )
            )
        )


def _of_time(facts: CardFacts, figures: Measured) -> Iterator[Text]:
    cutoffs = len(figures.cutoffs)
    if cutoffs < FEW_CUTOFFS:
        yield Text(
            "It was judged on {n} cut-off(s) only. Intervals say how the figures vary between customers, not between"
            " seasons or years.",
            "仅在 {n} 个截止时间上评估。区间反映客户之间的差异，不反映季节或年份之间的差异。",
        ).format(n=cutoffs)
    seen = [occasion.as_of for occasion in facts.history]
    if not seen or max(seen) - min(seen) < YEAR:
        yield Text(
            "What it learnt from spans less than a year ({days} days of cut-offs): what the season changes is not known to"
            " it.",
            "学习数据的截止时间跨度不足一年（{days} 天）：模型不了解季节变化。",
        ).format(days=(max(seen) - min(seen)).days if seen else 0)
