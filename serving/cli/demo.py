"""``retinue demo``: the whole way, from facts to recommendations, on a company that comes with Retinue."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from features.errors import NotFoundError, nearest
from features.project import load_project
from features.text import Text
from serving.cli.output import LANGUAGE, QuietOption, heading, here, progress_bar, read_as_of, say, signature
from serving.cli.scoring import print_scoring
from serving.cli.serve import DEFAULT_PORT, PortOption
from serving.cli.training import print_training

HELP = Text(
    "Run the main job on a demo company: retail (real), cdnow (real) or trading (simulated), then serve the result.\n\n"
    "Example: retinue demo trading --no-serve",
    "在示例公司上完整运行：retail（真实）、cdnow（真实）或 trading（模拟），然后提供查询服务。\n\n"
    "示例：retinue demo trading --no-serve",
)

Name = Annotated[str, typer.Argument(help=here(Text("retail, cdnow or trading.", "retail、cdnow 或 trading。")))]
Directory = Annotated[
    Path | None,
    typer.Option(
        "--dir",
        help=here(Text("Folder for the demo; build/demo/NAME if not given.", "示例所在文件夹；默认 build/demo/名称。")),
    ),
]
Serve = Annotated[
    bool, typer.Option("--serve/--no-serve", help=here(Text("Serve the result at the end.", "结束后提供查询服务。")))
]


def demo(
    name: Name = "retail",
    directory: Directory = None,
    serve: Serve = True,
    port: PortOption = DEFAULT_PORT,
    quiet: QuietOption = False,
) -> None:
    """Run the main job on a demo company and serve the result."""
    from features.check import check
    from features.sources import open_facts
    from serving.batch import score
    from serving.cli.facts import print_report
    from serving.decisions.judging import judging_costs
    from serving.decisions.learnt import churn_beliefs
    from serving.decisions.playbook import load_playbook
    from serving.demo import DEMOS, prepare
    from serving.server import serve_project
    from training.job import train

    if name not in DEMOS:
        raise NotFoundError(
            Text("There is no demo '{name}'. {hint}", "没有名为“{name}”的示例。{hint}"),
            name=name,
            hint=nearest(name, DEMOS),
        )
    chosen = DEMOS[name]
    heading(chosen.title)
    say(chosen.source)
    folder = directory or Path("build") / "demo" / name
    with progress_bar(quiet) as progress:
        project = load_project(prepare(name, folder, progress))
    as_of = read_as_of(chosen.as_of, project)
    with progress_bar(quiet) as progress, open_facts(project) as facts:
        progress(Text("checking the facts", "检查数据"), 0.5)
        report = check(facts, now=datetime.now(UTC))
    print_report(report)
    with progress_bar(quiet) as progress:
        playbook = load_playbook(project)
        costs, beliefs = judging_costs(project, playbook), churn_beliefs(playbook)
        training = train(project, as_of, progress, costs, signature(), beliefs=beliefs)
    print_training(project, training)
    with progress_bar(quiet) as progress:
        scoring = score(project, as_of, folder / "scores", lambda: datetime.now(UTC), progress)
    print_scoring(project, scoring)
    if chosen.is_simulated:
        say(Text("These customers are simulated; none of them exists.", "以上客户均为模拟数据，并不存在。"))
    if serve:
        serve_project(project, "127.0.0.1", port, LANGUAGE)


COMMANDS = (("demo", demo, HELP),)
