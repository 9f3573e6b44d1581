"""``retinue experiment``: draw control groups, prove what a campaign brought, and learn from it."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from features.project import Project, load_project
from features.text import Language, Text
from features.writing import atomic_file
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
    import pandas as pd

    from serving.decisions.beliefs import CurrentBelief
    from serving.decisions.playbook import Playbook
    from serving.store import Chosen
    from training.card.blocks import Table
    from training.experiments.report import CampaignReport

NAME = "experiment"
PAGES: dict[Language, str] = {"en": "experiment.en.html", "zh": "experiment.zh.html"}
HELP = Text(
    "Prove what campaigns brought: draw controls, report, export the log, learn.\n\nExample: retinue experiment report spring-2026"
    " --as-of 2026-07-01",
    "证明活动的成效：抽取对照组、报告、导出记录、学习。\n\n示例：retinue experiment report spring-2026 --as-of 2026-07-01",
)
ASSIGN_HELP = Text(
    "Draw the arms of a campaign for the customers in a file (CSV or Parquet with customer_id). The same customers always get the"
    " same arms; permanent controls are in no campaign.\n\n"
    "Example: retinue experiment assign scores.parquet --campaign spring-2026 --out arms.csv",
    "为文件（含 customer_id 的 CSV 或 Parquet）中的客户抽签分组。同一客户的分组始终不变；长期对照组不参加任何活动。\n\n"
    "示例：retinue experiment assign scores.parquet --campaign spring-2026 --out arms.csv",
)
REPORT_HELP = Text(
    "Report what a campaign brought: customers kept, revenue and return with intervals, whether the arms fit the lot, and what the"
    " looks so far prove. Where 'retinue plan --campaign' chose for it, whom the plans chose is compared with the controls whom"
    " they would have chosen. Without a name it lists the campaigns.\n\n"
    "Example: retinue experiment report spring-2026 --as-of 2026-07-01 --out report",
    "报告活动的成效：留存客户、收入和收益及区间、分组是否与抽签相符、历次查看证明了什么。若由“retinue plan --campaign”选定客户，则与本会被选中的对照客户比较。不带名称则列出全部活动。\n\n"
    "示例：retinue experiment report spring-2026 --as-of 2026-07-01 --out report",
)
EXPORT_HELP = Text(
    "Write the logged actions as a table of treatments that a project file can name, so that training uses it.\n\n"
    "Example: retinue experiment export --out treatments.parquet",
    "将已记录的行动写成项目文件可引用的 treatments 表，供训练使用。\n\n示例：retinue experiment export --out treatments.parquet",
)
LEARN_HELP = Text(
    "Learn from a campaign what its actions do, and show what is believed before and after. --undo takes back what was learnt"
    " last.\n\nExample: retinue experiment learn spring-2026 --as-of 2026-07-01",
    "从活动中学习各行动的效果，并显示学习前后的判断。--undo 撤回最近一次学习。\n\n"
    "示例：retinue experiment learn spring-2026 --as-of 2026-07-01",
)

CampaignArgument = Annotated[
    str | None, typer.Argument(help=here(Text("The campaign, as the log names it.", "活动名称，与记录一致。")))
]


def assign(
    customers: Annotated[
        Path, typer.Argument(help=here(Text("CSV or Parquet with customer_id.", "含 customer_id 的 CSV 或 Parquet。")))
    ],
    campaign: Annotated[str, typer.Option("--campaign", help=here(Text("Name of the campaign.", "活动名称。")))],
    out: Annotated[
        Path, typer.Option("--out", help=here(Text("File to write, .csv or .parquet.", "输出文件，.csv 或 .parquet。")))
    ],
    project: ProjectOption = Path("."),
) -> None:
    """Draw the arms of a campaign."""
    from serving.assignments import read_customers, write_arms
    from serving.decisions.playbook import load_playbook
    from training.experiments.assignment import assigned

    policy = load_playbook(load_project(project)).experiments
    shares = policy.permanent_control_share, policy.campaign_control_share
    arms = assigned(read_customers(customers), policy.salt, campaign, *shares).assign(campaign=campaign)
    write_arms(arms, out)
    treated, permanent = int((arms["arm"] == "treated").sum()), int(arms["permanent"].sum())
    controls = len(arms) - treated - permanent
    say(_ASSIGNED.format(campaign=campaign, treated=treated, controls=controls, permanent=permanent, out=out))


def report(
    as_of: AsOfOption,
    campaign: CampaignArgument = None,
    out: Annotated[Path, typer.Option("--out", help=here(Text("Folder for the page.", "页面所在文件夹。")))] = Path(
        "experiment"
    ),
    planned: Annotated[
        int | None,
        typer.Option(
            "--planned-customers",
            min=1,
            help=here(
                Text(
                    "All that will take part; default: those in the log.", "计划参加的客户总数；默认为记录中的客户数。"
                )
            ),
        ),
    ] = None,
    project: ProjectOption = Path("."),
    quiet: QuietOption = False,
) -> None:
    """Report what a campaign brought."""
    from dataclasses import replace

    from features.rejects_files import keep_set_aside
    from features.sources import open_facts
    from serving.decisions.playbook import load_playbook
    from serving.experiments import as_planned
    from training.experiments.campaigns import campaigns_of, follow, log_of
    from training.experiments.report import campaign_report

    settings = load_project(project)
    instant, looks = read_as_of(as_of, settings), load_playbook(settings).experiments.looks
    actions, outcomes = _logs(settings)
    made = None
    with progress_bar(quiet) as progress, open_facts(settings) as facts:
        progress(Text("reading", "读取"), 0.2)
        log = log_of(facts, actions)
        if campaign is not None:
            compared = as_planned(log, _chosen(settings, campaign), campaign)
            made = campaign_report(follow(facts, compared.log, campaign, instant, None, outcomes), planned, looks)
            made = replace(made, told=(*([compared.said] if compared.said else []), *made.told))
        progress(Text("writing", "写入"), 0.9)
        set_aside = keep_set_aside(facts)
    say_set_aside(set_aside)
    if made is None:
        _list(campaigns_of(log))
        return
    _write(made, settings, out)
    _print(made, settings)
    say(Text("Written to {out}.", "已写入 {out}。").format(out=out))


def export(
    out: Annotated[
        Path, typer.Option("--out", help=here(Text("Parquet file to write.", "要写入的 Parquet 文件。")))
    ] = Path("treatments.parquet"),
    project: ProjectOption = Path("."),
) -> None:
    """Write the logged actions as a table of treatments."""
    import pyarrow.parquet as pq

    from serving.experiments import treatments_table

    actions, _ = _logs(load_project(project))
    rows = treatments_table(actions)
    with atomic_file(out) as temporary:
        pq.write_table(rows, temporary)
    say(_EXPORTED.format(rows=rows.num_rows, out=out))
    say("\n".join(("[tables.treatments]", f'path = "{out}"', "[tables.treatments.columns]")))
    say("\n".join(f'{name} = "{name}"' for name in rows.column_names))


def learn(
    campaign: CampaignArgument = None,
    as_of: Annotated[
        str | None,
        typer.Option(
            "--as-of",
            help=here(Text("Only facts known before it count; default: now.", "只使用此前已知的数据；默认为现在。")),
        ),
    ] = None,
    undo: Annotated[
        bool, typer.Option("--undo", help=here(Text("Take back what was learnt last.", "撤回最近一次学习。")))
    ] = False,
    project: ProjectOption = Path("."),
    quiet: QuietOption = False,
) -> None:
    """Learn from a campaign."""
    from features.sources import open_facts
    from serving.decisions.beliefs import current_beliefs
    from serving.decisions.playbook import load_playbook
    from serving.experiments import as_planned, measured_actions, require_evidence
    from serving.store import add_evidence, current_evidence, open_project_store, reading, take_back_last
    from training.experiments.campaigns import log_of

    if (campaign is None) != undo:
        raise typer.BadParameter(here(_LEARN_WHAT))
    settings, now = load_project(project), datetime.now(UTC)
    playbook, store = load_playbook(settings), open_project_store(settings)
    try:
        with reading(store) as connection:
            before = current_beliefs(playbook, current_evidence(connection))
        if campaign is None:
            changed = take_back_last(store, now)
        else:
            instant = read_as_of(as_of, settings) if as_of else now
            actions, outcomes = _logs(settings)
            with progress_bar(quiet) as progress, open_facts(settings) as facts:
                progress(Text("measuring", "测量"), 0.4)
                compared = as_planned(log_of(facts, actions), _chosen(settings, campaign), campaign)
                found = measured_actions(facts, compared.log, campaign, instant, outcomes)
            changed = add_evidence(store, require_evidence(found, campaign), now)
        with reading(store) as connection:
            after = current_beliefs(playbook, current_evidence(connection))
    finally:
        store.close()
    say(_nothing_or(changed, undo))
    _print_beliefs(playbook, before, after)


COMMANDS = (
    ("assign", assign, ASSIGN_HELP),
    ("report", report, REPORT_HELP),
    ("export", export, EXPORT_HELP),
    ("learn", learn, LEARN_HELP),
)


def group() -> typer.Typer:
    """The commands as a group."""
    made = typer.Typer(no_args_is_help=True)
    for name, function, text in COMMANDS:
        made.command(name, help=here(text))(function)
    return made


def _logs(settings: Project) -> "tuple[pd.DataFrame, pd.DataFrame]":
    """Logged actions and outcomes of the project's store."""
    from serving.experiments import logged_actions, logged_outcomes
    from serving.store import open_project_store, reading

    store = open_project_store(settings)
    try:
        with reading(store) as connection:
            return logged_actions(connection), logged_outcomes(connection)
    finally:
        store.close()


def _chosen(settings: Project, campaign: str) -> "list[Chosen]":
    """Whom the plans of a campaign chose."""
    from serving.store import chosen_in, open_project_store, reading

    with closing(open_project_store(settings)) as store, reading(store) as connection:
        return chosen_in(connection, campaign)


def _list(campaigns: "pd.DataFrame") -> None:
    arms = ("treated", "controls", "withheld")
    rows = [
        (
            *(row["campaign"], row["actions"], f"{row['begins_at']:%Y-%m-%d}", f"{row['ends_at']:%Y-%m-%d}"),
            *(f"{row[arm]:,}" for arm in arms),
        )
        for row in campaigns.to_dict("records")
    ]
    table(_LISTED, rows, right=(4, 5, 6))


def _write(made: "CampaignReport", settings: Project, out: Path) -> None:
    """The page in both languages, and the picture in it as PNG."""
    from training.experiments.figures import campaign_pictures
    from training.experiments.page import campaign_page

    pictures = campaign_pictures(made.looks, settings.project.currency)
    for language, name in PAGES.items():
        with atomic_file(out / name) as temporary:
            temporary.write_text(campaign_page(made, settings, pictures, language), encoding="utf-8")
    for (name, spoken), picture in pictures.items():
        with atomic_file(out / f"{name}.{spoken}.png") as temporary:
            temporary.write_bytes(picture)


def _print(made: "CampaignReport", settings: Project) -> None:
    from training.experiments import page

    heading(page.title_of(made, settings))
    if made.effects:
        _show(page.effect_table(made, settings.project.currency))
    for sentence in page.said(made):
        say(sentence)
    heading(page.LOT)
    say(page.lot_said(made))
    shown = [name for name, path in made.looks.items() if len(path) > 1]
    if shown:
        heading(page.LOOKS)
        say(page.how_looks(made))
    for name in shown:
        _show(page.looks_table(made, name))
    for sentence in made.told:
        say(f"• {here(sentence)}")


def _show(shown: "Table") -> None:
    rows = [[here(cell) for cell in row] for row in shown.rows]
    table(shown.head, rows, right=range(shown.words, len(shown.head)))


def _nothing_or(changed: Sequence[object], undo: bool) -> Text:
    if undo:
        return _TAKEN_BACK.format(count=len(changed)) if changed else _NOTHING_TO_TAKE_BACK
    return _LEARNT.format(count=len(changed)) if changed else _KNOWN_ALREADY


def _print_beliefs(
    playbook: "Playbook", before: "Mapping[str, CurrentBelief]", after: "Mapping[str, CurrentBelief]"
) -> None:
    rows = [
        (here(action.name), *(_belief(of[action.id]) for of in (before, after)), _evidence(after[action.id]))
        for action in playbook.actions
        if action.effect.kind == "churn"
    ]
    table(_BELIEFS, rows)


def _belief(belief: "CurrentBelief") -> str:
    low, mean, high = (f"{100 * value:.1f}%" for value in (belief.low, belief.mean, belief.high))
    return here(Text("{mean} ({low} to {high})", "{mean}（{low} 至 {high}）").format(mean=mean, low=low, high=high))


def _evidence(belief: "CurrentBelief") -> str:
    if not belief.evidence:
        return here(Text("the playbook alone", "仅行动手册"))
    treated, controls = (sum(getattr(one, arm) for one in belief.evidence) for arm in ("treated", "controls"))
    return here(_EVIDENCE.format(campaigns=len(belief.evidence), treated=treated, controls=controls))


_ASSIGNED = Text(
    "{campaign}: {treated:,} treated, {controls:,} controls of this campaign, {permanent:,} permanent controls; written to {out}."
    " Log each with POST /v1/actions, controls too.",
    "{campaign}：处理组 {treated:,} 位，本次对照组 {controls:,} 位，长期对照组 {permanent:,} 位；已写入 {out}。"
    "请通过 POST /v1/actions 逐一记录，包括对照组。",
)
_EXPORTED = Text(
    "{rows:,} actions written to {out}. Name it in the project file:",
    "已将 {rows:,} 条行动写入 {out}。请在项目文件中引用：",
)
_LISTED = (
    Text("campaign", "活动"),
    Text("actions", "行动"),
    Text("from", "开始"),
    Text("to", "结束"),
    Text("treated", "处理组"),
    Text("controls", "对照组"),
    Text("withheld", "未执行"),
)
_BELIEFS = (
    Text("action", "行动"),
    Text("before: leaving taken away (90 %)", "之前：降低流失（90%）"),
    Text("after", "之后"),
    Text("rests on", "依据"),
)
_EVIDENCE = Text(
    "{campaigns} campaigns, {treated:,} treated, {controls:,} controls",
    "{campaigns} 次活动，处理组 {treated:,} 位，对照组 {controls:,} 位",
)
_LEARNT = Text(
    "Learnt {count} measurement(s); 'learn --undo' takes them back.", "已学习 {count} 项测量；可用“learn --undo”撤回。"
)
_KNOWN_ALREADY = Text("This was learnt before; nothing changed.", "此前已学习，未作更改。")
_TAKEN_BACK = Text("Took back {count} measurement(s); they stay on file.", "已撤回 {count} 项测量；记录仍保留。")
_NOTHING_TO_TAKE_BACK = Text("Nothing was learnt that could be taken back.", "没有可撤回的学习。")
_LEARN_WHAT = Text("Name a campaign, or give --undo.", "请给出活动名称，或使用 --undo。")
