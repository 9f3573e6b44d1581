"""``retinue value``: who matters: value score, lifetime value net of costs, share of customer, course of spend, retention."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from features.project import Project, load_project
from features.text import LANGUAGES, Language, Text
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
    from training.card.blocks import Table
    from training.value_report import ValueReport

MOST_SHOWN = 10
PAGES: dict[Language, str] = {"en": "value.html", "zh": "value.zh.html"}

HELP = Text(
    "Say what every customer is worth as of a date: value score 0-100 with its breakdown, what it brought and will bring"
    " (lifetime value with interval, net of costs), share of customer with cross-sell candidates, whether spend rises or"
    " declines and since when, with advice, retention by cohort.\n\n"
    "Example: retinue value --as-of 2026-07-01 --out value",
    "给出每位客户在某日期的价值：0–100 的价值评分及其构成、已带来和预期带来的价值（终身价值及区间，并扣除成本）、客户份额与交叉销售候选品类、消费走势、转折时间与建议、各批客户的保持率。\n\n"
    "示例：retinue value --as-of 2026-07-01 --out value",
)

OutOption = Annotated[
    Path,
    typer.Option(
        "--out",
        help=here(
            Text(
                "Folder that gets value.html, value.parquet, cross_sell.parquet, retention.parquet, suppliers.parquet (with"
                " [tables.supplies]) and pictures.",
                "写入 value.html、value.parquet、cross_sell.parquet、retention.parquet、suppliers.parquet（需有 [tables.supplies]）与图片的文件夹。",
            )
        ),
    ),
]


def value(
    as_of: AsOfOption, out: OutOption = Path("value"), project: ProjectOption = Path("."), quiet: QuietOption = False
) -> None:
    """Say what every customer is worth."""
    from features.rejects_files import keep_set_aside
    from features.sources import open_facts
    from training.expected_value import models_that_serve
    from training.value_report import value_report

    settings = load_project(project)
    instant = read_as_of(as_of, settings)
    require_space(out / "value.parquet", 1)
    with progress_bar(quiet) as progress:
        with open_facts(settings) as facts:
            report = value_report(facts, instant, progress, models_that_serve(settings))
            set_aside = keep_set_aside(facts)
        progress(Text("writing", "写入"), 0.95)
        _write(report, settings, out, instant)
    say_set_aside(set_aside)
    heading(
        Text("{company} as of {as_of:%Y-%m-%d}", "{company}，时点 {as_of:%Y-%m-%d}").format(
            company=settings.project.name, as_of=instant.astimezone(settings.timezone)
        )
    )
    _print(report, settings.project.currency)
    say(Text("Written to {out}.", "已写入 {out}。").format(out=out))


COMMANDS = (("value", value, HELP),)


def _write(report: "ValueReport", project: Project, out: Path, as_of: datetime) -> None:
    """Tables as Parquet, pictures as PNG, and a page with all of it, in both languages."""
    from training.evaluation.purchase_plots import pictures as purchase_pictures
    from training.retention_figures import retention_pictures
    from training.value_page import value_page

    out.mkdir(parents=True, exist_ok=True)
    frames = {"value": report.customers}
    if report.share is not None:
        frames["cross_sell"] = report.share.candidates
    pictures: dict[tuple[str, Language], bytes] = {}  # whatever is added here by name and language stands on the page
    if report.curves is not None:
        frames["retention"] = report.curves.cells
        pictures |= retention_pictures(report.curves, project.project.currency)
    held_out = report.expected.held_out
    if held_out is not None:
        pictures |= purchase_pictures(held_out.model, held_out.days, held_out.last_day, held_out.horizon_days)
    if report.suppliers is not None:
        frames["suppliers"] = report.suppliers.table
    for name, frame in frames.items():
        with atomic_file(out / f"{name}.parquet") as temporary:
            frame.to_parquet(temporary, index=False)
    for (name, language), picture in pictures.items():
        with atomic_file(out / f"{name}.{language}.png") as temporary:
            temporary.write_bytes(picture)
    for language, file in PAGES.items():
        with atomic_file(out / file) as temporary:
            temporary.write_text(value_page(report, project, as_of, pictures, language), encoding="utf-8")


def _print(report: "ValueReport", currency: str) -> None:
    from training.value_page import EXPECTED, SUPPLIERS, expected_said, expected_table, score_table, supplier_table

    _print_scores(report)
    _show(score_table(report, MOST_SHOWN))
    heading(EXPECTED)
    for sentence in (*expected_said(report.expected, currency), *report.expected.told):
        say(sentence)
    if report.expected.is_known:
        _show(expected_table(report.expected, MOST_SHOWN))
    if report.suppliers is not None:
        heading(SUPPLIERS)
        say(report.suppliers.card.said())
        _show(supplier_table(report.suppliers, MOST_SHOWN))


def _print_scores(report: "ValueReport") -> None:
    """How the score is made, and what is told of customers beside it."""
    from training.trajectory.states import STATES
    from training.value_page import listed

    if report.card is not None:
        say(report.card.said())
        most = max(report.sensitivity, key=lambda one: 1 - one.top_kept, default=None)
        if most is not None:
            name = next(c.name for c in report.card.criteria if c.id == most.criterion)
            say(_SENSITIVITY.format(criterion=name, kept=most.top_kept, move=abs(most.move)))
    if report.share is not None:
        say(report.share.said())
    if report.curves is not None:
        say(report.curves.said())
    if "trajectory" in report.customers:
        counts = report.customers["trajectory"].value_counts()
        courses = [Text(*(f"{STATES[s].of(language)} {counts.get(s, 0):,}" for language in LANGUAGES)) for s in STATES]
        unknown = int(report.customers["trajectory"].isna().sum())
        say(_COURSES.format(courses=listed(courses), unknown=unknown))
    for sentence in report.told:
        say(sentence)


def _show(found: "Table | None") -> None:
    """A table of a page on the terminal."""
    if found is not None:
        rows = [[here(cell) for cell in row] for row in found.rows]
        table(found.head, rows, right=range(found.words, len(found.head)))


_SENSITIVITY = Text(
    "Ranks hang most on the weight of {criterion}: if it moves by {move:.0%}, {kept:.0%} of the best tenth stay there.",
    "排名对“{criterion}”的权重最敏感：该权重变动 {move:.0%} 时，前十分之一的客户中有 {kept:.0%} 保持不变。",
)
_COURSES = Text(
    "Course of spend: {courses}; not told for {unknown:,} (too short or too seldom).",
    "消费走势：{courses}；{unknown:,} 位客户因时间过短或购买过少未作判断。",
)
