"""The environment of the peers that Retinue does not need itself, made once with pinned versions."""

import subprocess
import sys
from hashlib import sha256
from pathlib import Path

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
OWN = ("duckdb", "pandas")
"""Peers that run in our own environment, with the versions that we use."""
OTHERS = ("polars", "featuretools")


def python_of(peer: str, folder: Path) -> Path | None:
    """The Python that runs a peer; None when its environment under ``folder`` is not there and cannot be made."""
    if peer in OWN:
        return Path(sys.executable)
    environment = folder_of(folder)
    python = environment / "bin" / "python"
    if not (environment / "ready").exists() and not _made(environment, python):
        return None
    return python


def folder_of(folder: Path) -> Path:
    """Where under ``folder`` the others' environment lies; it holds a file ``ready`` when it is whole."""
    return folder / f"peers-{sha256(REQUIREMENTS.read_bytes()).hexdigest()[:8]}"


def _made(environment: Path, python: Path) -> bool:
    print(f"Installing {', '.join(OTHERS)} into {environment} …", flush=True)
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(environment)],
        [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(REQUIREMENTS)],
    ):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            print(f"These peers are left out: {command[-1]} could not be installed.\n{done.stderr[-500:]}")
            return False
    (environment / "ready").touch()
    return True
