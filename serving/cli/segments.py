"""``retinue segments``: who belongs to which group, who may change tier and why, and who moved."""

import re
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from features.project import Project, load_project
from features.text import Language, Text
from features.writing import atomic_file, require_space
from serving.cli.output import (
    AsOfOption,
    ProjectOption,
    QuietOption,
    heading,
    here,
    progress_bar,
    read_as_of,
    say,
    say_set_aside,
    table,
)

if TYPE_CHECKING:  # the libraries behind it load slowly; --help must not wait for them
    from training.group_report import GroupReport

MOST_SHOWN = 5
PAGES: dict[Language, str] = {"en": "segments.html", "zh": "segments.zh.html"}
CUT_COLUMNS = (
    Text("group", "群组"),
    Text("customers", "客户数"),
    Text("share", "占比"),
    Text("spend of 365 days", "最近 365 天消费额"),
    Text("share of spend", "消费额占比"),
    Text("overdue", "逾期金额"),
)

HELP = Text(
    "Group every customer as of a date: RFM segment, groups that act alike, tier with candidates for promotion and"
    " demotion, stage of life; and who moved since an earlier date.\n\n"
    "Example: retinue segments --as-of 2026-07-01 --since 2026-01-01 --by industry --out segments",
    "按某日期为全部客户分群：RFM 细分、行为群组、等级及升降级候选、生命周期阶段，以及自较早日期以来的变动。\n\n"
    "示例：retinue segments --as-of 2026-07-01 --since 2026-01-01 --by industry --out segments",
)

SinceOption = Annotated[
    str | None,
    typer.Option(
        "--since",
        help=here(
            Text(
                "Moves are counted from this date (half a year before, unless given).",
                "变动的起始日期（默认为半年前）。",
            )
        ),
    ),
]
OutOption = Annotated[
    Path,
    typer.Option(
        "--out",
        help=here(
            Text(
                "Folder that gets segments.html, segments.parquet, tier_candidates.parquet, moves.parquet and pictures.",
                "写入 segments.html、segments.parquet、tier_candidates.parquet、moves.parquet 与图片的文件夹。",
            )
        ),
    ),
]

ByOption = Annotated[
    list[str] | None,
    typer.Option(
        "--by",
        help=here(
            Text(
                "Also cut the base by this: industry, region, size, ownership, relationship_years, overdue_days, a feature or"
                " an attribute of the customers. Can be repeated.",
                "同时按此维度划分：industry、region、size、ownership、relationship_years、overdue_days、任一特征或客户属性。可重复给出。",
            )
        ),
    ),
]


def segments(
    as_of: AsOfOption,
    since: SinceOption = None,
    by: ByOption = None,
    out: OutOption = Path("segments"),
    project: ProjectOption = Path("."),
    quiet: QuietOption = False,
) -> None:
    """Group every customer."""
    from features.rejects_files import keep_set_aside
    from features.sources import open_facts
    from training.group_report import group_report
    from training.models.clusters.registered import serving_clusters

    settings = load_project(project)
    instant = read_as_of(as_of, settings)
    earlier = read_as_of(since, settings) if since else _months_before(instant.astimezone(settings.timezone), 6)
    if earlier >= instant:
        raise typer.BadParameter(here(_NOT_BEFORE.format(since=earlier, as_of=instant)))
    require_space(out / "segments.parquet", 1)
    with progress_bar(quiet) as progress:
        with open_facts(settings) as facts:
            registered = serving_clusters(settings)
            report = group_report(facts, instant, earlier, progress, registered, by or ())
            set_aside = keep_set_aside(facts)
        progress(Text("writing", "写入"), 0.95)
        _write(report, settings, out, instant, earlier)
    say_set_aside(set_aside)
    heading(
        Text("{company} as of {as_of:%Y-%m-%d}", "{company}，时点 {as_of:%Y-%m-%d}").format(
            company=settings.project.name, as_of=instant.astimezone(settings.timezone)
        )
    )
    _print(report, settings)
    say(Text("Written to {out}.", "已写入 {out}。").format(out=out))


def _months_before(instant: datetime, months: int) -> datetime:
    """The same day so many months earlier, or the last one of a shorter month."""
    from pandas import DateOffset, Timestamp

    return (Timestamp(instant) - DateOffset(months=months)).to_pydatetime()


COMMANDS = (("segments", segments, HELP),)


def _write(report: "GroupReport", project: Project, out: Path, as_of: datetime, since: datetime) -> None:
    """Tables as Parquet, pictures as PNG, and a page with all of it, in both languages."""
    import pandas as pd

    from training.group_page import group_page, group_pictures

    out.mkdir(parents=True, exist_ok=True)
    frames = {"segments": report.customers}
    if "tier" in report.customers:
        frames["tier_candidates"] = report.candidates
    if report.moves:
        tables = [one.table().assign(scale=name) for name, one in report.moves.items()]
        frames["moves"] = pd.concat(tables, ignore_index=True)
    if report.profiles is not None:
        frames["clusters"] = report.profiles
    frames |= {"by_" + re.sub(r"\W+", "_", attribute): cut for attribute, cut in report.cuts.items()}
    for name, frame in frames.items():
        with atomic_file(out / f"{name}.parquet") as temporary:
            frame.to_parquet(temporary, index=False)
    pictures = group_pictures(report, project)
    for (name, language), picture in pictures.items():
        with atomic_file(out / f"{name}.{language}.png") as temporary:
            temporary.write_bytes(picture)
    for language, file in PAGES.items():
        with atomic_file(out / file) as temporary:
            page = group_page(report, project, as_of, since, pictures, language)
            temporary.write_text(page, encoding="utf-8")


def _print(report: "GroupReport", project: Project) -> None:
    from training.group_page import ALIKE, LABELS, scales_of, titles_of

    for sentence in report.told:
        say(sentence)
    for scale, title in scales_of(report).items():
        names = titles_of(project, scale)
        counts = report.customers[LABELS[scale]].value_counts()
        heading(title)
        rows = [(here(names[label]), f"{counts.get(label, 0):,}", _fell(report, scale, label)) for label in names]
        table(
            (Text("group", "群组"), Text("customers", "客户数"), Text("fell from it", "由此下降")), rows, right=(1, 2)
        )
        for alarm in report.alarms.get(scale, [])[:MOST_SHOWN]:
            say(alarm.sentence)
    heading(ALIKE)
    _print_alike(report)
    if "tier" in report.customers:
        _print_candidates(report)
    _print_cuts(report)


def _print_candidates(report: "GroupReport") -> None:
    from training.group_page import CANDIDATES, COUNT

    heading(CANDIDATES)
    say(COUNT.format(customers=len(report.candidates)))
    for row in report.candidates.head(MOST_SHOWN).to_dict("records"):
        say(f"{row['customer_id']}: {here(Text(row['reason_en'], row['reason_zh']))}")


def _print_alike(report: "GroupReport") -> None:
    """The groups that act alike, whose they are and what has changed since; or why there are none."""
    if report.clusters is not None and report.profiles is not None:
        say(report.clusters.chosen.verdict())
        known = report.clusters_version
        say(
            _FOUND_NOW if known is None else _REGISTERED.format(version=known, as_of=(report.clusters.as_of or "")[:10])
        )
    for sentence in report.clusters_told:
        say(sentence)
    if report.profiles is not None:
        rows = [
            (
                f"{row['group']}",
                here(Text(row["name_en"], row["name_zh"])),
                f"{row['customers']:,}",
                f"{row['share']:.1%}",
            )
            for row in report.profiles.dropna(subset="group").to_dict("records")
        ]
        columns = (Text("group", "群组"), Text("name", "名称"), Text("customers", "客户数"), Text("share", "占比"))
        table(columns, rows, right=(0, 2, 3))


def _print_cuts(report: "GroupReport") -> None:
    from training.attribute_cuts import title_of
    from training.card.blocks import number, percent

    for attribute, cut in report.cuts.items():
        heading(title_of(attribute))
        rows = [
            (
                here(Text(row["title_en"], row["title_zh"])),
                f"{row['customers']:,}",
                percent(row["share"]),
                number(row["revenue"]),
                percent(row["revenue_share"]),
                number(row["overdue"]),
            )
            for row in cut.to_dict("records")
        ]
        table(CUT_COLUMNS, rows, right=(1, 2, 3, 4, 5))


def _fell(report: "GroupReport", scale: str, label: str) -> str:
    """Customers who fell from a group since the earlier date, those who are gone included; a dash where it is not known."""
    if scale not in report.moves:
        return "–"
    moves = report.moves[scale]
    place = moves.labels.index(label)
    return f"{int(moves.counts[place][moves.falls()[place]].sum()):,}"


_REGISTERED = Text(
    "They are those of the last training (version {version}, {as_of}), under the same numbers and names.",
    "沿用最近一次训练的群组（版本 {version}，{as_of}），编号与名称不变。",
)
_FOUND_NOW = Text(
    "They were found for this answer alone; after 'retinue train' they keep their numbers and names.",
    "这些群组仅为本次查询而划分；运行“retinue train”后，编号与名称将保持不变。",
)
_NOT_BEFORE = Text(
    "--since {since:%Y-%m-%d} does not lie before --as-of {as_of:%Y-%m-%d}; give an earlier date.",
    "--since {since:%Y-%m-%d} 不早于 --as-of {as_of:%Y-%m-%d}；请给出更早的日期。",
)
