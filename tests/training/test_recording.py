"""Runs of MLflow: open while a training works, ended whatever happens to it, and kept on a server just as in a file."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from features.project import Project
from tests.training.companies import company, shop, utc
from tests.training.registered import PASSED, REFUSED, register, register_segments
from training.mlflow_store import tracking
from training.registry import Signature, promote_version, roll_back, settle
from training.run_marks import PROCESS, code_version, this_process
from training.tracking import champion_as_judged, champion_churn, recording, serving_segments
from training.versions import files_of_version, find_version, verdict_of, versions

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return company(tmp_path / "project", [("A", "2025-01-01", "10")])


def status(project: Project, run_id: str) -> str:
    """A run's status, asked behind MLflow's back."""
    with sqlite3.connect(f"file:{project.workspace / 'mlflow.db'}?mode=ro", uri=True) as connection:
        [(found,)] = connection.execute("SELECT status FROM runs WHERE run_uuid = ?", (run_id,)).fetchall()
    return str(found)


def test_a_run_is_open_while_the_training_works_and_says_who_makes_it(project: Project) -> None:
    with recording(project) as run_id:
        assert status(project, run_id) == "RUNNING"
        with tracking(project) as client:  # another command of the same machine looks in
            tags = client.get_run(run_id).data.tags
        assert status(project, run_id) == "RUNNING"
    assert status(project, run_id) == "FINISHED"
    assert tags[PROCESS] == this_process()
    assert tags[PROCESS].split()[:2] == [socket.gethostname(), str(os.getpid())]
    assert tags["code_version"] == code_version()


def test_a_training_that_fails_leaves_a_failed_run(project: Project) -> None:
    with pytest.raises(ZeroDivisionError), recording(project) as run_id:
        1 / 0  # noqa: B018
    assert status(project, run_id) == "FAILED"


def test_processor_and_memory_are_sampled_while_a_training_works(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "0.2")
    with recording(project) as run_id:
        time.sleep(1.5)
    with tracking(project) as client:
        metrics = client.get_run(run_id).data.metrics
    assert {"system/cpu_utilization_percentage", "system/system_memory_usage_megabytes"} <= metrics.keys()


OPEN = """
import sys, time
from pathlib import Path
from features.project import load_project
from training.tracking import recording
with recording(load_project(Path(sys.argv[1]))) as run_id:
    print(run_id, flush=True)
    time.sleep(600)
"""


def test_the_run_of_a_training_that_was_killed_is_ended_by_the_next_command(project: Project) -> None:
    command = [sys.executable, "-c", OPEN, str(project.root)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        run_id = process.stdout.readline().strip()
        with tracking(project):
            pass
        assert status(project, run_id) == "RUNNING"
        process.send_signal(signal.SIGKILL)
    assert status(project, run_id) == "RUNNING"
    with tracking(project) as client:
        assert client.get_run(run_id).info.status == "KILLED"
    assert versions(project) == []


@pytest.mark.parametrize(
    ("process", "expected"),
    [
        ("elsewhere 1 5.00", "RUNNING"),
        (f"{socket.gethostname()} {os.getpid()} 5.00", "KILLED"),  # the number was given to another process since
        ("", "RUNNING"),
        ("not ours at all", "RUNNING"),
    ],
    ids=["of another machine", "a number given again", "nothing told", "another tool's"],
)
def test_only_runs_of_processes_that_are_surely_gone_are_ended(project: Project, process: str, expected: str) -> None:
    with recording(project):
        pass
    with tracking(project) as client:
        experiment = client.get_experiment_by_name("Tiny: churn")
        run_id = client.create_run(
            str(experiment.experiment_id), tags={PROCESS: process} if process else {}
        ).info.run_id
    with tracking(project):
        pass
    assert status(project, run_id) == expected


def test_the_model_goes_into_the_run_that_is_open_and_the_segments_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    project = shop(tmp_path, seed=1, customers=160)
    with recording(project) as run_id:
        number = register(project, utc(2025, 8, 1), keep=False)
        register_segments(project, utc(2025, 8, 1))
        assert status(project, run_id) == "RUNNING"
    assert find_version(project, number).run_id == run_id
    assert status(project, run_id) == "FINISHED"
    assert serving_segments(project).version == "1"
    with tracking(project) as client:
        experiments = [client.get_experiment_by_name(f"Shop: {purpose}") for purpose in ("churn", "segments")]
        counts = [len(client.search_runs([str(e.experiment_id)])) for e in experiments if e]
    assert counts == [1, 1]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The address of a real tracking server over a SQLite file, which keeps the artifacts too."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path / "server"
    folder.mkdir()
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += [
        "--backend-store-uri",
        f"sqlite:///{folder / 'mlflow.db'}",
        "--artifacts-destination",
        str(folder / "files"),
    ]
    with (folder / "log").open("w") as log:
        environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, env=environment, start_new_session=True)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            if process.poll() is not None:
                break
            try:
                if httpx.get(f"{address}/health", timeout=1).status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.2)
        else:
            pytest.fail((folder / "log").read_text())
        yield address
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.slow
def test_a_tracking_server_keeps_runs_and_models_as_the_file_does(
    tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Train twice, gate, promote, go back, load: all of it over HTTP, nothing but the ledger in the workspace."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    project = shop(tmp_path / "shop", seed=1, customers=160)
    with recording(project):
        first = register(project, utc(2025, 8, 1))
    segments = register_segments(project, utc(2025, 8, 1))
    at = Signature("li@office", utc(2026, 1, 5))
    assert settle(project, first, PASSED, at)
    second = register(project, utc(2025, 8, 15))
    assert not settle(project, second, REFUSED, at)
    champion, judged = champion_churn(project), champion_as_judged(project)
    assert judged is not None
    assert (champion.version, champion.stored.facts) == ("1", judged.facts)
    assert serving_segments(project).model == segments
    assert promote_version(project, second, at, "a trial").previous_version == "1"
    assert champion_churn(project).version == "2"
    assert roll_back(project, at).version == "1"
    assert {version.number: version.aliases for version in versions(project)} == {
        "1": ("champion",),
        "2": ("previous",),
    }
    assert verdict_of(project, find_version(project, "2")) == REFUSED
    assert "model/artifacts/churn/model.json" in files_of_version(project, find_version(project, "1"))
    assert sorted(file.name for file in project.workspace.iterdir() if "ledger" not in file.name) == []
