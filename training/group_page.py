"""The groups of customers as one page that needs nothing else: sizes, spend, moves, candidates, cuts, with pictures."""

from collections.abc import Mapping
from datetime import datetime

import numpy as np
import pandas as pd

from features.project import Project
from features.text import Language, Text
from training.attribute_cuts import title_of
from training.card.blocks import Block, Bullets, Paragraph, Picture, Section, Table, number, percent, same
from training.card.html import html
from training.evaluation.figures import brushes, png
from training.evaluation.segment_plots import map_figure, migration_pictures
from training.group_report import GroupReport
from training.migration import SCALES
from training.tiers import tier_names

TITLES = {
    "segment": Text("Segments", "细分"),
    "tier": Text("Tiers", "客户等级"),
    "stage": Text("Stages of life", "生命周期阶段"),
}
LABELS = {"segment": "segment", "tier": "tier", "stage": "lifecycle_stage"}
ALIKE = Text("Groups that act alike", "行为群组")
MOST_CANDIDATES = 50
MOST_ALARMS = 5

PAGE = Text("{company}: groups of customers as of {as_of:%Y-%m-%d}", "{company}：客户分群，时点 {as_of:%Y-%m-%d}")
MAP = Text("{title}: customers and spend", "{title}：客户与消费额")
MOVES = Text("Moves since {since:%Y-%m-%d}", "自 {since:%Y-%m-%d} 以来的变动")
CANDIDATES = Text("Candidates for another tier", "等级变动候选")
COUNT = Text("{customers:,} customers.", "{customers:,} 位客户。")
SHOWN = Text("{customers:,} customers; the first {shown} are shown.", "{customers:,} 位客户；以下列出前 {shown} 位。")
GROUP, NAME = Text("group", "群组"), Text("name", "名称")
CUSTOMER, REASON = Text("customer", "客户"), Text("reason", "原因")
SIZES = (
    Text("customers", "客户数"),
    Text("share", "占比"),
    Text("spend of 365 days", "最近 365 天消费额"),
    Text("share of spend", "消费额占比"),
)
CUT_HEAD = (*SIZES, Text("overdue", "逾期金额"), Text("overdue share", "逾期占比"))

Pictures = dict[tuple[str, Language], bytes]


def scales_of(report: GroupReport) -> dict[str, Text]:
    """The scales that customers stand on in this report, with their titles."""
    return {scale: title for scale, title in TITLES.items() if LABELS[scale] in report.customers}


def titles_of(project: Project, scale: str) -> Mapping[str, Text]:
    """What the labels of a scale are called, in their order."""
    return tier_names(project.tiers) if scale == "tier" else SCALES[scale].titles


def group_pictures(report: GroupReport, project: Project) -> Pictures:
    """Maps of segments and groups, matrix and flow of each scale's moves, as PNG by name and language."""
    made: Pictures = {}
    for scale, title in TITLES.items():
        if scale in report.moves:
            names = titles_of(project, "tier") if scale == "tier" else None
            found = migration_pictures(report.moves[scale], title, report.alarms.get(scale, ()), names)
            made |= {(f"{scale}_{name}", language): data for (name, language), data in found.items()}
    shown_as = {name: title for name, title in scales_of(report).items() if name == "segment"} | {"cluster": ALIKE}
    for name, title in shown_as.items():
        sizes = sizes_of(report, project, name)
        shown = sizes[(sizes["customers"] > 0) & np.isfinite(sizes["spend_share"])]
        if len(shown):
            for language, brush in brushes().items():
                figure = map_figure(
                    [Text(*pair) for pair in zip(shown["title_en"], shown["title_zh"], strict=True)],
                    shown["share"].to_numpy(dtype=np.float64),
                    shown["spend_share"].to_numpy(dtype=np.float64),
                    MAP.format(title=title),
                    brush,
                )
                made[f"{name}_map", language] = png(figure)
    return made


def sizes_of(report: GroupReport, project: Project, scale: str) -> pd.DataFrame:
    """title_en, title_zh, customers, share (of those in a group), spend and spend_share of each group of a scale or "cluster"."""
    if scale == "cluster":
        groups = report.clusters.groups if report.clusters else ()
        titles: Mapping[int, Text] | Mapping[str, Text] = {group.number: group.name for group in groups}
    else:
        titles = titles_of(project, scale)
    labels = report.customers[LABELS.get(scale, scale)]
    counts = labels.value_counts()
    spend = pd.Series(report.spend.to_numpy(dtype=np.float64), labels.index).groupby(labels).sum(min_count=1)
    table = pd.DataFrame(
        {
            "title_en": [title.en for title in titles.values()],
            "title_zh": [title.zh for title in titles.values()],
            "customers": [int(counts.get(label, 0)) for label in titles],
            "spend": [float(spend.get(label, 0.0)) for label in titles],
        }
    )
    return table.assign(share=_of(table["customers"]), spend_share=_of(table["spend"]))


def group_page(
    report: GroupReport, project: Project, as_of: datetime, since: datetime, pictures: Pictures, language: Language
) -> str:
    """The page in one language; pictures are embedded."""
    sections = [_scale(report, project, scale, since) for scale in scales_of(report)]
    sections.append(_alike(report, project))
    sections += [_candidates(report)] if "tier" in report.customers else []
    sections += [Section(title_of(attribute), [_cut_table(cut)]) for attribute, cut in report.cuts.items()]
    title = PAGE.format(company=project.project.name, as_of=as_of.astimezone(project.timezone))
    drawn = {name: data for (name, spoken), data in pictures.items() if spoken == language}
    return html(title, [Paragraph(text) for text in report.told], sections, drawn, language)


def _scale(report: GroupReport, project: Project, scale: str, since: datetime) -> Section:
    alarms = report.alarms.get(scale, [])[:MOST_ALARMS]
    blocks: list[Block] = [_size_table(sizes_of(report, project, scale))]
    if scale == "segment":
        blocks.append(Picture("segment_map", MAP.format(title=TITLES[scale])))
    if scale in report.moves:
        moved = MOVES.format(since=since.astimezone(project.timezone))
        blocks += [Paragraph(moved), *([Bullets([alarm.sentence for alarm in alarms])] if alarms else [])]
        blocks += [Picture(f"{scale}_matrix", moved), Picture(f"{scale}_flow", moved)]
    return Section(TITLES[scale], blocks)


def _alike(report: GroupReport, project: Project) -> Section:
    said: list[Block] = [Paragraph(text) for text in report.clusters_told]
    if report.clusters is None:
        return Section(ALIKE, said)
    return Section(
        ALIKE,
        [
            Paragraph(report.clusters.chosen.verdict()),
            *said,
            _size_table(sizes_of(report, project, "cluster")),
            Picture("cluster_map", MAP.format(title=ALIKE)),
        ],
    )


def _candidates(report: GroupReport) -> Section:
    shown = report.candidates.head(MOST_CANDIDATES)
    rows = [
        (same(who), Text(*(en, zh)))
        for who, en, zh in zip(shown["customer_id"], shown["reason_en"], shown["reason_zh"], strict=True)
    ]
    said = COUNT if len(rows) == len(report.candidates) else SHOWN
    blocks: list[Block] = [Paragraph(said.format(customers=len(report.candidates), shown=len(rows)))]
    return Section(CANDIDATES, [*blocks, *([Table((CUSTOMER, REASON), rows, words=2)] if rows else [])])


def _size_table(sizes: pd.DataFrame) -> Table:
    rows = [
        (
            Text(*(row["title_en"], row["title_zh"])),
            same(f"{row['customers']:,}"),
            same(percent(row["share"])),
            same(number(row["spend"])),
            same(percent(row["spend_share"])),
        )
        for row in sizes.to_dict("records")
    ]
    return Table((GROUP, *SIZES), rows)


def _cut_table(cut: pd.DataFrame) -> Table:
    rows = [
        (
            Text(*(row["title_en"], row["title_zh"])),
            same(f"{row['customers']:,}"),
            same(percent(row["share"])),
            same(number(row["revenue"])),
            same(percent(row["revenue_share"])),
            same(number(row["overdue"])),
            same(percent(row["overdue_share"])),
        )
        for row in cut.to_dict("records")
    ]
    return Table((GROUP, *CUT_HEAD), rows, strong=frozenset({len(rows) - 1}))


def _of(values: "pd.Series[float]") -> "pd.Series[float]":
    total = float(values.sum())
    return values / total if total > 0 else values * np.nan
