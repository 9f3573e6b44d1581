"""``retinue simulate``: a company with known truth, ready to be checked, trained and scored."""

import os
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from features.errors import FactsError
from features.text import Text
from serving.cli.output import QuietOption, here, progress_bar, say

HELP = Text(
    "Make a trading company whose truth is known: purchases, payments, complaints, campaigns with effects that differ by "
    "customer, and credit quality. It appears in DIR with a project file; what only the simulation knows appears beside "
    "it in DIR-truth.\n\n"
    "Example: retinue simulate company --customers 20000 --seed 7",
    "生成一家真相已知的贸易公司：购买、付款、投诉、因客户而异的营销效果以及信用质量。结果写入 DIR，并附项目文件；"
    "只有模拟程序知道的真相写入其旁的 DIR-truth。\n\n"
    "示例：retinue simulate company --customers 20000 --seed 7",
)
END = "2026-07-01"
MOST_PROCESSES = 4
"""More of them would only wait for the one that writes."""

Directory = Annotated[
    Path, typer.Argument(help=here(Text("Folder to write, new or empty.", "要写入的文件夹，须为新建或空文件夹。")))
]
Customers = Annotated[int, typer.Option("--customers", help=here(Text("How many customers.", "客户数量。")))]
Seed = Annotated[
    int,
    typer.Option("--seed", help=here(Text("The same seed gives the same company.", "相同的种子生成相同的公司。"))),
]
Months = Annotated[
    int, typer.Option("--months", help=here(Text("Months of records before the end.", "截止日前的记录月数。")))
]
End = Annotated[
    str, typer.Option("--end", help=here(Text("The day after the last one on record.", "最后记录日的次日。")))
]
Processes = Annotated[
    int | None,
    typer.Option(
        "--processes",
        help=here(Text("Processes that work at once; not given, as many as pay.", "同时工作的进程数；默认自动选择。")),
    ),
]


def simulate(
    directory: Directory,
    customers: Customers = 10_000,
    seed: Seed = 1,
    months: Months = 24,
    end: End = END,
    processes: Processes = None,
    quiet: QuietOption = False,
) -> None:
    """Make a company with known truth."""
    from features.simulation.company import Company
    from features.simulation.plan import planned, quarter_starts
    from features.simulation.project import truth_of, write_project
    from features.simulation.write import months_before

    directory = directory.absolute()
    last = _read_day(end)
    start = months_before(last, months)
    company = Company(with_campaigns=True, with_credit=True)
    plan = planned(seed, customers, start, last, company, quarter_starts(start, last))
    with progress_bar(quiet) as progress:
        write_project(directory, plan, progress, processes or min(os.cpu_count() or 1, MOST_PROCESSES))
    say(
        Text(
            "{customers:,} simulated customers from {start} to {end} are in {directory}; none of them exists. "
            "What only the simulation knows is in {truth}. Next:\n"
            "  retinue check --project {directory}\n"
            "  retinue train --project {directory}\n"
            "  retinue score --project {directory} --as-of {end} --out {scores}",
            "{customers:,} 位模拟客户（{start} 至 {end}）已写入 {directory}，他们均不存在。只有模拟程序知道的真相在 {truth}。接下来：\n"
            "  retinue check --project {directory}\n"
            "  retinue train --project {directory}\n"
            "  retinue score --project {directory} --as-of {end} --out {scores}",
        ).format(
            customers=customers,
            start=start,
            end=last,
            directory=directory,
            truth=truth_of(directory),
            scores=directory / "scores",
        )
    )


def _read_day(value: str) -> date:
    try:
        return date.fromisoformat(value.strip())
    except ValueError:
        raise FactsError(
            Text("'{value}' is not a date. Write it as 2026-07-01.", "“{value}”不是日期。请写作 2026-07-01。"),
            value=value,
        ) from None


COMMANDS = (("simulate", simulate, HELP),)
