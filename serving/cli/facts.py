"""``retinue init`` proposes a project file for a folder; ``retinue check`` says whether the facts are fit for use."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from features.check import CheckReport, TableReport, check
from features.errors import ProjectError, StorageError
from features.project import PROJECT_FILE, load_project
from features.proposal import propose
from features.rejects_files import rejects_folder, write_rejects, write_rejects_file
from features.sources import Facts, open_facts
from features.text import Language, Text
from features.writing import atomic_file
from serving.cli.output import LANGUAGE, ProjectOption, console, heading, here, say, table

CHECK_HELP = Text(
    "Check the facts: rows, customers, span, missing, duplicates, rows set aside with line and reason, and what they "
    "make possible.\n\n"
    "Example: retinue check --project shop/retinue.toml --rejects rejects.csv",
    "检查数据：行数、客户数、时间跨度、缺失、重复、被搁置的行（含行号和原因），以及可用的功能。\n\n"
    "示例：retinue check --project shop/retinue.toml --rejects rejects.csv",
)

INIT_HELP = Text(
    "Look at a folder of CSV and Parquet files and propose a project file there, with every guess explained.\n\n"
    "Example: retinue init exports",
    "查看文件夹中的 CSV 和 Parquet 文件，在其中生成项目文件，并说明每项猜测的理由。\n\n示例：retinue init exports",
)

Directory = Annotated[Path, typer.Argument(help=here(Text("Folder that holds the files.", "数据文件所在文件夹。")))]
Force = Annotated[
    bool, typer.Option("--force", help=here(Text("Replace an existing retinue.toml.", "覆盖已有的 retinue.toml。")))
]
LanguageOption = Annotated[
    Language,
    typer.Option("--language", help=here(Text("Language of the comments: en or zh.", "注释所用语言：en 或 zh。"))),
]
AsJson = Annotated[bool, typer.Option("--json", help=here(Text("Print the report as JSON.", "以 JSON 输出报告。")))]
Rejects = Annotated[
    Path | None,
    typer.Option(
        "--rejects",
        help=here(
            Text(
                "One CSV file for all rows that were set aside; without it: .retinue/rejects/TABLE.csv.",
                "将所有被搁置的行写入此 CSV 文件；默认写入 .retinue/rejects/表名.csv。",
            )
        ),
    ),
]


def init(directory: Directory, force: Force = False, language: LanguageOption = LANGUAGE) -> None:
    """Propose a project file for a folder of files."""
    target = directory / PROJECT_FILE
    if target.exists() and not force:
        raise ProjectError(
            Text(
                "{file} exists and was not touched. Use --force to replace it.",
                "{file} 已存在，未做更改。如需覆盖请使用 --force。",
            ),
            file=target,
        )
    proposal = propose(directory)
    with atomic_file(target) as temporary:
        temporary.write_text(proposal.toml(language), encoding="utf-8")
    say(Text("Proposed {file}:", "已生成 {file}：").format(file=target))
    for explanation in proposal.explanations:
        say(f"• {explanation.of(language)}")
    say(
        Text(
            "Look at each guess in {file}, then run:\n  retinue check --project {folder}",
            "请核对 {file} 中的每项猜测，然后运行：\n  retinue check --project {folder}",
        ).format(file=target, folder=directory)
    )


def check_facts(project: ProjectOption = Path("."), as_json: AsJson = False, rejects: Rejects = None) -> None:
    """Check the facts of a project."""
    settings = load_project(project)
    with open_facts(settings) as facts:
        report = check(facts, now=datetime.now(UTC))
        files = _write_rejects(facts, rejects)
    if as_json:
        answer = {**report.as_json(), "rejects": {name: str(file) for name, file in files.items()}}
        typer.echo(json.dumps(answer, ensure_ascii=False, indent=2))
        return
    print_report(report)
    for file in dict.fromkeys(files.values()):
        rows = sum(t.set_aside for t in report.tables if files.get(t.table) == file)
        say(
            Text("All {rows} rows that were set aside are in {file}.", "被搁置的全部 {rows} 行见 {file}。").format(
                rows=f"{rows:,}", file=file
            )
        )


def _write_rejects(facts: Facts, file: Path | None) -> dict[str, Path]:
    """Write what was set aside to the file that was asked for, or to the project's own folder if that can be written."""
    if file is not None:
        write_rejects_file(facts, facts.readings, file)
        return dict.fromkeys(facts.readings, file)
    try:
        return write_rejects(facts, rejects_folder(facts.project))
    except StorageError as fault:
        typer.echo(here(fault.text), err=True)
        return {}


def print_report(report: CheckReport) -> None:
    """Print a report for people."""
    heading(Text("Facts", "数据"))
    _print_tables(report)
    _print_missing(report)
    for one in report.tables:
        _print_rejections(one)
    if report.warnings:
        heading(Text("Please look at", "请留意"))
        for warning in report.warnings:
            say(f"• {here(warning)}")
    _print_capabilities(report)


def _print_tables(report: CheckReport) -> None:
    columns = (
        Text("table", "数据表"),
        Text("rows", "行数"),
        Text("accepted", "接受"),
        Text("set aside", "搁置"),
        Text("filtered out", "被筛除"),
        Text("duplicates", "重复"),
        Text("customers", "客户数"),
        Text("from", "从"),
        Text("to", "到"),
    )
    rows = [
        (
            one.table,
            *(f"{n:,}" for n in (one.read, one.accepted, one.set_aside, one.left_out, one.duplicates, one.customers)),
            *(f"{day:%Y-%m-%d}" if day else "–" for day in (one.first, one.last)),
        )
        for one in report.tables
    ]
    table(columns, rows, right=range(1, 7))


def _print_missing(report: CheckReport) -> None:
    gaps = [(t.table, column, f"{share:.1%}") for t in report.tables for column, share in t.missing.items() if share]
    if gaps:
        heading(Text("Missing values", "缺失值"))
        table((Text("table", "数据表"), Text("column", "列"), Text("missing", "缺失")), gaps, right=(2,))


def _print_rejections(one: TableReport) -> None:
    if not one.rejections:
        return
    heading(
        Text("{rows:,} rows of {table} were set aside, e.g.", "{table} 有 {rows:,} 行被搁置，例如").format(
            rows=one.set_aside, table=one.table
        )
    )
    rows = [(f"{r.file}:{r.line}", r.column or "–", r.value[:60], here(r.reason)) for r in one.rejections]
    table((Text("line", "行"), Text("column", "列"), Text("value", "值"), Text("reason", "原因")), rows)


def _print_capabilities(report: CheckReport) -> None:
    heading(Text("What these facts make possible", "这些数据可以实现"))
    for capability, lacking in report.capabilities:
        if not lacking:
            console.print(f"[green]✓[/green] {here(capability.name)}")
    for capability, lacking in report.capabilities:
        if lacking:
            needs = Text("needs {what}", "需要 {what}").format(what=", ".join(lacking))
            console.print(f"[dim]·[/dim] {here(capability.name)} [dim]({here(needs)})[/dim]")


COMMANDS = (("init", init, INIT_HELP), ("check", check_facts, CHECK_HELP))
