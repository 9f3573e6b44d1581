"""``retinue events``: send files of facts to a service that takes them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from features.errors import RetinueError
from features.text import Text
from serving.cli.output import LANGUAGE, QuietOption, here, progress_bar, say

NAME = "events"
KEY_VARIABLE = "RETINUE_KEY"
REJECTED = ".rejected.ndjson"
STANDARD_INPUT = "-"

HELP = Text(
    "Facts that are told to a running service.\n\nExample: retinue events send orders.ndjson --url http://127.0.0.1:8000",
    "向运行中的服务上报事实。\n\n示例：retinue events send orders.ndjson --url http://127.0.0.1:8000",
)
SEND_HELP = Text(
    "Send a file of events, one JSON object a line, to a service, in as many requests as it takes; what is lost on the way or"
    " turned away for a while is sent again, and nothing counts twice. Lines that are not taken stand in"
    " FILE.rejected.ndjson, each with number and reason; the exit code is 1 if there are any. Needs the extra 'client'.\n\n"
    "Example: retinue events send orders.ndjson --url http://127.0.0.1:8000",
    "将事件文件（每行一个 JSON 对象）分多次请求发送给服务；途中丢失或被暂时拒绝的会重新发送，不会重复计入。未被接收的行写入"
    " FILE.rejected.ndjson，附行号和原因；有此类行时退出码为 1。需要附加组件“client”。\n\n"
    "示例：retinue events send orders.ndjson --url http://127.0.0.1:8000",
)


class InputError(RetinueError):
    """The file cannot be read, or what reads it is not installed."""


def send(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help=here(Text("File of events; - reads standard input.", "事件文件；- 表示标准输入。"))
        ),
    ],
    url: Annotated[
        str,
        typer.Option(
            "--url",
            help=here(Text("Address of the service: http://127.0.0.1:8000.", "服务的地址：http://127.0.0.1:8000。")),
        ),
    ],
    key: Annotated[
        str | None,
        typer.Option(
            "--key",
            envvar=KEY_VARIABLE,
            help=here(
                Text(
                    "Access key; in the environment it is not seen among the processes.",
                    "访问密钥；放在环境变量中则不会出现在进程列表里。",
                )
            ),
        ),
    ] = None,
    quiet: QuietOption = False,
) -> None:
    """Send a file of events to a service."""
    try:
        from serving.event_files import count_lines, send_events, service_at
    except ModuleNotFoundError as missing:
        if missing.name != "httpx":
            raise
        raise InputError(_NO_CLIENT) from missing
    is_piped = str(file) == STANDARD_INPUT
    rejected = Path("stdin" + REJECTED) if is_piped else Path(f"{file}{REJECTED}")
    with _opened(file) as source, service_at(url, key, LANGUAGE) as service, progress_bar(quiet) as progress:
        sent = send_events(source, service, rejected, progress, None if is_piped else count_lines(file))
    say(_SENT.format(**sent._asdict()))
    if sent.conflicts or sent.refused:
        say(_REJECTED.format(file=rejected))
        raise typer.Exit(1)


def group() -> typer.Typer:
    """The commands of ``retinue events``."""
    commands = typer.Typer(no_args_is_help=True, add_completion=False)
    commands.callback()(lambda: None)  # of one command alone typer makes no group
    commands.command("send", help=here(SEND_HELP))(send)
    return commands


@contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    if str(file) == STANDARD_INPUT:
        yield typer.get_binary_stream("stdin")
        return
    try:
        source = file.open("rb")
    except OSError as fault:
        raise InputError(_UNREADABLE, file=file, fault=fault.strerror) from fault
    with source:
        yield source


_SENT = Text(
    "{lines:,} events: {accepted:,} accepted, {duplicates:,} duplicates, {conflicts:,} conflicts, {refused:,} refused.",
    "共 {lines:,} 个事件：接收 {accepted:,}，重复 {duplicates:,}，冲突 {conflicts:,}，拒收 {refused:,}。",
)
_REJECTED = Text(
    "Conflicts and refused lines, each with its number and the reason: {file}.",
    "冲突和被拒收的行（含行号和原因）：{file}。",
)
_UNREADABLE = Text(
    "{file} cannot be read: {fault}. Name a file of events, or - for standard input.",
    "无法读取 {file}：{fault}。请给出事件文件，或用 - 表示标准输入。",
)
_NO_CLIENT = Text(
    "Sending events needs a package that is not installed (httpx). Run: pip install 'retinue[client]'",
    "发送事件所需的软件包（httpx）尚未安装。请运行：pip install 'retinue[client]'",
)
