"""``retinue serve``: the API and the pages."""

from pathlib import Path
from typing import Annotated

import typer

from features.project import load_project
from features.text import Text
from serving.cli.output import LANGUAGE, ProjectOption, here

DEFAULT_PORT = 8000

HostOption = Annotated[
    str,
    typer.Option(
        "--host",
        help=here(
            Text(
                "Address of this machine to listen on; one that others reach needs an access key.",
                "本机监听地址；他人可访问的地址需要访问密钥。",
            )
        ),
    ),
]
PortOption = Annotated[
    int,
    typer.Option(
        "--port",
        help=here(Text("Port to listen on; 0 takes a free one.", "监听端口；0 表示自动选择。")),
        min=0,
        max=65535,
    ),
]
WorkersOption = Annotated[
    int,
    typer.Option(
        "--workers",
        help=here(Text("Processes that answer; one for each core is the most.", "服务进程数；最多每个 CPU 核一个。")),
        min=1,
        max=64,
    ),
]


def serve(
    project: ProjectOption = Path("."),
    host: HostOption = "127.0.0.1",
    port: PortOption = DEFAULT_PORT,
    workers: WorkersOption = 1,
) -> None:
    """Serve the scores of a project until Ctrl+C."""
    from serving.server import serve_project

    serve_project(load_project(project), host, port, LANGUAGE, workers)


HELP = Text(
    "Serve the scores: API and pages; on this machine only, unless there are access keys (retinue keys create).\n\n"
    "Example: retinue serve --project shop/retinue.toml --port 8000",
    "提供评分查询：API 与页面；没有访问密钥（retinue keys create）时仅限本机访问。\n\n示例：retinue serve --project shop/retinue.toml --port 8000",
)

COMMANDS = (("serve", serve, HELP),)
