"""Receivables as one page that needs nothing else, made of tables that the command line prints as well."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pandas as pd

from features.ledger.names import BUCKETS, MEASURES, reasons
from features.project import Project
from features.text import Language, Text
from serving.decisions.credit_response import RESPONSES
from serving.decisions.payers import PAYERS
from serving.receivable_report import ReceivableReport
from training.card.blocks import (
    MISSING,
    Block,
    Bullets,
    Paragraph,
    Picture,
    Section,
    Table,
    Tile,
    Tiles,
    number,
    percent,
    same,
)
from training.card.html import html
from training.receivables import Receivables, buckets

MOST_ROWS = 50

PAGE = Text("{company}: receivables as of {as_of:%Y-%m-%d}", "{company}：应收账款，时点 {as_of:%Y-%m-%d}")
PORTFOLIO, AGEING = Text("The books", "应收账款概况"), Text("Ageing", "账龄分析")
CREDIT, CASH = Text("Credit analysis", "信用分析"), Text("Cash to come", "收款预测")
TO_ANSWER, AHEAD = Text("Act first", "优先处理"), Text("Not due yet, but likely to be late", "尚未到期但很可能逾期")
LEARNT = Text("What this rests on", "依据")
NO_CASH = Text("There is no forecast without a model of late payment.", "没有逾期付款模型，无法预测收款。")
NOBODY = Text("There is nothing to do about any debtor.", "没有需要处理的欠款客户。")
NONE_AHEAD = Text("No open invoice that is not due yet is likely to be late.", "没有尚未到期却很可能逾期的发票。")
NOT_FORETOLD = Text(
    "Which invoices will be late is not told without a model of late payment.",
    "没有逾期付款模型，无法判断哪些发票会逾期。",
)
SHOWN = Text("The first {shown} of {all:,}.", "共 {all:,} 条，以下为前 {shown} 条。")
DUN_ORDER = Text("The largest overdue amount first.", "按逾期金额从大到小排列。")
HOW_CASH = Text(
    "Four in five weeks should lie within their interval, as they did in back-tests; the intervals of several weeks do not"
    " add up.",
    "按回测结果，约五分之四的周会落在区间内；多周的区间不可直接相加。",
)
HOW_CREDIT = Text(
    "“Grew overdue”, by more than {days} days within {horizon} days, is what came true in each class when the score was judged"
    " on a later day than it had learnt from.",
    "“之后逾期”指在 {horizon} 天内逾期超过 {days} 天，为在训练数据之后的某日评估该评分时各等级的实际结果。",
)
OF_INVOICED = Text("{name} is missing: {why}.", "{name}缺失：{why}。")
CUSTOMER, INVOICE = Text("customer", "客户"), Text("invoice", "发票")
OPEN, OVERDUE = Text("open", "未结金额"), Text("overdue", "逾期金额")
SHARE, AMOUNT = Text("share", "占比"), Text("amount, {currency}", "金额（{currency}）")
WHAT, WHY = Text("what to do", "处理方式"), Text("why", "依据")
OLDEST, CLASS = Text("days overdue", "逾期天数"), Text("class", "等级")
UNITS = {"days": Text("{value} days", "{value} 天"), "times per year": Text("{value} times a year", "每年 {value} 次")}

TERMS = Text("{days:.0f} days to pay", "账期 {days:.0f} 天")
PREPAID = Text("payment before delivery", "款到发货")
DEPOSIT = Text("deposit {share:.0%}", "定金 {share:.0%}")
LIMIT = Text("limit {amount}", "额度 {amount}")
INSTALMENTS = Text("{number:.0f} of {amount} a month", "每月 {amount}，共 {number:.0f} 期")
DISCOUNT = Text("{share:.1%}, which costs {cost:.0%} a year", "{share:.1%}，折合年化成本 {cost:.0%}")
DETAILED = Text("{name}: {details}", "{name}：{details}")
BY_CLASS = Text(
    "Nothing is overdue; credit class {name} (grows overdue with {probability:.0%}).",
    "尚无逾期；信用等级 {name}（逾期概率 {probability:.0%}）。",
)


def receivable_page(
    report: ReceivableReport,
    project: Project,
    pictures: Mapping[tuple[str, Language], bytes],
    language: Language,
) -> str:
    """The page in one language; of ``pictures`` (PNG by name and language) those of its language are embedded."""
    found, currency = report.found, project.project.currency
    sections = [
        Section(PORTFOLIO, [measure_table(found), *_missing(found)]),
        Section(
            AGEING,
            [ageing_table(found, currency), *(Picture(name, AGEING) for name in ("ageing", "ageing_over_time"))],
        ),
        Section(CREDIT, _credit(report)),
        Section(CASH, _cash(found)),
        Section(TO_ANSWER, _first(to_answer_table(report), len(report.to_answer), NOBODY, DUN_ORDER)),
        Section(AHEAD, _first(ahead_table(report), len(report.ahead), none_ahead(report))),
        Section(LEARNT, [Bullets(report.models.told)]),
    ]
    title = title_of(project, found.as_of)
    drawn = {name: data for (name, spoken), data in pictures.items() if spoken == language}
    return html(title, [_tiles(found, currency)], sections, drawn, language)


def title_of(project: Project, as_of: datetime) -> Text:
    """The title of the answer."""
    return PAGE.format(company=project.project.name, as_of=as_of.astimezone(project.timezone))


def portfolio_sentence(found: Receivables, currency: str) -> Text:
    """What is owed by how many, and how much of it is overdue."""
    return _PORTFOLIO.format(currency=currency, **found.portfolio)


def measure_table(found: Receivables) -> Table:
    """The measures of collection over the last 365 days, with the reason of one that is missing."""
    rows = [(measure.meaning, _measure(measure.unit, found.measures[measure.name])) for measure in MEASURES]
    return Table((Text("last 365 days", "最近 365 天"), Text("value", "数值")), rows)


def missing_measures(found: Receivables) -> list[Text]:
    """Why measures are missing, in sentences."""
    meanings = {measure.name: measure.meaning for measure in MEASURES}
    return [OF_INVOICED.format(name=meanings[name], why=why) for name, why in reasons(found.measures).items()]


def ageing_table(found: Receivables, currency: str) -> Table:
    """The open amount of each bucket and its share."""
    amounts = ageing_amounts(found)
    total = sum(amounts)
    rows = [
        (bucket.meaning, same(number(amount)), same(percent(amount / total if total else float("nan"))))
        for bucket, amount in zip(BUCKETS, amounts, strict=True)
    ]
    return Table((Text("age", "账龄"), AMOUNT.format(currency=currency), SHARE), rows)


def ageing_amounts(found: Receivables) -> list[float]:
    """The open amount of each bucket in their order, currency."""
    return [found.portfolio[column] for column in buckets()]


def credit_table(classes: pd.DataFrame) -> Table:
    """The classes with what is open in them and what came true in them."""
    head = (
        CLASS,
        *(Text("customers", "客户数"), OPEN, Text("overdue share", "逾期占比"), Text("expected loss", "预期坏账")),
        *(Text("grew overdue", "之后逾期"), Text("of customers judged", "评估客户数")),
    )
    rows = [
        tuple(
            map(
                same,
                (
                    *(row["credit_class"], f"{row['customers']:,}", number(row["open"]), percent(row["overdue_share"])),
                    *(number(row["expected_loss"]), percent(row["judged_rate"]), f"{row['judged_customers']:,}"),
                ),
            )
        )
        for row in classes.to_dict("records")
    ]
    return Table(head, rows)


def how_credit(report: ReceivableReport) -> Text:
    """What the share that grew overdue in a class is; nothing without a credit score."""
    credit = report.models.credit
    return same("") if credit is None else HOW_CREDIT.format(days=credit.overdue_days, horizon=credit.horizon_days)


def cash_table(cash: pd.DataFrame) -> Table:
    """The money expected in each week, with its interval and where it comes from."""
    head = (
        *(Text("week from", "周（起始日）"), Text("expected", "预计"), Text("80 % interval", "80% 区间")),
        *(Text("from open invoices", "来自未结发票"), Text("from new ones", "来自新发票")),
    )
    rows = [
        (
            same(f"{row['begins_at']:%Y-%m-%d}"),
            same(number(row["expected"])),
            same(f"{number(row['low'])}–{number(row['high'])}"),
            same(number(row["from_open"])),
            same(number(row["from_new"])),
        )
        for row in cash.to_dict("records")
    ]
    return Table(head, rows)


def to_answer_table(report: ReceivableReport, most: int = MOST_ROWS) -> Table:
    """The debtors to act on first, with what to do and the evidence."""
    rows = [
        (
            same(_customer(row)),
            _response(row),
            _evidence(row),
            same(number(row["overdue"])),
            same(number(row["open"])),
            same(f"{row['oldest_overdue_days']:,}" if row["overdue"] > 0 else MISSING),
            same(row["credit_class"] if _known(row.get("credit_class")) else MISSING),
        )
        for row in report.to_answer.head(most).to_dict("records")
    ]
    return Table((CUSTOMER, WHAT, WHY, OVERDUE, OPEN, OLDEST, CLASS), rows, words=3)


def ahead_table(report: ReceivableReport, most: int = MOST_ROWS) -> Table:
    """Invoices that are not due yet and likely to be late, those first of which most money is expected beyond 30 days."""
    head = (
        *(INVOICE, CUSTOMER, Text("due", "到期日"), OPEN, Text("late", "逾期概率")),
        *(Text("over 30 days late", "逾期超 30 天"), Text("expected on (80 %)", "预计付款日（80%）")),
    )
    rows = [
        (
            *(same(row["invoice_id"]), same(row["customer_id"]), same(_day(row["due_at"]))),
            *(same(number(row["open_amount"])), same(percent(row["late_probability"], 0))),
            *(same(percent(row["late_30_probability"], 0)), same(_days(row))),
        )
        for row in report.ahead.head(most).to_dict("records")
    ]
    return Table(head, rows, words=3)


def none_ahead(report: ReceivableReport) -> Text:
    """What is said where no invoice is shown."""
    return NOT_FORETOLD if report.models.late is None else NONE_AHEAD


def _tiles(found: Receivables, currency: str) -> Tiles:
    of = found.portfolio
    overdue = percent(of["overdue"] / of["open"] if of["open"] > 0 else float("nan"), 0)
    dso, best = (_measure("days", found.measures[name]) for name in ("dso_days", "best_possible_dso_days"))
    return Tiles(
        [
            Tile(
                same(number(of["balance"])),
                Text("balance, {currency}", "应收余额（{currency}）").format(currency=currency),
                Text("{customers:,.0f} customers owe", "{customers:,.0f} 位客户欠款").format(
                    customers=of["customers_owing"]
                ),
            ),
            Tile(
                same(number(of["overdue"])),
                Text("overdue, {currency}", "逾期金额（{currency}）").format(currency=currency),
                Text("{share} of what is open", "占未结金额的 {share}").format(share=overdue),
            ),
            Tile(
                dso,
                Text("days sales outstanding", "应收账款周转天数"),
                Text("best possible: {best}", "最佳可能：{best}").format(best=best),
            ),
            Tile(
                _measure("share", found.measures["collection_effectiveness"]),
                Text("collection effectiveness", "收款有效性"),
                Text("of what could be collected in 365 days", "占最近 365 天可收款项"),
            ),
        ]
    )


def _missing(found: Receivables) -> list[Block]:
    told = missing_measures(found)
    return [Bullets(told)] if told else []


def _credit(report: ReceivableReport) -> list[Block]:
    if report.classes is None:
        return [Paragraph(report.models.told[-1])]
    return [credit_table(report.classes), Paragraph(how_credit(report)), Picture("credit", CREDIT)]


def _cash(found: Receivables) -> list[Block]:
    if found.cash is None:
        return [Paragraph(NO_CASH)]
    return [cash_table(found.cash), Paragraph(HOW_CASH), Picture("cash", CASH)]


def _first(shown: Table, count: int, empty: Text, *order: Text) -> list[Block]:
    if not shown.rows:
        return [Paragraph(empty)]
    said: list[Block] = [Paragraph(text) for text in order]
    if len(shown.rows) < count:
        said.append(Paragraph(SHOWN.format(shown=len(shown.rows), all=count)))
    return [*said, shown]


def _measure(unit: str, value: float | None) -> Text:
    if value is None:
        return same(MISSING)
    return same(percent(value)) if unit == "share" else UNITS[unit].format(value=number(value, 1))


def _customer(row: Mapping[Any, Any]) -> str:
    return f"{row['customer_id']} {row['name']}" if _known(row["name"]) else str(row["customer_id"])


def _response(row: Mapping[Any, Any]) -> Text:
    """The response with its numbers: the step, the instalments, the terms or the discount."""
    name, parts = RESPONSES[row["credit_response"]], _details(row)
    return DETAILED.format(name=name, details=_listed(parts)) if parts else name


def _details(row: Mapping[Any, Any]) -> list[Text]:
    response = row["credit_response"]
    if response == "dun":
        return [Text(*(row["dunning_step_name"][language] for language in ("en", "zh")))]
    if response == "instalments":
        return [INSTALMENTS.format(number=row["instalments"], amount=number(row["instalment_amount"]))]
    if response == "early_discount":
        return [DISCOUNT.format(share=row["early_discount_share"], cost=row["early_discount_annual_cost"])]
    terms = row["suggested_terms_days"]
    found = [TERMS.format(days=terms) if terms > 0 else PREPAID]
    if row["suggested_deposit_share"] > 0:
        found.append(DEPOSIT.format(share=row["suggested_deposit_share"]))
    if row["suggested_credit_limit"] >= 0:
        found.append(LIMIT.format(amount=number(row["suggested_credit_limit"])))
    return found


def _evidence(row: Mapping[Any, Any]) -> Text:
    if _known(row["payer"]):
        told = row["evidence"]
        name = PAYERS[row["payer"]]
        return DETAILED.format(name=name, details=Text(*(told["en"], told["zh"]))) if _known(told) else name
    return BY_CLASS.format(name=row["credit_class"], probability=row["credit_probability"])


def _listed(texts: Sequence[Text]) -> Text:
    return Text(", ".join(t.en for t in texts), "，".join(t.zh for t in texts))


def _known(value: Any) -> bool:
    return isinstance(value, str | dict) and bool(value)


def _day(value: Any) -> str:
    return MISSING if pd.isna(value) else f"{value:%Y-%m-%d}"


def _days(row: Mapping[Any, Any]) -> str:
    """The expected day with its interval; an end that lies later than can be seen is an ellipsis."""
    low, high = (_day(row[f"expected_paid_{end}"])[5:] or "…" for end in ("low", "high"))
    return f"{_day(row['expected_paid_at'])} ({low}–{high})"


_PORTFOLIO = Text(
    "{customers_owing:,.0f} customers owe {currency} {open:,.2f} on {open_items:,.0f} invoices, of which {overdue:,.2f} is"
    " overdue, the oldest by {oldest_overdue_days:,.0f} days; {unapplied:,.2f} is unapplied; the balance is {balance:,.2f}.",
    "{customers_owing:,.0f} 位客户在 {open_items:,.0f} 张发票上共欠 {currency} {open:,.2f}，其中逾期 {overdue:,.2f}，最长逾期"
    " {oldest_overdue_days:,.0f} 天；未核销收款 {unapplied:,.2f}；应收余额 {balance:,.2f}。",
)
