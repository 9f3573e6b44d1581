"""The sections of a card below its first screen, one function each."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from features.leakage.certificate import Certificate
from features.leakage.report import COLUMNS, day, row, verdict, what_was_checked
from features.text import Text
from training.card.blocks import (
    MISSING,
    Block,
    Bullets,
    Paragraph,
    Picture,
    Section,
    Table,
    amount,
    decimal,
    gap,
    number,
    percent,
    same,
    share,
)
from training.card.facts import CardFacts, Measured
from training.card.limits import limits, misuses
from training.evaluation.figures import group_picture
from training.evaluation.groups import LEAST_CUSTOMERS, LEAST_OF_EACH_OUTCOME, TOO_FEW, Group
from training.evaluation.judged import Judged
from training.evaluation.titles import model_title
from training.kinds.words import outcome_of, population_of

MOST_FEATURES = 20
MOST_FINDINGS = 20
SHOWN_FINDING = ("severity", "check", "subject", "count", "what")

INTERVALS = Text(
    "In brackets: 95% interval over customers. It says how the figure varies with the customers that happened to be there.",
    "括号内为按客户计算的 95% 区间，反映指标随所遇客户不同的波动。",
)


@dataclass(frozen=True)
class Context:
    """All that a section may speak of."""

    facts: CardFacts
    judged: Judged
    certificate: Certificate
    figures: Measured


def sections(context: Context) -> list[Section]:
    """Every section that has something to say, in reading order."""
    made = ((title, tuple(make(context))) for title, make in SECTIONS)
    return [Section(title, blocks) for title, blocks in made if blocks]


def _quality(context: Context) -> Iterator[Block]:
    columns = {
        "auc": Text("AUC (ranking; chance 0.5)", "AUC（排序；随机 0.5）"),
        "pr_auc": Text("average precision", "平均精确率"),
        "top_decile_lift": Text("lift in the top tenth", "前十分之一提升度"),
        "brier": Text("Brier score (lower is better)", "Brier 分数（越低越好）"),
        "log_loss": Text("log-loss (lower is better)", "对数损失（越低越好）"),
    }
    models, chosen = context.figures.models, context.judged.chosen
    names = [chosen, *(name for name in models if name != chosen)]
    yield Table(
        [
            Text("model", "模型"),
            *columns.values(),
            Text("log-loss: gain of the chosen model", "所选模型的对数损失优势"),
        ],
        [
            [
                model_title(name),
                *(decimal(models[name][column]) for column in columns),
                decimal(context.figures.gains.get(name)),
            ]
            for name in names
        ],
        strong=frozenset({0}),
    )
    yield Paragraph(INTERVALS)
    yield Picture("gains", Text("Churners found by share of customers contacted", "不同联系比例下找到的流失客户"))


def _money(context: Context) -> Iterator[Block]:
    report, costs = context.figures.money, context.facts.costs
    if report is None or costs is None:
        return
    yield Paragraph(
        Text(
            "Assumed: a contact costs {contact} {currency} and takes away {effect} of the probability of leaving"
            "{discount}. Profit is that share of the value of the contacted customers who left, less what all contacts cost."
            " It is in {currency} per 1,000 customers, and stands and falls with the assumed effect, which these data"
            " cannot show.",
            "假设：每次联系成本 {contact} {currency}，使流失概率降低 {effect}{discount}。"
            "利润 = 所联系客户中实际流失者价值的该比例 − 全部联系成本，单位为每千位客户 {currency}；"
            "它取决于假设的效果，而本数据无法证明该效果。",
        ).format(
            contact=number(costs.contact, 2),
            currency=context.facts.currency,
            effect=percent(costs.effect, 0),
            discount=Text(", with a discount of {share} of the spend", "，并给予消费额 {share} 的折扣").format(
                share=percent(costs.discount_share)
            )
            if costs.discount_share
            else same(""),
        )
    )
    head = (
        Text("who is contacted", "联系对象"),
        Text("share contacted", "联系比例"),
        Text("profit", "利润"),
        Text("expected by the model", "模型预期"),
        Text("against the better of nobody and everybody", "与“全不联系”和“全部联系”中较优者相比"),
        Text("share of cost saved", "节省成本比例"),
        Text("gain of the chosen model", "所选模型的优势"),
    )
    names = [context.judged.chosen, *report.over]
    nothing = same(MISSING)
    rows = [
        [
            Text("those for whom it pays, by: {model}", "按此模型值得联系者：{model}").format(model=model_title(name)),
            same(percent(report.models[name].share_contacted)),
            amount(report.models[name].profit),
            same(number(report.models[name].expected)),
            amount(report.models[name].gain),
            same(percent(report.models[name].saved)),
            amount(report.over.get(name)),
        ]
        for name in names
    ]
    nobody = [Text("nobody", "全不联系"), same(percent(0)), same("0"), *[nothing] * 4]
    everybody = [Text("everybody", "全部联系"), same(percent(1)), amount(report.everybody), *[nothing] * 4]
    foreseen = [
        Text("with perfect foresight (no model can do better)", "完全预知（任何模型都无法超越）"),
        nothing,
        amount(report.foreseen),
        *[nothing] * 4,
    ]
    yield Table(head, [*rows, nobody, everybody, foreseen], strong=frozenset({0}))
    yield Picture("profit", Text("Profit by share of customers contacted", "不同联系比例下的利润"))


def _calibration(context: Context) -> Iterator[Block]:
    figures = context.figures
    chosen, parts = figures.models[context.judged.chosen], figures.brier
    yield Picture("reliability", Text("Observed against foretold share that leaves", "预测与实际流失比例"))
    yield Table(
        [Text("figure", "指标"), Text("what it says", "含义"), Text("value", "数值")],
        [
            [
                Text("calibration error", "校准误差"),
                Text("mean gap between foretold and real share, over ten bins", "十组中预测与实际比例的平均差距"),
                share(chosen["calibration_error"]),
            ],
            [
                Text("the same without chance", "去除偶然后的校准误差"),
                Text("what of the gap is more than chance (root mean square)", "超出偶然的差距（均方根）"),
                same(percent(figures.debiased_error)),
            ],
            [
                Text("shift in the large", "总体偏移"),
                Text("0: right; above: too few foretold (log-odds)", "0：正确；大于 0：预测偏少（对数几率）"),
                decimal(figures.recalibration.intercept),
            ],
            [
                Text("calibration slope", "校准斜率"),
                Text("1: right; below: probabilities too extreme", "1：正确；小于 1：概率过于极端"),
                decimal(figures.recalibration.slope),
            ],
            [
                Text("Brier: miscalibration", "Brier：校准不足"),
                Text("what wrong levels cost; 0 is best", "概率水平不准的代价；0 最好"),
                same(number(parts.miscalibration, 4)),
            ],
            [
                Text("Brier: discrimination", "Brier：区分度"),
                Text(
                    "what telling customers apart brings, of {uncertainty}",
                    "区分客户带来的收益，上限 {uncertainty}",
                ).format(uncertainty=number(parts.uncertainty, 4)),
                same(number(parts.discrimination, 4)),
            ],
        ],
        words=2,
    )


def _groups(context: Context) -> Iterator[Block]:
    if not context.figures.groups:
        return
    flagged = context.facts.flagged_from
    yield Paragraph(
        Text(
            "Flagged: {flagged}. Groups may rightly differ in their churn rate; the gap between foretold and real should"
            " be near 0 in each. Groups of different churn rates cannot have equal gaps and equal hit rates at once."
            " Below {customers} customers, or {outcomes} of an outcome, nothing is said.",
            "标记为高风险：{flagged}。各组流失率本可不同；但各组预测与实际之差应接近 0。流失率不同的组无法同时做到差距相等与命中率相等。"
            "少于 {customers} 位客户或某一结果少于 {outcomes} 位时不作评价。",
        ).format(
            flagged=Text("a probability of {p} and more", "概率不低于 {p}").format(p=percent(flagged, 0))
            if flagged is not None
            else Text("the tenth with the highest probability", "概率最高的十分之一"),
            customers=LEAST_CUSTOMERS,
            outcomes=LEAST_OF_EACH_OUTCOME,
        )
    )
    for column, groups in context.figures.groups.items():
        title = context.facts.groups[column]
        yield Table(_group_head(title), [_group_row(group) for group in groups])
        if any(group.enough for group in groups):
            yield Picture(group_picture(column), Text("By {title}", "按{title}").format(title=title))


def _group_head(title: Text) -> Sequence[Text]:
    return (
        title,
        Text("customers", "客户数"),
        Text("left", "实际流失"),
        Text("foretold", "预测流失"),
        Text("gap, points", "差距（百分点）"),
        Text("AUC", "AUC"),
        Text("flagged", "标记比例"),
        Text("flagged of those who left", "流失者中被标记"),
        Text("flagged of those who stayed", "留存者中被标记"),
    )


def _group_row(group: Group) -> Sequence[Text]:
    if not group.enough:
        return (group.title, same(number(group.customers)), TOO_FEW, *[same(MISSING)] * 6)
    figures = group.figures
    return (
        group.title,
        same(number(group.customers)),
        share(figures["churn_rate"]),
        share(figures["mean_probability"]),
        gap(figures["calibration_gap"]),
        decimal(figures["auc"]) if "auc" in figures else TOO_FEW,
        share(figures["flagged_share"]),
        share(figures["true_positive_rate"]) if "true_positive_rate" in figures else TOO_FEW,
        share(figures["false_positive_rate"]) if "false_positive_rate" in figures else TOO_FEW,
    )


def _time(context: Context) -> Iterator[Block]:
    cutoffs = context.figures.cutoffs
    if context.facts.by_customers:
        return
    yield Table(_group_head(Text("cut-off", "截止时间")), [_group_row(group) for group in cutoffs])
    if len(cutoffs) > 1:
        yield Picture("cutoffs", Text("Ranking and level at each cut-off", "各截止时间的排序能力与概率水平"))


def _data(context: Context) -> Iterator[Block]:
    facts = context.facts
    yield Bullets(
        (
            Text(
                "Population: {population}. Left means: {outcome}.",
                "总体：{population}。流失指：{outcome}。",
            ).format(population=population_of(facts.churn), outcome=outcome_of(facts.churn)),
            Text(
                "Learnt from {rows:,} rows of {customers:,} customers at {cutoffs} cut-offs; {features} features.",
                "学习数据：{customers:,} 位客户，{cutoffs} 个截止时间，共 {rows:,} 行；{features} 个特征。",
            ).format(rows=facts.rows, customers=facts.customers, cutoffs=len(facts.history), features=facts.features),
        )
    )
    if len(facts.history) > 1 or not facts.by_customers:
        yield Table(
            [Text("cut-off learnt from", "学习所用截止时间"), Text("rows", "行数"), Text("left", "流失比例")],
            [[same(day(o.as_of)), same(number(o.rows)), same(percent(o.churn_rate))] for o in facts.history],
        )


def _leakage(context: Context) -> Iterator[Block]:
    certificate = context.certificate
    yield Paragraph(verdict(certificate))
    yield Paragraph(what_was_checked(certificate))
    found = [*certificate.of("failed"), *certificate.of("warning")][:MOST_FINDINGS]
    if found:
        cells = [(row(finding, "en"), row(finding, "zh")) for finding in found]
        yield Table(
            [COLUMNS[name] for name in SHOWN_FINDING],
            [[Text(*(en[name], zh[name])) for name in SHOWN_FINDING] for en, zh in cells],
            words=len(SHOWN_FINDING),
        )
    if certificate.limits:
        yield Bullets(certificate.limits)


def _features(context: Context) -> Iterator[Block]:
    facts = context.facts
    ordered = sorted(facts.attributions.items(), key=lambda pair: (-pair[1], pair[0]))
    if not ordered:
        return
    yield Paragraph(
        Text(
            "Share of each feature in what moves the probabilities of customers (mean absolute contribution in log-odds)."
            " It says what the model looks at, not what makes customers leave.",
            "各特征在概率变动中所占份额（对数几率贡献绝对值的平均）。它说明模型看什么，而不是客户为何离开。",
        )
    )
    shown, rest = ordered[:MOST_FEATURES], ordered[MOST_FEATURES:]
    rows = [[same(name), facts.meanings.get(name, same(MISSING)), same(percent(part))] for name, part in shown]
    if rest:
        total = percent(float(np.sum([part for _, part in rest])))
        rows.append([Text("{n} others", "其余 {n} 个").format(n=len(rest)), same(MISSING), same(total)])
    yield Table([Text("feature", "特征"), Text("what it is", "含义"), Text("share", "份额")], rows, words=2)


def _limits(context: Context) -> Iterator[Block]:
    yield Paragraph(Text("It must not be used:", "本模型："))
    yield Bullets(misuses(context.facts))
    said = limits(context.facts, context.judged, context.figures)
    if said:
        yield Paragraph(Text("What these figures cannot show:", "以上指标不能说明的："))
        yield Bullets(said)


def _identity(context: Context) -> Iterator[Block]:
    facts = context.facts
    known = {
        Text("version", "版本"): facts.version,
        Text("run", "运行编号"): facts.run_id,
        Text("trained as of", "训练时点"): day(facts.trained_as_of),
        Text("features' catalogue", "特征目录"): context.certificate.catalogue_hash,
    }
    rows = [[title, same(value)] for title, value in known.items()]
    rows += [
        [same(name), same(MISSING if value is None else value)]
        for name, value in (*facts.versions.items(), *facts.parameters.items())
    ]
    yield Table([Text("what", "项目"), Text("value", "数值")], rows, words=2)


SECTIONS: tuple[tuple[Text, Callable[[Context], Iterator[Block]]], ...] = (
    (Text("How good it is", "效果如何"), _quality),
    (Text("What it is worth in money", "金额价值"), _money),
    (Text("Do the probabilities come true?", "概率是否应验"), _calibration),
    (Text("By group", "分组表现"), _groups),
    (Text("Over time", "随时间的表现"), _time),
    (Text("What it must not be used for, and limits", "禁止用途与局限"), _limits),
    (Text("What it learnt from", "学习数据"), _data),
    (Text("Does it see the future?", "是否看到未来"), _leakage),
    (Text("What it looks at", "模型看什么"), _features),
    (Text("Versions and parameters", "版本与参数"), _identity),
)
"""Every section, in reading order."""
