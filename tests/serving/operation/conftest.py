"""Servers that are started as people start them, with their logs."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from serving.store import open_store, publish
from tests.serving.conftest import COMPANY, run, table, write_project


class Started(NamedTuple):
    """A server that runs: where, as which process, and the file that its log goes to."""

    address: str
    process: "subprocess.Popen[str]"
    log: Path


Start = Callable[..., Started]


@contextmanager
def started(folder: Path, operation: str = "", *arguments: str, **variables: str) -> Iterator[Started]:
    """`retinue serve` over the company of five with these settings of [operation], arguments and variables."""
    store = open_store(write_project(folder))
    publish(store, run(), table(COMPANY))
    store.close()
    with (folder / "retinue.toml").open("a", encoding="utf-8") as file:
        file.write(f"[operation]\n{operation}\n")
    log = folder / "log"
    command = [sys.executable, "-c", "from serving.cli import main; main()", "serve", "--project", str(folder)]
    with log.open("w") as errors:
        process = subprocess.Popen(
            [*command, "--port", "0", *arguments],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={**os.environ, "RETINUE_LANGUAGE": "en", **variables},
        )
    assert process.stdout is not None
    try:
        lines = (re.search(r"http://[\d.]+:\d+", line) for line in process.stdout)
        address = next((found.group() for found in lines if found), None)
        assert address is not None, log.read_text()
        yield Started(address, process, log)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
        process.stdout.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts servers that end with the test."""
    with ExitStack() as running:
        yield lambda *given, **variables: running.enter_context(started(tmp_path, *given, **variables))
