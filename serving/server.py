"""Starting the server: the API and the pages, on this machine alone unless there are access keys."""

import os
import signal
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from ipaddress import ip_address
from types import FrameType
from urllib.parse import urlsplit

import typer
import uvicorn
from fastapi import FastAPI
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors.multiprocess import Process

from features.errors import RetinueError
from features.project import Project
from features.text import Language, Text
from serving.app import create_app
from serving.operation.logs import open_log, take_server_log
from serving.operation.metrics import WORKERS_FOLDER
from serving.routes.state import ServeSettings
from serving.security.tokens import check_keys
from serving.store import current_run, open_store, reading, store_place
from serving.store.keys import all_keys


class ServeError(RetinueError):
    """The server cannot be started as asked."""


def settings_of(project: Project) -> ServeSettings:
    """What the server needs to know, from the project file. Raises SignOnError: the file of the sign-on's keys is no good."""
    access, oidc = project.serve, project.serve.oidc
    if oidc is not None:
        if not urlsplit(oidc.keys).scheme:
            oidc = oidc.model_copy(update={"keys": str(project.root / oidc.keys)})
        check_keys(oidc)
        access = access.model_copy(update={"oidc": oidc})
    return ServeSettings(
        store_place(project),
        company=project.project.name,
        timezone=project.timezone,
        operation=project.operation,
        project=project,
        access=access,
        workspace=project.workspace,
        events=project if project.events else None,
    )


def serve_project(project: Project, host: str, port: int, language: Language, workers: int = 1) -> None:
    """Serve a project's scores on ``host``:``port``, by so many processes, until interrupted or terminated.

    Being told to end (SIGTERM), the server takes no more connections and answers what it has begun, within DRAIN_SECONDS.
    Raises ServeError: other machines could ask and there is no access key, or the port is taken. StorageError: the store
    cannot be used. SignOnError: the company's own sign-on is set up wrongly.
    """
    settings = reachable(settings_of(project), host)
    listener = listen(host, port)
    with listener:
        typer.echo(_greeting(settings, host, listener.getsockname()[1]).of(language))
        signal.signal(signal.SIGTERM, _end)
        try:
            if workers == 1:
                uvicorn.Server(_config(settings, 1)).run(sockets=[listener])
            else:
                with _shared_counts():
                    _Workers(_config(settings, workers), sockets=[listener]).run()
        except KeyboardInterrupt:  # the wish to stop, already fulfilled
            return


DRAIN_SECONDS = 30
"""How long requests may take to end after the server was told to."""
HEALTHCHECK_SECONDS = 1
START_SECONDS = 60
"""How long a worker may leave its supervisor without an answer; on a busy machine it takes more than a few seconds to start."""


class _Workers(Multiprocess):
    """Several processes behind one listening socket; one that dies, or is silent for too long, is replaced."""

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket]) -> None:
        super().__init__(config, sockets)
        self._heard: dict[Process, float] = {}

    def keep_subprocess_alive(self) -> None:
        """Replace who needs it. No wait is long: the supervisor hears no wish to end meanwhile, and a worker that starts is silent."""
        now = time.monotonic()
        for place, process in enumerate(self.processes):
            if process.is_alive(timeout=self.config.timeout_worker_healthcheck):
                self._heard[process] = now
            elif not process.process.is_alive() or now - self._heard.setdefault(process, now) > START_SECONDS:
                self._heard.pop(process, None)
                process.kill()
                process.join()
                if process.exitcode == STARTUP_FAILURE:  # so would the next one
                    self.should_exit.set()
                    return
                self.processes[place] = Process(self.config, self.sockets)
                self.processes[place].start()

    def terminate_all(self) -> None:
        """Tell all to end, and listen no more: who connects while they drain is refused instead of left waiting."""
        for listener in self.sockets:
            listener.close()
        super().terminate_all()


def _config(settings: ServeSettings, workers: int) -> uvicorn.Config:
    return uvicorn.Config(
        partial(_worker, settings),
        factory=True,
        workers=workers,
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        timeout_worker_healthcheck=HEALTHCHECK_SECONDS,
        proxy_headers=bool(settings.access.trusted_proxies),
        forwarded_allow_ips=list(settings.access.trusted_proxies),
    )


def _worker(settings: ServeSettings) -> FastAPI:
    """The application of one process."""
    log = open_log()
    take_server_log(log)
    return create_app(settings, log)


def _end(_signal: int, _frame: FrameType | None) -> None:
    """Being told to end is no failure: the web server sends itself the signal again after it has drained."""
    raise SystemExit(0)


@contextmanager
def _shared_counts() -> Iterator[None]:
    """A folder in which workers add up their metrics, until the block ends."""
    with tempfile.TemporaryDirectory(prefix="retinue-metrics-") as folder:
        os.environ[WORKERS_FOLDER] = folder
        try:
            yield
        finally:
            del os.environ[WORKERS_FOLDER]


def reachable(settings: ServeSettings, host: str) -> ServeSettings:
    """The settings of a server on ``host``: where others than this machine can ask it, a key is always needed.

    Raises ServeError: there is no key then, or nobody could tell by which name the service is asked; StorageError.
    """
    names = settings.access.hosts
    is_local = _is_loopback(host)
    if is_local and not names:
        return settings
    if settings.access.oidc is None:
        with closing(open_store(settings.store_place)) as store, reading(store) as connection:
            now = settings.clock()
            if not any(key.is_live(now) for key in all_keys(connection)):
                raise ServeError(_NO_KEYS, host=host if not is_local else ", ".join(names))
    if _is_any_address(host) and not names:
        raise ServeError(_NO_NAMES, host=host)
    own = () if is_local or _is_any_address(host) else (f"[{host}]" if ":" in host else host.lower(),)
    return replace(settings, reachable=True, hosts=settings.hosts + own)


_NO_KEYS = Text(
    "As {host} the service can be reached from other machines, and there is no access key: anybody there could read your"
    " customers. Make one with 'retinue keys create', or use --host 127.0.0.1 without [serve] hosts.",
    "其他机器可以通过 {host} 访问本服务，而尚无有效的访问密钥，任何人都能读取您的客户数据。"
    "请先用“retinue keys create”创建密钥，或使用 --host 127.0.0.1 且不设置 [serve] hosts。",
)
_NO_NAMES = Text(
    "The host {host} stands for all addresses of this machine. Say under [serve] hosts by which names the service is asked, for"
    ' example hosts = ["churn.example.org"].',
    '{host} 代表本机的所有地址。请在 [serve] hosts 中写明访问本服务所用的主机名，例如 hosts = ["churn.example.org"]。',
)


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
    """A socket that listens on an address of this machine.

    Raises ServeError: the address does not exist, or is taken.
    """
    try:
        return _bind(host, port)
    except OSError as fault:
        raise _not_bound(host, port, fault) from fault


def _is_any_address(host: str) -> bool:
    try:
        return not host or ip_address(host).is_unspecified
    except ValueError:
        return False


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
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
