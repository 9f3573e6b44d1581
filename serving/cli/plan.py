"""``retinue plan``: whom to contact in the coming period, by whom and how, in the order of money."""

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from features.project import Project, load_project
from features.text import Language, Text
from features.writing import atomic_file
from serving.cli.output import ProjectOption, QuietOption, heading, here, progress_bar, say, signature, table

if TYPE_CHECKING:  # the libraries behind it load slowly; --help must not wait for them
    from serving.planning import Planned
    from training.card.blocks import Table

MOST_SHOWN = 10
PAGES: dict[Language, str] = {"en": "plan.en.html", "zh": "plan.zh.html"}
LISTS: dict[Language, str] = {"en": "contacts.en", "zh": "contacts.zh"}
"""Names without ending: each list is a CSV file and an Excel workbook."""

HELP = Text(
    "Make the plan of the coming period from the last scores: whom to contact, with which action, by which team, in the"
    " order of money, within the playbook's budget, hours and contacts; what one more hour would be worth; and the lists for"
    " each account manager. Controls and customers who were contacted lately are left alone. Where customers have account"
    " managers, the pages and portfolios.parquet tell of each one's portfolio: revenue, churn, overdue share, development."
    " Without a playbook in the project file, the built-in one of its business is used: contract where leaving means that a"
    " contract ends, trade where there are invoices or account managers, else retail.\n\n"
    "Example: retinue plan --scores scores/scores.parquet --out plan",
    "根据最近一次评分制定下一周期的计划：联系谁、采取什么行动、由哪个团队执行，按收益排列，并遵守行动手册中的预算、工时与联系次数；"
    "说明多一小时值多少钱；并为每位客户经理生成名单。对照组与近期已联系的客户不会打扰。"
    "若客户有客户经理，页面与 portfolios.parquet 还会列出各客户组合的收入、流失率、逾期占比与收入变化。"
    "项目文件未指定行动手册时，按业务类型采用内置手册：以合同终止为流失的用 contract，有发票或客户经理的用 trade，其余用 retail。\n\n"
    "示例：retinue plan --scores scores/scores.parquet --out plan",
)

ScoresOption = Annotated[
    Path,
    typer.Option("--scores", help=here(Text("File that 'retinue score' wrote.", "“retinue score”写入的评分文件。"))),
]
OutOption = Annotated[
    Path,
    typer.Option(
        "--out",
        help=here(
            Text(
                "Folder that gets plan.parquet, portfolios.parquet, the pages plan.en.html and plan.zh.html, and the contact lists contacts.en and contacts.zh, each as .csv and .xlsx.",
                "写入 plan.parquet、portfolios.parquet、页面 plan.en.html 与 plan.zh.html 以及联系名单 contacts.en、contacts.zh（各有 .csv 与 .xlsx）的文件夹。",
            )
        ),
    ),
]
BudgetOption = Annotated[
    float | None,
    typer.Option(
        "--budget",
        min=0,
        help=here(
            Text(
                "Currency for the period, instead of the playbook's budget.",
                "本周期预算（货币），替代行动手册中的预算。",
            )
        ),
    ),
]


CampaignOption = Annotated[
    str | None,
    typer.Option(
        "--campaign",
        help=here(
            Text(
                "The campaign that the plan belongs to: its controls are left alone, and those whom the plan would have chosen are"
                " logged, so that 'retinue experiment report' compares like with like.",
                "计划所属的活动：不打扰其对照组，并记录其中本会被选中的客户，供“retinue experiment report”作同类比较。",
            )
        ),
    ),
]
UndoOption = Annotated[
    bool,
    typer.Option(
        "--undo",
        help=here(
            Text(
                "Withdraw the plan that is served, as long as no action of it is logged as done; the plan before is served again.",
                "撤回当前计划（须尚无行动记录为完成），恢复前一个计划。",
            )
        ),
    ),
]


def plan(
    scores: ScoresOption = Path("scores/scores.parquet"),
    out: OutOption = Path("plan"),
    budget: BudgetOption = None,
    campaign: CampaignOption = None,
    undo: UndoOption = False,
    project: ProjectOption = Path("."),
    quiet: QuietOption = False,
) -> None:
    """Make the plan of the coming period."""
    settings = load_project(project)
    if undo:
        _undo(settings)
        return
    from serving.planning import plan as make

    with progress_bar(quiet) as progress:
        made = make(settings, scores, out, lambda: datetime.now(UTC), budget, campaign, progress)
        progress(Text("drawing", "绘图"), 0.95)
        _write(made, settings, out)
    _print(made, settings)
    say("")
    say(
        Text("Written to {out}; plan {id} is served.", "已写入 {out}；计划 {id} 已发布。").format(
            out=out, id=made.summary.plan_id
        )
    )


COMMANDS = (("plan", plan, HELP),)


def _undo(project: Project) -> None:
    from serving.store import open_project_store, withdraw_plan

    with closing(open_project_store(project)) as store:
        withdrawn, before = withdraw_plan(store, datetime.now(UTC), signature().by)
    say(_WITHDRAWN.format(id=withdrawn.plan_id))
    say(_BEFORE.format(id=before.plan_id) if before else _NONE_BEFORE)


_WITHDRAWN = Text(
    "Plan {id} is withdrawn; that stays on file. Lists and pages that were written from it are out of date: call them back.",
    "计划 {id} 已撤回，撤回记录会保留。据其生成的名单与页面已失效，请收回。",
)
_BEFORE = Text("Plan {id} is served again.", "计划 {id} 重新生效。")
_NONE_BEFORE = Text("No plan is served now; 'retinue plan' makes one.", "当前没有计划；可用“retinue plan”制定。")


def _write(made: "Planned", project: Project, out: Path) -> None:
    """Pages in both languages, and the contacts as a list that spreadsheets open."""
    from serving.contact_list import contact_list, titles
    from serving.exports import write_csv, write_xlsx
    from serving.plan_page import plan_page
    from training.evaluation.plan_plots import plan_pictures

    names = {action.id: action.name for action in made.playbook.actions}
    pictures = plan_pictures(made.plan.items, names, made.summary.currency)
    for language, file in PAGES.items():
        with atomic_file(out / file) as temporary:
            temporary.write_text(plan_page(made, project, language, pictures), encoding="utf-8")
        rows, heads, name = contact_list(made, language), titles(made.summary.currency), LISTS[language]
        write_csv(rows, heads, language, out / f"{name}.csv")
        write_xlsx(rows, heads, language, out / f"{name}.xlsx")


def _print(made: "Planned", project: Project) -> None:
    from serving import plan_page as page

    heading(page.title_of(made, project))
    for sentence in page.summary_sentences(made):
        say(sentence)
    heading(page.CONTACTS)
    _show(page.contact_table(made, MOST_SHOWN), page.NOBODY)
    heading(page.LIMITS)
    _show(page.limit_table(made.summary), page.NO_LIMITS)
    heading(page.ASSUMED)
    for sentence in page.beliefs_told(made, project):
        say(sentence)


def _show(shown: "Table", empty: Text) -> None:
    """A table of the page on the terminal, or what is said where it has no rows."""
    if not shown.rows:
        say(empty)
        return
    rows = [[here(cell) for cell in row] for row in shown.rows]
    table(shown.head, rows, right=range(shown.words, len(shown.head)))
