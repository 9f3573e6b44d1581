"""``retinue receivables``: who owes what, who will pay late, what comes in, and how to answer each debtor."""

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
    from serving.receivable_report import ReceivableReport
    from training.card.blocks import Table

MOST_SHOWN = 10
MOST_WEEKS = 12
BAR_LETTERS = 30
MEGABYTES = 20
PAGES: dict[Language, str] = {"en": "receivables.en.html", "zh": "receivables.zh.html"}

HELP = Text(
    "Say who owes what as of a date: ageing, collection measures, credit classes, cash to come, how to answer each debtor, and"
    " which invoices will be late. Invoices that tell when they were settled suffice; models that are not trained yet are"
    " learnt for the answer.\n\n"
    "Example: retinue receivables --as-of 2026-07-01 --out receivables",
    "给出某日期的应收账款：账龄、收款指标、信用等级、收款预测、每位欠款客户的处理方式，以及哪些发票会逾期。"
    "只需含结清时间的发票；尚未训练的模型会为本次查询临时训练。\n\n"
    "示例：retinue receivables --as-of 2026-07-01 --out receivables",
)

OutOption = Annotated[
    Path,
    typer.Option(
        "--out",
        help=here(
            Text(
                "Folder that gets receivables.en.html, receivables.zh.html, customers.parquet, invoices.parquet,"
                " ageing.parquet, cash.parquet and pictures.",
                "写入 receivables.en.html、receivables.zh.html、customers.parquet、invoices.parquet、ageing.parquet、"
                "cash.parquet 与图片的文件夹。",
            )
        ),
    ),
]
WeeksOption = Annotated[
    int,
    typer.Option(
        "--weeks", min=1, max=MOST_WEEKS, help=here(Text("Weeks ahead of the cash forecast.", "收款预测的周数。"))
    ),
]


def receivables(
    as_of: AsOfOption,
    out: OutOption = Path("receivables"),
    weeks: WeeksOption = 8,
    project: ProjectOption = Path("."),
    quiet: QuietOption = False,
) -> None:
    """Say who owes what."""
    from features.rejects_files import keep_set_aside
    from features.sources import open_facts
    from serving.receivable_page import title_of
    from serving.receivable_report import receivable_report

    settings = load_project(project)
    instant = read_as_of(as_of, settings)
    require_space(out / "receivables.html", MEGABYTES)
    with progress_bar(quiet) as progress:
        with open_facts(settings) as facts:
            report = receivable_report(facts, instant, weeks, progress)
            set_aside = keep_set_aside(facts)
        progress(Text("writing", "写入"), 0.95)
        _write(report, settings, out)
    say_set_aside(set_aside)
    heading(title_of(settings, instant))
    _print(report, settings)
    say("")
    say(Text("Written to {out}.", "已写入 {out}。").format(out=out))


COMMANDS = (("receivables", receivables, HELP),)


def _write(report: "ReceivableReport", project: Project, out: Path) -> None:
    """Tables as Parquet, pictures as PNG, and a page with all of it, in both languages; what no model tells is left out."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from serving.debts import debtor_table, invoice_table
    from serving.receivable_page import ageing_amounts, receivable_page
    from training.evaluation.receivable_plots import receivable_pictures

    found, currency = report.found, project.project.currency
    tables = {
        "customers": debtor_table(report.debtors, found.as_of, currency),
        "invoices": invoice_table(found, project, report.models.late_version),
        "ageing": pa.Table.from_pandas(found.ageing, preserve_index=False),
    }
    if found.cash is not None:
        tables["cash"] = pa.Table.from_pandas(found.cash, preserve_index=False)
    pictures = receivable_pictures(ageing_amounts(found), found.ageing, found.cash, report.classes, currency)
    pages = {file: receivable_page(report, project, pictures, language) for language, file in PAGES.items()}
    out.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        with atomic_file(out / f"{name}.parquet") as temporary:
            pq.write_table(rows, temporary)
    for (name, language), picture in pictures.items():
        with atomic_file(out / f"{name}.{language}.png") as temporary:
            temporary.write_bytes(picture)
    for file, page in pages.items():
        with atomic_file(out / file) as temporary:
            temporary.write_text(page, encoding="utf-8")


def _print(report: "ReceivableReport", project: Project) -> None:
    from serving import receivable_page as page

    found, currency = report.found, project.project.currency
    say(page.portfolio_sentence(found, currency))
    _show(page.measure_table(found))
    for sentence in page.missing_measures(found):
        say(sentence)
    heading(page.AGEING)
    _show_with_bars(page.ageing_table(found, currency), page.ageing_amounts(found))
    heading(page.CREDIT)
    if report.classes is None:
        say(report.models.told[-1])
    else:
        _show(page.credit_table(report.classes))
        say(page.how_credit(report))
    heading(page.CASH)
    if found.cash is None:
        say(page.NO_CASH)
    else:
        _show(page.cash_table(found.cash))
    heading(page.TO_ANSWER)
    _show(page.to_answer_table(report, MOST_SHOWN), page.NOBODY)
    heading(page.AHEAD)
    _show(page.ahead_table(report, MOST_SHOWN), page.none_ahead(report))
    heading(page.LEARNT)
    for sentence in report.models.told:
        say(sentence)


def _show(shown: "Table", empty: Text | None = None) -> None:
    """A table of the page on the terminal, or what is said where it has no rows."""
    if not shown.rows and empty is not None:
        say(empty)
        return
    rows = [[here(cell) for cell in row] for row in shown.rows]
    table(shown.head, rows, right=range(shown.words, len(shown.head)))


def _show_with_bars(shown: "Table", lengths: list[float]) -> None:
    most = max(*lengths, 1.0)
    bars = ["█" * round(BAR_LETTERS * length / most) for length in lengths]
    rows = [[*(here(cell) for cell in row), bar] for row, bar in zip(shown.rows, bars, strict=True)]
    table((*shown.head, ""), rows, right=range(shown.words, len(shown.head)))
