"""What a run of MLflow says of the code and the process that made it; runs whose process is gone are ended."""

import hashlib
import os
import socket
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import psutil  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from mlflow import MlflowClient

PROCESS = "retinue.process"
"""Tag of a run: host, number and start of the process that writes it."""
CODE_PACKAGES = ("features", "training")
"""What decides a score."""


@cache
def code_version(packages: tuple[str, ...] = CODE_PACKAGES) -> str:
    """The release and a digest of the source that decides a score, or of that of ``packages``, e.g. ``0.1.0+3f2a9c81d0e4``."""
    root = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for file in sorted(file for package in packages for file in (root / package).rglob("*.py")):
        digest.update(file.relative_to(root).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return f"{version('retinue')}+{digest.hexdigest()[:12]}"


def this_process() -> str:
    """Host, number and start of our process, as `PROCESS` tells them: a number that is given again has another start."""
    return f"{socket.gethostname()} {os.getpid()} {psutil.Process().create_time():.2f}"


def end_dead_runs(client: "MlflowClient", experiment_ids: list[str]) -> list[str]:
    """Mark runs as killed that still say they run though their process on this machine is gone. Returns their ids."""
    if not experiment_ids:
        return []
    running = client.search_runs(experiment_ids, "attributes.status = 'RUNNING'")
    dead = [run.info.run_id for run in running if _is_dead(run.data.tags.get(PROCESS, ""))]
    for run_id in dead:
        client.set_terminated(run_id, "KILLED")
    return dead


def _is_dead(process: str) -> bool:
    """Whether a process of this machine has ended; of another machine's nothing is known here."""
    told = process.split(" ")
    if len(told) != 3 or told[0] != socket.gethostname():
        return False
    try:
        process_now = psutil.Process(int(told[1]))
        # One that was killed stays on the list until its parent asks how it ended.
        return bool(process_now.status() == psutil.STATUS_ZOMBIE or abs(process_now.create_time() - float(told[2])) > 1)
    except psutil.NoSuchProcess:
        return True
