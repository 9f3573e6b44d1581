"""A simulated company written to a folder as Parquet files, chunk by chunk."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from features.errors import FactsError
from features.progress import Progress, silent
from features.simulation.company import Company
from features.simulation.simulate import TABLES, simulate_chunks
from features.text import Text
from features.writing import atomic_folder

END = date(2026, 7, 1)
STEP = Text("Simulating a company", "正在模拟公司")
NOTE_FILE = "SIMULATED.txt"
NOTE = Text(
    "This company is simulated (seed {seed}, {customers} customers, {start} to {end}). Nobody in it exists. "
    "The folder 'truth' holds what only the simulation knows; no model may learn from it.",
    "本公司为模拟数据（种子 {seed}，{customers} 位客户，{start} 至 {end}），其中的人和企业均不存在。"
    "“truth”文件夹中是只有模拟程序才知道的真相，模型不得以此学习。",
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
    if months < 1:
        raise FactsError(
            Text("A company needs at least one month; got {months}.", "模拟公司至少需要一个月；现为 {months}。"),
            months=months,
        )
    start = months_before(end, months)
    done = 0
    with _writers(folder) as write:
        for chunk in simulate_chunks(seed, customers, start, end, company, cut_offs):
            write(chunk)
            done += chunk["truth/customers"].num_rows
            progress(STEP, done / customers)
    note = NOTE.format(seed=seed, customers=customers, start=start, end=end)
    (folder / NOTE_FILE).write_text(f"{note.en}\n{note.zh}\n", encoding="utf-8")


def months_before(day: date, months: int) -> date:
    """The first of the month that lies so many months before the month of ``day``."""
    month = day.year * 12 + day.month - 1 - months
    return date(month // 12, month % 12 + 1, 1)


@contextmanager
def _writers(folder: Path) -> Iterator[Callable[[dict[str, pa.Table]], None]]:
    """A function that appends one chunk to each table's file."""
    files: dict[str, pq.ParquetWriter] = {}

    def write(chunk: dict[str, pa.Table]) -> None:
        for name in TABLES:
            if name not in files:
                path = folder / f"{name}.parquet"
                path.parent.mkdir(exist_ok=True)
                files[name] = pq.ParquetWriter(path, chunk[name].schema, compression="zstd")
            files[name].write_table(chunk[name])

    try:
        yield write
    finally:
        for file in files.values():
            file.close()
