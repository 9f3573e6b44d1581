"""``retinue segments``: who belongs to which group, who may change tier and why, and who moved."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from features.project import Project, load_project
from features.text import Text
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

HELP = Text(
    "Group every customer as of a date: RFM segment, groups that act alike, tier with candidates for promotion and"
    " demotion, stage of life; and who moved since an earlier date.\n\n"
    "Example: retinue segments --as-of 2026-07-01 --since 2026-01-01 --out segments",
    "按某日期为全部客户分群：RFM 细分、行为群组、等级及升降级候选、生命周期阶段，以及自较早日期以来的变动。\n\n"
    "示例：retinue segments --as-of 2026-07-01 --since 2026-01-01 --out segments",
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
                "Folder that gets segments.parquet, tier_candidates.parquet, moves.parquet and pictures.",
                "写入 segments.parquet、tier_candidates.parquet、moves.parquet 与图片的文件夹。",
            )
        ),
    ),
]

TITLES = {
    "segment": Text("Segments", "细分"),
    "tier": Text("Tiers", "客户等级"),
    "stage": Text("Stages of life", "生命周期阶段"),
}
COLUMNS = {"segment": "segment", "tier": "tier", "stage": "lifecycle_stage"}


def segments(
    as_of: AsOfOption,
    since: SinceOption = None,
    out: OutOption = Path("segments"),
    project: ProjectOption = Path("."),
    quiet: QuietOption = False,
) -> None:
    """Group every customer."""
    from features.rejects_files import keep_set_aside
    from features.sources import open_facts
    from training.group_report import group_report

    settings = load_project(project)
    instant = read_as_of(as_of, settings)
    earlier = read_as_of(since, settings) if since else _months_before(instant.astimezone(settings.timezone), 6)
    if earlier >= instant:
        raise typer.BadParameter(here(_NOT_BEFORE.format(since=earlier, as_of=instant)))
    require_space(out / "segments.parquet", 1)
    with progress_bar(quiet) as progress:
        with open_facts(settings) as facts:
            report = group_report(facts, instant, earlier, progress)
            set_aside = keep_set_aside(facts)
        progress(Text("writing", "写入"), 0.95)
        _write(report, settings, out)
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


def _write(report: "GroupReport", project: Project, out: Path) -> None:
    """Tables as Parquet; the moves of each scale as pictures in both languages."""
    import pandas as pd

    from training.evaluation.segment_plots import migration_pictures
    from training.tiers import tier_names

    out.mkdir(parents=True, exist_ok=True)
    frames = {"segments": report.customers, "tier_candidates": report.candidates}
    if report.moves:
        tables = [one.table().assign(scale=name) for name, one in report.moves.items()]
        frames["moves"] = pd.concat(tables, ignore_index=True)
    if report.profiles is not None:
        frames["clusters"] = report.profiles
    for name, frame in frames.items():
        with atomic_file(out / f"{name}.parquet") as temporary:
            frame.to_parquet(temporary, index=False)
    for scale, moves in report.moves.items():
        names = tier_names(project.tiers) if scale == "tier" else None
        pictures = migration_pictures(moves, TITLES[scale], report.alarms.get(scale, ()), names)
        for (name, language), picture in pictures.items():
            with atomic_file(out / f"{scale}_{name}.{language}.png") as temporary:
                temporary.write_bytes(picture)


def _print(report: "GroupReport", project: Project) -> None:
    from training.migration import SCALES
    from training.tiers import tier_names

    for scale, title in TITLES.items():
        names = tier_names(project.tiers) if scale == "tier" else SCALES[scale].titles
        counts = report.customers[COLUMNS[scale]].value_counts()
        heading(title)
        rows = [(here(names[label]), f"{counts.get(label, 0):,}", _fell(report, scale, label)) for label in names]
        table(
            (Text("group", "群组"), Text("customers", "客户数"), Text("fell from it", "由此下降")), rows, right=(1, 2)
        )
        for alarm in report.alarms.get(scale, [])[:MOST_SHOWN]:
            say(alarm.sentence)
    if report.clusters is not None and report.profiles is not None:
        heading(Text("Groups that act alike", "行为群组"))
        say(report.clusters.chosen.verdict())
        acting = [
            (here(report.clusters.name(int(row["group"]))), f"{row['customers']:,}")
            for row in report.profiles.dropna(subset="group").to_dict("records")
        ]
        table((Text("group", "群组"), Text("customers", "客户数")), acting, right=(1,))
    heading(Text("Candidates for another tier", "等级变动候选"))
    say(Text("{customers:,} customers.", "{customers:,} 位客户。").format(customers=len(report.candidates)))
    shown = report.candidates.head(MOST_SHOWN).to_dict("records")
    for row in shown:
        say(f"{row['customer_id']}: {here(Text(row['reason_en'], row['reason_zh']))}")


def _fell(report: "GroupReport", scale: str, label: str) -> str:
    """Customers who fell from a group since the earlier date, those who are gone included; a dash where it is not known."""
    if scale not in report.moves:
        return "–"
    moves = report.moves[scale]
    place = moves.labels.index(label)
    return f"{int(moves.counts[place][moves.falls()[place]].sum()):,}"


_NOT_BEFORE = Text(
    "--since {since:%Y-%m-%d} does not lie before --as-of {as_of:%Y-%m-%d}; give an earlier date.",
    "--since {since:%Y-%m-%d} 不早于 --as-of {as_of:%Y-%m-%d}；请给出更早的日期。",
)
