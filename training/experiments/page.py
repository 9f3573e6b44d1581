"""The report of a campaign as tables and sentences, for the terminal and for a page that needs nothing else."""

from collections.abc import Mapping
from datetime import datetime

from features.project import Project
from features.text import Language, Text
from training.card.blocks import Block, Bullets, Paragraph, Picture, Section, Table, Tile, Tiles, number, percent, same
from training.card.html import html
from training.experiments.effect import EFFECTS, Effect
from training.experiments.report import CampaignReport

PAGE = Text(
    "{company}: what “{campaign}” brought, as of {as_of:%Y-%m-%d}",
    "{company}：“{campaign}”的成效，时点 {as_of:%Y-%m-%d}",
)
BROUGHT, LOT = Text("What it brought", "成效"), Text("Can the figures be trusted?", "数字是否可信？")
LOOKS, NOTES = Text("Looks so far", "历次查看"), Text("What to know", "说明")
HOW = Text(
    "Change by the action over {days} days, against controls drawn by lot; in 95 of 100 such campaigns the interval holds the truth,"
    " if looked at once. What differed before the campaign is taken out; it saved {saved} of the variance of the margin.",
    "行动在 {days} 天内带来的变化（与抽签对照组相比）；若只查看一次，每 100 个此类活动约有 95 个的区间包含真值。"
    "已扣除活动前已有的差异，由此毛利方差减少 {saved}。",
)
HOW_PLAIN = Text(
    "Change by the action over {days} days, against controls drawn by lot; in 95 of 100 such campaigns the interval holds the truth,"
    " if looked at once.",
    "行动在 {days} 天内带来的变化（与抽签对照组相比）；若只查看一次，每 100 个此类活动约有 95 个的区间包含真值。",
)
HOW_LOOKS = Text(
    "These intervals hold the truth at all {looks} looks of the plan together in 95 of 100 campaigns (Lan and DeMets, O'Brien-Fleming"
    " type, {planned:,} customers planned); the plain ones beside them do not, and are shown as a warning.",
    "这些区间在计划的全部 {looks} 次查看中同时成立的概率为 95%（Lan–DeMets，O'Brien–Fleming 型，计划 {planned:,} 位客户）；"
    "旁边的普通区间并不具备此性质，仅作警示。",
)
LEAVING = Text(
    "The action takes away {value} of the probability of leaving ({low} to {high}); without it {expected} of the treated would have"
    " left within {days} days.",
    "该行动使流失概率相对降低 {value}（{low} 至 {high}）；若不采取行动，被处理客户中 {expected} 会在 {days} 天内流失。",
)
WHAT, PER, INTERVAL = Text("change", "变化"), Text("per treated", "每位被处理客户"), Text("95 % interval", "95% 区间")
TOTAL, WITHOUT = Text("all treated", "全部被处理客户"), Text("without the action", "不采取行动时")
TO = Text("{low} to {high}", "{low} 至 {high}")
CUSTOMERS = Text("{treated:,} treated, {controls:,} controls", "处理组 {treated:,} 位，对照组 {controls:,} 位")
CAMPAIGN, ACTIONS = Text("campaign", "活动"), Text("actions", "行动")
SHARE, SEQUENTIAL, PLAIN = (
    Text("plan", "计划"),
    Text("holds at all looks", "每次查看均成立"),
    Text("for one look only", "仅供单次查看"),
)


def campaign_page(
    report: CampaignReport, project: Project, pictures: Mapping[tuple[str, Language], bytes], language: Language
) -> str:
    """The page in one language; of ``pictures`` (PNG by name and language) those of its language are embedded."""
    currency = project.project.currency
    blocks: list[Block] = [Paragraph(text) for text in said(report)]
    if report.effects:
        blocks.insert(0, effect_table(report, currency))
    sections = [Section(BROUGHT, blocks), Section(LOT, [Paragraph(lot_said(report))])]
    if any(report.looks.values()):
        sections.append(Section(LOOKS, [*_looks(report, currency), Picture("looks", LOOKS)]))
    if report.told:
        sections.append(Section(NOTES, [Bullets(report.told)]))
    drawn = {name: data for (name, spoken), data in pictures.items() if spoken == language}
    return html(title_of(report, project), [_tiles(report, currency)], sections, drawn, language)


def title_of(report: CampaignReport, project: Project) -> Text:
    """The title of the answer."""
    as_of: datetime = report.followed.as_of
    return PAGE.format(
        company=project.project.name, campaign=report.followed.campaign, as_of=as_of.astimezone(project.timezone)
    )


def said(report: CampaignReport) -> list[Text]:
    """The verdict, what the figures are, and the effect on leaving, in sentences."""
    days, margin = report.followed.horizon_days, report.effects.get("margin")
    told = [report.verdict]
    if report.effects:
        told.append(
            HOW.format(days=days, saved=percent(margin.variance_saved, 0)) if margin else HOW_PLAIN.format(days=days)
        )
    if report.leaving is not None:
        low, high, value, expected = (
            percent(getattr(report.leaving, name)) for name in ("low", "high", "value", "expected")
        )
        told.append(LEAVING.format(value=value, low=low, high=high, expected=expected, days=days))
    return told


def lot_said(report: CampaignReport) -> Text:
    """The check of the lot in a sentence."""
    return report.ratio.said() if report.ratio else _UNCHECKED


def effect_table(report: CampaignReport, currency: str) -> Table:
    """One row an outcome: the change per treated and of all treated, each with its interval."""
    rows = [_effect_row(name, effect, currency) for name, effect in report.effects.items()]
    strong = frozenset(i for i, effect in enumerate(report.effects.values()) if effect.is_proven)
    return Table((WHAT, PER, INTERVAL, TOTAL, INTERVAL, WITHOUT), rows, strong=strong)


def looks_table(report: CampaignReport, name: str) -> Table:
    """The looks at one outcome: the estimate, the interval that holds at all of them, and the naive one."""
    rows = [
        (
            same(percent(look.share, 0)),
            same(_one(name, look.value)),
            TO.format(low=_one(name, look.low), high=_one(name, look.high)),
            TO.format(low=_one(name, look.naive_low), high=_one(name, look.naive_high)),
        )
        for look in report.looks[name]
    ]
    return Table((SHARE, PER, SEQUENTIAL, PLAIN), rows)


def how_looks(report: CampaignReport) -> Text:
    """What the intervals of the looks promise."""
    return HOW_LOOKS.format(looks=max(map(len, report.looks.values())), planned=report.planned)


def _looks(report: CampaignReport, currency: str) -> list[Block]:
    blocks: list[Block] = [Paragraph(how_looks(report))]
    for name, path in report.looks.items():
        if path:
            blocks += [Paragraph(_name(name, currency)), looks_table(report, name)]
    return blocks


def _tiles(report: CampaignReport, currency: str) -> Tiles:
    sample = report.followed.sample
    customers = CUSTOMERS.format(treated=sample.treated, controls=sample.controls)
    tiles = [Tile(same(f"{sample.treated + sample.controls:,}"), Text("customers followed", "跟踪客户数"), customers)]
    for name, effect in report.effects.items():
        if name != "revenue":
            value, low, high = (_total(name, number_) for number_ in effect.total)
            tiles.append(Tile(same(value), _name(name, currency), TO.format(low=low, high=high)))
    return Tiles(tiles)


def _effect_row(name: str, effect: Effect, currency: str) -> tuple[Text, ...]:
    total, total_low, total_high = (_total(name, value) for value in effect.total)
    return (
        _name(name, currency),
        same(_one(name, effect.value)),
        TO.format(low=_one(name, effect.low), high=_one(name, effect.high)),
        same(total),
        TO.format(low=total_low, high=total_high),
        same(_one(name, effect.expected)),
    )


def _name(name: str, currency: str) -> Text:
    return EFFECTS[name] if name == "retention" else _IN.format(what=EFFECTS[name], currency=currency)


def _one(name: str, value: float) -> str:
    return percent(value) if name == "retention" else number(value, 2)


def _total(name: str, value: float) -> str:
    return number(value, 1 if name == "retention" else 0)


_IN = Text("{what}, {currency}", "{what}（{currency}）")
_UNCHECKED = Text(
    "Not checked: the log does not say with which probability each customer was treated.",
    "未检查：记录中没有每位客户被处理的概率。",
)
