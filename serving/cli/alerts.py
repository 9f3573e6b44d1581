"""``retinue alerts``: raise warnings from the published scores, list them, show one, and say what is done about it."""

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from uuid import uuid4

import typer

from features.project import Project, load_project
from features.text import Text
from features.writing import require_space
from serving.cli.output import (
    LANGUAGE,
    ProjectOption,
    QuietOption,
    heading,
    here,
    progress_bar,
    say,
    signature,
    table,
)

if TYPE_CHECKING:  # the libraries behind the store load slowly; --help must not wait for them
    from serving.alerts.cases import Raised
    from serving.store.alerts import AlertFilters

NAME = "alerts"
MEGABYTES = 20
MOST_SHOWN = 20
ColourName = Literal["yellow", "orange", "red"]
Does = Literal["acknowledge", "start", "resolve", "verify", "assign", "note"]

HELP = Text(
    "Warnings in three colours as cases: raise, list, show, and say what is done about one.\n\nExample: retinue alerts raise",
    "三色预警与跟踪处理：发出、列出、查看与处理。\n\n示例：retinue alerts raise",
)
RAISE_HELP = Text(
    "Raise warnings from the scores that are published: new ones, worse ones, those whose cause is gone. The same scores again"
    " change nothing.\n\nExample: retinue alerts raise --out alerts",
    "根据已发布的评分发出预警：新增、加重、原因消失等。相同评分再次运行不会有任何变化。\n\n示例：retinue alerts raise --out alerts",
)
LIST_HELP = Text(
    "List warnings that are not closed, the gravest first.\n\nExample: retinue alerts list --colour red",
    "列出未关闭的预警，最严重的在前。\n\n示例：retinue alerts list --colour red",
)
SHOW_HELP = Text(
    "Show a warning with its whole history.\n\nExample: retinue alerts show open_complaint-3f2a9c41b7d0e5aa",
    "查看一条预警及其全部历史。\n\n示例：retinue alerts show open_complaint-3f2a9c41b7d0e5aa",
)
ACT_HELP = Text(
    "Say what is done about a warning: acknowledge, start, resolve, verify, assign, note.\n\n"
    'Example: retinue alerts act open_complaint-3f2a9c41b7d0e5aa acknowledge --note "will call today"',
    "记录对预警的处理：acknowledge（确认）、start（开始）、resolve（处理完）、verify（验证）、assign（分派）、note（备注）。\n\n"
    '示例：retinue alerts act open_complaint-3f2a9c41b7d0e5aa acknowledge --note "今天致电"',
)

AlertArgument = Annotated[
    str,
    typer.Argument(
        help=here(Text("Id of the case, see 'retinue alerts list'.", "预警编号，见“retinue alerts list”。"))
    ),
]
OutOption = Annotated[
    Path | None,
    typer.Option(
        "--out",
        help=here(
            Text(
                "Folder that gets alerts.en.html, alerts.zh.html, alerts.csv, alerts.en.xlsx and alerts.zh.xlsx.",
                "写入 alerts.en.html、alerts.zh.html、alerts.csv、alerts.en.xlsx 与 alerts.zh.xlsx 的文件夹。",
            )
        ),
    ),
]


def raise_(project: ProjectOption = Path("."), out: OutOption = None, quiet: QuietOption = False) -> None:
    """Raise warnings."""
    from serving.alerts.run import raise_for_published
    from serving.store.alerts import AlertFilters

    settings = load_project(project)
    if out is not None:
        require_space(out / "alerts.csv", MEGABYTES)
    with progress_bar(quiet) as progress:
        raised = raise_for_published(settings, progress)
    say_raised(raised)
    _list(settings, AlertFilters(), out)


def list_(
    colour: Annotated[ColourName | None, typer.Option("--colour", help=here(Text("One colour.", "只列某一级别。")))] = None,
    kind: Annotated[str | None, typer.Option("--kind", help=here(Text("One kind, e.g. open_complaint.", "只列某一类型，例如 open_complaint。")))] = None,
    owner: Annotated[str | None, typer.Option("--owner", help=here(Text('One owner; "" is nobody.', "只列某位负责人；“”表示未分派。")))] = None,
    customer: Annotated[str | None, typer.Option("--customer", help=here(Text("One customer.", "只列某位客户。")))] = None,
    project: ProjectOption = Path("."),
    out: OutOption = None,
) -> None:  # fmt: skip
    """List warnings."""
    from features.errors import NotFoundError, nearest
    from serving.alerts.kinds import RANKS, RULES
    from serving.store.alerts import AlertFilters

    if kind is not None and kind not in RULES:
        raise NotFoundError(
            Text("There is no kind of warning '{kind}'. {hint}", "没有预警类型“{kind}”。{hint}"),
            kind=kind,
            hint=nearest(kind, RULES),
        )
    filters = AlertFilters(RANKS[colour] if colour else None, kind, owner, None, customer)
    _list(load_project(project), filters, out)


def show(alert: AlertArgument, project: ProjectOption = Path(".")) -> None:
    """Show a warning."""
    import orjson

    from features.errors import NotFoundError
    from serving.alerts.bodies import answer_body
    from serving.alerts.cases import NO_CASE
    from serving.store import open_project_store, reading
    from serving.store.alerts import find_case, history_of

    settings = load_project(project)
    with closing(open_project_store(settings)) as store, reading(store) as connection:
        case = find_case(connection, alert)
        if case is None:
            raise NotFoundError(NO_CASE, alert=alert)
        _print_case(orjson.loads(answer_body(case, history_of(connection, case["number"]))), settings)


def act(
    alert: AlertArgument,
    what: Annotated[Does, typer.Argument(help=here(Text("What is done.", "操作。")))],
    note: Annotated[str | None, typer.Option("--note", help=here(Text("A note.", "备注。")))] = None,
    owner: Annotated[str | None, typer.Option("--owner", help=here(Text("With assign: to whom.", "assign 时：分派给谁。")))] = None,
    by: Annotated[str | None, typer.Option("--by", help=here(Text("Who does it; otherwise the user of this machine.", "操作人；默认为本机用户。")))] = None,
    project: ProjectOption = Path("."),
) -> None:  # fmt: skip
    """Say what is done about a warning."""
    import orjson

    from serving.alert_schemas import AlertMove
    from serving.alerts.cases import move_alert
    from serving.store import open_project_store

    move = AlertMove(event_id=uuid4().hex, by=by or signature().by, what=what, owner=owner, note=note)
    settings = load_project(project)
    with closing(open_project_store(settings)) as store:
        _print_case(orjson.loads(move_alert(store, alert, move, datetime.now(UTC))), settings)


def group() -> typer.Typer:
    """The commands of ``retinue alerts``."""
    commands = typer.Typer(no_args_is_help=True, add_completion=False)
    for name, function, text in (
        ("raise", raise_, RAISE_HELP),
        ("list", list_, LIST_HELP),
        ("show", show, SHOW_HELP),
        ("act", act, ACT_HELP),
    ):
        commands.command(name, help=here(text))(function)
    return commands


def say_raised(raised: "Raised") -> None:
    """What a run did to the cases, in a sentence."""
    if not raised.is_new:
        say(Text("These scores were looked at already; nothing was changed.", "这些评分已处理过；未作任何更改。"))
        return
    counts = {name: raised.counts.get(name, 0) for name in ("raised", "reopened", "worsened", "eased", "verified", "expired", "escalated")}  # fmt: skip
    say(
        Text(
            "Warnings: {raised:,} new, {reopened:,} back, {worsened:,} worse, {eased:,} eased, {verified:,} verified as better,"
            " {expired:,} closed as their cause is gone, {escalated:,} moved up a level.",
            "预警：新增 {raised:,}，再次出现 {reopened:,}，加重 {worsened:,}，减轻 {eased:,}，验证好转 {verified:,}，"
            "原因消失而关闭 {expired:,}，上报 {escalated:,}。",
        ).format(**counts)
    )


def _list(project: Project, filters: "AlertFilters", out: Path | None) -> None:
    from serving.alerts.export import all_cases, write_cases
    from serving.store import open_project_store, reading

    with closing(open_project_store(project)) as store, reading(store) as connection:
        cases = all_cases(connection, filters)
    if out is not None:
        write_cases(cases, project, out)
        say(Text("Written to {out}.", "已写入 {out}。").format(out=out))
    if not cases:
        say(Text("There is no such warning.", "没有符合条件的预警。"))
        return
    _print_cases(cases, project)


def _print_cases(cases: list[dict[str, Any]], project: Project) -> None:
    from serving.alerts.export import COLUMNS, SHORT, SHOWN, cells

    if len(cases) > MOST_SHOWN:
        say(SHOWN.format(shown=MOST_SHOWN, all=len(cases)))
    told = [cells(case, project.timezone) for case in cases[:MOST_SHOWN]]
    rows = [
        [*(here(cell[place]) for place in SHORT), case["alert_id"]] for cell, case in zip(told, cases, strict=False)
    ]
    table((*(COLUMNS[place] for place in SHORT), Text("id", "编号")), rows)


def _print_case(answer: dict[str, Any], project: Project) -> None:
    from serving.alerts.export import COLUMNS, cells
    from serving.alerts.kinds import COLOURS
    from serving.alerts.moves import STATUSES

    case = answer["alert"]
    heading(Text(case["alert_id"], case["alert_id"]))
    for column, cell in zip(COLUMNS, cells(case, project.timezone), strict=True):
        say(Text("{name}: {value}", "{name}：{value}").format(name=column, value=cell))
    heading(Text("History", "历史"))
    table(
        (Text("when", "时间"), Text("who", "操作人"), Text("what", "事件"), Text("state", "状态"), Text("colour", "级别"), Text("note", "备注")),
        [
            (e["at"], e["by"], e["what_name"][LANGUAGE], here(STATUSES[e["status"]]), here(COLOURS[e["colour"]]), e["note"] or "")
            for e in answer["history"]
        ],
    )  # fmt: skip
