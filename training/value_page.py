"""What customers are worth as one page that needs nothing else: the best customers, what they will bring, course, retention."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pandas as pd

from features.project import Project
from features.text import LANGUAGES, Language, Text
from training.card.blocks import Block, Paragraph, Picture, Section, Table, number, percent, same
from training.card.html import html
from training.expected_value import BEST_SHARE, CONTRACT, ExpectedValue
from training.trajectory.advice import ADVICE
from training.trajectory.states import STATES
from training.value_report import SupplierScores, ValueReport
from training.value_score.scorecard import Scorecard

MOST_CUSTOMERS = 50
MOST_NEGATIVE = 3
PURCHASES = "purchases_"
"""Names of the pictures of the purchase model begin like this."""

PAGE = Text("{company}: what customers are worth as of {as_of:%Y-%m-%d}", "{company}：客户价值，时点 {as_of:%Y-%m-%d}")
BEST = Text("The most valuable customers", "最有价值的客户")
EXPECTED = Text("What customers will bring", "客户未来的贡献")
COURSE = Text("Where spend is heading, and what that asks for", "消费走势与建议")
RETENTION = Text("Retention", "客户保持")
SUPPLIERS = Text("Suppliers", "供应商")
CUSTOMER, SUPPLIER = Text("customer", "客户"), Text("supplier", "供应商")
SCORE, MOSTLY = Text("value score", "价值评分"), Text("mostly for", "主要来自")
SHARE = Text("share of customer", "客户份额")
STATE, ADVISED = Text("course", "走势"), Text("advice", "建议")
BOUGHT = Text("purchases of 365 days", "最近 365 天采购额")
COUNT, WHY = Text("customers", "客户数"), Text("why", "理由")
NOT_TOLD = Text("not told", "未作判断")
PRICE, CONTRACTS = Text("price per period", "每期价格"), Text("contract value", "合同价值")
TO_COME, REVENUE = Text("purchase days to come", "预期购买日数"), Text("revenue to come", "预期收入")
LIFETIME, BETWEEN = Text("lifetime value", "终身价值"), Text("90 % interval", "90% 区间")
NET, PAST = Text("net of costs", "扣除成本后"), Text("margin so far", "累计毛利")
PURCHASE_MODEL = Text("the purchase model against what came", "购买模型与实际结果对照")
INTERVAL = Text("{low} to {high}", "{low} 至 {high}")

_TOTAL = Text(
    "Within {days} days, {customers} customers are expected to bring {total} {currency} of margin, discounted to today.",
    "预计 {days} 天内，{customers} 位客户将带来 {total} {currency} 毛利（折现至今）。",
)
_CONTRACTS = Text(
    "Within {days} days, the running contracts of {customers} customers are worth {total} {currency} of margin.",
    "{days} 天内，{customers} 位客户的生效合同价值 {total} {currency} 毛利。",
)
_LEFT = Text(
    "After {costs} {currency} for credit losses, service and collection, as far as these are known, {net} {currency} are left.",
    "在已知范围内扣除信用损失、服务和催收成本 {costs} {currency} 后，余 {net} {currency}。",
)
_NO_COSTS = Text(
    "Nothing is taken off it: neither [value.costs] nor a credit score tells what customers cost beside their goods.",
    "未扣除其他成本：[value.costs] 与信用评分均未给出商品之外的客户成本。",
)
_CONCENTRATED = Text("The best {share:.0%} of them leave {of:.0%} of that.", "其中最好的 {share:.0%} 占 {of:.0%}。")
_PAST = Text(
    "Until now their purchases have brought {total} {currency} of margin, {recent} {currency} of it in the last 365 days.",
    "迄今为止，其购买共带来 {total} {currency} 毛利，其中最近 365 天为 {recent} {currency}。",
)
_NONE_NEGATIVE = Text(
    "No customer is expected to cost more than it brings.", "没有客户的预期成本高于其贡献（无负价值客户）。"
)
_NEGATIVE = Text(
    "Customers of negative value, expected to cost more than they bring: {customers}. The worst: {worst}.",
    "负价值客户（预期成本高于其贡献）：{customers} 位。最差的是：{worst}。",
)
_ONE = Text("{who} ({value} {currency})", "{who}（{value} {currency}）")
_PLAIN_MODEL = Text(
    "The pictures show the purchase model alone, fitted on what was known {days:.0f} days ago, against what came since;"
    " corrections by earlier forecasts and amounts are left out.",
    "以下图片仅显示购买模型本身：以 {days:.0f} 天前的已知数据拟合，与此后的实际结果对照；不含按以往预测和金额所作的校正。",
)


def value_page(
    report: ValueReport,
    project: Project,
    as_of: datetime,
    pictures: Mapping[tuple[str, Language], bytes],
    language: Language,
) -> str:
    """The page in one language; of ``pictures`` (PNG by name and language) those of its language are embedded."""
    drawn = {name: data for (name, spoken), data in pictures.items() if spoken == language}
    of_purchases = [name for name in drawn if name.startswith(PURCHASES)]
    sections = [
        Section(BEST, _best(report)),
        Section(EXPECTED, _expected(report.expected, project.project.currency, of_purchases)),
    ]
    if "trajectory" in report.customers:
        sections.append(Section(COURSE, [_courses(report.customers)]))
        told: list[Block] = [Paragraph(report.curves.said())] if report.curves else []
        told += [Picture(name, RETENTION) for name in drawn if name not in of_purchases]
        sections.append(Section(RETENTION, told))
    if report.suppliers is not None:
        sections.append(Section(SUPPLIERS, [Paragraph(report.suppliers.card.said()), supplier_table(report.suppliers)]))
    title = PAGE.format(company=project.project.name, as_of=as_of.astimezone(project.timezone))
    return html(title, [], sections, drawn, language)


def score_table(report: ValueReport, most: int = MOST_CUSTOMERS) -> Table | None:
    """The customers of highest score with what it is made of and, where it is known, course, advice and share; None without scores."""
    if report.card is None:
        return None
    with_course = report.share is not None
    words = (CUSTOMER, MOSTLY, *((STATE, ADVISED) if with_course else ()))
    head = (*words, SCORE, *((SHARE,) if with_course else ()))
    rows = [_score_row(report.card, row, with_course) for row in report.best.head(most).to_dict("records")]
    return Table(head, rows, words=len(words))


def expected_table(expected: ExpectedValue, most: int = MOST_CUSTOMERS) -> Table:
    """The customers who are expected to leave most, with what they brought until now."""
    best = expected.best.head(most).to_dict("records")
    if expected.by_contracts:
        columns = (CONTRACT, expected.value, expected.net)
        rows = [(same(row["customer_id"]), *(same(number(row[name])) for name in columns)) for row in best]
        return Table((CUSTOMER, PRICE, CONTRACTS, NET), rows)
    return Table((CUSTOMER, TO_COME, REVENUE, LIFETIME, BETWEEN, NET, PAST), [_expected_row(row) for row in best])


def expected_said(expected: ExpectedValue, currency: str) -> list[Text]:
    """What all customers together will bring, and who is of negative value, in sentences."""
    if not expected.is_known:
        return []
    known, days = expected.best, expected.horizon_days
    total, net = float(known[expected.value].sum()), float(known[expected.net].sum())
    sentence = _CONTRACTS if expected.by_contracts else _TOTAL
    told = [sentence.format(days=days, customers=f"{len(known):,}", total=number(total), currency=currency)]
    costs = _LEFT.format(costs=number(total - net), net=number(net), currency=currency)
    told.append(costs if (known[expected.value] != known[expected.net]).any() else _NO_COSTS)
    share = expected.share_of_best()
    if 0 <= share <= 1:  # more than all of it, where others lose money, says nothing
        told.append(_CONCENTRATED.format(share=BEST_SHARE, of=share))
    if not expected.by_contracts:
        past, recent = (number(expected.customers[name].sum()) for name in ("past_value", "past_value_365d"))
        told.append(_PAST.format(total=past, recent=recent, currency=currency))
    return [*told, _negative_said(expected, currency)]


def mostly(card: Scorecard, row: Mapping[Any, Any]) -> Text:
    """The two criteria that bring most points."""
    points = {c.name: row[f"points_{c.id}"] for c in card.criteria}
    best = sorted((c for c in points if points[c] == points[c]), key=lambda c: -points[c])[:2]
    return listed([Text(*(f"{c.of(lang)} {points[c]:.0f}" for lang in LANGUAGES)) for c in best])


def listed(texts: list[Text]) -> Text:
    """Texts one after the other."""
    return Text(", ".join(t.en for t in texts), "、".join(t.zh for t in texts))


def supplier_table(suppliers: SupplierScores, most: int = MOST_CUSTOMERS) -> Table:
    """The best suppliers with what their score is made of."""
    rows = [
        (
            same(row["supplier_id"]),
            mostly(suppliers.card, row),
            same(number(row["value_score"])),
            same(number(row["purchases_365d"])),
        )
        for row in suppliers.table.head(most).to_dict("records")
    ]
    return Table((SUPPLIER, MOSTLY, SCORE, BOUGHT), rows, words=2)


def _score_row(card: Scorecard, row: Mapping[Any, Any], with_course: bool) -> tuple[Text, ...]:
    who, score = (same(row["customer_id"]), mostly(card, row)), same(number(row["value_score"]))
    if not with_course:
        return (*who, score)
    course, advice = row["trajectory"], row["advice"]
    return (
        *who,
        STATES[course] if isinstance(course, str) else same("–"),
        ADVICE[advice].name if isinstance(advice, str) else same("–"),
        score,
        same(percent(row["share_of_customer"], 0)),
    )


def _expected_row(row: Mapping[Any, Any]) -> tuple[Text, ...]:
    low, high = (number(row[f"lifetime_value_{end}"]) for end in ("low", "high"))
    return (
        same(row["customer_id"]),
        same(number(row["expected_purchases"], 1)),
        same(number(row["expected_revenue"])),
        same(number(row["lifetime_value"])),
        INTERVAL.format(low=low, high=high),
        same(number(row["lifetime_value_net"])),
        same(number(row["past_value"])),
    )


def _negative_said(expected: ExpectedValue, currency: str) -> Text:
    negative = expected.negative
    if negative.empty:
        return _NONE_NEGATIVE
    worst = [
        _ONE.format(who=row["customer_id"], value=number(row[expected.net]), currency=currency)
        for row in negative.head(MOST_NEGATIVE).to_dict("records")
    ]
    return _NEGATIVE.format(customers=f"{len(negative):,}", worst=listed(worst))


def _best(report: ValueReport) -> list[Block]:
    told = [report.card.said()] if report.card else []
    told += [report.share.said()] if report.share else []
    found = score_table(report)
    return [*(Paragraph(text) for text in (*told, *report.told)), *([found] if found else [])]


def _expected(expected: ExpectedValue, currency: str, pictures: list[str]) -> list[Block]:
    blocks: list[Block] = [Paragraph(text) for text in (*expected_said(expected, currency), *expected.told)]
    if expected.is_known:
        blocks.append(expected_table(expected))
    if pictures and expected.held_out:
        blocks.append(Paragraph(_PLAIN_MODEL.format(days=expected.held_out.horizon_days)))
        blocks += [Picture(name, PURCHASE_MODEL) for name in pictures]
    return blocks


def _courses(customers: pd.DataFrame) -> Table:
    """Customers by course and advice, with why the advice is given."""
    counts = customers.groupby(["trajectory", "advice"]).size()
    rows = [
        (state_name, ADVICE[advice].name, ADVICE[advice].why, same(f"{counts[state, advice]:,}"))
        for state, state_name in STATES.items()
        for advice in ADVICE
        if (state, advice) in counts.index
    ]
    untold = int(customers["trajectory"].isna().sum())
    rows += [(NOT_TOLD, same("–"), same(""), same(f"{untold:,}"))] if untold else []
    return Table((STATE, ADVISED, WHY, COUNT), rows, words=3)
