"""``retinue explain``: what was served of a customer at some moment, computed again from what was kept."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from features.project import Project, load_project
from features.text import Text
from serving.cli.output import LANGUAGE, ProjectOption, heading, here, read_as_of, say

if TYPE_CHECKING:  # the libraries behind the models load slowly; --help must not wait for them
    from training.replay import Replay, Risk

HELP = Text(
    "Say what was served of a customer at a moment, computed again from the kept features and model version; exit status"
    " 1 if it comes out differently.\n\n"
    "Example: retinue explain C-1042 --at 2026-07-01T09:00",
    "说明某一时刻向外提供的客户评分，并用保留的特征和模型版本重新计算；若结果不一致则退出码为 1。\n\n"
    "示例：retinue explain C-1042 --at 2026-07-01T09:00",
)

CustomerArgument = Annotated[str, typer.Argument(help=here(Text("The customer's id.", "客户编号。")))]
AtOption = Annotated[
    str | None,
    typer.Option(
        "--at",
        help=here(
            Text(
                "Moment (2026-07-01T09:00) or date; what was served then is explained. Without it, now.",
                "时刻（2026-07-01T09:00）或日期；解释当时提供的评分。不给出时取当前时刻。",
            )
        ),
    ),
]


def explain(customer_id: CustomerArgument, at: AtOption = None, project: ProjectOption = Path(".")) -> None:
    """Say what was served of a customer; leave with 1 if it cannot be computed again."""
    from training.replay import replay

    settings = load_project(project)
    instant = read_as_of(at, settings) if at is not None else datetime.now(UTC)
    result = replay(settings, customer_id, instant)
    print_replay(settings, result, instant)
    if not result.is_same:
        raise typer.Exit(1)


COMMANDS = (("explain", explain, HELP),)


def print_replay(project: Project, result: "Replay", instant: datetime) -> None:
    """The score as it was served, its reasons, and whether it comes out the same."""
    zone, scoring = project.timezone, result.scoring
    heading(
        Text("Customer {customer} at {instant}", "客户 {customer}，时刻 {instant}").format(
            customer=result.customer_id, instant=f"{instant.astimezone(zone):%Y-%m-%d %H:%M}"
        )
    )
    say(_served(result))
    for reason in result.reasons:
        mark = "↑" if reason["direction"] == "raises" else "↓"
        say(f"{mark} {reason[LANGUAGE]}")
    say("")
    say(
        _ORIGIN.format(
            run=scoring.run_id,
            published=f"{scoring.at.astimezone(zone):%Y-%m-%d %H:%M}",
            as_of=f"{scoring.as_of.astimezone(zone):%Y-%m-%d}",
            age=(instant - scoring.as_of).total_seconds() / 86_400,
            model=scoring.model,
            version=scoring.version,
            segments=scoring.segments_version,
            catalogue=scoring.catalogue_hash,
            code=scoring.code_version,
        )
    )
    say(
        _SAME
        if result.is_same
        else _DIFFERENT.format(served=_exactly(result.served), computed=_exactly(result.computed))
    )


def _served(result: "Replay") -> Text:
    if result.served is None:
        return Text("No probability was served. {why}", "未提供概率。{why}").format(
            why=result.abstained or Text("", "")
        )
    return Text(
        "Served: {probability:.1%} (95 % interval {low:.1%}–{high:.1%}) that it leaves within {days} days.",
        "当时提供：{days} 天内流失的概率 {probability:.1%}（95% 区间 {low:.1%}–{high:.1%}）。",
    ).format(**vars(result.served), days=result.horizon_days)


def _exactly(risk: "Risk | None") -> str:
    return "–" if risk is None else f"{risk.probability!r} [{risk.low!r}, {risk.high!r}]"


_ORIGIN = Text(
    "Run {run}, published {published}, speaks for {as_of} ({age:.1f} days old at that moment); {model} version {version},"
    " segments version {segments}, catalogue {catalogue}, code {code}.",
    "批次 {run}，发布于 {published}，评分时点 {as_of}（当时已过 {age:.1f} 天）；{model} 版本 {version}，细分版本 {segments}，"
    "特征目录 {catalogue}，代码 {code}。",
)
_SAME = Text(
    "✓ Computed again from the kept features and version: the same, bit for bit.",
    "✓ 用保留的特征和版本重新计算：逐位一致。",
)
_DIFFERENT = Text(
    "✗ Computed again from the kept features and version it is different: served {served}, now {computed}. The libraries or"
    " the machine have changed since, or the score did not come from this version.",
    "✗ 用保留的特征和版本重新计算的结果不同：当时 {served}，现在 {computed}。库或机器已改变，或该评分并非出自此版本。",
)
