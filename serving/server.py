"""Starting the server: the API and the pages on an address of this machine alone."""

import ipaddress
import socket

import typer
import uvicorn

from features.errors import RetinueError
from features.project import Project
from features.text import Language, Text
from serving.app import create_app
from serving.routes.state import ServeSettings
from serving.store import current_run, open_store, reading, store_place


class ServeError(RetinueError):
    """The server cannot be started as asked."""


def settings_of(project: Project) -> ServeSettings:
    """What the server needs to know, from the project file."""
    return ServeSettings(
        store_place(project),
        company=project.project.name,
        timezone=project.timezone,
        events=project if project.events else None,
    )


def serve_project(project: Project, host: str, port: int, language: Language) -> None:
    """Serve a project's scores on ``host``:``port`` until interrupted.

    Raises ServeError: the host is not this machine alone, or the port is taken. StorageError: the store cannot be used.
    """
    settings = settings_of(project)
    listener = listen(host, port)
    with listener:
        app = create_app(settings)
        typer.echo(_greeting(settings, host, listener.getsockname()[1]).of(language))
        config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False)
        try:
            uvicorn.Server(config).run(sockets=[listener])
        except KeyboardInterrupt:  # the wish to stop, already fulfilled
            return


def _greeting(settings: ServeSettings, host: str, port: int) -> Text:
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    store = open_store(settings.store_place)
    with reading(store) as connection:
        run = current_run(connection)
    store.close()
    if run is None:
        return Text(
            "No scores are published yet: run 'retinue score' for this project; they appear without a restart.\n"
            "Serving at {address}. Stop with Ctrl+C.",
            "尚未发布评分：请为本项目运行“retinue score”，完成后无需重启即可看到。\n"
            "服务地址：{address}，按 Ctrl+C 停止。",
        ).format(address=address)
    return Text(
        "Serving {rows} customers, scored as of {day:%Y-%m-%d}, at {address}. Stop with Ctrl+C.",
        "正在提供 {rows} 位客户的评分（时点 {day:%Y-%m-%d}），服务地址：{address}，按 Ctrl+C 停止。",
    ).format(rows=f"{run.rows:,}", day=run.as_of.astimezone(settings.timezone), address=address)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens on an address of this machine alone.

    Raises ServeError: the address can be reached from elsewhere, does not exist, or is taken.
    """
    if not _is_loopback(host):
        raise ServeError(
            Text(
                "The host {host} can be reached from other machines, and the service has no access keys yet: anybody "
                "there could read your customers. Use --host 127.0.0.1, and a tunnel (as ssh -L) from elsewhere.",
                "其他机器可以访问主机 {host}，而本服务尚无访问密钥，任何人都能读取您的客户数据。"
                "请使用 --host 127.0.0.1，从别处访问可通过隧道（例如 ssh -L）。",
            ),
            host=host,
        )
    try:
        return _bind(host, port)
    except OSError as fault:
        raise _not_bound(host, port, fault) from fault


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
    except OSError:
        listener.close()
        raise
    return listener


def _not_bound(host: str, port: int, fault: OSError) -> ServeError:
    try:
        with _bind(host, 0) as spare:
            free = spare.getsockname()[1]
    except OSError:
        return ServeError(
            Text(
                "This machine cannot listen on {host} ({fault}). Use --host 127.0.0.1.",
                "本机无法监听 {host}（{fault}）。请使用 --host 127.0.0.1。",
            ),
            host=host,
            fault=fault,
        )
    return ServeError(
        Text(
            "Port {port} cannot be used ({fault}); perhaps another server runs there. Use --port {free}; it is free.",
            "端口 {port} 无法使用（{fault}），可能已有其他服务占用。可改用空闲端口：--port {free}。",
        ),
        port=port,
        fault=fault.strerror,
        free=free,
    )
