"""A simulated company as a folder that is ready for use: its records, the truth apart from them, and a project file."""

from pathlib import Path

import pyarrow.parquet as pq

from features.contracts import TABLES
from features.progress import Progress, silent
from features.project import PROJECT_FILE
from features.simulation.plan import Plan
from features.simulation.write import write_note, write_plan
from features.text import Text
from features.writing import MEGABYTE, atomic_folder, require_space

FACTS = "facts"
BYTES_PER_CUSTOMER = 200.0
BYTES_PER_CUSTOMER_DAY = 2.5
"""What the files take at most, with two order lines an order, campaigns, credit and the truth of each quarter."""
BYTES_AT_LEAST = 5 * MEGABYTE

_HEAD = Text(
    "A simulated trading company (seed {seed}). No customer in it exists; what drives them lies apart from this folder.",
    "模拟贸易公司（种子 {seed}）。其中的客户均不存在；驱动其行为的真相存放在本文件夹之外。",
)
_ZONE = Text("timestamps have no zone and are read in it", "时间戳不带时区，按此时区读取")
_ROW = Text("each row: {row}", "每行：{row}")
_COLUMNS = Text("Retinue's column = the file's column", "左为 Retinue 的列，右为文件中的列")
_CHURN = Text("leaving: no order for 90 days", "流失：90 天内没有订单")
_ACTIVE = Text("asked of customers who bought in the last 180 days", "只问近 180 天买过的客户")
_MARGIN = Text("what is left of sales after cost of goods, roughly", "销售额中毛利的大致占比")


def write_project(directory: Path, plan: Plan, progress: Progress = silent, processes: int = 1) -> Path:
    """Write the planned company and its project file into ``directory``, which is new or empty.

    Records lie in the folder ``facts`` in it. What only the simulation knows lies beside it, in ``DIRECTORY-truth``, so
    that nothing that looks into ``directory`` can learn from it. Both appear when they are complete. Returns the project file.

    Raises StorageError: the folder holds something, cannot be written, or the disk has too little space.
    """
    directory, beside = directory.absolute(), truth_of(directory)
    require_space(directory, megabytes_needed(plan))
    with atomic_folder(directory) as folder, atomic_folder(beside) as truth:
        facts = folder / FACTS
        facts.mkdir()
        write_plan(facts, truth, plan, progress, processes)
        write_note(folder, plan, beside.name)
        (folder / PROJECT_FILE).write_text(project_text(facts, plan.seed), encoding="utf-8")
    return directory / PROJECT_FILE


def truth_of(directory: Path) -> Path:
    """Where the truth about the company in ``directory`` lies."""
    directory = directory.absolute()
    return directory.with_name(f"{directory.name}-truth")


def megabytes_needed(plan: Plan) -> int:
    """How much space the files of this company take at most."""
    per_customer = BYTES_PER_CUSTOMER + BYTES_PER_CUSTOMER_DAY * (plan.end - plan.start).days
    return int((plan.customers * per_customer + BYTES_AT_LEAST) / MEGABYTE)


def project_text(facts: Path, seed: int) -> str:
    """The commented project file for the tables in the folder ``facts``."""
    head = _HEAD.format(seed=seed)
    lines = [
        f"# {head.en}",
        f"# {head.zh}",
        "",
        "[project]",
        'name = "Simulated Trading Company 模拟贸易公司"',
        'currency = "EUR"',
        f'timezone = "Europe/Berlin"  {_comment(_ZONE)}',
    ]
    for name, table in TABLES.items():
        file = facts / f"{name}.parquet"
        if file.is_file():
            lines += [
                "",
                f"[tables.{name}]  {_comment(_ROW.format(row=table.row))}",
                f'path = "{facts.name}/{file.name}"',
            ]
            lines += ["", f"[tables.{name}.columns]  {_comment(_COLUMNS)}"]
            lines += [f'{column} = "{column}"' for column in pq.read_schema(file).names]
    lines += [
        "",
        f"[churn]  {_comment(_CHURN)}",
        'kind = "silence"',
        "horizon_days = 90",
        f"active_within_days = 180  {_comment(_ACTIVE)}",
        "bands = { medium = 0.15, high = 0.4 }",
        "",
        "[value]",
        f"margin_share = 0.2  {_comment(_MARGIN)}",
    ]
    return "\n".join(lines) + "\n"


def _comment(text: Text) -> str:
    return f"# {text.en} / {text.zh}"
