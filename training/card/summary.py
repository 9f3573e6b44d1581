"""The first screen of a card: what the model says, and how good that is, for somebody who works with customers."""

from collections.abc import Iterator

from features.leakage.certificate import Certificate
from features.leakage.report import day, verdict
from features.text import Text
from training.card.blocks import Block, Bullets, Paragraph, Tile, Tiles, number, percent, same
from training.card.facts import CardFacts, Measured
from training.evaluation.judged import Judged
from training.evaluation.titles import model_title
from training.kinds.words import outcome_of, population_of

HELD_OUT = Text("held out", "留出的客户")
"""In the place of the cut-offs, where other customers than those learnt from were judged."""


def summary(facts: CardFacts, judged: Judged, certificate: Certificate, figures: Measured) -> list[Block]:
    """What the model predicts, its main numbers, and what they mean."""
    what = Text(
        "For {population}, the model gives the probability of leaving; here that means: {outcome}. It was judged on outcomes"
        " that it had not seen: {rows:,} rows of {customers:,} customers, {cutoffs}.",
        "对{population}，模型给出其流失的概率；流失在此指：{outcome}。"
        "评估使用模型未见过的结果：{cutoffs}，{customers:,} 位客户，共 {rows:,} 行。",
    ).format(
        population=population_of(facts.churn),
        outcome=outcome_of(facts.churn),
        rows=len(judged.rows),
        customers=int(judged.customers.max()) + 1,
        cutoffs=HELD_OUT if facts.by_customers else _when(figures),
    )
    return [
        Paragraph(what),
        Tiles(tuple(_tiles(facts, judged, figures))),
        Bullets(tuple(_said(facts, certificate, figures))),
    ]


def _when(figures: Measured) -> Text:
    titles = [group.title for group in figures.cutoffs]
    if len(titles) == 1:
        return Text("at {cutoff}", "截止时间 {cutoff}").format(cutoff=titles[0])
    return Text("at {n} cut-offs from {first} to {last}", "{first} 至 {last} 的 {n} 个截止时间").format(
        n=len(titles), first=titles[0], last=titles[-1]
    )


def _tiles(facts: CardFacts, judged: Judged, figures: Measured) -> Iterator[Tile]:
    chosen, rate = figures.models[judged.chosen], float(judged.churned.mean())
    top = chosen["top_decile_lift"].value * rate
    yield Tile(
        same(percent(top, 0)),
        Text("of the tenth at highest risk left", "风险最高的十分之一客户实际流失"),
        Text("of all customers: {rate}", "全部客户：{rate}").format(rate=percent(rate, 0)),
    )
    yield Tile(
        same(percent(chosen["auc"].value, 0)),
        Text("right when ranking one who left and one who stayed", "能正确排序一位流失与一位留存客户的比例"),
        Text("by chance: 50%", "随机：50%"),
    )
    yield Tile(
        Text("{foretold} → {real}", "{foretold} → {real}").format(
            foretold=percent(float(judged.probability.mean()), 0), real=percent(rate, 0)
        ),
        Text("foretold to leave → left", "预测流失 → 实际流失"),
        Text("mean gap over ten bins: {error} points", "十组平均差距：{error} 个百分点").format(
            error=number(chosen["calibration_error"].value * 100, 1)
        ),
    )
    if figures.money:
        money = figures.money.models[judged.chosen]
        yield Tile(
            Text("{profit} {currency}", "{profit} {currency}").format(
                profit=number(money.profit.value), currency=facts.currency
            ),
            Text("profit per 1,000 customers", "每千位客户的利润"),
            Text("contacting {share} of them, against nobody", "联系其中 {share}，与不联系相比").format(
                share=percent(money.share_contacted, 0)
            ),
        )


def _said(facts: CardFacts, certificate: Certificate, figures: Measured) -> Iterator[Text]:
    yield (
        Text("This version serves.", "此版本正在提供服务。")
        if facts.promoted
        else Text("This version is on record only: it does not serve.", "此版本仅存档，不提供服务。")
    )
    yield against_baselines(facts, figures)
    yield level(figures)
    yield Text("Leakage check: {verdict}", "泄漏检查：{verdict}").format(verdict=verdict(certificate))
    yield Text("It knows facts up to {day}.", "模型已知的数据截至 {day}。").format(day=day(facts.trained_as_of))


def against_baselines(facts: CardFacts, figures: Measured) -> Text:
    """Whether the model is better than the simple rules, in a sentence."""
    known = {name: figures.gains[name] for name in facts.baselines if name in figures.gains}
    if not known:
        return Text(
            "It was compared with no simple rule: how much it adds is not known.",
            "未与任何简单规则比较：尚不知模型带来多少改进。",
        )
    best = min(known, key=lambda name: known[name].value)
    if known[best].low > 0:
        return Text(
            "It is better than every simple rule, beyond chance; the best of them is: {name}.",
            "它优于所有简单规则，且并非偶然；其中最好的规则是：{name}。",
        ).format(name=model_title(best))
    return Text(
        "It is not surely better than this simple rule: {name}.", "尚不能确定它优于这一简单规则：{name}。"
    ).format(name=model_title(best))


def level(figures: Measured) -> Text:
    """Whether the probabilities are right on the whole, in a sentence."""
    shift = figures.recalibration.intercept
    if not shift.bounded:
        return Text("Whether the level of its probabilities is right cannot be said.", "尚无法判断概率水平是否正确。")
    if shift.low > 0:
        return Text("Its probabilities were too low: more left than foretold.", "概率偏低：实际流失多于预测。")
    if shift.high < 0:
        return Text("Its probabilities were too high: fewer left than foretold.", "概率偏高：实际流失少于预测。")
    slope = figures.recalibration.slope
    if slope.bounded and slope.low > 1:
        return Text(
            "Its probabilities are right on the average, but too cautious: high risks are higher, and low ones lower, than"
            " it says.",
            "概率平均而言正确，但过于保守：高风险实际更高，低风险实际更低。",
        )
    if slope.bounded and slope.high < 1:
        return Text(
            "Its probabilities are right on the average, but too extreme: high risks are lower, and low ones higher, than"
            " it says.",
            "概率平均而言正确，但过于极端：高风险实际更低，低风险实际更高。",
        )
    return Text("On the whole, its probabilities came true.", "总体而言，预测概率与实际相符。")
