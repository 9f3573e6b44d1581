"""What customers are worth as one page that needs nothing else: the best customers, course and advice, retention, suppliers."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pandas as pd

from features.project import Project
from features.text import LANGUAGES, Language, Text
from training.card.blocks import Block, Paragraph, Picture, Section, Table, number, percent, same
from training.card.html import html
from training.trajectory.advice import ADVICE
from training.trajectory.states import STATES
from training.value_report import SupplierScores, ValueReport
from training.value_score.scorecard import Scorecard

MOST_CUSTOMERS = 50

PAGE = Text("{company}: what customers are worth as of {as_of:%Y-%m-%d}", "{company}：客户价值，时点 {as_of:%Y-%m-%d}")
BEST = Text("The most valuable customers", "最有价值的客户")
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
HEAD = (CUSTOMER, MOSTLY, STATE, ADVISED, SCORE, SHARE)


def value_page(
    report: ValueReport,
    project: Project,
    as_of: datetime,
    pictures: Mapping[tuple[str, Language], bytes],
    language: Language,
) -> str:
    """The page in one language; of ``pictures`` (PNG by name and language) those of its language are embedded."""
    drawn = {name: data for (name, spoken), data in pictures.items() if spoken == language}
    sections = [Section(BEST, _best(report)), Section(COURSE, [_courses(report.customers)])]
    told: list[Block] = [Paragraph(report.curves.said())] if report.curves else []
    told += [Picture(name, RETENTION) for name in drawn]
    sections.append(Section(RETENTION, told))
    if report.suppliers is not None:
        sections.append(Section(SUPPLIERS, [Paragraph(report.suppliers.card.said()), supplier_table(report.suppliers)]))
    title = PAGE.format(company=project.project.name, as_of=as_of.astimezone(project.timezone))
    return html(title, [], sections, drawn, language)


def customer_row(card: Scorecard, row: Mapping[Any, Any]) -> tuple[Text, ...]:
    """A customer under `HEAD`."""
    course, advice = row["trajectory"], row["advice"]
    return (
        same(row["customer_id"]),
        mostly(card, row),
        STATES[course] if isinstance(course, str) else same("–"),
        ADVICE[advice].name if isinstance(advice, str) else same("–"),
        same(number(row["value_score"])),
        same(percent(row["share_of_customer"], 0)),
    )


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


def _best(report: ValueReport) -> list[Block]:
    rows = [customer_row(report.card, row) for row in report.best.head(MOST_CUSTOMERS).to_dict("records")]
    return [Paragraph(report.card.said()), Paragraph(report.share.said()), Table(HEAD, rows, words=4)]


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
