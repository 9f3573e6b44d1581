"""How the command line speaks: in the reader's language, with tables, and with a bar for long work."""

import getpass
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bar
from rich.table import Table

from features.errors import AsOfError
from features.progress import Progress
from features.project import Project
from features.text import Language, Text, language_of_environment

if TYPE_CHECKING:  # the libraries behind the facts load slowly; --help must not wait for them
    from features.rejects_files import SetAside
    from training.registry import Signature

LANGUAGE: Language = language_of_environment()


def here(text: Text) -> str:
    """A text in the reader's language."""
    return text.of(LANGUAGE)


PLAIN_WIDTH = 120
console = Console(highlight=False, width=None if sys.stdout.isatty() else PLAIN_WIDTH)

ProjectOption = Annotated[
    Path,
    typer.Option(
        "--project", "-p", help=here(Text("Project file, or the folder that holds it.", "项目文件，或其所在文件夹。"))
    ),
]
AsOfOption = Annotated[
    str,
    typer.Option(
        "--as-of",
        help=here(
            Text(
                "Date (2026-07-01) or instant: only facts known before it count. 'retinue check' shows what the data span.",
                "日期（2026-07-01）或时刻：只使用此前已知的数据。“retinue check”可查看数据跨度。",
            )
        ),
    ),
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help=here(Text("Print results only.", "只输出结果。")))]


def say(text: Text | str) -> None:
    """Print a text in the reader's language."""
    console.print(escape(text if isinstance(text, str) else here(text)))


def say_set_aside(found: "SetAside | None") -> None:
    """Say how many rows of the sources were set aside and where they are; nothing where none was."""
    if found is not None:
        say((_KEPT if found.is_written else _NOT_KEPT).format(rows=found.rows, folder=found.folder))


_KEPT = Text(
    "Rows of the sources that were set aside: {rows:,}; each with line and reason in {folder}.",
    "数据源中被搁置的行：{rows:,}，行号和原因见 {folder}。",
)
_NOT_KEPT = Text(
    "Rows of the sources that were set aside: {rows:,}; {folder} cannot be written, 'retinue check --rejects FILE' writes"
    " them elsewhere.",
    "数据源中被搁置的行：{rows:,}；无法写入 {folder}，可用“retinue check --rejects 文件”写入别处。",
)


def heading(text: Text) -> None:
    """Print the title of a part of the answer."""
    console.print()
    console.print(f"[bold]{escape(here(text))}[/bold]")


def table(columns: Sequence[Text | str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> None:
    """Print rows under column titles; ``right`` are the places of the columns with numbers."""
    made = Table(box=None, pad_edge=False, header_style="dim")
    for i, column in enumerate(columns):
        title = column if isinstance(column, str) else here(column)
        made.add_column(escape(title), justify="right" if i in right else "left", overflow="fold")
    for row in rows:
        made.add_row(*(escape(cell) for cell in row))
    console.print(made)


@contextmanager
def progress_bar(quiet: bool) -> Iterator[Progress]:
    """A bar on the terminal's error stream with the step in words, the time taken and the time that remains; silent when ``quiet``."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(elapsed_when_finished=False),
    )
    with Bar(*columns, console=Console(file=sys.stderr), transient=True, disable=quiet) as bar:
        task = bar.add_task("", total=1.0)

        def report(step: Text, done: float) -> None:
            bar.update(task, description=escape(here(step)), completed=done)

        yield report


def read_as_of(value: str, project: Project) -> datetime:
    """An instant from what the user typed; a date or naive time is read on the project's calendar.

    Raises AsOfError: it is neither a date nor an instant.
    """
    try:
        instant = datetime.fromisoformat(value.strip())
    except ValueError:
        raise AsOfError(
            Text(
                "'{value}' is not a date. Write it as 2026-07-01 or 2026-07-01T08:30.",
                "“{value}”不是日期。请写作 2026-07-01 或 2026-07-01T08:30。",
            ),
            value=value,
        ) from None
    return instant if instant.tzinfo else instant.replace(tzinfo=project.timezone)


def signature() -> "Signature":
    """Who gives the command, and when: what the ledger keeps beside a promotion."""
    from training.registry import Signature

    return Signature(f"{getpass.getuser()}@{socket.gethostname()}", datetime.now(UTC))
