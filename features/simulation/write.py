"""A simulated company written to a folder as Parquet files, chunk by chunk."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq

from features.errors import FactsError
from features.progress import Progress, silent
from features.simulation.company import Company
from features.simulation.plan import TRUTH_CUSTOMERS, Plan, planned
from features.simulation.simulate import Tables
from features.simulation.workers import chunks_of
from features.text import Text
from features.writing import atomic_folder

END = date(2026, 7, 1)
MOST_MONTHS = 240
STEP = Text("Simulating a company", "正在模拟公司")
NOTE_FILE = "SIMULATED.txt"
NOTE = Text(
    "This company is simulated (seed {seed}, {customers} customers, {start} to {end}). Nobody in it exists. "
    "The folder '{truth}' holds what only the simulation knows; no model may learn from it.",
    "本公司为模拟数据（种子 {seed}，{customers} 位客户，{start} 至 {end}），其中的人和企业均不存在。"
    "“{truth}”文件夹中是只有模拟程序才知道的真相，模型不得以此学习。",
)


def write_company(
    directory: Path,
    seed: int,
    customers: int,
    months: int,
    progress: Progress = silent,
    *,
    end: date = END,
    company: Company = Company(),  # noqa: B008 - frozen
    cut_offs: Sequence[date] | None = None,
) -> Path:
    """Write a simulated company of so many whole ``months`` before ``end`` into ``directory``, which is new or empty.

    One Parquet file per table, what is true but unknown to the company in ``truth/``. Each chunk of customers is one
    row group, so memory does not grow with the number of customers.
    The folder appears when it is complete. Returns ``directory``.

    Raises FactsError: no customers or no months. StorageError: the folder holds something, or cannot be written.
    """
    with atomic_folder(directory) as folder:
        write_tables(folder, seed, customers, months, progress, end=end, company=company, cut_offs=cut_offs)
    return directory


def write_tables(
    folder: Path,
    seed: int,
    customers: int,
    months: int,
    progress: Progress = silent,
    *,
    end: date = END,
    company: Company = Company(),  # noqa: B008 - frozen
    cut_offs: Sequence[date] | None = None,
) -> None:
    """Write the same company straight into a folder that is there; for callers who see to it that it is whole."""
    plan = planned(seed, customers, months_before(end, months), end, company, cut_offs)
    truth = folder / "truth"
    truth.mkdir(exist_ok=True)
    write_plan(folder, truth, plan, progress)
    write_note(folder, plan, truth.name)


def write_note(folder: Path, plan: Plan, truth: str) -> None:
    """Say in a file in ``folder`` that its company is simulated, and in which folder the truth lies."""
    note = NOTE.format(seed=plan.seed, customers=plan.customers, start=plan.start, end=plan.end, truth=truth)
    (folder / NOTE_FILE).write_text(f"{note.en}\n{note.zh}\n", encoding="utf-8")


def write_plan(facts: Path, truth: Path, plan: Plan, progress: Progress = silent, processes: int = 1) -> None:
    """Write the records of the planned company into ``facts`` and what only the simulation knows into ``truth``.

    Both folders are there. The same plan gives the same bytes, whatever the number of ``processes``.
    """
    done = 0
    with _writers(facts, truth, plan) as write, closing(chunks_of(plan, processes)) as chunks:
        for chunk in chunks:
            write(chunk)
            done += chunk[TRUTH_CUSTOMERS].num_rows
            progress(STEP, done / plan.customers)


def months_before(day: date, months: int) -> date:
    """The first of the month that lies so many months before the month of ``day``.

    Raises FactsError: no months, or too many.
    """
    if not 1 <= months <= MOST_MONTHS:
        raise FactsError(
            Text(
                "A company has records of 1 to {most} months; got {months}.",
                "模拟公司的记录须为 1 至 {most} 个月；现为 {months}。",
            ),
            most=MOST_MONTHS,
            months=months,
        )
    month = day.year * 12 + day.month - 1 - months
    return date(month // 12, month % 12 + 1, 1)


@contextmanager
def _writers(facts: Path, truth: Path, plan: Plan) -> Iterator[Callable[[Tables], None]]:
    """A function that appends one chunk to each table's file."""
    files: dict[str, pq.ParquetWriter] = {}

    def write(chunk: Tables) -> None:
        for name in plan.tables:
            if name not in files:
                folder = truth if name.startswith("truth/") else facts
                path = folder / f"{name.removeprefix('truth/')}.parquet"
                files[name] = pq.ParquetWriter(path, chunk[name].schema, compression="zstd")
            files[name].write_table(chunk[name])

    try:
        yield write
    finally:
        for file in files.values():
            file.close()
